//! The event publication agent: keeps one document published at its compositor. RFC 3903 §4, §5, §8.2.

#[cfg(test)]
mod tests;

use core::time::Duration;
use sip::{Message, Name, delta_seconds};

use crate::client_transaction::{ClientTransaction, Due, Received};
use crate::effect::Effect;
use crate::endpoint::{Backoff, Document, Endpoint, Failure, Outline, Verdict, refresh_at};
use crate::time::Timestamp;

/// What is published where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Request-URI: the resource whose state it is.
    pub target: String,
    /// The event package.
    pub event: String,
    /// The lifetime asked for.
    pub expires: Duration,
}

/// The four operations, RFC 3903 §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// New event state.
    Initial,
    /// The same, for longer.
    Refresh,
    /// Another document in place of the last.
    Modify,
    /// No more.
    Remove,
}

/// What the source is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The compositor has taken the operation; the document is published until then.
    Published {
        /// What was done.
        operation: Operation,
        /// The number of the document that is published now, counted from 1 by calls of [`Publisher::publish`].
        document: u64,
        /// When it would end without a refresh.
        expires_at: Timestamp,
    },
    /// An attempt failed.
    Failed {
        /// Why.
        failure: Failure,
        /// The next attempt, or `None`: none before the source publishes again.
        retry_at: Option<Timestamp>,
    },
    /// Nothing is published any more, as was asked for. The publisher is over.
    Removed,
}

/// Keeps the document of one source published: refreshes it, replaces it, publishes anew what the compositor lost.
///
/// There is never a second PUBLISH before the first is answered (RFC 3903 §4): what the source publishes meanwhile
/// replaces what was waiting, and goes out next. The entity-tag of each 2xx is the only one ever sent.
#[derive(Debug)]
pub struct Publisher {
    publication: Publication,
    call_id: String,
    from_tag: String,
    cseq: u32,
    wanted: Wanted,
    /// Counts the documents of the source.
    serial: u64,
    published: Option<Published>,
    in_flight: Option<InFlight>,
    retry_at: Option<Timestamp>,
    backoff: Backoff,
    /// Challenges in a row.
    challenges: u8,
    /// After a final refusal nothing is sent until the source says something new.
    halted: bool,
}

#[derive(Debug)]
enum Wanted {
    Document(Document),
    Nothing,
    /// Nothing, and that is so.
    Over,
}

/// What the compositor holds for us.
#[derive(Debug)]
struct Published {
    /// `None` if a 2xx brought none: then it cannot be named, only published anew.
    entity_tag: Option<String>,
    serial: u64,
    expires_at: Timestamp,
    refresh_at: Timestamp,
}

#[derive(Debug)]
struct InFlight {
    operation: Operation,
    serial: u64,
    expires: Duration,
    answered: bool,
    transaction: ClientTransaction,
}

impl Publisher {
    /// Nothing is published before the first [`publish`](Self::publish).
    pub fn new(publication: Publication, endpoint: &mut Endpoint) -> Self {
        let random = endpoint.random();
        Self {
            publication,
            call_id: format!("{}{}", random.token(), random.token()),
            from_tag: random.token(),
            cseq: 0,
            wanted: Wanted::Nothing,
            serial: 0,
            published: None,
            in_flight: None,
            retry_at: None,
            backoff: Backoff::default(),
            challenges: 0,
            halted: false,
        }
    }

    /// The Call-ID of all our requests.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Whether nothing is left to do. What the last transaction would still absorb (Timer K) is nobody's then, and is
    /// dropped all the same.
    pub fn is_over(&self) -> bool {
        matches!(self.wanted, Wanted::Over) && !self.is_waiting()
    }

    /// Publishes a document in place of the last one. A wait after a failure that is not final goes on.
    pub fn publish(
        &mut self,
        now: Timestamp,
        document: Document,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        self.serial += 1;
        self.halted = false;
        self.wanted = Wanted::Document(document);
        self.advance(now, endpoint)
    }

