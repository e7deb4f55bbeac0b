//! The engine of one machine: a segmented append log of our own for soft state.

mod commit;
mod compact;
mod epoch;
mod frame;
mod index;
mod log;
mod read;
mod recover;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use node::{Epoch, Partition, Row, RowChange};

use self::log::{Broken, Shared};
use crate::disk::{Disk, RealDisk};
use crate::{Durability, Engine, SoftStore, StoreError};

/// The embedded engine: everything in one directory.
#[derive(Debug)]
pub struct Embedded {
    soft: EmbeddedLog,
}

impl Embedded {
    /// Opens a directory, made if it is not there, and reads all that is in it.
    pub fn open(directory: impl Into<PathBuf>, options: Options) -> Result<Self, OpenError> {
        Ok(Self { soft: EmbeddedLog::open(directory, options)? })
    }
}

impl Engine for Embedded {
    type Soft = EmbeddedLog;

    fn soft(&self) -> &EmbeddedLog {
        &self.soft
    }
}

/// How the log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How large a file grows, in bytes; 64 MiB. Taken as at least 4 KiB and at most 1 GiB. Also what a batch may have.
    pub segment_bytes: u32,
    /// How long a buffered write may wait for its group commit; 50 ms. With [`None`] there is no thread for it, and
    /// [`EmbeddedLog::flush`] is the caller's business, which makes every call repeatable.
    pub commit_interval: Option<Duration>,
    /// The most data of a row, in bytes; 1 MiB. Taken as at most 8 MiB.
    pub row_bytes_max: u32,
    /// What to do about damage.
    pub repair: Repair,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            commit_interval: Some(Duration::from_millis(50)),
            row_bytes_max: 1 << 20,
            repair: Repair::Refuse,
        }
    }
}

/// What opening does about damage in the middle of the log. (A torn end, which a crash leaves behind and which nobody
/// was promised, is always cut.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// [`OpenError::Corrupt`], and nothing is touched.
    Refuse,
    /// Everything from the first damage on is given up. What is left is a state that once was.
    TruncateFrom,
    /// Damaged batches alone are given up, and their place in the files is marked, so that the next opening finds
    /// nothing wrong. More is left, but a row may be back at an older version, or back after its delete.
    SkipBatch,
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another opening in this one, has the directory.
    #[error("another process has the store open")]
    Locked,
    /// What was read is not what was written: file, offset and finding. [`Repair`] says what can be done.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// The operating system refused.
    #[error("could not {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        source: io::Error,
    },
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Locked => Self::Locked,
            OpenError::Corrupt(what) => Self::Corrupt(what),
            OpenError::Io { source, .. } => log::refused(&source),
        }
    }
}

/// What opening found that was not in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Bytes of an unfinished end that were cut.
    pub torn_bytes: u64,
    /// What a repair gave up: file, offset and finding.
    pub given_up: Vec<String>,
}

/// The state of the log in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Rows that are there.
    pub rows: u64,
    /// Deletes that are remembered.
    pub deletes: u64,
    /// Bytes of the records of rows that are there.
    pub live_bytes: u64,
    /// Bytes of all files.
    pub disk_bytes: u64,
    /// Files of the log.
    pub segments: u64,
    /// Memory of the index, in bytes.
    pub index_bytes: u64,
    /// Bytes that wait for the next group commit.
    pub unsynced_bytes: u64,
    /// Why writes are refused until the log is opened anew.
    pub broken: Option<String>,
}

/// Soft state in a segmented append log, with the place of every row in memory and its data on disk.
///
/// All methods may be called from any thread; writers take turns. The futures of [`SoftStore`] are ready at once:
/// a buffered write costs a few hundred nanoseconds a row, a durable one blocks its thread for a sync of the disk. The
/// `_now` methods are the same for threads without a runtime.
///
/// - **Full disk**: writes are refused with [`StoreError::Full`], reads go on, writes again once there is space.
/// - **Failed sync**: nothing is known of what was written since the last one, and the kernel would let a second try
///   succeed without it. So the log breaks: the durable writes that waited are [`StoreError::Unknown`], all later
///   writes [`StoreError::Unavailable`] until the log is opened anew. Reads go on.
/// - **Damage** found by the compaction breaks the log too, with [`StoreError::Corrupt`].
/// - **Deletes** are remembered until their segment is compacted, at least for a segment's worth of later writes.
/// - **Drop** makes a last group commit.
pub struct EmbeddedLog<D: Disk = RealDisk> {
    shared: Arc<Shared<D>>,
    flusher: Option<JoinHandle<()>>,
    opening: Opening,
    incarnation: u64,
}

