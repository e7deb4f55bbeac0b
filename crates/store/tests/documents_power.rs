//! Documents through losses of power and of the process, at every operation of a scenario.

mod chronicle;

use chronicle::{Chronicle, Docs, go_on_after, operations, options, run_into, scenario};
use store::disk::{SimDisk, SimFault, Tail};

fn cut_at_every_operation(tail: Tail) {
    for operation in 0..operations() {
        let (disk, mut chronicle, _) = run_into(operation, SimFault::PowerCut, false);
        go_on_after(&disk.restart(tail), &mut chronicle, &format!("{tail:?} at {operation}"));
    }
}

#[test]
fn what_is_answered_outlives_the_loss_of_all_unsynced_bytes() {
    cut_at_every_operation(Tail::Lost);
}

#[test]
fn what_is_answered_outlives_the_loss_of_some_unsynced_bytes() {
    cut_at_every_operation(Tail::Partly);
}

#[test]
fn what_is_answered_outlives_garbage_in_unsynced_bytes() {
    cut_at_every_operation(Tail::Torn);
}

#[test]
fn what_is_answered_outlives_the_end_of_the_process_alone() {
    for operation in 0..operations() {
        let (disk, mut chronicle, _) = run_into(operation, SimFault::PowerCut, false);
        go_on_after(&disk.end_process(), &mut chronicle, &format!("ended at {operation}"));
    }
}

#[test]
fn a_second_loss_of_power_while_opening_changes_nothing() {
    for operation in (0..operations()).step_by(7) {
        let (first, chronicle, _) = run_into(operation, SimFault::PowerCut, false);
        let opening = first.restart(Tail::Torn);
        drop(Docs::open_on(opening.clone(), options()).unwrap());
        let steps = opening.operations();
        for step in 0..steps {
            let disk = first.restart(Tail::Torn);
            disk.fail_from(step, SimFault::PowerCut);
            drop(Docs::open_on(disk.clone(), options()));
            let context = format!("at {operation}, then at {step}");
            go_on_after(&disk.restart(Tail::Torn), &mut chronicle.clone(), &context);
        }
    }
}

#[test]
fn the_scenario_keeps_its_promises_without_faults() {
    let disk = SimDisk::new(1);
    let mut chronicle = Chronicle::default();
    scenario(&disk, &mut chronicle, false).unwrap();
    go_on_after(&disk, &mut chronicle, "without faults");
}
