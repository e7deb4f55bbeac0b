//! What a SUBSCRIBE does.

use core::time::Duration;

use sip::{Aor, Message};
use sip_stack::dialog::Dialog;
use sip_stack::notifier::State;
use sip_stack::subscriptions::{self, Refresh, SubscriptionId};
use sip_stack::{Flow, Numbers, Timestamp};

use super::subscriber::Subscriber;
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
        let Subscribe { identities, dialog, flow, event, expires, wish } = subscribe;
        let subscriber = Subscriber::new(wish, &self.aor, terms.xdms, identities);
        let state = State::Active;
        let subscribe = subscriptions::Subscribe { identities, dialog, flow, event, expires, state };
        let kept = terms.subscriptions(&self.aor);
        let out_of = &mut out.subscriptions;
        let granted = self.subscriptions.subscribe(now, &kept, numbers, subscribe, subscriber, out_of)?;
        self.follow(out);
        Ok(granted)
    }

    /// Takes a SUBSCRIBE inside a dialog. One that names resources, or another mode, names them for good (RFC 5875 §4.4);
    /// everything is told anew in any case (§4.7).
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        refresh: Refresh<'_>,
        wish: Wish,
        out: &mut Outbox,
    ) -> Result<Duration, Refusal> {
        let Refresh { identity, request, cseq, event, .. } = refresh;
        let heard = self.subscriptions.hear(id, identity, request, cseq, Some(event))?;
        let identities: Vec<Aor> = self.subscription(id).map_or_else(Vec::new, |subscription| {
            subscription.identities().filter_map(|text| Aor::parse(text).ok()).collect()
        });
        let subscriber = self.subscriptions.data_mut(id).ok_or(subscriptions::Refusal::NoSubscription)?;
        let uris = wish.uris.or_else(|| subscriber.wish.uris.clone());
        let before = core::mem::replace(&mut subscriber.wish, Wish { mode: wish.mode, uris });
        let kept = terms.subscriptions(&self.aor);
        let granted = self.subscriptions.refresh(now, &kept, heard, refresh, &mut out.subscriptions);
        if let Some(subscriber) = self.subscriptions.data_mut(id) {
            match granted {
                Ok(_) => {
                    subscriber.resolve(&self.aor, terms.xdms, &identities);
                    subscriber.forget(); // whatever is under way still
                }
                Err(_) => subscriber.wish = before,
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
