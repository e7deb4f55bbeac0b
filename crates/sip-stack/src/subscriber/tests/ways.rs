//! A subscriber in a node: places are asked for, and tried one after the other. RFC 3263 §4.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use sip::{Aor, Limits, Message, Name, NameAddr};

use crate::client_transaction::Timers;
use crate::dialog::LocalTag;
use crate::effect::Effect;
use crate::endpoint::{Endpoint, Failure, Hosted, Settings, Way};
use crate::scene::START;
use crate::subscriber::{Lists, Report, State, Subscriber, Termination, Watch};
use crate::{Connection, Flow, Local, Protocol, Timestamp};

struct Node {
    endpoint: Endpoint,
    subscriber: Subscriber,
    now: Timestamp,
    sent: Vec<(Flow, String)>,
    reports: Vec<Report>,
}

fn way(protocol: Protocol, last: u8) -> Way {
    let remote = SocketAddr::from(([192, 0, 2, last], 5060));
    let flow = Flow { protocol, local: Local(0), remote, connection: Connection::NONE };
    Way { flow, sent_by: "203.0.113.1:5060".into() }
}

fn field(text: &str, name: Name) -> String {
    Message::parse(text.as_bytes(), &Limits::default()).unwrap().get(name).unwrap().to_owned()
}

fn branch(text: &str) -> String {
    field(text, Name::Via).split("branch=").nth(1).unwrap().split(';').next().unwrap().to_owned()
}

impl Node {
    fn new() -> Self {
        let settings = Settings {
            aor: Aor::parse("sip:bob@example.com").unwrap(),
            sent_by: String::new(),
            protocol: Protocol::Udp,
            outbound: None,
            account: None,
            user_agent: "node".into(),
            timers: Timers::default(),
            hosted: Some(Hosted { partition: 0xabc, branch: "z9hG4bKnode".into() }),
        };
        let watch = Watch {
            target: "sip:alice@example.net".into(),
            event: "presence".into(),
            accept: vec!["application/pidf+xml".into()],
            expires: Duration::from_secs(3600),
            lists: Lists::Unsupported,
            fields: vec![(Name::PAssertedIdentity, "<sip:bob@example.com>".into())],
            body: None,
        };
        let mut endpoint = Endpoint::new(settings, [9; 32]);
        let (subscriber, effects) = Subscriber::start(START, watch, &mut endpoint);
        let mut node = Self { endpoint, subscriber, now: START, sent: Vec::new(), reports: Vec::new() };
        node.apply(effects);
        node
    }

    fn apply(&mut self, effects: Vec<Effect<Report>>) {
        for effect in effects {
            match effect {
                Effect::Send { flow, message, hop: _ } => {
                    let text = String::from_utf8(message.to_vec()).unwrap();
                    self.sent.push((flow.expect("a node knows the way"), text));
                }
                Effect::Report(report) => self.reports.push(report),
            }
        }
    }

    fn locate(&mut self, ways: Vec<Way>) -> String {
        let hop = self.subscriber.wanted().expect("a place is wanted").to_owned();
        let effects = self.subscriber.located(self.now, &hop, ways, &mut self.endpoint);
        self.apply(effects);
        hop
    }

    fn take(&mut self) -> (Flow, String) {
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0)
    }

    fn respond(&mut self, request: &str, status: u16) {
        let via = field(request, Name::Via);
        let text = format!("SIP/2.0 {status} X\r\nVia: {via}\r\nContent-Length: 0\r\n\r\n");
        let response = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let effects = self.subscriber.response(self.now, &branch(request), &response, &mut self.endpoint);
        self.apply(effects);
    }

    fn notify(&mut self, request: &str, contact: &str, state: &str) {
        self.notify_numbered(request, contact, state, 1);
    }

    fn notify_again(&mut self, request: &str, cseq: u32) {
        self.notify_numbered(request, "sip:ps.example.net;transport=tcp", "active;expires=3600", cseq);
    }

    fn notify_numbered(&mut self, request: &str, contact: &str, state: &str, cseq: u32) {
        let tag = field(request, Name::From).split("tag=").nth(1).unwrap().to_owned();
        let text = format!(
            "NOTIFY sip:203.0.113.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:alice@example.net>;tag=n\r\n\
             To: <sip:bob@example.com>;tag={tag}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nContact: <{contact}>\r\nEvent: presence\r\n\
             Subscription-State: {state}\r\nContent-Length: 0\r\n\r\n",
            field(request, Name::CallId)
        );
        let notify = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let effects = self.subscriber.notify(self.now, &notify, &mut self.endpoint).unwrap();
        self.apply(effects);
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(deadline) = self.subscriber.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            let effects = self.subscriber.tick(self.now, &mut self.endpoint);
            self.apply(effects);
        }
        self.now = end;
    }
}

