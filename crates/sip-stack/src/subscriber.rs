//! The subscriber: one subscription from its first SUBSCRIBE to its end, and anew. RFC 6665 §4.1, §4.4.

mod dialog;
mod failure;
mod notify;
mod report;
#[cfg(test)]
mod tests;
mod ways;

use core::time::Duration;
use std::collections::VecDeque;

use sip::{Message, Name, delta_seconds};

use crate::client_transaction::{ClientTransaction, Due, Received};
use crate::effect::Effect;
use crate::endpoint::{Backoff, Document, Endpoint, Failure, Outline, Verdict, Way, refresh_at};
use crate::flow::Flow;
use crate::time::Timestamp;
use dialog::Dialog;

pub use notify::Refusal;
pub use report::{Notice, Report, State, Termination};

/// What is watched, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Request-URI: the resource.
    pub target: String,
    /// The event package.
    pub event: String,
    /// The media types that are understood.
    pub accept: Vec<String>,
    /// The lifetime asked for; zero fetches the state once (RFC 6665 §4.4.3).
    pub expires: Duration,
    /// Whether the target may be a list.
    pub lists: Lists,
    /// Further fields of each SUBSCRIBE, such as who is asserted to send it (RFC 3325 §9.1).
    pub fields: Vec<(Name, String)>,
    /// What the package wants said in each SUBSCRIBE, such as which documents (RFC 5875 §4.4).
    pub body: Option<Document>,
}

/// How far lists are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lists {
    /// Not at all.
    Unsupported,
    /// The target may be one, RFC 4662 §4.1.
    Supported,
    /// The first SUBSCRIBE of each dialog brings one, RFC 5367 §3.
    Contained(Document),
}

/// A node refreshes no sooner than this: what is granted for less runs out, and is made anew with longer and longer waits.
const REFRESH_LEAST: Duration = Duration::from_secs(5);

impl Watch {
    fn is_fetch(&self) -> bool {
        self.expires.is_zero()
    }
}

/// Keeps one subscription: refreshes it, follows its dialog, subscribes anew when the notifier says so or forgets it.
#[derive(Debug)]
pub struct Subscriber {
    watch: Watch,
    call_id: String,
    local_tag: String,
    cseq: u32,
    phase: Phase,
    dialog: Option<Dialog>,
    in_flight: Option<InFlight>,
    /// A SUBSCRIBE with this lifetime waits until it is known where `hop_asked` leads.
    unsent: Option<Duration>,
    hop_asked: String,
    /// Where it leads: the place in use, then those that are left to try.
    ways: VecDeque<Way>,
    /// Where the last request went, and when.
    flow: Option<Flow>,
    sent_at: Timestamp,
    /// Timer N: by then a NOTIFY must have come.
    notify_by: Option<Timestamp>,
    /// The end of the subscription as far as is known.
    expires_at: Option<Timestamp>,
    /// When to subscribe or refresh next.
    next_at: Option<Timestamp>,
    live_since: Option<Timestamp>,
    /// The body is another than the one that was sent: it is sent as soon as there is a dialog to do so in.
    unsaid: bool,
    backoff: Backoff,
    challenges: u8,
}

/// The states of RFC 6665 §4.1.2, and what comes before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No subscription; `next_at` says when to try.
    Idle,
    /// `notify_wait`.
    NotifyWait,
    /// `pending` and `active`.
    Live,
    /// To be unsubscribed as soon as there is a dialog to do it in.
    Leaving,
    /// Unsubscribed: the final NOTIFY is awaited.
    Left,
    /// `terminated`, and it stays so.
    Over,
}

#[derive(Debug)]
struct InFlight {
    expires: Duration,
    answered: bool,
    /// A NOTIFY that came after the request has said how long the subscription lives: it outranks the response.
    outranked: bool,
    /// Where it went, if it was us who knew.
    flow: Option<Flow>,
    transaction: ClientTransaction,
}

