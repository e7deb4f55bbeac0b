//! A small presence server on loopback for the tests of the client: one task, in memory, digest if it has users.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sip::{Frame, Framer, Limits, Message, Name, NameAddr, Writer, respond};
use sip_stack::auth::{Authenticator, Secret, Settings};
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

/// What a test says to the server, or asks it to do from now on.
pub(crate) enum Order {
    /// Forget all subscriptions and publications, as after a restart.
    Forget,
    /// End every subscription with this Subscription-State.
    Terminate(&'static str),
    /// Close all connections.
    Disconnect,
    /// Answer every request of this method with this status and these lines, and do nothing.
    Refuse(&'static str, u16, &'static str),
    /// Answer nothing.
    Silence,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    /// Method, Call-ID, and what else a test may want to know of each request: `PUBLISH initial`, `SUBSCRIBE 3600` ...
    pub(crate) seen: mpsc::UnboundedReceiver<String>,
}

impl Server {
    /// Waits for a request that is told so.
    pub(crate) async fn until(&mut self, what: &str) {
        while self.seen.recv().await.unwrap() != what {}
    }
}

struct State {
    authenticator: Option<Authenticator>,
    protocol: Protocol,
    address: SocketAddr,
    /// Entity-tag and document by AoR.
    published: BTreeMap<String, (String, Vec<u8>)>,
    subscriptions: Vec<Subscription>,
    tags: u32,
    refused: BTreeMap<&'static str, (u16, &'static str)>,
    is_silent: bool,
    seen: mpsc::UnboundedSender<String>,
}

struct Subscription {
    call_id: String,
    target: String,
    /// From and To of our NOTIFYs.
    from: String,
    to: String,
    contact: String,
    peer: SocketAddr,
    cseq: u32,
}

type Outgoing = Vec<(SocketAddr, Vec<u8>)>;

/// Starts a server; `users` are names with passwords in the realm `example.com`.
pub(crate) async fn start(protocol: Protocol, users: &[(&str, &str)]) -> Server {
    let (orders, inbox) = mpsc::unbounded_channel();
    let (seen, told) = mpsc::unbounded_channel();
    let settings = Settings {
        realm: "example.com".into(),
        users: users.iter().map(|(name, word)| ((*name).into(), Secret::Password((*word).into()))).collect(),
        ..Settings::default()
    };
    let state = State {
        authenticator: (!users.is_empty()).then(|| Authenticator::new(&settings, [1; 32])),
        protocol,
        address: "127.0.0.1:0".parse().unwrap(),
        published: BTreeMap::new(),
        subscriptions: Vec::new(),
        tags: 0,
        refused: BTreeMap::new(),
        is_silent: false,
        seen,
    };
    let address = match protocol {
        Protocol::Udp => serve_datagrams(state, inbox).await,
        Protocol::Tcp => serve_streams(state, inbox).await,
    };
    Server { address, orders, seen: told }
}

async fn serve_datagrams(mut state: State, mut orders: mpsc::UnboundedReceiver<Order>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    state.address = address;
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let outgoing = tokio::select! {
                read = socket.recv_from(&mut buffer) => {
                    let (length, peer) = read.unwrap();
                    state.receive(peer, &buffer[..length])
                }
                order = orders.recv() => match order {
                    Some(order) => state.obey(order),
                    None => return,
                },
            };
            for (peer, message) in outgoing {
                socket.send_to(&message, peer).await.unwrap();
            }
        }
    });
    address
}

