//! What one NOTIFY says of the documents, RFC 5875 §4.6 and §4.7.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use documents::xcap_diff::{self, Content as Told, DocumentChange, Found, Fragment, XcapDiff};
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::subscriptions::{Content, Notify, Say, SubscriptionId};
use xcap::{DocumentSelector, ETag, Followed, NodeSelector, Terminal, Version, Want};

use super::log::Log;
use super::resource::Resource;
use super::standings::{Judge, Standings};
use super::subscriber::{self, Knowledge, Subscriber};
use super::wish::Mode;
use super::{Changes, Limits, Outbox, Terms};
use crate::principal::Principal;
use crate::xdms::Xdms;

/// What a body of ours needs besides itself.
const FIELDS: &str = "Content-Type: application/xcap-diff+xml\r\n";

impl Changes {
    /// What to send to a subscriber now; it counts as sent, and is stored. `None` if there is nothing new, or the documents are not
    /// known yet, or it is too early.
    pub fn notify(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        out: &mut Outbox,
    ) -> Option<Notify<'_>> {
        let Self { aor, subscriptions, followed, standings, log, changed_at, .. } = self;
        let kept = terms.subscriptions(aor);
        let sent = subscriptions.turn(now, &kept, id, &mut out.subscriptions, |turn| {
            let is_known = |want: &Want| followed.get(want).is_some_and(Followed::is_known);
            if !turn.data.wants().all(|want| is_known(&want)) || !standings.are_known(&turn.data.judges) {
                return Say::Later;
            }
            let identities: Vec<Aor> =
                turn.subscription.identities().filter_map(|text| Aor::parse(text).ok()).collect();
            let (principal, judges) = (terms.xdms.principal(&identities), &turn.data.judges);
            let view = View { xdms: terms.xdms, principal, judges, standings, followed };
            let (changes, knowledge) = told(turn.data, &view, log, terms.limits);
            if changes.is_empty() && !turn.word && !turn.data.full {
                return Say::Nothing;
            }
            let entity_tag = knowledge.entity_tag();
            turn.data.telling = (!turn.quenched).then(|| Box::new(knowledge));
            let body = printed(terms.xdms, changes, terms.limits.body).into();
            Say::This(Some(Arc::new(Content::tagged(FIELDS, body, entity_tag))), *changed_at)
        });
        let changed_at = sent?.changed_at;
        // A restart must know what the subscriber may know.
        self.subscriptions.keep(&kept, id, &mut out.subscriptions);
        self.subscriptions.repeat(id).map(|notify| Notify { changed_at, ..notify })
    }
}

impl Changes {
    /// All that a subscriber would be told now, if the documents are known.
    pub(super) fn state(
        &self,
        terms: &Terms<'_>,
        id: SubscriptionId,
        identities: &[Aor],
    ) -> Option<Knowledge> {
        let (_, subscriber) = self.subscriptions.get(id)?;
        let is_known = |want: &Want| self.followed.get(want).is_some_and(Followed::is_known);
        let Self { followed, standings, .. } = self;
        let judges = &subscriber.judges;
        if !subscriber.wants().all(|want| is_known(&want)) || !standings.are_known(judges) {
            return None;
        }
        let principal = terms.xdms.principal(identities);
        let view = View { xdms: terms.xdms, principal, judges, standings, followed };
        Some(told(subscriber, &view, &self.log, terms.limits).1)
    }
}

/// What one subscriber may read of what is followed.
struct View<'a> {
    xdms: &'a Xdms,
    principal: Principal,
    judges: &'a [Judge],
    standings: &'a Standings,
    followed: &'a BTreeMap<Want, Followed>,
}

impl<'a> View<'a> {
    fn may_read(&self, document: &DocumentSelector) -> bool {
        let standing = self.standings.standing(self.judges, &document.tree);
        self.xdms.may_read(&self.principal, document, standing)
    }

