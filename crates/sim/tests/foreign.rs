//! Two nodes of two domains, each other's peer, over a network that loses and delays: lists of one hold users of the other.
//! Whatever crashes meanwhile, in the end who watches a list knows of each member what a subscription at its own server
//! shows.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use node::{Epoch, Foreign, Listener, Lists, Peer, Row, RowKey, Settings};
use presence::{Policy, PublishPolicy, Watch};
use sim::host::{Host, Said, keep};
use sim::library::Library;
use sim::manners::Manners;
use sim::random::Random;
use sim::wire::Message;
use sim::{pidf, rlmi};
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};
use xcap::DocumentSelector;

const DOMAINS: [&str; 2] = ["a.example", "b.example"];
const MEMBERS: [&str; 6] = [
    "sip:m1@a.example",
    "sip:m1@b.example",
    "sip:m2@b.example",
    "sip:m3@b.example",
    "sip:m2@a.example",
    "sip:m3@a.example",
];

/// A list at each node, that of the other in it: who watches it hears of that as of a list within the list, and in there
/// of nothing that leads back.
const TEAMS: [&str; 2] = ["sip:m1@a.example;pres-list=team", "sip:m1@b.example;pres-list=team"];

fn node_address(index: usize) -> SocketAddr {
    ([192, 0, 2, 250 + u8::try_from(index).expect("two nodes")], 5060).into()
}

fn watcher_address(index: usize) -> SocketAddr {
    ([192, 0, 2, 9 + u8::try_from(index).expect("two watchers")], 5060).into()
}

fn settings(index: usize, window: Duration) -> Arc<Settings> {
    let other = DOMAINS[1 - index];
    let next_hop = Some(format!("sip:{}", node_address(1 - index)));
    let foreign = Foreign {
        peers: BTreeMap::from([(other.to_owned(), Peer { next_hop, trusted: true, account: None })]),
        lifetime: Duration::from_secs(600),
        ..Foreign::default()
    };
    Arc::new(Settings {
        domains: vec![DOMAINS[index].into()],
        listeners: vec![Listener { protocol: Protocol::Udp, sent_by: node_address(index).to_string() }],
        authentication: sip_stack::auth::Settings {
            trusted: vec!["192.0.2.0/24".parse().expect("a network")],
            ..Default::default()
        },
        policy: Policy {
            watch: Watch::Everyone,
            publish: PublishPolicy::Everyone,
            // Nobody else may watch: a back-end subscription in another name than the watcher's would be refused.
            entitled: sip_stack::auth::Entitled::of(["sip:w0@a.example", "sip:w1@b.example"]),
            ..Policy::default()
        },
        pace: Duration::ZERO,
        lists: Some(Lists {
            server: Some(format!("sip:rls@{}", DOMAINS[index])),
            window,
            foreign,
            policy: rls::service::Policy::Everyone,
            ..Lists::default()
        }),
        ..Settings::default()
    })
}

struct Node {
    settings: Arc<Settings>,
    shards: u16,
    host: Option<Host>,
    epoch: u32,
    rows: BTreeMap<RowKey, Row>,
    library: Library,
    manners: Manners,
    etags: BTreeMap<&'static str, String>,
    /// The members of its list.
    team: Vec<&'static str>,
}

/// Who watches a list by RFC 4662 §5.6.
#[derive(Default)]
struct Watcher {
    /// How many dialogs there were before.
    calls: u32,
    cseq: u32,
    tag: Option<String>,
    heard: u32,
    table: rlmi::Table,
}

struct World {
    random: Random,
    now: Timestamp,
    nodes: [Node; 2],
    watchers: [Watcher; 2],
    /// What is on its way: from, to, octets.
    network: BTreeMap<(Timestamp, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
    /// One message of four is lost, and all take their time.
    lossy: bool,
    branches: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let window = Duration::from_secs(random.below(3));
        let node = |index| Node {
            settings: settings(index, window),
            shards: 1 + u16::try_from(seed % 3).expect("a small number"),
            host: None,
            epoch: 0,
            rows: BTreeMap::new(),
            library: Library::default(),
            manners: Manners::default(),
            etags: BTreeMap::new(),
            team: Vec::new(),
        };
        let mut world = Self {
            nodes: [node(0), node(1)],
            random,
            now: Timestamp::from_secs(1_700_000_000),
            watchers: Default::default(),
            network: BTreeMap::new(),
            sent: 0,
            lossy: true,
            branches: 0,
        };
        (0..2).for_each(|index| world.start(index));
        (0..2).for_each(|index| world.edit(index));
        world
    }

