//! What the subscriptions of an owner ask of their surroundings after an event.

use crate::dialog::LocalTag;
use crate::notifier::State;
use crate::time::Timestamp;

/// Names a subscription of one owner: its place, and a number that no other subscription of the shard has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId {
    /// Place at the owner.
    pub index: u32,
    /// Tells a later subscription at the same place from this one.
    pub serial: u32,
}

/// A change of a stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A subscription is as its octets say, until then.
    Put(u64, Timestamp, Box<[u8]>),
    /// The row is no more.
    Delete(u64),
}

/// A subscription that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Our tag in its dialog.
    pub tag: LocalTag,
    /// Whose it was: the first proven name.
    pub identity: Box<str>,
}

/// The effects of one or more events, in order. A caller's buffer: an event costs no allocation for it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// To keep before anything is said.
    pub stored: Vec<Stored>,
    /// Those that are owed a NOTIFY now; give each its turn when the way is free.
    pub owed: Vec<SubscriptionId>,
    /// Wake-ups wanted: call [`super::Subscriptions::due`] with these very values.
    pub deadlines: Vec<(Timestamp, SubscriptionId)>,
    /// Subscriptions that are no more.
    pub ended: Vec<Gone>,
    /// Numbers for the operator.
    pub counts: Counts,
}

/// What happened, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Active subscriptions more than before.
    pub active: i64,
    /// Pending subscriptions more than before.
    pub pending: i64,
    /// Changes merged into a NOTIFY that had not left yet.
    pub coalesced: u64,
    /// NOTIFYs not sent because there was nothing new to say.
    pub unchanged: u64,
    /// Subscriptions that ran out.
    pub expired: u64,
    /// Subscriptions given up because the subscriber could not be told.
    pub lost: u64,
    /// Deadlines handled more than a second late.
    pub overdue: u64,
}

impl Counts {
    pub(super) fn came(&mut self, state: State) {
        self.count(state, 1);
    }

    pub(super) fn gone(&mut self, state: State) {
        self.count(state, -1);
    }

    fn count(&mut self, state: State, by: i64) {
        match state {
            State::Active => self.active += by,
            State::Pending => self.pending += by,
            State::Terminated(_) => {}
        }
    }
}
