//! One TCP connection: framing, keep-alive, and its end.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use sip::{Frame, Framer, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::Incoming;

/// How long a connection may take to come about.
const PATIENCE: Duration = Duration::from_secs(5);
/// A ping this often keeps address translators from forgetting an idle connection, RFC 5626 §4.4.1.
const KEEP_ALIVE: Duration = Duration::from_secs(100);
/// Messages that wait for a connection or its buffer; one more closes it, since the peer reads nothing.
const OUTBOX: usize = 1024;

/// A connection, perhaps still to come about.
pub(super) struct Stream {
    number: u64,
    outbox: mpsc::Sender<Arc<[u8]>>,
}

impl Stream {
    /// Connects; what is sent meanwhile waits.
    pub(super) fn open(
        remote: SocketAddr,
        number: u64,
        incoming: &mpsc::Sender<Incoming>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let incoming = incoming.clone();
        tasks.spawn(async move {
            if let Ok(stream) = connect(remote, None).await {
                if let Ok(local) = stream.local_addr() {
                    let _ = incoming.send(Incoming::Opened { local }).await;
                }
                carry(stream, remote, messages, &incoming).await;
            }
            let _ = incoming.send(Incoming::Lost { remote, number }).await;
        });
        Self { number, outbox }
    }

    /// Takes a connection that is there.
    pub(super) fn over(
        stream: TcpStream,
        remote: SocketAddr,
        number: u64,
        incoming: &mpsc::Sender<Incoming>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let incoming = incoming.clone();
        tasks.spawn(async move {
            carry(stream, remote, messages, &incoming).await;
            let _ = incoming.send(Incoming::Lost { remote, number }).await;
        });
        Self { number, outbox }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Hands a message over; `false` if the connection has ended or its peer reads nothing.
    pub(super) fn send(&self, message: Arc<[u8]>) -> bool {
        self.outbox.try_send(message).is_ok()
    }
}

/// Connects within a few seconds, from `local` if it is given.
pub(super) async fn connect(remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = timeout(PATIENCE, socket.connect(remote)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads and writes until either side ends.
async fn carry(
    stream: TcpStream,
    remote: SocketAddr,
    mut messages: mpsc::Receiver<Arc<[u8]>>,
    incoming: &mpsc::Sender<Incoming>,
) {
    let (mut reader, mut writer) = stream.into_split();
    let mut framer = Framer::new(Limits::default());
    let mut buffer = vec![0; 16_384];
    let mut ping_at = Instant::now() + KEEP_ALIVE;
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                framer.push(&buffer[..length]);
                loop {
                    let answer: &[u8] = match framer.next() {
                        Ok(None) => break,
                        Err(_) => return,
                        Ok(Some(Frame::Message(bytes))) => {
                            let bytes = bytes.to_vec();
                            if incoming.send(Incoming::Message { source: remote, bytes }).await.is_err() {
                                return;
                            }
                            b""
                        }
                        Ok(Some(Frame::Ping)) => b"\r\n",
                        Ok(Some(Frame::Pong)) => b"",
                    };
                    if writer.write_all(answer).await.is_err() {
                        return;
                    }
                }
            }
            message = messages.recv() => {
                let Some(message) = message else { return };
                if writer.write_all(&message).await.is_err() {
                    return;
                }
                ping_at = Instant::now() + KEEP_ALIVE;
            }
            () = sleep_until(ping_at) => {
                if writer.write_all(b"\r\n\r\n").await.is_err() {
                    return;
                }
                ping_at = Instant::now() + KEEP_ALIVE;
            }
        }
    }
}
