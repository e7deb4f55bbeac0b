//! Where every document stands in the log: by tree, then by AUID and name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Tree};

use super::frame::Stored;
use crate::docs::Listed;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// What is known of a document without reading it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    auid: Arc<str>,
    name: Arc<str>,
    pub(crate) etag: ETag,
    pub(crate) mime: Option<Arc<str>>,
    pub(crate) at: u64,
    /// Of the document, not of its record.
    bytes: u32,
    pub(crate) place: Place,
}

impl Entry {
    /// Of the document, not of its record.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.bytes)
    }

    fn key(&self) -> (&str, &str) {
        (&self.auid, &self.name)
    }

    fn listed(&self, tree: &Tree) -> Listed {
        Listed {
            document: DocumentSelector {
                auid: Arc::clone(&self.auid),
                tree: tree.clone(),
                name: Arc::clone(&self.name),
            },
            etag: self.etag.clone(),
            mime: self.mime.clone(),
            modified: Timestamp::from_secs(self.at),
            bytes: u64::from(self.bytes),
        }
    }
}

/// All documents.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The documents of a tree by AUID and name. No tree is empty.
    trees: BTreeMap<Tree, Vec<Entry>>,
    texts: Texts,
    documents: u64,
    bytes: u64,
}

impl Index {
    /// How many documents there are, and how many bytes they have.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.documents, self.bytes)
    }

    pub(crate) fn get(&self, tree: &Tree, auid: &str, name: &str) -> Option<&Entry> {
        let entries = self.trees.get(tree)?;
        find(entries, auid, name).ok().map(|at| &entries[at])
    }

    /// What is known of the documents of a tree.
    pub(crate) fn entries(&self, tree: &Tree) -> impl Iterator<Item = &Entry> {
        self.trees.get(tree).into_iter().flatten()
    }

    /// The documents of a tree, in order.
    pub(crate) fn list<'a>(&'a self, tree: &'a Tree) -> impl Iterator<Item = Listed> + 'a {
        self.trees.get(tree).into_iter().flatten().map(|entry| entry.listed(tree))
    }

    /// The documents of a tree that belong to an AUID, in order.
    pub(crate) fn list_auid<'a>(
        &'a self,
        tree: &'a Tree,
        auid: &'a str,
    ) -> impl Iterator<Item = Listed> + 'a {
        let entries = self.trees.get(tree).map_or(&[][..], |entries| entries);
        let from = entries.partition_point(|entry| &*entry.auid < auid);
        let of_auid = entries[from..].iter().take_while(move |entry| &*entry.auid == auid);
        of_auid.map(|entry| entry.listed(tree))
    }

    /// All trees, in order.
    pub(crate) fn trees(&self) -> impl Iterator<Item = &Tree> {
        self.trees.keys()
    }

    /// A document has this version now, stored there. Gives the place of the version before.
    pub(crate) fn put(&mut self, stored: &Stored<'_>, place: Place) -> Option<Place> {
        let record = &stored.record;
        let tree = record.tree();
        let entry = Entry {
            auid: self.texts.shared(record.auid),
            name: self.texts.shared(record.name),
            etag: ETag(record.current.unwrap_or_default().into()),
            mime: record.mime.map(|mime| self.texts.shared(mime)),
            at: record.at,
            bytes: record.plain_length,
            place,
        };
        self.bytes += u64::from(entry.bytes);
        let entries = self.trees.entry(tree).or_default();
        match find(entries, record.auid, record.name) {
            Ok(at) => {
                let before = core::mem::replace(&mut entries[at], entry);
                self.bytes -= u64::from(before.bytes);
                Some(before.place)
            }
            Err(at) => {
                entries.reserve_exact(1); // most trees have few documents and stay as they are
                entries.insert(at, entry);
                self.documents += 1;
                None
            }
        }
    }

    /// A document is gone. Gives the place it had.
    pub(crate) fn remove(&mut self, tree: &Tree, auid: &str, name: &str) -> Option<Place> {
        let entries = self.trees.get_mut(tree)?;
        let entry = entries.remove(find(entries, auid, name).ok()?);
        self.documents -= 1;
        self.bytes -= u64::from(entry.bytes);
        if entries.is_empty() {
            self.trees.remove(tree);
        }
        Some(entry.place)
    }

    /// Whether any document of a tree belongs to an AUID.
    pub(crate) fn has_auid(&self, tree: &Tree, auid: &str) -> bool {
        self.list_auid(tree, auid).next().is_some()
    }
}

fn find(entries: &[Entry], auid: &str, name: &str) -> Result<usize, usize> {
    entries.binary_search_by(|entry| entry.key().cmp(&(auid, name)))
}

/// How many texts are shared; what comes later is kept with each entry.
const SHARED_MAX: usize = 4096;

/// Texts that many entries have, such as `index` and the AUIDs.
#[derive(Debug, Default)]
struct Texts(BTreeSet<Arc<str>>);

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if self.0.len() < SHARED_MAX {
            self.0.insert(Arc::clone(&new));
        }
        new
    }
}
