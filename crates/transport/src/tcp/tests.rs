//! Tests of streams: over loopback, and over pipes in paused time where limits of time are concerned.

use sip::FrameError;
use sip_stack::auth::Network;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

const LOCAL: Local = Local(0);
const SECOND: Duration = Duration::from_secs(1);

/// An event that outlives its bytes.
#[derive(Debug, PartialEq)]
enum Told {
    Message(Flow, String),
    Closed(Flow, Ending),
    Undeliverable(Flow, Undelivered),
}

struct Bench {
    streams: Streams,
    told: UnboundedReceiver<Told>,
}

impl Bench {
    /// Streams that listen on `address`, or do not.
    fn new(address: Option<&str>, options: StreamOptions) -> Self {
        let (tell, told) = unbounded_channel();
        let listen: Vec<_> = address.iter().map(|address| (LOCAL, address.parse().unwrap())).collect();
        let streams = Streams::start(&Handle::current(), &listen, options, move |event| {
            let event = match event {
                StreamEvent::Message { flow, bytes } => {
                    Told::Message(flow, String::from_utf8_lossy(bytes).into_owned())
                }
                StreamEvent::Closed { flow, ending } => Told::Closed(flow, ending),
                StreamEvent::Undeliverable { flow, reason } => Told::Undeliverable(flow, reason),
            };
            // A test that has seen enough no longer listens.
            let _ = tell.send(event);
        });
        Self { streams: streams.unwrap(), told }
    }

    fn listening(options: StreamOptions) -> Self {
        Self::new(Some("127.0.0.1:0"), options)
    }

    fn address(&self) -> SocketAddr {
        self.streams.local_addr(LOCAL).unwrap()
    }

    async fn next(&mut self) -> Told {
        self.told.recv().await.unwrap()
    }

    async fn message(&mut self) -> (Flow, String) {
        match self.next().await {
            Told::Message(flow, text) => (flow, text),
            other => panic!("a message was expected, not {other:?}"),
        }
    }

    async fn ending(&mut self) -> Ending {
        match self.next().await {
            Told::Closed(_, ending) => ending,
            other => panic!("an ending was expected, not {other:?}"),
        }
    }

    /// Runs a connection of the given side over a pipe that holds `room` bytes; returns the peer's end.
    fn pipe(&self, side: Side, room: usize) -> (DuplexStream, Flow) {
        let host = Arc::clone(&self.streams.host);
        let remote = "192.0.2.1:5060".parse().unwrap();
        let line = host.table().admit(host.now(), side, LOCAL, remote).unwrap().line;
        assert_eq!(line.begin_opening(), side == Side::Opened);
        let (ours, theirs) = duplex(room);
        let flow = line.flow;
        tokio::spawn(async move {
            let ending = connection::run(ours, &line, &host).await;
            host.end(&line, Ok(ending));
        });
        (theirs, flow)
    }
}

fn to(remote: SocketAddr) -> Flow {
    Flow { protocol: Protocol::Tcp, local: LOCAL, remote, connection: Connection::NONE }
}

fn request(via: &str, body: &str) -> String {
    format!("NOTIFY sip:a@b SIP/2.0\r\nVia: {via}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn plain(body: &str) -> String {
    request("SIP/2.0/TCP a.example;branch=z9hG4bK1", body)
}

/// Whether the peer has closed, after `expected` was read.
async fn reads_then_ends(stream: &mut (impl AsyncReadExt + Unpin), expected: &str) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&rest), expected);
}

