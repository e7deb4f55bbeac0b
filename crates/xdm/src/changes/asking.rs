//! What a SUBSCRIBE does.

use core::time::Duration;

use sip::{Aor, Message};
use sip_stack::dialog::Dialog;
use sip_stack::notifier::State;
use sip_stack::subscriptions::{self, Condition, Refresh, Refreshed, SubscriptionId};
use sip_stack::{Flow, Numbers, Timestamp};

use super::subscriber::{Knowledge, Subscriber};
use super::{Changes, Outbox, Refusal, Terms, Wish};

/// An initial SUBSCRIBE, read as far as this machine needs it.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// Who asks, by all proven names.
    pub identities: &'a [Aor],
    /// The dialog that the request makes.
    pub dialog: Dialog,
    /// Where its answer goes, and NOTIFYs after it.
    pub flow: Flow,
    /// The Event field's value, as NOTIFYs repeat it.
    pub event: &'a str,
    /// The Expires field.
    pub expires: Option<u32>,
    /// For which state its NOTIFY needs no body, RFC 5839 §6.2.
    pub unless: Option<Condition>,
    /// What it is to.
    pub wish: Wish,
}

impl Changes {
    /// Takes an initial SUBSCRIBE. What may not be read is left out of what is told, RFC 5875 §4.7: nobody is refused.
    ///
    /// Gives the lifetime granted and the subscription's name.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        subscribe: Subscribe<'_>,
        out: &mut Outbox,
    ) -> Result<(Duration, SubscriptionId), Refusal> {
        let Subscribe { identities, dialog, flow, event, expires, unless, wish } = subscribe;
        let subscriber = Subscriber::new(wish, &self.aor, terms.xdms, identities);
        let state = State::Active;
        let subscribe = subscriptions::Subscribe { identities, dialog, flow, event, expires, state, unless };
        let kept = terms.subscriptions(&self.aor);
        let out_of = &mut out.subscriptions;
        let granted = self.subscriptions.subscribe(now, &kept, numbers, subscribe, subscriber, out_of)?;
        self.follow(out);
        Ok(granted)
    }

    /// Takes a SUBSCRIBE inside a dialog. One that names resources, or another mode, names them for good (RFC 5875 §4.4).
    /// Everything is told anew (§4.7), unless the subscriber says that it has it.
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        refresh: Refresh<'_>,
        wish: Wish,
        out: &mut Outbox,
    ) -> Result<Refreshed, Refusal> {
        let Refresh { identity, request, cseq, event, unless, .. } = refresh;
        let heard = self.subscriptions.hear(id, identity, request, cseq, Some(event))?;
        let identities = self.identities(id);
        let subscriber = self.subscriptions.data_mut(id).ok_or(subscriptions::Refusal::NoSubscription)?;
        let uris = wish.uris.or_else(|| subscriber.wish.uris.clone());
        let before = core::mem::replace(&mut subscriber.wish, Wish { mode: wish.mode, uris });
        subscriber.resolve(&self.aor, terms.xdms, &identities);
        let state = unless.and_then(|_| self.state(terms, id, &identities));
        let current = state.as_ref().map(Knowledge::entity_tag);
        let kept = terms.subscriptions(&self.aor);
        let granted =
            self.subscriptions.refresh_unless(now, &kept, heard, refresh, current, &mut out.subscriptions);
        if let Some(subscriber) = self.subscriptions.data_mut(id) {
            match (&granted, unless) {
                (Ok(Refreshed { suppressed: true, .. }), Some(Condition::Tag(_))) => {
                    subscriber.catch_up(state.unwrap_or_default());
                    self.subscriptions.keep(&kept, id, &mut out.subscriptions);
                }
                (Ok(Refreshed { suppressed: true, .. }), _) => {} // it wants to know nothing
                (Ok(_), _) => subscriber.forget(),                // whatever is under way still
                (Err(_), _) => {
                    subscriber.wish = before;
                    subscriber.resolve(&self.aor, terms.xdms, &identities);
                }
            }
        }
        self.follow(out);
        Ok(granted?)
    }

    /// Hears a SUBSCRIBE inside a dialog that is refused for something else than the dialog.
    pub fn hear(
        &mut self,
        id: SubscriptionId,
        identity: &Aor,
        request: &Message<'_>,
        cseq: u32,
    ) -> Result<(), subscriptions::Refusal> {
        self.subscriptions.hear(id, identity, request, cseq, None).map(drop)
    }
}
