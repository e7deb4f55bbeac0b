//! The HTTP entrance with a site of a few lines: connections, bodies, bounds, and what is none of HTTP.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use server::clock::Clock;
use server::config::values::WebListen;
use server::http::connection::House;
use server::http::listener::{Bound, Listeners};
use server::http::{Answer, Head, Limits, Site};
use tokio::runtime::Runtime;

/// Says how long a body was; has bugs where it is told to; lets nobody into `/private`.
struct Echo;

impl Site for Echo {
    type Pass = ();

    fn trusts(&self, _: SocketAddr) -> bool {
        false
    }

    fn admit(&self, head: &Head) -> Result<(), Answer> {
        match head.parts.uri.path() {
            "/private" => Err(Answer::text(StatusCode::UNAUTHORIZED, "who are you?")),
            "/bug-at-the-door" => panic!("a bug with a secret in it"),
            _ => Ok(()),
        }
    }

    async fn answer(&self, head: Head, (): (), body: Bytes) -> Answer {
        if head.parts.uri.path() == "/bug" {
            panic!("a bug with a secret in it");
        }
        if [Method::GET, Method::HEAD].contains(&head.parts.method) {
            return Answer::text(StatusCode::OK, &"some text. ".repeat(500));
        }
        Answer::text(StatusCode::OK, &format!("{} octets", body.len()))
    }
}

const LIMITS: Limits = Limits {
    header: 8192,
    target: 1024,
    body: 4096,
    header_timeout: Duration::from_millis(300),
    body_timeout: Duration::from_millis(300),
    idle_timeout: Duration::from_millis(600),
    connections: 4,
    connections_per_peer: 3,
    client_rate: 0,
    at_work: 10,
};

struct Running {
    address: SocketAddr,
    house: Arc<House<Echo>>,
    _runtime: Runtime,
}

fn start(limits: Limits) -> Running {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let house = Arc::new(House::new(Echo, limits, Clock::new()));
    let bound = Bound::new(&[WebListen::loopback(false, 0)]).unwrap();
    let address = bound.addresses()[0].address;
    Listeners::start(runtime.handle(), bound, None, &house).unwrap();
    Running { address, house, _runtime: runtime }
}

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// All that comes back until the server closes.
fn told(running: &Running, request: &[u8]) -> String {
    let mut stream = connect(running);
    stream.write_all(request).unwrap();
    rest(stream)
}

fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn statuses(text: &str) -> Vec<u16> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

#[test]
fn one_connection_serves_many_requests_also_when_they_come_at_once() {
    let running = start(LIMITS);
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let put = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    let last = "DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let text = told(&running, [get, put, get, put, last].concat().as_bytes());
    assert_eq!(statuses(&text), [200; 5], "{text}");
    assert_eq!(text.matches("3 octets").count(), 2);
    assert_eq!(text.matches("\r\ndate: ").count(), 5);
    assert_eq!(running.house.counts.accepted.load(Ordering::Relaxed), 1);
}

#[test]
fn a_client_that_ends_its_side_still_hears_the_answer() {
    let running = start(LIMITS);
    let mut stream = connect(&running);
    stream.write_all(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(stream).contains("3 octets"));
}

#[test]
fn head_has_the_length_of_get_and_no_body() {
    let running = start(LIMITS);
    let text = told(&running, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&text), [200]);
    assert!(text.ends_with("\r\n\r\n"), "{text}");
    let got = told(&running, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let length =
        |text: &str| text.lines().find(|line| line.starts_with("content-length: ")).map(str::to_owned);
    assert_eq!(length(&text).unwrap(), length(&got).unwrap());
}

#[test]
fn an_answer_is_packed_for_whom_wants_it() {
    let running = start(LIMITS);
    let ask = |accepts: &str| {
        told(&running, format!("GET / HTTP/1.1\r\nHost: x\r\n{accepts}Connection: close\r\n\r\n").as_bytes())
    };
    for accepts in
        ["Accept-Encoding: br, gzip;q=0.5\r\n", "Accept-Encoding: *\r\n", "accept-encoding: GZIP\r\n"]
    {
        let text = ask(accepts);
        assert!(text.contains("content-encoding: gzip\r\n") && text.len() < 1000, "{accepts}{text}");
        assert!(text.contains("vary: Accept-Encoding\r\n"));
    }
    for accepts in ["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0, *\r\n"] {
        let text = ask(accepts);
        assert!(
            !text.contains("content-encoding") && text.contains("some text. some text."),
            "{accepts}{text}"
        );
    }
}

