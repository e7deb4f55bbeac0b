//! Documents of a document server elsewhere, as they are known here: fetched, told of by `xcap-diff`, and looked after while
//! that server is away. RFC 5875, RFC 4825 §7.
//!
//! [`Follower`] is a machine without a socket or a clock. Shards ask it as they ask the store; it says what is to be fetched
//! and subscribed to, answers, and tells changes in the order and shape in which the store tells them.

mod hearing;
mod hold;
mod holding;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use sip_stack::Timestamp;
use xcap::{Change, DocumentSelector, ETag, Found, Tree, Unavailable, Version, Want};

use hold::Hold;

/// How much is followed, and with how much patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether changes are told by SIP; else the documents are fetched again and again.
    pub subscribes: bool,
    /// Documents that are held. A want beyond is not answered.
    pub documents: usize,
    /// Fetches under way.
    pub requests: usize,
    /// Resources that one subscription names.
    pub resources: usize,
    /// Time between two fetches of a document of whose changes nobody tells.
    pub poll: Duration,
    /// Time between two fetches of a document of whose changes somebody tells.
    pub check: Duration,
    /// For how long a document counts that cannot be confirmed.
    pub stale: Duration,
    /// For how long rules count that cannot be confirmed.
    pub stale_rules: Duration,
    /// The longest wait before another try.
    pub retry_max: Duration,
    /// How large a document may be, and how large its patches.
    pub patch: xml::patch::Limits,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            subscribes: true,
            documents: 50_000,
            requests: 8,
            resources: 100,
            poll: Duration::from_secs(60),
            check: Duration::from_secs(900),
            stale: Duration::from_secs(86_400),
            stale_rules: Duration::from_secs(300),
            retry_max: Duration::from_secs(300),
            patch: xml::patch::Limits::default(),
        }
    }
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fetch a document; the answer goes to [`Follower::got`].
    Get {
        /// Which.
        document: DocumentSelector,
        /// Not if it is still at this version.
        unless: Option<ETag>,
    },
    /// Subscribe to changes, or change what a subscription is to; what is heard goes to [`Follower::told`].
    Subscribe {
        /// Names the subscription.
        group: u32,
        /// What it is to, relative to the XCAP root and percent-encoded.
        resources: Vec<String>,
    },
    /// End a subscription.
    Unsubscribe {
        /// Which.
        group: u32,
    },
    /// Answer a want.
    Answer {
        /// Which.
        ticket: u64,
        /// What there is.
        found: Result<Found, Unavailable>,
    },
    /// A document has changed: for everybody.
    Changed(Change),
}

/// What a fetch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// The document.
    Version(Version),
    /// It is still at the version that is known.
    Same,
    /// There is none.
    Absent,
    /// The server answers and does not give it, or gives what we do not take.
    Refused,
    /// The server does not answer, or is not able to; and when it wants to be asked again.
    Failed(Option<Duration>),
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It lives.
    Live,
    /// It was lost; whoever keeps it tries again.
    Lost,
    /// Nobody tries again before we ask: the server does not know the package, or does not let us.
    Refused,
}

/// What happened, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Fetches.
    pub fetches: u64,
    /// Fetches that the server did not answer, or could not.
    pub failures: u64,
    /// Fetches that the server refused, or whose answer we refused.
    pub refusals: u64,
    /// Changes that a patch told.
    pub patched: u64,
    /// Patches that did not lead to the next version, and notifications that cannot be read.
    pub unreadable: u64,
    /// Wants beyond the limit of documents.
    pub beyond: u64,
    /// Documents that were given up, as nobody could confirm them for too long.
    pub stale: u64,
}

/// How things stand, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Documents that are held.
    pub documents: usize,
    /// Subscriptions that live.
    pub live: usize,
    /// Whether the server does not answer.
    pub away: bool,
}

/// A want with those who have it.
#[derive(Debug, Default)]
struct Wanted {
    shards: BTreeSet<u16>,
    tickets: Vec<u64>,
    /// The subscription that covers it.
    group: Option<u32>,
    /// Somebody knows what is there, and hears of changes only.
    answered: bool,
}

/// What is wanted and held in one tree.
#[derive(Debug, Default)]
struct Branch {
    wants: BTreeMap<Want, Wanted>,
    holds: BTreeMap<DocumentSelector, Hold>,
}

/// One subscription.
#[derive(Debug, Default)]
struct Group {
    wants: BTreeSet<Want>,
    live: bool,
    /// When it is to be asked for, anew or differently.
    ask_at: Option<Timestamp>,
    /// Whether the shell keeps one.
    asked: bool,
    /// What the next notification does not mention is fetched: it may have gone meanwhile.
    verify: bool,
}

/// The server does not answer.
#[derive(Clone, Copy, Debug)]
struct Away {
    until: Timestamp,
    failures: u32,
}

/// All that is followed at one document server. The only place that changes it.
#[derive(Debug)]
pub struct Follower {
    terms: Terms,
    trees: BTreeMap<Tree, Branch>,
    documents: usize,
    groups: BTreeMap<u32, Group>,
    last_group: u32,
    due: BTreeSet<(Timestamp, DocumentSelector)>,
    aging: BTreeSet<(Timestamp, DocumentSelector)>,
    under_way: usize,
    away: Option<Away>,
    /// Tells one version that stands for none from another.
    voids: u64,
    counts: Counts,
}

/// What is wanted shortly after each other goes into one SUBSCRIBE.
const GATHER: Duration = Duration::from_millis(200);

