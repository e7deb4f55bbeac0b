//! Compaction: what is still needed of the oldest segment moves to the head, then its file goes.
//!
//! Always the oldest first. So a delete needs no memory: every older record of its document has gone before. Each group
//! of commits carries a share of the work in its own append and sync, four times its size, while the log is above twice
//! what is needed plus a segment; so space is bounded by what is needed, and nothing moves while nobody writes.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use node::Partition;

use super::frame::{self, FRAME_HEADER, Frames, Kind, RECORD_HEADER, Record, SEGMENT_HEADER, Stored};
use super::index::Place;
use super::log::{Segment, Shared, State, damage, segment_name};
use super::writer::half_segment;
use crate::disk::{Disk, DiskFile};
use crate::docs::feed::Recent;
use crate::docs::{Position, partition_of_user};

/// The least and the most that one group examines, in bytes.
const SHARE: core::ops::RangeInclusive<usize> = 64 << 10..=1 << 20;
/// About what a change of the feed needs in the log, in bytes.
const CHANGE: u64 = 256;

/// How far the compaction has come.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    scan: Scan,
    /// The floors of the feed that stand in the log, and in which segment.
    floors: BTreeMap<Partition, (Position, u32)>,
    /// What the group under way carries.
    share: Option<Share>,
    /// Segments that are no longer needed, but still have their files.
    retired: VecDeque<u32>,
    /// Damage, or a directory that cannot be synced: nothing is removed until the store is opened anew.
    stuck: bool,
    /// What was read of a segment; kept for its memory.
    window: Vec<u8>,
}

/// A place in the oldest segment.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    offset: u32,
    frame_left: u32,
}

#[derive(Debug)]
struct Share {
    scan: Scan,
    /// The oldest segment holds nothing any more.
    done: bool,
    floors: Vec<(Partition, Position)>,
}

/// Why a share could not be gathered.
enum Trouble {
    /// What was read is not what was written.
    Damage(String),
    Disk(io::Error),
}

impl Compaction {
    /// With the floors that a replay has found.
    pub(crate) fn new(floors: BTreeMap<Partition, (Position, u32)>) -> Self {
        Self { floors, ..Self::default() }
    }

    /// Adds a share of the work to a group of commits of about `expected` bytes.
    pub(crate) fn gather<D: Disk>(
        &mut self,
        shared: &Shared<D>,
        frames: &mut Frames,
        expected: usize,
        spoiled: bool,
    ) {
        let state = shared.read();
        if self.stuck || spoiled || !is_owed(&state, u64::from(shared.options.segment_bytes)) {
            return;
        }
        let size = expected.saturating_mul(4).clamp(*SHARE.start(), *SHARE.end());
        let limit = half_segment(&shared.options);
        frames.begin();
        let mut window = core::mem::take(&mut self.window);
        let filled = self.fill(&state, frames, &mut window, size.min(limit - FRAME_HEADER), limit);
        self.window = window;
        match filled {
            Ok(share) => {
                self.share = Some(share);
                frames.end(state.position);
            }
            Err(trouble) => {
                frames.abandon();
                drop(state);
                let what = match trouble {
                    Trouble::Damage(what) => {
                        self.stuck = true;
                        what
                    }
                    Trouble::Disk(error) => format!("could not read a segment: {error}"),
                };
                shared.write().stuck = Some(what);
            }
        }
    }

    fn fill<F: DiskFile>(
        &self,
        state: &State<F>,
        frames: &mut Frames,
        window: &mut Vec<u8>,
        size: usize,
        limit: usize,
    ) -> Result<Share, Trouble> {
        let oldest = &state.segments[0];
        let scan = if oldest.live == 0 && oldest.newest < state.recent.oldest() {
            Scan { offset: oldest.length, frame_left: 0 } // nothing to move: not even read
        } else {
            self.move_records(state, oldest, frames, window, size)?
        };
        let mut share = Share { scan, done: scan.offset == oldest.length, floors: Vec::new() };
        if share.done {
            let written =
                |partition| self.floors.get(&partition).filter(|(_, segment)| *segment > oldest.number);
            let is_new = |(partition, floor): &(Partition, Position)| {
                written(*partition).is_none_or(|(written, _)| written < floor)
            };
            share.floors = state.recent.floors().filter(is_new).collect();
            if frames.length() + share.floors.len() * RECORD_HEADER > limit {
                share.done = false; // with the next group, which has room for them
                share.floors.clear();
            }
            for (partition, floor) in &share.floors {
                frames.add(&Record::floor(*partition, *floor));
            }
        }
        Ok(share)
    }

