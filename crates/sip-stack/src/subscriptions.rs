//! The subscriptions to one thing, as its event package owns them: who is owed a NOTIFY, when, and what becomes of it.

mod asking;
mod conditional;
mod outbox;
mod refusal;
mod rows;
mod telling;
mod waking;

use core::num::NonZeroU64;
use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

pub use asking::{Heard, Refresh, Subscribe};
pub use conditional::{BrokenCondition, Condition, EntityTag, Refreshed};
pub use outbox::{Counts, Gone, Outbox, Stored, SubscriptionId};
pub use refusal::{RETRY_AFTER, Refusal};
pub use rows::{Kept, StoredSubscription};
pub use telling::{Ended, Notify, Owed, Prospect, Say, Turn};

use crate::compositor::Lifetimes;
use crate::notifier::Subscription;
use crate::time::Timestamp;

/// What holds for the subscriptions of one owner.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Which machine a stored row is for.
    pub role: &'a str,
    /// The name under which that machine finds the owner again.
    pub owner: &'a str,
    /// How long a subscription lives.
    pub lifetimes: Lifetimes,
    /// Least time between two NOTIFYs of one dialog, unless the second answers a SUBSCRIBE or ends it.
    pub pace: Duration,
    /// How many there may be; and as many fetches whose NOTIFY is not answered yet.
    pub max: usize,
    /// Consecutive NOTIFYs that a subscriber who has answered before may leave unanswered.
    pub unanswered_max: u8,
}

/// How long after a change a restart tells it to all subscribers again: no NOTIFY of before can still be under way.
pub const UNSETTLED: Duration = Duration::from_secs(64);

/// What a NOTIFY says for its package: shared by all who are told the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Header fields as they go out, each with its line end; Content-Type among them if there is a body.
    pub fields: Cow<'static, str>,
    /// The body.
    pub body: Arc<[u8]>,
    /// Names the whole state of which this tells, if conditions may refer to it; then it is among the fields.
    pub entity_tag: Option<EntityTag>,
}

/// One subscription, and what its package keeps with it.
#[derive(Debug)]
struct Record<T> {
    subscription: Subscription,
    /// Its row, unless it is only a fetch, or over.
    row: Option<NonZeroU64>,
    /// For which state its subscriber wants no body.
    unless: Option<Condition>,
    /// What the NOTIFY without an answer says.
    telling: Option<Arc<Content>>,
    /// No NOTIFY of a mere change before this.
    not_before: Timestamp,
    /// When the last NOTIFY went, in this process; zero if none has.
    told_at: Timestamp,
    /// The earliest wake-up asked for.
    armed_at: Timestamp,
    serial: u32,
    owed: Owed,
    /// The NOTIFY without an answer was owed in any case.
    word: bool,
    /// Set while the surroundings hold it in a queue of those to be told.
    queued: bool,
    /// Its turn came too early for a mere change; a wake-up is asked for.
    paced: bool,
    /// It asked for no lifetime: one NOTIFY is all it gets.
    fetch: bool,
    data: T,
}

#[derive(Debug)]
enum Slot<T> {
    Taken(Record<T>),
    /// With the next free place, or [`NONE`].
    Free(u32),
}

/// No place.
const NONE: u32 = u32::MAX;

/// All subscriptions to one thing, with `T` as what the package keeps for each.
///
/// One NOTIFY at a time is under way to each. What is owed is a mark; what to say is asked of the package when the turn
/// comes, so that the latest state wins. Records lie side by side, and each has its texts in one more allocation.
#[derive(Debug)]
pub struct Subscriptions<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    taken: u32,
    /// How many of the taken are fetches.
    fetches: u32,
}

impl<T> Default for Subscriptions<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: NONE, taken: 0, fetches: 0 }
    }
}

impl<T> Subscriptions<T> {
    /// How many live, those about to end included, but no fetches.
    pub fn len(&self) -> usize {
        (self.taken - self.fetches) as usize
    }

    /// Whether there is none, and no fetch.
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// One of them, while it lives, with what the package keeps.
    pub fn get(&self, id: SubscriptionId) -> Option<(&Subscription, &T)> {
        self.record(id).map(|record| (&record.subscription, &record.data))
    }

    /// The same, with what the package keeps to be changed.
    pub fn get_mut(&mut self, id: SubscriptionId) -> Option<(&Subscription, &mut T)> {
        self.record_mut(id).map(|record| (&record.subscription, &mut record.data))
    }

    /// What the package keeps with one of them.
    pub fn data_mut(&mut self, id: SubscriptionId) -> Option<&mut T> {
        self.record_mut(id).map(|record| &mut record.data)
    }

    /// All of them in the order of their places, fetches and those about to end included.
    pub fn iter(&self) -> impl Iterator<Item = (SubscriptionId, &Subscription, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| match slot {
            Slot::Taken(record) => Some((record.id(index), &record.subscription, &record.data)),
            Slot::Free(_) => None,
        })
    }

    /// The same, with what the package keeps to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SubscriptionId, &Subscription, &mut T)> {
        (0..).zip(&mut self.slots).filter_map(|(index, slot)| match slot {
            Slot::Taken(record) => Some((record.id(index), &record.subscription, &mut record.data)),
            Slot::Free(_) => None,
        })
    }

    fn place(&mut self, record: Record<T>) -> SubscriptionId {
        self.fetches += u32::from(record.fetch);
        self.taken += 1;
        let index = self.free;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            if let Slot::Free(next) = *slot {
                self.free = next;
            }
            let id = record.id(index);
            *slot = Slot::Taken(record);
            return id;
        }
        // Most owners have few subscriptions, and there are many owners: room for a quarter more, not for twice as many.
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact((self.slots.len() / 4).max(2));
        }
        let id = record.id(u32::try_from(self.slots.len()).expect("places are counted in 32 bits"));
        self.slots.push(Slot::Taken(record));
        id
    }

    /// Takes it out. Its row, if it still has one, and its dialog are no more.
    fn remove(&mut self, id: SubscriptionId, out: &mut Outbox) -> Option<T> {
        self.record(id)?;
        let slot = core::mem::replace(&mut self.slots[id.index as usize], Slot::Free(self.free));
        self.free = id.index;
        let Slot::Taken(record) = slot else { return None };
        if let Some(row) = record.row {
            out.stored.push(Stored::Delete(row.get()));
        }
        self.taken -= 1;
        self.fetches -= u32::from(record.fetch);
        out.counts.gone(record.subscription.state());
        let Record { subscription, .. } = &record;
        let (tag, identity) = (subscription.dialog().local_tag(), subscription.identity().into());
        out.ended.push(Gone { tag, identity });
        Some(record.data)
    }

    fn record(&self, id: SubscriptionId) -> Option<&Record<T>> {
        match self.slots.get(id.index as usize)? {
            Slot::Taken(record) if record.serial == id.serial => Some(record),
            Slot::Taken(_) | Slot::Free(_) => None,
        }
    }

    fn record_mut(&mut self, id: SubscriptionId) -> Option<&mut Record<T>> {
        match self.slots.get_mut(id.index as usize)? {
            Slot::Taken(record) if record.serial == id.serial => Some(record),
            Slot::Taken(_) | Slot::Free(_) => None,
        }
    }
}

impl<T> Record<T> {
    const fn id(&self, index: u32) -> SubscriptionId {
        SubscriptionId { index, serial: self.serial }
    }
}

#[cfg(test)]
mod tests;
