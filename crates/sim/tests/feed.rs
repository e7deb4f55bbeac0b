//! Whoever applies the feed of changes has the documents: random writers, lost messages, restarts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use documents::xcap_diff::{Change, Content, Found, XcapDiff};
use node::{Epoch, Limits, Listener, Row, RowKey, Settings};
use presence::{Policy, PublishPolicy, Watch};
use sim::host::{Host, Said, keep};
use sim::library::Library;
use sim::random::Random;
use sim::wire::Message;
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};
use xcap::{DocumentSelector, Want};
use xdm::{Declared, Xdms};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const ROOT: &str = "http://xcap.example.com";
const MODES: [&str; 3] = ["no-patching", "xcap-patching", "aggregate"];
/// What each subscriber follows besides the collection.
const ELEMENT: &str = "tests/users/sip:joe@example.com/a/~~/doc/x";

#[test]
fn whoever_applies_the_feed_has_the_documents() {
    let seeds = std::env::var("FEED_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        world.run().unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", world.story.join("\n")));
    }
}

struct World {
    random: Random,
    now: Timestamp,
    settings: Arc<Settings>,
    library: Library,
    host: Host,
    rows: BTreeMap<RowKey, Row>,
    epoch: u32,
    readers: Vec<Reader>,
    /// Messages of ten are lost so often.
    loss: u64,
    story: Vec<String>,
}

/// A subscriber that keeps documents by what it is told, and fetches what it is told to fetch.
struct Reader {
    name: String,
    mode: &'static str,
    /// To-tag and Contact of the node, once known.
    remote: Option<(String, String)>,
    cseq: u32,
    last_notify: u32,
    /// By `sel`: entity-tag and bytes.
    copies: BTreeMap<String, (String, Vec<u8>)>,
    element: Option<String>,
    /// The entity-tag of all that it has been told.
    state: Option<String>,
    ended: bool,
}

