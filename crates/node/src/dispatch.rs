//! Which request goes to which role: every pair of method and event package that we answer stands here.

use ::presence::Refusal;
use sip::{Aor, EventHeader, Message, Method, Name, Uri, Writer};
use sip_stack::Timestamp;
use sip_stack::auth::Caller;
use sip_stack::{compositor, subscriber, subscriptions};

use crate::effects::Effects;
use crate::metrics::Metrics;
use crate::owners::Role;
use crate::shard::{Asked, Shard};
use xdm::changes;

mod following;
mod lists;
mod presence;
mod subscribing;

/// The methods that this node answers.
const ALLOW: &str = "OPTIONS, PUBLISH, SUBSCRIBE";
/// The same of a node that subscribes itself.
const ALLOW_NOTIFY: &str = "NOTIFY, OPTIONS, PUBLISH, SUBSCRIBE";

/// An event package that this node serves.
struct Package {
    name: &'static str,
    /// Who answers a SUBSCRIBE.
    subscribe: Role,
    /// Who answers a PUBLISH, if anybody does.
    publish: Option<Role>,
    /// Whether lists may be subscribed to with it.
    is_listed: bool,
    /// What a NOTIFY may hold: a SUBSCRIBE accepts it by saying nothing, or by name.
    body: &'static str,
}

/// The event packages that this node serves, if it plays the role.
const PACKAGES: [Package; 5] = [
    Package {
        name: ::presence::PACKAGES[0],
        subscribe: Role::Presence,
        publish: Some(Role::Presence),
        is_listed: true,
        body: ::presence::refusal::PIDF, // RFC 3856 §6.5
    },
    Package { is_listed: true, ..winfo(::presence::PACKAGES[1]) },
    winfo(::presence::PACKAGES[2]),
    Package {
        name: changes::PACKAGE,
        subscribe: Role::Changes,
        publish: None,
        is_listed: false,
        body: changes::BODY, // RFC 5875 §4.4
    },
    Package {
        name: changes::OLD_PACKAGE,
        subscribe: Role::Changes,
        publish: None,
        is_listed: false,
        body: changes::BODY,
    },
];

/// Watcher information of the package before, RFC 3857.
const fn winfo(name: &'static str) -> Package {
    let (subscribe, publish, is_listed) = (Role::Presence, None, false);
    Package { name, subscribe, publish, is_listed, body: ::presence::refusal::WATCHER_INFORMATION }
}

