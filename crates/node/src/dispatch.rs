//! Which request goes to which role: every pair of method and event package that we answer stands here.

use presence::{Publish, Refresh, Refusal, Subscribe};
use sip::{Aor, CSeq, EventHeader, Message, Method, Name, Uri, Via, Writer};
use sip_stack::Timestamp;
use sip_stack::auth::Caller;
use sip_stack::compositor::{EntityTag, Operation};
use sip_stack::dialog::{Dialog, LocalTag};

use crate::door::to_tag;
use crate::effects::Effects;
use crate::record::Partition;
use crate::shard::{Asked, Shard, Storage};

/// The methods that this node answers.
const ALLOW: &str = "OPTIONS, PUBLISH, SUBSCRIBE";
/// The event packages that this node serves.
const ALLOW_EVENTS: &str = "presence";
const PRESENCE: &str = "presence";

/// Why the node itself does not take a request, before any role sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refused {
    /// The method is none of ours.
    Method,
    /// A CANCEL for nothing, or an in-dialog request without a dialog.
    NoTransaction,
    /// The Request-URI's scheme is none of ours.
    Scheme,
    /// The Request-URI is of no domain of ours.
    NotOurs,
    /// Extensions that the request requires and we lack.
    Extension(String),
    /// The Event field is missing or names a package that we lack.
    Event,
    /// SIP-If-Match without exactly one entity-tag, or a field that cannot be read.
    Field(&'static str),
    /// A body where none is understood.
    Body,
    /// A limit of the shard is reached.
    Full,
    /// Rows do not reach the disk.
    Storage,
    /// The Presence Server's own reasons.
    Presence(Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Presence(refusal)
    }
}

impl Refused {
    /// The one place that names these codes.
    fn status(&self) -> u16 {
        match self {
            Self::Method => 405,        // RFC 3261 §8.2.1
            Self::NoTransaction => 481, // RFC 3261 §9.2, §12.2.2
            Self::Scheme => 416,        // RFC 3261 §8.2.2.1
            Self::NotOurs => 404,       // RFC 3903 §6 step 1
            Self::Extension(_) => 420,  // RFC 3261 §8.2.2.3
            Self::Event => 489,         // RFC 3903 §6 step 2, RFC 6665 §4.2.1.1
            Self::Field(_) => 400,
            Self::Body => 415, // RFC 3261 §8.2.3
            Self::Full => 503,
            Self::Storage => 500,
            Self::Presence(refusal) => refusal.status(),
        }
    }

    /// A reason phrase other than the status's own, or nothing.
    fn phrase(&self) -> &'static str {
        if let Self::Presence(refusal) = self { refusal.phrase() } else { "" }
    }

    fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::Method => {
                response.field(Name::Allow, ALLOW);
            }
            Self::Extension(tags) => {
                response.field(Name::Unsupported, tags);
            }
            Self::Event => {
                response.field(Name::AllowEvents, ALLOW_EVENTS);
            }
            Self::Body => {
                response.field(Name::Accept, ""); // none at all, RFC 3261 §20.1
            }
            Self::Full | Self::Storage => {
                response.number(Name::RetryAfter, presence::refusal::RETRY_AFTER.as_secs());
            }
            Self::Presence(refusal) => refusal.print(response),
            Self::NoTransaction | Self::Scheme | Self::NotOurs | Self::Field(_) => {}
        }
    }
}

impl Shard {
    /// Answers a request that was not seen before.
    pub(crate) fn dispatch(&mut self, now: Timestamp, asked: Asked<'_>, out: &mut Effects) {
        let served = match asked.method {
            Method::Publish => self.authenticated(now, &asked, out, Self::publish),
            Method::Subscribe => self.authenticated(now, &asked, out, Self::subscribe),
            Method::Options => self.options(now, &asked, out),
            Method::Cancel => self.cancel(now, &asked, out),
            Method::Bye | Method::Notify | Method::Update | Method::Prack => Err(Refused::NoTransaction),
            Method::Register
            | Method::Message
            | Method::Invite
            | Method::Ack
            | Method::Info
            | Method::Refer
            | Method::Other(_) => Err(Refused::Method),
        };
        if let Err(refused) = served {
            self.refuse(now, &asked, &refused, out);
        }
    }

