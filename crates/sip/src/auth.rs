//! Digest challenges and credentials as header fields: RFC 3261 §22.4, RFC 7616 §3.3 and §3.4, RFC 8760 §2.7.

use core::fmt;

use crate::chars;
use crate::error::FieldError;
use crate::params::inner;

const SECTION: &str = "RFC 7616 §3.4";

/// A Digest challenge: the value of WWW-Authenticate or Proxy-Authenticate.
///
/// Quoted values stand here without their quotes, escapes left in, and are printed the same way: one who makes a
/// challenge of text with `"` or `\` escapes these first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The protection space.
    pub realm: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// To be sent back.
    pub opaque: Option<&'a str>,
    /// URIs of the protection space.
    pub domain: Option<&'a str>,
    /// The algorithm's token; none means MD5.
    pub algorithm: Option<&'a str>,
    /// The offered qualities of protection, joined by commas.
    pub qop: Option<&'a str>,
    /// Whether only the nonce was wrong.
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// Reads all of `value`. Refuses another scheme, a missing realm or nonce, and a parameter given twice; reads over
    /// parameters it does not know.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let mut challenge = Self::default();
        let (mut realm, mut nonce, mut stale) = (None, None, None);
        for pair in pairs(value)? {
            let (name, text) = pair?;
            match lower(name, &mut [0; 16]) {
                "realm" => set(&mut realm, text)?,
                "nonce" => set(&mut nonce, text)?,
                "opaque" => set(&mut challenge.opaque, text)?,
                "domain" => set(&mut challenge.domain, text)?,
                "algorithm" => set(&mut challenge.algorithm, text)?,
                "qop" => set(&mut challenge.qop, text)?,
                "stale" => set(&mut stale, text)?,
                _ => {}
            }
        }
        challenge.realm = realm.ok_or(FieldError::new(value.len(), "realm", SECTION))?;
        challenge.nonce = nonce.ok_or(FieldError::new(value.len(), "nonce", SECTION))?;
        challenge.stale = stale.is_some_and(|text| text.eq_ignore_ascii_case("true"));
        Ok(challenge)
    }

    /// Whether a quality of protection is offered.
    pub fn offers(&self, qop: &str) -> bool {
        self.qop.is_some_and(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(qop)))
    }
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm=\"{}\", nonce=\"{}\"", self.realm, self.nonce)?;
        quoted(f, "opaque", self.opaque)?;
        quoted(f, "domain", self.domain)?;
        plain(f, "algorithm", self.algorithm)?;
        quoted(f, "qop", self.qop)?;
        if self.stale { f.write_str(", stale=true") } else { Ok(()) }
    }
}

/// Digest credentials: the value of Authorization or Proxy-Authorization. Quoted values as in [`Challenge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// Who; perhaps hashed, see `userhash`. Clients that know no nonce yet send it with an empty `response`.
    pub username: &'a str,
    /// The protection space.
    pub realm: &'a str,
    /// The server's nonce, given back.
    pub nonce: &'a str,
    /// The URI that was hashed.
    pub uri: &'a str,
    /// The proof, in hexadecimal.
    pub response: &'a str,
    /// The algorithm's token; none means MD5.
    pub algorithm: Option<&'a str>,
    /// The client's nonce.
    pub cnonce: Option<&'a str>,
    /// Given back.
    pub opaque: Option<&'a str>,
    /// The chosen quality of protection.
    pub qop: Option<&'a str>,
    /// The nonce count, eight hexadecimal digits.
    pub nc: Option<&'a str>,
    /// Whether `username` is a hash, RFC 7616 §3.4.4.
    pub userhash: bool,
}

impl<'a> Credentials<'a> {
    /// Reads all of `value`. Refuses another scheme, a missing username, realm, nonce, uri or response, a qop without
    /// cnonce and nc (RFC 7616 §3.4), and a parameter given twice; reads over parameters it does not know.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let mut found = Self::default();
        let (mut username, mut realm, mut nonce, mut uri, mut response, mut userhash) = Default::default();
        for pair in pairs(value)? {
            let (name, text) = pair?;
            match lower(name, &mut [0; 16]) {
                "username" => set(&mut username, text)?,
                "realm" => set(&mut realm, text)?,
                "nonce" => set(&mut nonce, text)?,
                "uri" => set(&mut uri, text)?,
                "response" => set(&mut response, text)?,
                "algorithm" => set(&mut found.algorithm, text)?,
                "cnonce" => set(&mut found.cnonce, text)?,
                "opaque" => set(&mut found.opaque, text)?,
                "qop" => set(&mut found.qop, text)?,
                "nc" => set(&mut found.nc, text)?,
                "userhash" => set(&mut userhash, text)?,
                _ => {}
            }
        }
        let missing = |name| FieldError::new(value.len(), name, SECTION);
        found.username = username.ok_or(missing("username"))?;
        found.realm = realm.ok_or(missing("realm"))?;
        found.nonce = nonce.ok_or(missing("nonce"))?;
        found.uri = uri.ok_or(missing("uri"))?;
        found.response = response.ok_or(missing("response"))?;
        found.userhash = userhash.is_some_and(|text: &str| text.eq_ignore_ascii_case("true"));
        if found.qop.is_some() && (found.cnonce.is_none() || found.nonce_count().is_none()) {
            return Err(missing("cnonce and nc"));
        }
        Ok(found)
    }

    /// The nonce count as a number; `None` if it is not eight hexadecimal digits.
    pub fn nonce_count(&self) -> Option<u32> {
        let text =
            self.nc.filter(|text| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(text, 16).ok()
    }
}

