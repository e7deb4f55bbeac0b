//! A back-end subscription by SIP: of one watcher to one resource that others serve. RFC 4662 §4, RFC 6665 §4.1.

mod hearing;
mod listing;

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use documents::{pidf, rlmi};
use sip::{Aor, Message, Name};
use sip_stack::client_transaction::Timers;
use sip_stack::digest_client::Account;
use sip_stack::effect::Effect;
use sip_stack::endpoint::{Document, Endpoint, Hosted, Settings, Way};
use sip_stack::interest::{Asker, Standing};
use sip_stack::notifier::Reason;
use sip_stack::subscriber::{Lists, Refusal, Report, Subscriber, Watch};
use sip_stack::{Flow, Protocol, Timestamp};

use crate::aggregate;
use crate::roster::Listed;

/// Names a back-end subscription. All lists of a watcher share it, and nobody else does (RFC 4662 §7.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendName {
    /// The watcher's first proven name.
    pub watcher: Aor,
    /// Whom it watches, as [`sip::canonical_text`] gives it.
    pub resource: Arc<str>,
    /// The event package.
    pub package: Arc<str>,
}

impl BackendName {
    /// The same in every process and version.
    pub fn stable_hash(&self) -> u64 {
        let text = self.resource.bytes().chain([0]).chain(self.watcher.as_str().bytes());
        // FNV-1a, 64 bits.
        text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }
}

/// How a back-end subscription presents itself to those who serve the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// From: the watcher where the next hop takes our word for it, else our own name (RFC 4662 §7.1.2).
    pub from: Aor,
    /// Who the watcher is, for a next hop that takes our word for it (RFC 3325 §5); empty for any other.
    pub asserted: Arc<[Aor]>,
    /// Who we are to a next hop that asks for a password.
    pub account: Option<Account>,
    /// The URI of the next hop outside of a dialog. None: where the resource's own URI leads.
    pub next_hop: Option<String>,
    /// The lifetime asked for.
    pub lifetime: Duration,
    /// The resource may be a list, RFC 4662 §4.1.
    pub lists: bool,
    /// How tags and branches lead back.
    pub hosted: Hosted,
}

impl Manner {
    fn settings(&self) -> Settings {
        Settings {
            aor: self.from.clone(),
            sent_by: String::new(),
            protocol: Protocol::Udp,
            outbound: self.next_hop.clone(),
            account: self.account.clone(),
            user_agent: concat!("rollcall/", env!("CARGO_PKG_VERSION")).to_owned(),
            timers: Timers::default(),
            hosted: Some(self.hosted.clone()),
        }
    }

    fn watch(&self, name: &BackendName) -> Watch {
        let asserted: Vec<_> = self.asserted.iter().map(|aor| format!("<{aor}>")).collect();
        let asserted = (!asserted.is_empty()).then(|| (Name::PAssertedIdentity, asserted.join(", ")));
        let of_lists: &[&str] = if self.lists { &[rlmi::MEDIA_TYPE, aggregate::MEDIA_TYPE] } else { &[] };
        let accept = core::iter::once(pidf::MEDIA_TYPE).chain(of_lists.iter().copied());
        let accept = accept.map(str::to_owned).collect();
        Watch {
            target: name.resource.to_string(),
            event: name.package.to_string(),
            accept,
            expires: self.lifetime,
            lists: if self.lists { Lists::Supported } else { Lists::Unsupported },
            fields: asserted.into_iter().collect(),
            body: None,
        }
    }
}

/// What a back-end subscription asks for after an event. A caller's buffer.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Requests to send.
    pub sends: Vec<(Flow, Arc<[u8]>)>,
    /// What lists are shown, each with when it last changed.
    pub shown: Vec<(Asker, Known, Timestamp)>,
    /// Numbers for the operator.
    pub counts: Counts,
}

/// What happened, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// SUBSCRIBEs, retransmissions too.
    pub subscribes: u64,
    /// Documents that were overtaken by a later one before they were looked at.
    pub coalesced: u64,
    /// Documents that cannot be read, and states without one.
    pub unreadable: u64,
    /// Lists of others that were asked for as a whole, as something of them was missed.
    pub missed: u64,
}

/// What is known of the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// How the subscription stands, and its document.
    Standing(Standing),
    /// It is a list: all that its server has told of it.
    List(Arc<Listed>),
}

/// How far documents of others are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Each document of a resource.
    pub xml: xml::Limits,
    /// Each NOTIFY of a list.
    pub lists: aggregate::Limits,
    /// Resources of one list, those of lists within included; the others are left out.
    pub entries: usize,
    /// Octets of all documents of one list; of a larger one nothing is shown.
    pub octets: usize,
}

/// How a back-end subscription stands, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is known yet, or nothing that can be shown.
    Unknown,
    /// There is a state to show.
    Active,
    /// Nobody has said yet whether it may be.
    Pending,
    /// Over, for now or for good.
    Terminated,
}

/// What was heard and not looked at: a document, or that there is none.
#[derive(Debug)]
struct Heard(Option<Document>);

