//! The world of a run: virtual time, the network between the node and its peers, and the power supply.

mod holding;
mod ruling;

use core::time::Duration;
use std::collections::BTreeMap;

use sip_stack::{Connection, Flow, Protocol, Timestamp};
use store::disk::Tail;

use super::Tally;
use super::ledger::Ledger;
use super::noise;
use super::peer::Peer;
use super::plan::{LIFETIME_MAX, Plan, Weather};
use super::reference::Reference;
use super::source::Source;
use super::watcher::Watcher;
use crate::host::{Host, Said};
use crate::library::Library;
use crate::manners::Manners;
use crate::random::Random;
use crate::wire::Message;

/// When all runs begin.
pub(super) const START: Timestamp = Timestamp::from_secs(1_800_000_000);
/// Calls of the node at one instant: more means that its deadline does not move on.
const WILD: u32 = 100_000;
/// The group commit of a shell that does not hold messages back.
const COMMIT: Duration = Duration::from_millis(50);
/// Long enough in calm for whatever was under way: Timer F twice, and the longest Retry-After of a watcher.
const SETTLING: Duration = Duration::from_secs(170);

/// Something that is going to happen.
#[derive(Debug)]
enum Event {
    /// Octets reach the node.
    ToNode(Flow, Vec<u8>),
    /// Octets reach a peer.
    ToPeer(usize, Flow, Vec<u8>),
    /// The node learns that a stream is no more.
    Closed(Flow),
    Commit,
    Crash,
    Restart,
    /// A stream breaks, or a peer is cut off.
    Break,
    /// A stranger sends something.
    Noise,
    /// A document that decides about watchers changes.
    Edit,
    /// A look at the gauges.
    Look,
}

/// One run.
pub(super) struct World<'a> {
    now: Timestamp,
    random: Random,
    plan: Plan,
    weather: Weather,
    events: BTreeMap<(Timestamp, u64), Event>,
    numbered: u64,
    connections: u32,
    /// When the last octets on a stream arrive, by connection and direction: streams keep their order.
    streams: BTreeMap<(u32, bool), Timestamp>,
    host: Option<Host>,
    library: Library,
    ledger: Ledger,
    durable_at: Timestamp,
    manners: Manners,
    reference: Reference,
    /// The reference after each batch that is not known to be kept.
    snapshots: BTreeMap<u64, Reference>,
    peers: Vec<Peer>,
    requests: BTreeMap<String, Message>,
    note: Option<&'a mut dyn FnMut(String)>,
    tally: Tally,
}

