//! The owner of all that happens around one presentity: its publications and its watchers.

mod explaining;
mod informed;
mod informing;
mod interests;
mod judging;
mod notifying;
mod publishing;
mod rows;
mod rulebook;
mod standings;
mod subscribing;
mod waking;

use core::time::Duration;

use documents::pidf::{self, Presence};
use documents::rules::SubHandling;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::compositor::{Lifetimes, Publication};
use sip_stack::notifier::Subscription;
use sip_stack::subscriptions::{self, SubscriptionId, Subscriptions};

pub use explaining::Explanation;
use informing::Winfo;
pub use informing::{PACKAGES, WAITING_ROLE};
use interests::Interests;
pub use judging::Standing;
pub use publishing::{Publish, Published};
use rulebook::Rulebook;
use standings::Standings;
pub use subscribing::{Subscribe, Subscribed};

use crate::composition::Composer;
use crate::policy::Policy;
use crate::rules::{Class, Classes, Composed};
use crate::winfo::{Mark, Waiting};

/// What holds for all presentities: policy and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Who may do what.
    pub policy: &'a Policy,
    /// Lifetimes of publications.
    pub publications: Lifetimes,
    /// Lifetimes of subscriptions.
    pub subscriptions: Lifetimes,
    /// Least time between two NOTIFYs of one dialog, RFC 3856 §6.10.
    pub pace: Duration,
    /// Publications of one presentity.
    pub publications_max: usize,
    /// Publications of one source for a presentity that is somebody else.
    pub source_publications_max: usize,
    /// Subscriptions to one presentity; and as many fetches whose NOTIFY is not answered yet.
    pub subscriptions_max: usize,
    /// Consecutive NOTIFYs that a watcher who has answered before may leave unanswered.
    pub unanswered_max: u8,
}

impl<'a> Terms<'a> {
    /// What holds for the subscriptions to one presentity.
    fn watchers(&self, presentity: &'a Aor) -> subscriptions::Terms<'a> {
        subscriptions::Terms {
            role: ROLE,
            owner: presentity.as_str(),
            lifetimes: self.subscriptions,
            pace: self.pace,
            max: self.subscriptions_max,
            unanswered_max: self.unanswered_max,
        }
    }
}

/// The role of this machine in stored subscriptions.
pub const ROLE: &str = "presence";

/// What is kept with the subscription of a watcher.
#[derive(Debug)]
struct Watcher {
    /// Fingerprint of the view that the watcher is known to have; zero if none. From a row, of its class. With watcher
    /// information, one more than the number of changes that it knows of.
    told: u64,
    /// The one in the NOTIFY without an answer.
    telling: u64,
    /// What it subscribes to.
    sort: Sort,
    /// What is told of it to the presentity.
    mark: Mark,
    /// Fingerprint of the permanent presence state that is in what it is told; zero if there is none.
    permanent: u64,
}

impl Watcher {
    /// Whether anything of the composed document is shown to it.
    fn sees_document(&self) -> bool {
        matches!(&self.sort, Sort::Presence(class) if class.handling() == SubHandling::Allow)
    }
}

/// What is subscribed to.
#[derive(Debug)]
enum Sort {
    /// Presence; with what was decided of the watcher.
    Presence(Class),
    /// Watcher information: of presence at depth 1, of that at depth 2.
    Winfo {
        /// How many times over.
        depth: u8,
        /// Only of the subscriber's own subscriptions.
        only: bool,
    },
}

impl Sort {
    /// 0 for presence, then one more for each `winfo` in the package's name.
    fn depth(&self) -> u8 {
        match self {
            Self::Presence(_) => 0,
            Self::Winfo { depth, .. } => *depth,
        }
    }
}

/// A presentity with its publications and watchers. The only place that changes them.
#[derive(Debug)]
pub struct Presentity {
    aor: Aor,
    publications: Vec<Publication<Presence>>,
    /// Rows of publications removed a short while ago, kept so that a restart knows that watchers must hear of it.
    removed: Vec<(u64, Timestamp)>,
    watchers: Subscriptions<Watcher>,
    composer: Composer,
    composed: Composed,
    /// When time makes it another document, in milliseconds since 1970.
    composed_until: Option<i64>,
    changed_at: Timestamp,
    interests: Interests,
    standings: Standings,
    /// Subscriptions that ended undecided.
    waiting: Vec<Waiting>,
    /// `None` while nobody asks for watcher information.
    winfo: Option<Box<Winfo>>,
    rulebook: Rulebook,
    classes: Classes,
    /// The sphere that rules may ask for; `None` also if none does.
    sphere: Option<String>,
    /// The wake-up that is asked for besides those for publications.
    clock_at: Timestamp,
    /// After a restart, until the rules are known: what was there before.
    resuming: Option<Box<Resuming>>,
}

/// What was true when the process before ended.
#[derive(Debug)]
struct Resuming {
    publications: Vec<Publication<Presence>>,
    changed_at: Timestamp,
    /// The newest change in any row.
    stopped_at: Timestamp,
}

impl Presentity {
    /// A presentity of whom nothing is known.
    pub fn new(aor: Aor) -> Self {
        let composed = Composed::new(&pidf::empty(aor.as_str()));
        Self {
            aor,
            publications: Vec::new(),
            removed: Vec::new(),
            watchers: Subscriptions::default(),
            composer: Composer::default(),
            composed,
            composed_until: None,
            changed_at: Timestamp::ZERO,
            interests: Interests::default(),
            standings: Standings::default(),
            waiting: Vec::new(),
            winfo: None,
            rulebook: Rulebook::default(),
            classes: Classes::default(),
            sphere: None,
            clock_at: Timestamp::NEVER,
            resuming: None,
        }
    }

    /// Its address-of-record.
    pub fn aor(&self) -> &Aor {
        &self.aor
    }

    /// Whether it can be forgotten.
    pub fn is_empty(&self) -> bool {
        self.publications.is_empty()
            && self.waiting.is_empty()
            && self.removed.is_empty()
            && self.watchers.is_empty()
            && self.interests.len() == 0
            && self.standings.is_empty()
            && self.winfo.as_ref().is_none_or(|winfo| winfo.interested.is_empty())
    }

    /// How many publications live.
    pub fn publications(&self) -> usize {
        self.publications.len()
    }

    /// How many subscriptions live, those about to end included, but no fetches.
    pub fn watchers(&self) -> usize {
        self.watchers.len()
    }

    /// The subscription of a watcher, while it lives.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.watchers.get(id).map(|(subscription, _)| subscription)
    }
}
