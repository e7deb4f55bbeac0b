//! The store's writer: one thread that takes rows from all shards, writes them together, and says when writing fails.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, Sender, channel};

use node::{RowChange, RowKey, ShardId, Storage};
use store::StoreError;

use crate::clock::Clock;
use crate::keeper::Keeper;
use crate::pump::{Order, Post};
use crate::status::Status;

/// Rows written in one batch.
const BATCH_ROWS: usize = 4096;
/// Rows handed over and not written; above it shards refuse new state, below the half they take it again.
const WAITING_MAX: usize = 262_144;
/// Rows are gathered for this long before they are written, unless answers wait for them: shards then need not wake the
/// writer at every turn, and one write serves many.
const LINGER: Duration = Duration::from_millis(10);
/// While writing fails, it is tried again this often.
const RETRY_EVERY: Duration = Duration::from_secs(1);

enum Handed {
    Rows { shard: ShardId, number: u64, rows: Vec<RowChange> },
    End,
}

/// Where shards put their rows.
#[derive(Clone)]
pub struct StoreSlot {
    sender: Sender<Handed>,
    status: Arc<Status>,
}

impl StoreSlot {
    /// Hands over the rows of one turn, `number` in the shard's own count. Never blocks. What it returns the shard must
    /// be told: the writer is so far behind that new state is to be refused.
    pub fn hand_over(&self, shard: ShardId, number: u64, rows: Vec<RowChange>) -> Option<Storage> {
        let before = self.status.store.waiting.fetch_add(rows.len(), Ordering::Relaxed);
        // A writer that is gone has sounded the alarm: the server is about to end.
        let _ = self.sender.send(Handed::Rows { shard, number, rows });
        (before > WAITING_MAX).then_some(Storage::Failing)
    }

    /// After the last rows: write what waits and end.
    pub fn end(&self) {
        let _ = self.sender.send(Handed::End);
    }
}

/// The slot for shards and the writer behind it.
pub fn writer(
    keeper: Box<dyn Keeper>,
    durable: bool,
    keep_for: Duration,
    clock: Clock,
    status: Arc<Status>,
) -> (StoreSlot, Writer) {
    let (sender, receiver) = channel();
    let slot = StoreSlot { sender, status: Arc::clone(&status) };
    let recent = Recent { batches: VecDeque::new(), keep_for };
    let commits = BTreeMap::new();
    let writer = Writer {
        keeper,
        durable,
        clock,
        status,
        receiver,
        recent,
        backlog: BTreeMap::new(),
        commits,
        tried_at: Duration::ZERO,
        crowded: false,
    };
    (slot, writer)
}

/// The writing end.
pub struct Writer {
    keeper: Box<dyn Keeper>,
    durable: bool,
    clock: Clock,
    status: Arc<Status>,
    receiver: Receiver<Handed>,
    recent: Recent,
    /// Rows that could not be written, newest version of each. Empty while the store works.
    backlog: BTreeMap<RowKey, RowChange>,
    /// By shard, up to which batch rows are in `backlog` or before it.
    commits: BTreeMap<ShardId, u64>,
    tried_at: Duration,
    /// Shards may have been told that the writer is behind.
    crowded: bool,
}

/// Written rows that a failing disk may still lose: those of the last commit intervals.
struct Recent {
    batches: VecDeque<(Duration, Vec<RowChange>)>,
    keep_for: Duration,
}

impl Recent {
    fn forget(&mut self, now: Duration) {
        while self.batches.front().is_some_and(|(at, _)| *at + self.keep_for < now) {
            self.batches.pop_front();
        }
        if self.batches.is_empty() {
            self.batches.shrink_to_fit();
        }
    }

    fn remember(&mut self, now: Duration, rows: Vec<RowChange>) {
        self.forget(now);
        if !self.keep_for.is_zero() {
            self.batches.push_back((now, rows));
        }
    }
}

impl Writer {
    /// Writes until [`StoreSlot::end`]. The error says that rows are lost, or that another process has the store.
    pub fn run(mut self, post: &Post) -> Result<(), StoreError> {
        loop {
            let (mut rows, mut numbers) = (Vec::new(), BTreeMap::new());
            let mut ends = false;
            match self.next() {
                Ok(Some(handed)) => ends |= gather(handed, &mut rows, &mut numbers),
                Ok(None) => {}
                Err(RecvError) => return self.end(post), // all slots are gone
            }
            if !self.durable && !ends {
                std::thread::sleep(LINGER);
            }
            while !ends
                && rows.len() < BATCH_ROWS
                && let Ok(handed) = self.receiver.try_recv()
            {
                ends |= gather(handed, &mut rows, &mut numbers);
            }
            self.take(rows, numbers, post)?;
            if ends {
                return self.end(post);
            }
        }
    }

    fn failing(&self) -> bool {
        self.status.store.failing.load(Ordering::Relaxed)
    }

    /// What is handed over next; `None` if it is time to look after something else.
    fn next(&mut self) -> Result<Option<Handed>, RecvError> {
        let wait = if self.failing() {
            (self.tried_at + RETRY_EVERY).saturating_sub(self.clock.elapsed())
        } else if self.recent.batches.is_empty() {
            return self.receiver.recv().map(Some);
        } else {
            self.recent.keep_for
        };
        match self.receiver.recv_timeout(wait) {
            Ok(handed) => Ok(Some(handed)),
            Err(RecvTimeoutError::Disconnected) => Err(RecvError),
            Err(RecvTimeoutError::Timeout) => {
                if !self.failing() {
                    self.recent.forget(self.clock.elapsed());
                }
                Ok(None)
            }
        }
    }

