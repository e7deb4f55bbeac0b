//! What the document servers count.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use node::Histogram;

/// Requests by method, status and application usage; how long they took; sizes of documents that were sent in; changes.
#[derive(Debug, Default)]
pub struct XdmCounts {
    counted: Mutex<Shown>,
    /// Changes that were committed.
    committed: AtomicU64,
}

/// A request as it is counted. The usage is empty where there is none, so that nobody can invent labels.
pub type Kind = (&'static str, u16, String);

/// A copy of the counters.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// How many, by kind.
    pub requests: BTreeMap<Kind, u64>,
    /// From the head to the answer, microseconds.
    pub took: Histogram,
    /// Octets of bodies of PUT; the buckets are octets, not microseconds.
    pub sizes: Histogram,
}

impl XdmCounts {
    /// Counts an answered request. `size` is that of a PUT's body.
    pub fn answered(
        &self,
        method: &'static str,
        status: u16,
        auid: &str,
        took: Duration,
        size: Option<usize>,
    ) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        // Nearly always the key is there; a map of borrowed parts would save this copy, and nothing that can be measured.
        *counted.requests.entry((method, status, auid.to_owned())).or_default() += 1;
        counted.took.record(took);
        if let Some(size) = size {
            counted.sizes.record(Duration::from_micros(size as u64));
        }
    }

    /// Counts committed changes.
    pub fn committed(&self, changes: usize) {
        self.committed.fetch_add(changes as u64, Ordering::Relaxed);
    }

    /// Changes committed.
    pub fn changes(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// The numbers now.
    pub fn shown(&self) -> Shown {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
