//! Measures the CPU time of a message over loopback: one call each, batches, batches with segmentation, streams.
//!
//! `cargo run --release -p rollcall-transport --example transport_cost`
//!
//! One thread sends a burst, then receives it, in turn, so thread CPU time covers both ends and the kernel's work in
//! between, and other load on the machine does not count. Figures are the best of several rounds.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sip_stack::{Connection, Flow, Local, Protocol};
use transport::tcp::{StreamEvent, StreamOptions, Streams};
use transport::udp::{UdpEnd, UdpOptions};

const BURST: usize = 64;
const BURSTS: usize = 8_000;
const ROUNDS: usize = 3;

/// CPU time that this thread has used, from the scheduler's account of it, which may lag by one tick (4 ms).
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps schedstat");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("it begins with a number");
    Duration::from_nanos(nanos)
}

/// Best nanoseconds of sending and receiving one datagram.
fn best(mut send: impl FnMut(), mut receive: impl FnMut() -> usize) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = cpu();
        for _ in 0..BURSTS {
            send();
            let mut received = 0;
            while received < BURST {
                received += receive();
            }
        }
        best = best.min((cpu() - start).as_nanos() as f64 / (BURSTS * BURST) as f64);
    }
    best
}

fn plain(size: usize) -> f64 {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let (from, to) = (bind(), bind());
    let remote = to.local_addr().expect("the socket is bound");
    let payload = vec![b'x'; size];
    let mut room = vec![0; 65_536];
    best(
        || {
            (0..BURST)
                .for_each(|_| assert_eq!(from.send_to(&payload, remote).expect("loopback takes it"), size))
        },
        || to.recv_from(&mut room).map(|_| 1).expect("loopback keeps it"),
    )
}

/// `segment` and `join`: whether the sender and the receivers use segmentation. `peers`: how many receiving sockets
/// the messages go round; with one, all are a run unless each is `grow` bytes longer than the one before.
fn batched(size: usize, (segment, join): (bool, bool), peers: usize, grow: usize) -> f64 {
    let bind = |segmentation| {
        let options = UdpOptions { segmentation, ..UdpOptions::default() };
        UdpEnd::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).expect("loopback has free ports")
    };
    let mut from = bind(segment);
    let mut to: Vec<UdpEnd> = (0..peers).map(|_| bind(join)).collect();
    let remotes: Vec<SocketAddr> = to.iter().map(UdpEnd::local_addr).collect();
    let payload = vec![b'x'; size + grow * BURST];
    let head = &payload[..size / 2];
    best(
        || {
            let messages = (0..BURST)
                .map(|index| (remotes[index % peers], head, &payload[..size - size / 2 + grow * index]));
            assert_eq!(from.send(messages).sent, BURST);
        },
        || to.iter_mut().map(|end| end.receive(|_, _| {}).expect("loopback keeps it")).sum(),
    )
}

/// Streams on this thread: one connection, each burst queued at once and received by a callback.
fn streams(size: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let listen = [(Local(0), SocketAddr::from(([127, 0, 0, 1], 0)))];
    let start = |listen, count: Arc<AtomicUsize>| {
        let told = move |event: StreamEvent<'_>| {
            if let StreamEvent::Message { .. } = event {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        Streams::start(runtime.handle(), listen, StreamOptions::default(), told)
            .expect("loopback has free ports")
    };
    let to = start(&listen, count);
    let from = start(&[], Arc::default());
    let remote = to.local_addr(Local(0)).expect("it listens");
    let flow = Flow { protocol: Protocol::Tcp, local: Local(0), remote, connection: Connection::NONE };
    let head = format!("NOTIFY sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n", size - 47);
    let body = vec![b'x'; size - 47];
    best(
        || (0..BURST).for_each(|_| from.send(flow, head.as_bytes(), &body)),
        || {
            runtime.block_on(tokio::task::yield_now());
            arrived.swap(0, Ordering::Relaxed)
        },
    )
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "CPU per message, sent and received, in nanoseconds")?;
    writeln!(out, "{:32} {:>6} {:>8} {:>8}", "", "bytes", "ns", "of plain")?;
    for size in [400, 900] {
        let (no, yes) = ((false, false), (true, true));
        let rows = [
            ("one call each", plain(size)),
            ("batched, one peer", batched(size, no, 1, 0)),
            ("batched, 16 peers", batched(size, no, 16, 0)),
            ("segmented, peer joins", batched(size, yes, 1, 0)),
            ("segmented, peer does not join", batched(size, (true, false), 1, 0)),
            ("segmenting, sizes all differ", batched(size, yes, 1, 1)),
            ("segmenting, 16 peers, no runs", batched(size, yes, 16, 0)),
            ("streams, one connection", streams(size)),
        ];
        for (name, cost) in rows {
            writeln!(out, "{name:32} {size:>6} {cost:>8.0} {:>7.0}%", 100.0 * cost / rows[0].1)?;
        }
    }
    Ok(())
}