/// Why the node itself does not take a request, before any role sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The method is none of ours; those that are.
    Method(&'static str),
    /// A CANCEL for nothing, or an in-dialog request without a dialog.
    NoTransaction,
    /// The Request-URI's scheme is none of ours.
    Scheme,
    /// The Request-URI is of no domain of ours.
    NotOurs,
    /// Extensions that the request requires and we lack.
    Extension(String),
    /// The Event field is missing or names a package that we lack; those that we have.
    Event(String),
    /// A field that cannot be read, or says something else than it may: the phrase says which, RFC 3261 §21.4.1.
    Field(&'static str),
    /// A body where none is understood.
    Body,
    /// The subscriber reads nothing that the package says.
    NotAcceptable,
    /// A limit of the shard is reached.
    Full,
    /// The caller is not entitled to the function.
    NotEntitled,
    /// The watcher has as many subscriptions as it may have in all.
    WatcherFull,
    /// Rows do not reach the disk.
    Storage,
    /// The documents that decide cannot be read.
    Documents,
    /// What holds for every SUBSCRIBE.
    Subscription(subscriptions::Refusal),
    /// The Presence Server's own reasons.
    Presence(Refusal),
    /// The Resource List Server's own reasons.
    List(rls::Refusal),
    /// The document servers' own reasons.
    Changes(changes::Refusal),
    /// Why a NOTIFY is not taken.
    Notify(subscriber::Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Presence(refusal)
    }
}

impl From<rls::Refusal> for Refused {
    fn from(refusal: rls::Refusal) -> Self {
        Self::List(refusal)
    }
}

impl From<subscriber::Refusal> for Refused {
    fn from(refusal: subscriber::Refusal) -> Self {
        Self::Notify(refusal)
    }
}

impl From<changes::Refusal> for Refused {
    fn from(refusal: changes::Refusal) -> Self {
        Self::Changes(refusal)
    }
}

impl From<subscriptions::Refusal> for Refused {
    fn from(refusal: subscriptions::Refusal) -> Self {
        Self::Subscription(refusal)
    }
}

impl Refused {
    /// The one place that names these codes.
    fn status(&self) -> u16 {
        match self {
            Self::Method(_) => 405,     // RFC 3261 §8.2.1
            Self::NoTransaction => 481, // RFC 3261 §9.2, §12.2.2
            Self::Scheme => 416,        // RFC 3261 §8.2.2.1
            Self::NotOurs => 404,       // RFC 3903 §6 step 1
            Self::Extension(_) => 420,  // RFC 3261 §8.2.2.3
            Self::Event(_) => 489,      // RFC 3903 §6 step 2, RFC 6665 §4.2.1.1
            Self::Field(_) => 400,
            Self::Body => 415,                   // RFC 3261 §8.2.3
            Self::NotAcceptable => 406,          // RFC 3261 §21.4.7
            Self::Full | Self::Documents => 503, // RFC 3261 §21.5.4
            Self::Storage => 500,
            Self::NotEntitled => 403, // OMA PRS §4.8
            Self::WatcherFull => 480, // as where a presentity has enough watchers; 403 would speak of the presentity
            Self::Subscription(refusal) => refusal.status(),
            Self::Presence(refusal) => refusal.status(),
            Self::List(refusal) => refusal.status(),
            Self::Changes(refusal) => refusal.status(),
            Self::Notify(refusal) => refusal.status(),
        }
    }

    /// A reason phrase other than the status's own, or nothing.
    fn phrase(&self) -> &'static str {
        match self {
            Self::Subscription(refusal) => refusal.phrase(),
            Self::Presence(refusal) => refusal.phrase(),
            Self::List(refusal) => refusal.phrase(),
            Self::Changes(refusal) => refusal.phrase(),
            Self::WatcherFull => "Too Many Subscriptions",
            Self::Field(phrase) => phrase,
            _ => "",
        }
    }

    /// What counts how often this was in the way, if it is a limit or an entitlement.
    fn limit<'a>(&self, metrics: &'a mut Metrics) -> Option<&'a mut u64> {
        match self {
            Self::NotEntitled => Some(&mut metrics.requests_not_entitled),
            Self::WatcherFull => Some(&mut metrics.limit_reached_watcher_subscriptions),
            Self::Presence(Refusal::Publication(compositor::Refusal::TooMany)) => {
                Some(&mut metrics.limit_reached_publications)
            }
            Self::Presence(Refusal::SourceFull) => Some(&mut metrics.limit_reached_source_publications),
            Self::Presence(Refusal::Subscription(subscriptions::Refusal::TooMany)) => {
                Some(&mut metrics.limit_reached_watchers)
            }
            _ => None,
        }
    }

    fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::Method(allowed) => {
                response.field(Name::Allow, allowed);
            }
            Self::Extension(tags) => {
                response.field(Name::Unsupported, tags);
            }
            Self::Event(allowed) => {
                response.field(Name::AllowEvents, allowed);
            }
            Self::Body => {
                response.field(Name::Accept, ""); // none at all, RFC 3261 §20.1
            }
            Self::Full | Self::WatcherFull | Self::Storage | Self::Documents => {
                response.number(Name::RetryAfter, subscriptions::RETRY_AFTER.as_secs());
            }
            Self::Subscription(refusal) => refusal.print(response),
            Self::Presence(refusal) => refusal.print(response),
            Self::List(refusal) => refusal.print(response),
            Self::Changes(refusal) => refusal.print(response),
            Self::Notify(subscriber::Refusal::UnsupportedBody { accept }) => {
                response.field(Name::Accept, accept);
            }
            Self::Notify(subscriber::Refusal::BadEvent) => {
                response.field(Name::AllowEvents, ::presence::PACKAGES[0]);
            }
            Self::NotEntitled
            | Self::NoTransaction
            | Self::Scheme
            | Self::NotOurs
            | Self::NotAcceptable
            | Self::Field(_)
            | Self::Notify(_) => {}
        }
    }
}

