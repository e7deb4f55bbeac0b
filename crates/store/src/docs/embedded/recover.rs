//! Opening: every segment is read once and replayed; a torn end is cut, damage is refused or given up.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use node::Partition;
use xcap::DocumentSelector;

use super::backup::RESTORING;
use super::frame::{self, FRAME_HEADER, FrameHeader, Kind, SEGMENT_HEADER};
use super::index::Place;
use super::log::{Segment, State, create_segment, damage, segment_name, segment_number};
use super::read::unreadable;
use super::{Found, Options};
use crate::OpenError;
use crate::disk::{Disk, DiskFile};
use crate::docs::{FeedEntry, Position, partition_of_user};

/// A repaired segment before it takes the place of the damaged one.
const REPAIRED: &str = "docs-repair.new";
const NO_FRAME: &str = "no sound frame";
/// How often a file is measured again that was cut before it was read.
const ATTEMPTS: usize = 10;

/// What a directory holds.
pub(crate) struct Replayed<F> {
    pub(crate) state: State<F>,
    /// The floors of the feed, and the segments they stand in.
    pub(crate) floors: BTreeMap<Partition, (Position, u32)>,
    pub(crate) found: Found,
    /// A newest segment that was begun and never written to.
    unborn: Option<u32>,
}

/// Why a replay stopped.
pub(crate) enum Stop {
    Damage { segment: u32, offset: u32, what: &'static str },
    Io(OpenError),
}

impl From<Stop> for OpenError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Damage { segment, offset, what } => Self::Corrupt(damage(segment, offset, what)),
            Stop::Io(error) => error,
        }
    }
}

/// Replays a directory and makes it ready to be written to.
pub(crate) fn recover<D: Disk>(disk: &D, options: &Options) -> Result<Replayed<D::File>, OpenError> {
    let mut given_up = Vec::new();
    let mut mended = 0;
    let mut replayed = loop {
        match replay(disk, options.feed_entries) {
            Err(Stop::Damage { segment, offset, what }) if options.give_up_damage && segment > mended => {
                given_up.push(damage(segment, offset, what));
                mend(disk, segment)?;
                mended = segment;
            }
            other => break other?,
        }
    };
    replayed.found.given_up = given_up;
    settle(disk, &mut replayed)?;
    Ok(replayed)
}

/// Reads what a directory holds. Touches nothing.
pub(crate) fn replay<D: Disk>(disk: &D, feed_entries: usize) -> Result<Replayed<D::File>, Stop> {
    let (numbers, unborn) = segment_numbers(disk)?;
    let mut replay = Replay {
        disk,
        state: State::new(feed_entries),
        floors: BTreeMap::new(),
        entries: BTreeMap::new(),
        decayed: Vec::new(),
        torn_bytes: 0,
    };
    if let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) {
        for number in first..=last {
            replay.segment(number, number == last)?;
        }
    }
    let Replay { state, floors, decayed, torn_bytes, .. } = replay.feed();
    let still = |(document, place): &(DocumentSelector, Place)| {
        let entry = state.index.get(&document.tree, &document.auid, &document.name);
        entry.is_some_and(|entry| entry.place == *place)
    };
    let damaged = decayed.iter().filter(|decayed| still(decayed)).map(|(_, place)| unreadable(*place));
    let found = Found { torn_bytes, damaged: damaged.collect(), given_up: Vec::new() };
    Ok(Replayed { state, floors, found, unborn })
}

/// The segments of a directory, oldest first, and a newest one that was begun and never written to.
fn segment_numbers<D: Disk>(disk: &D) -> Result<(Vec<u32>, Option<u32>), Stop> {
    let names = io("list the directory", disk.list())?;
    if names.iter().any(|name| name == RESTORING) {
        return Err(Stop::Io(OpenError::Corrupt(format!("{RESTORING} at 0: a restore has not ended"))));
    }
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    if let Some(last) = numbers.last().copied() {
        let bytes = read_segment(disk, last)?.map_or(Vec::new(), |read| read.bytes);
        if frame::read_segment_header(&bytes, last).is_none() && !is_promised(&bytes, last, 0) {
            numbers.pop();
            return Ok((numbers, Some(last)));
        }
    }
    Ok((numbers, None))
}

