//! The common suite, against every engine.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::path::PathBuf;

use store::disk::{SimDisk, Tail};
use store::suite::{self, Subject};
use store::{Embedded, EmbeddedLog, Engine, Memory, OpenError, Options, ready};

struct InMemory;

impl Subject for InMemory {
    type Engine = Memory;

    fn empty(&mut self) -> Memory {
        Memory::default()
    }

    fn again(&mut self, _: Memory) -> Option<Memory> {
        None
    }
}

#[derive(Default)]
struct OnDisk {
    directories: Vec<tempfile::TempDir>,
}

impl OnDisk {
    fn newest(&self) -> PathBuf {
        self.directories.last().unwrap().path().join("soft")
    }
}

impl Subject for OnDisk {
    type Engine = Embedded;

    fn empty(&mut self) -> Embedded {
        self.directories.push(tempfile::tempdir().unwrap());
        Embedded::open(self.newest(), Options::default()).unwrap()
    }

    fn again(&mut self, engine: Embedded) -> Option<Embedded> {
        drop(engine);
        Some(Embedded::open(self.newest(), Options::default()).unwrap())
    }
}

/// The log on a disk that loses its power, with segments so small that compaction is always at work.
#[derive(Default)]
struct OnSimulatedDisk {
    disk: Option<SimDisk>,
}

struct Simulated(EmbeddedLog<SimDisk>);

impl Engine for Simulated {
    type Soft = EmbeddedLog<SimDisk>;

    fn soft(&self) -> &Self::Soft {
        &self.0
    }
}

impl OnSimulatedDisk {
    fn open(&mut self, disk: SimDisk) -> Simulated {
        self.disk = Some(disk.clone());
        let options = Options { segment_bytes: 4096, ..Options::default() };
        Simulated(EmbeddedLog::open_on(disk, options).unwrap())
    }
}

impl Subject for OnSimulatedDisk {
    type Engine = Simulated;

    fn empty(&mut self) -> Simulated {
        self.open(SimDisk::new(1))
    }

    fn again(&mut self, engine: Simulated) -> Option<Simulated> {
        let disk = self.disk.take().unwrap().restart(Tail::Torn);
        drop(engine);
        Some(self.open(disk))
    }
}

#[test]
fn the_memory_engine_passes_the_suite() {
    ready(suite::run(&mut InMemory));
}

#[test]
fn the_embedded_engine_passes_the_suite() {
    ready(suite::run(&mut OnDisk::default()));
}

#[test]
fn the_embedded_engine_passes_the_suite_through_losses_of_power() {
    ready(suite::run(&mut OnSimulatedDisk::default()));
}

#[test]
fn a_directory_has_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let first = Embedded::open(directory.path(), Options::default()).unwrap();
    let second = Embedded::open(directory.path(), Options::default());
    assert!(matches!(second, Err(OpenError::Locked)), "{second:?}");
    drop(first);
    Embedded::open(directory.path(), Options::default()).unwrap();
}
