//! What names a document, and what names a version of it.

use core::fmt;
use std::sync::Arc;

/// The tree under an AUID that a document lies in, RFC 4825 §6.2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// `users/<XUI>`: the XUI in its one canonical form, percent-decoded.
    User(Arc<str>),
    /// `global`: the same for everybody.
    Global,
}

/// Names a document: the part of a request URI between XCAP root and node selector, RFC 4825 §6.2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentSelector {
    /// The application usage.
    pub auid: Arc<str>,
    /// Whose.
    pub tree: Tree,
    /// The path below the tree, percent-decoded: `index`, or `oma_status-icon/face`. Never empty, no empty segment.
    pub name: Arc<str>,
}

impl DocumentSelector {
    /// The document `name` of a user.
    pub fn of_user(auid: &str, xui: &str, name: &str) -> Self {
        Self { auid: auid.into(), tree: Tree::User(xui.into()), name: name.into() }
    }

    /// A global document.
    pub fn global(auid: &str, name: &str) -> Self {
        Self { auid: auid.into(), tree: Tree::Global, name: name.into() }
    }
}

/// The decoded form, for logs and errors; request URIs are printed with their escapes elsewhere.
impl fmt::Display for DocumentSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tree {
            Tree::User(xui) => write!(f, "{}/users/{xui}/{}", self.auid, self.name),
            Tree::Global => write!(f, "{}/global/{}", self.auid, self.name),
        }
    }
}

/// A version of a document: opaque, another one after each change, RFC 4825 §7.11. Without its quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag(pub Arc<str>);

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A document as it was at one moment. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which version.
    pub etag: ETag,
    /// The document.
    pub body: Arc<[u8]>,
}

/// A document has become another, come to be, or gone. Changes of one user arrive in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which document.
    pub document: DocumentSelector,
    /// The version before; `None` if there was none.
    pub previous: Option<ETag>,
    /// The version now; `None` if there is none any more.
    pub current: Option<Version>,
}
