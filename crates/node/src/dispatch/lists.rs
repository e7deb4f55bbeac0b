//! SUBSCRIBE to lists, read as far as the Resource List Server needs them.

use core::time::Duration;
use std::sync::Arc;

use ::presence::Presentity;
use documents::resource_lists::Entry;
use rls::contained::{self, accepts_lists, supports_lists};
use rls::{ListName, Refusal, Subscribe};
use sip::{Aor, Message, canonical_text};
use sip_stack::Timestamp;
use sip_stack::auth::Caller;
use sip_stack::dialog::{Dialog, LocalTag};
use sip_stack::subscriptions;

use super::subscribing::Granted;
use super::{Refused, expires};
use crate::door::{list_partition, to_tag};
use crate::effects::Effects;
use crate::owners::{Owner, Watching};
use crate::shard::{Asked, Shard, Storage};

/// Which list an initial SUBSCRIBE means.
pub(super) enum Listed {
    /// One that documents of this user define, and whose URI says so.
    Named(Aor),
    /// One that documents of this user define, as they say.
    Found(Aor),
    /// One that comes with the request.
    Contained,
}

impl Shard {
    /// Whether an initial SUBSCRIBE is to a list, and to which. If nobody knows yet, whom it must wait for.
    pub(super) fn listed(
        &mut self,
        request: &Message<'_>,
        out: &mut Effects,
    ) -> Result<Option<Listed>, Owner> {
        let Some(lists) = self.settings.lists.as_ref().filter(|_| to_tag(request).is_none()) else {
            return Ok(None);
        };
        let uri = request.uri().unwrap_or_default();
        if lists.is_server(uri) {
            return Ok(Some(Listed::Contained));
        }
        if let Some(owner) = lists.owner(uri) {
            return Ok(Some(Listed::Named(owner)));
        }
        self.looked_up(request, uri, out)
    }

    /// Whether documents of somebody say that a URI is a list, RFC 4826 §4.5. That of a user is none, whatever others may
    /// say in a document: who publishes, or has documents that only users have, is one.
    fn looked_up(
        &mut self,
        request: &Message<'_>,
        uri: &str,
        out: &mut Effects,
    ) -> Result<Option<Listed>, Owner> {
        let is_listed = self.event(request).is_ok_and(|(_, _, package)| package.is_listed);
        let Some(aor) = self.our_aor(request).ok().filter(|_| is_listed) else { return Ok(None) };
        let place = self.owners.presentities.find(&aor);
        let presentity = place.and_then(|place| self.owners.presentities.get(place));
        if presentity.is_some_and(|one| one.publications() > 0 || one.is_documented()) {
            return Ok(None);
        }
        let services = &self.owners.services;
        let uri = if services.is_empty() { None } else { canonical_text(uri) };
        let listed = uri.and_then(|uri| services.owner(&uri).cloned().map(|owner| (uri, owner)));
        if let Some((uri, owner)) = &listed
            && (services.is_free(uri) || presentity.is_some_and(Presentity::is_ready))
        {
            let owner = owner.clone();
            self.owners.services.set_free(uri);
            return Ok(Some(Listed::Found(owner)));
        }
        let is_known = place.is_some_and(|place| services.is_known(place));
        if (is_known && listed.is_none()) || !self.has_room(&aor) {
            return Ok(None); // without room it is refused for that
        }
        let place = self.presentity_for(&aor);
        if self.owners.services.ask(place) {
            out.ask_services(Owner::presentity(place), aor);
        }
        Err(Owner::presentity(place))
    }

    /// Takes an initial SUBSCRIBE to a list, RFC 4662 §4.4, RFC 5367 §5.
    pub(super) fn subscribe_to_list(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        listed: &Listed,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        self.our_aor(request)?;
        let (event, _, package) = self.event(request)?;
        let expires = expires(request)?;
        if !package.is_listed {
            return Err(Refusal::Package.into());
        }
        if !supports_lists(request) {
            return Err(Refusal::Unsupporting.into());
        }
        if !accepts_lists(request) {
            return Err(Refusal::NotAcceptable.into());
        }
        if self.storage == Storage::Failing && expires != Some(0) {
            return Err(Refused::Storage);
        }
        if !self.settings.entitlement.lists.has(caller.identities()) {
            return Err(Refused::NotEntitled);
        }
        self.check_room_for_dialog(caller.aor())?;
        let partition = list_partition(request, &self.settings);
        let local_tag = LocalTag { partition: partition.0, number: self.random.draw() };
        let contained = self.contained(request, listed)?;
        let name = ListName {
            uri: request.uri().unwrap_or_default().into(),
            package: package.name.into(),
            watcher: caller.aor().clone(),
            owner: if let Listed::Found(owner) = listed { Some(owner.clone()) } else { None },
            anonymous: caller.is_anonymous(),
            contained: contained.is_some().then_some(local_tag.number),
        };
        let stored = match listed {
            Listed::Named(owner) | Listed::Found(owner) => Some(owner),
            Listed::Contained => None,
        };
        let dialog = Dialog::accept(request, local_tag).map_err(subscriptions::Refusal::from)?;
        let place = self.list_for(&name, caller.identities(), stored, partition).ok_or(Refused::Full)?;
        let owner = Owner::list(place);
        if self.must_wait(owner) {
            return self.park(asked, caller, owner, out);
        }
        let subscribe = Subscribe { dialog, flow: asked.back, event, expires, contained };
        let granted = self.with_list(place, out, |list, terms, numbers, outbox| {
            list.subscribe(now, terms, numbers, subscribe, outbox)
        });
        let (lifetime, id) = granted.ok_or(Refused::Full)??;
        let granted = Granted { lifetime, undecided: false, suppressed: false };
        self.granted(now, asked, granted, local_tag, Watching { owner, id }, out);
        Ok(())
    }

    fn contained(&self, request: &Message<'_>, listed: &Listed) -> Result<Option<Arc<[Entry]>>, Refused> {
        match listed {
            Listed::Named(_) | Listed::Found(_) if !request.body().is_empty() => Err(Refused::Body),
            Listed::Named(_) | Listed::Found(_) => Ok(None),
            Listed::Contained => {
                let limits = &self.settings.limits;
                let resources = self.settings.lists.as_ref().map_or(0, |lists| lists.flat.entries);
                let limits = contained::Limits { octets: limits.document, resources };
                Ok(Some(contained::entries(request, &limits)?))
            }
        }
    }

    /// Takes a SUBSCRIBE inside the dialog of a list subscription. Gives the lifetime granted.
    pub(super) fn refresh_list(
        &mut self,
        now: Timestamp,
        watching: Watching,
        refresh: subscriptions::Refresh<'_>,
        out: &mut Effects,
    ) -> Result<Duration, Refused> {
        let granted = self.with_list(watching.owner.place, out, |list, terms, _, outbox| {
            list.refresh(now, terms, watching.id, refresh, outbox)
        });
        Ok(granted.ok_or(subscriptions::Refusal::NoSubscription)??)
    }
}
