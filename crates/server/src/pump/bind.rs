//! Which sockets a server opens, and that nobody else has them.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use sip_stack::Protocol;
use transport::udp::{UdpEnd, UdpOptions};

use crate::config::values::Listen;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {error}{hint}")]
pub struct BindError {
    listen: String,
    error: io::Error,
    hint: &'static str,
}

impl BindError {
    /// The error for one address of the configuration.
    pub fn new(listen: &Listen, error: io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; another program has it: choose another port with --set listen=..",
            io::ErrorKind::PermissionDenied => "; ports below 1024 are for root",
            io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            _ => "",
        };
        Self { listen: listen.to_string(), error, hint }
    }
}

/// Makes sure that the addresses are free and gives those with port 0 a port: the same for UDP and TCP of one host.
///
/// The sockets of several shards share a UDP address, and so would those of a second server by mistake; a socket that
/// shares nothing finds out. The port could be taken between this and the opening of the sockets, which then fails.
pub fn settle(listen: &[Listen]) -> Result<Vec<Listen>, BindError> {
    let mut settled: Vec<Listen> = Vec::with_capacity(listen.len());
    for one in listen {
        let mut one = one.clone();
        if one.address.port() == 0
            && let Some(sibling) = settled.iter().find(|other| {
                other.address.ip() == one.address.ip()
                    && other.protocol != one.protocol
                    && is_free(&one, other.address)
            })
        {
            one.address = sibling.address;
        }
        one.address = probe(&one).map_err(|error| BindError::new(&one, error))?;
        settled.push(one);
    }
    Ok(settled)
}

fn is_free(listen: &Listen, address: SocketAddr) -> bool {
    probe(&Listen { address, ..listen.clone() }).is_ok()
}

fn probe(listen: &Listen) -> io::Result<SocketAddr> {
    match listen.protocol {
        Protocol::Udp => UdpSocket::bind(listen.address)?.local_addr(),
        Protocol::Tcp => TcpListener::bind(listen.address)?.local_addr(),
    }
}

/// One socket per shard for a UDP address.
pub fn datagram_ends(listen: &Listen, shards: u16) -> Result<Vec<UdpEnd>, BindError> {
    let options = UdpOptions { reuse_port: shards > 1, ..UdpOptions::default() };
    (0..shards)
        .map(|_| UdpEnd::bind(listen.address, options).map_err(|error| BindError::new(listen, error)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_becomes_one_port_for_both_protocols() {
        let listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"].map(|text| text.parse().unwrap());
        let settled = settle(&listen).unwrap();
        assert_ne!(settled[0].address.port(), 0);
        assert_ne!(settled[1].address.port(), 0);
    }

    #[test]
    fn an_address_that_another_has_is_refused() {
        let listen: Listen = "udp:127.0.0.1:0".parse().unwrap();
        let taken = settle(std::slice::from_ref(&listen)).unwrap();
        let ends = datagram_ends(&taken[0], 2).unwrap();
        assert_eq!(ends.len(), 2, "shards share an address");
        let refused = settle(&taken).unwrap_err().to_string();
        assert!(refused.contains("another program has it"), "{refused}");
    }
}
