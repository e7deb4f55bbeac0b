//! What time does to a presentity.

use core::time::Duration;

use documents::watcherinfo::Event;
use sip_stack::Timestamp;
use sip_stack::notifier::{State, Subscription};
use sip_stack::subscriptions::{Stored, SubscriptionId};

use super::judging::CLOCK;
use super::{Presentity, Terms};
use crate::outbox::Outbox;

impl Presentity {
    /// A wake-up that was asked for a publication, named by its row, has come; or, with `CLOCK`, one for what time does.
    pub fn due(&mut self, now: Timestamp, terms: &Terms<'_>, at: Timestamp, id: u64, out: &mut Outbox) {
        if id == CLOCK {
            return self.due_clock(now, terms, at, out);
        }
        if let Some(place) = self.removed.iter().position(|(row, until)| *row == id && *until <= now) {
            self.removed.swap_remove(place);
            out.publications.push(Stored::Delete(id));
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
            publication.armed_at = publication.expires_at.next_quarter();
            out.deadlines.push((publication.armed_at, publication.id));
            return;
        }
        out.counts.expired += 1;
        out.counts.overdue += u64::from(now.since(at) > Duration::from_secs(1));
        self.withdraw(now, index, out);
        self.recompose(now, terms, out);
    }

    /// A wake-up that was asked for a watcher has come.
    pub fn due_watcher(&mut self, now: Timestamp, at: Timestamp, id: SubscriptionId, out: &mut Outbox) {
        let ends = |subscription: &Subscription| {
            subscription.expires_at() <= now && !matches!(subscription.state(), State::Terminated(_))
        };
        if self.watchers.get(id).is_some_and(|(subscription, _)| ends(subscription)) {
            self.note_departure(now, id, Event::Timeout, out);
        }
        self.watchers.due(now, at, id, &mut out.watchers);
    }
}
