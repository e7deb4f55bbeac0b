//! A whole server in this process, and peers on loopback.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::peer::{self, Peer};
use node::{Epoch, Row, RowChange};
use server::config::{Config, Sources};
use server::keeper::{self, Keeper};
use server::server::{Alarm, Server};
use sip_stack::Protocol;
use store::StoreError;

pub(crate) fn config(set: &[&str]) -> Config {
    let base = [
        "listen=[\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]",
        "admin.listen=127.0.0.1:0",
        "authentication.open=true",
        "presence-server.pace=0s",
        "store.engine=memory",
    ];
    let set = base.iter().chain(set).map(|one| (*one).to_owned()).collect();
    crate::journal::Journal::begin();
    let config = Sources { file: None, set }.load().unwrap();
    config.check().unwrap();
    config
}

pub(crate) fn start(set: &[&str]) -> Server {
    let config = config(set);
    let keeper = keeper::open(&config).unwrap();
    Server::start(config, keeper).unwrap()
}

pub(crate) fn address(server: &Server, protocol: Protocol) -> SocketAddr {
    server.listen().iter().find(|one| one.protocol == protocol).unwrap().address
}

fn exchange(watcher: &mut Peer, source: &mut Peer) {
    let subscribed = watcher.subscribe("bob", "alice", "w1");
    assert_eq!(subscribed.status(), 200, "{}", subscribed.0);
    let first = watcher.notify();
    assert!(first.field("Subscription-State").starts_with("active"), "{}", first.0);
    let published = source.publish("alice", "p1", "at lunch", None);
    assert_eq!(published.status(), 200, "{}", published.0);
    let told = watcher.notify();
    assert!(told.0.contains("at lunch"), "{}", told.0);
    assert!(told.cseq() > first.cseq());
    assert_eq!(told.field("Call-ID"), "w1");
}

#[test]
fn a_watcher_hears_of_a_publish_over_udp() {
    let server = start(&["shards=1"]);
    let udp = address(&server, Protocol::Udp);
    exchange(&mut Peer::udp(udp), &mut Peer::udp(udp));
    assert_eq!(server.stop(), Ok(()));
}

#[test]
fn a_watcher_on_tcp_hears_of_a_publish_over_udp_and_the_other_way_round() {
    let server = start(&["shards=2"]);
    let (udp, tcp) = (address(&server, Protocol::Udp), address(&server, Protocol::Tcp));
    exchange(&mut Peer::tcp(tcp), &mut Peer::udp(udp));
    let mut watcher = Peer::udp(udp);
    assert_eq!(watcher.subscribe("carol", "alice", "w2").status(), 200);
    assert!(watcher.notify().0.contains("at lunch"));
    assert_eq!(Peer::tcp(tcp).publish("dave", "p2", "here", None).status(), 200);
    assert_eq!(server.stop(), Ok(()));
}

#[test]
fn every_shard_is_reached_from_every_socket() {
    let server = start(&["shards=3"]);
    let udp = address(&server, Protocol::Udp);
    let (mut watcher, mut source) = (Peer::udp(udp), Peer::udp(udp));
    for number in 0..30 {
        let user = format!("user{number}");
        assert_eq!(watcher.subscribe("bob", &user, &format!("w{number}")).status(), 200);
        watcher.notify();
        assert_eq!(
            source.publish(&user, &format!("p{number}"), &format!("note of {user}."), None).status(),
            200
        );
        assert!(watcher.notify().0.contains(&format!("note of {user}.")));
    }
    server.stop().unwrap();
}

#[test]
fn what_is_not_sip_is_dropped_and_what_is_malformed_is_refused() {
    let server = start(&["shards=2"]);
    let udp = address(&server, Protocol::Udp);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for garbage in [&b"\0\0\0\0"[..], b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", &[0xff; 9000]] {
        socket.send_to(garbage, udp).unwrap();
    }
    let mut peer = Peer::udp(udp);
    peer.request("SUBSCRIBE", "bob", "alice", "x1", &["Event: presence", "CSeq: 7 SUBSCRIBE"], "");
    assert_eq!(peer.response().status(), 400, "two CSeq fields");
    exchange(&mut peer, &mut Peer::udp(udp));
    server.stop().unwrap();
}

