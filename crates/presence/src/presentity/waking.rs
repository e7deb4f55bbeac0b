//! What time does to a presentity.

use core::time::Duration;

use sip_stack::Timestamp;
use sip_stack::notifier::{Reason, State};

use super::{Owed, Presentity, id_of, item_of, rounded_up};
use crate::outbox::{Item, Outbox, Stored, WatcherId};

impl Presentity {
    /// A wake-up that was asked for has come.
    pub fn due(&mut self, now: Timestamp, at: Timestamp, item: Item, out: &mut Outbox) {
        match item {
            Item::Publication(id) => self.due_publication(now, at, id, out),
            Item::Watcher(id) => self.due_watcher(now, at, id, out),
        }
    }

    pub(super) fn due_publication(&mut self, now: Timestamp, at: Timestamp, id: u64, out: &mut Outbox) {
        if let Some(place) = self.removed.iter().position(|(row, until)| *row == id && *until <= now) {
            self.removed.swap_remove(place);
            out.stored.push(Stored::NoPublication(id));
            return;
        }
        let Some(index) = self.publications.iter().position(|publication| publication.id == id) else {
            return;
        };
        let publication = &mut self.publications[index];
        if publication.armed_at != at {
            return;
        }
        if publication.expires_at > now {
            publication.armed_at = rounded_up(publication.expires_at);
            out.deadlines.push((publication.armed_at, item_of(publication)));
            return;
        }
        out.counts.publications_expired += 1;
        out.counts.overdue += u64::from(now.since(at) > Duration::from_secs(1));
        self.withdraw(now, index, out);
        self.changed(now, out);
    }

    pub(super) fn due_watcher(&mut self, now: Timestamp, at: Timestamp, id: WatcherId, out: &mut Outbox) {
        let index = id.index as usize;
        let Some(watcher) = self.watcher_mut(id) else { return };
        if watcher.armed_at != at {
            return;
        }
        watcher.armed_at = Timestamp::NEVER;
        if matches!(watcher.subscription.state(), State::Terminated(_)) {
            return; // its last NOTIFY is on its way
        }
        let expires_at = watcher.subscription.expires_at();
        if expires_at <= now {
            out.counts.subscriptions_expired += 1;
            out.counts.overdue += u64::from(now.since(at) > Duration::from_secs(1));
            self.terminate(index, Reason::Timeout, out);
            return;
        }
        let mut next = expires_at;
        if watcher.owed != Owed::Nothing {
            if watcher.not_before <= now {
                Self::queue(index, watcher, out);
            } else {
                // This wake-up was for something earlier, and stood for the one at the end of the pause too.
                next = next.min(watcher.not_before);
            }
        }
        self.arm(index, next, out);
    }

    /// Asks to be woken for a watcher, unless that is going to happen by then anyway.
    pub(super) fn arm(&mut self, index: usize, at: Timestamp, out: &mut Outbox) {
        let Some(watcher) = self.watchers[index].as_deref_mut() else { return };
        let at = rounded_up(at);
        if at < watcher.armed_at {
            watcher.armed_at = at;
            out.deadlines.push((at, Item::Watcher(id_of(index, watcher))));
        }
    }
}
