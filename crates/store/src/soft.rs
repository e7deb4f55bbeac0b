//! What an engine promises: the soft store, its errors and its two lengths of patience.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use node::{Epoch, Partition, Row, RowChange};

/// What keeps soft state.
pub trait Engine: Send + Sync + 'static {
    /// Keeps publications and subscriptions.
    type Soft: SoftStore;

    /// The soft state.
    fn soft(&self) -> &Self::Soft;
}

/// Soft state: versioned rows, written only by the owner of their partition.
///
/// The owner's memory is the truth; rows are read when a partition is taken over and never between. Two departures
/// from the interface of many machines: one claim takes every partition, because one process owns them all here,
/// and so a write carries one fence and is refused as a whole. [`SoftStore::load_all`] is there because one process
/// that owns everything loads everything.
pub trait SoftStore: Send + Sync + 'static {
    /// Takes all partitions for this process: a new epoch, greater than every one before it and on disk before it
    /// is returned. Writes under an earlier epoch are refused from here on.
    fn claim(&self) -> impl Future<Output = Result<Epoch, StoreError>> + Send;

    /// Applies the whole batch, in order, or nothing of it.
    ///
    /// `fence` is what [`SoftStore::claim`] gave last; with any other the batch is [`StoreError::Fenced`].
    /// A change applies only if its version is newer than that of the stored row; others are passed over in
    /// silence, so that a batch may be sent again. A delete is remembered with its version, also for a row that is
    /// not there, so that a put sent again does not bring the row back. The memory of it is bounded; each engine
    /// says how far it reaches.
    fn write(
        &self,
        fence: Epoch,
        changes: Vec<RowChange>,
        durability: Durability,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Hands every row of a partition to `sink`, those past their expiry too: the owner handles what passed
    /// meanwhile. Order is that of storage. Returns how many there were. Writes made meanwhile may be missing.
    fn load(
        &self,
        partition: Partition,
        sink: &mut (dyn FnMut(Row) + Send),
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The same for all partitions in one pass, at about the cost of reading the files once.
    fn load_all(
        &self,
        sink: &mut (dyn FnMut(Row) + Send),
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Changes whenever acknowledged [`Durability::Buffered`] writes may have been lost: the owner then sends its
    /// recent rows again.
    fn incarnation(&self) -> u64;
}

/// What a write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// With the operating system when the call returns, so that it outlives the process; on disk at the next group
    /// commit, so that a loss of power takes at most that window.
    Buffered,
    /// On disk when the call returns.
    Durable,
}

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing happened; the call may be repeated after a while.
    #[error("the store is unavailable")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// The call may or may not have happened. Rows are sent again, which is harmless.
    #[error("it is not known whether the write happened")]
    Unknown,
    /// What was read is not what was written; names the file and the offset.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// A row or a batch is above the engine's limit. Nothing happened.
    #[error("a row or batch is larger than the store takes")]
    TooLarge,
    /// No space left. Nothing happened; reads go on, and writes once there is space.
    #[error("the store is full")]
    Full,
    /// The fence is not the newest epoch: this owner has been replaced. Nothing happened.
    #[error("the epoch is not the newest one")]
    Fenced,
    /// Another process has the files.
    #[error("another process has the store open")]
    Locked,
}

/// The result of a future that is ready at once, as those of the engines of this crate are: they block the calling
/// thread for as long as the disk takes and never yield. For threads without a runtime.
///
/// # Panics
///
/// If the future is not ready, which is a future of another kind.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future that waits was called as one that is ready"),
    }
}
