//! Documents that are kept no longer than the process: for tests, demonstrations, and as the reference for the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use node::Partition;
use sip_stack::Timestamp;
use xcap::{Change, DocumentSelector, Tree, Version};

use super::feed::Recent;
use super::{
    Commit, Committed, Doc, DocStore, Feed, FeedEntry, Listed, Listener, Outcome, Position, Size, Write,
    partition_of, whole_seconds,
};
use crate::StoreError;

/// Documents in a map.
#[derive(Default)]
pub struct MemoryDocs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trees: BTreeMap<Tree, Documents>,
    position: Position,
    recent: Recent,
    listener: Option<Listener>,
}

/// The documents of a tree, by AUID and name.
type Documents = BTreeMap<(Arc<str>, Arc<str>), Doc>;

impl MemoryDocs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a listener does not panic")
    }
}

impl core::fmt::Debug for MemoryDocs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MemoryDocs").finish_non_exhaustive()
    }
}

impl DocStore for MemoryDocs {
    async fn get(&self, document: &DocumentSelector) -> Result<Option<Doc>, StoreError> {
        let key = (Arc::clone(&document.auid), Arc::clone(&document.name));
        Ok(self.state().trees.get(&document.tree).and_then(|documents| documents.get(&key)).cloned())
    }

    async fn list(&self, auid: &str, tree: &Tree) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.list_tree(tree).await?;
        listed.retain(|listed| &*listed.document.auid == auid);
        Ok(listed)
    }

    async fn list_tree(&self, tree: &Tree) -> Result<Vec<Listed>, StoreError> {
        let state = self.state();
        let documents = state.trees.get(tree).into_iter().flatten();
        Ok(documents.map(|((auid, name), doc)| listed(auid, tree, name, doc)).collect())
    }

    async fn users(&self, auid: &str) -> Result<Vec<Arc<str>>, StoreError> {
        let state = self.state();
        let users = state.trees.iter().filter_map(|(tree, documents)| match tree {
            Tree::User(xui) if documents.keys().any(|(found, _)| &**found == auid) => Some(Arc::clone(xui)),
            Tree::User(_) | Tree::Global => None,
        });
        Ok(users.collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        Ok(self.state().commit(commit))
    }

    async fn delete_tree(&self, tree: &Tree, at: Timestamp) -> Result<Outcome, StoreError> {
        let mut state = self.state();
        let names: Vec<_> =
            state.trees.get(tree).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        Ok(state.commit(Commit::deleting(tree.clone(), at, names)))
    }

    async fn changes(&self, partition: Partition, after: Position, max: usize) -> Result<Feed, StoreError> {
        Ok(self.state().recent.after(partition, after, max))
    }

    async fn head(&self, _: Partition) -> Result<Position, StoreError> {
        Ok(self.state().position)
    }

    async fn trim(&self, partition: Partition, through: Position) -> Result<(), StoreError> {
        self.state().recent.trim(partition, through);
        Ok(())
    }

    fn listen(&self, listener: Listener) {
        self.state().listener = Some(listener);
    }
}

impl State {
    fn commit(&mut self, commit: Commit) -> Outcome {
        let Commit { tree, at, operations, room } = commit;
        let at = whole_seconds(at);
        let mut documents = self.trees.get(&tree).cloned().unwrap_or_default();
        let before = size(&documents);
        let mut changes = Vec::new();
        for operation in operations {
            let key = (operation.auid, operation.name);
            let previous = documents.get(&key).map(|doc| doc.etag.clone());
            let document =
                DocumentSelector { auid: Arc::clone(&key.0), tree: tree.clone(), name: Arc::clone(&key.1) };
            if !operation.precondition.holds(previous.as_ref()) {
                return Outcome::Failed { document, current: previous };
            }
            let current = match operation.write {
                Write::Check => continue,
                Write::Delete if previous.is_none() => continue,
                Write::Delete => {
                    documents.remove(&key);
                    None
                }
                Write::Put { etag, mime, body } => {
                    let version = Version { etag: etag.clone(), body: Arc::clone(&body) };
                    documents.insert(key, Doc { etag, mime, body, modified: at });
                    Some(version)
                }
            };
            changes.push(Change { document, previous, current });
        }
        if room.is_some_and(|room| !room.allows(before, size(&documents))) {
            return Outcome::NoRoom;
        }
        if documents.is_empty() {
            self.trees.remove(&tree);
        } else {
            self.trees.insert(tree.clone(), documents);
        }
        let partition = partition_of(&tree);
        let mut told = Vec::with_capacity(changes.len());
        for change in changes {
            self.position.0 += 1;
            let position = self.position;
            self.recent.add(partition, FeedEntry::of(position, at, &change));
            told.push(Committed { position, partition, change });
        }
        if let Some(listener) = self.listener.as_mut().filter(|_| !told.is_empty()) {
            listener(&told.into());
        }
        Outcome::Done { position: self.position }
    }
}

fn size(documents: &Documents) -> Size {
    let mut size = Size::default();
    documents.values().for_each(|doc| size.add(Some(doc.body.len() as u64)));
    size
}

fn listed(auid: &Arc<str>, tree: &Tree, name: &Arc<str>, doc: &Doc) -> Listed {
    let document = DocumentSelector { auid: Arc::clone(auid), tree: tree.clone(), name: Arc::clone(name) };
    let Doc { etag, mime, body, modified } = doc;
    let (etag, mime) = (etag.clone(), mime.clone());
    Listed { document, etag, mime, modified: *modified, bytes: body.len() as u64 }
}
