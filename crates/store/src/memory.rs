//! The engine that keeps nothing past the process: for tests, demonstrations, and as the reference for the others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use node::{Epoch, Partition, Row, RowChange, RowKey};

use crate::{Durability, Engine, SoftStore, StoreError};

/// How many deletes are remembered, so that a put sent again does not bring a row back.
const REMEMBERED: usize = 65_536;

/// The memory engine.
#[derive(Debug, Default)]
pub struct Memory {
    rows: MemoryRows,
}

impl Engine for Memory {
    type Soft = MemoryRows;

    fn soft(&self) -> &MemoryRows {
        &self.rows
    }
}

/// Soft state in a map. Remembers the last 65 536 deletes.
#[derive(Debug, Default)]
pub struct MemoryRows {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epoch: u32,
    rows: BTreeMap<RowKey, Row>,
    deleted: BTreeMap<RowKey, u64>,
    deleted_order: VecDeque<(RowKey, u64)>,
}

impl MemoryRows {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the rows")
    }

    fn emit(&self, wanted: impl Fn(&Row) -> bool, sink: &mut (dyn FnMut(Row) + Send)) -> u64 {
        let rows: Vec<Row> = self.state().rows.values().filter(|row| wanted(row)).cloned().collect();
        let count = rows.len() as u64;
        rows.into_iter().for_each(sink);
        count
    }
}

impl SoftStore for MemoryRows {
    async fn claim(&self) -> Result<Epoch, StoreError> {
        let mut state = self.state();
        state.epoch += 1;
        Ok(Epoch(state.epoch))
    }

    async fn write(&self, fence: Epoch, changes: Vec<RowChange>, _: Durability) -> Result<(), StoreError> {
        let mut state = self.state();
        if fence.0 != state.epoch || state.epoch == 0 {
            return Err(StoreError::Fenced);
        }
        changes.into_iter().for_each(|change| state.apply(change));
        Ok(())
    }

    async fn load(
        &self,
        partition: Partition,
        sink: &mut (dyn FnMut(Row) + Send),
    ) -> Result<u64, StoreError> {
        Ok(self.emit(|row| row.key.partition == partition, sink))
    }

    async fn load_all(&self, sink: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError> {
        Ok(self.emit(|_| true, sink))
    }

    /// Always the same: what is lost is lost with the owner's own memory.
    fn incarnation(&self) -> u64 {
        1
    }
}

impl State {
    fn apply(&mut self, change: RowChange) {
        let (key, version) = match &change {
            RowChange::Put(row) => (row.key, row.version),
            RowChange::Delete { key, version } => (*key, *version),
        };
        let stored = self.rows.get(&key).map(|row| row.version).or_else(|| self.deleted.get(&key).copied());
        if stored.is_some_and(|stored| version <= stored) {
            return;
        }
        match change {
            RowChange::Put(row) => {
                self.deleted.remove(&key);
                self.rows.insert(key, row);
            }
            RowChange::Delete { .. } => {
                self.rows.remove(&key);
                self.deleted.insert(key, version);
                self.deleted_order.push_back((key, version));
                self.forget();
            }
        }
    }

    /// Drops the oldest deletes above the limit.
    fn forget(&mut self) {
        while self.deleted_order.len() > REMEMBERED {
            let Some((key, version)) = self.deleted_order.pop_front() else { return };
            if self.deleted.get(&key) == Some(&version) {
                self.deleted.remove(&key);
            }
        }
    }
}
