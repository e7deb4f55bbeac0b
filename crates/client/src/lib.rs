//! Presence source and watcher, as a library and as commands.
//!
//! A [`Client`] is one user at one server. It publishes ([`Client::publish`]), watches ([`Client::watch`]) and fetches
//! ([`Client::fetch`]) presence; credentials, refreshes, lost connections and restarts of the server are its own
//! business. What the user says and hears goes through handles:
//!
//! ```no_run
//! use client::{Basic, Client, Event, Options, Status};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = Options::new("bob@example.com".parse()?);
//! options.password = Some("zanzibar".into());
//! let client = Client::connect(options).await?;
//! let publication = client.publish(Status::new(Basic::Open)).await?;
//! let mut watching = client.watch("alice@example.com".parse()?);
//! while let Some(event) = watching.next().await {
//!     if let Event::Update(update) = event {
//!         println!("{:?}", update.presence.map(|presence| presence.summary()));
//!     }
//! }
//! publication.remove().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod clock;
pub mod commands;
mod engine;
mod error;
mod following;
mod identity;
mod informing;
mod leash;
mod listing;
mod options;
mod publication;
mod status;
mod watching;
pub mod web;
mod wire;
pub mod xdm;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use documents::pidf::{Basic, Presence, Summary};
pub use documents::{rules::SubHandling, watcherinfo};
pub use error::{ConnectError, FetchError, PublishError};
pub use following::{Followed, Following, Manner};
pub use identity::{Identity, IdentityError};
pub use informing::{Informing, Watchers, WatchersEvent};
pub use leash::Subscribed;
pub use listing::{ListEvent, Listed, Listing, Member};
pub use options::Options;
pub use publication::{Change, Publication};
pub use sip_stack::endpoint::Failure;
pub use sip_stack::subscriber::{State, Termination};
pub use sip_stack::{Protocol, Timestamp};
pub use status::Status;
pub use watching::{Event, Update, Watching};

pub use commands::time::date_time;

use clock::Clock;
use engine::{Engine, Order};
use wire::Wire;

/// One user at one server. What was started by it lives on while its handles do.
#[derive(Debug)]
pub struct Client {
    identity: Identity,
    options: Options,
    clock: Clock,
    orders: mpsc::UnboundedSender<Order>,
    engine: JoinHandle<()>,
}

impl Client {
    /// Finds the server and opens the way to it. Over UDP nothing is sent yet.
    pub async fn connect(options: Options) -> Result<Self, ConnectError> {
        let clock = Clock::start();
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| ConnectError::Randomness)?;
        let wire = Wire::open(&options, &seed).await?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let engine = Engine::new(&options, wire, clock, seed, inbox);
        let engine = tokio::spawn(engine.run());
        Ok(Self { identity: options.identity.clone(), options, clock, orders, engine })
    }

    /// Whose presence is published, and who watches.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The time by the clock that events are stamped with.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Publishes, and waits for the answer. After a failure nothing is published and nothing more is tried.
    pub async fn publish(&self, status: Status) -> Result<Publication, PublishError> {
        Publication::start(&self.identity, self.options.publication, &self.orders, status).await
    }

    /// Watches a presentity until the handle is dropped or [`Watching::unsubscribe`] is called.
    pub fn watch(&self, target: Identity) -> Watching {
        Watching::start(target, self.options.subscription, &self.orders)
    }

    /// Watches all in a list until the handle is dropped or [`Listing::unsubscribe`] is called.
    pub fn watch_list(&self, list: Listed) -> Listing {
        let expires = self.options.subscription;
        Listing::order(&self.orders, |events, usage| Order::WatchList { list, expires, events, usage })
    }

    /// Asks who watches a presentity, which is mostly oneself, until the handle is dropped or
    /// [`Informing::unsubscribe`] is called. What is decided about watchers goes the way of documents:
    /// [`xdm::XdmClient::decide`].
    pub fn watchers(&self, target: Identity) -> Informing {
        self.inform(target, self.options.subscription)
    }

    /// Asks once who watches. The last event is [`WatchersEvent::Over`].
    pub fn watchers_once(&self, target: Identity) -> Informing {
        self.inform(target, core::time::Duration::ZERO)
    }

    fn inform(&self, target: Identity, expires: core::time::Duration) -> Informing {
        Informing::order(&self.orders, |events, usage| Order::Inform { target, expires, events, usage })
    }

    /// Follows documents of a user, named as below the XCAP root and escaped as in a URI:
    /// `resource-lists/users/sip:alice@example.com/index`, a part of one, or all below a path that ends with a slash.
    pub fn follow(&self, target: Identity, documents: &[String]) -> Following {
        self.follow_as(target, documents, Manner::default())
    }

    /// As [`Client::follow`], in a certain manner.
    pub fn follow_as(&self, target: Identity, documents: &[String], manner: Manner) -> Following {
        Following::start(target, documents, self.options.subscription, manner, &self.orders)
    }

    /// Fetches the presence of a presentity once.
    pub async fn fetch(&self, target: Identity) -> Result<Update, FetchError> {
        let mut watching = Watching::start(target, core::time::Duration::ZERO, &self.orders);
        loop {
            match watching.next().await {
                Some(Event::Update(update)) => return update_or_end(update),
                Some(Event::Over(Termination::Failed(failure))) => return Err(FetchError::Failed(failure)),
                Some(Event::Over(Termination::Ended { reason })) => return Err(FetchError::Ended(reason)),
                Some(Event::Retrying { .. } | Event::Missed(_)) => {}
                Some(Event::Over(Termination::Unsubscribed | Termination::Fetched)) | None => {
                    return Err(FetchError::Closed);
                }
            }
        }
    }

    /// Removes what is published, unsubscribes from what is watched, and waits for the answers, at most a few seconds.
    pub async fn close(self) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Close { done }).is_ok() {
            // The sender is dropped unsent only if the engine is gone already.
            let _ = is_done.await;
        }
        self.engine.abort();
    }
}

/// The final NOTIFY of a fetch says `timeout`, RFC 6665 §4.4.3; another reason without a body says why there is none.
fn update_or_end(update: Update) -> Result<Update, FetchError> {
    let is_denied =
        update.reason.as_deref().is_some_and(|reason| matches!(reason, "rejected" | "noresource" | "giveup"));
    match &update.reason {
        Some(reason) if is_denied && update.presence.is_none() => Err(FetchError::Ended(reason.clone())),
        Some(_) | None => Ok(update),
    }
}