impl Subscriber {
    /// Sends the first SUBSCRIBE.
    pub fn start(now: Timestamp, watch: Watch, endpoint: &mut Endpoint) -> (Self, Vec<Effect<Report>>) {
        let mut subscriber = Self {
            watch,
            call_id: String::new(),
            local_tag: String::new(),
            cseq: 0,
            phase: Phase::Idle,
            dialog: None,
            in_flight: None,
            unsent: None,
            hop_asked: String::new(),
            ways: VecDeque::new(),
            flow: None,
            sent_at: now,
            notify_by: None,
            expires_at: None,
            next_at: Some(now),
            live_since: None,
            unsaid: false,
            backoff: Backoff::default(),
            challenges: 0,
        };
        let effects = subscriber.advance(now, endpoint);
        (subscriber, effects)
    }

    /// The Call-ID of the dialog, or of the one that is tried; another after each end.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag in it.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// Whether nothing is left to do or to come.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Ends the subscription, RFC 6665 §4.1.2.3. Without a dialog yet, its first NOTIFY is awaited to do so.
    pub fn unsubscribe(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        match self.phase {
            Phase::Idle => self.end(Termination::Unsubscribed),
            // Nothing was sent yet, or what was sent failed.
            Phase::NotifyWait if self.unsent.is_some() => self.end(Termination::Unsubscribed),
            Phase::Live | Phase::NotifyWait => {
                self.phase = Phase::Leaving;
                self.next_at = self.dialog.is_some().then_some(now);
                self.advance(now, endpoint)
            }
            Phase::Leaving | Phase::Left | Phase::Over => Vec::new(),
        }
    }

    /// Refreshes the subscription now, as something was missed: the notifier tells all of the state again.
    pub fn refresh(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        if self.phase == Phase::Live {
            self.next_at = Some(now);
        }
        self.advance(now, endpoint)
    }

    /// Another body from now on, such as other documents (RFC 5875 §4.4): a live subscription is refreshed with it at once, and
    /// one that is being made as soon as it lives.
    pub fn say(&mut self, now: Timestamp, body: Document, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        self.watch.body = Some(body);
        self.unsaid = true;
        self.advance(now, endpoint)
    }

    /// Takes a response to one of our requests.
    pub fn response(
        &mut self,
        now: Timestamp,
        branch: &str,
        response: &Message<'_>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        let Some(in_flight) = &mut self.in_flight else { return Vec::new() };
        let status = response.status().unwrap_or_default();
        if in_flight.transaction.branch() != branch
            || in_flight.transaction.response(now, status) != Received::Final
        {
            return Vec::new();
        }
        let (asked, answered, outranked) = (in_flight.expires, in_flight.answered, in_flight.outranked);
        if status == 503
            && let Some(effect) = self.try_next(now, endpoint)
        {
            return vec![effect];
        }
        let verdict = endpoint.judge(response, answered).within(&mut self.challenges);
        if !matches!(verdict, Verdict::Retry | Verdict::TooBrief(_)) {
            self.ways.clear(); // the next request asks again, RFC 3263 §4
        }
        let mut effects = match verdict {
            Verdict::Success => {
                self.accepted(now, asked, outranked, response, endpoint);
                Vec::new()
            }
            // Nothing was subscribed to yet, and nothing need be.
            Verdict::Retry | Verdict::TooBrief(_)
                if self.phase == Phase::Leaving && self.dialog.is_none() =>
            {
                self.end(Termination::Unsubscribed)
            }
            Verdict::Retry => {
                self.next_at = Some(now);
                Vec::new()
            }
            Verdict::TooBrief(least) if least > asked && !asked.is_zero() => {
                self.watch.expires = least;
                self.next_at = Some(now);
                Vec::new()
            }
            Verdict::TooBrief(_) => {
                let reason = sip::reason(status).to_owned();
                self.failed(now, status, Failure::Refused { status, reason }, None, endpoint)
            }
            Verdict::Later(failure, wait) => self.failed(now, status, failure, wait, endpoint),
            Verdict::Never(failure) => self.failed(now, status, failure, None, endpoint),
        };
        effects.extend(self.advance(now, endpoint));
        effects
    }