impl<'a> World<'a> {
    pub(super) fn new(seed: u64, note: Option<&'a mut dyn FnMut(String)>) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::of(&mut random);
        let peers = cast(&plan, &mut random);
        let reference = Reference::new(plan.settings.limits.watcher, plan.reading);
        Self {
            now: START,
            weather: plan.weather.clone(),
            events: BTreeMap::new(),
            numbered: 0,
            connections: 0,
            streams: BTreeMap::new(),
            host: None,
            library: Library::with_delay(plan.reading),
            ledger: Ledger::new(random.next()),
            durable_at: START,
            manners: Manners::default(),
            snapshots: BTreeMap::from([(0, reference.clone())]),
            reference,
            peers,
            requests: BTreeMap::new(),
            note,
            tally: Tally::default(),
            random,
            plan,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Seconds since the start of the run.
    pub(super) fn seconds(&self) -> f64 {
        self.now.since(START).as_secs_f64()
    }

    /// All parts of the run.
    pub(super) fn play(&mut self) -> Result<(), String> {
        let plan = self.plan.clone();
        self.say(|| format!("{plan:?}"));
        self.restart()?;
        self.put(Duration::from_secs(1), Event::Look);
        self.later(plan.weather.crashes, Event::Crash);
        self.later(plan.weather.breaks, Event::Break);
        self.later(plan.weather.noise, Event::Noise);
        self.later(plan.weather.edits, Event::Edit);
        self.pass(plan.chaos)?;

        self.say(|| "calm".into());
        self.weather = Weather::calm();
        self.ledger.heal();
        if self.host.is_none() {
            self.restart()?;
        }
        for peer in &mut self.peers {
            peer.cut_until = Timestamp::ZERO;
            peer.sources.iter_mut().for_each(Source::settle);
            peer.watchers.iter_mut().for_each(Watcher::settle);
        }
        if plan.weather.edits.is_some() && self.random.chance(70) {
            self.overtaken()?;
        }
        self.pass(SETTLING)?;
        self.converged(false)?;

        self.say(|| "long calm".into());
        self.pass(LIFETIME_MAX + Duration::from_secs(60))?;
        self.converged(true)?;

        self.say(|| "the end".into());
        self.clear_rules()?; // also who ended undecided is decided about
        for peer in &mut self.peers {
            if self.random.chance(20) {
                peer.cut_until = Timestamp::NEVER; // without a word
            }
            peer.sources.iter_mut().for_each(|source| source.retire(self.now));
            peer.watchers.iter_mut().for_each(|watcher| watcher.retire(self.now));
        }
        self.pass(LIFETIME_MAX + SETTLING + Duration::from_secs(300))?;
        self.empty()
    }

    /// Lets time pass.
    fn pass(&mut self, span: Duration) -> Result<(), String> {
        let end = self.now + span;
        let mut turns = 0;
        loop {
            let event = self.events.first_key_value().map_or(Timestamp::NEVER, |((at, _), _)| *at);
            let tick = self.host.as_ref().and_then(Host::deadline).unwrap_or(Timestamp::NEVER);
            let wake = self.peers.iter().map(Peer::wake_at).min().unwrap_or(Timestamp::NEVER);
            let next = event.min(tick).min(wake);
            if next > end {
                self.now = end;
                return Ok(());
            }
            turns = if next > self.now { 0 } else { turns + 1 };
            if turns > WILD {
                return Err(format!("time does not move on: event {event:?}, node {tick:?}, peers {wake:?}"));
            }
            self.now = self.now.max(next);
            if tick <= self.now {
                self.node("tick", None, Host::tick)?;
            } else if event <= self.now {
                let ((_, _), event) = self.events.pop_first().expect("looked at above");
                self.happens(event)?;
            } else {
                self.wake();
            }
        }
    }

    fn happens(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::ToNode(flow, bytes) => self.reaches_node(flow, &bytes),
            Event::ToPeer(index, flow, bytes) => self.reaches_peer(index, flow, &bytes),
            Event::Closed(flow) => {
                if self.host.is_none() {
                    return Ok(());
                }
                self.manners.closed(flow);
                self.reference.closed(flow);
                self.node("closed", None, |host, now| host.closed(now, flow))
            }
            Event::Commit => {
                if self.host.is_some() && self.ledger.has_loose() {
                    if self.ledger.flush().is_err() {
                        return self.crash("the power goes in a group commit");
                    }
                    self.durable();
                }
                Ok(())
            }
            Event::Crash => {
                if self.weather.crashes.is_none() {
                    return Ok(());
                }
                self.later(self.weather.crashes, Event::Crash);
                match (&self.host, self.random.below(3)) {
                    (None, _) => Ok(()),
                    (Some(_), 0) => self.crash("killed"),
                    (Some(_), _) => {
                        self.ledger.cut_soon(self.random.below(12));
                        Ok(())
                    }
                }
            }
            Event::Restart if self.host.is_none() => self.restart(),
            Event::Restart => Ok(()),
            Event::Break => {
                if self.weather.breaks.is_some() {
                    self.later(self.weather.breaks, Event::Break);
                    self.breaks();
                }
                Ok(())
            }
            Event::Noise if self.weather.noise.is_none() => Ok(()),
            Event::Noise => {
                self.later(self.weather.noise, Event::Noise);
                let bytes = noise::datagram(&mut self.random);
                if self.host.is_none() {
                    return Ok(());
                }
                self.say(|| format!("noise: {:?}", bytes.escape_ascii().to_string()));
                let request = Message::new("a stranger's");
                self.node("noise", Some(&request), |host, now| host.receive(now, noise::flow(), &bytes))
            }
            Event::Edit => {
                if self.weather.edits.is_some() {
                    self.later(self.weather.edits, Event::Edit);
                    return self.edit();
                }
                Ok(())
            }
            Event::Look => {
                self.put(Duration::from_secs(1), Event::Look);
                self.look()
            }
        }
    }

    // ---- the node

    /// Calls the node, judges what it says, keeps its rows, and only then lets its messages go.
    fn node(
        &mut self,
        what: &str,
        request: Option<&Message>,
        call: impl FnOnce(&mut Host, Timestamp) -> Vec<Said>,
    ) -> Result<(), String> {
        self.reference.age(self.now);
        let host = self.host.as_mut().expect("called while the node runs");
        let presentities = host.metrics().presentities;
        let said = call(host, self.now);
        let rows = host.take_rows();
        let grown = host.metrics().presentities > presentities;
        let mut messages = Vec::new();
        for said in said {
            let message = Message::read(&said.bytes)?;
            self.say(|| format!("node -> {}: {}", said.flow.remote, line(&message)));
            let refused = request.is_some() && message.status().is_some_and(|status| status >= 300);
            if refused && (grown || rows.iter().any(is_publication)) {
                return Err(format!("a refused request left a trace: {message}"));
            }
            self.judge(&said, &message)?;
            messages.push(said);
        }
        if !rows.is_empty() {
            let written = self.ledger.write(rows, self.plan.durable);
            self.snapshots.insert(self.ledger.batches(), self.reference.clone());
            if written.is_err() {
                return self.crash(&format!("the power goes while the rows of {what} are written"));
            }
            if self.plan.durable {
                self.durable();
            } else {
                self.put(COMMIT, Event::Commit);
            }
        }
        for said in messages {
            self.leaves(said);
        }
        Ok(())
    }

    fn judge(&mut self, said: &Said, message: &Message) -> Result<(), String> {
        self.tally.said += 1;
        if noise::is_strange(said.flow.remote) {
            let refused = message.status().is_some_and(|status| status >= 300);
            return if refused { Ok(()) } else { Err(format!("said to a stranger:\n{message}")) };
        }
        let verdict = self
            .manners
            .said(self.now, said.flow, message)
            .map_err(|error| format!("{error}\nin this message to {}:\n{message}", said.flow.remote))?;
        if verdict.again {
            return Ok(());
        }
        if message.status().is_none() {
            self.tally.notified += 1;
            self.tally.withheld += u64::from(self.reference.withholds(message, self.now));
            self.tally.listed += self.reference.count_listed(message);
            self.tally.conditional += u64::from(self.reference.is_by_circumstances(message, self.now));
            return self
                .reference
                .notified(self.now, said.flow, message)
                .map_err(|error| format!("{error}\n{message}"));
        }
        let request = message.branch().and_then(|branch| self.requests.get(branch));
        match request {
            Some(request) => self.reference.answered(self.now, request, message),
            None => Err(format!("an answer to nobody:\n{message}")),
        }
    }

    /// All batches so far are promised.
    fn durable(&mut self) {
        self.durable_at = self.now;
        self.snapshots = self.snapshots.split_off(&self.ledger.durable);
    }

    fn crash(&mut self, why: &str) -> Result<(), String> {
        let tail = *self.random.pick(&[Tail::Lost, Tail::Partly, Tail::Torn, Tail::Kept]);
        let tail = if why == "killed" { Tail::Kept } else { tail };
        self.say(|| format!("crash: {why}, {tail:?}"));
        self.tally.crashes += 1;
        self.host = None;
        self.ledger.crash(tail);
        self.requests.clear();
        self.manners.crashed(self.now, self.now.since(self.durable_at) + Duration::from_secs(1));
        for index in 0..self.peers.len() {
            self.disconnect(index);
        }
        let down = match self.random.below(10) {
            0 => Duration::from_secs(100),
            1..=3 => Duration::from_secs(10),
            _ => Duration::from_millis(500),
        };
        self.put(down, Event::Restart);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        if self.weather.crashes.is_some() && self.random.chance(20) {
            // The power goes again while the log is being opened.
            self.ledger.cut_soon(self.random.below(6));
            let opened = self.ledger.open();
            let tail = *self.random.pick(&[Tail::Lost, Tail::Torn, Tail::Kept]);
            self.say(|| format!("the power goes after or in a start, {tail:?}"));
            if let Ok((_, _, survived)) = opened {
                self.survived(survived);
            }
            self.ledger.crash(tail);
        }
        let (epoch, rows, survived) = self.ledger.open()?;
        self.survived(survived);
        let shards = u16::try_from(self.random.between(1, 4)).expect("at most four");
        self.say(|| format!("start with {} rows, {shards} shards, {epoch:?}, batch {survived}", rows.len()));
        let settings = self.plan.settings.clone();
        let seed = self.random.next();
        self.reference.age(self.now);
        let library = self.library.clone();
        let (host, said) = Host::start(self.now, settings, shards, epoch, seed, rows, library);
        self.host = Some(host);
        self.node("start", None, move |_, _| said)
    }

    /// The reference goes back to what survived.
    fn survived(&mut self, batch: u64) {
        let latest = self.snapshots.keys().next_back().copied().unwrap_or(0);
        self.tally.batches_lost += latest.saturating_sub(batch);
        if latest > batch {
            // What was told of the lost versions is told otherwise now.
            for watcher in self.peers.iter_mut().flat_map(|peer| &mut peer.watchers) {
                watcher.forget_versions();
            }
            let (_, kept) =
                self.snapshots.range(..=batch).next_back().expect("what is promised has a snapshot");
            self.reference.lose(self.now, kept);
        }
        self.reference.crashed();
        self.snapshots = BTreeMap::from([(batch, self.reference.clone())]);
    }

    // ---- the network

    fn wake(&mut self) {
        for index in 0..self.peers.len() {
            if self.peers[index].wake_at() > self.now {
                continue;
            }
            let Some(flow) = self.peers[index].connect(self.now, self.host.is_some(), &mut self.connections)
            else {
                continue;
            };
            for bytes in self.peers[index].wake(self.now, &mut self.random) {
                self.send(index, flow, true, bytes);
            }
        }
    }

    fn leaves(&mut self, said: Said) {
        let number = said.flow.remote.ip();
        let Some(index) = (0..self.peers.len()).find(|index| number == self.peers[*index].ip()) else {
            return;
        };
        let peer = &self.peers[index];
        let known = match said.flow.protocol {
            Protocol::Udp => true,
            Protocol::Tcp if said.flow.connection == Connection::NONE => !peer.stream && peer.takes_streams,
            Protocol::Tcp => peer.flow() == Some(said.flow),
        };
        if known {
            self.send(index, said.flow, false, said.bytes);
        } else {
            self.put(Duration::from_millis(3), Event::Closed(said.flow));
        }
    }

    /// Puts octets on their way; the weather decides what becomes of them.
    fn send(&mut self, index: usize, flow: Flow, to_node: bool, bytes: Vec<u8>) {
        let arrives =
            |bytes| if to_node { Event::ToNode(flow, bytes) } else { Event::ToPeer(index, flow, bytes) };
        let mut delay = self.random.span(Duration::from_millis(1), self.weather.delay);
        if flow.protocol == Protocol::Tcp {
            let last = self.streams.entry((flow.connection.0, to_node)).or_insert(self.now);
            *last = (*last).max(self.now + delay);
            let delay = last.since(self.now);
            return self.put(delay, arrives(bytes));
        }
        if self.random.chance(self.weather.loss) {
            return self.say(|| format!("lost on the way of {}", flow.remote));
        }
        if self.random.chance(self.weather.late) {
            delay += self.random.span(Duration::ZERO, Duration::from_secs(4));
        }
        if self.random.chance(self.weather.twice) {
            let second = delay + self.random.span(Duration::ZERO, self.weather.delay * 2);
            self.put(second, arrives(bytes.clone()));
        }
        self.put(delay, arrives(bytes));
    }

    fn reaches_node(&mut self, flow: Flow, bytes: &[u8]) -> Result<(), String> {
        let Some(index) = (0..self.peers.len()).find(|index| flow.remote.ip() == self.peers[*index].ip())
        else {
            return Ok(());
        };
        let peer = &self.peers[index];
        let broken = flow.protocol == Protocol::Tcp
            && flow.connection != Connection::NONE
            && peer.flow() != Some(flow);
        if self.host.is_none() || broken || peer.cut_until > self.now {
            return Ok(());
        }
        let message = Message::read(bytes)?;
        self.say(|| format!("{} -> node: {}", flow.remote, line(&message)));
        self.tally.heard += 1;
        self.manners.heard(self.now, flow, bytes);
        self.reference.age(self.now);
        if message.status().is_some() {
            self.reference.heard(&message);
        } else if let Some(branch) = message.branch() {
            self.requests.insert(branch.to_owned(), message.clone());
        }
        let request = message.status().is_none().then_some(&message);
        self.node("a message", request, |host, now| host.receive(now, flow, bytes))
    }

    fn reaches_peer(&mut self, index: usize, flow: Flow, bytes: &[u8]) -> Result<(), String> {
        let peer = &mut self.peers[index];
        let broken = flow.protocol == Protocol::Tcp
            && flow.connection != Connection::NONE
            && peer.flow() != Some(flow);
        if broken || peer.cut_until > self.now {
            return Ok(());
        }
        let message = Message::read(bytes)?;
        if let Some(answer) = peer.hear(self.now, &message, &mut self.random)? {
            self.send(index, flow, true, answer.print());
        }
        Ok(())
    }

    fn breaks(&mut self) {
        self.tally.breaks += 1;
        let index = usize::try_from(self.random.below(self.peers.len() as u64)).expect("an index fits");
        if self.peers[index].connection.is_some() {
            self.say(|| format!("the stream of peer {index} breaks"));
            self.disconnect(index);
        } else {
            let span = Duration::from_secs(*self.random.pick(&[2, 10, 70]));
            self.say(|| format!("peer {index} is cut off for {span:?}"));
            self.peers[index].cut_until = self.now + span;
        }
    }

    fn disconnect(&mut self, index: usize) {
        if let Some(flow) = self.peers[index].flow().filter(|flow| flow.protocol == Protocol::Tcp) {
            let heard = self.random.span(Duration::ZERO, Duration::from_millis(200));
            self.put(heard, Event::Closed(flow));
            self.peers[index].disconnected(self.now);
        }
    }

    // ---- helpers

    fn put(&mut self, after: Duration, event: Event) {
        self.numbered += 1;
        self.events.insert((self.now + after, self.numbered), event);
    }

    fn later(&mut self, mean: Option<Duration>, event: Event) {
        if let Some(mean) = mean {
            let after = self.random.span(Duration::ZERO, mean * 2);
            self.put(after, event);
        }
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(note) = &mut self.note {
            note(format!("+{:.3} {}", self.now.since(START).as_secs_f64(), line()));
        }
    }
}

fn cast(plan: &Plan, random: &mut Random) -> Vec<Peer> {
    let presentity = |random: &mut Random| format!("sip:a{}@example.com", random.below(plan.presentities));
    let mut peers = Vec::new();
    for number in 0..plan.sources {
        let mut peer = Peer::new(u8::try_from(peers.len() + 1).expect("a small cast"), random);
        let presentity = presentity(random);
        peer.sources.push(Source::new(number, presentity, START, plan.pace_of_change, random));
        peers.push(peer);
    }
    for number in 0..plan.watchers {
        let mut peer = Peer::new(u8::try_from(peers.len() + 1).expect("a small cast"), random);
        for behind in 0..random.between(1, 3) {
            let presentity = presentity(random);
            let contact = peer.contact();
            let mut watcher = Watcher::new(number * 10 + behind, contact, presentity, START, random);
            if random.chance(30) {
                let some = 0..random.between(1, plan.presentities);
                watcher = watcher.of_list(some.map(|who| format!("sip:a{who}@example.com")).collect());
            }
            peer.watchers.push(watcher);
        }
        peers.push(peer);
    }
    peers
}

fn is_publication(change: &node::RowChange) -> bool {
    let key = match change {
        node::RowChange::Put(row) => row.key,
        node::RowChange::Delete { key, .. } => *key,
    };
    key.kind == node::Kind::Publication
}

/// A message in one line of the trace.
fn line(message: &Message) -> String {
    let mut line = message.start.clone();
    for name in
        ["CSeq", "Call-ID", "To", "SIP-If-Match", "SIP-ETag", "Expires", "Subscription-State", "Retry-After"]
    {
        if let Some(value) = message.get(name) {
            line.push_str(&format!("  {name}: {value}"));
        }
    }
    let is_presence = message.get("Content-Type") == Some("application/pidf+xml");
    if let Ok(told) = super::reference::told(&message.body)
        && is_presence
    {
        let short: Vec<_> = told.iter().map(|line| line.replace("xxx", "")).collect();
        line.push_str(&format!("  {short:?}"));
    }
    line
}