#[test]
fn bodies_are_bounded_whole_and_in_time() {
    let running = start(LIMITS);
    let with = |fields: &str, body: &[u8]| {
        let mut request = format!("PUT / HTTP/1.1\r\nHost: x\r\n{fields}\r\n").into_bytes();
        request.extend_from_slice(body);
        told(&running, &request)
    };
    let declared = with("Content-Length: 4097\r\n", b"");
    assert_eq!(statuses(&declared), [413], "refused before a byte of it came: {declared}");
    let chunked = with(
        "Transfer-Encoding: chunked\r\n",
        format!("1001\r\n{}\r\n0\r\n\r\n", "x".repeat(4097)).as_bytes(),
    );
    assert_eq!(statuses(&chunked), [413]);
    let slow = with("Content-Length: 10\r\n", b"abc");
    assert_eq!(statuses(&slow), [408], "{slow}");
    assert!(slow.contains("connection: close\r\n"));
    let longer = with("Content-Length: 3\r\n", b"abcGARBAGE\r\n\r\n");
    assert_eq!(statuses(&longer), [200, 400], "what is beyond the length is the next request: {longer}");
    let twice = with("Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd");
    assert_eq!(statuses(&twice), [400]);
    let both = with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n");
    assert!(statuses(&both).iter().all(|status| [200, 400].contains(status)), "{both}");
    let coding = with("Content-Encoding: br\r\nContent-Length: 3\r\n", b"abc");
    assert_eq!(statuses(&coding), [415]);
    assert!(coding.contains("accept-encoding: gzip, identity\r\n"));
    assert_eq!(
        statuses(&with("Content-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n", b"abc")),
        [400]
    );
}

#[test]
fn a_body_cut_short_is_no_request() {
    let running = start(LIMITS);
    let mut stream = connect(&running);
    stream.write_all(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(statuses(&rest(stream)), [400]);
}

#[test]
fn heads_are_bounded_whole_and_in_time() {
    let running = start(LIMITS);
    let long = "x".repeat(1200);
    let target =
        told(&running, format!("GET /{long} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    assert_eq!(statuses(&target), [414]);
    let field =
        told(&running, format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(9000)).as_bytes());
    assert_eq!(statuses(&field), [431]);
    let many =
        told(&running, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200)).as_bytes());
    assert_eq!(statuses(&many), [431]);
    assert_eq!(statuses(&told(&running, b"GET / HTTP/1.1\r\n\r\n")), [400], "no Host");
    assert_eq!(statuses(&told(&running, b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n")), [400]);
    assert_eq!(statuses(&told(&running, b"\x16\x03\x01\x02\0\x01")), [400], "TLS where none is spoken");
    let late = told(&running, b"GET / HTTP/1.1\r\nHost:");
    assert_eq!(statuses(&late), [408], "{late}");
    assert_eq!(told(&running, b"").len(), 0, "who has asked nothing is told nothing");
    assert!(running.house.counts.late.load(Ordering::Relaxed) >= 1);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let running = start(LIMITS);
    let text = told(&running, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(statuses(&text), [200]);
}

#[test]
fn who_is_not_let_in_is_not_listened_to() {
    let running = start(LIMITS);
    let put = |fields: &str, body: &str| {
        let request = format!("PUT /private HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}");
        told(&running, request.as_bytes())
    };
    let leave = put("Content-Length: 3\r\nExpect: 100-continue\r\n", "");
    assert_eq!(statuses(&leave), [401], "no leave to send: {leave}");
    let next = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let short = put("Content-Length: 3\r\n", &format!("abc{next}"));
    assert_eq!(statuses(&short), [401, 200], "a short body is forgotten: {short}");
    let large = put("Content-Length: 1000000\r\n", "abc");
    assert_eq!(statuses(&large), [401]);
    assert!(large.contains("connection: close\r\n"));
}

#[test]
fn a_bug_is_told_to_nobody_outside() {
    let running = start(LIMITS);
    for path in ["/bug", "/bug-at-the-door"] {
        let text = told(&running, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(statuses(&text), [500]);
        assert!(!text.contains("secret") && !text.contains(".rs"), "{text}");
    }
    assert_eq!(running.house.counts.panics.load(Ordering::Relaxed), 2);
    assert_eq!(running.house.counts.at_work.load(Ordering::Relaxed), 0);
    assert_eq!(statuses(&told(&running, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), [200]);
}

#[test]
fn connections_are_bounded_by_peer_and_a_place_becomes_free() {
    let running = start(Limits {
        idle_timeout: Duration::from_secs(60),
        header_timeout: Duration::from_secs(60),
        ..LIMITS
    });
    let mut held: Vec<_> = (0..3).map(|_| connect(&running)).collect();
    for stream in &mut held {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
    }
    let refused = told(&running, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&refused), [503], "{refused}");
    assert!(refused.contains("Retry-After: "));
    assert_eq!(running.house.counts.refused_peer.load(Ordering::Relaxed), 1);
    drop(held.pop());
    let again = |_: usize| told(&running, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!((0..10_000).map(again).any(|text| statuses(&text) == [200]), "the place of one who left is free");
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let running = start(Limits { client_rate: 1, ..LIMITS });
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10);
    let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let text = told(&running, (get + last).as_bytes());
    assert_eq!(statuses(&text)[..10], [200; 10]);
    assert_eq!(statuses(&text)[10], 429);
    assert!(text.contains("retry-after: 1\r\n"), "{text}");
}
