//! What an XCAP request costs, beside a constant answer of the same HTTP library in the same run.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use nix::time::{ClockId, clock_gettime};

use super::SERVER;
use super::load::Cost;
use super::report::{Fact, Report, Row};
use super::subject::{Running, Subject};

/// Connections of the generator, each with one request under way.
const CLIENTS: usize = 16;

const GET_10: Row = Row::new("xcap-get-10", "GET of a document of 10 KiB");
const GET_1: Row = Row::new("xcap-get-1", "GET of a document of 1 KiB");
const GET_ELEMENT: Row = Row::new("xcap-get-element", "GET of an element in a document of 10 KiB");
const PUT: Row =
    Row::new("xcap-put", "PUT of an element in a document of 10 KiB: validated, durable, 16 clients");

/// A constant answer over hyper: `/N` is answered with N octets. Serves for ever.
pub(super) fn bare(address: SocketAddrV4) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        tokio::spawn(accept(listener)).await?
    })
}

async fn accept(listener: tokio::net::TcpListener) -> std::io::Result<()> {
    let whole = Bytes::from(vec![b'x'; 64 << 10]);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let whole = whole.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let length = request.uri().path()[1..].parse().unwrap_or(0);
            let mut response = Response::new(Full::new(whole.slice(..length)));
            let fields = response.headers_mut();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/resource-lists+xml"));
            fields.insert(ETAG, HeaderValue::from_static("\"1\""));
            async move { Ok::<_, std::convert::Infallible>(response) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

/// Measures, and says whether the goals are met.
pub(super) fn measure(report: &mut Report, span: Duration) -> Result<(), String> {
    let bare = Running::start(&Subject::Bare, &[SERVER])?;
    let get =
        |target: String| move |_: usize| (format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"), String::new());
    let constant_10 = run(&bare, span, get("/10240".to_owned()))?;
    let constant_1 = run(&bare, span, get("/1024".to_owned()))?;
    report.add(GET_10, "floor", constant_10.clone());
    report.add(GET_1, "floor", constant_1.clone());
    drop(bare);

    let server = Running::start(&Subject::Xcap, &[SERVER])?;
    for (user, octets) in (0..CLIENTS).map(|client| (client, 10_240)).chain([(CLIENTS, 1024)]) {
        put_document(&server, user, octets)?;
    }
    let ten = run(&server, span, get(document(0)))?;
    let one = run(&server, span, get(document(CLIENTS)))?;
    let element = run(&server, span, get(entry(0)))?;
    let counter = Arc::new(AtomicU64::new(0));
    let put = run(&server, span, move |client| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let body =
            format!("<entry uri=\"sip:contact20@example.com\"><display-name>{number}</display-name></entry>");
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/xcap-el+xml\r\nContent-Length: {}\r\n\r\n",
            entry(client),
            body.len()
        );
        (head, body)
    })?;
    for (row, cost) in [(GET_10, &ten), (GET_1, &one), (GET_ELEMENT, &element), (PUT, &put)] {
        report.add(row, "rollcall", cost.clone());
    }
    let share = |cost: &Cost, of: &Cost| of.micros() / cost.micros() * 100.0;
    let goal = |title: &str, value: f64, unit, least| Fact::at_least(title, value, unit, least);
    report.fact(goal(
        "GET of 10 KiB, per core, beside a constant answer",
        share(&ten, &constant_10),
        "%",
        60.0,
    ));
    report.fact(goal(
        "PUT of an element, per core, beside a constant answer",
        share(&put, &constant_10),
        "%",
        25.0,
    ));
    report.fact(goal("PUT of an element, 16 clients", put.rate(), "/s", 3000.0));
    report.fact(Fact::at_most("GET of 1 KiB", one.micros(), "us", Some(40.0)));
    report.fact(Fact::at_most("PUT of an element", put.micros(), "us", Some(64.0)));
    Ok(())
}

fn document(user: usize) -> String {
    format!("/xcap-root/resource-lists/users/sip:user{user}@example.com/index")
}

fn entry(user: usize) -> String {
    let list = "resource-lists/list%5B@name=%22friends%22%5D";
    format!("{}/~~/{list}/entry%5B@uri=%22sip:contact20@example.com%22%5D", document(user))
}

/// A list of about so many octets, but of one entry at least, and with a `contact20` if it is long.
fn put_document(server: &Running, user: usize, octets: usize) -> Result<(), String> {
    let mut body =
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"friends\">".to_owned();
    for contact in 0.. {
        body.push_str(&format!(
            "<entry uri=\"sip:contact{contact}@example.com\"><display-name>Contact {contact}</display-name></entry>"
        ));
        if body.len() + 100 > octets {
            break;
        }
    }
    body.push_str("</list></resource-lists>");
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/resource-lists+xml\r\nContent-Length: {}\r\n\r\n",
        document(user),
        body.len()
    );
    let mut client = Client::connect(server.address)?;
    match client.ask(&head, &body)? {
        201 => Ok(()),
        status => Err(format!("PUT of a document: {status}")),
    }
}

