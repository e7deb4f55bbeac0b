//! The suite for documents.

use store::disk::SimDisk;
use store::docs::suite::{self, Subject};
use store::docs::{EmbeddedDocs, Options, wait};
use store::{MemoryDocs, OpenError};

use super::{InMemory, OnDisk, OnSimulatedDisk};

impl Subject for InMemory {
    type Docs = MemoryDocs;

    fn empty(&mut self) -> MemoryDocs {
        MemoryDocs::default()
    }

    fn again(&mut self, _: MemoryDocs) -> Option<MemoryDocs> {
        None
    }
}

impl Subject for OnDisk {
    type Docs = EmbeddedDocs;

    fn empty(&mut self) -> EmbeddedDocs {
        EmbeddedDocs::open(self.fresh(), Options::default()).unwrap()
    }

    fn again(&mut self, docs: EmbeddedDocs) -> Option<EmbeddedDocs> {
        drop(docs);
        Some(EmbeddedDocs::open(self.newest(), Options::default()).unwrap())
    }
}

/// Without a cache.
fn open(disk: SimDisk) -> EmbeddedDocs<SimDisk> {
    let options = Options { segment_bytes: 160 << 10, cache_bytes: 0, ..Options::default() };
    EmbeddedDocs::open_on(disk, options).unwrap()
}

impl Subject for OnSimulatedDisk {
    type Docs = EmbeddedDocs<SimDisk>;

    fn empty(&mut self) -> Self::Docs {
        open(self.fresh())
    }

    fn again(&mut self, docs: Self::Docs) -> Option<Self::Docs> {
        let disk = self.restarted();
        drop(docs);
        Some(open(disk))
    }
}

#[test]
fn the_memory_engine_passes_the_suite() {
    wait(suite::run(&mut InMemory));
}

#[test]
fn the_embedded_engine_passes_the_suite() {
    wait(suite::run(&mut OnDisk::default()));
}

#[test]
fn the_embedded_engine_passes_the_suite_through_losses_of_power() {
    wait(suite::run(&mut OnSimulatedDisk::default()));
}

#[test]
fn a_directory_has_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let first = EmbeddedDocs::open(directory.path(), Options::default()).unwrap();
    let second = EmbeddedDocs::open(directory.path(), Options::default());
    assert!(matches!(second, Err(OpenError::Locked)), "{second:?}");
    drop(first);
    EmbeddedDocs::open(directory.path(), Options::default()).unwrap();
}
