//! Random histories against a map: writes in any order of versions, restarts, losses of power, group commits.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::collections::BTreeMap;

use node::{Epoch, Partition, Row, RowChange, RowKey};
use proptest::prelude::*;
use store::disk::{SimDisk, Tail};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, Options, ready};

type Log = EmbeddedLog<SimDisk>;

#[derive(Clone, Debug)]
enum Act {
    /// Changes of one batch.
    Write(Vec<Attempt>),
    /// The batch of so many writes ago once more.
    Again(usize),
    Flush,
    Claim,
    Restart(Tail),
}

#[derive(Clone, Debug)]
struct Attempt {
    id: u64,
    /// Added to the newest version of the row so far.
    ahead: i64,
    /// [`None`] for a delete.
    size: Option<usize>,
}

fn act() -> impl Strategy<Value = Act> {
    let size = prop_oneof![1 => Just(None), 6 => (16..600_usize).prop_map(Some), 1 => (600..1800_usize).prop_map(Some)];
    let attempt = (0..40_u64, -2..4_i64, size).prop_map(|(id, ahead, size)| Attempt { id, ahead, size });
    let tail = prop_oneof![Just(Tail::Lost), Just(Tail::Partly), Just(Tail::Torn), Just(Tail::Kept)];
    prop_oneof![
        20 => prop::collection::vec(attempt, 1..5).prop_map(Act::Write),
        2 => (0..4_usize).prop_map(Act::Again),
        4 => Just(Act::Flush),
        1 => Just(Act::Claim),
        1 => tail.prop_map(Act::Restart),
    ]
}

/// What the log should hold. A delete is remembered for ever here, which a log may forget: see [`Model::adopt`].
#[derive(Default)]
struct Model {
    rows: BTreeMap<RowKey, (u64, Option<Row>)>,
    written: Vec<Vec<RowChange>>,
}

impl Model {
    fn newest(&self, key: RowKey) -> u64 {
        self.rows.get(&key).map_or(10, |(version, _)| *version)
    }

    fn batch(&self, attempts: &[Attempt]) -> Vec<RowChange> {
        let change = |attempt: &Attempt| {
            let key = key(attempt.id as u16 % 3, attempt.id);
            let version = self.newest(key).saturating_add_signed(attempt.ahead);
            match attempt.size {
                Some(size) => RowChange::Put(row(key, version, size)),
                None => RowChange::Delete { key, version },
            }
        };
        attempts.iter().map(change).collect()
    }

    fn apply(&mut self, changes: &[RowChange]) {
        for change in changes {
            let (key, version, content) = match change {
                RowChange::Put(row) => (row.key, row.version, Some(row.clone())),
                RowChange::Delete { key, version } => (*key, *version, None),
            };
            if self.rows.get(&key).is_none_or(|(stored, _)| version > *stored) {
                self.rows.insert(key, (version, content));
            }
        }
    }

    /// A put below a delete is passed over, unless the delete has been forgotten. If so, the put stands from now on,
    /// and must not be lost again.
    fn adopt(&mut self, log: &Log, changes: &[RowChange]) {
        for change in changes {
            let RowChange::Put(put) = change else { continue };
            if matches!(self.rows.get(&put.key), Some((version, None)) if put.version <= *version) {
                let found = ready(contents(log)).remove(&put.key);
                if let Some(found) = found {
                    self.rows.insert(found.key, (found.version, Some(found)));
                }
            }
        }
    }

    fn expected(&self) -> BTreeMap<RowKey, Row> {
        self.rows.iter().filter_map(|(key, (_, row))| Some((*key, row.clone()?))).collect()
    }
}

fn open(disk: &SimDisk) -> (Log, Epoch) {
    let options = Options { segment_bytes: 8192, commit_interval: None, ..Options::default() };
    let log = Log::open_on(disk.clone(), options).unwrap();
    let fence = log.claim_now().unwrap();
    (log, fence)
}

/// What one group commit may leave on disk, after every group commit.
fn assert_bounded(log: &Log) {
    let stats = log.stats();
    let bound = stats.live_bytes * 5 / 2 + 2 * 8192;
    assert!(stats.disk_bytes <= bound, "{} bytes for {} live", stats.disk_bytes, stats.live_bytes);
}

fn run(acts: Vec<Act>) {
    let mut disk = SimDisk::new(acts.len() as u64);
    let (mut log, mut fence) = open(&disk);
    let mut model = Model::default();
    for act in acts {
        match act {
            Act::Write(attempts) => {
                let changes = model.batch(&attempts);
                log.write_now(fence, &changes, Durability::Buffered).unwrap();
                model.apply(&changes);
                model.adopt(&log, &changes);
                model.written.push(changes);
            }
            Act::Again(ago) => {
                let Some(at) = model.written.len().checked_sub(ago + 1) else { continue };
                let changes = model.written[at].clone();
                log.write_now(fence, &changes, Durability::Durable).unwrap();
                model.apply(&changes);
                model.adopt(&log, &changes);
            }
            Act::Flush => {
                log.flush().unwrap();
                assert_bounded(&log);
            }
            Act::Claim => {
                let newer = log.claim_now().unwrap();
                assert!(newer > fence);
                fence = newer;
            }
            Act::Restart(tail) => {
                log.write_now(fence, &[], Durability::Durable).unwrap();
                disk = disk.restart(tail);
                drop(log);
                let before = fence;
                (log, fence) = open(&disk);
                assert!(fence > before);
                assert!(ready(contents(&log)) == model.expected());
            }
        }
    }
    assert!(ready(contents(&log)) == model.expected());
    let mut by_partition = BTreeMap::new();
    for partition in 0..3 {
        log.load_now(Partition(partition), &mut |row| {
            by_partition.insert(row.key, row);
        })
        .unwrap();
    }
    assert!(by_partition == model.expected());
    let stats = log.stats();
    assert_eq!(stats.rows, by_partition.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(160) })]

    #[test]
    fn a_log_agrees_with_a_map(acts in prop::collection::vec(act(), 1..220)) {
        run(acts);
    }
}
