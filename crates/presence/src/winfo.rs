//! Watcher information, RFC 3857: what becomes of subscriptions, and who has been told of it.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use documents::watcherinfo::{ANONYMOUS, Event, State as Extent, Status, Watcher, WatcherInfo, WatcherList};
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::bytes::{FieldReader, FieldWriter};
use sip_stack::notifier::{Reason, State, Subscription};

/// Departures that are kept for those who have not been told; with more of them the full state is told.
const DEPARTED_MAX: usize = 256;

/// What watcher information tells of a subscription besides what the subscription itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Names the subscription; no other of the server, of this life or another, has it.
    id: u64,
    /// When its SUBSCRIBE came.
    since: Timestamp,
    /// What brought it to where it stands.
    event: Event,
    /// Counts changes: the last one that concerned this subscription.
    changed: u64,
    /// Its watcher does not want to be known.
    pub(crate) anonymous: bool,
    /// What people call the watcher.
    display_name: Option<Box<str>>,
}

impl Mark {
    /// The mark of a subscription that begins.
    pub(crate) fn new(id: u64, since: Timestamp, anonymous: bool, display_name: Option<&str>) -> Self {
        let display_name = display_name.filter(|name| !anonymous && !name.is_empty()).map(Box::from);
        Self { id, since, event: Event::Subscribe, changed: 0, anonymous, display_name }
    }

    /// What brought the subscription to where it stands.
    pub(crate) fn came_by(&mut self, event: Event) {
        self.event = event;
    }

    /// Its name as a number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Writes it into a row.
    pub(crate) fn store(&self, row: &mut FieldWriter) {
        row.number(self.id).number(self.since.as_micros());
        row.number(u64::from(self.event == Event::Approved)).number(u64::from(self.anonymous));
        row.bytes(self.display_name.as_deref().unwrap_or_default().as_bytes());
    }

    /// Reads what [`Mark::store`] wrote.
    pub(crate) fn restore(row: &mut FieldReader<'_>) -> Option<Self> {
        let (id, since) = (row.number()?, Timestamp::from_micros(row.number()?));
        let event = if row.number()? == 0 { Event::Subscribe } else { Event::Approved };
        let anonymous = row.number()? != 0;
        let mark = Self::new(id, since, anonymous, Some(row.text()?));
        Some(Self { event, ..mark })
    }

    fn bare(&self, identity: &str, status: Status, event: Event) -> Watcher {
        let uri = if self.anonymous { ANONYMOUS } else { identity };
        let display_name = self.display_name.as_deref().map(Arc::from);
        Watcher { display_name, ..Watcher::new(uri, &format!("w{:x}", self.id), status, event) }
    }
}

/// A subscription as watcher information tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    /// The first proven name of its watcher.
    pub(crate) identity: &'a str,
    pub(crate) status: Status,
    /// When it ends by itself, where that is known.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) mark: &'a Mark,
}

impl<'a> Told<'a> {
    /// One that is not over.
    pub(crate) fn of(subscription: &'a Subscription, mark: &'a Mark) -> Option<Self> {
        let status = match subscription.state() {
            State::Active => Status::Active,
            State::Pending => Status::Pending,
            State::Terminated(_) => return None,
        };
        let (identity, expires_at) = (subscription.identity(), Some(subscription.expires_at()));
        Some(Self { identity, status, expires_at, mark })
    }

    fn row(&self, now: Timestamp) -> Watcher {
        let mut row = self.mark.bare(self.identity, self.status, self.mark.event);
        row.expiration = self.expires_at.map(|at| at.since(now).as_secs());
        row.duration_subscribed = Some(now.since(self.mark.since).as_secs());
        row
    }
}

/// The event that ends a subscription for a reason.
pub(crate) fn event_of(reason: Reason) -> Event {
    match reason {
        Reason::Deactivated => Event::Deactivated,
        Reason::Probation => Event::Probation,
        Reason::Rejected => Event::Rejected,
        Reason::Timeout => Event::Timeout,
        Reason::Giveup => Event::Giveup,
        Reason::NoResource => Event::NoResource,
    }
}