/// The segments that are to be copied for a back-up, oldest first, and how much of each: what was promised, and of the
/// head what is whole. The copy has yet to be replayed.
pub(crate) fn parts<D: Disk>(disk: &D) -> Result<Vec<(u32, u32)>, Stop> {
    let (numbers, _) = segment_numbers(disk)?;
    let mut parts = Vec::with_capacity(numbers.len());
    for number in &numbers {
        let promised = if Some(number) == numbers.last() { None } else { promised_length(disk, *number)? };
        let length = match promised {
            Some(promised) => promised,
            None => whole_length(disk, *number)?,
        };
        parts.push((*number, length));
    }
    Ok(parts)
}

fn whole_length<D: Disk>(disk: &D, number: u32) -> Result<u32, Stop> {
    let bytes = read_head(disk, number)?.map_or(Vec::new(), |read| read.bytes);
    let mut at = SEGMENT_HEADER;
    while (at as usize) < bytes.len() {
        match read_frame(&bytes[at as usize..], number, at) {
            Some(frame) if frame.is_whole || is_promised(&bytes, number, at) => {
                at += frame.header.length();
            }
            None if is_promised(&bytes, number, at) => {
                return Err(Stop::Damage { segment: number, offset: at, what: NO_FRAME });
            }
            Some(_) | None => break,
        }
    }
    Ok(at)
}

/// How long a closed segment was when the next one began, if that can be read.
fn promised_length<D: Disk>(disk: &D, number: u32) -> Result<Option<u32>, Stop> {
    let file = match disk.open(&segment_name(number + 1)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Stop::Io(OpenError::Io { doing: "open a segment", source })),
    };
    let mut header = [0; SEGMENT_HEADER as usize];
    match file.read(0, &mut header) {
        Ok(()) => Ok(frame::read_segment_header(&header, number + 1)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(source) => Err(Stop::Io(OpenError::Io { doing: "read a segment", source })),
    }
}

struct Replay<'a, D: Disk> {
    disk: &'a D,
    state: State<D::File>,
    floors: BTreeMap<Partition, (Position, u32)>,
    /// The newest changes for the feed.
    entries: BTreeMap<Position, (Partition, FeedEntry)>,
    /// Documents whose bytes are not what was written; some may have been written anew since.
    decayed: Vec<(DocumentSelector, Place)>,
    torn_bytes: u64,
}

impl<D: Disk> Replay<'_, D> {
    fn segment(&mut self, number: u32, is_head: bool) -> Result<(), Stop> {
        let stop = |offset, what| Stop::Damage { segment: number, offset, what };
        let read = if is_head { read_head(self.disk, number) } else { read_segment(self.disk, number) };
        let Some(Read { file, bytes }) = read? else {
            return Err(stop(0, "the segment is missing"));
        };
        if frame::read_segment_header(&bytes, number).is_none() {
            return Err(stop(0, "no sound segment header"));
        }
        let file_length = bytes.len() as u32; // not above `u32::MAX`, or it was not read
        self.state.segments.push_back(Segment { file_length, ..Segment::new(number, Arc::new(file)) });
        // What a closed segment has beyond its promised length was never answered for.
        let promised = if is_head { None } else { promised_length(self.disk, number)? };
        let end = promised.map_or(bytes.len(), |promised| bytes.len().min(promised as usize));
        let bytes = &bytes[..end];
        let mut at = SEGMENT_HEADER;
        while (at as usize) < end {
            let frame = read_frame(&bytes[at as usize..], number, at);
            let is_whole = frame.as_ref().is_some_and(|frame| frame.is_whole);
            let left = &bytes[at as usize..];
            if !is_whole && promised.is_none() && is_zero(left) {
                return Ok(()); // set aside, and never used
            }
            if !is_whole && is_head && !is_promised(bytes, number, at) {
                let zeros = left.iter().rev().take_while(|byte| **byte == 0).count();
                self.torn_bytes += (left.len() - zeros) as u64;
                return Ok(());
            }
            let frame = frame.ok_or_else(|| stop(at, NO_FRAME))?;
            self.apply(number, at + FRAME_HEADER as u32, frame.body);
            self.state.position = self.state.position.max(Position(frame.header.position));
            at += frame.header.length();
            self.state.head_mut().length = at;
        }
        match promised {
            Some(promised) if at < promised => Err(stop(at, "the segment is too short")),
            _ => Ok(()),
        }
    }

    fn apply(&mut self, segment: u32, base: u32, body: &[u8]) {
        for (at, stored) in frame::records(body) {
            let place = Place { segment, offset: base + at, length: stored.length };
            self.state.apply(&stored, place);
            let record = &stored.record;
            if record.kind == Kind::Put && !stored.is_whole() {
                self.decayed.push((record.feed_entry().document, place));
            }
            let position = Position(record.position);
            if record.kind == Kind::Floor {
                let floor = self.floors.entry(record.partition()).or_default();
                *floor = (floor.0.max(position), segment);
            } else {
                let partition = partition_of_user(record.xui);
                self.entries.insert(position, (partition, record.feed_entry()));
                self.limit_entries();
            }
        }
    }

    fn limit_entries(&mut self) {
        while self.entries.len() > self.state.recent.limit() {
            let Some((position, (partition, _))) = self.entries.pop_first() else { return };
            self.state.recent.trim(partition, position);
        }
    }

    /// Makes the feed, in the order of positions.
    fn feed(mut self) -> Self {
        for (partition, (floor, _)) in &self.floors {
            self.state.recent.trim(*partition, *floor);
        }
        for (partition, entry) in core::mem::take(&mut self.entries).into_values() {
            self.state.recent.add(partition, entry);
        }
        self
    }
}

