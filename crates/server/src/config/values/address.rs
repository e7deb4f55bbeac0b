//! Addresses: where to listen, and whom to trust.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use sip_stack::Protocol;
use toml::de::DeValue;

use super::{Setting, quoted, text};

/// One address that the server listens on, and how peers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Where the socket is bound.
    pub address: SocketAddr,
    /// What Via and Contact say when it is not the bound address: `host:port` or `host`.
    pub advertised: Option<String>,
}

impl Listen {
    /// Host and port as peers are told, such as `192.0.2.1:5060`.
    pub fn sent_by(&self) -> String {
        self.advertised.clone().unwrap_or_else(|| self.address.to_string())
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected protocol, address and port such as \"udp:127.0.0.1:5060\", \"tcp:[::1]:5060\" or \
                 \"udp:0.0.0.0:5060 as sip.example.com:5060\", found {}",
                quoted(text)
            )
        };
        let (bound, advertised) = match text.split_once(" as ") {
            Some((bound, advertised)) => (bound.trim(), Some(advertised.trim())),
            None => (text.trim(), None),
        };
        let (protocol, address) = bound.split_once(':').ok_or_else(wrong)?;
        let protocol = match protocol {
            "udp" => Protocol::Udp,
            "tcp" => Protocol::Tcp,
            _ => return Err(wrong()),
        };
        let address = address.parse().map_err(|_| wrong())?;
        if advertised.is_some_and(|host| {
            host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control())
        }) {
            return Err(wrong());
        }
        Ok(Self { protocol, address, advertised: advertised.map(str::to_owned) })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        write!(f, "{protocol}:{}", self.address)?;
        self.advertised.as_ref().map_or(Ok(()), |host| write!(f, " as {host}"))
    }
}

impl Setting for Listen {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        text("an address such as \"udp:127.0.0.1:5060\"", value)?.parse()
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}

/// An address for the operator's HTTP, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminListen(pub Option<SocketAddr>);

impl Setting for AdminListen {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "an address and port such as \"127.0.0.1:8080\", or \"off\"";
        match text(WHAT, value)? {
            "off" => Ok(Self(None)),
            address => address
                .parse()
                .map(|address| Self(Some(address)))
                .map_err(|_| format!("expected {WHAT}, found {}", quoted(address))),
        }
    }

    fn print(&self) -> String {
        quoted(&self.0.map_or_else(|| "off".to_owned(), |address| address.to_string()))
    }
}

/// A range of IP addresses: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// First address; the bits behind the prefix are zero.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |_| format!("expected an address or a range such as \"192.0.2.0/24\", found {}", quoted(text));
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong(()))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.parse().map_err(|_| wrong(())))?;
        if prefix > bits {
            return Err(wrong(()));
        }
        let network = match address {
            IpAddr::V4(v4) => IpAddr::from(
                (u32::from(v4) & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)).to_be_bytes(),
            ),
            IpAddr::V6(v6) => IpAddr::from(
                (u128::from(v6) & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)).to_be_bytes(),
            ),
        };
        if network != address {
            return Err(format!(
                "{} has bits behind its prefix; {network}/{prefix} was meant?",
                quoted(text)
            ));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Setting for Network {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        text("an address or a range such as \"192.0.2.0/24\"", value)?.parse()
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}
