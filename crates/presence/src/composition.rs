//! From the live publications of a presentity to its composed document.

use std::borrow::Cow;
use std::collections::BTreeMap;

use documents::pidf::{self, Builder, Presence};
use sip::{Aor, Uri};
use sip_stack::compositor::Publication;

/// Merges the live publications of one presentity into its composed document.
///
/// A union: every element of every publication, newest publication first. Where two publications use one id, the one
/// published first keeps it and the others get theirs with the publication's number before it, so an id stays what
/// it is while the publications stay. A single publication about the presentity itself is its composed document,
/// octet for octet. Without publications the document is valid and has no tuples: nothing is known.
/// Cost: linear in elements, once per change. RFC 3856 §6.11.1, RFC 4479 §3.
pub fn compose<'a>(presentity: &Aor, publications: &'a [Publication<Presence>]) -> Cow<'a, Presence> {
    match publications {
        [] => Cow::Owned(pidf::empty(presentity.as_str())),
        [single] if names(single.document.entity(), presentity) => Cow::Borrowed(&single.document),
        _ => Cow::Owned(union(presentity, publications)),
    }
}

fn union(presentity: &Aor, publications: &[Publication<Presence>]) -> Presence {
    let mut owners: BTreeMap<&str, u64> = BTreeMap::new();
    for publication in publications {
        for id in publication.document.elements().filter_map(|element| element.id) {
            let owner = owners.entry(id).or_insert(publication.id);
            *owner = publication.id.min(*owner);
        }
    }
    let mut newest_first: Vec<_> = publications.iter().collect();
    // Of those changed in the same instant the one published later is the newer.
    newest_first.sort_by_key(|publication| core::cmp::Reverse((publication.changed_at, publication.id)));
    let mut builder = Builder::new(presentity.as_str());
    for publication in newest_first {
        for element in publication.document.elements() {
            let renamed = element.id.filter(|id| owners.get(id) != Some(&publication.id));
            let renamed = renamed.map(|id| unused(&owners, publication.id, id));
            builder.element(&element, renamed.as_deref());
        }
    }
    builder.finish()
}

/// An id made of the publication's number that no publication uses.
fn unused(owners: &BTreeMap<&str, u64>, publication: u64, id: &str) -> String {
    let mut candidate = format!("p{publication:x}-{id}");
    while owners.contains_key(candidate.as_str()) {
        candidate.push('_');
    }
    candidate
}

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
