//! Where to send a request to a SIP or SIPS URI: RFC 3263 §4 over the records of DNS.

mod order;
mod resolver;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sip::Uri;
use sip_stack::Protocol;
use tokio::time::timeout;

pub use resolver::Dns;

/// Longest search in all, whatever the name servers do. A caller waits.
const PATIENCE: Duration = Duration::from_secs(6);
/// Most servers of a service that are looked up; more would only make a caller wait for longer.
const SERVERS_MAX: usize = 16;

/// What a request is to be sent to: the parts of a URI that RFC 3263 §4 looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The `maddr` parameter if there is one, else the host: a name, or a literal address with or without brackets.
    pub host: String,
    /// The port, if the URI has one.
    pub port: Option<u16>,
    /// The `transport` parameter, if the URI has one.
    pub transport: Option<Protocol>,
    /// Whether the URI is a SIPS URI, or otherwise asks for TLS.
    pub secure: bool,
}

impl Target {
    /// What a SIP or SIPS URI asks for; none if it is no such URI, or names a transport that we do not know.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let Ok(Uri::Sip(uri)) = Uri::parse(uri) else { return None };
        let transport = match uri.params.get("transport").map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("udp") => Some(Protocol::Udp),
            Some("tcp") => Some(Protocol::Tcp),
            Some(_) => return None,
        };
        let host = uri.params.get("maddr").map_or_else(|| uri.host.to_string(), str::to_owned);
        Some(Self { host, port: uri.port, transport, secure: uri.secure })
    }
}

/// One place to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// How.
    pub protocol: Protocol,
    /// Whether TLS is to be used over the protocol. Only if [`Supported::tls`] was said.
    pub secure: bool,
    /// Where.
    pub address: SocketAddr,
}

/// What we can speak. Records of anything else are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    /// SIP over UDP.
    pub udp: bool,
    /// SIP over TCP.
    pub tcp: bool,
    /// SIP over TLS over TCP.
    pub tls: bool,
    /// Addresses of IPv4.
    pub ipv4: bool,
    /// Addresses of IPv6; where there are both, these are tried first.
    pub ipv6: bool,
}

/// Why there is no place to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocateError {
    /// The URI asks for a transport, for security or for an address family that we do not have.
    Unsupported,
    /// The name has neither servers nor addresses, or is no name.
    NotFound,
    /// The domain says that it offers no SIP service (a target of `.`, RFC 2782).
    Declined,
    /// The name servers failed.
    Lookup(LookupError),
    /// The name servers took too long.
    TimedOut,
}

impl fmt::Display for LocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("the transport or address family is not supported here"),
            Self::NotFound => f.write_str("the name has neither servers nor addresses"),
            Self::Declined => f.write_str("the domain offers no SIP service"),
            Self::Lookup(error) => write!(f, "the name servers failed: {error}"),
            Self::TimedOut => f.write_str("the name servers took too long"),
        }
    }
}

impl Error for LocateError {}

/// A failure of the name servers, in their words; not the absence of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError(pub String);

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for LookupError {}

/// A NAPTR record, RFC 3403 §4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lowest first; a match in one order hides all later orders.
    pub order: u16,
    /// Lowest first within an order.
    pub preference: u16,
    /// `s`: the replacement has SRV records.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`, ...
    pub service: String,
    /// Empty for SIP.
    pub regexp: String,
    /// The name to look up next.
    pub replacement: String,
}

/// An SRV record, RFC 2782.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lowest first.
    pub priority: u16,
    /// Share of the requests among those of one priority.
    pub weight: u16,
    /// Port of the service.
    pub port: u16,
    /// Host of the service; `.` or empty: the service is not offered.
    pub target: String,
}

/// Where records come from. Names are absolute, with or without the final dot. No records is an empty list.
pub trait Records: Send + Sync {
    /// NAPTR records of a name, in any order.
    fn naptr(&self, name: &str) -> impl Future<Output = Result<Vec<Naptr>, LookupError>> + Send;
    /// SRV records of a name, in any order.
    fn srv(&self, name: &str) -> impl Future<Output = Result<Vec<Srv>, LookupError>> + Send;
    /// IPv4 addresses of a name, in the order to try.
    fn ipv4(&self, name: &str) -> impl Future<Output = Result<Vec<Ipv4Addr>, LookupError>> + Send;
    /// IPv6 addresses of a name, in the order to try.
    fn ipv6(&self, name: &str) -> impl Future<Output = Result<Vec<Ipv6Addr>, LookupError>> + Send;
}

