//! A presence source and watcher as one machine: publications and subscriptions, by id. No socket, no clock.

mod answers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use core::net::SocketAddr;

use sip::{CSeq, Limits, Message, Method, Name, Via, Writer};

use crate::effect::Effect;
use crate::endpoint::{Document, Endpoint, Settings};
use crate::publisher::{self, Publication, Publisher};
use crate::subscriber::{self, Refusal, Subscriber, Watch};
use crate::time::Timestamp;
use answers::Answers;

/// Names one publication or subscription of a user agent; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usage(pub u64);

/// What the shell must do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a request to where `hop` leads (RFC 3263); if that fails, tell [`UserAgent::unreachable`].
    Send {
        /// On whose behalf.
        usage: Usage,
        /// A URI.
        hop: String,
        /// The whole message.
        message: Arc<[u8]>,
    },
    /// Send a response the way its request came.
    Answer(Arc<[u8]>),
    /// Tell the owner of a publication.
    Publication(Usage, publisher::Report),
    /// Tell the owner of a subscription.
    Subscription(Usage, subscriber::Report),
}

/// Publications and subscriptions of one user, found by the Call-ID of what comes in.
#[derive(Debug)]
pub struct UserAgent {
    endpoint: Endpoint,
    usages: BTreeMap<Usage, Entry>,
    last: u64,
    calls: BTreeMap<String, Usage>,
    deadlines: BTreeSet<(Timestamp, Usage)>,
    answers: Answers,
    limits: Limits,
}

#[derive(Debug)]
struct Entry {
    machine: Machine,
    /// As entered in `calls` and `deadlines`.
    call_id: String,
    deadline: Option<Timestamp>,
}

#[derive(Debug)]
enum Machine {
    Publisher(Box<Publisher>),
    Subscriber(Box<Subscriber>),
}

