//! Documents through losses of power and of the process, at every operation of a scenario.

mod chronicle;

use chronicle::{Chronicle, Docs, go_on_after, operations, options, run_into, scenario};
use store::disk::{SimDisk, SimFault, Tail};
use store::docs::suite::{self, document, put};
use store::docs::{DocStore, Precondition, wait};

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

/// Threads whose commits share syncs: of each thread at most the commit that was not answered is in doubt.
#[test]
fn commits_that_share_a_sync_stand_or_fall_each_as_a_whole() {
    const THREADS: usize = 4;
    for operation in (10..150).step_by(3) {
        let disk = SimDisk::new(operation);
        let docs = Docs::open_on(disk.clone(), options()).unwrap();
        disk.fail_from(operation, SimFault::PowerCut);
        let commit = |user: &str, version: u64| {
            let both = ["one", "two"].map(|name| {
                let body = vec![b'x'; (version * 53 % 300) as usize];
                put(&document(user, "test", name), Precondition::None, &version.to_string(), &body)
            });
            wait(docs.commit(suite::commit(user, both.to_vec())))
        };
        let answered: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let commit = &commit;
                    scope.spawn(move || {
                        (1..).find(|version| commit(&thread.to_string(), *version).is_err()).unwrap() - 1
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for tail in [Tail::Lost, Tail::Partly, Tail::Torn, Tail::Kept] {
            let found = Docs::open_on(disk.restart(tail), options()).unwrap();
            for (user, answered) in answered.iter().enumerate() {
                let both = ["one", "two"].map(|name| {
                    let doc = wait(found.get(&document(&user.to_string(), "test", name))).unwrap();
                    doc.map_or(0, |doc| doc.etag.0.parse::<u64>().unwrap())
                });
                assert_eq!(both[0], both[1], "half a commit, {tail:?} at {operation}");
                assert!(
                    both[0] == *answered || both[0] == answered + 1,
                    "{both:?} after {answered}, {tail:?} at {operation}"
                );
            }
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
