//! What is known over all users: their list services, and their profiles for searching.

mod profiles;
mod services;

use xcap::{Change, DocumentSelector, ETag};

use crate::snapshot::Commit;

pub(crate) use profiles::{Profile, Profiles};
pub(crate) use services::Services;
pub use services::canonical as canonical_service;

/// State that is derived from documents: it is filled at a start with all documents that [`Index::concerns`] names, and
/// told of each change of them before the change's answer is given.
#[derive(Clone, Debug, Default)]
pub struct Index {
    epoch: u32,
    changes: u64,
    pub(crate) services: Services,
    pub(crate) profiles: Profiles,
}

impl Index {
    /// Empty, in a life of the server: see [`EntityTags`](crate::EntityTags).
    pub fn new(epoch: u32) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// The usages whose documents must be told to the index.
    pub const USAGES: [&'static str; 2] = [services::AUID, profiles::AUID];

    /// Whether a document must be told to the index.
    pub fn concerns(document: &DocumentSelector) -> bool {
        Self::USAGES.contains(&&*document.auid)
    }

    /// A document has become another, come to be, or gone. Others than [`Index::concerns`] names are passed over.
    pub fn apply(&mut self, change: &Change) {
        let body = change.current.as_ref().map(|version| &version.body);
        match &*change.document.auid {
            services::AUID => {
                self.changes += 1;
                self.services.apply(&change.document, body);
            }
            profiles::AUID => self.profiles.apply(&change.document, body),
            _ => {}
        }
    }

    /// Sets the service URIs of a commit aside until it is applied or released. False if one of them belongs to another
    /// document by now: then the commit must not be made, and the request be decided again.
    #[must_use]
    pub fn reserve(&mut self, commit: &Commit) -> bool {
        self.services.reserve(&commit.document, &commit.services)
    }

    /// A commit whose service URIs were reserved is over: it was applied, or it was not made.
    pub fn release(&mut self, commit: &Commit) {
        self.services.release(&commit.document, &commit.services);
    }

    /// The document and the `service` element of a service URI, RFC 4826 §4.5; none if no `index` document has it.
    pub fn service(&self, uri: &str) -> Option<(&DocumentSelector, String)> {
        self.services.find(uri)
    }

    /// The version of the union of services: another one after each change.
    pub(crate) fn services_etag(&self) -> ETag {
        ETag(format!("{:x}.s{:x}", self.epoch, self.changes).into())
    }
}
