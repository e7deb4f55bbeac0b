//! A scenario that exercises all of the log, and a witness who remembers what was promised in it.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use node::{Epoch, Row, RowChange, RowKey};
use store::disk::{Disk, SimDisk, SimFault, Tail};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, OpenError, Options, StoreError, ready};

pub(crate) type Log = EmbeddedLog<SimDisk>;

/// Small segments and no thread: the same operations at every run.
pub(crate) fn options() -> Options {
    Options { segment_bytes: 4096, commit_interval: None, ..Options::default() }
}

/// Pairs of rows: a batch always writes both rows of a pair with one version.
const PAIRS: u64 = 12;
/// Batches in each of the two lives of the scenario.
const BATCHES: u64 = 130;

/// What was tried, and what was promised.
#[derive(Clone, Default)]
pub(crate) struct Witness {
    /// Every version that was ever tried; [`None`] for a delete.
    tried: BTreeMap<RowKey, BTreeMap<u64, Option<Row>>>,
    /// The newest version that was said to be on disk.
    promised: BTreeMap<RowKey, u64>,
    /// Acknowledged, to be promised by the next group commit.
    buffered: Vec<(RowKey, u64)>,
    newest_epoch: u32,
    /// How many writes each kind of error met.
    pub(crate) full: usize,
}

