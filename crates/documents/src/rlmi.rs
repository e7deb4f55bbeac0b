//! Resource list meta-information, RFC 4662 §5: which resources a list has, and in which state each is.
//!
//! [`List`] is a document as read. [`Writer`] prints one piece by piece, so that a server need not build it first.
//! [`Table`] is what a subscriber holds: RFC 4662 §5.6 applies documents to it, lists within lists too.

mod grammar;
mod list;
mod reading;
mod table;
mod writing;

pub use crate::resource_lists::Name;
pub use grammar::{GRAMMAR, check};
pub use list::{Instance, List, Resource, State};
pub use table::{Aggregate, Applied, Body, Held, Part, Row, Table};
pub use writing::Writer;

/// The media type of meta-information, RFC 4662 §8.3.
pub const MEDIA_TYPE: &str = "application/rlmi+xml";

/// RFC 4662 §8.2.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:rlmi";

/// Ours: in an attribute `omitted` of a list, how many of its resources the server leaves out, as they are beyond its
/// limit. RFC 4662 §5.1 allows attributes of others.
pub const EXTENSION: &str = "urn:rollcall:rlmi";
