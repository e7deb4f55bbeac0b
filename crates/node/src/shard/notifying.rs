//! How a shard tells its watchers, and hears what became of it.

use sip::{CSeq, Message, Method, Name};
use sip_stack::client_transactions::TransactionId;
use sip_stack::notifier::{Outcome, Subscription};
use sip_stack::{Flow, Timestamp};

use super::{Shard, Telling};
use crate::destinations::Ready;
use crate::door::Branch;
use crate::effects::Effects;
use crate::owners::Watching;
use crate::telling::{DATAGRAM_MAX, print, way};

impl Shard {
    /// Sends NOTIFYs to those whose turn it is, a bounded number.
    pub(super) fn turn(&mut self, now: Timestamp, out: &mut Effects) {
        self.read_letters(now, out);
        for _ in 0..self.settings.limits.turn {
            let Some(Ready { watching, line }) = self.ready.pop_front() else { return };
            self.tell(now, watching, out);
            if let Some(line) = line {
                self.destinations.admit(line, &mut self.ready);
            }
        }
    }

    fn tell(&mut self, now: Timestamp, watching: Watching, out: &mut Effects) {
        let Some(flow) = self.owners.subscription(watching).map(Subscription::flow) else { return };
        if !self.destinations.enter(flow, watching) {
            return;
        }
        let room = self.room(now, watching, flow);
        let Some(notify) = self.owners.notify(now, &self.settings, watching, room) else {
            self.destinations.leave(flow, None, &mut self.ready);
            return self.drain(watching.owner, out);
        };
        let size = notify.subscription.head_size()
            + notify.content.map_or(0, |content| content.fields.len() + content.body.len());
        let way = way(&self.settings, &self.streamless, now, flow, size);
        let telling = Telling { watching, flow, way };
        let transaction = self.tells.begin(now, telling, way.protocol.is_reliable());
        let branch = Branch { shard: self.place.shard.0, transaction: transaction.0, life: self.life };
        if let Some(changed_at) = notify.changed_at {
            self.metrics.publish_to_notify.record(now.since(changed_at));
        }
        print(&notify, way, branch, &self.vias, &self.contacts, out);
        self.metrics.notify_sent += 1;
        self.metrics.messages_sent += 1;
        self.drain(watching.owner, out);
    }

    /// How many octets fields and body of a NOTIFY may take on its way.
    fn room(&self, now: Timestamp, watching: Watching, flow: Flow) -> usize {
        let head = self.owners.subscription(watching).map_or(0, Subscription::head_size);
        let most = self.settings.lists.as_ref().map_or(usize::MAX, |lists| lists.notify_max);
        let way = way(&self.settings, &self.streamless, now, flow, usize::MAX);
        if way.protocol.is_reliable() { most } else { most.min(DATAGRAM_MAX) }.saturating_sub(head)
    }

    pub(super) fn tell_again(&mut self, transaction: TransactionId, telling: Telling, out: &mut Effects) {
        let Some(notify) = self.owners.repeat(telling.watching) else { return };
        let branch = Branch { shard: self.place.shard.0, transaction: transaction.0, life: self.life };
        print(&notify, telling.way, branch, &self.vias, &self.contacts, out);
        self.destinations.lost(telling.flow);
        self.metrics.notify_retransmitted += 1;
        self.metrics.messages_sent += 1;
    }

    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        status: u16,
        response: &Message<'_>,
        out: &mut Effects,
    ) {
        let cseq = response.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok());
        if cseq.is_some_and(|cseq| cseq.method == Method::Subscribe) {
            return self.responded(now, response, out);
        }
        let Some(branch) = Branch::of(response).filter(|branch| branch.life == self.life) else { return };
        let transaction = TransactionId(branch.transaction);
        let Some(telling) = self.tells.owner(transaction) else { return };
        if !self.is_of(telling.watching, response) {
            return;
        }
        let Some(outcome) = Outcome::of(response) else { return self.tells.proceeding(transaction) };
        self.tells.end(transaction);
        match status {
            200..=299 => self.metrics.notify_answered_2xx += 1,
            481 => self.metrics.notify_answered_481 += 1,
            _ => self.metrics.notify_answered_other += 1,
        }
        self.told(now, telling, outcome, out);
    }

    /// Whether a response belongs to the watcher's dialog: who guesses a branch still does not know its Call-ID. It
    /// answers a NOTIFY (RFC 3261 §17.1.3) and is meant for nobody behind us (§8.1.3.3).
    fn is_of(&self, watching: Watching, response: &Message<'_>) -> bool {
        let subscription = self.owners.subscription(watching);
        let method =
            response.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok()).map(|cseq| cseq.method);
        method == Some(Method::Notify)
            && response.values(Name::Via).nth(1).is_none()
            && subscription.is_some_and(|subscription| {
                response.get(Name::CallId) == Some(subscription.dialog().call_id())
            })
    }

    pub(super) fn told(&mut self, now: Timestamp, telling: Telling, outcome: Outcome, out: &mut Effects) {
        let answered = matches!(outcome, Outcome::Answered { .. });
        self.destinations.leave(telling.flow, Some(answered), &mut self.ready);
        self.owners.ended(now, &self.settings, telling.watching, outcome);
        self.drain(telling.watching.owner, out);
    }
}
