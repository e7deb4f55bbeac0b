//! The log itself: segments, the one place that appends, and what an append does to the index.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use node::{Epoch, RowChange, RowKey};

use super::frame::{self, Batch, Operation, SEGMENT_HEADER};
use super::index::{Index, Place};
use super::{Options, epoch};
use crate::StoreError;
use crate::disk::{Disk, DiskFile};

/// What the threads of one open log share.
pub(crate) struct Shared<D: Disk> {
    pub(crate) disk: D,
    pub(crate) options: Options,
    pub(crate) state: Mutex<State<D::File>>,
    /// Told when `synced`, `syncing`, `broken`, `dirty` or `stop` changed.
    pub(crate) changed: Condvar,
    /// Held by whoever removes files, so that they go oldest first.
    pub(crate) retiring: Mutex<()>,
    pub(crate) _lock: D::Lock,
}

/// Everything that changes.
pub(crate) struct State<F> {
    /// The newest claim of this process.
    pub(crate) fence: Option<Epoch>,
    /// The newest epoch ever, by what the files say.
    pub(crate) last_epoch: u32,
    pub(crate) index: Index,
    /// Oldest first, numbers without a gap; the last one is the head, which is written to.
    pub(crate) segments: VecDeque<Segment<F>>,
    /// Emptied by the compaction, not yet removed from the disk.
    pub(crate) retired: VecDeque<Retired>,
    pub(crate) scan: Scan,
    /// Rows that are there, and the bytes of their records.
    pub(crate) rows: u64,
    pub(crate) live: u64,
    /// Bytes of all segments.
    pub(crate) standing: u64,
    /// Bytes appended and bytes on disk since the log was opened.
    pub(crate) appended: u64,
    pub(crate) synced: u64,
    /// How much of the head is on disk.
    pub(crate) head_synced: u32,
    pub(crate) syncing: bool,
    pub(crate) broken: Option<Broken>,
    pub(crate) stop: bool,
    pub(crate) batch: Batch,
    /// The stored versions of the rows that a batch changes.
    stored: Vec<Option<u64>>,
    /// The slots of the rows that a batch changes.
    slots: Vec<Option<u32>>,
    pub(crate) window: Vec<u8>,
}

pub(crate) struct Segment<F> {
    pub(crate) number: u32,
    pub(crate) file: Arc<F>,
    pub(crate) length: u32,
    /// Bytes of records in it that are rows.
    pub(crate) live: u64,
    /// Slots of deletes in it that may still be remembered.
    pub(crate) deletes: Vec<u32>,
}

/// A segment that holds nothing any more.
pub(crate) struct Retired {
    pub(crate) number: u32,
    pub(crate) length: u32,
    /// It may go once this much is on disk: what replaced its rows stands before that.
    pub(crate) after: u64,
    pub(crate) deletes: Vec<u32>,
}

/// How far the compaction has come in the oldest segment.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) offset: u32,
    pub(crate) batch_left: u32,
}

/// Why the log takes no more writes until it is opened anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A sync failed: what the disk holds is not known, and to ask again would be answered wrongly.
    Disk(String),
    /// The compaction met damage.
    Corrupt(String),
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
    format!("soft-{number:010}.log")
}

/// The number in the name of a segment's file.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("soft-")?.strip_suffix(".log")?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

impl Broken {
    pub(crate) fn error(&self) -> StoreError {
        match self {
            Self::Disk(_) => unavailable(),
            Self::Corrupt(what) => StoreError::Corrupt(what.clone()),
        }
    }
}

impl<D: Disk> Shared<D> {
    pub(crate) fn state(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().expect("nothing panics while it holds the log")
    }

    /// No more writes until the log is opened anew.
    pub(crate) fn break_down(&self, state: &mut State<D::File>, what: &str, error: &io::Error) {
        state.broken.get_or_insert(Broken::Disk(format!("{what}: {error}")));
        self.changed.notify_all();
    }

    /// A new epoch, on disk.
    pub(crate) fn claim(&self) -> Result<Epoch, StoreError> {
        let mut state = self.state();
        if let Some(broken) = &state.broken {
            return Err(broken.error());
        }
        let next =
            state.last_epoch.checked_add(1).ok_or_else(|| StoreError::Corrupt("no epochs left".into()))?;
        if let Err(error) = epoch::write_new(&self.disk, next) {
            return Err(refused(&error)); // the file with the old epoch still stands
        }
        // From here on a failure may have left the new epoch behind, so it is never given twice.
        state.last_epoch = next;
        if let Err(error) = epoch::publish(&self.disk) {
            self.break_down(&mut state, "could not replace the epoch file", &error);
            return Err(unavailable());
        }
        state.fence = Some(Epoch(next));
        Ok(Epoch(next))
    }