/// A subscription that ended undecided. It is kept so that the presentity can still decide, RFC 3857 §4.7.1.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Its row.
    pub(crate) row: u64,
    /// Who it was.
    pub(crate) identities: Vec<Aor>,
    /// What is told of it.
    pub(crate) mark: Mark,
    /// When it is given up.
    pub(crate) until: Timestamp,
}

/// A row of somebody who is not there any more, until all have been told.
#[derive(Clone, Debug)]
struct Departed {
    changed: u64,
    /// The number of its mark.
    id: u64,
    /// The identity, whatever the row shows.
    identity: Box<str>,
    row: Watcher,
}

/// What has happened to the subscriptions to one resource in one package.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    /// Changes so far.
    changes: u64,
    departed: VecDeque<Departed>,
    /// Departures up to this change are not kept any more.
    forgotten: u64,
}

impl Journal {
    /// Changes so far: who is told everything now knows all up to this.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// A subscription has come to stand otherwise than before.
    pub(crate) fn changed(&mut self, mark: &mut Mark, event: Event) {
        self.changes += 1;
        mark.event = event;
        mark.changed = self.changes;
    }

    /// What was over goes on: nobody need be told of the end any more who has not been.
    pub(crate) fn returned(&mut self, mark: &Mark) {
        self.departed.retain(|gone| gone.id != mark.id);
    }

    /// A subscription is over.
    pub(crate) fn departed(&mut self, mark: &Mark, identity: &str, event: Event) {
        self.changes += 1;
        let row = mark.bare(identity, Status::Terminated, event);
        let (changed, id) = (self.changes, mark.id);
        self.departed.push_back(Departed { changed, id, identity: identity.into(), row });
        while self.departed.len() > DEPARTED_MAX {
            self.forgotten = self.departed.pop_front().map_or(self.forgotten, |gone| gone.changed);
        }
    }

    /// The document for somebody who knows of all changes up to `told`, or of nothing. With `only`, it tells of the
    /// subscriptions of that watcher alone, RFC 3857 §4.6. `None` if there is nothing new to tell.
    pub(crate) fn document<'a>(
        &self,
        now: Timestamp,
        about: &About<'_>,
        told: Option<u64>,
        only: Option<&str>,
        rows: impl Iterator<Item = Told<'a>>,
        waiting: &[Waiting],
    ) -> Option<WatcherInfo> {
        let told = told.filter(|told| *told >= self.forgotten);
        let is_full = told.is_none();
        let is_told = |changed: u64, identity: &str| {
            told.is_none_or(|told| changed > told) && only.is_none_or(|only| only == identity)
        };
        let rows = rows.filter(|told| is_told(told.mark.changed, told.identity));
        let mut watchers: Vec<Watcher> = rows.map(|told| told.row(now)).collect();
        for waiting in waiting {
            let identity = waiting.identities.first().map_or("", Aor::as_str);
            if is_told(waiting.mark.changed, identity) {
                let mut row = waiting.mark.bare(identity, Status::Waiting, Event::Timeout);
                row.duration_subscribed = Some(now.since(waiting.mark.since).as_secs());
                watchers.push(row);
            }
        }
        if !is_full {
            let departed = self.departed.iter().filter(|gone| is_told(gone.changed, &gone.identity));
            watchers.extend(departed.map(|gone| gone.row.clone()));
            if watchers.is_empty() {
                return None;
            }
        }
        let list = WatcherList { resource: about.resource.into(), package: about.package.into(), watchers };
        let state = if is_full { Extent::Full } else { Extent::Partial };
        Some(WatcherInfo { version: about.version, state, lists: vec![list] })
    }
}

/// What a document is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The URI of what is watched.
    pub(crate) resource: &'a str,
    /// The package of the subscriptions that it tells of.
    pub(crate) package: &'a str,
    /// The document's version.
    pub(crate) version: u32,
}

/// How long a subscription that ended undecided is kept.
pub(crate) const WAITING: Duration = Duration::from_secs(24 * 3600);

/// How many of them one presentity keeps; the oldest is given up for a new one.
pub(crate) const WAITING_MAX: usize = 64;
