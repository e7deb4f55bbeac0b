//! What has changed in the documents of a document server, RFC 5874.
//!
//! A [`XcapDiff`] tells of documents (that one came to be, went, or by which patch one version became another), and of
//! single elements and attributes. Patches are operations of RFC 5261, which [`xml::patch`] finds and applies.
//!
//! ```
//! use documents::xcap_diff::{Change, Content, DocumentChange, XcapDiff};
//!
//! let removed = DocumentChange {
//!     selector: "resource-lists/users/sip:joe@example.com/index".to_owned(),
//!     previous: Some("7ahggs".to_owned()),
//!     current: None,
//!     content: Content::Untold,
//! };
//! let diff = XcapDiff {
//!     xcap_root: "https://xcap.example.com/".to_owned(),
//!     changes: vec![Change::Document(removed)],
//! };
//! assert_eq!(XcapDiff::parse(&diff.print(), &xml::Limits::default())?, diff);
//! # Ok::<(), xml::schema::Invalid>(())
//! ```

mod grammar;
mod reading;
mod writing;

use xml::patch::Operation;

pub use grammar::{GRAMMAR, check};

/// The namespace, RFC 5874 §8.2.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-diff";
/// The media type, RFC 5874 §8.1.
pub const MEDIA_TYPE: &str = "application/xcap-diff+xml";

/// One diff document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XcapDiff {
    /// The XCAP root under which all of it is.
    pub xcap_root: String,
    /// What is told. Of one document, in the order in which the changes apply.
    pub changes: Vec<Change>,
}

/// Something that is told. All selectors are relative to the XCAP root, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of a document.
    Document(DocumentChange),
    /// Of an element, as it is now.
    Element {
        /// Its document and node selector.
        selector: String,
        /// What it is.
        found: Found<Fragment>,
    },
    /// Of an attribute, as it is now.
    Attribute {
        /// Its document and node selector.
        selector: String,
        /// Its value, `None` if it does not exist.
        value: Option<String>,
    },
}

/// What became of a document: which version it was and which it is. The table of RFC 5874 §3 says what each means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentChange {
    /// Its document selector.
    pub selector: String,
    /// The entity-tag before; `None` if the document was not there, or that is not told.
    pub previous: Option<String>,
    /// The entity-tag now; `None` if the document is gone.
    pub current: Option<String>,
    /// How it came from one to the other.
    pub content: Content,
}

/// How one version of a document became another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Not told: who wants it gets the document.
    Untold,
    /// It has another entity-tag and is the same.
    BodyNotChanged,
    /// By these operations, one at least.
    Patch(Vec<Operation>),
}

/// What is told of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It does not exist.
    Missing,
    /// It exists, but is not shown.
    Untold,
    /// It is this.
    Shown(T),
}

/// An element as it is written in its document, and what the prefixes in it mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The element, tags included.
    pub text: String,
    /// The namespace declarations in scope around it: prefix (empty for the default) and namespace, each prefix once.
    pub scope: Vec<(String, String)>,
}
