//! The files of a directory as they were found at one moment, to be read beside the process that writes them.
//!
//! No lock is needed. Closed segments never change, what is in the head stays, and a file that is removed meanwhile stays
//! readable while it is held open. So what is read is a beginning of the log: every commit that was answered before the
//! moment, and perhaps some that were answered since.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::log::segment_number;
use crate::disk::{Disk, DiskFile};

/// How often a directory is listed again because a file was removed before it was opened.
const ATTEMPTS: usize = 100;

/// The segments of a directory, all of them open.
pub(crate) struct View<F> {
    files: BTreeMap<String, Arc<F>>,
}

/// One of its files, for reading.
pub(crate) struct Held<F>(Arc<F>);

impl<F: DiskFile> View<F> {
    /// Opens all segments of a directory.
    pub(crate) fn of<D: Disk<File = F>>(disk: &D) -> io::Result<Self> {
        let mut gone = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..ATTEMPTS {
            let names = disk.list()?.into_iter().filter(|name| segment_number(name).is_some());
            let files: io::Result<_> =
                names.map(|name| disk.open(&name).map(|file| (name, Arc::new(file)))).collect();
            match files {
                Ok(files) => return Ok(Self { files }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => gone = error,
                Err(error) => return Err(error),
            }
        }
        Err(gone)
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl<F: DiskFile> Disk for View<F> {
    type File = Held<F>;
    type Lock = ();

    fn lock(&self) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, _: &str) -> io::Result<Held<F>> {
        read_only()
    }

    fn open(&self, name: &str) -> io::Result<Held<F>> {
        let file = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Held(Arc::clone(file)))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        read_only()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        read_only()
    }
}

impl<F: DiskFile> DiskFile for Held<F> {
    fn append(&self, _: &[u8]) -> io::Result<()> {
        read_only()
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        read_only()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, buffer)
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        read_only()
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn sync(&self) -> io::Result<()> {
        read_only()
    }
}
