//! The log itself: segments, what readers and the writer share, and what a record does to the index.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::Options;
use super::frame::{self, Kind, SEGMENT_HEADER, Stored};
use super::index::{Index, Place};
use super::queue::Queue;
use crate::StoreError;
use crate::cache::Cache;
use crate::disk::{Disk, DiskFile};
use crate::docs::feed::Recent;
use crate::docs::{Listener, Position};

/// What the threads of one open store share.
pub(crate) struct Shared<D: Disk> {
    pub(crate) disk: D,
    pub(crate) options: Options,
    /// Written by the writer alone, and only with what is on disk.
    state: RwLock<State<D::File>>,
    /// The bytes of documents by the place of their record: a place never holds another, so nothing here can be stale.
    cache: Mutex<Cache<Place, Arc<[u8]>>>,
    pub(crate) queue: Queue,
    pub(crate) listener: Mutex<Option<Listener>>,
    pub(crate) _lock: D::Lock,
}

/// Everything that changes.
pub(crate) struct State<F> {
    pub(crate) index: Index,
    pub(crate) recent: Recent,
    /// Of the newest change.
    pub(crate) position: Position,
    /// Oldest first, numbers without a gap; the last one is the head, which is written to.
    pub(crate) segments: VecDeque<Segment<F>>,
    /// Bytes of the records of documents that are there.
    pub(crate) live: u64,
    /// Why commits fail, until one succeeds.
    pub(crate) failing: Option<String>,
    /// Why space is not won back.
    pub(crate) stuck: Option<String>,
}

pub(crate) struct Segment<F> {
    pub(crate) number: u32,
    pub(crate) file: Arc<F>,
    /// All of it is on disk; what the file has beyond was never promised.
    pub(crate) length: u32,
    /// How long the file is: in the head, zeros that are to be written over come after `length`.
    pub(crate) file_length: u32,
    /// Bytes of records in it that are documents.
    pub(crate) live: u64,
    /// The newest position of a record in it.
    pub(crate) newest: Position,
}

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable { retry_after: RETRY_AFTER }
}

/// What a failed operation that left nothing behind is to the caller.
pub(crate) fn refused(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full
        }
        _ => unavailable(),
    }
}

/// The name of a segment's file.
pub(crate) fn segment_name(number: u32) -> String {
    format!("docs-{number:010}.log")
}

/// The number in the name of a segment's file.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("docs-")?.strip_suffix(".log")?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

/// Damage, as it is told.
pub(crate) fn damage(segment: u32, offset: u32, what: &str) -> String {
    format!("{} at {offset}: {what}", segment_name(segment))
}

impl<D: Disk> Shared<D> {
    pub(crate) fn new(disk: D, lock: D::Lock, options: Options, state: State<D::File>) -> Self {
        Self {
            disk,
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            options,
            state: RwLock::new(state),
            queue: Queue::default(),
            listener: Mutex::new(None),
            _lock: lock,
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State<D::File>> {
        self.state.read().expect("nothing panics while it holds the index")
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State<D::File>> {
        self.state.write().expect("nothing panics while it holds the index")
    }

    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache<Place, Arc<[u8]>>> {
        self.cache.lock().expect("nothing panics while it holds the cache")
    }
}

/// A segment with its header, both on disk.
pub(crate) fn create_segment<D: Disk>(disk: &D, number: u32, previous: u32) -> io::Result<Segment<D::File>> {
    let file = disk.create(&segment_name(number))?;
    file.append(&frame::segment_header(number, previous))?;
    file.sync()?;
    disk.sync_names()?;
    Ok(Segment::new(number, Arc::new(file)))
}

impl<F> Segment<F> {
    /// With a header and nothing else.
    pub(crate) fn new(number: u32, file: Arc<F>) -> Self {
        let length = SEGMENT_HEADER;
        Self { number, file, length, file_length: length, live: 0, newest: Position::START }
    }
}

impl<F> State<F> {
    pub(crate) fn new(feed_entries: usize) -> Self {
        Self {
            index: Index::default(),
            recent: Recent::new(feed_entries),
            position: Position::START,
            segments: VecDeque::new(),
            live: 0,
            failing: None,
            stuck: None,
        }
    }

    pub(crate) fn head(&self) -> &Segment<F> {
        self.segments.back().expect("a log has a head")
    }

    pub(crate) fn head_mut(&mut self) -> &mut Segment<F> {
        self.segments.back_mut().expect("a log has a head")
    }

    pub(crate) fn segment(&self, number: u32) -> Option<&Segment<F>> {
        let first = self.segments.front()?.number;
        self.segments.get(number.checked_sub(first)? as usize)
    }

    /// Bytes of the log in all segments.
    pub(crate) fn standing(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.length)).sum()
    }

    /// Bytes of all files.
    pub(crate) fn taken(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.file_length)).sum()
    }

    /// Applies a record that stands in the head: the one place that writes the index, for a commit, for what the
    /// compaction moves and for a replay alike. Later records win. Gives the place of what it replaces.
    pub(crate) fn apply(&mut self, stored: &Stored<'_>, place: Place) -> Option<Place> {
        let record = &stored.record;
        let newest = &mut self.head_mut().newest;
        *newest = Position(record.position).max(*newest);
        let before = match record.kind {
            Kind::Put => {
                self.add_live(place.segment, i64::from(place.length));
                self.index.put(stored, place)
            }
            Kind::Delete => self.index.remove(&record.tree(), record.auid, record.name),
            Kind::Change | Kind::Floor => None,
        };
        if let Some(before) = before {
            self.add_live(before.segment, -i64::from(before.length));
        }
        before
    }

    fn add_live(&mut self, segment: u32, bytes: i64) {
        let first = self.segments.front().map_or(0, |segment| segment.number);
        let segment = &mut self.segments[(segment - first) as usize];
        segment.live = segment.live.checked_add_signed(bytes).expect("a document is counted where it stands");
        self.live = self.live.checked_add_signed(bytes).expect("a document is counted once");
    }
}
