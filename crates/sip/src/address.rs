//! Addresses with a display name and parameters: From, To, Contact, Route, Record-Route, P-Asserted-Identity.

use core::fmt;

use crate::chars;
use crate::error::{FieldError, offset_in};
use crate::params::{Params, quote, unquote};
use std::borrow::Cow;

/// A name-addr or addr-spec with the parameters that follow it, RFC 3261 §20.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name without its quotes, escapes left in; `None` if there is none. See [`NameAddr::display_name`].
    pub display: Option<&'a str>,
    /// The URI as it stands, without angle brackets; seen to hold a scheme and no character that no URI holds.
    pub uri: &'a str,
    /// The parameters of the field. Without angle brackets every parameter is one of the field (RFC 3261 §20.10).
    pub params: Params<'a>,
}

const SECTION: &str = "RFC 3261 §20.10";

impl<'a> NameAddr<'a> {
    /// Reads one address, all of `value`.
    ///
    /// Taken although the grammar of RFC 3261 says otherwise: no white space before `<` (RFC 4475 §3.1.1.6). Refused:
    /// white space inside the brackets, other characters than tokens in an unquoted display name, an open quote, a URI
    /// with `?` or `,` outside brackets.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let (address, rest) = Self::parse_front(value)?;
        if rest.is_empty() {
            return Ok(address);
        }
        Err(FieldError::new(offset_in(value, rest), "the end of the address", SECTION))
    }

    /// Reads the first address of a comma-separated list; gives what follows, from the comma on.
    fn parse_front(value: &'a str) -> Result<(Self, &'a str), FieldError> {
        let text = chars::trim_start(value);
        let at = |part: &str| offset_in(value, part);
        let (display, rest) = display_name(text).map_err(|error| error.shifted(at(text)))?;
        let (uri, rest) = match rest.strip_prefix('<') {
            Some(inside) => {
                let end = memchr::memchr(b'>', inside.as_bytes());
                let end = end.ok_or(FieldError::new(value.len(), "a closing angle bracket", SECTION))?;
                (&inside[..end], &inside[end + 1..])
            }
            None => {
                let length =
                    rest.bytes().position(|byte| matches!(byte, b';' | b',' | b'?') || chars::is_space(byte));
                rest.split_at(length.unwrap_or(rest.len()))
            }
        };
        check_uri(uri).map_err(|error| error.shifted(at(uri)))?;
        let (params, rest) = Params::parse_front(rest).map_err(|error| error.shifted(at(rest)))?;
        Ok((Self { display, uri, params }, rest))
    }

    /// The tag of a From or To; `None` if it has none. RFC 3261 §19.3.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The display name that a person sees: escapes undone.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        self.display.map(|text| if text.contains('\\') { unescape(text) } else { Cow::Borrowed(text) })
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    Cow::Owned(unquote(&format!("\"{text}\"")).into_owned())
}

/// Reads every address of a comma-separated list without keeping any.
pub(crate) fn check_list(field: &str) -> Result<(), FieldError> {
    let mut rest = field;
    loop {
        let (_, after) =
            NameAddr::parse_front(rest).map_err(|error| error.shifted(offset_in(field, rest)))?;
        let Some(next) = after.strip_prefix(',') else {
            let end = FieldError::new(offset_in(field, after), "a comma or the end", SECTION);
            return if after.is_empty() { Ok(()) } else { Err(end) };
        };
        rest = next;
    }
}

/// Splits the display name from what follows it; nothing if the text begins with `<` or a bare URI.
fn display_name(text: &str) -> Result<(Option<&str>, &str), FieldError> {
    if text.starts_with('"') {
        let length = chars::quoted(text.as_bytes()).ok_or(FieldError::new(0, "a closing quote", SECTION))?;
        let rest = chars::trim_start(&text[length..]);
        if !rest.starts_with('<') {
            return Err(FieldError::new(length, "an opening angle bracket", SECTION));
        }
        return Ok((Some(&text[1..length - 1]), rest));
    }
    // A bracket that belongs to this value, and not to a later one of the list or to a parameter.
    let bytes = text.as_bytes();
    let bracket = match memchr::memchr3(b'<', b';', b',', bytes) {
        Some(0) => return Ok((None, text)),
        Some(at) if bytes[at] == b'<' => at,
        _ => return Ok((None, text)),
    };
    let tokens = chars::trim_end(&text[..bracket]);
    let odd = tokens.bytes().position(|byte| !chars::is(byte, chars::TOKEN) && !chars::is_space(byte));
    match odd {
        Some(offset) => Err(FieldError::new(offset, "a token, or a quoted display name", SECTION)),
        None => Ok(((!tokens.is_empty()).then_some(tokens), &text[bracket..])),
    }
}

