//! A scenario of commits beside a chronicle of what was answered, for disks that fail.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it; a failure ends the test"
)]

use std::collections::BTreeMap;

use sip_stack::Timestamp;
use store::disk::{Disk, SimDisk, SimFault, Tail};
use store::docs::suite::{contents, delete, document, put, tree};
use store::docs::{
    Commit, DocStore, EmbeddedDocs, Feed, FeedEntry, Operation, Options, Outcome, Position, Precondition,
    partition_of, wait,
};
use store::{OpenError, StoreError};
use xcap::{DocumentSelector, ETag};

pub(crate) type Docs = EmbeddedDocs<SimDisk>;

pub(crate) const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// How many changes the feed holds.
pub(crate) const FEED: usize = 12;
const COMMITS: u64 = 70;

/// What every document holds.
pub(crate) type Contents = BTreeMap<DocumentSelector, (ETag, Vec<u8>)>;

/// Small segments, so that a scenario fills many; nothing is cached, so that what is read is what is on disk.
pub(crate) fn options() -> Options {
    Options {
        segment_bytes: 4096,
        ahead_bytes: 900,
        cache_bytes: 0,
        feed_entries: FEED,
        ..Options::default()
    }
}

/// Why a scenario ended.
#[derive(Debug)]
pub(crate) enum Stop {
    Open(OpenError),
    Store(StoreError),
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What was answered.
#[derive(Clone, Default)]
pub(crate) struct Chronicle {
    /// What every document holds by the answers.
    pub(crate) now: Contents,
    /// Every change that was answered, in order.
    told: Vec<FeedEntry>,
    /// What the documents would hold if one of the commits had happened of which nobody knows.
    maybe: Vec<(Contents, Vec<FeedEntry>)>,
    pub(crate) full: u64,
    commits: u64,
}

impl Chronicle {
    /// Commits, and writes down what came of it.
    pub(crate) fn commit(&mut self, docs: &Docs, commit: Commit) -> Result<(), StoreError> {
        self.commits += 1;
        let (after, changes) = applied(&self.now, &commit);
        match wait(docs.commit(commit)) {
            Ok(Outcome::Done { position }) => {
                let before = self.told.last().map_or(Position::START, |entry| entry.position);
                let first = position.0 + 1 - changes.len() as u64;
                assert!(changes.is_empty() || first > before.0, "a position is given once");
                if !changes.is_empty() {
                    self.maybe.clear(); // it stands where the unknown ones would
                }
                let placed = changes.into_iter().zip(first..);
                self.told.extend(placed.map(|(entry, at)| FeedEntry { position: Position(at), ..entry }));
                self.now = after;
                Ok(())
            }
            Ok(failed @ (Outcome::Failed { .. } | Outcome::NoRoom)) => panic!("{failed:?}"),
            Err(error) => {
                match &error {
                    StoreError::Full => self.full += 1,
                    StoreError::Unavailable { .. } => {}
                    StoreError::Unknown => self.maybe.push((after, changes)),
                    _ => panic!("{error:?}"),
                }
                Err(error)
            }
        }
    }

    /// Checks what a store serves against what was answered. What nobody knew is known from here on, if the process has
    /// ended meanwhile.
    pub(crate) fn check(&mut self, docs: &Docs, has_ended: bool, context: &str) {
        let found = all(docs);
        let mut expected_end = Vec::new();
        if found != self.now {
            let position = self.maybe.iter().position(|(contents, _)| *contents == found);
            assert!(has_ended && position.is_some(), "{context}: not what was answered");
            let (contents, changes) = self.maybe[position.unwrap()].clone();
            self.now = contents;
            expected_end = changes;
        }
        if has_ended {
            self.maybe.clear();
        }
        self.check_feed(docs, expected_end, context);
    }