async fn reads(stream: &mut (impl AsyncReadExt + Unpin), expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

#[tokio::test]
async fn an_answer_goes_back_over_the_connection_of_the_request() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        if let Err(error) = std::net::TcpListener::bind(address) {
            assert!(address.starts_with('['), "every machine has 127.0.0.1");
            eprintln!("IPv6 is left out, this machine has no ::1: {error}");
            continue;
        }
        let mut bench = Bench::new(Some(address), StreamOptions::default());
        let mut peer = TcpStream::connect(bench.address()).await.unwrap();
        peer.write_all((plain("one") + &plain("two")).as_bytes()).await.unwrap();
        let (flow, text) = bench.message().await;
        assert_eq!((flow.remote, text), (peer.local_addr().unwrap(), plain("one")));
        assert_ne!(flow.connection, Connection::NONE);
        assert_eq!(bench.message().await, (flow, plain("two")));
        bench.streams.send(flow, b"SIP/2.0 200 OK ", b"and body");
        reads(&mut peer, "SIP/2.0 200 OK and body").await;
        drop(peer);
        assert_eq!(bench.next().await, Told::Closed(flow, Ending::Peer));
        assert_eq!(bench.streams.counts(), StreamCounts { accepted: 1, ..StreamCounts::default() });
    }
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let (mut peer, flow) = bench.pipe(Side::Accepted, 1);
    let text = plain("body") + "\r\n\r\n" + &plain("");
    for byte in text.bytes() {
        peer.write_u8(byte).await.unwrap();
    }
    assert_eq!(bench.message().await, (flow, plain("body")));
    reads(&mut peer, "\r\n").await;
    assert_eq!(bench.message().await, (flow, plain("")));
}

