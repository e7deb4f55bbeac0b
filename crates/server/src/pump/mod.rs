//! From sockets to shards and back: one thread per shard, and the mail between threads.

pub mod bind;
pub mod held;
pub mod turn;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Sender;

use node::{Effects, Enquiry, Entry, Letter, Settings, ShardId, Storage, enter, overloaded};
use sip_stack::{Flow, Protocol};
use transport::mailbox::Slot;
use transport::poll::Waker;
use transport::tcp::{StreamEvent, Streams};
use xcap::{Change, Found, Unavailable};

use crate::explain::Question;
use crate::status::Status;

/// A message for a shard, from another shard's socket or from a stream.
#[derive(Debug)]
pub struct Mail {
    /// Where it came from.
    pub flow: Flow,
    /// The whole message; the door has let it in.
    pub bytes: Box<[u8]>,
}

/// What a shard must hear even when its mailbox is full. Seldom: a stream's end, the store, documents, the operator.
#[derive(Clone, Debug)]
pub enum Order {
    /// A stream has ended, or could not carry a message.
    Closed(Flow),
    /// Whether rows reach the disk.
    Storage(Storage),
    /// Rows up to this number of the shard's own count are on disk.
    Committed(u64),
    /// The answer to a question of the shard's.
    Documents(Box<Enquiry>, Result<Found, Unavailable>),
    /// A document has changed.
    Changed(Arc<Change>),
    /// What an owner of another shard writes to one of this.
    Letter(Box<Letter>),
    /// Somebody asks why a watcher sees what it sees.
    Explain(Arc<Question>),
    /// New settings.
    Reconfigure(Arc<Settings>),
    /// Take no new requests, finish what is owed, end.
    Stop,
}

/// How one shard is reached.
#[derive(Clone, Debug)]
pub struct Address {
    mailbox: Slot<Mail>,
    orders: Sender<Order>,
    waker: Waker,
}

impl Address {
    /// The address made of both ways in.
    pub fn new(mailbox: Slot<Mail>, orders: Sender<Order>, waker: Waker) -> Self {
        Self { mailbox, orders, waker }
    }

    /// Gives an order. One to a shard that has ended is lost, as it should be.
    pub fn order(&self, order: Order) {
        let _ = self.orders.send(order);
        self.waker.wake();
    }
}

/// Brings mail to shards, and counts what waits there.
#[derive(Clone)]
pub struct Post {
    addresses: Arc<[Address]>,
    status: Arc<Status>,
}

impl Post {
    /// A post for these shards, in their order.
    pub fn new(addresses: Vec<Address>, status: Arc<Status>) -> Self {
        Self { addresses: addresses.into(), status }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        u16::try_from(self.addresses.len()).expect("the configuration bounds shards")
    }

    /// Brings a copy of a message; false if the mailbox is full.
    #[must_use]
    pub fn bring(&self, shard: ShardId, flow: Flow, bytes: &[u8]) -> bool {
        let index = usize::from(shard.0);
        // Counted before it is sent: the owner must never count down first.
        let waiting: &AtomicUsize = &self.status.shards[index].waiting;
        waiting.fetch_add(1, Ordering::Relaxed);
        let brought = self.addresses[index].mailbox.try_send(Mail { flow, bytes: bytes.into() }).is_ok();
        if !brought {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
        brought
    }

    /// Gives one shard an order.
    pub fn order(&self, shard: ShardId, order: Order) {
        self.addresses[usize::from(shard.0)].order(order);
    }

    /// Gives all shards an order.
    pub fn order_all(&self, order: &Order) {
        for address in self.addresses.iter() {
            address.order(order.clone());
        }
    }
}

/// The door for what comes in by streams; it stands on the runtime's threads.
pub struct StreamDoor {
    post: Post,
    settings: Arc<Settings>,
    answers: Mutex<Effects>,
}

impl StreamDoor {
    /// A door to these shards.
    pub fn new(post: Post, settings: Arc<Settings>) -> Self {
        Self { post, settings, answers: Mutex::default() }
    }

    /// Takes what streams tell. `streams` carries the door's own answers.
    pub fn take(&self, event: StreamEvent<'_>, streams: Option<&Streams>) {
        match event {
            StreamEvent::Message { flow, bytes } => self.message(flow, bytes, streams),
            // NOTIFYs of any shard may have been on the stream.
            StreamEvent::Closed { flow, .. } | StreamEvent::Undeliverable { flow, .. } => {
                self.post.order_all(&Order::Closed(flow));
            }
        }
    }

    fn message(&self, flow: Flow, bytes: &[u8], streams: Option<&Streams>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Deliver { shard, .. } =
            enter(bytes, flow, &self.settings, self.post.shards(), &mut answers)
            && !self.post.bring(shard, flow, bytes)
        {
            overloaded(bytes, flow, &self.settings, &mut answers);
        }
        if answers.is_empty() {
            return;
        }
        let answered = core::mem::take(&mut *answers);
        drop(answers); // a send may call back into this door
        if let Some(streams) = streams {
            for message in answered.outgoing().filter(|message| message.flow.protocol == Protocol::Tcp) {
                streams.send(message.flow, message.head, message.body);
            }
        }
    }
}
