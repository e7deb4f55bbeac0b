//! Which components of different sources tell of one and the same thing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use documents::pidf::{Child, Component, Kind};

use super::Source;

/// A component in its source.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) source: Source<'a>,
    /// Its place among the children of the root.
    pub(super) place: usize,
    pub(super) component: &'a Component,
}

/// Components of different sources that are merged into one; mostly one alone. The earliest published first.
pub(super) struct Group<'a> {
    pub(super) members: Vec<Member<'a>>,
    /// What its children say, by name.
    said: Said<'a>,
}

/// The meanings of children, by their names; of children that a merged component may have several of, all.
type Said<'a> = BTreeMap<(&'a str, &'a str, &'a str), BTreeSet<&'a str>>;

/// What must be equal before anything else is compared.
type Likeness<'a> = (Kind, Option<&'a str>, Option<&'a str>, Option<(&'a str, &'a str)>);

/// With how many groups that are like it a component is compared before it is left alone: keeps time linear.
const TRIED: usize = 16;

/// Puts the tuples, persons and devices of all sources into groups, in order of the sources.
pub(super) fn groups<'a>(sources: &[Source<'a>], now: i64) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut alike: HashMap<Likeness<'a>, Vec<usize>> = HashMap::new();
    for source in sources {
        for (place, component) in source.outline.components.iter().enumerate() {
            let member = Member { source: *source, place, component };
            let Some(likeness) = likeness(component) else {
                if !matches!(component.kind, Kind::Note | Kind::Other) {
                    groups.push(Group { members: vec![member], said: Said::new() });
                }
                continue;
            };
            let said = said(component, now);
            let candidates = alike.entry(likeness).or_default();
            let fitting =
                candidates.iter().take(TRIED).copied().find(|group| groups[*group].takes(&member, &said));
            match fitting {
                Some(group) => groups[group].take(member, said),
                None => {
                    candidates.push(groups.len());
                    groups.push(Group { members: vec![member], said });
                }
            }
        }
    }
    groups
}

/// What two components have in common before they can be one. `None` for what is never merged.
fn likeness(component: &Component) -> Option<Likeness<'_>> {
    let kind = component.kind;
    match kind {
        Kind::Tuple => Some((kind, component.class(), component.contact(), component.service())),
        Kind::Person => Some((kind, component.class(), None, None)),
        Kind::Device => component.device_ids().next().map(|id| (kind, None, Some(id), None)),
        Kind::Note | Kind::Other => None,
    }
}

fn said(component: &Component, now: i64) -> Said<'_> {
    let mut said = Said::new();
    for child in current(component, now) {
        let within =
            if child.local.as_ref() == "status" { &*child.children } else { core::slice::from_ref(child) };
        for said_by in
            within.iter().filter(|said_by| said_by.timing.holds(now) && is_said(component.kind, said_by))
        {
            let parent = if core::ptr::eq(said_by, child) { "" } else { "status" };
            let name = (parent, &*said_by.namespace, &*said_by.local);
            said.entry(name).or_default().insert(said_by.meaning.as_str());
        }
    }
    said
}

/// Whether a child can be in conflict with another: not a timestamp, and not the contact, whose priority may differ.
fn is_said(kind: Kind, child: &Child) -> bool {
    !(child.is_timestamp() || kind == Kind::Tuple && child.is_contact())
}

/// The children of a component that hold now.
pub(super) fn current(component: &Component, now: i64) -> impl Iterator<Item = &Child> {
    component.children.iter().filter(move |child| child.timing.holds(now))
}

impl<'a> Group<'a> {
    /// Whether a component of another source says nothing else than the group. Devices are never in conflict.
    fn takes(&self, member: &Member<'_>, said: &Said<'_>) -> bool {
        let is_foreign = self.members.iter().all(|other| other.source.id != member.source.id);
        is_foreign
            && (member.component.kind == Kind::Device
                || said
                    .iter()
                    .all(|(name, meanings)| self.said.get(name).is_none_or(|known| known == meanings)))
    }

    fn take(&mut self, member: Member<'a>, said: Said<'a>) {
        self.members.push(member);
        for (name, meanings) in said {
            self.said.entry(name).or_insert(meanings);
        }
    }

    /// The member that says the newest.
    pub(super) fn newest(&self) -> &Member<'a> {
        self.members.iter().max_by_key(|member| member.source.age).expect("a group has a member")
    }
}
