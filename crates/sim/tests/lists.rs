//! Random runs of lists: publications, edits, lost messages, refreshes and crashes. In the end who watches a list by
//! RFC 4662 §5.6 knows of each member what a subscription of its own would show.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use node::{Epoch, Listener, Lists, Row, RowKey, Settings};
use presence::{Policy, PublishPolicy, Watch};
use sim::host::{Host, Said, keep};
use sim::library::Library;
use sim::random::Random;
use sim::wire::Message;
use sim::{pidf, rlmi};
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};
use xcap::DocumentSelector;

const MEMBERS: u64 = 12;
/// One that says whose it is, and one that does not.
const LISTS: [&str; 2] = ["sip:bob@example.com;pres-list=friends", "sip:friends@example.com"];

fn settings(window: Duration) -> Arc<Settings> {
    Arc::new(Settings {
        domains: vec!["example.com".into()],
        listeners: vec![Listener { protocol: Protocol::Udp, sent_by: "192.0.2.250:5060".into() }],
        authentication: sip_stack::auth::Settings { open: true, ..Default::default() },
        policy: Policy { watch: Watch::Everyone, publish: PublishPolicy::Everyone, ..Policy::default() },
        pace: Duration::ZERO,
        lists: Some(Lists { server: Some("sip:rls@example.com".into()), window, ..Lists::default() }),
        ..Settings::default()
    })
}

fn flow(host: u8) -> Flow {
    let remote = ([192, 0, 2, host], 5060).into();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

struct World {
    random: Random,
    list: &'static str,
    settings: Arc<Settings>,
    shards: u16,
    host: Host,
    epoch: u32,
    now: Timestamp,
    rows: BTreeMap<RowKey, Row>,
    library: Library,
    /// One message of three is lost.
    lossy: bool,
    table: rlmi::Table,
    /// The watcher's dialog: CSeq, and the node's tag once it is known.
    cseq: u32,
    tag: Option<String>,
    heard: u32,
    /// Octets of the largest NOTIFY.
    largest: usize,
    etags: BTreeMap<u64, String>,
    branches: u64,
    answers: Vec<Message>,
    fetched: Option<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let shards = 1 + u16::try_from(random.below(3)).expect("a small number");
        let settings = settings(Duration::from_secs(random.below(3)));
        let (now, library) = (Timestamp::from_secs(1_700_000_000), Library::default());
        let (host, _) = Host::start(now, settings.clone(), shards, Epoch(1), seed, [], library.clone());
        let list = LISTS[random.below(2) as usize];
        let mut world = Self {
            random,
            list,
            settings,
            shards,
            host,
            epoch: 1,
            now,
            rows: BTreeMap::new(),
            library,
            lossy: true,
            table: rlmi::Table::default(),
            cseq: 0,
            tag: None,
            heard: 0,
            largest: 0,
            etags: BTreeMap::new(),
            branches: 0,
            answers: Vec::new(),
            fetched: None,
        };
        world.edit();
        world.subscribe();
        world
    }

    /// Takes what the node says: the watcher's NOTIFYs may be lost, and so may their answers.
    fn take(&mut self, said: Vec<Said>) {
        let mut waiting = std::collections::VecDeque::from(said);
        while let Some(said) = waiting.pop_front() {
            let message = Message::read(&said.bytes).expect("the node speaks SIP");
            if message.status().is_some() {
                self.answers.push(message);
                continue;
            }
            if self.lossy && self.random.below(3) == 0 {
                continue;
            }
            if said.flow.remote == flow(9).remote {
                self.largest = self.largest.max(said.bytes.len());
                let cseq = message.cseq().expect("it has one").0;
                if cseq > self.heard {
                    self.heard = cseq;
                    self.table.apply(&rlmi::read(&message).expect("a list"));
                    self.tag = message.from_tag().map(str::to_owned);
                }
            } else {
                self.fetched = Some(pidf::read(&message.body).expect("a document").0);
            }
            if self.lossy && self.random.below(3) == 0 {
                continue;
            }
            let answer = message.answer(200, "OK").close(Vec::new()).print();
            waiting.extend(self.host.receive(self.now, said.flow, &answer));
        }
        keep(&mut self.rows, self.host.take_rows());
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.host.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let said = self.host.tick(self.now);
            self.take(said);
        }
        self.now = until;
    }

    /// Sends a request until it is answered. Gives the answer.
    fn ask(&mut self, host: u8, text: &str) -> Message {
        self.branches += 1;
        let text = text.replace("BRANCH", &format!("z9hG4bK{}", self.branches));
        loop {
            self.answers.clear();
            let said = self.host.receive(self.now, flow(host), text.as_bytes());
            self.take(said);
            if let Some(answer) = self.answers.pop() {
                return answer;
            }
            self.pass(Duration::from_millis(500));
        }
    }

    fn subscribe(&mut self) {
        let answer = self.try_to_subscribe();
        assert_eq!(answer.status(), Some(200), "{answer}");
        self.tag = answer.to_tag().map(str::to_owned);
    }

    fn try_to_subscribe(&mut self) -> Message {
        self.cseq += 1;
        let tag = self.tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let list = self.list;
        self.ask(9, &format!(
            "SUBSCRIBE {list} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=BRANCH\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@example.com>;tag=w{}\r\nTo: <{list}>{tag}\r\nCall-ID: list\r\nCSeq: {} SUBSCRIBE\r\n\
             Contact: <sip:bob@192.0.2.9>\r\nEvent: presence\r\nExpires: 3600\r\nSupported: eventlist\r\nContent-Length: 0\r\n\r\n",
            1, self.cseq
        ))
    }

    fn publish(&mut self, member: u64) {
        let words = self.random.below(1000);
        let uri = format!("sip:user{member}@example.com");
        let body = pidf::write(&uri, &format!("t1 open \"{words}\"")).expect("a document");
        let tag = self.etags.get(&member).map_or(String::new(), |etag| format!("SIP-If-Match: {etag}\r\n"));
        let answer = self.ask(10, &format!(
            "PUBLISH {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=BRANCH\r\nMax-Forwards: 70\r\n\
             From: <{uri}>;tag=p\r\nTo: <{uri}>\r\nCall-ID: p{}\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n\
             {tag}Content-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
            self.branches,
            body.len()
        ));
        assert_eq!(answer.status(), Some(200), "{answer}");
        self.etags.insert(member, answer.get("SIP-ETag").expect("it has one").to_owned());
    }

    /// What a subscription of its own would show: the document in one line.
    fn fetch(&mut self, uri: &str) -> Option<String> {
        self.fetched = None;
        self.ask(
            11,
            &format!(
                "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=BRANCH\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@example.com>;tag=f\r\nTo: <{uri}>\r\nCall-ID: f{}\r\nCSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:bob@192.0.2.11>\r\nEvent: presence\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n",
                self.branches
            ),
        );
        self.pass(Duration::from_secs(2));
        self.fetched.take()
    }

    /// Another list: members by chance.
    fn edit(&mut self) -> Vec<String> {
        let chosen = (0..MEMBERS).filter(|_| self.random.below(2) == 0).collect::<Vec<_>>();
        let members: Vec<_> = chosen.iter().map(|member| format!("sip:user{member}@example.com")).collect();
        self.write(&members);
        members
    }

    fn write(&mut self, members: &[String]) {
        let entries: String = members.iter().map(|uri| format!("<rl:entry uri=\"{uri}\"/>")).collect();
        let list = self.list;
        let document = format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\" xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\">\
             <service uri=\"{list}\"><list>{entries}</list></service></rls-services>"
        );
        let selector = DocumentSelector::of_user("rls-services", "sip:bob@example.com", "index");
        let now = self.now;
        let said = self.host.change(now, |library| library.write(now, &selector, Some(document.as_bytes())));
        self.take(said);
    }

    fn crash(&mut self) {
        self.epoch += 1;
        self.now = self.now + Duration::from_millis(self.random.below(3000));
        let rows: Vec<_> = self.rows.values().cloned().collect();
        let seed = self.random.below(u64::MAX);
        let (host, said) = Host::start(
            self.now,
            self.settings.clone(),
            self.shards,
            Epoch(self.epoch),
            seed,
            rows,
            self.library.clone(),
        );
        self.host = host;
        self.take(said);
    }
}

