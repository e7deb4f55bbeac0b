//! The stored format of documents: segment headers, frames, records. Numbers are little-endian.
//!
//! ```text
//! segment  magic 8 | number 4 | length of the segment before 4 | crc 4 | frames..
//! frame    magic 4 | body length 4 | records 4 | synced 4 | segment 4 | offset 4 | position 8 | check 4 | crc 4 | records..
//! record   crc 4 | length 4 | body crc 4 | plain length 4 | position 8 | at 8 | kind 1 | encoding 1
//!          | lengths of tree, auid, name, mime, previous, current 12 | these texts | body
//! ```
//!
//! A frame is one commit, or what the compaction moves, and counts only as a whole. `synced` is how much of the segment
//! was on disk when the frame was written; it tells a torn end (bytes nobody was promised) from decay in the middle.
//! `position` is that of the newest change of all. A record's `crc` covers everything but the body, so that a document
//! whose body has decayed can still be named; `check` covers both sums of every record. `at` is in seconds since 1970.

use std::sync::Arc;

use crc32fast::Hasher;
use node::Partition;
use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Tree};

use crate::docs::{FeedEntry, Position};
use crate::segment;

const SEGMENT_MAGIC: segment::Magic = *b"RCDOCS\x00\x01";
const FRAME_MAGIC: [u8; 4] = [0xd0, 0x52, 0x43, 0x01];
/// Stands where a repair gave up a stretch of the segment.
const VOID_MAGIC: [u8; 4] = [0xd0, 0x52, 0x43, 0x00];

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER: u32 = segment::HEADER;
/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER: usize = 40;
/// Bytes of a record without texts and body.
pub(crate) const RECORD_HEADER: usize = 46;
/// The longest text of a record, in bytes: names come from URIs, which are shorter.
pub(crate) const TEXT_MAX: usize = 16 << 10;
/// In the place of the length of a text that is not there.
const NO_TEXT: u16 = u16::MAX;

/// The header of the segment with this number.
pub(crate) fn segment_header(number: u32, previous_length: u32) -> [u8; SEGMENT_HEADER as usize] {
    segment::header(SEGMENT_MAGIC, number, previous_length)
}

/// The length of the segment before, if this is a sound header of the segment with this number.
pub(crate) fn read_segment_header(bytes: &[u8], number: u32) -> Option<u32> {
    segment::read_header(SEGMENT_MAGIC, bytes, number)
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The document has this version.
    Put = 1,
    /// The document is gone.
    Delete = 2,
    /// A change for the feed alone; the version itself has been replaced since.
    Change = 3,
    /// Changes of the partition `at` up to and with `position` are no longer kept.
    Floor = 4,
}

/// How a body is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Plain = 0,
    /// LZ4, one block.
    Lz4 = 1,
    /// Not at all: it had decayed when the record was moved.
    Lost = 2,
}

/// One record, read from the log or about to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) encoding: Encoding,
    pub(crate) plain_length: u32,
    pub(crate) position: u64,
    pub(crate) at: u64,
    /// `None` for the global tree.
    pub(crate) xui: Option<&'a str>,
    pub(crate) auid: &'a str,
    pub(crate) name: &'a str,
    pub(crate) mime: Option<&'a str>,
    pub(crate) previous: Option<&'a str>,
    pub(crate) current: Option<&'a str>,
    /// As stored.
    pub(crate) body: &'a [u8],
}

impl<'a> Record<'a> {
    /// A change of a document, without the body.
    pub(crate) fn change(document: &'a DocumentSelector, position: Position, at: Timestamp) -> Self {
        Self {
            kind: Kind::Delete,
            encoding: Encoding::Plain,
            plain_length: 0,
            position: position.0,
            at: at.as_secs(),
            xui: match &document.tree {
                Tree::User(xui) => Some(xui),
                Tree::Global => None,
            },
            auid: &document.auid,
            name: &document.name,
            mime: None,
            previous: None,
            current: None,
            body: &[],
        }
    }

    /// That the changes of a partition up to and with a position are no longer kept.
    pub(crate) fn floor(partition: Partition, through: Position) -> Self {
        Self {
            kind: Kind::Floor,
            encoding: Encoding::Plain,
            plain_length: 0,
            position: through.0,
            at: u64::from(partition.0),
            xui: None,
            auid: "",
            name: "",
            mime: None,
            previous: None,
            current: None,
            body: &[],
        }
    }

    /// The partition of a floor.
    pub(crate) fn partition(&self) -> Partition {
        Partition(self.at as u16)
    }

