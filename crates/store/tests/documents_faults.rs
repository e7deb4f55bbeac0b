//! Documents on full disks, failing disks and failing syncs, at every operation of a scenario.

mod chronicle;

use chronicle::{Chronicle, Docs, commit, go_on_after, operations, options, run_into};
use store::StoreError;
use store::disk::{SimDisk, SimFault, Tail};
use store::docs::suite::{self, document, put, tree};
use store::docs::{Commit, DocStore, Options, Precondition, wait};

#[test]
fn a_full_disk_refuses_and_later_goes_on() {
    let mut refused = 0;
    for operation in 0..operations() {
        let (disk, mut chronicle, outcome) = run_into(operation, SimFault::Full, true);
        disk.heal();
        refused += chronicle.full;
        // Only opening may end the scenario: a first segment needs space.
        assert!(matches!(outcome, Ok(()) | Err(chronicle::Stop::Open(_))), "{operation}: {outcome:?}");
        go_on_after(&disk, &mut chronicle, &format!("full at {operation}"));
    }
    assert!(refused > 1000, "the disk was full when it mattered");
}

#[test]
fn a_failing_disk_breaks_no_promise() {
    for operation in 0..operations() {
        for fault in [SimFault::Io, SimFault::Sync] {
            let (disk, mut chronicle, _) = run_into(operation, fault, true);
            let context = format!("{fault:?} at {operation}");
            go_on_after(&disk.restart(Tail::Torn), &mut chronicle, &context);
        }
    }
}

#[test]
fn commits_go_on_at_one_opening_once_the_disk_works_again() {
    let operations = operations();
    for operation in (8..operations).step_by(3) {
        for fault in [SimFault::Full, SimFault::Io, SimFault::Sync] {
            let disk = SimDisk::new(operation);
            let mut chronicle = Chronicle::default();
            let docs = Docs::open_on(disk.clone(), options()).unwrap();
            disk.fail_from(operation, fault);
            let context = format!("{fault:?} at {operation}");
            let mut failed = 0;
            for number in 0..250 {
                failed += usize::from(chronicle.commit(&docs, commit(number)).is_err());
                if failed == 4 {
                    break;
                }
            }
            assert!(disk.operations() < operation || failed > 0, "{context} went unnoticed");
            chronicle.check(&docs, false, &context);
            disk.heal();
            for number in 500..540 {
                chronicle
                    .commit(&docs, commit(number))
                    .unwrap_or_else(|error| panic!("{context}: {error:?}"));
            }
            chronicle.check(&docs, false, &context);
            let found = disk.restart(Tail::Torn);
            drop(docs);
            go_on_after(&found, &mut chronicle, &context);
        }
    }
}

#[test]
fn what_no_answer_promised_does_not_come_back() {
    let disk = SimDisk::new(3);
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    let it = document("alice", "test", "it");
    let write =
        |etag: &str| suite::commit("alice", vec![put(&it, Precondition::None, etag, etag.as_bytes())]);
    wait(docs.commit(write("before"))).unwrap();
    disk.fail_from(disk.operations(), SimFault::Sync);
    assert_eq!(wait(docs.commit(write("lost"))), Err(StoreError::Unknown));
    assert!(docs.stats().failing.is_some());
    assert!(matches!(wait(docs.commit(write("refused"))), Err(StoreError::Unavailable { .. })));
    assert_eq!(&*wait(docs.get(&it)).unwrap().unwrap().body, b"before");
    disk.heal();
    let other = document("alice", "test", "other");
    wait(docs.commit(suite::commit("alice", vec![put(&other, Precondition::None, "1", b"1")]))).unwrap();
    assert_eq!(docs.stats().failing, None);
    for tail in [Tail::Kept, Tail::Lost] {
        let docs = Docs::open_on(disk.restart(tail), options()).unwrap();
        assert_eq!(&*wait(docs.get(&it)).unwrap().unwrap().body, b"before");
        assert_eq!(&*wait(docs.get(&other)).unwrap().unwrap().body, b"1");
    }
}

#[test]
fn a_full_disk_is_told_and_so_is_its_end() {
    let disk = SimDisk::new(3);
    let options = || Options { ahead_bytes: 0, ..options() };
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    let it = document("alice", "test", "it");
    let write =
        |etag: &str| suite::commit("alice", vec![put(&it, Precondition::None, etag, etag.as_bytes())]);
    wait(docs.commit(write("before"))).unwrap();
    disk.set_capacity(Some(disk.used() + 50)); // a part of the commit will fit
    assert_eq!(wait(docs.commit(write("refused"))), Err(StoreError::Full));
    assert!(docs.stats().failing.is_some());
    assert_eq!(&*wait(docs.get(&it)).unwrap().unwrap().body, b"before");
    disk.set_capacity(None);
    wait(docs.commit(write("after"))).unwrap();
    assert_eq!(docs.stats().failing, None);
    let found = Docs::open_on(disk.restart(Tail::Lost), options()).unwrap();
    assert_eq!(&*wait(found.get(&it)).unwrap().unwrap().body, b"after");
    assert_eq!(found.found().torn_bytes, 0, "what did not fit was taken back");
}

#[test]
fn a_full_disk_takes_what_was_set_aside_for_it_and_no_more() {
    let disk = SimDisk::new(3);
    let docs = Docs::open_on(disk.clone(), Options { ahead_bytes: 1000, ..options() }).unwrap();
    let write = |number: u64| {
        let it = document("alice", "test", &number.to_string());
        wait(docs.commit(suite::commit("alice", vec![put(&it, Precondition::None, "1", b"it")])))
    };
    write(0).unwrap();
    let one = disk.used();
    disk.set_capacity(Some(one));
    let (written, refused) = (1..).map(|number| (number, write(number))).find(|one| one.1.is_err()).unwrap();
    assert_eq!(refused, Err(StoreError::Full));
    assert!((6..10).contains(&written), "{written} commits in a thousand bytes");
    assert!(disk.used() <= one);
    // There is room for commits, and none to set aside: the commits come first.
    disk.set_capacity(Some(one + 300));
    write(20).unwrap();
    write(21).unwrap();
    let stats = docs.stats();
    assert_eq!((stats.failing, stats.disk_bytes), (None, disk.used()));
    let found = Docs::open_on(disk.restart(Tail::Torn), options()).unwrap();
    assert_eq!((found.stats().documents, found.found().torn_bytes), (written + 2, 0));
}

#[test]
fn documents_and_commits_have_a_limit() {
    let docs = Docs::open_on(SimDisk::new(1), options()).unwrap();
    let sized = |size: usize| {
        let it = document("alice", "test", "it");
        suite::commit("alice", vec![put(&it, Precondition::None, "1", &vec![b'x'; size])])
    };
    assert_eq!(wait(docs.commit(sized(2100))), Err(StoreError::TooLarge));
    assert!(wait(docs.commit(sized(1700))).is_ok());
    let long = document("alice", "test", &"n".repeat(20_000));
    let named = suite::commit("alice", vec![put(&long, Precondition::None, "1", b"")]);
    assert_eq!(wait(docs.commit(named)), Err(StoreError::TooLarge));
    let many = document("alice", "test", "it");
    let operations = vec![put(&many, Precondition::None, "1", b""); 5000];
    let commit = Commit { tree: tree("alice"), at: sip_stack::Timestamp::ZERO, operations, room: None };
    assert_eq!(wait(docs.commit(commit)), Err(StoreError::TooLarge));
}