    /// Removes what is published, at once or after the answer that is awaited.
    pub fn remove(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        if !matches!(self.wanted, Wanted::Over) {
            self.wanted = Wanted::Nothing;
            (self.halted, self.retry_at) = (false, None);
        }
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
        let (operation, serial) = (in_flight.operation, in_flight.serial);
        let (expires, answered) = (in_flight.expires, in_flight.answered);
        let verdict = endpoint.judge(response, answered).within(&mut self.challenges);
        let mut effects = match verdict {
            Verdict::Success => vec![self.succeeded(now, operation, serial, expires, response, endpoint)],
            Verdict::Never(_) if status == 412 && operation != Operation::Initial => {
                // RFC 3903 §5: the tag is worthless, and the same request must not be sent again.
                self.published = None;
                Vec::new()
            }
            Verdict::Retry => Vec::new(),
            Verdict::TooBrief(least) if least > expires && operation != Operation::Remove => {
                self.publication.expires = least;
                Vec::new()
            }
            Verdict::TooBrief(_) => {
                self.give_up(Failure::Refused { status, reason: sip::reason(status).to_owned() })
            }
            Verdict::Later(failure, wait) => self.postpone(now, failure, wait, endpoint),
            Verdict::Never(failure) => self.give_up(failure),
        };
        effects.extend(self.advance(now, endpoint));
        effects
    }

    /// Takes the news that the last message could not be sent, or that the connection it went over was lost.
    pub fn unreachable(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        if !self.is_waiting() {
            return Vec::new();
        }
        self.in_flight = None;
        self.postpone(now, Failure::Unreachable, None, endpoint)
    }

    /// Takes the passing of time.
    pub fn tick(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        let mut effects = Vec::new();
        if let Some(in_flight) = &mut self.in_flight {
            match in_flight.transaction.tick(now) {
                Due::Nothing => {}
                Due::Retransmit(message) => {
                    effects.push(Effect::Send { hop: self.hop(endpoint), flow: None, message })
                }
                // Whether the compositor took it we cannot know: the next request says so with a 412.
                Due::TimedOut => effects.extend(self.postpone(now, Failure::TimedOut, None, endpoint)),
            }
        }
        if self.in_flight.as_ref().is_some_and(|in_flight| in_flight.transaction.deadline().is_none()) {
            self.in_flight = None;
        }
        effects.extend(self.advance(now, endpoint));
        effects
    }

    /// When `tick` is next worth a call.
    pub fn deadline(&self) -> Option<Timestamp> {
        let transaction = self.in_flight.as_ref().and_then(|in_flight| in_flight.transaction.deadline());
        let next = if self.is_waiting() || self.halted { None } else { self.next_at() };
        transaction.into_iter().chain(next).min()
    }

