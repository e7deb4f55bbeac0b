//! The engines of the store as the writer keeps them, opened by the configuration.

use core::time::Duration;
use std::path::{Path, PathBuf};

use node::{Epoch, Row, RowChange};
use store::disk::Disk;
use store::{Durability, EmbeddedLog, MemoryRows, SoftStore, StoreError, ready};

use crate::config::Config;
use crate::config::keys::Engine;

/// A store as its writer sees it.
pub trait Keeper: Send + 'static {
    /// The epoch of this life: the fence of all its writes.
    fn epoch(&self) -> Epoch;
    /// Hands over every stored row; how many there were.
    fn load(&mut self, sink: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError>;
    /// Writes all or nothing; `durable`: on disk when it returns.
    fn write(&mut self, rows: &[RowChange], durable: bool) -> Result<(), StoreError>;
    /// Brings everything written so far to the disk.
    fn sync(&mut self) -> Result<(), StoreError>;
    /// Tries to make a store that has failed work again. Rows written shortly before may be lost and are written again.
    fn recover(&mut self) -> Result<(), StoreError>;
}

/// Where the configured store keeps documents, if it keeps any.
pub fn documents_path(config: &Config) -> PathBuf {
    Path::new(&config.store.path).join("documents")
}

/// Opens the store that the configuration names.
pub fn open(config: &Config) -> Result<Box<dyn Keeper>, StoreError> {
    match config.store.engine {
        Engine::Memory => Ok(Box::new(Memory::new()?)),
        Engine::Embedded => {
            let options = store::Options {
                segment_bytes: u32::try_from(config.store.segment_size.0).unwrap_or(u32::MAX),
                commit_interval: Some(config.store.commit_interval),
                ..store::Options::default()
            };
            let path = config.store.path.clone();
            let reopen = move || EmbeddedLog::open(path.clone(), options.clone()).map_err(StoreError::from);
            Ok(Box::new(Embedded::new(Box::new(reopen))?))
        }
    }
}

/// Keeps nothing past the process.
struct Memory {
    rows: MemoryRows,
    epoch: Epoch,
}

impl Memory {
    fn new() -> Result<Self, StoreError> {
        let rows = MemoryRows::default();
        let epoch = ready(rows.claim())?;
        Ok(Self { rows, epoch })
    }
}

impl Keeper for Memory {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn load(&mut self, sink: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError> {
        ready(self.rows.load_all(sink))
    }

    fn write(&mut self, _: &[RowChange], _: bool) -> Result<(), StoreError> {
        Ok(()) // the shards are the memory; nobody would read a second one
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

type Reopen<D> = Box<dyn Fn() -> Result<EmbeddedLog<D>, StoreError> + Send>;

/// The log on disk, opened anew when it breaks.
pub struct Embedded<D: Disk> {
    reopen: Reopen<D>,
    /// `None` while it is broken and does not open.
    log: Option<EmbeddedLog<D>>,
    /// Of the first opening: shards number their rows with it for all their life.
    epoch: Epoch,
    /// Of the last opening: what writes are fenced with.
    fence: Epoch,
}

impl<D: Disk> Embedded<D> {
    /// Opens the log and takes it over. `reopen` opens it now, and again after it broke.
    pub fn new(reopen: Reopen<D>) -> Result<Self, StoreError> {
        let log = reopen()?;
        let opening = log.opening();
        if opening.torn_bytes > 0 {
            tracing::warn!(
                bytes = opening.torn_bytes,
                "the end of the log was unfinished and is cut: the last stop was a crash"
            );
        }
        let epoch = log.claim_now()?;
        Ok(Self { reopen, log: Some(log), epoch, fence: epoch })
    }

    fn log(&self) -> Result<&EmbeddedLog<D>, StoreError> {
        self.log.as_ref().ok_or(StoreError::Unavailable { retry_after: Duration::from_secs(1) })
    }
}

impl<D: Disk> Keeper for Embedded<D> {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn load(&mut self, sink: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError> {
        self.log()?.load_all_now(sink)
    }

    fn write(&mut self, rows: &[RowChange], durable: bool) -> Result<(), StoreError> {
        let durability = if durable { Durability::Durable } else { Durability::Buffered };
        self.log()?.write_now(self.fence, rows, durability)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.log()?.flush()
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        if self.log.as_ref().is_some_and(|log| log.stats().broken.is_none()) {
            return Ok(()); // it was full, and may have room again
        }
        self.log = None; // gives the directory free, so that it can be opened anew
        let log = (self.reopen)()?;
        self.fence = log.claim_now()?;
        self.log = Some(log);
        Ok(())
    }
}
