//! What a simulated disk holds: bytes and names, written and synced, and what a loss of power leaves of them.

use core::ops::Range;
use std::collections::BTreeMap;
use std::io;

use super::sim::{SimFault, Tail};

/// The unit in which a torn write loses bytes.
const SECTOR: usize = 512;

/// The disk itself.
#[derive(Debug, Default)]
pub(super) struct Platter {
    pub(super) seed: u64,
    pub(super) operations: u64,
    pub(super) fault: Option<(u64, SimFault)>,
    pub(super) off: bool,
    pub(super) capacity: Option<u64>,
    pub(super) locked: bool,
    pub(super) files: Vec<Bytes>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) synced_names: BTreeMap<String, usize>,
    /// The changes of names since they were synced, in order: a power cut keeps a beginning of them.
    pub(super) name_changes: Vec<NameChange>,
}

/// One change of names.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Set(String, usize),
    Rename(String, String),
    Remove(String),
}

/// The contents of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes {
    pub(super) written: Vec<u8>,
    pub(super) synced: Vec<u8>,
    /// Where `written` is not what was synced; everywhere, if it was cut.
    dirty: Option<Range<usize>>,
    /// Cut since the last sync to less than was synced.
    cut: bool,
}

/// What an operation needs of the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Space,
    Sync,
    Other,
}

impl Platter {
    /// Counts an operation; the error it meets, if a fault is due.
    pub(super) fn operation(&mut self, act: Act) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        if self.off {
            return Err(power_cut());
        }
        let Some((_, fault)) = self.fault.filter(|(from, _)| number >= *from) else { return Ok(()) };
        match fault {
            SimFault::Full if act == Act::Space => Err(io::ErrorKind::StorageFull.into()),
            SimFault::Sync if act == Act::Sync => Err(io::Error::other("the simulated sync failed")),
            SimFault::Full | SimFault::Sync => Ok(()),
            SimFault::Io => Err(io::Error::other("the simulated disk failed")),
            SimFault::PowerCut => {
                self.off = true;
                Err(power_cut())
            }
        }
    }

    /// Writes over what is there, and on.
    pub(super) fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) -> io::Result<()> {
        if self.off {
            return Err(power_cut());
        }
        let longer = (offset + bytes.len()).saturating_sub(self.files[file].written.len());
        let outcome = self.operation(if longer > 0 { Act::Space } else { Act::Other });
        let room = match self.capacity {
            Some(capacity) => usize::try_from(capacity.saturating_sub(self.used())).unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        // A write that fails leaves a part of its bytes, which is what makes torn batches.
        let kept = if outcome.is_ok() { bytes.len() - longer.saturating_sub(room) } else { bytes.len() / 2 };
        self.files[file].write(offset, &bytes[..kept]);
        outcome?;
        if kept < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].written.len() as u64).sum()
    }
}

pub(super) fn power_cut() -> io::Error {
    io::Error::other("the simulated power is off")
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Bytes {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.written.resize(self.written.len().max(end), 0);
        self.written[offset..end].copy_from_slice(bytes);
        self.touch(offset..end);
    }

    fn touch(&mut self, place: Range<usize>) {
        self.dirty = Some(match self.dirty.take() {
            Some(dirty) => dirty.start.min(place.start)..dirty.end.max(place.end),
            None => place,
        });
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.cut |= length < self.synced.len();
        let before = self.written.len();
        self.written.resize(length, 0);
        self.touch(before.min(length)..length);
        self.dirty = self.dirty.take().map(|dirty| dirty.start.min(length)..dirty.end.min(length));
    }

    pub(super) fn sync(&mut self) {
        let dirty = self.dirty.take().unwrap_or(0..0);
        if self.cut {
            self.synced.clone_from(&self.written);
        } else {
            self.synced.resize(self.written.len(), 0);
            self.synced[dirty.clone()].copy_from_slice(&self.written[dirty]);
        }
        self.cut = false;
    }

    /// The file as it is found after a loss of power.
    pub(super) fn after(&self, tail: Tail, dice: &mut Dice) -> Self {
        let found = match tail {
            Tail::Lost => self.synced.clone(),
            Tail::Kept => self.written.clone(),
            Tail::Partly | Tail::Torn if self.cut => {
                if dice.up_to(1) == 0 {
                    self.synced.clone()
                } else {
                    self.written.clone()
                }
            }
            Tail::Partly | Tail::Torn => {
                let dirty = self.dirty.clone().unwrap_or(0..0);
                let end = dirty.start + dice.up_to(dirty.len());
                let mut found = self.synced.clone();
                found.resize(found.len().max(end), 0);
                found[dirty.start..end].copy_from_slice(&self.written[dirty.start..end]);
                if tail == Tail::Torn {
                    tear(&mut found[..end], dirty.start, dice);
                }
                found
            }
        };
        Self { synced: found.clone(), written: found, dirty: None, cut: false }
    }
}

/// Loses some sectors from `at` on.
fn tear(bytes: &mut [u8], mut at: usize, dice: &mut Dice) {
    while at < bytes.len() {
        let end = (at / SECTOR + 1).saturating_mul(SECTOR).min(bytes.len());
        match dice.up_to(3) {
            0 => bytes[at..end].fill(0),
            1 => bytes[at..end].iter_mut().for_each(|byte| *byte = dice.next().to_le_bytes()[0]),
            _ => {}
        }
        at = end;
    }
}

/// A small generator (splitmix64), so that a seed gives one history.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`, both included.
    pub(super) fn up_to(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most as u64 + 1)).expect("at most `most`")
    }
}
