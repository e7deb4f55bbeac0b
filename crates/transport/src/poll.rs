//! How a shard thread sleeps: until a datagram comes, someone wakes it, or a time has passed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::sys;

/// The thread is working and will look at its mailbox before it sleeps.
const AWAKE: u8 = 0;
/// The thread sleeps, or is about to: a wake needs a system call.
const ASLEEP: u8 = 1;
/// Somebody has woken the thread since it last woke.
const SIGNALLED: u8 = 2;

#[derive(Debug)]
struct Bell {
    state: AtomicU8,
    counter: File,
}

/// Wakes one thread out of [`Poller::wait`]. Cheap to clone, and usable from any thread.
#[derive(Clone, Debug)]
pub struct Waker {
    bell: Arc<Bell>,
}

impl Waker {
    /// Makes the next (or the running) [`Poller::wait`] return with `woken`. One atomic exchange; a system call
    /// follows only if the thread sleeps and nobody has woken it yet, so many wakes in a row cost one call.
    ///
    /// What was written before the call is seen by the thread after its wait.
    pub fn wake(&self) {
        if self.bell.state.swap(SIGNALLED, Ordering::AcqRel) == ASLEEP {
            // Fails only when the counter is at its limit, and then it is readable already.
            let _ = (&self.bell.counter).write(&1_u64.to_ne_bytes());
        }
    }
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    sockets: u64,
    /// Whether somebody called [`Waker::wake`] since the wait before.
    pub woken: bool,
}

impl Ready {
    /// Whether the socket at this place of the slice has something to receive, or an error to report.
    pub const fn socket(self, index: usize) -> bool {
        index < 64 && self.sockets & (1 << index) != 0
    }

    /// Whether the time passed without anything else.
    pub const fn is_timeout(self) -> bool {
        self.sockets == 0 && !self.woken
    }
}

/// The sleeping place of one thread.
#[derive(Debug)]
pub struct Poller {
    bell: Arc<Bell>,
    slots: Vec<libc::pollfd>,
}

impl Poller {
    /// A sleeping place; fails only if the process is out of descriptors or memory.
    pub fn new() -> io::Result<Self> {
        let bell = Bell { state: AtomicU8::new(AWAKE), counter: sys::event_counter()? };
        Ok(Self { bell: Arc::new(bell), slots: Vec::new() })
    }

    /// A handle with which other threads wake this one.
    pub fn waker(&self) -> Waker {
        Waker { bell: Arc::clone(&self.bell) }
    }

    /// Sleeps until one of `sockets` (at most 64) is readable, somebody has called [`Waker::wake`] since the last
    /// wait, or `timeout` has passed (`None`: no limit). A signal may end it early, with nothing ready.
    ///
    /// # Panics
    /// If there are more than 64 sockets.
    pub fn wait(&mut self, sockets: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Ready> {
        assert!(sockets.len() <= 64, "a shard waits for at most 64 sockets");
        let sleeps =
            self.bell.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let timeout = if sleeps { timeout } else { Some(Duration::ZERO) };
        self.slots.clear();
        self.slots.extend([self.bell.counter.as_fd()].iter().chain(sockets).map(|socket| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        }));
        let polled = sys::poll(&mut self.slots, timeout);
        let woken = self.bell.state.swap(AWAKE, Ordering::AcqRel) == SIGNALLED;
        if polled? == 0 {
            return Ok(Ready { sockets: 0, woken });
        }
        if self.slots[0].revents != 0 {
            // A wake that raced with the end of the wait before may ring late: it only empties the counter.
            let _ = (&self.bell.counter).read(&mut [0; 8]);
        }
        let sockets = self.slots[1..]
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.revents != 0)
            .fold(0, |ready, (index, _)| ready | 1 << index);
        Ok(Ready { sockets, woken })
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_wake_before_the_wait_is_not_lost() {
        let mut poller = Poller::new().unwrap();
        poller.waker().wake();
        assert!(poller.wait(&[], None).unwrap().woken);
        assert!(poller.wait(&[], Some(Duration::ZERO)).unwrap().is_timeout());
    }

    #[test]
    fn a_sleeping_thread_is_woken_every_time() {
        let mut poller = Poller::new().unwrap();
        let waker = poller.waker();
        let (turns, turn) = mpsc::channel();
        let sleeper = thread::spawn(move || {
            for _ in 0..1000 {
                while !poller.wait(&[], None).unwrap().woken {}
                turns.send(()).unwrap();
            }
        });
        for _ in 0..1000 {
            waker.wake();
            turn.recv().unwrap();
        }
        sleeper.join().unwrap();
    }

    #[test]
    fn wakes_without_a_sleeper_cost_no_system_call() {
        let poller = Poller::new().unwrap();
        (0..100).for_each(|_| poller.waker().wake());
        let silent = (&poller.bell.counter).read(&mut [0; 8]).unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_late_ring_ends_a_wait_without_a_wake() {
        let mut poller = Poller::new().unwrap();
        (&poller.bell.counter).write_all(&1_u64.to_ne_bytes()).unwrap();
        assert_eq!(poller.wait(&[], None).unwrap(), Ready::default());
        assert!(poller.wait(&[], Some(Duration::ZERO)).unwrap().is_timeout());
    }

    #[test]
    fn the_ready_socket_is_named() {
        let mut poller = Poller::new().unwrap();
        let sockets = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        sockets[0].send_to(b"x", sockets[2].local_addr().unwrap()).unwrap();
        let ready = poller.wait(&sockets.each_ref().map(AsFd::as_fd), None).unwrap();
        assert_eq!([0, 1, 2, 3].map(|index| ready.socket(index)), [false, false, true, false]);
        assert!(!ready.woken && !ready.is_timeout());
    }
}
