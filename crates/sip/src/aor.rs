//! The canonical name of a user, and its hash.

use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use crate::chars;
use crate::error::FieldError;
use crate::host::{Host, without_root};
use crate::limits::Limits;
use crate::uri::{Uri, is_separator};

/// The canonical name of a user: `sip:user@host`, or `tel:+digits`. Cheap to clone.
///
/// All URIs of one user give one `Aor`: sip and sips, pres and im; with or without port, password, parameters and
/// headers; the host in lower case and without a dot at its end, an address as it is printed; the user unescaped, then
/// escaped where the grammar demands it (RFC 3261 §10.3 step 5). A tel number loses its visual separators; a local one
/// keeps its context. The case of a user counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aor(Arc<str>);

impl Aor {
    /// The user that `uri` names; `None` if it names none (no user part, an unknown scheme).
    pub fn of(uri: &Uri<'_>) -> Option<Self> {
        let mut text = Vec::with_capacity(64);
        canonical(uri, &mut |byte| text.push(byte))?;
        // Every byte pushed is ASCII: the grammars of users and hosts hold nothing else.
        Some(Self(String::from_utf8(text).ok()?.into()))
    }

    /// The user of a URI that stands as it is printed here, as most do; `None` says nothing about others.
    pub fn canonical(text: &str) -> Option<Self> {
        is_canonical(text.as_bytes()).then(|| Self(text.into()))
    }

    /// Reads a URI of at most [`Limits::uri`] bytes that names a user.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if text.len() > Limits::DEFAULT.uri {
            return Err(FieldError::new(Limits::DEFAULT.uri, "a shorter URI", "RFC 3261 §10.3"));
        }
        if let Some(aor) = Self::canonical(text) {
            return Ok(aor);
        }
        let uri = Uri::parse(text)?;
        Self::of(&uri).ok_or(FieldError::new(0, "a URI that names a user", "RFC 3261 §10.3"))
    }

    /// The canonical URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host; `None` for a telephone number.
    pub fn domain(&self) -> Option<&str> {
        memchr::memchr(b'@', self.0.as_bytes()).map(|at| &self.0[at + 1..])
    }

    /// The user without escapes, or the telephone number. Bytes that are no UTF-8 are replaced; do not compare by it.
    pub fn user(&self) -> Cow<'_, str> {
        let rest = self.0.split_once(':').map_or("", |(_, rest)| rest);
        let user = rest.split_once('@').map_or(rest, |(user, _)| user);
        if !user.contains('%') {
            return Cow::Borrowed(user);
        }
        let bytes: Vec<u8> = unescaped(user.as_bytes()).collect();
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The same in every process and version: FNV-1a of the canonical URI, 64 bits.
    pub fn stable_hash(&self) -> u64 {
        self.0.bytes().fold(FNV_OFFSET, fnv)
    }
}

impl fmt::Debug for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The [`Aor::stable_hash`] of the user that a URI names, without making the `Aor`; `None` where there is no `Aor`.
pub fn aor_hash(text: &str) -> Option<u64> {
    if text.len() > Limits::DEFAULT.uri {
        return None;
    }
    if is_canonical(text.as_bytes()) {
        return Some(text.bytes().fold(FNV_OFFSET, fnv));
    }
    let mut hash = FNV_OFFSET;
    canonical(&Uri::parse(text).ok()?, &mut |byte| hash = fnv(hash, byte))?;
    Some(hash)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

#[inline]
const fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Whether the URI is surely its own canonical form; most of those that arrive are. It is a whole and sound one then.
pub(crate) fn is_canonical(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"sip:") else { return false };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
    let user = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(0);
    if user == 0 || rest[user] != b'@' {
        return false;
    }
    let host = &rest[user + 1..];
    // A name, so no digit first; of labels that are not empty; without the dot of the root.
    let mut before = b'.';
    let is_lower = |byte: &u8| {
        let behind = core::mem::replace(&mut before, *byte);
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || *byte == b'-'
            || (*byte == b'.' && behind != b'.')
    };
    host.first().is_some_and(u8::is_ascii_lowercase)
        && host.iter().all(is_lower)
        && host.last() != Some(&b'.')
}

/// Pushes the canonical form byte by byte; `None` if the URI names no user.
fn canonical(uri: &Uri<'_>, push: &mut impl FnMut(u8)) -> Option<()> {
    match uri {
        Uri::Sip(sip) => mailbox(sip.user?, &sip.host, push),
        Uri::Pres(pres) | Uri::Im(pres) => mailbox(pres.user, &pres.host, push),
        Uri::Tel(tel) => {
            b"tel:".iter().for_each(|byte| push(*byte));
            tel.number
                .bytes()
                .filter(|byte| !is_separator(*byte))
                .for_each(|byte| push(byte.to_ascii_lowercase()));
            if !tel.is_global() {
                let context = tel.params.get("phone-context").unwrap_or_default();
                let is_number = context.starts_with('+');
                let kept = without_root(context).bytes().filter(|byte| !(is_number && is_separator(*byte)));
                b";phone-context="
                    .iter()
                    .copied()
                    .chain(kept)
                    .for_each(|byte| push(byte.to_ascii_lowercase()));
            }
        }
        Uri::Other { .. } => return None,
    }
    Some(())
}

