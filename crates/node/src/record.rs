//! What is kept of soft state: rows of a partition, written by its one owner.

use sip_stack::Timestamp;
use xcap::Tree;

/// One of a fixed number of parts of the key space; every presentity belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

impl Partition {
    /// How many partitions an installation has; chosen once, never changed.
    pub const COUNT: u16 = 4096;

    /// The partition of a presentity whose canonical address-of-record has this stable hash.
    pub const fn of_hash(hash: u64) -> Self {
        Self((hash % Self::COUNT as u64) as u16)
    }

    /// The partition that a tree of documents belongs to: that of the user as a presentity, so that the owner of the one is
    /// the owner of the other. Global documents may change together over all AUIDs, so they share partition 0.
    pub fn of_tree(tree: &Tree) -> Self {
        match tree {
            Tree::User(xui) => Self::of_user(xui),
            Tree::Global => Self(0),
        }
    }

    /// The partition of a user, by the XUI.
    pub fn of_user(xui: &str) -> Self {
        sip::aor_hash(xui).map_or(Self(0), Self::of_hash)
    }
}

/// Grows by one at every change of owner (a process start included). A store refuses writes under an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl Epoch {
    /// A number that no other life of the owner gives: the epoch in the high 20 bits, then a running number.
    pub const fn number(self, running: u64) -> u64 {
        (self.0 as u64) << 44 | running & ((1 << 44) - 1)
    }
}

/// What a row holds; the number is part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A publication, RFC 3903.
    Publication = 1,
    /// A subscription with its dialog, RFC 6665.
    Dialog = 2,
}

impl Kind {
    /// The kind with this stored number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Publication),
            2 => Some(Self::Dialog),
            _ => None,
        }
    }
}

/// Names a row: unique in the whole installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The partition the row belongs to.
    pub partition: Partition,
    /// What it holds.
    pub kind: Kind,
    /// Chosen by the owner, never reused for another thing: see [`Epoch::number`].
    pub id: u64,
}

/// One row as stored: versioned bytes in the core's own format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub key: RowKey,
    /// See [`Epoch::number`]: a row is applied only over an older version of itself.
    pub version: u64,
    /// When nobody needs it any more. Rows past it are still loaded: the owner handles what passed meanwhile.
    pub expires_at: Timestamp,
    /// The core's bytes.
    pub data: Box<[u8]>,
}

/// One change to the rows of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// Insert or replace.
    Put(Row),
    /// Remove; `version` as in [`Row`].
    Delete {
        /// The row's name.
        key: RowKey,
        /// Newer than the stored one.
        version: u64,
    },
}