    /// The feed of every partition is an end of what was told, and says so if it is not all.
    fn check_feed(&mut self, docs: &Docs, unknown: Vec<FeedEntry>, context: &str) {
        let mut held = 0;
        let head = wait(docs.head(partition_of(&tree(USERS[0])))).unwrap();
        if !unknown.is_empty() {
            let first = head.0 + 1 - unknown.len() as u64;
            self.told.extend(
                unknown
                    .into_iter()
                    .zip(first..)
                    .map(|(entry, at)| FeedEntry { position: Position(at), ..entry }),
            );
        }
        assert!(self.told.last().is_none_or(|entry| entry.position <= head), "{context}: a position is lost");
        for user in USERS {
            let partition = partition_of(&tree(user));
            let told: Vec<_> = self.told.iter().filter(|entry| entry.document.tree == tree(user)).collect();
            // From the first change that can be had on, all can be had.
            let from = (0..=told.len()).find_map(|skipped| {
                let after = skipped.checked_sub(1).map_or(Position::START, |last| told[last].position);
                match wait(docs.changes(partition, after, 1000)).unwrap() {
                    Feed::Changes(entries) => Some((skipped, entries)),
                    Feed::Trimmed => None,
                }
            });
            let (skipped, entries) = from.unwrap_or_else(|| panic!("{context}: no feed at all"));
            assert_eq!(entries.iter().collect::<Vec<_>>(), told[skipped..], "{context}: a hole in the feed");
            held += entries.len();
        }
        assert!(held >= FEED.min(self.told.len()), "{context}: only {held} changes in the feed");
    }
}

/// What a commit makes of documents, and the changes it makes.
fn applied(now: &Contents, commit: &Commit) -> (Contents, Vec<FeedEntry>) {
    let (mut after, mut changes) = (now.clone(), Vec::new());
    for operation in &commit.operations {
        let document = DocumentSelector {
            auid: operation.auid.clone(),
            tree: commit.tree.clone(),
            name: operation.name.clone(),
        };
        let previous = after.get(&document).map(|(etag, _)| etag.clone());
        let current = match &operation.write {
            store::docs::Write::Put { etag, body, .. } => {
                after.insert(document.clone(), (etag.clone(), body.to_vec()));
                Some(etag.clone())
            }
            store::docs::Write::Delete if previous.is_none() => continue,
            store::docs::Write::Delete => {
                after.remove(&document);
                None
            }
            store::docs::Write::Check => continue,
        };
        changes.push(FeedEntry { position: Position::START, document, previous, current, at: commit.at });
    }
    (after, changes)
}

/// Everything a store holds.
pub(crate) fn all(docs: &Docs) -> Contents {
    let found = wait(contents(docs, &USERS)).into_iter();
    found.map(|(document, (listed, body))| (document, (listed.etag, body))).collect()
}

/// One commit of one to three documents of a user, of sizes that vary.
pub(crate) fn commit(number: u64) -> Commit {
    let user = USERS[(number % 3) as usize];
    let operation = |part: u64| -> Operation {
        // Half of the documents are written at the beginning of a life only, so that compaction has some to move.
        let name = if number % COMMITS < 18 { number + part } else { number * 5 % 7 };
        let it = document(user, "test", &(name % 18).to_string());
        if (number + part) % 9 == 4 {
            return delete(&it, Precondition::None);
        }
        let mut body = format!("{number} {part} ").into_bytes();
        let filling =
            |at: u64| (at.wrapping_mul(number + 77) >> 3) as u8 | u8::from(number.is_multiple_of(2));
        body.extend((0..(number * 53 + part * 31) % 700).map(filling));
        put(&it, Precondition::None, &format!("{number}-{part}"), &body)
    };
    let operations = (0..number % 3 + u64::from(number.is_multiple_of(3))).map(operation).collect();
    Commit { tree: tree(user), at: Timestamp::from_secs(number), operations, room: None }
}

/// The scenario: two lives of commits. With `go_on`, a disk that refuses or fails does not end it.
pub(crate) fn scenario(disk: &SimDisk, chronicle: &mut Chronicle, go_on: bool) -> Result<(), Stop> {
    for _ in 0..2 {
        let docs = Docs::open_on(disk.clone(), options())?;
        for _ in 0..COMMITS {
            match chronicle.commit(&docs, commit(chronicle.commits)) {
                Err(_) if go_on => {}
                other => other?,
            }
        }
        if go_on {
            chronicle.check(&docs, false, "while the disk fails");
        }
    }
    Ok(())
}

/// Opens what is left after a crash, checks it, goes on with it, and crashes again.
pub(crate) fn go_on_after(disk: &SimDisk, chronicle: &mut Chronicle, context: &str) {
    let docs = Docs::open_on(disk.clone(), options()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    assert_eq!(docs.found().damaged, [""; 0], "{context}");
    chronicle.check(&docs, true, context);
    for number in 0..30 {
        chronicle.commit(&docs, commit(1000 + number)).unwrap();
    }
    chronicle.check(&docs, false, context);
    let rest = disk.restart(Tail::Lost);
    drop(docs);
    let docs = Docs::open_on(rest, options()).unwrap_or_else(|error| panic!("{context}, again: {error:?}"));
    assert_eq!(docs.found().torn_bytes, 0, "{context}: all was on disk");
    chronicle.check(&docs, true, context);
}

/// How many operations the scenario takes without faults.
pub(crate) fn operations() -> u64 {
    let disk = SimDisk::new(0);
    let mut chronicle = Chronicle::default();
    scenario(&disk, &mut chronicle, false).unwrap();
    let names = disk.list().unwrap();
    assert!(names.last().unwrap().as_str() > "docs-0000000010.log", "the scenario rolls: {names:?}");
    assert!(!names.contains(&"docs-0000000001.log".to_owned()), "the scenario compacts: {names:?}");
    disk.operations()
}

/// A disk on which the scenario ran into a fault.
pub(crate) fn run_into(
    operation: u64,
    fault: SimFault,
    go_on: bool,
) -> (SimDisk, Chronicle, Result<(), Stop>) {
    let disk = SimDisk::new(operation);
    disk.fail_from(operation, fault);
    let mut chronicle = Chronicle::default();
    let outcome = scenario(&disk, &mut chronicle, go_on);
    (disk, chronicle, outcome)
}
