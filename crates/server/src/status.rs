//! What the threads of a server tell about themselves, for whoever asks.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use node::{Histogram, Metrics, Partition};

use crate::audit::Counts;
use crate::remote_xdms::RemoteBoard;

/// A shard that has not turned for so long is stuck. An idle one turns every second.
pub const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Octets of changed documents that may wait for a shard that does not follow them.
const UNHEARD_MAX: usize = 4 << 20;

/// Where the server stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Rows are being put back.
    Starting = 0,
    /// Requests are taken.
    Serving = 1,
    /// What is owed is being finished.
    Stopping = 2,
}

/// What one shard's thread writes, now and then, and others read.
#[derive(Debug, Default)]
pub struct Board {
    metrics: Mutex<Metrics>,
    /// Messages in its mailbox.
    pub waiting: AtomicUsize,
    /// When it last turned, milliseconds of [`crate::clock::Clock::elapsed`].
    turned: AtomicU64,
    /// Changes of documents that it has taken in.
    pub heard: AtomicU64,
    /// Of which changes of documents it must hear at once.
    pub attention: Attention,
    /// Datagrams that the kernel would not take.
    pub unsent: AtomicU64,
    /// Times that a socket could not be read.
    pub receive_errors: AtomicU64,
    /// Datagrams that the kernel dropped because its receive buffer was full.
    pub dropped: AtomicU64,
}

/// Of which changes of documents a shard must hear at once: of others it hears when it turns.
#[derive(Debug)]
pub struct Attention {
    /// Partitions in which it follows a tree.
    followed: Box<[AtomicBool]>,
    /// It has presentities, who follow their own documents.
    presentities: AtomicBool,
    /// Octets of documents that it was not told of at once.
    unheard: AtomicUsize,
}

impl Default for Attention {
    fn default() -> Self {
        let followed = (0..Partition::COUNT).map(|_| AtomicBool::new(false)).collect();
        Self { followed, presentities: AtomicBool::new(false), unheard: AtomicUsize::new(0) }
    }
}

impl Attention {
    /// Notes, before documents are asked for, what is followed from now on.
    pub fn set(&self, presentities: bool, followed: &BTreeMap<Partition, bool>) {
        if self.presentities.load(Ordering::Relaxed) != presentities {
            self.presentities.store(presentities, Ordering::Release);
        }
        for (partition, is_followed) in followed {
            self.followed[usize::from(partition.0)].store(*is_followed, Ordering::Release);
        }
    }

    /// Whether the shard must hear at once of a change in a partition, which may be one of its own.
    pub fn wants(&self, is_own: bool, partition: Partition) -> bool {
        (is_own && self.presentities.load(Ordering::Acquire))
            || self.followed[usize::from(partition.0)].load(Ordering::Acquire)
    }

    /// What was told of has been heard: nothing waits any more, or little.
    pub fn heard(&self) {
        self.unheard.store(0, Ordering::Relaxed);
    }

    /// Whether so many octets that nobody asked for may wait with the others until the shard turns.
    pub fn may_wait(&self, octets: usize) -> bool {
        let may = self.unheard.fetch_add(octets, Ordering::Relaxed) + octets <= UNHEARD_MAX;
        if !may {
            self.unheard.store(0, Ordering::Relaxed);
        }
        may
    }
}

