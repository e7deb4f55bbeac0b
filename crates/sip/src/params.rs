//! Parameters: `;name=value` lists of header fields and URIs, and comma-separated values.

use std::borrow::Cow;

use crate::chars;
use crate::error::FieldError;

/// A list of parameters in the order they stand, seen to be well-formed when its owner was parsed.
///
/// Iterates over name and value; a value in quotes is given with them, see [`unquote`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

/// The most parameters, and the most headers, that one URI may have.
pub(crate) const MOST_IN_URI: usize = 64;

impl<'a> Params<'a> {
    /// Reads `;a=b;c="d"` to the end of the text, or nothing. Refuses an empty parameter and an open quote.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut scan = Scan { text, at: 0 };
        while scan.step()?.is_some() {}
        if scan.at < text.len() {
            return Err(FieldError::new(scan.at, "a semicolon or the end", "RFC 3261 §7.3.1"));
        }
        Ok(Self(chars::trim(text)))
    }

    /// Reads parameters up to the first character that cannot go on with them; gives what follows.
    pub(crate) fn parse_front(text: &'a str) -> Result<(Self, &'a str), FieldError> {
        Self::parse_front_with(text, |_, _| {})
    }

    /// The same, and shows each parameter to `see`: its name, and its value if it has one, as they stand.
    #[inline]
    pub(crate) fn parse_front_with(
        text: &'a str,
        mut see: impl FnMut(&'a str, Option<&'a str>),
    ) -> Result<(Self, &'a str), FieldError> {
        let mut scan = Scan { text, at: 0 };
        while let Some((name, value)) = scan.step()? {
            see(name, value);
        }
        Ok((Self(chars::trim(&text[..scan.at])), &text[scan.at..]))
    }

    /// Reads the parameters of a URI, which know no white space and no quotes. RFC 3261 §25.1 uri-parameters.
    /// More than [`MOST_IN_URI`] are refused, since comparing URIs takes their number squared.
    pub(crate) fn of_uri(text: &'a str) -> Result<Self, FieldError> {
        for (index, part) in text.split(';').skip(1).enumerate() {
            let (name, value) =
                part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
            let is_fine = |text: &str| !text.is_empty() && chars::all(text.as_bytes(), chars::PARAM);
            if index >= MOST_IN_URI || !is_fine(name) || !value.is_none_or(is_fine) {
                let offset = part.as_ptr() as usize - text.as_ptr() as usize;
                return Err(FieldError::new(offset, "a URI parameter", "RFC 3261 §19.1.1"));
            }
        }
        Ok(Self(text))
    }

    /// The value of the first parameter of this name in any case, without its quotes; empty if it has no value.
    /// Escapes inside quotes are left in; see [`unquote`].
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|value| value.map_or("", inner))
    }

    /// Whether there is a parameter of this name, and its value if it has one, as it stands.
    pub fn find(&self, name: &str) -> Option<Option<&'a str>> {
        let mut rest = self.0;
        while let Some(text) = rest.strip_prefix(';') {
            let start = spaces(text.as_bytes());
            let end = param_end(text);
            let is_front = text.as_bytes().get(start..start + name.len());
            if is_front.is_some_and(|front| front.eq_ignore_ascii_case(name.as_bytes())) {
                let after = chars::trim(&text[start + name.len()..end]);
                match after.strip_prefix('=') {
                    Some(value) => return Some(Some(chars::trim_start(value))),
                    None if after.is_empty() => return Some(None),
                    None => {}
                }
            }
            rest = &text[end..];
        }
        None
    }

    /// Whether there is a parameter of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The parameters in order.
    pub const fn iter(&self) -> ParamsIter<'a> {
        ParamsIter(self.0)
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As they stand, from the first semicolon on.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = (&'a str, Option<&'a str>);
    type IntoIter = ParamsIter<'a>;

    fn into_iter(self) -> ParamsIter<'a> {
        self.iter()
    }
}

/// See [`Params::iter`].
#[derive(Clone, Debug)]
pub struct ParamsIter<'a>(&'a str);

impl<'a> Iterator for ParamsIter<'a> {
    type Item = (&'a str, Option<&'a str>);

    /// The list is well-formed: semicolons outside quotes part the parameters, the first `=` parts name and value.
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.strip_prefix(';')?;
        let end = param_end(text);
        self.0 = &text[end..];
        let param = &text[..end];
        Some(match memchr::memchr(b'=', param.as_bytes()) {
            Some(equal) => (chars::trim(&param[..equal]), Some(chars::trim(&param[equal + 1..]))),
            None => (chars::trim(param), None),
        })
    }
}

/// Where the parameter that the text begins with ends: at the next semicolon outside quotes, or at the end.
#[inline]
fn param_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr2(b';', b'"', &bytes[at..]) {
        at += step;
        if bytes[at] == b';' {
            return at;
        }
        at += chars::quoted(&bytes[at..]).unwrap_or(bytes.len() - at);
    }
    bytes.len()
}