    /// Appends the changes that are news, as one batch, and applies them. Gives the position to wait for.
    pub(crate) fn write(&self, fence: Epoch, changes: &[RowChange]) -> Result<u64, StoreError> {
        let mut state = self.state();
        if let Some(broken) = &state.broken {
            return Err(broken.error());
        }
        if state.fence != Some(fence) {
            return Err(StoreError::Fenced);
        }
        self.fill_batch(&mut state, changes)?;
        if !state.batch.is_empty() {
            let clean = state.is_clean(&self.options);
            self.append(&mut state)?;
            self.keep_up(&mut state);
            if clean {
                self.changed.notify_all(); // the flusher sleeps while there is nothing to do
            }
        }
        Ok(state.appended)
    }

    fn fill_batch(&self, state: &mut State<D::File>, changes: &[RowChange]) -> Result<(), StoreError> {
        state.batch.clear();
        // Look-ups miss the cache; side by side, with nothing between them, the processor does several at a time.
        state.stored.clear();
        state
            .stored
            .extend(changes.iter().map(|change| state.index.get(key_of(change)).map(|known| known.version)));
        let limit = (self.options.segment_bytes - SEGMENT_HEADER) as usize;
        for (change, stored) in changes.iter().zip(&state.stored) {
            match change {
                RowChange::Put(row) if row.data.len() > self.options.row_bytes_max as usize => {
                    return Err(StoreError::TooLarge);
                }
                RowChange::Put(row) if *stored < Some(row.version) => state.batch.put(row),
                RowChange::Delete { key, version } if *stored < Some(*version) => {
                    state.batch.delete(*key, *version);
                }
                RowChange::Put(_) | RowChange::Delete { .. } => {}
            }
            if state.batch.length() > limit {
                return Err(StoreError::TooLarge);
            }
        }
        Ok(())
    }

    /// Writes the batch at the head and applies it. After an error nothing has changed, unless the log is broken.
    pub(crate) fn append(&self, state: &mut State<D::File>) -> Result<(), StoreError> {
        let length = u32::try_from(state.batch.length()).expect("a batch fits into a segment");
        let head = state.head();
        if head.length > SEGMENT_HEADER && head.length + length > self.options.segment_bytes {
            self.roll(state)?;
        }
        let (number, offset) = (state.head().number, state.head().length);
        let epoch = state.last_epoch;
        let mut batch = core::mem::take(&mut state.batch);
        let outcome = state.head().file.append(batch.finish(number, offset, state.head_synced, epoch));
        let result = match outcome {
            Ok(()) => {
                state.head_mut().length += length;
                state.appended += u64::from(length);
                state.standing += u64::from(length);
                state.apply(number, offset + frame::BATCH_HEADER, batch.body());
                Ok(())
            }
            Err(error) => self.undo_append(state, &error),
        };
        state.batch = batch;
        result
    }

    fn undo_append(&self, state: &mut State<D::File>, error: &io::Error) -> Result<(), StoreError> {
        let head = state.head();
        match head.file.truncate(u64::from(head.length)) {
            Ok(()) => Err(refused(error)),
            Err(worse) => {
                self.break_down(state, "could not take a failed append back", &worse);
                Err(StoreError::Unknown)
            }
        }
    }

    /// Closes the head and begins the next segment. The old head is on disk before the new one is there, so that
    /// only the newest segment can have a torn end.
    fn roll(&self, state: &mut State<D::File>) -> Result<(), StoreError> {
        if state.segments.len() >= usize::from(u16::MAX) {
            return Err(StoreError::Full); // places hold the low half of a segment's number
        }
        if state.synced < state.appended {
            if let Err(error) = state.head().file.sync() {
                self.break_down(state, "could not sync a full segment", &error);
                return Err(unavailable());
            }
            state.synced = state.appended;
            self.changed.notify_all();
        }
        let number = state.head().number + 1;
        let segment = match create_segment(&self.disk, number, state.head().length) {
            Ok(segment) => segment,
            Err(error) => return Err(refused(&error)), // the next attempt empties what is left of the file
        };
        if let Err(error) = self.disk.sync_names() {
            self.break_down(state, "could not sync the name of a segment", &error);
            return Err(unavailable());
        }
        state.appended += u64::from(SEGMENT_HEADER);
        state.standing += u64::from(SEGMENT_HEADER);
        state.head_synced = 0;
        state.segments.push_back(segment);
        Ok(())
    }
}