impl EmbeddedLog {
    /// Opens a directory, made if it is not there, and replays what is in it: about half a second a gigabyte.
    pub fn open(directory: impl Into<PathBuf>, options: Options) -> Result<Self, OpenError> {
        let disk = RealDisk::open(directory)
            .map_err(|source| OpenError::Io { doing: "open the directory", source })?;
        Self::open_on(disk, options)
    }
}

impl<D: Disk> EmbeddedLog<D> {
    /// Opens a log on any disk.
    pub fn open_on(disk: D, mut options: Options) -> Result<Self, OpenError> {
        options.segment_bytes = options.segment_bytes.clamp(4 << 10, 1 << 30);
        options.row_bytes_max = options.row_bytes_max.min(8 << 20);
        let lock = disk.lock().map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked,
            _ => OpenError::Io { doing: "lock the directory", source },
        })?;
        let (state, opening) = recover::recover(&disk, &options)?;
        let incarnation = u64::from(state.last_epoch) + 1;
        let interval = options.commit_interval;
        let shared = Arc::new(Shared {
            disk,
            options,
            state: Mutex::new(state),
            changed: Condvar::new(),
            retiring: Mutex::new(()),
            _lock: lock,
        });
        let flusher = interval.map(|interval| commit::start(&shared, interval)).transpose();
        let flusher = flusher.map_err(|source| OpenError::Io { doing: "start a thread", source })?;
        Ok(Self { shared, flusher, opening, incarnation })
    }

    /// What opening found that was not in order.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// [`SoftStore::claim`].
    pub fn claim_now(&self) -> Result<Epoch, StoreError> {
        self.shared.claim()
    }

    /// [`SoftStore::write`]: one system call for the batch, and for a durable one a share in a sync.
    pub fn write_now(
        &self,
        fence: Epoch,
        changes: &[RowChange],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let position = self.shared.write(fence, changes)?;
        match durability {
            Durability::Buffered => Ok(()),
            Durability::Durable => self.shared.sync_to(position),
        }
    }

    /// [`SoftStore::load`]. Looks through the whole index, some milliseconds for a million rows.
    pub fn load_now(
        &self,
        partition: Partition,
        sink: &mut (dyn FnMut(Row) + Send),
    ) -> Result<u64, StoreError> {
        self.shared.read_rows(|candidate| candidate == partition, sink)
    }

    /// [`SoftStore::load_all`]. Takes 16 bytes of memory a row while it runs.
    pub fn load_all_now(&self, sink: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError> {
        self.shared.read_rows(|_| true, sink)
    }

    /// Makes a group commit now: compaction that is due, one sync, removal of what has become obsolete.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush()
    }

    /// The state of the log in numbers.
    pub fn stats(&self) -> Stats {
        let state = self.shared.state();
        let rows = state.rows;
        Stats {
            rows,
            deletes: state.index.len() as u64 - rows,
            live_bytes: state.live,
            disk_bytes: state.disk_bytes(),
            segments: (state.segments.len() + state.retired.len()) as u64,
            index_bytes: state.index.bytes() as u64,
            unsynced_bytes: state.appended - state.synced,
            broken: state.broken.as_ref().map(|broken| match broken {
                Broken::Disk(what) | Broken::Corrupt(what) => what.clone(),
            }),
        }
    }
}

impl<D: Disk> SoftStore for EmbeddedLog<D> {
    async fn claim(&self) -> Result<Epoch, StoreError> {
        self.claim_now()
    }

    async fn write(
        &self,
        fence: Epoch,
        changes: Vec<RowChange>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        self.write_now(fence, &changes, durability)
    }

    async fn load(
        &self,
        partition: Partition,
        sink: &mut (dyn FnMut(Row) + Send),
    ) -> Result<u64, StoreError> {
        self.load_now(partition, sink)
    }

    async fn load_all(&self, sink: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError> {
        self.load_all_now(sink)
    }

    /// One per opening that claims.
    fn incarnation(&self) -> u64 {
        self.incarnation
    }
}

impl<D: Disk> Drop for EmbeddedLog<D> {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.changed.notify_all();
        if let Some(flusher) = self.flusher.take() {
            // A thread that panicked has nothing to say that the next lock would not.
            let _ = flusher.join();
        }
        let appended = self.shared.state().appended;
        // Nobody is left to hear of a failure; what was promised was promised for a group commit that may fail.
        let _ = self.shared.sync_to(appended);
    }
}

impl<D: Disk> core::fmt::Debug for EmbeddedLog<D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EmbeddedLog").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
