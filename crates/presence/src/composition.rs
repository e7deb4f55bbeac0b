//! From the live publications of a presentity to its composed document.

mod grouping;
mod merging;
mod single;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use documents::pidf::{self, Builder, Outline, Presence};
use sip::{Aor, Uri};
use sip_stack::Timestamp;
use sip_stack::compositor::Publication;

/// How several publications become one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// What the OMA says: components that agree are merged, those in conflict stand side by side.
    #[default]
    Merge,
    /// The publication that changed last is the document.
    Latest,
    /// The publication whose tuples have the highest priority is the document; of equal ones the latest.
    Priority,
    /// One tuple for simple watchers: an open one if there is any, by priority, then the latest; and the latest person.
    Single,
}

/// A composed document, and until when it stays as it is if no publication changes.
#[derive(Clone, Debug)]
pub struct Composition<'a> {
    /// The document.
    pub document: Cow<'a, Presence>,
    /// When an element of it begins or ceases to hold, in milliseconds since 1970.
    pub until: Option<i64>,
}

/// Composes the documents of one presentity, and remembers what each publication is made of as long as it stays the
/// same, so that a change of one costs no second reading of the others.
#[derive(Debug, Default)]
pub struct Composer {
    read: BTreeMap<u64, (Arc<[u8]>, Outline)>,
}

/// One publication as the policies see it.
#[derive(Clone, Copy)]
struct Source<'a> {
    /// The publication's number: the lower, the earlier it was first published. The permanent state is number zero.
    id: u64,
    /// Orders sources: the higher, the newer is what it says.
    age: (Timestamp, u64),
    document: &'a Presence,
    outline: &'a Outline,
}

impl Composer {
    /// Merges what is known of a presentity into one document.
    ///
    /// `permanent` is its permanent state, which counts as the oldest publication (RFC 4827 §3 leaves it to us). Elements
    /// outside of the time they hold for are left out. Newest first, at most one element has an id: where two want one, the
    /// publication published first keeps it and the others get theirs with the publication's number before it; so an id
    /// stays what it is while the publications stay. A single publication about the presentity itself whose elements all
    /// hold is its composed document, octet for octet. Without any the document is valid and has no tuples: nothing is
    /// known. Cost: linear in elements, once per change. RFC 3856 §6.11.1, RFC 4479 §3.
    pub fn compose<'a>(
        &mut self,
        presentity: &Aor,
        publications: &'a [Publication<Presence>],
        permanent: Option<&'a Presence>,
        policy: Policy,
        now: Timestamp,
    ) -> Composition<'a> {
        let only = match (publications, permanent) {
            ([], None) => {
                self.read.clear();
                let document = Cow::Owned(pidf::empty(presentity.as_str()));
                return Composition { document, until: None };
            }
            ([single], None) => Some(&single.document),
            ([], Some(permanent)) => Some(permanent),
            _ => None,
        };
        let as_it_is =
            only.filter(|document| policy != Policy::Single && names(document.entity(), presentity));
        if let Some(document) = as_it_is.filter(|document| !document.is_timed()) {
            self.read.clear();
            return Composition { document: Cow::Borrowed(document), until: None };
        }
        self.read_changes(publications, permanent);
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let sources = self.sources(publications, permanent);
        let until = sources.iter().filter_map(|source| source.outline.next_edge(now)).min();
        if let Some(document) = as_it_is
            && sources.iter().all(|source| source.outline.holds(now))
        {
            return Composition { document: Cow::Borrowed(document), until };
        }
        let mut builder = Builder::new(presentity.as_str());
        match policy {
            Policy::Merge => merging::merge(&mut builder, &sources, now),
            Policy::Latest => merging::merge(&mut builder, single::latest(&sources), now),
            Policy::Priority => merging::merge(&mut builder, single::foremost(&sources), now),
            Policy::Single => single::tuple(&mut builder, &sources, now),
        }
        Composition { document: Cow::Owned(builder.finish()), until }
    }

    /// The sphere that all documents agree on which have one now, RFC 5025 §3.1.2, in any case (RFC 4745 §7.3).
    pub fn sphere(
        &mut self,
        publications: &[Publication<Presence>],
        permanent: Option<&Presence>,
        now: Timestamp,
    ) -> Option<String> {
        self.read_changes(publications, permanent);
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let mut spheres = self.read.values().flat_map(|(_, outline)| outline.spheres(now));
        let first = spheres.next()?;
        let is_same = |other: &str| {
            other.chars().flat_map(char::to_lowercase).eq(first.chars().flat_map(char::to_lowercase))
        };
        spheres.all(is_same).then(|| first.to_owned())
    }

    fn read_changes(&mut self, publications: &[Publication<Presence>], permanent: Option<&Presence>) {
        let live = publications.iter().map(|publication| (publication.id, &publication.document));
        let live: BTreeMap<u64, &Presence> =
            live.chain(permanent.map(|document| (PERMANENT, document))).collect();
        self.read.retain(|id, (bytes, _)| live.get(id).is_some_and(|now| Arc::ptr_eq(now.bytes(), bytes)));
        for (id, document) in live {
            self.read.entry(id).or_insert_with(|| (Arc::clone(document.bytes()), document.outline()));
        }
    }

    /// All sources, the earliest published first.
    fn sources<'a>(
        &'a self,
        publications: &'a [Publication<Presence>],
        permanent: Option<&'a Presence>,
    ) -> Vec<Source<'a>> {
        let source = |id, changed_at, document| {
            let (_, outline) = self.read.get(&id)?;
            Some(Source { id, age: (changed_at, id), document, outline })
        };
        let permanent = permanent.and_then(|document| source(PERMANENT, Timestamp::ZERO, document));
        let live = publications
            .iter()
            .filter_map(|publication| source(publication.id, publication.changed_at, &publication.document));
        let mut sources: Vec<Source<'_>> = permanent.into_iter().chain(live).collect();
        sources.sort_by_key(|source| source.id);
        sources
    }
}

/// Below the number of any publication.
const PERMANENT: u64 = 0;

/// Whether a document's entity is the presentity, whatever scheme and escapes it is written with.
fn names(entity: &str, presentity: &Aor) -> bool {
    // As most sources write it; the rest is for the others.
    let (_, written) = entity.split_once(':').unwrap_or_default();
    let (scheme, canonical) = presentity.as_str().split_once(':').unwrap_or_default();
    if scheme == "sip" && written == canonical {
        return ["sip", "sips", "pres"].iter().any(|known| entity.len() == known.len() + 1 + written.len());
    }
    Uri::parse(entity).ok().and_then(|uri| Aor::of(&uri)).is_some_and(|entity| entity == *presentity)
}