/// Finds the places to try.
#[derive(Debug)]
pub struct Locator<R> {
    records: R,
    supported: Supported,
    draws: AtomicU64,
}

/// A protocol with or without TLS: what RFC 3263 calls a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    const fn service(self) -> &'static str {
        match self {
            Self::Udp => "SIP+D2U",
            Self::Tcp => "SIP+D2T",
            Self::Tls => "SIPS+D2T",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp.",
            Self::Tcp => "_sip._tcp.",
            Self::Tls => "_sips._tcp.",
        }
    }

    /// RFC 3261 §19.1.2.
    const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    const fn at(self, ip: IpAddr, port: u16) -> Location {
        let (protocol, secure) = match self {
            Self::Udp => (Protocol::Udp, false),
            Self::Tcp => (Protocol::Tcp, false),
            Self::Tls => (Protocol::Tcp, true),
        };
        Location { protocol, secure, address: SocketAddr::new(ip, port) }
    }
}

impl Supported {
    /// Whether requests to a URI of this security may go by this transport.
    const fn allows(self, transport: Transport, secure: bool) -> bool {
        match transport {
            Transport::Udp => self.udp && !secure,
            Transport::Tcp => self.tcp && !secure,
            Transport::Tls => self.tls,
        }
    }
}

impl<R: Records> Locator<R> {
    /// `seed` decides how requests are spread over servers of equal priority (RFC 2782): the same seed, records and
    /// calls give the same order.
    pub const fn new(records: R, supported: Supported, seed: u64) -> Self {
        Self { records, supported, draws: AtomicU64::new(seed) }
    }

