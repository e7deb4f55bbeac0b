//! What is kept with each subscription: what it is to, and what the subscriber knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use sip::Aor;
use xcap::{DocumentSelector, ETag, Want};

use super::resource::Resource;
use super::wish::{Mode, Wish};
use crate::xdms::Xdms;

/// One subscription's own.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) wish: Wish,
    /// In the order of the wish; nothing until they are found out.
    pub(super) resources: Vec<Resource>,
    /// The next NOTIFY tells everything, as the first does.
    pub(super) full: bool,
    pub(super) knows: Knowledge,
    /// What the subscriber will know when the NOTIFY without an answer has arrived.
    pub(super) telling: Option<Box<Knowledge>>,
}

/// What a subscriber has been told.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    pub(super) documents: BTreeMap<DocumentSelector, Told>,
    /// Fingerprints of the elements and attributes that were told to be there, by their URIs.
    pub(super) components: BTreeMap<Box<str>, u64>,
    /// How many changes it has been told of.
    pub(super) seen: u64,
}

/// The version of a document that a subscriber was told of.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) etag: ETag,
    /// Its bytes, if the next version may be told as a patch.
    pub(super) body: Option<Arc<[u8]>>,
}

impl Subscriber {
    /// A new one; it knows nothing.
    pub(super) fn new(wish: Wish, own: &Aor, xdms: &Xdms, identities: &[Aor]) -> Self {
        let mut subscriber = Self::restored(wish);
        subscriber.resolve(own, xdms, identities);
        subscriber
    }

    /// One whose resources are yet to be found out.
    pub(super) fn restored(wish: Wish) -> Self {
        Self { wish, resources: Vec::new(), full: true, knows: Knowledge::default(), telling: None }
    }

    /// Finds out what it is to. `own` is the user in the Request-URI.
    pub(super) fn resolve(&mut self, own: &Aor, xdms: &Xdms, identities: &[Aor]) {
        self.resources = match &self.wish.uris {
            Some(uris) => uris.iter().filter_map(|uri| Resource::of(uri, xdms, identities)).collect(),
            None => Resource::all_of(own, xdms).collect(),
        };
    }

    pub(super) fn wants(&self) -> impl Iterator<Item = Want> {
        self.resources.iter().flat_map(Resource::wants)
    }

    pub(super) fn covers(&self, document: &DocumentSelector) -> bool {
        self.resources.iter().any(|resource| resource.covers(document))
    }

    pub(super) fn wants_history(&self) -> bool {
        self.wish.mode == Mode::XcapPatching
    }

    /// The NOTIFY has arrived.
    pub(super) fn delivered(&mut self) {
        if let Some(telling) = self.telling.take() {
            self.knows = *telling;
            self.full = false;
        }
    }

    /// Nobody can say what it knows.
    pub(super) fn forget(&mut self) {
        self.telling = None;
        self.full = true;
    }
}
