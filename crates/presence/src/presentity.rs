//! The owner of all that happens around one presentity: its publications and its watchers.

mod notifying;
mod publishing;
mod rows;
mod subscribing;
mod waking;

use core::time::Duration;

use documents::pidf::Presence;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::compositor::{EntityTag, Lifetimes, Publication};
use sip_stack::notifier::Subscription;

pub use notifying::Notify;
pub use publishing::{Publish, Published};
pub use subscribing::{Refresh, Subscribe};

use crate::composition::compose;
use crate::outbox::{Item, WatcherId};
use crate::policy::Policy;
use crate::rules::{Composed, View};

/// What holds for all presentities: policy and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Who may do what.
    pub policy: &'a Policy,
    /// Lifetimes of publications.
    pub publications: Lifetimes,
    /// Lifetimes of subscriptions.
    pub subscriptions: Lifetimes,
    /// Least time between two NOTIFYs of one dialog, RFC 3856 §6.10.
    pub pace: Duration,
    /// Publications of one presentity.
    pub publications_max: usize,
    /// Subscriptions to one presentity; and as many fetches whose NOTIFY is not answered yet.
    pub subscriptions_max: usize,
    /// Consecutive NOTIFYs that a watcher who has answered before may leave unanswered.
    pub unanswered_max: u8,
}

/// The numbers that a shard gives out, none of them twice.
#[derive(Debug)]
pub struct Numbers {
    /// The life of the server, RFC 3903 §8: part of entity-tags and row numbers.
    pub epoch: u32,
    /// High 16 bits of what is given to peers: the shard.
    pub shard: u16,
    row: u64,
    tag: u64,
    serial: u32,
}

impl Numbers {
    /// Starts the numbers of one life of one shard.
    pub fn new(epoch: u32, shard: u16) -> Self {
        Self { epoch, shard, row: 0, tag: 0, serial: 0 }
    }

    fn row(&mut self) -> u64 {
        self.row += 1;
        u64::from(self.epoch) << 44 | self.row
    }

    /// How many lives ago a row was made.
    fn lives_since(&self, row: u64) -> u32 {
        let made_in = u32::try_from(row >> 44).unwrap_or(u32::MAX);
        self.epoch.saturating_sub(made_in)
    }

    fn entity_tag(&mut self) -> EntityTag {
        self.tag += 1;
        EntityTag { epoch: self.epoch, number: u64::from(self.shard) << 48 | self.tag }
    }

    fn serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }
}

/// How much a watcher is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owed {
    Nothing,
    /// A NOTIFY if the view is another than the one told.
    Change,
    /// A NOTIFY in any case: it answers a SUBSCRIBE, or the state of the subscription changed.
    Word,
}

/// One watcher of the presentity.
#[derive(Debug)]
struct Watcher {
    serial: u32,
    /// Its row, unless it is only a fetch.
    row: Option<u64>,
    /// It asked for no lifetime: one NOTIFY is all it gets.
    fetch: bool,
    identity: Aor,
    subscription: Subscription,
    /// Fingerprint of the view that the watcher is known to have; zero if none.
    told: u64,
    /// The view in the NOTIFY without an answer.
    telling: Option<View>,
    owed: Owed,
    /// Set while the shard holds this watcher in a queue of those to be told.
    queued: bool,
    /// No NOTIFY of a mere change before this.
    not_before: Timestamp,
    /// The earliest wake-up asked for.
    armed_at: Timestamp,
}

/// A presentity with its publications and watchers. The only place that changes them.
#[derive(Debug)]
pub struct Presentity {
    aor: Aor,
    publications: Vec<Publication<Presence>>,
    /// Rows of publications removed a short while ago, kept so that a restart knows that watchers must hear of it.
    removed: Vec<(u64, Timestamp)>,
    watchers: Vec<Option<Box<Watcher>>>,
    free: Vec<u32>,
    /// How many of the watchers are fetches.
    fetches: usize,
    composed: Composed,
    changed_at: Timestamp,
}

/// How long after a change a restart tells it to all watchers again: no NOTIFY of before can still be under way.
const UNSETTLED: Duration = Duration::from_secs(64);

/// Wake-ups are asked for at whole quarters of a second, so that they come in bundles.
const TICK: u64 = 250_000;

fn rounded_up(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_add(TICK - 1) / TICK * TICK)
}

impl Presentity {
    /// A presentity of whom nothing is known.
    pub fn new(aor: Aor) -> Self {
        let composed = Composed::new(&compose(&aor, &[]));
        Self {
            aor,
            publications: Vec::new(),
            removed: Vec::new(),
            watchers: Vec::new(),
            free: Vec::new(),
            fetches: 0,
            composed,
            changed_at: Timestamp::ZERO,
        }
    }

    /// Its address-of-record.
    pub fn aor(&self) -> &Aor {
        &self.aor
    }

    /// Whether it can be forgotten.
    pub fn is_empty(&self) -> bool {
        self.publications.is_empty() && self.removed.is_empty() && self.watchers.len() == self.free.len()
    }

    /// How many publications live.
    pub fn publications(&self) -> usize {
        self.publications.len()
    }

    /// How many subscriptions live, those about to end included, but no fetches.
    pub fn watchers(&self) -> usize {
        self.watchers.len() - self.free.len() - self.fetches
    }

    fn place(&mut self, watcher: Box<Watcher>) -> usize {
        self.fetches += usize::from(watcher.fetch);
        match self.free.pop() {
            Some(index) => {
                self.watchers[index as usize] = Some(watcher);
                index as usize
            }
            None => {
                self.watchers.push(Some(watcher));
                self.watchers.len() - 1
            }
        }
    }

    fn watcher(&self, id: WatcherId) -> Option<&Watcher> {
        self.watchers.get(id.index as usize)?.as_deref().filter(|watcher| watcher.serial == id.serial)
    }

    fn watcher_mut(&mut self, id: WatcherId) -> Option<&mut Watcher> {
        self.watchers.get_mut(id.index as usize)?.as_deref_mut().filter(|watcher| watcher.serial == id.serial)
    }
}

fn id_of(index: usize, watcher: &Watcher) -> WatcherId {
    WatcherId { index: u32::try_from(index).expect("places are counted in 32 bits"), serial: watcher.serial }
}

fn item_of(publication: &Publication<Presence>) -> Item {
    Item::Publication(publication.id)
}