    fn refuse(&mut self, now: Timestamp, asked: &Asked<'_>, refused: &Refused, out: &mut Effects) {
        match asked.method {
            Method::Publish => self.metrics.publish_refused += 1,
            Method::Subscribe => self.metrics.subscribe_refused += 1,
            _ => {}
        }
        if matches!(refused, Refused::Full | Refused::Storage) {
            self.metrics.overload_refused += 1;
        }
        self.answer(now, asked, out, |bytes| {
            let tag = asked.key.stateless_tag();
            let source = Some(asked.flow.remote);
            let (status, phrase) = (refused.status(), refused.phrase());
            let mut response = sip::respond_with(bytes, asked.request, status, phrase, source, Some(&tag));
            refused.print(&mut response);
            response.finish(&[]);
        });
    }

    /// Checks that hold for every request that a role answers, then who asks; then `serve`.
    fn authenticated(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        out: &mut Effects,
        serve: impl FnOnce(&mut Self, Timestamp, &Asked<'_>, &Caller, &mut Effects) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        check_extensions(asked.request)?;
        match self.authenticator.authenticate(now, &asked.flow, asked.request) {
            Ok(caller) => serve(self, now, asked, &caller, out),
            Err(challenge) => {
                self.metrics.challenges += 1;
                let tag = asked.key.stateless_tag();
                // Not kept: an unproven caller costs no memory, and a retransmission is challenged alike.
                self.metrics.messages_sent += 1;
                out.send(asked.back, None, |bytes| {
                    let source = Some(asked.flow.remote);
                    let mut response =
                        sip::respond(bytes, asked.request, challenge.status(), source, Some(&tag));
                    challenge.write(&mut response);
                    response.finish(&[]);
                });
                Ok(())
            }
        }
    }

    fn options(&mut self, now: Timestamp, asked: &Asked<'_>, out: &mut Effects) -> Result<(), Refused> {
        check_extensions(asked.request)?;
        let tag = asked.key.stateless_tag();
        self.answer(now, asked, out, |bytes| {
            let mut response = sip::respond(bytes, asked.request, 200, Some(asked.flow.remote), Some(&tag));
            response.field(Name::Allow, ALLOW);
            response.field(Name::AllowEvents, ALLOW_EVENTS);
            response.field(Name::Accept, presence::refusal::PIDF);
            response.field(Name::AcceptEncoding, presence::refusal::CODINGS);
            response.field(Name::AcceptLanguage, "*"); // notes are carried in any
            response.field(Name::Supported, ""); // no extensions, RFC 3261 §20.37
            response.finish(&[]);
        });
        Ok(())
    }

    /// Everything is answered at once, so there is nothing left to cancel: 200 where there was something, RFC 3261 §9.2.
    fn cancel(&mut self, now: Timestamp, asked: &Asked<'_>, out: &mut Effects) -> Result<(), Refused> {
        let via = asked.request.get(Name::Via).and_then(|value| Via::parse_first(value).ok());
        if !via.is_some_and(|(via, _)| self.answers.cancels(now, asked.request, &via)) {
            return Err(Refused::NoTransaction);
        }
        let tag = asked.key.stateless_tag();
        self.answer(now, asked, out, |bytes| {
            sip::respond(bytes, asked.request, 200, Some(asked.flow.remote), Some(&tag)).finish(&[]);
        });
        Ok(())
    }

    fn publish(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        let aor = self.our_aor(request)?;
        event(request)?;
        let if_match = if_match(request)?;
        let expires = expires(request)?;
        if self.storage == Storage::Failing {
            return Err(Refused::Storage);
        }
        if !self.has_room(&aor) {
            return Err(Refused::Full);
        }
        let max = self.settings.limits.document;
        let document = presence::body::document(request, max);
        let place = self.presentity_for(&aor);
        let published = self.with(place, out, |presentity, terms, numbers, outbox| {
            let publish = Publish { identities: caller.identities(), if_match, expires, document };
            presentity.publish(now, terms, numbers, publish, outbox)
        });
        let published = published.expect("the place was made above")?;
        match published.operation {
            Operation::Initial => self.metrics.publish_initial += 1,
            Operation::Refresh => self.metrics.publish_refresh += 1,
            Operation::Modify => self.metrics.publish_modify += 1,
            Operation::Remove => self.metrics.publish_remove += 1,
        }
        let tag = asked.key.stateless_tag();
        self.answer(now, asked, out, |bytes| {
            let mut response = sip::respond(bytes, request, 200, Some(asked.flow.remote), Some(&tag));
            response.number(Name::Expires, published.lifetime.as_secs());
            response.display(Name::SipETag, published.entity_tag);
            response.finish(&[]);
        });
        Ok(())
    }

    fn subscribe(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let wish = wish(asked.request);
        match to_tag(asked.request) {
            Some(tag) => self.resubscribe(now, asked, caller, (tag, wish), out),
            None => self.initial(now, asked, caller, wish?, out),
        }
    }

    fn initial(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        (event, expires): (&str, Option<u32>),
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        let aor = self.our_aor(request)?;
        if self.storage == Storage::Failing && expires != Some(0) {
            return Err(Refused::Storage);
        }
        if !self.has_room(&aor) || !self.has_room_for_dialog() {
            return Err(Refused::Full);
        }
        let partition = Partition::of_hash(aor.stable_hash()).0;
        let local_tag = LocalTag { partition, number: self.random.draw() };
        let dialog = Dialog::accept(request, local_tag).map_err(Refusal::from)?;
        let place = self.presentity_for(&aor);
        let subscribe = Subscribe { identity: caller.aor(), dialog, flow: asked.back, event, expires };
        let granted = self.with(place, out, |presentity, terms, numbers, outbox| {
            presentity.subscribe(now, terms, numbers, subscribe, outbox)
        });
        let (lifetime, watcher) = granted.expect("the place was made above")?;
        self.opened(local_tag.number, place, watcher);
        if lifetime.is_zero() {
            self.metrics.subscribe_fetch += 1;
        } else {
            self.metrics.subscribe_initial += 1;
        }
        self.subscribed(now, asked, lifetime.as_secs(), Some(&local_tag.to_string()), out);
        Ok(())
    }

    fn resubscribe(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        (tag, wish): (&str, Result<(&str, Option<u32>), Refused>),
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        let watching = LocalTag::parse(tag).and_then(|tag| self.watching(tag.number));
        let cseq =
            request.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok()).map_or(0, |cseq| cseq.number);
        let (watching, (event, expires)) = match (watching, wish) {
            (Some(watching), Ok(wish)) => (watching, wish),
            (None, Ok(_)) => return Err(Refusal::NoSubscription.into()),
            (None, Err(refused)) => return Err(refused),
            (Some(watching), Err(refused)) => {
                let heard = self.with(watching.presentity, out, |presentity, _, _, _| {
                    presentity.hear(watching.watcher, caller.aor(), request, cseq)
                });
                let out_of_order = heard == Some(Err(Refusal::OutOfOrder));
                return Err(if out_of_order { Refusal::OutOfOrder.into() } else { refused });
            }
        };
        let refresh = Refresh { identity: caller.aor(), request, cseq, flow: asked.back, event, expires };
        let granted = self.with(watching.presentity, out, |presentity, terms, _, outbox| {
            presentity.refresh(now, terms, watching.watcher, refresh, outbox)
        });
        let lifetime = granted.ok_or(Refusal::NoSubscription)??;
        if lifetime.is_zero() {
            self.metrics.subscribe_end += 1;
        } else {
            self.metrics.subscribe_refresh += 1;
        }
        self.subscribed(now, asked, lifetime.as_secs(), None, out);
        Ok(())
    }

