//! Plays a flow: does what the peers do, lets virtual time pass, and writes down what the node says.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use node::{Epoch, Row, RowChange, RowKey, Settings, Storage};
use sip_stack::{Connection, Flow, Protocol, Timestamp};
use xcap::DocumentSelector;

use crate::flow::labels::Labels;
use crate::flow::peer::{Peer, Target, dress};
use crate::flow::script::{Action, LineKind, Part, Script};
use crate::flow::{answer, stage};
use crate::host::{Host, Said};
use crate::library::Library;
use crate::manners::Manners;
use crate::pidf;
use crate::wire::{Message, address};

/// When every flow starts.
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Messages that one instant may bring before the node counts as running wild.
const WILD: usize = 5_000;

/// What the node said to one peer.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Since the start of the flow.
    pub at: Duration,
    /// To whom.
    pub peer: String,
    /// Whether it had been said before.
    pub again: bool,
    /// What.
    pub message: Message,
}

/// One action and what the node said from then until the next.
#[derive(Debug)]
pub(crate) struct Group {
    /// Index of the action's line in the script; none for what comes before the first.
    pub line: usize,
    /// In the order it was said.
    pub heard: Vec<Heard>,
}

/// A flow that has been played: what the node said, and what went wrong in playing, if anything did.
#[derive(Debug)]
pub(crate) struct Played {
    /// By action.
    pub groups: Vec<Group>,
    /// The labels of what the node chose.
    pub labels: Labels,
    /// The line and what is wrong with it, or with what the node said then.
    pub fault: Option<(usize, String)>,
    /// What was done to the node, in order.
    pub deeds: Vec<Deed>,
}

/// What a flow does to a node.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A peer says this.
    Said(Vec<u8>),
    /// A document is written; without a body it is deleted.
    Written(DocumentSelector, Option<Vec<u8>>),
}

/// Plays all lines of a script.
pub(crate) fn play(script: &Script) -> Played {
    let mut theater = Theater::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut fault = None;
    let mut told = Duration::ZERO;
    for (index, line) in script.lines.iter().enumerate() {
        let (at, action) = match &line.kind {
            LineKind::Silent => continue,
            LineKind::Expect { at, .. } => {
                told = at.unwrap_or(told);
                continue;
            }
            LineKind::Action { at, action } => (at, action),
        };
        if let Some(at) = at {
            if *at < told {
                fault = Some((index, "time does not run backwards".to_owned()));
                break;
            }
            told = *at;
        }
        let outcome = theater.advance(told).and_then(|()| {
            if let Some(group) = groups.last_mut() {
                group.heard.append(&mut theater.heard);
            }
            theater.act(action)
        });
        groups.push(Group { line: index, heard: core::mem::take(&mut theater.heard) });
        if let Err(error) = outcome {
            fault = Some((index, error));
            break;
        }
    }
    if fault.is_none() {
        if let Err(error) = theater.advance(told) {
            fault = Some((script.lines.len().saturating_sub(1), error));
        }
        if let Some(group) = groups.last_mut() {
            group.heard.append(&mut theater.heard);
        }
    }
    Played { groups, labels: theater.labels, fault, deeds: theater.deeds }
}

struct Theater {
    now: Duration,
    settings: Settings,
    shards: u16,
    host: Option<Host>,
    down: bool,
    epoch: u32,
    rows: VecDeque<(Duration, RowChange)>,
    library: Library,
    cast: BTreeMap<String, Peer>,
    manners: Manners,
    labels: Labels,
    heard: Vec<Heard>,
    deeds: Vec<Deed>,
}

impl Theater {
    fn new() -> Self {
        Self {
            now: Duration::ZERO,
            settings: stage::defaults(),
            shards: 1,
            host: None,
            down: false,
            epoch: 0,
            rows: VecDeque::new(),
            library: Library::default(),
            cast: BTreeMap::new(),
            manners: Manners::default(),
            labels: Labels::default(),
            heard: Vec::new(),
            deeds: Vec::new(),
        }
    }