/// One back-end subscription with those lists that it is for. The only place that changes it.
#[derive(Debug)]
pub struct Backend {
    name: BackendName,
    /// How the next subscription presents itself; the endpoint is as the present one does.
    manner: Manner,
    endpoint: Endpoint,
    /// None once it is over for good, and before it begins.
    subscriber: Option<Subscriber>,
    askers: BTreeSet<Asker>,
    known: Known,
    changed_at: Timestamp,
    /// The latest document, or those of a list in order.
    heard: VecDeque<Heard>,
    /// No document is looked at before this.
    read_at: Timestamp,
    /// When it was over for good.
    over_at: Timestamp,
    /// If the resource is a list: what was heard of it.
    table: Option<Box<rlmi::Table>>,
    /// Something of it was missed: then it is asked for as a whole.
    refresh_at: Option<Timestamp>,
    /// Not before that again.
    refreshed_at: Timestamp,
}

/// Documents are looked at no more often than this: of those that come faster, the latest counts.
const PACE: Duration = Duration::from_millis(250);

/// So many documents of a list are looked at in one go; of more, the latest, and then something was missed.
const BURST: usize = 8;

/// A list is asked for as a whole no more often than this.
const REFRESH: Duration = Duration::from_secs(5);

/// After an end for good nobody makes it try again before this has passed.
const AGAIN: Duration = Duration::from_secs(60);

impl Backend {
    /// A subscription that nobody has asked for yet. `seed` must not be used twice.
    pub fn new(name: BackendName, manner: Manner, seed: [u8; 32]) -> Self {
        Self {
            endpoint: Endpoint::new(manner.settings(), seed),
            name,
            manner,
            subscriber: None,
            askers: BTreeSet::new(),
            known: Known::Standing(Standing::Unknown),
            changed_at: Timestamp::ZERO,
            heard: VecDeque::new(),
            read_at: Timestamp::ZERO,
            over_at: Timestamp::ZERO,
            table: None,
            refresh_at: None,
            refreshed_at: Timestamp::ZERO,
        }
    }

    /// Whose, and to whom.
    pub fn name(&self) -> &BackendName {
        &self.name
    }

    /// Call-ID and tag of ours in the dialog, while there is one or one is tried.
    pub fn dialog(&self) -> Option<(&str, &str)> {
        self.subscriber.as_ref().map(|subscriber| (subscriber.call_id(), subscriber.local_tag()))
    }

    /// How it stands.
    pub fn stage(&self) -> Stage {
        match self.known {
            Known::Standing(Standing::Unknown) => Stage::Unknown,
            Known::Standing(Standing::Active(_)) | Known::List(_) => Stage::Active,
            Known::Standing(Standing::Pending) => Stage::Pending,
            Known::Standing(Standing::Terminated(_)) => Stage::Terminated,
        }
    }

    /// Whether it can be forgotten.
    pub fn is_empty(&self) -> bool {
        self.askers.is_empty() && self.subscriber.is_none()
    }

    // ---- lists

    /// A list asks to be shown the state, now and whenever it changes. What is over for good is tried again for a list
    /// that asks anew, not before a minute has passed.
    pub fn interest(&mut self, now: Timestamp, asker: Asker, out: &mut Outbox) {
        let is_new = self.askers.insert(asker);
        let is_over = self.subscriber.is_none();
        let may_begin = self.over_at == Timestamp::ZERO || now >= self.over_at + AGAIN;
        if is_over && is_new && may_begin {
            self.known = Known::Standing(Standing::Unknown);
            self.begin(now, out);
        }
        out.shown.push((asker, self.known.clone(), self.changed_at));
    }

    /// Others serve the resource now, or know us in another way. The subscription is made anew so; what is shown holds until
    /// more is known.
    pub fn renew(&mut self, now: Timestamp, manner: Manner, out: &mut Outbox) {
        if self.manner == manner {
            return;
        }
        self.manner = manner;
        if self.subscriber.is_some() {
            self.with_subscriber(now, out, |subscriber, endpoint| subscriber.unsubscribe(now, endpoint));
        } else if !self.askers.is_empty() {
            self.show(now, Standing::Unknown, out);
            self.begin(now, out);
        }
    }

    /// Nobody serves the resource any more whom we know: lists are told so, and it is ended.
    pub fn abandon(&mut self, now: Timestamp, out: &mut Outbox) {
        self.forget();
        self.show(now, Standing::Terminated(Reason::NoResource), out);
        self.askers.clear();
        self.with_subscriber(now, out, |subscriber, endpoint| subscriber.unsubscribe(now, endpoint));
    }

    /// A list asks no more. Without any the subscription is ended.
    pub fn no_interest(&mut self, now: Timestamp, asker: Asker, out: &mut Outbox) {
        self.askers.remove(&asker);
        if self.askers.is_empty() {
            self.with_subscriber(now, out, |subscriber, endpoint| subscriber.unsubscribe(now, endpoint));
        }
    }

    // ---- what comes in

