//! A shard: the single owner of its presentities and all that happens around them.

mod documents;
mod draining;
mod foreign;
mod letters;
mod lists;
mod notifying;

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use ::documents::watcherinfo::Watcher;
use presence::rules::Requester;
use presence::{Explanation, Presentity};
use sip::{Aor, Message, Method, Start};
use sip_stack::auth::Authenticator;
use sip_stack::client_transactions::{ClientTransactions, Due};
use sip_stack::keys::{IdentityHash, Random, Seed};
use sip_stack::notifier::{Outcome, Subscription};
use sip_stack::server_transactions::{ServerTransactions, TransactionKey};
use sip_stack::{Connection, Flow, Numbers, Timestamp};

use crate::deadlines::{Deadlines, Wake};
use crate::destinations::{Destinations, Ready};
use crate::dispatch::Refused;
use crate::door::{ShardId, way_back};
use crate::effects::Effects;
use crate::gates::Gates;
use crate::letters::Letter;
use crate::metrics::Metrics;
use crate::owners::{Owner, Owners, Watching};
use crate::parking::Parking;
use crate::record::{Epoch, Kind, Row};
use crate::settings::Settings;
use crate::telling::Streamless;
use crate::watchers::Watchers;

/// Where a shard stands among the others, and in which life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// This shard.
    pub shard: ShardId,
    /// How many there are.
    pub shards: u16,
    /// The life of the owner, new at every start.
    pub epoch: Epoch,
}

/// Whether rows reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// They do.
    Healthy,
    /// They do not: new state is refused with 500 and Retry-After, what there is goes on.
    Failing,
}

/// One shard of the node. Everything in it happens on one thread, one call after another.
pub struct Shard {
    pub(crate) settings: Arc<Settings>,
    pub(crate) place: Place,
    pub(crate) storage: Storage,
    pub(crate) authenticator: Authenticator,
    pub(crate) owners: Owners,
    pub(crate) parking: Parking,
    pub(crate) random: Random,
    pub(crate) answers: ServerTransactions,
    pub(crate) dialogs: HashMap<u64, Watching, IdentityHash>,
    pub(crate) watchers: Watchers,
    pub(crate) metrics: Metrics,
    /// Back-end subscriptions by the tags of their dialogs.
    backends_by_tag: HashMap<u64, u32, IdentityHash>,
    gates: Gates,
    /// Back-end subscriptions whose last request went over a stream, by its remote address.
    streams: BTreeMap<SocketAddr, BTreeSet<u32>>,
    tells: ClientTransactions<Telling>,
    destinations: Destinations,
    ready: VecDeque<Ready>,
    /// Letters from one owner of this shard to another.
    letters: VecDeque<Letter>,
    /// Presentities that have something to show to those who are interested.
    showing: VecDeque<u32>,
    deadlines: Deadlines,
    streamless: Streamless,
    /// Via values by listener, up to the branch; Contact values by listener.
    vias: Vec<String>,
    contacts: Vec<String>,
    versions: u64,
    life: u32,
    stopped_at: Timestamp,
}

/// A NOTIFY without an answer.
#[derive(Clone, Copy, Debug)]
struct Telling {
    watching: Watching,
    /// The subscription's flow: it is in this address's window.
    flow: Flow,
    /// Where it went: another than `flow` if it was too large for a datagram.
    way: Flow,
}

impl Shard {
    /// An empty shard. `seed` must be new for each life: tags, nonces and branches grow from it.
    pub fn new(settings: Arc<Settings>, place: Place, seed: [u8; 32]) -> Self {
        let seed = Seed(seed);
        let mut random = Random::new(seed.derive("tags"));
        let vias =
            settings.listeners.iter().map(|own| format!("SIP/2.0/{} {}", own.protocol.via(), own.sent_by));
        let contacts = settings.listeners.iter().map(|own| {
            let transport = if own.protocol.is_reliable() { ";transport=tcp" } else { "" };
            format!("<sip:{}{transport}>", own.sent_by)
        });
        let (vias, contacts) = (vias.collect(), contacts.collect());
        Self {
            place,
            storage: Storage::Healthy,
            authenticator: Authenticator::new(&settings.authentication, seed.derive("nonces").0),
            owners: Owners::new(Numbers::new(place.epoch.0, place.shard.0), random.draw()),
            answers: ServerTransactions::new(seed.derive("transactions"), settings.limits.transactions),
            dialogs: HashMap::with_hasher(IdentityHash),
            watchers: Watchers::new(place.shard, place.shards, Random::new(seed.derive("watchers")).draw()),
            metrics: Metrics::default(),
            backends_by_tag: HashMap::with_hasher(IdentityHash),
            gates: Gates::new(random.draw()),
            streams: BTreeMap::new(),
            tells: ClientTransactions::default(),
            destinations: Destinations::new(settings.limits.window, random.draw()),
            ready: VecDeque::new(),
            letters: VecDeque::new(),
            showing: VecDeque::new(),
            deadlines: Deadlines::default(),
            streamless: Streamless::new(random.draw()),
            vias,
            contacts,
            versions: 0,
            life: random.draw() as u32,
            stopped_at: Timestamp::ZERO,
            parking: Parking::default(),
            random,
            settings,
        }
    }

