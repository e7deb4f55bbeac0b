//! URIs: sip and sips, tel, pres and im; any other scheme kept as text.

use core::fmt;

use crate::chars;
use crate::error::FieldError;
use crate::host::Host;
use crate::params::{MOST_IN_URI, Params};

/// A URI by its scheme. Equality of what is compared by rule is [`Uri::equivalent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uri<'a> {
    /// `sip:` or `sips:`
    Sip(SipUri<'a>),
    /// `tel:`
    Tel(TelUri<'a>),
    /// `pres:`
    Pres(PresUri<'a>),
    /// `im:`
    Im(PresUri<'a>),
    /// Any other scheme.
    Other {
        /// Without the colon.
        scheme: &'a str,
        /// What follows the colon.
        rest: &'a str,
    },
}

/// A SIP or SIPS URI, RFC 3261 §19.1.1. Parts are as written; escapes are left in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// The user, never empty if there.
    pub user: Option<&'a str>,
    /// The password, perhaps empty.
    pub password: Option<&'a str>,
    /// The host.
    pub host: Host<'a>,
    /// The port, if written.
    pub port: Option<u16>,
    /// The URI parameters.
    pub params: Params<'a>,
    /// `name=value` pairs joined by `&`, without the question mark; empty if there are none.
    pub headers: &'a str,
}

/// A tel URI, RFC 3966 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelUri<'a> {
    /// The number as written, with its `+` if it is global and with visual separators.
    pub number: &'a str,
    /// `phone-context`, `ext` and any others.
    pub params: Params<'a>,
}

/// A pres or im URI, RFC 3859 §2 and RFC 3860: a mailbox, then perhaps headers, which nobody uses and we do not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresUri<'a> {
    /// The user as written, never empty.
    pub user: &'a str,
    /// The host.
    pub host: Host<'a>,
}

const SIP: &str = "RFC 3261 §19.1.1";

impl<'a> Uri<'a> {
    /// Reads all of `text`, which may have no white space around it. A known scheme is read by its grammar; another
    /// must only be made of characters that a URI may hold. Offsets of errors count from the scheme.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let bytes = text.as_bytes();
        // The scheme that nearly every URI has, without the general way.
        if let Some(rest) = text.strip_prefix("sip:") {
            return SipUri::parse_rest(false, rest).map(Self::Sip).map_err(|error| error.shifted(4));
        }
        let end = bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte)));
        let colon = end.filter(|at| *at > 0 && bytes[*at] == b':' && bytes[0].is_ascii_alphabetic());
        let colon = colon.ok_or(FieldError::new(0, "a URI scheme", "RFC 3261 §25.1"))?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let uri = if is("sip") || is("sips") {
            SipUri::parse_rest(is("sips"), rest).map(Self::Sip)
        } else if is("tel") {
            TelUri::parse_rest(rest).map(Self::Tel)
        } else if is("pres") {
            PresUri::parse_rest(rest).map(Self::Pres)
        } else if is("im") {
            PresUri::parse_rest(rest).map(Self::Im)
        } else {
            match chars::span(rest.as_bytes(), chars::URI) {
                whole if whole == rest.len() && whole > 0 => Ok(Self::Other { scheme, rest }),
                offset => Err(FieldError::new(offset, "a URI character", "RFC 3261 §25.1")),
            }
        };
        uri.map_err(|error| error.shifted(colon + 1))
    }

    /// The SIP or SIPS URI, if it is one.
    pub const fn sip(&self) -> Option<&SipUri<'a>> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Pres(_) | Self::Im(_) | Self::Other { .. } => None,
        }
    }
}

