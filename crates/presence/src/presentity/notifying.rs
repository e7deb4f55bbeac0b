//! Who is told what, and when; what becomes of it.

use sip_stack::Timestamp;
use sip_stack::notifier::{Outcome, Reason, Sent, State, Subscription, Verdict};

use super::{Owed, Presentity, Terms, Watcher, id_of};
use crate::outbox::{Outbox, Stored, WatcherId};
use crate::rules::{Rules, View};

/// A NOTIFY to print: the subscription says how, the view is its body.
#[derive(Debug)]
pub struct Notify<'a> {
    /// The dialog and flow.
    pub subscription: &'a Subscription,
    /// CSeq and state.
    pub sent: Sent,
    /// The body.
    pub view: Option<&'a View>,
    /// When the change that it tells of was made; `None` if it answers a SUBSCRIBE or ends the subscription.
    pub changed_at: Option<Timestamp>,
}

impl Presentity {
    pub(super) fn owe(&mut self, index: usize, what: Owed, out: &mut Outbox) {
        let Some(watcher) = self.watchers[index].as_deref_mut() else { return };
        if watcher.owed == Owed::Change && what == Owed::Change {
            out.counts.coalesced += 1;
        }
        watcher.owed = watcher.owed.max(what);
        Self::queue(index, watcher, out);
    }

    /// Asks for a turn, unless one is asked for, or a NOTIFY is under way, or it is too early.
    pub(super) fn queue(index: usize, watcher: &mut Watcher, out: &mut Outbox) {
        if !watcher.queued && watcher.subscription.in_flight().is_none() {
            watcher.queued = true;
            out.owed.push(id_of(index, watcher));
        }
    }

    /// What to send to a watcher now, decided at this moment from the state of this moment; it counts as sent.
    ///
    /// `None` if there is nothing to say (any more): the view is the one that the watcher has, or it is too early.
    pub fn notify(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: WatcherId,
        out: &mut Outbox,
    ) -> Option<Notify<'_>> {
        let index = id.index as usize;
        let changed_at = self.changed_at;
        let rules = Rules::of(terms.policy, &self.aor);
        let watcher =
            self.watchers.get_mut(index)?.as_deref_mut().filter(|watcher| watcher.serial == id.serial)?;
        watcher.queued = false;
        if watcher.subscription.in_flight().is_some() {
            return None;
        }
        let state = watcher.subscription.state();
        let rejected = state == State::Terminated(Reason::Rejected);
        let view = if rejected { None } else { rules.view(&self.composed, &watcher.identity) };
        let mere_change = match watcher.owed {
            Owed::Nothing => return None,
            Owed::Change => true,
            Owed::Word => false,
        };
        if mere_change {
            let Some(view) = &view else { return None };
            if view.fingerprint() == watcher.told {
                watcher.owed = Owed::Nothing;
                out.counts.unchanged += 1;
                return None;
            }
            if now < watcher.not_before {
                let at = watcher.not_before;
                self.arm(index, at, out);
                return None;
            }
        }
        if watcher.subscription.reserve() {
            self.keep_watcher(index, out);
        }
        let watcher = self.watchers[index].as_deref_mut().expect("looked at above");
        watcher.owed = Owed::Nothing;
        watcher.not_before = now + terms.pace;
        watcher.telling = view;
        let sent = watcher.subscription.send(now);
        let changed_at = mere_change.then_some(changed_at);
        Some(Notify { subscription: &watcher.subscription, sent, view: watcher.telling.as_ref(), changed_at })
    }

    /// The NOTIFY without an answer, to be sent again as it was.
    pub fn repeat(&self, id: WatcherId) -> Option<Notify<'_>> {
        let watcher = self.watcher(id)?;
        let sent = watcher.subscription.in_flight()?;
        Some(Notify {
            subscription: &watcher.subscription,
            sent,
            view: watcher.telling.as_ref(),
            changed_at: None,
        })
    }

    /// The shard could not give the watcher its turn: its flow is gone. It stays owed until a SUBSCRIBE brings a flow.
    pub fn suspend(&mut self, id: WatcherId) {
        if let Some(watcher) = self.watcher_mut(id) {
            watcher.queued = false;
        }
    }

    /// A NOTIFY has ended, RFC 6665 §4.2.2.
    pub fn ended(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: WatcherId,
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        let Some(watcher) = self.watcher_mut(id) else { return };
        let index = id.index as usize;
        let telling = watcher.telling.take();
        match watcher.subscription.ended(now, outcome, terms.unanswered_max) {
            Verdict::Delivered => watcher.told = telling.map_or(watcher.told, |view| view.fingerprint()),
            Verdict::RetryAt(at) => {
                watcher.told = 0;
                watcher.owed = watcher.owed.max(Owed::Change);
                watcher.not_before = at;
                self.keep_watcher(index, out); // a restart shall neither forget that it is owed a word nor hurry it
            }
            Verdict::Kept => watcher.told = 0,
            Verdict::Suspended => {
                watcher.told = 0;
                watcher.owed = Owed::Word;
                return;
            }
            Verdict::Removed => {
                let lost = !matches!(watcher.subscription.state(), State::Terminated(_));
                out.counts.subscriptions_lost += u64::from(lost);
                self.remove(index, out);
                return;
            }
        }
        let watcher = self.watchers[index].as_deref_mut().expect("not removed above");
        if watcher.owed != Owed::Nothing {
            Self::queue(index, watcher, out);
        }
    }

    pub(super) fn remove(&mut self, index: usize, out: &mut Outbox) {
        let Some(watcher) = self.watchers[index].take() else { return };
        if let Some(row) = watcher.row {
            out.stored.push(Stored::NoSubscription(row));
        }
        self.fetches -= usize::from(watcher.fetch);
        out.ended.push(watcher.subscription.dialog.local_tag());
        self.free.push(u32::try_from(index).expect("places are counted in 32 bits"));
    }
}