/// A scheme and a colon, then no character that no URI may hold. RFC 3261 §25.1 absoluteURI.
fn check_uri(uri: &str) -> Result<(), FieldError> {
    let bytes = uri.as_bytes();
    if !bytes.starts_with(b"sip:") {
        let end = bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte)));
        let has_scheme = end.is_some_and(|at| at > 0 && bytes[at] == b':' && bytes[0].is_ascii_alphabetic());
        if !has_scheme {
            return Err(FieldError::new(0, "a URI with its scheme", "RFC 3261 §25.1"));
        }
    }
    match chars::span(bytes, chars::URI) {
        whole if whole == bytes.len() => Ok(()),
        offset => Err(FieldError::new(offset, "a URI character", "RFC 3261 §25.1")),
    }
}

impl fmt::Display for NameAddr<'_> {
    /// Prints the name-addr form always; the display name in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.display_name() {
            write!(f, "{} ", quote(&name))?;
        }
        write!(f, "<{}>{}", self.uri, self.params.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text).expect(text)
    }

    #[test]
    fn parameters_outside_brackets_belong_to_the_field() {
        let bare = parse("sip:alice@example.com;tag=1;lr");
        assert_eq!((bare.uri, bare.tag()), ("sip:alice@example.com", Some("1")));
        assert!(bare.params.has("lr"));
        let inside = parse("<sip:alice@example.com;lr>;tag=1");
        assert_eq!((inside.uri, inside.params.has("lr")), ("sip:alice@example.com;lr", false));
        assert_eq!(parse("sip:alice@example.com").tag(), None);
    }

    #[test]
    fn display_names_are_quoted_or_tokens() {
        let quoted = parse(r#""J <R> \"x\" \\\"" <sip:a@b> ; tag = 98asjd8"#);
        assert_eq!(quoted.display_name().expect("name"), r#"J <R> "x" \""#);
        assert_eq!(quoted.tag(), Some("98asjd8"));
        assert_eq!(
            parse("token1~` token2'+_ token3*%!.- <sip:a@b>").display,
            Some("token1~` token2'+_ token3*%!.-")
        );
        assert_eq!(parse("caller<sip:a@b>;tag=3").display, Some("caller"));
        assert_eq!(parse("\r\n sip:a@b ;\r\n  tag    = 19\r\n").tag(), Some("19"));
        assert_eq!(parse(r#""" <sip:a@b>"#).display, Some(""));
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let wrong = [
            r#""Mr. J. User <sip:j.user@example.com>"#,
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            r#""Watson, Thomas" < sip:t.watson@example.org >"#,
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "<sip:a@b>;;;;",
            "<sip:a@b",
            "<>",
            "alan@jasomi.com",
            "<sip:a@b> x",
            "<sip:a@b>, <sip:c@d>",
            "<sip:a@b>;tag=",
            "\"x\" sip:a@b",
            "",
            "*",
        ];
        for text in wrong {
            assert!(NameAddr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        assert_eq!(check_list("<sip:a@b>;x, \"C, D\" <sip:c,d@e>,sip:f@g;q=0.1"), Ok(()));
        assert_eq!(check_list("sip:a@b, <sip:c@d>"), Ok(()));
        for text in ["<sip:a@b>,", ",<sip:a@b>", "<sip:a@b> <sip:c@d>", "*"] {
            assert!(check_list(text).is_err(), "{text}");
        }
    }

    #[test]
    fn printing_and_parsing_agree() {
        for text in [r#""A \"B\"" <sip:a@b;c>;tag=1"#, "<sip:a@b>", "Bob <tel:+1>;x;y=\"z\"", "sip:a@b;tag=9"]
        {
            let first = parse(text).to_string();
            assert_eq!(parse(&first).to_string(), first);
        }
    }
}
