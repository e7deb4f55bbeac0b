//! SUBSCRIBE, as far as it is the same for all event packages.

use core::time::Duration;
use std::borrow::Cow;

use sip::{CSeq, Message, Name};
use sip_stack::auth::Caller;
use sip_stack::dialog::{Dialog, LocalTag};
use sip_stack::subscriptions::{Condition, Refresh, Refreshed, Refusal};
use sip_stack::{Flow, Timestamp};
use xdm::Principal;
use xdm::changes;

use super::{Package, Refused, expires};
use crate::door::to_tag;
use crate::effects::Effects;
use crate::owners::{Role, Watching};
use crate::record::Partition;
use crate::shard::{Asked, Shard, Storage};

/// What a SUBSCRIBE asks for.
struct Wish<'a> {
    package: &'static Package,
    /// The Event field's value.
    event: &'a str,
    /// The Expires field.
    expires: Option<u32>,
    /// The Suppress-If-Match field.
    unless: Option<Condition>,
    /// Which documents, if it is about such.
    changes: Option<changes::Wish>,
}

/// An initial SUBSCRIBE that a role shall judge.
pub(super) struct Initial<'a> {
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// What people call who asks.
    pub(super) display_name: Option<String>,
    /// The event package.
    pub(super) package: &'static str,
    /// The dialog that it makes.
    pub(super) dialog: Dialog,
    /// The way of its answer.
    pub(super) flow: Flow,
    /// The Event field's value.
    pub(super) event: &'a str,
    /// The Expires field.
    pub(super) expires: Option<u32>,
    /// The Suppress-If-Match field.
    pub(super) unless: Option<Condition>,
    /// Which documents, if it is about such.
    pub(super) changes: Option<changes::Wish>,
}

/// What a role has granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    /// For how long.
    pub(super) lifetime: Duration,
    /// Nobody has decided yet whether it may be: 202, RFC 5025 §3.2.1.
    pub(super) undecided: bool,
    /// No NOTIFY follows: 204, RFC 5839 §6.3.
    pub(super) suppressed: bool,
}

impl Shard {
    /// Takes a SUBSCRIBE, for whatever package.
    pub(super) fn subscribe(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        match self.listed(asked.request, out) {
            Ok(Some(listed)) => return self.subscribe_to_list(now, asked, caller, &listed, out),
            Ok(None) => {}
            Err(owner) => return self.park(asked, caller, owner, out),
        }
        let wish = self.wish(asked.request);
        match to_tag(asked.request) {
            Some(tag) => self.resubscribe(now, asked, caller, (tag, wish), out),
            None => self.initial(now, asked, caller, wish?, out),
        }
    }