    fn is_waiting(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| in_flight.transaction.is_open())
    }

    /// When the next operation is due by itself.
    fn next_at(&self) -> Option<Timestamp> {
        match (&self.wanted, self.retry_at, &self.published) {
            (Wanted::Over, _, _) => None,
            (Wanted::Document(_) | Wanted::Nothing, Some(retry_at), _) => Some(retry_at),
            (Wanted::Document(_), None, Some(published)) => Some(published.refresh_at),
            (Wanted::Document(_), None, None) | (Wanted::Nothing, None, _) => None,
        }
    }

    /// Sends the next request if one is due and none is awaited.
    fn advance(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Vec<Effect<Report>> {
        if self.is_waiting() || self.halted || self.retry_at.is_some_and(|retry_at| retry_at > now) {
            return Vec::new();
        }
        self.retry_at = None;
        let is_gone = |published: &Published| match self.wanted {
            Wanted::Nothing => published.entity_tag.is_none() || published.expires_at <= now,
            Wanted::Document(_) | Wanted::Over => published.expires_at <= now,
        };
        if self.published.as_ref().is_some_and(is_gone) {
            self.published = None; // the compositor forgets it by itself, RFC 3903 §4.3
        }
        let (operation, document) = match (&self.wanted, &self.published) {
            (Wanted::Over, _) => return Vec::new(),
            (Wanted::Nothing, None) => {
                self.wanted = Wanted::Over;
                return vec![Effect::Report(Report::Removed)];
            }
            (Wanted::Nothing, Some(_)) => (Operation::Remove, None),
            (Wanted::Document(document), None) => (Operation::Initial, Some(document.clone())),
            (Wanted::Document(document), Some(published)) => {
                let is_new = published.serial != self.serial;
                match (&published.entity_tag, is_new) {
                    (_, false) if published.refresh_at > now => return Vec::new(),
                    (None, _) => (Operation::Initial, Some(document.clone())),
                    (Some(_), true) => (Operation::Modify, Some(document.clone())),
                    (Some(_), false) => (Operation::Refresh, None),
                }
            }
        };
        vec![self.send(now, operation, document, endpoint)]
    }

    fn send(
        &mut self,
        now: Timestamp,
        operation: Operation,
        document: Option<Document>,
        endpoint: &mut Endpoint,
    ) -> Effect<Report> {
        let expires = if operation == Operation::Remove { Duration::ZERO } else { self.publication.expires };
        let mut fields = vec![
            (Name::Event, self.publication.event.clone()),
            (Name::Expires, expires.as_secs().to_string()),
        ];
        let tag = self.published.as_ref().and_then(|published| published.entity_tag.clone());
        if let (Operation::Refresh | Operation::Modify | Operation::Remove, Some(tag)) = (operation, tag) {
            fields.push((Name::SipIfMatch, tag));
        }
        self.cseq += 1;
        let sent = endpoint.send(
            now,
            &Outline {
                method: "PUBLISH",
                uri: &self.publication.target,
                to: &self.publication.target,
                to_tag: None,
                from_tag: &self.from_tag,
                call_id: &self.call_id,
                cseq: self.cseq,
                routes: &[],
                fields: &fields,
                body: document.as_ref().map(|document| (document.content_type.as_str(), &*document.body)),
                contact: false,
                way: None,
            },
        );
        let (serial, answered) = (self.serial, sent.answered);
        self.in_flight =
            Some(InFlight { operation, serial, expires, answered, transaction: sent.transaction });
        Effect::Send { hop: self.hop(endpoint), flow: None, message: sent.message }
    }

    fn hop(&self, endpoint: &Endpoint) -> String {
        endpoint.settings.outbound.clone().unwrap_or_else(|| self.publication.target.clone())
    }

    fn succeeded(
        &mut self,
        now: Timestamp,
        operation: Operation,
        serial: u64,
        asked: Duration,
        response: &Message<'_>,
        endpoint: &mut Endpoint,
    ) -> Effect<Report> {
        self.backoff.reset();
        if operation == Operation::Remove {
            self.published = None;
            self.wanted = match self.wanted {
                Wanted::Document(_) => return Effect::Report(Report::Removed), // published again meanwhile
                Wanted::Nothing | Wanted::Over => Wanted::Over,
            };
            return Effect::Report(Report::Removed);
        }
        let granted = response.get(Name::Expires).and_then(|value| delta_seconds(value).ok());
        let lifetime = granted.map_or(asked, |seconds| Duration::from_secs(u64::from(seconds)));
        let expires_at = now + lifetime;
        let timers = endpoint.settings.timers;
        let refresh_at = refresh_at(now, lifetime, &timers, endpoint.random());
        let entity_tag = response.get(Name::SipETag).filter(|tag| !tag.is_empty()).map(str::to_owned);
        let serial = if operation == Operation::Refresh {
            self.published.as_ref().map_or(serial, |published| published.serial)
        } else {
            serial
        };
        self.published = Some(Published { entity_tag, serial, expires_at, refresh_at });
        Effect::Report(Report::Published { operation, document: serial, expires_at })
    }

    fn postpone(
        &mut self,
        now: Timestamp,
        failure: Failure,
        wait: Option<Duration>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        let backoff = self.backoff.next(endpoint.random());
        let retry_at = now + wait.map_or(backoff, |wait| wait.max(backoff));
        self.retry_at = Some(retry_at);
        vec![Effect::Report(Report::Failed { failure, retry_at: Some(retry_at) })]
    }

    fn give_up(&mut self, failure: Failure) -> Vec<Effect<Report>> {
        self.halted = true;
        vec![Effect::Report(Report::Failed { failure, retry_at: None })]
    }
}