    /// The list of a node has other members, by chance, and always the list of the other node.
    fn edit(&mut self, index: usize) {
        let own = MEMBERS.into_iter().filter(|member| member.ends_with(DOMAINS[index]));
        let team: Vec<_> = own.filter(|_| self.random.chance(60)).collect();
        let entries: String =
            team.iter().chain([&TEAMS[1 - index]]).map(|uri| format!("<rl:entry uri=\"{uri}\"/>")).collect();
        let document = format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\" xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\">\
             <service uri=\"{}\"><list>{entries}</list></service></rls-services>",
            TEAMS[index]
        );
        let owner = format!("sip:m1@{}", DOMAINS[index]);
        let selector = DocumentSelector::of_user("rls-services", &owner, "index");
        let (now, node) = (self.now, &mut self.nodes[index]);
        let Some(host) = &mut node.host else { return };
        let said = host.change(now, |library| library.write(now, &selector, Some(document.as_bytes())));
        node.team = team;
        self.take(index, said);
    }

    fn start(&mut self, index: usize) {
        let seed = self.random.next();
        let node = &mut self.nodes[index];
        node.epoch += 1;
        let rows: Vec<Row> = node.rows.values().cloned().collect();
        let (host, said) = Host::start(
            self.now,
            node.settings.clone(),
            node.shards,
            Epoch(node.epoch),
            seed,
            rows,
            node.library.clone(),
        );
        node.host = Some(host);
        self.take(index, said);
    }

    fn crash(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.host = None;
        node.manners.crashed(self.now, Duration::ZERO);
    }

    /// Puts what a node says on the network.
    fn take(&mut self, index: usize, said: Vec<Said>) {
        for said in said {
            let message = Message::read(&said.bytes).expect("the node speaks SIP");
            let verdict = self.nodes[index].manners.said(self.now, said.flow, &message);
            verdict.unwrap_or_else(|rule| panic!("{rule}\n{message}"));
            self.send(node_address(index), said.flow.remote, said.bytes);
        }
        let node = &mut self.nodes[index];
        let changes = node.host.as_mut().map(Host::take_rows).unwrap_or_default();
        keep(&mut node.rows, changes);
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.lossy && self.random.chance(25) {
            return;
        }
        let delay = self.random.below(if self.lossy { 400 } else { 20 });
        self.sent += 1;
        self.network.insert((self.now + Duration::from_millis(delay), self.sent), (from, to, bytes));
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if let Some(index) = (0..2).find(|index| node_address(*index) == to) {
            self.receive(index, from, bytes);
        } else if let Some(index) = (0..2).find(|index| watcher_address(*index) == to) {
            let message = Message::read(bytes).expect("SIP");
            self.hear(index, &message);
        }
    }

    fn receive(&mut self, index: usize, from: SocketAddr, bytes: &[u8]) {
        let flow =
            Flow { protocol: Protocol::Udp, local: Local(0), remote: from, connection: Connection::NONE };
        let node = &mut self.nodes[index];
        let Some(host) = &mut node.host else { return };
        node.manners.heard(self.now, flow, bytes);
        let said = host.receive(self.now, flow, bytes);
        self.take(index, said);
    }

    fn hear(&mut self, index: usize, message: &Message) {
        let watcher = &mut self.watchers[index];
        let is_its = message.get("Call-ID") == Some(&format!("list{index}-{}", watcher.calls));
        if let Some(status) = message.status() {
            // Too many NOTIFYs were lost in a row: the subscription is over, and there is another.
            if status == 481 && is_its {
                *watcher = Watcher { calls: watcher.calls + 1, ..Watcher::default() };
                self.subscribe(index);
            }
            return;
        }
        let cseq = message.cseq().expect("it has one").0;
        if is_its && cseq > watcher.heard {
            watcher.heard = cseq;
            watcher.table.apply(&rlmi::read(message).expect("a list"));
            watcher.tag = message.from_tag().map(str::to_owned);
        }
        let answer = message.answer(200, "OK").close(Vec::new()).print();
        self.send(watcher_address(index), node_address(index), answer);
        if self.watchers[index].table.has_gap() {
            self.subscribe(index);
        }
    }

    /// Subscribes to the list, or refreshes: the first one brings it.
    fn subscribe(&mut self, index: usize) {
        self.branches += 1;
        let domain = DOMAINS[index];
        let watcher = &mut self.watchers[index];
        watcher.cseq += 1;
        let tag = watcher.tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let body = if tag.is_empty() {
            rlmi::request(&(MEMBERS.join(" ") + " " + TEAMS[1 - index]))
        } else {
            String::new()
        };
        let contains = "Require: recipient-list-subscribe\r\nContent-Type: application/resource-lists+xml\r\n\
                        Content-Disposition: recipient-list\r\n";
        let text = format!(
            "SUBSCRIBE sip:rls@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKw{}\r\nMax-Forwards: 70\r\n\
             From: <sip:w{index}@{domain}>;tag=w\r\nTo: <sip:rls@{domain}>{tag}\r\nCall-ID: list{index}-{}\r\n\
             CSeq: {} SUBSCRIBE\r\nContact: <sip:w{index}@{}>\r\nEvent: presence\r\nExpires: 3600\r\n\
             Supported: eventlist\r\n{}Content-Length: {}\r\n\r\n{body}",
            watcher_address(index),
            self.branches,
            watcher.calls,
            watcher.cseq,
            watcher_address(index),
            if body.is_empty() { "" } else { contains },
            body.len()
        );
        // It comes to its own server without loss: that is not what is looked at here.
        self.receive(index, watcher_address(index), text.as_bytes());
    }

    /// A member says something new at its own server, if that runs.
    fn publish(&mut self, member: &'static str) {
        let index = usize::from(member.ends_with(DOMAINS[1]));
        let Some(host) = &mut self.nodes[index].host else { return };
        self.branches += 1;
        let line = format!(
            "t1 {} \"{}\"",
            if self.branches.is_multiple_of(2) { "open" } else { "closed" },
            self.branches
        );
        let body = pidf::write(member, &line).expect("a document");
        let etag = self.nodes[index].etags.get(member);
        let condition = etag.map_or(String::new(), |etag| format!("SIP-If-Match: {etag}\r\n"));
        let source = SocketAddr::from(([192, 0, 2, 30], 5060));
        let text = format!(
            "PUBLISH {member} SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bKp{}\r\nMax-Forwards: 70\r\n\
             From: <{member}>;tag=p\r\nTo: <{member}>\r\nCall-ID: p{}\r\nCSeq: {} PUBLISH\r\nEvent: presence\r\n\
             Expires: 3600\r\n{condition}Content-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
            self.branches,
            self.branches,
            self.branches,
            body.len()
        );
        let flow =
            Flow { protocol: Protocol::Udp, local: Local(0), remote: source, connection: Connection::NONE };
        self.nodes[index].manners.heard(self.now, flow, text.as_bytes());
        let said = host.receive(self.now, flow, text.as_bytes());
        let answer = said.iter().find(|said| said.flow.remote == source).expect("answered at once");
        let answer = Message::read(&answer.bytes).expect("SIP");
        assert_eq!(answer.status(), Some(200), "{answer}");
        let etag = answer.get("SIP-ETag").expect("an entity-tag").to_owned();
        self.nodes[index].etags.insert(member, etag);
        self.take(index, said);
    }

    /// What a subscription of a watcher's own shows at the server of a member.
    fn fetch(&mut self, watcher: usize, member: &str) -> String {
        self.branches += 1;
        let index = usize::from(member.ends_with(DOMAINS[1]));
        let source = SocketAddr::from(([192, 0, 2, 31], 5060));
        let text = format!(
            "SUBSCRIBE {member} SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bKf{}\r\nMax-Forwards: 70\r\n\
             From: <sip:w{watcher}@{}>;tag=f\r\nTo: <{member}>\r\nCall-ID: f{}\r\nCSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:f@{source}>\r\nEvent: presence\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n",
            self.branches, DOMAINS[watcher], self.branches
        );
        let flow =
            Flow { protocol: Protocol::Udp, local: Local(0), remote: source, connection: Connection::NONE };
        let node = &mut self.nodes[index];
        node.manners.heard(self.now, flow, text.as_bytes());
        let host = node.host.as_mut().expect("it runs");
        let said = host.receive(self.now, flow, text.as_bytes());
        let read = |said: &Said| Message::read(&said.bytes).expect("SIP");
        let notify = said.iter().map(read).find(|message| message.method() == Some("NOTIFY"));
        let notify = notify.expect("a NOTIFY follows at once");
        let mut queue = VecDeque::from([notify.answer(200, "OK").close(Vec::new()).print()]);
        self.take(index, said);
        while let Some(answer) = queue.pop_front() {
            self.receive(index, source, &answer);
        }
        pidf::read(&notify.body).expect("a document").0
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let due = |node: &Node| node.host.as_ref().and_then(Host::deadline);
            let deadlines = self.nodes.iter().filter_map(due);
            let arrival = self.network.keys().next().map(|(at, _)| *at);
            let Some(at) = deadlines.chain(arrival).min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            while let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (from, to, bytes) = entry.remove();
                self.deliver(from, to, &bytes);
            }
            for index in 0..2 {
                let Some(host) = &mut self.nodes[index].host else { continue };
                if host.deadline().is_some_and(|deadline| deadline <= self.now) {
                    let said = host.tick(self.now);
                    self.take(index, said);
                }
            }
        }
        self.now = until;
    }

    fn event(&mut self) {
        match self.random.below(10) {
            0..=5 => {
                let member = *self.random.pick(&MEMBERS);
                self.publish(member);
            }
            6 => {
                let index = usize::from(self.random.chance(50));
                if self.nodes[index].host.is_some() {
                    self.crash(index);
                } else {
                    self.start(index);
                }
            }
            7 => {
                let index = usize::from(self.random.chance(50));
                if self.nodes[index].host.is_some() && self.watchers[index].tag.is_some() {
                    self.subscribe(index);
                }
            }
            8 => {
                let index = usize::from(self.random.chance(50));
                self.edit(index);
            }
            _ => {}
        }
        let time = self.random.span(Duration::ZERO, Duration::from_secs(20));
        self.pass(time);
    }
}

