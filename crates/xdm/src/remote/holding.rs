//! Which documents are held, and when each is fetched and given up.

use core::time::Duration;
use std::collections::BTreeSet;

use documents::xcap_directory::Directory;
use sip_stack::Timestamp;
use xcap::{
    Branch as Named, Change, DocumentSelector, ETag, Found, Reference, Tree, Unavailable, Version, Want,
};

use super::hold::{Face, Hold, LISTS, patience};
use super::{Branch, Effect, Follower};
use crate::xui;

/// Which documents a user has, OMA XDM: it says what is in a collection.
const DIRECTORY: (&str, &str) = ("org.openmobilealliance.xcap-directory", "directory.xml");

/// The names that the usages give their documents: looked for whatever a directory says.
const NAMES: [(&str, &[&str]); 6] = [
    (LISTS, &["index"]),
    ("rls-services", &["index"]),
    ("pres-rules", &["index"]),
    ("org.openmobilealliance.pres-rules", &["pres-rules"]),
    ("org.openmobilealliance.pub-rules", &["pub-rules"]),
    ("pidf-manipulation", &["perm-presence", "index"]),
];

/// No document is fetched more often, whatever the server says of it.
const PACE: Duration = Duration::from_millis(250);

impl Follower {
    pub(super) fn hold_mut(&mut self, document: &DocumentSelector) -> Option<&mut Hold> {
        self.trees.get_mut(&document.tree)?.holds.get_mut(document)
    }

    /// Holds what answers a new want.
    pub(super) fn hold_all(&mut self, now: Timestamp, want: &Want) {
        match want {
            Want::Document(document) => self.hold(now, document),
            Want::Collection { auid, tree } => {
                let of = |name: &str| DocumentSelector {
                    auid: auid.clone(),
                    tree: tree.clone(),
                    name: name.into(),
                };
                let usual =
                    NAMES.iter().find(|(usage, _)| **usage == **auid).map_or(&[][..], |(_, names)| names);
                usual.iter().for_each(|name| self.hold(now, &of(name)));
                if let Tree::User(_) = tree {
                    let directory =
                        DocumentSelector { auid: DIRECTORY.0.into(), name: DIRECTORY.1.into(), ..of("") };
                    self.hold(now, &directory);
                    self.list(now, &directory);
                }
            }
        }
    }

    /// Holds a document, if it is not held: it is fetched at once.
    pub(super) fn hold(&mut self, now: Timestamp, document: &DocumentSelector) {
        let is_away = self.away.is_some();
        let Some(branch) = self.trees.get_mut(&document.tree) else { return };
        if branch.holds.contains_key(document) {
            return;
        }
        let is_told = branch.wants.iter().any(|(want, wanted)| wanted.answered && want.covers(document));
        let shown = is_told.then_some(None);
        let hold = Hold { shown, failed: is_away, confirmed_at: now, ..Hold::default() };
        branch.holds.insert(document.clone(), hold);
        self.documents += 1;
        self.fetch_at(now, document);
    }

    /// Holds what a directory names and somebody wants.
    pub(super) fn list(&mut self, now: Timestamp, directory: &DocumentSelector) {
        if *directory.auid != *DIRECTORY.0 {
            return;
        }
        let Some(branch) = self.trees.get(&directory.tree) else { return };
        let version = branch.holds.get(directory).and_then(Hold::version);
        let limits = &self.terms.patch.document;
        let Some(read) = version.and_then(|version| Directory::parse(&version.body, limits).ok()) else {
            return;
        };
        let mut found = Vec::new();
        for folder in &read.folders {
            for entry in folder.documents.iter().flatten() {
                // Whatever root stands before it: the document is at home where we ask.
                let below =
                    entry.uri.find(&format!("/{}/", folder.auid)).and_then(|at| entry.uri.get(at + 1..));
                let document = below.and_then(select).filter(|document| document.tree == directory.tree);
                found.extend(
                    document.filter(|document| branch.wants.keys().any(|want| want.covers(document))),
                );
            }
        }
        for document in found {
            if self.documents < self.terms.documents {
                self.hold(now, &document);
            }
        }
    }

