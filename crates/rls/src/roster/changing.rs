//! What changes a roster: a resource shows something else, the list has other members, all have been told.

use std::collections::HashMap;
use std::sync::Arc;

use documents::resource_lists::Entry;

use super::{Gone, Resource, Roster, Shown};

/// What another list of members means for the back-end subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// Serial numbers of resources that came, in order.
    pub came: Vec<u32>,
    /// Serial numbers of those that went.
    pub went: Vec<u32>,
    /// Whether a name is another.
    pub renamed: bool,
}

impl Edited {
    /// Whether there is nothing to tell.
    pub fn is_nothing(&self) -> bool {
        self.came.is_empty() && self.went.is_empty() && !self.renamed
    }
}

impl Roster {
    /// A resource shows this now; none: nothing is known of it. Whether that is a change; an equal state is none.
    pub fn show(&mut self, serial: u32, shown: impl Into<Option<Shown>>) -> bool {
        let shown = shown.into();
        let Some(place) = self.place(serial) else { return false };
        let resource = &mut self.resources[place];
        if resource.shown == shown {
            return false;
        }
        self.changes += 1;
        self.moved.count(resource, -1);
        resource.shown = shown;
        self.moved.count(resource, 1);
        resource.changed = self.changes;
        true
    }

    /// The state of a resource comes from another domain.
    pub fn is_foreign(&mut self, serial: u32) {
        let Some(place) = self.place(serial) else { return };
        let resource = &mut self.resources[place];
        self.moved.count(resource, -1);
        resource.is_foreign = true;
        self.moved.count(resource, 1);
    }

    /// Nothing is watched any more.
    pub fn close(&mut self) {
        self.resources.drain(..).for_each(|resource| self.moved.count(&resource, -1));
    }

    /// The list has these members now, each URI once. Those that stay keep their place and what is known of them, new
    /// ones come at the end, in order.
    pub fn edit(&mut self, members: &[Entry]) -> Edited {
        let mut edited = Edited::default();
        let mut wanted: HashMap<&str, &Entry> = members.iter().map(|entry| (&*entry.uri, entry)).collect();
        let Self { resources, gone, changes, moved, .. } = self;
        resources.retain_mut(|resource| match wanted.remove(&*resource.uri) {
            Some(entry) => {
                if resource.name != entry.display_name {
                    *changes += 1;
                    resource.name.clone_from(&entry.display_name);
                    resource.changed = *changes;
                    edited.renamed = true;
                }
                true
            }
            None => {
                *changes += 1;
                moved.count(resource, -1);
                let Resource { serial, uri, name, .. } = resource;
                edited.went.push(*serial);
                gone.push(Gone { uri: Arc::clone(uri), name: name.take(), changed: *changes });
                false
            }
        });
        for entry in members {
            if wanted.remove(&*entry.uri).is_some() {
                edited.came.push(self.come(entry));
            }
        }
        edited
    }

    fn come(&mut self, entry: &Entry) -> u32 {
        self.gone.retain(|gone| gone.uri != entry.uri); // it is told of as what it is now
        self.serial += 1;
        self.changes += 1;
        self.resources.push(Resource {
            serial: self.serial,
            uri: Arc::clone(&entry.uri),
            name: entry.display_name.clone(),
            shown: None,
            is_foreign: false,
            changed: self.changes,
        });
        self.moved.local.unknown += 1;
        self.serial
    }

    /// Everybody has been told of all changes up to this one: what went by then need not be told any more.
    pub fn told_to_all(&mut self, upto: u64) {
        self.gone.retain(|gone| gone.changed > upto);
    }
}
