//! A fixed number of simulated runs; `cargo xtask sim` makes many more.

use sim::simulation::{run, simulate};

const SEEDS: u64 = 40;

#[test]
fn runs_of_the_first_seeds_keep_all_rules() {
    let report = run(1..=SEEDS);
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let tally = report.tally;
    // The runs are worth something only if all of this happens in them.
    assert!(tally.crashes > 100 && tally.batches_lost > 50 && tally.breaks > 100, "{tally:?}");
    assert!(tally.notified > 4000 && tally.converged > 300, "{tally:?}");
    assert!(tally.edits > 1000 && tally.withheld > 1000, "{tally:?}");
    assert!(tally.listed > 2000 && tally.conditional > 150, "{tally:?}");
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    assert_eq!(
        simulate(3).map_err(|failure| failure.to_string()),
        simulate(3).map_err(|failure| failure.to_string())
    );
}