impl<'a> SipUri<'a> {
    fn parse_rest(secure: bool, rest: &'a str) -> Result<Self, FieldError> {
        let bytes = rest.as_bytes();
        let (user, password, from) = match memchr::memchr(b'@', bytes) {
            Some(at) => {
                let (user, password) = userinfo(&rest[..at])?;
                (Some(user), password, at + 1)
            }
            None => (None, None, 0),
        };
        let after = &bytes[from..];
        let end = from + memchr::memchr2(b';', b'?', after).unwrap_or(after.len());
        let question = memchr::memchr(b'?', &bytes[end..]).map(|at| end + at);
        let host = &rest[from..end];
        // White space around the colon is for Via alone.
        if host.bytes().any(chars::is_space) {
            return Err(FieldError::new(from, "a host without white space", SIP));
        }
        let (host, port) = Host::parse_with_port(host).map_err(|error| error.shifted(from))?;
        let params = &rest[end..question.unwrap_or(rest.len())];
        let params = Params::of_uri(params).map_err(|error| error.shifted(end))?;
        let headers = question.map_or("", |at| &rest[at + 1..]);
        if question.is_some() && !are_headers(headers) {
            return Err(FieldError::new(end, "name=value pairs", SIP));
        }
        let escaped = [user.unwrap_or_default(), password.unwrap_or_default(), params.as_str(), headers];
        if escaped.iter().any(|part| !chars::escapes_are_whole(part.as_bytes())) {
            return Err(FieldError::new(0, "two hexadecimal digits after %", "RFC 3261 §19.1.2"));
        }
        Ok(Self { secure, user, password, host, port, params, headers })
    }

    /// The transport parameter as written.
    pub fn transport(&self) -> Option<&'a str> {
        self.params.get("transport").filter(|value| !value.is_empty())
    }

    /// Whether this is a loose route: it has `lr`.
    pub fn is_loose_route(&self) -> bool {
        self.params.has("lr")
    }

    /// Whether the user is a telephone number: `user=phone`.
    pub fn is_phone(&self) -> bool {
        self.params.get("user").is_some_and(|user| user.eq_ignore_ascii_case("phone"))
    }
}

/// `user [":" password]`. A colon cannot stand in a user, so the first one ends it.
fn userinfo(text: &str) -> Result<(&str, Option<&str>), FieldError> {
    let user_end = memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len());
    let user = &text[..user_end];
    let password = text.get(user_end + 1..);
    let fine = chars::span(user.as_bytes(), chars::USER);
    if user.is_empty() || fine < user.len() {
        return Err(FieldError::new(fine, "a user", SIP));
    }
    let is_password =
        |text: &str| text.bytes().all(|byte| chars::is(byte, chars::USER) && !b";?/".contains(&byte));
    if !password.is_none_or(is_password) {
        return Err(FieldError::new(user_end + 1, "a password", SIP));
    }
    Ok((user, password))
}

fn are_headers(text: &str) -> bool {
    let is_part = |part: &str| chars::all(part.as_bytes(), chars::HEADER);
    text.split('&').enumerate().all(|(index, header)| {
        let parts = header.split_once('=');
        index < MOST_IN_URI
            && parts.is_some_and(|(name, value)| !name.is_empty() && is_part(name) && is_part(value))
    })
}

impl<'a> TelUri<'a> {
    /// A local number must name its context, RFC 3966 §5.1.5; the deployed ones that do not are refused.
    fn parse_rest(rest: &'a str) -> Result<Self, FieldError> {
        const SECTION: &str = "RFC 3966 §3";
        let end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
        let number = &rest[..end];
        let is_global = number.starts_with('+');
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_digit = |byte: &u8| match is_global {
            true => byte.is_ascii_digit(),
            false => byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#'),
        };
        let odd = digits.bytes().position(|byte| !is_digit(&byte) && !is_separator(byte));
        if odd.is_some() || !digits.as_bytes().iter().any(is_digit) {
            return Err(FieldError::new(odd.unwrap_or(0), "a telephone number", SECTION));
        }
        let params = Params::of_uri(&rest[end..]).map_err(|error| error.shifted(end))?;
        if !chars::escapes_are_whole(params.as_str().as_bytes()) {
            return Err(FieldError::new(end, "two hexadecimal digits after %", SECTION));
        }
        if !is_global && !params.get("phone-context").is_some_and(is_context) {
            return Err(FieldError::new(end, "a phone-context", "RFC 3966 §5.1.5"));
        }
        Ok(Self { number, params })
    }

    /// Whether the number is known everywhere: it begins with `+`.
    pub const fn is_global(&self) -> bool {
        matches!(self.number.as_bytes(), [b'+', ..])
    }

    /// The number without visual separators.
    pub fn digits(&self) -> impl Iterator<Item = char> {
        self.number.chars().filter(|next| !next.is_ascii() || !is_separator(*next as u8))
    }
}

/// descriptor, RFC 3966 §3: a domain name, or the front of a global number.
fn is_context(text: &str) -> bool {
    match text.strip_prefix('+') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit() || is_separator(byte))
                && digits.bytes().any(|byte| byte.is_ascii_digit())
        }
        None => matches!(Host::parse(text), Ok(Host::Name(_))),
    }
}