impl Follower {
    /// Nothing is followed yet.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            trees: BTreeMap::new(),
            documents: 0,
            groups: BTreeMap::new(),
            last_group: 0,
            due: BTreeSet::new(),
            aging: BTreeSet::new(),
            under_way: 0,
            away: None,
            voids: 0,
            counts: Counts::default(),
        }
    }

    /// A shard asks. The answer comes once, now or later; from then on changes are told, until the shard lets go of the tree.
    pub fn ask(&mut self, now: Timestamp, shard: u16, ticket: u64, want: &Want, out: &mut Vec<Effect>) {
        let is_new = !self.trees.get(want.tree()).is_some_and(|branch| branch.wants.contains_key(want));
        if is_new && self.documents >= self.terms.documents {
            self.counts.beyond += 1;
            out.push(Effect::Answer { ticket, found: Err(Unavailable) });
            return;
        }
        let branch = self.trees.entry(want.tree().clone()).or_default();
        let wanted = branch.wants.entry(want.clone()).or_default();
        wanted.shards.insert(shard);
        wanted.tickets.push(ticket);
        if is_new {
            self.hold_all(now, want);
            self.gather(now, want);
        }
        self.settle(now, want.tree(), out);
        self.fetch(now, out);
    }

    /// A shard needs nothing of a tree any more.
    pub fn release(&mut self, shard: u16, tree: &Tree, out: &mut Vec<Effect>) {
        let Some(branch) = self.trees.get_mut(tree) else { return };
        let mut ended = Vec::new();
        branch.wants.retain(|want, wanted| {
            wanted.shards.remove(&shard);
            if wanted.shards.is_empty() {
                ended.push((want.clone(), wanted.group));
            }
            !wanted.shards.is_empty()
        });
        for (want, group) in ended {
            let Some(number) = group else { continue };
            let Some(group) = self.groups.get_mut(&number) else { continue };
            group.wants.remove(&want);
            // What one subscription names too much goes when it is changed the next time.
            if group.wants.is_empty() {
                if group.asked {
                    out.push(Effect::Unsubscribe { group: number });
                }
                self.groups.remove(&number);
            }
        }
        self.let_go(tree);
    }

    /// Takes the passing of time.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let due: Vec<u32> =
            self.groups.iter().filter(|(_, group)| group.is_due(now)).map(|(n, _)| *n).collect();
        for number in due {
            let Some(group) = self.groups.get_mut(&number) else { continue };
            (group.ask_at, group.asked, group.verify) = (None, true, true);
            let resources = group.wants.iter().map(resource).collect();
            out.push(Effect::Subscribe { group: number, resources });
        }
        while let Some((at, document)) = self.aging.first().cloned()
            && at <= now
        {
            self.aging.remove(&(at, document.clone()));
            if let Some(hold) = self.hold_mut(&document) {
                hold.aging = None;
            }
            self.age(now, &document);
            self.show(now, &document, out);
        }
        self.fetch(now, out);
    }

    /// When [`Follower::tick`] is next worth a call.
    pub fn deadline(&self) -> Option<Timestamp> {
        let asked = self.groups.values().filter_map(|group| group.ask_at).min();
        let aging = self.aging.first().map(|(at, _)| *at);
        let due = self.due.first().map(|(at, _)| *at).filter(|_| self.under_way < self.room());
        let due = due.map(|at| self.away.map_or(at, |away| at.max(away.until)));
        [asked, aging, due].into_iter().flatten().min()
    }

    /// What happened since it was asked last.
    pub fn take_counts(&mut self) -> Counts {
        core::mem::take(&mut self.counts)
    }

    /// How things stand.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            documents: self.documents,
            live: self.groups.values().filter(|group| group.live).count(),
            away: self.away.is_some(),
        }
    }

    /// Puts a new want into a subscription with room.
    fn gather(&mut self, now: Timestamp, want: &Want) {
        if !self.terms.subscribes {
            return;
        }
        let most = self.terms.resources.max(1);
        let number = match self.groups.iter().find(|(_, group)| group.wants.len() < most) {
            Some((number, _)) => *number,
            None => {
                self.last_group += 1;
                self.last_group
            }
        };
        let group = self.groups.entry(number).or_default();
        group.wants.insert(want.clone());
        let at = now + GATHER;
        group.ask_at = Some(group.ask_at.map_or(at, |known| known.min(at)));
        let branch = self.trees.get_mut(want.tree());
        if let Some(wanted) = branch.and_then(|branch| branch.wants.get_mut(want)) {
            wanted.group = Some(number);
        }
    }

    /// How many fetches there may be at once: one while the server is away.
    fn room(&self) -> usize {
        if self.away.is_some() { 1 } else { self.terms.requests.max(1) }
    }

    /// Fetches what is due, as far as there is room.
    fn fetch(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.away.is_some_and(|away| away.until > now) {
            return;
        }
        while self.under_way < self.room()
            && let Some((at, document)) = self.due.first().cloned()
            && at <= now
        {
            self.due.remove(&(at, document.clone()));
            let Some(hold) = self.hold_mut(&document) else { continue };
            (hold.due, hold.asked, hold.fetched_at) = (None, true, now);
            let unless = hold.version().map(|version| version.etag.clone());
            self.under_way += 1;
            self.counts.fetches += 1;
            out.push(Effect::Get { document, unless });
        }
    }
}

impl Group {
    fn is_due(&self, now: Timestamp) -> bool {
        self.ask_at.is_some_and(|at| at <= now)
    }
}

/// How a subscription names what is wanted, RFC 5875 §4.4.
fn resource(want: &Want) -> String {
    match want {
        Want::Document(document) => document.to_path(),
        Want::Collection { auid, tree } => {
            let one = DocumentSelector { auid: auid.clone(), tree: tree.clone(), name: "x".into() };
            let mut path = one.to_path();
            path.pop();
            path
        }
    }
}
