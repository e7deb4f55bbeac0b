//! The feed as the engines of one process keep it: the newest changes, in memory.

use std::collections::{BTreeMap, VecDeque};

use node::Partition;

use super::{Feed, FeedEntry, Position};

/// How many changes the feed holds by default, unless they are trimmed.
pub const FEED_MAX: usize = 16_384;

/// The newest changes of all partitions.
#[derive(Debug)]
pub(crate) struct Recent {
    limit: usize,
    entries: BTreeMap<(Partition, Position), FeedEntry>,
    /// The keys of `entries` in the order of commits; of those trimmed too, until their turn comes.
    order: VecDeque<(Partition, Position)>,
    /// Of a partition: up to and with which position changes may be missing.
    floors: BTreeMap<Partition, Position>,
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(FEED_MAX)
    }
}

impl Recent {
    /// Of at most this many changes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, entries: BTreeMap::new(), order: VecDeque::new(), floors: BTreeMap::new() }
    }

    /// How many changes it holds at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Adds a change. Positions of one store rise from call to call.
    pub(crate) fn add(&mut self, partition: Partition, entry: FeedEntry) {
        let key = (partition, entry.position);
        if self.floor(partition) >= entry.position {
            return;
        }
        self.entries.insert(key, entry);
        self.order.push_back(key);
        while self.order.len() > self.limit {
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

    /// All floors, in order of partitions.
    pub(crate) fn floors(&self) -> impl ExactSizeIterator<Item = (Partition, Position)> {
        self.floors.iter().map(|(partition, floor)| (*partition, *floor))
    }

    /// Whether the feed has this change.
    pub(crate) fn holds(&self, partition: Partition, position: Position) -> bool {
        self.entries.contains_key(&(partition, position))
    }

    /// A position below which there is no change.
    pub(crate) fn oldest(&self) -> Position {
        self.order.front().map_or(Position(u64::MAX), |(_, position)| *position)
    }

    /// How many changes there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
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
