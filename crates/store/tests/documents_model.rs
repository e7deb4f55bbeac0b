//! Random histories of documents against naive maps: preconditions, several changes at once, trims, losses of power.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sip_stack::Timestamp;
use store::MemoryDocs;
use store::disk::{SimDisk, Tail};
use store::docs::suite::{contents, delete, document, put, tree};
use store::docs::{
    Commit, DocStore, EmbeddedDocs, Feed, Operation, Options, Outcome, Position, Precondition, Write,
    partition_of, wait,
};
use xcap::{DocumentSelector, ETag};

const USERS: [&str; 3] = ["alice", "bob", "carol"];

#[derive(Clone, Debug)]
enum Act {
    Commit(usize, Vec<Attempt>),
    DeleteTree(usize),
    /// Of a user's partition, up to so many changes before the newest.
    Trim(usize, usize),
    Restart(Tail),
}

#[derive(Clone, Debug)]
struct Attempt {
    name: u8,
    condition: Condition,
    /// [`None`] for a delete.
    size: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    None,
    Absent,
    Exists,
    /// The version that is there when the commit begins.
    Now,
    /// Another one.
    Stale,
}

fn act() -> impl Strategy<Value = Act> {
    let size = prop_oneof![1 => Just(None), 5 => (0..500_usize).prop_map(Some)];
    let condition = prop_oneof![
        4 => Just(Condition::None),
        1 => Just(Condition::Absent),
        2 => Just(Condition::Exists),
        4 => Just(Condition::Now),
        1 => Just(Condition::Stale),
    ];
    let attempt =
        (0..6_u8, condition, size).prop_map(|(name, condition, size)| Attempt { name, condition, size });
    let tail = prop_oneof![Just(Tail::Lost), Just(Tail::Partly), Just(Tail::Torn), Just(Tail::Kept)];
    prop_oneof![
        20 => (0..3_usize, prop::collection::vec(attempt, 0..4)).prop_map(|(user, all)| Act::Commit(user, all)),
        1 => (0..3_usize).prop_map(Act::DeleteTree),
        2 => (0..3_usize, 0..9_usize).prop_map(|(user, kept)| Act::Trim(user, kept)),
        1 => tail.prop_map(Act::Restart),
    ]
}

/// One change that was made: of which document, from which version to which.
type Told = (Position, DocumentSelector, Option<ETag>, Option<ETag>);

#[derive(Default)]
struct Model {
    documents: BTreeMap<DocumentSelector, (ETag, Vec<u8>)>,
    told: Vec<Told>,
    /// By user: up to where the feed was trimmed, and whether that may be forgotten.
    trimmed: [Position; 3],
    restarted: bool,
    number: u64,
}

impl Model {
    fn commit(&mut self, user: usize, attempts: &[Attempt]) -> Commit {
        self.number += 1;
        let number = self.number;
        let operation = |(part, attempt): (usize, &Attempt)| -> Operation {
            let it =
                document(USERS[user], ["a", "b"][usize::from(attempt.name % 2)], &attempt.name.to_string());
            let now = self.documents.get(&it).map(|(etag, _)| etag.clone());
            let precondition = match attempt.condition {
                Condition::None => Precondition::None,
                Condition::Absent => Precondition::Absent,
                Condition::Exists => Precondition::Exists,
                Condition::Now => now.map_or(Precondition::Absent, |now| Precondition::Match(vec![now])),
                Condition::Stale => Precondition::Match(vec![ETag("stale".into())]),
            };
            match attempt.size {
                Some(size) => {
                    let body: Vec<u8> = (0..size).map(|at| ((at as u64 * number) >> 3) as u8).collect();
                    put(&it, precondition, &format!("{number}-{part}"), &body)
                }
                None => delete(&it, precondition),
            }
        };
        let operations = attempts.iter().enumerate().map(operation).collect();
        Commit { tree: tree(USERS[user]), at: Timestamp::from_secs(number), operations, room: None }
    }

    /// What must come of a commit: the changes, or the failed precondition.
    fn apply(&mut self, commit: &Commit) -> Result<Vec<Told>, Outcome> {
        let mut after = self.documents.clone();
        let mut told = Vec::new();
        for operation in &commit.operations {
            let (auid, name) = (operation.auid.clone(), operation.name.clone());
            let document = DocumentSelector { auid, tree: commit.tree.clone(), name };
            let before = after.get(&document).map(|(etag, _)| etag.clone());
            let holds = match &operation.precondition {
                Precondition::None => true,
                Precondition::Absent => before.is_none(),
                Precondition::Exists => before.is_some(),
                Precondition::Match(etags) => etags.iter().any(|etag| before.as_ref() == Some(etag)),
            };
            if !holds {
                return Err(Outcome::Failed { document, current: before });
            }
            let now = match &operation.write {
                Write::Put { etag, body, .. } => {
                    after.insert(document.clone(), (etag.clone(), body.to_vec()));
                    Some(etag.clone())
                }
                Write::Check => continue,
                Write::Delete => {
                    after.remove(&document);
                    None
                }
            };
            if before.is_some() || now.is_some() {
                told.push((Position::START, document, before, now));
            }
        }
        self.documents = after;
        Ok(told)
    }

