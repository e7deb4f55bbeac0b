//! The header of a segment, as both logs write it: whose it is, its number, and how long the one before was.
//!
//! ```text
//! segment  magic 8 | number 4 | length of the segment before 4 | crc 4
//! ```

/// Bytes of the header.
pub(crate) const HEADER: u32 = 20;

/// Which log a segment is of, and its version.
pub(crate) type Magic = [u8; 8];

/// The header of the segment with this number.
pub(crate) fn header(magic: Magic, number: u32, previous_length: u32) -> [u8; HEADER as usize] {
    let mut header = [0; HEADER as usize];
    header[..8].copy_from_slice(&magic);
    header[8..12].copy_from_slice(&number.to_le_bytes());
    header[12..16].copy_from_slice(&previous_length.to_le_bytes());
    let crc = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The length of the segment before, if this is a sound header of the segment with this number.
pub(crate) fn read_header(magic: Magic, bytes: &[u8], number: u32) -> Option<u32> {
    let bytes = bytes.get(..HEADER as usize)?;
    let previous_length = u32::from_le_bytes(bytes[12..16].try_into().ok()?);
    (bytes == header(magic, number, previous_length)).then_some(previous_length)
}
