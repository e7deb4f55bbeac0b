//! The node's rows on the embedded engine over a disk in memory, and a check of what a crash leaves of them.

use std::collections::{BTreeMap, VecDeque};

use node::{Epoch, Row, RowChange, RowKey};
use store::disk::{SimDisk, SimFault, Tail};
use store::{Durability, EmbeddedLog, Options, Repair};

use crate::host::keep;

/// The log and the disk under it, beside the plain history of what was written.
#[derive(Debug)]
pub(super) struct Ledger {
    disk: SimDisk,
    log: Option<EmbeddedLog<SimDisk>>,
    epoch: Epoch,
    /// What was promised: all rows after the last sync.
    kept: BTreeMap<RowKey, Row>,
    /// Batches since then.
    loose: VecDeque<Vec<RowChange>>,
    /// How many batches are kept for certain.
    pub(super) durable: u64,
}

/// The power is gone in the middle of it.
#[derive(Debug)]
pub(super) struct PowerCut;

impl Ledger {
    pub(super) fn new(seed: u64) -> Self {
        let (kept, loose) = (BTreeMap::new(), VecDeque::new());
        Self { disk: SimDisk::new(seed), log: None, epoch: Epoch(0), kept, loose, durable: 0 }
    }

    /// The number of the batch that was written last.
    pub(super) fn batches(&self) -> u64 {
        self.durable + self.loose.len() as u64
    }

    pub(super) fn has_loose(&self) -> bool {
        !self.loose.is_empty()
    }

    /// How many rows the log says it has.
    pub(super) fn rows(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.stats().rows)
    }

    /// Opens the log, which finds what the last crash left: the epoch, all rows, and how many batches survived.
    pub(super) fn open(&mut self) -> Result<(Epoch, Vec<Row>, u64), String> {
        let options = Options {
            segment_bytes: 8 << 10,
            commit_interval: None,
            row_bytes_max: 64 << 10,
            repair: Repair::Refuse,
        };
        let log =
            EmbeddedLog::open_on(self.disk.clone(), options).map_err(|error| format!("the log: {error}"))?;
        let epoch = log.claim_now().map_err(|error| format!("no epoch: {error}"))?;
        if epoch <= self.epoch {
            return Err(format!("{epoch:?} was claimed after {:?}", self.epoch));
        }
        self.epoch = epoch;
        let mut rows = BTreeMap::new();
        log.load_all_now(&mut |row| {
            rows.insert(row.key, row);
        })
        .map_err(|error| format!("rows cannot be read: {error}"))?;
        self.log = Some(log);
        let survived = self.survived(&rows)?;
        // What was found is now the beginning: opening has synced it.
        self.durable = survived;
        self.loose.clear();
        self.kept.clone_from(&rows);
        Ok((epoch, rows.into_values().collect(), survived))
    }

    /// The longest beginning of the history that gives the rows found.
    fn survived(&self, found: &BTreeMap<RowKey, Row>) -> Result<u64, String> {
        let mut state = self.kept.clone();
        let mut fits = (state == *found).then_some(self.durable);
        for (index, batch) in self.loose.iter().enumerate() {
            keep(&mut state, batch.iter().cloned());
            if state == *found {
                fits = Some(self.durable + index as u64 + 1);
            }
        }
        fits.ok_or_else(|| {
            format!(
                "{} rows were found that no beginning of the {} loose batches gives; {} were promised",
                found.len(),
                self.loose.len(),
                self.kept.len()
            )
        })
    }

    pub(super) fn write(&mut self, rows: Vec<RowChange>, durable: bool) -> Result<(), PowerCut> {
        let how = if durable { Durability::Durable } else { Durability::Buffered };
        let log = self.log.as_ref().expect("the node runs, so its log is open");
        let outcome = log.write_now(self.epoch, &rows, how);
        self.loose.push_back(rows);
        outcome.map_err(|_| PowerCut)?;
        if durable {
            self.promised();
        }
        Ok(())
    }

    /// The group commit.
    pub(super) fn flush(&mut self) -> Result<(), PowerCut> {
        let Some(log) = &self.log else { return Ok(()) };
        log.flush().map_err(|_| PowerCut)?;
        self.promised();
        Ok(())
    }

    fn promised(&mut self) {
        self.durable = self.batches();
        for batch in self.loose.drain(..) {
            keep(&mut self.kept, batch);
        }
    }

    /// The power is to go within the next operations of the disk.
    pub(super) fn cut_soon(&self, operations: u64) {
        self.disk.fail_from(self.disk.operations() + operations, SimFault::PowerCut);
    }

    /// The power stays.
    pub(super) fn heal(&self) {
        self.disk.heal();
    }

    /// The power goes, or only the process if `tail` is [`Tail::Kept`].
    pub(super) fn crash(&mut self, tail: Tail) {
        let left = self.disk.restart(tail);
        self.log = None;
        self.disk = left;
    }
}
