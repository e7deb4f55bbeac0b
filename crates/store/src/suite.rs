//! The one suite that every engine passes: what [`SoftStore`] promises, as checks that panic.

use std::collections::BTreeMap;

use node::{Epoch, Kind, Partition, Row, RowChange, RowKey};
use sip_stack::Timestamp;

use crate::{Durability, Engine, SoftStore, StoreError};

/// An engine under test.
pub trait Subject {
    /// Its type.
    type Engine: Engine;

    /// An engine that holds nothing.
    fn empty(&mut self) -> Self::Engine;

    /// Ends the engine without ceremony, and opens what it leaves behind. [`None`] if it keeps nothing by design.
    fn again(&mut self, engine: Self::Engine) -> Option<Self::Engine>;
}

/// Runs every check.
///
/// # Panics
///
/// At the first promise that is not kept.
pub async fn run<S: Subject>(subject: &mut S) {
    rows_are_loaded_as_they_were_written(subject.empty().soft()).await;
    only_newer_versions_apply(subject.empty().soft()).await;
    a_delete_is_remembered(subject.empty().soft()).await;
    a_batch_applies_in_order(subject.empty().soft()).await;
    a_stale_fence_is_refused(subject.empty().soft()).await;
    expired_rows_are_loaded(subject.empty().soft()).await;
    writers_take_turns(subject.empty().soft()).await;
    durable_rows_outlive_the_engine(subject).await;
}

/// A key for tests.
pub fn key(partition: u16, id: u64) -> RowKey {
    let kind = if id.is_multiple_of(2) { Kind::Publication } else { Kind::Dialog };
    RowKey { partition: Partition(partition), kind, id }
}

/// A row for tests whose data tell its key and version, `size` bytes long, at least 16.
pub fn row(key: RowKey, version: u64, size: usize) -> Row {
    let mut data = vec![(key.id ^ version) as u8; size.max(16)];
    data[..8].copy_from_slice(&key.id.to_le_bytes());
    data[8..16].copy_from_slice(&version.to_le_bytes());
    Row { key, version, expires_at: Timestamp::from_secs(version), data: data.into() }
}

/// Everything an engine holds, by key.
///
/// # Panics
///
/// If it cannot be loaded, or a row comes twice.
pub async fn contents<S: SoftStore>(soft: &S) -> BTreeMap<RowKey, Row> {
    let mut rows = BTreeMap::new();
    let mut twice = false;
    let count = soft
        .load_all(&mut |row: Row| twice |= rows.insert(row.key, row).is_some())
        .await
        .expect("a sound engine loads");
    assert!(!twice, "a row came twice");
    assert_eq!(count, rows.len() as u64, "the count is that of the rows");
    rows
}

fn put(key: RowKey, version: u64) -> RowChange {
    RowChange::Put(row(key, version, 40))
}

fn delete(key: RowKey, version: u64) -> RowChange {
    RowChange::Delete { key, version }
}

async fn claim<S: SoftStore>(soft: &S) -> Epoch {
    soft.claim().await.expect("a sound engine can be claimed")
}

async fn write<S: SoftStore>(soft: &S, fence: Epoch, changes: Vec<RowChange>) {
    soft.write(fence, changes, Durability::Buffered).await.expect("a sound engine takes a batch");
}

async fn version<S: SoftStore>(soft: &S, key: RowKey) -> Option<u64> {
    contents(soft).await.get(&key).map(|row| row.version)
}

async fn rows_are_loaded_as_they_were_written<S: SoftStore>(soft: &S) {
    let fence = claim(soft).await;
    let mut written = BTreeMap::new();
    for id in 0..200_u64 {
        let size = 16 + (id as usize * 37) % 900;
        let row = row(key((id % 7) as u16, id), 10 + id, size);
        written.insert(row.key, row.clone());
        write(soft, fence, vec![RowChange::Put(row)]).await;
    }
    let nothing = Row { data: Box::default(), ..row(key(4095, u64::MAX), u64::MAX, 16) };
    written.insert(nothing.key, nothing.clone());
    write(soft, fence, vec![RowChange::Put(nothing)]).await;
    assert_eq!(contents(soft).await, written);
    for partition in [0, 3, 6, 9, 4095] {
        let mut loaded = BTreeMap::new();
        let mut sink = |row: Row| assert!(loaded.insert(row.key, row).is_none(), "a row came twice");
        let count = soft.load(Partition(partition), &mut sink).await.expect("a sound engine loads");
        let mut expected = written.clone();
        expected.retain(|key, _| key.partition == Partition(partition));
        assert_eq!(count, expected.len() as u64);
        assert_eq!(loaded, expected);
    }
}

