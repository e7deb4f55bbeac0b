//! A disk in memory that knows what has reached the platter: power cuts, full disks and read errors on demand.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::platter::{Act, Dice, NameChange, Platter, power_cut};
use super::{Disk, DiskFile};

/// A disk in memory. Clones are the same disk.
///
/// Written and synced bytes are kept apart, and so are written and synced names. Every create, append, write,
/// truncate, sync, rename and remove counts as one operation, from 0 on; faults are placed at an operation. The same seed and
/// the same calls give the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    platter: Arc<Mutex<Platter>>,
}

/// What becomes of the unsynced part at [`SimDisk::restart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of it is gone.
    Lost,
    /// A beginning of it is left, of any length.
    Partly,
    /// As `Partly`, and some of its sectors hold garbage or zeros; of the changes of names, any may be missing.
    Torn,
    /// All of it is left, by luck.
    Kept,
}

/// What operations answer from some point on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// `ENOSPC` to creates and to what makes a file longer; of its bytes half are left.
    Full,
    /// `EIO` to everything that is counted.
    Io,
    /// `EIO` to syncs alone.
    Sync,
    /// The power goes in the middle of the operation; everything fails from then on.
    PowerCut,
}

/// A file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    platter: Arc<Mutex<Platter>>,
    file: usize,
}

/// The lock of a [`SimDisk`].
#[derive(Debug)]
pub struct SimLock {
    platter: Arc<Mutex<Platter>>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        Self { platter: Arc::new(Mutex::new(Platter { seed, ..Platter::default() })) }
    }

    /// How many operations there have been.
    pub fn operations(&self) -> u64 {
        self.platter().operations
    }

    /// Places a fault: it meets the operation with this number and those after it.
    pub fn fail_from(&self, operation: u64, fault: SimFault) {
        self.platter().fault = Some((operation, fault));
    }

    /// Takes the fault back, unless the power is off.
    pub fn heal(&self) {
        self.platter().fault = None;
    }

    /// Limits the bytes of all files together; above it appends answer `ENOSPC`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.platter().capacity = bytes;
    }

    /// The bytes of all files that have a name.
    pub fn used(&self) -> u64 {
        self.platter().used()
    }

    /// Inverts one byte, on the platter too: decay that nothing reports.
    ///
    /// # Panics
    ///
    /// If there is no such file or byte.
    pub fn damage(&self, name: &str, offset: usize) {
        let mut platter = self.platter();
        let file = *platter.names.get(name).expect("the file to damage is there");
        platter.files[file].written[offset] ^= 0xff;
        if let Some(byte) = platter.files[file].synced.get_mut(offset) {
            *byte ^= 0xff;
        }
    }

    /// Cuts the power, also for those that still have this disk, and returns the disk as it is found afterwards:
    /// what was synced, and of the rest what `tail` says. Faults, capacity and locks are gone.
    pub fn restart(&self, tail: Tail) -> Self {
        let mut platter = self.platter();
        platter.off = true;
        let mut dice = Dice(platter.seed ^ platter.operations.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let pending = platter.name_changes.len();
        let beginning = match tail {
            Tail::Lost => 0,
            Tail::Partly => dice.up_to(pending),
            Tail::Torn | Tail::Kept => pending,
        };
        let mut names = platter.synced_names.clone();
        for change in &platter.name_changes[..beginning] {
            if tail != Tail::Torn || dice.up_to(1) == 0 {
                change.apply(&mut names);
            }
        }
        let files = platter.files.iter().map(|file| file.after(tail, &mut dice)).collect();
        let found = Platter { seed: dice.0, files, synced_names: names.clone(), names, ..Platter::default() };
        Self { platter: Arc::new(Mutex::new(found)) }
    }

    /// Ends the process alone: those that still have this disk can do nothing more with it, and the disk that is
    /// returned holds everything, what was synced and what was not.
    pub fn end_process(&self) -> Self {
        let mut platter = self.platter();
        platter.off = true;
        let found = Platter {
            seed: platter.seed,
            operations: platter.operations,
            files: platter.files.clone(),
            names: platter.names.clone(),
            synced_names: platter.synced_names.clone(),
            name_changes: platter.name_changes.clone(),
            ..Platter::default()
        };
        Self { platter: Arc::new(Mutex::new(found)) }
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        lock(&self.platter)
    }
}

fn lock(platter: &Mutex<Platter>) -> MutexGuard<'_, Platter> {
    platter.lock().expect("nothing panics while it holds the platter")
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn lock(&self) -> io::Result<SimLock> {
        let mut platter = self.platter();
        if platter.off {
            return Err(power_cut());
        }
        if platter.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        platter.locked = true;
        Ok(SimLock { platter: Arc::clone(&self.platter) })
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut platter = self.platter();
        platter.operation(Act::Space)?;
        let file = platter.files.len();
        platter.files.push(Default::default());
        platter.change(NameChange::Set(name.to_owned(), file));
        Ok(SimFile { platter: Arc::clone(&self.platter), file })
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let platter = self.platter();
        let file = *platter.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimFile { platter: Arc::clone(&self.platter), file })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operation(Act::Other)?;
        if !platter.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        platter.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operation(Act::Other)?;
        if !platter.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        platter.change(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.platter().names.keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operation(Act::Sync)?;
        platter.synced_names = platter.names.clone();
        platter.name_changes.clear();
        Ok(())
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        lock(&self.platter).locked = false;
    }
}

