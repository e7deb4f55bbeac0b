//! The last versions of followed documents, for those who want to be told each of them.

use std::collections::VecDeque;

use xcap::{Change, DocumentSelector, ETag, Version};

/// Changes in order, bounded in octets.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many changes there have been.
    count: u64,
    changes: VecDeque<Logged>,
    octets: usize,
}

/// One change.
#[derive(Debug)]
struct Logged {
    number: u64,
    document: DocumentSelector,
    previous: Option<ETag>,
    current: Option<Version>,
}

/// What a change takes besides the document.
const OVERHEAD: usize = 256;

impl Log {
    /// Keeps a change, and of those before it as much as fits.
    pub(super) fn push(&mut self, change: &Change, max: usize) {
        self.count += 1;
        let Change { document, previous, current } = change.clone();
        self.octets += size(current.as_ref());
        self.changes.push_back(Logged { number: self.count, document, previous, current });
        while self.octets > max
            && let Some(oldest) = self.changes.pop_front()
        {
            self.octets -= size(oldest.current.as_ref());
        }
    }

    /// Forgets all changes, but not how many there have been.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.octets = 0;
    }

    /// How many changes there have been.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The versions of a document after the first `seen` changes that lead, one after the other and without a gap, from
    /// one version to another. None if they are not all kept, or if the document was gone in between.
    pub(super) fn path<'a>(
        &'a self,
        document: &DocumentSelector,
        seen: u64,
        from: &ETag,
        to: &ETag,
    ) -> Option<Vec<&'a Version>> {
        let mut at = from;
        let mut path = Vec::new();
        for logged in self.changes.iter().filter(|logged| logged.number > seen) {
            if logged.document != *document || logged.previous.as_ref() != Some(at) {
                continue;
            }
            let version = logged.current.as_ref()?;
            at = &version.etag;
            path.push(version);
        }
        (at == to).then_some(path)
    }
}

fn size(version: Option<&Version>) -> usize {
    OVERHEAD + version.map_or(0, |version| version.body.len())
}
