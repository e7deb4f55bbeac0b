//! What a SUBSCRIBE does to a list.

use core::time::Duration;
use std::sync::Arc;

use documents::resource_lists::Entry;
use sip::{Aor, Message};
use sip_stack::dialog::Dialog;
use sip_stack::notifier::State;
use sip_stack::subscriptions::{self, Refresh, SubscriptionId};
use sip_stack::{Flow, Numbers, Timestamp};

use super::{Device, List, Terms};
use crate::members::Members;
use crate::outbox::{Ask, Outbox};
use crate::refusal::Refusal;
use crate::roster::Told;

/// An initial SUBSCRIBE that may be, read as far as this machine needs it.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// The dialog that the request makes.
    pub dialog: Dialog,
    /// Where its answer goes, and NOTIFYs after it.
    pub flow: Flow,
    /// The Event field's value, as NOTIFYs repeat it.
    pub event: &'a str,
    /// The Expires field.
    pub expires: Option<u32>,
    /// The list that the request contained; it lives as long as the subscription.
    pub contained: Option<Arc<[Entry]>>,
}

impl List {
    /// Takes an initial SUBSCRIBE, RFC 4662 §4.4. A lifetime of zero is a fetch: one NOTIFY and no more. Gives the
    /// lifetime granted and the subscription's name.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        subscribe: Subscribe<'_>,
        out: &mut Outbox,
    ) -> Result<(Duration, SubscriptionId), Refusal> {
        self.check(terms)?;
        let Subscribe { dialog, flow, event, expires, contained } = subscribe;
        let (identities, state) = (Arc::clone(&self.identities), State::Active);
        let subscribe = subscriptions::Subscribe {
            identities: &identities,
            dialog,
            flow,
            event,
            expires,
            state,
            unless: None,
        };
        let entries = contained.clone();
        let device = Device::new(now + terms.patience, contained, Told::NOTHING);
        let subscriptions = terms.subscriptions(&self.stored_name);
        let granted = self.subscriptions.subscribe(
            now,
            &subscriptions,
            numbers,
            subscribe,
            device,
            &mut out.subscriptions,
        )?;
        out.subscriptions.deadlines.push((now + terms.patience, granted.1));
        if let Some(entries) = entries {
            self.edit(now, terms, Members { entries: entries.to_vec(), ..Members::default() }, out);
        }
        Ok(granted)
    }

    /// Takes a SUBSCRIBE inside a dialog: a refresh, or with a lifetime of zero the end. Either is answered by the full
    /// state, RFC 4662 §5.2. Back-end subscriptions are refreshed too, which brings back what got lost on the way.
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        refresh: Refresh<'_>,
        out: &mut Outbox,
    ) -> Result<Duration, Refusal> {
        let Refresh { identity, request, cseq, event, .. } = refresh;
        let heard = self.subscriptions.hear(id, identity, request, cseq, Some(event))?;
        self.check(terms)?;
        let subscriptions = terms.subscriptions(&self.stored_name);
        let lifetime =
            self.subscriptions.refresh(now, &subscriptions, heard, refresh, &mut out.subscriptions)?;
        if let Some(device) = self.subscriptions.data_mut(id) {
            let anew = device.telling.anew();
            (device.told, device.telling) = (anew.clone(), anew); // also if a NOTIFY is under way
        }
        if !lifetime.is_zero() {
            self.watch_all(terms, out);
        }
        Ok(lifetime)
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

    /// Asks for all resources that may be watched.
    pub(super) fn watch_all(&mut self, terms: &Terms<'_>, out: &mut Outbox) {
        let watched = self.roster.resources().take(terms.watched_max);
        out.asks.extend(watched.map(|(item, uri)| Ask::Watch(item, Arc::clone(uri))));
    }
}

impl Device {
    pub(super) fn new(held_until: Timestamp, contained: Option<Arc<[Entry]>>, told: Told) -> Self {
        Self { telling: told.clone(), told, more: false, held_until, is_held: false, edition: 0, contained }
    }
}
