//! PUBLISH and SUBSCRIBE for presence, read as far as the Presence Server needs them.

use ::presence::{Publish, Subscribe, Subscribed};
use sip::{Aor, Message, Name};
use sip_stack::Timestamp;
use sip_stack::auth::Caller;
use sip_stack::compositor::{EntityTag, Operation};

use super::subscribing::{Granted, Initial};
use super::{Refused, expires};
use crate::effects::Effects;
use crate::owners::{Owner, Role, Watching};
use crate::shard::{Asked, Shard, Storage};

impl Shard {
    /// Takes a PUBLISH; only presence has publications.
    pub(super) fn publish(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        // Most publish for themselves, and say so in the same words.
        let own = caller.identities().first().filter(|own| request.uri() == Some(own.as_str()));
        let aor = own.map_or_else(|| self.our_aor(request), |own| self.ours(own.clone()))?;
        let (_, _, package) = self.event(request)?;
        let Some(Role::Presence) = package.publish else { return Err(Refused::Event(self.allow_events())) };
        if !self.settings.entitlement.publish.has(caller.identities()) {
            return Err(Refused::NotEntitled);
        }
        let if_match = if_match(request)?;
        let expires = expires(request)?;
        if self.storage == Storage::Failing {
            return Err(Refused::Storage);
        }
        let place = self.room_for(&aor)?;
        if self.must_wait(Owner::presentity(place)) {
            return self.park(asked, caller, Owner::presentity(place), out);
        }
        let max = self.settings.limits.document;
        let document = ::presence::body::document(request, max);
        let published = self.with_presentity(place, out, |presentity, terms, numbers, outbox| {
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
            let mut response = sip::respond(bytes, request, 200, Some(asked.flow.remote), Some(tag.as_str()));
            response.number(Name::Expires, published.lifetime.as_secs());
            published.entity_tag.print(&mut response);
            response.finish(&[]);
        });
        Ok(())
    }

    /// The presentity that is to be watched, made if need be and if there is room.
    pub(super) fn watched(&mut self, aor: &Aor) -> Result<Owner, Refused> {
        self.room_for(aor).map(Owner::presentity)
    }

    /// Takes an initial SUBSCRIBE.
    pub(super) fn watch(
        &mut self,
        now: Timestamp,
        place: u32,
        initial: Initial<'_>,
        out: &mut Effects,
    ) -> Result<(Granted, Watching), Refused> {
        let Initial { caller, display_name, package, dialog, flow, event, expires, unless, .. } = initial;
        let (identities, anonymous) = (caller.identities(), caller.is_anonymous());
        let display_name = display_name.as_deref();
        let subscribe =
            Subscribe { identities, anonymous, display_name, package, dialog, flow, event, expires, unless };
        let granted = self.with_presentity(place, out, |presentity, terms, numbers, outbox| {
            presentity.subscribe(now, terms, numbers, subscribe, outbox)
        });
        let subscribed = granted.expect("the place was made above")?;
        let watching = Watching { owner: Owner::presentity(place), id: subscribed.id };
        Ok((subscribed.into(), watching))
    }
}

impl From<Subscribed> for Granted {
    fn from(subscribed: Subscribed) -> Self {
        let Subscribed { lifetime, undecided, suppressed, .. } = subscribed;
        Self { lifetime, undecided, suppressed }
    }
}

/// The precondition of RFC 3903 §6 step 3: exactly one entity-tag. One that we never gave cannot match.
fn if_match(request: &Message<'_>) -> Result<Option<Option<EntityTag>>, Refused> {
    let mut tags = request.values(Name::SipIfMatch);
    match (tags.next(), tags.next()) {
        (None, _) if request.get(Name::SipIfMatch).is_some() => Err(Refused::Field("Bad SIP-If-Match")),
        (None, _) => Ok(None),
        (Some(tag), None) if !tag.is_empty() && !tag.contains(char::is_whitespace) => {
            Ok(Some(EntityTag::parse(tag)))
        }
        (Some(_), _) => Err(Refused::Field("Bad SIP-If-Match")),
    }
}
