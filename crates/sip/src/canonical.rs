//! The one spelling of the URI of a resource: RFC 4826 §5.

use core::fmt::Write as _;

use crate::aor::Aor;
use crate::limits::Limits;
use crate::uri::Uri;

/// The canonical form of a URI that names a user or what a user has, such as a list: that of its address-of-record, its
/// port if it has one, and its parameters in the order of their names, in lower case (RFC 3261 §19.1.4: their case does
/// not count). Headers are left out. None for what names nobody.
///
/// Unlike by the comparison of RFC 3261 §19.1.4, a parameter that only one URI has makes another resource of it: or the
/// list `sip:a@example.com;pres-list=b` would be the user `sip:a@example.com`. And sips is sip here, as in [`Aor`].
pub fn canonical(uri: &Uri<'_>) -> Option<String> {
    let mut text = Aor::of(uri)?.as_str().to_owned();
    let Uri::Sip(sip) = uri else { return Some(text) };
    if let Some(port) = sip.port {
        _ = write!(text, ":{port}"); // a string takes everything
    }
    let lower = |(name, value): (&str, Option<&str>)| {
        (name.to_ascii_lowercase(), value.unwrap_or_default().to_ascii_lowercase())
    };
    let mut params: Vec<_> = sip.params.iter().map(lower).collect();
    params.sort();
    for (name, value) in params {
        _ = if value.is_empty() { write!(text, ";{name}") } else { write!(text, ";{name}={value}") };
    }
    Some(text)
}

/// The same of a URI that has not been read; none also for what is too long for one.
pub fn canonical_text(uri: &str) -> Option<String> {
    if uri.len() > Limits::DEFAULT.uri {
        return None;
    }
    canonical(&Uri::parse(uri).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_of_one_resource_have_one_canonical_form() {
        for (text, expected) in [
            ("sip:Friends@EXAMPLE.com", "sip:Friends@example.com"),
            ("SIP:%66riends@example.com;B=2;a=X?subject=no", "sip:friends@example.com;a=x;b=2"),
            (
                "sip:a@example.com:5070;Transport=TCP;user=PHONE",
                "sip:a@example.com:5070;transport=tcp;user=phone",
            ),
            ("pres:a@example.com", "sip:a@example.com"),
            ("sips:a@example.com", "sip:a@example.com"),
            ("sip:a@example.com;lr", "sip:a@example.com;lr"),
            ("tel:+1-555-0100", "tel:+15550100"),
        ] {
            assert_eq!(canonical_text(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["http://example.com/a", "sip:example.com", "friends", ""] {
            assert_eq!(canonical_text(text), None, "{text}");
        }
        assert_eq!(canonical_text(&format!("sip:{}@example.com", "a".repeat(Limits::DEFAULT.uri))), None);
    }
}
