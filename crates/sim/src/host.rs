//! A whole node as a shell would run it: a door, its shards, the rows they ask to keep, and the documents they ask for; no
//! thread and no socket.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use node::{
    Effects, Enquiry, Entry, Epoch, Metrics, Partition, Place, Row, RowChange, RowKey, Settings, Shard,
    ShardId, StandingQuestion, Storage,
};
use presence::Standing;
use sip_stack::{Flow, Timestamp};

use crate::library::Library;
use crate::random::Random;

/// One message that the node puts on a flow.
#[derive(Clone, Debug)]
pub struct Said {
    /// Where it goes.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Vec<u8>,
}

/// Does to kept rows what a node asks for.
pub fn keep(rows: &mut BTreeMap<RowKey, Row>, changes: impl IntoIterator<Item = RowChange>) {
    for change in changes {
        match change {
            RowChange::Put(row) => drop(rows.insert(row.key, row)),
            RowChange::Delete { key, .. } => drop(rows.remove(&key)),
        }
    }
}

/// The shards of one node. Rows come out of `rows`, messages out of each call.
pub struct Host {
    settings: Arc<Settings>,
    shards: Vec<Shard>,
    effects: Effects,
    rows: VecDeque<RowChange>,
    library: Library,
    /// Questions to the library that are not answered yet: when they are, by which shard, and what. In order of time.
    asked: VecDeque<(Timestamp, usize, Enquiry)>,
    /// Answers to questions of standing that nobody has taken.
    standings: Vec<(u64, Option<Standing>)>,
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
        library: Library,
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
        let mut host = Self {
            settings,
            shards: owners,
            effects: Effects::default(),
            rows: VecDeque::new(),
            library,
            asked: VecDeque::new(),
            standings: Vec::new(),
        };
        host.library.take_changes(); // of before: the shards read what there is
        let mut said = Vec::new();
        for index in 0..host.shards.len() {
            host.shards[index].start(now, &mut host.effects);
            host.collect(now, index, &mut said);
        }
        host.read(now, &mut said);
        (host, said)
    }

    /// What came in on a flow: through the door to the shard that owns it.
    pub fn receive(&mut self, now: Timestamp, flow: Flow, bytes: &[u8]) -> Vec<Said> {
        let count = u16::try_from(self.shards.len()).expect("made from a u16");
        let mut owner = 0;
        match node::enter(bytes, flow, &self.settings, count, &mut self.effects) {
            Entry::Deliver { shard, message } => {
                owner = usize::from(shard.0);
                self.shards[owner].receive(now, flow, &message, &mut self.effects);
            }
            Entry::Answered | Entry::Dropped => {}
        }
        let mut said = Vec::new();
        self.collect(now, owner, &mut said);
        self.read(now, &mut said);
        said
    }

    /// Gives every shard whose deadline has passed one turn.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        for index in 0..self.shards.len() {
            if self.shards[index].deadline().is_some_and(|deadline| deadline <= now) {
                self.shards[index].tick(now, &mut self.effects);
                self.collect(now, index, &mut said);
            }
        }
        self.read(now, &mut said);
        said
    }

    /// The earliest deadline of a shard, or when the library answers.
    pub fn deadline(&self) -> Option<Timestamp> {
        let answered = self.asked.front().map(|(at, ..)| *at);
        self.shards.iter().filter_map(Shard::deadline).chain(answered).min()
    }

    /// Changes documents; all shards hear of it.
    pub fn change(&mut self, now: Timestamp, change: impl FnOnce(&mut Library)) -> Vec<Said> {
        change(&mut self.library);
        let mut said = Vec::new();
        for change in self.library.take_changes() {
            for index in 0..self.shards.len() {
                self.shards[index].changed(now, &change, &mut self.effects);
                self.collect(now, index, &mut said);
            }
        }
        self.read(now, &mut said);
        said
    }

    /// Asks what the rules of a presentity let somebody do.
    pub fn ask_standing(&mut self, now: Timestamp, question: StandingQuestion) {
        let count = u16::try_from(self.shards.len()).expect("made from a u16");
        let partition = Partition::of_hash(question.presentity.stable_hash());
        let owner = usize::from(ShardId::owner_of(partition, count).0);
        self.shards[owner].standing(now, question, &mut self.effects);
        let mut said = Vec::new();
        self.collect(now, owner, &mut said);
        self.read(now, &mut said);
        assert!(said.is_empty(), "a question says nothing to anybody");
    }

    /// What the answers to questions of standing are, since the last call.
    pub fn take_standings(&mut self) -> Vec<(u64, Option<Standing>)> {
        core::mem::take(&mut self.standings)
    }

    /// Answers the questions whose time has come.
    fn read(&mut self, now: Timestamp, said: &mut Vec<Said>) {
        while self.asked.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, index, enquiry)) = self.asked.pop_front() else { return };
            let answer = self.library.answer(&enquiry.question);
            self.shards[index].documents(now, &enquiry, answer, &mut self.effects);
            self.collect(now, index, said);
        }
    }

    /// A stream ended, or could not be opened.
    pub fn closed(&mut self, now: Timestamp, flow: Flow) -> Vec<Said> {
        let mut said = Vec::new();
        for index in 0..self.shards.len() {
            self.shards[index].closed(now, flow, &mut self.effects);
            self.collect(now, index, &mut said);
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
            self.collect(now, index, &mut said);
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

    /// Takes what one shard asks for.
    fn collect(&mut self, now: Timestamp, shard: usize, said: &mut Vec<Said>) {
        self.rows.extend(self.effects.take_rows());
        self.standings.extend(self.effects.take_standings());
        let at = now + self.library.delay;
        for enquiry in self.effects.take_enquiries() {
            let later = self.asked.iter().position(|(other, ..)| *other > at);
            self.asked.insert(later.unwrap_or(self.asked.len()), (at, shard, enquiry));
        }
        for outgoing in self.effects.outgoing() {
            said.push(Said { flow: outgoing.flow, bytes: [outgoing.head, outgoing.body].concat() });
        }
        let letters = self.effects.take_letters();
        let locates = self.effects.take_locates();
        self.effects.clear();
        for locate in locates {
            let places = self.library.locate(&locate.hop);
            self.shards[shard].located(now, &locate, &places, &mut self.effects);
            self.collect(now, shard, said);
        }
        for (to, letter) in letters {
            let to = usize::from(to.0);
            self.shards[to].letter(now, letter, &mut self.effects);
            self.collect(now, to, said);
        }
    }
}
