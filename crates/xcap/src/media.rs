//! The media types that RFC 4825 §15.2 registers for bodies that are no documents.

/// An element, as GET gives and PUT takes it.
pub const ELEMENT: &str = "application/xcap-el+xml";
/// The value of an attribute with its quotes, as GET gives and PUT takes it.
pub const ATTRIBUTE: &str = "application/xcap-att+xml";
/// The namespace bindings in scope of an element, as GET gives them.
pub const NAMESPACES: &str = "application/xcap-ns+xml";
/// Why a request was in conflict with the document or with its usage.
pub const ERROR: &str = "application/xcap-error+xml";
