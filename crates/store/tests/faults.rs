//! Full disks, failing disks and failing syncs at every operation of the scenario.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

mod witness;

use node::RowChange;
use store::disk::{SimDisk, SimFault, Tail};
use store::suite::{contents, key, row};
use store::{Durability, StoreError, ready};
use witness::{Log, Witness, go_on_after, operations, options, run_into, scenario};

#[test]
fn a_full_disk_refuses_and_later_goes_on() {
    let mut refused = 0;
    for operation in 0..operations() {
        let (disk, mut witness, outcome) = run_into(operation, SimFault::Full, true);
        disk.heal();
        refused += witness.full;
        // Only opening may end the scenario: a first segment needs space.
        let told = outcome.err().map(|stop| stop.to_string()).unwrap_or_default();
        assert!(told.is_empty() || told.contains("while opening"), "{operation}: {told}");
        go_on_after(&disk, &mut witness, &format!("full at {operation}"));
    }
    assert!(refused > 1000, "the disk was full when it mattered");
}

#[test]
fn reads_and_then_writes_go_on_at_one_opening() {
    let disk = SimDisk::new(3);
    let log = Log::open_on(disk.clone(), options()).unwrap();
    let fence = log.claim_now().unwrap();
    let first = row(key(1, 1), 1, 400);
    log.write_now(fence, &[RowChange::Put(first.clone())], Durability::Durable).unwrap();
    disk.set_capacity(Some(disk.used() + 100)); // a part of the batch will fit
    let second = RowChange::Put(row(key(1, 2), 1, 400));
    for _ in 0..3 {
        let refused = log.write_now(fence, std::slice::from_ref(&second), Durability::Durable);
        assert_eq!(refused, Err(StoreError::Full));
    }
    assert_eq!(ready(contents(&log)).into_values().collect::<Vec<_>>(), [first]);
    assert_eq!(
        log.claim_now().map(|_| ()),
        Ok(()),
        "a claim replaces the file it had, and 16 bytes are there"
    );
    disk.set_capacity(None);
    let fence = log.claim_now().unwrap();
    log.write_now(fence, &[second], Durability::Durable).unwrap();
    let after = Log::open_on(disk.restart(Tail::Lost), options()).unwrap();
    assert_eq!(ready(contents(&after)).len(), 2);
    assert_eq!(after.opening().torn_bytes, 0, "what did not fit was taken back");
}

#[test]
fn a_failing_disk_breaks_no_promise() {
    let operations = operations();
    for operation in 0..operations {
        for fault in [SimFault::Io, SimFault::Sync] {
            let (disk, witness, outcome) = run_into(operation, fault, false);
            let told = outcome.err().map(|stop| stop.to_string());
            // The last operations belong to the drop, which tells nobody.
            assert!(told.is_some() || operation + 10 > operations, "{fault:?} at {operation} went unnoticed");
            for tail in [Tail::Lost, Tail::Torn] {
                let mut branch = witness.clone();
                let context = format!("{fault:?} at {operation}, {told:?}, {tail:?}");
                go_on_after(&disk.restart(tail), &mut branch, &context);
            }
        }
    }
}

#[test]
fn after_a_failed_sync_there_is_no_second_one() {
    let disk = SimDisk::new(3);
    let log = Log::open_on(disk.clone(), options()).unwrap();
    let fence = log.claim_now().unwrap();
    let kept = row(key(1, 1), 1, 400);
    log.write_now(fence, &[RowChange::Put(kept.clone())], Durability::Durable).unwrap();
    disk.fail_from(disk.operations(), SimFault::Sync);
    let doubtful = [RowChange::Put(row(key(1, 2), 1, 400))];
    assert_eq!(log.write_now(fence, &doubtful, Durability::Durable), Err(StoreError::Unknown));
    disk.heal();
    let operations = disk.operations();
    for durability in [Durability::Buffered, Durability::Durable] {
        let refused = log.write_now(fence, &doubtful, durability);
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    }
    assert!(matches!(log.flush(), Err(StoreError::Unavailable { .. })));
    assert!(matches!(log.claim_now(), Err(StoreError::Unavailable { .. })));
    assert!(log.stats().broken.unwrap().contains("sync"));
    assert_eq!(ready(contents(&log)).len(), 2, "reads go on");
    drop(log);
    assert_eq!(disk.operations(), operations, "nothing was tried again");
    let after = Log::open_on(disk.restart(Tail::Lost), options()).unwrap();
    assert_eq!(ready(contents(&after)).into_values().collect::<Vec<_>>(), [kept]);
}

#[test]
fn rows_and_batches_have_a_limit() {
    let disk = SimDisk::new(3);
    let log = Log::open_on(disk.clone(), store::Options { row_bytes_max: 500, ..options() }).unwrap();
    let fence = log.claim_now().unwrap();
    let operations = disk.operations();
    let large = vec![RowChange::Put(row(key(1, 1), 1, 40)), RowChange::Put(row(key(1, 2), 1, 501))];
    assert_eq!(log.write_now(fence, &large, Durability::Buffered), Err(StoreError::TooLarge));
    let many: Vec<_> = (0..20).map(|id| RowChange::Put(row(key(1, id), 1, 400))).collect();
    assert_eq!(log.write_now(fence, &many, Durability::Buffered), Err(StoreError::TooLarge));
    assert_eq!(disk.operations(), operations);
    assert!(ready(contents(&log)).is_empty());
    log.write_now(fence, &[RowChange::Put(row(key(1, 2), 1, 500))], Durability::Buffered).unwrap();
}

#[test]
fn the_scenario_keeps_its_promises_without_faults() {
    let disk = SimDisk::new(0);
    let mut witness = Witness::default();
    scenario(&disk, &mut witness, false).unwrap();
    go_on_after(&disk.restart(Tail::Kept), &mut witness, "no fault");
}
