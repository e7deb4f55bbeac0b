//! What is kept with each subscription: what it is to, and what the subscriber knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use sip::Aor;
use sip_stack::subscriptions::EntityTag;
use xcap::{DocumentSelector, ETag, Want};

use super::resource::Resource;
use super::standings::Judge;
use super::wish::{Mode, Wish};
use crate::xdms::Xdms;

/// One subscription's own.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) wish: Wish,
    /// In the order of the wish; nothing until they are found out.
    pub(super) resources: Vec<Resource>,
    /// What must be known of the rules of others to say which of them it may read.
    pub(super) judges: Vec<Judge>,
    /// The next NOTIFY tells everything, as the first does.
    pub(super) full: bool,
    /// What it knows, or may know if `full` is set.
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
    /// The URI under which it was told; empty in what was restored.
    pub(super) selector: Box<str>,
    /// Its bytes, if the next version may be told as a patch.
    pub(super) body: Option<Arc<[u8]>>,
    /// Whether the telling has arrived.
    pub(super) sure: bool,
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
        Self {
            wish,
            resources: Vec::new(),
            judges: Vec::new(),
            full: true,
            knows: Knowledge::default(),
            telling: None,
        }
    }

    /// Finds out what it is to. `own` is the user in the Request-URI.
    pub(super) fn resolve(&mut self, own: &Aor, xdms: &Xdms, identities: &[Aor]) {
        self.resources = match &self.wish.uris {
            Some(uris) => uris.iter().filter_map(|uri| Resource::of(uri, xdms, identities)).collect(),
            None => Resource::all_of(own, xdms).collect(),
        };
        self.judges = Judge::of(&self.resources, xdms, identities);
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

    /// It has said that it knows all this.
    pub(super) fn catch_up(&mut self, state: Knowledge) {
        (self.knows, self.telling, self.full) = (state, None, false);
    }

    /// Nobody can say whether the NOTIFY under way arrives: everything is told again, and what either the subscriber or
    /// that NOTIFY knows to be there and is not.
    pub(super) fn forget(&mut self) {
        self.full = true;
        if let Some(telling) = self.telling.take() {
            self.knows.or(&telling);
        }
    }

    /// What it knows if the NOTIFY under way arrives, or if it does not.
    pub(super) fn may_know(&self) -> Knowledge {
        let mut knowledge = self.knows.clone();
        if let Some(telling) = &self.telling {
            knowledge.or(telling);
        }
        knowledge
    }
}

/// The fingerprint of what is known to be there, but not as what.
const SOMETHING: u64 = 0;

impl Knowledge {
    /// Names the whole state, RFC 5839 §4: whatever the order of the resources that were asked for, and the mode.
    pub(super) fn entity_tag(&self) -> EntityTag {
        let documents = self.documents.values().map(|told| format!("{} {}\n", told.selector, told.etag));
        let components = self.components.iter().map(|(uri, fingerprint)| format!("{uri} {fingerprint:x}\n"));
        let mut lines: Vec<String> = documents.chain(components).collect();
        lines.sort_unstable();
        EntityTag::of(lines.iter().map(String::as_bytes))
    }

    /// Either this or that: what either knows to be there may have to be told to be gone, and what they know differently
    /// is to be told in any case. Versions never come back, so the older one of a document will do.
    fn or(&mut self, other: &Self) {
        for (document, told) in &other.documents {
            self.documents.entry(document.clone()).or_insert_with(|| Told { sure: false, ..told.clone() });
        }
        for (uri, fingerprint) in &other.components {
            let known = self.components.entry(uri.clone()).or_insert(SOMETHING);
            if known != fingerprint {
                *known = SOMETHING;
            }
        }
        self.components
            .iter_mut()
            .filter(|(uri, _)| !other.components.contains_key(*uri))
            .for_each(|(_, fingerprint)| *fingerprint = SOMETHING);
    }
}