async fn serve_streams(mut state: State, mut orders: mpsc::UnboundedReceiver<Order>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    state.address = address;
    let (sender, mut messages) = mpsc::unbounded_channel::<(SocketAddr, Vec<u8>)>();
    tokio::spawn(async move {
        let mut peers: BTreeMap<SocketAddr, mpsc::UnboundedSender<Vec<u8>>> = BTreeMap::new();
        loop {
            let outgoing = tokio::select! {
                accepted = listener.accept() => {
                    let (stream, peer) = accepted.unwrap();
                    let (outbox, mut to_write) = mpsc::unbounded_channel::<Vec<u8>>();
                    peers.insert(peer, outbox);
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        let (mut reader, mut writer) = stream.into_split();
                        let mut framer = Framer::new(Limits::default());
                        let mut buffer = vec![0; 4096];
                        loop {
                            tokio::select! {
                                read = reader.read(&mut buffer) => {
                                    let Ok(length @ 1..) = read else { return };
                                    framer.push(&buffer[..length]);
                                    while let Some(frame) = framer.next().unwrap() {
                                        if let Frame::Message(bytes) = frame {
                                            let _ = sender.send((peer, bytes.to_vec()));
                                        }
                                    }
                                }
                                message = to_write.recv() => match message {
                                    Some(message) => writer.write_all(&message).await.unwrap(),
                                    None => return,
                                },
                            }
                        }
                    });
                    Vec::new()
                }
                message = messages.recv() => {
                    let (peer, bytes) = message.unwrap();
                    state.receive(peer, &bytes)
                }
                order = orders.recv() => match order {
                    Some(Order::Disconnect) => { peers.clear(); Vec::new() }
                    Some(order) => state.obey(order),
                    None => return,
                },
            };
            for (peer, message) in outgoing {
                if let Some(outbox) = peers.get(&peer) {
                    let _ = outbox.send(message);
                }
            }
        }
    });
    address
}

impl State {
    fn obey(&mut self, order: Order) -> Outgoing {
        match order {
            Order::Forget => {
                self.subscriptions.clear();
                self.published.clear();
                Vec::new()
            }
            Order::Terminate(state) => {
                let mut subscriptions = std::mem::take(&mut self.subscriptions);
                subscriptions.iter_mut().map(|subscription| self.notify(subscription, state)).collect()
            }
            Order::Disconnect => Vec::new(),
            Order::Refuse(method, status, lines) => {
                self.refused.insert(method, (status, lines));
                Vec::new()
            }
            Order::Silence => {
                self.is_silent = true;
                Vec::new()
            }
        }
    }

    fn receive(&mut self, peer: SocketAddr, bytes: &[u8]) -> Outgoing {
        let mut message = Message::parse(bytes, &Limits::default()).unwrap();
        if let Some(status) = message.status() {
            let _ = self.seen.send(format!("{status}"));
            return Vec::new();
        }
        message.check(&Limits::default()).unwrap();
        let method = message.method().unwrap().as_str();
        if self.is_silent {
            let _ = self.seen.send(format!("{method} unanswered"));
            return Vec::new();
        }
        if let Some((status, lines)) = self.refused.get(method) {
            let _ = self.seen.send(format!("{method} {status}"));
            return vec![(
                peer,
                response(&message, peer, *status, |writer| {
                    for line in lines.lines() {
                        let (name, value) = line.split_once(": ").unwrap();
                        writer.other(name, value);
                    }
                }),
            )];
        }
        if let Some(authenticator) = &mut self.authenticator {
            let flow =
                Flow { protocol: self.protocol, local: Local(0), remote: peer, connection: Connection::NONE };
            if let Err(challenge) = authenticator.authenticate(Timestamp::from_secs(1_000), &flow, &message) {
                let _ = self.seen.send(format!("{method} {}", challenge.status()));
                return vec![(
                    peer,
                    response(&message, peer, challenge.status(), |writer| challenge.write(writer)),
                )];
            }
        }
        match method {
            "PUBLISH" => self.publish(peer, &message),
            "SUBSCRIBE" => self.subscribe(peer, &message),
            _ => vec![(peer, response(&message, peer, 405, |_| {}))],
        }
    }

    fn publish(&mut self, peer: SocketAddr, publish: &Message<'_>) -> Outgoing {
        let target = publish.uri().unwrap().to_owned();
        let tag = publish.get(Name::SipIfMatch);
        let expires = publish.get(Name::Expires).unwrap_or("3600");
        let known = self.published.get(&target).map(|(tag, _)| tag.as_str());
        if tag.is_some() && tag != known {
            let _ = self.seen.send("PUBLISH 412".into());
            return vec![(peer, response(publish, peer, 412, |_| {}))];
        }
        let kind = match (tag, expires, publish.body().is_empty()) {
            (_, "0", _) => "remove",
            (None, _, _) => "initial",
            (Some(_), _, true) => "refresh",
            (Some(_), _, false) => "modify",
        };
        let _ = self.seen.send(format!("PUBLISH {kind}"));
        self.tags += 1;
        let fresh = format!("tag{}", self.tags);
        let document = match kind {
            "remove" => None,
            "refresh" => self.published.remove(&target).map(|(_, document)| document),
            _ => Some(publish.body().to_vec()),
        };
        match document {
            Some(document) => _ = self.published.insert(target.clone(), (fresh.clone(), document)),
            None => _ = self.published.remove(&target),
        }
        let mut outgoing = vec![(
            peer,
            response(publish, peer, 200, |writer| {
                writer.field(Name::SipETag, &fresh).field(Name::Expires, expires);
            }),
        )];
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        for subscription in subscriptions.iter_mut().filter(|subscription| subscription.target == target) {
            outgoing.push(self.notify(subscription, "active;expires=3600"));
        }
        self.subscriptions = subscriptions;
        outgoing
    }

