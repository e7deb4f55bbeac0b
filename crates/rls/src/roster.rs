//! What a list subscription tells of: the resources of a list, and the latest state of each.

mod building;
mod changing;
mod told;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use documents::resource_lists::{Entry, Name};

pub use building::{Built, Heading};
pub use told::Told;

/// Why a resource is not watched that is beyond a limit, or leads round in a circle.
pub(crate) const GIVEN_UP: &str = "giveup";

/// The latest state of a virtual subscription, RFC 4662 §4.5. What is active has a state to show, and only that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Accepted and authorized; this is what the notifier tells.
    Active(Body),
    /// Accepted; nobody has said yet whether it may be.
    Pending,
    /// Over, for this reason of RFC 6665 §4.1.3.
    Terminated(Cow<'static, str>),
}

/// The state of a resource as its notifier told it. Lists that see the same share the octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The media type, as in a Content-Type field.
    pub media_type: Cow<'static, str>,
    /// The document.
    pub bytes: Arc<[u8]>,
}

/// A list that others keep, with all that is known of it: the state of a resource that is a list itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// What people call the list.
    pub names: Vec<Name>,
    /// Its resources, each URI once.
    pub members: Vec<Member>,
    /// How many more there are.
    pub omitted: u32,
}

/// A resource of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which resource, and what people call it.
    pub entry: Entry,
    /// None while nothing is known.
    pub known: Option<Known>,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The state of a virtual subscription.
    Shown(Shown),
    /// It is a list again.
    List(Listed),
}

/// How many virtual subscriptions stand how; or how many more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    /// Nothing is known yet.
    pub unknown: i64,
    /// There is a state to show.
    pub active: i64,
    /// Nobody has decided.
    pub pending: i64,
    /// Over.
    pub terminated: i64,
}

impl Standings {
    fn count(&mut self, shown: Option<&Shown>, is_list: bool, more: i64) {
        *match shown {
            None if is_list => &mut self.active,
            None => &mut self.unknown,
            Some(Shown::Active(_)) => &mut self.active,
            Some(Shown::Pending) => &mut self.pending,
            Some(Shown::Terminated(_)) => &mut self.terminated,
        } += more;
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.unknown += other.unknown;
        self.active += other.active;
        self.pending += other.pending;
        self.terminated += other.terminated;
    }
}

/// The same by where the resources are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Virtual {
    /// In this installation, or nowhere.
    pub local: Standings,
    /// In another domain.
    pub foreign: Standings,
}

impl Virtual {
    fn count(&mut self, resource: &Resource, more: i64) {
        let standings = if resource.is_foreign { &mut self.foreign } else { &mut self.local };
        standings.count(resource.shown.as_ref(), resource.is_list, more);
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.local.add(&other.local);
        self.foreign.add(&other.foreign);
    }
}

/// A resource of the list.
#[derive(Clone, Debug)]
struct Resource {
    /// Names it for as long as it is in the list; higher than those of all that came before it.
    serial: u32,
    uri: Arc<str>,
    name: Option<Name>,
    /// None while nothing is known.
    shown: Option<Shown>,
    /// Its state comes from another domain.
    is_foreign: bool,
    /// It is a list itself, and its state is in [`Roster::lists`].
    is_list: bool,
    /// The number of the change that made it as it is.
    changed: u64,
}

/// A resource that is in the list no more, until everybody has been told.
#[derive(Clone, Debug)]
struct Gone {
    uri: Arc<str>,
    name: Option<Name>,
    changed: u64,
}

/// The resources of one list in the order in which they came into it, with the latest state of each.
///
/// Every change has a number, one higher than the last. So a subscription need only remember up to which number it was
/// told, however many subscriptions there are, and what it is owed follows from the state of now.
///
/// A resource that is a list itself has a roster of its own, and each of its changes is one of the resource too.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    resources: Vec<Resource>,
    gone: Vec<Gone>,
    changes: u64,
    serial: u32,
    /// Those of lists within, by the serial number of the resource.
    lists: BTreeMap<u32, Within>,
    /// How many resources there are beyond the limit of a list.
    omitted: u32,
    /// What became of the virtual subscriptions since that was taken.
    moved: Virtual,
}

/// A list within the list.
#[derive(Clone, Debug, Default)]
struct Within {
    /// The number of the change since which the resource is a list: tells this roster from one that it had before.
    born: u64,
    names: Vec<Name>,
    roster: Roster,
}

impl Roster {
    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The resources by serial number and URI, in order.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (u32, &Arc<str>)> {
        self.resources.iter().map(|resource| (resource.serial, &resource.uri))
    }

    /// What is known of a resource.
    pub fn shown(&self, serial: u32) -> Option<&Shown> {
        self.resource(serial)?.shown.as_ref()
    }

    /// What became of the virtual subscriptions since the last time.
    pub fn take_moved(&mut self) -> Virtual {
        core::mem::take(&mut self.moved)
    }

    /// The number of the last change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn resource(&self, serial: u32) -> Option<&Resource> {
        self.place(serial).map(|place| &self.resources[place])
    }

    fn place(&self, serial: u32) -> Option<usize> {
        self.resources.binary_search_by_key(&serial, |resource| resource.serial).ok()
    }
}
