//! What a list asks of its surroundings after an event.

use std::sync::Arc;

use sip_stack::subscriptions;
use xcap::{Tree, Want};

use crate::roster::Virtual;

/// The effects of one or more events, in order. A caller's buffer: an event costs no allocation for it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What the list subscriptions ask for.
    pub subscriptions: subscriptions::Outbox,
    /// Documents that the list must know; the answer goes to [`crate::List::found`].
    pub wants: Vec<Want>,
    /// Trees whose changes the list must hear of from now on; not those that it was told to follow before.
    pub follow: Vec<Tree>,
    /// Trees of which it need not hear any more.
    pub unfollow: Vec<Tree>,
    /// What the list asks of resources.
    pub asks: Vec<Ask>,
    /// Numbers for the operator.
    pub counts: Counts,
    /// How many resources the lists have that were put together or edited.
    pub sizes: Vec<usize>,
    /// How many resources each NOTIFY told of.
    pub told: Vec<usize>,
}

impl Outbox {
    /// Whether nothing is asked for, whatever there is to count.
    pub fn is_empty(&self) -> bool {
        let subscriptions::Outbox { stored, owed, deadlines, ended, counts: _ } = &self.subscriptions;
        let asks = self.asks.is_empty() && self.wants.is_empty();
        let asks = asks && self.follow.is_empty() && self.unfollow.is_empty();
        asks && stored.is_empty() && owed.is_empty() && deadlines.is_empty() && ended.is_empty()
    }
}

/// What a list asks of a resource, which it names by a number of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To be shown its state, now and whenever it changes: a back-end subscription. Asked again, it is only refreshed.
    Watch(u32, Arc<str>),
    /// Nothing any more.
    Forget(u32, Arc<str>),
}

/// What happened, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// NOTIFYs of lists.
    pub notifies: u64,
    /// Resources that they told of.
    pub resources_told: u64,
    /// NOTIFYs that said less than was owed, as more did not fit.
    pub split: u64,
    /// Resources in lists: how many more there are.
    pub resources: i64,
    /// The virtual subscriptions to them: how many more stand how.
    pub virtuals: Virtual,
    /// References and entries of lists that were left out: they lead nowhere, in a circle, or beyond a limit.
    pub left_out: u64,
    /// Entries beyond the limit of a list, each time that there were more or fewer.
    pub omitted: u64,
    /// References by a root that is not known, or not one of the server that has the document: nobody was asked.
    pub foreign: u64,
}
