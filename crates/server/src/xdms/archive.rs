//! The document servers with their store: read what a request is about, decide, make it durable, answer.

use core::time::Duration;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use node::Epoch;
use sip::Aor;
use store::docs::{Commit, DocStore, Listener, Operation, Outcome, Precondition, Room, Write};
use store::{Cache, StoreError};
use xcap::{Change, DocumentSelector, ETag, Tree, Version};
use xdm::{
    Answer, Decision, EntityTags, Index, Listed, Method, Reading, Request, Settings, Snapshot, Stored, Xdms,
};

use crate::audit::{Amendment, Audit};
use crate::clock::Clock;

/// Requests that write to one tree take turns: who decides knows that nobody else is about to commit. Trees are parted
/// over so many turns.
const LANES: usize = 1024;

/// A decision is made anew this often when a commit of another tree got in between (a service URI that two users want),
/// or another node's.
const TRIES: usize = 16;

/// Who else is told of committed changes, in the order of commits. Called by the thread that commits.
pub type Hearer = Listener;

/// All documents of this node.
pub struct Archive<D> {
    xdms: Xdms,
    store: Arc<D>,
    index: Arc<RwLock<Index>>,
    /// What was made of the versions of documents that were asked for or written lately.
    readings: Mutex<Cache<DocumentSelector, (ETag, Reading)>>,
    tags: Mutex<Tags>,
    lanes: Box<[tokio::sync::Mutex<()>]>,
    hasher: RandomState,
    clock: Clock,
    audit: Audit,
}

/// Givers of entity-tags that nobody uses just now.
struct Tags {
    idle: Vec<EntityTags>,
    life: u64,
    lanes: u16,
}

impl<D: DocStore> Archive<D> {
    /// Reads what must be known over all users, and tells `hearer` of every change from now on. Trees of documents are kept
    /// in `trees` bytes of memory.
    pub async fn open(
        settings: Settings,
        trees: usize,
        store: Arc<D>,
        epoch: Epoch,
        clock: Clock,
        audit: Audit,
        hearer: Hearer,
    ) -> Result<Self, StoreError> {
        // The epoch alone begins anew when documents are restored beside an empty log of soft state; the wall clock alone
        // may be set back.
        let life = clock.now().as_millis() << 20 | u64::from(epoch.0 & 0xf_ffff);
        let mut index = Index::new(life);
        for auid in Index::USAGES {
            for user in store.users(auid).await? {
                learn(&*store, auid, &Tree::User(user), &mut index).await?;
            }
        }
        let index = Arc::new(RwLock::new(index));
        let mut hearer = hearer;
        let told = Arc::clone(&index);
        store.listen(Box::new(move |committed| {
            for change in committed.iter().map(|committed| &committed.change) {
                if Index::concerns(&change.document) {
                    told.write().unwrap_or_else(PoisonError::into_inner).apply(change);
                }
            }
            hearer(committed);
        }));
        Ok(Self {
            xdms: Xdms::new(settings),
            store,
            index,
            readings: Mutex::new(Cache::new(trees)),
            tags: Mutex::new(Tags { idle: Vec::new(), life, lanes: 0 }),
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            hasher: RandomState::new(),
            clock,
            audit,
        })
    }

    /// The machine, for what needs no document.
    pub fn xdms(&self) -> &Xdms {
        &self.xdms
    }

    /// Where documents are kept.
    pub fn store(&self) -> &Arc<D> {
        &self.store
    }