#[test]
fn nothing_is_written_before_the_place_is_known() {
    let mut node = Node::new();
    assert_eq!((node.sent.len(), node.subscriber.deadline()), (0, None));
    assert_eq!(node.locate(vec![way(Protocol::Tcp, 7)]), "sip:alice@example.net");
    let (flow, text) = node.take();
    assert_eq!(flow, way(Protocol::Tcp, 7).flow);
    assert!(field(&text, Name::Via).starts_with("SIP/2.0/TCP 203.0.113.1:5060;branch=z9hG4bKnode"));
    assert_eq!(field(&text, Name::Contact), "<sip:203.0.113.1:5060;transport=tcp>");
    assert_eq!(field(&text, Name::PAssertedIdentity), "<sip:bob@example.com>");
    let from = field(&text, Name::From);
    let tag = LocalTag::parse(NameAddr::parse(&from).unwrap().tag().unwrap()).unwrap();
    assert_eq!(tag.partition, 0xabc);
    node.pass(31);
    assert_eq!(node.sent, [], "a stream loses nothing");
}

#[test]
fn a_503_and_a_lost_connection_lead_to_the_next_place_with_the_same_request() {
    let mut node = Node::new();
    node.locate(vec![way(Protocol::Udp, 1), way(Protocol::Udp, 2), way(Protocol::Udp, 3)]);
    let (_, first) = node.take();
    node.respond(&first, 503);
    let (flow, second) = node.take();
    assert_eq!(flow, way(Protocol::Udp, 2).flow);
    let but_branch = |text: &str| text.replace(&branch(text), "");
    assert_ne!(branch(&first), branch(&second));
    assert_eq!(but_branch(&first), but_branch(&second), "RFC 3263 §4.3");
    node.respond(&first, 200); // too late: that place was given up
    let effects = node.subscriber.unreachable(node.now, &mut node.endpoint);
    node.apply(effects);
    let (flow, third) = node.take();
    assert_eq!(flow, way(Protocol::Udp, 3).flow);
    node.respond(&third, 503);
    assert!(node.sent.is_empty(), "there is no other");
    assert!(matches!(&node.reports[..], [Report::Retrying { live: false, .. }]), "{:?}", node.reports);
    node.pass(5);
    assert_eq!(node.locate(vec![way(Protocol::Udp, 1)]), "sip:alice@example.net", "asked for again");
    assert_ne!(field(&node.take().1, Name::CallId), field(&third, Name::CallId));
}

#[test]
fn silence_leads_to_the_next_place_but_not_after_a_provisional_response() {
    let mut node = Node::new();
    node.locate(vec![way(Protocol::Udp, 1), way(Protocol::Udp, 2), way(Protocol::Udp, 3)]);
    node.pass(31);
    assert!(node.sent.iter().all(|(flow, _)| *flow == way(Protocol::Udp, 1).flow));
    node.sent.clear();
    node.pass(1);
    let (flow, text) = node.sent.pop().unwrap();
    assert_eq!(flow, way(Protocol::Udp, 2).flow, "after Timer F");
    node.sent.clear();
    node.respond(&text, 100);
    node.pass(32);
    assert!(node.sent.iter().all(|(flow, _)| *flow == way(Protocol::Udp, 2).flow));
    assert!(matches!(node.reports[..], [Report::Retrying { failure: Failure::TimedOut, .. }]));
}

#[test]
fn another_answer_than_503_is_an_answer() {
    let mut node = Node::new();
    node.locate(vec![way(Protocol::Udp, 1), way(Protocol::Udp, 2)]);
    let (_, text) = node.take();
    node.respond(&text, 404);
    assert!(node.sent.is_empty());
    let refused = Failure::Refused { status: 404, reason: "X".into() };
    assert_eq!(node.reports, [Report::Over(Termination::Failed(refused))]);
}

