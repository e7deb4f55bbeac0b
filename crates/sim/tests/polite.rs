//! A politely blocked watcher beside one of somebody who is not there: whatever the presentity does, and whatever the
//! watcher does to find out, both hear the same messages at the same instants of virtual time.
//!
//! How long documents take to be read is left out: it is the same for all who ask while they are read.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use node::{Epoch, Limits, Listener, Row, RowKey, Settings};
use presence::{Lifetimes, Policy, PublishPolicy, Watch};
use sim::host::{Host, Said, keep};
use sim::library::Library;
use sim::pidf;
use sim::random::Random;
use sim::wire::Message;
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};
use xcap::DocumentSelector;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const ALICE: &str = "sip:alice@example.com";
const BOB: u8 = 9;
const OTHERS: u8 = 10;
/// What Bob asks for; the last is refused.
const EXPIRES: [&str; 5] = ["15", "60", "90", "0", "5"];

fn settings(random: &mut Random) -> Arc<Settings> {
    let lifetimes = Lifetimes {
        min: Duration::from_secs(10),
        default: Duration::from_secs(60),
        max: Duration::from_secs(120),
    };
    Arc::new(Settings {
        domains: vec!["example.com".into()],
        listeners: vec![Listener { protocol: Protocol::Udp, sent_by: "192.0.2.250:5060".into() }],
        authentication: sip_stack::auth::Settings { open: true, ..Default::default() },
        policy: Policy {
            watch: Watch::Everyone,
            publish: PublishPolicy::Oneself,
            roots: xcap::Roots::own(["http://xcap.example.com"]),
            ..Policy::default()
        },
        publications: lifetimes,
        subscriptions: lifetimes,
        pace: Duration::from_secs(*random.pick(&[0, 1, 5])),
        limits: Limits {
            unanswered: *random.pick(&[1, 3]),
            window: *random.pick(&[1, 64]),
            ..Limits::default()
        },
        ..Settings::default()
    })
}

