//! One HTTP request as the document servers see it.

use documents::rules::{Permissions, SubHandling};

use crate::principal::Principal;

/// What is to be done. Method names are case-sensitive, RFC 9110 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Fetch a document, an element, an attribute or namespace bindings.
    Get,
    /// As GET; the entrance leaves the body out.
    Head,
    /// Create or replace.
    Put,
    /// Remove.
    Delete,
    /// Ask what is allowed.
    Options,
    /// Ask the search form; 405 everywhere else.
    Post,
    /// Any other: 405.
    Other,
}

impl Method {
    /// The method of that name.
    pub fn of(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "POST" => Self::Post,
            _ => Self::Other,
        }
    }
}

/// The header fields that make a request conditional, RFC 9110 §13.1, as they came; several of one name joined by commas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    /// `If-Match`
    pub if_match: Option<&'a str>,
    /// `If-None-Match`
    pub if_none_match: Option<&'a str>,
    /// `If-Modified-Since`; counts for GET and HEAD, and only without `If-None-Match`.
    pub if_modified_since: Option<&'a str>,
    /// `If-Unmodified-Since`; counts only without `If-Match`.
    pub if_unmodified_since: Option<&'a str>,
}

/// One request. Its body is whole: what a client sent in chunks or in a coding has been put together by the entrance.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is to be done.
    pub method: Method,
    /// The path after the XCAP root, with its percent-escapes; with or without a slash in front.
    pub path: &'a str,
    /// The query, without the question mark, with its percent-escapes.
    pub query: Option<&'a str>,
    /// What must hold for it to be done.
    pub conditions: Conditions<'a>,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// The body; empty if there is none.
    pub body: &'a [u8],
    /// Who asks.
    pub principal: &'a Principal,
    /// What the rules of the owner let him do, where [`crate::Xdms::presentity`] asks for it.
    pub standing: Option<&'a Standing>,
}

/// What the rules of a presentity let somebody else do: the Presence Server says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What becomes of him as a watcher.
    pub handling: SubHandling,
    /// What he is shown then.
    pub shown: Permissions,
    /// What he may publish; `None` if nothing.
    pub published: Option<Permissions>,
    /// Whether he may handle the permanent state.
    pub permanent: bool,
}
