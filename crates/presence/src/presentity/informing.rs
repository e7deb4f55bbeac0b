//! Watcher information: who watches the presentity, told to the presentity itself; and who has asked for that.

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::rules::SubHandling;
use documents::watcherinfo::Event;
use sip::Aor;
use sip_stack::bytes::FieldReader;
use sip_stack::interest::Asker;
use sip_stack::notifier::{Reason, State, Subscription};
use sip_stack::subscriptions::{Content, Owed, Say, Stored, StoredSubscription, SubscriptionId};
use sip_stack::{Numbers, Timestamp};

use super::informed::Informed;
use super::interests::Interested;
use super::judging::identities;
use super::{Presentity, Sort, Terms, Watcher};
use crate::outbox::Outbox;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::rules::Requester;
use crate::winfo::{About, Journal, Mark, Told, WAITING, WAITING_MAX, Waiting, event_of};

/// The packages, each about the subscriptions of the one before it, RFC 3857 §4.1.
pub const PACKAGES: [&str; 3] = ["presence", "presence.winfo", "presence.winfo.winfo"];

/// The role of waiting subscriptions in stored rows.
pub const WAITING_ROLE: &str = "presence.waiting";

pub(super) const FIELDS: &str = "Content-Type: application/watcherinfo+xml\r\n";

/// What is kept while somebody asks for watcher information.
#[derive(Debug, Default)]
pub(super) struct Winfo {
    /// Of the packages that have watcher information.
    pub(super) journals: [Journal; 2],
    /// Who asks for it; those that are no more are left out when they are met.
    informed: Vec<SubscriptionId>,
    /// Who asks for it within the installation.
    pub(super) interested: BTreeMap<Asker, Informed>,
    /// Those may have to be shown something new.
    pub(super) is_owed: bool,
}

impl Presentity {
    /// Whether somebody may be told of the subscriptions in the package before this one, RFC 3857 §4.6: the presentity of
    /// all, who may watch of its own.
    pub(super) fn may_be_informed(
        &self,
        now: Timestamp,
        policy: &Policy,
        depth: u8,
        requester: &Requester<'_>,
    ) -> Result<Sort, Refusal> {
        if requester.identities.contains(&self.aor) {
            return Ok(Sort::Winfo { depth, only: false });
        }
        if depth == 1 && self.decide(now, policy, requester).handling >= SubHandling::PoliteBlock {
            return Ok(Sort::Winfo { depth, only: true });
        }
        Err(Refusal::Forbidden)
    }

    /// A subscription to watcher information has begun, or is back.
    pub(super) fn informs(&mut self, id: SubscriptionId) {
        self.winfo.get_or_insert_default().informed.push(id);
    }

    /// A subscription has come to stand otherwise: those who ask for that are owed it.
    pub(super) fn note_change(&mut self, id: SubscriptionId, event: Event, out: &mut Outbox) {
        let Some((subscription, watcher)) = self.watchers.get_mut(id) else { return };
        let depth = usize::from(watcher.sort.depth());
        watcher.mark.came_by(event); // whoever asks later is told it too
        if let Some(journal) = self.winfo.as_mut().and_then(|winfo| winfo.journals.get_mut(depth)) {
            journal.changed(&mut watcher.mark, event);
            let identity = subscription.identity().to_owned();
            self.owe_informed(depth, &identity, out);
        }
    }

    /// A subscription is over, or will be after its last NOTIFY. If nobody has decided about it, it waits for that.
    ///
    /// To be called before it is terminated, as it says itself who it was.
    pub(super) fn note_departure(
        &mut self,
        now: Timestamp,
        id: SubscriptionId,
        event: Event,
        out: &mut Outbox,
    ) {
        let Some((subscription, watcher)) = self.watchers.get(id) else { return };
        let depth = usize::from(watcher.sort.depth());
        let state = subscription.state();
        if matches!(state, State::Terminated(_)) {
            return;
        }
        if state == State::Pending && event == Event::Timeout && depth == 0 {
            let (identities, mark) = (identities(subscription), watcher.mark.clone());
            return self.wait(now, identities, mark, Some(id), out);
        }
        let journal = self.winfo.as_mut().and_then(|winfo| winfo.journals.get_mut(depth));
        if let Some(journal) = journal {
            let identity = subscription.identity().to_owned();
            journal.departed(&watcher.mark, &identity, event);
            self.owe_informed(depth, &identity, out);
        }
    }

    /// A subscription was given up because its subscriber could not be told.
    pub(super) fn note_lost(&mut self, watcher: &Watcher, identity: &str, out: &mut Outbox) {
        let depth = usize::from(watcher.sort.depth());
        if let Some(journal) = self.winfo.as_mut().and_then(|winfo| winfo.journals.get_mut(depth)) {
            journal.departed(&watcher.mark, identity, Event::Timeout);
            self.owe_informed(depth, identity, out);
        }
    }

