//! Documents on one machine: an append log of our own, with the place of every document in memory.

mod backup;
mod compact;
mod frame;
mod index;
mod log;
mod queue;
mod read;
mod recover;
mod view;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use node::Partition;
use sip_stack::Timestamp;
use xcap::{DocumentSelector, Tree};

pub use self::backup::{BackupError, Summary, back_up, read_tree, restore};
use self::compact::Compaction;
use self::log::Shared;
use self::queue::Work;
use super::{Commit, Doc, DocStore, FEED_MAX, Feed, Listed, Listener, Outcome, Position};
use crate::disk::{Disk, RealDisk};
use crate::{OpenError, StoreError};

/// How documents are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How large a file grows, in bytes; 64 MiB. Taken as at least 4 KiB and at most 1 GiB. A commit has at most half of
    /// it.
    pub segment_bytes: u32,
    /// How many bytes are written as zeros ahead of the log, at most to the end of a segment; 1 MiB. A sync of what takes
    /// their place writes no more than that, where one of a file that grows writes the file system's journal too. 0:
    /// none, for file systems that never write in place.
    pub ahead_bytes: u32,
    /// The most bytes of a document; 1 MiB.
    pub document_bytes_max: u32,
    /// How many bytes of documents are kept in memory, so that reading them costs no disk; 64 MiB.
    pub cache_bytes: usize,
    /// How many changes the feed holds; [`FEED_MAX`].
    pub feed_entries: usize,
    /// Whether commits that cannot be read are given up, rather than to refuse to open. An older version of a document,
    /// or one that was deleted, may be back then.
    pub give_up_damage: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            ahead_bytes: 1 << 20,
            document_bytes_max: 1 << 20,
            cache_bytes: 64 << 20,
            feed_entries: FEED_MAX,
            give_up_damage: false,
        }
    }
}

/// What opening found that was not in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes of an unfinished end that were cut: nobody was promised them.
    pub torn_bytes: u64,
    /// Documents whose bytes are not what was written: file, offset and finding. Reading one of them is
    /// [`StoreError::Corrupt`] until it is written anew; all others are served.
    pub damaged: Vec<String>,
    /// What was given up because [`Options::give_up_damage`] asks for it.
    pub given_up: Vec<String>,
}

/// The state of a store in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Documents that are there.
    pub documents: u64,
    /// Their bytes, as they are read.
    pub document_bytes: u64,
    /// Bytes of their records on disk.
    pub live_bytes: u64,
    /// Bytes of all files.
    pub disk_bytes: u64,
    /// Files of the log.
    pub segments: u64,
    /// Why commits fail, in the words of what failed last.
    pub failing: Option<String>,
    /// Why space is not won back, in the same words.
    pub stuck: Option<String>,
}

/// Documents in a segmented append log on the local disk.
///
/// One thread appends. Commits that wait together share one append and one sync; a commit is answered, and can be read,
/// when it is on disk. Reads take turns with nobody but for the moment in which the index changes: a cached document
/// costs a look-up, another one a read of the disk, for which [`DocStore::get`] blocks its thread. The other reads of
/// [`DocStore`] are ready at once.
///
/// - **Full disk**: commits are refused with [`StoreError::Full`] once what was set aside is used, reads go on, commits
///   again once there is space.
/// - **Failing disk**: after a failed sync nothing is known of what was written since the one before. Commits that
///   waited for it are [`StoreError::Unknown`] and cannot be read; the next ones begin a new segment behind what is
///   known to be on disk, and are [`StoreError::Unavailable`] until that succeeds. Reads go on.
/// - **Damage**: a document whose bytes have decayed is [`StoreError::Corrupt`], and no other. Damage that hides which
///   documents it concerns is refused when the store is opened.
/// - **Drop** waits for what was handed over.
pub struct EmbeddedDocs<D: Disk = RealDisk> {
    shared: Arc<Shared<D>>,
    writer: Option<JoinHandle<()>>,
    found: Found,
}

