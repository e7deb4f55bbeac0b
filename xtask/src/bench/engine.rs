//! The load generator: many sources and watchers on a few sockets, a window of requests outstanding.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use nix::sys::socket::SockaddrIn;

use super::book::{Book, Dialog, Kind, NONE, Presentity, Slot};
use super::message::{Branch, Publish, Scene, Subscribe};
use super::wire::{self, Outbox, Wire};

/// An unanswered request is sent again after this long.
const AGAIN: u64 = 500_000_000;
/// And given up after this long: 64 times T1, RFC 3261 §17.1.2.2.
const GIVEN_UP: u64 = 32_000_000_000;
/// The longest sleep while nothing comes.
const NAP: Duration = Duration::from_millis(5);

/// The generator: sockets around a `Book`.
pub(crate) struct Engine {
    pub(crate) book: Book,
    scene: Scene,
    server: SockaddrIn,
    wires: Vec<Wire>,
    outboxes: Vec<Outbox>,
    locals: Vec<SocketAddrV4>,
    began: Instant,
    swept_at: u64,
    serial: u32,
    /// How long a turn leaves the processor to the server, between sending and receiving.
    pub(crate) pause: Duration,
}

impl Engine {
    /// A generator with this many sockets and this many requests outstanding at most.
    pub(crate) fn new(server: SocketAddrV4, scene: Scene, sockets: usize, window: usize) -> io::Result<Self> {
        let wires: Vec<Wire> = (0..sockets)
            .map(|_| Wire::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            book: Book::new(window),
            scene,
            server: server.into(),
            outboxes: wires.iter().map(|_| Outbox::new()).collect(),
            locals: wires.iter().map(Wire::local).collect::<io::Result<_>>()?,
            wires,
            began: Instant::now(),
            swept_at: 0,
            serial: 0,
            pause: Duration::ZERO,
        })
    }

    /// Nanoseconds since the beginning, as of the last look at the clock.
    pub(crate) fn now(&self) -> u64 {
        self.book.now
    }

    /// Requests that may be begun now.
    pub(crate) fn room(&self) -> usize {
        self.book.free.len()
    }

    /// Whether no request is outstanding.
    pub(crate) fn is_idle(&self) -> bool {
        self.book.free.len() == self.book.slots.len()
    }

    /// How many dialogs were begun.
    pub(crate) fn dialogs(&self) -> u32 {
        self.book.dialogs.len() as u32
    }

    /// How many presentities there are.
    pub(crate) fn presentities(&self) -> u32 {
        self.book.presentities.len() as u32
    }

    /// Adds a presentity that has published nothing yet.
    pub(crate) fn add_presentity(&mut self) -> u32 {
        self.book.presentities.push(Presentity { slot: NONE, ..Presentity::default() });
        self.presentities() - 1
    }

    /// Whether this presentity's source waits for an answer.
    pub(crate) fn is_publishing(&self, presentity: u32) -> bool {
        self.book.presentities[presentity as usize].slot != NONE
    }

    /// Sends a new state; needs room, and no PUBLISH of this presentity outstanding. `due` is when it should have been.
    pub(crate) fn publish(&mut self, presentity: u32, due: u64) {
        assert!(!self.is_publishing(presentity), "a source sends one PUBLISH at a time");
        let (slot, branch, mut request) = self.begin();
        let wire = presentity as usize % self.wires.len();
        let state = &mut self.book.presentities[presentity as usize];
        state.cseq += 1;
        state.counter += 1;
        state.published_at = due;
        state.behind = state.watchers;
        state.slot = slot;
        let (counter, cseq) = (state.counter, state.cseq);
        let publish = Publish { presentity, counter, if_match: &state.entity_tag, cseq };
        self.scene.publish(&mut request, self.locals[wire], branch, &publish);
        self.book.lengths.publish.add(request.len());
        self.send(slot, Kind::Publish, presentity, wire, due, request);
    }

    /// Opens a dialog to watch this presentity; needs room.
    pub(crate) fn subscribe(&mut self, presentity: u32) {
        self.book.dialogs.push(Dialog::new(presentity));
        self.book.presentities[presentity as usize].watchers += 1;
        self.send_subscribe(self.dialogs() - 1, self.scene.expires);
    }

    /// Whether this dialog waits for an answer, or for a NOTIFY that was asked for.
    pub(crate) fn is_subscribing(&self, dialog: u32) -> bool {
        self.book.dialogs[dialog as usize].slot != NONE
    }

    /// The presentity that this dialog watches.
    pub(crate) fn watched(&self, dialog: u32) -> u32 {
        self.book.dialogs[dialog as usize].presentity
    }

    /// Refreshes a dialog; needs room, and no SUBSCRIBE of it outstanding.
    pub(crate) fn refresh(&mut self, dialog: u32) {
        self.send_subscribe(dialog, self.scene.expires);
    }

    /// Ends a dialog; needs room, and no SUBSCRIBE of it outstanding.
    pub(crate) fn unsubscribe(&mut self, dialog: u32) {
        let state = &mut self.book.dialogs[dialog as usize];
        state.leaving = true;
        self.book.presentities[state.presentity as usize].watchers -= 1;
        self.send_subscribe(dialog, 0);
    }

    fn send_subscribe(&mut self, dialog: u32, expires: u32) {
        assert!(!self.is_subscribing(dialog), "a dialog has one SUBSCRIBE at a time");
        let (slot, branch, mut request) = self.begin();
        let wire = dialog as usize % self.wires.len();
        let state = &mut self.book.dialogs[dialog as usize];
        state.cseq += 1;
        state.slot = slot;
        state.refreshed = true;
        let state = &self.book.dialogs[dialog as usize];
        let subscribe = Subscribe {
            presentity: state.presentity,
            dialog,
            cseq: state.cseq,
            to_tag: &state.to_tag,
            target: self.book.target(dialog),
            expires,
        };
        self.scene.subscribe(&mut request, self.locals[wire], branch, &subscribe);
        self.book.lengths.subscribe.add(request.len());
        self.send(slot, Kind::Subscribe, dialog, wire, self.book.now, request);
    }

    /// Takes a slot, with a fresh branch and the memory of the request that it held before.
    fn begin(&mut self) -> (u32, Branch, Vec<u8>) {
        let slot = self.book.free.pop().expect("the caller looked for room");
        self.serial += 1;
        let mut request = std::mem::take(&mut self.book.slots[slot as usize].request);
        request.clear();
        (slot, Branch { slot, serial: self.serial }, request)
    }

    fn send(&mut self, slot: u32, kind: Kind, subject: u32, wire: usize, begun_at: u64, request: Vec<u8>) {
        self.outboxes[wire].push(self.server, |out| out.extend_from_slice(&request));
        self.book.slots[slot as usize] = Slot {
            busy: true,
            kind,
            subject,
            serial: self.serial,
            answered: false,
            notified: false,
            begun_at,
            sent_at: self.book.now,
            wire,
            request,
        };
    }

    /// Sends what is queued, takes what has come and answers it, sends again what is overdue.
    /// Sleeps only if there was nothing, and not past `until`.
    pub(crate) fn turn(&mut self, until: Option<u64>) -> io::Result<()> {
        if !self.pause.is_zero() {
            for (wire, outbox) in self.wires.iter_mut().zip(&mut self.outboxes) {
                wire.send(outbox)?;
            }
            std::thread::sleep(self.pause);
        }
        let mut taken = 0;
        for (wire, outbox) in self.wires.iter_mut().zip(&mut self.outboxes) {
            wire.send(outbox)?;
            let count = wire.receive(false)?;
            self.book.now = self.began.elapsed().as_nanos() as u64;
            for index in 0..count {
                let (from, message) = wire.message(index);
                outbox.push_if_any(from, |answer| self.book.take(message, answer));
            }
            wire.send(outbox)?;
            taken += count;
        }
        if taken == 0 {
            let left = until.map(|until| Duration::from_nanos(until.saturating_sub(self.book.now)));
            wire::wait_for(&self.wires, left.unwrap_or(NAP).min(NAP))?;
            self.book.now = self.began.elapsed().as_nanos() as u64;
        }
        self.sweep();
        Ok(())
    }

    /// Sends again what has waited too long; gives up what has waited for ever.
    fn sweep(&mut self) {
        let now = self.book.now;
        if now - self.swept_at < AGAIN / 10 {
            return;
        }
        self.swept_at = now;
        for number in 0..self.book.slots.len() {
            let slot = &mut self.book.slots[number];
            if !slot.busy || now.saturating_sub(slot.sent_at) < AGAIN {
                continue;
            }
            if now.saturating_sub(slot.begun_at) > GIVEN_UP {
                self.book.seen.wrong.unanswered += 1;
                self.book.finish(number as u32);
            } else if !slot.answered {
                slot.sent_at = now;
                self.book.seen.our_retransmissions += 1;
                self.outboxes[slot.wire].push(self.server, |out| out.extend_from_slice(&slot.request));
            }
        }
    }

    /// Turns until `done` says so; an error if that takes longer than `longest`.
    pub(crate) fn run_until(
        &mut self,
        longest: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), String> {
        let limit = self.began.elapsed() + longest;
        while !done(self) {
            if self.began.elapsed() > limit {
                return Err(format!("still not done after {longest:?}: {:?}", self.book.seen));
            }
            self.turn(None).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::toy;
    use super::*;

    fn against_the_toy(window: usize) -> Engine {
        let (tell, told) = std::sync::mpsc::channel();
        // Serves until the test's process ends.
        std::thread::spawn(move || {
            let server = toy::Server::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
            tell.send(server.local().unwrap()).unwrap();
            server.serve()
        });
        let address = told.recv().unwrap();
        let scene = Scene { domain: "example.com".to_owned(), run: 1, expires: 600 };
        Engine::new(address, scene, 2, window).unwrap()
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn every_watcher_hears_the_last_state_and_nothing_is_wrong() {
        let mut engine = against_the_toy(16);
        let presentity = engine.add_presentity();
        engine.publish(presentity, 0);
        engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        for _ in 0..100 {
            engine.run_until(LONG, |engine| engine.room() > 0).unwrap();
            engine.subscribe(presentity);
        }
        engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        assert_eq!(engine.book.seen.subscribes, 100);
        for _ in 0..20 {
            engine.publish(presentity, engine.now());
            engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        }
        engine.run_until(LONG, |engine| engine.book.presentities[0].behind == 0).unwrap();
        assert!(engine.book.dialogs.iter().all(|dialog| dialog.counter == 21));
        assert_eq!(engine.book.seen.wrong.total(), 0, "{:?}", engine.book.seen);
        assert!(engine.book.fan_out.total() >= 100);
    }

    #[test]
    fn dialogs_are_refreshed_and_ended() {
        let mut engine = against_the_toy(4);
        let presentity = engine.add_presentity();
        engine.publish(presentity, 0);
        engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        engine.subscribe(presentity);
        engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        engine.refresh(0);
        engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        assert_eq!(engine.book.seen.subscribes, 2);
        engine.unsubscribe(0);
        engine.run_until(LONG, |engine| engine.is_idle()).unwrap();
        assert_eq!(engine.book.presentities[0].watchers, 0);
        assert_eq!(engine.book.seen.wrong.total(), 0, "{:?}", engine.book.seen);
    }
}