#[test]
fn who_watches_a_list_knows_in_the_end_what_single_subscriptions_show() {
    let mut known = 0;
    for seed in 0..60 {
        let mut world = World::new(seed);
        let mut members = world.edit();
        for _ in 0..40 {
            let member = world.random.below(MEMBERS);
            match world.random.below(12) {
                0 => members = world.edit(),
                1 => world.subscribe(),
                2 => world.crash(),
                3 if world.table.has_gap() => world.subscribe(),
                _ => world.publish(member),
            }
            let pause = world.random.below(2500);
            world.pass(Duration::from_millis(pause));
        }
        world.lossy = false;
        world.pass(Duration::from_secs(40));
        if world.table.has_gap() {
            world.subscribe();
            world.pass(Duration::from_secs(10));
        }
        let expected: BTreeMap<_, _> = members.iter().map(|uri| (uri.clone(), world.fetch(uri))).collect();
        assert_eq!(world.table.rows, expected, "seed {seed}");
        known += expected.values().flatten().count();
    }
    assert!(known > 200, "the runs are about something: {known} documents");
}

fn many(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("sip:user{number:06}@example.com")).collect()
}

#[test]
fn five_hundred_members_are_told_of_in_datagrams_of_bounded_size() {
    let mut world = World::new(1);
    world.lossy = false;
    let members = many(500);
    world.write(&members);
    world.subscribe();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.table.rows.keys().collect::<Vec<_>>(), members.iter().collect::<Vec<_>>());
    assert!(world.table.rows.values().all(Option::is_some), "each with its state");
    assert!(world.largest <= 1300, "{} octets", world.largest);
    world.write(&members[250..]);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.table.rows.len(), 250);
    assert!(world.largest <= 1300, "{} octets", world.largest);
}

#[test]
fn of_a_list_without_end_as_much_is_watched_as_the_limits_say() {
    let mut world = World::new(1);
    world.lossy = false;
    world.write(&many(20_000));
    world.subscribe();
    world.pass(Duration::from_secs(60));
    let first: Vec<_> = many(1000);
    assert_eq!(world.table.rows.keys().collect::<Vec<_>>(), first.iter().collect::<Vec<_>>());
    assert_eq!(world.host.metrics().list_left_out, 1);
    // Beyond the limit of a document it cannot even be put together: 502, RFC 4826 §4.5.
    let mut world = World::new(2);
    world.lossy = false;
    world.write(&many(100_000));
    assert_eq!(world.try_to_subscribe().status(), Some(502));
}
