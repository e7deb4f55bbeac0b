//! A whole node as a shell would run it: a door, its shards, and the rows they ask to keep; no thread and no socket.

use std::collections::VecDeque;
use std::sync::Arc;

use node::{Effects, Entry, Epoch, Metrics, Place, Row, RowChange, Settings, Shard, ShardId, Storage};
use sip_stack::{Flow, Timestamp};

use crate::random::Random;

/// One message that the node puts on a flow.
#[derive(Clone, Debug)]
pub struct Said {
    /// Where it goes.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Vec<u8>,
}

/// The shards of one node. Rows come out of `rows`, messages out of each call.
pub struct Host {
    settings: Arc<Settings>,
    shards: Vec<Shard>,
    effects: Effects,
    rows: VecDeque<RowChange>,
}

impl core::fmt::Debug for Host {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Host").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts a node: every row goes to the shard that owns its partition, then all shards start.
    pub fn start(
        now: Timestamp,
        settings: Arc<Settings>,
        shards: u16,
        epoch: Epoch,
        seed: u64,
        rows: impl IntoIterator<Item = Row>,
    ) -> (Self, Vec<Said>) {
        let mut random = Random::new(seed);
        let mut owners: Vec<Shard> = (0..shards)
            .map(|shard| {
                let place = Place { shard: ShardId(shard), shards, epoch };
                Shard::new(settings.clone(), place, random.seed())
            })
            .collect();
        for row in rows {
            let owner = row.key.partition.0 % shards;
            owners[usize::from(owner)].restore(&row);
        }
        let mut host = Self { settings, shards: owners, effects: Effects::default(), rows: VecDeque::new() };
        let mut said = Vec::new();
        for index in 0..host.shards.len() {
            host.shards[index].start(now, &mut host.effects);
            host.collect(&mut said);
        }
        (host, said)
    }

    /// What came in on a flow: through the door to the shard that owns it.
    pub fn receive(&mut self, now: Timestamp, flow: Flow, bytes: &[u8]) -> Vec<Said> {
        let count = u16::try_from(self.shards.len()).expect("made from a u16");
        match node::enter(bytes, flow, &self.settings, count, &mut self.effects) {
            Entry::Deliver { shard, message } => {
                self.shards[usize::from(shard.0)].receive(now, flow, &message, &mut self.effects);
            }
            Entry::Answered | Entry::Dropped => {}
        }
        let mut said = Vec::new();
        self.collect(&mut said);
        said
    }

    /// Gives every shard whose deadline has passed one turn.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        for index in 0..self.shards.len() {
            if self.shards[index].deadline().is_some_and(|deadline| deadline <= now) {
                self.shards[index].tick(now, &mut self.effects);
                self.collect(&mut said);
            }
        }
        said
    }

    /// The earliest deadline of a shard.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.shards.iter().filter_map(Shard::deadline).min()
    }

    /// A stream ended, or could not be opened.
    pub fn closed(&mut self, now: Timestamp, flow: Flow) -> Vec<Said> {
        let mut said = Vec::new();
        for index in 0..self.shards.len() {
            self.shards[index].closed(now, flow, &mut self.effects);
            self.collect(&mut said);
        }
        said
    }

    /// Tells all shards how the store is.
    pub fn set_storage(&mut self, health: Storage) {
        for shard in &mut self.shards {
            shard.set_storage(health);
        }
    }

    /// Hands new settings to all shards and the door.
    pub fn reconfigure(&mut self, now: Timestamp, settings: Arc<Settings>) -> Vec<Said> {
        self.settings = settings.clone();
        let mut said = Vec::new();
        for index in 0..self.shards.len() {
            self.shards[index].reconfigure(now, settings.clone(), &mut self.effects);
            self.collect(&mut said);
        }
        said
    }

    /// The changes for the store since the last call, in order.
    pub fn take_rows(&mut self) -> Vec<RowChange> {
        self.rows.drain(..).collect()
    }

    /// The numbers of all shards added up.
    pub fn metrics(&self) -> Metrics {
        let mut sum = Metrics::default();
        for shard in &self.shards {
            sum.add(&shard.metrics());
        }
        sum
    }

    fn collect(&mut self, said: &mut Vec<Said>) {
        self.rows.extend(self.effects.take_rows());
        for outgoing in self.effects.outgoing() {
            said.push(Said { flow: outgoing.flow, bytes: [outgoing.head, outgoing.body].concat() });
        }
        self.effects.clear();
    }
}