    fn time(&self) -> Timestamp {
        START + self.now
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Set(words) => {
                stage::set(&mut self.settings, &mut self.shards, words)?;
                let time = self.time();
                let Some(host) = &mut self.host else { return Ok(()) };
                let said = host.reconfigure(time, Arc::new(self.settings.clone()));
                self.deliver(said)?;
                self.turns()
            }
            Action::Peer { name, words } => {
                self.peer(name)?;
                let number = u8::try_from(self.cast.len()).map_err(|_| "too large a cast")?;
                let peer = self.peer(name)?;
                words.iter().try_for_each(|word| peer.declare(word, number))
            }
            Action::Say { peer, head, target, parts, block } => {
                self.say(peer, head, target.as_deref(), parts, block)
            }
            Action::Answers { peer, status, parts } => {
                self.peer(peer)?.answers = status.map(|status| (status, parts.clone()));
                Ok(())
            }
            Action::Lose(peer) => {
                self.peer(peer)?.deaf += 1;
                Ok(())
            }
            Action::NoStream(peer) => {
                self.peer(peer)?.takes_streams = false;
                Ok(())
            }
            Action::Another(peer) => {
                self.peer(peer)?.reconnect();
                Ok(())
            }
            Action::Close { peer, before } => {
                let time = self.time();
                let peer = self.peer(peer)?;
                let flow = if *before { peer.left.pop().ok_or("there is none before")? } else { peer.flow };
                peer.closed.push(flow.connection);
                if !before {
                    peer.flow = Flow { connection: Connection(flow.connection.0 + 100), ..flow };
                }
                self.manners.closed(flow);
                let said = self.running()?.closed(time, flow);
                self.deliver(said)?;
                self.turns()
            }
            Action::Crash(losing) => {
                self.running()?;
                self.host = None;
                self.down = true;
                self.manners.crashed(self.time(), *losing);
                let kept = self.now.saturating_sub(*losing);
                if !losing.is_zero() {
                    self.rows.retain(|(at, _)| *at < kept);
                }
                Ok(())
            }
            Action::Restart => {
                if self.host.is_some() {
                    return Err("the node runs already".into());
                }
                self.down = false;
                let said = self.start();
                self.deliver(said)?;
                self.turns()
            }
            Action::Storage(healthy) => {
                let health = if *healthy { Storage::Healthy } else { Storage::Failing };
                self.running()?.set_storage(health);
                self.turns()
            }
            Action::Documents { owner, verb, path, block } => {
                let document = self.document(owner, path)?;
                let body = block.join("\n");
                let body = (verb == "put").then_some(body.as_bytes());
                self.deeds.push(Deed::Written(document.clone(), body.map(<[u8]>::to_vec)));
                let time = self.time();
                let Some(host) = &mut self.host else {
                    self.library.write(time, &document, body);
                    return Ok(());
                };
                let said = host.change(time, |library| library.write(time, &document, body));
                self.deliver(said)?;
                self.turns()
            }
            Action::Names { host, places } => {
                let place = |text: &String| {
                    let (protocol, address) = match text.split_once("tcp:") {
                        Some(("", address)) => (Protocol::Tcp, address),
                        _ => (Protocol::Udp, text.as_str()),
                    };
                    address
                        .parse()
                        .map(|address| (protocol, address))
                        .map_err(|_| format!("`{text}` is no place"))
                };
                let places = places.iter().map(place).collect::<Result<_, _>>()?;
                self.library.name(host, places);
                Ok(())
            }
            Action::Library(delay) => {
                self.library.healthy = delay.is_some();
                self.library.delay = delay.unwrap_or_default();
                let Some(host) = &mut self.host else { return Ok(()) };
                let time = START + self.now;
                let Library { healthy, delay, .. } = self.library;
                let said = host.change(time, |library| (library.healthy, library.delay) = (healthy, delay));
                self.deliver(said)
            }
            Action::Gauges(parts) => self.gauges(parts),
            Action::Quiet => Ok(()),
        }
    }

    fn say(
        &mut self,
        name: &str,
        head: &str,
        target: Option<&str>,
        parts: &[Part],
        block: &[String],
    ) -> Result<(), String> {
        self.running()?;
        let parts = self.shown(parts)?;
        let bytes = match head {
            "again" => self
                .peer(name)?
                .last
                .as_ref()
                .map(|(bytes, _)| bytes.clone())
                .ok_or("nothing was said before")?,
            "raw" => block.join("\r\n").into_bytes(),
            status if status.bytes().all(|byte| byte.is_ascii_digit()) => {
                let status = status.parse().map_err(|_| "no status")?;
                let peer = self.peer(name)?;
                if peer.unanswered.is_empty() {
                    return Err("no request waits for an answer".into());
                }
                let request = peer.unanswered.remove(0);
                let tag = peer.tag_of(&request);
                answer::answer(&request, tag.as_deref(), status, &parts)
            }
            method => self.request(name, method, target, &parts, block)?,
        };
        let flow = self.peer(name)?.flow;
        self.receive(flow, &bytes)?;
        self.turns()
    }

    fn request(
        &mut self,
        name: &str,
        method: &str,
        target: Option<&str>,
        parts: &[Part],
        block: &[String],
    ) -> Result<Vec<u8>, String> {
        let target = match target {
            None if matches!(method, "CANCEL" | "ACK") => Target::Dialog(0),
            None => return Err("to whom?".into()),
            Some("(dialog)") => {
                Target::Dialog(self.peer(name)?.dialogs.len().checked_sub(1).ok_or("there is no dialog")?)
            }
            Some("(subscription)") => {
                let count = self.peer(name)?.subscribers.len();
                Target::Subscription(count.checked_sub(1).ok_or("the node has not subscribed")?)
            }
            Some(target) if target.starts_with("(subscription ") => {
                let number: usize = target[14..].trim_end_matches(')').parse().map_err(|_| "which one?")?;
                Target::Subscription(number.checked_sub(1).ok_or("they are counted from one")?)
            }
            Some(target) if target.starts_with("(dialog ") => {
                let number: usize = target[8..].trim_end_matches(')').parse().map_err(|_| "which dialog?")?;
                Target::Dialog(number.checked_sub(1).ok_or("dialogs are counted from one")?)
            }
            Some(uri) if uri.contains(':') || uri.contains('*') => Target::Uri(uri.to_owned()),
            Some(word) => {
                Target::Uri(self.cast.get(word).map_or(format!("sip:{word}@example.com"), |p| p.aor.clone()))
            }
        };
        let peer = self.peer(name)?;
        let mut request = peer.request(method, &target)?;
        let presentity = address(request.get("From").unwrap_or_default()).to_owned();
        let fields: Vec<Part> = parts.iter().filter(|part| !directs(part)).cloned().collect();
        let body = answer::body(&mut request, parts, block, |line| match &target {
            Target::Uri(uri) => pidf::write(uri, line),
            Target::Subscription(_) => pidf::write(&presentity, line),
            Target::Dialog(_) => Err("no document goes into a dialog".into()),
        })?;
        if let Some(credentials) = field(parts, "auth") {
            let value = answer::authorize(&request, &peer.challenges, &peer.aor, credentials)?;
            request.add("Authorization", value);
        }
        let mut request = request.close(body);
        dress(&mut request, &fields);
        let bytes = request.print();
        peer.last = Some((bytes.clone(), request));
        Ok(bytes)
    }

    /// Runs the node up to an instant: every deadline on the way at its own time.
    fn advance(&mut self, to: Duration) -> Result<(), String> {
        let end = START + to;
        let mut turns = 0;
        while let Some(deadline) =
            self.host.as_ref().and_then(Host::deadline).filter(|deadline| *deadline <= end)
        {
            turns = if deadline > self.time() { 0 } else { turns + 1 };
            if turns > WILD {
                return Err("the node's deadline does not move on".into());
            }
            self.now = self.now.max(deadline.since(START));
            let time = self.time();
            let said = self.running()?.tick(time);
            self.deliver(said)?;
        }
        self.now = self.now.max(to);
        Ok(())
    }

    /// What is due at once after an event.
    fn turns(&mut self) -> Result<(), String> {
        self.advance(self.now)
    }

    fn receive(&mut self, flow: Flow, bytes: &[u8]) -> Result<(), String> {
        let time = self.time();
        self.deeds.push(Deed::Said(bytes.to_vec()));
        self.manners.heard(time, flow, bytes);
        let said = self.running()?.receive(time, flow, bytes);
        self.deliver(said)
    }

    /// Hands what the node said to the peers, and their answers back, until nobody has more to say.
    fn deliver(&mut self, said: Vec<Said>) -> Result<(), String> {
        let mut queue: VecDeque<Said> = said.into();
        let mut count = 0;
        loop {
            let time = self.time();
            if let Some(host) = &mut self.host {
                for change in host.take_rows() {
                    self.rows.push_back((self.now, change));
                }
            }
            let Some(said) = queue.pop_front() else { return Ok(()) };
            count += 1;
            if self.refused(&said) {
                queue.extend(self.running()?.closed(time, said.flow));
                continue;
            }
            if count > WILD {
                return Err("the node and its peers do not come to rest".into());
            }
            let message = Message::read(&said.bytes).map_err(|error| {
                format!(
                    "what the node said cannot be read: {error}\n{:?}",
                    said.bytes.escape_ascii().to_string()
                )
            })?;
            let verdict = self
                .manners
                .said(time, said.flow, &message)
                .map_err(|error| format!("{error}\nin this message to {}:\n{message}", said.flow.remote))?;
            self.labels.learn(&message);
            let peer = self.cast.values_mut().find(|peer| peer.flow.remote == said.flow.remote);
            let Some(peer) = peer else {
                return Err(format!(
                    "the node spoke to {:?}, who is not in the cast:\n{message}",
                    said.flow.remote
                ));
            };
            self.heard.push(Heard {
                at: self.now,
                peer: peer.name.clone(),
                again: verdict.again,
                message: message.clone(),
            });
            if peer.deaf > 0 {
                peer.deaf -= 1;
                continue;
            }
            peer.hear(&message);
            if message.method() == Some("NOTIFY")
                && let Some((status, parts)) = peer.answers.clone()
            {
                let notify = peer.unanswered.pop().expect("it was just heard");
                let bytes = answer::answer(&notify, None, status, &parts);
                self.manners.heard(time, said.flow, &bytes);
                queue.extend(self.running()?.receive(time, said.flow, &bytes));
            }
        }
    }

    /// Whether the message wants a stream that has ended, or that cannot be opened.
    fn refused(&self, said: &Said) -> bool {
        let Flow { protocol, remote, connection, .. } = said.flow;
        let there = |peer: &&Peer| peer.flow.remote == remote;
        protocol == Protocol::Tcp
            && if connection == Connection::NONE {
                self.cast.values().find(there).is_none_or(|peer| !peer.takes_streams)
            } else {
                self.cast.values().any(|peer| peer.closed.contains(&connection))
            }
    }

    fn running(&mut self) -> Result<&mut Host, String> {
        if self.host.is_none() {
            if self.down {
                return Err("the node is down".into());
            }
            let said = self.start();
            if !said.is_empty() {
                return Err("a node without rows spoke at its start".into());
            }
        }
        Ok(self.host.as_mut().expect("it was just started"))
    }

    fn start(&mut self) -> Vec<Said> {
        self.epoch += 1;
        let mut stored: BTreeMap<RowKey, Row> = BTreeMap::new();
        for (_, change) in &self.rows {
            match change {
                RowChange::Put(row) => {
                    if stored.get(&row.key).is_none_or(|old| old.version < row.version) {
                        stored.insert(row.key, row.clone());
                    }
                }
                RowChange::Delete { key, version } => {
                    if stored.get(key).is_some_and(|old| old.version < *version) {
                        stored.remove(key);
                    }
                }
            }
        }
        let (host, said) = Host::start(
            START + self.now,
            Arc::new(self.settings.clone()),
            self.shards,
            Epoch(self.epoch),
            u64::from(self.epoch),
            stored.into_values(),
            self.library.clone(),
        );
        self.host = Some(host);
        said
    }

    /// The document that a flow names: of a peer, of the user of that name, or a global one.
    fn document(&self, owner: &str, path: &str) -> Result<DocumentSelector, String> {
        let (auid, name) = path.split_once('/').ok_or("`<auid>/<name>` was expected")?;
        Ok(match (owner, self.cast.get(owner)) {
            ("global", _) => DocumentSelector::global(auid, name),
            (_, Some(peer)) => DocumentSelector::of_user(auid, &peer.aor, name),
            (_, None) => DocumentSelector::of_user(auid, &format!("sip:{owner}@example.com"), name),
        })
    }

    fn gauges(&mut self, parts: &[Part]) -> Result<(), String> {
        let metrics = self.running()?.metrics();
        for part in parts {
            let Part::Field(name, wanted) = part else {
                return Err("`gauges  name: number` was expected".into());
            };
            let (.., value) = metrics
                .each()
                .find(|(known, ..)| known == name)
                .ok_or_else(|| format!("there is no metric `{name}`"))?;
            if value.to_string() != *wanted {
                return Err(format!("{name} is {value}, not {wanted}"));
            }
        }
        Ok(())
    }

    fn shown(&self, parts: &[Part]) -> Result<Vec<Part>, String> {
        parts
            .iter()
            .map(|part| match part {
                Part::Field(name, value) => Ok(Part::Field(name.clone(), self.labels.show(value)?)),
                other => Ok(other.clone()),
            })
            .collect()
    }

    fn peer(&mut self, name: &str) -> Result<&mut Peer, String> {
        if !self.cast.contains_key(name) {
            let number = u8::try_from(self.cast.len() + 1).map_err(|_| "too large a cast")?;
            self.cast.insert(name.to_owned(), Peer::new(name, number));
        }
        self.cast.get_mut(name).ok_or_else(|| "it was just inserted".to_owned())
    }
}

/// Parts that tell the runner something and are no header fields.
fn directs(part: &Part) -> bool {
    matches!(part, Part::Field(name, _) if matches!(name.as_str(), "pidf" | "list" | "body" | "auth" | "coding"))
}

fn field<'a>(parts: &'a [Part], wanted: &str) -> Option<&'a str> {
    parts.iter().find_map(|part| match part {
        Part::Field(name, value) if name == wanted => Some(value.as_str()),
        _ => None,
    })
}
