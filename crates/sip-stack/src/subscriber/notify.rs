//! What a NOTIFY does to a subscription. RFC 6665 §4.1.3, §4.4.1.

use core::fmt;
use core::time::Duration;

use sip::{CSeq, EventHeader, MediaType, Message, Name, NameAddr, SubscriptionState};

use super::{Dialog, Notice, Phase, Report, State, Subscriber, Termination};
use crate::effect::Effect;
use crate::endpoint::{Document, Endpoint};
use crate::time::Timestamp;

/// Why a NOTIFY is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Of no subscription of ours, or of a second notifier (RFC 3856 §6.9).
    UnknownSubscription,
    /// Of another event package.
    BadEvent,
    /// Sent before one that we have taken.
    OutOfOrder,
    /// Without a Subscription-State that can be read, RFC 6665 §4.1.3.
    NoState,
    /// A first NOTIFY that does not say where its sender is reached.
    NoContact,
    /// A body that was not asked for.
    UnsupportedBody {
        /// What was: the Accept field of the answer.
        accept: String,
    },
}

impl Refusal {
    /// The status that answers it. The one place that names these.
    pub const fn status(&self) -> u16 {
        match self {
            Self::UnknownSubscription => 481, // RFC 6665 §4.1.3
            Self::BadEvent => 489,
            Self::OutOfOrder => 500, // RFC 3261 §12.2.2
            Self::NoState | Self::NoContact => 400,
            Self::UnsupportedBody { .. } => 415,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownSubscription => "a NOTIFY of no subscription of ours",
            Self::BadEvent => "a NOTIFY of another event package",
            Self::OutOfOrder => "a NOTIFY older than one taken",
            Self::NoState => "a NOTIFY without Subscription-State",
            Self::NoContact => "a NOTIFY without Contact",
            Self::UnsupportedBody { .. } => "a NOTIFY with a body that was not asked for",
        })
    }
}

/// A NOTIFY that was found to be ours and in order, before it changes anything.
struct Accepted<'a> {
    state: State,
    expires: Option<Duration>,
    reason: Option<&'a str>,
    retry_after: Option<Duration>,
    cseq: u32,
    remote_tag: &'a str,
    document: Option<Document>,
}

/// What a subscription's end asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// A new subscription.
    Now,
    /// A new one, not before this or, without it, our own wait.
    After(Option<Duration>),
    /// None.
    Never,
}

impl Subscriber {
    /// Takes a NOTIFY with our Call-ID that is no retransmission. `Ok` is a 200, to be sent before the effects; a
    /// refusal leaves no trace.
    pub fn notify(
        &mut self,
        now: Timestamp,
        notify: &Message<'_>,
        endpoint: &mut Endpoint,
    ) -> Result<Vec<Effect<Report>>, Refusal> {
        let accepted = self.judge(notify)?;
        match &mut self.dialog {
            Some(dialog) => dialog.follow(notify, accepted.cseq),
            None if accepted.state == State::Terminated => {} // makes no dialog, RFC 6665 §4.4.1
            None => self.dialog = Some(Dialog::new(notify, accepted.remote_tag, accepted.cseq)?),
        }
        self.notify_by = None;
        let (reason, document) = (accepted.reason.map(str::to_owned), accepted.document.clone());
        let notice = Report::Notice(Notice { state: accepted.state, reason, document });
        let mut effects = vec![Effect::Report(notice)];
        match accepted.state {
            State::Terminated => effects.extend(self.terminated(now, &accepted, endpoint)),
            State::Active | State::Pending => self.lives(now, &accepted, endpoint),
        }
        effects.extend(self.advance(now, endpoint));
        Ok(effects)
    }

