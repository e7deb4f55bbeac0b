//! The lists of a shard, and how they reach the resources in them.

use std::sync::Arc;

use rls::{Ask, BackendName, List, ListName, Shown};
use sip::Aor;
use sip_stack::interest::{Asker, Interest};
use sip_stack::{Numbers, Timestamp};

use super::Shard;
use crate::effects::Effects;
use crate::letters::Letter;
use crate::owners::{Owner, Owners};
use crate::record::Partition;
use crate::settings::{Lists, Settings};

impl Shard {
    /// The place of a list, made if need be; none without room for one more. `owner` is whose it is, if it is a stored one.
    pub(crate) fn list_for(
        &mut self,
        name: &ListName,
        identities: &[Aor],
        owner: Option<&Aor>,
        partition: Partition,
    ) -> Option<u32> {
        if let Some(place) = self.owners.lists.find(name) {
            return Some(place);
        }
        if self.owners.lists.len() >= self.settings.limits.lists {
            return None;
        }
        let secret = self.random.draw();
        Some(self.owners.make_list(name, identities, owner, partition, secret))
    }

    /// Lets a list handle something, and does what it asks for.
    pub(crate) fn with_list<T>(
        &mut self,
        place: u32,
        out: &mut Effects,
        handle: impl FnOnce(&mut List, &rls::Terms<'_>, &mut Numbers, &mut rls::Outbox) -> T,
    ) -> Option<T> {
        let terms = self.settings.lists.as_ref()?.terms(&self.settings);
        let Owners { lists, list: outbox, numbers, .. } = &mut self.owners;
        let answer = handle(lists.get_mut(place)?, &terms, numbers, outbox);
        self.drain(Owner::list(place), out);
        Some(answer)
    }

    /// Takes up the lists after a restart.
    pub(super) fn start_lists(&mut self, now: Timestamp, out: &mut Effects) {
        let stopped_at = self.stopped_at;
        for place in self.owners.lists.places() {
            self.with_list(place, out, |list, terms, _, outbox| list.resume(now, terms, stopped_at, outbox));
        }
    }

    /// Passes on what a list asks of its resources.
    pub(super) fn ask(&mut self, place: u32, asks: &mut Vec<Ask>, out: &mut Effects) {
        for ask in asks.drain(..) {
            let Some(list) = self.owners.lists.get_mut(place) else { return };
            let (shard, serial) = (self.place.shard.0, list.serial());
            let asker = |item| Asker { shard, place, serial, item };
            let depth = u8::from(*list.name().package == *presence::PACKAGES[1]);
            let (identities, version) = (Arc::clone(list.identities()), list.version());
            let anonymous = list.name().anonymous;
            let interest = |item| Interest { asker: asker(item), identities, anonymous, depth, version };
            match ask {
                Ask::Watch(item, uri) => match resource(&uri, depth, &self.settings) {
                    // The back-end subscription would say who it is for: RFC 3323 §5.
                    Resource::There(_) if anonymous => {
                        let over = Shown::Terminated(rls::NO_RESOURCE.into());
                        list.shown(item, over, Timestamp::ZERO, &mut self.owners.list);
                    }
                    Resource::Here(aor) => {
                        self.write_letter(Letter::Interest(aor, interest(item)), out);
                    }
                    Resource::There(resource) => {
                        list.is_foreign(item, &mut self.owners.list);
                        let name = backend_name(list, resource);
                        self.write_letter(Letter::ForeignInterest(name, interest(item)), out);
                    }
                    Resource::Nothing => {
                        let over = Shown::Terminated(rls::NO_RESOURCE.into());
                        list.shown(item, over, Timestamp::ZERO, &mut self.owners.list);
                    }
                },
                Ask::Forget(item, uri) => match resource(&uri, depth, &self.settings) {
                    Resource::There(_) if anonymous => {}
                    Resource::Here(aor) => {
                        let letter = Letter::NoInterest(aor, asker(item));
                        self.write_letter(letter, out);
                    }
                    Resource::There(resource) => {
                        let letter = Letter::NoForeignInterest(backend_name(list, resource), asker(item));
                        self.write_letter(letter, out);
                    }
                    Resource::Nothing => {}
                },
            }
        }
    }
}

/// Where the state of a resource comes from.
enum Resource {
    /// From a presentity of this installation.
    Here(Aor),
    /// From another domain, by SIP; its canonical URI.
    There(Arc<str>),
    /// From nowhere: nobody serves it whom we know.
    Nothing,
}

fn backend_name(list: &List, resource: Arc<str>) -> BackendName {
    let ListName { watcher, package, .. } = list.name();
    BackendName { watcher: watcher.clone(), resource, package: Arc::clone(package) }
}

/// Watcher information is asked for here alone: other domains tell it to nobody else's server.
fn resource(uri: &str, depth: u8, settings: &Settings) -> Resource {
    let is_list = settings.lists.as_ref().is_some_and(|lists| lists.owner(uri).is_some());
    match Aor::parse(uri) {
        Ok(aor) if settings.is_ours(&aor) && !is_list => Resource::Here(aor),
        Ok(aor) if depth == 0 && !settings.is_ours(&aor) && settings.reaches(&aor) => {
            sip::canonical_text(uri).map_or(Resource::Nothing, |uri| Resource::There(uri.into()))
        }
        Ok(_) | Err(_) => Resource::Nothing,
    }
}

impl Lists {
    /// What holds for all lists.
    pub(crate) fn terms<'a>(&'a self, settings: &'a Settings) -> rls::Terms<'a> {
        rls::Terms {
            lifetimes: settings.subscriptions,
            window: self.window,
            patience: PATIENCE,
            subscriptions_max: self.subscriptions_max,
            watched_max: self.watched_max,
            unanswered_max: settings.limits.unanswered,
            host: settings.domains.first().map_or("localhost", String::as_str),
            policy: self.policy,
            references: self.references,
            template: &self.template,
            roots: &self.roots,
            flat: self.flat,
            xml: self.xml,
        }
    }
}

/// How long a first NOTIFY waits for presentities of other shards.
const PATIENCE: core::time::Duration = core::time::Duration::from_millis(100);
