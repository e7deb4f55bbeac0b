//! What an engine promises for documents: durable versions, one commit per tree, and a feed of changes.

mod embedded;
mod feed;
mod memory;
pub mod plain;
pub mod suite;
mod wait;

use std::sync::Arc;

use node::Partition;
use sip_stack::Timestamp;
use xcap::{Change, DocumentSelector, ETag, Tree};

use crate::StoreError;

pub use embedded::{BackupError, EmbeddedDocs, Found, Options, Stats, Summary, back_up, read_tree, restore};
pub use feed::FEED_MAX;
pub use memory::MemoryDocs;
pub use wait::wait;

/// Documents of XCAP: every answer is of what is on disk, and what a commit has answered is on disk.
///
/// A tree (the documents of one user over all AUIDs, or all global documents) is the unit of a commit: commits of one
/// tree happen one after the other, each sees what those before it did, and so do reads that begin after a commit was
/// answered. Nothing spans two trees.
pub trait DocStore: Send + Sync + 'static {
    /// The document as it is now.
    fn get(
        &self,
        document: &DocumentSelector,
    ) -> impl Future<Output = Result<Option<Doc>, StoreError>> + Send;

    /// The documents of one AUID in a tree, by name.
    fn list(&self, auid: &str, tree: &Tree) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// All documents of a tree, by AUID and name: for a user's directory, and to count them against limits.
    fn list_tree(&self, tree: &Tree) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// The users who have documents of an AUID, in order. Looks through all users: for once at a start, not for a
    /// request.
    fn users(&self, auid: &str) -> impl Future<Output = Result<Vec<Arc<str>>, StoreError>> + Send;

    /// Makes all changes of a commit, or none of them; on disk, together with their entries in the feed, when it answers
    /// [`Outcome::Done`]. Many commits that wait share one sync of the disk.
    ///
    /// Dropping the future does not take the commit back.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// Deletes every document of a tree, as one commit.
    fn delete_tree(
        &self,
        tree: &Tree,
        at: Timestamp,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// At most `max` changes of a partition after a position, in the order of commits. Never skips one that becomes
    /// visible later. At least the last [`FEED_MAX`] changes of the store can be had, unless they were trimmed.
    fn changes(
        &self,
        partition: Partition,
        after: Position,
        max: usize,
    ) -> impl Future<Output = Result<Feed, StoreError>> + Send;

    /// Where the feed of a partition ends now: every later change has a greater position.
    fn head(&self, partition: Partition) -> impl Future<Output = Result<Position, StoreError>> + Send;

    /// Nobody needs the changes of a partition up to and with this position any more. They may be back after a crash.
    fn trim(
        &self,
        partition: Partition,
        through: Position,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// From now on hands all changes to `listener`, with their bytes, in the order of commits, when they are on disk and
    /// before their commits are answered: those that came to the disk together at once. Replaces the listener before. It is called by the thread that commits: it must not
    /// block, and must not wait for this store.
    fn listen(&self, listener: Listener);
}

/// Who is told of every change, of at least one at a time.
pub type Listener = Box<dyn FnMut(&Arc<[Committed]>) + Send>;

/// A place in the feed: opaque, ordered within a partition, only ever obtained from the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first change.
    pub const START: Self = Self(0);
}

/// A stored document. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// Its version.
    pub etag: ETag,
    /// Its media type, where the application usage does not fix it.
    pub mime: Option<Arc<str>>,
    /// Its bytes.
    pub body: Arc<[u8]>,
    /// When this version was committed, in whole seconds.
    pub modified: Timestamp,
}

/// A stored document without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which one.
    pub document: DocumentSelector,
    /// Its version.
    pub etag: ETag,
    /// Its media type.
    pub mime: Option<Arc<str>>,
    /// When this version was committed, in whole seconds.
    pub modified: Timestamp,
    /// How many bytes it has.
    pub bytes: u64,
}

/// What is done to one tree, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose documents.
    pub tree: Tree,
    /// The wall time; kept in whole seconds.
    pub at: Timestamp,
    /// In this order; each sees what those before it did.
    pub operations: Vec<Operation>,
    /// What the tree may hold after it, if that is bounded.
    pub room: Option<Room>,
}