    /// The tree that the document lies in.
    pub(crate) fn tree(&self) -> Tree {
        self.xui.map_or(Tree::Global, |xui| Tree::User(xui.into()))
    }

    /// What the feed says of it.
    pub(crate) fn feed_entry(&self) -> FeedEntry {
        let etag = |text: Option<&str>| text.map(|text| ETag(Arc::from(text)));
        FeedEntry {
            position: Position(self.position),
            document: DocumentSelector { auid: self.auid.into(), tree: self.tree(), name: self.name.into() },
            previous: etag(self.previous),
            current: etag(self.current),
            at: Timestamp::from_secs(self.at),
        }
    }

    /// The same change when its body has decayed.
    pub(crate) fn lost(&self) -> Self {
        Self { encoding: Encoding::Lost, body: &[], ..*self }
    }

    /// The same for the feed alone.
    pub(crate) fn without_body(&self) -> Self {
        Self {
            kind: Kind::Change,
            encoding: Encoding::Plain,
            plain_length: 0,
            mime: None,
            body: &[],
            ..*self
        }
    }

    fn texts(&self) -> [Option<&'a str>; 6] {
        [self.xui, Some(self.auid), Some(self.name), self.mime, self.previous, self.current]
    }

    /// How long it is when written.
    pub(crate) fn length(&self) -> usize {
        RECORD_HEADER + self.texts().iter().flatten().map(|text| text.len()).sum::<usize>() + self.body.len()
    }

    /// Prints it, and gives its beginning with both sums.
    fn print(&self, out: &mut Vec<u8>) -> [u8; 12] {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let length = u32::try_from(self.length()).expect("records are limited to some megabytes");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(self.body).to_le_bytes());
        out.extend_from_slice(&self.plain_length.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&[self.kind as u8, self.encoding as u8]);
        for text in self.texts() {
            let length = text.map_or(NO_TEXT, |text| text.len() as u16); // limited to TEXT_MAX
            out.extend_from_slice(&length.to_le_bytes());
        }
        for text in self.texts().iter().flatten() {
            out.extend_from_slice(text.as_bytes());
        }
        let crc = crc32fast::hash(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        let sums = out[start..start + 12].try_into().expect("twelve bytes are twelve bytes");
        out.extend_from_slice(self.body);
        sums
    }
}

/// A record as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) length: u32,
    /// Of the body, as it was written.
    body_crc: u32,
    sums: [u8; 12],
}

impl Stored<'_> {
    /// Whether the body is what was written.
    pub(crate) fn is_body_sound(&self) -> bool {
        crc32fast::hash(self.record.body) == self.body_crc
    }

    /// Whether the document can be read.
    pub(crate) fn is_whole(&self) -> bool {
        self.record.encoding != Encoding::Lost && self.is_body_sound()
    }

    /// The document's bytes; `None` if what is stored is not what was written.
    pub(crate) fn document(&self) -> Option<Arc<[u8]>> {
        if !self.is_body_sound() {
            return None;
        }
        match self.record.encoding {
            Encoding::Lost => None,
            Encoding::Plain => Some(self.record.body.into()),
            Encoding::Lz4 => {
                let plain = lz4_flex::block::decompress(self.record.body, self.record.plain_length as usize);
                plain.ok().filter(|plain| plain.len() == self.record.plain_length as usize).map(Arc::from)
            }
        }
    }
}

/// How long the record is that begins here; [`None`] if its length is not among the bytes.
pub(crate) fn record_length(bytes: &[u8]) -> Option<usize> {
    (bytes.len() >= 8).then(|| u32_at(bytes, 4) as usize)
}

