//! The common suites, against every engine: in memory, on disk, and on a disk that loses its power.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

mod documents;
mod soft;

use std::path::PathBuf;

use store::disk::{SimDisk, Tail};

pub(crate) struct InMemory;

/// On disk, each engine in a folder of its own.
#[derive(Default)]
pub(crate) struct OnDisk {
    directories: Vec<tempfile::TempDir>,
}

impl OnDisk {
    /// A folder that nobody has used.
    fn fresh(&mut self) -> PathBuf {
        self.directories.push(tempfile::tempdir().unwrap());
        self.newest()
    }

    /// The folder that was made last.
    fn newest(&self) -> PathBuf {
        self.directories.last().unwrap().path().join("store")
    }
}

/// On a disk that loses its power, with segments so small that compaction is always at work.
#[derive(Default)]
pub(crate) struct OnSimulatedDisk {
    disk: Option<SimDisk>,
}

impl OnSimulatedDisk {
    /// A disk that nobody has used.
    fn fresh(&mut self) -> SimDisk {
        self.disk.insert(SimDisk::new(1)).clone()
    }

    /// The same disk after a loss of power.
    fn restarted(&mut self) -> SimDisk {
        let disk = self.disk.take().unwrap().restart(Tail::Torn);
        self.disk.insert(disk).clone()
    }
}
