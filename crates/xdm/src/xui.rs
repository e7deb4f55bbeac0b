//! Whose tree it is: every tolerated spelling of a user gives one canonical owner.

use std::borrow::Cow;

use sip::Aor;

/// The owner that an XUI names, its percent-escapes undone once; none if it names nobody.
///
/// Taken are `sip:user@host` (with or without port and parameters), `user@host`, `tel:` and a bare global number, each
/// with what RFC 3986 lets stand escaped or not, also escaped once too often or too seldom, as several clients do. RFC
/// 4825 §6.2 asks for the first form; the others are how deployed clients write it.
pub fn owner(xui: &str) -> Option<Aor> {
    if let Some(owner) = user(xui) {
        return Some(owner);
    }
    if xui.contains('%') {
        return user(&decode(xui)?);
    }
    // The escape of the user part was taken for one of the request URI, and is gone now.
    let is_odd = |byte: u8| byte <= b' ' || byte >= 0x7f || b"\"<>\\^`{|}[]#".contains(&byte);
    let mut escaped = String::with_capacity(xui.len() + 8);
    for byte in xui.bytes() {
        if is_odd(byte) { push_escape(&mut escaped, byte) } else { escaped.push(char::from(byte)) }
    }
    user(&escaped)
}

/// The user that a URI inside a document names, whether its separators are escaped (`sip%3Abob%40example.com`) or not.
pub fn same_owner(uri: &str) -> Option<Aor> {
    user(uri).or_else(|| if uri.contains('%') { user(&decode(uri)?) } else { None })
}

/// The user that `text` names, read as a URI, as a mailbox or as a telephone number.
fn user(text: &str) -> Option<Aor> {
    let has_scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    let is_known = |scheme: &str| {
        ["sip", "sips", "tel", "pres", "im"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
    };
    if has_scheme && text.split_once(':').is_some_and(|(scheme, _)| is_known(scheme)) {
        return Aor::parse(text).ok();
    }
    if text.contains('@') {
        return Aor::parse(&format!("sip:{text}")).ok();
    }
    if text.starts_with('+') {
        return Aor::parse(&format!("tel:{text}")).ok();
    }
    None
}

/// Undoes percent-escapes once; none if the result is no UTF-8, or a `%` is no escape.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
            out.push(u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()?);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Appends `text` as one path segment of a URI: what is no pchar (RFC 3986 §3.3) is escaped, `/` and `%` among it.
pub(crate) fn push_segment(into: &mut String, text: &str) {
    for &byte in text.as_bytes() {
        let is_pchar = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
        if is_pchar {
            into.push(char::from(byte));
        } else {
            push_escape(into, byte);
        }
    }
}

fn push_escape(into: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    into.push('%');
    into.push(char::from(HEX[usize::from(byte >> 4)]));
    into.push(char::from(HEX[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The owner of a segment as it is sent.
    fn read(segment: &str) -> Option<Aor> {
        owner(&decode(segment)?)
    }

    #[test]
    fn every_spelling_of_an_owner_is_one_owner() {
        for segment in [
            "sip:bob+work@example.com",
            "sip%3Abob%2Bwork%40example.com",
            "sip%3abob+work@EXAMPLE.COM",
            "sip%253Abob%252Bwork%2540example.com",
            "bob+work@example.com",
            "bob%2Bwork%40example.com",
            "bob%252Bwork%2540example.com",
            "sips:bob%252Bwork@example.com:5061",
            "sip:bob+work@example.com:5060;transport=tcp",
            "pres:bob+work@example.com",
        ] {
            let owner = read(segment).expect(segment);
            assert_eq!(owner.as_str(), "sip:bob+work@example.com", "{segment}");
        }
        for segment in ["tel:+1-555-0100", "tel%3A%2B15550100", "+15550100", "%2B1-555-0100"] {
            assert_eq!(read(segment).expect(segment).as_str(), "tel:+15550100", "{segment}");
        }
        for segment in
            ["sip:joe%20smith@example.com", "sip:joe%2520smith@example.com", "joe%20smith@example.com"]
        {
            assert_eq!(read(segment).expect(segment).as_str(), "sip:joe%20smith@example.com", "{segment}");
        }
    }

    #[test]
    fn what_names_nobody_has_no_owner() {
        for segment in [
            "",
            "alice",
            "http://example.com",
            "sip:example.com",
            "%",
            "%zz@example.com",
            "sip:a@",
            "%FF@a.example",
        ] {
            assert_eq!(read(segment), None, "{segment}");
        }
    }

    #[test]
    fn uris_inside_documents_name_users_too() {
        assert_eq!(same_owner("sip%3Abob%2Bwork%40example.com"), owner("bob+work@example.com"));
        assert_eq!(same_owner("https://example.com/"), None);
    }

    #[test]
    fn a_segment_is_read_back_as_it_was() {
        let mut segment = String::new();
        push_segment(&mut segment, "sip:a/b?c%20d@example.com");
        assert_eq!(segment, "sip:a%2Fb%3Fc%2520d@example.com");
        assert_eq!(decode(&segment).as_deref(), Some("sip:a/b?c%20d@example.com"));
    }
}