    fn subscribe(&mut self, peer: SocketAddr, subscribe: &Message<'_>) -> Outgoing {
        let call_id = subscribe.get(Name::CallId).unwrap().to_owned();
        let expires = subscribe.get(Name::Expires).unwrap_or("3600");
        let to = NameAddr::parse(subscribe.get(Name::To).unwrap()).unwrap();
        let found = self.subscriptions.iter().position(|subscription| subscription.call_id == call_id);
        let mut subscription = match (found, to.tag()) {
            (Some(found), _) => self.subscriptions.remove(found),
            (None, Some(_)) => {
                let _ = self.seen.send("SUBSCRIBE 481".into());
                return vec![(peer, response(subscribe, peer, 481, |_| {}))];
            }
            (None, None) => Subscription {
                call_id,
                target: to.uri.to_owned(),
                from: format!("<{}>;tag=server", to.uri),
                to: subscribe.get(Name::From).unwrap().to_owned(),
                contact: String::new(),
                peer,
                cseq: 0,
            },
        };
        let _ = self.seen.send(format!("SUBSCRIBE {expires}"));
        let contact = NameAddr::parse(subscribe.get(Name::Contact).unwrap()).unwrap();
        (subscription.contact, subscription.peer) = (contact.uri.to_owned(), peer);
        let ours = self.contact();
        let answer = response(subscribe, peer, 200, |writer| {
            writer.field(Name::Expires, expires).field(Name::Contact, &ours);
        });
        let state = if expires == "0" {
            "terminated;reason=timeout".to_owned()
        } else {
            format!("active;expires={expires}")
        };
        let notify = self.notify(&mut subscription, &state);
        if expires != "0" {
            self.subscriptions.push(subscription);
        }
        // RFC 6665 §4.1.2.4: a subscriber must take them in either order.
        if self.tags.is_multiple_of(2) { vec![(peer, answer), notify] } else { vec![notify, (peer, answer)] }
    }

    fn contact(&self) -> String {
        format!("<sip:{}>", self.address)
    }

    fn notify(&mut self, subscription: &mut Subscription, state: &str) -> (SocketAddr, Vec<u8>) {
        subscription.cseq += 1;
        self.tags += 1;
        let mut out = Vec::new();
        let mut writer = Writer::request(&mut out, "NOTIFY", &subscription.contact);
        let via =
            format!("SIP/2.0/{} {};branch=z9hG4bKs{};rport", self.protocol.via(), self.address, self.tags);
        writer.field(Name::Via, &via).number(Name::MaxForwards, 70);
        writer.field(Name::From, &subscription.from).field(Name::To, &subscription.to);
        writer.field(Name::CallId, &subscription.call_id);
        writer.field(Name::CSeq, &format!("{} NOTIFY", subscription.cseq));
        writer.field(Name::Contact, &self.contact()).field(Name::Event, "presence");
        writer.field(Name::SubscriptionState, state);
        match self.published.get(&subscription.target) {
            Some((_, document)) => {
                writer.field(Name::ContentType, "application/pidf+xml");
                writer.finish(document);
            }
            None => writer.finish(b""),
        }
        (subscription.peer, out)
    }
}

fn response(
    request: &Message<'_>,
    peer: SocketAddr,
    status: u16,
    fields: impl FnOnce(&mut Writer<'_>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = respond(&mut out, request, status, Some(peer), Some("server"));
    fields(&mut writer);
    writer.finish(b"");
    out
}

/// Output of a command, line by line.
pub(crate) struct Tap {
    line: Vec<u8>,
    lines: mpsc::UnboundedSender<String>,
}

impl Tap {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (lines, read) = mpsc::unbounded_channel();
        (Self { line: Vec::new(), lines }, read)
    }
}

impl std::io::Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                self.lines.send(line).map_err(|_| std::io::ErrorKind::BrokenPipe)?;
            } else {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
