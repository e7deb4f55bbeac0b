//! The loop of one shard's thread: receive, decide, keep, send, sleep.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use node::{Effects, Entry, Settings, Shard, ShardId, StandingQuestion, enter, overloaded};
use sip::Message;
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};
use transport::mailbox::Mailbox;
use transport::poll::Poller;
use transport::tcp::Streams;
use transport::udp::UdpEnd;
use xcap::{Change, Home};

use super::bundle::{Bundle, Spare};
use super::held::Held;
use super::{Order, Post};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::library::Desk;
use crate::places::Places;
use crate::standing::May;
use crate::status::{Board, Status};
use crate::writer::StoreSlot;

/// An idle shard looks up this often, so that others see it alive.
const IDLE: Duration = Duration::from_secs(1);
/// Numbers are shown at most this often.
const SHOW_EVERY: Duration = Duration::from_millis(100);
/// Messages of other threads after which the sockets are looked at again.
const MAIL_PER_TURN: usize = 256;
/// A batch of this size says that more is there: the sockets are read again without a look at the others.
const BUSY: usize = 32;
/// Times that a full send buffer is waited for (5 ms each) before datagrams are given up; retransmission heals that.
const SEND_TRIES: usize = 4;
/// How long a stopping shard waits for the answers to its NOTIFYs.
const PARTING: Duration = Duration::from_secs(2);

/// Everything one shard's thread holds.
pub struct Turn {
    /// Which shard this is.
    pub me: ShardId,
    /// The shard.
    pub shard: Shard,
    /// As the shard has them.
    pub settings: Arc<Settings>,
    /// The datagram sockets with their place among the listeners.
    pub sockets: Vec<(Local, UdpEnd)>,
    /// The streams.
    pub streams: Streams,
    /// Where this thread sleeps.
    pub poller: Poller,
    /// Mail from other threads.
    pub mailbox: Mailbox<Bundle>,
    /// Orders from other threads.
    pub orders: Receiver<Order>,
    /// The way to the other shards.
    pub post: Post,
    /// The way to the disk.
    pub store: StoreSlot,
    /// The way to the documents.
    pub library: Desk,
    /// The way to the name servers.
    pub places: Places,
    /// Whether messages wait for their rows.
    pub durable: bool,
    /// Where decisions are told.
    pub audit: Audit,
    /// The clock.
    pub clock: Clock,
    /// What others see.
    pub status: Arc<Status>,
}

/// What changes from turn to turn.
#[derive(Default)]
struct Progress {
    effects: Effects,
    held: Held,
    /// What was received for each of the other shards and is not handed over yet.
    bundles: Vec<Bundle>,
    spare: Spare,
    /// The shard's own count of batches of rows handed to the store.
    rows: u64,
    /// Questions of standing that were asked, and those without an answer.
    questions: u64,
    asked: BTreeMap<u64, Arc<May>>,
    /// The numbers have changed since they were shown.
    unseen: bool,
    shown_at: Duration,
    /// Set while stopping: when to end at the latest.
    ends_at: Option<Timestamp>,
}

impl Turn {
    /// Takes up work after the rows are back, and works until it is told to stop.
    pub fn run(mut self) -> std::io::Result<()> {
        let bundles = (0..self.post.shards()).map(|_| Bundle::default()).collect();
        let mut progress = Progress { bundles, ..Progress::default() };
        let now = self.clock.now();
        self.shard.start(now, &mut progress.effects);
        loop {
            let busy = self.once(&mut progress);
            if progress.ends_at.is_some_and(|at| self.is_done(at, &progress)) {
                self.board().show(self.shard.metrics());
                return Ok(());
            }
            self.sleep(&mut progress, busy)?;
        }
    }

    fn board(&self) -> &Board {
        &self.status.shards[usize::from(self.me.0)]
    }

    /// One turn. Whether there is probably more to receive right now.
    fn once(&mut self, progress: &mut Progress) -> bool {
        let mut now = self.clock.now();
        while let Ok(order) = self.orders.try_recv() {
            self.obey(now, order, progress);
        }
        let received = self.receive(now, progress);
        let read = self.read_mail(now, progress);
        now = self.clock.now();
        let due = self.shard.deadline().is_some_and(|at| at <= now);
        if due {
            self.shard.tick(now, &mut progress.effects);
        }
        let attention = self.shard.take_attention();
        self.board().attention.set(self.shard.has_presentities(), &attention);
        if received + read > 0 || due || !progress.effects.is_empty() {
            progress.unseen = true;
            self.flush(progress);
        }
        self.release(progress);
        self.show(progress);
        received >= BUSY || read >= MAIL_PER_TURN
    }

