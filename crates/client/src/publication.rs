//! The handle of a presence source.

use core::time::Duration;

use sip_stack::Timestamp;
use sip_stack::endpoint::Failure;
use sip_stack::user_agent::Usage;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::engine::{FAREWELL, Order};
use crate::error::PublishError;
use crate::{Identity, Status};

/// What happens to a publication by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was published, refreshed or modified, and lives until then.
    Published {
        /// When it would end without a refresh.
        expires_at: Timestamp,
    },
    /// An attempt failed.
    Failed {
        /// Why.
        failure: Failure,
        /// The next one, if there is one before the next [`Publication::update`].
        retry_at: Option<Timestamp>,
    },
    /// It was removed.
    Removed,
    /// So many changes were not read in time, and are gone.
    Missed(u64),
}

/// What is published, kept so until it is removed. Dropping the handle removes it without waiting for the answer.
#[derive(Debug)]
pub struct Publication {
    identity: Identity,
    tuple_id: String,
    usage: Option<Usage>,
    expires_at: Timestamp,
    orders: mpsc::UnboundedSender<Order>,
    changes: broadcast::Receiver<Change>,
}

/// Changes and events that nobody has read yet; of more, the oldest are dropped.
pub(crate) const BACKLOG: usize = 64;

impl Publication {
    pub(crate) async fn start(
        identity: &Identity,
        expires: Duration,
        orders: &mpsc::UnboundedSender<Order>,
        status: Status,
    ) -> Result<Self, PublishError> {
        let mut random = [0; 8];
        // Names our tuple among those of the user's other sources; any number does as long as it is not theirs.
        getrandom::fill(&mut random).map_err(|_| PublishError::Closed)?;
        let tuple_id = format!("t{:016x}", u64::from_be_bytes(random));
        let document = status.document(identity, &tuple_id);
        let publication = sip_stack::publisher::Publication {
            target: identity.aor().as_str().to_owned(),
            event: "presence".to_owned(),
            expires,
        };
        let (sender, changes) = broadcast::channel(BACKLOG);
        let (done, is_done) = oneshot::channel();
        let order = Order::Publish { publication, document, changes: sender, done };
        orders.send(order).map_err(|_| PublishError::Closed)?;
        let (usage, expires_at) = is_done.await.map_err(|_| PublishError::Closed)??;
        let (identity, orders) = (identity.clone(), orders.clone());
        Ok(Self { identity, tuple_id, usage: Some(usage), expires_at, orders, changes })
    }

    /// Until when the last answer to [`Client::publish`](crate::Client::publish) or [`update`](Self::update) has it live.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Publishes something else in its place, and waits for the answer. After a failure that may pass it goes on
    /// trying; [`next`](Self::next) tells how.
    pub async fn update(&mut self, status: Status) -> Result<(), PublishError> {
        let Some(usage) = self.usage else { return Err(PublishError::Closed) };
        let document = status.document(&self.identity, &self.tuple_id);
        let (done, is_done) = oneshot::channel();
        let order = Order::Modify { usage, document, done };
        self.orders.send(order).map_err(|_| PublishError::Closed)?;
        self.expires_at = is_done.await.map_err(|_| PublishError::Closed)??;
        Ok(())
    }

    /// What happens next; `None` once nothing more will. Loses nothing if it is not awaited to its end.
    pub async fn next(&mut self) -> Option<Change> {
        match self.changes.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Change::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Removes it, and waits for the answer, at most a few seconds.
    pub async fn remove(mut self) {
        let Some(usage) = self.usage.take() else { return };
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::End { usage, done: Some(done) }).is_ok() {
            // The engine lets go of `done` when the publication is over.
            let _ = tokio::time::timeout(FAREWELL, is_done).await;
        }
    }

    /// Leaves it as it is: it ends when its lifetime does.
    pub fn leave(mut self) {
        if let Some(usage) = self.usage.take() {
            let _ = self.orders.send(Order::Abandon { usage });
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        if let Some(usage) = self.usage.take() {
            let _ = self.orders.send(Order::End { usage, done: None });
        }
    }
}
