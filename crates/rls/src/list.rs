//! The owner of the list subscriptions of one watcher to one list, and of what is known of the list's resources.

mod changing;
mod following;
mod rows;
mod subscribing;
mod telling;

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use documents::resource_lists::{Entry, Limits, Name};
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::compositor::Lifetimes;
use sip_stack::notifier::Subscription;
use sip_stack::subscriptions::{self, SubscriptionId, Subscriptions};

use changing::edition_of;
use following::{Shelf, Source};
pub use subscribing::Subscribe;

use crate::name::ListName;
use crate::roster::{Roster, Told};
use crate::service::{Policy, Template};

/// What holds for all lists.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// How long list subscriptions live.
    pub lifetimes: Lifetimes,
    /// Changes within this time after a NOTIFY become one.
    pub window: Duration,
    /// How long the first NOTIFY waits for states that are asked for within the installation.
    pub patience: Duration,
    /// Subscriptions of one watcher to one list; and as many fetches.
    pub subscriptions_max: usize,
    /// Resources of one list that are watched; the others are shown as given up.
    pub watched_max: usize,
    /// Consecutive NOTIFYs that a watcher who has answered before may leave unanswered.
    pub unanswered_max: u8,
    /// The host in Content-IDs.
    pub host: &'a str,
    /// Who may subscribe to a stored list.
    pub policy: Policy,
    /// Whose lists a user's lists may refer to.
    pub references: Policy,
    /// Which URIs say whose list they are.
    pub template: &'a Template,
    /// The XCAP roots that references may name.
    pub roots: &'a xcap::Roots,
    /// How far a list is followed.
    pub flat: Limits,
    /// How large a document may be.
    pub xml: xml::Limits,
}

impl<'a> Terms<'a> {
    fn subscriptions(&self, owner: &'a str) -> subscriptions::Terms<'a> {
        subscriptions::Terms {
            role: ROLE,
            owner,
            lifetimes: self.lifetimes,
            pace: self.window,
            max: self.subscriptions_max,
            unanswered_max: self.unanswered_max,
        }
    }
}

/// The role of this machine in stored subscriptions.
pub const ROLE: &str = "list";

/// Why a resource is over that nobody serves.
pub const NO_RESOURCE: &str = "noresource";

/// What is kept with one subscription to the list.
#[derive(Clone, Debug)]
struct Device {
    /// How much of the roster its subscriber knows.
    told: Told,
    /// What it knows once the NOTIFY without an answer is delivered.
    telling: Told,
    /// That NOTIFY said less than was owed, as more did not fit.
    more: bool,
    /// Its first NOTIFY waits until then for states that are on their way.
    held_until: Timestamp,
    /// It is owed that NOTIFY, and waits.
    is_held: bool,
    /// Which members its subscriber knows of, see [`edition_of`].
    edition: u64,
    /// The list that its SUBSCRIBE contained.
    contained: Option<Arc<[Entry]>>,
}

/// The subscriptions of one watcher to one list, and the virtual subscriptions that they share. The only place that
/// changes them.
#[derive(Debug)]
pub struct List {
    name: ListName,
    /// The name as it stands in stored rows.
    stored_name: Arc<str>,
    serial: u32,
    partition: u16,
    /// What people call the list.
    names: Vec<Name>,
    identities: Arc<[Aor]>,
    /// Part of boundaries: nobody who publishes can guess it.
    secret: u64,
    roster: Roster,
    /// Which members there are now.
    edition: u64,
    /// Resources whose first state is on its way within the installation.
    awaited: BTreeSet<u32>,
    subscriptions: Subscriptions<Device>,
    source: Source,
    changed_at: Timestamp,
    /// After a restart, until the members are known: the newest change in any row of before.
    stopped_at: Option<Timestamp>,
    /// What has not changed since then was told before a restart.
    settled_before: Timestamp,
}

impl List {
    /// A list without resources so far. `owner` is whose list it is, if it is a stored one; `serial` tells it from others
    /// at the same place, `partition` says where its rows belong, and `secret` is a random number.
    pub fn new(
        name: ListName,
        identities: &[Aor],
        owner: Option<Aor>,
        serial: u32,
        partition: u16,
        secret: u64,
    ) -> Self {
        Self {
            source: owner.map_or(Source::Contained, |owner| Source::Stored(Box::new(Shelf::new(owner)))),
            stored_name: name.to_string().into(),
            name,
            serial,
            partition,
            names: Vec::new(),
            identities: identities.into(),
            secret,
            roster: Roster::default(),
            edition: edition_of(&[], 0),
            awaited: BTreeSet::new(),
            subscriptions: Subscriptions::default(),
            changed_at: Timestamp::ZERO,
            stopped_at: None,
            settled_before: Timestamp::ZERO,
        }
    }

    /// Which list, and whose.
    pub fn name(&self) -> &ListName {
        &self.name
    }

    /// Tells it from others at the same place.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// A number that no document in any of its NOTIFYs has reached: each tells of a resource once at most.
    pub fn version(&self) -> u32 {
        let sent = self.subscriptions.iter().map(|(_, subscription, _)| subscription.next_cseq() - 1);
        sent.max().unwrap_or(0)
    }

    /// Where its rows belong.
    pub fn partition(&self) -> u16 {
        self.partition
    }

    /// The watcher by all proven names: back-end subscriptions are made in them.
    pub fn identities(&self) -> &Arc<[Aor]> {
        &self.identities
    }

    /// Whether it can be forgotten.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    /// One of its subscriptions, while it lives.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(id).map(|(subscription, _)| subscription)
    }
}
