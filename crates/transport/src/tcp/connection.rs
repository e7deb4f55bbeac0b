//! One connection: frames what comes, writes what is queued, keeps the time limits.

use std::future::poll_fn;
use std::io;
use std::mem::{MaybeUninit, take};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use sip::{Frame, Framer, Message, Name, Via};
use sip_stack::Flow;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::deadlines::{Deadlines, Heard, Late};
use super::table::Side;
use super::{Ending, Host, StreamEvent};

/// Bytes read at once.
const READ: usize = 16_384;
/// Capacity that an idle buffer keeps.
const KEPT: usize = 4_096;
/// The port of a Via without one, RFC 3261 §18.1.1.
const DEFAULT_PORT: u16 = 5060;

/// What senders and the task of one connection share.
pub(super) struct Line {
    pub(super) flow: Flow,
    pub(super) side: Side,
    outbox: Mutex<Outbox>,
    wake: Notify,
    active_at: AtomicU64,
    spoken: AtomicBool,
    begun: AtomicBool,
}

#[derive(Default)]
struct Outbox {
    /// Not yet taken by the task.
    bytes: Vec<u8>,
    /// Not yet taken by the kernel.
    queued: usize,
    /// Flows other than the connection's own by which messages were queued since all was last written.
    senders: Vec<Flow>,
    closing: Option<Ending>,
    ended: bool,
}

/// Why a message was not queued.
pub(super) enum PushError {
    /// The connection is ending or has ended.
    Ended,
    /// The peer does not read fast enough.
    Full,
}

impl Line {
    pub(super) fn new(flow: Flow, side: Side, now: u64) -> Self {
        Self {
            flow,
            side,
            outbox: Mutex::default(),
            wake: Notify::new(),
            active_at: AtomicU64::new(now),
            // A peer that we asked for has nothing to prove.
            spoken: AtomicBool::new(side == Side::Opened),
            begun: AtomicBool::new(side == Side::Accepted),
        }
    }

    /// Whether the caller is the one to open the connection: true once.
    pub(super) fn begin_opening(&self) -> bool {
        !self.begun.swap(true, Ordering::Relaxed)
    }

    /// When a message or ping last passed, by the table's time.
    pub(super) fn active_at(&self) -> u64 {
        self.active_at.load(Ordering::Relaxed)
    }

    /// Whether the peer has sent something whole, or we opened the connection.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoken.load(Ordering::Relaxed)
    }

    /// Notes that something whole came from the peer.
    pub(super) fn spoke(&self, now: u64) {
        self.spoken.store(true, Ordering::Relaxed);
        self.active_at.store(now, Ordering::Relaxed);
    }

    /// Queues a message that was sent by `flow`. One that is larger than `most` fits an empty queue.
    pub(super) fn push(&self, flow: Flow, head: &[u8], body: &[u8], most: usize) -> Result<(), PushError> {
        let mut outbox = self.outbox();
        if outbox.ended || outbox.closing.is_some() {
            return Err(PushError::Ended);
        }
        let len = head.len() + body.len();
        if outbox.queued > 0 && outbox.queued + len > most {
            return Err(PushError::Full);
        }
        outbox.queued += len;
        outbox.bytes.extend_from_slice(head);
        outbox.bytes.extend_from_slice(body);
        if flow != self.flow && !outbox.senders.contains(&flow) {
            outbox.senders.push(flow);
        }
        drop(outbox);
        self.wake.notify_one();
        Ok(())
    }

    /// Asks the task to end the connection; the first who asks gives the reason.
    pub(super) fn close(&self, ending: Ending) {
        self.outbox().closing.get_or_insert(ending);
        self.wake.notify_one();
    }

    /// Waits until somebody asks to end the connection.
    pub(super) async fn closing(&self) -> Ending {
        loop {
            let woken = self.wake.notified();
            let closing = self.outbox().closing;
            if let Some(ending) = closing {
                return ending;
            }
            woken.await;
        }
    }

    /// Takes no more messages. Returns the foreign flows whose messages were not written.
    pub(super) fn end(&self) -> Vec<Flow> {
        let mut outbox = self.outbox();
        outbox.ended = true;
        outbox.bytes = Vec::new();
        take(&mut outbox.senders)
    }

    /// Exchanges a drained buffer for what is queued. When nothing is, buffers grown large give their memory back.
    fn refill(&self, drained: &mut Vec<u8>) -> Option<Ending> {
        drained.clear();
        let mut outbox = self.outbox();
        std::mem::swap(&mut outbox.bytes, drained);
        if drained.is_empty() {
            drained.shrink_to(KEPT);
            outbox.bytes.shrink_to(KEPT);
        }
        outbox.closing
    }

    fn wrote(&self, len: usize) {
        let mut outbox = self.outbox();
        outbox.queued -= len;
        if outbox.queued == 0 {
            outbox.senders.clear();
        }
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened next on a connection.
enum Turn {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Woken,
    Late,
}

/// Runs an open connection until it ends, and says why it did.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    line: &Line,
    host: &Host,
) -> Ending {
    let options = &host.options;
    let mut inlet = Inlet { framer: Framer::new(options.message), line, host };
    let mut deadlines = Deadlines::new(line.side, options);
    let mut sleep = pin!(sleep_until(deadlines.next()));
    let (mut out, mut at) = (Vec::new(), 0);
    let mut closing = None;
    let mut reads_first = true;
    loop {
        if at == out.len() {
            closing = line.refill(&mut out);
            at = 0;
            deadlines.all_written();
            if let Some(ending) = closing
                && out.is_empty()
            {
                return finish(&mut stream, ending).await;
            }
        } else if closing.is_none() {
            closing = line.outbox().closing;
        }
        if closing == Some(Ending::Slow) {
            return Ending::Slow;
        }
        let now = Instant::now();
        if closing.is_some() {
            deadlines.must_flush(now);
        }
        if at < out.len() {
            deadlines.must_write(now, options);
        }
        // A deadline that moved away is noticed when the timer fires; setting it anew for each message would cost more.
        if deadlines.next() < sleep.deadline() {
            sleep.as_mut().reset(deadlines.next());
        }
        let mut woken = pin!(line.wake.notified());
        reads_first = !reads_first;
        let turn = poll_fn(|context| {
            // Neither direction may starve the other.
            for reads in [reads_first, !reads_first] {
                if reads && closing.is_none() {
                    if let Poll::Ready(result) = inlet.poll(&mut stream, context) {
                        return Poll::Ready(Turn::Read(result));
                    }
                } else if !reads
                    && at < out.len()
                    && let Poll::Ready(result) = Pin::new(&mut stream).poll_write(context, &out[at..])
                {
                    return Poll::Ready(Turn::Wrote(result));
                }
            }
            if woken.as_mut().poll(context).is_ready() {
                return Poll::Ready(Turn::Woken);
            }
            sleep.as_mut().poll(context).map(|()| Turn::Late)
        });
        match turn.await {
            Turn::Read(Ok(0)) => line.close(Ending::Peer),
            Turn::Read(Ok(_)) => {
                let heard = match inlet.deliver() {
                    Ok(heard) => heard,
                    Err(ending) => return ending,
                };
                deadlines.heard(&heard, options);
            }
            Turn::Wrote(Ok(len)) => {
                at += len;
                line.wrote(len);
                line.active_at.store(host.now(), Ordering::Relaxed);
                deadlines.wrote(options);
            }
            Turn::Read(Err(error)) | Turn::Wrote(Err(error)) => return Ending::Broken(error.kind()),
            Turn::Woken => {}
            Turn::Late => match deadlines.late(Instant::now()) {
                Some(Late::End(ending)) => return closing.unwrap_or(ending),
                Some(Late::Ping) => {
                    deadlines.pinged(options);
                    let _ = line.push(line.flow, b"\r\n\r\n", b"", options.outbox_max);
                    sleep.as_mut().reset(deadlines.next());
                }
                None => sleep.as_mut().reset(deadlines.next()),
            },
        }
    }
}

