//! The event package `xcap-diff`, RFC 5875: who is told of which changes of documents.
//!
//! A [`Changes`] owns the subscriptions to one Request-URI and follows the documents that they name. Bodies are those of
//! RFC 5874. It knows no store: it asks for documents ([`Outbox::wants`]) and is told of every change.

mod asking;
mod log;
mod outbox;
mod refusal;
mod resource;
mod rows;
mod standings;
mod subscriber;
mod telling;
mod wish;

use core::time::Duration;
use std::collections::BTreeMap;

use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::compositor::Lifetimes;
use sip_stack::notifier::{Outcome, Subscription};
use sip_stack::subscriptions::{self, Ended, Notify, Owed, SubscriptionId, Subscriptions};
use xcap::{Change, Followed, Found, Tree, Unavailable, Want};

use crate::request::Standing;
use crate::xdms::Xdms;
use log::Log;
use standings::Standings;
use subscriber::Subscriber;

pub use asking::Subscribe;
pub use outbox::{Ask, Outbox};
pub use refusal::Refusal;
pub use wish::{Mode, Wish};

/// The name of the package, RFC 5875 §4.2, and of this machine in stored rows.
pub const PACKAGE: &str = "xcap-diff";
/// The package by which XDM clients of the first generation subscribe to one document: read as `xcap-diff` without
/// patches.
pub const OLD_PACKAGE: &str = "ua-profile";
/// What a NOTIFY holds, RFC 5875 §4.6.
pub const BODY: &str = documents::xcap_diff::MEDIA_TYPE;

/// What holds for all subscriptions to changes.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The document servers: which usages there are, and who may read what.
    pub xdms: &'a Xdms,
    /// Lifetimes of subscriptions.
    pub lifetimes: Lifetimes,
    /// Least time between two NOTIFYs of one dialog, RFC 5875 §4.10.
    pub pace: Duration,
    /// Subscriptions to one Request-URI.
    pub subscriptions_max: usize,
    /// Bounds.
    pub limits: &'a Limits,
}

/// How much one subscription may ask for and is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Resources that a SUBSCRIBE names (413).
    pub resources: usize,
    /// Octets of a NOTIFY body: above it, patches and the content of elements are left out.
    pub body: usize,
    /// Octets of versions kept for those who want the whole history; who is further behind is told the newest alone.
    pub history: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { resources: 100, body: 32 * 1024, history: 1024 * 1024 }
    }
}

impl<'a> Terms<'a> {
    fn subscriptions(&self, owner: &'a Aor) -> subscriptions::Terms<'a> {
        subscriptions::Terms {
            role: PACKAGE,
            owner: owner.as_str(),
            lifetimes: self.lifetimes,
            pace: self.pace,
            max: self.subscriptions_max,
            unanswered_max: 1, // RFC 5875 §4.7: a timeout removes the subscription
        }
    }
}

/// The subscriptions to one Request-URI, and the documents that they follow.
#[derive(Debug)]
pub struct Changes {
    aor: Aor,
    serial: u32,
    subscriptions: Subscriptions<Subscriber>,
    followed: BTreeMap<Want, Followed>,
    standings: Standings,
    log: Log,
    changed_at: Timestamp,
}

impl Changes {
    /// Nobody subscribes yet. `serial` tells it from others at the same place.
    pub fn new(aor: Aor, serial: u32) -> Self {
        Self {
            aor,
            serial,
            subscriptions: Subscriptions::default(),
            followed: BTreeMap::new(),
            standings: Standings::default(),
            log: Log::default(),
            changed_at: Timestamp::ZERO,
        }
    }

    /// The address-of-record of the Request-URI.
    pub fn aor(&self) -> &Aor {
        &self.aor
    }

    /// Tells it from others at the same place.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Whether it can be forgotten.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    /// A subscription, while it lives.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(id).map(|(subscription, _)| subscription)
    }

