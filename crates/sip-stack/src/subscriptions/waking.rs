//! What time does to subscriptions.

use core::time::Duration;

use super::{Kept, Outbox, Owed, Record, SubscriptionId, Subscriptions};
use crate::notifier::{Reason, State};
use crate::time::Timestamp;

impl<T: Kept> Subscriptions<T> {
    /// A wake-up that was asked for has come. Whether the subscription ran out.
    pub fn due(&mut self, now: Timestamp, at: Timestamp, id: SubscriptionId, out: &mut Outbox) -> bool {
        let Some(record) = self.record_mut(id) else { return false };
        if record.armed_at != at {
            return false;
        }
        record.armed_at = Timestamp::NEVER;
        if matches!(record.subscription.state(), State::Terminated(_)) {
            return false; // its last NOTIFY is on its way
        }
        let expires_at = record.subscription.expires_at();
        if expires_at <= now {
            out.counts.expired += 1;
            out.counts.overdue += u64::from(now.since(at) > Duration::from_secs(1));
            self.terminate(id, Reason::Timeout, out);
            return true;
        }
        let mut next = expires_at;
        if record.owed != Owed::Nothing {
            if record.not_before <= now {
                record.queue(id.index, out);
            } else {
                // This wake-up was for something earlier, and stood for the one at the end of the pause too.
                next = next.min(record.not_before);
            }
        }
        record.arm(id.index, next, out);
        false
    }
}

impl<T> Record<T> {
    /// Asks to be woken, unless that is going to happen by then anyway.
    pub(super) fn arm(&mut self, index: u32, at: Timestamp, out: &mut Outbox) {
        let at = at.next_quarter();
        if at < self.armed_at {
            self.armed_at = at;
            out.deadlines.push((at, self.id(index)));
        }
    }
}