/// The record that begins here, if it is sound but for its body, which is not checked.
pub(crate) fn read_record(bytes: &[u8]) -> Option<Stored<'_>> {
    let length = record_length(bytes).filter(|length| *length >= RECORD_HEADER)?;
    let bytes = bytes.get(..length)?;
    let mut lengths = [0; 6];
    for (length, place) in lengths.iter_mut().zip(bytes[34..RECORD_HEADER].chunks_exact(2)) {
        *length = u16::from_le_bytes([place[0], place[1]]);
    }
    let texts_length: usize =
        lengths.iter().filter(|length| **length != NO_TEXT).map(|length| usize::from(*length)).sum();
    let (head, body) = bytes.split_at_checked(RECORD_HEADER + texts_length)?;
    if crc32fast::hash(&head[4..]) != u32_at(head, 0) {
        return None;
    }
    let mut at = RECORD_HEADER;
    let mut texts = [None; 6];
    for (text, length) in texts.iter_mut().zip(lengths) {
        if length != NO_TEXT {
            *text = Some(str::from_utf8(&head[at..at + usize::from(length)]).ok()?);
            at += usize::from(length);
        }
    }
    let [xui, auid, name, mime, previous, current] = texts;
    let record = Record {
        kind: match head[32] {
            1 => Kind::Put,
            2 => Kind::Delete,
            3 => Kind::Change,
            4 => Kind::Floor,
            _ => return None,
        },
        encoding: match head[33] {
            0 => Encoding::Plain,
            1 => Encoding::Lz4,
            2 => Encoding::Lost,
            _ => return None,
        },
        plain_length: u32_at(head, 12),
        position: u64_at(head, 16),
        at: u64_at(head, 24),
        xui,
        auid: auid?,
        name: name?,
        mime,
        previous,
        current,
        body,
    };
    let sums = head[..12].try_into().expect("twelve bytes are twelve bytes");
    Some(Stored { record, length: length as u32, body_crc: u32_at(head, 8), sums })
}

/// The records of a sound frame body, in order, each with its offset from the beginning of `body`.
pub(crate) fn records(body: &[u8]) -> impl Iterator<Item = (u32, Stored<'_>)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let stored = read_record(body.get(at..).filter(|rest| !rest.is_empty())?)?;
        let here = at as u32;
        at += stored.length as usize;
        Some((here, stored))
    })
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) body_length: u32,
    pub(crate) records: u32,
    pub(crate) synced: u32,
    pub(crate) position: u64,
    check: u32,
    /// Not a frame, but a stretch that a repair gave up.
    pub(crate) void: bool,
}

impl FrameHeader {
    fn print(&self, segment: u32, offset: u32) -> [u8; FRAME_HEADER] {
        let mut header = [0; FRAME_HEADER];
        header[..4].copy_from_slice(if self.void { &VOID_MAGIC } else { &FRAME_MAGIC });
        let fields = [self.body_length, self.records, self.synced, segment, offset];
        for (field, place) in fields.iter().zip(header[4..24].chunks_exact_mut(4)) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        header[24..32].copy_from_slice(&self.position.to_le_bytes());
        header[32..36].copy_from_slice(&self.check.to_le_bytes());
        let crc = crc32fast::hash(&header[..36]);
        header[36..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// Header and body together, in bytes.
    pub(crate) fn length(&self) -> u32 {
        (FRAME_HEADER as u32).saturating_add(self.body_length)
    }
}

/// The frame header at the beginning of `bytes`, if it is sound and was written for this place.
pub(crate) fn read_frame_header(bytes: &[u8], segment: u32, offset: u32) -> Option<FrameHeader> {
    let bytes = bytes.get(..FRAME_HEADER)?;
    let header = FrameHeader {
        body_length: u32_at(bytes, 4),
        records: u32_at(bytes, 8),
        synced: u32_at(bytes, 12),
        position: u64_at(bytes, 24),
        check: u32_at(bytes, 32),
        void: bytes[..4] == VOID_MAGIC,
    };
    (header.print(segment, offset) == bytes).then_some(header)
}

/// The body of a frame, if all of it is there and sound, but for the bodies of records, which are not checked. `bytes`
/// begins after the header.
pub(crate) fn read_frame_body<'a>(header: &FrameHeader, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let body = bytes.get(..header.body_length as usize)?;
    if header.void {
        return Some(&[]);
    }
    let (mut at, mut count, mut check) = (0, 0, Hasher::new());
    while at < body.len() {
        let stored = read_record(&body[at..])?;
        check.update(&stored.sums);
        at += stored.length as usize;
        count += 1;
    }
    (count == header.records && check.finalize() == header.check).then_some(body)
}

/// The next sound frame header at or after `from`, in the bytes of a whole segment.
pub(crate) fn find_frame(segment_bytes: &[u8], number: u32, from: u32) -> Option<(u32, FrameHeader)> {
    let tail = segment_bytes.get(from as usize..)?;
    tail.windows(4).enumerate().find_map(|(skipped, window)| {
        if window[..3] != FRAME_MAGIC[..3] {
            return None;
        }
        let offset = from + skipped as u32;
        Some((offset, read_frame_header(&tail[skipped..], number, offset)?))
    })
}

/// A header that covers `length` bytes, itself included, with nothing.
pub(crate) fn void(number: u32, offset: u32, length: u32) -> [u8; FRAME_HEADER] {
    let body_length = length - FRAME_HEADER as u32;
    FrameHeader { body_length, records: 0, synced: 0, position: 0, check: 0, void: true }
        .print(number, offset)
}

/// Frames in the making, to be appended with one call. Reused, so that a commit allocates nothing for them.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// The beginnings of finished frames, their headers, and of one that is open.
    headers: Vec<(usize, FrameHeader)>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: usize,
    records: u32,
    check: Hasher,
}