    /// The places to try for one transaction, in order; never empty.
    ///
    /// The caller sends to the first. If that fails (transport error, 503, or timer B or F without any response,
    /// RFC 3263 §4.3), it makes a new transaction, with a new branch, for the next. All retransmissions, the CANCEL and
    /// the ACK of a failure go to the place that the request went to. All places are of one transport. A later
    /// transaction asks again: answers are kept by the resolver for as long as their records allow.
    ///
    /// Literal addresses and `localhost` need no look-up.
    pub async fn locate(&self, target: &Target) -> Result<Vec<Location>, LocateError> {
        let host = target.host.strip_suffix('.').unwrap_or(&target.host);
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = literal.parse::<IpAddr>() {
            return self.known(target, &[ip]);
        }
        if is_localhost(host) {
            return self.known(target, &[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        if host.is_empty() || host.len() > 253 {
            return Err(LocateError::NotFound);
        }
        timeout(PATIENCE, self.look_up(target, host)).await.unwrap_or(Err(LocateError::TimedOut))
    }

    /// Places at addresses that need no look-up.
    fn known(&self, target: &Target, addresses: &[IpAddr]) -> Result<Vec<Location>, LocateError> {
        let transport = self.plain_transport(target)?;
        let port = target.port.unwrap_or(transport.default_port());
        let usable = addresses.iter().filter(|ip| match ip {
            IpAddr::V4(_) => self.supported.ipv4,
            IpAddr::V6(_) => self.supported.ipv6,
        });
        let places: Vec<Location> = usable.map(|ip| transport.at(*ip, port)).collect();
        if places.is_empty() { Err(LocateError::Unsupported) } else { Ok(places) }
    }

    /// RFC 3263 §4.1 and §4.2 for a name.
    async fn look_up(&self, target: &Target, host: &str) -> Result<Vec<Location>, LocateError> {
        if let Some(port) = target.port {
            return self.addresses(self.plain_transport(target)?, host, port).await;
        }
        if target.transport.is_some() {
            let transport = self.plain_transport(target)?;
            return match self.servers(transport, &format!("{}{host}", transport.prefix())).await? {
                Some(places) => Ok(places),
                None => self.addresses(transport, host, transport.default_port()).await,
            };
        }
        let allowed = |transport: &Transport| self.supported.allows(*transport, target.secure);
        // Servers that cannot answer this question still may answer the others.
        let naptrs = self.records.naptr(host).await.unwrap_or_default();
        let mut chosen = None;
        for (transport, name) in order::services(&naptrs, |transport| allowed(&transport)) {
            if let Some(places) = self.servers(transport, &name).await? {
                return Ok(places);
            }
            chosen.get_or_insert(transport);
        }
        if chosen.is_none() {
            // Any that has servers will do; the default of the scheme goes first where TLS is not to be had.
            let candidates = [Transport::Tls, Transport::Udp, Transport::Tcp];
            for transport in candidates.into_iter().filter(allowed) {
                if let Some(places) =
                    self.servers(transport, &format!("{}{host}", transport.prefix())).await?
                {
                    return Ok(places);
                }
            }
        }
        let transport = chosen.map_or_else(|| self.plain_transport(target), Ok)?;
        self.addresses(transport, host, transport.default_port()).await
    }

    /// The transport that follows from the URI alone (RFC 3263 §4.1): as asked for, or UDP for SIP and TLS for SIPS.
    fn plain_transport(&self, target: &Target) -> Result<Transport, LocateError> {
        let transport = match (target.secure, target.transport) {
            (true, None | Some(Protocol::Tcp)) => Transport::Tls,
            (true, Some(Protocol::Udp)) => return Err(LocateError::Unsupported),
            (false, Some(Protocol::Udp)) => Transport::Udp,
            (false, Some(Protocol::Tcp)) => Transport::Tcp,
            (false, None) if self.supported.udp => Transport::Udp,
            (false, None) => Transport::Tcp,
        };
        let is_allowed = self.supported.allows(transport, target.secure);
        is_allowed.then_some(transport).ok_or(LocateError::Unsupported)
    }

    /// The places of a service, in the order of RFC 2782; `None` if it has no SRV records.
    async fn servers(&self, transport: Transport, name: &str) -> Result<Option<Vec<Location>>, LocateError> {
        let records = self.records.srv(name).await.map_err(LocateError::Lookup)?;
        if records.is_empty() {
            return Ok(None);
        }
        let servers = order::servers(records, &mut order::Draw(self.draws.fetch_add(1, Ordering::Relaxed)));
        if servers.is_empty() {
            return Err(LocateError::Declined);
        }
        let mut places = Vec::new();
        let mut failed = LocateError::NotFound;
        for server in servers.iter().take(SERVERS_MAX) {
            match self.addresses(transport, &server.target, server.port).await {
                Ok(more) => places.extend(more),
                // One server without an address does not take the others away.
                Err(error) => failed = error,
            }
        }
        if places.is_empty() { Err(failed) } else { Ok(Some(places)) }
    }

    /// The places at the addresses of one host.
    async fn addresses(
        &self,
        transport: Transport,
        host: &str,
        port: u16,
    ) -> Result<Vec<Location>, LocateError> {
        if is_localhost(host.strip_suffix('.').unwrap_or(host)) {
            // Only our own machine may name itself: a domain that names it as its server leads nowhere.
            return Err(LocateError::NotFound);
        }
        let mut found: Vec<IpAddr> = Vec::new();
        let mut failed = None;
        if self.supported.ipv6 {
            match self.records.ipv6(host).await {
                Ok(addresses) => found.extend(addresses.into_iter().map(IpAddr::V6)),
                Err(error) => failed = Some(error),
            }
        }
        if self.supported.ipv4 {
            match self.records.ipv4(host).await {
                Ok(addresses) => found.extend(addresses.into_iter().map(IpAddr::V4)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            _ if !found.is_empty() => Ok(found.into_iter().map(|ip| transport.at(ip, port)).collect()),
            Some(error) => Err(LocateError::Lookup(error)),
            None => Err(LocateError::NotFound),
        }
    }
}

/// `localhost` and all names below it: they never reach a name server.
fn is_localhost(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests;