    fn obey(&mut self, now: Timestamp, order: Order, progress: &mut Progress) {
        match order {
            Order::Closed(flow) => self.shard.closed(now, flow, &mut progress.effects),
            Order::Storage(health) => self.shard.set_storage(health),
            Order::Committed(row) => progress.held.commit(row),
            Order::Documents(enquiry, found) => {
                self.shard.documents(now, &enquiry, found, &mut progress.effects);
            }
            Order::Changed(changes) => {
                let roots = &self.settings.policy.roots;
                // A document whose home is elsewhere is not made here.
                let is_ours =
                    |change: &Change| roots.home(&change.document.auid, &change.document.tree) == Home::Here;
                for committed in changes.iter().filter(|committed| is_ours(&committed.change)) {
                    self.shard.changed(now, &committed.change, &mut progress.effects);
                }
                self.board().attention.heard();
                self.board().heard.fetch_add(changes.len() as u64, Ordering::Relaxed);
            }
            Order::ChangedElsewhere(change) => self.shard.changed(now, &change, &mut progress.effects),
            Order::Letter(letter) => self.shard.letter(now, *letter, &mut progress.effects),
            Order::Located(locate, places) => {
                self.shard.located(now, &locate, &places, &mut progress.effects);
            }
            Order::Explain(why) => {
                let watcher = core::slice::from_ref(&why.watcher);
                let explained = self.shard.explain(now, &why.question.presentity, watcher, why.anonymous);
                why.question.answer(explained);
            }
            Order::Watchers(question) => {
                question.answer(self.shard.watchers(now, &question.presentity));
            }
            Order::May(may) => {
                progress.questions += 1;
                let number = progress.questions;
                let (presentity, identities) = (may.question.presentity.clone(), may.identities.clone());
                progress.asked.insert(number, may);
                let question = StandingQuestion { number, presentity, identities };
                self.shard.standing(now, question, &mut progress.effects);
            }
            Order::Reconfigure(settings) => {
                self.settings = Arc::clone(&settings);
                self.shard.reconfigure(now, settings, &mut progress.effects);
            }
            Order::Stop => progress.ends_at = Some(progress.ends_at.unwrap_or(now + PARTING)),
        }
    }

    /// Reads each socket once. Returns how many datagrams came.
    fn receive(&mut self, now: Timestamp, progress: &mut Progress) -> usize {
        let Self { me, shard, settings, sockets, post, status, .. } = self;
        let Progress { effects, bundles, spare, ends_at, .. } = progress;
        let stopping = ends_at.is_some();
        let shards = post.shards();
        let mut received = 0;
        for (local, socket) in sockets {
            let result = socket.receive(|remote, bytes| {
                let flow =
                    Flow { protocol: Protocol::Udp, local: *local, remote, connection: Connection::NONE };
                let Entry::Deliver { shard: owner, message } = enter(bytes, flow, settings, shards, effects)
                else {
                    return;
                };
                if stopping && message.method().is_some() {
                    overloaded(bytes, flow, settings, effects);
                } else if owner == *me {
                    shard.receive(now, flow, &message, effects);
                } else if post.has_room(owner, bundles[usize::from(owner.0)].len()) {
                    bundles[usize::from(owner.0)].push(flow, bytes);
                } else {
                    overloaded(bytes, flow, settings, effects);
                }
            });
            match result {
                Ok(count) => received += count,
                // What a peer's network says must not end a shard; the next turn tries again.
                Err(error) => {
                    status.shards[usize::from(me.0)].receive_errors.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(%error, "a socket could not be read");
                }
            }
            for (owner, bundle) in (0..).zip(bundles.iter_mut()).filter(|(_, bundle)| !bundle.is_empty()) {
                let full = core::mem::replace(bundle, spare.take());
                if let Err(refused) = post.bring(ShardId(owner), full) {
                    refused.iter().for_each(|(flow, bytes)| overloaded(bytes, flow, settings, effects));
                }
            }
        }
        received
    }

