//! Hosts: names, IPv4 addresses and IPv6 references.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::chars;
use crate::error::FieldError;

/// A host as it stands in a URI or a Via. Names are equal in any case; addresses are equal by value (RFC 5954 §4.2).
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A domain name, in the case it was written.
    Name(&'a str),
    /// A dotted address.
    V4(Ipv4Addr),
    /// An address in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads all of `text`. `_` is taken in names, since hosts are so named; digits and dots that are no address are
    /// refused (RFC 5954 §4.1).
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        const SECTION: &str = "RFC 5954 §4.1";
        let bytes = text.as_bytes();
        if bytes.first() == Some(&b'[') {
            let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let address = inside.and_then(v6).ok_or(FieldError::new(0, "an IPv6 reference", SECTION))?;
            return Ok(Self::V6(address));
        }
        if bytes.is_empty() || !chars::all(bytes, chars::HOST) {
            return Err(FieldError::new(chars::span(bytes, chars::HOST), "a host", "RFC 3261 §25.1"));
        }
        if bytes[0].is_ascii_digit() && bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
            let address = text.parse().map_err(|_| FieldError::new(0, "an IPv4 address", SECTION))?;
            return Ok(Self::V4(address));
        }
        if matches!(bytes[0], b'.' | b'-') || bytes.windows(2).any(|pair| pair == b"..") {
            return Err(FieldError::new(0, "labels that begin with a letter or digit", "RFC 3261 §25.1"));
        }
        Ok(Self::Name(text))
    }

    /// Reads `host [":" port]`, all of `text`; white space may stand around the colon (RFC 3261 §25.1 COLON).
    pub(crate) fn parse_with_port(text: &'a str) -> Result<(Self, Option<u16>), FieldError> {
        let bytes = text.as_bytes();
        let from = if bytes.first() == Some(&b'[') { memchr::memchr(b']', bytes).unwrap_or(0) } else { 0 };
        let Some(colon) = memchr::memchr(b':', &bytes[from..]) else { return Ok((Self::parse(text)?, None)) };
        let (host, port) = (chars::trim(&text[..from + colon]), chars::trim(&text[from + colon + 1..]));
        let number = chars::number(port).and_then(|port| u16::try_from(port).ok());
        let port = number.ok_or(FieldError::new(from + colon + 1, "a port", "RFC 3261 §25.1"))?;
        Ok((Self::parse(host)?, Some(port)))
    }

    /// The address, if the host is one.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

/// An IPv6 address without brackets. One colon too many before an embedded IPv4 address, which the ABNF of RFC 3261
/// yields, is read as if it were not there (RFC 5118 §4.10).
pub(crate) fn v6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| text.contains(":::").then(|| text.replacen(":::", "::", 1).parse().ok())?)
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => without_root(a).eq_ignore_ascii_case(without_root(b)),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            (Self::Name(_) | Self::V4(_) | Self::V6(_), _) => false,
        }
    }
}

impl Eq for Host<'_> {}

/// A name without the dot of the root.
pub(crate) fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_equal_by_value() {
        let pairs = [
            ("[::ffff:192.0.2.128]", "[::ffff:c000:280]"),
            ("[2001:db8::9:1]", "[2001:db8::9:01]"),
            ("[0:0:0:0:0:FFFF:129.144.52.38]", "[::FFFF:129.144.52.38]"),
            ("[2001:db8:::192.0.2.1]", "[2001:db8::192.0.2.1]"),
            ("Example.COM.", "example.com"),
        ];
        for (a, b) in pairs {
            assert_eq!(Host::parse(a).expect(a), Host::parse(b).expect(b));
        }
        assert_ne!(Host::parse("[::ffff:192.0.2.1]"), Host::parse("192.0.2.1"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "444.555.666.777",
            "1.2.3",
            "2001:db8::1",
            "[2001:db8::1",
            "[]",
            "[::1%25eth0]",
            "a b",
            "a/b",
            "-a",
            "a..b",
            "a..",
            ".",
            ".a",
            "%61",
            "192.00.02.128",
        ] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
        assert_eq!(Host::parse("8d969eef6eca"), Ok(Host::Name("8d969eef6eca")));
    }

    #[test]
    fn a_port_stands_outside_the_brackets() {
        let parse = |text| Host::parse_with_port(text);
        assert_eq!(parse("[::1]:5070"), Ok((Host::V6(Ipv6Addr::LOCALHOST), Some(5070))));
        assert_eq!(parse("a : 1"), Ok((Host::Name("a"), Some(1))));
        for text in ["a:", "a:65536", "a:-1", "a:+1", ":5060", "2001:db8::10", "[::1]5060"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
