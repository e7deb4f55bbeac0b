//! All file access of the embedded engines: a flat directory of logs, real or simulated.

mod platter;
mod real;
mod sim;

use std::io;

pub use real::RealDisk;
pub use sim::{SimDisk, SimFault, SimFile, SimLock, Tail};

/// One directory. Names are plain file names.
///
/// A created, renamed or removed name outlives a loss of power only after [`Disk::sync_names`]; bytes only after
/// [`DiskFile::sync`]. An error of either sync means that what was written before it may be lost for good, so it is
/// never worth repeating.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;
    /// Keeps other processes out while it lives.
    type Lock: Send + Sync + 'static;

    /// Takes the directory for this process; [`io::ErrorKind::WouldBlock`] if another one has it.
    fn lock(&self) -> io::Result<Self::Lock>;
    /// A new empty file; what had the name before is emptied.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// An existing file.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, in place of what had that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name. Whoever has the file open can read on.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// All names, in order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Returns when all changes of names so far are on disk.
    fn sync_names(&self) -> io::Result<()>;
}

/// One file. Calls may come from several threads; what writes comes from one at a time.
pub trait DiskFile: Send + Sync + 'static {
    /// Writes all bytes at the end. After an error some of them may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Writes all bytes from an offset on, which is not behind the end, in place of what is there. After an error some of
    /// them may be there.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Fills the buffer from an offset; [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// How long it is, in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Returns when all bytes so far, and the length, are on disk.
    fn sync(&self) -> io::Result<()>;
}