impl Frames {
    /// Begins anew, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
        self.open = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// All frames together, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Begins a frame.
    pub(crate) fn begin(&mut self) {
        self.open = Some(Open { start: self.bytes.len(), records: 0, check: Hasher::new() });
        self.bytes.resize(self.bytes.len() + FRAME_HEADER, 0);
    }

    /// Adds a record to the open frame.
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        let sums = record.print(&mut self.bytes);
        let open = self.open.as_mut().expect("a frame was begun");
        open.check.update(&sums);
        open.records += 1;
    }

    /// Ends the open frame.
    pub(crate) fn end(&mut self, position: Position) {
        let Some(open) = self.open.take() else { return };
        let body_length =
            u32::try_from(self.bytes.len() - open.start - FRAME_HEADER).expect("a frame fits into a segment");
        let (records, check, position) = (open.records, open.check.finalize(), position.0);
        let header = FrameHeader { body_length, records, synced: 0, position, check, void: false };
        self.headers.push((open.start, header));
    }

    /// Drops the open frame.
    pub(crate) fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            self.bytes.truncate(open.start);
        }
    }

    /// Fills in the headers for a place in the log where everything before is on disk, and gives the bytes to write
    /// there.
    pub(crate) fn finish(&mut self, segment: u32, offset: u32) -> &[u8] {
        for (start, header) in &mut self.headers {
            header.synced = offset;
            let printed = header.print(segment, offset + *start as u32);
            self.bytes[*start..*start + FRAME_HEADER].copy_from_slice(&printed);
        }
        &self.bytes
    }

    /// Every record, with its offset from the beginning of the first frame.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u32, Stored<'_>)> {
        self.headers.iter().flat_map(|(start, header)| {
            let from = start + FRAME_HEADER;
            let body = &self.bytes[from..from + header.body_length as usize];
            records(body).map(move |(at, stored)| (from as u32 + at, stored))
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes are four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Frames {
        let document = DocumentSelector::of_user("resource-lists", "sip:alice@example.com", "index");
        let mut put = Record::change(&document, Position(7), Timestamp::from_secs(1_800_000_000));
        put.kind = Kind::Put;
        put.current = Some("1.5");
        put.mime = Some("image/png");
        put.plain_length = 4;
        put.body = b"body";
        let global = DocumentSelector::global("rls-services", "index");
        let mut delete = Record::change(&global, Position(8), Timestamp::ZERO);
        delete.previous = Some("");
        let mut frames = Frames::default();
        frames.begin();
        frames.add(&put);
        frames.add(&delete);
        frames.add(&Record::floor(Partition(4095), Position(3)));
        frames.end(Position(8));
        frames
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let mut frames = sample();
        let bytes = frames.finish(3, 20).to_vec();
        let header = read_frame_header(&bytes, 3, 20).unwrap();
        assert_eq!((header.records, header.synced, header.position), (3, 20, 8));
        assert_eq!(header.length() as usize, bytes.len());
        let body = read_frame_body(&header, &bytes[FRAME_HEADER..]).unwrap();
        let found: Vec<_> = records(body).map(|(_, stored)| stored).collect();
        assert_eq!(found[0].document().as_deref(), Some(&b"body"[..]));
        assert_eq!(
            (found[0].record.mime, found[0].record.xui),
            (Some("image/png"), Some("sip:alice@example.com"))
        );
        let entry = found[1].record.feed_entry();
        assert_eq!(
            (entry.document.tree, entry.previous, entry.current),
            (Tree::Global, Some(ETag("".into())), None)
        );
        assert_eq!((found[2].record.kind, found[2].record.partition()), (Kind::Floor, Partition(4095)));
        assert_eq!(read_frame_header(&bytes, 3, 21), None, "a header is sound in its own place only");
        assert_eq!(read_frame_header(&bytes, 4, 20), None);
    }

    /// Stores that are in use have these bytes: another format is another version.
    #[test]
    fn the_format_stays_as_it_is() {
        let mut frames = sample();
        assert_eq!(crc32fast::hash(frames.finish(3, 20)), 3_355_424_807);
        assert_eq!(crc32fast::hash(&segment_header(3, 20)), 558_161_692);
    }
}
