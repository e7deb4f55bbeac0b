//! PUT and DELETE, RFC 4825 §8.2 and §8.4.

use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::{Conflict, NodeSelector};

use super::{Plan, Xdms};
use crate::answer::Answer;
use crate::conditions::{self, Verdict};
use crate::entity_tags::EntityTags;
use crate::reading::Reading;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::snapshot::{Commit, Decision, Snapshot, Stored, Write};
use crate::usage::{Draft, Usage};

impl Xdms {
    pub(super) fn put(
        &self,
        now: Timestamp,
        request: &Request<'_>,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        tags: &mut EntityTags,
    ) -> Result<Decision, Refusal> {
        let current = snapshot.document.as_ref();
        let Some(selector) = &plan.selector else {
            hold(request, current)?;
            let created = current.is_none();
            return self.commit_whole(now, plan, snapshot, request.body, created, tags);
        };
        let current = current.ok_or_else(Refusal::no_parent)?;
        let limits = self.settings.limits.xml();
        let reading = Reading::of(current, snapshot.reading.as_ref())?;
        let edit = xcap::put(&reading.tree, selector, request.body, &limits);
        // RFC 9110 §13.2.1: what would fail without looking at the body fails whatever the conditions say.
        let is_before_body = matches!(edit, Err(xcap::Refusal::Conflict(Conflict::NoParent { .. })));
        if !is_before_body {
            hold(request, Some(current))?;
        }
        let edit = edit.map_err(|refusal| Refusal::edit(refusal, &limits))?;
        match edit.graft() {
            Some(graft) if graft.is_idle() => {
                let new = Some(reading.clone()).filter(|_| snapshot.reading.is_none());
                Ok(unchanged(current, new))
            }
            Some(graft) => {
                let read = graft.read(&limits);
                let (tree, at) = read.map_err(|error| Refusal::document(error, &limits))?;
                let new = New { tree, put: reading.is_judged.then_some(at), created: edit.created };
                self.commit(now, plan, snapshot, new, tags)
            }
            None => self.commit_whole(now, plan, snapshot, &edit.document(), edit.created, tags),
        }
    }

    pub(super) fn delete(
        &self,
        now: Timestamp,
        request: &Request<'_>,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        tags: &mut EntityTags,
    ) -> Result<Decision, Refusal> {
        let current = snapshot.document.as_ref().ok_or(Refusal::NoDocument)?;
        let Some(selector) = &plan.selector else {
            hold(request, Some(current))?;
            let commit = Commit {
                document: plan.target.document.clone(),
                expected: Some(current.etag.clone()),
                write: Write::Delete,
                services: Vec::new(),
            };
            return Ok(Decision { answer: Answer::new(200), commit: Some(commit), reading: None });
        };
        let reading = Reading::of(current, snapshot.reading.as_ref())?;
        let edit = xcap::delete(&reading.tree, selector);
        if edit != Err(xcap::Refusal::NotFound) {
            hold(request, Some(current))?;
        }
        let document = edit.map_err(|refusal| Refusal::edit(refusal, &self.settings.limits.xml()))?;
        self.commit_whole(now, plan, snapshot, &document, false, tags)
    }

    /// Commits a document of these bytes. If it is what is stored already, nothing has changed: the version stays, and
    /// nothing is written.
    fn commit_whole(
        &self,
        now: Timestamp,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        body: &[u8],
        created: bool,
        tags: &mut EntityTags,
    ) -> Result<Decision, Refusal> {
        if let Some(current) = snapshot.document.as_ref().filter(|current| *current.body == *body) {
            return Ok(unchanged(current, None));
        }
        let limits = self.settings.limits.xml();
        let tree = xml::Tree::keep(body, &limits).map_err(|error| Refusal::document(error, &limits))?;
        self.commit(now, plan, snapshot, New { tree, put: None, created }, tags)
    }

    /// Judges the document as it would be, RFC 4825 §8.2.5, and commits it.
    fn commit(
        &self,
        now: Timestamp,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        new: New,
        tags: &mut EntityTags,
    ) -> Result<Decision, Refusal> {
        let New { tree, put, created } = new;
        let current = snapshot.document.as_ref();
        let services = self.judge(plan, snapshot, &tree, put)?;
        let etag = tags.give();
        let commit = Commit {
            document: plan.target.document.clone(),
            expected: current.map(|current| current.etag.clone()),
            write: Write::Put { etag: etag.clone(), body: tree.shared().into() },
            services,
        };
        let status = if created { 201 } else { 200 };
        let answer = Answer { etag: Some(etag), modified: Some(now), ..Answer::new(status) };
        let reading = Some(Reading { tree: Arc::new(tree), is_judged: true });
        Ok(Decision { answer, commit: Some(commit), reading })
    }

