//! What a SUBSCRIBE does to the subscriptions of an owner, and how one ends.

use core::time::Duration;

use sip::{Aor, Message};

use super::{Condition, Kept, Outbox, Owed, Record, Refusal, Stored, SubscriptionId, Subscriptions, Terms};
use crate::compositor::Lifetimes;
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::notifier::{Reason, State, Subscription};
use crate::numbers::Numbers;
use crate::time::Timestamp;

/// An initial SUBSCRIBE.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// The proven names of the caller; at least one.
    pub identities: &'a [Aor],
    /// The dialog that the request makes.
    pub dialog: Dialog,
    /// Where its answer goes, and NOTIFYs after it.
    pub flow: Flow,
    /// The Event field's value, as NOTIFYs repeat it.
    pub event: &'a str,
    /// The Expires field.
    pub expires: Option<u32>,
    /// How it begins, as the package has judged: active or pending.
    pub state: State,
    /// For which state its NOTIFY needs no body, RFC 5839 §6.2.
    pub unless: Option<Condition>,
}

/// A SUBSCRIBE inside a dialog.
#[derive(Clone, Copy, Debug)]
pub struct Refresh<'a> {
    /// The first proven name of the caller.
    pub identity: &'a Aor,
    /// The request itself: Call-ID, tags, CSeq and Contact count.
    pub request: &'a Message<'a>,
    /// Its CSeq number.
    pub cseq: u32,
    /// Where its answer goes, and NOTIFYs after it.
    pub flow: Flow,
    /// The Event field's value.
    pub event: &'a str,
    /// The Expires field.
    pub expires: Option<u32>,
    /// For which state no NOTIFY is wanted, RFC 5839 §6.3.
    pub unless: Option<Condition>,
}

/// A subscription to which a SUBSCRIBE truly belongs. Only [`Subscriptions::hear`] makes one.
#[derive(Debug)]
pub struct Heard(pub(super) SubscriptionId);

impl<T: Kept> Subscriptions<T> {
    /// Takes an initial SUBSCRIBE that the package allows, RFC 6665 §4.2.1. A lifetime of zero is a fetch: one NOTIFY
    /// and no more. Gives the lifetime granted and the subscription's name.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        subscribe: Subscribe<'_>,
        data: T,
        out: &mut Outbox,
    ) -> Result<(Duration, SubscriptionId), Refusal> {
        let lifetime = granted(terms, subscribe.expires)?;
        let fetch = lifetime.is_zero();
        // Each by itself: fetches whose NOTIFY nobody answers last for 32 s, and must not take the place of others.
        if (if fetch { self.fetches as usize } else { self.len() }) >= terms.max {
            return Err(Refusal::TooMany);
        }
        let Subscribe { identities, dialog, flow, event, state, unless, .. } = subscribe;
        let state = if fetch { State::Terminated(Reason::Timeout) } else { state };
        let subscription = Subscription::accept(dialog, flow, event, identities, state, now + lifetime)?;
        out.counts.came(state);
        let record = Record {
            subscription,
            row: (!fetch).then(|| numbers.row()),
            unless,
            telling: None,
            not_before: now,
            told_at: Timestamp::ZERO,
            armed_at: Timestamp::NEVER,
            serial: numbers.serial(),
            owed: Owed::Nothing,
            word: false,
            queued: false,
            paced: false,
            fetch,
            data,
        };
        record.keep(terms, out);
        let id = self.place(record);
        if let Some(record) = self.record_mut(id) {
            record.arm(id.index, now + lifetime, out);
            record.owe(id.index, Owed::Word, out);
        }
        Ok((lifetime, id))
    }

    /// Whether a SUBSCRIBE inside a dialog belongs to this subscription, in order, and is the subscriber's own; its CSeq
    /// is used up if so, even if it is refused for something else, RFC 3261 §12.2.2.
    ///
    /// Somebody else uses up no number, or could have the subscriber's next ones refused. No row is written for it:
    /// after a crash the number of a request that was refused may be used once more. `event` is the Event field's value,
    /// if it names a package at all: another subscription of this dialog is refused, RFC 6665 §4.5.2.
    pub fn hear(
        &mut self,
        id: SubscriptionId,
        identity: &Aor,
        request: &Message<'_>,
        cseq: u32,
        event: Option<&str>,
    ) -> Result<Heard, Refusal> {
        let record = self.record_mut(id).ok_or(Refusal::NoSubscription)?;
        let subscription = &mut record.subscription;
        if !subscription.dialog().is_of(request) || matches!(subscription.state(), State::Terminated(_)) {
            return Err(Refusal::NoSubscription);
        }
        if cseq <= subscription.dialog().remote_cseq() {
            return Err(Refusal::OutOfOrder);
        }
        if identity.as_str() != subscription.identity() {
            return Err(Refusal::Stranger);
        }
        subscription.hear(cseq);
        match event {
            Some(event) if !subscription.is_to(event) => Err(Refusal::DialogSharing),
            _ => Ok(Heard(id)),
        }
    }

    /// Takes a SUBSCRIBE inside a dialog that was heard, and that the package allows: a refresh, or with a lifetime of
    /// zero the end, RFC 6665 §4.2.1.4. Gives the lifetime granted. The condition of the request is passed
    /// over: see [`Subscriptions::refresh_unless`].
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        heard: Heard,
        refresh: Refresh<'_>,
        out: &mut Outbox,
    ) -> Result<Duration, Refusal> {
        let Heard(id) = heard;
        let lifetime = granted(terms, refresh.expires)?;
        let record = self.record_mut(id).ok_or(Refusal::NoSubscription)?;
        record.subscription.refresh(refresh.request, refresh.flow, now + lifetime)?;
        if lifetime.is_zero() {
            self.terminate(id, Reason::Timeout, out);
        } else {
            record.not_before = now;
            record.keep(terms, out);
            record.arm(id.index, now + lifetime, out);
            record.owe(id.index, Owed::Word, out);
        }
        Ok(lifetime)
    }

    /// What was pending is active now, or the other way round: the subscriber is told.
    pub fn set_state(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        state: State,
        out: &mut Outbox,
    ) {
        let Some(record) = self.record_mut(id) else { return };
        let before = record.subscription.state();
        if before == state || matches!(before, State::Terminated(_)) {
            return;
        }
        record.subscription.set_state(state);
        out.counts.gone(before);
        out.counts.came(state);
        record.not_before = record.not_before.max(now);
        record.keep(terms, out);
        record.owe(id.index, Owed::Word, out);
    }

    /// Ends a subscription: one last NOTIFY says so, and no row remembers it.
    pub fn terminate(&mut self, id: SubscriptionId, reason: Reason, out: &mut Outbox) {
        let Some(record) = self.record_mut(id) else { return };
        let before = record.subscription.state();
        if matches!(before, State::Terminated(_)) {
            return;
        }
        record.subscription.set_state(State::Terminated(reason));
        out.counts.gone(before);
        if let Some(row) = record.row.take() {
            out.stored.push(Stored::Delete(row.get()));
        }
        record.owe(id.index, Owed::Word, out);
    }
}

/// The same rule as for publications, but an hour is never too brief, RFC 6665 §4.2.1.1.
fn granted(terms: &Terms<'_>, asked: Option<u32>) -> Result<Duration, Refusal> {
    let min = terms.lifetimes.min.min(HOUR);
    let lifetime = Lifetimes { min, ..terms.lifetimes }.grant(asked);
    lifetime.map_err(|_| Refusal::IntervalTooBrief { min })
}

const HOUR: Duration = Duration::from_secs(3600);