    fn subscribed(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        expires: u64,
        tag: Option<&str>,
        out: &mut Effects,
    ) {
        let contact = self.contact(asked.flow).to_owned();
        let request = asked.request;
        self.answer(now, asked, out, |bytes| {
            let mut response = sip::respond(bytes, request, 200, Some(asked.flow.remote), tag);
            for route in request.all(Name::RecordRoute) {
                response.field(Name::RecordRoute, route); // RFC 3261 §12.1.1
            }
            response.field(Name::Contact, &contact);
            response.number(Name::Expires, expires);
            response.finish(&[]);
        });
    }

    /// The presentity that the Request-URI names, if it is one of our domains.
    fn our_aor(&self, request: &Message<'_>) -> Result<Aor, Refused> {
        let uri = Uri::parse(request.uri().unwrap_or_default()).map_err(|_| Refused::Field("Request-URI"))?;
        if matches!(uri, Uri::Other { .. }) {
            return Err(Refused::Scheme);
        }
        let aor = Aor::of(&uri).ok_or(Refused::NotOurs)?;
        match aor.domain() {
            Some(domain) if !self.settings.domains.iter().any(|own| own == domain) => Err(Refused::NotOurs),
            _ => Ok(aor),
        }
    }
}

/// All extensions that a request requires must be ours, and none is, RFC 3261 §8.2.2.3.
fn check_extensions(request: &Message<'_>) -> Result<(), Refused> {
    let required: Vec<&str> = request.values(Name::Require).collect();
    if required.is_empty() { Ok(()) } else { Err(Refused::Extension(required.join(", "))) }
}