fn flow(port: u16) -> Flow {
    let remote = ([192, 0, 2, 7], port).into();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

fn document(name: &str) -> DocumentSelector {
    DocumentSelector::of_user("tests", "sip:joe@example.com", name)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let declared = Declared {
            auid: "tests".into(),
            media_type: "application/xml".into(),
            namespace: "".into(),
            schema: None,
        };
        let servers = xdm::Settings {
            domains: vec!["example.com".into()],
            roots: vec![ROOT.into()],
            declared: vec![declared],
            ..xdm::Settings::default()
        };
        let mut limits = Limits::default();
        limits.changes.history = *random.pick(&[600, 5_000, 1_000_000]);
        limits.changes.body = *random.pick(&[500, 32_000]);
        let settings = Arc::new(Settings {
            domains: vec!["example.com".into()],
            listeners: vec![Listener { protocol: Protocol::Udp, sent_by: "192.0.2.250:5060".into() }],
            authentication: sip_stack::auth::Settings { open: true, ..Default::default() },
            policy: Policy { watch: Watch::Everyone, publish: PublishPolicy::Everyone, ..Policy::default() },
            pace: Duration::ZERO,
            documents: Some(Arc::new(Xdms::new(servers))),
            changes_pace: Duration::from_millis(*random.pick(&[0, 500, 5_000])),
            limits,
            ..Settings::default()
        });
        let library = Library::with_delay(Duration::from_millis(*random.pick(&[0, 5, 300])));
        let (host, said) = Host::start(START, settings.clone(), 2, Epoch(1), seed, [], library.clone());
        assert!(said.is_empty());
        let readers = (0..3).map(|number| Reader {
            name: format!("r{number}"),
            mode: MODES[number],
            remote: None,
            cseq: 0,
            last_notify: 0,
            copies: BTreeMap::new(),
            element: None,
            state: None,
            ended: false,
        });
        let readers = readers.collect();
        let loss = *random.pick(&[0, 1, 3]);
        let (rows, story) = (BTreeMap::new(), Vec::new());
        Self { random, now: START, settings, library, host, rows, epoch: 1, readers, loss, story }
    }

    fn run(&mut self) -> Result<(), String> {
        for index in 0..self.readers.len() {
            self.subscribe(index)?;
        }
        for _ in 0..self.random.between(20, 80) {
            match self.random.below(12) {
                0 => self.restart()?,
                1 => {
                    let index = usize::try_from(self.random.below(3)).unwrap();
                    self.subscribe(index)?;
                }
                2..=4 => {
                    let span = Duration::from_millis(self.random.between(1, 8_000));
                    self.pass(span)?;
                }
                _ => self.write()?,
            }
        }
        // Calm: all that was lost is said again, and nothing more is lost.
        self.loss = 0;
        self.pass(Duration::from_secs(120))?;
        for index in 0..self.readers.len() {
            if self.readers[index].ended {
                self.subscribe(index)?;
            }
        }
        self.pass(Duration::from_secs(60))?;
        self.compare()
    }

    fn write(&mut self) -> Result<(), String> {
        let name = *self.random.pick(&["a", "b", "c/d"]);
        let body = (!self.random.chance(15)).then(|| {
            let number = self.random.below(4);
            let length = usize::try_from(*self.random.pick(&[1, 20, 400])).unwrap();
            let prolog = if self.random.chance(10) { "<?xml version=\"1.0\"?>" } else { "" };
            let inner: String =
                (0..self.random.below(4)).map(|index| format!("<e n=\"{index}\"/>")).collect();
            let x =
                if self.random.chance(60) { format!("<x>{}</x>", "t".repeat(length)) } else { String::new() };
            format!("{prolog}<doc v=\"{number}\">{x}{inner}</doc>")
        });
        self.story.push(format!("{:?} write {name} {body:?}", self.now));
        let document = document(name);
        let now = self.now;
        let said = self.host.change(now, |library| {
            library.write(now, &document, body.as_deref().map(str::as_bytes));
        });
        self.deliver(said)
    }

    fn subscribe(&mut self, index: usize) -> Result<(), String> {
        let reader = &mut self.readers[index];
        if reader.ended {
            reader.remote = None;
        }
        reader.cseq += 1;
        let (name, mode, cseq) = (&reader.name, reader.mode, reader.cseq);
        let round = if reader.remote.is_none() { cseq } else { 0 };
        if round > 0 {
            reader.ended = false;
            reader.last_notify = 0;
            reader.name = format!("{}+", name.trim_end_matches('+'));
        }
        let name = reader.name.clone();
        let (uri, to) = match &reader.remote {
            Some((tag, contact)) => (contact.clone(), format!("<sip:tests@example.com>;tag={tag}")),
            None => ("sip:tests@example.com".to_owned(), "<sip:tests@example.com>".to_owned()),
        };
        let call_id = format!("{index}-call");
        let body = sim::feed::list(&format!("tests/users/sip:joe@example.com/ {ELEMENT}"));
        let port = 6000 + u16::try_from(index).unwrap();
        let state = reader.state.as_ref().filter(|_| self.random.chance(50));
        let condition = state.map_or_else(String::new, |state| format!("Suppress-If-Match: {state}\r\n"));
        let text = format!(
            "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:{port};branch=z9hG4bK{index}-{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:joe@example.com>;tag={index}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:joe@192.0.2.7:{port}>\r\n\
             Event: xcap-diff;diff-processing={mode}\r\nExpires: 7200\r\n{condition}\
             Content-Type: application/resource-lists+xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.story.push(format!("{:?} {name} subscribes, {mode}, {condition}", self.now));
        let said = self.host.receive(self.now, flow(port), text.as_bytes());
        self.deliver(said)
    }

    fn restart(&mut self) -> Result<(), String> {
        self.epoch += 1;
        self.story.push(format!("{:?} restart", self.now));
        let rows: Vec<Row> = self.rows.values().cloned().collect();
        let (seed, library) = (u64::from(self.epoch), self.library.clone());
        let (settings, epoch) = (self.settings.clone(), Epoch(self.epoch));
        let (host, said) = Host::start(self.now, settings, 2, epoch, seed, rows, library);
        self.host = host;
        self.deliver(said)
    }

    fn pass(&mut self, span: Duration) -> Result<(), String> {
        let end = self.now + span;
        while let Some(at) = self.host.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let said = self.host.tick(self.now);
            self.deliver(said)?;
        }
        self.now = end;
        Ok(())
    }

    fn deliver(&mut self, said: Vec<Said>) -> Result<(), String> {
        keep(&mut self.rows, self.host.take_rows());
        for said in said {
            let message = Message::read(&said.bytes)?;
            if message.method() == Some("NOTIFY") && self.random.below(10) < self.loss {
                continue;
            }
            let index = usize::from(said.flow.remote.port() - 6000);
            if message.status().is_some() {
                self.heard_answer(index, &message)?;
            } else {
                let answer = self.heard_notify(index, &message)?;
                if self.random.below(10) >= self.loss {
                    let more = self.host.receive(self.now, said.flow, &answer);
                    self.deliver(more)?;
                }
            }
        }
        Ok(())
    }

    fn heard_answer(&mut self, index: usize, answer: &Message) -> Result<(), String> {
        match answer.status() {
            Some(200 | 204) => {
                let contact = sim::wire::address(answer.get("Contact").unwrap_or_default()).to_owned();
                let tag = answer.to_tag().unwrap_or_default().to_owned();
                self.readers[index].remote = Some((tag, contact));
                Ok(())
            }
            Some(481) => {
                self.readers[index].ended = true;
                self.subscribe(index)
            }
            status => Err(format!("a SUBSCRIBE is answered {status:?}")),
        }
    }

    fn heard_notify(&mut self, index: usize, notify: &Message) -> Result<Vec<u8>, String> {
        let (cseq, _) = notify.cseq().ok_or("no CSeq")?;
        let state = notify.get("Subscription-State").unwrap_or_default().to_owned();
        let reader = &mut self.readers[index];
        let is_current = reader.remote.as_ref().is_none_or(|(tag, _)| notify.from_tag() == Some(tag));
        if !is_current {
            return Ok(notify.answer(481, "Gone").close(Vec::new()).print());
        }
        if cseq > reader.last_notify {
            reader.last_notify = cseq;
            if state.starts_with("terminated") {
                reader.ended = true;
            }
            let tag = notify.get("SIP-ETag").ok_or("RFC 5839 §6.1: a NOTIFY without an entity-tag")?;
            if notify.body.is_empty() {
                self.story.push(format!("{:?} {} knows all", self.now, reader.name));
                let is_known = reader.state.as_deref() == Some(tag);
                return if is_known {
                    Ok(notify.answer(200, "OK").close(Vec::new()).print())
                } else {
                    Err(format!("{tag} is not known"))
                };
            }
            reader.state = Some(tag.to_owned());
            let diff =
                XcapDiff::parse(&notify.body, &xml::Limits::default()).map_err(|error| error.to_string())?;
            let line = sim::feed::read(&notify.body)?;
            self.story.push(format!("{:?} {} is told: {line}", self.now, reader.name));
            reader.apply(diff, &self.library)?;
        }
        Ok(notify.answer(200, "OK").close(Vec::new()).print())
    }

    fn compare(&self) -> Result<(), String> {
        let want = Want::Collection { auid: "tests".into(), tree: document("a").tree };
        let found = self.library.read(&want).unwrap();
        let theirs: BTreeMap<String, (String, Vec<u8>)> = found
            .into_iter()
            .map(|(document, version)| {
                (document.to_path(), (version.etag.to_string(), version.body.to_vec()))
            })
            .collect();
        let element = theirs.get("tests/users/sip:joe@example.com/a").and_then(|(_, body)| {
            let text = String::from_utf8(body.clone()).unwrap();
            let start = text.find("<x>")?;
            Some(text[start..text.find("</x>").unwrap() + 4].to_owned())
        });
        for reader in &self.readers {
            if reader.copies != theirs {
                return Err(format!("{} has {:?}\nthere is {theirs:?}", reader.name, reader.copies));
            }
            if reader.element != element {
                return Err(format!("{} knows {:?}, there is {element:?}", reader.name, reader.element));
            }
        }
        Ok(())
    }
}