fn flow(host: u8) -> Flow {
    let remote = ([192, 0, 2, host], 5060).into();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

/// What happens at an instant. What Alice does happens only where she is there.
#[derive(Clone, Debug)]
enum Act {
    /// Bob subscribes in this dialog, refreshes, or ends it.
    Bob {
        dialog: usize,
        package: &'static str,
        expires: &'static str,
    },
    /// Bob publishes for Alice, which he may not.
    BobPublishes,
    /// Alice says something, and for how long; with nothing she takes it back.
    Says(Option<&'static str>),
    /// She changes her rules for others, or the list that Bob is in.
    Rules(u64),
    /// She watches her watchers, or Carol her.
    Watches(u64),
    /// She writes her permanent state, or deletes it.
    Permanent(Option<u64>),
    /// Others, whom Bob does not watch, publish: all shards are alive.
    Others,
    Crash,
    Reconfigure,
}

/// The same acts for both worlds, by time.
fn script(random: &mut Random) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    let mut at = Duration::from_secs(1);
    for _ in 0..120 {
        let expires = random.pick(&EXPIRES);
        let act = match random.below(21) {
            0..=4 => Act::Bob {
                dialog: usize::try_from(random.below(3)).expect("one of three"),
                package: "presence",
                expires,
            },
            5 => Act::Bob { dialog: 3, package: "presence.winfo", expires },
            6 => Act::BobPublishes,
            7..=12 => Act::Says(random.chance(80).then(|| *random.pick(&["15", "60"]))),
            13..=14 => Act::Rules(random.next()),
            15..=16 => Act::Watches(random.next()),
            17 => Act::Permanent(random.chance(60).then(|| random.below(100))),
            18 => {
                // What happened elsewhere bounds when the server stopped, as rows tell it.
                acts.push((at, Act::Others));
                Act::Crash
            }
            19 => Act::Reconfigure,
            _ => Act::Others,
        };
        acts.push((at, act));
        let most = Duration::from_secs(*random.pick(&[1, 10, 90]));
        at += random.span(Duration::ZERO, most);
    }
    acts
}

/// What Bob has of one of his subscriptions.
#[derive(Clone, Default)]
struct Dialog {
    call: u32,
    cseq: u32,
    tag: Option<String>,
}

struct World {
    /// Whether Alice is there, and blocks Bob politely.
    there: bool,
    settings: Arc<Settings>,
    shards: u16,
    host: Host,
    epoch: u32,
    now: Timestamp,
    rows: BTreeMap<RowKey, Row>,
    library: Library,
    /// What Bob answers is drawn from this, NOTIFY by NOTIFY.
    bobs: Random,
    dialogs: Vec<Dialog>,
    /// Answers of Bob on their way.
    answers: Vec<(Timestamp, Vec<u8>)>,
    tags: BTreeMap<String, Option<String>>,
    requests: u64,
    others: Vec<Message>,
    /// What Bob heard, with names in place of what is drawn by chance.
    heard: Vec<String>,
    names: BTreeMap<String, usize>,
    /// What Alice's other watchers and herself heard.
    told: u64,
}

impl World {
    fn new(seed: u64, there: bool) -> Self {
        let mut random = Random::new(seed);
        let settings = settings(&mut random);
        let shards = u16::try_from(random.between(1, 3)).expect("a small number");
        let library = Library::default();
        let mut world = Self {
            there,
            host: Host::start(START, settings.clone(), shards, Epoch(1), seed, [], library.clone()).0,
            settings,
            shards,
            epoch: 1,
            now: START,
            rows: BTreeMap::new(),
            library,
            bobs: Random::new(random.next()),
            dialogs: vec![Dialog::default(); 4],
            answers: Vec::new(),
            tags: BTreeMap::new(),
            requests: 0,
            others: Vec::new(),
            heard: Vec::new(),
            names: BTreeMap::new(),
            told: 0,
        };
        if there {
            world.rules(1);
        }
        world
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Bob { dialog, package, expires } => self.bob_subscribes(*dialog, package, expires),
            Act::BobPublishes => self.bob_publishes(),
            Act::Others => {
                for number in 0..8 {
                    self.publishes(&format!("sip:u{number}@example.com"), Some("60"), "t open");
                }
            }
            Act::Crash => self.crash(),
            Act::Reconfigure => {
                let said = self.host.reconfigure(self.now, self.settings.clone());
                self.take(said);
            }
            Act::Says(_) | Act::Rules(_) | Act::Watches(_) | Act::Permanent(_) if !self.there => {}
            Act::Says(expires) => {
                self.publishes(ALICE, *expires, &format!("t open \"{}\"; person busy", self.requests));
            }
            Act::Rules(how) => self.rules(*how),
            Act::Watches(how) => self.watches(*how),
            Act::Permanent(how) => {
                let body =
                    how.map(|words| pidf::write(ALICE, &format!("p open \"{words}\"")).expect("a document"));
                self.write("pidf-manipulation", "perm-presence", body.as_deref());
            }
        }
    }

    // ---- Bob

    fn bob_subscribes(&mut self, dialog: usize, package: &str, expires: &str) {
        let known = &mut self.dialogs[dialog];
        if known.tag.is_none() {
            known.call += 1;
            known.cseq = 0;
        }
        known.cseq += 1;
        let tag = known.tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let (call, cseq) = (known.call, known.cseq);
        self.bob(&format!(
            "SUBSCRIBE {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb{dialog}-{call}-{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=b{dialog}\r\nTo: <{ALICE}>{tag}\r\n\
             Call-ID: {dialog}-{call}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:bob@192.0.2.9>\r\n\
             Event: {package}\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
        ));
        if expires == "0" {
            self.dialogs[dialog].tag = None;
        }
    }

    fn bob_publishes(&mut self) {
        let body = pidf::write(ALICE, "t closed").expect("a document");
        let number = self.heard.len();
        self.bob(&format!(
            "PUBLISH {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@example.com>;tag=p\r\nTo: <{ALICE}>\r\nCall-ID: p{number}\r\nCSeq: 1 PUBLISH\r\n\
             Event: presence\r\nContent-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }

    fn bob(&mut self, request: &str) {
        let said = self.host.receive(self.now, flow(BOB), request.as_bytes());
        self.take(said);
    }

    fn bob_hears(&mut self, message: &Message) {
        let mut text = message.to_string();
        let tags =
            [message.from_tag(), message.to_tag()].into_iter().flatten().map(|tag| format!("tag={tag}"));
        let branch = message.branch().map(|branch| format!("branch={branch}"));
        // What a whole shard counts says little of Alice: branches, and the ids of watchers.
        let ids = text.split("<watcher id=").skip(1).filter_map(|id| id.split(' ').next());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        for drawn in tags.chain(branch).chain(ids).collect::<Vec<_>>() {
            let number = self.names.len();
            let number = *self.names.entry(drawn.clone()).or_insert(number);
            text = text.replace(&drawn, &format!("<{number}>"));
        }
        self.heard.push(format!("+{:?} {text}", self.now.since(START)));
        let call = message.get("Call-ID").unwrap_or_default().to_owned();
        let dialog = self
            .dialogs
            .iter()
            .enumerate()
            .position(|(place, dialog)| call == format!("{place}-{}", dialog.call));
        if message.status().is_some() {
            if let (Some(200..=299), Some(dialog), Some("SUBSCRIBE")) =
                (message.status(), dialog, message.cseq().map(|(_, method)| method))
            {
                let over = message.get("Expires") == Some("0");
                self.dialogs[dialog].tag = message.to_tag().filter(|_| !over).map(str::to_owned);
            } else if let (Some(481), Some(dialog)) = (message.status(), dialog) {
                self.dialogs[dialog].tag = None;
            }
            return;
        }
        // Some of these end the subscription, some ask for another NOTIFY, some are never given.
        let answer = match self.bobs.below(10) {
            0 => return,
            1 => message.answer(500, "Failure").close(Vec::new()),
            2 => {
                let mut answer = message.answer(503, "Busy");
                answer.add("Retry-After", self.bobs.pick(&["1", "10"]));
                answer.close(Vec::new())
            }
            _ => message.answer(200, "OK").close(Vec::new()),
        };
        let delay = Duration::from_millis(*self.bobs.pick(&[0, 0, 20, 3000]));
        self.answers.push((self.now + delay, answer.print()));
    }

    // ---- Alice, and others

    fn publishes(&mut self, who: &str, expires: Option<&str>, line: &str) {
        let known = self.tags.get(who).cloned().flatten();
        if expires.is_none() && known.is_none() {
            return;
        }
        let body = expires.map_or(String::new(), |_| pidf::write(who, line).expect("a document"));
        let tag = known.map_or(String::new(), |tag| format!("SIP-If-Match: {tag}\r\n"));
        let kind = if body.is_empty() { "" } else { "Content-Type: application/pidf+xml\r\n" };
        let answer = self.ask(&format!(
            "PUBLISH {who} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=BRANCH\r\nMax-Forwards: 70\r\n\
             From: <{who}>;tag=p\r\nTo: <{who}>\r\nCall-ID: NUMBER\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\n\
             Expires: {}\r\n{tag}{kind}Content-Length: {}\r\n\r\n{body}",
            expires.unwrap_or("0"),
            body.len()
        ));
        let tag = answer.get("SIP-ETag").filter(|_| expires.is_some()).map(str::to_owned);
        self.tags.insert(who.to_owned(), tag);
    }

    /// In all of these Bob is politely blocked, by his name or by a list, and Carol is not.
    fn rules(&mut self, how: u64) {
        let bob = if how.is_multiple_of(2) {
            "<cr:identity><cr:one id='sip:bob@example.com'/></cr:identity>".to_owned()
        } else {
            let anchor = format!(
                "http://xcap.example.com/resource-lists/users/{ALICE}/index/~~/resource-lists/list%5b@name=%22a%22%5d"
            );
            format!("<op:external-list><op:entry anc='{anchor}'/></op:external-list>")
        };
        let carol = ["allow", "block", "confirm"][usize::try_from(how / 2 % 3).expect("below three")];
        let members: String =
            (0..how / 8 % 4).map(|n| format!("<entry uri='sip:u{n}@example.com'/>")).collect();
        let list = format!(
            "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='a'>{members}\
             <entry uri='sip:bob@example.com'/></list></resource-lists>"
        );
        let rules = format!(
            "<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' xmlns:pr='urn:ietf:params:xml:ns:pres-rules' \
             xmlns:op='urn:oma:xml:xdm:common-policy'><cr:rule id='b'><cr:conditions>{bob}</cr:conditions><cr:actions>\
             <pr:sub-handling>polite-block</pr:sub-handling></cr:actions></cr:rule><cr:rule id='c'><cr:conditions>\
             <cr:identity><cr:one id='sip:carol@example.com'/><cr:one id='{ALICE}'/></cr:identity></cr:conditions>\
             <cr:actions><pr:sub-handling>{carol}</pr:sub-handling></cr:actions><cr:transformations>\
             <pr:provide-services><pr:all-services/></pr:provide-services></cr:transformations></cr:rule></cr:ruleset>"
        );
        self.write("resource-lists", "index", Some(&list));
        self.write("org.openmobilealliance.pres-rules", "pres-rules", Some(&rules));
    }

    fn watches(&mut self, how: u64) {
        let who = if how.is_multiple_of(2) { ALICE } else { "sip:carol@example.com" };
        let package = if how.is_multiple_of(4) { "presence.winfo" } else { "presence" };
        self.ask(&format!(
            "SUBSCRIBE {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=BRANCH\r\nMax-Forwards: 70\r\n\
             From: <{who}>;tag=w\r\nTo: <{ALICE}>\r\nCall-ID: NUMBER\r\nCSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:x@192.0.2.10>\r\nEvent: {package}\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
        ));
    }

    fn ask(&mut self, text: &str) -> Message {
        self.requests += 1;
        let number = self.requests.to_string();
        let text = text.replace("BRANCH", &format!("z9hG4bKo{number}")).replace("NUMBER", &number);
        self.others.clear();
        let said = self.host.receive(self.now, flow(OTHERS), text.as_bytes());
        self.take(said);
        self.others.pop().expect("everything that is asked is answered at once")
    }

    fn write(&mut self, auid: &str, name: &str, body: Option<&str>) {
        let (document, now) = (DocumentSelector::of_user(auid, ALICE, name), self.now);
        let said = self.host.change(now, |library| library.write(now, &document, body.map(str::as_bytes)));
        self.take(said);
    }

    // ---- the node

    fn take(&mut self, said: Vec<Said>) {
        for said in said {
            let message = Message::read(&said.bytes).expect("the node speaks SIP");
            if said.flow.remote == flow(BOB).remote {
                self.bob_hears(&message);
            } else if message.status().is_some() {
                self.others.push(message);
            } else {
                self.told += 1;
                let answer = message.answer(200, "OK").close(Vec::new()).print();
                let more = self.host.receive(self.now, said.flow, &answer);
                self.take(more);
            }
        }
        keep(&mut self.rows, self.host.take_rows());
    }

    fn pass(&mut self, until: Timestamp) {
        loop {
            let answered = self.answers.iter().map(|(at, _)| *at).min();
            let next = self.host.deadline().into_iter().chain(answered).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            if let Some(place) = self.answers.iter().position(|(at, _)| *at <= self.now) {
                let (_, answer) = self.answers.remove(place);
                let said = self.host.receive(self.now, flow(BOB), &answer);
                self.take(said);
            } else {
                let said = self.host.tick(self.now);
                self.take(said);
            }
        }
        self.now = until;
    }

    fn crash(&mut self) {
        self.epoch += 1;
        let rows: Vec<_> = self.rows.values().cloned().collect();
        let (settings, library, epoch) = (self.settings.clone(), self.library.clone(), Epoch(self.epoch));
        let seed = (1 << 32) + u64::from(epoch.0);
        let (host, said) = Host::start(self.now, settings, self.shards, epoch, seed, rows, library);
        self.host = host;
        self.take(said);
    }
}

#[test]
fn who_is_politely_blocked_hears_what_watchers_of_the_absent_hear() {
    let (mut heard, mut notified, mut told) = (0, 0, 0);
    for seed in 0..40 {
        let script = script(&mut Random::new(seed ^ 0x5eed));
        let mut worlds = [World::new(seed, true), World::new(seed, false)];
        for world in &mut worlds {
            for (at, act) in &script {
                world.pass(START + *at);
                world.act(act);
            }
            world.pass(world.now + Duration::from_secs(200));
        }
        let [there, absent] = &worlds;
        for (one, other) in there.heard.iter().zip(&absent.heard) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(there.heard.get(absent.heard.len()), None, "seed {seed}");
        assert_eq!(absent.heard.get(there.heard.len()), None, "seed {seed}");
        heard += there.heard.len();
        notified += there.heard.iter().filter(|message| message.contains("NOTIFY sip:")).count();
        told += there.told;
    }
    // The runs are worth something only if Alice did things that others were told of.
    assert!(heard > 3000 && notified > 1700 && told > 800, "{heard} {notified} {told}");
}