    fn judge<'a>(&self, notify: &Message<'a>) -> Result<Accepted<'a>, Refusal> {
        let tag = |name| NameAddr::parse(notify.get(name)?).ok()?.tag();
        let (Some(remote_tag), Some(local_tag)) = (tag(Name::From), tag(Name::To)) else {
            return Err(Refusal::UnknownSubscription);
        };
        let is_expected = match (&self.dialog, self.phase) {
            (_, Phase::Idle | Phase::Over) => false,
            (Some(dialog), _) => dialog.remote_tag() == remote_tag,
            // Timer N has not fired, or the phase would be another.
            (None, Phase::NotifyWait | Phase::Live | Phase::Leaving | Phase::Left) => true,
        };
        if local_tag != self.local_tag || notify.get(Name::CallId) != Some(&self.call_id) || !is_expected {
            return Err(Refusal::UnknownSubscription);
        }
        let event = notify.get(Name::Event).and_then(|value| EventHeader::parse(value).ok());
        let ours = EventHeader::parse(&self.watch.event).ok();
        match (event, ours) {
            (Some(event), Some(ours)) if event.package != ours.package => return Err(Refusal::BadEvent),
            (Some(event), Some(ours)) if event.id() != ours.id() => return Err(Refusal::UnknownSubscription),
            (Some(_), Some(_)) => {}
            (None, _) | (_, None) => return Err(Refusal::BadEvent),
        }
        let cseq = notify.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok());
        let cseq = cseq.ok_or(Refusal::OutOfOrder)?.number;
        if self.dialog.as_ref().is_some_and(|dialog| !dialog.is_next(cseq)) {
            return Err(Refusal::OutOfOrder);
        }
        let state = notify.get(Name::SubscriptionState).ok_or(Refusal::NoState)?;
        let state = SubscriptionState::parse(state).map_err(|_| Refusal::NoState)?;
        let seconds = |seconds: Option<u32>| seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
        Ok(Accepted {
            state: match state.state {
                name if name.eq_ignore_ascii_case("active") => State::Active,
                name if name.eq_ignore_ascii_case("pending") => State::Pending,
                name if name.eq_ignore_ascii_case("terminated") => State::Terminated,
                _ => return Err(Refusal::NoState),
            },
            expires: seconds(state.expires()),
            reason: state.reason(),
            retry_after: seconds(state.retry_after()),
            cseq,
            remote_tag,
            document: self.document(notify)?,
        })
    }

    fn document(&self, notify: &Message<'_>) -> Result<Option<Document>, Refusal> {
        let body = notify.body();
        if body.is_empty() {
            return Ok(None);
        }
        let refusal = || Refusal::UnsupportedBody { accept: self.watch.accept.join(", ") };
        let content_type = notify.get(Name::ContentType).ok_or_else(refusal)?;
        let media_type = MediaType::parse(content_type).map_err(|_| refusal())?;
        let is_it = |accepted: &String| {
            accepted.split_once('/').is_some_and(|(kind, subtype)| media_type.is(kind, subtype))
        };
        if !self.watch.accept.iter().any(is_it) {
            return Err(refusal());
        }
        Ok(Some(Document { content_type: content_type.to_owned(), body: body.into() }))
    }

    /// The subscription is there, from now or still.
    fn lives(&mut self, now: Timestamp, accepted: &Accepted<'_>, endpoint: &mut Endpoint) {
        if self.watch.is_fetch() {
            return; // the notifier should have ended it at once, RFC 6665 §4.4.3: Timer N ends the wait
        }
        match self.phase {
            Phase::NotifyWait => {
                self.phase = Phase::Live;
                self.live_since = Some(now);
            }
            Phase::Leaving => self.next_at = Some(now), // there is a dialog to unsubscribe in at last
            Phase::Idle | Phase::Live | Phase::Left | Phase::Over => {}
        }
        let Some(expires) = accepted.expires else { return };
        let asked = self.in_flight.as_mut().filter(|in_flight| in_flight.transaction.is_open());
        let is_answer = asked.is_some();
        if let Some(in_flight) = asked {
            in_flight.outranked = true;
        }
        if self.phase != Phase::Live {
            return;
        }
        // What is left is told in whole seconds: a difference of that much moves nothing.
        let told = now + expires;
        let moved = self
            .expires_at
            .is_none_or(|known| known.since(told).max(told.since(known)) > Duration::from_secs(2));
        if is_answer || moved {
            self.live_until(now, expires, endpoint);
        }
    }

    fn terminated(
        &mut self,
        now: Timestamp,
        accepted: &Accepted<'_>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        if matches!(self.phase, Phase::Leaving | Phase::Left) {
            return self.end(Termination::Unsubscribed);
        }
        let reason = accepted.reason.unwrap_or_default();
        let is_first = self.is_first_loss(now);
        match next(reason, accepted.retry_after) {
            Next::Never => self.end(Termination::Ended { reason: reason.to_ascii_lowercase() }),
            Next::Now | Next::After(_) if self.watch.is_fetch() => self.end(Termination::Fetched),
            Next::Now if is_first => {
                // A notifier that ends every subscription at once must not make us send without pause.
                let _ = self.backoff.next(endpoint.random());
                self.resubscribe(now)
            }
            Next::Now => {
                let at = now + self.backoff.next(endpoint.random());
                self.resubscribe(at)
            }
            Next::After(wait) => {
                let backoff = self.backoff.next(endpoint.random());
                self.resubscribe(now + wait.map_or(backoff, |wait| wait.max(backoff)))
            }
        }
    }

    fn resubscribe(&mut self, at: Timestamp) -> Vec<Effect<Report>> {
        self.idle_until(at);
        vec![Effect::Report(Report::Resubscribing { at })]
    }
}

/// What each reason asks for, RFC 6665 §4.1.3; `probation`, `giveup`, unknown ones and none at all: another try later.
fn next(reason: &str, retry_after: Option<Duration>) -> Next {
    match reason.to_ascii_lowercase().as_str() {
        "deactivated" | "timeout" => Next::Now, // Retry-After means nothing here
        "rejected" | "noresource" | "invariant" => Next::Never,
        _ => Next::After(retry_after),
    }
}