/// Reads `;name[=value]` steps with white space around every sign.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// One parameter, or nothing if no semicolon comes next; `at` then stands before the white space.
    #[inline]
    fn step(&mut self) -> Result<Option<(&'a str, Option<&'a str>)>, FieldError> {
        let bytes = self.text.as_bytes();
        let semicolon = self.at + spaces(&bytes[self.at..]);
        if bytes.get(semicolon) != Some(&b';') {
            self.at = semicolon;
            return Ok(None);
        }
        let start = semicolon + 1 + spaces(&bytes[semicolon + 1..]);
        let length = chars::span(&bytes[start..], chars::TOKEN);
        if length == 0 {
            return Err(FieldError::new(start, "a parameter name", "RFC 3261 §7.3.1"));
        }
        let name = &self.text[start..start + length];
        self.at = start + length;
        let equal = self.at + spaces(&bytes[self.at..]);
        let mut value = None;
        if bytes.get(equal) == Some(&b'=') {
            let from = equal + 1 + spaces(&bytes[equal + 1..]);
            let length = match bytes.get(from) {
                Some(b'"') => chars::quoted(&bytes[from..]).unwrap_or(0),
                _ => chars::span(&bytes[from..], chars::VALUE),
            };
            if length == 0 {
                return Err(FieldError::new(from, "a parameter value", "RFC 3261 §7.3.1"));
            }
            self.at = from + length;
            value = Some(&self.text[from..self.at]);
        }
        Ok(Some((name, value)))
    }
}

#[inline]
fn spaces(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !chars::is_space(*byte)).unwrap_or(bytes.len())
}

/// What stands between the quotes if the text is in quotes, else the text. Escapes are left in.
pub(crate) fn inner(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// The value that a token or quoted string stands for: without quotes, each quoted-pair replaced by its character.
pub fn unquote(text: &str) -> Cow<'_, str> {
    let plain = inner(text);
    if plain.len() == text.len() || !plain.contains('\\') {
        return Cow::Borrowed(plain);
    }
    let mut out = String::with_capacity(plain.len());
    let mut chars = plain.chars();
    while let Some(next) = chars.next() {
        out.extend(if next == '\\' { chars.next() } else { Some(next) });
    }
    Cow::Owned(out)
}

/// `text` as a quoted string, RFC 3261 §25.1.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for next in text.chars() {
        if matches!(next, '"' | '\\') {
            out.push('\\');
        }
        out.push(next);
    }
    out.push('"');
    out
}

/// Cuts a comma-separated list at the commas outside quotes and angle brackets; without empty values and the white
/// space around them. All of `text` as one value if `is_list` is false.
pub(crate) fn split_values(text: &str, is_list: bool) -> Values<'_> {
    Values { rest: Some(text), is_list }
}

pub(crate) struct Values<'a> {
    rest: Option<&'a str>,
    is_list: bool,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.rest.take()?;
            if !self.is_list {
                return Some(rest);
            }
            let end = value_end(rest);
            self.rest = rest.get(end + 1..);
            let value = chars::trim(&rest[..end]);
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}

/// Where the first value of a list ends: at a comma outside quotes and angle brackets, or at the end.
pub(crate) fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr3(b',', b'"', b'<', &bytes[at..]) {
        at += step;
        at += match bytes[at] {
            b',' => return at,
            b'"' => chars::quoted(&bytes[at..]).unwrap_or(bytes.len() - at),
            _ => memchr::memchr(b'>', &bytes[at..]).unwrap_or(bytes.len() - at),
        };
        if at >= bytes.len() {
            break;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_and_flags_come_in_order() {
        let params =
            Params::parse(r#" ; a=1;B ;c = "x;\"y,", d=[::1]"#.trim_end_matches(", d=[::1]")).expect("list");
        assert_eq!(
            params.iter().collect::<Vec<_>>(),
            [("a", Some("1")), ("B", None), ("c", Some(r#""x;\"y,""#))]
        );
        assert_eq!(params.get("b"), Some(""));
        assert_eq!(params.get("C"), Some(r#"x;\"y,"#));
        assert_eq!(params.get("d"), None);
        assert_eq!(unquote(params.find("c").flatten().expect("c")), "x;\"y,");
    }

    #[test]
    fn empty_and_open_parameters_are_refused() {
        for text in [";", ";;a", ";a;", ";a=", ";a=;b", ";a=\"x", ";=1", "a", ";a b", ";a=1,b", ";ü=1"] {
            assert!(Params::parse(text).is_err(), "{text}");
        }
        assert!(Params::parse("").expect("none").is_empty());
    }

    #[test]
    fn quotes_and_brackets_protect_commas() {
        let text = r#""A, \"B" <sip:a,b@c>;x="1,2" ,, <sip:d> , e"#;
        let values: Vec<_> = split_values(text, true).collect();
        assert_eq!(values, [r#""A, \"B" <sip:a,b@c>;x="1,2""#, "<sip:d>", "e"]);
        assert_eq!(split_values("a, b", false).collect::<Vec<_>>(), ["a, b"]);
        assert_eq!(split_values("", true).count(), 0);
        assert_eq!(split_values("\"open, b", true).count(), 1);
    }

    #[test]
    fn quoting_is_undone_by_unquoting() {
        for text in ["", "plain", r#"a "b" \c"#, "ü,;"] {
            assert_eq!(unquote(&quote(text)), text);
        }
    }
}
