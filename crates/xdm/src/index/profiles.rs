//! User profiles, taken apart for searching.

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::user_profile::NAMESPACE;
use xcap::{DocumentSelector, Tree};
use xml::Element;

use crate::inherited::standalone;

/// The application usage of user profiles that everybody may read.
pub(super) const AUID: &str = "org.openmobilealliance.user-profile";
/// The document that is searched.
const DOCUMENT: &str = "user-profile";

/// The profiles of all users, in the order of their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles {
    by_document: BTreeMap<DocumentSelector, Profile>,
}

/// One profile: what can be asked for, and its document.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    body: Arc<[u8]>,
    /// Path below `user-profile` and text, such as `hobbies/hobby` and `sailing`, in document order.
    fields: Vec<(Box<str>, Box<str>)>,
}

impl Profiles {
    pub(super) fn apply(&mut self, document: &DocumentSelector, body: Option<&Arc<[u8]>>) {
        if !matches!(document.tree, Tree::User(_)) || *document.name != *DOCUMENT {
            return;
        }
        match body {
            Some(body) => _ = self.by_document.insert(document.clone(), Profile::of(body)),
            None => _ = self.by_document.remove(document),
        }
    }

    /// The profiles, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.by_document.values()
    }
}

impl Profile {
    fn of(body: &Arc<[u8]>) -> Self {
        let mut fields = Vec::new();
        if let Ok(tree) = xml::Tree::read(body, &xml::Limits::NONE)
            && let Some(profile) = profile(&tree)
        {
            if let Some(uri) = profile.attribute("", "uri") {
                fields.push(("@uri".into(), uri.value.text().into()));
            }
            collect(profile, "", &mut fields);
        }
        Self { body: Arc::clone(body), fields }
    }

    /// The texts at a path below `user-profile`; of `@uri`, the attribute.
    pub(crate) fn values(&self, path: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(found, _)| **found == *path).map(|(_, text)| &**text)
    }

    /// The elements at a path below `user-profile`, each as it stands in the document and with what it inherits there.
    pub(crate) fn elements(&self, path: &str) -> Vec<String> {
        let Ok(tree) = xml::Tree::read(&self.body, &xml::Limits::NONE) else { return Vec::new() };
        let mut found: Vec<Element<'_>> = profile(&tree).into_iter().collect();
        for step in path.split('/') {
            found = found
                .into_iter()
                .flat_map(Element::elements)
                .filter(|element| element.is(NAMESPACE, step))
                .collect();
        }
        found.into_iter().map(|element| standalone(element, NAMESPACE)).collect()
    }
}

fn profile<'t>(tree: &'t xml::Tree<'t>) -> Option<Element<'t>> {
    tree.root().child(NAMESPACE, "user-profile")
}

/// The texts of elements without child elements; the vocabulary is two deep.
fn collect(element: Element<'_>, path: &str, fields: &mut Vec<(Box<str>, Box<str>)>) {
    for child in element.elements().filter(|child| child.name().namespace == *NAMESPACE) {
        let local = child.name().local;
        let path = if path.is_empty() { local.to_owned() } else { format!("{path}/{local}") };
        if child.elements().next().is_none() {
            fields.push((path.as_str().into(), child.node().string_value().trim().into()));
        } else if !path.contains('/') {
            collect(child, &path, fields);
        }
    }
}
