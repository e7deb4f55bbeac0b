//! The feed as the engines of one process keep it: the newest changes, in memory.

use std::collections::{BTreeMap, VecDeque};

use node::Partition;

use super::{Feed, FeedEntry, Position};

/// How many changes the feed holds at least, unless they are trimmed.
pub const FEED_MAX: usize = 16_384;

/// The newest changes of all partitions.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    entries: BTreeMap<(Partition, Position), FeedEntry>,
    /// The keys of `entries` in the order of commits; of those trimmed too, until their turn comes.
    order: VecDeque<(Partition, Position)>,
    /// Of a partition: up to and with which position changes may be missing.
    floors: BTreeMap<Partition, Position>,
}

impl Recent {
    /// Adds a change. Positions of one store rise from call to call, but for those added again.
    pub(crate) fn add(&mut self, partition: Partition, entry: FeedEntry) {
        let key = (partition, entry.position);
        if self.floor(partition) >= entry.position || self.entries.insert(key, entry).is_some() {
            return;
        }
        self.order.push_back(key);
        while self.order.len() > FEED_MAX {
            let Some((partition, position)) = self.order.pop_front() else { return };
            self.trim(partition, position);
        }
    }

    /// Forgets the changes of a partition up to and with a position.
    pub(crate) fn trim(&mut self, partition: Partition, through: Position) {
        let floor = self.floors.entry(partition).or_default();
        *floor = through.max(*floor);
        while let Some((key, _)) =
            self.entries.range((partition, Position::START)..=(partition, through)).next()
        {
            let key = *key;
            self.entries.remove(&key);
        }
    }

    /// Up to and with which position changes of a partition may be missing.
    pub(crate) fn floor(&self, partition: Partition) -> Position {
        self.floors.get(&partition).copied().unwrap_or_default()
    }

    /// At most `max` changes after a position.
    pub(crate) fn after(&self, partition: Partition, after: Position, max: usize) -> Feed {
        if after < self.floor(partition) {
            return Feed::Trimmed;
        }
        let next = Position(after.0.saturating_add(1));
        let range = (partition, next)..=(partition, Position(u64::MAX));
        if after.0 == u64::MAX {
            return Feed::Changes(Vec::new());
        }
        Feed::Changes(self.entries.range(range).take(max).map(|(_, entry)| entry.clone()).collect())
    }
}
