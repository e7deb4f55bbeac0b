//! Subscriptions to changes at one document server, RFC 5875: a task for each, over one SIP client.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use client::{Client, Followed, Identity, Manner, Options, State};
use documents::xcap_diff::XcapDiff;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

/// What is heard of a subscription.
#[derive(Debug)]
pub(super) enum Heard {
    /// A notification; `None` if it cannot be read.
    Told(Option<Arc<XcapDiff>>),
    /// It was lost, and is tried again.
    Lost,
    /// The server does not want it.
    Refused,
}

/// All subscriptions at one server. Dropping one ends it.
#[derive(Debug)]
pub(super) struct Subscriptions {
    phone: Arc<Phone>,
    heard: UnboundedSender<(u32, Heard)>,
    running: BTreeMap<u32, watch::Sender<Vec<String>>>,
}

/// The one client of a server, connected when it is needed first.
#[derive(Debug)]
pub(super) struct Phone {
    pub(super) options: Options,
    /// Whether our word is taken for who we are.
    pub(super) trusted: bool,
    /// The longest wait before another try.
    pub(super) retry_max: Duration,
    client: Mutex<Option<Arc<Client>>>,
}

impl Subscriptions {
    pub(super) fn new(
        options: Options,
        trusted: bool,
        retry_max: Duration,
        heard: UnboundedSender<(u32, Heard)>,
    ) -> Self {
        let phone = Phone { options, trusted, retry_max, client: Mutex::new(None) };
        Self { phone: Arc::new(phone), heard, running: BTreeMap::new() }
    }

    /// Subscribes to these, or to these instead.
    pub(super) fn subscribe(&mut self, group: u32, resources: Vec<String>) {
        if let Some(running) = self.running.get(&group)
            && !running.is_closed()
        {
            running.send_replace(resources);
            return;
        }
        let (sender, wanted) = watch::channel(resources);
        self.running.insert(group, sender);
        tokio::spawn(keep(Arc::clone(&self.phone), group, wanted, self.heard.clone()));
    }

    pub(super) fn unsubscribe(&mut self, group: u32) {
        self.running.remove(&group);
    }

    /// Ends all, without waiting long for answers.
    pub(super) async fn close(mut self, patience: Duration) {
        self.running.clear();
        let client = self.phone.client.lock().await.take();
        if let Some(client) = client.and_then(Arc::into_inner) {
            let _ = tokio::time::timeout(patience, client.close()).await;
        }
    }
}

impl Phone {
    /// The client: connected now, if it is not yet.
    async fn client(&self) -> Result<Arc<Client>, client::ConnectError> {
        let mut client = self.client.lock().await;
        if let Some(client) = &*client {
            return Ok(Arc::clone(client));
        }
        let connected = Arc::new(Client::connect(self.options.clone()).await?);
        Ok(Arc::clone(client.insert(connected)))
    }

    fn identity(&self) -> &Identity {
        &self.options.identity
    }
}

/// Keeps one subscription until nobody wants it, or the server does not.
async fn keep(
    phone: Arc<Phone>,
    group: u32,
    mut wanted: watch::Receiver<Vec<String>>,
    heard: UnboundedSender<(u32, Heard)>,
) {
    let tell = |what| heard.send((group, what)).is_ok();
    let mut wait = Duration::from_secs(1);
    let client = loop {
        match phone.client().await {
            Ok(client) => break client,
            Err(error) => tracing::debug!(%error, "no way to a document server by SIP"),
        }
        tell(Heard::Lost);
        tokio::select! {
            () = sleep(wait) => wait = (2 * wait).min(phone.retry_max),
            changed = wanted.changed() => if changed.is_err() { return },
        }
    };
    let asserted = phone.trusted.then(|| phone.identity().clone());
    let manner = Manner { patches: true, asserted };
    let resources = wanted.borrow_and_update().clone();
    let mut following = client.follow_as(phone.identity().clone(), &resources, manner);
    loop {
        let happened = tokio::select! {
            happened = following.next() => happened,
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                let resources = wanted.borrow_and_update().clone();
                following.change(&resources).await;
                continue;
            }
        };
        match happened {
            Some(Followed::Told { state: State::Terminated, .. }) => {}
            Some(Followed::Told { diff, .. }) => _ = tell(Heard::Told(diff)),
            Some(Followed::Missed(_)) => _ = tell(Heard::Told(None)),
            // One that lives on may have nothing to tell us by: only the next notification says that it has.
            Some(Followed::Retrying { .. }) => _ = tell(Heard::Lost),
            Some(Followed::Over(why)) => {
                tracing::warn!(?why, "a document server does not tell of changes; its documents are polled");
                tell(Heard::Refused);
                return;
            }
            None => return,
        }
    }
}
