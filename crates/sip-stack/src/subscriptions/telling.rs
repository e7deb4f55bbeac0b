//! Who is told, and when; what becomes of it.

use std::sync::Arc;

use super::{Condition, Content, Kept, Outbox, Record, Slot, SubscriptionId, Subscriptions, Terms};
use crate::notifier::{Outcome, Sent, State, Subscription, Verdict};
use crate::time::Timestamp;

/// How much a subscriber is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owed {
    /// Nothing.
    Nothing,
    /// A NOTIFY if there is something new to say, at the pace of the package.
    Change,
    /// A NOTIFY in any case, but not before the pause is over that its receiver has asked for.
    Again,
    /// A NOTIFY in any case and at once: it answers a SUBSCRIBE, or the state of the subscription changed.
    Word,
}

impl Owed {
    /// Whether it keeps the pauses between NOTIFYs.
    pub(super) fn is_paced(self) -> bool {
        matches!(self, Self::Change | Self::Again)
    }
}

/// When the next NOTIFY of a subscription is to be expected, for who asks why it has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// There is nothing to say.
    Nothing,
    /// The one before it has no answer yet.
    Unanswered,
    /// Not before this, by the pace of the package or the subscriber's wish.
    Paused(Timestamp),
    /// As soon as it has its turn.
    Due,
    /// It asked for none of mere changes, RFC 5839 §6.2.
    Unwanted,
}

/// A subscription whose turn has come, shown to its package.
#[derive(Debug)]
pub struct Turn<'a, T> {
    /// The subscription; its state is what the NOTIFY will tell.
    pub subscription: &'a Subscription,
    /// Something must be said even if it is nothing new.
    pub word: bool,
    /// The subscriber wants to be told of no state: what is said goes out without its body, RFC 5839 §5.2.
    pub quenched: bool,
    /// What the package keeps with it.
    pub data: &'a mut T,
}

/// What the package says when the turn has come.
#[derive(Debug)]
pub enum Say {
    /// There is nothing new.
    Nothing,
    /// It is not known yet. It stays owed; the package owes it again when it knows.
    Later,
    /// This, or a NOTIFY without a body. With the instant at which the change was made that it tells of.
    This(Option<Arc<Content>>, Timestamp),
}

/// A NOTIFY to print: the subscription says how, the content what.
#[derive(Debug)]
pub struct Notify<'a> {
    /// The dialog and flow.
    pub subscription: &'a Subscription,
    /// CSeq and state.
    pub sent: Sent,
    /// The package's fields, and the body.
    pub content: Option<&'a Arc<Content>>,
    /// When the change that it tells of was made; `None` if it answers a SUBSCRIBE, ends the subscription, or is a
    /// repetition.
    pub changed_at: Option<Timestamp>,
}

