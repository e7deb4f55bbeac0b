//! What owners ask for after an event becomes effects of the shard.

use sip::Aor;
use sip_stack::interest::Asker;
use sip_stack::subscriptions::{self, Gone, Stored};
use xcap::Tree;

use xdm::changes::Ask;

use super::Shard;
use crate::deadlines::Wake;
use crate::destinations::Ready;
use crate::effects::Effects;
use crate::letters::Letter;
use crate::metrics::Metrics;
use crate::owners::{Owner, Role, Watching};
use crate::record::{Epoch, Kind, Partition, Row, RowChange, RowKey};

/// Where rows of an owner go, and how they are numbered.
struct Rows<'a> {
    partition: Partition,
    epoch: Epoch,
    versions: &'a mut u64,
}

impl Rows<'_> {
    fn keep(&mut self, kind: Kind, stored: Stored, out: &mut Effects) {
        *self.versions += 1;
        let (partition, version) = (self.partition, self.epoch.number(*self.versions));
        out.persist(match stored {
            Stored::Put(id, expires_at, data) => {
                RowChange::Put(Row { key: RowKey { partition, kind, id }, version, expires_at, data })
            }
            Stored::Delete(id) => RowChange::Delete { key: RowKey { partition, kind, id }, version },
        });
    }
}

impl Shard {
    /// Hands on what the owner at a place has asked for, and forgets it if it holds nothing any more.
    pub(crate) fn drain(&mut self, owner: Owner, out: &mut Effects) {
        match owner.role {
            Role::Presence => self.drain_presentity(owner.place, out),
            Role::List => self.drain_list(owner.place, out),
            Role::Changes => self.drain_followers(owner.place, out),
        }
    }

    fn drain_presentity(&mut self, place: u32, out: &mut Effects) {
        let owner = Owner::presentity(place);
        let Some(presentity) = self.owners.presentities.get(place) else { return };
        let outbox = &mut self.owners.presence;
        if !outbox.publications.is_empty() || !outbox.watchers.stored.is_empty() {
            let partition = Partition::of_hash(presentity.aor().stable_hash());
            let mut rows = Rows { partition, epoch: self.place.epoch, versions: &mut self.versions };
            outbox.publications.drain(..).for_each(|stored| rows.keep(Kind::Publication, stored, out));
            outbox.watchers.stored.drain(..).for_each(|stored| rows.keep(Kind::Dialog, stored, out));
        }
        for (at, row) in outbox.deadlines.drain(..) {
            self.deadlines.ask(at, Wake::Publication { presentity: place, row });
        }
        outbox.wants.drain(..).for_each(|want| out.want(owner, want));
        if let Some(rulings) = &mut outbox.rulings {
            out.rule(rulings);
        }
        let counts = core::mem::take(&mut outbox.counts);
        self.metrics.publications_expired += counts.expired;
        self.metrics.timers_overdue += counts.overdue;
        self.metrics.rules_unreadable += counts.rules_unreadable;
        if core::mem::take(&mut outbox.showing) {
            self.showing.push_back(place);
        }
        let forgotten = presentity.is_empty() && !self.parking.is_waiting(owner);
        let forgotten = forgotten.then(|| presentity.aor().clone());
        let mut watchers = core::mem::take(&mut self.owners.presence.watchers);
        self.drain_subscriptions(owner, &mut watchers, out);
        self.owners.presence.watchers = watchers;
        let mut shown = core::mem::take(&mut self.owners.presence.shown);
        shown.drain(..).for_each(|shown| self.write_letter(Letter::Shown(shown), out));
        self.owners.presence.shown = shown;
        for (asker, standing) in core::mem::take(&mut self.owners.presence.standings) {
            self.write_letter(Letter::Standing(asker, Some(Box::new(standing))), out);
        }
        if let Some(aor) = forgotten {
            self.owners.services.forget(place);
            self.owners.presentities.remove(place, &aor);
            self.release(owner, vec![Tree::User(aor.as_str().into())], out);
        }
    }

    fn drain_list(&mut self, place: u32, out: &mut Effects) {
        let owner = Owner::list(place);
        let Some(list) = self.owners.lists.get_mut(place) else { return };
        let outbox = &mut self.owners.list;
        let forgotten = list.is_empty() && !self.parking.is_waiting(owner);
        if forgotten {
            list.close(outbox);
        } else if outbox.is_empty() {
            return;
        }
        let partition = Partition(list.partition());
        let mut rows = Rows { partition, epoch: self.place.epoch, versions: &mut self.versions };
        outbox.subscriptions.stored.drain(..).for_each(|stored| rows.keep(Kind::Dialog, stored, out));
        outbox.wants.drain(..).for_each(|want| out.want(owner, want));
        let counts = core::mem::take(&mut outbox.counts);
        self.metrics.list_notify_sent += counts.notifies;
        self.metrics.list_resources_told += counts.resources_told;
        self.metrics.list_notify_split += counts.split;
        self.metrics.list_left_out += counts.left_out;
        self.metrics.list_omitted += counts.omitted;
        self.metrics.list_unknown_roots += counts.foreign;
        self.metrics.virtuals(&counts.virtuals);
        outbox.sizes.drain(..).for_each(|size| self.metrics.list_sizes.record(size));
        outbox.told.drain(..).for_each(|told| self.metrics.list_changes_told.record(told));
        self.metrics.list_resources = self.metrics.list_resources.wrapping_add_signed(counts.resources);
        let (mut follow, mut unfollow) =
            (core::mem::take(&mut outbox.follow), core::mem::take(&mut outbox.unfollow));
        let left = self.owners.follow(owner, &mut follow, &mut unfollow);
        self.release(owner, left, out);
        (self.owners.list.follow, self.owners.list.unfollow) = (follow, unfollow);
        let mut asks = core::mem::take(&mut self.owners.list.asks);
        self.ask(place, &mut asks, out);
        self.owners.list.asks = asks;
        let mut subscriptions = core::mem::take(&mut self.owners.list.subscriptions);
        self.drain_subscriptions(owner, &mut subscriptions, out);
        self.owners.list.subscriptions = subscriptions;
        if forgotten {
            self.owners.remove_list(place);
        }
    }

