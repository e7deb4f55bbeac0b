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
    /// Its state, if any came.
    pub body: Option<Body>,
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
    /// Applies a document; `body` gives the parts of the multipart whose root it is.
    ///
    /// Full state replaces the table, even if it skips versions. Partial state changes the rows that it names; if it
    /// skips versions, or is the first that comes, a refresh is asked for. An active instance that comes without a body,
    /// as it must not, keeps the one it has.
    pub fn apply(&mut self, list: List, mut body: impl FnMut(&str) -> Option<Body>) -> Applied {
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
        for resource in list.resources {
            let old = self.rows.get(&resource.uri).or_else(|| before.get(&resource.uri));
            let instances =
                resource.instances.into_iter().map(|instance| held(instance, old, &mut body)).collect();
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
    body: &mut impl FnMut(&str) -> Option<Body>,
) -> (Arc<str>, Held) {
    let came = instance.cid.as_deref().and_then(body);
    let body = match instance.state {
        State::Pending | State::Terminated => came,
        State::Active => came.or_else(|| old?.instances.get(&instance.id)?.body.clone()),
    };
    (instance.id, Held { state: instance.state, reason: instance.reason, body })
}
