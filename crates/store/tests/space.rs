//! How much space the log takes: bounded by what is live, whatever the history.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use node::{Epoch, RowChange};
use store::disk::{SimDisk, Tail};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, Options, Stats, ready};

type Log = EmbeddedLog<SimDisk>;

const SEGMENT: u32 = 64 << 10;

fn open(disk: &SimDisk) -> (Log, Epoch) {
    let options = Options { segment_bytes: SEGMENT, commit_interval: None, ..Options::default() };
    let log = Log::open_on(disk.clone(), options).unwrap();
    let fence = log.claim_now().unwrap();
    (log, fence)
}

fn put(log: &Log, fence: Epoch, ids: impl Iterator<Item = u64>, version: u64) {
    let changes: Vec<_> = ids.map(|id| RowChange::Put(row(key(1, id), version, 400))).collect();
    log.write_now(fence, &changes, Durability::Buffered).unwrap();
}

fn assert_bounded(stats: &Stats, context: &str) {
    let bound = stats.live_bytes * 5 / 2 + 2 * u64::from(SEGMENT);
    assert!(stats.disk_bytes <= bound, "{context}: {} for {} live", stats.disk_bytes, stats.live_bytes);
}

#[test]
fn space_is_bounded_by_what_is_live() {
    let disk = SimDisk::new(1);
    let (log, fence) = open(&disk);
    for id in 0..3000_u64 {
        put(&log, fence, id..id + 1, 1);
    }
    log.flush().unwrap();
    // A tenth is overwritten again and again; cold rows are in the way of the compaction all the time.
    for version in 2..200_u64 {
        for first in (0..300).step_by(20) {
            put(&log, fence, first..first + 20, version);
        }
        log.flush().unwrap();
        let stats = log.stats();
        assert_bounded(&stats, "overwrites");
        assert_eq!(stats.disk_bytes, disk.used() - 16, "the files are what is counted, and the epoch");
        assert_eq!(stats.rows, 3000);
    }
}

#[test]
fn writers_alone_keep_the_log_in_bounds() {
    let disk = SimDisk::new(1);
    let (log, fence) = open(&disk);
    (0..1000_u64).for_each(|id| put(&log, fence, id..id + 1, 1));
    for version in 2..60_u64 {
        (0..400_u64).for_each(|id| put(&log, fence, id..id + 1, version));
        // Without a group commit nothing is removed, but what has to stay is bounded.
        let kept = log.stats();
        log.flush().unwrap();
        let stats = log.stats();
        assert_bounded(&stats, "after the flush");
        let round = 400 * 480;
        assert!(kept.disk_bytes <= stats.live_bytes * 5 / 2 + 2 * u64::from(SEGMENT) + 3 * round);
    }
}

#[test]
fn deletes_are_forgotten_and_their_space_comes_back() {
    let disk = SimDisk::new(1);
    let (log, fence) = open(&disk);
    for id in 0..4000_u64 {
        put(&log, fence, id..id + 1, 1);
        let gone = RowChange::Delete { key: key(1, id), version: 2 };
        log.write_now(fence, &[gone], Durability::Buffered).unwrap();
        if id % 50 == 0 {
            log.flush().unwrap();
            let stats = log.stats();
            assert_bounded(&stats, "churn");
            assert!(
                stats.deletes <= 2 * u64::from(SEGMENT) / 500,
                "{} deletes are remembered",
                stats.deletes
            );
        }
    }
    // And the other way: many rows, then none.
    (0..4000_u64).for_each(|id| put(&log, fence, id..id + 1, 3));
    for first in (0..4000_u64).step_by(100) {
        let gone: Vec<_> =
            (first..first + 100).map(|id| RowChange::Delete { key: key(1, id), version: 4 }).collect();
        log.write_now(fence, &gone, Durability::Buffered).unwrap();
    }
    log.flush().unwrap();
    assert_bounded(&log.stats(), "nothing left");
    let after = Log::open_on(disk.restart(Tail::Lost), Options::default()).unwrap();
    assert!(ready(contents(&after)).is_empty());
}

#[test]
fn compaction_survives_claims_and_restarts() {
    let mut disk = SimDisk::new(1);
    for life in 0..30_u64 {
        let (log, fence) = open(&disk);
        put(&log, fence, 0..100, 2 * life + 1);
        let fence = log.claim_now().unwrap();
        put(&log, fence, 50..150, 2 * life + 2);
        log.flush().unwrap();
        assert_bounded(&log.stats(), "lives");
        let rows = ready(contents(&log));
        assert_eq!(rows.len(), 150);
        disk = disk.restart(Tail::Torn);
        let (log, _) = open(&disk);
        assert!(ready(contents(&log)) == rows);
        disk = disk.end_process();
    }
}