    fn drain_followers(&mut self, place: u32, out: &mut Effects) {
        let owner = Owner::followers(place);
        let Some(followers) = self.owners.followers.get(place) else { return };
        let serial = followers.serial();
        let outbox = &mut self.owners.changes;
        if !outbox.subscriptions.stored.is_empty() {
            let partition = Partition::of_hash(followers.aor().stable_hash());
            let mut rows = Rows { partition, epoch: self.place.epoch, versions: &mut self.versions };
            outbox.subscriptions.stored.drain(..).for_each(|stored| rows.keep(Kind::Dialog, stored, out));
        }
        outbox.wants.drain(..).for_each(|want| out.want(owner, want));
        let forgotten = followers.is_empty().then(|| followers.aor().clone());
        let (mut follow, mut unfollow) =
            (core::mem::take(&mut outbox.follow), core::mem::take(&mut outbox.unfollow));
        let left = self.owners.follow(owner, &mut follow, &mut unfollow);
        self.release(owner, left, out);
        (self.owners.changes.follow, self.owners.changes.unfollow) = (follow, unfollow);
        let mut subscriptions = core::mem::take(&mut self.owners.changes.subscriptions);
        self.drain_subscriptions(owner, &mut subscriptions, out);
        self.owners.changes.subscriptions = subscriptions;
        for ask in core::mem::take(&mut self.owners.changes.asks) {
            let asker = |item| Asker { shard: self.place.shard.0, place, serial, item };
            let letter = match ask {
                Ask::Follow { item, presentity, identities } => {
                    Letter::FollowStanding(presentity, asker(item), identities)
                }
                Ask::Unfollow { item, presentity } => Letter::UnfollowStanding(presentity, asker(item)),
            };
            self.write_letter(letter, out);
        }
        if let Some(aor) = forgotten {
            self.owners.followers.remove(place, &aor);
        }
    }

    /// Says of trees that may be elsewhere that nobody here needs them any more: whoever follows them there may stop.
    fn release(&mut self, owner: Owner, trees: Vec<Tree>, out: &mut Effects) {
        for tree in trees {
            if self.settings.may_be_remote(&tree) && !self.owners.needs(&tree) {
                out.release(owner, tree);
            }
        }
    }

    /// Hands on what the subscriptions of an owner have asked for, but for their rows.
    fn drain_subscriptions(&mut self, owner: Owner, outbox: &mut subscriptions::Outbox, out: &mut Effects) {
        for (at, id) in outbox.deadlines.drain(..) {
            self.deadlines.ask(at, Wake::Subscription(Watching { owner, id }));
        }
        for id in outbox.owed.drain(..) {
            self.ready.push_back(Ready { watching: Watching { owner, id }, line: None });
        }
        for Gone { tag, identity } in outbox.ended.drain(..) {
            self.dialogs.remove(&tag.number);
            if let Ok(watcher) = Aor::parse(&identity) {
                self.count_watchers(out, |watchers, max, letters| watchers.gone(&watcher, max, letters));
            }
        }
        let counts = core::mem::take(&mut outbox.counts);
        let (active, pending) = gauges(&mut self.metrics, owner.role);
        *active = active.wrapping_add_signed(counts.active);
        *pending = pending.wrapping_add_signed(counts.pending);
        self.metrics.notify_coalesced += counts.coalesced;
        self.metrics.notify_suppressed_unchanged += counts.unchanged;
        self.metrics.subscriptions_expired += counts.expired;
        self.metrics.subscriptions_lost += counts.lost;
        self.metrics.timers_overdue += counts.overdue;
    }
}

/// Active and pending subscriptions of a role.
fn gauges(metrics: &mut Metrics, role: Role) -> (&mut u64, &mut u64) {
    match role {
        Role::Presence => {
            (&mut metrics.subscriptions_presence_active, &mut metrics.subscriptions_presence_pending)
        }
        Role::List => (&mut metrics.subscriptions_list_active, &mut metrics.subscriptions_list_pending),
        Role::Changes => {
            (&mut metrics.subscriptions_xcap_diff_active, &mut metrics.subscriptions_xcap_diff_pending)
        }
    }
}
