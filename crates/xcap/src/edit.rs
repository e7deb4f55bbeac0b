//! What becomes of a PUT or DELETE on a part of a document.

use crate::conflict::Conflict;

/// An edit that can be made. The document is well-formed if its node was; whether it is within limits and valid is
/// seen when it is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The whole document after it. Every byte that the edit does not concern is as it was.
    pub document: Vec<u8>,
    /// Whether something came to be that was not there: a 201, not a 200.
    pub created: bool,
}

/// Why an edit is not made. The document stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A 409 with this report.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// DELETE of what is not there, or of more than one: a 404.
    #[error("the node selector selects nothing, or more than one")]
    NotFound,
    /// Namespace bindings can only be read: a 405, RFC 4825 §8.2 and §8.4.
    #[error("namespace bindings can only be read")]
    ReadOnly,
    /// The element that was sent exceeds a limit of XML documents.
    #[error("{0}")]
    TooLarge(xml::Error),
}
