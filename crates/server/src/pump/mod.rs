//! From sockets to shards and back: one thread per shard, and the mail between threads.

pub mod bind;
pub mod bundle;
pub mod held;
pub mod turn;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Sender;

use documents::watcherinfo::Watcher;
use node::{Answer, Effects, Enquiry, Entry, Letter, Locate, Settings, ShardId, Storage, enter, overloaded};
use sip_stack::{Flow, Protocol};
use store::docs::Committed;
use transport::mailbox::{Refused, Slot};
use transport::poll::Waker;
use transport::tcp::{StreamEvent, Streams};
use xcap::{Change, Unavailable};

use self::bundle::Bundle;
use crate::explain::Why;
use crate::question::Question;
use crate::standing::May;
use crate::status::Status;

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
    Documents(Box<Enquiry>, Result<Answer, Unavailable>),
    /// Documents have changed, in this order.
    Changed(Arc<[Committed]>),
    /// A document of another document server has changed.
    ChangedElsewhere(Arc<Change>),
    /// What an owner of another shard writes to one of this.
    Letter(Box<Letter>),
    /// Where a next hop leads that the shard asked for.
    Located(Box<Locate>, Arc<[(Protocol, SocketAddr)]>),
    /// Somebody asks why a watcher sees what it sees.
    Explain(Arc<Why>),
    /// Somebody asks who watches.
    Watchers(Arc<Question<Vec<Watcher>>>),
    /// Somebody asks what the rules of a presentity let it do.
    May(Arc<May>),
    /// New settings.
    Reconfigure(Arc<Settings>),
    /// Take no new requests, finish what is owed, end.
    Stop,
}

/// How one shard is reached.
#[derive(Clone, Debug)]
pub struct Address {
    mailbox: Slot<Bundle>,
    orders: Sender<Order>,
    waker: Waker,
}

impl Address {
    /// The address made of both ways in.
    pub fn new(mailbox: Slot<Bundle>, orders: Sender<Order>, waker: Waker) -> Self {
        Self { mailbox, orders, waker }
    }

    /// Gives an order. One to a shard that has ended is lost, as it should be.
    pub fn order(&self, order: Order) {
        self.leave(order);
        self.waker.wake();
    }

