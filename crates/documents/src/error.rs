//! Why a document is refused.

use core::fmt;

/// A refusal of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// It is not well-formed, or exceeds a limit.
    Xml(xml::Error),
    /// It is well-formed, but breaks a rule of its format at this byte.
    Rule {
        /// Offset in bytes of the start tag or the value at fault.
        offset: usize,
        /// The rule.
        rule: Rule,
    },
}

/// What a document must be like to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The root is `presence` in the namespace of PIDF, RFC 3863 §4.1.1.
    Root,
    /// `presence` has an `entity`, and it is not empty, RFC 3863 §4.1.1.
    Entity,
    /// A tuple, person or device has an `id`, and it is not empty, RFC 3863 §4.1.2, RFC 4479 §5.
    Id,
    /// No two tuples, persons or devices have one `id`, RFC 4479 §3.5.
    UniqueId,
    /// A tuple has one `status` and one `contact` at most, a status one `basic` at most, RFC 3863 §4.4.
    Once,
    /// `basic` is `open` or `closed`, RFC 3863 §4.1.4.
    Basic,
    /// The priority of a contact is a decimal number, RFC 3863 §4.1.5.
    Priority,
    /// The root is this element in the namespace of its format.
    RootOf(&'static str),
    /// The element has this attribute, and it is not empty.
    Missing(&'static str),
    /// This attribute has a value that its format knows.
    Value(&'static str),
    /// This element holds what its format asks it to hold.
    Empty(&'static str),
    /// Something else must stand here: what, and by which section.
    Expected(&'static str),
}

impl DocumentError {
    /// Where the document is at fault, in bytes.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Xml(error) => error.offset,
            Self::Rule { offset, .. } => *offset,
        }
    }
}

impl From<xml::Error> for DocumentError {
    fn from(error: xml::Error) -> Self {
        Self::Xml(error)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => error.fmt(f),
            Self::Rule { offset, rule } => write!(f, "at byte {offset}: {rule}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootOf(name) => {
                return write!(f, "expected the root `{name}` in the namespace of its format");
            }
            Self::Missing(name) => return write!(f, "expected an attribute `{name}` that is not empty"),
            Self::Value(name) => return write!(f, "expected another value of the attribute `{name}`"),
            Self::Empty(name) => return write!(f, "expected a `{name}` that is not empty"),
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::Root => {
                "expected the root `presence` of the namespace urn:ietf:params:xml:ns:pidf (RFC 3863 §4.1.1)"
            }
            Self::Entity => "expected an `entity` that is not empty (RFC 3863 §4.1.1)",
            Self::Id => "expected an `id` that is not empty (RFC 3863 §4.1.2, RFC 4479 §5)",
            Self::UniqueId => "expected an `id` that no other tuple, person or device has (RFC 4479 §3.5)",
            Self::Once => "expected this element once at most (RFC 3863 §4.4)",
            Self::Basic => "expected `open` or `closed` (RFC 3863 §4.1.4)",
            Self::Priority => "expected a decimal number as priority (RFC 3863 §4.1.5)",
        })
    }
}

impl core::error::Error for DocumentError {}
