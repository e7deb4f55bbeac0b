//! PUT and DELETE, RFC 4825 §8.2 and §8.4.

use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::{Conflict, NodeSelector};

use super::{Plan, Xdms};
use crate::answer::Answer;
use crate::conditions::{self, Verdict};
use crate::entity_tags::EntityTags;
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
            return self.commit(now, plan, snapshot, request.body.to_vec(), created, tags);
        };
        let current = current.ok_or_else(Refusal::no_parent)?;
        let limits = self.settings.limits.xml();
        let edit = {
            let tree = stored_tree(current)?;
            xcap::put(&tree, selector, request.body, &limits)
        };
        // RFC 9110 §13.2.1: what would fail without looking at the body fails whatever the conditions say.
        let is_before_body = matches!(edit, Err(xcap::Refusal::Conflict(Conflict::NoParent { .. })));
        if !is_before_body {
            hold(request, Some(current))?;
        }
        let edit = edit.map_err(|refusal| Refusal::edit(refusal, &limits))?;
        self.commit(now, plan, snapshot, edit.document, edit.created, tags)
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
            return Ok(Decision { answer: Answer::new(200), commit: Some(commit) });
        };
        let edit = {
            let tree = stored_tree(current)?;
            xcap::delete(&tree, selector)
        };
        if edit != Err(xcap::Refusal::NotFound) {
            hold(request, Some(current))?;
        }
        let document = edit.map_err(|refusal| Refusal::edit(refusal, &self.settings.limits.xml()))?;
        self.commit(now, plan, snapshot, document, false, tags)
    }

    /// Judges the document as it would be, RFC 4825 §8.2.5, and commits it.
    ///
    /// If it is what is stored already, nothing has changed: the version stays, and nothing is written.
    fn commit(
        &self,
        now: Timestamp,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        body: Vec<u8>,
        created: bool,
        tags: &mut EntityTags,
    ) -> Result<Decision, Refusal> {
        let current = snapshot.document.as_ref();
        if let Some(current) = current.filter(|current| *current.body == *body) {
            let (etag, modified) = (Some(current.etag.clone()), Some(current.modified));
            return Ok(Decision { answer: Answer { etag, modified, ..Answer::new(200) }, commit: None });
        }
        let services = self.judge(plan, snapshot, &body)?;
        let etag = tags.give();
        let commit = Commit {
            document: plan.target.document.clone(),
            expected: current.map(|current| current.etag.clone()),
            write: Write::Put { etag: etag.clone(), body: body.into() },
            services,
        };
        let status = if created { 201 } else { 200 };
        let answer = Answer { etag: Some(etag), modified: Some(now), ..Answer::new(status) };
        Ok(Decision { answer, commit: Some(commit) })
    }

    /// Refuses a document that must not be stored; gives the service URIs that it claims.
    fn judge(
        &self,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        body: &[u8],
    ) -> Result<Vec<String>, Refusal> {
        let limits = self.settings.limits.xml();
        let tree = xml::Tree::read(body, &limits).map_err(|error| Refusal::document(error, &limits))?;
        let document = &plan.target.document;
        let draft =
            Draft { document, tree: &tree, index: snapshot.index, settings: &self.settings, limits: &limits };
        if let Some(grammar) = plan.target.usage.grammar() {
            xml::schema::check_tree(&tree, grammar)
                .map_err(|violation| Refusal::schema(violation.to_string()))?;
        }
        plan.target.usage.check(&draft)?;
        self.room(plan, snapshot, body.len())?;
        Ok(plan.target.usage.services(&draft))
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

/// Refuses with 412 if a condition does not hold.
fn hold(request: &Request<'_>, current: Option<&Stored>) -> Result<(), Refusal> {
    match conditions::check(&request.conditions, current, false)? {
        Verdict::Proceed => Ok(()),
        Verdict::NotModified | Verdict::Failed => Err(Refusal::PreconditionFailed),
    }
}

fn stored_tree(stored: &Stored) -> Result<xml::Tree<'_>, Refusal> {
    xml::Tree::read(&stored.body, &xml::Limits::NONE)
        .map_err(|_| Refusal::Fault("the stored document is not well-formed"))
}

/// Refuses a body of another type than the resource is of, RFC 4825 §8.2.2, and one that says it is not in UTF-8.
pub(super) fn check_type(
    request: &Request<'_>,
    usage: &dyn Usage,
    selector: Option<&NodeSelector>,
) -> Result<(), Refusal> {
    let expected = match selector {
        Some(selector) => selector.media_type(),
        None => usage.media_type(),
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
