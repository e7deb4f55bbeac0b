//! XCAP, RFC 4825: document and node selectors, edits that touch nothing else, and conflicts.
#![forbid(unsafe_code)]

mod document;

pub use document::{Change, DocumentSelector, ETag, Tree, Version};