#[test]
fn a_watcher_whose_port_is_closed_harms_nobody() {
    let server = start(&["shards=1"]);
    let udp = address(&server, Protocol::Udp);
    let mut gone = Peer::udp(udp);
    assert_eq!(gone.subscribe("carol", "alice", "g1").status(), 200);
    gone.notify();
    drop(gone); // from now on the kernel answers NOTIFYs by ICMP
    let (mut watcher, mut source) = (Peer::udp(udp), Peer::udp(udp));
    exchange(&mut watcher, &mut source);
    for number in 0..20 {
        let note = format!("note {number}.");
        assert_eq!(source.publish("alice", &format!("q{number}"), &note, None).status(), 200);
        watcher.notify();
    }
    server.stop().unwrap();
}

#[test]
fn new_settings_hold_at_once() {
    let mut server = start(&["shards=2", "presence-server.watch=oneself"]);
    let udp = address(&server, Protocol::Udp);
    let mut watcher = Peer::udp(udp);
    let refused = watcher.subscribe("bob", "alice", "w1");
    assert_eq!(refused.status(), 403, "{}", refused.0);
    let (taken, waiting) = server.reconfigure(&config(&["shards=1", "presence-server.watch=everyone"]));
    assert_eq!(taken, ["presence-server.watch"]);
    assert_eq!(waiting, ["shards"]);
    assert_eq!(watcher.subscribe("bob", "alice", "w2").status(), 200);
    server.stop().unwrap();
}

#[test]
fn a_stopping_server_ends_in_order_though_a_watcher_is_silent() {
    let server = start(&["shards=2"]);
    let udp = address(&server, Protocol::Udp);
    let mut silent = Peer::udp(udp);
    silent.request("SUBSCRIBE", "bob", "alice", "w1", &["Event: presence", "Expires: 600"], "");
    assert_eq!(silent.response().status(), 200);
    assert_eq!(Peer::udp(udp).publish("alice", "p1", "here", None).status(), 200);
    assert_eq!(server.stop(), Ok(()));
}

/// A store that says when a write begins, and does with it what the test says.
struct Gate {
    began: Sender<()>,
    verdicts: Receiver<Result<(), StoreError>>,
    panics: bool,
}

impl Keeper for Gate {
    fn epoch(&self) -> Epoch {
        Epoch(1)
    }

    fn load(&mut self, _: &mut (dyn FnMut(Row) + Send)) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn write(&mut self, _: &[RowChange], _: bool) -> Result<(), StoreError> {
        assert!(!self.panics, "a bug in the store");
        self.began.send(()).unwrap();
        self.verdicts.recv().unwrap_or(Ok(()))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn durable_answers_wait_for_the_disk() {
    let (began, writes) = channel();
    let (verdict, verdicts) = channel();
    let gate = Box::new(Gate { began, verdicts, panics: false });
    let server = Server::start(config(&["shards=1", "store.publish-ack=durable"]), gate).unwrap();
    let mut source = Peer::udp(address(&server, Protocol::Udp));
    let fields = ["Event: presence", "Expires: 600", "Content-Type: application/pidf+xml"];
    source.request("PUBLISH", "alice", "alice", "p1", &fields, &peer::document("alice", "here"));
    writes.recv().unwrap();
    assert!(!source.has_something(), "the answer came before the row was on disk");
    verdict.send(Ok(())).unwrap();
    assert_eq!(source.response().status(), 200);
    drop(verdict);
    server.stop().unwrap();
}

#[test]
fn a_thread_that_panics_ends_the_server_loudly() {
    let (began, _writes) = channel();
    let (_verdict, verdicts) = channel();
    let gate = Box::new(Gate { began, verdicts, panics: true });
    let mut server = Server::start(config(&["shards=1"]), gate).unwrap();
    let mut source = Peer::udp(address(&server, Protocol::Udp));
    source.publish("alice", "p1", "here", None);
    let Err(Alarm(why)) = server.wait(core::future::pending::<()>()) else { panic!("no alarm") };
    assert!(why.contains("store: panicked: a bug in the store"), "{why}");
    assert_eq!(server.stop(), Ok(()), "the alarm was heard already");
}