    /// Something became of a subscription of this watcher. Who may only know of its own is owed nothing for others.
    fn owe_informed(&mut self, depth: usize, identity: &str, out: &mut Outbox) {
        if depth == 0 {
            self.owe_interested(out);
        }
        let Self { winfo: Some(winfo), watchers, .. } = self else { return };
        winfo.informed.retain(|id| {
            let Some((subscription, watcher)) = watchers.get(*id) else { return false };
            let Sort::Winfo { depth: about, only } = watcher.sort else { return false };
            if usize::from(about) == depth + 1 && (!only || subscription.identity() == identity) {
                watchers.owe(*id, Owed::Change, &mut out.watchers);
            }
            true
        });
    }

    /// What to say to somebody who asked for watcher information.
    pub(super) fn winfo_says(&self, now: Timestamp, id: SubscriptionId) -> (Say, u64) {
        let nothing = (Say::Nothing, 0);
        let Some((subscription, watcher)) = self.watchers.get(id) else { return nothing };
        let Sort::Winfo { depth, only } = watcher.sort else { return nothing };
        let about = usize::from(depth) - 1;
        let Some(journal) = self.winfo.as_ref().and_then(|winfo| winfo.journals.get(about)) else {
            return nothing;
        };
        if subscription.state() == State::Terminated(Reason::Rejected) {
            return (Say::This(None, now), 0);
        }
        // A NOTIFY that answers a SUBSCRIBE tells everything, RFC 3857 §4.3.
        let told = (watcher.told > 0 && self.watchers.owed(id) == Owed::Change).then(|| watcher.told - 1);
        let rows = self.told_of(about);
        let waiting = if about == 0 { &*self.waiting } else { &[] };
        let version = subscription.next_cseq() - 1; // every NOTIFY of this package has a document
        let about = About { resource: self.aor.as_str(), package: PACKAGES[about], version };
        let only = only.then(|| subscription.identity());
        match journal.document(now, &about, told, only, rows, waiting) {
            Some(info) => {
                let content = Content { fields: FIELDS.into(), body: info.print().into(), entity_tag: None };
                (Say::This(Some(Arc::new(content)), now), journal.changes() + 1)
            }
            None => nothing,
        }
    }

    /// Who watches now, and who waits.
    pub fn informs_of(&self, now: Timestamp) -> Vec<documents::watcherinfo::Watcher> {
        let about = About { resource: self.aor.as_str(), package: PACKAGES[0], version: 0 };
        let info = Journal::default().document(now, &about, None, None, self.told_of(0), &self.waiting);
        info.into_iter().flat_map(|info| info.lists).flat_map(|list| list.watchers).collect()
    }

