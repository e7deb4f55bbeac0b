//! Where a server is on the web.

use core::fmt;
use core::str::FromStr;

/// Why a text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as \"https://xcap.example.com/xcap-root\", found {0:?}")]
pub struct AddressError(String);

/// Where a remote server is: scheme, host, port and path, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether TLS is spoken there.
    pub secure: bool,
    /// Name or address; an IPv6 address in its brackets.
    pub host: String,
    /// Port: as written, else the scheme's own.
    pub port: u16,
    /// Empty, or with a slash at its beginning.
    pub path: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let after_brackets = authority.rfind(']').unwrap_or(0);
        let (host, port) = match authority[after_brackets..].rfind(':') {
            Some(at) => {
                let (host, port) = authority.split_at(after_brackets + at);
                (host, port[1..].parse().map_err(|_| wrong())?)
            }
            None => (authority, if secure { 443 } else { 80 }),
        };
        let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
        if host.is_empty() || !host.bytes().all(lawful) || !path.bytes().all(plain) {
            return Err(wrong());
        }
        Ok(Self {
            secure,
            host: host.to_ascii_lowercase(),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_no_slash_at_its_end() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string()).ok();
        assert_eq!(
            read("https://XDM.example.com/xcap-root/").as_deref(),
            Some("https://xdm.example.com:443/xcap-root")
        );
        assert_eq!(read("http://[::1]:8090").as_deref(), Some("http://[::1]:8090"));
        assert_eq!(read("http://[::1]/x").as_deref(), Some("http://[::1]:80/x"));
        for wrong in
            ["xdm.example.com", "ftp://x/", "https://", "https://x:port/", "https://a b/", "https://x/?q"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
