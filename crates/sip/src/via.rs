//! Via: the way a request took and its responses take back.

use core::fmt;
use core::net::IpAddr;

use crate::chars;
use crate::error::{FieldError, offset_in};
use crate::host::{self, Host};
use crate::params::{Params, inner};

/// What the branch of an element of RFC 3261 begins with, §8.1.1.7.
pub const COOKIE: &str = "z9hG4bK";

/// One Via value, RFC 3261 §20.42.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as written: `UDP`, `TCP`, `TLS`, `WS`, ... in any case.
    pub protocol: &'a str,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by, if it has one.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and any others.
    pub params: Params<'a>,
    noted: Noted<'a>,
}

/// The parameters that every request is asked for, seen while all are read: of each the first, as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Noted<'a> {
    branch: Option<Option<&'a str>>,
    rport: Option<Option<&'a str>>,
    received: Option<Option<&'a str>>,
}

impl<'a> Noted<'a> {
    fn see(&mut self, name: &str, value: Option<&'a str>) {
        let (place, known) = match name.len() {
            5 => (&mut self.rport, "rport"),
            6 => (&mut self.branch, "branch"),
            8 => (&mut self.received, "received"),
            _ => return,
        };
        if name.eq_ignore_ascii_case(known) {
            place.get_or_insert(value);
        }
    }
}

const SECTION: &str = "RFC 3261 §20.42";

impl<'a> Via<'a> {
    /// Reads one value, all of `value`.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let (via, rest) = Self::parse_first(value)?;
        if rest.is_empty() {
            return Ok(via);
        }
        Err(FieldError::new(offset_in(value, rest), "the end of the Via", SECTION))
    }

    /// Reads the first value of a comma-separated list; gives what follows, empty or from its comma on.
    pub fn parse_first(value: &'a str) -> Result<(Self, &'a str), FieldError> {
        let (protocol, rest) = sent_protocol(value)?;
        let (sent_by, rest) = rest.split_at(sent_by_end(rest));
        let at = |part: &str| offset_in(value, part);
        let trimmed = chars::trim_end(sent_by);
        let (host, port) = Host::parse_with_port(trimmed).map_err(|error| error.shifted(at(trimmed)))?;
        let mut noted = Noted::default();
        let (params, after) = Params::parse_front_with(rest, |name, value| noted.see(name, value))
            .map_err(|error| error.shifted(at(rest)))?;
        if !after.is_empty() && !after.starts_with(',') {
            return Err(FieldError::new(at(after), "a comma or the end", SECTION));
        }
        Ok((Self { protocol, host, port, params, noted }, after))
    }

    /// The branch that names the transaction.
    pub fn branch(&self) -> Option<&'a str> {
        self.noted.branch?.map(inner).filter(|branch| !branch.is_empty())
    }

    /// Whether the branch is one of RFC 3261, with something after the cookie.
    pub fn has_cookie(&self) -> bool {
        let front =
            |branch: &str| branch.get(..COOKIE.len()).is_some_and(|front| front.eq_ignore_ascii_case(COOKIE));
        self.branch().is_some_and(|branch| branch.len() > COOKIE.len() && front(branch))
    }

    /// `None`: no rport parameter. `Some(None)`: asked for (RFC 3581 §3). `Some(Some(port))`: filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.noted.rport.map(|value| value.and_then(|port| port.parse().ok()))
    }

    /// Whether it says where it was received, legibly or not.
    pub(crate) fn is_marked(&self) -> bool {
        self.noted.received.is_some()
    }

    /// The source address that the next element noted, with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.noted.received?.map_or("", inner);
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok().or_else(|| host::v6(bare).map(IpAddr::V6))
    }
}

/// `SIP / 2.0 / transport LWS`: the transport, and what follows the white space.
fn sent_protocol(value: &str) -> Result<(&str, &str), FieldError> {
    let error = |at: usize| FieldError::new(at, "SIP/2.0/transport and a space", SECTION);
    let bytes = value.as_bytes();
    let mut at = 0;
    let mut part = (0, 0);
    if value.starts_with("SIP/2.0/") {
        at = 8;
        part = (8, 8 + chars::span(&bytes[8..], chars::TOKEN));
    } else {
        for index in 0..3 {
            at += spaces(&bytes[at..]);
            if index > 0 {
                if bytes.get(at) != Some(&b'/') {
                    return Err(error(at));
                }
                at += 1 + spaces(&bytes[at + 1..]);
            }
            part = (at, at + chars::span(&bytes[at..], chars::TOKEN));
            let is_fine = match index {
                0 => value[part.0..part.1].eq_ignore_ascii_case("SIP"),
                1 => &value[part.0..part.1] == "2.0",
                _ => true,
            };
            if !is_fine {
                return Err(error(part.0));
            }
            at = part.1;
        }
    }
    let gap = spaces(&bytes[part.1..]);
    if part.0 == part.1 || gap == 0 {
        return Err(error(at));
    }
    Ok((&value[part.0..part.1], &value[part.1 + gap..]))
}

/// Where sent-by ends: at a semicolon, a comma, or the end.
fn sent_by_end(text: &str) -> usize {
    memchr::memchr2(b';', b',', text.as_bytes()).unwrap_or(text.len())
}

fn spaces(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !chars::is_space(*byte)).unwrap_or(bytes.len())
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.protocol, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.params.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_found_through_white_space_and_folding() {
        let (via, rest) = Via::parse_first(
            "SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP/2.0/UDP 192.0.2.1",
        )
        .expect("via");
        assert_eq!((via.protocol, via.host, via.port), ("TCP", Host::Name("spindle.example.com"), None));
        assert_eq!(via.branch(), Some("z9hG4bK9ikj8"));
        assert_eq!(Via::parse(chars::trim(&rest[1..])).expect("second").protocol, "UDP");
    }

    #[test]
    fn rport_is_absent_asked_for_or_filled_in() {
        let rport = |text| Via::parse(text).expect("via").rport();
        assert_eq!(rport("SIP/2.0/UDP a"), None);
        assert_eq!(rport("SIP/2.0/UDP a:5060;rport;branch=z9hG4bK1"), Some(None));
        assert_eq!(rport("SIP/2.0/UDP a;RPORT=9988"), Some(Some(9988)));
    }

    #[test]
    fn received_is_read_with_and_without_brackets() {
        let received = |text| Via::parse(text).expect("via").received();
        let address: IpAddr = "2001:db8::9:255".parse().expect("address");
        assert_eq!(
            received("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111"),
            Some(address)
        );
        assert_eq!(received("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255"), Some(address));
        assert_eq!(received("SIP/2.0/UDP a;received=b"), None);
    }

    #[test]
    fn the_cookie_alone_is_no_branch_of_ours() {
        let has = |text| Via::parse(text).expect("via").has_cookie();
        assert!(has("SIP/2.0/UDP a;branch=z9hG4bK1") && has("SIP/2.0/UDP a;branch=Z9HG4BK1"));
        assert!(
            !has("SIP/2.0/UDP a;branch=z9hG4bK") && !has("SIP/2.0/UDP a;branch=1") && !has("SIP/2.0/UDP a")
        );
    }

    #[test]
    fn extra_separators_and_other_protocols_are_refused() {
        let wrong = [
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/7.0/UDP a",
            "HTTP/1.1/TCP a",
            "SIP/2.0 UDP a",
            "SIP/2.0/ a",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP 2001:db8::1",
            "",
        ];
        for text in wrong {
            assert!(Via::parse(text).is_err(), "{text}");
        }
    }
}