#[test]
fn a_refresh_goes_where_the_dialog_leads() {
    let mut node = Node::new();
    node.locate(vec![way(Protocol::Udp, 1)]);
    let (_, text) = node.take();
    node.respond(&text, 200);
    node.notify(&text, "sip:ps.example.net", "active;expires=3600");
    node.pass(3500);
    assert_eq!(node.locate(vec![way(Protocol::Udp, 4), way(Protocol::Udp, 5)]), "sip:ps.example.net");
    let (flow, refresh) = node.take();
    assert_eq!((flow, node.subscriber.under_way()), (way(Protocol::Udp, 4).flow, Some(flow)));
    node.respond(&refresh, 503);
    assert_eq!(node.take().0, way(Protocol::Udp, 5).flow);
    assert!(node.reports.iter().all(|report| matches!(
        report,
        Report::Notice(notice) if notice.state == State::Active
    )));
}

#[test]
fn a_hop_that_leads_nowhere_is_one_failure() {
    let mut node = Node::new();
    node.locate(Vec::new());
    assert!(matches!(node.reports[..], [Report::Retrying { failure: Failure::Unreachable, .. }]));
    node.pass(5);
    assert!(node.subscriber.wanted().is_some());
    let stale = Arc::<str>::from("sip:elsewhere.example");
    let effects = node.subscriber.located(node.now, &stale, [way(Protocol::Udp, 1)], &mut node.endpoint);
    assert_eq!(effects, [], "an answer to another question");
}

#[test]
fn who_leaves_before_anything_was_sent_leaves_at_once() {
    let mut node = Node::new();
    let effects = node.subscriber.unsubscribe(node.now, &mut node.endpoint);
    node.apply(effects);
    assert_eq!(node.reports, [Report::Over(Termination::Unsubscribed)]);
    assert_eq!((node.subscriber.wanted(), node.sent.len()), (None, 0));
}

#[test]
fn who_leaves_while_a_refresh_looks_for_its_place_sends_only_the_end() {
    let mut node = Node::new();
    node.locate(vec![way(Protocol::Udp, 1)]);
    let (_, text) = node.take();
    node.respond(&text, 200);
    node.notify(&text, "sip:ps.example.net", "active;expires=3600");
    node.pass(3500);
    let effects = node.subscriber.unsubscribe(node.now, &mut node.endpoint);
    node.apply(effects);
    node.locate(vec![way(Protocol::Udp, 4)]);
    assert_eq!(field(&node.take().1, Name::Expires), "0");
}

#[test]
fn a_lost_stream_is_a_refresh_but_never_a_storm() {
    let mut node = Node::new();
    node.locate(vec![way(Protocol::Tcp, 1)]);
    let (_, text) = node.take();
    node.respond(&text, 200);
    node.notify(&text, "sip:ps.example.net;transport=tcp", "active;expires=3600");
    let lose = |node: &mut Node| {
        let effects = node.subscriber.unreachable(node.now, &mut node.endpoint);
        node.apply(effects);
    };
    node.pass(1);
    lose(&mut node);
    assert_eq!(node.subscriber.wanted(), None, "the last request is a second old");
    node.pass(4);
    node.locate(vec![way(Protocol::Tcp, 1)]);
    let (_, refresh) = node.take();
    lose(&mut node);
    assert!(matches!(node.reports.last(), Some(Report::Retrying { live: true, .. })), "{:?}", node.reports);
    for _ in 0..100 {
        lose(&mut node); // others fail at the same peer
    }
    assert_eq!((node.sent.len(), node.subscriber.wanted()), (0, None), "it waits its time");
    node.respond(&refresh, 200); // given up
    node.pass(60);
    node.locate(vec![way(Protocol::Tcp, 1)]);
    let (_, refresh) = node.take();
    node.respond(&refresh, 200);
    node.notify_again(&refresh, 2);
    node.pass(60);
    lose(&mut node);
    assert!(node.subscriber.wanted().is_some(), "a subscription that lives again is worth a refresh at once");
}