/// How much a tree may hold. Whoever is above a bound that was lowered may still make it less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Documents.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Room {
    /// Whether a tree may become so large that is so large now.
    fn allows(self, before: Size, after: Size) -> bool {
        (after.documents <= self.documents || after.documents <= before.documents)
            && (after.bytes <= self.bytes || after.bytes <= before.bytes)
    }
}

/// How large a tree is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    documents: u64,
    bytes: u64,
}

impl Size {
    /// With a document of so many bytes more, if there is one.
    fn add(&mut self, bytes: Option<u64>) {
        self.documents += u64::from(bytes.is_some());
        self.bytes += bytes.unwrap_or(0);
    }

    /// Without it.
    fn remove(&mut self, bytes: Option<u64>) {
        self.documents -= u64::from(bytes.is_some());
        self.bytes -= bytes.unwrap_or(0);
    }
}

impl Commit {
    /// The removal of these documents.
    fn deleting(tree: Tree, at: Timestamp, documents: Vec<(Arc<str>, Arc<str>)>) -> Self {
        let delete =
            |(auid, name)| Operation { auid, name, precondition: Precondition::None, write: Write::Delete };
        Self { tree, at, operations: documents.into_iter().map(delete).collect(), room: None }
    }
}

/// What is done to one document of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The application usage.
    pub auid: Arc<str>,
    /// The path below the tree.
    pub name: Arc<str>,
    /// What must hold.
    pub precondition: Precondition,
    /// What is done then.
    pub write: Write,
}

/// What must hold of the stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// It is not there.
    Absent,
    /// It is there.
    Exists,
    /// It is there in one of these versions.
    Match(Vec<ETag>),
}

impl Precondition {
    /// Whether it holds of a document in this version, or of none.
    pub fn holds(&self, current: Option<&ETag>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Exists => current.is_some(),
            Self::Match(etags) => current.is_some_and(|current| etags.contains(current)),
        }
    }
}

/// A change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Makes or replaces it.
    Put {
        /// The new version: one that this document never had.
        etag: ETag,
        /// Its media type.
        mime: Option<Arc<str>>,
        /// Its bytes.
        body: Arc<[u8]>,
    },
    /// Removes it. Of a document that is not there it is no change.
    Delete,
    /// Changes nothing: the precondition alone.
    Check,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it happened.
    Done {
        /// The position of its last change; without a change, where the feed ends.
        position: Position,
    },
    /// The first precondition that did not hold. Nothing happened.
    Failed {
        /// Of which document.
        document: DocumentSelector,
        /// The version that is there.
        current: Option<ETag>,
    },
    /// The tree would hold more than it may. Nothing happened.
    NoRoom,
}

/// What a look into the feed gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// All changes after the position, or as many as were asked for.
    Changes(Vec<FeedEntry>),
    /// Some changes after the position are no longer kept: read the documents, and go on from [`DocStore::head`] as it
    /// was before that.
    Trimmed,
}

/// One change of one document. The bytes are those of the document now, if it still has this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Where in the feed.
    pub position: Position,
    /// Which document.
    pub document: DocumentSelector,
    /// The version before; `None` if there was none.
    pub previous: Option<ETag>,
    /// The version after; `None` if it was deleted.
    pub current: Option<ETag>,
    /// When, in whole seconds.
    pub at: Timestamp,
}

impl FeedEntry {
    fn of(position: Position, at: Timestamp, change: &Change) -> Self {
        let Change { document, previous, current } = change;
        let current = current.as_ref().map(|version| version.etag.clone());
        Self { position, document: document.clone(), previous: previous.clone(), current, at }
    }
}

/// A change on disk, as the listener gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where in the feed.
    pub position: Position,
    /// The partition of its tree.
    pub partition: Partition,
    /// The change, with the bytes.
    pub change: Change,
}

/// The partition that a tree belongs to.
pub fn partition_of(tree: &Tree) -> Partition {
    Partition::of_tree(tree)
}

/// The same by the XUI alone; `None` for the global tree.
fn partition_of_user(xui: Option<&str>) -> Partition {
    xui.map_or(Partition(0), Partition::of_user)
}

/// As stored: whole seconds.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}
