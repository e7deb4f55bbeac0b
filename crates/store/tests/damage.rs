//! Decay of what was on disk: found, named, and repaired only when asked for.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::collections::BTreeMap;

use node::{Epoch, Row, RowChange, RowKey};
use store::disk::{Disk, DiskFile, SimDisk, Tail};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, OpenError, Options, Repair, StoreError, ready};

type Log = EmbeddedLog<SimDisk>;

/// Bytes before the first batch of a segment, and of every batch of the sample; five of them fill a segment.
const HEADER: usize = 20;
const BATCH: usize = 36 + 3 * (36 + 200);

fn options(repair: Repair) -> Options {
    Options { segment_bytes: 4096, commit_interval: None, repair, ..Options::default() }
}

fn batch(number: u64) -> Vec<RowChange> {
    (0..3).map(|half| RowChange::Put(row(key(1, number * 3 + half), number + 1, 200))).collect()
}

/// A log of three segments with rows that are all still there, and the batches in order.
fn sample() -> SimDisk {
    let disk = SimDisk::new(7);
    let log = Log::open_on(disk.clone(), options(Repair::Refuse)).unwrap();
    let fence = log.claim_now().unwrap();
    (0..14).for_each(|number| log.write_now(fence, &batch(number), Durability::Durable).unwrap());
    assert_eq!(log.stats().segments, 3);
    drop(log);
    disk
}

fn copy(disk: &SimDisk) -> SimDisk {
    disk.restart(Tail::Kept)
}

fn length(disk: &SimDisk, name: &str) -> usize {
    usize::try_from(disk.open(name).unwrap().length().unwrap()).unwrap()
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.starts_with("soft-")).collect()
}

fn rows_of(batches: impl Iterator<Item = u64>) -> BTreeMap<RowKey, Row> {
    let rows = batches.flat_map(batch).filter_map(|change| match change {
        RowChange::Put(row) => Some((row.key, row)),
        RowChange::Delete { .. } => None,
    });
    rows.collect()
}

fn refuse(disk: &SimDisk) -> Option<String> {
    match Log::open_on(disk.clone(), options(Repair::Refuse)) {
        Err(OpenError::Corrupt(what)) => Some(what),
        Err(other) => panic!("{other:?}"),
        Ok(_) => None,
    }
}