    // ---- events

    /// Takes a message that the door gave to this shard.
    pub fn receive(&mut self, now: Timestamp, flow: Flow, message: &Message<'_>, out: &mut Effects) {
        self.metrics.messages_received += 1;
        match message.start() {
            Start::Response { status, .. } => self.answered(now, status, message, out),
            Start::Request { method, .. } => self.requested(now, flow, method, message, out),
        }
        self.turn(now, out);
    }

    /// Does what time asks for: a bounded piece, so that messages get their turn in between. Call it while
    /// [`Shard::deadline`] has passed.
    pub fn tick(&mut self, now: Timestamp, out: &mut Effects) {
        for _ in 0..self.settings.limits.turn {
            let Some((at, wake)) = self.deadlines.take(now) else { break };
            self.wake(now, at, wake, out);
        }
        for _ in 0..self.settings.limits.turn {
            let Some((transaction, telling, due)) = self.tells.due(now) else { break };
            match due {
                Due::Retransmit => self.tell_again(transaction, telling, out),
                Due::TimedOut => {
                    self.metrics.notify_timeouts += 1;
                    self.told(now, telling, Outcome::TimedOut, out);
                }
            }
        }
        self.answers.expire(now);
        self.turn(now, out);
    }

    /// When [`Shard::tick`] is next worth a call; a past instant while there is work left.
    pub fn deadline(&self) -> Option<Timestamp> {
        if !(self.ready.is_empty() && self.letters.is_empty() && self.showing.is_empty()) {
            return Some(Timestamp::ZERO);
        }
        match (self.deadlines.next(), self.tells.deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// A stream has ended, or could not be opened: requests on it are not answered any more.
    pub fn closed(&mut self, now: Timestamp, flow: Flow, out: &mut Effects) {
        // A message that was given no connection went over whichever led to its address.
        let unnamed = Flow { connection: Connection::NONE, ..flow };
        let lost = self.tells.open_where(|telling| telling.way == flow || telling.way == unnamed);
        for (transaction, telling) in lost {
            self.tells.end(transaction);
            let goes = self.owners.subscription(telling.watching).map(Subscription::flow);
            let outcome = if telling.way != telling.flow {
                self.streamless.insert(now, flow.remote);
                Outcome::NoStream
            } else if goes == Some(telling.flow) {
                Outcome::FlowBroken
            } else {
                Outcome::FlowLeft
            };
            self.told(now, telling, outcome, out);
        }
        self.unreachable(now, flow, out);
        self.turn(now, out);
    }

    /// Whether rows reach the disk now.
    pub fn set_storage(&mut self, storage: Storage) {
        self.storage = storage;
    }

    /// Takes new settings: policy, users, lifetimes, pace and limits from now on; watchers who may no longer watch
    /// are told so. Listeners stay as they were at the start.
    pub fn reconfigure(&mut self, now: Timestamp, settings: Arc<Settings>, out: &mut Effects) {
        if settings.authentication != self.settings.authentication {
            self.authenticator.reconfigure(&settings.authentication);
        }
        let peers = |settings: &Settings| settings.lists.as_ref().map(|lists| lists.foreign.clone());
        let others = peers(&settings) != peers(&self.settings);
        let composes_else = settings.policy.composition != self.settings.policy.composition;
        self.settings = settings;
        self.count_watchers(out, Watchers::settle);
        for place in self.owners.presentities.places() {
            self.with_presentity(place, out, |presentity, terms, _, outbox| {
                presentity.reauthorize(now, terms, outbox);
                if composes_else {
                    presentity.recomposed(now, terms, outbox);
                }
            });
        }
        for place in self.owners.lists.places() {
            self.with_list(place, out, |list, terms, _, outbox| list.reauthorize(now, terms, outbox));
        }
        for place in self.owners.followers.places() {
            let Owners { followers, changes, .. } = &mut self.owners;
            if let (Some(followers), Some(terms)) = (followers.get_mut(place), self.settings.changes()) {
                followers.reauthorize(&terms, changes);
                self.drain(Owner::followers(place), out);
            }
        }
        if others {
            self.renew_backends(now, out);
        }
        self.turn(now, out);
    }

    /// Why a watcher sees what it sees of a presentity, who must be ours; `None` if nobody has asked for it lately.
    pub fn explain(
        &self,
        now: Timestamp,
        presentity: &Aor,
        watcher: &[Aor],
        anonymous: bool,
    ) -> Option<Explanation> {
        let place = self.owners.presentities.find(presentity)?;
        let requester = Requester { identities: watcher, anonymous };
        let mut explanation =
            self.owners.presentities.get(place)?.explain(now, &self.settings.presence(), &requester);
        if self.storage != Storage::Healthy {
            explanation
                .steps
                .push("The store fails: new state is refused, watchers are served from memory.".to_owned());
        }
        if self.destinations.waiting() > 0 {
            let waiting = self.destinations.waiting();
            explanation.steps.push(format!(
                "{waiting} watchers of the shard wait for answers from their addresses (limits.notify-window)."
            ));
        }
        Some(explanation)
    }

    /// Who watches a presentity, who must be ours, and who waits: what watcher information would tell of presence now.
    pub fn watchers(&self, now: Timestamp, presentity: &Aor) -> Vec<Watcher> {
        let place = self.owners.presentities.find(presentity);
        place
            .and_then(|place| self.owners.presentities.get(place))
            .map_or_else(Vec::new, |it| it.informs_of(now))
    }

    /// From now on effects tell what is decided about watchers, for an audit trail.
    pub fn keep_rulings(&mut self) {
        self.owners.presence.rulings.get_or_insert_default();
    }

    /// Numbers for the operator.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.metrics.clone();
        metrics.presentities = self.owners.presentities.len() as u64;
        metrics.lists = self.owners.lists.len() as u64;
        let (here, home) = self.watchers.len();
        (metrics.watchers, metrics.watchers_with_many) = (here as u64, home as u64);
        metrics.requests_waiting = self.parking.len() as u64;
        metrics.backend_waiting = self.gates.waiting() as u64;
        metrics.notify_in_flight = self.tells.len() as u64;
        metrics.notify_waiting = self.destinations.waiting() + self.ready.len() as u64;
        metrics
    }

    // ---- rows

    /// Puts a stored row back, before [`Shard::start`]. A row of an unknown form is left alone.
    pub fn restore(&mut self, row: &Row) {
        match row.key.kind {
            Kind::Publication => {
                let Some(aor) = Presentity::owner_of(&row.data) else { return };
                let place = self.presentity_for(&aor);
                let Some(presentity) = self.owners.presentities.get_mut(place) else { return };
                let before = presentity.publications();
                if let Some(changed_at) = presentity.restore_publication(row.key.id, &row.data) {
                    self.stopped_at = self.stopped_at.max(changed_at);
                }
                self.metrics.publications += (presentity.publications() - before) as u64;
            }
            Kind::Dialog => {
                let secret = self.random.draw();
                let restored = self.owners.restore(&self.settings, row.key, &row.data, secret);
                if let Some((tag, watching)) = restored {
                    self.dialogs.insert(tag, watching);
                    if let Some(watcher) = self.watcher(watching) {
                        self.watchers.restored(&watcher);
                    }
                }
            }
        }
    }

    /// Takes up work after all rows are back. Subscriptions go on when the documents are there that decide about them.
    pub fn start(&mut self, now: Timestamp, out: &mut Effects) {
        self.count_watchers(out, Watchers::settle);
        let stopped_at = self.stopped_at;
        for place in self.owners.presentities.places() {
            self.with_presentity(place, out, |presentity, terms, _, outbox| {
                presentity.resume(now, terms, stopped_at, outbox)
            });
        }
        self.start_lists(now, out);
        for place in self.owners.followers.places() {
            let Owners { followers, changes, .. } = &mut self.owners;
            if let (Some(followers), Some(terms)) = (followers.get_mut(place), self.settings.changes()) {
                followers.resume(now, &terms, changes);
            }
            self.drain(Owner::followers(place), out);
        }
        // All that ran out meanwhile, at once and not in turns: or the first NOTIFYs would still tell of it.
        while let Some((at, wake)) = self.deadlines.take(now) {
            self.wake(now, at, wake, out);
        }
        self.tick(now, out);
    }

    // ---- owners

    fn wake(&mut self, now: Timestamp, at: Timestamp, wake: Wake, out: &mut Effects) {
        match wake {
            Wake::Subscription(watching) => {
                self.owners.due(now, at, watching);
                self.drain(watching.owner, out);
            }
            Wake::Publication { presentity, row } => {
                self.with_presentity(presentity, out, |presentity, terms, _, outbox| {
                    presentity.due(now, terms, at, row, outbox)
                });
            }
            Wake::Lists => self.ask_again(out),
            Wake::Backend(place) => self.wake_backend(now, at, place, out),
            Wake::Documents(owner) => {
                self.owners.prepare(owner);
                self.drain(owner, out);
            }
        }
    }

    /// The place of a presentity, made if need be.
    pub(crate) fn presentity_for(&mut self, aor: &Aor) -> u32 {
        self.owners.presentities.place(aor, || Presentity::new(aor.clone()))
    }

    /// The place of a presentity, made if need be and if there is room.
    pub(crate) fn room_for(&mut self, aor: &Aor) -> Result<u32, Refused> {
        match self.owners.presentities.find(aor) {
            Some(place) => Ok(place),
            None if self.has_room(aor) => Ok(self.presentity_for(aor)),
            None => Err(Refused::Full),
        }
    }

    /// Whether there is room for one more presentity, unless it is there.
    pub(crate) fn has_room(&self, aor: &Aor) -> bool {
        let presentities = &self.owners.presentities;
        presentities.len() < self.settings.limits.presentities || presentities.find(aor).is_some()
    }

    /// Whether there is room for one more dialog, and for one more of this watcher.
    pub(crate) fn check_room_for_dialog(&self, watcher: &Aor) -> Result<(), Refused> {
        let limits = &self.settings.limits;
        if self.dialogs.len() >= limits.dialogs {
            return Err(Refused::Full);
        }
        if self.watchers.has_room(watcher, limits.watcher) { Ok(()) } else { Err(Refused::WatcherFull) }
    }

    /// Lets a presentity handle something, and does what it asks for.
    pub(crate) fn with_presentity<T>(
        &mut self,
        place: u32,
        out: &mut Effects,
        handle: impl FnOnce(&mut Presentity, &presence::Terms<'_>, &mut Numbers, &mut presence::Outbox) -> T,
    ) -> Option<T> {
        let Owners { presentities, presence: outbox, numbers, .. } = &mut self.owners;
        let presentity = presentities.get_mut(place)?;
        let publications = presentity.publications();
        let answer = handle(presentity, &self.settings.presence(), numbers, outbox);
        self.metrics.publications =
            (self.metrics.publications + presentity.publications() as u64) - publications as u64;
        self.drain(Owner::presentity(place), out);
        Some(answer)
    }

    // ---- requests

    fn requested(
        &mut self,
        now: Timestamp,
        flow: Flow,
        method: Method<'_>,
        request: &Message<'_>,
        out: &mut Effects,
    ) {
        let Some((via, _)) = request.via() else { return };
        if method == Method::Ack {
            return; // nothing here is answered to an INVITE but a refusal, and that needs no more
        }
        let key = self.answers.key(request, &via);
        let back = way_back(&via, flow);
        if let Some(answer) = self.answers.find(now, key) {
            out.send(back, None, |bytes| bytes.extend_from_slice(answer));
            self.metrics.retransmissions_received += 1;
            self.metrics.messages_sent += 1;
            return;
        }
        if self.parking.holds(key) {
            self.metrics.retransmissions_received += 1;
            return; // it is answered when its documents are there
        }
        self.dispatch(now, Asked { flow, back, key, method, request }, out);
    }

    /// Sends the final answer to a request, and keeps it for retransmissions where the transport may lose it.
    pub(crate) fn answer(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        out: &mut Effects,
        print: impl FnOnce(&mut Vec<u8>),
    ) {
        self.metrics.messages_sent += 1;
        let answers = &mut self.answers;
        out.send(asked.back, None, |bytes| {
            let start = bytes.len();
            print(bytes);
            if !asked.flow.protocol.is_reliable() {
                answers.keep(now, asked.key, &bytes[start..]);
            }
        });
    }

    /// The watcher with this dialog tag of ours.
    pub(crate) fn watching(&self, tag: u64) -> Option<Watching> {
        self.dialogs.get(&tag).copied()
    }

    /// Remembers a new dialog.
    pub(crate) fn opened(&mut self, tag: u64, watching: Watching, out: &mut Effects) {
        self.dialogs.insert(tag, watching);
        if let Some(watcher) = self.watcher(watching) {
            self.count_watchers(out, |watchers, max, letters| watchers.came(&watcher, max, letters));
        }
    }

    /// Whose a subscription is.
    fn watcher(&self, watching: Watching) -> Option<Aor> {
        Aor::parse(self.owners.subscription(watching)?.identity()).ok()
    }

    /// Our Contact for requests that came in on this flow.
    pub(crate) fn contact(&self, flow: Flow) -> &str {
        self.contacts.get(usize::from(flow.local.0)).map_or("", String::as_str)
    }
}

/// A request on its way through the shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Where it came from.
    pub(crate) flow: Flow,
    /// Where its answer goes.
    pub(crate) back: Flow,
    /// Its transaction.
    pub(crate) key: TransactionKey,
    /// Its method.
    pub(crate) method: Method<'a>,
    /// The request.
    pub(crate) request: &'a Message<'a>,
}