impl UserAgent {
    /// `seed` must not be used twice.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let answers = Answers::new(settings.timers.patience());
        Self {
            endpoint: Endpoint::new(settings, seed),
            usages: BTreeMap::new(),
            last: 0,
            calls: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            answers,
            limits: Limits::default(),
        }
    }

    /// Says where we are reached from now on (Via and Contact): known once a connection is there.
    pub fn reached_at(&mut self, sent_by: String) {
        self.endpoint.settings.sent_by = sent_by;
    }

    /// How many publications and subscriptions there are.
    pub fn usages(&self) -> usize {
        self.usages.len()
    }

    /// Starts a subscription, or a fetch.
    pub fn watch(&mut self, now: Timestamp, watch: Watch) -> (Usage, Vec<Action>) {
        let (subscriber, effects) = Subscriber::start(now, watch, &mut self.endpoint);
        let usage = self.enter(Machine::Subscriber(Box::new(subscriber)));
        (
            usage,
            self.settle(usage, effects.into_iter().map(|effect| of_subscription(usage, effect)).collect()),
        )
    }

    /// Starts a publication with its first document.
    pub fn publish(
        &mut self,
        now: Timestamp,
        publication: Publication,
        document: Document,
    ) -> (Usage, Vec<Action>) {
        let publisher = Publisher::new(publication, &mut self.endpoint);
        let usage = self.enter(Machine::Publisher(Box::new(publisher)));
        (usage, self.modify(now, usage, document))
    }

    /// Publishes another document in place of the last one.
    pub fn modify(&mut self, now: Timestamp, usage: Usage, document: Document) -> Vec<Action> {
        let Some(Entry { machine: Machine::Publisher(publisher), .. }) = self.usages.get_mut(&usage) else {
            return Vec::new();
        };
        let effects = publisher.publish(now, document, &mut self.endpoint);
        self.settle(usage, effects.into_iter().map(|effect| of_publication(usage, effect)).collect())
    }

    /// Ends a publication (it is removed) or a subscription.
    pub fn end(&mut self, now: Timestamp, usage: Usage) -> Vec<Action> {
        self.each(usage, |machine, endpoint| match machine {
            Machine::Publisher(publisher) => (publisher.remove(now, endpoint), Vec::new()),
            Machine::Subscriber(subscriber) => (Vec::new(), subscriber.unsubscribe(now, endpoint)),
        })
    }

    /// Refreshes a subscription now, as something was missed.
    pub fn refresh(&mut self, now: Timestamp, usage: Usage) -> Vec<Action> {
        self.each(usage, |machine, endpoint| match machine {
            Machine::Publisher(_) => (Vec::new(), Vec::new()),
            Machine::Subscriber(subscriber) => (Vec::new(), subscriber.refresh(now, endpoint)),
        })
    }

    /// Gives a subscription another body, see [`Subscriber::say`].
    pub fn say(&mut self, now: Timestamp, usage: Usage, body: Document) -> Vec<Action> {
        self.each(usage, |machine, endpoint| match machine {
            Machine::Publisher(_) => (Vec::new(), Vec::new()),
            Machine::Subscriber(subscriber) => (Vec::new(), subscriber.say(now, body, endpoint)),
        })
    }

    /// Forgets a publication or subscription without a word to anybody: at the server it lives until it expires.
    pub fn abandon(&mut self, usage: Usage) {
        if let Some(entry) = self.usages.remove(&usage) {
            self.calls.remove(&entry.call_id);
            entry.deadline.map(|deadline| self.deadlines.remove(&(deadline, usage)));
        }
    }

    /// Takes a message; `source` is where it came from.
    pub fn receive(&mut self, now: Timestamp, source: SocketAddr, message: &Message<'_>) -> Vec<Action> {
        match message.status() {
            Some(_) => self.take_response(now, message),
            None => self.take_request(now, source, message),
        }
    }

    /// A message of the usage could not be sent, or the connection that it used was lost.
    pub fn unreachable(&mut self, now: Timestamp, usage: Usage) -> Vec<Action> {
        self.each(usage, |machine, endpoint| match machine {
            Machine::Publisher(publisher) => (publisher.unreachable(now, endpoint), Vec::new()),
            Machine::Subscriber(subscriber) => (Vec::new(), subscriber.unreachable(now, endpoint)),
        })
    }

    /// The connection that all usages used was lost.
    pub fn disconnected(&mut self, now: Timestamp) -> Vec<Action> {
        let usages: Vec<Usage> = self.usages.keys().copied().collect();
        usages.into_iter().flat_map(|usage| self.unreachable(now, usage)).collect()
    }

    /// Takes the passing of time: of every usage whose deadline has come.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        let due: Vec<Usage> =
            self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, usage)| *usage).collect();
        for usage in due {
            actions.extend(self.each(usage, |machine, endpoint| match machine {
                Machine::Publisher(publisher) => (publisher.tick(now, endpoint), Vec::new()),
                Machine::Subscriber(subscriber) => (Vec::new(), subscriber.tick(now, endpoint)),
            }));
        }
        actions
    }

    /// When `tick` is next worth a call.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    fn take_response(&mut self, now: Timestamp, response: &Message<'_>) -> Vec<Action> {
        if response.values(Name::Via).nth(1).is_some() {
            return Vec::new(); // meant for somebody behind us, RFC 3261 §8.1.3.3
        }
        let via = response.get(Name::Via).and_then(|via| Via::parse_first(via).ok());
        let branch = via.and_then(|(via, _)| via.branch());
        let usage = response.get(Name::CallId).and_then(|call_id| self.calls.get(call_id)).copied();
        let (Some(branch), Some(usage)) = (branch, usage) else { return Vec::new() };
        let cseq = response.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok());
        let method = cseq.map(|cseq| cseq.method);
        self.each(usage, |machine, endpoint| match machine {
            // The branch alone does not make the match, RFC 3261 §17.1.3.
            Machine::Publisher(_) if method != Some(Method::Publish) => (Vec::new(), Vec::new()),
            Machine::Subscriber(_) if method != Some(Method::Subscribe) => (Vec::new(), Vec::new()),
            Machine::Publisher(publisher) => {
                (publisher.response(now, branch, response, endpoint), Vec::new())
            }
            Machine::Subscriber(subscriber) => {
                (Vec::new(), subscriber.response(now, branch, response, endpoint))
            }
        })
    }

    fn take_request(&mut self, now: Timestamp, source: SocketAddr, request: &Message<'_>) -> Vec<Action> {
        if request.method().is_some_and(|method| method.as_str() == "ACK") {
            return Vec::new();
        }
        if let Some(answer) = self.answers.find(now, request) {
            return vec![Action::Answer(answer)]; // a retransmission is answered alike, RFC 3261 §17.2.2
        }
        let (answer, actions) = match request.clone().check(&self.limits) {
            Err(defect) => (self.answer(request, source, defect.status, &[]), Vec::new()),
            Ok(()) => match request.method().map_or("", |method| method.as_str()) {
                "NOTIFY" => self.take_notify(now, source, request),
                "OPTIONS" => (self.answer(request, source, 200, &[(Name::Allow, ALLOW)]), Vec::new()),
                _ => (self.answer(request, source, 405, &[(Name::Allow, ALLOW)]), Vec::new()),
            },
        };
        self.answers.keep(now, request, answer.clone());
        let mut all = vec![Action::Answer(answer)];
        all.extend(actions);
        all
    }

    fn take_notify(
        &mut self,
        now: Timestamp,
        source: SocketAddr,
        notify: &Message<'_>,
    ) -> (Arc<[u8]>, Vec<Action>) {
        let usage = notify.get(Name::CallId).and_then(|call_id| self.calls.get(call_id)).copied();
        let subscriber = usage.and_then(|usage| Some((usage, self.usages.get_mut(&usage)?)));
        let taken = match subscriber {
            Some((usage, Entry { machine: Machine::Subscriber(subscriber), .. })) => {
                subscriber.notify(now, notify, &mut self.endpoint).map(|effects| (usage, effects))
            }
            Some((_, Entry { machine: Machine::Publisher(_), .. })) | None => {
                Err(Refusal::UnknownSubscription)
            }
        };
        match taken {
            Ok((usage, effects)) => {
                let contact = self.endpoint.settings.contact();
                let answer = self.answer(notify, source, 200, &[(Name::Contact, &contact)]);
                let actions = effects.into_iter().map(|effect| of_subscription(usage, effect)).collect();
                (answer, self.settle(usage, actions))
            }
            Err(refusal) => {
                let extra = match &refusal {
                    Refusal::UnsupportedBody { accept } => vec![(Name::Accept, accept.as_str())],
                    Refusal::BadEvent => vec![(Name::AllowEvents, "presence")],
                    Refusal::UnknownSubscription
                    | Refusal::OutOfOrder
                    | Refusal::NoState
                    | Refusal::NoContact => Vec::new(),
                };
                (self.answer(notify, source, refusal.status(), &extra), Vec::new())
            }
        }
    }

    /// Record-Route goes back with every answer that may make a dialog, RFC 3261 §12.1.1.
    fn answer(
        &mut self,
        request: &Message<'_>,
        source: SocketAddr,
        status: u16,
        fields: &[(Name, &str)],
    ) -> Arc<[u8]> {
        let tag = self.endpoint.random().token();
        let mut out = Vec::with_capacity(512);
        let mut writer: Writer<'_> = sip::respond(&mut out, request, status, Some(source), Some(&tag));
        if (200..300).contains(&status) {
            for route in request.all(Name::RecordRoute) {
                writer.field(Name::RecordRoute, route);
            }
        }
        for (name, value) in fields {
            writer.field(*name, value);
        }
        writer.finish(&[]);
        out.into()
    }

    fn enter(&mut self, machine: Machine) -> Usage {
        self.last += 1;
        let usage = Usage(self.last);
        self.usages.insert(usage, Entry { machine, call_id: String::new(), deadline: None });
        usage
    }

    fn each(
        &mut self,
        usage: Usage,
        event: impl FnOnce(
            &mut Machine,
            &mut Endpoint,
        ) -> (Vec<Effect<publisher::Report>>, Vec<Effect<subscriber::Report>>),
    ) -> Vec<Action> {
        let Some(entry) = self.usages.get_mut(&usage) else { return Vec::new() };
        let (published, subscribed) = event(&mut entry.machine, &mut self.endpoint);
        let published = published.into_iter().map(|effect| of_publication(usage, effect));
        let subscribed = subscribed.into_iter().map(|effect| of_subscription(usage, effect));
        let actions = published.chain(subscribed).collect();
        self.settle(usage, actions)
    }

    /// Brings the indices up to date after an event of `usage`, and forgets what is over.
    fn settle(&mut self, usage: Usage, actions: Vec<Action>) -> Vec<Action> {
        let Some(entry) = self.usages.get_mut(&usage) else { return actions };
        let (call_id, deadline, is_over) = match &entry.machine {
            Machine::Publisher(publisher) => (publisher.call_id(), publisher.deadline(), publisher.is_over()),
            Machine::Subscriber(subscriber) => {
                (subscriber.call_id(), subscriber.deadline(), subscriber.is_over())
            }
        };
        if entry.call_id != call_id {
            self.calls.remove(&entry.call_id);
            self.calls.insert(call_id.to_owned(), usage);
            entry.call_id = call_id.to_owned();
        }
        if entry.deadline != deadline {
            entry.deadline.map(|old| self.deadlines.remove(&(old, usage)));
            deadline.map(|new| self.deadlines.insert((new, usage)));
            entry.deadline = deadline;
        }
        if is_over {
            deadline.map(|deadline| self.deadlines.remove(&(deadline, usage)));
            self.calls.remove(&entry.call_id);
            self.usages.remove(&usage);
        }
        actions
    }
}

const ALLOW: &str = "NOTIFY, OPTIONS";

fn of_publication(usage: Usage, effect: Effect<publisher::Report>) -> Action {
    match effect {
        Effect::Send { hop, message, flow: _ } => Action::Send { usage, hop, message },
        Effect::Report(report) => Action::Publication(usage, report),
    }
}

fn of_subscription(usage: Usage, effect: Effect<subscriber::Report>) -> Action {
    match effect {
        Effect::Send { hop, message, flow: _ } => Action::Send { usage, hop, message },
        Effect::Report(report) => Action::Subscription(usage, report),
    }
}
