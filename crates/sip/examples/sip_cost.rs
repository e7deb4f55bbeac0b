//! What parsing costs: `cargo run --release -p rollcall-sip --example sip_cost`.
//!
//! Prints nanoseconds per message, the best of many rounds (the machine may have other work), beside the cost of
//! looking at each byte once.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use sip::{
    CSeq, EventHeader, Limits, Message, Name, NameAddr, SubscriptionState, Uri, Via, aor_hash, delta_seconds,
    respond,
};

fn publish() -> Vec<u8> {
    let head = "PUBLISH sip:alice.smith@presence.example.com SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK-524287-1---4f5c2a1b9d3e7788;rport\r\n\
        Max-Forwards: 70\r\n\
        To: <sip:alice.smith@presence.example.com>\r\n\
        From: \"Alice Smith\" <sip:alice.smith@presence.example.com>;tag=9f2d4c7e\r\n\
        Call-ID: 81818181-5f4d-4e1c-9a7b-3c2d1e0f9a8b@192.0.2.17\r\n\
        CSeq: 17 PUBLISH\r\n\
        Expires: 3600\r\n\
        Event: presence\r\n\
        User-Agent: Example Softphone 5.4.1\r\n\
        Content-Type: application/pidf+xml\r\n";
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         entity=\"pres:alice.smith@presence.example.com\"><tuple id=\"a1\"><status><basic>open</basic></status>\
         <contact>sip:alice.smith@192.0.2.17</contact></tuple></presence>",
    );
    while head.len() + "Content-Length: 100\r\n\r\n".len() + body.len() < 884 {
        body.push(' ');
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn notify_ok() -> Vec<u8> {
    b"SIP/2.0 200 OK\r\n\
      Via: SIP/2.0/UDP presence.example.com:5060;branch=z9hG4bK0a1b2c3d4e5f;received=198.51.100.5\r\n\
      To: <sip:bob@example.com>;tag=4442558647\r\n\
      From: <sip:alice.smith@presence.example.com>;tag=ffd2\r\n\
      Call-ID: 2010@192.0.2.20\r\n\
      CSeq: 8775 NOTIFY\r\n\
      User-Agent: Example Softphone 5.4.1\r\n\
      Content-Length: 0\r\n\r\n"
        .to_vec()
}

fn no<T>(_: T) {}

/// Nanoseconds of one call, the best of 200 rounds of 1,000.
fn cost(mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..1_000 {
            work();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / 1_000.0);
    }
    best
}

fn main() {
    let mut out = std::io::stdout().lock();
    for (what, bytes) in [("PUBLISH", publish()), ("200 to NOTIFY", notify_ok())] {
        let mut message = Message::parse(&bytes, &Limits::DEFAULT).expect("a message");
        message.check(&Limits::DEFAULT).expect("a good message");
        let mut again = message.clone();
        let uri = message.uri().unwrap_or("sip:alice.smith@presence.example.com");
        let source = "192.0.2.17:5060".parse().ok();
        let mut buffer = Vec::with_capacity(2_048);
        let figures = [
            ("memchr once over the bytes", cost(|| no(black_box(memchr::memchr(0, black_box(&bytes)))))),
            ("parse", cost(|| no(black_box(Message::parse(black_box(&bytes), &Limits::DEFAULT))))),
            ("typed fields", cost(|| typed(black_box(&message)))),
            ("check", cost(|| no(black_box(black_box(&mut again).check(&Limits::DEFAULT))))),
            ("Request-URI", cost(|| no(black_box(Uri::parse(black_box(uri)))))),
            ("hash of the user", cost(|| no(black_box(aor_hash(black_box(uri)))))),
            (
                "write a response",
                cost(|| {
                    buffer.clear();
                    respond(&mut buffer, black_box(&message), 200, source, Some("1928301774")).finish(b"");
                    black_box(&buffer);
                }),
            ),
        ];
        writeln!(out, "{what}, {} bytes", bytes.len()).expect("output");
        for (name, nanoseconds) in figures {
            writeln!(out, "  {name:<28}{nanoseconds:>8.0} ns").expect("output");
        }
    }
}

/// Reads what a transaction and an event package read.
fn typed(message: &Message<'_>) {
    black_box(
        message
            .get(Name::Via)
            .map(Via::parse_first)
            .map(|via| via.map(|(via, _)| (via.branch(), via.rport())))
            .is_some(),
    );
    for name in [Name::From, Name::To] {
        black_box(message.get(name).map(NameAddr::parse).map(|address| address.map(|address| address.tag())));
    }
    black_box(message.get(Name::CallId));
    black_box(message.get(Name::CSeq).map(CSeq::parse));
    black_box(message.get(Name::Event).map(EventHeader::parse));
    black_box(message.get(Name::Expires).map(delta_seconds));
    black_box(message.get(Name::SubscriptionState).map(SubscriptionState::parse));
}
