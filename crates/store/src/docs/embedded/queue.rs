//! Commits that wait for the writer, and the answers that wait for their callers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sip_stack::Timestamp;
use xcap::Tree;

use super::log::unavailable;
use crate::StoreError;
use crate::docs::{Commit, Outcome};

/// The most bytes that may wait for the writer, unless it is one commit alone.
const WAITING_MAX: usize = 64 << 20;

/// How long the writer waits for the next of those who had their answers last.
const GATHER: Duration = Duration::from_micros(300);
/// So often it waits on, if somebody came.
const WAITS: usize = 4;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Work {
    Commit(Commit),
    DeleteTree(Tree, Timestamp),
}

/// Work, and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    /// About how many bytes of log it needs.
    pub(crate) bytes: usize,
    pub(crate) caller: Caller,
}

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// The writer sleeps until as many jobs are there.
    wanted: usize,
    stop: bool,
}

impl Queue {
    /// Hands work to the writer. Refused if too much waits already, or nobody is there to do it.
    pub(crate) fn push(&self, work: Work, bytes: usize) -> Result<Answer, StoreError> {
        let answer = Answer::default();
        let mut waiting = self.waiting();
        if waiting.stop || (waiting.bytes > 0 && waiting.bytes + bytes > WAITING_MAX) {
            return Err(unavailable());
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back(Job { work, bytes, caller: Caller(Some(Arc::clone(&answer.slot))) });
        if waiting.jobs.len() == waiting.wanted {
            self.arrived.notify_one();
        }
        Ok(answer)
    }

    /// Waits for work and gives as much as fits into `bytes`, one job at least. Nothing after [`Queue::stop`], when all
    /// is done.
    ///
    /// As many callers as had their answers last, `siblings`, are likely to come again at once, and some may have come while
    /// those were served: waiting for all of them, as long as they come, makes one sync of two.
    pub(crate) fn take(&self, bytes: usize, siblings: usize) -> Vec<Job> {
        let mut waiting = self.waiting();
        let wanted = siblings + waiting.jobs.len();
        let few = |waiting: &mut Waiting| waiting.jobs.len() < wanted && !waiting.stop;
        let mut waits = if siblings > 0 && wanted > 1 { WAITS } else { 0 };
        while waits > 0 && few(&mut waiting) {
            let before = waiting.jobs.len();
            waiting.wanted = wanted;
            let slept = self.arrived.wait_timeout_while(waiting, GATHER, few);
            (waiting, _) = slept.expect("nothing panics while it holds the queue");
            waits = if waiting.jobs.len() > before { waits - 1 } else { 0 };
        }
        waiting.wanted = 1;
        let slept = self.arrived.wait_while(waiting, |waiting| waiting.jobs.is_empty() && !waiting.stop);
        waiting = slept.expect("nothing panics while it holds the queue");
        waiting.wanted = 0;
        let mut taken = Vec::new();
        let mut room = bytes;
        while let Some(job) = waiting.jobs.front() {
            if job.bytes > room && !taken.is_empty() {
                break;
            }
            room = room.saturating_sub(job.bytes);
            waiting.bytes -= job.bytes;
            taken.extend(waiting.jobs.pop_front());
        }
        taken
    }

    /// Lets the writer end when it has done what waits, and takes no more.
    pub(crate) fn stop(&self) {
        self.waiting().stop = true;
        self.arrived.notify_one();
    }

    /// There is no writer any more: whoever waits is told.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.stop = true;
        let left = core::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(left);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the queue")
    }
}

/// What the caller waits for.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    slot: Arc<Mutex<Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    result: Option<Result<Outcome, StoreError>>,
    waker: Option<Waker>,
}

impl Future for Answer {
    type Output = Result<Outcome, StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.slot.lock().expect("nothing panics while it holds an answer");
        if let Some(result) = slot.result.take() {
            return Poll::Ready(result);
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => slot.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// Who is to be answered. Dropped without an answer, it says that nobody knows what happened.
#[derive(Debug)]
pub(crate) struct Caller(Option<Arc<Mutex<Slot>>>);

impl Caller {
    pub(crate) fn answer(mut self, result: Result<Outcome, StoreError>) {
        if let Some(slot) = self.0.take() {
            tell(&slot, result);
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            tell(&slot, Err(StoreError::Unknown));
        }
    }
}

fn tell(slot: &Mutex<Slot>, result: Result<Outcome, StoreError>) {
    let mut slot = slot.lock().expect("nothing panics while it holds an answer");
    slot.result = Some(result);
    let waker = slot.waker.take();
    drop(slot);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue) {
        let work = Work::DeleteTree(Tree::Global, Timestamp::ZERO);
        drop(queue.push(work, 10).expect("there is room"));
    }

    #[test]
    fn nobody_waits_for_ever_for_those_who_do_not_come() {
        let queue = Queue::default();
        push(&queue);
        assert_eq!(queue.take(100, 16).len(), 1);
        push(&queue);
        push(&queue);
        assert_eq!(queue.take(15, 0).len(), 1, "the second does not fit");
        queue.stop();
        assert_eq!(queue.take(100, 16).len(), 1, "what waits is done");
        assert_eq!(queue.take(100, 16).len(), 0);
    }

    #[test]
    fn all_who_come_are_served_however_many_were_served_before() {
        const CALLERS: usize = 200;
        let queue = Queue::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..CALLERS / 4).for_each(|_| push(&queue)));
            }
            let (mut served, mut siblings) = (0, 0);
            while served < CALLERS {
                siblings = queue.take(100, siblings).len();
                assert!((1..=10).contains(&siblings), "as much as fits, and one at least");
                served += siblings;
            }
        });
    }
}
