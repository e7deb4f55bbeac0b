//! What changes a roster: a resource shows something else, the list has other members, all have been told.

use std::collections::HashMap;
use std::sync::Arc;

use documents::resource_lists::Entry;

use sip::canonical_text;

use super::{GIVEN_UP, Gone, Known, Listed, Member, Resource, Roster, Shown, Told, Within};

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
        if resource.shown == shown && !resource.is_list {
            return false;
        }
        if resource.is_list {
            self.lists.remove(&serial);
        }
        self.changes += 1;
        self.moved.count(resource, -1);
        (resource.shown, resource.is_list) = (shown, false);
        self.moved.count(resource, 1);
        resource.changed = self.changes;
        true
    }

    /// A resource is a list itself, and others keep it: this is in it now. `around` are the canonical URIs of the lists that
    /// this roster is in, itself included: what is one of them leads round in a circle, and is shown as given up
    /// (RFC 4662 §7.4). Whether that is a change. Cost: linear in the list.
    pub fn show_list(&mut self, serial: u32, listed: &Listed, around: &mut Vec<String>) -> bool {
        let Some(place) = self.place(serial) else { return false };
        let resource = &mut self.resources[place];
        around.push(canonical_text(&resource.uri).unwrap_or_default());
        let born = self.changes + 1;
        let within = self.lists.entry(serial).or_insert_with(|| Within { born, ..Within::default() });
        let changed = within.take(listed, around);
        around.pop();
        if !changed && resource.is_list {
            return false;
        }
        self.changes += 1;
        self.moved.count(resource, -1);
        (resource.shown, resource.is_list) = (None, true);
        self.moved.count(resource, 1);
        resource.changed = self.changes;
        true
    }

    /// So many resources are beyond the limit of the list. Whether that is a change.
    pub fn omit(&mut self, omitted: u32) -> bool {
        let changed = self.omitted != omitted;
        self.changes += u64::from(changed);
        self.omitted = omitted;
        changed
    }

    /// How many resources are beyond the limit of the list.
    pub fn omitted(&self) -> u32 {
        self.omitted
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
        let Self { resources, gone, changes, moved, lists, .. } = self;
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
                lists.remove(serial);
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
            is_list: false,
            changed: self.changes,
        });
        self.moved.local.unknown += 1;
        self.serial
    }

    /// Everybody has been told of all changes up to this one: what went by then need not be told any more.
    pub fn told_to_all(&mut self, upto: u64) {
        self.gone.retain(|gone| gone.changed > upto);
    }

    /// What went need not be told any more once all of these subscriptions have been told of it.
    pub fn forget<'a>(&mut self, told: impl Iterator<Item = &'a Told> + Clone) {
        self.told_to_all(told.clone().map(|told| told.upto().unwrap_or(0)).min().unwrap_or(u64::MAX));
        for (serial, within) in &mut self.lists {
            // Who was told of no list is told of all of it.
            within.roster.forget(
                told.clone()
                    .filter_map(|told| told.list(*serial, within.born))
                    .collect::<Vec<_>>()
                    .into_iter(),
            );
        }
    }
}

impl Within {
    fn take(&mut self, listed: &Listed, around: &mut Vec<String>) -> bool {
        let Listed { names, members, omitted } = listed;
        let entries: Vec<_> = members.iter().map(|member| member.entry.clone()).collect();
        let mut changed = !self.roster.edit(&entries).is_nothing() | self.roster.omit(*omitted);
        if self.names != *names {
            self.names.clone_from(names);
            self.roster.changes += 1;
            changed = true;
        }
        let known: HashMap<&str, &Member> =
            members.iter().map(|member| (&*member.entry.uri, member)).collect();
        let resources: Vec<_> =
            self.roster.resources().map(|(serial, uri)| (serial, Arc::clone(uri))).collect();
        for (serial, uri) in resources {
            changed |= match known.get(&*uri).and_then(|member| member.known.as_ref()) {
                Some(Known::List(_)) if is_around(around, &uri) => {
                    self.roster.show(serial, Shown::Terminated(GIVEN_UP.into()))
                }
                Some(Known::List(listed)) => self.roster.show_list(serial, listed, around),
                Some(Known::Shown(shown)) => self.roster.show(serial, shown.clone()),
                None => self.roster.show(serial, None),
            };
        }
        changed
    }
}

fn is_around(around: &[String], uri: &str) -> bool {
    canonical_text(uri).is_some_and(|uri| around.contains(&uri))
}
