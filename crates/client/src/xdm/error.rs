//! Why a document server did not do what it was asked for.

use xcap::Conflict;

use crate::web::WebError;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum XdmError {
    /// There was no answer.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The server has seen our answer to its challenge and does not take it.
    #[error("401: the server refused the password")]
    WrongPassword,
    /// The server asks for a password, or for a proof that we cannot give.
    #[error("401: the server asks for a password")]
    Unanswerable,
    /// RFC 4825 §11: what is asked for is in conflict with the document, its schema or its usage.
    #[error("409: {}", .0.as_ref().map_or_else(|| "in conflict with what is there".to_owned(), ToString::to_string))]
    Conflict(Option<Conflict>),
    /// The document is not at the version that was expected.
    #[error("412: the document has changed meanwhile")]
    Changed,
    /// Another refusal.
    #[error("{status}: {}", reason(*.status))]
    Refused {
        /// Its status.
        status: u16,
        /// What the server would take, of a 415.
        accepts: Option<String>,
    },
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "the server cannot read the request",
        403 => "not allowed",
        404 => "not there",
        405 => "that cannot be done with it",
        413 => "too large",
        414 => "the address is too long",
        415 => "the wrong type of content",
        429 => "too many requests",
        500..600 => "the server fails",
        _ => "refused",
    }
}