/// The value of the Event field, if it names a package that we serve.
fn event<'a>(request: &Message<'a>) -> Result<&'a str, Refused> {
    let value = request.get(Name::Event).ok_or(Refused::Event)?;
    let event = EventHeader::parse(value).map_err(|_| Refused::Event)?;
    if event.package.eq_ignore_ascii_case(PRESENCE) { Ok(value) } else { Err(Refused::Event) }
}

/// What a SUBSCRIBE asks for: Event and Expires.
fn wish<'a>(request: &Message<'a>) -> Result<(&'a str, Option<u32>), Refused> {
    let event = event(request)?;
    if !request.body().is_empty() && !is_optional(request) {
        return Err(Refused::Body);
    }
    if !accepts_pidf(request) {
        return Err(Refusal::NotAcceptable.into());
    }
    Ok((event, expires(request)?))
}

/// Without an Accept field, PIDF is what the package takes for granted: RFC 3856 §6.5.
fn accepts_pidf(request: &Message<'_>) -> bool {
    request.get(Name::Accept).is_none() || sip::accepts(request.values(Name::Accept), presence::refusal::PIDF)
}

/// Whether the sender says that its body may be passed over, RFC 3261 §20.11.
fn is_optional(request: &Message<'_>) -> bool {
    let disposition = request.get(Name::ContentDisposition).unwrap_or_default();
    let parameters = disposition.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters.into_iter().any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("handling") && value.trim().eq_ignore_ascii_case("optional")
    })
}

fn expires(request: &Message<'_>) -> Result<Option<u32>, Refused> {
    let value = request.get(Name::Expires).map(sip::delta_seconds).transpose();
    value.map_err(|_| Refused::Field("Expires"))
}

/// The precondition of RFC 3903 §6 step 3: exactly one entity-tag. One that we never gave cannot match.
fn if_match(request: &Message<'_>) -> Result<Option<Option<EntityTag>>, Refused> {
    let mut tags = request.values(Name::SipIfMatch);
    match (tags.next(), tags.next()) {
        (None, _) if request.get(Name::SipIfMatch).is_some() => Err(Refused::Field("SIP-If-Match")),
        (None, _) => Ok(None),
        (Some(tag), None) if !tag.is_empty() && !tag.contains(char::is_whitespace) => {
            Ok(Some(EntityTag::parse(tag)))
        }
        (Some(_), _) => Err(Refused::Field("SIP-If-Match")),
    }
}