#[test]
fn decay_of_any_byte_is_named_by_file_and_offset() {
    let disk = sample();
    for name in segments(&disk) {
        let end = length(&disk, &name);
        for offset in (0..end).step_by(7) {
            let decayed = copy(&disk);
            decayed.damage(&name, offset);
            let Some(what) = refuse(&decayed) else {
                // Only of the last batch nobody can tell whether it was ever on disk: no later one says so.
                assert!(
                    name.ends_with("3.log") && offset + BATCH >= end,
                    "{name} at {offset} went unnoticed"
                );
                continue;
            };
            let named: usize = what.split(" at ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
            assert!(what.starts_with(&name), "{what} for {name} at {offset}");
            assert!(named <= offset && offset - named < BATCH, "{what} for {name} at {offset}");
            assert_eq!(refuse(&decayed), Some(what), "a refusal touches nothing");
        }
    }
}

#[test]
fn a_cut_or_missing_segment_is_noticed() {
    let disk = sample();
    let names = segments(&disk);
    let cut = copy(&disk);
    cut.open(&names[1]).unwrap().truncate(2000).unwrap();
    assert!(refuse(&cut).unwrap().starts_with(&names[1]));
    let longer = copy(&disk);
    longer.open(&names[0]).unwrap().append(b"more").unwrap();
    assert!(refuse(&longer).unwrap().contains("too long"));
    let missing = copy(&disk);
    missing.remove(&names[1]).unwrap();
    assert!(refuse(&missing).unwrap().contains("missing"));
    let no_epoch = copy(&disk);
    no_epoch.remove("epoch").unwrap();
    assert!(refuse(&no_epoch).unwrap().starts_with("epoch"));
    let bad_epoch = copy(&disk);
    bad_epoch.damage("epoch", 9);
    assert!(refuse(&bad_epoch).unwrap().starts_with("epoch"));
}

/// Opens with a repair, and checks that the next opening finds nothing wrong and the log is written to as ever.
fn repaired(disk: &SimDisk, repair: Repair) -> (BTreeMap<RowKey, Row>, Vec<String>) {
    let log = Log::open_on(disk.clone(), options(repair)).unwrap();
    let given_up = log.opening().given_up.clone();
    let found = ready(contents(&log));
    drop(log);
    let after = disk.restart(Tail::Lost);
    let log = Log::open_on(after.clone(), options(Repair::Refuse)).unwrap();
    assert_eq!(log.opening().given_up, Vec::<String>::new());
    assert!(ready(contents(&log)) == found, "a repair is on disk");
    let fence = log.claim_now().unwrap();
    for number in 14..60 {
        log.write_now(fence, &batch(number), Durability::Buffered).unwrap();
        let again: Vec<_> = batch(number - 1).iter().map(|change| newer(change, fence)).collect();
        log.write_now(fence, &again, Durability::Buffered).unwrap();
        log.flush().unwrap();
    }
    let end = ready(contents(&log));
    drop(log);
    let log = Log::open_on(after.restart(Tail::Lost), options(Repair::Refuse)).unwrap();
    assert!(ready(contents(&log)) == end);
    (found, given_up)
}

fn newer(change: &RowChange, fence: Epoch) -> RowChange {
    match change {
        RowChange::Put(row) => RowChange::Put(self::row(row.key, u64::from(fence.0) << 32, 100)),
        RowChange::Delete { key, .. } => RowChange::Delete { key: *key, version: u64::MAX },
    }
}

#[test]
fn truncation_leaves_a_state_that_once_was() {
    let disk = sample();
    for (segment, name) in segments(&disk).iter().enumerate() {
        for offset in [0, HEADER, HEADER + 100, 1500] {
            let decayed = copy(&disk);
            decayed.damage(name, offset);
            let Some(what) = refuse(&decayed) else { panic!("{name} at {offset} went unnoticed") };
            let (found, given_up) = repaired(&decayed, Repair::TruncateFrom);
            assert_eq!(given_up, [what]);
            let whole = found.len() as u64 / 3;
            assert!(found == rows_of(0..whole), "{name} at {offset}");
            assert_eq!(whole, segment as u64 * 5 + (offset.saturating_sub(HEADER) / BATCH) as u64);
        }
    }
}

#[test]
fn skipping_gives_up_damaged_batches_alone() {
    let disk = sample();
    for (segment, name) in segments(&disk).iter().enumerate() {
        for (offset, lost) in [(0, None), (HEADER, Some(0)), (HEADER + 100, Some(0)), (1500, Some(1))] {
            let decayed = copy(&disk);
            decayed.damage(name, offset);
            let (found, given_up) = repaired(&decayed, Repair::SkipBatch);
            assert_eq!(given_up.len(), 1);
            let lost = lost.map(|lost: u64| segment as u64 * 5 + lost);
            let expected = rows_of((0..14).filter(|number| Some(*number) != lost));
            assert_eq!(found.len(), expected.len(), "{name} at {offset}");
            assert!(found == expected, "{name} at {offset}");
        }
    }
}

#[test]
fn skipping_bridges_cut_and_missing_segments() {
    let disk = sample();
    let names = segments(&disk);
    let cut = copy(&disk);
    cut.open(&names[1]).unwrap().truncate(2000).unwrap();
    let (found, _) = repaired(&cut, Repair::SkipBatch);
    assert!(found == rows_of((0..14).filter(|number| !(7..10).contains(number))));
    let missing = copy(&disk);
    missing.remove(&names[1]).unwrap();
    let (found, _) = repaired(&missing, Repair::SkipBatch);
    assert!(found == rows_of((0..5).chain(10..14)));
    let longer = copy(&disk);
    longer.open(&names[0]).unwrap().append(b"more").unwrap();
    let (found, _) = repaired(&longer, Repair::SkipBatch);
    assert!(found == rows_of(0..14));
}

#[test]
fn a_lost_epoch_file_is_replaced_by_a_leap() {
    let disk = copy(&sample());
    disk.remove("epoch").unwrap();
    let log = Log::open_on(disk.clone(), options(Repair::SkipBatch)).unwrap();
    assert_eq!(log.opening().given_up.len(), 1);
    assert!(log.claim_now().unwrap() > Epoch(1000));
    drop(log);
    assert_eq!(refuse(&disk), None);
}

#[test]
fn damage_met_by_a_load_is_an_error() {
    let disk = sample();
    let log = Log::open_on(disk.clone(), options(Repair::Refuse)).unwrap();
    disk.damage(&segments(&disk)[1], 400);
    let loaded = log.load_all_now(&mut |_| ());
    assert!(
        matches!(&loaded, Err(StoreError::Corrupt(what)) if what.contains("0000000002.log")),
        "{loaded:?}"
    );
}

#[test]
fn damage_met_by_the_compaction_stops_the_writing() {
    let disk = sample();
    let log = Log::open_on(disk.clone(), options(Repair::Refuse)).unwrap();
    let fence = log.claim_now().unwrap();
    disk.damage(&segments(&disk)[0], 400);
    let mut version = 100;
    let refused = loop {
        version += 1;
        let changes = [RowChange::Put(row(key(1, 40), version, 400))];
        if let Err(error) = log.write_now(fence, &changes, Durability::Durable).and_then(|()| log.flush()) {
            break error;
        }
        assert!(version < 1000, "the compaction never met the damage");
    };
    assert!(
        matches!(&refused, StoreError::Corrupt(what) if what.starts_with("soft-0000000001.log")),
        "{refused:?}"
    );
    let again = log.write_now(fence, &[RowChange::Put(row(key(1, 40), 5000, 40))], Durability::Buffered);
    assert_eq!(again, Err(refused));
    assert_eq!(log.stats().unsynced_bytes, 0, "what is new is on disk all the same");
}
