//! What a SUBSCRIBE does to a presentity.

use core::time::Duration;
use std::sync::Arc;

use documents::rules::SubHandling;
use documents::watcherinfo::Event;
use sip::{Aor, Message};
use sip_stack::dialog::Dialog;
use sip_stack::notifier::State;
use sip_stack::subscriptions::{self, Condition, Refresh, Refreshed, SubscriptionId};
use sip_stack::{Flow, Numbers, Timestamp};

use super::informing::number;
use super::{PACKAGES, Presentity, Sort, Terms, Watcher};
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::rules::Requester;
use crate::winfo::Mark;

/// An initial SUBSCRIBE, read as far as this machine needs it.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// Who asks, by all proven names.
    pub identities: &'a [Aor],
    /// Who asks does not want to be known to the presentity.
    pub anonymous: bool,
    /// What people call who asks.
    pub display_name: Option<&'a str>,
    /// The event package: one of [`PACKAGES`](super::PACKAGES).
    pub package: &'a str,
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
    /// No NOTIFY follows, RFC 5839 §6.3.
    pub suppressed: bool,
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
        let Subscribe { identities, anonymous, display_name, package, dialog, flow, event, expires, unless } =
            subscribe;
        let requester = Requester { identities, anonymous };
        let depth = PACKAGES.iter().position(|known| *known == package).unwrap_or_default();
        let (sort, state) = match u8::try_from(depth).unwrap_or_default() {
            0 => {
                let decision = self.decide(now, terms.policy, &requester);
                out.rule(&self.aor, identities.first(), anonymous, None, decision.handling);
                let state = match decision.handling {
                    SubHandling::Block => return Err(Refusal::Forbidden),
                    SubHandling::Confirm => State::Pending,
                    SubHandling::PoliteBlock | SubHandling::Allow => State::Active,
                };
                (Sort::Presence(self.classes.of(&Arc::new(decision))), state)
            }
            depth => (self.may_be_informed(now, terms.policy, depth, &requester)?, State::Active),
        };
        let is_presence = sort.depth() == 0;
        let mark = Mark::new(number(numbers), now, anonymous, display_name);
        let permanent = self.rulebook.permanent_fingerprint();
        let watcher = Watcher { permanent, ..Watcher::new(sort, mark.clone()) };
        let unless = unless.filter(|_| is_presence); // watcher information has no entity-tags
        let subscribe = subscriptions::Subscribe { identities, dialog, flow, event, expires, state, unless };
        let terms = terms.watchers(&self.aor);
        let (lifetime, id) =
            self.watchers.subscribe(now, &terms, numbers, subscribe, watcher, &mut out.watchers)?;
        let undecided = state == State::Pending;
        if !is_presence {
            self.informs(id);
        }
        if is_presence && let Some(first) = identities.first() {
            self.give_up(first.as_str(), Event::Giveup, out);
        }
        if !lifetime.is_zero() {
            self.note_change(id, Event::Subscribe, out);
        } else if undecided {
            self.wait(now, identities.to_vec(), mark, Some(id), out);
        }
        Ok(Subscribed { lifetime, id, undecided, suppressed: false })
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
        if refresh.expires == Some(0) {
            self.note_departure(now, id, Event::Timeout, out);
        }
        let (current, fingerprint) = match refresh.unless.and_then(|_| self.view_of(id)) {
            Some(view) => (view.content().entity_tag, view.fingerprint()),
            None => (None, 0),
        };
        let is_presence = self.watchers.get(id).is_some_and(|(_, watcher)| watcher.sort.depth() == 0);
        let refresh = Refresh { unless: refresh.unless.filter(|_| is_presence), ..refresh };
        let terms = terms.watchers(&self.aor);
        let Refreshed { lifetime, suppressed } =
            self.watchers.refresh_unless(now, &terms, heard, refresh, current, &mut out.watchers)?;
        if suppressed
            && let Some(watcher) = self.watchers.data_mut(id)
            && matches!(refresh.unless, Some(Condition::Tag(_)))
        {
            watcher.told = fingerprint;
        }
        Ok(Subscribed { lifetime, id, undecided, suppressed })
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
