//! The JSON face: lists, contacts and rules for people who will not write XML.
//!
//! It shows what is in the documents and edits them in place: what JSON does not speak of (elements of other namespaces,
//! other conditions, comments, white space) stays as it is, byte for byte. Whether the edited document is good is decided
//! where every PUT is decided.

mod field;
mod lists;
mod rules;
pub mod watchers;

use std::borrow::Cow;

use serde_json::Value;
use xml::patch::Operation;
use xml::{Element, Tree};

pub use field::JsonError;

use crate::xui::decode;

const DIRECTORY: &str = "urn:oma:xml:xdm:xcap-directory";

/// The most operations of one patch: each reads the whole document.
const PATCH_MAX: usize = 64;

/// What a part of the face shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Everybody on any list.
    Contacts,
    /// The lists.
    Lists,
    /// Who may see one's presence.
    Rules,
}

/// What is to be done with it, or with one item of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make it what the body says.
    Put,
    /// Add and remove what the body says.
    Patch,
    /// Remove it.
    Delete,
}

/// A document after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole document.
    pub document: Vec<u8>,
    /// Whether something came to be that was not there.
    pub created: bool,
}

impl Collection {
    /// The collection of that name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "contacts" => Some(Self::Contacts),
            "lists" => Some(Self::Lists),
            "rules" => Some(Self::Rules),
            _ => None,
        }
    }

    /// The application usage and the name of the document behind it, and its media type.
    pub const fn document(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Contacts | Self::Lists => ("resource-lists", "index", "application/resource-lists+xml"),
            Self::Rules => ("pres-rules", "index", "application/auth-policy+xml"),
        }
    }
}

/// The collection, or one item of it, as JSON. `document` is none if there is none yet: then the collection is empty.
pub fn show(collection: Collection, item: Option<&str>, document: Option<&[u8]>) -> Result<Value, JsonError> {
    let Some(document) = document else {
        return if item.is_some() { Err(JsonError::Absent) } else { Ok(empty(collection)) };
    };
    let tree = read(document)?;
    match collection {
        Collection::Contacts => lists::show_contacts(&tree, item),
        Collection::Lists => lists::show_lists(&tree, item),
        Collection::Rules => rules::show(&tree, item),
    }
}

/// The document after a change of the collection, or of one item of it. `body` is what came as JSON; empty for a removal.
pub fn change(
    collection: Collection,
    item: Option<&str>,
    change: Change,
    body: &[u8],
    document: Option<&[u8]>,
) -> Result<Edited, JsonError> {
    let value = match change {
        Change::Delete => Value::Null,
        Change::Put | Change::Patch => {
            serde_json::from_slice(body).map_err(|error| JsonError::NotJson(error.to_string()))?
        }
    };
    let document = match (document, change) {
        (Some(document), _) => document,
        (None, Change::Delete) => return Err(JsonError::Absent),
        (None, Change::Put | Change::Patch) => blank(collection).as_bytes(),
    };
    let tree = read(document)?;
    match collection {
        Collection::Contacts => lists::change_contacts(&tree, item, change, &value),
        Collection::Lists => lists::change_lists(&tree, item, change, &value),
        Collection::Rules => rules::change(&tree, item, change, &value),
    }
}

/// A directory (`org.openmobilealliance.xcap-directory`) as JSON.
pub fn documents(directory: &[u8]) -> Result<Value, JsonError> {
    let tree = read(directory)?;
    let value = |element: Element<'_>, name: &str| {
        element.attribute("", name).map(|attribute| attribute.value.text().into_owned())
    };
    let mut documents = Vec::new();
    for folder in tree.root().elements().filter(|folder| folder.is(DIRECTORY, "folder")) {
        let auid = value(folder, "auid");
        for entry in folder.elements() {
            if entry.is(DIRECTORY, "entry") {
                documents.push(serde_json::json!({
                    "auid": auid,
                    "uri": value(entry, "uri"),
                    "etag": value(entry, "etag"),
                    "modified": value(entry, "last-modified"),
                    "bytes": value(entry, "size").and_then(|size| size.parse::<u64>().ok()),
                }));
            } else if entry.is(DIRECTORY, "error-code") {
                documents.push(serde_json::json!({ "auid": auid, "error": entry.node().string_value() }));
            }
        }
    }
    Ok(serde_json::json!({ "documents": documents }))
}

/// An item as it stands in a path, its percent-escapes undone; none if they are none.
pub fn decoded(item: &str) -> Option<String> {
    decode(item).map(Cow::into_owned)
}

/// A document after a patch, RFC 7351: a root element with the operations of RFC 5261 in it.
pub fn patched(document: &[u8], patch: &[u8]) -> Result<Vec<u8>, JsonError> {
    let limits = xml::patch::Limits { operations: PATCH_MAX, ..xml::patch::Limits::default() };
    let tree =
        Tree::read(patch, &xml::Limits::default()).map_err(|error| JsonError::NotPatch(error.to_string()))?;
    let read = tree.root().elements().map(Operation::read).collect::<Result<Vec<_>, _>>();
    let operations = read.map_err(|reason| JsonError::NotPatch(reason.to_string()))?;
    xml::patch::apply(document, &operations, &limits).map_err(|error| JsonError::Patch(error.to_string()))
}

fn read(document: &[u8]) -> Result<Tree<'_>, JsonError> {
    Tree::read(document, &xml::Limits::default()).map_err(|_| JsonError::Unreadable)
}

fn empty(collection: Collection) -> Value {
    match collection {
        Collection::Contacts => serde_json::json!({ "contacts": [] }),
        Collection::Lists => serde_json::json!({ "lists": [] }),
        Collection::Rules => serde_json::json!({ "rules": [] }),
    }
}

/// What the first change is made to.
const fn blank(collection: Collection) -> &'static str {
    match collection {
        Collection::Contacts | Collection::Lists => {
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n</resource-lists>\n"
        }
        Collection::Rules => {
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\" \
             xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\">\n</ruleset>\n"
        }
    }
}
