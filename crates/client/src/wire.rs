//! Sockets: where the messages of a user agent go, and where those of others come from.

mod place;
mod stream;

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use sip::{Limits, Message, Name, Via};
use sip_stack::Protocol;
use sip_stack::user_agent::Usage;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use transport::dns::{LocateError, Location};

use crate::Options;
use crate::error::ConnectError;
use place::Places;
use stream::Stream;

/// What happens on the sockets.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A whole message.
    Message {
        /// Where it came from.
        source: SocketAddr,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A stream was opened; we are reached at this end of it.
    Opened {
        /// Our end.
        local: SocketAddr,
    },
    /// A stream could not be opened, or ended.
    Lost {
        /// The other end.
        remote: SocketAddr,
        /// Which stream to it.
        number: u64,
    },
    /// The name of a next hop was looked up.
    Located {
        /// On whose behalf.
        usage: Usage,
        /// What waits to be sent.
        message: Arc<[u8]>,
        /// Where to.
        places: Result<Vec<Location>, LocateError>,
    },
}

/// The sockets of one client, all of one protocol.
pub(crate) struct Wire {
    places: Arc<Places>,
    /// Where we are reached, for Via and Contact.
    local: SocketAddr,
    /// The server's address, found at the start; the way of all requests to `outbound`.
    server: SocketAddr,
    /// The hop that stands for `server`.
    outbound: Option<String>,
    socket: Option<Arc<UdpSocket>>,
    streams: BTreeMap<SocketAddr, Stream>,
    /// Who waits for something on a stream, to be told of its end.
    users: BTreeMap<SocketAddr, BTreeSet<Usage>>,
    opened: u64,
    inbox: mpsc::Receiver<Incoming>,
    incoming: mpsc::Sender<Incoming>,
    tasks: JoinSet<()>,
}

/// Messages that came in and are not read yet; more wait in the system's buffers.
const INBOX: usize = 256;

impl Wire {
    pub(crate) async fn open(options: &Options, seed: &[u8; 32]) -> Result<Self, ConnectError> {
        let places = Arc::new(Places::new(options, seed)?);
        let (host, found) = places.server(options).await?;
        let (incoming, inbox) = mpsc::channel(INBOX);
        let outbound = options.server.is_some().then(|| place::hop(&host, options.protocol));
        let mut wire = Self {
            places,
            local: found[0].address,
            server: found[0].address,
            outbound,
            socket: None,
            streams: BTreeMap::new(),
            users: BTreeMap::new(),
            opened: 0,
            inbox,
            incoming,
            tasks: JoinSet::new(),
        };
        match options.protocol {
            Protocol::Udp => wire.bind(options).await?,
            Protocol::Tcp => wire.connect(options, &found).await?,
        }
        Ok(wire)
    }

    /// Where we are reached.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The URI of the outbound proxy, if a server was named.
    pub(crate) fn outbound(&self) -> Option<&str> {
        self.outbound.as_deref()
    }

    async fn bind(&mut self, options: &Options) -> Result<(), ConnectError> {
        let address = self.server;
        let local = match options.local {
            Some(local) => local,
            // A connected socket knows which of our addresses faces the server. It sends nothing.
            None => facing(address).await.map_err(|cause| ConnectError::Connect { address, cause })?,
        };
        let address = SocketAddr::new(local, 0);
        let failed = |cause| ConnectError::Bind { address, cause };
        let socket = Arc::new(UdpSocket::bind(address).await.map_err(failed)?);
        self.local = socket.local_addr().map_err(failed)?;
        self.tasks.spawn(receive(socket.clone(), self.incoming.clone()));
        self.socket = Some(socket);
        Ok(())
    }

    /// The first of the places that takes a connection.
    async fn connect(&mut self, options: &Options, found: &[Location]) -> Result<(), ConnectError> {
        let mut failed = None;
        for place in found {
            match stream::connect(place.address, options.local).await {
                Ok(connected) => {
                    let address = place.address;
                    let local = connected.local_addr();
                    self.local = local.map_err(|cause| ConnectError::Connect { address, cause })?;
                    self.server = address;
                    let (number, incoming) = (self.opened, &self.incoming);
                    let stream = Stream::over(connected, address, number, incoming, &mut self.tasks);
                    self.opened += 1;
                    self.streams.insert(address, stream);
                    return Ok(());
                }
                Err(cause) => failed = Some(ConnectError::Connect { address: place.address, cause }),
            }
        }
        Err(failed.expect("there is at least one place, and each that failed says why"))
    }

    /// What happens next. Never ends: the wire itself holds a sender.
    pub(crate) async fn next(&mut self) -> Incoming {
        self.inbox.recv().await.expect("the wire holds a sender of its own inbox")
    }

