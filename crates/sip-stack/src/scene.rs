//! For tests: a user agent in virtual time, and a server that says what the test tells it to.

use core::net::SocketAddr;
use core::time::Duration;

use sip::{Aor, Limits, Message, Name};

use crate::digest_client::Account;
use crate::endpoint::{Document, Settings};
use crate::publisher::{self, Publication};
use crate::subscriber::{self, Watch};
use crate::user_agent::{Action, Usage, UserAgent};
use crate::{Protocol, Timestamp};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A user agent, its clock, and all that it did.
pub(crate) struct Scene {
    pub(crate) agent: UserAgent,
    pub(crate) now: Timestamp,
    /// Requests with their hops, since last taken.
    pub(crate) sent: Vec<Request>,
    /// Responses, since last taken.
    pub(crate) answers: Vec<String>,
    pub(crate) publications: Vec<publisher::Report>,
    pub(crate) subscriptions: Vec<subscriber::Report>,
    pub(crate) usage: Usage,
    /// The tag of the server in the subscription.
    pub(crate) tag: &'static str,
}

/// One request as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) at: Timestamp,
    pub(crate) hop: String,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn get(&self, name: Name) -> Option<String> {
        self.parse(|message| message.get(name).map(str::to_owned))
    }

    pub(crate) fn all(&self, name: Name) -> Vec<String> {
        self.parse(|message| message.all(name).map(str::to_owned).collect())
    }

    pub(crate) fn uri(&self) -> String {
        self.parse(|message| message.uri().unwrap().to_owned())
    }

    pub(crate) fn body(&self) -> String {
        self.parse(|message| String::from_utf8(message.body().to_vec()).unwrap())
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.get(Name::CSeq).unwrap().split(' ').next().unwrap().parse().unwrap()
    }

    pub(crate) fn sender_tag(&self) -> String {
        self.get(Name::From).unwrap().split("tag=").nth(1).unwrap().to_owned()
    }

    fn parse<T>(&self, read: impl FnOnce(&Message<'_>) -> T) -> T {
        read(&Message::parse(self.text.as_bytes(), &Limits::default()).unwrap())
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Protocol::Udp, None)
    }

    pub(crate) fn with(protocol: Protocol, outbound: Option<&str>) -> Self {
        let settings = Settings {
            aor: Aor::parse("sip:bob@example.com").unwrap(),
            sent_by: "192.0.2.7:5070".into(),
            protocol,
            outbound: outbound.map(str::to_owned),
            account: Some(Account { username: "bob".into(), password: "zanzibar".into() }),
            user_agent: "scene".into(),
            timers: crate::client_transaction::Timers::default(),
            hosted: None,
        };
        Self {
            agent: UserAgent::new(settings, [5; 32]),
            now: START,
            sent: Vec::new(),
            answers: Vec::new(),
            publications: Vec::new(),
            subscriptions: Vec::new(),
            usage: Usage(0),
            tag: "server1",
        }
    }

    pub(crate) fn watching(expires: u64) -> Self {
        let mut scene = Self::new();
        scene.watch(expires);
        scene
    }

    pub(crate) fn watch(&mut self, expires: u64) {
        let watch = Watch {
            target: "sip:alice@example.com".into(),
            event: "presence".into(),
            accept: vec!["application/pidf+xml".into()],
            expires: Duration::from_secs(expires),
            lists: subscriber::Lists::Unsupported,
            fields: Vec::new(),
            body: None,
        };
        let (usage, actions) = self.agent.watch(self.now, watch);
        self.usage = usage;
        self.apply(actions);
    }

    /// A subscription that is active until `expires` seconds from now.
    pub(crate) fn active(expires: u64) -> Self {
        let mut scene = Self::watching(expires);
        let subscribe = scene.take();
        scene.respond(&subscribe, 200, &[&format!("Expires: {expires}")]);
        scene.notify(&subscribe, 1, &format!("active;expires={expires}"), &[]);
        scene.answers.clear();
        scene.subscriptions.clear();
        scene
    }

    pub(crate) fn publishing(expires: u64, body: &str) -> Self {
        let mut scene = Self::new();
        let publication = Publication {
            target: "sip:bob@example.com".into(),
            event: "presence".into(),
            expires: Duration::from_secs(expires),
        };
        let (usage, actions) = scene.agent.publish(scene.now, publication, document(body));
        scene.usage = usage;
        scene.apply(actions);
        scene
    }

    /// A publication that has its first entity-tag, `e1`.
    pub(crate) fn published(expires: u64) -> Self {
        let mut scene = Self::publishing(expires, "one");
        let publish = scene.take();
        scene.respond(&publish, 200, &["SIP-ETag: e1", &format!("Expires: {expires}")]);
        scene.publications.clear();
        scene
    }

    pub(crate) fn modify(&mut self, body: &str) {
        let actions = self.agent.modify(self.now, self.usage, document(body));
        self.apply(actions);
    }

    pub(crate) fn say(&mut self, body: &str) {
        let actions = self.agent.say(self.now, self.usage, document(body));
        self.apply(actions);
    }

    pub(crate) fn end(&mut self) {
        let actions = self.agent.end(self.now, self.usage);
        self.apply(actions);
    }

    pub(crate) fn unreachable(&mut self) {
        let actions = self.agent.unreachable(self.now, self.usage);
        self.apply(actions);
    }

    /// The one request that was sent since the last look.
    pub(crate) fn take(&mut self) -> Request {
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0)
    }

    /// A response to a request; `fields` are lines.
    pub(crate) fn respond(&mut self, request: &Request, status: u16, fields: &[&str]) {
        let line = |name: Name| format!("{}: {}\r\n", name.canonical(), request.get(name).unwrap());
        let mut text = format!("SIP/2.0 {status} {}\r\n", sip::reason(status));
        text += &[Name::Via, Name::From, Name::CallId, Name::CSeq].map(line).concat();
        let to = request.get(Name::To).unwrap();
        text += &if to.contains(";tag=") {
            format!("To: {to}\r\n")
        } else {
            format!("To: {to};tag={}\r\n", self.tag)
        };
        fields.iter().for_each(|field| text.extend([field, "\r\n"]));
        text += "Content-Length: 0\r\n\r\n";
        self.deliver(&text);
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE; `fields` are lines that replace those of their name.
    pub(crate) fn notify(&mut self, subscribe: &Request, cseq: u32, state: &str, fields: &[&str]) {
        let text = self.notify_text(subscribe, cseq, state, fields);
        self.deliver(&text);
    }

    pub(crate) fn notify_text(&self, subscribe: &Request, cseq: u32, state: &str, fields: &[&str]) -> String {
        let mut lines = vec![
            format!("Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKn{cseq}"),
            "Max-Forwards: 70".to_owned(),
            format!("From: <sip:alice@example.com>;tag={}", self.tag),
            format!("To: <sip:bob@example.com>;tag={}", subscribe.sender_tag()),
            format!("Call-ID: {}", subscribe.get(Name::CallId).unwrap()),
            format!("CSeq: {cseq} NOTIFY"),
            "Contact: <sip:notifier@198.51.100.1:5060>".to_owned(),
            "Event: presence".to_owned(),
            format!("Subscription-State: {state}"),
        ];
        let (fields, body) = match fields.split_last() {
            Some((body, fields)) if body.starts_with('<') => (fields, *body),
            _ => (fields, ""),
        };
        for field in fields {
            let name = field.split(':').next().unwrap();
            let is_same = |line: &String| line.split(':').next().unwrap().eq_ignore_ascii_case(name);
            // Record-Route may stand many times.
            if name != "Record-Route" {
                lines.retain(|line| !is_same(line));
            }
            if !field.ends_with(':') {
                lines.push((*field).to_owned());
            }
        }
        if !body.is_empty() && !lines.iter().any(|line| line.starts_with("Content-Type")) {
            lines.push("Content-Type: application/pidf+xml".to_owned());
        }
        format!(
            "NOTIFY sip:bob@192.0.2.7:5070 SIP/2.0\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
            lines.join("\r\n"),
            body.len()
        )
    }

    pub(crate) fn deliver(&mut self, text: &str) {
        let source: SocketAddr = "198.51.100.1:5060".parse().unwrap();
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let actions = self.agent.receive(self.now, source, &message);
        self.apply(actions);
    }

    /// Lets time pass, with a tick at each deadline on the way.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(deadline) = self.agent.deadline().filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now || !self.agent.tick(self.now).is_empty(), "a deadline that stays");
            self.now = self.now.max(deadline);
            let actions = self.agent.tick(self.now);
            self.apply(actions);
        }
        self.now = end;
    }

    /// Lets time pass until a request is sent, at most a day.
    pub(crate) fn pass_until_sent(&mut self) -> Request {
        for _ in 0..10_000 {
            if !self.sent.is_empty() {
                return self.sent.remove(0);
            }
            let deadline = self.agent.deadline().expect("something is due");
            assert!(deadline < self.now + Duration::from_secs(86_400));
            self.now = self.now.max(deadline);
            let actions = self.agent.tick(self.now);
            self.apply(actions);
        }
        panic!("nothing was sent");
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.now.since(START).as_secs()
    }

    pub(crate) fn status(&mut self) -> u16 {
        assert_eq!(self.answers.len(), 1, "{:#?}", self.answers);
        self.answers.remove(0).split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { hop, message, usage: _ } => {
                    let text = String::from_utf8(message.to_vec()).unwrap();
                    let mut message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
                    message.check(&Limits::default()).unwrap();
                    self.sent.push(Request { at: self.now, hop, text });
                }
                Action::Answer(message) => self.answers.push(String::from_utf8(message.to_vec()).unwrap()),
                Action::Publication(_, report) => self.publications.push(report),
                Action::Subscription(_, report) => self.subscriptions.push(report),
            }
        }
    }
}

pub(crate) fn document(body: &str) -> Document {
    Document { content_type: "application/pidf+xml".into(), body: body.as_bytes().into() }
}