    /// Takes the news that the last message could not be sent, or that the connection it went over was lost. A live
    /// subscription is refreshed at once, which tells the notifier the new way.
    pub fn unreachable(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        if self.unsent.is_some() {
            return Vec::new(); // what was lost is not what is awaited
        }
        if self.is_waiting() {
            if let Some(effect) = self.try_next(now, endpoint) {
                return vec![effect];
            }
            self.in_flight = None;
            return self.failed(now, 503, Failure::Unreachable, None, endpoint); // RFC 3261 §8.1.3.1
        }
        if self.phase == Phase::Live && endpoint.settings.hosted.is_none() {
            self.next_at = Some(now);
        } else if self.phase == Phase::Live {
            self.refresh_soon(now, endpoint);
        }
        self.advance(now, endpoint)
    }

    /// A node that lost a connection refreshes at once; again and again only after longer and longer waits: others lose the
    /// same connection, and a peer may close each that it gets.
    fn refresh_soon(&mut self, now: Timestamp, endpoint: &mut Endpoint) {
        let is_soon = |at: Timestamp| at <= now + Backoff::LONGEST;
        if self.backoff.is_fresh() {
            let _ = self.backoff.next(endpoint.random());
            self.next_at = Some(now.max(self.sent_at + REFRESH_LEAST));
        } else if !self.next_at.is_some_and(is_soon) {
            self.next_at = Some(now + self.backoff.next(endpoint.random()));
        }
    }

