//! What all requests of one user agent have in common: who it is, where it is reached, what it proves itself with.

use core::time::Duration;
use std::sync::Arc;

use sip::{Aor, Message, Name, RetryAfter, Writer, delta_seconds};

use crate::client_transaction::{ClientTransaction, Timers};
use crate::dialog::LocalTag;
use crate::digest_client::{Account, DigestClient, Outcome};
use crate::flow::{Flow, Protocol};
use crate::mac::Random;
use crate::time::Timestamp;

/// A user agent as it presents itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The user: From, and Contact's user part.
    pub aor: Aor,
    /// Our host and port as peers reach them, for Via and Contact: `192.0.2.7:5060`, `[2001:db8::7]:5060`.
    pub sent_by: String,
    /// What requests go over.
    pub protocol: Protocol,
    /// The URI of an outbound proxy, where requests outside a dialog go first (RFC 3261 §8.1.2).
    pub outbound: Option<String>,
    /// Username and password, if the user has one.
    pub account: Option<Account>,
    /// The User-Agent field.
    pub user_agent: String,
    /// RFC 3261 §17.1.1.1.
    pub timers: Timers,
    /// Set if it is one of many behind the same sockets.
    pub hosted: Option<Hosted>,
}

/// A user agent among many in one node. Its subscriptions ask for places (RFC 3263) before they write a request, and each
/// request goes from and to what its place says; `sent_by`, `protocol` and Contact of the settings are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosted {
    /// What its tags begin with, so that NOTIFYs find it.
    pub partition: u16,
    /// What its branches begin with, so that responses find it; 16 hexadecimal digits follow.
    pub branch: Arc<str>,
}

/// A place where a request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// How it goes there.
    pub flow: Flow,
    /// Our host and port on it, for Via and Contact.
    pub sent_by: Arc<str>,
}

/// One body with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Arc<[u8]>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A final response that a retry would not change.
    Refused {
        /// Its status.
        status: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// A final response that says "not now".
    Unavailable {
        /// Its status.
        status: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// The username or the password is wrong.
    WrongPassword,
    /// A password is asked for that we do not have, or in a way we do not know.
    Unanswerable,
    /// No answer: Timer F, or the subscription ran out while there was none.
    TimedOut,
    /// A SUBSCRIBE was accepted, and no NOTIFY followed: Timer N, RFC 6665 §4.1.2.4.
    Untold,
    /// The message could not be sent, or its connection was lost.
    Unreachable,
}

/// What became of a request.
pub(crate) enum Verdict {
    Success,
    /// The same once more: there is an answer to the challenge now.
    Retry,
    /// The same with a lifetime of at least this.
    TooBrief(Duration),
    /// The same later; not before this has passed, if the server said so.
    Later(Failure, Option<Duration>),
    /// Not again.
    Never(Failure),
}

impl Verdict {
    /// Challenges in a row that are answered before we take it that no answer will do.
    const CHALLENGES: u8 = 4;

    /// The verdict, or the end of a row of challenges: a server that calls every nonce stale must not make us send
    /// without pause.
    pub(crate) fn within(self, challenges: &mut u8) -> Self {
        match self {
            Self::Retry if *challenges >= Self::CHALLENGES => {
                *challenges = 0;
                Self::Never(Failure::WrongPassword)
            }
            Self::Retry => {
                *challenges += 1;
                self
            }
            Self::Success | Self::TooBrief(_) | Self::Later(..) | Self::Never(_) => {
                *challenges = 0;
                self
            }
        }
    }
}

/// A request to be written; lines that every request needs are added.
pub(crate) struct Outline<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub to: &'a str,
    pub to_tag: Option<&'a str>,
    pub from_tag: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub routes: &'a [String],
    pub fields: &'a [(Name, String)],
    pub body: Option<(&'a str, &'a [u8])>,
    /// Whether the request can make a dialog and so needs a Contact, RFC 3261 §8.1.1.8.
    pub contact: bool,
    /// Where it goes, if that is known.
    pub way: Option<&'a Way>,
}