    fn take(
        &mut self,
        rows: Vec<RowChange>,
        numbers: BTreeMap<ShardId, u64>,
        post: &Post,
    ) -> Result<(), StoreError> {
        let waiting = self.status.store.waiting.fetch_sub(rows.len(), Ordering::Relaxed) - rows.len();
        if self.failing() {
            self.postpone(rows, numbers);
            if self.clock.elapsed() >= self.tried_at + RETRY_EVERY {
                self.retry(post)?;
            }
        } else if !rows.is_empty() {
            match self.write(&rows) {
                Ok(()) => {
                    self.recent.remember(self.clock.elapsed(), rows);
                    self.committed(numbers, post);
                }
                Err(error @ (StoreError::Fenced | StoreError::Locked)) => return Err(error),
                Err(error) => {
                    self.postpone(rows, numbers);
                    self.fail(&error, post);
                }
            }
        }
        self.crowded |= waiting > WAITING_MAX;
        if self.crowded && waiting < WAITING_MAX / 2 && !self.failing() {
            self.crowded = false;
            post.order_all(&Order::Storage(Storage::Healthy));
        }
        Ok(())
    }

    /// Writes a batch and counts it. A row larger than the store takes is left out: it can never be written.
    fn write(&mut self, rows: &[RowChange]) -> Result<(), StoreError> {
        let began = self.clock.elapsed();
        let result = match self.keeper.write(rows, self.durable) {
            Err(StoreError::TooLarge) => rows.iter().try_for_each(|row| {
                match self.keeper.write(core::slice::from_ref(row), self.durable) {
                    Err(StoreError::TooLarge) => {
                        tracing::error!(
                            "a row is larger than the store takes; it will not survive a restart"
                        );
                        Ok(())
                    }
                    other => other,
                }
            }),
            other => other,
        };
        match &result {
            Ok(()) => self.status.store.written(
                rows.len(),
                octets(rows),
                self.clock.elapsed().saturating_sub(began),
            ),
            Err(_) => _ = self.status.store.failures.fetch_add(1, Ordering::Relaxed),
        }
        result
    }

    fn committed(&self, numbers: BTreeMap<ShardId, u64>, post: &Post) {
        if self.durable {
            for (shard, number) in numbers {
                post.order(shard, Order::Committed(number));
            }
        }
    }

    fn postpone(&mut self, rows: Vec<RowChange>, numbers: BTreeMap<ShardId, u64>) {
        self.backlog.extend(rows.into_iter().map(|row| (key(&row), row)));
        self.commits.extend(numbers);
    }

    fn fail(&mut self, error: &StoreError, post: &Post) {
        tracing::error!(%error, "the store fails: new state is refused until it works again");
        self.status.store.failing.store(true, Ordering::Relaxed);
        self.tried_at = self.clock.elapsed();
        post.order_all(&Order::Storage(Storage::Failing));
    }

    /// Tries to write what waits since the store failed. All of it, and shards take new state again.
    fn retry(&mut self, post: &Post) -> Result<(), StoreError> {
        self.tried_at = self.clock.elapsed();
        match self.catch_up() {
            Ok(()) => {}
            Err(error @ (StoreError::Fenced | StoreError::Locked)) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "the store still fails");
                return Ok(());
            }
        }
        tracing::info!("the store works again");
        self.status.store.failing.store(false, Ordering::Relaxed);
        let commits = core::mem::take(&mut self.commits);
        self.committed(commits, post);
        post.order_all(&Order::Storage(Storage::Healthy));
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), StoreError> {
        self.keeper.recover()?;
        // What was written last may be lost; versions make it harmless to write it again.
        let written = self.recent.batches.drain(..).flat_map(|(_, rows)| rows).map(|row| (key(&row), row));
        let waiting = core::mem::take(&mut self.backlog);
        self.backlog = written.chain(waiting).collect(); // of two rows with one key the later, newer one stays
        let keys: Vec<_> = self.backlog.keys().copied().collect();
        for chunk in keys.chunks(BATCH_ROWS) {
            let rows: Vec<_> = chunk.iter().filter_map(|key| self.backlog.get(key).cloned()).collect();
            self.write(&rows)?;
        }
        self.keeper.sync()?;
        self.backlog.clear();
        Ok(())
    }

    fn end(mut self, post: &Post) -> Result<(), StoreError> {
        if self.failing() {
            self.retry(post)?;
        }
        if self.failing() {
            tracing::error!(rows = self.backlog.len(), "rows are lost: the store failed until the end");
            return Err(StoreError::Unknown);
        }
        self.keeper.sync()
    }
}

/// Adds what was handed over to the batch. Whether it was the end.
fn gather(handed: Handed, rows: &mut Vec<RowChange>, numbers: &mut BTreeMap<ShardId, u64>) -> bool {
    match handed {
        Handed::Rows { shard, number, rows: more } => {
            if rows.is_empty() {
                *rows = more; // the common case moves nothing
            } else {
                rows.extend(more);
            }
            numbers.insert(shard, number);
            false
        }
        Handed::End => true,
    }
}

fn key(change: &RowChange) -> RowKey {
    match change {
        RowChange::Put(row) => row.key,
        RowChange::Delete { key, .. } => *key,
    }
}

fn octets(rows: &[RowChange]) -> usize {
    let octets = |change: &RowChange| match change {
        RowChange::Put(row) => row.data.len(),
        RowChange::Delete { .. } => 0,
    };
    rows.iter().map(octets).sum()
}