fn key_of(change: &RowChange) -> RowKey {
    match change {
        RowChange::Put(row) => row.key,
        RowChange::Delete { key, .. } => *key,
    }
}

/// A segment with its header. Neither its name nor its bytes are on disk yet.
pub(crate) fn create_segment<D: Disk>(disk: &D, number: u32, previous: u32) -> io::Result<Segment<D::File>> {
    let file = disk.create(&segment_name(number))?;
    file.append(&frame::segment_header(number, previous))?;
    Ok(Segment { number, file: Arc::new(file), length: SEGMENT_HEADER, live: 0, deletes: Vec::new() })
}

impl<F> State<F> {
    /// Of a log without segments; opening fills it.
    pub(crate) fn new() -> Self {
        Self {
            fence: None,
            last_epoch: 0,
            index: Index::new(),
            segments: VecDeque::new(),
            retired: VecDeque::new(),
            scan: Scan::default(),
            rows: 0,
            live: 0,
            standing: 0,
            appended: 0,
            synced: 0,
            head_synced: 0,
            syncing: false,
            broken: None,
            stop: false,
            batch: Batch::default(),
            stored: Vec::new(),
            slots: Vec::new(),
            window: Vec::new(),
        }
    }

    pub(crate) fn head(&self) -> &Segment<F> {
        self.segments.back().expect("a log has a head")
    }

    pub(crate) fn head_mut(&mut self) -> &mut Segment<F> {
        self.segments.back_mut().expect("a log has a head")
    }

    /// Where in `segments` a place is: numbers have no gap and are fewer than 65 536 at a time, so that the low half
    /// is enough.
    pub(crate) fn position(&self, low: u16) -> usize {
        let first = self.segments.front().map_or(0, |segment| segment.number);
        usize::from(low.wrapping_sub(first as u16))
    }

    /// Applies the records of a sound batch body that stands at `base` of a segment: the one place that writes the
    /// index, for a write, a copy and a replay alike.
    pub(crate) fn apply(&mut self, segment: u32, base: u32, body: &[u8]) {
        // As in `fill_batch`: the misses first, side by side.
        let mut slots = core::mem::take(&mut self.slots);
        slots.clear();
        slots.extend(frame::records(body).map(|(_, record)| self.index.find(record.key)));
        for ((at, record), slot) in frame::records(body).zip(&slots) {
            // What was not there may have come by an earlier record of this batch.
            let slot = slot.or_else(|| self.index.find(record.key));
            let known = slot.and_then(|slot| self.index.slot(slot));
            let applies = known.is_none_or(|known| match record.operation {
                Operation::Put | Operation::Delete => record.version > known.version,
                Operation::Copy => {
                    record.version > known.version
                        || (record.version == known.version && !known.place.deleted)
                }
            });
            if !applies {
                continue;
            }
            if let Some(known) = known.filter(|known| !known.place.deleted) {
                self.add_live(known.place.segment, -i64::from(known.place.length));
                self.rows -= 1;
            }
            let deleted = record.operation == Operation::Delete;
            let place = Place { segment: segment as u16, offset: base + at, length: record.length, deleted };
            let slot = self.index.set(slot, record.key, record.version, place);
            if deleted {
                let position = self.position(place.segment);
                self.segments[position].deletes.push(slot);
            } else {
                self.add_live(place.segment, i64::from(place.length));
                self.rows += 1;
            }
        }
        self.slots = slots;
    }

    fn add_live(&mut self, segment: u16, bytes: i64) {
        let position = self.position(segment);
        let segment = &mut self.segments[position];
        segment.live = segment.live.checked_add_signed(bytes).expect("a row is counted where it stands");
        self.live = self.live.checked_add_signed(bytes).expect("a row is counted once");
    }

    /// Bytes on disk: the log, and what is waiting to be removed.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.standing + self.retired.iter().map(|retired| u64::from(retired.length)).sum::<u64>()
    }

    /// Whether no sync can be asked for any more.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(self.broken, Some(Broken::Disk(_)))
    }

    /// Whether the flusher has nothing to do.
    pub(crate) fn is_clean(&self, options: &Options) -> bool {
        let settled = self.retired.is_empty() && !self.wants_compaction(options);
        self.synced == self.appended && (settled || self.broken.is_some())
    }
}