    /// The subscriptions at a depth that are not over, those that come by lists included.
    pub(super) fn told_of(&self, depth: usize) -> impl Iterator<Item = Told<'_>> {
        let rows = self.watchers.iter().filter(move |(_, _, row)| usize::from(row.sort.depth()) == depth);
        let listed = self.interests.told_of().filter(move |_| depth == 0);
        rows.filter_map(|(_, subscription, row)| Told::of(subscription, &row.mark)).chain(listed)
    }

    /// What was decided of somebody whom a list brings is another now: told as of a subscription of its own.
    pub(super) fn note_listed(&mut self, asker: Asker, before: Option<SubHandling>, out: &mut Outbox) {
        let Some(listed) = self.interests.get_mut(asker) else { return };
        let (Some(now), identity) = (listed.handling(), listed.identity().to_owned()) else { return };
        let is_there = |handling: SubHandling| handling != SubHandling::Block;
        let event = match (before.filter(|it| is_there(*it)), is_there(now)) {
            (None, true) => Event::Subscribe,
            (Some(_), false) => Event::Rejected,
            (Some(SubHandling::Confirm), true) if now != SubHandling::Confirm => Event::Approved,
            (Some(before), true) if before != SubHandling::Confirm && now == SubHandling::Confirm => {
                Event::Subscribe
            }
            (None, false) | (Some(_), true) => return,
        };
        listed.mark.came_by(event);
        let Some(journal) = self.winfo.as_mut().map(|winfo| &mut winfo.journals[0]) else { return };
        if event == Event::Rejected {
            journal.departed(&listed.mark, &identity, event);
        } else {
            journal.returned(&listed.mark);
            journal.changed(&mut listed.mark, event);
        }
        self.owe_informed(0, &identity, out);
    }

    /// Nobody brings it any more. If nobody has decided about it, it waits for that.
    pub(super) fn note_unlisted(&mut self, now: Timestamp, listed: Interested, out: &mut Outbox) {
        match listed.handling() {
            Some(SubHandling::Confirm) => {
                self.wait(now, listed.identities.to_vec(), listed.mark, None, out);
            }
            Some(SubHandling::PoliteBlock | SubHandling::Allow) => {
                if let Some(winfo) = &mut self.winfo {
                    winfo.journals[0].departed(&listed.mark, listed.identity(), Event::Timeout);
                    let identity = listed.identity().to_owned();
                    self.owe_informed(0, &identity, out);
                }
            }
            Some(SubHandling::Block) | None => {}
        }
    }

    /// Keeps a subscription that ended undecided, so that the presentity can still decide; of each watcher one, and none
    /// while another one of it is pending. `ended` is the one that ends.
    pub(super) fn wait(
        &mut self,
        now: Timestamp,
        identities: Vec<Aor>,
        mut mark: Mark,
        ended: Option<SubscriptionId>,
        out: &mut Outbox,
    ) {
        let Some(first) = identities.first() else { return };
        let is_pending = |subscription: &Subscription| {
            subscription.state() == State::Pending && subscription.identity() == first.as_str()
        };
        let still_asks = self.watchers.iter().any(|(id, subscription, row)| {
            Some(id) != ended && row.sort.depth() == 0 && is_pending(subscription)
        });
        if still_asks {
            return;
        }
        self.give_up(first.as_str(), Event::Giveup, out);
        if self.waiting.len() >= WAITING_MAX {
            self.resolve(0, Event::Giveup, out);
        }
        if let Some(winfo) = &mut self.winfo {
            winfo.journals[0].changed(&mut mark, Event::Timeout);
        }
        let first = first.clone();
        let until = (now + WAITING).next_quarter();
        let mut row = StoredSubscription::begin(WAITING_ROLE, self.aor.as_str(), 128);
        row.number(until.as_micros()).number(identities.len() as u64);
        for identity in &identities {
            row.bytes(identity.as_str().as_bytes());
        }
        mark.store(&mut row);
        let id = mark.id();
        out.watchers.stored.push(Stored::Put(id, until, row.finish()));
        self.waiting.push(Waiting { row: id, identities, mark, until });
        self.owe_informed(0, first.as_str(), out);
        self.arm_clock(now, out);
    }

    /// Puts a stored one back.
    pub fn restore_waiting(&mut self, row: u64, stored: StoredSubscription<'_>) {
        let read = |mut fields: FieldReader<'_>| {
            let until = Timestamp::from_micros(fields.number()?);
            let count: u8 = fields.small()?;
            let identities = (0..count).map(|_| Aor::parse(fields.text()?).ok()).collect::<Option<_>>()?;
            Some(Waiting { row, identities, mark: Mark::restore(&mut fields)?, until })
        };
        self.waiting.extend(read(stored.into_fields()));
    }

    /// The watcher has subscribed again, so that its former try need not wait any longer.
    pub(super) fn give_up(&mut self, identity: &str, event: Event, out: &mut Outbox) {
        let place = self
            .waiting
            .iter()
            .position(|waiting| waiting.identities.first().is_some_and(|first| first.as_str() == identity));
        if let Some(place) = place {
            self.resolve(place, event, out);
        }
    }

    fn resolve(&mut self, place: usize, event: Event, out: &mut Outbox) {
        let waiting = self.waiting.remove(place);
        out.watchers.stored.push(Stored::Delete(waiting.row));
        if let Some(winfo) = &mut self.winfo {
            let identity = waiting.identities.first().map_or("", Aor::as_str);
            winfo.journals[0].departed(&waiting.mark, identity, event);
            self.owe_informed(0, identity, out);
        }
    }

    /// Decisions that came meanwhile, and those that never came, end the wait.
    pub(super) fn settle_waiting(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let mut place = 0;
        while let Some(waiting) = self.waiting.get(place) {
            let requester = Requester { identities: &waiting.identities, anonymous: waiting.mark.anonymous };
            let decision = self.decide(now, terms.policy, &requester).handling;
            let before = Some(SubHandling::Confirm);
            out.rule(&self.aor, waiting.identities.first(), waiting.mark.anonymous, before, decision);
            let event = match decision {
                _ if waiting.until <= now => Event::Giveup,
                SubHandling::Confirm => {
                    place += 1;
                    continue;
                }
                SubHandling::Block => Event::Rejected,
                SubHandling::PoliteBlock | SubHandling::Allow => Event::Approved,
            };
            self.resolve(place, event, out);
        }
    }

    /// When a wait ends by itself, in milliseconds since 1970.
    pub(super) fn next_giveup(&self) -> Option<i64> {
        let next = self.waiting.iter().map(|waiting| waiting.until).min()?;
        i64::try_from(next.as_millis()).ok()
    }

    /// Ends a subscription, and tells who asked for that.
    pub(super) fn end(&mut self, now: Timestamp, id: SubscriptionId, reason: Reason, out: &mut Outbox) {
        self.note_departure(now, id, event_of(reason), out);
        self.watchers.terminate(id, reason, &mut out.watchers);
    }
}

impl Watcher {
    /// A watcher, or somebody who asks for watcher information, who knows nothing so far.
    pub(super) fn new(sort: Sort, mark: Mark) -> Self {
        Self { told: 0, telling: 0, sort, mark, permanent: 0 }
    }
}

/// The number of a new subscription, for its mark.
pub(super) fn number(numbers: &mut Numbers) -> u64 {
    numbers.row().get()
}
