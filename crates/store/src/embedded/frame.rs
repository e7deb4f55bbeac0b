//! The stored format of the log: segment headers, batches, records. Numbers are little-endian.
//!
//! ```text
//! segment  magic 8 | number 4 | length of the segment before 4 | crc 4 | batches..
//! batch    magic 4 | body length 4 | records 4 | synced 4 | segment 4 | offset 4 | epoch 4 | commit 4 | crc 4 | records..
//! record   crc 4 | length 4 | operation 1 | kind 1 | partition 2 | id 8 | version 8 | (not in a delete: expires 8 | data..)
//! ```
//!
//! A batch counts only as a whole: its header says how many bytes and records follow, every record has a CRC, and the
//! commit CRC covers the records' CRCs in order. `synced` is how much of the segment was on disk when the batch was
//! written; it tells a torn end (bytes nobody was promised) from decay in the middle (bytes that were there).

use std::time::Duration;

use crc32fast::Hasher;
use node::{Kind, Partition, Row, RowKey};
use sip_stack::Timestamp;

use crate::segment;

const SEGMENT_MAGIC: segment::Magic = *b"RCSOFT\x00\x01";
const BATCH_MAGIC: [u8; 4] = [0xb5, 0x52, 0x43, 0x01];
/// Stands where a repair gave up a stretch of the segment.
const VOID_MAGIC: [u8; 4] = [0xb5, 0x52, 0x43, 0x00];

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER: u32 = segment::HEADER;
/// Bytes of a batch's header.
pub(crate) const BATCH_HEADER: u32 = 36;
/// Bytes of a delete, and of a put without its expiry and data.
const RECORD_MIN: usize = 28;

/// The header of the segment with this number.
pub(crate) fn segment_header(number: u32, previous_length: u32) -> [u8; SEGMENT_HEADER as usize] {
    segment::header(SEGMENT_MAGIC, number, previous_length)
}

/// The length of the segment before, if this is a sound header of the segment with this number.
pub(crate) fn read_segment_header(bytes: &[u8], number: u32) -> Option<u32> {
    segment::read_header(SEGMENT_MAGIC, bytes, number)
}

/// What a record does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Applies over an older version.
    Put = 1,
    /// Applies over an older version.
    Delete = 2,
    /// A put moved by the compaction: applies over an older version and over its own original.
    Copy = 3,
}

/// One record, read from the log.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) operation: Operation,
    pub(crate) key: RowKey,
    pub(crate) version: u64,
    pub(crate) length: u32,
    rest: &'a [u8],
}

impl Record<'_> {
    /// The row of a put or copy.
    pub(crate) fn row(&self) -> Row {
        Row {
            key: self.key,
            version: self.version,
            expires_at: stored_time(u64_at(self.rest, 0)),
            data: self.rest[8..].into(),
        }
    }
}

/// How long the record is that begins here; [`None`] if its length is not among the bytes.
pub(crate) fn record_length(bytes: &[u8]) -> Option<usize> {
    (bytes.len() >= 8).then(|| u32_at(bytes, 4) as usize)
}

/// The record that begins here, its CRC checked; [`None`] if it is not sound.
pub(crate) fn read_record(bytes: &[u8]) -> Option<Record<'_>> {
    let length = record_length(bytes).filter(|length| *length >= RECORD_MIN)?;
    let bytes = bytes.get(..length)?;
    if crc32fast::hash(&bytes[4..]) != u32_at(bytes, 0) {
        return None;
    }
    parse_record(bytes)
}

/// The record that begins here, for bytes whose CRC was checked or made just now.
fn parse_record(bytes: &[u8]) -> Option<Record<'_>> {
    let length = record_length(bytes)?;
    let bytes = bytes.get(..length)?;
    let operation = match bytes[8] {
        1 => Operation::Put,
        2 => Operation::Delete,
        3 => Operation::Copy,
        _ => return None,
    };
    let rest = &bytes[RECORD_MIN..];
    if operation != Operation::Delete && rest.len() < 8 {
        return None;
    }
    let partition = Partition(u16::from_le_bytes([bytes[10], bytes[11]]));
    let key = RowKey { partition, kind: Kind::from_number(bytes[9])?, id: u64_at(bytes, 12) };
    Some(Record { operation, key, version: u64_at(bytes, 20), length: u32_at(bytes, 4), rest })
}

/// The records of a sound batch body, in order, each with its offset from the beginning of `body`.
pub(crate) fn records(body: &[u8]) -> impl Iterator<Item = (u32, Record<'_>)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let record = parse_record(body.get(at..).filter(|rest| !rest.is_empty())?)?;
        let here = at as u32;
        at += record.length as usize;
        Some((here, record))
    })
}

