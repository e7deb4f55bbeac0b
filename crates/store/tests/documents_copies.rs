//! Back-up while commits go on, restore, and documents as plain files.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sip_stack::Timestamp;
use store::MemoryDocs;
use store::OpenError;
use store::docs::plain::{PlainError, export, import};
use store::docs::suite::{commit, contents, document, put, tree};
use store::docs::{
    BackupError, Commit, DocStore, EmbeddedDocs, Operation, Options, Precondition, Write, back_up, read_tree,
    restore, wait,
};
use xcap::ETag;

fn options() -> Options {
    Options { segment_bytes: 16 << 10, feed_entries: 16, ..Options::default() }
}

fn open(directory: &Path) -> EmbeddedDocs {
    EmbeddedDocs::open(directory, options()).unwrap()
}

fn write(docs: &EmbeddedDocs, user: &str, version: u64) {
    let both = ["first", "second"].map(|name| {
        let body = format!("{version} {}", "x".repeat((version * 53 % 700) as usize));
        put(&document(user, "test", name), Precondition::None, &version.to_string(), body.as_bytes())
    });
    wait(docs.commit(commit(user, both.to_vec()))).unwrap();
}

fn version(docs: &EmbeddedDocs, user: &str) -> Option<u64> {
    let both = ["first", "second"].map(|name| {
        wait(docs.get(&document(user, "test", name))).unwrap().map(|doc| doc.etag.0.parse().unwrap())
    });
    assert_eq!(both[0], both[1], "half a commit");
    both[0]
}

#[test]
fn a_back_up_beside_writers_is_a_state_that_once_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let docs = open(&store);
    write(&docs, "0", 0);
    let answered = [0, 1].map(|_| AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (user, answered) in answered.iter().enumerate() {
            let docs = &docs;
            scope.spawn(move || {
                for version in 1..1500 {
                    write(docs, &user.to_string(), version);
                    answered.store(version, Ordering::Release);
                }
            });
        }
        for round in 0.. {
            let before = answered.each_ref().map(|answered| answered.load(Ordering::Acquire));
            let copy = directory.path().join(format!("copy-{round}"));
            let back = directory.path().join(format!("back-{round}"));
            let made = back_up(&store, &copy).unwrap();
            let restored = restore(&copy, &back).unwrap();
            assert_eq!(made, restored);
            assert_eq!(made.damaged, [""; 0]);
            let found = open(&back);
            assert_eq!(found.found().torn_bytes, 0, "a back-up has no unfinished end");
            assert_eq!(found.stats().documents, made.documents);
            for (user, before) in before.iter().enumerate() {
                let found = version(&found, &user.to_string());
                assert!(found >= Some(*before).filter(|before| *before > 0), "{found:?} after {before}");
            }
            if before == [1499, 1499] {
                break;
            }
        }
    });
}

#[test]
fn a_restored_store_is_the_one_that_was_backed_up() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let docs = open(&at("store"));
    (0..100).for_each(|version| write(&docs, &(version % 7).to_string(), version));
    let users = ["0", "1", "2", "3", "4", "5", "6"];
    let before = wait(contents(&docs, &users));
    back_up(&at("store"), &at("copy")).unwrap();
    (100..120).for_each(|version| write(&docs, "0", version));
    drop(docs);
    restore(&at("copy"), &at("back")).unwrap();
    let docs = open(&at("back"));
    assert_eq!(wait(contents(&docs, &users)), before);
    (100..300).for_each(|version| write(&docs, "0", version));
}