impl Reader {
    /// RFC 5874 §6: a change applies to the version that it names; else the document is fetched.
    fn apply(&mut self, diff: XcapDiff, library: &Library) -> Result<(), String> {
        for change in diff.changes {
            match change {
                Change::Document(change) => {
                    let current = match (change.current, change.content) {
                        (None, _) => {
                            self.copies.remove(&change.selector);
                            continue;
                        }
                        (Some(current), content) => (current, content),
                    };
                    let known = self.copies.get(&change.selector);
                    let is_known = known.is_some_and(|(etag, _)| Some(etag) == change.previous.as_ref());
                    let body = match (current.1, known) {
                        (Content::Patch(operations), Some((_, body))) if is_known => {
                            let limits = xml::patch::Limits::default();
                            xml::patch::apply(body, &operations, &limits).map_err(|error| {
                                format!("a patch of {} does not apply: {error:?}", change.selector)
                            })?
                        }
                        (Content::BodyNotChanged, Some((_, body))) if is_known => body.clone(),
                        // What the server has may be newer than what is told; then more will be told.
                        _ => match fetch(&change.selector, library) {
                            Some(fetched) => {
                                self.copies.insert(change.selector, fetched);
                                continue;
                            }
                            None => continue, // it is gone already, which is told later
                        },
                    };
                    // Never back behind a version that was fetched: RFC 5875 §4.8.
                    self.copies.insert(change.selector, (current.0, body));
                }
                Change::Element { found: Found::Shown(fragment), .. } => self.element = Some(fragment.text),
                Change::Element { selector, found: Found::Untold } => {
                    self.element =
                        fetch(selector.split("/~~").next().unwrap(), library).and_then(|(_, body)| {
                            let text = String::from_utf8(body).unwrap();
                            let start = text.find("<x>")?;
                            Some(text[start..text.find("</x>").unwrap() + 4].to_owned())
                        });
                }
                Change::Element { found: Found::Missing, .. } => self.element = None,
                Change::Attribute { .. } => return Err("nobody follows an attribute".into()),
            }
        }
        Ok(())
    }
}

fn fetch(selector: &str, library: &Library) -> Option<(String, Vec<u8>)> {
    let name = selector.strip_prefix("tests/users/sip:joe@example.com/")?;
    let found = library.read(&Want::Document(document(name))).unwrap();
    found.into_iter().next().map(|(_, version)| (version.etag.to_string(), version.body.to_vec()))
}