struct Frame<'a> {
    header: FrameHeader,
    body: &'a [u8],
    /// Whether all documents in it are as they were written.
    is_whole: bool,
}

fn read_frame(bytes: &[u8], number: u32, at: u32) -> Option<Frame<'_>> {
    let header = frame::read_frame_header(bytes, number, at)?;
    let body = frame::read_frame_body(&header, &bytes[FRAME_HEADER..])?;
    let is_whole = frame::records(body).all(|(_, stored)| stored.is_body_sound());
    Some(Frame { header, body, is_whole })
}

/// Whether nothing was ever written there.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The first frame from `at` on that is not whole, or where none is; the end, if all are.
fn unsound_from(bytes: &[u8], number: u32, mut at: u32) -> u32 {
    while let Some(frame) = bytes.get(at as usize..).and_then(|bytes| read_frame(bytes, number, at)) {
        if !frame.is_whole {
            break;
        }
        at += frame.header.length();
    }
    at
}

/// The head, perhaps beside the process that writes it. Its file is not read in one moment: a frame that came while it was
/// read may be missing where a later one is there already. What was missing once and is there at a second look was not
/// damage, and then all behind it is newer than the first look.
fn read_head<D: Disk>(disk: &D, number: u32) -> Result<Option<Read<D::File>>, Stop> {
    let Some(mut read) = read_segment(disk, number)? else { return Ok(None) };
    let mut at = unsound_from(&read.bytes, number, SEGMENT_HEADER);
    while is_promised(&read.bytes, number, at) {
        let Some(again) = read_segment(disk, number)? else { return Ok(None) };
        read = again;
        let end = unsound_from(&read.bytes, number, at);
        if end > at {
            read.bytes.truncate(end as usize);
            break;
        }
        let Some(decayed) = read_frame(&read.bytes[at as usize..], number, at) else { break };
        at = unsound_from(&read.bytes, number, at + decayed.header.length());
    }
    Ok(Some(read))
}

/// Whether anything from `at` on was on disk when a later frame was written: then it is not a torn end.
fn is_promised(bytes: &[u8], number: u32, at: u32) -> bool {
    let mut from = at;
    while let Some((offset, header)) = frame::find_frame(bytes, number, from) {
        if header.synced > at {
            return true;
        }
        from = offset + 1;
    }
    false
}

/// Makes a replayed directory ready to be written to: cuts what was never promised, makes sure that there is a head, and
/// that all that was read is on disk.
fn settle<D: Disk>(disk: &D, replayed: &mut Replayed<D::File>) -> Result<(), OpenError> {
    if let Some(number) = replayed.unborn {
        io("remove a segment", disk.remove(&segment_name(number)))?;
        io("sync the directory", disk.sync_names())?;
    }
    let state = &mut replayed.state;
    if state.segments.is_empty() {
        let first = replayed.unborn.unwrap_or(1);
        state.segments.push_back(io("create a segment", create_segment(disk, first, 0))?);
    }
    let head = state.head();
    if io("measure a segment", head.file.length())? > u64::from(head.length) {
        io("cut a segment", head.file.truncate(u64::from(head.length)))?;
    }
    let head = state.head_mut();
    head.file_length = head.length;
    io("sync a segment", head.file.sync())?;
    io("sync the directory", disk.sync_names())?;
    Ok(())
}