    /// The NOTIFY without an answer, to be sent again as it was.
    pub fn repeat(&self, id: SubscriptionId) -> Option<Notify<'_>> {
        self.subscriptions.repeat(id)
    }

    /// A NOTIFY has ended. What was not delivered is told in full next time; what was is stored, so that a restart goes on
    /// from there.
    pub fn ended(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        let terms = terms.subscriptions(&self.aor);
        match self.subscriptions.ended(now, &terms, id, outcome, &mut out.subscriptions) {
            Some(Ended::Delivered(subscriber)) => {
                subscriber.delivered();
                self.subscriptions.keep(&terms, id, &mut out.subscriptions);
            }
            Some(Ended::Undelivered(subscriber)) => subscriber.forget(),
            Some(Ended::Removed(_)) => self.follow(out),
            None => {}
        }
    }

    /// A wake-up that was asked for has come.
    pub fn due(&mut self, now: Timestamp, at: Timestamp, id: SubscriptionId, out: &mut Outbox) {
        self.subscriptions.due(now, at, id, &mut out.subscriptions);
    }

    /// Asks again for all documents that are not known.
    pub fn prepare(&self, out: &mut Outbox) {
        let unknown = self.followed.values().filter(|followed| !followed.is_known());
        out.wants.extend(unknown.map(|followed| followed.want().clone()));
    }

    /// The answer to a want: who waited for it is told.
    pub fn found(&mut self, want: &Want, found: Result<Found, Unavailable>, out: &mut Outbox) {
        let Some(followed) = self.followed.get_mut(want) else { return };
        let Ok(found) = found else { return };
        if followed.is_known() {
            return;
        }
        if followed.answered(found) {
            self.owe(|subscriber| subscriber.wants().any(|wanted| wanted == *want), out);
        } else {
            out.wants.push(want.clone());
        }
    }

    /// What the rules of somebody let a subscriber read now; `None` if that cannot be known. Who it is about is told what he
    /// may read from now on, and that what he may read no more is gone.
    pub fn standing(&mut self, item: u32, standing: Option<Standing>, out: &mut Outbox) {
        if let Some(judge) = self.standings.told(item, standing) {
            self.owe(|subscriber| subscriber.judges.contains(&judge), out);
        }
    }

    /// Who may read what may be different now for everybody.
    pub fn reauthorize(&mut self, terms: &Terms<'_>, out: &mut Outbox) {
        let ids: Vec<_> = self.subscriptions.iter().map(|(id, ..)| id).collect();
        for id in ids {
            let identities = self.identities(id);
            if let Some(subscriber) = self.subscriptions.data_mut(id) {
                subscriber.resolve(&self.aor, terms.xdms, &identities);
            }
        }
        self.follow(out);
        self.owe(|_| true, out);
    }

    /// The proven names of a subscriber.
    fn identities(&self, id: SubscriptionId) -> Vec<Aor> {
        let subscription = self.subscription(id);
        let names = subscription.into_iter().flat_map(Subscription::identities);
        names.filter_map(|text| Aor::parse(text).ok()).collect()
    }

    /// A document has changed: who follows it is told, at the pace of the package.
    pub fn changed(&mut self, now: Timestamp, terms: &Terms<'_>, change: &Change, out: &mut Outbox) {
        let mut is_known = false;
        for followed in self.followed.values_mut() {
            is_known |= followed.changed(change);
        }
        if !is_known {
            return;
        }
        self.changed_at = now;
        if self.subscriptions.iter().any(|(_, _, subscriber)| subscriber.wants_history()) {
            self.log.push(change, terms.limits.history);
        }
        self.owe(|subscriber| subscriber.covers(&change.document), out);
    }

    fn owe(&mut self, concerns: impl Fn(&Subscriber) -> bool, out: &mut Outbox) {
        let concerned = self.subscriptions.iter().filter(|(_, _, subscriber)| concerns(subscriber));
        let concerned: Vec<_> = concerned.map(|(id, ..)| id).collect();
        for id in concerned {
            self.subscriptions.owe(id, Owed::Change, &mut out.subscriptions);
        }
    }

    /// Follows what live subscriptions name, and nothing else.
    fn follow(&mut self, out: &mut Outbox) {
        let mut wanted: Vec<Want> =
            self.subscriptions.iter().flat_map(|(_, _, subscriber)| subscriber.wants()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let trees = |followed: &BTreeMap<Want, Followed>| -> Vec<Tree> {
            let mut trees: Vec<_> = followed.keys().map(|want| want.tree().clone()).collect();
            trees.sort_unstable();
            trees.dedup();
            trees
        };
        let before = trees(&self.followed);
        self.followed.retain(|want, _| wanted.binary_search(want).is_ok());
        for want in wanted {
            self.followed.entry(want).or_insert_with_key(|want| {
                out.wants.push(want.clone());
                Followed::new(want.clone())
            });
        }
        let after = trees(&self.followed);
        out.unfollow.extend(before.iter().filter(|tree| !after.contains(tree)).cloned());
        out.follow.extend(after.into_iter().filter(|tree| !before.contains(tree)));
        let judges = self.subscriptions.iter().flat_map(|(_, _, subscriber)| &subscriber.judges);
        self.standings.retain(judges.cloned().collect(), &mut out.asks);
        if !self.subscriptions.iter().any(|(_, _, subscriber)| subscriber.wants_history()) {
            self.log.clear();
        }
    }
}
