//! The common suite for documents, against every engine.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::path::PathBuf;

use store::disk::{SimDisk, Tail};
use store::docs::suite::{self, Subject};
use store::docs::{EmbeddedDocs, Options, wait};
use store::{MemoryDocs, OpenError};

struct InMemory;

impl Subject for InMemory {
    type Docs = MemoryDocs;

    fn empty(&mut self) -> MemoryDocs {
        MemoryDocs::default()
    }

    fn again(&mut self, _: MemoryDocs) -> Option<MemoryDocs> {
        None
    }
}

#[derive(Default)]
struct OnDisk {
    directories: Vec<tempfile::TempDir>,
}

impl OnDisk {
    fn newest(&self) -> PathBuf {
        self.directories.last().unwrap().path().join("documents")
    }
}

impl Subject for OnDisk {
    type Docs = EmbeddedDocs;

    fn empty(&mut self) -> EmbeddedDocs {
        self.directories.push(tempfile::tempdir().unwrap());
        EmbeddedDocs::open(self.newest(), Options::default()).unwrap()
    }

    fn again(&mut self, docs: EmbeddedDocs) -> Option<EmbeddedDocs> {
        drop(docs);
        Some(EmbeddedDocs::open(self.newest(), Options::default()).unwrap())
    }
}

/// On a disk that loses its power, with segments so small that compaction is always at work, and without a cache.
#[derive(Default)]
struct OnSimulatedDisk {
    disk: Option<SimDisk>,
}

impl OnSimulatedDisk {
    fn open(&mut self, disk: SimDisk) -> EmbeddedDocs<SimDisk> {
        self.disk = Some(disk.clone());
        let options = Options { segment_bytes: 160 << 10, cache_bytes: 0, ..Options::default() };
        EmbeddedDocs::open_on(disk, options).unwrap()
    }
}

impl Subject for OnSimulatedDisk {
    type Docs = EmbeddedDocs<SimDisk>;

    fn empty(&mut self) -> Self::Docs {
        self.open(SimDisk::new(1))
    }

    fn again(&mut self, docs: Self::Docs) -> Option<Self::Docs> {
        let disk = self.disk.take().unwrap().restart(Tail::Torn);
        drop(docs);
        Some(self.open(disk))
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
