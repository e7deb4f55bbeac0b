//! What is answered: a status, fields, and a body that is shared with the store.

use std::borrow::Cow;
use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::ETag;

use crate::date;

/// The methods of a resource, for `Allow`.
pub type Allow = &'static str;

/// Allowed on what may be written.
pub(crate) const WRITABLE: Allow = "GET, HEAD, PUT, DELETE, OPTIONS";
/// Allowed on what is generated, and on namespace bindings (RFC 4825 §8.2).
pub(crate) const READABLE: Allow = "GET, HEAD, OPTIONS";

/// Allowed on the search form.
pub(crate) const SEARCHABLE: Allow = "POST, OPTIONS";

/// An answer. The entrance adds what belongs to the connection, a challenge to a 401, and leaves the body of HEAD out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 201, 304, or a refusal's.
    pub status: u16,
    /// `ETag`: of the whole document, RFC 4825 §8.5. Without its quotes.
    pub etag: Option<ETag>,
    /// `Content-Type`; there if and only if there is a body.
    pub content_type: Option<Arc<str>>,
    /// `Last-Modified`
    pub modified: Option<Timestamp>,
    /// `Allow`, on 405 and on answers to OPTIONS.
    pub allow: Option<Allow>,
    /// `Accept`, on 415.
    pub accept: Option<Arc<str>>,
    /// The body; empty if there is none.
    pub body: Arc<[u8]>,
}

impl Answer {
    /// An answer of nothing but a status.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            etag: None,
            content_type: None,
            modified: None,
            allow: None,
            accept: None,
            body: Arc::default(),
        }
    }

    /// With a body.
    pub(crate) fn with_body(mut self, content_type: impl Into<Arc<str>>, body: impl Into<Arc<[u8]>>) -> Self {
        self.content_type = Some(content_type.into());
        self.body = body.into();
        self
    }

    /// The header fields, names as HTTP/1.1 writes them, but `Content-Length`.
    ///
    /// What may be cached must be asked for again each time (RFC 4825 §9): a change of one element makes answers about
    /// others stale.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
        let is_content = self.etag.is_some() && (self.status == 304 || self.content_type.is_some());
        let no_cache = is_content.then_some(("Cache-Control", Cow::Borrowed("no-cache")));
        let etag = self.etag.as_ref().map(|etag| ("ETag", Cow::Owned(["\"", &*etag.0, "\""].concat())));
        let modified = self.modified.map(|at| ("Last-Modified", Cow::Owned(date::print(at))));
        let content_type = self.content_type.as_deref().map(|value| ("Content-Type", Cow::Borrowed(value)));
        let allow = self.allow.map(|value| ("Allow", Cow::Borrowed(value)));
        let accept = self.accept.as_deref().map(|value| ("Accept", Cow::Borrowed(value)));
        [content_type, etag, modified, no_cache, allow, accept].into_iter().flatten()
    }
}
