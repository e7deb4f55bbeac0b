//! One list of URIs from a list and all that it holds and refers to, RFC 4826 §4.5.

use std::collections::HashSet;
use std::sync::Arc;

use super::lists::{Entry, List, Member, Name};

/// How far a list is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of the flat list; more are left out, and counted.
    pub entries: usize,
    /// Lists within lists, by reference or not; the outermost is at depth 1.
    pub depth: usize,
    /// References followed, of both kinds.
    pub references: usize,
}

impl Limits {
    /// 1000 entries, 16 deep, 100 references.
    pub const DEFAULT: Self = Self { entries: 1000, depth: 16, references: 100 };
}

/// Who knows the documents that references lead to. Nothing is fetched here: what is not at hand is
/// [`Resolved::Unknown`], is reported, and the list is flattened again once it is at hand.
pub trait References<'a> {
    /// The list that the absolute URI of an `external` names.
    fn list(&mut self, anchor: &str) -> Resolved<&'a List>;
    /// The entry that the relative URI of an `entry-ref` names.
    fn entry(&mut self, reference: &str) -> Resolved<&'a Entry>;
}

/// What is known of the target of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved<T> {
    /// This is it.
    Found(T),
    /// There is none, or we do not follow such a reference.
    Missing,
    /// It has not been looked up yet.
    Unknown,
}

/// Follows nothing: for lists that stand alone, such as those in requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReferences;

impl<'a> References<'a> for NoReferences {
    fn list(&mut self, _: &str) -> Resolved<&'a List> {
        Resolved::Missing
    }

    fn entry(&mut self, _: &str) -> Resolved<&'a Entry> {
        Resolved::Missing
    }
}

/// What a list comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flat {
    /// The entries in document order, each URI once (case-sensitive, RFC 4826 §4.5), with the first name it was given.
    pub entries: Vec<Entry>,
    /// References whose targets were not at hand; what they name is missing from `entries` so far.
    pub unknown: Vec<Reference>,
    /// What went wrong, in document order; `entries` is right without it. RFC 4826 §4.5 lets a server refuse a list for
    /// the first of them, or serve what there is.
    pub problems: Vec<Problem>,
}

/// A reference as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Of an `entry-ref`, relative to the XCAP root.
    Entry(Arc<str>),
    /// Of an `external`, absolute.
    List(Arc<str>),
}

/// Why something that a list names is not in the flat list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The reference names nothing, or not what it should.
    Missing(Reference),
    /// The list that this `external` names is being read already.
    Loop(Arc<str>),
    /// Lists within lists beyond [`Limits::depth`].
    TooDeep,
    /// More references than [`Limits::references`].
    TooManyReferences,
    /// This many entries beyond [`Limits::entries`].
    TooManyEntries(usize),
}

/// Flattens a list, depth first. An `external` that was read already, though not around itself, adds nothing and is no
/// problem, as its entries are there. Cost: linear in what is read; without recursion.
pub fn flatten<'a>(list: &'a List, references: &mut dyn References<'a>, limits: &Limits) -> Flat {
    let mut walk = Walk {
        flat: Flat::default(),
        seen: HashSet::new(),
        traversed: Vec::new(),
        followed: 0,
        left_out: 0,
        limits,
    };
    let mut open = vec![Open { members: list.members.iter(), anchor: None }];
    while let Some(innermost) = open.last_mut() {
        let Some(member) = innermost.members.next() else {
            open.pop();
            continue;
        };
        let inner = match member {
            Member::Entry(entry) => {
                walk.entry(entry, None);
                None
            }
            Member::List(list) => Some((list, None)),
            Member::EntryRef(reference) => {
                walk.entry_ref(references, &reference.reference, reference.display_name.as_ref());
                None
            }
            Member::External(external) => {
                let on_path = open.iter().any(|open| open.anchor == Some(&*external.anchor));
                walk.external(references, &external.anchor, on_path)
                    .map(|list| (list, Some(&*external.anchor)))
            }
        };
        match inner {
            Some(_) if open.len() >= limits.depth => walk.problem_once(Problem::TooDeep),
            Some((list, anchor)) => open.push(Open { members: list.members.iter(), anchor }),
            None => {}
        }
    }
    if walk.left_out > 0 {
        walk.flat.problems.push(Problem::TooManyEntries(walk.left_out));
    }
    walk.flat
}

/// A list whose end has not been reached.
struct Open<'a> {
    members: core::slice::Iter<'a, Member>,
    /// The reference it was reached by.
    anchor: Option<&'a str>,
}

struct Walk<'a, 'l> {
    flat: Flat,
    seen: HashSet<&'a str>,
    /// The anchors followed so far; few, so compared one by one.
    traversed: Vec<&'a str>,
    followed: usize,
    left_out: usize,
    limits: &'l Limits,
}

impl<'a> Walk<'a, '_> {
    fn entry(&mut self, entry: &'a Entry, nickname: Option<&Name>) {
        if self.seen.contains(&*entry.uri) {
            return;
        }
        if self.flat.entries.len() >= self.limits.entries {
            self.left_out += 1;
            return;
        }
        self.seen.insert(&entry.uri);
        let display_name = nickname.or(entry.display_name.as_ref()).cloned();
        self.flat.entries.push(Entry { uri: entry.uri.clone(), display_name });
    }

    fn entry_ref(
        &mut self,
        references: &mut dyn References<'a>,
        reference: &Arc<str>,
        nickname: Option<&Name>,
    ) {
        if !self.may_follow() {
            return;
        }
        match references.entry(reference) {
            Resolved::Found(entry) => self.entry(entry, nickname),
            Resolved::Missing => {
                self.flat.problems.push(Problem::Missing(Reference::Entry(reference.clone())));
            }
            Resolved::Unknown => self.flat.unknown.push(Reference::Entry(reference.clone())),
        }
    }

    fn external(
        &mut self,
        references: &mut dyn References<'a>,
        anchor: &'a Arc<str>,
        on_path: bool,
    ) -> Option<&'a List> {
        if on_path {
            self.problem_once(Problem::Loop(anchor.clone()));
            return None;
        }
        if self.traversed.contains(&&**anchor) || !self.may_follow() {
            return None;
        }
        self.traversed.push(anchor);
        match references.list(anchor) {
            Resolved::Found(list) => return Some(list),
            Resolved::Missing => self.flat.problems.push(Problem::Missing(Reference::List(anchor.clone()))),
            Resolved::Unknown => self.flat.unknown.push(Reference::List(anchor.clone())),
        }
        None
    }

    fn may_follow(&mut self) -> bool {
        if self.followed >= self.limits.references {
            self.problem_once(Problem::TooManyReferences);
            return false;
        }
        self.followed += 1;
        true
    }

    fn problem_once(&mut self, problem: Problem) {
        if !self.flat.problems.contains(&problem) {
            self.flat.problems.push(problem);
        }
    }
}
