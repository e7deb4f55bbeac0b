//! What a presentity asks of its surroundings after an event.

use sip_stack::Timestamp;
use sip_stack::dialog::LocalTag;

/// Names a watcher of one presentity: its place, and a number that no other watcher of the shard has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatcherId {
    /// Place in the presentity.
    pub index: u32,
    /// Tells a later watcher at the same place from this one.
    pub serial: u32,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// The publication stored in this row runs out, or what is left of it is swept away.
    Publication(u64),
    /// The watcher's subscription runs out, or a NOTIFY may leave again.
    Watcher(WatcherId),
}

/// A change of a stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A publication is as its octets say, until then.
    Publication(u64, Timestamp, Box<[u8]>),
    /// A subscription is as its octets say, until then.
    Subscription(u64, Timestamp, Box<[u8]>),
    /// The publication's row is no more.
    NoPublication(u64),
    /// The subscription's row is no more.
    NoSubscription(u64),
}

/// The effects of one or more events, in order. A caller's buffer: an event costs no allocation for it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// To keep before anything is said.
    pub stored: Vec<Stored>,
    /// Watchers that are owed a NOTIFY now; ask [`crate::Presentity::notify`] when the way is free.
    pub owed: Vec<WatcherId>,
    /// Wake-ups wanted: call [`crate::Presentity::due`] with these very values.
    pub deadlines: Vec<(Timestamp, Item)>,
    /// Dialogs that are no more.
    pub ended: Vec<LocalTag>,
    /// Numbers for the operator.
    pub counts: Counts,
}

/// What happened, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes merged into a NOTIFY that had not left yet.
    pub coalesced: u64,
    /// NOTIFYs not sent because the view had not changed.
    pub unchanged: u64,
    /// Publications that ran out.
    pub publications_expired: u64,
    /// Subscriptions that ran out.
    pub subscriptions_expired: u64,
    /// Subscriptions given up because the watcher could not be told.
    pub subscriptions_lost: u64,
    /// Deadlines handled more than a second late.
    pub overdue: u64,
}