    /// Puts what is needed of the next `size` bytes of the oldest segment into the open frame; of one record, if that is
    /// longer.
    fn move_records<F: DiskFile>(
        &self,
        state: &State<F>,
        oldest: &Segment<F>,
        frames: &mut Frames,
        window: &mut Vec<u8>,
        mut size: usize,
    ) -> Result<Scan, Trouble> {
        let start = self.scan.offset.max(SEGMENT_HEADER);
        let mut scan = Scan { offset: start, frame_left: self.scan.frame_left };
        loop {
            let end = oldest.length.min(start.saturating_add(size as u32));
            window.resize((end - start) as usize, 0);
            oldest.file.read(u64::from(start), window).map_err(Trouble::Disk)?;
            while scan.offset < end {
                let rest = &window[(scan.offset - start) as usize..];
                let needs = match scan.frame_left {
                    0 => FRAME_HEADER,
                    _ => frame::record_length(rest).unwrap_or(8),
                };
                if needs > rest.len() {
                    break;
                }
                step(state, oldest, frames, &mut scan, rest)?;
            }
            if scan.offset > start || start == oldest.length {
                return Ok(scan);
            }
            let needs = frame::record_length(window).unwrap_or(8);
            if needs <= size || needs > (oldest.length - start) as usize {
                return Err(Trouble::Damage(damage(oldest.number, start, "a record without end")));
            }
            size = needs;
        }
    }

    /// The group was not written: its share is gathered again.
    pub(crate) fn abandon(&mut self) {
        self.share = None;
    }

    /// The group is on disk, and so is its share.
    pub(crate) fn settle<D: Disk>(&mut self, shared: &Shared<D>) {
        let Some(share) = self.share.take() else { return };
        self.scan = share.scan;
        let mut state = shared.write();
        state.stuck = None;
        let head = state.head().number;
        self.floors.extend(share.floors.into_iter().map(|(partition, floor)| (partition, (floor, head))));
        if share.done {
            self.scan = Scan::default();
            self.retired.extend(state.segments.pop_front().map(|segment| segment.number));
        }
        drop(state);
        self.remove_retired(shared);
    }

    /// Removes files, oldest first, each removal on disk before the next.
    fn remove_retired<D: Disk>(&mut self, shared: &Shared<D>) {
        while let Some(number) = self.retired.front() {
            match shared.disk.remove(&segment_name(*number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    shared.write().stuck = Some(format!("could not remove a segment: {error}"));
                    return; // tried again with the next share
                }
                Ok(()) | Err(_) => {}
            }
            if let Err(error) = shared.disk.sync_names() {
                self.stuck = true;
                shared.write().stuck = Some(format!("could not sync the removal of a segment: {error}"));
                return;
            }
            self.retired.pop_front();
        }
    }
}

/// Whether there is more space to win than the log may waste.
fn is_owed<F>(state: &State<F>, segment_bytes: u64) -> bool {
    let floors = state.recent.floors().len() as u64 * RECORD_HEADER as u64;
    let needed = state.live + state.recent.len() as u64 * CHANGE + floors;
    state.segments.len() > 1 && state.standing() > 2 * needed + segment_bytes
}

/// Steps over a frame header or a record, and takes along what is needed of it.
fn step<F>(
    state: &State<F>,
    oldest: &Segment<F>,
    frames: &mut Frames,
    scan: &mut Scan,
    bytes: &[u8],
) -> Result<(), Trouble> {
    let damaged = |what| Trouble::Damage(damage(oldest.number, scan.offset, what));
    if scan.frame_left == 0 {
        let header = frame::read_frame_header(bytes, oldest.number, scan.offset)
            .ok_or_else(|| damaged("no sound frame header"))?;
        scan.offset += FRAME_HEADER as u32;
        if header.void {
            scan.offset += header.body_length;
        } else {
            scan.frame_left = header.body_length;
        }
        return Ok(());
    }
    let stored = frame::read_record(bytes).filter(|stored| stored.length <= scan.frame_left);
    let stored = stored.ok_or_else(|| damaged("the checksum of a record does not match"))?;
    let place = Place { segment: oldest.number, offset: scan.offset, length: stored.length };
    take_along(state, frames, &stored, place);
    scan.offset += stored.length;
    scan.frame_left -= stored.length;
    Ok(())
}

fn take_along<F>(state: &State<F>, frames: &mut Frames, stored: &Stored<'_>, place: Place) {
    let record = &stored.record;
    let stands = record.kind == Kind::Put
        && state
            .index
            .get(&record.tree(), record.auid, record.name)
            .is_some_and(|entry| entry.place == place);
    if stands {
        frames.add(&if stored.is_body_sound() { *record } else { record.lost() });
    } else if record.kind != Kind::Floor && is_fed(&state.recent, record) {
        frames.add(&record.without_body());
    }
}

fn is_fed(recent: &Recent, record: &Record<'_>) -> bool {
    recent.holds(partition_of_user(record.xui), Position(record.position))
}