    /// Lets go of what nobody wants any more in a tree.
    pub(super) fn let_go(&mut self, tree: &Tree) {
        let Some(branch) = self.trees.get_mut(tree) else { return };
        let Branch { wants, holds } = branch;
        let has_collections = wants.keys().any(|want| matches!(want, Want::Collection { .. }));
        let before = holds.len();
        holds.retain(|document, hold| {
            let is_wanted = wants.keys().any(|want| want.covers(document))
                || (has_collections && *document.auid == *DIRECTORY.0);
            if !is_wanted {
                hold.due.map(|at| self.due.remove(&(at, document.clone())));
                hold.aging.map(|at| self.aging.remove(&(at, document.clone())));
            }
            is_wanted
        });
        self.documents -= before - holds.len();
        if wants.is_empty() {
            self.trees.remove(tree);
        }
    }

    /// A document is to be fetched then, or sooner.
    pub(super) fn fetch_at(&mut self, at: Timestamp, document: &DocumentSelector) {
        let Some(hold) = self.trees.get_mut(&document.tree).and_then(|branch| branch.holds.get_mut(document))
        else {
            return;
        };
        if hold.asked {
            hold.again = true;
            return;
        }
        let at = at.max(if hold.fetched_at == Timestamp::ZERO { at } else { hold.fetched_at + PACE });
        if hold.due.is_some_and(|due| due <= at) {
            return;
        }
        if let Some(due) = hold.due.replace(at) {
            self.due.remove(&(due, document.clone()));
        }
        self.due.insert((at, document.clone()));
    }

    /// What is told of needs a look now and then only.
    pub(super) fn put_off(&mut self, now: Timestamp, document: &DocumentSelector) {
        let at = now + self.terms.check;
        let Some(hold) = self.trees.get_mut(&document.tree).and_then(|branch| branch.holds.get_mut(document))
        else {
            return;
        };
        if let Some(due) = hold.due.filter(|due| *due > now + PACE && *due < at) {
            self.due.remove(&(due, document.clone()));
            self.due.insert((at, document.clone()));
            hold.due = Some(at);
        }
    }

    /// Whether a subscription that lives tells of its changes.
    pub(super) fn is_told_of(&self, document: &DocumentSelector) -> bool {
        let Some(branch) = self.trees.get(&document.tree) else { return false };
        let is_live = |group: u32| self.groups.get(&group).is_some_and(|group| group.live);
        branch.wants.iter().any(|(want, wanted)| want.covers(document) && wanted.group.is_some_and(is_live))
    }

    /// Gives a document up if nobody could confirm it for too long; else sees to it that this is found out in time.
    pub(super) fn age(&mut self, now: Timestamp, document: &DocumentSelector) {
        let is_told_of = self.is_told_of(document);
        let terms = self.terms;
        let Some(hold) = self.trees.get_mut(&document.tree).and_then(|branch| branch.holds.get_mut(document))
        else {
            return;
        };
        if let Some(at) = hold.aging.take() {
            self.aging.remove(&(at, document.clone()));
        }
        let Some(known) = &hold.known else { return };
        if is_told_of {
            return; // it grows old from the moment in which that ends
        }
        let Some(patience) = patience(&terms, &document.auid, known.is_some()) else { return };
        let at = hold.confirmed_at + patience;
        if at > now {
            hold.aging = Some(at);
            self.aging.insert((at, document.clone()));
        } else if hold.void.is_none() {
            self.voids += 1;
            hold.void = Some(void(self.voids));
            self.counts.stale += 1;
        }
    }

