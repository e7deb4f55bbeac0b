//! Who is told what, and when; what becomes of it.

use std::sync::Arc;

use sip_stack::Timestamp;
use sip_stack::notifier::{Outcome, Reason, State};
use sip_stack::subscriptions::{Ended, Notify, Say, SubscriptionId};

use super::{Presentity, Sort, Terms};
use crate::outbox::Outbox;
use crate::rules::View;

impl Presentity {
    /// What to send to a watcher now, decided at this moment from the state of this moment; it counts as sent.
    ///
    /// `None` if there is nothing to say (any more): the view is the one that the watcher has, or it is too early.
    pub fn notify(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        out: &mut Outbox,
    ) -> Option<Notify<'_>> {
        let is_ready = self.is_ready();
        if self.watchers.get(id).is_some_and(|(_, watcher)| watcher.sort.depth() > 0) {
            let (said, telling) = self.winfo_says(now, id);
            let subscriptions = terms.watchers(&self.aor);
            return self.watchers.turn(now, &subscriptions, id, &mut out.watchers, |turn| {
                turn.data.telling = telling;
                if is_ready { said } else { Say::Later }
            });
        }
        let Self { aor, watchers, composed, classes, changed_at, .. } = self;
        watchers.turn(now, &terms.watchers(aor), id, &mut out.watchers, |turn| {
            if !is_ready {
                return Say::Later;
            }
            let Sort::Presence(class) = &turn.data.sort else { return Say::Nothing };
            let rejected = turn.subscription.state() == State::Terminated(Reason::Rejected);
            let view = if rejected { None } else { classes.view(aor, composed, class) };
            let fingerprint = view.as_ref().map_or(0, |view| view.fingerprint());
            if !turn.word && (view.is_none() || fingerprint == turn.data.told) {
                return Say::Nothing;
            }
            turn.data.telling = fingerprint;
            Say::This(view.map(|view| Arc::clone(view.content())), *changed_at)
        })
    }

    /// What a watcher of presence is to see now, if that is known.
    pub(super) fn view_of(&mut self, id: SubscriptionId) -> Option<View> {
        let is_ready = self.is_ready();
        let Self { aor, watchers, composed, classes, .. } = self;
        let (_, watcher) = watchers.get(id).filter(|_| is_ready)?;
        let Sort::Presence(class) = &watcher.sort else { return None };
        classes.view(aor, composed, class)
    }

    /// The NOTIFY without an answer, to be sent again as it was.
    pub fn repeat(&self, id: SubscriptionId) -> Option<Notify<'_>> {
        self.watchers.repeat(id)
    }

    /// A NOTIFY has ended, RFC 6665 §4.2.2.
    pub fn ended(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        let terms = terms.watchers(&self.aor);
        let lost = self.watchers.get(id).filter(|_| self.winfo.is_some()).and_then(|(subscription, _)| {
            let lives = !matches!(subscription.state(), State::Terminated(_));
            lives.then(|| subscription.identity().to_owned())
        });
        match self.watchers.ended(now, &terms, id, outcome, &mut out.watchers) {
            Some(Ended::Delivered(watcher)) => watcher.told = watcher.telling,
            Some(Ended::Undelivered(watcher)) => watcher.told = 0,
            Some(Ended::Removed(watcher)) => {
                if let Some(identity) = lost {
                    self.note_lost(&watcher, &identity, out);
                }
            }
            None => {}
        }
    }
}
