//! Where connections come in: bounded in all and by address, with TLS or without.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::Site;
use super::connection::{House, serve};
use crate::config::values::WebListen;

/// A listener that fails (no file descriptors) is asked again after this time.
const REST: Duration = Duration::from_millis(100);

/// How many connections each address has.
#[derive(Debug, Default)]
struct Guests(Mutex<BTreeMap<IpAddr, usize>>);

impl Guests {
    fn come(&self, address: IpAddr, max: usize) -> bool {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.entry(address).or_default();
        let comes = *count < max;
        *count += usize::from(comes);
        comes
    }

    fn go(&self, address: IpAddr) {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&address);
            }
        }
    }
}

/// Counts a connection for as long as it lives.
struct Guest<S> {
    house: Arc<House<S>>,
    guests: Arc<Guests>,
    address: IpAddr,
}

impl<S> Drop for Guest<S> {
    fn drop(&mut self) {
        self.guests.go(self.address);
        self.house.counts.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sockets that are bound and not yet listened to: their ports are known.
#[derive(Debug)]
pub struct Bound(Vec<(WebListen, std::net::TcpListener)>);

impl Bound {
    /// Binds all addresses.
    pub fn new(listen: &[WebListen]) -> Result<Self, (WebListen, io::Error)> {
        let bind = |one: &WebListen| {
            let listener = std::net::TcpListener::bind(one.address)?;
            listener.set_nonblocking(true)?;
            Ok((WebListen { secure: one.secure, address: listener.local_addr()? }, listener))
        };
        let bound = listen.iter().map(|one| bind(one).map_err(|error| (*one, error)));
        bound.collect::<Result<_, _>>().map(Self)
    }

    /// Where they are, with ports in place of zeros.
    pub fn addresses(&self) -> Vec<WebListen> {
        self.0.iter().map(|(address, _)| *address).collect()
    }
}

/// The listeners of an entrance.
#[derive(Debug)]
pub struct Listeners(Vec<JoinHandle<()>>);

impl Listeners {
    /// Begins to accept. `tls` is for the secure addresses; without it nothing is accepted there.
    pub fn start<S: Site>(
        handle: &Handle,
        bound: Bound,
        tls: Option<&Arc<ServerConfig>>,
        house: &Arc<House<S>>,
    ) -> io::Result<Self> {
        let _context = handle.enter();
        let guests = Arc::new(Guests::default());
        let mut tasks = Vec::new();
        for (one, listener) in bound.0 {
            let acceptor = match (one.secure, tls) {
                (true, Some(config)) => Some(TlsAcceptor::from(Arc::clone(config))),
                (true, None) => continue,
                (false, _) => None,
            };
            let door = Door { house: Arc::clone(house), guests: Arc::clone(&guests), acceptor };
            tasks.push(handle.spawn(door.keep(TcpListener::from_std(listener)?)));
        }
        Ok(Self(tasks))
    }

    /// Accepts no more.
    pub fn close(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

struct Door<S> {
    house: Arc<House<S>>,
    guests: Arc<Guests>,
    acceptor: Option<TlsAcceptor>,
}

impl<S: Site> Door<S> {
    async fn keep(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr) {
        let (house, limits) = (&self.house, &self.house.limits);
        let address = peer.ip().to_canonical();
        let open = house.counts.connections.fetch_add(1, Ordering::Relaxed);
        let is_full = open >= limits.connections;
        if is_full || !self.guests.come(address, limits.connections_per_peer) {
            house.counts.connections.fetch_sub(1, Ordering::Relaxed);
            let slot = if is_full { &house.counts.refused_all } else { &house.counts.refused_peer };
            slot.fetch_add(1, Ordering::Relaxed);
            if self.acceptor.is_none() {
                tokio::spawn(turn_away(stream));
            }
            return;
        }
        house.counts.accepted.fetch_add(1, Ordering::Relaxed);
        let guest = Guest { house: Arc::clone(house), guests: Arc::clone(&self.guests), address };
        // Answers are whole when they are written: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        match &self.acceptor {
            None => _ = tokio::spawn(plain(guest, stream, peer)),
            Some(acceptor) => _ = tokio::spawn(secure(guest, acceptor.clone(), stream, peer)),
        }
    }
}

async fn plain<S: Site>(guest: Guest<S>, stream: TcpStream, peer: SocketAddr) {
    serve(Arc::clone(&guest.house), stream, peer).await;
}

async fn secure<S: Site>(guest: Guest<S>, acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) {
    let house = Arc::clone(&guest.house);
    match tokio::time::timeout(house.limits.header_timeout, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve(house, stream, peer).await,
        Ok(Err(_)) | Err(_) => _ = house.counts.handshakes_failed.fetch_add(1, Ordering::Relaxed),
    }
}

/// There is no room. The answer is short enough to be taken at once or not at all.
async fn turn_away(mut stream: TcpStream) {
    const FULL: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let _ = tokio::time::timeout(REST, async {
        stream.write_all(FULL).await?;
        stream.shutdown().await
    })
    .await;
}