/// Runs all clients for `span`, after a tenth of it to warm up.
fn run<F>(server: &Running, span: Duration, request: F) -> Result<Cost, String>
where
    F: Fn(usize) -> (String, String) + Send + Sync + 'static,
{
    let (request, start) = (Arc::new(request), Arc::new(Barrier::new(CLIENTS + 1)));
    let address = server.address;
    let (warm, end) = (span / 10, span + span / 10);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (request, start) = (Arc::clone(&request), Arc::clone(&start));
            std::thread::spawn(move || -> Result<(u64, Vec<Duration>), String> {
                let mut client = Client::connect(address)?;
                start.wait();
                let began = Instant::now();
                let (mut operations, mut took) = (0, Vec::new());
                while began.elapsed() < end {
                    let (head, body) = request(number);
                    let asked = Instant::now();
                    let status = client.ask(&head, &body)?;
                    if !(200..300).contains(&status) {
                        return Err(format!("{status} for {}", head.lines().next().unwrap_or_default()));
                    }
                    if (warm..end).contains(&began.elapsed()) {
                        operations += 1;
                        took.push(asked.elapsed());
                    }
                }
                Ok((operations, took))
            })
        })
        .collect();
    start.wait();
    std::thread::sleep(warm);
    let (cpu, own, began) = (server.cpu()?, own_cpu()?, Instant::now());
    std::thread::sleep(span);
    let (cpu, own, wall) = (server.cpu()? - cpu, own_cpu()? - own, began.elapsed());
    let (mut operations, mut took) = (0, Vec::new());
    for client in clients {
        let (count, times) = client.join().map_err(|_| "a client failed")??;
        operations += count;
        took.extend(times);
    }
    took.sort();
    let rank = |share: usize| took.get(took.len() * share / 100).copied();
    let (p50, p99) = (rank(50), rank(99));
    Ok(Cost { operations, cpu, generator: own, wall, p50, p99, calm: None, retransmissions: 0, wrong: 0 })
}

fn own_cpu() -> Result<Duration, String> {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).map_err(|error| error.to_string())
}

/// One connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    pub(super) fn connect(address: SocketAddrV4) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(|error| error.to_string())?;
        Ok(Self { stream: BufReader::with_capacity(32 << 10, stream), line: String::new(), body: Vec::new() })
    }

    /// The status of the answer.
    pub(super) fn ask(&mut self, head: &str, body: &str) -> Result<u16, String> {
        let request = [head, body].concat();
        self.stream.get_mut().write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let (mut status, mut length) = (0, 0);
        loop {
            self.line.clear();
            let count = self.stream.read_line(&mut self.line).map_err(|error| error.to_string())?;
            let line = self.line.trim_end();
            if count == 0 {
                return Err("the server closed the connection".to_owned());
            }
            if line.is_empty() {
                break;
            }
            if status == 0 {
                status = line.get(9..12).and_then(|code| code.parse().ok()).ok_or("no status")?;
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().map_err(|_| "an odd length")?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).map_err(|error| error.to_string())?;
        Ok(status)
    }
}

/// A port of loopback, as text for a setting.
pub(super) fn listen(address: SocketAddrV4) -> String {
    format!("aggregation-proxy.listen=\"http:{}:{}\"", Ipv4Addr::LOCALHOST, address.port())
}
