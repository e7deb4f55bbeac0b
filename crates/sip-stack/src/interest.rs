//! A subscription without messages, between two machines of one installation: what its SUBSCRIBE and its NOTIFYs say.

use std::sync::Arc;

use sip::Aor;

use crate::notifier::Reason;
use crate::subscriptions::Content;
use crate::time::Timestamp;

/// Who asks, and for which of its purposes: the way back. Whoever is asked only repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asker {
    /// The shard of the owner that asks.
    pub shard: u16,
    /// The owner's place there.
    pub place: u32,
    /// Tells a later owner at the same place from this one.
    pub serial: u32,
    /// Which of the owner's purposes.
    pub item: u32,
}

/// Asks to be shown what a subscriber may see, now and whenever it changes. Asked again, it is shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Who asks.
    pub asker: Asker,
    /// The proven names of the subscriber, the one that it asserts first.
    pub identities: Arc<[Aor]>,
    /// The subscriber does not want to be known to who is asked.
    pub anonymous: bool,
    /// 0 for the state itself, 1 for the watcher information of it (RFC 3857 §4.1).
    pub depth: u8,
    /// Documents that are counted go on from this number: the subscriber has seen fewer of them.
    pub version: u32,
}

/// What a subscriber may see now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whom it is for.
    pub asker: Asker,
    /// What it is.
    pub standing: Standing,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// The state of a subscription, and what its next NOTIFY would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Asked for, or accepted, and nothing is known that could be shown.
    Unknown,
    /// Accepted and authorized; subscribers who see the same share it.
    Active(Arc<Content>),
    /// Accepted; nobody has said yet whether it may be.
    Pending,
    /// Over. Interest in it goes on: it may be another day.
    Terminated(Reason),
}