    /// The next hop whose places must be known, if any; the answer goes to [`Backend::located`].
    pub fn wanted(&self) -> Option<&str> {
        self.subscriber.as_ref()?.wanted()
    }

    /// Where the request went that waits for its answer.
    pub fn under_way(&self) -> Option<Flow> {
        self.subscriber.as_ref()?.under_way()
    }

    /// Where the last request went.
    pub fn flow(&self) -> Option<Flow> {
        self.subscriber.as_ref()?.flow()
    }

    /// The places of a hop, best first; none: it leads nowhere now.
    pub fn located(&mut self, now: Timestamp, hop: &str, ways: Vec<Way>, out: &mut Outbox) {
        self.with_subscriber(now, out, |subscriber, endpoint| subscriber.located(now, hop, ways, endpoint));
    }

    /// A response to a SUBSCRIBE with this branch.
    pub fn response(&mut self, now: Timestamp, branch: &str, response: &Message<'_>, out: &mut Outbox) {
        self.with_subscriber(now, out, |subscriber, endpoint| {
            subscriber.response(now, branch, response, endpoint)
        });
    }

    /// A NOTIFY with our tag. A refusal leaves no trace.
    pub fn notify(
        &mut self,
        now: Timestamp,
        notify: &Message<'_>,
        reading: &Reading,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let subscriber = self.subscriber.as_mut().ok_or(Refusal::UnknownSubscription)?;
        let effects = subscriber.notify(now, notify, &mut self.endpoint)?;
        self.apply(now, effects, out);
        self.read(now, reading, out);
        Ok(())
    }

    /// The request that is under way could not be sent, or the connection of the last one was lost: a live subscription is
    /// refreshed at once, as its notifier may know no other way.
    pub fn unreachable(&mut self, now: Timestamp, out: &mut Outbox) {
        self.with_subscriber(now, out, |subscriber, endpoint| subscriber.unreachable(now, endpoint));
    }

    /// Takes the passing of time.
    pub fn tick(&mut self, now: Timestamp, reading: &Reading, out: &mut Outbox) {
        self.with_subscriber(now, out, |subscriber, endpoint| subscriber.tick(now, endpoint));
        self.read(now, reading, out);
        if self.refresh_at.is_some_and(|refresh_at| refresh_at <= now) {
            (self.refresh_at, self.refreshed_at) = (None, now);
            out.counts.missed += 1;
            self.with_subscriber(now, out, |subscriber, endpoint| subscriber.refresh(now, endpoint));
        }
    }

    /// When [`Backend::tick`] is next worth a call.
    pub fn deadline(&self) -> Option<Timestamp> {
        let subscriber = self.subscriber.as_ref().and_then(Subscriber::deadline);
        let read_at = (!self.heard.is_empty()).then_some(self.read_at);
        subscriber.into_iter().chain(read_at).chain(self.refresh_at).min()
    }

    // ---- inside

    fn begin(&mut self, now: Timestamp, out: &mut Outbox) {
        self.endpoint.adopt(self.manner.settings());
        let (subscriber, effects) = Subscriber::start(now, self.manner.watch(&self.name), &mut self.endpoint);
        self.subscriber = Some(subscriber);
        self.apply(now, effects, out);
    }

    fn with_subscriber(
        &mut self,
        now: Timestamp,
        out: &mut Outbox,
        event: impl FnOnce(&mut Subscriber, &mut Endpoint) -> Vec<Effect<Report>>,
    ) {
        let Some(subscriber) = &mut self.subscriber else { return };
        let effects = event(subscriber, &mut self.endpoint);
        self.apply(now, effects, out);
    }

    fn apply(&mut self, now: Timestamp, effects: Vec<Effect<Report>>, out: &mut Outbox) {
        for effect in effects {
            match effect {
                Effect::Send { flow, message, hop: _ } => {
                    out.counts.subscribes += 1;
                    out.sends.extend(flow.map(|flow| (flow, message)));
                }
                Effect::Report(report) => self.hear(now, report, out),
            }
        }
        if self.subscriber.as_ref().is_some_and(Subscriber::is_over) {
            self.subscriber = None;
        }
    }

    /// Lists are shown what is another now.
    fn show(&mut self, now: Timestamp, standing: Standing, out: &mut Outbox) {
        self.show_known(now, Known::Standing(standing), out);
    }

    fn show_known(&mut self, now: Timestamp, known: Known, out: &mut Outbox) {
        if self.known == known {
            return;
        }
        self.known = known;
        self.changed_at = now;
        let Self { askers, known, changed_at, .. } = self;
        out.shown.extend(askers.iter().map(|asker| (*asker, known.clone(), *changed_at)));
    }

    fn over(&mut self, now: Timestamp, reason: Reason, out: &mut Outbox) {
        self.over_at = now;
        self.forget();
        self.show(now, Standing::Terminated(reason), out);
    }

    /// Nothing that was heard counts any more.
    fn forget(&mut self) {
        self.heard.clear();
        (self.table, self.refresh_at) = (None, None);
    }
}
