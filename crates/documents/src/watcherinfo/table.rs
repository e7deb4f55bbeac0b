//! What a subscriber to watcher information knows, RFC 3858 §4.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::info::{State, Status, Watcher, WatcherInfo};

/// The watchers of each resource as far as documents have told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    version: Option<u32>,
    rows: BTreeMap<(Arc<str>, Arc<str>), Watcher>,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The table is up to date.
    Current,
    /// One before it was missed: a refresh brings the full state.
    Refresh,
    /// It is older than what is known, and was not looked at.
    Stale,
}

impl Table {
    /// Takes a document: full state replaces the table, partial state changes the rows that it names.
    pub fn apply(&mut self, info: WatcherInfo) -> Applied {
        let follows = match self.version {
            None => info.state == State::Full,
            Some(version) if info.version <= version => return Applied::Stale,
            Some(version) => info.version == version + 1 || info.state == State::Full,
        };
        self.version = Some(info.version);
        if info.state == State::Full {
            self.rows.clear();
        }
        for list in info.lists {
            for watcher in list.watchers {
                self.rows.insert((Arc::clone(&list.resource), Arc::clone(&watcher.id)), watcher);
            }
        }
        if follows { Applied::Current } else { Applied::Refresh }
    }

    /// Another subscription follows, which counts its versions anew. What is known stays until its first full state.
    pub fn forget_version(&mut self) {
        self.version = None;
    }

    /// Drops the rows of subscriptions that are over.
    pub fn forget_terminated(&mut self) {
        self.rows.retain(|_, watcher| watcher.status != Status::Terminated);
    }

    /// The watchers with what they watch, by resource and id; those whose subscriptions are over included.
    pub fn watchers(&self) -> impl Iterator<Item = (&str, &Watcher)> {
        self.rows.iter().map(|((resource, _), watcher)| (&**resource, watcher))
    }
}
