//! What a SUBSCRIBE does to a presentity.

use core::time::Duration;
use std::sync::Arc;

use documents::rules::SubHandling;
use sip::{Aor, Message};
use sip_stack::dialog::Dialog;
use sip_stack::notifier::State;
use sip_stack::subscriptions::{self, Refresh, SubscriptionId};
use sip_stack::{Flow, Numbers, Timestamp};

use super::{Presentity, Terms, Watcher};
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::rules::Requester;

/// An initial SUBSCRIBE, read as far as this machine needs it.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// Who asks, by all proven names.
    pub identities: &'a [Aor],
    /// Who asks does not want to be known to the presentity.
    pub anonymous: bool,
    /// The dialog that the request makes.
    pub dialog: Dialog,
    /// Where its answer goes, and NOTIFYs after it.
    pub flow: Flow,
    /// The Event field's value, as NOTIFYs repeat it.
    pub event: &'a str,
    /// The Expires field.
    pub expires: Option<u32>,
}

/// What an accepted SUBSCRIBE is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The lifetime granted.
    pub lifetime: Duration,
    /// The subscription.
    pub id: SubscriptionId,
    /// Nobody has decided yet whether it may be, RFC 5025 §3.2.1.
    pub undecided: bool,
}

impl Presentity {
    /// Takes an initial SUBSCRIBE, RFC 6665 §4.2.1. A lifetime of zero is a fetch: one NOTIFY and no more.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        subscribe: Subscribe<'_>,
        out: &mut Outbox,
    ) -> Result<Subscribed, Refusal> {
        let Subscribe { identities, anonymous, dialog, flow, event, expires } = subscribe;
        let decision = self.decide(now, terms.policy, &Requester { identities, anonymous });
        let state = match decision.handling {
            SubHandling::Block => return Err(Refusal::Forbidden),
            SubHandling::Confirm => State::Pending,
            SubHandling::PoliteBlock | SubHandling::Allow => State::Active,
        };
        let watcher = Watcher::new(self.classes.of(&Arc::new(decision)), anonymous);
        let subscribe = subscriptions::Subscribe { identities, dialog, flow, event, expires, state };
        let terms = terms.watchers(&self.aor);
        let (lifetime, id) =
            self.watchers.subscribe(now, &terms, numbers, subscribe, watcher, &mut out.watchers)?;
        Ok(Subscribed { lifetime, id, undecided: state == State::Pending })
    }

    /// Takes a SUBSCRIBE inside a dialog: a refresh, or with a lifetime of zero the end, RFC 6665 §4.2.1.4. Whether it may
    /// be was judged when its rules last changed.
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        refresh: Refresh<'_>,
        out: &mut Outbox,
    ) -> Result<Subscribed, Refusal> {
        let Refresh { identity, request, cseq, event, .. } = refresh;
        let heard = self.watchers.hear(id, identity, request, cseq, Some(event))?;
        let undecided = self.subscription(id).is_some_and(|it| it.state() == State::Pending);
        let terms = terms.watchers(&self.aor);
        let lifetime = self.watchers.refresh(now, &terms, heard, refresh, &mut out.watchers)?;
        Ok(Subscribed { lifetime, id, undecided })
    }

    /// Hears a SUBSCRIBE inside a dialog that is refused for something else than the dialog.
    pub fn hear(
        &mut self,
        id: SubscriptionId,
        identity: &Aor,
        request: &Message<'_>,
        cseq: u32,
    ) -> Result<(), subscriptions::Refusal> {
        self.watchers.hear(id, identity, request, cseq, None).map(drop)
    }
}