impl Board {
    /// Shows new numbers.
    pub fn show(&self, metrics: Metrics) {
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    /// The numbers shown last.
    pub fn metrics(&self) -> Metrics {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the thread is alive.
    pub fn turn(&self, elapsed: Duration) {
        self.turned.store(millis(elapsed), Ordering::Relaxed);
    }
}

/// What the store's writer counts.
#[derive(Debug, Default)]
pub struct StoreBoard {
    /// Batches written.
    pub batches: AtomicU64,
    /// Rows written.
    pub rows: AtomicU64,
    /// Octets of rows written, keys not counted.
    pub octets: AtomicU64,
    /// Batches that the store refused.
    pub failures: AtomicU64,
    /// Rows handed over and not written yet.
    pub waiting: AtomicUsize,
    /// Whether writing fails now.
    pub failing: AtomicBool,
    commit: Mutex<Histogram>,
}

impl StoreBoard {
    /// Counts one written batch.
    pub fn written(&self, rows: usize, octets: usize, took: Duration) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
        self.commit.lock().unwrap_or_else(PoisonError::into_inner).record(took);
    }

    /// How long batches took.
    pub fn commit(&self) -> Histogram {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The whole server as others see it.
#[derive(Debug)]
pub struct Status {
    /// One per shard.
    pub shards: Vec<Board>,
    /// The store's writer.
    pub store: StoreBoard,
    /// Document servers elsewhere, once they are known.
    pub remotes: OnceLock<Arc<[RemoteBoard]>>,
    /// The audit trail.
    pub audit: Arc<Counts>,
    phase: AtomicU8,
}

impl Status {
    /// A server that starts.
    pub fn new(shards: u16) -> Self {
        Self {
            shards: (0..shards).map(|_| Board::default()).collect(),
            store: StoreBoard::default(),
            remotes: OnceLock::new(),
            audit: Arc::default(),
            phase: AtomicU8::new(Phase::Starting as u8),
        }
    }

    /// The next phase of life.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Where the server stands.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Stopping,
        }
    }

    /// The numbers of all shards together.
    pub fn metrics(&self) -> Metrics {
        let mut sum = Metrics::default();
        for shard in &self.shards {
            sum.add(&shard.metrics());
        }
        sum
    }

    /// Whether every thread turns; else what stands still.
    pub fn health(&self, elapsed: Duration) -> Result<(), String> {
        if self.phase() != Phase::Serving {
            return Ok(());
        }
        let stuck = |board: &Board| {
            elapsed.as_millis() as u64 > board.turned.load(Ordering::Relaxed) + millis(STUCK_AFTER)
        };
        match self.shards.iter().position(stuck) {
            Some(shard) => Err(format!("shard {shard} stands still")),
            None => Ok(()),
        }
    }

    /// Whether new requests are welcome; else why not.
    pub fn readiness(&self, elapsed: Duration) -> Result<(), String> {
        match self.phase() {
            Phase::Starting => Err("starting".to_owned()),
            Phase::Stopping => Err("stopping".to_owned()),
            Phase::Serving if self.store.failing.load(Ordering::Relaxed) => {
                Err("the store fails: new state is refused, watchers are served".to_owned())
            }
            Phase::Serving => self.health(elapsed),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_it_serves_and_stores() {
        let status = Status::new(2);
        assert!(status.readiness(Duration::ZERO).is_err(), "starting");
        assert!(status.health(Duration::from_secs(60)).is_ok(), "a long start is no standstill");
        status.enter(Phase::Serving);
        assert!(status.readiness(Duration::ZERO).is_ok());
        status.store.failing.store(true, Ordering::Relaxed);
        assert!(status.readiness(Duration::ZERO).unwrap_err().contains("store"));
        assert!(status.health(Duration::ZERO).is_ok(), "a full disk is no reason to be restarted");
        status.enter(Phase::Stopping);
        assert!(status.readiness(Duration::ZERO).is_err());
    }

    #[test]
    fn a_shard_that_stands_still_is_noticed() {
        let status = Status::new(2);
        status.enter(Phase::Serving);
        status.shards[0].turn(Duration::from_secs(20));
        assert_eq!(status.health(Duration::from_secs(20)), Err("shard 1 stands still".to_owned()));
        status.shards[1].turn(Duration::from_secs(15));
        assert_eq!(status.health(Duration::from_secs(20)), Ok(()));
    }

    #[test]
    fn shards_add_up() {
        let status = Status::new(2);
        for board in &status.shards {
            board.show(Metrics { publish_initial: 3, ..Metrics::default() });
        }
        assert_eq!(status.metrics().publish_initial, 6);
    }
}
