//! What ties a subscription to the handle of whoever wanted it.

use sip_stack::user_agent::Usage;
use tokio::sync::{mpsc, oneshot};

use crate::engine::Order;

/// A subscription with everything that happens to it, event by event. Dropping the handle unsubscribes without waiting for
/// the answer.
#[derive(Debug)]
pub struct Subscribed<E> {
    leash: Leash,
    events: mpsc::UnboundedReceiver<E>,
}

impl<E> Subscribed<E> {
    /// Orders a subscription whose events go to the sender in the order.
    pub(crate) fn order(
        orders: &mpsc::UnboundedSender<Order>,
        order: impl FnOnce(mpsc::UnboundedSender<E>, oneshot::Sender<Usage>) -> Order,
    ) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        Self { leash: Leash::order(orders, |usage| order(sender, usage)), events }
    }

    /// What happens next; `None` after the event that says that it is over, or if the client was closed.
    pub async fn next(&mut self) -> Option<E> {
        self.events.recv().await
    }

    /// Ends the subscription; the last events can still be read with [`next`](Self::next).
    pub async fn unsubscribe(&mut self) {
        self.leash.unsubscribe().await;
    }
}

/// Ends the subscription when it is dropped, without waiting for the answer.
#[derive(Debug)]
pub(crate) struct Leash {
    /// The name that the engine gives the subscription; `None` once it was asked to end it.
    usage: Option<oneshot::Receiver<Usage>>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Leash {
    /// Orders a subscription. If the engine is gone, the sender of events goes with the order: the stream ends.
    pub(crate) fn order(
        orders: &mpsc::UnboundedSender<Order>,
        order: impl FnOnce(oneshot::Sender<Usage>) -> Order,
    ) -> Self {
        let (reply, usage) = oneshot::channel();
        let _ = orders.send(order(reply));
        Self { usage: Some(usage), orders: orders.clone() }
    }

    /// Orders something of the subscription, once it has a name.
    pub(crate) async fn say(&mut self, order: impl FnOnce(Usage) -> Order) {
        let Some(reply) = self.usage.take() else { return };
        let Ok(usage) = reply.await else { return };
        let _ = self.orders.send(order(usage));
        let (name, named) = oneshot::channel();
        let _ = name.send(usage);
        self.usage = Some(named);
    }

    /// Ends the subscription.
    pub(crate) async fn unsubscribe(&mut self) {
        let Some(usage) = self.usage.take() else { return };
        if let Ok(usage) = usage.await {
            let _ = self.orders.send(Order::End { usage, done: None });
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let Some(mut usage) = self.usage.take() else { return };
        usage.close(); // from now on the engine sees that nobody asks any more, and ends it itself
        if let Ok(usage) = usage.try_recv() {
            let _ = self.orders.send(Order::End { usage, done: None });
        }
    }
}
