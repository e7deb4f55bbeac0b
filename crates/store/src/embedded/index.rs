//! Where the newest version of every row stands in the log: 28 bytes a row and a table of slots.

use hashbrown::HashTable;
use node::{Kind, Partition, RowKey};

/// Entries are kept in blocks, so that growth copies nothing and wastes at most one block.
const BLOCK: usize = 4096;
/// Tables grow one at a time, so that growth of a large index never stops the writer for long.
const TABLES: usize = 256;
/// The longest record an entry can hold, in bytes.
pub(crate) const RECORD_MAX: u32 = (1 << 24) - 1;
const DELETED: u32 = 1 << 31;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The low half of the segment's number.
    pub(crate) segment: u16,
    /// From the beginning of the segment.
    pub(crate) offset: u32,
    /// Of the whole record.
    pub(crate) length: u32,
    /// The record is a delete: the row is not there, and its version is remembered.
    pub(crate) deleted: bool,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) version: u64,
    pub(crate) place: Place,
}

/// Halves instead of `u64` keep the alignment, and so the size, down: 28 bytes instead of 32.
#[derive(Clone, Copy)]
struct Entry {
    id: [u32; 2],
    version: [u32; 2],
    partition: u16,
    segment: u16,
    /// In a free entry: the next free one.
    offset: u32,
    /// Deleted 1, kind 7, length 24 bits; zero in a free entry.
    rest: u32,
}

/// All rows that are there, and the deletes still remembered.
///
/// Cost: one hash and two cache misses a look-up; at most 28 + 4096/n + 11.5 bytes a row.
pub(crate) struct Index {
    tables: Vec<HashTable<u32>>,
    blocks: Vec<Vec<Entry>>,
    free: Option<u32>,
    used: usize,
}

impl Index {
    pub(crate) fn new() -> Self {
        let tables = core::iter::repeat_with(HashTable::new).take(TABLES).collect();
        Self { tables, blocks: Vec::new(), free: None, used: 0 }
    }

    /// What is known of a row, deletes included.
    pub(crate) fn get(&self, key: RowKey) -> Option<Known> {
        self.slot(self.find(key)?)
    }

    /// The slot of a row or of its delete, which stays until [`Index::remove_slot`].
    pub(crate) fn find(&self, key: RowKey) -> Option<u32> {
        let hash = hash(key);
        self.tables[table(hash)].find(hash, |slot| entry(&self.blocks, *slot).is(key)).copied()
    }

    /// Replaces what is known of a row; `slot` is what [`Index::find`] says. Gives the slot it has from now on.
    pub(crate) fn set(&mut self, slot: Option<u32>, key: RowKey, version: u64, place: Place) -> u32 {
        let slot = slot.unwrap_or_else(|| {
            let hash = hash(key);
            let next = u32::try_from(self.used).expect("fewer rows than four thousand millions");
            // A free entry, or the one after the last.
            let slot = self.free.unwrap_or(next);
            let blocks = &self.blocks;
            let rehash = |slot: &u32| entry(blocks, *slot).key().map_or(0, self::hash);
            self.tables[table(hash)].insert_unique(hash, slot, rehash);
            slot
        });
        self.fill(slot, Entry::new(key, version, place));
        slot
    }

    fn fill(&mut self, slot: u32, entry: Entry) {
        let (block, at) = (slot as usize / BLOCK, slot as usize % BLOCK);
        if block == self.blocks.len() {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let block = &mut self.blocks[block];
        match block.get_mut(at) {
            Some(old) => {
                if old.is_free() {
                    self.free = old.next_free();
                    self.used += 1;
                }
                *old = entry;
            }
            None => {
                block.push(entry);
                self.used += 1;
            }
        }
    }

    /// What a slot holds; [`None`] if it is free.
    pub(crate) fn slot(&self, slot: u32) -> Option<Known> {
        let entry = entry(&self.blocks, slot);
        (!entry.is_free()).then(|| entry.known())
    }

    /// Forgets the row in this slot.
    pub(crate) fn remove_slot(&mut self, slot: u32) {
        let Some(key) = entry(&self.blocks, slot).key() else { return };
        let hash = hash(key);
        if let Ok(found) = self.tables[table(hash)].find_entry(hash, |held| *held == slot) {
            found.remove();
        }
        self.blocks[slot as usize / BLOCK][slot as usize % BLOCK] = Entry::free(self.free);
        self.free = Some(slot);
        self.used -= 1;
    }

    /// Rows and remembered deletes.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(HashTable::allocation_size).sum();
        let blocks = self.blocks.capacity() * size_of::<Vec<Entry>>();
        tables
            + TABLES * size_of::<HashTable<u32>>()
            + blocks
            + self.blocks.len() * BLOCK * size_of::<Entry>()
    }

