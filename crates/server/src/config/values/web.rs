//! Addresses of HTTP: where to listen, and where remote servers are.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use core::str::FromStr;

use client::web::{Address, AddressError};
use toml::de::DeValue;

use super::{Setting, quoted, text};

/// One address that the HTTP entrance listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebListen {
    /// Whether TLS is spoken there.
    pub secure: bool,
    /// Where the socket is bound.
    pub address: SocketAddr,
}

impl WebListen {
    /// A port of 127.0.0.1.
    pub fn loopback(secure: bool, port: u16) -> Self {
        Self { secure, address: (Ipv4Addr::LOCALHOST, port).into() }
    }
}

impl FromStr for WebListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected scheme, address and port such as \"https:192.0.2.1:443\" or \"http:127.0.0.1:8090\", found {}",
                quoted(text)
            )
        };
        let (scheme, address) = text.trim().split_once(':').ok_or_else(wrong)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let address = address.strip_prefix("//").unwrap_or(address);
        Ok(Self { secure, address: address.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for WebListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.secure { "https" } else { "http" }, self.address)
    }
}

impl Setting for WebListen {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        text("an address such as \"https:127.0.0.1:8443\"", value)?.parse()
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for Address {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = text("an address such as \"https://xdm.example.com/xcap-root\"", value)?;
        text.parse().map_err(|error: AddressError| error.to_string())
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_has_a_scheme() {
        assert_eq!("https:[::1]:8443".parse::<WebListen>().unwrap().to_string(), "https:[::1]:8443");
        assert_eq!("http://127.0.0.1:0".parse::<WebListen>().unwrap(), WebListen::loopback(false, 0));
        for wrong in ["127.0.0.1:80", "tcp:127.0.0.1:80", "https:example.com:443"] {
            assert!(wrong.parse::<WebListen>().is_err(), "{wrong}");
        }
    }
}