/// The header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) body_length: u32,
    pub(crate) records: u32,
    pub(crate) synced: u32,
    pub(crate) epoch: u32,
    commit: u32,
    /// Not a batch, but a stretch that a repair gave up.
    pub(crate) void: bool,
}

impl BatchHeader {
    fn print(&self, segment: u32, offset: u32) -> [u8; BATCH_HEADER as usize] {
        let mut header = [0; BATCH_HEADER as usize];
        header[..4].copy_from_slice(if self.void { &VOID_MAGIC } else { &BATCH_MAGIC });
        let fields = [self.body_length, self.records, self.synced, segment, offset, self.epoch, self.commit];
        for (field, place) in fields.iter().zip(header[4..32].chunks_exact_mut(4)) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(&header[..32]);
        header[32..].copy_from_slice(&crc.to_le_bytes());
        header
    }
}

/// The batch header at the beginning of `bytes`, if it is sound and was written for this place.
pub(crate) fn read_batch_header(bytes: &[u8], segment: u32, offset: u32) -> Option<BatchHeader> {
    let bytes = bytes.get(..BATCH_HEADER as usize)?;
    let void = bytes[..4] == VOID_MAGIC;
    let header = BatchHeader {
        body_length: u32_at(bytes, 4),
        records: u32_at(bytes, 8),
        synced: u32_at(bytes, 12),
        epoch: u32_at(bytes, 24),
        commit: u32_at(bytes, 28),
        void,
    };
    (header.print(segment, offset) == bytes).then_some(header)
}

/// The body of a batch, if all of it is there and sound. `bytes` begins after the header.
pub(crate) fn read_batch_body<'a>(header: &BatchHeader, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let body = bytes.get(..header.body_length as usize)?;
    if header.void {
        return Some(&[]);
    }
    let (mut at, mut count, mut commit) = (0, 0, Hasher::new());
    while at < body.len() {
        let record = read_record(&body[at..])?;
        commit.update(&body[at..at + 4]);
        at += record.length as usize;
        count += 1;
    }
    (count == header.records && commit.finalize() == header.commit).then_some(body)
}

/// The next sound batch header at or after `from`, in the bytes of a whole segment.
pub(crate) fn find_batch(segment_bytes: &[u8], number: u32, from: u32) -> Option<(u32, BatchHeader)> {
    let tail = segment_bytes.get(from as usize..)?;
    tail.windows(4).enumerate().find_map(|(skipped, window)| {
        if window[..3] != BATCH_MAGIC[..3] {
            return None;
        }
        let offset = from + skipped as u32;
        Some((offset, read_batch_header(&tail[skipped..], number, offset)?))
    })
}

/// A header that covers `length` bytes, itself included, with nothing.
pub(crate) fn void(number: u32, offset: u32, length: u32) -> [u8; BATCH_HEADER as usize] {
    let body_length = length - BATCH_HEADER;
    BatchHeader { body_length, records: 0, synced: 0, epoch: 0, commit: 0, void: true }.print(number, offset)
}

/// A batch in the making: room for the header, then records. Reused, so that a batch costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    records: u32,
    commit: Hasher,
}

impl Batch {
    /// Begins anew, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(BATCH_HEADER as usize, 0);
        self.records = 0;
        self.commit.reset();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Header and body together, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[BATCH_HEADER as usize..]
    }

    /// Adds a row to insert or replace.
    pub(crate) fn put(&mut self, row: &Row) {
        let start = self.begin(Operation::Put, row.key, row.version);
        self.bytes.extend_from_slice(&stored_micros(row.expires_at).to_le_bytes());
        self.bytes.extend_from_slice(&row.data);
        self.end(start);
    }

    /// Adds the removal of a row.
    pub(crate) fn delete(&mut self, key: RowKey, version: u64) {
        let start = self.begin(Operation::Delete, key, version);
        self.end(start);
    }

    /// Adds a put that stands elsewhere in the log, given as its record.
    pub(crate) fn copy(&mut self, record: &Record<'_>) {
        let start = self.begin(Operation::Copy, record.key, record.version);
        self.bytes.extend_from_slice(record.rest);
        self.end(start);
    }

    fn begin(&mut self, operation: Operation, key: RowKey, version: u64) -> usize {
        let start = self.bytes.len();
        let mut head = [0; RECORD_MIN];
        head[8] = operation as u8;
        head[9] = key.kind as u8;
        head[10..12].copy_from_slice(&key.partition.0.to_le_bytes());
        head[12..20].copy_from_slice(&key.id.to_le_bytes());
        head[20..28].copy_from_slice(&version.to_le_bytes());
        self.bytes.extend_from_slice(&head);
        start
    }

    fn end(&mut self, start: usize) {
        let length = u32::try_from(self.bytes.len() - start).expect("rows are limited to some megabytes");
        let record = &mut self.bytes[start..];
        record[4..8].copy_from_slice(&length.to_le_bytes());
        let crc = crc32fast::hash(&record[4..]).to_le_bytes();
        record[..4].copy_from_slice(&crc);
        self.commit.update(&crc);
        self.records += 1;
    }

    /// Fills in the header for a place in the log, and gives the bytes to write there.
    pub(crate) fn finish(&mut self, segment: u32, offset: u32, synced: u32, epoch: u32) -> &[u8] {
        let body_length = u32::try_from(self.body().len()).expect("a batch fits into a segment");
        let commit = self.commit.clone().finalize();
        let header = BatchHeader { body_length, records: self.records, synced, epoch, commit, void: false };
        self.bytes[..BATCH_HEADER as usize].copy_from_slice(&header.print(segment, offset));
        &self.bytes
    }
}

