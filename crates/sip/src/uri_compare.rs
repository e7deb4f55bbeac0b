//! Whether two URIs name the same thing: RFC 3261 §19.1.4, RFC 5954 §4.2, RFC 3966 §4.

use crate::chars;
use crate::host::{Host, without_root};
use crate::params::Params;
use crate::uri::{SipUri, TelUri, Uri};

impl Uri<'_> {
    /// Whether the two are equivalent. Not transitive: a parameter that only one has is mostly ignored. URIs of
    /// different schemes never are; those of unknown schemes are when they are the same text.
    ///
    /// Headers in a SIP URI are compared as names and text in any case, not by each header field's own rule.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        match (self, other) {
            (Uri::Sip(a), Uri::Sip(b)) => sip(a, b),
            (Uri::Tel(a), Uri::Tel(b)) => tel(a, b),
            (Uri::Pres(a), Uri::Pres(b)) | (Uri::Im(a), Uri::Im(b)) => {
                same(a.user, b.user, Case::Kept) && a.host == b.host
            }
            (Uri::Other { scheme: a, rest: x }, Uri::Other { scheme: b, rest: y }) => {
                a.eq_ignore_ascii_case(b) && x == y
            }
            (Uri::Sip(_) | Uri::Tel(_) | Uri::Pres(_) | Uri::Im(_) | Uri::Other { .. }, _) => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Kept,
    Ignored,
}

/// The parameters that must stand in both URIs or in neither.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn sip(a: &SipUri<'_>, b: &SipUri<'_>) -> bool {
    a.secure == b.secure
        && a.port == b.port
        && a.host == b.host
        && same_option(a.user, b.user)
        && same_option(a.password, b.password)
        && params_agree(a.params, b.params)
        && NEVER_IGNORED.iter().all(|name| find(a.params, name).is_some() == find(b.params, name).is_some())
        && headers(a.headers, b.headers)
}

fn same_option(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b, Case::Kept),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Every parameter that both have is the same in both. Of a parameter given twice, which no URI may have, the first
/// counts.
fn params_agree(a: Params<'_>, b: Params<'_>) -> bool {
    a.iter().all(|(name, _)| match (find(a, name), find(b, name)) {
        (Some(value), Some(other)) => same_value(name, value, other),
        _ => true,
    })
}

fn same_value(name: &str, a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    if name.eq_ignore_ascii_case("maddr")
        && let (Ok(a), Ok(b)) = (Host::parse(a), Host::parse(b))
    {
        return a == b;
    }
    same(a, b, Case::Ignored)
}

/// As `Params::find`, but a name may be escaped.
fn find<'a>(params: Params<'a>, name: &str) -> Option<Option<&'a str>> {
    params.iter().find(|(found, _)| same(found, name, Case::Ignored)).map(|(_, value)| value)
}

/// The same headers, in any order; one given twice in one URI is given twice in the other.
fn headers(a: &str, b: &str) -> bool {
    if a.is_empty() || b.is_empty() {
        return a.is_empty() && b.is_empty();
    }
    let count =
        |list: &str, one: &str| list.split('&').filter(|other| same(other, one, Case::Ignored)).count();
    a.split('&').count() == b.split('&').count() && a.split('&').all(|one| count(a, one) == count(b, one))
}

/// A character as it counts in a comparison: an escaped one that is not reserved is the character itself; an escaped
/// reserved one is never the bare one.
fn compared(text: &str, case: Case) -> impl Iterator<Item = (bool, u8)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    core::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        let pair = || Some(chars::hex(*bytes.get(at + 1)?)? << 4 | chars::hex(*bytes.get(at + 2)?)?);
        let escaped = if byte == b'%' { pair() } else { None };
        at += if escaped.is_some() { 3 } else { 1 };
        let is_reserved = escaped.is_some_and(|byte| b";/?:@&=+$,".contains(&byte));
        let value = escaped.unwrap_or(byte);
        Some((is_reserved, if case == Case::Ignored { value.to_ascii_lowercase() } else { value }))
    })
}

fn same(a: &str, b: &str, case: Case) -> bool {
    a == b || compared(a, case).eq(compared(b, case))
}

fn tel(a: &TelUri<'_>, b: &TelUri<'_>) -> bool {
    let digits = |uri: &TelUri<'_>| uri.digits().map(|digit| digit.to_ascii_lowercase()).collect::<String>();
    let has_all = |a: Params<'_>, b: Params<'_>| {
        a.iter().all(|(name, _)| match (find(a, name), find(b, name)) {
            (Some(value), Some(other)) => same_tel_value(name, value, other),
            _ => false,
        })
    };
    digits(a) == digits(b) && has_all(a.params, b.params) && has_all(b.params, a.params)
}

