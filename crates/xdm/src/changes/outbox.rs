//! What the followers of documents ask of their surroundings after an event.

use std::sync::Arc;

use sip::Aor;
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
    /// Whose rules must be known.
    pub asks: Vec<Ask>,
}

/// A question what the rules of a presentity let somebody read; the answers go to [`super::Changes::standing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It is to be told now, and whenever it changes.
    Follow {
        /// Tells the question from others.
        item: u32,
        /// Whose rules.
        presentity: Aor,
        /// Who wants to read, by all proven names.
        identities: Arc<[Aor]>,
    },
    /// It need not be told any more.
    Unfollow {
        /// The question.
        item: u32,
        /// Whose rules.
        presentity: Aor,
    },
}