/// Why the scenario stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("while opening: {0}")]
    Open(#[from] OpenError),
    #[error("while writing: {0}")]
    Store(#[from] StoreError),
}

impl Witness {
    pub(crate) fn claim(&mut self, log: &Log) -> Result<Epoch, StoreError> {
        let epoch = log.claim_now()?;
        assert!(epoch.0 > self.newest_epoch, "an epoch is never given twice");
        self.newest_epoch = epoch.0;
        Ok(epoch)
    }

    /// Writes a batch and remembers it.
    pub(crate) fn write(
        &mut self,
        log: &Log,
        fence: Epoch,
        changes: &[RowChange],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let news: Vec<_> = changes.iter().map(named).collect();
        let before: Vec<_> =
            news.iter().filter(|(key, version)| self.knows(*key, *version)).cloned().collect();
        for ((key, version), change) in news.iter().zip(changes) {
            let content = match change {
                RowChange::Put(row) => Some(row.clone()),
                RowChange::Delete { .. } => None,
            };
            self.tried.entry(*key).or_default().entry(*version).or_insert(content);
        }
        let outcome = log.write_now(fence, changes, durability);
        match outcome {
            Ok(()) => {
                self.buffered.extend(news);
                if durability == Durability::Durable {
                    self.commit();
                }
            }
            Err(StoreError::Full) => {
                // Nothing happened, so it must not be found later either.
                for (key, version) in news.into_iter().filter(|change| !before.contains(change)) {
                    self.tried.get_mut(&key).unwrap().remove(&version);
                }
                self.full += 1;
            }
            Err(_) => {}
        }
        outcome
    }

    fn knows(&self, key: RowKey, version: u64) -> bool {
        self.tried.get(&key).is_some_and(|versions| versions.contains_key(&version))
    }

    pub(crate) fn flush(&mut self, log: &Log) -> Result<(), StoreError> {
        log.flush()?;
        self.commit();
        Ok(())
    }

    fn commit(&mut self) {
        for (key, version) in self.buffered.drain(..) {
            let newest = self.promised.entry(key).or_default();
            *newest = version.max(*newest);
        }
    }

    /// The system has ended: what was only buffered may or may not be there.
    pub(crate) fn crash(&mut self) {
        self.buffered.clear();
    }

    /// Checks what a log holds against everything promised.
    pub(crate) fn check(&self, log: &Log, context: &str) {
        let found = ready(contents(log));
        for (key, row) in &found {
            let tried = self.tried.get(key).and_then(|versions| versions.get(&row.version));
            assert_eq!(tried, Some(&Some(row.clone())), "{context}: a row that nobody wrote");
        }
        for (key, promised) in &self.promised {
            match found.get(key) {
                Some(row) => assert!(row.version >= *promised, "{context}: {key:?} went back"),
                None => {
                    let deleted = self.tried[key].range(*promised..).any(|(_, content)| content.is_none());
                    assert!(deleted, "{context}: {key:?} is lost at {promised}");
                }
            }
        }
        for pair in 0..PAIRS {
            let versions = [0, 1].map(|half| found.get(&half_of(pair, half)).map(|row| row.version));
            assert_eq!(versions[0], versions[1], "{context}: half a batch");
        }
    }
}

fn named(change: &RowChange) -> (RowKey, u64) {
    match change {
        RowChange::Put(row) => (row.key, row.version),
        RowChange::Delete { key, version } => (*key, *version),
    }
}

fn half_of(pair: u64, half: u64) -> RowKey {
    key(5, pair * 2 + half)
}

/// One batch: both halves of a pair at one version, in an order and of sizes that vary.
fn batch(pair: u64, version: u64) -> Vec<RowChange> {
    let step = version & 0xffff;
    let size = 20 + (step * 53 % 700) as usize;
    let both = [half_of(pair, 0), half_of(pair, 1)];
    if step % 9 == 4 {
        return both.map(|key| RowChange::Delete { key, version }).to_vec();
    }
    both.map(|key| RowChange::Put(row(key, version, size))).to_vec()
}

/// The scenario: two lives of overwrites, deletes, batches sent again, both durabilities, flushes, rolls and
/// compaction. With `go_on`, a full disk does not end it.
pub(crate) fn scenario(disk: &SimDisk, witness: &mut Witness, go_on: bool) -> Result<(), Stop> {
    for life in 0..2_u64 {
        let log = Log::open_on(disk.clone(), options())?;
        let fence = match witness.claim(&log) {
            Err(StoreError::Full) if go_on => return Ok(()),
            other => other?,
        };
        let mut outcome = Ok(());
        for step in 0..BATCHES {
            let version = u64::from(fence.0) << 32 | (life * BATCHES + step);
            // Half of the pairs are written once a life, so that compaction has rows to move.
            let pair = if step < PAIRS { step } else { step * 7 % (PAIRS / 2) };
            let durability = if step % 5 == 0 { Durability::Durable } else { Durability::Buffered };
            let changes = batch(pair, version);
            outcome = witness.write(&log, fence, &changes, durability);
            if outcome.is_ok() && step % 8 == 0 {
                outcome = witness.write(&log, fence, &changes, Durability::Buffered);
            }
            if outcome.is_ok() && step % 13 == 12 {
                outcome = witness.flush(&log);
            }
            match outcome {
                Err(StoreError::Full) if go_on => outcome = Ok(()),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        if life == 0 && outcome.is_ok() {
            outcome = witness.flush(&log);
        }
        outcome?;
    }
    Ok(())
}

/// Opens what is left after a crash, checks it, and goes on with it as a new owner would.
pub(crate) fn go_on_after(disk: &SimDisk, witness: &mut Witness, context: &str) {
    witness.crash();
    let log = Log::open_on(disk.clone(), options()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    witness.check(&log, context);
    let fence = witness.claim(&log).unwrap();
    for pair in 0..PAIRS {
        let changes = batch(pair, u64::from(fence.0) << 32 | (1000 + pair));
        let durability = if pair + 1 == PAIRS { Durability::Durable } else { Durability::Buffered };
        witness.write(&log, fence, &changes, durability).unwrap();
    }
    let rest = disk.restart(Tail::Lost);
    witness.crash();
    let log = Log::open_on(rest, options()).unwrap_or_else(|error| panic!("{context}, again: {error:?}"));
    witness.check(&log, context);
}

/// How many operations the scenario takes without faults.
pub(crate) fn operations() -> u64 {
    let disk = SimDisk::new(0);
    let mut witness = Witness::default();
    scenario(&disk, &mut witness, false).unwrap();
    let last = disk.list().unwrap().pop().unwrap();
    assert!(last.as_str() > "soft-0000000020.log", "the scenario rolls: {last}");
    assert_eq!(disk.open("soft-0000000001.log").err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    disk.operations()
}

/// A disk on which the scenario ran into a fault.
pub(crate) fn run_into(operation: u64, fault: SimFault, go_on: bool) -> (SimDisk, Witness, Result<(), Stop>) {
    let disk = SimDisk::new(operation);
    disk.fail_from(operation, fault);
    let mut witness = Witness::default();
    let outcome = scenario(&disk, &mut witness, go_on);
    (disk, witness, outcome)
}
