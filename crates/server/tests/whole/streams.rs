//! Streams that end, and what NOTIFYs go over then.

use std::net::{SocketAddr, TcpListener, TcpStream};

use sip_stack::Protocol;

use crate::peer::Peer;
use crate::pump::{address, start};

/// A watcher of alice over a stream of its own, told once.
fn watcher(server: SocketAddr, sent_by: &str) -> Peer {
    let mut watcher = Peer::over(TcpStream::connect(server).unwrap(), sent_by);
    assert_eq!(watcher.subscribe("bob", "alice", "w1").status(), 200);
    watcher.notify();
    watcher
}

#[test]
fn when_its_stream_has_ended_a_watcher_is_told_where_its_contact_says() {
    let server = start(&["shards=2"]);
    let (udp, tcp) = (address(&server, Protocol::Udp), address(&server, Protocol::Tcp));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sent_by = listener.local_addr().unwrap().to_string();
    drop(watcher(tcp, &sent_by));
    assert_eq!(Peer::udp(udp).publish("alice", "p1", "at lunch", None).status(), 200);
    let mut reached = Peer::over(listener.accept().unwrap().0, &sent_by);
    assert!(reached.notify().0.contains("at lunch"));
    assert_eq!(Peer::udp(udp).publish("alice", "p2", "back again", None).status(), 200);
    assert!(reached.notify().0.contains("back again"), "over the same stream");
    server.stop().unwrap();
}

#[test]
fn a_trusted_peer_lends_the_stream_that_it_has_opened_since() {
    let server = start(&["shards=2", "authentication.trusted-peers=[\"127.0.0.0/8\"]"]);
    let (udp, tcp) = (address(&server, Protocol::Udp), address(&server, Protocol::Tcp));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // whatever is sent here is not read
    let sent_by = format!("{};alias", silent.local_addr().unwrap());
    let first = watcher(tcp, &sent_by);
    let mut second = Peer::over(TcpStream::connect(tcp).unwrap(), &sent_by);
    second.request("OPTIONS", "bob", "alice", "o1", &[], "");
    assert_eq!(second.response().status(), 200);
    drop(first);
    assert_eq!(Peer::udp(udp).publish("alice", "p1", "at lunch", None).status(), 200);
    assert!(second.notify().0.contains("at lunch"));
    server.stop().unwrap();
}