    /// Sends a request to where a URI leads; `false` if that is known to be impossible. A name that is no address is
    /// looked up first, and comes back as [`Incoming::Located`].
    pub(crate) async fn send(&mut self, usage: Usage, hop: &str, message: Arc<[u8]>) -> bool {
        if self.outbound.as_deref() == Some(hop) {
            return self.send_to(usage, self.server, message).await;
        }
        match self.places.literal(hop) {
            Some(Ok(places)) => self.send_to(usage, places[0].address, message).await,
            Some(Err(_)) => false,
            None => {
                let (places, incoming) = (self.places.clone(), self.incoming.clone());
                let hop = hop.to_owned();
                self.tasks.spawn(async move {
                    let places = places.locate(&hop).await;
                    // Nobody to tell: the client is gone.
                    let _ = incoming.send(Incoming::Located { usage, message, places }).await;
                });
                true
            }
        }
    }

    /// Sends a request to an address; `false` if that is known to be impossible.
    pub(crate) async fn send_to(&mut self, usage: Usage, to: SocketAddr, message: Arc<[u8]>) -> bool {
        match &self.socket {
            Some(socket) => socket.send_to(&message, to).await.is_ok(),
            None => {
                let (number, incoming, tasks) = (self.opened, &self.incoming, &mut self.tasks);
                let is_new = !self.streams.contains_key(&to);
                let stream =
                    self.streams.entry(to).or_insert_with(|| Stream::open(to, number, incoming, tasks));
                self.opened += u64::from(is_new);
                self.users.entry(to).or_default().insert(usage);
                stream.send(message)
            }
        }
    }

    /// Sends a response the way its request came, RFC 3261 §18.2.2, RFC 3581 §4.
    pub(crate) async fn answer(&mut self, source: SocketAddr, message: Arc<[u8]>) {
        match &self.socket {
            // A response that is lost is asked for again by the retransmission of its request.
            Some(socket) => _ = socket.send_to(&message, return_address(source, &message)).await,
            None => _ = self.streams.get(&source).map(|stream| stream.send(message)),
        }
    }

    /// Forgets a stream that was lost; who used it.
    pub(crate) fn lost(&mut self, remote: SocketAddr, number: u64) -> BTreeSet<Usage> {
        match self.streams.get(&remote) {
            Some(stream) if stream.number() == number => {
                self.streams.remove(&remote);
                self.users.remove(&remote).unwrap_or_default()
            }
            Some(_) | None => BTreeSet::new(), // another has taken its place already
        }
    }

    /// The address to use from now on.
    pub(crate) fn opened(&mut self, local: SocketAddr) {
        self.local = local;
    }

    /// Lets finished tasks go.
    pub(crate) fn tidy(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }
}

/// Which of our addresses faces another.
async fn facing(address: SocketAddr) -> io::Result<core::net::IpAddr> {
    let any: SocketAddr = if address.is_ipv4() {
        (core::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (core::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let probe = UdpSocket::bind(any).await?;
    probe.connect(address).await?;
    Ok(probe.local_addr()?.ip())
}

async fn receive(socket: Arc<UdpSocket>, incoming: mpsc::Sender<Incoming>) {
    let mut buffer = vec![0; 65_536];
    let mut errors = 0;
    loop {
        let (length, source) = match socket.recv_from(&mut buffer).await {
            Ok(read) => read,
            // An error is one datagram's, such as an ICMP message about an earlier one; a long row is the socket's.
            Err(_) if errors < 1_000 => {
                errors += 1;
                continue;
            }
            Err(_) => return,
        };
        errors = 0;
        let bytes = buffer[..length].to_vec();
        if incoming.send(Incoming::Message { source, bytes }).await.is_err() {
            return;
        }
    }
}

/// Where a response over UDP goes: to the port it came from if the sender asked for that, else to the port in Via.
fn return_address(source: SocketAddr, response: &[u8]) -> SocketAddr {
    let message = Message::parse(response, &Limits::default());
    let port = message.ok().and_then(|message| {
        let (via, _) = Via::parse_first(message.get(Name::Via)?).ok()?;
        via.rport().is_none().then(|| via.port.unwrap_or(5060))
    });
    port.map_or(source, |port| SocketAddr::new(source.ip(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_goes_where_rport_or_via_says() {
        let source: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        for (via, port) in
            [("h:5070;branch=b;rport=4000", 4000), ("h:5070;branch=b", 5070), ("h;branch=b", 5060)]
        {
            let response = format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {via}\r\n\r\n");
            assert_eq!(return_address(source, response.as_bytes()).port(), port, "{via}");
        }
        assert_eq!(return_address(source, b"nonsense"), source);
    }
}