    fn get(&self, document: &DocumentSelector) -> Option<&'a Version> {
        let want = Want::Document(document.clone());
        let (_, version) = self.found(&want).next()?;
        Some(version).filter(|_| self.may_read(document))
    }

    /// The documents that there are of those wanted.
    fn found(&self, want: &Want) -> impl Iterator<Item = (&'a DocumentSelector, &'a Version)> + use<'a> {
        let stored = self.followed.get(want).into_iter().flat_map(Followed::documents);
        let (capabilities, version) = self.xdms.capabilities();
        let generated = want.covers(capabilities).then_some((capabilities, version));
        stored.chain(generated)
    }

    /// The documents that a subscription is to: each once, in the order in which the resources name them, with the URI
    /// that the subscriber has for it.
    fn documents(&self, resources: &'a [Resource]) -> Vec<(&'a DocumentSelector, String, &'a Version)> {
        let named = |document: &DocumentSelector| {
            resources.iter().find_map(|resource| match resource {
                Resource::Document { uri, document: own } if own == document => Some((**uri).to_owned()),
                _ => None,
            })
        };
        let mut seen = BTreeSet::new();
        let mut documents = Vec::new();
        for resource in resources.iter().filter(|one| !matches!(one, Resource::Component { .. })) {
            for want in resource.wants() {
                for (document, version) in self.found(&want).filter(|(document, _)| resource.covers(document))
                {
                    if self.may_read(document) && seen.insert(document) {
                        let uri = named(document).unwrap_or_else(|| document.to_path());
                        documents.push((document, uri, version));
                    }
                }
            }
        }
        documents
    }
}

/// What has changed since the subscriber was last told, and what it will know then.
fn told(
    subscriber: &Subscriber,
    view: &View<'_>,
    log: &Log,
    limits: &Limits,
) -> (Vec<xcap_diff::Change>, Knowledge) {
    let (nothing, full) = (Knowledge::default(), subscriber.full);
    let before = if full { &nothing } else { &subscriber.knows };
    let mut changes = Vec::new();
    let mut after = Knowledge { seen: log.count(), ..Knowledge::default() };
    for (document, selector, version) in view.documents(&subscriber.resources) {
        let body = (subscriber.wish.mode != Mode::NoPatching).then(|| Arc::clone(&version.body));
        let etag = version.etag.clone();
        let known = subscriber::Told { etag, selector: selector.as_str().into(), body, sure: true };
        after.documents.insert(document.clone(), known);
        match before.documents.get(document) {
            None => changes.push(existing(selector, version)),
            Some(known) if !known.sure => changes.push(existing(selector, version)),
            Some(known) if known.etag == version.etag => {}
            Some(known) => {
                let path = match subscriber.wish.mode {
                    Mode::XcapPatching => log.path(document, before.seen, &known.etag, &version.etag),
                    Mode::NoPatching | Mode::Aggregate => Some(vec![version]),
                };
                // Whose history is not kept is told of the newest version without a patch: one over several versions
                // would be another mode than was asked for.
                let body = known.body.as_deref().filter(|_| path.is_some());
                let path = path.unwrap_or_else(|| vec![version]);
                changed(&selector, (&known.etag, body), path, limits, &mut changes);
            }
        }
    }
    for (document, known) in &subscriber.knows.documents {
        if !after.documents.contains_key(document) && subscriber.covers(document) {
            changes.push(removed(subscriber, document, known));
        }
    }
    components(subscriber, view, before, &mut after, &mut changes);
    (changes, after)
}

fn existing(selector: String, version: &Version) -> xcap_diff::Change {
    let current = Some(version.etag.to_string());
    xcap_diff::Change::Document(DocumentChange { selector, previous: None, current, content: Told::Untold })
}

fn removed(
    subscriber: &Subscriber,
    document: &DocumentSelector,
    known: &subscriber::Told,
) -> xcap_diff::Change {
    let named = subscriber.resources.iter().find_map(|resource| match resource {
        Resource::Document { uri, document: own } if own == document => Some((**uri).to_owned()),
        _ => None,
    });
    let selector = named.unwrap_or_else(|| document.to_path());
    let previous = Some(known.etag.to_string());
    xcap_diff::Change::Document(DocumentChange { selector, previous, current: None, content: Told::Untold })
}

/// The versions of a document from the one that is known, one change for each.
fn changed(
    selector: &str,
    known: (&ETag, Option<&[u8]>),
    path: Vec<&Version>,
    limits: &Limits,
    changes: &mut Vec<xcap_diff::Change>,
) {
    let mut at = (known.0.to_string(), known.1);
    for version in path {
        let content = at.1.map_or(Told::Untold, |body| difference(body, &version.body, limits));
        let current = version.etag.to_string();
        changes.push(xcap_diff::Change::Document(DocumentChange {
            selector: selector.to_owned(),
            previous: Some(at.0),
            current: Some(current.clone()),
            content,
        }));
        at = (current, at.1.map(|_| &*version.body));
    }
}