impl EmbeddedDocs {
    /// Opens a directory, made if it is not there, and replays what is in it.
    pub fn open(directory: impl Into<PathBuf>, options: Options) -> Result<Self, OpenError> {
        let disk = RealDisk::open(directory)
            .map_err(|source| OpenError::Io { doing: "open the directory", source })?;
        Self::open_on(disk, options)
    }
}

impl<D: Disk> EmbeddedDocs<D> {
    /// Opens a store on any disk.
    pub fn open_on(disk: D, mut options: Options) -> Result<Self, OpenError> {
        options.segment_bytes = options.segment_bytes.clamp(4 << 10, 1 << 30);
        let lock = disk.lock().map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked,
            _ => OpenError::Io { doing: "lock the directory", source },
        })?;
        let recover::Replayed { state, floors, found, .. } = recover::recover(&disk, &options)?;
        let shared = Arc::new(Shared::new(disk, lock, options, state));
        let writer = writer::start(&shared, Compaction::new(floors));
        let writer = writer.map_err(|source| OpenError::Io { doing: "start a thread", source })?;
        Ok(Self { shared, writer: Some(writer), found })
    }

    /// What opening found that was not in order.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The state of the store in numbers.
    pub fn stats(&self) -> Stats {
        let state = self.shared.read();
        let (documents, document_bytes) = state.index.size();
        Stats {
            documents,
            document_bytes,
            live_bytes: state.live,
            disk_bytes: state.taken(),
            segments: state.segments.len() as u64,
            failing: state.failing.clone(),
            stuck: state.stuck.clone(),
        }
    }
}

impl<D: Disk> DocStore for EmbeddedDocs<D> {
    async fn get(&self, document: &DocumentSelector) -> Result<Option<Doc>, StoreError> {
        self.shared.get(document)
    }

    async fn list(&self, auid: &str, tree: &Tree) -> Result<Vec<Listed>, StoreError> {
        Ok(self.shared.read().index.list_auid(tree, auid).collect())
    }

    async fn list_tree(&self, tree: &Tree) -> Result<Vec<Listed>, StoreError> {
        Ok(self.shared.read().index.list(tree).collect())
    }

    async fn users(&self, auid: &str) -> Result<Vec<Arc<str>>, StoreError> {
        let state = self.shared.read();
        let users = state.index.trees().filter_map(|tree| match tree {
            Tree::User(xui) if state.index.has_auid(tree, auid) => Some(Arc::clone(xui)),
            Tree::User(_) | Tree::Global => None,
        });
        Ok(users.collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        let bytes = writer::measure(&commit, &self.shared.options)?;
        self.shared.queue.push(Work::Commit(commit), bytes)?.await
    }

    async fn delete_tree(&self, tree: &Tree, at: Timestamp) -> Result<Outcome, StoreError> {
        let documents = self.shared.read().index.list(tree).count();
        let bytes = writer::measure_delete(tree, documents);
        self.shared.queue.push(Work::DeleteTree(tree.clone(), at), bytes)?.await
    }

    async fn changes(&self, partition: Partition, after: Position, max: usize) -> Result<Feed, StoreError> {
        Ok(self.shared.read().recent.after(partition, after, max))
    }

    async fn head(&self, _: Partition) -> Result<Position, StoreError> {
        Ok(self.shared.read().position)
    }

    async fn trim(&self, partition: Partition, through: Position) -> Result<(), StoreError> {
        self.shared.write().recent.trim(partition, through);
        Ok(())
    }

    fn listen(&self, listener: Listener) {
        *self.shared.listener.lock().expect("a listener does not panic") = Some(listener);
    }
}

impl<D: Disk> Drop for EmbeddedDocs<D> {
    fn drop(&mut self) {
        self.shared.queue.stop();
        if let Some(writer) = self.writer.take() {
            // A thread that panicked has dropped its callers, who have been told.
            let _ = writer.join();
        }
    }
}

impl<D: Disk> core::fmt::Debug for EmbeddedDocs<D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EmbeddedDocs").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
