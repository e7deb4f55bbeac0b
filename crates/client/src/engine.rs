//! The one task of a client: the user agent, its clock, its sockets, and those who want something of it.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use documents::pidf::{self, Presence};
use documents::xcap_diff::{self, XcapDiff};
use sip::{Limits, Message, Name};
use sip_stack::Timestamp;
use sip_stack::digest_client::Account;
use sip_stack::endpoint::{Document, Settings};
use sip_stack::publisher::{self, Publication};
use sip_stack::subscriber::{self, Notice, Watch};
use sip_stack::user_agent::{Action, Usage, UserAgent};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::error::PublishError;
use crate::following::Followed;
use crate::informing::{Informed, WatchersEvent};
use crate::listing::{ListEvent, Listed, Roster};
use crate::publication::Change;
use crate::watching::{Event, Update};
use crate::wire::{Incoming, Wire};
use crate::{Identity, Options};

/// How long the last answers are waited for.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);

/// What a handle wants.
pub(crate) enum Order {
    Publish {
        publication: Publication,
        document: Document,
        changes: broadcast::Sender<Change>,
        /// When it is published: the usage, and until when.
        done: oneshot::Sender<Result<(Usage, Timestamp), PublishError>>,
    },
    Modify {
        usage: Usage,
        document: Document,
        done: oneshot::Sender<Result<Timestamp, PublishError>>,
    },
    Watch {
        target: Identity,
        expires: Duration,
        events: broadcast::Sender<Event>,
        usage: oneshot::Sender<Usage>,
    },
    WatchList {
        list: Listed,
        expires: Duration,
        events: mpsc::UnboundedSender<ListEvent>,
        usage: oneshot::Sender<Usage>,
    },
    Follow {
        target: Identity,
        expires: Duration,
        /// The event package with its parameters.
        event: &'static str,
        /// Who is asserted to ask, RFC 3325 §9.1.
        asserted: Option<String>,
        /// Which documents: a resource list of their selectors, RFC 5875 §4.4.
        documents: Document,
        changes: broadcast::Sender<Followed>,
        usage: oneshot::Sender<Usage>,
    },
    Inform {
        target: Identity,
        expires: Duration,
        events: mpsc::UnboundedSender<WatchersEvent>,
        usage: oneshot::Sender<Usage>,
    },
    /// Other documents from now on.
    Say {
        usage: Usage,
        documents: Document,
    },
    End {
        usage: Usage,
        /// Dropped when it has ended.
        done: Option<oneshot::Sender<()>>,
    },
    /// Nobody cares any more: what is published stays until it expires.
    Abandon {
        usage: Usage,
    },
    Close {
        done: oneshot::Sender<()>,
    },
}

/// What follows from a report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// Something was missed: all of it is to be asked for.
    pub(crate) refresh: bool,
    pub(crate) is_over: bool,
}

enum Owner {
    Source(Source),
    Watcher(Watcher),
    Roster(Roster),
    Follower(broadcast::Sender<Followed>),
    Informed(Informed),
}

struct Source {
    /// Documents handed in so far.
    documents: u64,
    /// Until the first success: a failure ends it.
    starting: Option<oneshot::Sender<Result<(Usage, Timestamp), PublishError>>>,
    waiting: Vec<(u64, oneshot::Sender<Result<Timestamp, PublishError>>)>,
    changes: broadcast::Sender<Change>,
    ending: Vec<oneshot::Sender<()>>,
}

struct Watcher {
    target: Identity,
    events: broadcast::Sender<Event>,
    ending: Vec<oneshot::Sender<()>>,
}

pub(crate) struct Engine {
    agent: UserAgent,
    wire: Wire,
    clock: Clock,
    orders: mpsc::UnboundedReceiver<Order>,
    owners: BTreeMap<Usage, Owner>,
    /// When the client is closed: who wants to know, and until when it is waited.
    closing: Option<(Vec<oneshot::Sender<()>>, Instant)>,
}

