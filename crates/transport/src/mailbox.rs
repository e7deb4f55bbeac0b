//! The one way into a shard thread for other threads: a bounded mailbox that wakes its owner and never blocks a sender.

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use crate::poll::Waker;

/// Makes a mailbox of `capacity` items (at least one) whose owner is woken by `waker`. The room is allocated now.
pub fn mailbox<T>(capacity: usize, waker: Waker) -> (Slot<T>, Mailbox<T>) {
    let (sender, receiver) = mpsc::sync_channel(capacity.max(1));
    (Slot { sender, waker }, Mailbox { receiver })
}

/// Where other threads put items. Cheap to clone.
#[derive(Debug)]
pub struct Slot<T> {
    sender: SyncSender<T>,
    waker: Waker,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waker: self.waker.clone() }
    }
}

impl<T> Slot<T> {
    /// Puts one item in and wakes the owner; hands it back if the mailbox is full or its owner gone. Never blocks.
    pub fn try_send(&self, item: T) -> Result<(), Refused<T>> {
        let result = self.sender.try_send(item);
        self.waker.wake();
        result.map_err(|error| match error {
            TrySendError::Full(item) => Refused::Full(item),
            TrySendError::Disconnected(item) => Refused::Closed(item),
        })
    }
}

/// Why a mailbox did not take an item; the item comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// The owner is behind by the whole capacity.
    Full(T),
    /// The owner is gone.
    Closed(T),
}

/// The owner's end. Items of one sender come in its order.
#[derive(Debug)]
pub struct Mailbox<T> {
    receiver: Receiver<T>,
}

impl<T> Mailbox<T> {
    /// The next item, if there is one now.
    pub fn take(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::poll::Poller;

    #[test]
    fn a_full_mailbox_hands_the_item_back() {
        let poller = Poller::new().unwrap();
        let (slot, mut mailbox) = mailbox(2, poller.waker());
        assert_eq!([1, 2, 3].map(|item| slot.try_send(item)), [Ok(()), Ok(()), Err(Refused::Full(3))]);
        assert_eq!(mailbox.take(), Some(1));
        assert_eq!(slot.try_send(4), Ok(()));
        assert_eq!([mailbox.take(), mailbox.take(), mailbox.take()], [Some(2), Some(4), None]);
    }

    #[test]
    fn a_mailbox_without_owner_is_closed() {
        let (slot, mailbox) = mailbox(2, Poller::new().unwrap().waker());
        drop(mailbox);
        assert_eq!(slot.try_send(1), Err(Refused::Closed(1)));
    }

    #[test]
    fn nothing_is_lost_between_many_senders_and_a_sleeping_owner() {
        const EACH: usize = 5_000;
        let mut poller = Poller::new().unwrap();
        let (slot, mut mailbox) = mailbox(16, poller.waker());
        let senders = [0, 1, 2].map(|sender| {
            let slot = slot.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    let mut item = (sender, number);
                    while let Err(Refused::Full(back)) = slot.try_send(item) {
                        item = back;
                        thread::yield_now();
                    }
                }
            })
        });
        let mut next = [0; 3];
        while next != [EACH; 3] {
            while let Some((sender, number)) = mailbox.take() {
                assert_eq!(number, next[sender], "items of one sender stay in order");
                next[sender] += 1;
            }
            if next != [EACH; 3] {
                poller.wait(&[], None).unwrap();
            }
        }
        for sender in senders {
            sender.join().unwrap();
        }
    }
}