    /// Takes the passing of time.
    pub fn tick(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        let mut effects = Vec::new();
        let unheard = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.transaction.is_unheard());
        let due = self.in_flight.as_mut().map_or(Due::Nothing, |in_flight| in_flight.transaction.tick(now));
        match due {
            Due::Nothing => {}
            Due::Retransmit(message) => {
                let flow = self.in_flight.as_ref().and_then(|in_flight| in_flight.flow);
                effects.push(Effect::Send { hop: self.hop(endpoint), flow, message });
            }
            Due::TimedOut => match unheard.then(|| self.try_next(now, endpoint)).flatten() {
                Some(effect) => effects.push(effect),
                None => effects.extend(self.failed(now, 408, Failure::TimedOut, None, endpoint)),
            },
        }
        if self.in_flight.as_ref().is_some_and(|in_flight| in_flight.transaction.deadline().is_none()) {
            self.in_flight = None;
        }
        if self.notify_by.is_some_and(|notify_by| notify_by <= now) {
            effects.extend(self.lost(now, Failure::Untold, endpoint)); // Timer N: who gets no answer waits for no NOTIFY
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) && !self.is_waiting() {
            effects.extend(self.lost(now, Failure::TimedOut, endpoint));
        }
        effects.extend(self.advance(now, endpoint));
        effects
    }

    /// When `tick` is next worth a call.
    pub fn deadline(&self) -> Option<Timestamp> {
        let transaction = self.in_flight.as_ref().and_then(|in_flight| in_flight.transaction.deadline());
        let (next_at, expires_at) =
            if self.is_waiting() { (None, None) } else { (self.next_at, self.expires_at) };
        [transaction, self.notify_by, next_at, expires_at].into_iter().flatten().min()
    }

    fn is_waiting(&self) -> bool {
        self.unsent.is_some()
            || self.in_flight.as_ref().is_some_and(|in_flight| in_flight.transaction.is_open())
    }

    /// Sends the SUBSCRIBE that is due, unless one is awaited.
    fn advance(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        if self.unsaid && self.phase == Phase::Live && !self.is_waiting() {
            self.next_at = Some(now);
        }
        if self.is_waiting() || self.next_at.is_none_or(|next_at| next_at > now) {
            return Vec::new();
        }
        (self.next_at, self.unsaid) = (None, false);
        let expires = match self.phase {
            Phase::Over => return Vec::new(),
            Phase::Leaving | Phase::Left => Duration::ZERO,
            Phase::Idle | Phase::NotifyWait | Phase::Live => self.watch.expires,
        };
        match self.phase {
            Phase::Idle => self.begin(endpoint),
            Phase::Leaving => self.phase = Phase::Left,
            Phase::NotifyWait | Phase::Live | Phase::Left | Phase::Over => {}
        }
        self.cseq += 1;
        self.send_or_ask(now, expires, endpoint)
    }

    /// A new attempt is a new Call-ID and tag, RFC 6665 §4.1.2.2; a retry after a challenge is not.
    fn begin(&mut self, endpoint: &mut Endpoint) {
        let random = endpoint.random();
        self.call_id = format!("{}{}", random.token(), random.token());
        self.local_tag = endpoint.tag();
        self.phase = Phase::NotifyWait;
        (self.dialog, self.expires_at, self.live_since) = (None, None, None);
    }

    fn send(&mut self, now: Timestamp, expires: Duration, endpoint: &mut Endpoint) -> Effect<Report> {
        let mut fields = vec![
            (Name::Event, self.watch.event.clone()),
            (Name::Accept, self.watch.accept.join(", ")),
            (Name::Expires, expires.as_secs().to_string()),
        ];
        fields.extend(self.watch.fields.iter().cloned());
        if self.watch.lists != Lists::Unsupported {
            fields.push((Name::Supported, "eventlist".to_owned()));
        }
        let own = self.watch.body.as_ref().map(|body| (body.content_type.as_str(), &*body.body));
        let body = match &self.watch.lists {
            Lists::Contained(list) if self.dialog.is_none() => {
                fields.push((Name::Require, "recipient-list-subscribe".to_owned()));
                fields.push((Name::ContentDisposition, "recipient-list".to_owned()));
                Some((list.content_type.as_str(), &*list.body))
            }
            Lists::Unsupported | Lists::Supported | Lists::Contained(_) => None,
        };
        let (uri, routes) = match &self.dialog {
            Some(dialog) => dialog.route(),
            None => (self.watch.target.clone(), Vec::new()),
        };
        let sent = endpoint.send(
            now,
            &Outline {
                method: "SUBSCRIBE",
                uri: &uri,
                to: &self.watch.target,
                to_tag: self.dialog.as_ref().map(Dialog::remote_tag),
                from_tag: &self.local_tag,
                call_id: &self.call_id,
                cseq: self.cseq,
                routes: &routes,
                fields: &fields,
                body: body.or(own),
                contact: true,
                way: self.ways.front(),
            },
        );
        self.notify_by = Some(now + endpoint.settings.timers.patience());
        let answered = sent.answered;
        let flow = self.ways.front().map(|way| way.flow);
        (self.flow, self.sent_at) = (flow, now);
        let transaction = sent.transaction;
        self.in_flight = Some(InFlight { expires, answered, outranked: false, flow, transaction });
        Effect::Send { hop: self.hop(endpoint), flow, message: sent.message }
    }

    fn hop(&self, endpoint: &Endpoint) -> String {
        let outside = || endpoint.settings.outbound.clone().unwrap_or_else(|| self.watch.target.clone());
        self.dialog.as_ref().map_or_else(outside, Dialog::hop)
    }

    fn accepted(
        &mut self,
        now: Timestamp,
        asked: Duration,
        outranked: bool,
        response: &Message<'_>,
        endpoint: &mut Endpoint,
    ) {
        if let Some(dialog) = &mut self.dialog {
            dialog.retarget(response);
        }
        if response.status() == Some(204) {
            self.notify_by = None; // no NOTIFY will come, RFC 6665 §4.1.2.2
        }
        if outranked || asked.is_zero() || !matches!(self.phase, Phase::NotifyWait | Phase::Live) {
            return;
        }
        let granted = response.get(Name::Expires).and_then(|value| delta_seconds(value).ok());
        let lifetime = granted.map_or(asked, |seconds| Duration::from_secs(u64::from(seconds)));
        self.live_until(now, lifetime, endpoint);
        let _ = self.is_first_loss(now); // failures of a while ago count no more
    }

    /// The subscription lives for that long from now.
    fn live_until(&mut self, now: Timestamp, lifetime: Duration, endpoint: &mut Endpoint) {
        let timers = endpoint.settings.timers;
        self.expires_at = Some(now + lifetime);
        let next_at = refresh_at(now, lifetime, &timers, endpoint.random());
        // A notifier that grants next to nothing shall not make a node send without pause.
        let least = if endpoint.settings.hosted.is_some() { now + REFRESH_LEAST } else { now };
        self.next_at = Some(next_at.max(least));
    }
}
