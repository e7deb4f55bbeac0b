//! Opening: every segment is read once and replayed; a torn end is cut, damage is refused or repaired.

use std::io;
use std::sync::Arc;

use super::frame::{self, BATCH_HEADER, SEGMENT_HEADER};
use super::log::{Segment, State, create_segment, segment_name, segment_number};
use super::{OpenError, Opening, Options, Repair, epoch};
use crate::disk::{Disk, DiskFile};

/// A repaired segment before it takes the place of the damaged one.
const REPAIRED: &str = "repair.new";
/// How far a repair jumps ahead when the epoch file is lost, since epochs claimed without a write left no trace.
const EPOCH_JUMP: u32 = 1000;

/// Reads the directory: the state it holds, and what had to be given up for it.
pub(crate) fn recover<D: Disk>(disk: &D, options: &Options) -> Result<(State<D::File>, Opening), OpenError> {
    let names = disk.list().map_err(|source| OpenError::Io { doing: "list the directory", source })?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment_number(name)).collect();
    let mut recovery = Recovery {
        disk,
        repair: options.repair,
        state: State::new(),
        opening: Opening::default(),
        batch_epoch: 0,
    };
    recovery.remove_unborn(&mut numbers)?;
    if let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) {
        for number in first..=last {
            // Only the head can have a torn end: a segment is on disk before the header of the next is written.
            let place = if number == last { Position::Head } else { Position::Closed };
            if !recovery.segment(number, last, place)? {
                break;
            }
        }
    }
    recovery.find_epoch()?;
    recovery.settle(numbers.first().copied().unwrap_or(1))?;
    Ok((recovery.state, recovery.opening))
}

struct Recovery<'a, D: Disk> {
    disk: &'a D,
    repair: Repair,
    state: State<D::File>,
    opening: Opening,
    batch_epoch: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Closed,
    Head,
}

/// What is wrong with the bytes of a segment, and where the sound part goes on.
struct Damage {
    offset: u32,
    what: &'static str,
}