    /// Leaves an order for when the shard turns, before it takes anything else.
    fn leave(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

/// Brings mail to shards, and counts what waits there.
#[derive(Clone)]
pub struct Post {
    addresses: Arc<[Address]>,
    /// Messages that may wait for one shard; several senders at once may pass it by what each has in hand.
    limit: usize,
    status: Arc<Status>,
}

impl Post {
    /// A post for these shards, in their order. `limit` messages may wait for each.
    pub fn new(addresses: Vec<Address>, limit: usize, status: Arc<Status>) -> Self {
        Self { addresses: addresses.into(), limit, status }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        u16::try_from(self.addresses.len()).expect("the configuration bounds shards")
    }

    /// Whether a shard would take one message more, beside those that the sender has `in_hand` for it.
    pub fn has_room(&self, shard: ShardId, in_hand: usize) -> bool {
        self.waiting(shard).load(Ordering::Relaxed) + in_hand < self.limit
    }

    /// Brings messages that the door has let in; hands them back if the mailbox is full.
    pub fn bring(&self, shard: ShardId, bundle: Bundle) -> Result<(), Bundle> {
        let count = bundle.len();
        // Counted before it is sent: the owner must never count down first.
        self.waiting(shard).fetch_add(count, Ordering::Relaxed);
        self.addresses[usize::from(shard.0)].mailbox.try_send(bundle).map_err(|refused| {
            self.waiting(shard).fetch_sub(count, Ordering::Relaxed);
            match refused {
                Refused::Full(bundle) | Refused::Closed(bundle) => bundle,
            }
        })
    }

    fn waiting(&self, shard: ShardId) -> &AtomicUsize {
        &self.status.shards[usize::from(shard.0)].waiting
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

    /// Tells all shards of changes. Who follows none of them is not woken: it looks at them before anything that comes
    /// later, and within a second.
    pub fn changed(&self, changes: &Arc<[Committed]>) {
        let octets: usize = changes.iter().map(|committed| octets(&committed.change)).sum();
        let shards = self.shards();
        for ((number, address), board) in (0..).zip(self.addresses.iter()).zip(&self.status.shards) {
            let order = Order::Changed(Arc::clone(changes));
            let is_wanted = |partition| {
                let is_own = ShardId::owner_of(partition, shards) == ShardId(number);
                board.attention.wants(is_own, partition)
            };
            let is_followed = changes.iter().any(|committed| is_wanted(committed.partition));
            if is_followed || !board.attention.may_wait(octets) {
                address.order(order);
            } else {
                address.leave(order);
            }
        }
    }
}

/// How much memory a change holds, about.
fn octets(change: &Change) -> usize {
    const OVERHEAD: usize = 512;
    OVERHEAD + change.current.as_ref().map_or(0, |version| version.body.len())
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
            && !(self.post.has_room(shard, 0) && self.post.bring(shard, Bundle::of(flow, bytes)).is_ok())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sip_stack::{Connection, Local};
    use transport::mailbox::{Mailbox, mailbox};
    use transport::poll::Poller;

    use super::*;

    const FLOW: Flow = Flow {
        protocol: Protocol::Udp,
        local: Local(0),
        remote: SocketAddr::V4(core::net::SocketAddrV4::new(core::net::Ipv4Addr::LOCALHOST, 1)),
        connection: Connection::NONE,
    };

    fn one_shard(limit: usize) -> (Post, Mailbox<Bundle>) {
        let poller = Poller::new().unwrap();
        let (slot, mailbox) = mailbox(limit, poller.waker());
        let address = Address::new(slot, std::sync::mpsc::channel().0, poller.waker());
        (Post::new(vec![address], limit, Arc::new(Status::new(1))), mailbox)
    }

    #[test]
    fn a_shard_has_room_for_as_many_messages_as_its_limit_whatever_their_bundles() {
        let (post, mut mailbox) = one_shard(4);
        let mut bundle = Bundle::default();
        for in_hand in 0..3 {
            assert!(post.has_room(ShardId(0), in_hand));
            bundle.push(FLOW, b"x");
        }
        post.bring(ShardId(0), bundle).unwrap();
        assert!(post.has_room(ShardId(0), 0));
        assert!(!post.has_room(ShardId(0), 1), "three wait and one is in hand");
        assert_eq!(mailbox.take().unwrap().len(), 3);
    }

    #[test]
    fn what_a_shard_that_has_ended_does_not_take_comes_back_and_waits_for_nobody() {
        let (post, mailbox) = one_shard(4);
        drop(mailbox);
        let refused = post.bring(ShardId(0), Bundle::of(FLOW, b"x")).unwrap_err();
        assert_eq!(refused.iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), [b"x"]);
        assert_eq!(post.waiting(ShardId(0)).load(Ordering::Relaxed), 0);
    }

    /// A post for two shards, with what they would sleep on, and read.
    fn two_shards() -> (Post, Vec<(Poller, std::sync::mpsc::Receiver<Order>)>) {
        let ends = (0..2).map(|_| (Poller::new().unwrap(), std::sync::mpsc::channel()));
        let (addresses, ends) = ends
            .map(|(poller, (sender, orders))| {
                let (slot, _) = mailbox(1, poller.waker());
                (Address::new(slot, sender, poller.waker()), (poller, orders))
            })
            .unzip();
        (Post::new(addresses, 10, Arc::new(Status::new(2))), ends)
    }

    fn changed(user: &str, octets: usize) -> Arc<[Committed]> {
        let document = xcap::DocumentSelector::of_user("resource-lists", user, "index");
        let partition = store::docs::partition_of(&document.tree);
        let current = Some(xcap::Version { etag: xcap::ETag("1".into()), body: vec![b' '; octets].into() });
        let change = Change { document, previous: None, current };
        Arc::new([Committed { position: store::docs::Position(1), partition, change }])
    }

    /// Which shards are woken, and how many orders each has.
    fn outcome(ends: &mut [(Poller, std::sync::mpsc::Receiver<Order>)]) -> Vec<(bool, usize)> {
        ends.iter_mut()
            .map(|(poller, orders)| {
                let woken = poller.wait(&[], Some(core::time::Duration::ZERO)).unwrap().woken;
                (woken, orders.try_iter().count())
            })
            .collect()
    }

    #[test]
    fn all_shards_are_told_of_changes_and_those_that_follow_them_are_woken() {
        let (post, mut ends) = two_shards();
        let change = changed("sip:alice@example.com", 100);
        let partition = change[0].partition;
        let owner = usize::from(ShardId::owner_of(partition, 2).0);
        let board = |shard: usize| &post.status.shards[shard].attention;
        post.changed(&change);
        assert_eq!(outcome(&mut ends), [(false, 1), (false, 1)]);
        (0..2).for_each(|shard| board(shard).set(true, &BTreeMap::new()));
        post.changed(&change);
        assert_eq!(outcome(&mut ends), [(owner == 0, 1), (owner == 1, 1)], "presentities follow their own");
        (0..2).for_each(|shard| board(shard).set(false, &BTreeMap::new()));
        board(1 - owner).set(false, &BTreeMap::from([(partition, true)]));
        post.changed(&change);
        assert_eq!(outcome(&mut ends), [(owner != 0, 1), (owner != 1, 1)]);
        board(1 - owner).set(false, &BTreeMap::from([(partition, false)]));
        post.changed(&change);
        assert_eq!(outcome(&mut ends), [(false, 1), (false, 1)]);
    }

    #[test]
    fn what_waits_for_a_shard_that_follows_nothing_is_bounded() {
        let (post, mut ends) = two_shards();
        let change = changed("sip:alice@example.com", 1 << 20);
        for _ in 0..3 {
            post.changed(&change);
            assert_eq!(outcome(&mut ends), [(false, 1), (false, 1)]);
        }
        post.status.shards[0].attention.heard();
        post.changed(&change);
        assert_eq!(outcome(&mut ends), [(false, 1), (true, 1)]);
    }
}
