//! What a SUBSCRIBE does to a presentity.

use core::time::Duration;

use sip::{Aor, Message};
use sip_stack::dialog::Dialog;
use sip_stack::notifier::{Reason, State};
use sip_stack::subscriptions::{self, Refresh, SubscriptionId};
use sip_stack::{Flow, Numbers, Timestamp};

use super::{Presentity, Terms, Watcher};
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::rules::{Handling, Rules};

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
}

impl Presentity {
    /// Takes an initial SUBSCRIBE, RFC 6665 §4.2.1. A lifetime of zero is a fetch: one NOTIFY and no more.
    ///
    /// Gives the lifetime granted and the watcher's name.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        subscribe: Subscribe<'_>,
        out: &mut Outbox,
    ) -> Result<(Duration, SubscriptionId), Refusal> {
        let Subscribe { identities, dialog, flow, event, expires } = subscribe;
        let identity = identities.first().map_or("", Aor::as_str);
        if Rules::of(terms.policy, &self.aor).handling(identity) == Handling::Block {
            return Err(Refusal::Forbidden);
        }
        let state = State::Active;
        let subscribe = subscriptions::Subscribe { identities, dialog, flow, event, expires, state };
        let (terms, watcher) = (terms.watchers(&self.aor), Watcher::default());
        Ok(self.watchers.subscribe(now, &terms, numbers, subscribe, watcher, &mut out.watchers)?)
    }

    /// Takes a SUBSCRIBE inside a dialog: a refresh, or with a lifetime of zero the end, RFC 6665 §4.2.1.4.
    pub fn refresh(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        refresh: Refresh<'_>,
        out: &mut Outbox,
    ) -> Result<Duration, Refusal> {
        let Refresh { identity, request, cseq, event, .. } = refresh;
        let heard = self.watchers.hear(id, identity, request, cseq, Some(event))?;
        if Rules::of(terms.policy, &self.aor).handling(identity.as_str()) == Handling::Block {
            return Err(Refusal::Forbidden);
        }
        let terms = terms.watchers(&self.aor);
        Ok(self.watchers.refresh(now, &terms, heard, refresh, &mut out.watchers)?)
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

    /// The policy may be another now: who may no longer watch is told so.
    pub fn reauthorize(&mut self, terms: &Terms<'_>, out: &mut Outbox) {
        let rules = Rules::of(terms.policy, &self.aor);
        let blocked = self
            .watchers
            .iter()
            .filter(|(_, subscription, _)| rules.handling(subscription.identity()) == Handling::Block);
        let blocked: Vec<_> = blocked.map(|(id, ..)| id).collect();
        for id in blocked {
            self.watchers.terminate(id, Reason::Rejected, &mut out.watchers);
        }
        self.interests.owe_all(out);
    }
}