fn mailbox(user: &str, host: &Host<'_>, push: &mut impl FnMut(u8)) {
    b"sip:".iter().for_each(|byte| push(*byte));
    for byte in unescaped(user.as_bytes()) {
        if byte != b'%' && chars::is(byte, chars::USER) {
            push(byte);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            push(b'%');
            push(HEX[usize::from(byte >> 4)]);
            push(HEX[usize::from(byte & 15)]);
        }
    }
    push(b'@');
    match host {
        Host::Name(name) => without_root(name).bytes().for_each(|byte| push(byte.to_ascii_lowercase())),
        Host::V4(_) | Host::V6(_) => host.to_string().bytes().for_each(push),
    }
}

/// The bytes that escapes stand for, once over: `%2541` gives `%41`.
fn unescaped(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        let pair = || Some(chars::hex(*bytes.get(at + 1)?)? << 4 | chars::hex(*bytes.get(at + 2)?)?);
        let escaped = if byte == b'%' { pair() } else { None };
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aor(text: &str) -> Aor {
        Aor::parse(text).expect(text)
    }

    #[test]
    fn every_uri_of_a_user_gives_one_name() {
        let same = [
            "sip:bob+work@example.com",
            "sip:bob%2Bwork@example.com",
            "sip:bob%2bwork@EXAMPLE.com.",
            "sips:b%6fb+work:secret@example.com:5061;transport=tcp?a=b",
            "pres:bob+work@Example.com",
            "im:bob%2Bwork@example.com",
        ];
        for text in same {
            assert_eq!(aor(text).as_str(), "sip:bob+work@example.com", "{text}");
        }
        assert_eq!(aor("tel:+1-201-555-0123;ext=1").as_str(), "tel:+12015550123");
        assert_eq!(aor("tel:70-4a;phone-context=Example.COM").as_str(), "tel:704a;phone-context=example.com");
        assert_eq!(aor("sip:a@[2001:DB8:0::1]").as_str(), "sip:a@[2001:db8::1]");
    }

    #[test]
    fn users_that_differ_stay_different() {
        assert_ne!(aor("sip:Bob@example.com"), aor("sip:bob@example.com"));
        assert_ne!(aor("sip:%00@a.example"), aor("sip:%00%00@a.example"));
        assert_eq!(aor("sip:null-%00-null@a.example").as_str(), "sip:null-%00-null@a.example");
        assert_eq!(
            aor("sip:user;par=u%40example.net@example.com").as_str(),
            "sip:user;par=u%40example.net@example.com"
        );
        assert_eq!(aor("sip:a%2541@b").as_str(), "sip:a%2541@b");
    }

    #[test]
    fn user_and_domain_are_told_apart() {
        let name = aor("sip:j%40s0n@example.com");
        assert_eq!((&*name.user(), name.domain()), ("j@s0n", Some("example.com")));
        assert_eq!((&*aor("tel:+1").user(), aor("tel:+1").domain()), ("+1", None));
    }

    #[test]
    fn what_names_no_user_has_no_name() {
        for text in ["sip:example.com", "http://example.com", "isbn:1", "", "sip:a@b..c", "alice@example.com"]
        {
            assert!(Aor::parse(text).is_err(), "{text}");
            assert_eq!(aor_hash(text), None, "{text}");
        }
        let long = format!("sip:{}@example.com", "a".repeat(3000));
        assert!(Aor::parse(&long).is_err() && aor_hash(&long).is_none());
    }

    /// FNV-1a, 64 bits, computed apart from this code. These never change: they choose the owner of a presentity.
    #[test]
    fn the_hash_is_the_same_for_ever() {
        assert_eq!(b"".iter().fold(FNV_OFFSET, |hash, byte| fnv(hash, *byte)), 0xcbf2_9ce4_8422_2325);
        assert_eq!(b"foobar".iter().fold(FNV_OFFSET, |hash, byte| fnv(hash, *byte)), 0x8594_4171_f739_67e8);
        let vectors = [
            ("sip:alice@example.com", 0x4ad1_9125_e365_1aa0_u64),
            ("sip:bob+work@example.com", 0x1e58_bc86_50a6_702f),
            ("tel:+12015550123", 0x8264_1e57_5515_c0b2),
        ];
        for (text, hash) in vectors {
            assert_eq!(aor_hash(text), Some(hash), "{text}");
            assert_eq!(aor(text).stable_hash(), hash, "{text}");
        }
    }

    #[test]
    fn the_hash_of_any_form_is_the_hash_of_the_name() {
        for text in [
            "sips:ALICE@Example.com:5061",
            "sip:a@192.0.2.1",
            "sip:a@b.",
            "sip:a;b@c",
            "pres:a@b-c.d",
            "sip:a@b",
        ] {
            assert_eq!(aor_hash(text), Some(aor(text).stable_hash()), "{text}");
        }
    }
}
