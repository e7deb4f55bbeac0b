//! Which documents a user has, OMA XDM xcapDirectory 1.0.

mod grammar;

use xml::schema::Invalid;
use xml::{Element, Limits, Tree};

pub use grammar::{GRAMMAR, check};

use crate::resource_lists::writing::attribute;
use crate::rls_services::element;

/// The namespace.
pub const NAMESPACE: &str = "urn:oma:xml:xdm:xcap-directory";
/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.oma.xcap-directory+xml";

/// A directory: a folder for each application usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The folders, in order.
    pub folders: Vec<Folder>,
}

/// What a user has under one application usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The application usage.
    pub auid: String,
    /// The documents; or a code that says why it is not known, when the server of the usage did not answer.
    pub documents: Result<Vec<Entry>, String>,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its absolute URI.
    pub uri: String,
    /// Its version, without quotes.
    pub etag: String,
    /// When it was changed last, RFC 3339.
    pub last_modified: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

impl Directory {
    /// Reads a document that follows its grammar. A size that does not fit is left out.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Invalid> {
        check(bytes, limits)?;
        let tree = Tree::read(bytes, limits)?;
        let folder = |folder: Element<'_>| Folder {
            auid: value(folder, "auid").unwrap_or_default(),
            documents: match folder.child(NAMESPACE, "error-code") {
                Some(code) => Err(code.node().string_value().into_owned()),
                None => Ok(folder.elements().map(Entry::read).collect()),
            },
        };
        Ok(Self { folders: tree.root().elements().map(folder).collect() })
    }

    /// The document, with its XML declaration. Reading it gives what was printed.
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(1024);
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-directory");
        attribute(&mut to, "xmlns", NAMESPACE);
        to.extend_from_slice(b">\n");
        for folder in &self.folders {
            to.extend_from_slice(b"<folder");
            attribute(&mut to, "auid", &folder.auid);
            to.extend_from_slice(b">\n");
            match &folder.documents {
                Ok(entries) => entries.iter().for_each(|entry| entry.print(&mut to)),
                Err(code) => element(&mut to, "error-code", code),
            }
            to.extend_from_slice(b"</folder>\n");
        }
        to.extend_from_slice(b"</xcap-directory>\n");
        to
    }
}

impl Entry {
    fn read(entry: Element<'_>) -> Self {
        Self {
            uri: value(entry, "uri").unwrap_or_default(),
            etag: value(entry, "etag").unwrap_or_default(),
            last_modified: value(entry, "last-modified"),
            size: value(entry, "size").and_then(|size| size.parse().ok()),
        }
    }

    fn print(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"<entry");
        attribute(to, "uri", &self.uri);
        attribute(to, "etag", &self.etag);
        if let Some(last_modified) = &self.last_modified {
            attribute(to, "last-modified", last_modified);
        }
        if let Some(size) = self.size {
            attribute(to, "size", &size.to_string());
        }
        to.extend_from_slice(b"/>\n");
    }
}

fn value(element: Element<'_>, name: &str) -> Option<String> {
    element.attribute("", name).map(|attribute| attribute.value.text().into_owned())
}
