//! The space that documents take on disk stays near what they need, whatever is written; and reads go on meanwhile.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::sync::atomic::{AtomicBool, Ordering};

use sip_stack::Timestamp;
use store::disk::{Disk, SimDisk};
use store::docs::suite::{commit, contents, delete, document, put, tree};
use store::docs::{DocStore, EmbeddedDocs, Feed, Options, Position, Precondition, partition_of, wait};

type Docs = EmbeddedDocs<SimDisk>;

const SEGMENT: u32 = 16 << 10;
const AHEAD: u32 = 1 << 10;

fn open(disk: &SimDisk, feed_entries: usize) -> Docs {
    let options = Options {
        segment_bytes: SEGMENT,
        ahead_bytes: AHEAD,
        cache_bytes: 8 << 10,
        feed_entries,
        ..Options::default()
    };
    Docs::open_on(disk.clone(), options).unwrap()
}

fn write(docs: &Docs, number: u64, version: u64, size: u64) {
    let it = document("alice", "test", &number.to_string());
    let mut body = format!("{number} {version} ").into_bytes();
    let mut mixed = number << 32 | version; // so that it cannot be compressed
    body.extend((0..size).map(|_| {
        mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (mixed >> 33) as u8
    }));
    let operation = put(&it, Precondition::None, &version.to_string(), &body);
    wait(docs.commit(commit("alice", vec![operation]))).unwrap();
}

#[test]
fn space_is_bounded_by_what_is_there() {
    for feed_entries in [0, 20] {
        let disk = SimDisk::new(1);
        let docs = open(&disk, feed_entries);
        (0..60).for_each(|number| write(&docs, number, 0, 300 + number * 7));
        let mut most = 0;
        for version in 1..2000 {
            write(&docs, version % 20, version, version * 13 % 900);
            let needed = docs.stats().live_bytes + feed_entries as u64 * 256 + 46;
            most = most.max(docs.stats().disk_bytes * 10 / (2 * needed + 2 * u64::from(SEGMENT + AHEAD)));
        }
        assert!(most <= 11, "at most {most} tenths of the bound, with {feed_entries} changes");
        assert_eq!(disk.used(), docs.stats().disk_bytes, "what is not needed has no file");
        let before = wait(contents(&docs, &["alice"]));
        assert_eq!(before.len(), 60);
        drop(docs);
        assert_eq!(wait(contents(&open(&disk, feed_entries), &["alice"])), before);
    }
}

#[test]
fn a_document_longer_than_what_a_commit_carries_moves_too() {
    let disk = SimDisk::new(1);
    let options = Options { segment_bytes: 512 << 10, cache_bytes: 0, feed_entries: 4, ..Options::default() };
    let docs = Docs::open_on(disk.clone(), options.clone()).unwrap();
    (0..3).for_each(|number| write(&docs, number, 0, 150 << 10));
    (1..200).for_each(|version| write(&docs, 9, version, 9000));
    assert!(disk.open("docs-0000000001.log").is_err(), "it was compacted: {:?}", docs.stats());
    assert_eq!(docs.stats().stuck, None);
    let before = wait(contents(&docs, &["alice"]));
    assert_eq!(before.len(), 4);
    drop(docs);
    assert_eq!(wait(contents(&Docs::open_on(disk, options).unwrap(), &["alice"])), before);
}

#[test]
fn a_deleted_tree_gives_its_space_back() {
    let disk = SimDisk::new(1);
    let docs = open(&disk, 4);
    (0..60).for_each(|number| write(&docs, number, 0, 1600));
    let full = docs.stats().disk_bytes;
    wait(docs.delete_tree(&tree("alice"), Timestamp::ZERO)).unwrap();
    let other = document("bob", "test", "it");
    for version in 0..40 {
        let operation = put(&other, Precondition::None, &version.to_string(), &[7; 400]);
        wait(docs.commit(commit("bob", vec![operation]))).unwrap();
    }
    assert!(
        docs.stats().disk_bytes < 4 * u64::from(SEGMENT) && full > 5 * u64::from(SEGMENT),
        "{:?}",
        docs.stats()
    );
    drop(docs);
    let docs = open(&disk, 4);
    assert_eq!(docs.stats().documents, 1, "nothing that was deleted is back");
}

#[test]
fn the_feed_outlives_the_segments_that_its_changes_stood_in() {
    let disk = SimDisk::new(1);
    let docs = open(&disk, 30);
    for (user, ends) in [("quiet", false), ("gone", true)] {
        let it = document(user, "test", "it");
        let mut operations =
            vec![put(&it, Precondition::None, "1", b"q"), put(&it, Precondition::None, "2", b"q")];
        operations.extend(ends.then(|| delete(&it, Precondition::None)));
        wait(docs.commit(commit(user, operations))).unwrap();
    }
    (0..25).for_each(|version| write(&docs, 1, version, 3000));
    let entries = |docs: &Docs, user: &str| {
        wait(docs.changes(partition_of(&tree(user)), Position::START, 100)).unwrap()
    };
    let told = ["quiet", "gone"].map(|user| entries(&docs, user));
    assert!(told.iter().all(|feed| matches!(feed, Feed::Changes(entries) if entries.len() >= 2)), "{told:?}");
    drop(docs);
    let docs = open(&disk, 30);
    assert_eq!(["quiet", "gone"].map(|user| entries(&docs, user)), told);
    (0..60).for_each(|version| write(&docs, 1, 100 + version, 3000));
    // Thirty newer ones have come. Of one user nothing at all is left in the log but that.
    assert_eq!(["quiet", "gone"].map(|user| entries(&docs, user)), [Feed::Trimmed, Feed::Trimmed]);
    drop(docs);
    let docs = open(&disk, 30);
    assert_eq!(["quiet", "gone"].map(|user| entries(&docs, user)), [Feed::Trimmed, Feed::Trimmed]);
}

/// Readers beside a writer whose segments come and go see whole documents, each no older than the one before.
#[test]
fn readers_see_whole_documents_while_segments_come_and_go() {
    let disk = SimDisk::new(1);
    let docs = open(&disk, 4);
    (0..8).for_each(|number| write(&docs, number, 0, 700));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..3_u64 {
            let (docs, ended) = (&docs, &ended);
            scope.spawn(move || {
                let mut seen = [0; 8];
                for round in 0.. {
                    let number = (round + reader) % 8;
                    let it = document("alice", "test", &number.to_string());
                    let doc = wait(docs.get(&it)).unwrap().unwrap();
                    let version: u64 = doc.etag.0.parse().unwrap();
                    let text = String::from_utf8_lossy(&doc.body);
                    assert!(text.starts_with(&format!("{number} {version} ")), "{text}");
                    assert!(version >= seen[number as usize]);
                    seen[number as usize] = version;
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        for version in 1..1500 {
            write(&docs, version % 8, version, 600 + version % 200);
        }
        ended.store(true, Ordering::Relaxed);
    });
}
