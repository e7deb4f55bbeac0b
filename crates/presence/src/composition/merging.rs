//! The OMA's default policy: what agrees is merged, what is in conflict stands side by side.

use core::cmp::Reverse;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use documents::pidf::{Builder, Child, DATA_MODEL, Element, Kind, PIDF, Part, wrapped};
use documents::time;

use super::Source;
use super::grouping::{Group, Member, current, groups};

/// Appends the components of all sources in the order of the schema (RFC 3863 §4.4: tuples, notes, all others), of each
/// kind the newest first, and of one source in its order.
pub(super) fn merge(builder: &mut Builder, sources: &[Source<'_>], now: i64) {
    let groups = groups(sources, now);
    let elements: BTreeMap<u64, Vec<Element<'_>>> =
        sources.iter().map(|source| (source.id, source.document.elements().collect())).collect();
    let ids = Ids::of(&groups, &elements);
    let mut order: Vec<(u8, Reverse<_>, usize, Item<'_, '_>)> = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let newest = group.newest();
        order.push((
            rank_of(newest.component.kind),
            Reverse(newest.source.age),
            newest.place,
            Item::Group(number, group),
        ));
    }
    for member in rest(sources) {
        order.push((
            rank_of(member.component.kind),
            Reverse(member.source.age),
            member.place,
            Item::Rest(member),
        ));
    }
    order.sort_by_key(|(rank, age, place, _)| (*rank, *age, *place));
    let mut notes = BTreeSet::new();
    for (_, _, _, item) in order {
        match item {
            Item::Group(number, group) => append(builder, group, &elements, ids.of[number].as_deref(), now),
            Item::Rest(member) => {
                // Equal notes stand once; of other extensions nobody knows what two of them mean.
                if member.component.kind != Kind::Note || notes.insert(&member.component.meaning) {
                    builder.element(&elements[&member.source.id][member.place], None);
                }
            }
        }
    }
}

fn rank_of(kind: Kind) -> u8 {
    match kind {
        Kind::Tuple => 0,
        Kind::Note => 1,
        Kind::Person | Kind::Device | Kind::Other => 2,
    }
}

enum Item<'g, 'a> {
    Group(usize, &'g Group<'a>),
    Rest(Member<'a>),
}

/// Notes and extensions of the roots.
fn rest<'a>(sources: &[Source<'a>]) -> impl Iterator<Item = Member<'a>> {
    sources.iter().flat_map(|source| {
        let components = source.outline.components.iter().enumerate();
        components
            .filter(|(_, component)| matches!(component.kind, Kind::Note | Kind::Other))
            .map(|(place, component)| Member { source: *source, place, component })
    })
}

/// New ids for the groups that cannot have that of their first member.
struct Ids {
    of: Vec<Option<String>>,
}

impl Ids {
    /// A group is called as its first member. Where two are, the one published first keeps the id.
    fn of(groups: &[Group<'_>], elements: &BTreeMap<u64, Vec<Element<'_>>>) -> Self {
        let id = |group: &Group<'_>| {
            let first = &group.members[0];
            (first.source.id, elements[&first.source.id][first.place].id.unwrap_or_default())
        };
        let mut owners: BTreeMap<&str, u64> = BTreeMap::new();
        for (source, id) in elements.iter().flat_map(|(source, elements)| {
            elements.iter().filter_map(move |element| Some((*source, element.id?)))
        }) {
            owners.entry(id).or_insert(source); // sources come the earliest first
        }
        let of = groups.iter().map(|group| {
            let (source, id) = id(group);
            (owners.get(id) != Some(&source)).then(|| unused(&owners, source, id))
        });
        Self { of: of.collect() }
    }
}

/// An id made of the publication's number that no publication uses.
fn unused(owners: &BTreeMap<&str, u64>, publication: u64, id: &str) -> String {
    let mut candidate = format!("p{publication:x}-{id}");
    while owners.contains_key(candidate.as_str()) {
        candidate.push('_');
    }
    candidate
}