    /// Tells whoever knows of a document what may be said of it now, if that is something else.
    pub(super) fn show(&mut self, now: Timestamp, document: &DocumentSelector, out: &mut Vec<Effect>) {
        if *document.auid == *DIRECTORY.0 {
            self.list(now, document);
        } else if let Some(hold) = self.hold_mut(document)
            && let Some(shown) = &hold.shown
            && let Face::Known(current) = hold.face()
            && *shown != current
        {
            let previous = shown.as_ref().map(|version| version.etag.clone());
            hold.shown = Some(current.clone());
            out.push(Effect::Changed(Change { document: document.clone(), previous, current }));
        }
        self.settle(now, &document.tree, out);
    }

    /// Answers those who wait for what is known by now in a tree.
    pub(super) fn settle(&mut self, now: Timestamp, tree: &Tree, out: &mut Vec<Effect>) {
        let Some(branch) = self.trees.get_mut(tree) else { return };
        let waiting: Vec<Want> = branch
            .wants
            .iter()
            .filter(|(_, wanted)| !wanted.tickets.is_empty())
            .map(|(want, _)| want.clone())
            .collect();
        for want in waiting {
            self.answer(now, &want, out);
        }
    }

    fn answer(&mut self, now: Timestamp, want: &Want, out: &mut Vec<Effect>) {
        let Some(branch) = self.trees.get_mut(want.tree()) else { return };
        let is_listed = |branch: &Branch| {
            let directory = branch.holds.iter().find(|(document, _)| *document.auid == *DIRECTORY.0);
            // Without a directory what has the usual name is all there is.
            directory.is_none_or(|(_, hold)| hold.face() != Face::Unknown)
        };
        if matches!(want, Want::Collection { .. }) && !is_listed(branch) {
            return;
        }
        let covered: BTreeSet<DocumentSelector> =
            branch.holds.keys().filter(|document| want.covers(document)).cloned().collect();
        let mut found: Result<Found, Unavailable> = Ok(Vec::new());
        for document in &covered {
            let Some(hold) = branch.holds.get_mut(document) else { continue };
            match hold.face() {
                Face::Unknown => return,
                // Nobody is kept waiting for a list within a list: it is shown without it, until it is there.
                Face::Unavailable if *document.auid == *LISTS => {
                    self.voids += 1;
                    hold.void = Some(void(self.voids));
                }
                Face::Unavailable => found = Err(Unavailable),
                Face::Known(_) => {}
            }
            if let (Face::Known(Some(version)), Ok(found)) = (hold.face(), &mut found) {
                found.push((document.clone(), version));
            }
        }
        if found.is_ok() {
            for document in &covered {
                if let Some(hold) = branch.holds.get_mut(document)
                    && let Face::Known(current) = hold.face()
                    && hold.shown.is_none()
                {
                    hold.shown = Some(current);
                }
            }
        }
        let Some(wanted) = branch.wants.get_mut(want) else { return };
        wanted.answered |= found.is_ok();
        let answers = wanted.tickets.drain(..).map(|ticket| Effect::Answer { ticket, found: found.clone() });
        out.extend(answers);
        covered.iter().for_each(|document| self.age(now, document));
    }
}

/// A version that says that nothing can be said: whatever reads it finds it broken, and acts as it does then. Rules that
/// cannot be read allow nothing, a list that cannot be read has no members.
fn void(number: u64) -> Version {
    Version { etag: ETag(format!("away-{number}").into()), body: [].into() }
}

/// The document that a path below an XCAP root names, or that one in a diff document does.
pub(super) fn select(path: &str) -> Option<DocumentSelector> {
    let reference = Reference::split(path, None, &xcap::Limits::default()).ok()?;
    if reference.is_collection || reference.node.is_some() {
        return None;
    }
    let tree = match reference.branch? {
        Named::Users => return None,
        Named::User(user) => Tree::User(xui::owner(&user)?.as_str().into()),
        Named::Global => Tree::Global,
    };
    Some(DocumentSelector { auid: (*reference.auid).into(), tree, name: reference.name.into() })
}