/// A request that was written: its transaction, and whether it bore credentials.
pub(crate) struct Sent {
    pub transaction: ClientTransaction,
    pub message: Arc<[u8]>,
    pub answered: bool,
}

/// The part of a user agent that its publications and subscriptions share.
#[derive(Debug)]
pub struct Endpoint {
    pub(crate) settings: Settings,
    digest: DigestClient,
    random: Random,
}

impl Endpoint {
    /// `seed` must not be used twice: tags and Call-IDs follow from it.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let digest = DigestClient::new(settings.account.clone());
        Self { settings, digest, random: Random::new(seed) }
    }

    /// Presents itself so from now on. For an endpoint without anything under way: what is in a dialog goes on as it began.
    pub fn adopt(&mut self, settings: Settings) {
        self.digest = DigestClient::new(settings.account.clone());
        self.settings = settings;
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// A tag of ours that was never used.
    pub(crate) fn tag(&mut self) -> String {
        match &self.settings.hosted {
            Some(hosted) => {
                LocalTag { partition: hosted.partition, number: self.random.number() }.to_string()
            }
            None => self.random.token(),
        }
    }

    /// Writes a request and opens its transaction.
    pub(crate) fn send(&mut self, now: Timestamp, outline: &Outline<'_>) -> Sent {
        let beginning = self.settings.hosted.as_ref().map_or("z9hG4bK", |hosted| &hosted.branch);
        let branch = format!("{beginning}{}", self.random.token()); // RFC 3261 §8.1.1.7
        let mut message = Vec::with_capacity(1024);
        let answered = self.print(outline, &branch, &mut message);
        let message: Arc<[u8]> = message.into();
        let Settings { timers, protocol, .. } = self.settings;
        let protocol = outline.way.map_or(protocol, |way| way.flow.protocol);
        let transaction =
            ClientTransaction::new(now, branch, message.clone(), timers, protocol.is_reliable());
        Sent { transaction, message, answered }
    }

    fn print(&mut self, outline: &Outline<'_>, branch: &str, out: &mut Vec<u8>) -> bool {
        let Outline { method, uri, .. } = *outline;
        let settings = &self.settings;
        let mut writer = Writer::request(out, method, uri);
        let (protocol, sent_by) = match outline.way {
            Some(way) => (way.flow.protocol, &*way.sent_by),
            None => (settings.protocol, settings.sent_by.as_str()),
        };
        let via = protocol.via();
        writer.display(Name::Via, format_args!("SIP/2.0/{via} {sent_by};branch={branch};rport"));
        writer.number(Name::MaxForwards, 70);
        writer.display(Name::From, format_args!("<{}>;tag={}", settings.aor.as_str(), outline.from_tag));
        match outline.to_tag {
            Some(tag) => writer.display(Name::To, format_args!("<{}>;tag={tag}", outline.to)),
            None => writer.display(Name::To, format_args!("<{}>", outline.to)),
        };
        writer.field(Name::CallId, outline.call_id);
        writer.display(Name::CSeq, format_args!("{} {method}", outline.cseq));
        if outline.contact {
            match outline.way {
                Some(_) => writer.field(Name::Contact, &contact(None, sent_by, protocol)),
                None => writer.field(Name::Contact, &settings.contact()),
            };
        }
        for route in outline.routes {
            writer.field(Name::Route, route);
        }
        for (name, value) in outline.fields {
            writer.field(*name, value);
        }
        writer.field(Name::UserAgent, &settings.user_agent);
        let answered = self.digest.authorize(method, uri, &mut self.random, &mut writer);
        if let Some((content_type, _)) = outline.body {
            writer.field(Name::ContentType, content_type);
        }
        writer.finish(outline.body.map_or(&[], |(_, body)| body));
        answered
    }

    /// What a final response means, whatever the method. `answered`: the request bore credentials.
    pub(crate) fn judge(&mut self, response: &Message<'_>, answered: bool) -> Verdict {
        let status = response.status().unwrap_or_default();
        let reason = || {
            let phrase = match response.start() {
                sip::Start::Response { reason, .. } if !reason.is_empty() => reason,
                sip::Start::Response { .. } | sip::Start::Request { .. } => sip::reason(status),
            };
            warning(response).map_or_else(|| phrase.to_owned(), |text| format!("{phrase} ({text})"))
        };
        match status {
            200..=299 => Verdict::Success,
            401 | 407 => match self.digest.challenged(response, answered) {
                Outcome::Retry => Verdict::Retry,
                Outcome::Refused => Verdict::Never(Failure::WrongPassword),
                Outcome::Unanswerable => Verdict::Never(Failure::Unanswerable),
            },
            423 => match response.get(Name::MinExpires).and_then(|value| delta_seconds(value).ok()) {
                Some(least) => Verdict::TooBrief(Duration::from_secs(u64::from(least))),
                None => Verdict::Never(Failure::Refused { status, reason: reason() }),
            },
            // 408 is what a timeout looks like from an element that does not know RFC 4320 §4.2.
            408 | 480 | 491 | 500 | 502..=504 | 580..=599 => {
                Verdict::Later(Failure::Unavailable { status, reason: reason() }, retry_after(response))
            }
            _ => Verdict::Never(Failure::Refused { status, reason: reason() }),
        }
    }
}