#[test]
fn what_is_not_whole_is_not_restored() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let docs = open(&at("store"));
    (0..100).for_each(|version| write(&docs, &version.to_string(), version));
    drop(docs);
    assert!(matches!(back_up(&at("none"), &at("copy")), Err(BackupError::Nothing(_))));
    back_up(&at("store"), &at("copy")).unwrap();
    assert!(matches!(back_up(&at("store"), &at("copy")), Err(BackupError::NotEmpty(_))));
    assert!(matches!(restore(&at("copy"), &at("store")), Err(BackupError::NotEmpty(_))));
    assert!(matches!(restore(&at("none"), &at("back")), Err(BackupError::NotWhole(..))));
    let names = fs::read_dir(at("copy")).unwrap().map(|entry| entry.unwrap().path());
    for name in names {
        let whole = fs::read(&name).unwrap();
        let mut decayed = whole.clone();
        decayed[whole.len() / 2] ^= 1;
        for bytes in [&decayed, &whole[..whole.len() - 1]] {
            fs::write(&name, bytes).unwrap();
            let refused = restore(&at("copy"), &at("back"));
            assert!(matches!(refused, Err(BackupError::NotWhole(..))), "{name:?}: {refused:?}");
            if at("back").join("docs-restoring").exists() {
                let half = EmbeddedDocs::open(at("back"), options());
                assert!(matches!(half, Err(OpenError::Corrupt(_))), "half a restore does not open");
            }
        }
        fs::write(&name, &whole).unwrap();
    }
    restore(&at("copy"), &at("back")).unwrap();
    let docs = open(&at("back"));
    assert_eq!(docs.stats().documents, 200, "a restore that failed can be begun again");
    let in_use = restore(&at("copy"), &at("back"));
    assert!(matches!(in_use, Err(BackupError::Open(OpenError::Locked))), "{in_use:?}");
}

#[test]
fn exported_documents_are_imported_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let docs = open(&at("store"));
    let long = "né/".repeat(100);
    let names = ["index", ".hidden", "..", "a/../b", "a b\t%20\n", "CON", long.as_str(), "~", "é"];
    let operations = names.iter().enumerate().map(|(number, name)| Operation {
        auid: ["resource-lists", "org.openmobilealliance.pres-content"][number % 2].into(),
        name: (*name).into(),
        precondition: Precondition::None,
        write: Write::Put {
            etag: ETag(format!("tag {number}\t").into()),
            mime: (number % 3 == 0).then(|| "image/png".into()),
            body: vec![number as u8; number * 100].into(),
        },
    });
    let at_seven = Timestamp::from_secs(7);
    let all = Commit { tree: tree("alice"), at: at_seven, operations: operations.collect(), room: None };
    wait(docs.commit(all)).unwrap();
    write(&docs, "bob", 1);
    // Beside the process that has the store open.
    let read = read_tree(&at("store"), &tree("alice")).unwrap();
    assert_eq!(read.len(), names.len());
    export(&read, &at("alice")).unwrap();
    assert!(matches!(export(&read, &at("alice")), Err(PlainError::NotEmpty(_))));
    assert_eq!(fs::read(at("alice").join("resource-lists").join("%2E.")).unwrap(), vec![2; 200]);

    let other = MemoryDocs::default();
    let count = wait(import(&other, &tree("alice"), &at("alice"), false, at_seven)).unwrap();
    assert_eq!(count, names.len());
    assert_eq!(wait(contents(&other, &["alice"])), wait(contents(&docs, &["alice"])));
    let again = wait(import(&other, &tree("alice"), &at("alice"), false, at_seven));
    assert!(matches!(again, Err(PlainError::Exists(_))), "{again:?}");
    wait(import(&other, &tree("alice"), &at("alice"), true, at_seven)).unwrap();
}

#[test]
fn a_folder_made_by_hand_is_imported() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("test");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a%2Fb"), "by hand").unwrap();
    let docs = MemoryDocs::default();
    let now = Timestamp::from_secs(9);
    assert_eq!(wait(import(&docs, &tree("alice"), directory.path(), false, now)).unwrap(), 1);
    let first = wait(docs.get(&document("alice", "test", "a/b"))).unwrap().unwrap();
    assert_eq!(&*first.body, b"by hand");

    // An exported file that was changed has another version.
    let exported = directory.path().join("exported");
    export(&[(document("alice", "test", "a/b"), first.clone())], &exported).unwrap();
    fs::write(exported.join("test").join("a%2Fb"), "changed").unwrap();
    wait(import(&docs, &tree("alice"), &exported, true, Timestamp::from_secs(10))).unwrap();
    let second = wait(docs.get(&document("alice", "test", "a/b"))).unwrap().unwrap();
    assert_eq!(&*second.body, b"changed");
    assert_ne!(second.etag, first.etag);

    fs::write(exported.join("stray"), "?").unwrap();
    let strange = wait(import(&docs, &tree("alice"), &exported, true, now));
    assert!(matches!(strange, Err(PlainError::Strange(_))), "{strange:?}");
}
