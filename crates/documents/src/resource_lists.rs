//! Resource lists, RFC 4826 §3: lists of URIs, nested and by reference.
//!
//! A [`ResourceLists`] is what a document means to who uses its lists; what XCAP must keep (elements of other
//! namespaces, white space, comments) stays with the bytes of the document. [`flatten`] makes one list of URIs of a
//! [`List`] and all that it refers to; [`ResourceLists::select`] finds what a reference names.
//!
//! ```
//! use documents::resource_lists::{Limits, NoReferences, ResourceLists, flatten};
//!
//! let document = br#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="friends">
//!   <entry uri="sip:bill@example.com"/><list name="close"><entry uri="sip:joe@example.com"/></list>
//! </list></resource-lists>"#;
//! let lists = ResourceLists::parse(document, &xml::Limits::default())?;
//! let friends = lists.list(r#"resource-lists/list[@name="friends"]"#).expect("it is there");
//! let flat = flatten(friends, &mut NoReferences, &Limits::DEFAULT);
//! assert_eq!(flat.entries.iter().map(|entry| &*entry.uri).collect::<Vec<_>>(), [
//!     "sip:bill@example.com",
//!     "sip:joe@example.com"
//! ]);
//! # Ok::<(), documents::DocumentError>(())
//! ```

mod flat;
mod grammar;
mod lists;
pub(crate) mod reading;
mod select;
pub(crate) mod writing;

pub use flat::{Flat, Limits, NoReferences, Problem, Reference, References, Resolved, flatten};
pub(crate) use grammar::{DISPLAY_NAME_TYPE, ENTRY_TYPE, EXTERNAL_TYPE, LIST_TYPE, VOCABULARY};
pub use grammar::{GRAMMAR, check};
pub use lists::{Entry, EntryRef, External, List, Member, Name, ResourceLists};
pub use select::Node;

/// The media type of resource lists, RFC 4826 §3.4.2.
pub const MEDIA_TYPE: &str = "application/resource-lists+xml";

/// RFC 4826 §3.1.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:resource-lists";
