//! Compaction: rows of the oldest segment move to the head, then its file goes.
//!
//! Always the oldest first. So a delete can be forgotten together with its segment: every older record of its row
//! has gone before. Space: a round of compaction is owed while the log is above `2 x live + 1 segment`; group commits
//! work it off in steps of at most 128 KiB each, and above `2.25 x live + 1.5 segments` every write adds a step of four
//! times its own size, so that after a group commit the files are at most `2.5 x live + 2 segments` (plus what deletes
//! have just freed, at most 8 MiB of which a group commit examines).

use super::Options;
use super::frame::{self, BATCH_HEADER, SEGMENT_HEADER};
use super::log::{Broken, Retired, Scan, Shared, State, segment_name};
use crate::StoreError;
use crate::disk::{Disk, DiskFile};

/// What one step examines, in bytes: a fraction of a millisecond under the lock.
const STEP: u32 = 128 * 1024;
/// How many steps a group commit makes at most.
const STEPS: usize = 64;
/// How many deletes are forgotten under one hold of the lock.
const FORGET: usize = 4096;

impl<F> State<F> {
    /// Whether there is more space to win than the log may waste.
    pub(crate) fn wants_compaction(&self, options: &Options) -> bool {
        self.fence.is_some()
            && self.broken.is_none()
            && self.segments.len() > 1
            && self.standing > 2 * self.live + u64::from(options.segment_bytes)
    }

    /// Whether writers have to help.
    fn is_behind(&self, options: &Options) -> bool {
        let segment = u64::from(options.segment_bytes);
        self.wants_compaction(options)
            && self.standing > 2 * self.live + self.live / 4 + segment + segment / 2
    }

    /// Takes the oldest segment out of the log.
    fn retire_oldest(&mut self) {
        let Some(segment) = self.segments.pop_front() else { return };
        self.scan = Scan::default();
        // What made its rows obsolete may stand unsynced at the head, so the file outlives the next sync.
        self.standing -= u64::from(segment.length);
        let (number, length, after) = (segment.number, segment.length, self.appended);
        self.retired.push_back(Retired { number, length, after, deletes: segment.deletes });
    }
}

impl<D: Disk> Shared<D> {
    /// The part of the compaction that a group commit does. A full disk only postpones it.
    pub(crate) fn compact_round(&self) -> Result<(), StoreError> {
        for _ in 0..STEPS {
            let mut state = self.state();
            if !state.wants_compaction(&self.options) {
                break;
            }
            match self.compact_step(&mut state, STEP) {
                Err(StoreError::Full) => break,
                other => other?,
            }
        }
        Ok(())
    }

    /// The part that a writer does, when group commits do not keep up.
    pub(crate) fn keep_up(&self, state: &mut State<D::File>) {
        if state.is_behind(&self.options) {
            let budget = state.batch.length().saturating_mul(4).clamp(STEP as usize / 2, 16 * STEP as usize);
            // The write itself has succeeded; what stops the compaction stops the next call, if it is grave.
            let _ = self.compact_step(state, budget as u32);
        }
    }

    /// Moves the rows among about `budget` bytes of the oldest segment to the head.
    fn compact_step(&self, state: &mut State<D::File>, budget: u32) -> Result<(), StoreError> {
        if let Some(broken) = &state.broken {
            return Err(broken.error());
        }
        if state.segments.len() < 2 {
            return Ok(());
        }
        if state.segments[0].live == 0 {
            state.retire_oldest(); // nothing to move: not even read
            return Ok(());
        }
        let mut window = core::mem::take(&mut state.window);
        let mut size = budget;
        let result = loop {
            match self.gather(state, &mut window, size) {
                Ok(Gathered::Needs(more)) => size = more,
                Ok(Gathered::Scanned(scan)) => break self.move_rows(state, scan),
                Err(error) => break Err(error),
            }
        };
        state.window = window;
        result
    }

    /// Appends what was gathered. Without space the same stretch is gathered again later.
    fn move_rows(&self, state: &mut State<D::File>, scan: Scan) -> Result<(), StoreError> {
        if !state.batch.is_empty() {
            self.append(state)?;
        }
        state.scan = scan;
        if state.segments[0].live == 0 {
            state.retire_oldest();
        }
        Ok(())
    }