/// One body from another, if it can be told within the limit.
fn difference(old: &[u8], new: &[u8], limits: &Limits) -> Told {
    if old == new {
        return Told::BodyNotChanged;
    }
    let (Ok(old), Ok(new)) =
        (xml::Tree::read(old, &xml::Limits::default()), xml::Tree::read(new, &xml::Limits::default()))
    else {
        return Told::Untold;
    };
    let operations = xml::patch::diff(&old, &new, &xml::patch::Limits::default());
    let operations = operations.filter(|operations| !operations.is_empty());
    let size = |operation: &xml::patch::Operation| operation.content.len() + operation.selector.len();
    match operations {
        Some(operations) if operations.iter().map(size).sum::<usize>() <= limits.body => {
            Told::Patch(operations)
        }
        _ => Told::Untold,
    }
}

/// Elements and attributes: what they are now, if that is new.
fn components(
    subscriber: &Subscriber,
    view: &View<'_>,
    before: &Knowledge,
    after: &mut Knowledge,
    changes: &mut Vec<xcap_diff::Change>,
) {
    for resource in &subscriber.resources {
        let Resource::Component { uri, document, selector } = resource else { continue };
        let version = view.get(document);
        let shown = version.and_then(|version| Shown::of(&version.body, selector));
        let fingerprint = shown.as_ref().map(Shown::fingerprint);
        if let Some(fingerprint) = fingerprint {
            after.components.insert(uri.clone(), fingerprint);
        }
        // What is not there is told of if it was, for all that the subscriber may know.
        let known = if shown.is_some() { before } else { &subscriber.knows };
        if known.components.get(uri).copied() != fingerprint {
            changes.push(component(uri, selector, shown));
        }
    }
}

fn component(uri: &str, selector: &NodeSelector, shown: Option<Shown>) -> xcap_diff::Change {
    let is_attribute = matches!(selector.terminal(), Terminal::Attribute(_));
    let selector = uri.to_owned();
    match shown {
        Some(Shown::Element(fragment)) => {
            xcap_diff::Change::Element { selector, found: Found::Shown(fragment) }
        }
        Some(Shown::Attribute(value)) => xcap_diff::Change::Attribute { selector, value: Some(value) },
        None if is_attribute => xcap_diff::Change::Attribute { selector, value: None },
        None => xcap_diff::Change::Element { selector, found: Found::Missing },
    }
}

/// An element or attribute as it is.
enum Shown {
    Element(Fragment),
    Attribute(String),
}

impl Shown {
    fn of(document: &[u8], selector: &NodeSelector) -> Option<Self> {
        let tree = xml::Tree::read(document, &xml::Limits::default()).ok()?;
        let element = selector.element(&tree)?;
        match selector.terminal() {
            Terminal::Attribute(name) => {
                let attribute = element.attributes().find(|attribute| name.is(attribute.name))?;
                Some(Self::Attribute(attribute.value.text().into_owned()))
            }
            Terminal::Element | Terminal::Namespaces => {
                let text = element.node().source().to_owned();
                let scope = element.parent().map(xml::Element::scope).unwrap_or_default();
                let scope = scope.into_iter();
                let scope = scope.map(|found| (found.prefix.to_owned(), found.namespace.text().into_owned()));
                Some(Self::Element(Fragment { text, scope: scope.collect() }))
            }
        }
    }

    /// The same in every process: it is stored.
    fn fingerprint(&self) -> u64 {
        let mut hash = Fnv::default();
        match self {
            Self::Attribute(value) => hash.add(value),
            Self::Element(fragment) => {
                hash.add(&fragment.text);
                fragment.scope.iter().for_each(|(prefix, namespace)| {
                    hash.add(prefix);
                    hash.add(namespace);
                });
            }
        }
        hash.0
    }
}

/// FNV-1a, 64 bits, over texts.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a text, and that it ends: no text holds the byte.
    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The body; if it is too large, without patches and without the content of elements, RFC 5875 §4.7.
fn printed(xdms: &Xdms, changes: Vec<xcap_diff::Change>, max: usize) -> Vec<u8> {
    let root = xdms.settings().roots.first().map_or("", |root| root);
    let mut diff = XcapDiff { xcap_root: format!("{root}/"), changes };
    let body = diff.print();
    if body.len() <= max {
        return body;
    }
    for change in &mut diff.changes {
        match change {
            xcap_diff::Change::Document(document) if matches!(document.content, Told::Patch(_)) => {
                document.content = Told::Untold;
            }
            xcap_diff::Change::Element { found, .. } if matches!(found, Found::Shown(_)) => {
                *found = Found::Untold;
            }
            xcap_diff::Change::Document(_)
            | xcap_diff::Change::Element { .. }
            | xcap_diff::Change::Attribute { .. } => {}
        }
    }
    diff.print()
}