impl fmt::Display for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\"",
            self.username, self.realm, self.nonce
        )?;
        write!(f, ", uri=\"{}\", response=\"{}\"", self.uri, self.response)?;
        plain(f, "algorithm", self.algorithm)?;
        quoted(f, "cnonce", self.cnonce)?;
        quoted(f, "opaque", self.opaque)?;
        plain(f, "qop", self.qop)?;
        plain(f, "nc", self.nc)?;
        if self.userhash { f.write_str(", userhash=true") } else { Ok(()) }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, ", {name}=\"{value}\""))
}

fn plain(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, ", {name}={value}"))
}

/// Two values of one name are two readings of one proof.
fn set<'a>(slot: &mut Option<&'a str>, text: &'a str) -> Result<(), FieldError> {
    match slot.replace(text) {
        None => Ok(()),
        Some(_) => Err(FieldError::new(0, "each parameter once", SECTION)),
    }
}

/// `name` in lower case if it fits; the names we know do.
fn lower<'b>(name: &str, space: &'b mut [u8; 16]) -> &'b str {
    let Some(space) = space.get_mut(..name.len()) else { return "" };
    space.copy_from_slice(name.as_bytes());
    space.make_ascii_lowercase();
    core::str::from_utf8(space).unwrap_or_default()
}

/// The parameters after the word Digest.
fn pairs(value: &str) -> Result<Pairs<'_>, FieldError> {
    let text = chars::trim(value);
    let is_digest = text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("Digest"));
    let rest = if is_digest { &text[6..] } else { "" };
    if !rest.starts_with([' ', '\t', '\r']) {
        return Err(FieldError::new(0, "Digest and its parameters", SECTION));
    }
    Ok(Pairs { rest: chars::trim_start(rest), is_done: false })
}

struct Pairs<'a> {
    rest: &'a str,
    is_done: bool,
}

impl<'a> Pairs<'a> {
    fn step(&mut self) -> Result<(&'a str, &'a str), FieldError> {
        let error = |expected| FieldError::new(0, expected, SECTION);
        let (name, rest) = self.rest.split_at(chars::span(self.rest.as_bytes(), chars::TOKEN));
        let value = chars::trim_start(rest).strip_prefix('=').ok_or(error("name=value"))?;
        let value = chars::trim_start(value);
        let length = match value.as_bytes().first() {
            Some(b'"') => chars::quoted(value.as_bytes()).unwrap_or(0),
            _ => chars::span(value.as_bytes(), chars::VALUE),
        };
        if name.is_empty() || length == 0 {
            return Err(error("a name and a value"));
        }
        let (value, rest) = value.split_at(length);
        self.rest = chars::trim_start(rest);
        match self.rest.strip_prefix(',') {
            Some(rest) => self.rest = chars::trim_start(rest),
            None if self.rest.is_empty() => self.is_done = true,
            None => return Err(error("a comma or the end")),
        }
        Ok((name, inner(value)))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a str, &'a str), FieldError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let step = self.step();
        self.is_done |= step.is_err();
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORIZATION: &str = "Digest username=\"bob\",\r\n realm=\"biloxi.com\",\r\n \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"sip:bob@biloxi.com\",\r\n qop=auth, nc=00000001,\r\n \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\",\r\n opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

    #[test]
    fn credentials_are_read_through_folding() {
        let found = Credentials::parse(AUTHORIZATION).expect("credentials");
        assert_eq!((found.username, found.uri, found.nonce_count()), ("bob", "sip:bob@biloxi.com", Some(1)));
        assert_eq!((found.qop, found.algorithm, found.userhash), (Some("auth"), None, false));
        assert_eq!(Credentials::parse(&found.to_string()), Ok(found));
    }

    #[test]
    fn a_challenge_tells_what_it_offers() {
        let text = "digest REALM=\"a, \\\"b\\\"\" , nonce=\"n\", qop=\"auth, auth-int\", algorithm=SHA-256, stale=TRUE, x=y";
        let found = Challenge::parse(text).expect("challenge");
        assert_eq!((found.realm, found.algorithm, found.stale), ("a, \\\"b\\\"", Some("SHA-256"), true));
        assert!(found.offers("auth") && found.offers("AUTH-INT") && !found.offers("auth-x"));
        assert_eq!(Challenge::parse(&found.to_string()), Ok(found));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let base = "Digest username=\"a\", realm=\"b\", nonce=\"c\", uri=\"d\"";
        let wrong = [
            format!("Basic {base}"),
            "Digest".into(),
            base.into(),
            format!("{base}, response=\"e\", response=\"f\""),
            format!("{base}, response=\"e\", qop=auth"),
            format!("{base}, response=\"e\", qop=auth, cnonce=\"x\", nc=1"),
            format!("{base}, response=\"e"),
            format!("{base}, response=\"e\","),
            format!("{base}, response=\"e\" x"),
            "NoOneKnowsThisScheme opaque-data=here".into(),
        ];
        for text in wrong {
            assert!(Credentials::parse(&text).is_err(), "{text}");
        }
        assert!(Challenge::parse("Digest realm=\"a\"").is_err());
    }
}