/// Writes a damaged segment anew, with everything in it that can be read.
fn mend<D: Disk>(disk: &D, number: u32) -> Result<(), OpenError> {
    let mut bytes = read_segment(disk, number)?.map_or(Vec::new(), |read| read.bytes);
    if frame::read_segment_header(&bytes, number).is_none() {
        bytes.resize(bytes.len().max(SEGMENT_HEADER as usize), 0);
        let before = number.checked_sub(1).map(|before| read_segment(disk, before)).transpose()?.flatten();
        let previous = before.map_or(0, |read| written_length(&read.bytes, number - 1));
        bytes[..SEGMENT_HEADER as usize].copy_from_slice(&frame::segment_header(number, previous));
    }
    let next = read_segment(disk, number + 1)?;
    let promised = next.and_then(|read| frame::read_segment_header(&read.bytes, number + 1));
    if let Some(promised) = promised {
        bytes.resize(promised as usize, 0);
    }
    let mut at = SEGMENT_HEADER;
    while (at as usize) < bytes.len() {
        match read_frame(&bytes[at as usize..], number, at) {
            Some(frame) => at += frame.header.length(),
            None => skip(&mut bytes, number, at, promised.is_some()),
        }
    }
    let name = segment_name(number);
    let file = io("create a repaired segment", disk.create(REPAIRED))?;
    io("write a repaired segment", file.append(&bytes))?;
    io("sync a repaired segment", file.sync())?;
    io("rename a repaired segment", disk.rename(REPAIRED, &name))?;
    io("sync the directory", disk.sync_names())?;
    Ok(())
}

/// How much of a segment was written, if nothing else says it: all but zeros behind the last frame.
fn written_length(bytes: &[u8], number: u32) -> u32 {
    let mut at = SEGMENT_HEADER;
    while let Some(frame) = bytes.get(at as usize..).and_then(|bytes| read_frame(bytes, number, at)) {
        at += frame.header.length();
    }
    if bytes.get(at as usize..).is_some_and(is_zero) { at } else { bytes.len() as u32 }
}

/// Covers the damage at `at` with a void up to the next frame header, or to the end.
fn skip(bytes: &mut Vec<u8>, number: u32, at: u32, is_closed: bool) {
    let end = bytes.len() as u32;
    let next = frame::find_frame(bytes, number, at + 1).map_or(end, |(offset, _)| offset);
    if (next == end && !is_closed) || next - at < FRAME_HEADER as u32 {
        bytes.truncate(at as usize);
        return;
    }
    let from = at as usize;
    bytes[from..from + FRAME_HEADER].copy_from_slice(&frame::void(number, at, next - at));
}

struct Read<F> {
    file: F,
    bytes: Vec<u8>,
}

/// A segment's file and all its bytes; `None` if there is no such file.
fn read_segment<D: Disk>(disk: &D, number: u32) -> Result<Option<Read<D::File>>, Stop> {
    let file = match disk.open(&segment_name(number)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Stop::Io(OpenError::Io { doing: "open a segment", source })),
    };
    let mut bytes = Vec::new();
    for attempt in 0.. {
        let length = io("measure a segment", file.length())?;
        let Ok(length) = u32::try_from(length) else {
            return Err(Stop::Damage { segment: number, offset: u32::MAX, what: "the segment is too large" });
        };
        bytes.resize(length as usize, 0);
        match file.read(0, &mut bytes) {
            Ok(()) => break,
            // Who writes has cut what was set aside.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && attempt < ATTEMPTS => {}
            Err(source) => return Err(Stop::Io(OpenError::Io { doing: "read a segment", source })),
        }
    }
    Ok(Some(Read { file, bytes }))
}