impl Engine {
    pub(crate) fn new(
        options: &Options,
        wire: Wire,
        clock: Clock,
        seed: [u8; 32],
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Self {
        let username = options.username.clone().unwrap_or_else(|| options.identity.user());
        let account = options.password.clone().map(|password| Account { username, password });
        let settings = Settings {
            aor: options.identity.aor().clone(),
            sent_by: wire.local().to_string(),
            protocol: options.protocol,
            outbound: wire.outbound().map(str::to_owned),
            account,
            user_agent: concat!("rollcall/", env!("CARGO_PKG_VERSION")).to_owned(),
            timers: options.timers,
            hosted: None,
        };
        let agent = UserAgent::new(settings, seed);
        Self { agent, wire, clock, orders, owners: BTreeMap::new(), closing: None }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let due = self.agent.deadline().map(|at| self.clock.instant(at));
            let farewell = self.closing.as_ref().map(|(_, until)| *until);
            let wake = due.into_iter().chain(farewell).min();
            tokio::select! {
                order = self.orders.recv(), if self.closing.is_none() => match order {
                    Some(order) => self.take(order).await,
                    None => self.close(None).await, // all handles are gone
                },
                incoming = self.wire.next() => self.hear(incoming).await,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    let actions = self.agent.tick(self.clock.now());
                    self.perform(actions, None).await;
                }
            }
            self.wire.tidy();
            if let Some((done, until)) = &mut self.closing
                && (self.agent.usages() == 0 || *until <= Instant::now())
            {
                done.drain(..).for_each(|done| _ = done.send(()));
                return;
            }
        }
    }

    async fn take(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Publish { publication, document, changes, done } => {
                let (usage, actions) = self.agent.publish(now, publication, document);
                let (waiting, ending) = (Vec::new(), Vec::new());
                let source = Source { documents: 1, starting: Some(done), waiting, changes, ending };
                self.owners.insert(usage, Owner::Source(source));
                self.perform(actions, None).await;
            }
            Order::Modify { usage, document, done } => {
                // Without an owner the publication is over, and dropping `done` says so.
                let Some(Owner::Source(source)) = self.owners.get_mut(&usage) else { return };
                source.documents += 1;
                source.waiting.push((source.documents, done));
                let actions = self.agent.modify(now, usage, document);
                self.perform(actions, None).await;
            }
            Order::Watch { target, expires, events, usage: reply } => {
                let watch = Watch {
                    target: target.aor().as_str().to_owned(),
                    event: "presence".to_owned(),
                    accept: vec![pidf::MEDIA_TYPE.to_owned()],
                    expires,
                    lists: subscriber::Lists::Unsupported,
                    fields: Vec::new(),
                    body: None,
                };
                let owner = Owner::Watcher(Watcher { target, events, ending: Vec::new() });
                self.watch(watch, owner, reply).await;
            }
            Order::WatchList { list, expires, events, usage } => {
                let (watch, roster) = Roster::start(list, expires, events);
                self.watch(watch, Owner::Roster(roster), usage).await;
            }
            Order::Follow { target, expires, event, asserted, documents, changes, usage: reply } => {
                let watch = Watch {
                    target: target.aor().as_str().to_owned(),
                    event: event.to_owned(),
                    accept: vec![xcap_diff::MEDIA_TYPE.to_owned()],
                    expires,
                    lists: subscriber::Lists::Unsupported,
                    fields: asserted.map(|who| (Name::PAssertedIdentity, who)).into_iter().collect(),
                    body: Some(documents),
                };
                self.watch(watch, Owner::Follower(changes), reply).await;
            }
            Order::Say { usage, documents } => {
                let actions = self.agent.say(now, usage, documents);
                self.perform(actions, None).await;
            }
            Order::Inform { target, expires, events, usage } => {
                let (watch, informed) = Informed::start(&target, expires, events);
                self.watch(watch, Owner::Informed(informed), usage).await;
            }
            Order::End { usage, done } => {
                match self.owners.get_mut(&usage) {
                    Some(Owner::Source(source)) => source.ending.extend(done),
                    Some(Owner::Watcher(watcher)) => watcher.ending.extend(done),
                    Some(Owner::Roster(_) | Owner::Follower(_) | Owner::Informed(_)) => {}
                    None => return,
                }
                let actions = self.agent.end(now, usage);
                self.perform(actions, None).await;
            }
            Order::Abandon { usage } => {
                self.agent.abandon(usage);
                self.owners.remove(&usage);
            }
            Order::Close { done } => self.close(Some(done)).await,
        }
    }

    async fn watch(&mut self, watch: Watch, owner: Owner, reply: oneshot::Sender<Usage>) {
        let (usage, actions) = self.agent.watch(self.clock.now(), watch);
        self.owners.insert(usage, owner);
        self.perform(actions, None).await;
        if reply.send(usage).is_err() {
            let actions = self.agent.end(self.clock.now(), usage); // the handle is gone already
            self.perform(actions, None).await;
        }
    }

    async fn close(&mut self, done: Option<oneshot::Sender<()>>) {
        self.closing = Some((done.into_iter().collect(), Instant::now() + FAREWELL));
        let usages: Vec<Usage> = self.owners.keys().copied().collect();
        for usage in usages {
            let actions = self.agent.end(self.clock.now(), usage);
            self.perform(actions, None).await;
        }
    }

    async fn hear(&mut self, incoming: Incoming) {
        let now = self.clock.now();
        match incoming {
            Incoming::Message { source, bytes } => {
                // What is not SIP at all has no sender to tell.
                let Ok(message) = Message::parse(&bytes, &Limits::default()) else { return };
                let actions = self.agent.receive(now, source, &message);
                self.perform(actions, Some(source)).await;
            }
            Incoming::Opened { local } => {
                self.wire.opened(local);
                self.agent.reached_at(local.to_string());
            }
            Incoming::Lost { remote, number } => {
                for usage in self.wire.lost(remote, number) {
                    let actions = self.agent.unreachable(now, usage);
                    self.perform(actions, None).await;
                }
            }
            Incoming::Located { usage, message, places } => {
                let is_sent = match places {
                    Ok(places) => self.wire.send_to(usage, places[0].address, message).await,
                    Err(_) => false,
                };
                if !is_sent {
                    let actions = self.agent.unreachable(now, usage);
                    self.perform(actions, None).await;
                }
            }
        }
    }

    /// Does what the user agent wants; what follows from a failure to do so is done too.
    async fn perform(&mut self, actions: Vec<Action>, source: Option<SocketAddr>) {
        let mut waiting = VecDeque::from(actions);
        while let Some(action) = waiting.pop_front() {
            match action {
                Action::Send { usage, hop, message } => {
                    if !self.wire.send(usage, &hop, message).await {
                        waiting.extend(self.agent.unreachable(self.clock.now(), usage));
                    }
                }
                Action::Answer(message) => {
                    let source = source.expect("an answer follows from a message that came in");
                    self.wire.answer(source, message).await;
                }
                Action::Publication(usage, report) => waiting.extend(self.tell_source(usage, report)),
                Action::Subscription(usage, report) => waiting.extend(self.tell_watcher(usage, report)),
            }
        }
    }

    fn tell_source(&mut self, usage: Usage, report: publisher::Report) -> Vec<Action> {
        let Some(Owner::Source(source)) = self.owners.get_mut(&usage) else { return Vec::new() };
        match report {
            publisher::Report::Published { document, expires_at, .. } => {
                if let Some(starting) = source.starting.take() {
                    let _ = starting.send(Ok((usage, expires_at)));
                }
                let is_done = |(number, _): &mut (u64, _)| *number <= document;
                for (_, done) in source.waiting.extract_if(.., is_done) {
                    let _ = done.send(Ok(expires_at));
                }
                // Nobody need listen to changes.
                let _ = source.changes.send(Change::Published { expires_at });
            }
            publisher::Report::Failed { failure, retry_at } => {
                for (_, done) in source.waiting.drain(..) {
                    let _ = done.send(Err(PublishError::Failed(failure.clone())));
                }
                if let Some(starting) = source.starting.take() {
                    let _ = starting.send(Err(PublishError::Failed(failure)));
                    return self.agent.end(self.clock.now(), usage);
                }
                let is_over = retry_at.is_none() && !source.ending.is_empty();
                let _ = source.changes.send(Change::Failed { failure, retry_at });
                if is_over {
                    self.owners.remove(&usage); // it cannot be removed: who waits for that is let go
                }
            }
            publisher::Report::Removed => {
                let _ = source.changes.send(Change::Removed);
                self.owners.remove(&usage);
            }
        }
        Vec::new()
    }

    fn follow_up(&mut self, now: Timestamp, usage: Usage, told: Told) -> Vec<Action> {
        if told.is_over {
            self.owners.remove(&usage);
        }
        if told.refresh { self.agent.refresh(now, usage) } else { Vec::new() }
    }

    fn tell_watcher(&mut self, usage: Usage, report: subscriber::Report) -> Vec<Action> {
        let now = self.clock.now();
        let watcher = match self.owners.get_mut(&usage) {
            Some(Owner::Watcher(watcher)) => watcher,
            Some(Owner::Roster(roster)) => {
                let told = roster.tell(now, report);
                return self.follow_up(now, usage, told);
            }
            Some(Owner::Informed(informed)) => {
                let told = informed.tell(now, report);
                return self.follow_up(now, usage, told);
            }
            Some(Owner::Follower(changes)) => {
                let is_over = matches!(report, subscriber::Report::Over(_));
                // A handle that is gone has said so by an order of its own.
                let _ = changes.send(followed(now, report));
                if is_over {
                    self.owners.remove(&usage);
                }
                return Vec::new();
            }
            Some(Owner::Source(_)) | None => return Vec::new(),
        };
        let (event, is_over) = match report {
            subscriber::Report::Notice(notice) => {
                (Event::Update(update(now, watcher.target.clone(), notice)), false)
            }
            subscriber::Report::Retrying { failure, at, live } => {
                (Event::Retrying { failure: Some(failure), at, live }, false)
            }
            subscriber::Report::Resubscribing { at } => {
                (Event::Retrying { failure: None, at, live: false }, false)
            }
            subscriber::Report::Over(why) => (Event::Over(why), true),
        };
        // A handle that is gone has said so by an order of its own.
        let _ = watcher.events.send(event);
        if is_over {
            self.owners.remove(&usage);
        }
        Vec::new()
    }
}

fn followed(now: Timestamp, report: subscriber::Report) -> Followed {
    match report {
        subscriber::Report::Notice(notice) => {
            let parsed =
                notice.document.map(|document| XcapDiff::parse(&document.body, &xml::Limits::default()));
            Followed::Told { diff: parsed.and_then(Result::ok).map(Arc::new), state: notice.state, at: now }
        }
        subscriber::Report::Retrying { failure, at, live } => {
            Followed::Retrying { failure: Some(failure), at, live }
        }
        subscriber::Report::Resubscribing { at } => Followed::Retrying { failure: None, at, live: false },
        subscriber::Report::Over(why) => Followed::Over(why),
    }
}

fn update(now: Timestamp, target: Identity, notice: Notice) -> Update {
    let parsed = notice.document.map(|document| Presence::parse(&document.body, &xml::Limits::default()));
    let (presence, defect) = match parsed {
        Some(Ok(presence)) => (Some(Arc::new(presence)), None),
        Some(Err(defect)) => (None, Some(defect)),
        None => (None, None),
    };
    Update { target, presence, defect, state: notice.state, reason: notice.reason, received_at: now }
}