    fn tell(&mut self, told: Vec<Told>, last: Position) {
        let first = last.0 + 1 - told.len() as u64;
        for ((_, document, before, now), position) in told.into_iter().zip(first..) {
            assert!(
                self.told.last().is_none_or(|(before, ..)| before.0 < position),
                "a position is given once"
            );
            self.told.push((Position(position), document, before, now));
        }
    }

    fn of_user(&self, user: usize) -> Vec<&Told> {
        self.told.iter().filter(|(_, document, ..)| document.tree == tree(USERS[user])).collect()
    }

    fn check<S: DocStore>(&self, docs: &S) {
        let found: BTreeMap<_, _> = wait(contents(docs, &USERS))
            .into_iter()
            .map(|(document, (listed, body))| (document, (listed.etag, body)))
            .collect();
        assert_eq!(found, self.documents);
        for auid in ["a", "b"] {
            let has = |user: &&&str| {
                self.documents.keys().any(|document| document.tree == tree(user) && &*document.auid == auid)
            };
            let users: Vec<_> =
                USERS.iter().filter(has).map(|user| format!("sip:{user}@example.com")).collect();
            let found = wait(docs.users(auid)).unwrap();
            assert_eq!(found.iter().map(|user| &**user).collect::<Vec<_>>(), users);
        }
        for user in 0..3 {
            self.check_feed(docs, user);
        }
    }

    fn check_feed<S: DocStore>(&self, docs: &S, user: usize) {
        let told = self.of_user(user);
        let afters = core::iter::once(Position::START).chain(told.iter().map(|(position, ..)| *position));
        for after in afters {
            let feed = wait(docs.changes(partition_of(&tree(USERS[user])), after, 3)).unwrap();
            let is_trimmed = after < self.trimmed[user];
            match feed {
                Feed::Trimmed => assert!(is_trimmed, "nobody trimmed after {after:?}"),
                Feed::Changes(entries) => {
                    assert!(!is_trimmed || self.restarted, "trimmed after {after:?}");
                    let entries = entries.into_iter();
                    let found: Vec<Told> = entries
                        .map(|entry| (entry.position, entry.document, entry.previous, entry.current))
                        .collect();
                    let expected = told.iter().filter(|(position, ..)| *position > after).take(3);
                    assert!(found.iter().eq(expected.copied()), "after {after:?}: {found:?}");
                }
            }
        }
    }
}

/// Runs a history; `restart` gives the store that is left after a loss of power.
fn run<S: DocStore>(acts: &[Act], mut docs: S, mut restart: impl FnMut(S, Tail) -> S) {
    let mut model = Model::default();
    for act in acts {
        match act {
            Act::Commit(user, attempts) => {
                let commit = model.commit(*user, attempts);
                let outcome = wait(docs.commit(commit.clone())).unwrap();
                match (model.apply(&commit), outcome) {
                    (Ok(told), Outcome::Done { position }) => model.tell(told, position),
                    (Err(expected), outcome) => assert_eq!(outcome, expected),
                    (Ok(_), failed) => panic!("{failed:?}"),
                }
            }
            Act::DeleteTree(user) => {
                let of_user = tree(USERS[*user]);
                let outcome = wait(docs.delete_tree(&of_user, Timestamp::ZERO)).unwrap();
                let Outcome::Done { position } = outcome else { panic!("{outcome:?}") };
                let mut told = Vec::new();
                model.documents.retain(|document, (etag, _)| {
                    let stays = document.tree != of_user;
                    if !stays {
                        told.push((Position::START, document.clone(), Some(etag.clone()), None));
                    }
                    stays
                });
                model.tell(told, position);
            }
            Act::Trim(user, kept) => {
                let told = model.of_user(*user);
                let Some((position, ..)) = told.len().checked_sub(kept + 1).map(|at| told[at].clone()) else {
                    continue;
                };
                wait(docs.trim(partition_of(&tree(USERS[*user])), position)).unwrap();
                model.trimmed[*user] = position.max(model.trimmed[*user]);
            }
            Act::Restart(tail) => {
                docs = restart(docs, *tail);
                model.restarted = true;
            }
        }
        model.check(&docs);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_engine_agrees_with_maps(acts in prop::collection::vec(act(), 1..60)) {
        run(&acts, MemoryDocs::default(), |docs, _| docs);
    }

    #[test]
    fn the_embedded_engine_agrees_with_maps(acts in prop::collection::vec(act(), 1..120)) {
        let mut disk = SimDisk::new(acts.len() as u64);
        let open = |disk: &SimDisk| {
            let options = Options { segment_bytes: 4096, cache_bytes: 1000, ..Options::default() };
            EmbeddedDocs::open_on(disk.clone(), options).unwrap()
        };
        let docs = open(&disk);
        run(&acts, docs, |docs, tail| {
            disk = disk.restart(tail);
            drop(docs);
            open(&disk)
        });
    }
}
