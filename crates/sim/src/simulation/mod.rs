//! Simulated runs by seed: a whole node on the embedded log, among honest peers, in bad weather, beside a reference.
//!
//! A run has four parts: chaos (datagrams lost, doubled, late and out of order, streams that break, partitions, the power
//! cut in the middle of a write, restarts with another number of shards, strangers' broken messages, rules, lists and
//! permanent state that change, also while the node is down), calm, long calm, and the end, when everyone
//! leaves. What must hold:
//!
//! - what [`crate::manners::Manners`] says of every message, over restarts too;
//! - each request is answered as the reference expects, a refused one leaves no row and no presentity;
//! - each NOTIFY tells exactly what the rules of that moment show of the state composed at that moment, and says of the
//!   subscription what they decide; versions never go back at a watcher;
//! - after a crash the log holds what some beginning of the history gives, with all that was promised;
//! - so does each document in a NOTIFY of a list, and what that says of resources without one;
//! - in calm every live watcher knows all that it may of the composed state, without waiting for its next refresh;
//! - publications and subscriptions end in time, and at the end all gauges and the log are empty.

mod exchange;
mod ledger;
mod noise;
mod peer;
mod plan;
mod reference;
mod roster;
mod ruling;
mod source;
mod watcher;
mod world;

use core::fmt;
use std::panic::{self, AssertUnwindSafe};

/// What a run went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that reached the node.
    pub heard: u64,
    /// Messages that it said.
    pub said: u64,
    /// NOTIFYs among them, retransmissions not counted.
    pub notified: u64,
    /// Crashes of the node.
    pub crashes: u64,
    /// Batches of rows that crashes took.
    pub batches_lost: u64,
    /// Streams that broke, and partitions.
    pub breaks: u64,
    /// Watchers found to know what they may of the composed state, without having had to refresh.
    pub converged: u64,
    /// Changes of rules, lists and permanent state.
    pub edits: u64,
    /// NOTIFYs that told less than was composed, and subscriptions that rules ended or put off.
    pub withheld: u64,
    /// Resources of which NOTIFYs of lists told.
    pub listed: u64,
    /// NOTIFYs by rules that held for the sphere or the time.
    pub conditional: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.heard += other.heard;
        self.said += other.said;
        self.notified += other.notified;
        self.crashes += other.crashes;
        self.batches_lost += other.batches_lost;
        self.breaks += other.breaks;
        self.converged += other.converged;
        self.edits += other.edits;
        self.withheld += other.withheld;
        self.listed += other.listed;
        self.conditional += other.conditional;
    }
}

/// A run in which something happened that must not.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it.
    pub seed: u64,
    /// Seconds after the start of the run.
    pub at: f64,
    /// What is wrong.
    pub what: String,
    /// The last events before.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        writeln!(f, "seed {} failed at +{:.3}s: {}", self.seed, self.at, self.what)?;
        write!(f, "replay: cargo run -p rollcall-sim --release -- --seed {} --trace", self.seed)
    }
}

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Runs.
    pub runs: u64,
    /// Their tallies added up.
    pub tally: Tally,
    /// Those that failed.
    pub failures: Vec<Failure>,
}

/// Lines of the trace that a failure shows.
const TRACE_LINES: usize = 60;

/// One run. A run that fails is played again to tell what went before.
pub fn simulate(seed: u64) -> Result<Tally, Box<Failure>> {
    let mut world = world::World::new(seed, None);
    let Err(first) = played(&mut world) else { return Ok(world.tally()) };
    let mut lines = Vec::new();
    let mut note = |line: String| lines.push(line);
    let mut again = world::World::new(seed, Some(&mut note));
    let second = played(&mut again);
    let (at, what) = match second {
        Err(what) if what == first => (again.seconds(), what),
        other => (world.seconds(), format!("{first}\nand the second time something else: {other:?}")),
    };
    drop(again);
    let trace = lines.split_off(lines.len().saturating_sub(TRACE_LINES));
    Err(Box::new(Failure { seed, at, what, trace }))
}

/// A panic of the node fails the run like anything else that must not happen.
fn played(world: &mut world::World<'_>) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(|| world.play())).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without words")))
    })
}

/// One run, each event told as it happens.
pub fn trace(seed: u64, note: &mut dyn FnMut(String)) -> Result<Tally, Box<Failure>> {
    let mut world = world::World::new(seed, Some(note));
    match played(&mut world) {
        Ok(()) => Ok(world.tally()),
        Err(what) => Err(Box::new(Failure { seed, at: world.seconds(), what, trace: Vec::new() })),
    }
}

/// Many runs, one after another.
pub fn run(seeds: impl IntoIterator<Item = u64>) -> Report {
    let mut report = Report::default();
    for seed in seeds {
        report.runs += 1;
        match simulate(seed) {
            Ok(tally) => report.tally.add(&tally),
            Err(failure) => report.failures.push(*failure),
        }
    }
    report
}