#[tokio::test]
async fn a_ping_is_answered_with_one_line_end() {
    let bench = Bench::listening(StreamOptions::default());
    let mut peer = TcpStream::connect(bench.address()).await.unwrap();
    peer.write_all(b"\r\n\r\n").await.unwrap();
    reads(&mut peer, "\r\n").await;
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection() {
    let lines = "garbage garbage\r\n".repeat(600);
    let endless = format!("OPTIONS sip:a@b SIP/2.0\r\nX: {}", "x".repeat(70_000));
    let oversized = "PUBLISH sip:a@b SIP/2.0\r\nContent-Length: 70000\r\n\r\n".to_owned();
    let cases = [
        ("\0".repeat(10_000), FrameError::NotSip),
        (lines + "\r\n", FrameError::NoContentLength),
        (endless, FrameError::HeadTooLarge),
        (oversized, FrameError::MessageTooLarge),
    ];
    for (text, error) in cases {
        let mut bench = Bench::listening(StreamOptions::default());
        let mut peer = TcpStream::connect(bench.address()).await.unwrap();
        // The connection may be gone before all is written.
        let _ = peer.write_all(text.as_bytes()).await;
        assert_eq!(bench.ending().await, Ending::Malformed(error));
        assert_eq!(bench.streams.counts().open, 0);
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off() {
    let options = StreamOptions { outbox_max: 100_000, ..StreamOptions::default() };
    let mut bench = Bench::listening(options);
    let mut peer = TcpStream::connect(bench.address()).await.unwrap();
    peer.write_all(plain("").as_bytes()).await.unwrap();
    let (flow, _) = bench.message().await;
    let body = vec![b'x'; 50_000];
    // The kernel takes some megabytes before the outbox fills; then a message is refused.
    let refused = loop {
        bench.streams.send(flow, b"head", &body);
        tokio::task::yield_now().await;
        if let Ok(told) = bench.told.try_recv() {
            break told;
        }
    };
    assert_eq!(refused, Told::Undeliverable(flow, Undelivered::Ended(Ending::Slow)));
    loop {
        match bench.next().await {
            Told::Undeliverable(..) => {}
            other => break assert_eq!(other, Told::Closed(flow, Ending::Slow)),
        }
    }
}

#[tokio::test]
async fn one_address_has_a_limited_number_of_connections() {
    let mut bench =
        Bench::listening(StreamOptions { connections_per_address_max: 2, ..StreamOptions::default() });
    let mut peers = Vec::new();
    for _ in 0..2 {
        let mut peer = TcpStream::connect(bench.address()).await.unwrap();
        peer.write_all(plain("").as_bytes()).await.unwrap();
        bench.message().await;
        peers.push(peer);
    }
    let mut third = TcpStream::connect(bench.address()).await.unwrap();
    reads_then_ends(&mut third, "").await;
    assert_eq!(bench.streams.counts().refused, 1);
    drop(peers.pop());
    assert_eq!(bench.ending().await, Ending::Peer);
    let mut again = TcpStream::connect(bench.address()).await.unwrap();
    again.write_all(plain("again").as_bytes()).await.unwrap();
    assert_eq!(bench.message().await.1, plain("again"));
}

#[tokio::test]
async fn when_all_places_are_taken_a_silent_connection_gives_way() {
    let mut bench = Bench::listening(StreamOptions { connections_max: 2, ..StreamOptions::default() });
    let mut silent = TcpStream::connect(bench.address()).await.unwrap();
    let mut talker = TcpStream::connect(bench.address()).await.unwrap();
    talker.write_all(plain("").as_bytes()).await.unwrap();
    let (flow, _) = bench.message().await;
    let mut newcomer = TcpStream::connect(bench.address()).await.unwrap();
    newcomer.write_all(plain("new").as_bytes()).await.unwrap();
    reads_then_ends(&mut silent, "").await;
    let told = [bench.next().await, bench.next().await];
    assert!(told.iter().any(|told| matches!(told, Told::Closed(_, Ending::Displaced))), "{told:?}");
    assert!(
        told.iter().any(|told| matches!(told, Told::Message(_, text) if *text == plain("new"))),
        "{told:?}"
    );
    bench.streams.send(flow, b"still here", b"");
    reads(&mut talker, "still here").await;
    // Both have just spoken: nobody gives way to one more.
    let mut refused = TcpStream::connect(bench.address()).await.unwrap();
    reads_then_ends(&mut refused, "").await;
}

#[tokio::test]
async fn a_message_to_an_address_opens_one_connection_and_later_ones_share_it() {
    let mut alice = Bench::listening(StreamOptions::default());
    let mut bob = Bench::listening(StreamOptions::default());
    alice.streams.send(to(bob.address()), plain("one").as_bytes(), b"");
    alice.streams.send(to(bob.address()), plain("two").as_bytes(), b"");
    let (seen_by_bob, text) = bob.message().await;
    assert_eq!(text, plain("one"));
    assert_eq!(bob.message().await, (seen_by_bob, plain("two")));
    bob.streams.send(seen_by_bob, plain("answer").as_bytes(), b"");
    let (seen_by_alice, text) = alice.message().await;
    assert_eq!((seen_by_alice.remote, text), (bob.address(), plain("answer")));
    alice.streams.send(seen_by_alice, plain("three").as_bytes(), b"");
    assert_eq!(bob.message().await, (seen_by_bob, plain("three")));
    // RFC 3261 §18: the source address and port of an accepted connection lead back over it.
    bob.streams.send(to(seen_by_bob.remote), plain("back").as_bytes(), b"");
    assert_eq!(alice.message().await, (seen_by_alice, plain("back")));
    assert_eq!((alice.streams.counts().opened, alice.streams.counts().accepted), (1, 0));
    assert_eq!((bob.streams.counts().opened, bob.streams.counts().accepted), (0, 1));
}

#[tokio::test]
async fn a_flow_whose_connection_is_gone_is_connected_anew() {
    let mut alice = Bench::listening(StreamOptions::default());
    let mut bob = Bench::listening(StreamOptions::default());
    alice.streams.send(to(bob.address()), plain("one").as_bytes(), b"");
    let (seen_by_bob, _) = bob.message().await;
    bob.streams.send(seen_by_bob, plain("answer").as_bytes(), b"");
    let (old, _) = alice.message().await;
    bob.streams.close(seen_by_bob.connection);
    assert_eq!(alice.next().await, Told::Closed(old, Ending::Peer));
    assert_eq!(bob.next().await, Told::Closed(seen_by_bob, Ending::Owner));
    alice.streams.send(old, plain("two").as_bytes(), b"");
    let (new, text) = bob.message().await;
    assert_eq!(text, plain("two"));
    assert_ne!(new.connection, seen_by_bob.connection);
}

#[tokio::test]
async fn who_cannot_be_reached_is_told() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flow = Flow { connection: Connection(77), ..to(free) };
    bench.streams.send(flow, b"x", b"");
    let refused = Undelivered::NotConnected(io::ErrorKind::ConnectionRefused);
    assert_eq!(bench.next().await, Told::Undeliverable(flow, refused));
    let datagram = Flow { protocol: Protocol::Udp, ..flow };
    bench.streams.send(datagram, b"x", b"");
    assert_eq!(bench.next().await, Told::Undeliverable(datagram, Undelivered::NotAStream));
    assert_eq!(bench.streams.counts().open, 0);
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_given_up() {
    // A listener whose queue is full lets further attempts hang.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _queued = std::net::TcpStream::connect(address).unwrap();
    let options = StreamOptions { connect_timeout: Duration::from_millis(10), ..StreamOptions::default() };
    let mut bench = Bench::new(None, options);
    bench.streams.send(to(address), b"x", b"");
    let late = Undelivered::NotConnected(io::ErrorKind::TimedOut);
    assert_eq!(bench.next().await, Told::Undeliverable(to(address), late));
}

#[tokio::test]
async fn only_a_trusted_peer_lends_its_connection_and_only_if_it_asks() {
    let via = "SIP/2.0/TCP a.example:5099;branch=z9hG4bK1;alias";
    let lent: SocketAddr = "127.0.0.1:5099".parse().unwrap();
    let trusted = vec![Network::host(lent.ip())];
    let response = request(via, "").replace("NOTIFY sip:a@b SIP/2.0", "SIP/2.0 200 OK");
    let cases = [
        (trusted.clone(), request(via, ""), Some(lent)),
        (trusted.clone(), request(&via.replace(":5099", ""), ""), Some("127.0.0.1:5060".parse().unwrap())),
        (Vec::new(), request(via, ""), None),
        (trusted.clone(), plain(""), None),
        (trusted, response, None),
    ];
    for (alias_peers, text, alias) in cases {
        let mut bench = Bench::listening(StreamOptions { alias_peers, ..StreamOptions::default() });
        let mut peer = TcpStream::connect(bench.address()).await.unwrap();
        peer.write_all(text.as_bytes()).await.unwrap();
        let (flow, _) = bench.message().await;
        let found = bench.streams.host.table().find(to(alias.unwrap_or(lent))).map(|line| line.flow);
        assert_eq!(found, alias.map(|_| flow), "{text}");
        if let Some(alias) = alias {
            bench.streams.send(to(alias), b"over the lent one", b"");
            reads(&mut peer, "over the lent one").await;
        }
    }
}

#[tokio::test]
async fn shutdown_writes_what_is_queued_and_takes_nothing_more() {
    let mut bench = Bench::listening(StreamOptions::default());
    let mut peer = TcpStream::connect(bench.address()).await.unwrap();
    peer.write_all(plain("").as_bytes()).await.unwrap();
    let (flow, _) = bench.message().await;
    bench.streams.send(flow, b"last words", b"");
    bench.streams.shutdown().await;
    reads_then_ends(&mut peer, "last words").await;
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Owner));
    bench.streams.send(flow, b"too late", b"");
    assert_eq!(bench.next().await, Told::Undeliverable(flow, Undelivered::ShutDown));
    assert!(TcpStream::connect(bench.address()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_a_peer_that_does_not_read() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let (_peer, flow) = bench.pipe(Side::Accepted, 4);
    bench.streams.send(flow, b"more than it holds", b"");
    let start = Instant::now();
    bench.streams.close(flow.connection);
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Owner));
    assert_eq!(start.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_cut_off_after_ten_seconds() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let (mut peer, flow) = bench.pipe(Side::Accepted, 100);
    let start = Instant::now();
    // Line ends are neither a message nor a ping.
    peer.write_all(b"\r\n").await.unwrap();
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Unfinished));
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn half_a_message_then_silence_is_cut_off() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let (mut peer, flow) = bench.pipe(Side::Accepted, 1_000);
    let text = plain("body");
    peer.write_all((text.clone() + &text[..text.len() - 1]).as_bytes()).await.unwrap();
    bench.message().await;
    let start = Instant::now();
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Unfinished));
    assert_eq!(start.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_drips_is_cut_off_all_the_same() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let (mut peer, flow) = bench.pipe(Side::Accepted, 1_000);
    peer.write_all(plain("").as_bytes()).await.unwrap();
    bench.message().await;
    let start = Instant::now();
    let drip = tokio::spawn(async move {
        for byte in plain("").bytes() {
            if peer.write_u8(byte).await.is_err() {
                return;
            }
            sleep(SECOND).await;
        }
    });
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Unfinished));
    assert_eq!(start.elapsed(), 20 * SECOND);
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_after_the_idle_time_counted_from_the_last_message() {
    let mut bench = Bench::new(None, StreamOptions { idle_timeout: 60 * SECOND, ..StreamOptions::default() });
    let (mut peer, flow) = bench.pipe(Side::Accepted, 1_000);
    let start = Instant::now();
    for _ in 0..3 {
        sleep(5 * SECOND).await;
        peer.write_all(plain("").as_bytes()).await.unwrap();
        bench.message().await;
    }
    sleep(40 * SECOND).await;
    bench.streams.send(flow, b"x", b"");
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Idle));
    assert_eq!(start.elapsed(), (15 + 40 + 60) * SECOND);
    reads_then_ends(&mut peer, "x").await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_by_drops_is_cut_off_all_the_same() {
    let mut bench = Bench::new(None, StreamOptions::default());
    let (mut peer, flow) = bench.pipe(Side::Opened, 10);
    let by_address = Flow { connection: Connection::NONE, ..flow };
    let start = Instant::now();
    bench.streams.send(by_address, b"0123456789", b"abcdefghijKLMNO");
    sleep(15 * SECOND).await;
    reads(&mut peer, "0123456789").await;
    let lost = Told::Undeliverable(by_address, Undelivered::Ended(Ending::Slow));
    assert_eq!(bench.next().await, lost);
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::Slow));
    assert_eq!(start.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn our_ping_wants_an_answer_within_ten_seconds() {
    let options = StreamOptions { ping_interval: Some(100 * SECOND), ..StreamOptions::default() };
    let mut bench = Bench::new(None, options);
    let (mut peer, flow) = bench.pipe(Side::Opened, 100);
    let start = Instant::now();
    for turn in 1..=2 {
        reads(&mut peer, "\r\n\r\n").await;
        assert_eq!(start.elapsed(), turn * 100 * SECOND);
        peer.write_all(b"\r\n").await.unwrap();
    }
    reads(&mut peer, "\r\n\r\n").await;
    assert_eq!(bench.next().await, Told::Closed(flow, Ending::PingUnanswered));
    assert_eq!(start.elapsed(), 310 * SECOND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_on_other_threads_lose_nothing() {
    let alice = Bench::new(None, StreamOptions { outbox_max: 10 << 20, ..StreamOptions::default() });
    let mut bob = Bench::listening(StreamOptions::default());
    let remote = to(bob.address());
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let streams = alice.streams.clone();
            std::thread::spawn(move || {
                for number in 0..500 {
                    streams.send(remote, plain(&format!("{sender} {number}")).as_bytes(), b"");
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    while next != [500; 4] {
        let (_, text) = bob.message().await;
        let (sender, number) = text.rsplit_once('\n').unwrap().1.split_once(' ').unwrap();
        let sender: usize = sender.parse().unwrap();
        assert_eq!(number.parse(), Ok(next[sender]));
        next[sender] += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    assert_eq!(bob.streams.counts().accepted, 1);
}
