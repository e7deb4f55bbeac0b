//! What can be searched, taken apart for it: the profiles of users, and the groups that let themselves be found.

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::{groups, user_profile};
use xcap::{DocumentSelector, Tree};
use xml::Element;

use crate::inherited::standalone;

/// Elements of groups that are defined for all of XDM.
const EXTENSIONS: &str = "urn:oma:xml:xdm:extensions";

/// A kind of things that can be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    /// The profiles that everybody may read.
    Profiles,
    /// Groups of users, of which a stranger learns what they are called, and not who is in them.
    UserGroups,
    /// Groups of the provider.
    GlobalGroups,
}

impl Collection {
    pub(crate) const ALL: [Self; 3] = [Self::Profiles, Self::UserGroups, Self::GlobalGroups];

    /// As queries name it, without the slash at its end.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Profiles => "org.openmobilealliance.user-profile/users",
            Self::UserGroups => "org.openmobilealliance.groups/users",
            Self::GlobalGroups => "org.openmobilealliance.groups/global",
        }
    }

    /// The elements from the root of a document to one thing.
    pub(crate) fn steps(self) -> &'static str {
        match self {
            Self::Profiles => "/user-profiles/user-profile",
            Self::UserGroups | Self::GlobalGroups => "/group/list-service",
        }
    }

    /// The name of one thing.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Profiles => "user-profile",
            Self::UserGroups | Self::GlobalGroups => "list-service",
        }
    }

    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Profiles => user_profile::NAMESPACE,
            Self::UserGroups | Self::GlobalGroups => groups::NAMESPACE,
        }
    }

    fn of(document: &DocumentSelector) -> Option<Self> {
        let auid = Self::ALL.into_iter().find(|collection| {
            let (auid, branch) = collection.path().split_once('/').unwrap_or_default();
            *document.auid == *auid && (branch == "users") == matches!(document.tree, Tree::User(_))
        });
        auid.filter(|collection| *collection != Self::Profiles || *document.name == *"user-profile")
    }

    /// Whether a thing lets itself be found.
    fn is_found(self, thing: Element<'_>) -> bool {
        match self {
            Self::Profiles => true,
            Self::UserGroups | Self::GlobalGroups => {
                let said = thing.child(EXTENSIONS, "searchable").map(|child| child.node().string_value());
                said.is_some_and(|said| matches!(said.trim(), "true" | "1"))
            }
        }
    }

    /// Whether a child element of a thing may be asked for, and be shown.
    fn shows(self, child: Element<'_>) -> bool {
        let name = child.name();
        match self {
            Self::Profiles => name.namespace == *user_profile::NAMESPACE,
            Self::UserGroups | Self::GlobalGroups => {
                let is_own = name.namespace == *groups::NAMESPACE;
                (is_own && ["display-name", "max-participant-count"].contains(&name.local))
                    || (name.namespace == *EXTENSIONS && name.local == "subject")
            }
        }
    }
}

/// All that can be searched, in the order of the documents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Searched {
    by_document: BTreeMap<DocumentSelector, Vec<Thing>>,
}

/// A profile or a group: what can be asked for, and its document.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    collection: Collection,
    body: Arc<[u8]>,
    /// Which of its kind in the document.
    number: usize,
    /// Path below the element and text, such as `hobbies/hobby` and `sailing`, in document order.
    fields: Vec<(Box<str>, Box<str>)>,
}

impl Searched {
    pub(super) fn apply(&mut self, document: &DocumentSelector, body: Option<&Arc<[u8]>>) {
        let Some(collection) = Collection::of(document) else { return };
        let things = body.map(|body| Thing::all_of(collection, body)).filter(|things| !things.is_empty());
        match things {
            Some(things) => _ = self.by_document.insert(document.clone(), things),
            None => _ = self.by_document.remove(document),
        }
    }

    /// What there is of a kind, in order.
    pub(crate) fn of(&self, collection: Collection) -> impl Iterator<Item = &Thing> {
        self.by_document.values().flatten().filter(move |thing| thing.collection == collection)
    }
}

impl Thing {
    fn all_of(collection: Collection, body: &Arc<[u8]>) -> Vec<Self> {
        let Ok(tree) = xml::Tree::read(body, &xml::Limits::NONE) else { return Vec::new() };
        let things = things(&tree, collection).enumerate();
        let found = things.filter(|(_, thing)| collection.is_found(*thing));
        found
            .map(|(number, thing)| {
                let mut fields = Vec::new();
                if let Some(uri) = thing.attribute("", "uri") {
                    fields.push(("@uri".into(), uri.value.text().into()));
                }
                collect(collection, thing, "", &mut fields);
                Self { collection, body: Arc::clone(body), number, fields }
            })
            .collect()
    }

    /// The texts at a path below the element; of `@uri`, the attribute.
    pub(crate) fn values(&self, path: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(found, _)| **found == *path).map(|(_, text)| &**text)
    }

    /// The elements at a path below the element, each as it stands in the document and with what it inherits there.
    pub(crate) fn elements(&self, path: &str) -> Vec<String> {
        let Ok(tree) = xml::Tree::read(&self.body, &xml::Limits::NONE) else { return Vec::new() };
        let mut found: Vec<Element<'_>> =
            things(&tree, self.collection).nth(self.number).into_iter().collect();
        for (depth, step) in path.split('/').enumerate() {
            let inner = found.into_iter().flat_map(|within| pieces(self.collection, within, depth));
            found = inner.filter(|element| element.name().local == step).collect();
        }
        found.into_iter().map(|element| standalone(element, self.collection.namespace())).collect()
    }
}

fn things<'t>(tree: &'t xml::Tree<'t>, collection: Collection) -> impl Iterator<Item = Element<'t>> {
    tree.root().elements().filter(move |element| element.is(collection.namespace(), collection.name()))
}

/// What may be asked for of an element, so many below the thing itself.
fn pieces(collection: Collection, within: Element<'_>, depth: usize) -> impl Iterator<Item = Element<'_>> {
    within.elements().filter(move |child| match depth {
        0 => collection.shows(*child),
        _ => child.name().namespace == within.name().namespace,
    })
}

/// The texts of elements without child elements; the vocabularies are two deep.
fn collect(collection: Collection, element: Element<'_>, path: &str, fields: &mut Vec<(Box<str>, Box<str>)>) {
    for child in pieces(collection, element, usize::from(!path.is_empty())) {
        let local = child.name().local;
        let path = if path.is_empty() { local.to_owned() } else { format!("{path}/{local}") };
        if child.elements().next().is_none() {
            fields.push((path.as_str().into(), child.node().string_value().trim().into()));
        } else if !path.contains('/') {
            collect(collection, child, &path, fields);
        }
    }
}