    /// The rows that are there, in no useful order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Partition, Place)> {
        let entries = self.blocks.iter().flatten().filter(|entry| !entry.is_free());
        entries
            .map(|entry| (Partition(entry.partition), entry.known().place))
            .filter(|(_, place)| !place.deleted)
    }
}

fn entry(blocks: &[Vec<Entry>], slot: u32) -> &Entry {
    &blocks[slot as usize / BLOCK][slot as usize % BLOCK]
}

impl Entry {
    fn new(key: RowKey, version: u64, place: Place) -> Self {
        debug_assert!(place.length <= RECORD_MAX);
        let deleted = if place.deleted { DELETED } else { 0 };
        Self {
            id: halves(key.id),
            version: halves(version),
            partition: key.partition.0,
            segment: place.segment,
            offset: place.offset,
            rest: deleted | (key.kind as u32) << 24 | place.length,
        }
    }

    fn free(next: Option<u32>) -> Self {
        let offset = next.unwrap_or(u32::MAX);
        Self { id: [0; 2], version: [0; 2], partition: 0, segment: 0, offset, rest: 0 }
    }

    fn is_free(&self) -> bool {
        self.rest == 0
    }

    fn next_free(&self) -> Option<u32> {
        (self.offset != u32::MAX).then_some(self.offset)
    }

    fn is(&self, key: RowKey) -> bool {
        whole(self.id) == key.id
            && self.partition == key.partition.0
            && (self.rest >> 24) as u8 & 0x7f == key.kind as u8
    }

    fn key(&self) -> Option<RowKey> {
        let kind = Kind::from_number((self.rest >> 24) as u8 & 0x7f)?;
        Some(RowKey { partition: Partition(self.partition), kind, id: whole(self.id) })
    }

    fn known(&self) -> Known {
        let place = Place {
            segment: self.segment,
            offset: self.offset,
            length: self.rest & RECORD_MAX,
            deleted: self.rest & DELETED != 0,
        };
        Known { version: whole(self.version), place }
    }
}

fn halves(number: u64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

fn whole([high, low]: [u32; 2]) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Keys are chosen by the owner, not by strangers, so a mixer without a secret is enough.
fn hash(key: RowKey) -> u64 {
    let mut mixed = key.id ^ (u64::from(key.partition.0) << 48 | (key.kind as u64) << 40);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// By bits that the table itself does not look at first.
fn table(hash: u64) -> usize {
    (hash >> 40) as usize % TABLES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn key(id: u64) -> RowKey {
        RowKey { partition: Partition((id % 5) as u16), kind: Kind::Publication, id }
    }

    fn place(offset: u32, deleted: bool) -> Place {
        Place { segment: 3, offset, length: 100, deleted }
    }

    #[test]
    fn an_index_agrees_with_a_map() {
        let mut index = Index::new();
        let mut model = BTreeMap::new();
        let mut number = 1_u64;
        for step in 0..40_000_u32 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = (number >> 40) % 6_000;
            if number >> 62 == 0 {
                if let Some((slot, _)) = model.remove(&id) {
                    index.remove_slot(slot);
                }
            } else {
                let slot = index.set(index.find(key(id)), key(id), number, place(step, false));
                model.insert(id, (slot, Known { version: number, place: place(step, false) }));
            }
        }
        assert_eq!(index.len(), model.len());
        for id in 0..6_000 {
            assert_eq!(index.get(key(id)), model.get(&id).map(|(_, known)| *known), "{id}");
        }
        assert_eq!(index.rows().count(), model.len());
    }

    #[test]
    fn a_remembered_delete_is_not_a_row() {
        let mut index = Index::new();
        let slot = index.set(None, key(1), 5, place(0, true));
        assert_eq!(index.rows().count(), 0);
        assert_eq!(index.get(key(1)).map(|known| known.version), Some(5));
        index.remove_slot(slot);
        assert_eq!(index.get(key(1)), None);
    }

    #[test]
    fn a_row_costs_at_most_forty_bytes_at_any_size() {
        let mut index = Index::new();
        for id in 0..700_000 {
            index.set(None, key(id), id, place(1, false));
            if id > 100_000 && id % 10_000 == 0 {
                let each = index.bytes() as f64 / index.len() as f64;
                assert!(each <= 40.0, "{each} bytes at {id} rows");
            }
        }
    }
}
