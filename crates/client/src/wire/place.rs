//! Where a URI leads.

use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use sip::{Host, Uri};
use sip_stack::Protocol;
use transport::dns::{Dns, LocateError, Location, Locator, Supported, Target};

use crate::Options;
use crate::error::ConnectError;

/// Finds places of the one protocol that the client speaks.
pub(super) struct Places {
    protocol: Protocol,
    locator: Locator<Dns>,
}

impl Places {
    pub(super) fn new(options: &Options, seed: &[u8; 32]) -> Result<Self, ConnectError> {
        let supported = Supported {
            udp: options.protocol == Protocol::Udp,
            tcp: options.protocol == Protocol::Tcp,
            tls: false,
            ipv4: options.local.is_none_or(|local| local.is_ipv4()),
            ipv6: options.local.is_none_or(|local| local.is_ipv6()),
        };
        let draw = u64::from_be_bytes(*seed.first_chunk().expect("32 bytes are more than 8"));
        // Without name servers, addresses and `localhost` still lead somewhere.
        let dns = Dns::system().or_else(|_| Dns::with_servers(&[])).map_err(ConnectError::NameServers)?;
        Ok(Self { protocol: options.protocol, locator: Locator::new(dns, supported, draw) })
    }

    /// The places of the server that was named, or of the user's domain; at least one. And what was looked for.
    pub(super) async fn server(&self, options: &Options) -> Result<(String, Vec<Location>), ConnectError> {
        let target = match &options.server {
            Some(server) => self.named(server).ok_or_else(|| ConnectError::Server(server.clone()))?,
            None => self.target(options.identity.domain().to_owned(), None),
        };
        let host = match target.port {
            Some(port) => format!("{}:{port}", target.host),
            None => target.host.clone(),
        };
        match self.locator.locate(&target).await {
            Ok(places) => Ok((host, places)),
            Err(cause) => Err(ConnectError::Locate { host, cause }),
        }
    }

    /// `host`, `host:port`, or an address with or without brackets.
    fn named(&self, server: &str) -> Option<Target> {
        if let Ok(address) = SocketAddr::from_str(server) {
            return Some(self.target(host_text(address.ip()), Some(address.port())));
        }
        if let Ok(address) = IpAddr::from_str(server) {
            return Some(self.target(host_text(address), None));
        }
        let uri = format!("sip:{server}");
        let Ok(Uri::Sip(uri)) = Uri::parse(&uri) else { return None };
        (uri.user.is_none() && uri.params.is_empty()).then(|| self.target(uri.host.to_string(), uri.port))
    }

    fn target(&self, host: String, port: Option<u16>) -> Target {
        Target { host, port, transport: Some(self.protocol), secure: false }
    }

    /// The target of a URI; `None` if it is no SIP URI, or wants what we do not have.
    fn of_hop(&self, hop: &str) -> Result<Target, LocateError> {
        let Ok(Uri::Sip(uri)) = Uri::parse(hop) else { return Err(LocateError::Unsupported) };
        if uri.secure {
            return Err(LocateError::Unsupported);
        }
        let host = uri.params.get("maddr").map_or_else(|| uri.host.to_string(), str::to_owned);
        Ok(self.target(host, uri.port))
    }

    /// The places of a URI whose host is an address; `None` if it must be looked up.
    pub(super) fn literal(&self, hop: &str) -> Option<Result<Vec<Location>, LocateError>> {
        let target = match self.of_hop(hop) {
            Ok(target) => target,
            Err(error) => return Some(Err(error)),
        };
        let ip = match Host::parse(&target.host).ok()? {
            Host::V4(ip) => IpAddr::V4(ip),
            Host::V6(ip) => IpAddr::V6(ip),
            Host::Name(_) => return None,
        };
        let address = SocketAddr::new(ip, target.port.unwrap_or(5060));
        Some(Ok(vec![Location { protocol: self.protocol, secure: false, address }]))
    }

    /// The places of a URI.
    pub(super) async fn locate(&self, hop: &str) -> Result<Vec<Location>, LocateError> {
        self.locator.locate(&self.of_hop(hop)?).await
    }
}

/// The URI of an outbound proxy at `host`, with its port if it has one.
pub(super) fn hop(host: &str, protocol: Protocol) -> String {
    match protocol {
        Protocol::Udp => format!("sip:{host};lr"),
        Protocol::Tcp => format!("sip:{host};transport=tcp;lr"),
    }
}

fn host_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
