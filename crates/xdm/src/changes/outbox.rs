//! What the followers of documents ask of their surroundings after an event.

use sip_stack::subscriptions;
use xcap::{Tree, Want};

/// The effects of one or more events, in order. A caller's buffer.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What the subscriptions ask for.
    pub subscriptions: subscriptions::Outbox,
    /// Documents that must be known; the answer goes to [`super::Changes::found`].
    pub wants: Vec<Want>,
    /// Trees whose changes are to be told from now on, to [`super::Changes::changed`].
    pub follow: Vec<Tree>,
    /// Trees whose changes concern nobody any more.
    pub unfollow: Vec<Tree>,
}