async fn only_newer_versions_apply<S: SoftStore>(soft: &S) {
    let fence = claim(soft).await;
    let key = key(1, 1);
    write(soft, fence, vec![put(key, 5)]).await;
    let mut same_version = row(key, 5, 40);
    same_version.data = (*b"another").into();
    write(soft, fence, vec![RowChange::Put(same_version), put(key, 4), delete(key, 5), delete(key, 3)]).await;
    assert_eq!(contents(soft).await.get(&key), Some(&row(key, 5, 40)));
    write(soft, fence, vec![put(key, 6)]).await;
    assert_eq!(version(soft, key).await, Some(6));
}

async fn a_delete_is_remembered<S: SoftStore>(soft: &S) {
    let fence = claim(soft).await;
    let (there, never) = (key(1, 1), key(1, 2));
    write(soft, fence, vec![put(there, 5)]).await;
    write(soft, fence, vec![delete(there, 6), delete(never, 6)]).await;
    assert!(contents(soft).await.is_empty());
    write(soft, fence, vec![put(there, 5), put(never, 6)]).await;
    assert!(contents(soft).await.is_empty(), "a put sent again must not bring the row back");
    write(soft, fence, vec![put(there, 7)]).await;
    assert_eq!(version(soft, there).await, Some(7));
}

async fn a_batch_applies_in_order<S: SoftStore>(soft: &S) {
    let fence = claim(soft).await;
    let (ends, stays) = (key(1, 1), key(1, 2));
    let mut twin = row(stays, 9, 40);
    twin.data = (*b"the same version again").into();
    let batch = vec![
        put(ends, 1),
        put(ends, 2),
        delete(ends, 3),
        put(stays, 9),
        RowChange::Put(twin),
        put(stays, 8),
        delete(stays, 7),
    ];
    write(soft, fence, batch.clone()).await;
    write(soft, fence, batch).await;
    assert_eq!(contents(soft).await, BTreeMap::from([(stays, row(stays, 9, 40))]));
    write(soft, fence, Vec::new()).await;
}

async fn a_stale_fence_is_refused<S: SoftStore>(soft: &S) {
    let unclaimed = soft.write(Epoch(0), vec![put(key(1, 1), 1)], Durability::Buffered).await;
    assert_eq!(unclaimed, Err(StoreError::Fenced));
    let first = claim(soft).await;
    let second = claim(soft).await;
    assert!(second > first);
    for fence in [first, Epoch(second.0 + 1)] {
        let refused = soft.write(fence, vec![put(key(1, 1), 1)], Durability::Durable).await;
        assert_eq!(refused, Err(StoreError::Fenced));
    }
    assert!(contents(soft).await.is_empty(), "a refused batch leaves no trace");
    write(soft, second, vec![put(key(1, 1), 1)]).await;
}

async fn expired_rows_are_loaded<S: SoftStore>(soft: &S) {
    let fence = claim(soft).await;
    let mut long_past = row(key(1, 1), 1, 40);
    long_past.expires_at = Timestamp::ZERO;
    write(soft, fence, vec![RowChange::Put(long_past.clone())]).await;
    assert_eq!(contents(soft).await.get(&long_past.key), Some(&long_past));
}

async fn writers_take_turns<S: SoftStore>(soft: &S) {
    let fence = claim(soft).await;
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            scope.spawn(move || {
                for version in 1..=50 {
                    let patience = if version % 10 == 0 { Durability::Durable } else { Durability::Buffered };
                    let changes = (0..8).map(|id| put(key(2, thread * 8 + id), version)).collect();
                    crate::ready(soft.write(fence, changes, patience)).expect("a sound engine takes a batch");
                }
            });
        }
    });
    let rows = contents(soft).await;
    assert_eq!(rows.len(), 32);
    assert!(rows.values().all(|found| *found == row(found.key, 50, 40)));
}

async fn durable_rows_outlive_the_engine<S: Subject>(subject: &mut S) {
    let mut engine = subject.empty();
    let mut expected = BTreeMap::new();
    let mut newest = Epoch(0);
    for round in 1..=3_u64 {
        let incarnation = engine.soft().incarnation();
        let fence = claim(engine.soft()).await;
        assert!(fence > newest, "an epoch is never given twice");
        newest = fence;
        for id in 0..50 {
            let row = row(key(3, id), round, 300);
            expected.insert(row.key, row.clone());
            let written = engine.soft().write(fence, vec![RowChange::Put(row)], Durability::Durable).await;
            written.expect("a sound engine takes a batch");
        }
        let gone = key(3, round);
        expected.remove(&gone);
        let written = engine.soft().write(fence, vec![delete(gone, 100)], Durability::Durable).await;
        written.expect("a sound engine takes a batch");
        for earlier in 1..=round {
            expected.remove(&key(3, earlier));
        }
        let Some(next) = subject.again(engine) else { return };
        assert_ne!(next.soft().incarnation(), incarnation);
        assert_eq!(contents(next.soft()).await, expected);
        let stale = next.soft().write(fence, vec![put(key(3, 1), 900)], Durability::Buffered).await;
        assert_eq!(stale, Err(StoreError::Fenced), "an epoch ends with its process");
        engine = next;
    }
}