    /// The list services with an address-of-record by canonical URI, each with the user whose it is.
    pub fn services_of(&self, aor: &Aor) -> Vec<(String, Aor)> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.services_of(aor).map(|(uri, owner)| (uri.to_owned(), owner)).collect()
    }

    /// Answers a request. What it changes is durable when the answer is there. The error is the store's: nothing is known
    /// to have happened.
    pub async fn answer(&self, request: &Request<'_>) -> Result<Answer, StoreError> {
        let plan = match self.xdms.plan(request) {
            Ok(plan) => plan,
            Err(answer) => return Ok(answer),
        };
        let writes = matches!(request.method, Method::Put | Method::Delete);
        let lane = plan.document().filter(|_| writes).map(|document| self.lane(&document.tree));
        let _turn = match lane {
            Some(lane) => Some(lane.lock().await),
            None => None,
        };
        // Whether there is room the commit says; what a user has is listed when it says no.
        let mut lists = !writes;
        for _ in 0..TRIES {
            let document = match plan.document() {
                Some(document) => self.read(document).await?,
                None => None,
            };
            let listing = match plan.listing().filter(|_| lists) {
                Some(tree) => self.list(tree).await?,
                None => Vec::new(),
            };
            let before = document.as_ref().map(|stored| Arc::clone(&stored.body));
            let Decision { answer, commit, reading } = self.decide(request, &plan, document, listing);
            let Some(commit) = commit else {
                if let (Some(document), Some(etag)) = (plan.document(), &answer.etag) {
                    self.keep(document, etag, reading);
                }
                return Ok(answer);
            };
            let (document, previous) = (commit.document.clone(), commit.expected.clone());
            let (etag, after) = match &commit.write {
                xdm::Write::Put { etag, body } => (Some(etag.clone()), Some(Arc::clone(body))),
                xdm::Write::Delete => (None, None),
            };
            match self.commit(commit).await? {
                Outcome::Done { .. } => {
                    let now = self.clock.now();
                    let amendment = Amendment { before: before.as_deref(), after: after.as_deref() };
                    let (previous, etag) = (previous.as_ref(), etag.as_ref());
                    self.audit.document(now, &document, request.principal, previous, etag, amendment);
                    match &answer.etag {
                        Some(etag) => self.keep(&document, etag, reading),
                        None => _ = self.readings().remove(&document),
                    }
                    return Ok(answer);
                }
                Outcome::NoRoom => lists = true,
                Outcome::Failed { .. } => {}
            }
        }
        Err(StoreError::Unavailable { retry_after: Duration::from_secs(1) })
    }

    /// How many bytes the trees of documents take.
    pub fn trees_bytes(&self) -> usize {
        self.readings().bytes()
    }

    fn readings(&self) -> MutexGuard<'_, Cache<DocumentSelector, (ETag, Reading)>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, document: &DocumentSelector, etag: &ETag, reading: Option<Reading>) {
        if let Some(reading) = reading {
            let size = reading.size();
            self.readings().put(document.clone(), (etag.clone(), reading), size);
        }
    }

    fn decide(
        &self,
        request: &Request<'_>,
        plan: &xdm::Plan<'_, '_>,
        document: Option<Stored>,
        listing: Vec<Listed>,
    ) -> Decision {
        let mut tags = self.take_tags();
        let kept = plan.document().zip(document.as_ref()).and_then(|(document, stored)| {
            let (etag, reading) = self.readings().get(document)?;
            (etag == stored.etag).then_some(reading)
        });
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot { document, reading: kept, listing, index: &index };
        let decision = self.xdms.decide(self.clock.now(), request, plan, &snapshot, &mut tags);
        drop(index);
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).idle.push(tags);
        decision
    }

    fn take_tags(&self) -> EntityTags {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.idle.pop().unwrap_or_else(|| {
            tags.lanes += 1;
            EntityTags::new(tags.life, tags.lanes)
        })
    }

    /// What became of it. If nothing did, something else was there first.
    async fn commit(&self, commit: xdm::Commit) -> Result<Outcome, StoreError> {
        let limits = &self.xdms.settings().limits;
        let room = Room { documents: limits.documents as u64, bytes: limits.bytes as u64 };
        let room = matches!(commit.document.tree, Tree::User(_)).then_some(room);
        if commit.services.is_empty() {
            return commit_to(&*self.store, &commit, room, self.clock).await;
        }
        if !self.index.write().unwrap_or_else(PoisonError::into_inner).reserve(&commit) {
            return Ok(Outcome::Failed { document: commit.document, current: commit.expected });
        }
        // A client that goes away takes its request along, but what is set aside for it must be set free in any case.
        let (store, index, clock) = (Arc::clone(&self.store), Arc::clone(&self.index), self.clock);
        let made = tokio::spawn(async move {
            let made = commit_to(&*store, &commit, room, clock).await;
            index.write().unwrap_or_else(PoisonError::into_inner).release(&commit);
            made
        });
        made.await.unwrap_or(Err(StoreError::Unknown))
    }

    async fn read(&self, document: &DocumentSelector) -> Result<Option<Stored>, StoreError> {
        let found = self.store.get(document).await?;
        Ok(found.map(|doc| Stored { etag: doc.etag, body: doc.body, modified: doc.modified }))
    }

    async fn list(&self, tree: &Tree) -> Result<Vec<Listed>, StoreError> {
        let listed = |one: store::docs::Listed| Listed {
            document: one.document,
            etag: one.etag,
            modified: one.modified,
            bytes: one.bytes,
        };
        Ok(self.store.list_tree(tree).await?.into_iter().map(listed).collect())
    }

    fn lane(&self, tree: &Tree) -> &tokio::sync::Mutex<()> {
        &self.lanes[usize::try_from(self.hasher.hash_one(tree)).unwrap_or(0) % LANES]
    }
}

async fn learn<D: DocStore>(store: &D, auid: &str, tree: &Tree, index: &mut Index) -> Result<(), StoreError> {
    for listed in store.list(auid, tree).await? {
        let Some(doc) = store.get(&listed.document).await? else { continue };
        let current = Some(Version { etag: doc.etag, body: doc.body });
        index.apply(&Change { document: listed.document, previous: None, current });
    }
    Ok(())
}

async fn commit_to<D: DocStore>(
    store: &D,
    commit: &xdm::Commit,
    room: Option<Room>,
    clock: Clock,
) -> Result<Outcome, StoreError> {
    let precondition = match &commit.expected {
        Some(etag) => Precondition::Match(vec![etag.clone()]),
        None => Precondition::Absent,
    };
    let write = match &commit.write {
        xdm::Write::Put { etag, body } => {
            Write::Put { etag: etag.clone(), mime: None, body: Arc::clone(body) }
        }
        xdm::Write::Delete => Write::Delete,
    };
    let DocumentSelector { auid, tree, name } = commit.document.clone();
    let operations = vec![Operation { auid, name, precondition, write }];
    store.commit(Commit { tree, at: clock.now(), operations, room }).await
}

#[cfg(test)]
mod tests;
