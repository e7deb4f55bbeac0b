//! Losses of power at every operation of a scenario with rolls, compaction and a restart.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

mod witness;

use node::RowChange;
use store::disk::{SimDisk, SimFault, Tail};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, ready};
use witness::{go_on_after, operations, options, run_into};

fn at_every_operation(tail: Tail) {
    let operations = operations();
    assert!(operations > 300, "the scenario is long enough to mean something: {operations}");
    for operation in 0..operations {
        let (disk, mut witness, outcome) = run_into(operation, SimFault::PowerCut, false);
        let told = outcome.err().map(|stop| stop.to_string());
        // The last operations belong to the drop, which tells nobody.
        assert!(told.is_some() || operation + 10 > operations, "the cut at {operation} went unnoticed");
        go_on_after(&disk.restart(tail), &mut witness, &format!("cut at {operation}, {tail:?}, {told:?}"));
    }
}

#[test]
fn what_is_promised_outlives_the_loss_of_all_unsynced_bytes() {
    at_every_operation(Tail::Lost);
}

#[test]
fn what_is_promised_outlives_the_loss_of_some_unsynced_bytes() {
    at_every_operation(Tail::Partly);
}

#[test]
fn what_is_promised_outlives_garbage_in_unsynced_bytes() {
    at_every_operation(Tail::Torn);
}

#[test]
fn what_is_promised_outlives_the_end_of_the_process_alone() {
    at_every_operation(Tail::Kept);
}

#[test]
fn a_second_loss_of_power_while_opening_changes_nothing() {
    for operation in (0..operations()).step_by(3) {
        let (disk, witness, _) = run_into(operation, SimFault::PowerCut, false);
        let found = disk.restart(Tail::Torn);
        for again in 0.. {
            let twin = found.restart(Tail::Kept);
            twin.fail_from(again, SimFault::PowerCut);
            let opened = EmbeddedLog::open_on(twin.clone(), options()).map(drop);
            let mut branch = witness.clone();
            go_on_after(
                &twin.restart(Tail::Partly),
                &mut branch,
                &format!("cut at {operation}, then {again}"),
            );
            if opened.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn what_was_read_at_an_opening_is_on_disk() {
    let disk = SimDisk::new(1);
    let log = EmbeddedLog::open_on(disk.clone(), options()).unwrap();
    let fence = log.claim_now().unwrap();
    for version in 1..=3 {
        let changes = [RowChange::Put(row(key(1, 1), version, 100))];
        log.write_now(fence, &changes, Durability::Buffered).unwrap();
    }
    let disk = disk.end_process();
    drop(log);
    let log = EmbeddedLog::open_on(disk.clone(), options()).unwrap();
    let read = ready(contents(&log));
    assert_eq!(read.values().map(|row| row.version).collect::<Vec<_>>(), [3]);
    let log = EmbeddedLog::open_on(disk.restart(Tail::Lost), options()).unwrap();
    assert!(ready(contents(&log)) == read, "a version that was loaded once must not go back");
}
