//! A shard: the single owner of its presentities and all that happens around them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::quality::FixedState;
use presence::{Numbers, Outbox, Presentity, Stored, Terms, WatcherId};
use sip::{Aor, CSeq, Message, Method, Name, Start, Via};
use sip_stack::auth::Authenticator;
use sip_stack::client_transactions::{ClientTransactions, Due, TransactionId};
use sip_stack::keys::{IdentityHash, Random, Seed};
use sip_stack::notifier::Outcome;
use sip_stack::server_transactions::{ServerTransactions, TransactionKey};
use sip_stack::{Flow, Timestamp};

use crate::deadlines::{Deadlines, Wake};
use crate::destinations::{Destinations, Ready, Watching};
use crate::door::{Branch, ShardId, way_back};
use crate::effects::Effects;
use crate::metrics::Metrics;
use crate::record::{Epoch, Kind, Partition, Row, RowChange, RowKey};
use crate::settings::Settings;
use crate::telling::{Streamless, print, way};

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
    pub(crate) numbers: Numbers,
    pub(crate) random: Random,
    pub(crate) answers: ServerTransactions,
    pub(crate) dialogs: HashMap<u64, Watching, IdentityHash>,
    pub(crate) metrics: Metrics,
    pub(crate) outbox: Outbox,
    presentities: Vec<Option<Presentity>>,
    free: Vec<u32>,
    by_aor: HashMap<Aor, u32, FixedState>,
    tells: ClientTransactions<Telling>,
    destinations: Destinations,
    ready: VecDeque<Ready>,
    deadlines: Deadlines,
    streamless: Streamless,
    /// Via values by listener, up to the branch; Contact values by listener.
    vias: Vec<String>,
    contacts: Vec<String>,
    versions: u64,
    life: u32,
    stopped_at: Timestamp,
    seed: Seed,
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
            numbers: Numbers::new(place.epoch.0, place.shard.0),
            answers: ServerTransactions::new(seed.derive("transactions"), settings.limits.transactions),
            dialogs: HashMap::with_hasher(IdentityHash),
            metrics: Metrics::default(),
            outbox: Outbox::default(),
            presentities: Vec::new(),
            free: Vec::new(),
            by_aor: HashMap::with_hasher(FixedState::with_seed(random.draw())),
            tells: ClientTransactions::default(),
            destinations: Destinations::new(settings.limits.window, random.draw()),
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            streamless: Streamless::new(random.draw()),
            vias,
            contacts,
            versions: 0,
            life: random.draw() as u32,
            stopped_at: Timestamp::ZERO,
            random,
            seed,
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
            self.with(wake.presentity, out, |presentity, _, _, outbox| {
                presentity.due(now, at, wake.item, outbox)
            });
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
        if !self.ready.is_empty() {
            return Some(Timestamp::ZERO);
        }
        match (self.deadlines.next(), self.tells.deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// A stream has ended, or could not be opened: NOTIFYs on it are not answered any more.
    pub fn closed(&mut self, now: Timestamp, flow: Flow, out: &mut Effects) {
        for (transaction, telling) in self.tells.open_where(|telling| telling.way == flow) {
            self.tells.end(transaction);
            let outcome = if telling.way == telling.flow { Outcome::FlowBroken } else { Outcome::NoStream };
            if outcome == Outcome::NoStream {
                self.streamless.insert(now, flow.remote);
            }
            self.told(now, telling, outcome, out);
        }
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
            self.authenticator = Authenticator::new(&settings.authentication, self.seed.derive("nonces").0);
        }
        self.settings = settings;
        for index in 0..self.presentities.len() {
            let place = u32::try_from(index).expect("places are counted in 32 bits");
            self.with(place, out, |presentity, terms, _, outbox| presentity.reauthorize(terms, outbox));
        }
        self.turn(now, out);
    }

    /// Numbers for the operator.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.metrics.clone();
        metrics.presentities = self.by_aor.len() as u64;
        metrics.notify_in_flight = self.tells.len() as u64;
        metrics.notify_waiting = self.destinations.waiting() + self.ready.len() as u64;
        metrics.subscriptions_presence_active = self.dialogs.len() as u64;
        metrics
    }

    // ---- rows

    /// Puts a stored row back, before [`Shard::start`]. A row of an unknown form is left alone.
    pub fn restore(&mut self, row: &Row) {
        let Some(aor) = Presentity::owner_of(&row.data) else { return };
        let place = self.presentity_for(&aor);
        let Some(presentity) = self.presentities[place as usize].as_mut() else { return };
        match row.key.kind {
            Kind::Publication => {
                let before = presentity.publications();
                if let Some(changed_at) = presentity.restore_publication(row.key.id, &row.data) {
                    self.stopped_at = self.stopped_at.max(changed_at);
                }
                self.metrics.publications += (presentity.publications() - before) as u64;
            }
            Kind::Dialog => {
                let restored = presentity.restore_subscription(&mut self.numbers, row.key.id, &row.data);
                if let Some((subscription, watcher)) = restored {
                    let tag = subscription.dialog.local_tag().number;
                    self.dialogs.insert(tag, Watching { presentity: place, watcher });
                }
            }
        }
    }

    /// Takes up work after all rows are back.
    pub fn start(&mut self, now: Timestamp, out: &mut Effects) {
        let stopped_at = self.stopped_at;
        for index in 0..self.presentities.len() {
            let place = u32::try_from(index).expect("places are counted in 32 bits");
            self.with(place, out, |presentity, terms, _, outbox| {
                presentity.resume(terms, stopped_at, outbox)
            });
        }
        // All that ran out meanwhile, at once and not in turns: or the first NOTIFYs would still tell of it.
        while let Some((at, wake)) = self.deadlines.take(now) {
            self.with(wake.presentity, out, |presentity, _, _, outbox| {
                presentity.due(now, at, wake.item, outbox)
            });
        }
        self.tick(now, out);
    }

    // ---- presentities

    /// The place of a presentity, made if need be.
    pub(crate) fn presentity_for(&mut self, aor: &Aor) -> u32 {
        if let Some(place) = self.by_aor.get(aor) {
            return *place;
        }
        let presentity = Presentity::new(aor.clone());
        let place = match self.free.pop() {
            Some(place) => {
                self.presentities[place as usize] = Some(presentity);
                place
            }
            None => {
                self.presentities.push(Some(presentity));
                u32::try_from(self.presentities.len() - 1).expect("bounded by the limit of presentities")
            }
        };
        self.by_aor.insert(aor.clone(), place);
        place
    }

    /// Whether there is room for one more presentity, unless it is there.
    pub(crate) fn has_room(&self, aor: &Aor) -> bool {
        self.by_aor.len() < self.settings.limits.presentities || self.by_aor.contains_key(aor)
    }

    /// Whether there is room for one more dialog.
    pub(crate) fn has_room_for_dialog(&self) -> bool {
        self.dialogs.len() < self.settings.limits.dialogs
    }

    /// Lets a presentity handle something, and does what it asks for. The only way to one.
    pub(crate) fn with<T>(
        &mut self,
        place: u32,
        out: &mut Effects,
        handle: impl FnOnce(&mut Presentity, &Terms<'_>, &mut Numbers, &mut Outbox) -> T,
    ) -> Option<T> {
        let presentity = self.presentities.get_mut(place as usize)?.as_mut()?;
        let settings = Arc::clone(&self.settings);
        let terms = terms(&settings);
        let publications = presentity.publications();
        let answer = handle(presentity, &terms, &mut self.numbers, &mut self.outbox);
        self.metrics.publications =
            (self.metrics.publications + presentity.publications() as u64) - publications as u64;
        self.drain(place, out);
        self.forget_if_empty(place);
        Some(answer)
    }

    fn forget_if_empty(&mut self, place: u32) {
        let slot = &mut self.presentities[place as usize];
        if let Some(presentity) = slot.take_if(|presentity| presentity.is_empty()) {
            self.by_aor.remove(presentity.aor());
            self.free.push(place);
        }
    }

    /// Hands on what a presentity asked for.
    fn drain(&mut self, place: u32, out: &mut Effects) {
        let Some(presentity) = self.presentities[place as usize].as_ref() else { return };
        for stored in self.outbox.stored.drain(..) {
            let partition = Partition::of_hash(presentity.aor().stable_hash());
            self.versions += 1;
            let version = self.place.epoch.number(self.versions);
            out.persist(match stored {
                Stored::Publication(id, expires_at, data) => RowChange::Put(Row {
                    key: RowKey { partition, kind: Kind::Publication, id },
                    version,
                    expires_at,
                    data,
                }),
                Stored::Subscription(id, expires_at, data) => RowChange::Put(Row {
                    key: RowKey { partition, kind: Kind::Dialog, id },
                    version,
                    expires_at,
                    data,
                }),
                Stored::NoPublication(id) => {
                    RowChange::Delete { key: RowKey { partition, kind: Kind::Publication, id }, version }
                }
                Stored::NoSubscription(id) => {
                    RowChange::Delete { key: RowKey { partition, kind: Kind::Dialog, id }, version }
                }
            });
        }
        for (at, item) in self.outbox.deadlines.drain(..) {
            self.deadlines.ask(at, Wake { presentity: place, item });
        }
        for watcher in self.outbox.owed.drain(..) {
            self.ready.push_back(Ready { watching: Watching { presentity: place, watcher }, line: None });
        }
        for tag in self.outbox.ended.drain(..) {
            self.dialogs.remove(&tag.number);
        }
        let counts = core::mem::take(&mut self.outbox.counts);
        self.metrics.notify_coalesced += counts.coalesced;
        self.metrics.notify_suppressed_unchanged += counts.unchanged;
        self.metrics.publications_expired += counts.publications_expired;
        self.metrics.subscriptions_expired += counts.subscriptions_expired;
        self.metrics.subscriptions_lost += counts.subscriptions_lost;
        self.metrics.timers_overdue += counts.overdue;
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
        let Some(via) =
            request.get(Name::Via).and_then(|value| Via::parse_first(value).ok()).map(|(via, _)| via)
        else {
            return;
        };
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

    // ---- notification

    /// Sends NOTIFYs to those whose turn it is, a bounded number.
    fn turn(&mut self, now: Timestamp, out: &mut Effects) {
        for _ in 0..self.settings.limits.turn {
            let Some(Ready { watching, line }) = self.ready.pop_front() else { return };
            self.tell(now, watching, out);
            if let Some(line) = line {
                self.destinations.admit(line, &mut self.ready);
            }
        }
    }

    fn tell(&mut self, now: Timestamp, watching: Watching, out: &mut Effects) {
        let Some(Some(presentity)) = self.presentities.get_mut(watching.presentity as usize) else { return };
        let Some(flow) = presentity.subscription(watching.watcher).map(|subscription| subscription.flow)
        else {
            return;
        };
        if !self.destinations.enter(flow, watching) {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let notify = presentity.notify(now, &terms(&settings), watching.watcher, &mut self.outbox);
        match notify {
            Some(notify) => {
                let size = notify.subscription.head_size() + notify.view.map_or(0, |view| view.body().len());
                let way = way(&settings, &self.streamless, now, flow, size);
                let telling = Telling { watching, flow, way };
                let transaction = self.tells.begin(now, telling, way.protocol.is_reliable());
                let branch =
                    Branch { shard: self.place.shard.0, transaction: transaction.0, life: self.life };
                if let Some(changed_at) = notify.changed_at {
                    self.metrics.publish_to_notify.record(now.since(changed_at));
                }
                print(&notify, way, branch, &self.vias, &self.contacts, out);
                self.metrics.notify_sent += 1;
                self.metrics.messages_sent += 1;
            }
            None => self.destinations.leave(flow, None, &mut self.ready),
        }
        self.drain(watching.presentity, out);
    }

    fn tell_again(&mut self, transaction: TransactionId, telling: Telling, out: &mut Effects) {
        let Some(Some(presentity)) = self.presentities.get(telling.watching.presentity as usize) else {
            return;
        };
        let Some(notify) = presentity.repeat(telling.watching.watcher) else { return };
        let branch = Branch { shard: self.place.shard.0, transaction: transaction.0, life: self.life };
        print(&notify, telling.way, branch, &self.vias, &self.contacts, out);
        self.destinations.lost(telling.flow);
        self.metrics.notify_retransmitted += 1;
        self.metrics.messages_sent += 1;
    }

    fn answered(&mut self, now: Timestamp, status: u16, response: &Message<'_>, out: &mut Effects) {
        let Some(branch) = Branch::of(response).filter(|branch| branch.life == self.life) else { return };
        let transaction = TransactionId(branch.transaction);
        let Some(telling) = self.tells.owner(transaction) else { return };
        if !self.is_of(telling.watching, response) {
            return;
        }
        let Some(outcome) = Outcome::of(response) else { return self.tells.proceeding(transaction) };
        self.tells.end(transaction);
        match status {
            200..=299 => self.metrics.notify_answered_2xx += 1,
            481 => self.metrics.notify_answered_481 += 1,
            _ => self.metrics.notify_answered_other += 1,
        }
        self.told(now, telling, outcome, out);
    }

    /// Whether a response belongs to the watcher's dialog: who guesses a branch still does not know its Call-ID. It
    /// answers a NOTIFY (RFC 3261 §17.1.3) and is meant for nobody behind us (§8.1.3.3).
    fn is_of(&self, watching: Watching, response: &Message<'_>) -> bool {
        let presentity = self.presentities.get(watching.presentity as usize).and_then(Option::as_ref);
        let subscription = presentity.and_then(|presentity| presentity.subscription(watching.watcher));
        let method =
            response.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok()).map(|cseq| cseq.method);
        method == Some(Method::Notify)
            && response.values(Name::Via).nth(1).is_none()
            && subscription
                .is_some_and(|subscription| response.get(Name::CallId) == Some(subscription.dialog.call_id()))
    }

    fn told(&mut self, now: Timestamp, telling: Telling, outcome: Outcome, out: &mut Effects) {
        let answered = matches!(outcome, Outcome::Answered { .. });
        self.destinations.leave(telling.flow, Some(answered), &mut self.ready);
        self.with(telling.watching.presentity, out, |presentity, terms, _, outbox| {
            presentity.ended(now, terms, telling.watching.watcher, outcome, outbox);
        });
    }

    /// The watcher with this dialog tag of ours.
    pub(crate) fn watching(&self, tag: u64) -> Option<Watching> {
        self.dialogs.get(&tag).copied()
    }

    /// Remembers a new dialog.
    pub(crate) fn opened(&mut self, tag: u64, presentity: u32, watcher: WatcherId) {
        self.dialogs.insert(tag, Watching { presentity, watcher });
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

fn terms(settings: &Settings) -> Terms<'_> {
    Terms {
        policy: &settings.policy,
        publications: settings.publications,
        subscriptions: settings.subscriptions,
        pace: settings.pace,
        publications_max: settings.limits.publications,
        subscriptions_max: settings.limits.subscriptions,
        unanswered_max: settings.limits.unanswered,
    }
}