/// What became of a NOTIFY.
#[derive(Debug)]
pub enum Ended<'a, T> {
    /// The subscriber knows what it said.
    Delivered(&'a mut T),
    /// Nobody can say what the subscriber knows; it stays subscribed.
    Undelivered(&'a mut T),
    /// It was the last one, or too much failed: the subscription is no more.
    Removed(T),
}

impl<T: Kept> Subscriptions<T> {
    /// Notes that a NOTIFY is owed, and asks for a turn.
    pub fn owe(&mut self, id: SubscriptionId, what: Owed, out: &mut Outbox) {
        if let Some(record) = self.record_mut(id) {
            record.owe(id.index, what, out);
        }
    }

    /// When the next NOTIFY is to be expected.
    pub fn prospect(&self, now: Timestamp, id: SubscriptionId) -> Prospect {
        match self.record(id) {
            Some(record) if record.subscription.in_flight().is_some() => Prospect::Unanswered,
            Some(record) if record.unless == Some(Condition::Always) && record.owed < Owed::Again => {
                Prospect::Unwanted
            }
            Some(record) if record.owed.is_paced() && now < record.not_before => {
                Prospect::Paused(record.not_before)
            }
            Some(record) if record.owed != Owed::Nothing => Prospect::Due,
            Some(_) | None => Prospect::Nothing,
        }
    }

    /// When its last NOTIFY went, repetitions not counted; `None` if none has since the process began.
    pub fn told_at(&self, id: SubscriptionId) -> Option<Timestamp> {
        self.record(id).map(|record| record.told_at).filter(|at| *at != Timestamp::ZERO)
    }

    /// How much one is owed now.
    pub fn owed(&self, id: SubscriptionId) -> Owed {
        self.record(id).map_or(Owed::Nothing, |record| record.owed)
    }

    /// Owes everybody the same: something has changed.
    pub fn owe_all(&mut self, what: Owed, out: &mut Outbox) {
        self.owe_where(what, out, |_| true);
    }

    /// Owes all those the same for whom something has changed, as the package says by what it keeps with them.
    pub fn owe_where(&mut self, what: Owed, out: &mut Outbox, concerns: impl Fn(&T) -> bool) {
        for (index, slot) in (0..).zip(&mut self.slots) {
            if let Slot::Taken(record) = slot
                && concerns(&record.data)
            {
                record.owe(index, what, out);
            }
        }
    }

    /// Asks for a turn for all who are owed something: who had its turn while it was too early gets another.
    pub fn remind(&mut self, out: &mut Outbox) {
        for (index, slot) in (0..).zip(&mut self.slots) {
            if let Slot::Taken(record) = slot
                && record.owed != Owed::Nothing
            {
                record.queue(index, out);
            }
        }
    }

    /// What to send now, decided at this moment from the state of this moment; it counts as sent.
    ///
    /// `None` if there is nothing to say (any more), or it is too early. `say` is asked at most once.
    pub fn turn(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        out: &mut Outbox,
        say: impl FnOnce(Turn<'_, T>) -> Say,
    ) -> Option<Notify<'_>> {
        let record = self.record_mut(id)?;
        record.queued = false;
        if record.subscription.in_flight().is_some() || record.owed == Owed::Nothing {
            return None;
        }
        let word = record.owed >= Owed::Again;
        if record.owed.is_paced() && now < record.not_before {
            record.arm(id.index, record.not_before, out);
            record.paced = true;
            return None;
        }
        let quenched = record.unless == Some(Condition::Always);
        if quenched && !word {
            record.owed = Owed::Nothing;
            out.counts.unchanged += 1;
            return None;
        }
        let said = say(Turn { subscription: &record.subscription, word, quenched, data: &mut record.data });
        let (content, changed_at) = match said {
            Say::This(content, changed_at) => (record.without_known(content), changed_at),
            Say::Nothing => {
                record.owed = Owed::Nothing;
                out.counts.unchanged += 1;
                return None;
            }
            Say::Later => return None,
        };
        record.owed = Owed::Nothing;
        record.word = word;
        if record.subscription.reserve() {
            record.keep(terms, out);
        }
        record.not_before = now + terms.pace;
        record.told_at = now;
        record.telling = content;
        let sent = record.subscription.send(now);
        let changed_at = (!word).then_some(changed_at);
        Some(Notify {
            subscription: &record.subscription,
            sent,
            content: record.telling.as_ref(),
            changed_at,
        })
    }

    /// The NOTIFY without an answer, to be sent again octet for octet.
    pub fn repeat(&self, id: SubscriptionId) -> Option<Notify<'_>> {
        let record = self.record(id)?;
        let sent = record.subscription.in_flight()?;
        let content = record.telling.as_ref();
        Some(Notify { subscription: &record.subscription, sent, content, changed_at: None })
    }

    /// A NOTIFY has ended, RFC 6665 §4.2.2. Whoever is owed another asks for a turn.
    pub fn ended(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        outcome: Outcome,
        out: &mut Outbox,
    ) -> Option<Ended<'_, T>> {
        let record = self.record_mut(id)?;
        record.telling = None;
        let verdict = record.subscription.ended(now, outcome, terms.unanswered_max);
        let mut queue = true;
        match verdict {
            Verdict::Delivered | Verdict::Kept => {}
            Verdict::RetryAt(at) => {
                record.owed = record.owed.max(if record.word { Owed::Again } else { Owed::Change });
                record.not_before = at;
                record.keep(terms, out); // a restart shall neither forget that it is owed a word nor hurry it
            }
            Verdict::AnotherWay => {
                record.owed = record.owed.max(if record.word { Owed::Word } else { Owed::Change });
                record.not_before = now;
            }
            Verdict::Suspended => {
                record.owed = Owed::Word;
                queue = false;
            }
            Verdict::Removed => {
                let lost = !matches!(record.subscription.state(), State::Terminated(_));
                out.counts.lost += u64::from(lost);
                return self.remove(id, out).map(Ended::Removed);
            }
        }
        let record = self.record_mut(id)?;
        if queue && record.owed != Owed::Nothing {
            record.queue(id.index, out);
        }
        Some(match verdict {
            Verdict::Delivered => Ended::Delivered(&mut record.data),
            _ => Ended::Undelivered(&mut record.data),
        })
    }
}

impl<T> Record<T> {
    /// What is told of a state: without its body while the subscriber's condition is true. A state for which it is not
    /// ends the condition.
    fn without_known(&mut self, content: Option<Arc<Content>>) -> Option<Arc<Content>> {
        let (Some(condition), Some(told)) = (self.unless, &content) else { return content };
        if condition.is_met_by(told.entity_tag) {
            return told.suppressed().map(Arc::new);
        }
        self.unless = None;
        content
    }

    pub(super) fn owe(&mut self, index: u32, what: Owed, out: &mut Outbox) {
        if self.owed == Owed::Change && what == Owed::Change {
            out.counts.coalesced += 1;
        }
        self.owed = self.owed.max(what);
        // Until the end of the pause another change asks for nothing more.
        if !(self.paced && self.owed.is_paced()) {
            self.queue(index, out);
        }
    }

    /// Asks for a turn, unless one is asked for, or a NOTIFY is under way.
    pub(super) fn queue(&mut self, index: u32, out: &mut Outbox) {
        if !self.queued && self.subscription.in_flight().is_none() {
            (self.queued, self.paced) = (true, false);
            out.owed.push(self.id(index));
        }
    }
}
