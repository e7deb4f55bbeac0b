//! What a subscriber knows of a list: RFC 4662 §5.6.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Name;
use super::list::{Instance, List, State};

/// The table of one list subscription: a row for each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    version: Option<u32>,
    names: Vec<Name>,
    omitted: u32,
    rows: BTreeMap<Arc<str>, Row>,
}

/// What is known of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What people call it.
    pub names: Vec<Name>,
    /// Its notifiers by id; empty if nothing is known of it.
    pub instances: BTreeMap<Arc<str>, Held>,
}

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The state of the subscription to it.
    pub state: State,
    /// Why it is terminated.
    pub reason: Option<Arc<str>>,
    /// Its state, if any came that can be read and that is no list.
    pub body: Option<Body>,
    /// Its state, if it is a list itself, RFC 4662 §5.5.
    pub list: Option<Box<Table>>,
}

/// A list with the parts of the multipart whose root it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// The root.
    pub list: List,
    /// The other parts by Content-ID.
    pub parts: BTreeMap<Arc<str>, Part>,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The state of a resource.
    Document(Body),
    /// A list within the list.
    List(Box<Aggregate>),
    /// Nothing that can be read.
    Unreadable,
}

/// The state of an instance as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The media type of the part, as written.
    pub media_type: Arc<str>,
    /// The part.
    pub bytes: Arc<[u8]>,
}

/// What a document did to the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Resources whose rows are others now, came or went, in the order of their URIs.
    pub changed: Vec<Arc<str>>,
    /// Something was missed: a refresh brings the full state.
    pub refresh: bool,
    /// The document was older than what is known, and was not looked at.
    pub stale: bool,
}

impl Table {
    /// Applies a document with its parts.
    ///
    /// Full state replaces the table, even if it skips versions. Partial state changes the rows that it names; if it
    /// skips versions, or is the first that comes, a refresh is asked for. An active instance that comes without a part,
    /// as it must not, keeps the state it has.
    ///
    /// A list within has a table and versions of its own. It comes in the order of the lists around it: so its full state
    /// is taken whatever its version, as that of a server that counts it anew.
    pub fn apply(&mut self, aggregate: Aggregate) -> Applied {
        let Aggregate { list, mut parts } = aggregate;
        if self.version.is_some_and(|version| list.version <= version) {
            return Applied { stale: true, ..Applied::default() };
        }
        let follows = self.version.is_some_and(|version| list.version == version + 1);
        self.version = Some(list.version);
        let before = if list.full_state { core::mem::take(&mut self.rows) } else { BTreeMap::new() };
        let mut applied = Applied { refresh: !list.full_state && !follows, ..Applied::default() };
        if list.full_state || !list.names.is_empty() {
            self.names = list.names;
        }
        self.omitted = list.omitted;
        for resource in list.resources {
            let old = self.rows.get(&resource.uri).or_else(|| before.get(&resource.uri));
            let instances = resource.instances.into_iter();
            let instances =
                instances.map(|instance| held(instance, old, &mut parts, &mut applied.refresh)).collect();
            let row = Row { names: resource.names, instances };
            if old != Some(&row) {
                applied.changed.push(resource.uri.clone());
            }
            self.rows.insert(resource.uri, row);
        }
        applied.changed.extend(before.into_keys().filter(|uri| !self.rows.contains_key(uri)));
        applied.changed.sort_unstable();
        applied.changed.dedup();
        applied
    }

    /// Another subscription follows, which counts its versions anew. What is known stays until its first full state.
    pub fn forget_version(&mut self) {
        self.version = None;
    }

    /// The version of the document applied last.
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// What people call the list.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// How many resources the server leaves out, as far as it says so.
    pub fn omitted(&self) -> u32 {
        self.omitted
    }

    /// The row of a resource.
    pub fn row(&self, uri: &str) -> Option<&Row> {
        self.rows.get(uri)
    }

    /// All rows, in the order of their URIs.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Row)> {
        self.rows.iter()
    }
}

fn held(
    instance: Instance,
    old: Option<&Row>,
    parts: &mut BTreeMap<Arc<str>, Part>,
    refresh: &mut bool,
) -> (Arc<str>, Held) {
    let old = old.and_then(|old| old.instances.get(&instance.id));
    let came = instance.cid.as_deref().and_then(|cid| parts.remove(cid));
    let (body, list) = match came {
        Some(Part::Document(body)) => (Some(body), None),
        Some(Part::List(aggregate)) => {
            let mut table = old.and_then(|old| old.list.clone()).unwrap_or_default();
            if aggregate.list.full_state {
                table.forget_version();
            }
            *refresh |= table.apply(*aggregate).refresh;
            (None, Some(table))
        }
        None if instance.state == State::Active => {
            old.map_or((None, None), |old| (old.body.clone(), old.list.clone()))
        }
        Some(Part::Unreadable) | None => (None, None),
    };
    (instance.id, Held { state: instance.state, reason: instance.reason, body, list })
}