fn io<T>(doing: &'static str, outcome: io::Result<T>) -> Result<T, Stop> {
    outcome.map_err(|source| Stop::Io(OpenError::Io { doing, source }))
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::disk::{SimDisk, SimFile, SimLock};
    use crate::docs::suite::{commit, document, put};
    use crate::docs::{DocStore, EmbeddedDocs, Precondition, wait};

    /// What happens between the halves of a read.
    type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

    /// A disk whose files are read in two halves.
    struct Halves(SimDisk, Meanwhile);

    struct Half(SimFile, Meanwhile);

    impl Disk for Halves {
        type File = Half;
        type Lock = SimLock;

        fn lock(&self) -> io::Result<SimLock> {
            self.0.lock()
        }

        fn create(&self, name: &str) -> io::Result<Half> {
            Ok(Half(self.0.create(name)?, Arc::clone(&self.1)))
        }

        fn open(&self, name: &str) -> io::Result<Half> {
            Ok(Half(self.0.open(name)?, Arc::clone(&self.1)))
        }

        fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            self.0.rename(from, to)
        }

        fn remove(&self, name: &str) -> io::Result<()> {
            self.0.remove(name)
        }

        fn list(&self) -> io::Result<Vec<String>> {
            self.0.list()
        }

        fn sync_names(&self) -> io::Result<()> {
            self.0.sync_names()
        }
    }

    impl DiskFile for Half {
        fn append(&self, bytes: &[u8]) -> io::Result<()> {
            self.0.append(bytes)
        }

        fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.0.write(offset, bytes)
        }

        fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            let (first, second) = buffer.split_at_mut(buffer.len() / 2);
            self.0.read(offset, first)?;
            let meanwhile = self.1.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(meanwhile) = meanwhile {
                meanwhile();
            }
            self.0.read(offset + first.len() as u64, second)
        }

        fn truncate(&self, length: u64) -> io::Result<()> {
            self.0.truncate(length)
        }

        fn length(&self) -> io::Result<u64> {
            self.0.length()
        }

        fn sync(&self) -> io::Result<()> {
            self.0.sync()
        }
    }

    const ONE: usize = 200;

    fn write(docs: &EmbeddedDocs<SimDisk>, number: u64) {
        let it = document("alice", "test", &number.to_string());
        let body: Vec<u8> = (0..ONE as u64).map(|at| ((at * (number + 3) * 7919) >> 5) as u8).collect();
        wait(docs.commit(commit("alice", vec![put(&it, Precondition::None, "1", &body)]))).unwrap();
    }

    /// A head with documents, of which some are written in the middle of the first look at it.
    fn beside(before: u64, meanwhile: u64) -> (Halves, Arc<EmbeddedDocs<SimDisk>>) {
        let disk = SimDisk::new(1);
        let options = Options { segment_bytes: 8 << 10, ..Options::default() };
        let docs = Arc::new(EmbeddedDocs::open_on(disk.clone(), options).unwrap());
        (0..before).for_each(|number| write(&docs, number));
        let writer = Arc::clone(&docs);
        let writes = move || (before..before + meanwhile).for_each(|number| write(&writer, number));
        (Halves(disk, Arc::new(Mutex::new(Some(Box::new(writes))))), docs)
    }

    fn read(halves: &Halves, how: impl Fn(&Halves, u32) -> Result<Option<Read<Half>>, Stop>) -> Vec<u8> {
        let Ok(Some(read)) = how(halves, 1) else { panic!("it is there") };
        read.bytes
    }

    #[test]
    fn who_reads_beside_the_writer_takes_no_write_for_damage() {
        // Half of the segment takes some twelve documents.
        for before in [1, 5, 11] {
            let (halves, _docs) = beside(before, 21 - before);
            let once = read(&halves, read_segment);
            let end = unsound_from(&once, 1, SEGMENT_HEADER);
            assert!(is_promised(&once, 1, end), "one look would take it for damage");
            let (halves, docs) = beside(before, 21 - before);
            let read = read(&halves, read_head);
            let end = unsound_from(&read, 1, SEGMENT_HEADER);
            assert!(!is_promised(&read, 1, end));
            assert!(end as u64 >= before * ONE as u64, "what was there before is there");
            assert_eq!(docs.stats().documents, 21);
        }
    }

    #[test]
    fn who_reads_beside_the_writer_finds_damage() {
        let (halves, _docs) = beside(5, 9);
        halves.0.damage(&segment_name(1), SEGMENT_HEADER as usize + 7);
        let read = read(&halves, read_head);
        let end = unsound_from(&read, 1, SEGMENT_HEADER);
        assert!(end == SEGMENT_HEADER && is_promised(&read, 1, end));
        assert!(matches!(replay(&halves, 10), Err(Stop::Damage { segment: 1, offset: SEGMENT_HEADER, .. })));
    }

    #[test]
    fn a_decayed_document_hides_no_write_of_the_same_moment() {
        let (halves, _docs) = beside(5, 16);
        halves.0.damage(&segment_name(1), SEGMENT_HEADER as usize + 200); // in the first document
        let read = read(&halves, read_head);
        let first = unsound_from(&read, 1, SEGMENT_HEADER);
        let decayed = read_frame(&read[first as usize..], 1, first).expect("its frame can be read");
        assert!(!decayed.is_whole);
        let end = unsound_from(&read, 1, first + decayed.header.length());
        assert!(!is_promised(&read, 1, end) && end as u64 >= 5 * ONE as u64);
    }
}