/// The text of the first Warning, which is for people: `399 agent "text"`, RFC 3261 §20.43.
fn warning(response: &Message<'_>) -> Option<String> {
    let text = response.values(Name::Warning).next()?.splitn(3, ' ').nth(2)?;
    let text = sip::unquote(text);
    (!text.is_empty()).then(|| text.into_owned())
}

impl Settings {
    /// The Contact value: where requests in our dialogs are to be sent.
    pub(crate) fn contact(&self) -> String {
        let user = self.aor.as_str().strip_prefix("sip:").and_then(|rest| rest.split_once('@'));
        contact(user.map(|(user, _)| user), &self.sent_by, self.protocol)
    }
}

fn contact(user: Option<&str>, sent_by: &str, protocol: Protocol) -> String {
    let transport = if protocol == Protocol::Tcp { ";transport=tcp" } else { "" };
    match user {
        Some(user) => format!("<sip:{user}@{sent_by}{transport}>"),
        None => format!("<sip:{sent_by}{transport}>"),
    }
}

/// Retry-After of a response, RFC 3261 §20.33.
fn retry_after(response: &Message<'_>) -> Option<Duration> {
    let value = RetryAfter::parse(response.get(Name::RetryAfter)?).ok()?;
    Some(Duration::from_secs(u64::from(value.seconds)))
}

/// When a state that lives for `lifetime` is refreshed: early enough for one more attempt after a first one timed out,
/// never before half of it, and not all at one moment after a server's restart.
pub(crate) fn refresh_at(
    now: Timestamp,
    lifetime: Duration,
    timers: &Timers,
    random: &mut Random,
) -> Timestamp {
    let margin = (timers.patience() + timers.t2).max(lifetime / 10).min(lifetime / 2);
    let jitter = random.below(u64::try_from(margin.as_millis() / 4).unwrap_or(u64::MAX));
    now + (lifetime - margin).saturating_sub(Duration::from_millis(jitter)).max(lifetime / 2)
}

/// Waits after failures: twice as long each time up to five minutes, each between half and the whole of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(2);
    pub(crate) const LONGEST: Duration = Duration::from_secs(300);

    pub(crate) fn next(&mut self, random: &mut Random) -> Duration {
        let wait = Self::FIRST.saturating_mul(1 << self.failures.min(20)).min(Self::LONGEST);
        self.failures += 1;
        let half = u64::try_from(wait.as_millis() / 2).expect("five minutes fit");
        Duration::from_millis(half + random.below(half + 1))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn is_fresh(self) -> bool {
        self.failures == 0
    }
}