/// visual-separator, RFC 3966 §3
pub(crate) const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

impl<'a> PresUri<'a> {
    fn parse_rest(rest: &'a str) -> Result<Self, FieldError> {
        const SECTION: &str = "RFC 3859 §2";
        let rest = &rest[..memchr::memchr(b'?', rest.as_bytes()).unwrap_or(rest.len())];
        let at =
            memchr::memchr(b'@', rest.as_bytes()).ok_or(FieldError::new(rest.len(), "a mailbox", SECTION))?;
        let user = &rest[..at];
        let is_user = !user.is_empty() && chars::all(user.as_bytes(), chars::USER);
        if !is_user || !chars::escapes_are_whole(user.as_bytes()) {
            return Err(FieldError::new(0, "a user", SECTION));
        }
        let host = Host::parse(&rest[at + 1..]).map_err(|error| error.shifted(at + 1))?;
        Ok(Self { user, host })
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel(uri) => write!(f, "tel:{}{}", uri.number, uri.params.as_str()),
            Self::Pres(uri) => write!(f, "pres:{}@{}", uri.user, uri.host),
            Self::Im(uri) => write!(f, "im:{}@{}", uri.user, uri.host),
            Self::Other { scheme, rest } => write!(f, "{scheme}:{rest}"),
        }
    }
}

impl fmt::Display for SipUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = self.user {
            f.write_str(user)?;
            if let Some(password) = self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.params.as_str())?;
        if self.headers.is_empty() { Ok(()) } else { write!(f, "?{}", self.headers) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sip(text: &str) -> SipUri<'_> {
        *Uri::parse(text).expect(text).sip().expect("a SIP URI")
    }

    #[test]
    fn every_part_is_found() {
        let uri = sip("sips:alice:secret@[2001:db8::1]:5061;transport=TCP;lr?subject=x&to=sip:b%40c");
        assert!(uri.secure && uri.is_loose_route());
        assert_eq!((uri.user, uri.password, uri.port), (Some("alice"), Some("secret"), Some(5061)));
        assert_eq!((uri.transport(), uri.headers), (Some("TCP"), "subject=x&to=sip:b%40c"));
        assert_eq!(sip("SIP:example.com").user, None);
    }

    #[test]
    fn a_user_may_hold_semicolons_question_marks_and_odd_signs() {
        assert_eq!(sip("sip:user;par=u%40example.net@example.com").user, Some("user;par=u%40example.net"));
        let odd = sip(
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        );
        assert_eq!(odd.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
        assert_eq!(odd.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    }

    #[test]
    fn malformed_uris_are_refused() {
        let wrong = [
            "",
            "sip",
            "sip:",
            "sip:@a",
            "sip:a@",
            "sip:a@b@c",
            "sip:a@b:",
            "sip:a@b:x",
            "sip:2001:db8::10",
            "sip:a b@c",
            "sip:a@b;",
            "sip:a@b;;c",
            "sip:a@b;=1",
            "sip:a@b;c=",
            "sip:a@b?",
            "sip:a@b?x",
            "sip:%4@b",
            "sip:a@b;c=%zz",
            "<sip:a@b>",
            "sip:a@b; lr",
            "sip:a@b :5060",
            "1:2",
            "tel:",
            "tel:+",
            "tel:7042",
            "tel:7;phone-context=.",
            "tel:7;phone-context=+x",
            "tel:7;phone-context=+-",
            "tel:7;phone-context",
            "tel:+1x",
            "tel:+1;;",
            "pres:a",
            "pres:@b",
            "pres:a@b c",
            "x:",
            "x:\u{e4}",
            "sip:\u{e4}@b",
        ];
        for text in wrong {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn printing_gives_the_text_back() {
        let texts = [
            "sip:alice:pw@example.com:5060;transport=tcp;lr?a=b&c=",
            "sips:example.com",
            "sip:a@[::1]:1",
            "tel:+1-201-555-0123;ext=2",
            "tel:863-1234;phone-context=+1-914-555",
            "pres:a%20b@c",
            "im:a@b",
            "soap.beep://192.0.2.103:3002",
            "urn:uuid:x",
        ];
        for text in texts {
            assert_eq!(Uri::parse(text).expect(text).to_string(), text);
        }
    }
}
