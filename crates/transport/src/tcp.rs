//! Streams: listeners, connections in both directions, and which connection carries a message.

mod connection;
mod deadlines;
mod event;
mod options;
mod table;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sip_stack::{Connection, Flow, Local, Protocol};
use socket2::{Domain, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use connection::{Line, PushError};
pub use event::{Ending, StreamCounts, StreamEvent, Undelivered};
pub use options::StreamOptions;
use table::{Side, Table};

/// The streams of a process: a cheap handle, usable from any thread.
#[derive(Clone)]
pub struct Streams {
    host: Arc<Host>,
}

type Events = dyn for<'a> Fn(StreamEvent<'a>) + Send + Sync;

/// What all connections share.
struct Host {
    runtime: Handle,
    options: StreamOptions,
    events: Box<Events>,
    table: Mutex<Table>,
    listening: Vec<(Local, SocketAddr)>,
    started: Instant,
    stopping: watch::Sender<bool>,
    /// Connections that have a task.
    running: watch::Sender<usize>,
}

impl Streams {
    /// Listens on the addresses given (perhaps none, for a client) and runs all streams on `runtime`; port 0 takes a
    /// free one. An IPv6 listener takes IPv6 only. Fails if an address cannot be bound.
    pub fn start(
        runtime: &Handle,
        listen: &[(Local, SocketAddr)],
        options: StreamOptions,
        events: impl for<'a> Fn(StreamEvent<'a>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let _context = runtime.enter();
        let mut listening = Vec::new();
        let mut listeners = Vec::new();
        for (local, address) in listen {
            let listener = bind(*address)?;
            listening.push((*local, listener.local_addr()?));
            listeners.push((*local, listener));
        }
        let host = Arc::new(Host {
            runtime: runtime.clone(),
            table: Mutex::new(Table::new(&options)),
            options,
            events: Box::new(events),
            listening,
            started: Instant::now(),
            stopping: watch::Sender::new(false),
            running: watch::Sender::new(0),
        });
        for (local, listener) in listeners {
            runtime.spawn(accept(Arc::clone(&host), local, listener));
        }
        Ok(Self { host })
    }

    /// The address that a listener got, with its port.
    pub fn local_addr(&self, local: Local) -> Option<SocketAddr> {
        self.host.listener(local)
    }

    /// Queues a message, `head` then `body`, and returns at once. Whatever prevents delivery is told by an event.
    ///
    /// The message goes over the connection of the flow if that is still open (RFC 3261 §18.2.2); else over one to the
    /// same remote address, be it one we opened, one accepted from exactly that address and port (RFC 3261 §18), or one
    /// that a trusted peer lent for it (RFC 5923); else over a new one, from the flow's local address.
    ///
    /// Messages of one flow stay in order as long as one connection carries them. A response whose connection may be
    /// gone wants two tries of the caller: with the flow of the request, and, told that this failed, with the port of
    /// the Via and no connection (RFC 3261 §18.2.2), for an accepted connection came from a port that seldom listens.
    pub fn send(&self, flow: Flow, head: &[u8], body: &[u8]) {
        if let Err(reason) = Host::send(&self.host, flow, head, body) {
            (self.host.events)(StreamEvent::Undeliverable { flow, reason });
        }
    }

    /// Closes one connection when what is queued for it is written, or 2 seconds later.
    pub fn close(&self, connection: Connection) {
        let line = self.host.table().get(connection);
        if let Some(line) = line {
            line.close(Ending::Owner);
        }
    }

    /// How many there are and were.
    pub fn counts(&self) -> StreamCounts {
        self.host.table().counts()
    }

    /// Stops listening and opening, closes every connection when what is queued for it is written, and returns when all
    /// are closed, at the latest 2 seconds later. Each is told with `Closed`.
    pub async fn shutdown(&self) {
        self.host.stopping.send_replace(true);
        let lines = self.host.table().lines();
        lines.iter().for_each(|line| line.close(Ending::Owner));
        let mut running = self.host.running.subscribe();
        running.wait_for(|running| *running == 0).await.expect("the sender lives in the host");
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("listening", &self.host.listening).finish_non_exhaustive()
    }
}

impl Host {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listener(&self, local: Local) -> Option<SocketAddr> {
        self.listening.iter().find(|(index, _)| *index == local).map(|(_, address)| *address)
    }

