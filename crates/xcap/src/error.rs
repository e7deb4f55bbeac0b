//! Why a request URI is not taken.

/// A refusal of a request URI, before any document was looked at. RFC 4825 §8 says which is answered by what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// More bytes than [`Limits::path`](crate::Limits::path).
    #[error("the path has more than {most} bytes")]
    PathTooLong {
        /// The limit.
        most: usize,
    },
    /// More bytes than [`Limits::query`](crate::Limits::query).
    #[error("the query has more than {most} bytes")]
    QueryTooLong {
        /// The limit.
        most: usize,
    },
    /// More steps than [`Limits::steps`](crate::Limits::steps).
    #[error("the node selector has more than {most} steps")]
    TooManySteps {
        /// The limit.
        most: usize,
    },
    /// More bindings than [`Limits::bindings`](crate::Limits::bindings).
    #[error("the query binds more than {most} prefixes")]
    TooManyBindings {
        /// The limit.
        most: usize,
    },
    /// Bad syntax: a `%` without two digits, or bytes that are not UTF-8, RFC 3986 §2.1, RFC 4825 §6.3.
    #[error("at byte {offset}: expected percent-encoded UTF-8")]
    Escape {
        /// Where it stands in the path or query, in bytes.
        offset: usize,
    },
    /// Names nothing: the path is not that of a document or a collection, RFC 4825 §6.2. A 404.
    #[error("expected a path of application usage, `users` and user or `global`, and document")]
    NoDocument,
    /// Bad syntax: nothing between two slashes of a node selector, or after its separator, RFC 4825 §6.3.
    #[error("expected a step between the slashes of the node selector")]
    EmptyStep,
    /// Names nothing: a step that the grammar leaves to extensions, and we know none, RFC 4825 §6.3 and §8. A 404.
    #[error("the step `{0}` is of no extension that is known here")]
    Extension(String),
    /// Bad syntax: a prefix that the query does not bind, RFC 4825 §8. A 400.
    #[error("the prefix `{0}` is not bound in the query")]
    UnboundPrefix(String),
    /// Bad syntax: the query is no XPointer, RFC 4825 §6.4.
    #[error("at byte {offset} of the decoded query: expected {expected}")]
    Query {
        /// Where, in bytes.
        offset: usize,
        /// What must stand there.
        expected: &'static str,
    },
}
