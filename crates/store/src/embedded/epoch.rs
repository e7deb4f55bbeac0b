//! The file with the newest epoch, replaced as a whole.

use std::io;

use crate::disk::{Disk, DiskFile};

const NAME: &str = "epoch";
const NEW: &str = "epoch.new";
const MAGIC: [u8; 8] = *b"RCEPOC\x00\x01";
const LENGTH: usize = 16;

/// Writes the next epoch beside the present one, on disk but not yet in its place.
pub(crate) fn write_new<D: Disk>(disk: &D, epoch: u32) -> io::Result<()> {
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&epoch.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
    let file = disk.create(NEW)?;
    file.append(&bytes)?;
    file.sync()
}

/// Puts what [`write_new`] wrote in the place of the present epoch; on disk when it returns.
pub(crate) fn publish<D: Disk>(disk: &D) -> io::Result<()> {
    disk.rename(NEW, NAME)?;
    disk.sync_names()
}

/// What the epoch file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// There is none: nobody has claimed yet.
    Missing,
    /// It cannot be understood.
    Damaged,
    /// The newest epoch.
    Epoch(u32),
}

/// Reads the epoch file.
pub(crate) fn read<D: Disk>(disk: &D) -> io::Result<Stored> {
    let file = match disk.open(NAME) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::Missing),
        Err(error) => return Err(error),
    };
    if file.length()? != LENGTH as u64 {
        return Ok(Stored::Damaged);
    }
    let mut bytes = [0; LENGTH];
    file.read(0, &mut bytes)?;
    let crc = crc32fast::hash(&bytes[..12]).to_le_bytes();
    if bytes[..8] != MAGIC || bytes[12..] != crc {
        return Ok(Stored::Damaged);
    }
    let [.., a, b, c, d, _, _, _, _] = bytes;
    Ok(Stored::Epoch(u32::from_le_bytes([a, b, c, d])))
}