/// As stored: microseconds since 1970, and all ones for never, whatever [`Timestamp`] itself counts in.
fn stored_micros(at: Timestamp) -> u64 {
    if at == Timestamp::NEVER {
        return u64::MAX;
    }
    u64::try_from(at.since(Timestamp::ZERO).as_micros()).unwrap_or(u64::MAX)
}

fn stored_time(micros: u64) -> Timestamp {
    if micros == u64::MAX { Timestamp::NEVER } else { Timestamp::ZERO + Duration::from_micros(micros) }
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

    fn key(id: u64) -> RowKey {
        RowKey { partition: Partition(7), kind: Kind::Dialog, id }
    }

    fn sample() -> (Batch, Row) {
        let row =
            Row { key: key(1), version: 9, expires_at: Timestamp::from_secs(5), data: (*b"data").into() };
        let mut batch = Batch::default();
        batch.clear();
        batch.put(&row);
        batch.delete(key(2), 3);
        (batch, row)
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let (mut batch, row) = sample();
        let bytes = batch.finish(3, 20, 4, 1).to_vec();
        let header = read_batch_header(&bytes, 3, 20).unwrap();
        assert_eq!((header.records, header.synced, header.epoch, header.void), (2, 4, 1, false));
        let body = read_batch_body(&header, &bytes[BATCH_HEADER as usize..]).unwrap();
        let found: Vec<_> = records(body).collect();
        assert_eq!(found[0].1.row(), row);
        assert_eq!(
            (found[1].1.operation, found[1].1.key, found[1].1.version),
            (Operation::Delete, key(2), 3)
        );
        assert_eq!(found[1].0, 40);
    }

    #[test]
    fn times_are_stored_whole() {
        for at in [Timestamp::ZERO, Timestamp::from_millis(1_700_000_000_123), Timestamp::NEVER] {
            assert_eq!(stored_time(stored_micros(at)), at);
        }
    }

    #[test]
    fn a_header_is_sound_in_its_own_place_only() {
        let (mut batch, _) = sample();
        let bytes = batch.finish(3, 20, 4, 1).to_vec();
        assert_eq!(read_batch_header(&bytes, 3, 21), None);
        assert_eq!(read_batch_header(&bytes, 4, 20), None);
    }

    #[test]
    fn every_single_changed_byte_is_noticed() {
        let (mut batch, _) = sample();
        let bytes = batch.finish(3, 20, 4, 1).to_vec();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let body = read_batch_header(&damaged, 3, 20).and_then(|header| {
                read_batch_body(&header, &damaged[BATCH_HEADER as usize..]).map(<[u8]>::len)
            });
            assert_eq!(body, None, "byte {at}");
        }
    }

    #[test]
    fn sound_records_in_another_order_are_noticed() {
        let mut batch = Batch::default();
        batch.clear();
        batch.delete(key(1), 3);
        batch.delete(key(2), 3);
        let bytes = batch.finish(3, 20, 4, 1).to_vec();
        let header = read_batch_header(&bytes, 3, 20).unwrap();
        let (first, second) = bytes[BATCH_HEADER as usize..].split_at(RECORD_MIN);
        assert!(read_batch_body(&header, &[first, second].concat()).is_some());
        assert!(read_batch_body(&header, &[second, first].concat()).is_none());
    }

    #[test]
    fn every_cut_is_noticed() {
        let (mut batch, _) = sample();
        let bytes = batch.finish(3, 20, 4, 1).to_vec();
        let header = read_batch_header(&bytes, 3, 20).unwrap();
        for length in BATCH_HEADER as usize..bytes.len() {
            assert_eq!(read_batch_body(&header, &bytes[BATCH_HEADER as usize..length]), None);
        }
    }
}