    /// Refuses a document that must not be stored; gives the service URIs that it claims.
    fn judge(
        &self,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        tree: &xml::Tree<'_>,
        put: Option<usize>,
    ) -> Result<Vec<String>, Refusal> {
        let (limits, usage) = (self.settings.limits.xml(), plan.target.usage);
        let document = &plan.target.document;
        let draft =
            Draft { document, tree, index: snapshot.index, settings: &self.settings, limits: &limits };
        let put = put.and_then(|at| tree.element(at));
        if let Some(grammar) = usage.definition().grammar {
            let checked = match put {
                Some(element) => xml::schema::check_put(element, grammar),
                None => xml::schema::check_tree(tree, grammar),
            };
            checked.map_err(|violation| Refusal::schema(violation.to_string()))?;
        }
        match put {
            Some(element) => usage.check_put(&draft, element)?,
            None => usage.check(&draft)?,
        }
        self.room(plan, snapshot, tree.text().len())?;
        Ok(usage.services(&draft))
    }

    /// Whether the user may keep that much.
    fn room(&self, plan: &Plan<'_, '_>, snapshot: &Snapshot<'_>, bytes: usize) -> Result<(), Refusal> {
        if plan.listing().is_none() {
            return Ok(());
        }
        let limits = &self.settings.limits;
        let others = snapshot.listing.iter().filter(|listed| listed.document != plan.target.document);
        let (count, size) = others.fold((0, 0), |(count, size), listed| (count + 1, size + listed.bytes));
        if snapshot.document.is_none() && count >= limits.documents {
            return Err(Refusal::local(
                "The user has too many documents.",
                "max-documents",
                limits.documents,
            ));
        }
        let before = snapshot.document.as_ref().map_or(0, |stored| stored.body.len());
        // Whoever is above a limit that was lowered may still make documents smaller.
        if bytes > before && size + bytes as u64 > limits.bytes as u64 {
            return Err(Refusal::local(
                "The user's documents are too large.",
                "max-total-bytes",
                limits.bytes,
            ));
        }
        Ok(())
    }
}

/// A document as it would be.
struct New {
    tree: xml::Tree<'static>,
    /// The number of the element that it has more than one that was judged, or in the place of another; without it all is to
    /// be judged.
    put: Option<usize>,
    /// Something comes to be that was not there.
    created: bool,
}

/// Refuses with 412 if a condition does not hold.
fn hold(request: &Request<'_>, current: Option<&Stored>) -> Result<(), Refusal> {
    match conditions::check(&request.conditions, current, false)? {
        Verdict::Proceed => Ok(()),
        Verdict::NotModified | Verdict::Failed => Err(Refusal::PreconditionFailed),
    }
}

/// Nothing is to be done: the document is as it would be.
fn unchanged(current: &Stored, reading: Option<Reading>) -> Decision {
    let (etag, modified) = (Some(current.etag.clone()), Some(current.modified));
    Decision { answer: Answer { etag, modified, ..Answer::new(200) }, commit: None, reading }
}

/// Refuses a body of another type than the resource is of, RFC 4825 §8.2.2, and one that says it is not in UTF-8.
pub(super) fn check_type(
    request: &Request<'_>,
    usage: &dyn Usage,
    selector: Option<&NodeSelector>,
) -> Result<(), Refusal> {
    let expected = match selector {
        Some(selector) => selector.media_type(),
        None => usage.definition().media_type,
    };
    let sent = request.content_type.unwrap_or_default();
    let (sent, parameters) = sent.split_once(';').unwrap_or((sent, ""));
    if !sent.trim().eq_ignore_ascii_case(expected) {
        return Err(Refusal::MediaType { expected: Arc::from(expected) });
    }
    let charset =
        parameters.split(';').filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset").then_some(value.trim().trim_matches('"'))
        });
    let is_utf8 =
        |charset: &str| charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii");
    if charset.is_none_or(is_utf8) {
        return Ok(());
    }
    Err(Conflict::NotUtf8(Some("The Content-Type names another charset.".into())).into())
}