impl Shard {
    /// Answers a request that was not seen before.
    pub(crate) fn dispatch(&mut self, now: Timestamp, asked: Asked<'_>, out: &mut Effects) {
        let served = match asked.method {
            Method::Publish | Method::Subscribe => self.authenticated(now, &asked, out),
            Method::Options => self.options(now, &asked, out),
            Method::Cancel => self.cancel(now, &asked, out),
            Method::Notify => self.notified(now, &asked, out),
            Method::Bye | Method::Update | Method::Prack => Err(Refused::NoTransaction),
            Method::Register
            | Method::Message
            | Method::Invite
            | Method::Ack
            | Method::Info
            | Method::Refer
            | Method::Other(_) => Err(Refused::Method(self.allow())),
        };
        if let Err(refused) = served {
            self.refuse(now, &asked, &refused, out);
        }
    }

    pub(crate) fn refuse(&mut self, now: Timestamp, asked: &Asked<'_>, refused: &Refused, out: &mut Effects) {
        match asked.method {
            Method::Publish => self.metrics.publish_refused += 1,
            Method::Subscribe => self.metrics.subscribe_refused += 1,
            _ => {}
        }
        if let Some(limit) = refused.limit(&mut self.metrics) {
            *limit += 1;
        }
        if matches!(refused, Refused::Full | Refused::Storage | Refused::Documents) {
            self.metrics.overload_refused += 1;
        }
        self.answer(now, asked, out, |bytes| {
            let tag = asked.key.stateless_tag();
            let source = Some(asked.flow.remote);
            let (status, phrase) = (refused.status(), refused.phrase());
            let mut response =
                sip::respond_with(bytes, asked.request, status, phrase, source, Some(tag.as_str()));
            refused.print(&mut response);
            response.finish(&[]);
        });
    }

    /// Answers a request of a role, once it is known who asks.
    pub(crate) fn serve(&mut self, now: Timestamp, asked: &Asked<'_>, caller: &Caller, out: &mut Effects) {
        let served = match asked.method {
            Method::Publish => self.publish(now, asked, caller, out),
            _ => self.subscribe(now, asked, caller, out),
        };
        if let Err(refused) = served {
            self.refuse(now, asked, &refused, out);
        }
    }

    /// Checks that hold for every request that a role answers, then who asks; then the role has it.
    fn authenticated(&mut self, now: Timestamp, asked: &Asked<'_>, out: &mut Effects) -> Result<(), Refused> {
        self.check_extensions(asked.request)?;
        match self.authenticator.authenticate(now, &asked.flow, asked.request) {
            Ok(caller) => {
                self.serve(now, asked, &caller, out);
                Ok(())
            }
            Err(challenge) => {
                self.metrics.challenges += 1;
                let tag = asked.key.stateless_tag();
                // Not kept: an unproven caller costs no memory, and a retransmission is challenged alike.
                self.metrics.messages_sent += 1;
                out.send(asked.back, None, |bytes| {
                    let source = Some(asked.flow.remote);
                    let mut response =
                        sip::respond(bytes, asked.request, challenge.status(), source, Some(tag.as_str()));
                    challenge.write(&mut response);
                    response.finish(&[]);
                });
                Ok(())
            }
        }
    }

    fn options(&mut self, now: Timestamp, asked: &Asked<'_>, out: &mut Effects) -> Result<(), Refused> {
        self.check_extensions(asked.request)?;
        let extensions = self.extensions().join(", ");
        let tag = asked.key.stateless_tag();
        let (methods, allowed) = (self.allow(), self.allow_events());
        self.answer(now, asked, out, |bytes| {
            let mut response =
                sip::respond(bytes, asked.request, 200, Some(asked.flow.remote), Some(tag.as_str()));
            response.field(Name::Allow, methods);
            response.field(Name::AllowEvents, &allowed);
            response.field(Name::Accept, ::presence::refusal::PIDF);
            response.field(Name::AcceptEncoding, ::presence::refusal::CODINGS);
            response.field(Name::AcceptLanguage, "*"); // notes are carried in any
            response.field(Name::Supported, &extensions); // also if there is none, RFC 3261 §20.37
            response.finish(&[]);
        });
        Ok(())
    }