impl<D: Disk> Recovery<'_, D> {
    /// Removes a newest segment that was begun but never held anything promised. The one before it may have been
    /// written to since, if there was no space for the header.
    fn remove_unborn(&mut self, numbers: &mut Vec<u32>) -> Result<(), OpenError> {
        let Some(number) = numbers.last().copied() else { return Ok(()) };
        let (_, bytes) = self.read(number)?;
        if frame::read_segment_header(&bytes, number).is_some() || promised(&bytes, number, 0) {
            return Ok(());
        }
        self.opening.torn_bytes += bytes.len() as u64;
        self.remove(number)?;
        numbers.pop();
        Ok(())
    }

    /// Replays one segment. False if a repair has cut the log here.
    fn segment(&mut self, number: u32, last: u32, position: Position) -> Result<bool, OpenError> {
        let (file, mut bytes) = self.read(number)?;
        let expected = if number == last { None } else { self.promised_length(number)? };
        let mut rewritten = file.is_none();
        if frame::read_segment_header(&bytes, number).is_none() {
            let what = if file.is_none() { "the segment is missing" } else { "no sound header" };
            self.admit(number, &Damage { offset: 0, what })?;
            if self.repair == Repair::TruncateFrom {
                self.remove_from(number, last)?;
                return Ok(false);
            }
            let previous = self.state.segments.back().map_or(0, |segment| segment.length);
            bytes.resize(bytes.len().max(SEGMENT_HEADER as usize), 0);
            bytes[..SEGMENT_HEADER as usize].copy_from_slice(&frame::segment_header(number, previous));
            rewritten = true;
        }
        let placeholder = match file {
            Some(file) => file,
            None => io("create a segment", self.disk.create(REPAIRED))?,
        };
        let (file, length) = (Arc::new(placeholder), SEGMENT_HEADER);
        self.state.segments.push_back(Segment { number, file, length, live: 0, deletes: Vec::new() });

        let mut at = SEGMENT_HEADER;
        let mut cut = false;
        while let Err(damage) = self.replay(number, &bytes, &mut at, expected) {
            if position == Position::Head && !promised(&bytes, number, at) {
                self.opening.torn_bytes += bytes.len() as u64 - u64::from(at);
                bytes.truncate(at as usize);
                self.truncate(at)?;
                break;
            }
            self.admit(number, &damage)?;
            if self.repair == Repair::TruncateFrom {
                self.remove_from(number + 1, last)?;
                bytes.truncate(at as usize);
                self.truncate(at)?;
                cut = true;
                break;
            }
            skip(&mut bytes, number, at, expected);
            rewritten = true;
        }
        self.state.head_mut().length = at;
        if rewritten {
            self.state.head_mut().file = Arc::new(self.replace(number, &bytes)?);
        }
        Ok(!cut)
    }

    /// Applies sound batches from `at` on, and leaves `at` behind the last of them.
    fn replay(
        &mut self,
        number: u32,
        bytes: &[u8],
        at: &mut u32,
        expected: Option<u32>,
    ) -> Result<(), Damage> {
        let end = expected.map_or(bytes.len(), |expected| bytes.len().min(expected as usize));
        while (*at as usize) < end {
            let rest = &bytes[*at as usize..end];
            let Some(header) = frame::read_batch_header(rest, number, *at) else {
                return Err(Damage { offset: *at, what: "no sound batch header" });
            };
            let Some(body) = frame::read_batch_body(&header, &rest[BATCH_HEADER as usize..]) else {
                return Err(Damage { offset: *at, what: "the checksum of a batch does not match" });
            };
            self.state.apply(number, *at + BATCH_HEADER, body);
            self.batch_epoch = self.batch_epoch.max(header.epoch);
            *at += BATCH_HEADER + header.body_length;
        }
        match expected {
            Some(expected) if *at < expected => Err(Damage { offset: *at, what: "the segment is too short" }),
            Some(expected) if bytes.len() > expected as usize => {
                Err(Damage { offset: expected, what: "the segment is too long" })
            }
            _ => Ok(()),
        }
    }

    /// Refuses damage, or writes it down if a repair was asked for.
    fn admit(&mut self, number: u32, damage: &Damage) -> Result<(), OpenError> {
        let text = format!("{} at {}: {}", segment_name(number), damage.offset, damage.what);
        if self.repair == Repair::Refuse {
            return Err(OpenError::Corrupt(text));
        }
        self.opening.given_up.push(text);
        Ok(())
    }

    fn find_epoch(&mut self) -> Result<(), OpenError> {
        let stored = io("read the epoch file", epoch::read(self.disk))?;
        let text = match stored {
            epoch::Stored::Epoch(epoch) => {
                self.state.last_epoch = epoch.max(self.batch_epoch);
                return Ok(());
            }
            epoch::Stored::Missing if self.batch_epoch == 0 => return Ok(()),
            epoch::Stored::Missing => "epoch at 0: the file is missing",
            epoch::Stored::Damaged => "epoch at 0: the checksum does not match",
        };
        if self.repair == Repair::Refuse {
            return Err(OpenError::Corrupt(text.into()));
        }
        self.opening.given_up.push(text.into());
        self.state.last_epoch = self.batch_epoch.saturating_add(EPOCH_JUMP);
        Ok(())
    }

    /// Makes sure there is a head, and that all that was read is on disk: it may have come from a process that ended
    /// before its group commit.
    fn settle(&mut self, first: u32) -> Result<(), OpenError> {
        if self.state.segments.is_empty() {
            self.state.segments.push_back(io("create a segment", create_segment(self.disk, first, 0))?);
        }
        io("sync a segment", self.state.head().file.sync())?;
        io("sync the directory", self.disk.sync_names())?;
        self.state.head_synced = self.state.head().length;
        self.state.standing = self.state.segments.iter().map(|segment| u64::from(segment.length)).sum();
        Ok(())
    }

    /// How long a closed segment was when the next one began, if that can be read.
    fn promised_length(&self, number: u32) -> Result<Option<u32>, OpenError> {
        let file = match self.disk.open(&segment_name(number + 1)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(OpenError::Io { doing: "open a segment", source }),
        };
        let mut header = [0; SEGMENT_HEADER as usize];
        match file.read(0, &mut header) {
            Ok(()) => Ok(frame::read_segment_header(&header, number + 1)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(source) => Err(OpenError::Io { doing: "read a segment", source }),
        }
    }

    fn read(&self, number: u32) -> Result<(Option<D::File>, Vec<u8>), OpenError> {
        let file = match self.disk.open(&segment_name(number)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, Vec::new())),
            Err(source) => return Err(OpenError::Io { doing: "open a segment", source }),
        };
        let length = io("measure a segment", file.length())?;
        let Ok(length) = u32::try_from(length) else {
            return Err(OpenError::Corrupt(format!("{} at {}: too large", segment_name(number), u32::MAX)));
        };
        let mut bytes = vec![0; length as usize];
        io("read a segment", file.read(0, &mut bytes))?;
        Ok((Some(file), bytes))
    }

    fn truncate(&self, length: u32) -> Result<(), OpenError> {
        let file = &self.state.head().file;
        io("cut a segment", file.truncate(u64::from(length)))?;
        io("sync a segment", file.sync())
    }

    fn replace(&self, number: u32, bytes: &[u8]) -> Result<D::File, OpenError> {
        let name = segment_name(number);
        let file = io("create a repaired segment", self.disk.create(REPAIRED))?;
        io("write a repaired segment", file.append(bytes))?;
        io("sync a repaired segment", file.sync())?;
        io("rename a repaired segment", self.disk.rename(REPAIRED, &name))?;
        io("sync the directory", self.disk.sync_names())?;
        io("open a segment", self.disk.open(&name))
    }

    /// Newest first, so that a crash leaves no gap.
    fn remove_from(&self, first: u32, last: u32) -> Result<(), OpenError> {
        (first..=last).rev().try_for_each(|number| self.remove(number))
    }

    fn remove(&self, number: u32) -> Result<(), OpenError> {
        match self.disk.remove(&segment_name(number)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::Io { doing: "remove a segment", source });
            }
            Ok(()) | Err(_) => {}
        }
        io("sync the directory", self.disk.sync_names())
    }
}

/// Covers the damage at `at` with a void up to the next batch header, or to the end.
fn skip(bytes: &mut Vec<u8>, number: u32, at: u32, expected: Option<u32>) {
    if let Some(expected) = expected {
        bytes.resize(expected as usize, 0);
    }
    let end = bytes.len() as u32;
    let next = frame::find_batch(bytes, number, at + 1).map_or(end, |(offset, _)| offset);
    if next - at < BATCH_HEADER || (next == end && expected.is_none()) {
        bytes.truncate(at as usize);
        return;
    }
    let from = at as usize;
    bytes[from..from + BATCH_HEADER as usize].copy_from_slice(&frame::void(number, at, next - at));
}

/// Whether anything from `at` on was on disk when a later batch was written: then it is not a torn end.
fn promised(bytes: &[u8], number: u32, at: u32) -> bool {
    let mut from = at;
    while let Some((offset, header)) = frame::find_batch(bytes, number, from) {
        if header.synced > at {
            return true;
        }
        from = offset + 1;
    }
    false
}

fn io<T>(doing: &'static str, outcome: io::Result<T>) -> Result<T, OpenError> {
    outcome.map_err(|source| OpenError::Io { doing, source })
}