/// RFC 3966 §4: a context is a host name or a number; extensions and subaddresses are numbers or text.
fn same_tel_value(name: &str, a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let is_number = |text: &str| text.starts_with('+');
    if name.eq_ignore_ascii_case("ext")
        || (name.eq_ignore_ascii_case("phone-context") && is_number(a) && is_number(b))
    {
        let bare = |text: &str| text.replace(['-', '.', '(', ')'], "");
        return same(&bare(a), &bare(b), Case::Ignored);
    }
    if name.eq_ignore_ascii_case("phone-context") {
        return same(without_root(a), without_root(b), Case::Ignored);
    }
    same(a, b, Case::Ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equivalent(a: &str, b: &str) -> bool {
        let (x, y) = (Uri::parse(a).expect(a), Uri::parse(b).expect(b));
        assert_eq!(x.equivalent(&y), y.equivalent(&x), "one way only: {a} {b}");
        x.equivalent(&y)
    }

    #[test]
    fn the_equivalent_examples_of_rfc_3261_and_rfc_5954_are() {
        let pairs = [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=off"),
            ("sip:bob@[::ffff:192.0.2.128]", "sip:bob@[::ffff:c000:280]"),
            ("sip:bob@[2001:db8::9:1]", "sip:bob@[2001:db8::9:01]"),
            ("sip:bob@[0:0:0:0:0:FFFF:129.144.52.38]", "sip:bob@[::FFFF:129.144.52.38]"),
        ];
        for (a, b) in pairs {
            assert!(equivalent(a, b), "{a} {b}");
        }
    }

    #[test]
    fn the_different_examples_of_rfc_3261_are() {
        let pairs = [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ];
        for (a, b) in pairs {
            assert!(!equivalent(a, b), "{a} {b}");
        }
    }

    #[test]
    fn scheme_user_password_and_the_parameters_that_count_part_uris() {
        let pairs = [
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
            ("sip:a@b", "sip:a:@b"),
            ("sip:a:x@b", "sip:a:X@b"),
            ("sip:a@b", "sip:a@b;user=ip"),
            ("sip:a@b", "sip:a@b;ttl=1"),
            ("sip:a@b", "sip:a@b;method=INVITE"),
            ("sip:a@b", "sip:a@b;maddr=b"),
            ("sip:a%3Bb@c", "sip:a;b@c"),
            ("sip:a@b?x=1&x=1&y=2", "sip:a@b?x=1&y=2&y=2"),
            ("sip:a@b", "pres:a@b"),
        ];
        for (a, b) in pairs {
            assert!(!equivalent(a, b), "{a} {b}");
        }
        assert!(equivalent("sip:a@b;maddr=[::1]", "sip:a@b;MADDR=[0::1]"));
        assert!(equivalent("sip:a@b;%6C%72;n%61me=v%61lue", "sip:a@b;lr;name=value"));
        assert!(!equivalent("sip:a@b;name=v%61lue%25%34%31", "sip:a@b;name=valueA"));
    }

    #[test]
    fn a_parameter_given_twice_counts_once() {
        assert!(equivalent("sip:a@b;x=1;X=2", "sip:a@b;x=1;X=2"));
        assert!(equivalent("sip:a@b;x=1;x=2", "sip:a@b;x=1"));
        assert!(!equivalent("sip:a@b;x=1;x=2", "sip:a@b;x=2;x=1"));
        assert!(equivalent("tel:+1;x=1;x=2", "tel:+1;x=1;x=2"));
    }

    #[test]
    fn telephone_numbers_are_compared_without_separators() {
        assert!(equivalent("tel:+1-201-555-0123", "tel:+1(201)555.0123"));
        assert!(equivalent("tel:7042;phone-context=Example.com", "tel:70-42;phone-context=example.COM"));
        assert!(equivalent("tel:7042;phone-context=+1-914;ext=1-2", "tel:7042;ext=12;phone-context=+1914"));
        assert!(!equivalent("tel:+12015550123", "tel:+12015550123;ext=1"));
        assert!(!equivalent("tel:+1", "tel:1;phone-context=+1"));
        assert!(!equivalent("tel:7042;phone-context=a.example", "tel:7042;phone-context=b.example"));
    }
}
