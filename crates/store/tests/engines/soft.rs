//! The suite for soft state.

use store::disk::SimDisk;
use store::suite::{self, Subject};
use store::{Embedded, EmbeddedLog, Engine, Memory, OpenError, Options, ready};

use super::{InMemory, OnDisk, OnSimulatedDisk};

impl Subject for InMemory {
    type Engine = Memory;

    fn empty(&mut self) -> Memory {
        Memory::default()
    }

    fn again(&mut self, _: Memory) -> Option<Memory> {
        None
    }
}

impl Subject for OnDisk {
    type Engine = Embedded;

    fn empty(&mut self) -> Embedded {
        Embedded::open(self.fresh(), Options::default()).unwrap()
    }

    fn again(&mut self, engine: Embedded) -> Option<Embedded> {
        drop(engine);
        Some(Embedded::open(self.newest(), Options::default()).unwrap())
    }
}

pub(crate) struct Simulated(EmbeddedLog<SimDisk>);

impl Simulated {
    fn open(disk: SimDisk) -> Self {
        Self(EmbeddedLog::open_on(disk, Options { segment_bytes: 4096, ..Options::default() }).unwrap())
    }
}

impl Engine for Simulated {
    type Soft = EmbeddedLog<SimDisk>;

    fn soft(&self) -> &Self::Soft {
        &self.0
    }
}

impl Subject for OnSimulatedDisk {
    type Engine = Simulated;

    fn empty(&mut self) -> Simulated {
        Simulated::open(self.fresh())
    }

    fn again(&mut self, engine: Simulated) -> Option<Simulated> {
        let disk = self.restarted();
        drop(engine);
        Some(Simulated::open(disk))
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