    fn wish<'a>(&self, request: &Message<'a>) -> Result<Wish<'a>, Refused> {
        let (value, event, package) = self.event(request)?;
        let changes = match package.subscribe {
            Role::Presence | Role::List if !request.body().is_empty() && !is_optional(request) => {
                return Err(Refused::Body);
            }
            Role::Presence | Role::List => None,
            Role::Changes => {
                let limits = &self.settings.limits;
                Some(changes::Wish::read(request, &event, &limits.changes, limits.document)?)
            }
        };
        if request.get(Name::Accept).is_some() && !sip::accepts(request.values(Name::Accept), package.body) {
            return Err(Refused::NotAcceptable);
        }
        let unless = Condition::read(request).map_err(|_| Refused::Field("Bad Suppress-If-Match"))?;
        Ok(Wish { package, event: value, expires: expires(request)?, unless, changes })
    }

    fn initial(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        wish: Wish<'_>,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let Wish { package, event, expires, unless, changes } = wish;
        let aor = self.our_aor(asked.request)?;
        if self.storage == Storage::Failing && expires != Some(0) {
            return Err(Refused::Storage);
        }
        if !self.is_entitled(package.subscribe, package, caller) {
            return Err(Refused::NotEntitled);
        }
        self.check_room_for_dialog(caller.aor())?;
        let partition = Partition::of_hash(aor.stable_hash()).0;
        let local_tag = LocalTag { partition, number: self.random.draw() };
        let dialog = Dialog::accept(asked.request, local_tag).map_err(Refusal::from)?;
        let owner = match package.subscribe {
            Role::Presence => self.watched(&aor)?,
            Role::List => return Err(Refused::Event(self.allow_events())), // no package is of lists alone
            Role::Changes => self.followed(&aor)?,
        };
        if self.must_wait(owner) {
            return self.park(asked, caller, owner, out);
        }
        let from = asked.request.from();
        let display_name = from.and_then(|from| from.display_name().map(Cow::into_owned));
        let (flow, package) = (asked.back, package.name);
        let initial =
            Initial { caller, display_name, package, dialog, flow, event, expires, unless, changes };
        let (granted, watching) = match owner.role {
            Role::Presence => self.watch(now, owner.place, initial, out)?,
            Role::List => return Err(Refused::Event(self.allow_events())),
            Role::Changes => self.follow(now, owner.place, initial, out)?,
        };
        self.granted(now, asked, granted, local_tag, watching, out);
        Ok(())
    }

    /// Answers an initial SUBSCRIBE that was granted, and remembers its dialog.
    pub(super) fn granted(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        granted: Granted,
        local_tag: LocalTag,
        watching: Watching,
        out: &mut Effects,
    ) {
        self.opened(local_tag.number, watching, out);
        if granted.lifetime.is_zero() {
            self.metrics.subscribe_fetch += 1;
        } else {
            self.metrics.subscribe_initial += 1;
        }
        let tag = local_tag.to_string();
        self.subscribed(now, asked, watching.owner.role, granted, Some(&tag), out);
    }

    /// Whether a caller may use the function that a subscription is part of. Who may watch is judged with the rules.
    fn is_entitled(&self, role: Role, package: &Package, caller: &Caller) -> bool {
        let entitlement = &self.settings.entitlement;
        match role {
            Role::List => entitlement.lists.has(caller.identities()),
            Role::Presence if package.name != presence::PACKAGES[0] => {
                entitlement.winfo.has(caller.identities())
            }
            Role::Presence => true,
            Role::Changes => {
                let servers = self.settings.documents.as_ref();
                let is_provider =
                    servers.is_some_and(|xdms| xdms.principal(caller.identities()) == Principal::Provider);
                is_provider || entitlement.documents.has(caller.identities())
            }
        }
    }

    fn resubscribe(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        caller: &Caller,
        (tag, wish): (&str, Result<Wish<'_>, Refused>),
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        let watching = LocalTag::parse(tag).and_then(|tag| self.watching(tag.number));
        let cseq =
            request.get(Name::CSeq).and_then(|value| CSeq::parse(value).ok()).map_or(0, |cseq| cseq.number);
        let (watching, Wish { package, event, expires, unless, changes }) = match (watching, wish) {
            (Some(watching), Ok(wish)) => (watching, wish),
            (None, Ok(_)) => return Err(Refusal::NoSubscription.into()),
            (None, Err(refused)) => return Err(refused),
            (Some(watching), Err(refused)) => {
                let heard = self.owners.hear(watching, caller.aor(), request, cseq);
                return Err(if heard == Err(Refusal::OutOfOrder) {
                    Refusal::OutOfOrder.into()
                } else {
                    refused
                });
            }
        };
        if expires != Some(0) && !self.is_entitled(watching.owner.role, package, caller) {
            // Until it runs out it goes on; whoever is not entitled any more to watch is told at once.
            self.owners.hear(watching, caller.aor(), request, cseq)?;
            return Err(Refused::NotEntitled);
        }
        if self.must_wait(watching.owner) {
            return self.park(asked, caller, watching.owner, out);
        }
        let refresh =
            Refresh { identity: caller.aor(), request, cseq, flow: asked.back, event, expires, unless };
        let granted: Granted = match watching.owner.role {
            Role::Presence => {
                let granted =
                    self.with_presentity(watching.owner.place, out, |presentity, terms, _, outbox| {
                        presentity.refresh(now, terms, watching.id, refresh, outbox)
                    });
                granted.ok_or(Refusal::NoSubscription)??.into()
            }
            Role::List => {
                let lifetime = self.refresh_list(now, watching, refresh, out)?;
                Granted { lifetime, undecided: false, suppressed: false }
            }
            Role::Changes => {
                let Some(changes) = changes else {
                    // Another package in a dialog that has one.
                    self.owners.hear(watching, caller.aor(), request, cseq)?;
                    return Err(Refusal::DialogSharing.into());
                };
                let Refreshed { lifetime, suppressed } =
                    self.follow_anew(now, watching, refresh, changes, out)?;
                Granted { lifetime, undecided: false, suppressed }
            }
        };
        if granted.lifetime.is_zero() {
            self.metrics.subscribe_end += 1;
        } else {
            self.metrics.subscribe_refresh += 1;
        }
        self.subscribed(now, asked, watching.owner.role, granted, None, out);
        Ok(())
    }

    fn subscribed(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        role: Role,
        granted: Granted,
        tag: Option<&str>,
        out: &mut Effects,
    ) {
        let contact = self.contact(asked.flow).to_owned();
        let request = asked.request;
        self.answer(now, asked, out, |bytes| {
            let status = match granted {
                Granted { suppressed: true, .. } => 204,
                Granted { undecided: true, .. } => 202,
                Granted { .. } => 200,
            };
            let mut response = sip::respond(bytes, request, status, Some(asked.flow.remote), tag);
            for route in request.all(Name::RecordRoute) {
                response.field(Name::RecordRoute, route); // RFC 3261 §12.1.1
            }
            response.field(Name::Contact, &contact);
            response.number(Name::Expires, granted.lifetime.as_secs());
            if role == Role::List {
                response.field(Name::Require, rls::refusal::EVENTLIST); // RFC 4662 §4.1
            }
            response.finish(&[]);
        });
    }
}

/// Whether the sender says that its body may be passed over, RFC 3261 §20.11.
fn is_optional(request: &Message<'_>) -> bool {
    let disposition = request.get(Name::ContentDisposition).unwrap_or_default();
    let parameters = disposition.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters.into_iter().any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("handling") && value.trim().eq_ignore_ascii_case("optional")
    })
}