/// Ends the stream in order: the peer reads all that was written, then its end.
async fn finish<S: AsyncWrite + Unpin>(stream: &mut S, ending: Ending) -> Ending {
    // Whether the peer hears of it or not, the connection is over.
    let _ = poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await;
    ending
}

/// The reading half.
struct Inlet<'h> {
    framer: Framer,
    line: &'h Line,
    host: &'h Host,
}

impl Inlet<'_> {
    /// Reads into the framer; 0 is the end. The buffer lives on the stack for the time of the call only, so that an
    /// idle connection has none.
    fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut room = [const { MaybeUninit::uninit() }; READ];
        let mut room = ReadBuf::uninit(&mut room);
        let result = Pin::new(stream).poll_read(context, &mut room);
        self.framer.push(room.filled());
        result.map_ok(|()| room.filled().len())
    }

    /// Hands on what is whole, and answers pings.
    fn deliver(&mut self) -> Result<Heard, Ending> {
        let Self { framer, line, host } = self;
        let mut heard = Heard { whole: false, pong: false, unfinished: false };
        while let Some(frame) = framer.next().map_err(Ending::Malformed)? {
            match frame {
                Frame::Message(bytes) => {
                    heard.whole = true;
                    line.spoke(host.now());
                    lend(line, host, bytes);
                    (host.events)(StreamEvent::Message { flow: line.flow, bytes });
                }
                Frame::Ping => {
                    heard.whole = true;
                    // Two pongs with nothing between them look like a ping that came in halves.
                    heard.pong = true;
                    line.spoke(host.now());
                    // A full outbox ends the connection by itself when it stands still.
                    let _ = line.push(line.flow, b"\r\n", b"", host.options.outbox_max);
                }
                Frame::Pong => heard.pong = true,
            }
        }
        heard.unfinished = framer.pending() > 0;
        Ok(heard)
    }
}

/// Lets an accepted connection of a trusted peer carry our requests to the sent-by address of the request that it has
/// just brought, if that asks for it: the port is that of the Via, the host is where it came from. RFC 5923 §8.2.
fn lend(line: &Line, host: &Host, bytes: &[u8]) {
    let source = line.flow.remote.ip();
    if line.side == Side::Accepted
        && host.options.alias_peers.iter().any(|peers| peers.contains(source))
        && let Some(port) = alias_port(bytes, host)
    {
        host.table().lend(line.flow.connection, SocketAddr::new(source, port));
    }
}

fn alias_port(bytes: &[u8], host: &Host) -> Option<u16> {
    let message = Message::parse(bytes, &host.options.message).ok()?;
    message.method()?;
    let (via, _) = Via::parse_first(message.get(Name::Via)?).ok()?;
    via.params.has("alias").then(|| via.port.unwrap_or(DEFAULT_PORT))
}
