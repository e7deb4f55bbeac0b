//! List services: who has which URI, and the union of them all, RFC 4826 §4.4.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use documents::rls_services::NAMESPACE;
use sip::Aor;
use xcap::{DocumentSelector, Tree};
use xml::Element;

use crate::inherited::standalone;
use crate::xui;

/// The application usage of list services.
pub(super) const AUID: &str = "rls-services";
/// The documents whose services a Resource List Server takes up, RFC 4826 §4.4.7.
const INDEX: &str = "index";

/// The service URIs of all documents, and the documents that make up the union.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services {
    held: BTreeMap<String, Held>,
    documents: BTreeMap<DocumentSelector, Document>,
}

/// A service URI that somebody has, or is about to have.
#[derive(Clone, Debug)]
struct Held {
    document: DocumentSelector,
    /// Commits under way that claim it.
    reservations: u32,
    /// The stored document has it.
    written: bool,
}

#[derive(Clone, Debug)]
struct Document {
    body: Arc<[u8]>,
    uris: BTreeSet<String>,
}

impl Services {
    pub(super) fn apply(&mut self, document: &DocumentSelector, body: Option<&Arc<[u8]>>) {
        let uris = body.map(|body| uris_of(body)).unwrap_or_default();
        for uri in &uris {
            let fresh = || Held { document: document.clone(), reservations: 0, written: false };
            let held = self.held.entry(uri.clone()).or_insert_with(fresh);
            // A URI that two stored documents have, which only a restored store can hold, stays with the first.
            held.written |= held.document == *document;
        }
        let before = match body {
            Some(body) => self
                .documents
                .insert(document.clone(), Document { body: Arc::clone(body), uris: uris.clone() }),
            None => self.documents.remove(document),
        };
        for gone in before.into_iter().flat_map(|before| before.uris).filter(|uri| !uris.contains(uri)) {
            if let Some(held) = self.held.get_mut(&gone).filter(|held| held.document == *document) {
                held.written = false;
            }
            self.drop_if_free(&gone);
        }
    }

    pub(super) fn reserve(&mut self, document: &DocumentSelector, uris: &[String]) -> bool {
        if uris.iter().any(|uri| self.belongs_to_another(uri, document)) {
            return false;
        }
        for uri in uris {
            let fresh = || Held { document: document.clone(), reservations: 0, written: false };
            self.held.entry(uri.clone()).or_insert_with(fresh).reservations += 1;
        }
        true
    }

    pub(super) fn release(&mut self, document: &DocumentSelector, uris: &[String]) {
        for uri in uris {
            if let Some(held) = self.held.get_mut(uri).filter(|held| held.document == *document) {
                held.reservations = held.reservations.saturating_sub(1);
            }
            self.drop_if_free(uri);
        }
    }

    fn drop_if_free(&mut self, uri: &str) {
        if self.held.get(uri).is_some_and(|held| held.reservations == 0 && !held.written) {
            self.held.remove(uri);
        }
    }

    /// Whether a canonical URI is somebody else's, RFC 4826 §4.4.5.
    pub(crate) fn belongs_to_another(&self, uri: &str, document: &DocumentSelector) -> bool {
        self.held.get(uri).is_some_and(|held| held.document != *document)
    }

    /// Whether a canonical URI is anybody's.
    pub(crate) fn is_taken(&self, uri: &str) -> bool {
        self.held.contains_key(uri)
    }

    pub(super) fn find(&self, uri: &str) -> Option<(&DocumentSelector, String)> {
        let uri = canonical(uri);
        let held = self.held.get(&uri).filter(|held| held.written && is_taken_up(&held.document))?;
        let (document, stored) = self.documents.get_key_value(&held.document)?;
        let tree = xml::Tree::read(&stored.body, &xml::Limits::NONE).ok()?;
        let service = services(&tree).find(|service| uri_of(*service).is_some_and(|found| found == uri))?;
        Some((document, standalone(service, NAMESPACE)))
    }

    /// The services with an address-of-record, each with the user whose it is.
    pub(super) fn of(&self, aor: &Aor) -> impl Iterator<Item = (&str, Aor)> {
        // Itself, and what follows it with a port or parameters: `:` and `;` are neighbors.
        let (bare, after) = (aor.to_string(), format!("{aor}:")..format!("{aor}<"));
        let held = self.held.get_key_value(&bare).into_iter().chain(self.held.range(after));
        held.filter(|(_, held)| held.written && is_taken_up(&held.document)).filter_map(|(uri, held)| {
            match &held.document.tree {
                Tree::User(owner) => Some((&**uri, Aor::parse(owner).ok()?)),
                Tree::Global => None,
            }
        })
    }

    /// The union as a document: every service of every `index` document of a user, or the one of that URI if there is
    /// one. None if it would have more than `most` bytes.
    pub(crate) fn union(&self, only: Option<&str>, most: usize) -> Option<Vec<u8>> {
        let mut union =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rls-services xmlns=\"{NAMESPACE}\">");
        match only {
            Some(uri) => union.extend(self.find(uri).map(|(_, service)| format!("\n{service}"))),
            None => {
                for (_, stored) in self.documents.iter().filter(|(document, _)| is_taken_up(document)) {
                    let Ok(tree) = xml::Tree::read(&stored.body, &xml::Limits::NONE) else { continue };
                    for service in services(&tree) {
                        _ = write!(union, "\n{}", standalone(service, NAMESPACE)); // a string takes everything
                    }
                    if union.len() > most {
                        return None;
                    }
                }
            }
        }
        union.push_str("\n</rls-services>\n");
        Some(union.into_bytes())
    }
}

fn is_taken_up(document: &DocumentSelector) -> bool {
    matches!(document.tree, Tree::User(_)) && *document.name == *INDEX
}

fn services<'t>(tree: &'t xml::Tree<'t>) -> impl Iterator<Item = Element<'t>> {
    tree.root().elements().filter(|element| element.is(NAMESPACE, "service"))
}

fn uri_of(service: Element<'_>) -> Option<String> {
    service.attribute("", "uri").map(|uri| canonical(&uri.value.text()))
}

fn uris_of(body: &[u8]) -> BTreeSet<String> {
    let Ok(tree) = xml::Tree::read(body, &xml::Limits::NONE) else { return BTreeSet::new() };
    services(&tree).filter_map(uri_of).collect()
}

/// A service URI in the form in which two are compared, RFC 4826 §5. What names nobody stays as it is.
pub fn canonical(uri: &str) -> String {
    let uri = uri.trim();
    let decoded = if uri.contains(':') { None } else { xui::decode(uri) };
    let text = decoded.as_deref().unwrap_or(uri);
    sip::canonical_text(text).unwrap_or_else(|| text.to_owned())
}