fn run(seed: u64) -> u64 {
    let mut world = World::new(seed);
    world.subscribe(0);
    world.subscribe(1);
    // The first NOTIFY says which dialog it is.
    world.lossy = false;
    world.pass(Duration::from_secs(2));
    world.lossy = true;
    for _ in 0..40 {
        world.event();
    }
    for index in 0..2 {
        if world.nodes[index].host.is_none() {
            world.start(index);
        }
    }
    world.lossy = false;
    (0..2).for_each(|index| world.subscribe(index));
    // The longest wait between two attempts is five minutes, the longest silence that is noticed a lifetime.
    world.pass(Duration::from_secs(1200));
    for index in 0..2 {
        let held = world.watchers[index].table.rows.clone();
        let team = world.watchers[index].table.lists.get(TEAMS[1 - index]).cloned().expect("a list");
        let mut expected = BTreeMap::from([(TEAMS[index].to_owned(), Some("terminated giveup".to_owned()))]);
        for member in world.nodes[1 - index].team.clone() {
            expected.insert(member.to_owned(), Some(world.fetch(index, member)));
        }
        assert_eq!(team.rows, expected, "seed {seed}, watcher {index}");
        for member in MEMBERS {
            let shown = world.fetch(index, member);
            assert_eq!(
                held.get(member),
                Some(&Some(shown)),
                "seed {seed}, watcher {index}, {member}: {held:#?}"
            );
        }
        let metrics = world.nodes[index].host.as_ref().expect("it runs").metrics();
        assert_eq!((metrics.backend_active, metrics.backend_unknown), (4, 0));
    }
    world.sent
}

#[test]
fn lists_with_members_of_another_node_converge_whatever_is_lost_or_crashes() {
    let seeds = std::env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    for seed in 1..=seeds {
        run(seed);
    }
}

#[test]
fn a_seed_gives_the_same_run() {
    assert_eq!(run(3), run(3));
}
