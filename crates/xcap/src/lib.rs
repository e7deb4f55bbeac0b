//! XCAP, RFC 4825: document and node selectors, edits that touch nothing else, and conflicts.
//!
//! Knows neither which application usages exist, nor HTTP, nor a store. A request URI is taken apart by
//! [`Reference::split`]; once the usage is known, so is the namespace of unprefixed names, and
//! [`NodeSelector::parse`] reads the rest. [`get`], [`put`] and [`delete`] work on a [`xml::Tree`] of the document.
//!
//! ```
//! let limits = xcap::Limits::default();
//! let uri = xcap::Reference::split("/lists/users/sip:a@example.com/index/~~/lists/list%5b@name=%22x%22%5d", None, &limits)?;
//! let selector = xcap::NodeSelector::parse(uri.node.expect("it has one"), uri.query, "urn:lists", &limits)?;
//! let tree = xml::Tree::read(br#"<lists xmlns="urn:lists"/>"#, &xml::Limits::default())?;
//! let edit = xcap::put(&tree, &selector, br#"<list name="x"/>"#, &xml::Limits::default())?;
//! assert_eq!(edit.document(), br#"<lists xmlns="urn:lists"><list name="x"/></lists>"#);
//! assert!(edit.created);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod conditions;
mod conflict;
mod delete;
mod document;
mod edit;
mod error;
mod get;
mod limits;
mod locate;
pub mod media;
mod name;
mod percent;
mod pointer;
mod print;
mod put;
mod put_attribute;
mod reference;
mod report;
mod roots;
mod selector;
mod want;

pub use conditions::{Conditions, Tag, Tags, Verdict};
pub use conflict::{Alternative, Conflict, Description, Exists, NAMESPACE, OMA_NAMESPACE, Phrase};
pub use delete::delete;
pub use document::{Change, DocumentSelector, ETag, Tree, Version};
pub use edit::{Edit, Refusal};
pub use error::UriError;
pub use get::get;
pub use limits::Limits;
pub use name::ExpandedName;
pub use put::put;
pub use reference::{Branch, Reference};
pub use roots::{Home, Remote, Roots};
pub use selector::{AttributeTest, NodeSelector, Step, Terminal};
pub use want::{Followed, Found, Unavailable, Want};
