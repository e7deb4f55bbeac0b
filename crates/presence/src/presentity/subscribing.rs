//! What a SUBSCRIBE does to a presentity, and how a subscription ends.

use core::time::Duration;

use sip::{Aor, Message};
use sip_stack::compositor::Lifetimes;
use sip_stack::dialog::Dialog;
use sip_stack::notifier::{Reason, State, Subscription};
use sip_stack::{Flow, Timestamp};

use super::{Numbers, Owed, Presentity, Terms, Watcher};
use crate::outbox::{Outbox, Stored, WatcherId};
use crate::refusal::Refusal;
use crate::rules::{Handling, Rules};

/// An initial SUBSCRIBE, read as far as this machine needs it.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// The proven caller.
    pub identity: &'a Aor,
    /// The dialog that the request makes.
    pub dialog: Dialog,
    /// Where its answer goes, and NOTIFYs after it.
    pub flow: Flow,
    /// The Event field's value, as NOTIFYs repeat it.
    pub event: &'a str,
    /// The Expires field.
    pub expires: Option<u32>,
}

/// A SUBSCRIBE inside a dialog.
#[derive(Debug)]
pub struct Refresh<'a> {
    /// The proven caller.
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
}

impl Presentity {
    /// Takes an initial SUBSCRIBE, RFC 6665 §4.2.1. A lifetime of zero is a fetch: one NOTIFY and no more.
    ///
    /// `dialog` is the dialog that the request makes, `identity` the proven caller, `event` the Event field's value.
    /// Gives the lifetime granted and the watcher's name.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        subscribe: Subscribe<'_>,
        out: &mut Outbox,
    ) -> Result<(Duration, WatcherId), Refusal> {
        if Rules::of(terms.policy, &self.aor).handling(subscribe.identity) == Handling::Block {
            return Err(Refusal::Forbidden);
        }
        let lifetime = subscription_lifetime(terms, subscribe.expires)?;
        let fetch = lifetime.is_zero();
        // Each by itself: fetches whose NOTIFY nobody answers last for 32 s, and must not take the place of watchers.
        if (if fetch { self.fetches } else { self.watchers() }) >= terms.subscriptions_max {
            return Err(Refusal::TooManySubscriptions);
        }
        let state = if fetch { State::Terminated(Reason::Timeout) } else { State::Active };
        let Subscribe { dialog, flow, event, identity, .. } = subscribe;
        let watcher = Box::new(Watcher {
            serial: numbers.serial(),
            row: (!fetch).then(|| numbers.row()),
            fetch,
            identity: identity.clone(),
            subscription: Subscription::accept(dialog, flow, event, state, now + lifetime),
            told: 0,
            telling: None,
            owed: Owed::Nothing,
            queued: false,
            not_before: now,
            armed_at: Timestamp::NEVER,
        });
        let serial = watcher.serial;
        let index = self.place(watcher);
        self.keep_watcher(index, out);
        self.arm(index, now + lifetime, out);
        self.owe(index, Owed::Word, out);
        let index = u32::try_from(index).expect("places are counted in 32 bits");
        Ok((lifetime, WatcherId { index, serial }))
    }

    /// The subscription of a watcher, while it lives.
    pub fn subscription(&self, id: WatcherId) -> Option<&Subscription> {
        self.watcher(id).map(|watcher| &watcher.subscription)
    }

    /// Takes a SUBSCRIBE inside a dialog: a refresh, or with a lifetime of zero the end, RFC 6665 §4.2.1.4.
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: WatcherId,
        refresh: Refresh<'_>,
        out: &mut Outbox,
    ) -> Result<Duration, Refusal> {
        let index = id.index as usize;
        let aor = self.aor.clone();
        let watcher = self.watcher_mut(id).ok_or(Refusal::NoSubscription)?;
        heard(watcher, refresh.identity, refresh.request, refresh.cseq)?;
        let subscription = &mut watcher.subscription;
        if !subscription.is_to(refresh.event) {
            return Err(Refusal::DialogSharing);
        }
        if Rules::of(terms.policy, &aor).handling(refresh.identity) == Handling::Block {
            return Err(Refusal::Forbidden);
        }
        let lifetime = subscription_lifetime(terms, refresh.expires)?;
        subscription.refresh(refresh.request, refresh.flow, now + lifetime)?;
        if lifetime.is_zero() {
            self.terminate(index, Reason::Timeout, out);
        } else {
            watcher.not_before = now;
            self.keep_watcher(index, out);
            self.arm(index, now + lifetime, out);
            self.owe(index, Owed::Word, out);
        }
        Ok(lifetime)
    }

    /// Hears a SUBSCRIBE inside a dialog that is refused for something else than the dialog: its CSeq is used up all the
    /// same, RFC 3261 §12.2.2.
    pub fn hear(
        &mut self,
        id: WatcherId,
        identity: &Aor,
        request: &Message<'_>,
        cseq: u32,
    ) -> Result<(), Refusal> {
        heard(self.watcher_mut(id).ok_or(Refusal::NoSubscription)?, identity, request, cseq)
    }

    /// Ends a subscription: one last NOTIFY says so, and no row remembers it.
    pub(super) fn terminate(&mut self, index: usize, reason: Reason, out: &mut Outbox) {
        let Some(watcher) = self.watchers[index].as_mut() else { return };
        if matches!(watcher.subscription.state(), State::Terminated(_)) {
            return;
        }
        watcher.subscription.set_state(State::Terminated(reason));
        if let Some(row) = watcher.row.take() {
            out.stored.push(Stored::NoSubscription(row));
        }
        self.owe(index, Owed::Word, out);
    }

    /// The policy may be another now: who may no longer watch is told so.
    pub fn reauthorize(&mut self, terms: &Terms<'_>, out: &mut Outbox) {
        for index in 0..self.watchers.len() {
            let Some(watcher) = &self.watchers[index] else { continue };
            if Rules::of(terms.policy, &self.aor).handling(&watcher.identity) == Handling::Block {
                self.terminate(index, Reason::Rejected, out);
            }
        }
    }
}

/// Whether a request belongs to the dialog, in order, and is the watcher's own; its CSeq is used up if so. Somebody else
/// uses up no number, or could have the watcher's next ones refused. No row is written for it: after a crash the number
/// of a request that was refused may be used once more.
fn heard(watcher: &mut Watcher, identity: &Aor, request: &Message<'_>, cseq: u32) -> Result<(), Refusal> {
    let subscription = &mut watcher.subscription;
    if !subscription.dialog.is_of(request) || matches!(subscription.state(), State::Terminated(_)) {
        return Err(Refusal::NoSubscription);
    }
    if cseq <= subscription.dialog.remote_cseq() {
        return Err(Refusal::OutOfOrder);
    }
    if *identity != watcher.identity {
        return Err(Refusal::Forbidden);
    }
    subscription.dialog.hear(cseq);
    Ok(())
}

/// The same rule as for publications, but an hour is never too brief, RFC 6665 §4.2.1.1.
fn subscription_lifetime(terms: &Terms<'_>, asked: Option<u32>) -> Result<Duration, Refusal> {
    let min = terms.subscriptions.min.min(HOUR);
    let lifetime = Lifetimes { min, ..terms.subscriptions }.grant(asked);
    lifetime.map_err(|_| Refusal::IntervalTooBrief { min })
}

const HOUR: Duration = Duration::from_secs(3600);
