//! The handle of a watcher.

use core::time::Duration;
use std::sync::Arc;

use documents::DocumentError;
use documents::pidf::Presence;
use sip_stack::Timestamp;
use sip_stack::endpoint::Failure;
use sip_stack::subscriber::{State, Termination};
use tokio::sync::{broadcast, mpsc};

use crate::Identity;
use crate::engine::Order;
use crate::leash::Leash;
use crate::publication::BACKLOG;

/// One notification.
#[derive(Clone, Debug)]
pub struct Update {
    /// Whose presence.
    pub target: Identity,
    /// The presence document; `None` if the notification had none (RFC 3856 §6.6.2), or a broken one.
    pub presence: Option<Arc<Presence>>,
    /// What is wrong with the document.
    pub defect: Option<DocumentError>,
    /// The state of the subscription.
    pub state: State,
    /// Why it was terminated, in the words of RFC 6665 §4.1.3.
    pub reason: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
}

/// What a watcher hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// The server notified us.
    Update(Update),
    /// The subscription was lost or its refresh failed; another attempt follows.
    Retrying {
        /// Why; `None` if the server asked for a new subscription.
        failure: Option<Failure>,
        /// When.
        at: Timestamp,
        /// Whether the subscription lives on meanwhile.
        live: bool,
    },
    /// So many events were not read in time, and are gone. What comes next is newer than they were.
    Missed(u64),
    /// Nothing more will come.
    Over(Termination),
}

/// A subscription to the presence of somebody. Dropping the handle unsubscribes without waiting for the answer.
#[derive(Debug)]
pub struct Watching {
    target: Identity,
    leash: Leash,
    events: broadcast::Receiver<Event>,
}

impl Watching {
    pub(crate) fn start(target: Identity, expires: Duration, orders: &mpsc::UnboundedSender<Order>) -> Self {
        let (sender, events) = broadcast::channel(BACKLOG);
        let watched = target.clone();
        let leash =
            Leash::order(orders, |usage| Order::Watch { target: watched, expires, events: sender, usage });
        Self { target, leash, events }
    }

    /// Who is watched.
    pub fn target(&self) -> &Identity {
        &self.target
    }

    /// What happens next; `None` after [`Event::Over`], or if the client was closed. Loses nothing if it is not awaited
    /// to its end.
    pub async fn next(&mut self) -> Option<Event> {
        match self.events.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Ends the subscription; the last events can still be read with [`next`](Self::next).
    pub async fn unsubscribe(&mut self) {
        self.leash.unsubscribe().await;
    }
}