    /// Puts copies of the rows in the next `size` bytes of the oldest segment into the batch.
    fn gather(
        &self,
        state: &mut State<D::File>,
        window: &mut Vec<u8>,
        size: u32,
    ) -> Result<Gathered, StoreError> {
        let oldest = &state.segments[0];
        let (number, segment_end) = (oldest.number, oldest.length);
        let start = state.scan.offset.max(SEGMENT_HEADER);
        let end = oldest.length.min(start.saturating_add(size));
        window.resize((end - start) as usize, 0);
        if let Err(error) = oldest.file.read(u64::from(start), window) {
            return Err(self.damaged(state, number, start, &format!("unreadable, {error}")));
        }
        state.batch.clear();
        let mut scan = Scan { offset: start, batch_left: state.scan.batch_left };
        while scan.offset < end {
            let rest = &window[(scan.offset - start) as usize..];
            let (length, whole) = match scan.batch_left {
                0 => (BATCH_HEADER as usize, rest.len() >= BATCH_HEADER as usize),
                _ => match frame::record_length(rest) {
                    Some(length) => (length, rest.len() >= length),
                    None => (8, false),
                },
            };
            if !whole {
                if scan.offset > start {
                    break;
                }
                // The first thing is larger than the step: once more with room for it, if the segment has it.
                let available = segment_end - start;
                return match u32::try_from(length) {
                    Ok(length) if length <= available && length > size => Ok(Gathered::Needs(length)),
                    _ => Err(self.damaged(state, number, scan.offset, "a record without end")),
                };
            }
            let sound = if scan.batch_left == 0 {
                state.scan_header(&mut scan, rest, number)
            } else {
                state.scan_record(&mut scan, rest, number)
            };
            if !sound {
                return Err(self.damaged(state, number, scan.offset, "the checksum does not match"));
            }
        }
        Ok(Gathered::Scanned(scan))
    }

    fn damaged(&self, state: &mut State<D::File>, number: u32, offset: u32, what: &str) -> StoreError {
        let broken = Broken::Corrupt(format!("{} at {offset}: {what}", segment_name(number)));
        let error = broken.error();
        state.broken.get_or_insert(broken);
        self.changed.notify_all();
        error
    }

    /// Removes the files of retired segments whose successors are on disk, oldest first, each removal on disk before
    /// the next, and then forgets their deletes. (The other way round a put below a forgotten delete could be
    /// accepted, and the delete be found again after a crash.)
    pub(crate) fn remove_retired(&self) {
        let _turn = self.retiring.lock().expect("nothing panics while it removes files");
        loop {
            let number = {
                let state = self.state();
                let synced = state.synced;
                match state.retired.front() {
                    Some(retired) if retired.after <= synced && state.broken.is_none() => retired.number,
                    _ => return,
                }
            };
            match self.disk.remove(&segment_name(number)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return, // tried again next time
                Ok(()) | Err(_) => {}
            }
            let outcome = self.disk.sync_names();
            let mut state = self.state();
            if let Err(error) = outcome {
                self.break_down(&mut state, "could not sync the removal of a segment", &error);
                return;
            }
            let Some(retired) = state.retired.pop_front() else { return };
            drop(state);
            for slots in retired.deletes.chunks(FORGET) {
                self.state().forget(number, slots);
            }
        }
    }
}

enum Gathered {
    /// The scan, as it will be when the batch is in the log.
    Scanned(Scan),
    /// The next record needs a window of this size.
    Needs(u32),
}

impl<F> State<F> {
    /// Steps over a batch header, or over a whole void.
    fn scan_header(&mut self, scan: &mut Scan, bytes: &[u8], number: u32) -> bool {
        let Some(header) = frame::read_batch_header(bytes, number, scan.offset) else { return false };
        scan.offset += BATCH_HEADER;
        if header.void {
            scan.offset += header.body_length;
        } else {
            scan.batch_left = header.body_length;
        }
        true
    }

    /// Steps over a record, and takes it along if it is where its row stands.
    fn scan_record(&mut self, scan: &mut Scan, bytes: &[u8], number: u32) -> bool {
        let Some(record) = frame::read_record(bytes) else { return false };
        let Some(left) = scan.batch_left.checked_sub(record.length) else { return false };
        let stands = self.index.get(record.key).is_some_and(|known| {
            let place = known.place;
            !place.deleted && place.segment == number as u16 && place.offset == scan.offset
        });
        if stands {
            self.batch.copy(&record);
        }
        scan.offset += record.length;
        scan.batch_left = left;
        true
    }

    /// Forgets deletes that stood in a segment that is gone, unless their rows have been written since.
    fn forget(&mut self, number: u32, slots: &[u32]) {
        for slot in slots {
            let place = self.index.slot(*slot).map(|known| known.place);
            if place.is_some_and(|place| place.deleted && place.segment == number as u16) {
                self.index.remove_slot(*slot);
            }
        }
    }
}
