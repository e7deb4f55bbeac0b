//! What was read for a request, and what is to be written for it.

use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag};

use crate::answer::Answer;
use crate::index::Index;
use crate::reading::Reading;

/// A stored document. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its version.
    pub etag: ETag,
    /// Its bytes.
    pub body: Arc<[u8]>,
    /// Since when it is this version.
    pub modified: Timestamp,
}

/// A stored document without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which document.
    pub document: DocumentSelector,
    /// Its version.
    pub etag: ETag,
    /// Since when it is this version.
    pub modified: Timestamp,
    /// How many bytes it has.
    pub bytes: u64,
}

/// What the plan of a request asked for, all of it of one moment or not: a commit is checked again.
#[derive(Clone, Debug)]
pub struct Snapshot<'i> {
    /// The document, if it is there.
    pub document: Option<Stored>,
    /// What a [`Decision`] made of this version of the document before, if it was kept.
    pub reading: Option<Reading>,
    /// All documents of the tree, over all usages; empty if the plan did not ask for them.
    pub listing: Vec<Listed>,
    /// What is known over all users.
    pub index: &'i Index,
}

/// What a request comes to: an answer, and perhaps a commit that must succeed before it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub answer: Answer,
    /// What must be durable first. If the document is no longer at `expected`, or [`Index::reserve`] refuses, nothing was
    /// done: read and decide again.
    pub commit: Option<Commit>,
    /// What was made of the bytes of the document on the way and is new, to be kept for later requests: of those that are
    /// committed, or of those that are stored if nothing is.
    pub reading: Option<Reading>,
}

impl Decision {
    /// An answer, and nothing to be written.
    pub(crate) fn answer(answer: Answer) -> Self {
        Self { answer, commit: None, reading: None }
    }
}

/// One change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Which document.
    pub document: DocumentSelector,
    /// The version that was read, and that must still be there; none if there was no document.
    pub expected: Option<ETag>,
    /// What becomes of it.
    pub write: Write,
    /// The service URIs that the document claims, canonical. With any, [`Index::reserve`] comes before the commit, and
    /// [`Index::release`] after one that failed.
    pub services: Vec<String>,
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// It is made or replaced.
    Put {
        /// Its new version.
        etag: ETag,
        /// Its bytes.
        body: Arc<[u8]>,
    },
    /// It is removed.
    Delete,
}
