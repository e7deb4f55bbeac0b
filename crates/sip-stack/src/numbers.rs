//! The numbers that one owner of many machines gives out, none of them twice.

use core::num::NonZeroU64;

use crate::compositor::EntityTag;

/// The numbers of one life of one shard.
#[derive(Debug)]
pub struct Numbers {
    /// The life of the server, RFC 3903 §8: part of entity-tags and row numbers.
    epoch: u32,
    /// High 16 bits of what is given to peers: the shard.
    shard: u16,
    row: u64,
    tag: u64,
    serial: u32,
}

impl Numbers {
    /// Starts the numbers of one life of one shard.
    pub fn new(epoch: u32, shard: u16) -> Self {
        Self { epoch, shard, row: 0, tag: 0, serial: 0 }
    }

    /// A row that no other life has had.
    pub fn row(&mut self) -> NonZeroU64 {
        self.row += 1;
        NonZeroU64::new(u64::from(self.epoch) << 44 | self.row).expect("the running number is above zero")
    }

    /// How many lives ago a row was made.
    pub fn lives_since(&self, row: u64) -> u32 {
        let made_in = u32::try_from(row >> 44).unwrap_or(u32::MAX);
        self.epoch.saturating_sub(made_in)
    }

    /// An entity-tag, never given before.
    pub fn entity_tag(&mut self) -> EntityTag {
        self.tag += 1;
        EntityTag { epoch: self.epoch, number: u64::from(self.shard) << 48 | self.tag }
    }

    /// Tells a later thing at the same place from an earlier one, within this life.
    pub fn serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }
}
