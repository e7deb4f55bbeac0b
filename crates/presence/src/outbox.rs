//! What a presentity asks of its surroundings after an event.

use sip_stack::Timestamp;
use sip_stack::interest::Shown;
use sip_stack::subscriptions::{self, Stored};
use xcap::Want;

/// The effects of one or more events, in order. A caller's buffer: an event costs no allocation for it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Rows of publications, to keep before anything is said.
    pub publications: Vec<Stored>,
    /// Wake-ups wanted for publications, named by their rows: call [`crate::Presentity::due`] with these very values.
    pub deadlines: Vec<(Timestamp, u64)>,
    /// What the subscriptions to presence ask for.
    pub watchers: subscriptions::Outbox,
    /// Documents that the presentity must know; the answer goes to [`crate::Presentity::found`].
    pub wants: Vec<Want>,
    /// What those within the installation are shown who asked for it.
    pub shown: Vec<Shown>,
    /// Whether some of them are to be looked at: call [`crate::Presentity::show`] when there is time.
    pub showing: bool,
    /// Numbers for the operator.
    pub counts: Counts,
}

/// What happened to publications, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Publications that ran out.
    pub expired: u64,
    /// Deadlines handled more than a second late.
    pub overdue: u64,
    /// Rules documents found to be unreadable, each time that they were read: their presentities are closed to everybody.
    pub rules_unreadable: u64,
}