impl DiskFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut platter = lock(&self.platter);
        let end = platter.files[self.file].written.len();
        platter.write(self.file, end, bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        lock(&self.platter).write(self.file, offset, bytes)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let platter = lock(&self.platter);
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let found = platter.files[self.file].written.get(from..).unwrap_or_default();
        let found = found.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut platter = lock(&self.platter);
        platter.operation(Act::Other)?;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        platter.files[self.file].truncate(length);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.platter).files[self.file].written.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = lock(&self.platter);
        platter.operation(Act::Sync)?;
        platter.files[self.file].sync();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
        let file = disk.open(name).ok()?;
        let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
        file.read(0, &mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_no_more() {
        let disk = SimDisk::new(1);
        let file = disk.create("a").unwrap();
        file.append(b"one").unwrap();
        file.sync().unwrap();
        disk.sync_names().unwrap();
        file.append(b"two").unwrap();
        disk.create("b").unwrap().append(b"x").unwrap();
        let found = disk.restart(Tail::Lost);
        assert_eq!(read_all(&found, "a").as_deref(), Some(&b"one"[..]));
        assert_eq!(read_all(&found, "b"), None);
        assert!(file.append(b"late").is_err(), "the old handle is off");
    }

    #[test]
    fn an_unsynced_cut_may_come_back() {
        let disk = SimDisk::new(1);
        let file = disk.create("a").unwrap();
        file.append(b"onetwo").unwrap();
        file.sync().unwrap();
        disk.sync_names().unwrap();
        file.truncate(3).unwrap();
        assert_eq!(read_all(&disk.restart(Tail::Kept), "a").as_deref(), Some(&b"one"[..]));
        assert_eq!(read_all(&disk.restart(Tail::Lost), "a").as_deref(), Some(&b"onetwo"[..]));
    }

    #[test]
    fn what_is_written_over_something_is_there_after_a_sync() {
        let disk = SimDisk::new(1);
        let file = disk.create("a").unwrap();
        file.append(b"one000").unwrap();
        file.sync().unwrap();
        disk.sync_names().unwrap();
        file.write(3, b"two").unwrap();
        assert_eq!(read_all(&disk.restart(Tail::Kept), "a").as_deref(), Some(&b"onetwo"[..]));
        let found = disk.restart(Tail::Lost);
        assert_eq!(read_all(&found, "a").as_deref(), Some(&b"one000"[..]));
        let file = found.open("a").unwrap();
        file.write(4, b"12345").unwrap();
        file.sync().unwrap();
        file.write(0, b"X").unwrap();
        assert_eq!(read_all(&found.restart(Tail::Lost), "a").as_deref(), Some(&b"one012345"[..]));
    }

    #[test]
    fn a_power_cut_touches_only_what_was_being_written() {
        for seed in 0..100 {
            let disk = SimDisk::new(seed);
            let file = disk.create("a").unwrap();
            file.append(&[7; 4000]).unwrap();
            file.sync().unwrap();
            disk.sync_names().unwrap();
            file.write(1000, &[8; 1000]).unwrap();
            for tail in [Tail::Partly, Tail::Torn] {
                let found = read_all(&disk.restart(tail), "a").unwrap();
                assert!(found[..1000].iter().chain(&found[2000..]).all(|byte| *byte == 7), "{tail:?} {seed}");
                assert_eq!(found.len(), 4000);
                let new = found[1000..2000].iter().take_while(|byte| **byte == 8).count();
                let old = found[1000..2000].iter().rev().take_while(|byte| **byte == 7).count();
                assert!(tail == Tail::Torn || new + old == 1000, "a beginning of it is left");
            }
        }
    }

    #[test]
    fn a_full_disk_lets_be_written_where_something_is() {
        let disk = SimDisk::new(1);
        let file = disk.create("a").unwrap();
        file.append(b"000000").unwrap();
        disk.fail_from(disk.operations(), SimFault::Full);
        file.write(2, b"1234").unwrap();
        assert!(file.write(4, b"xyz").is_err());
        disk.heal();
        disk.set_capacity(Some(7));
        assert!(file.write(5, b"abc").is_err());
        assert_eq!(read_all(&disk, "a").as_deref(), Some(&b"0012xab"[..]));
    }

    #[test]
    fn a_full_disk_takes_a_part() {
        let disk = SimDisk::new(1);
        let file = disk.create("a").unwrap();
        disk.set_capacity(Some(4));
        let error = file.append(b"onetwo").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(read_all(&disk, "a").as_deref(), Some(&b"onet"[..]));
    }
}