/// Appends one component: as it is if it stands alone and all of it holds now.
fn append(
    builder: &mut Builder,
    group: &Group<'_>,
    elements: &BTreeMap<u64, Vec<Element<'_>>>,
    id: Option<&str>,
    now: i64,
) {
    let element = |member: &Member<'_>| elements[&member.source.id][member.place];
    let frame = element(&group.members[0]);
    if let [single] = &*group.members {
        let holds = |child: &Child| {
            child.timing.holds(now) && child.children.iter().all(|child| child.timing.holds(now))
        };
        if single.component.children.iter().all(holds) {
            builder.element(&frame, id);
            return;
        }
    }
    let parts = parts(group, now).into_iter().map(|part| match part {
        Piece::Whole(member, child) => {
            let bytes = &member.source.document.bytes()[child.span.range()];
            Part { owner: element(&member), bytes: Cow::Borrowed(bytes) }
        }
        Piece::Status(first, start, pieces) => status(&first, start, &pieces, element),
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let start = group.members[0].component.start.range();
    builder.assemble(&frame, &group.members[0].source.document.bytes()[start], &parts, id);
}

/// A child of a merged component.
enum Piece<'a> {
    Whole(Member<'a>, &'a Child),
    /// The first status of a tuple, and what is in all of them.
    Status(Member<'a>, &'a Child, Vec<(Member<'a>, &'a Child)>),
}

/// The children of a merged component in the order of its schema (RFC 3863 §4.4, RFC 4479 §5): what only one member
/// says, what several say once, the latest timestamp, the contact with the highest priority.
fn parts<'a>(group: &Group<'a>, now: i64) -> Vec<Piece<'a>> {
    let kind = group.members[0].component.kind;
    let mut children: Vec<(Member<'a>, &'a Child)> = Vec::new();
    let mut statuses = Vec::new();
    let (mut status, mut contact, mut description, mut timestamp) = (None, None, None, None);
    for member in &group.members {
        for child in current(member.component, now) {
            if child.is_timestamp() {
                best(&mut timestamp, time::millis(&child.text), *member, child);
            } else if kind == Kind::Tuple && child.is_contact() {
                best(&mut contact, (child.priority, member.source.age), *member, child);
            } else if kind == Kind::Tuple && child.is_service_description() {
                let is_described = child.children.iter().any(|child| *child.local == *"description");
                best(&mut description, (is_described, member.source.age), *member, child);
            } else if kind == Kind::Tuple && child.is(PIDF, "status") {
                status.get_or_insert((*member, child));
                let current = child.children.iter().filter(|child| child.timing.holds(now));
                statuses.extend(current.map(|child| (*member, child)));
            } else {
                children.push((*member, child));
            }
        }
    }
    if kind == Kind::Device {
        newest_only(&mut children);
    }
    let mut children = once(children);
    children.sort_by_key(|(_, child)| rank(child));
    let notes = children.iter().position(|(_, child)| rank(child) == NOTE).unwrap_or(children.len());
    let notes = children.split_off(notes);
    let whole = |(member, child)| Piece::Whole(member, child);
    let mut parts: Vec<Piece<'a>> = Vec::with_capacity(children.len() + notes.len() + 4);
    parts.extend(status.map(|(first, status)| Piece::Status(first, status, once(statuses))));
    parts.extend(description.map(|(_, member, child)| Piece::Whole(member, child)));
    parts.extend(children.into_iter().map(whole));
    parts.extend(contact.map(|(_, member, child)| Piece::Whole(member, child)));
    parts.extend(notes.into_iter().map(whole));
    parts.extend(timestamp.map(|(_, member, child)| Piece::Whole(member, child)));
    parts
}

/// Keeps the child with the highest worth; of equal ones the first.
fn best<'a, T: Ord>(
    best: &mut Option<(T, Member<'a>, &'a Child)>,
    worth: T,
    member: Member<'a>,
    child: &'a Child,
) {
    if best.as_ref().is_none_or(|(known, _, _)| *known < worth) {
        *best = Some((worth, member, child));
    }
}

/// What several say stands once, where the first says it.
fn once<'a>(mut children: Vec<(Member<'a>, &'a Child)>) -> Vec<(Member<'a>, &'a Child)> {
    // Only what another source says again is left out: one source may mean two.
    let mut said: BTreeMap<&str, u64> = BTreeMap::new();
    children.retain(|(member, child)| {
        *said.entry(&child.meaning).or_insert(member.source.id) == member.source.id
    });
    children
}

/// Of the children of each name, those of the newest member that has any.
fn newest_only<'a>(children: &mut Vec<(Member<'a>, &'a Child)>) {
    let mut newest: BTreeMap<(&'a str, &'a str), _> = BTreeMap::new();
    for (member, child) in &*children {
        let age = newest.entry((&child.namespace, &child.local)).or_insert(member.source.age);
        *age = member.source.age.max(*age);
    }
    children.retain(|(member, child)| newest[&(&*child.namespace, &*child.local)] == member.source.age);
}

const NOTE: u8 = 2;

/// The order of a schema: extensions, the id of a device, notes.
fn rank(child: &Child) -> u8 {
    match &*child.local {
        "deviceID" if *child.namespace == *DATA_MODEL => 1,
        "note" if [PIDF, DATA_MODEL].contains(&&*child.namespace) => NOTE,
        _ => 0,
    }
}

/// The status of a merged tuple: that of the first member that has one, with what all statuses say.
fn status<'a>(
    first: &Member<'a>,
    status: &Child,
    pieces: &[(Member<'a>, &'a Child)],
    element: impl Fn(&Member<'a>) -> Element<'a>,
) -> Part<'a> {
    let parts: Vec<Part<'_>> = pieces
        .iter()
        .map(|(member, child)| Part {
            owner: element(member),
            bytes: Cow::Borrowed(&member.source.document.bytes()[child.span.range()]),
        })
        .collect();
    let owner = element(first);
    let start = &first.source.document.bytes()[status.start.range()];
    Part { owner, bytes: Cow::Owned(wrapped(&owner, start, &parts)) }
}