    /// Milliseconds since the start, the table's time.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    fn send(host: &Arc<Self>, flow: Flow, head: &[u8], body: &[u8]) -> Result<(), Undelivered> {
        if flow.protocol != Protocol::Tcp {
            return Err(Undelivered::NotAStream);
        }
        loop {
            let line = host.line_for(flow)?;
            match line.push(flow, head, body, host.options.outbox_max) {
                Ok(()) => {
                    if line.begin_opening() {
                        host.running.send_modify(|running| *running += 1);
                        host.runtime.spawn(open(Arc::clone(host), line));
                    }
                    return Ok(());
                }
                // It ended since it was found: look again without it.
                Err(PushError::Ended) => host.table().remove(line.flow.connection),
                Err(PushError::Full) => {
                    line.close(Ending::Slow);
                    return Err(Undelivered::Ended(Ending::Slow));
                }
            }
        }
    }

    /// The connection that carries messages of this flow; if there was none, a new one still to be opened.
    fn line_for(&self, flow: Flow) -> Result<Arc<Line>, Undelivered> {
        let mut table = self.table();
        if let Some(line) = table.find(flow) {
            return Ok(line);
        }
        if self.is_stopping() {
            return Err(Undelivered::ShutDown);
        }
        let admitted = table.admit(self.now(), Side::Opened, flow.local, flow.remote);
        drop(table);
        let admitted = admitted.ok_or(Undelivered::NoRoom)?;
        if let Some(displaced) = admitted.displaced {
            displaced.close(Ending::Displaced);
        }
        Ok(admitted.line)
    }

    /// Ends a connection, open or not: frees its place, then tells whose messages were lost.
    fn end(&self, line: &Line, ending: Result<Ending, Undelivered>) {
        let lost = line.end();
        self.table().remove(line.flow.connection);
        let reason = ending.map_or_else(|reason| reason, Undelivered::Ended);
        for flow in lost {
            (self.events)(StreamEvent::Undeliverable { flow, reason });
        }
        if let Ok(ending) = ending {
            (self.events)(StreamEvent::Closed { flow: line.flow, ending });
        }
    }
}

/// Counts a connection as running until dropped, even by a panic in the owner's event function.
struct Running<'h> {
    host: &'h Host,
    line: &'h Line,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.host.table().remove(self.line.flow.connection);
        self.host.running.send_modify(|running| *running -= 1);
    }
}

/// A listening socket with the options that all have.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restarted process gets its port back although old connections linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

/// Takes connections of one listener until the streams are stopped.
async fn accept(host: Arc<Host>, local: Local, listener: TcpListener) {
    let mut stopping = host.stopping.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, remote)) => {
                let admitted = {
                    let mut table = host.table();
                    // Under the lock, so that `shutdown` sees every connection that was let in before it.
                    if host.is_stopping() {
                        None
                    } else {
                        table.admit(host.now(), Side::Accepted, local, remote)
                    }
                };
                // Without a place for it the stream is dropped, and so closed.
                let Some(admitted) = admitted else { continue };
                if let Some(displaced) = admitted.displaced {
                    displaced.close(Ending::Displaced);
                }
                host.running.send_modify(|running| *running += 1);
                host.runtime.spawn(serve(Arc::clone(&host), admitted.line, stream));
            }
            // Out of descriptors, most likely. Those of ending connections come back.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Runs an accepted connection to its end.
async fn serve(host: Arc<Host>, line: Arc<Line>, stream: TcpStream) {
    let _running = Running { host: &host, line: &line };
    tune(&stream);
    let ending = connection::run(stream, &line, &host).await;
    host.end(&line, Ok(ending));
}

/// Opens a connection and runs it to its end.
async fn open(host: Arc<Host>, line: Arc<Line>) {
    let _running = Running { host: &host, line: &line };
    let opened = tokio::select! {
        opened = timeout(host.options.connect_timeout, connect(&host, line.flow)) => opened,
        ending = line.closing() => return host.end(&line, Err(Undelivered::Ended(ending))),
    };
    let ending = match opened {
        Ok(Ok(stream)) => {
            tune(&stream);
            Ok(connection::run(stream, &line, &host).await)
        }
        Ok(Err(error)) => Err(Undelivered::NotConnected(error.kind())),
        Err(_) => Err(Undelivered::NotConnected(io::ErrorKind::TimedOut)),
    };
    host.end(&line, ending);
}

async fn connect(host: &Host, flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = host.listener(flow.local)
        && !local.ip().is_unspecified()
        && local.is_ipv4() == flow.remote.is_ipv4()
    {
        socket.bind(SocketAddr::new(local.ip(), 0))?;
    }
    socket.connect(flow.remote).await
}

/// Sends small messages at once, and lets the kernel notice a dead peer: idle within two minutes, while data waits for
/// acknowledgment within one. A kernel that refuses leaves the time limits above.
fn tune(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let keep_alive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20))
        .with_retries(3);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keep_alive);
    let _ = socket.set_tcp_user_timeout(Some(Duration::from_secs(60)));
}

#[cfg(test)]
mod tests;