    /// Everything is answered at once, so there is nothing left to cancel: 200 where there was something, RFC 3261 §9.2.
    fn cancel(&mut self, now: Timestamp, asked: &Asked<'_>, out: &mut Effects) -> Result<(), Refused> {
        if !asked.request.via().is_some_and(|(via, _)| self.answers.cancels(now, asked.request, &via)) {
            return Err(Refused::NoTransaction);
        }
        let tag = asked.key.stateless_tag();
        self.answer(now, asked, out, |bytes| {
            sip::respond(bytes, asked.request, 200, Some(asked.flow.remote), Some(tag.as_str())).finish(&[]);
        });
        Ok(())
    }

    /// The methods that we answer.
    fn allow(&self) -> &'static str {
        let subscribes = self.settings.lists.as_ref().is_some_and(|lists| !lists.foreign.peers.is_empty());
        if subscribes { ALLOW_NOTIFY } else { ALLOW }
    }

    /// The extensions that we understand.
    fn extensions(&self) -> &'static [&'static str] {
        const LISTS: &[&str] = &[rls::refusal::EVENTLIST, rls::refusal::RECIPIENT_LIST_SUBSCRIBE];
        match &self.settings.lists {
            Some(lists) if lists.server.is_some() => LISTS,
            Some(_) => &LISTS[..1],
            None => &[],
        }
    }

    /// All extensions that a request requires must be ours, RFC 3261 §8.2.2.3.
    fn check_extensions(&self, request: &Message<'_>) -> Result<(), Refused> {
        let ours = self.extensions();
        let is_ours = |tag: &&str| ours.iter().any(|own| own.eq_ignore_ascii_case(tag));
        let lacking: Vec<&str> = request.values(Name::Require).filter(|tag| !is_ours(tag)).collect();
        if lacking.is_empty() { Ok(()) } else { Err(Refused::Extension(lacking.join(", "))) }
    }

    /// The event packages that this node serves.
    fn packages(&self) -> impl Iterator<Item = &'static Package> {
        PACKAGES.iter().filter(|package| self.settings.plays(package.subscribe))
    }

    /// Their names, as an Allow-Events field tells them.
    fn allow_events(&self) -> String {
        self.packages().map(|package| package.name).collect::<Vec<_>>().join(", ")
    }

    /// The Event field, and the package of ours that it names.
    fn event<'a>(
        &self,
        request: &Message<'a>,
    ) -> Result<(&'a str, EventHeader<'a>, &'static Package), Refused> {
        let refused = || Refused::Event(self.allow_events());
        let value = request.get(Name::Event).ok_or_else(refused)?;
        let event = EventHeader::parse(value).map_err(|_| refused())?;
        let package = self.packages().find(|package| event.is(package.name)).ok_or_else(refused)?;
        Ok((value, event, package))
    }

    /// The presentity that the Request-URI names, if it is one of our domains.
    fn our_aor(&self, request: &Message<'_>) -> Result<Aor, Refused> {
        let text = request.uri().unwrap_or_default();
        let aor = match Aor::canonical(text) {
            Some(aor) => aor,
            None => {
                let uri = Uri::parse(text).map_err(|_| Refused::Field("Bad Request-URI"))?;
                if matches!(uri, Uri::Other { .. }) {
                    return Err(Refused::Scheme);
                }
                Aor::of(&uri).ok_or(Refused::NotOurs)?
            }
        };
        self.ours(aor)
    }

    /// A user, if it is of one of our domains.
    fn ours(&self, aor: Aor) -> Result<Aor, Refused> {
        match aor.domain() {
            Some(domain) if !self.settings.domains.iter().any(|own| own == domain) => Err(Refused::NotOurs),
            _ => Ok(aor),
        }
    }
}

fn expires(request: &Message<'_>) -> Result<Option<u32>, Refused> {
    let value = request.get(Name::Expires).map(sip::delta_seconds).transpose();
    value.map_err(|_| Refused::Field("Bad Expires"))
}