    fn read_mail(&mut self, now: Timestamp, progress: &mut Progress) -> usize {
        let stopping = progress.ends_at.is_some();
        let Progress { effects, spare, .. } = progress;
        let mut read = 0;
        while read < MAIL_PER_TURN
            && let Some(bundle) = self.mailbox.take()
        {
            for (flow, bytes) in bundle.iter() {
                // The sender's door has let it in; reading it again costs less than carrying what was read.
                let Ok(message) = Message::parse(bytes, &self.settings.limits.sip) else { continue };
                if stopping && message.method().is_some() {
                    overloaded(bytes, flow, &self.settings, effects);
                } else {
                    self.shard.receive(now, flow, &message, effects);
                }
            }
            read += bundle.len();
            self.board().waiting.fetch_sub(bundle.len(), Ordering::Relaxed);
            spare.give_back(bundle);
        }
        read
    }

    /// Hands rows to the store, then sends, or holds until they are on disk.
    fn flush(&mut self, progress: &mut Progress) {
        for ruling in progress.effects.take_rulings() {
            self.audit.decision(self.clock.now(), &ruling);
        }
        for enquiry in progress.effects.take_enquiries() {
            self.library.ask(self.me, enquiry);
        }
        for locate in progress.effects.take_locates() {
            self.places.ask(self.me, locate);
        }
        for (to, letter) in progress.effects.take_letters() {
            self.post.order(to, Order::Letter(Box::new(letter)));
        }
        for (number, standing) in progress.effects.take_standings() {
            if let Some(may) = progress.asked.remove(&number) {
                may.question.answer(standing);
            }
        }
        let rows = progress.effects.take_rows();
        if !rows.is_empty() {
            progress.rows += 1;
            if let Some(health) = self.store.hand_over(self.me, progress.rows, rows) {
                self.shard.set_storage(health);
            }
        }
        if !self.durable || progress.held.is_free(progress.rows) {
            self.send(&progress.effects);
            progress.effects.clear();
        } else if progress.effects.outgoing().len() > 0 {
            progress.held.hold(progress.rows, &mut progress.effects);
        }
    }

    fn release(&mut self, progress: &mut Progress) {
        while let Some(effects) = progress.held.free() {
            self.send(&effects);
            progress.held.give_back(effects);
        }
    }

    fn send(&mut self, effects: &Effects) {
        let board = &self.status.shards[usize::from(self.me.0)];
        for (local, socket) in &mut self.sockets {
            let mine = || {
                effects
                    .outgoing()
                    .filter(|one| one.flow.protocol == Protocol::Udp && one.flow.local == *local)
            };
            let mut skip = 0;
            for attempt in 1..=SEND_TRIES {
                let rest = mine().skip(skip).map(|one| (one.flow.remote, one.head, one.body));
                let report = socket.send(rest);
                for failure in &report.failures {
                    board.unsent.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(error = %failure.error, "a datagram was refused by the kernel");
                }
                let Some(unsent) = report.unsent else { break };
                skip += unsent;
                if attempt == SEND_TRIES {
                    board.unsent.fetch_add(mine().skip(skip).count() as u64, Ordering::Relaxed);
                }
            }
        }
        for message in effects.outgoing().filter(|one| one.flow.protocol == Protocol::Tcp) {
            self.streams.send(message.flow, message.head, message.body);
        }
    }

    fn show(&self, progress: &mut Progress) {
        let elapsed = self.clock.elapsed();
        let board = self.board();
        board.turn(elapsed);
        if progress.unseen && elapsed >= progress.shown_at + SHOW_EVERY {
            board.show(self.shard.metrics());
            let dropped =
                self.sockets.iter().filter_map(|(_, socket)| socket.dropped().ok()).map(u64::from).sum();
            board.dropped.store(dropped, Ordering::Relaxed);
            progress.shown_at = elapsed;
            progress.unseen = false;
        }
    }

    fn sleep(&mut self, progress: &mut Progress, busy: bool) -> std::io::Result<()> {
        if busy {
            return Ok(());
        }
        let now = self.clock.now();
        let due = self.shard.deadline().map_or(IDLE, |at| at.since(now));
        let shown = if progress.unseen { SHOW_EVERY } else { IDLE };
        let ending = progress.ends_at.map_or(IDLE, |at| at.since(now));
        let timeout = due.min(shown).min(ending).min(IDLE);
        let sockets: Vec<_> = self.sockets.iter().map(|(_, socket)| socket.as_fd()).collect();
        self.poller.wait(&sockets, Some(timeout))?;
        Ok(())
    }

    /// Whether a stopping shard owes nothing any more, or has waited long enough.
    fn is_done(&self, ends_at: Timestamp, progress: &Progress) -> bool {
        let metrics = self.shard.metrics();
        let owes = metrics.notify_in_flight + metrics.notify_waiting > 0 || !progress.held.is_empty();
        !owes || self.clock.now() >= ends_at
    }
}
