//! Attribute values and text: as written, and as meant.

use core::fmt;
use std::borrow::Cow;

use crate::class::is_xml_char;
use crate::error::{Error, ErrorKind};
use crate::tag::value_end;

/// Where a value stands, which decides what its bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between quotes: references count, and each whitespace character reads as a space, XML 1.0 §3.3.3.
    Attribute,
    /// Between tags: references count, and line ends read as line feeds, XML 1.0 §2.11.
    Text,
    /// In a CDATA section: no references; line ends as in text.
    CData,
}

/// An attribute value or a run of text of an accepted document. Compares by meaning, not by spelling.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    raw: &'a str,
    place: Place,
    plain: bool,
}

impl<'a> Value<'a> {
    /// The empty value.
    pub const EMPTY: Value<'static> = Value { raw: "", place: Place::Attribute, plain: true };

    pub(crate) const fn new(raw: &'a str, place: Place, plain: bool) -> Self {
        Self { raw, place, plain }
    }

    /// Reads an `AttValue`, quotes included, and nothing beside it: XML 1.0 §2.3.
    pub fn quoted(text: &'a str) -> Result<Self, Error> {
        let Some(&quote @ (b'"' | b'\'')) = text.as_bytes().first() else {
            return Err(Error::new(0, ErrorKind::Expected("a quoted attribute value")));
        };
        let (end, plain) = value_end(text.as_bytes(), 1, quote)?;
        if end + 1 != text.len() {
            return Err(Error::new(end + 1, ErrorKind::Expected("nothing after an attribute value")));
        }
        Ok(Self::new(&text[1..end], Place::Attribute, plain))
    }

    /// The characters as they are written in the document, references included and quotes not.
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether what is written is what is meant: no reference, and no whitespace that reads as another.
    pub const fn is_plain(&self) -> bool {
        self.plain
    }

    /// What is meant. Borrowed if plain.
    pub fn text(&self) -> Cow<'a, str> {
        if self.plain { Cow::Borrowed(self.raw) } else { self.characters().collect::<String>().into() }
    }

    /// Gives what is meant to a function; allocates only if not plain.
    #[inline]
    pub(crate) fn with_text<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        if self.plain { read(self.raw) } else { read(&self.text()) }
    }

    /// What is meant, character by character, without an allocation.
    pub fn characters(&self) -> Characters<'a> {
        Characters { rest: self.raw, place: self.place }
    }
}

impl Default for Value<'_> {
    /// The empty value.
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), f)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.plain && other.plain {
            same(self.raw, other.raw)
        } else {
            self.characters().eq(other.characters())
        }
    }
}

impl Eq for Value<'_> {}

impl PartialEq<str> for Value<'_> {
    #[inline]
    fn eq(&self, other: &str) -> bool {
        if self.plain { same(self.raw, other) } else { self.characters().eq(other.chars()) }
    }
}

/// `a == b`, without a look at the bytes of two empty texts: on processors with AVX-512 the C library's comparison of
/// nothing at the address of nothing costs some 60 ns, and most attributes are in no namespace.
#[inline]
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// The characters that a [`Value`] means.
#[derive(Clone, Debug)]
pub struct Characters<'a> {
    rest: &'a str,
    place: Place,
}

impl Iterator for Characters<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        let (character, length) = match (first, self.place) {
            ('&', Place::Attribute | Place::Text) => reference(self.rest.as_bytes())
                .expect("references were checked when the document was accepted"),
            ('\r', place) => {
                let length = if self.rest.as_bytes().get(1) == Some(&b'\n') { 2 } else { 1 };
                (if place == Place::Attribute { ' ' } else { '\n' }, length)
            }
            ('\t' | '\n', Place::Attribute) => (' ', 1),
            _ => (first, first.len_utf8()),
        };
        self.rest = &self.rest[length..];
        Some(character)
    }
}

/// Reads the reference that `bytes` begin with: the character it stands for, and its length in bytes.
pub(crate) fn reference(bytes: &[u8]) -> Result<(char, usize), ErrorKind> {
    const LONGEST: usize = 12;
    match bytes.get(1) {
        Some(b'#') => character_reference(bytes),
        Some(_) => {
            let name = bytes.iter().take(LONGEST).position(|&byte| byte == b';').map(|end| &bytes[1..end]);
            match name {
                Some(b"amp") => Ok(('&', 5)),
                Some(b"lt") => Ok(('<', 4)),
                Some(b"gt") => Ok(('>', 4)),
                Some(b"apos") => Ok(('\'', 6)),
                Some(b"quot") => Ok(('"', 6)),
                Some(_) | None => Err(ErrorKind::UnknownEntity),
            }
        }
        None => Err(ErrorKind::UnknownEntity),
    }
}

/// `&#65;` or `&#x41;`, XML 1.0 §4.1. Leading zeros may be any number.
fn character_reference(bytes: &[u8]) -> Result<(char, usize), ErrorKind> {
    let (radix, start) = if bytes.get(2) == Some(&b'x') { (16, 3) } else { (10, 2) };
    let mut code = 0_u32;
    let mut at = start;
    while let Some(digit) = bytes.get(at).and_then(|&byte| char::from(byte).to_digit(radix)) {
        code = code.saturating_mul(radix).saturating_add(digit);
        at += 1;
    }
    if at == start {
        return Err(ErrorKind::Expected("a digit of a character reference"));
    }
    if bytes.get(at) != Some(&b';') {
        return Err(ErrorKind::Expected("`;` after a character reference"));
    }
    let character = char::from_u32(code).filter(|&character| is_xml_char(character));
    Ok((character.ok_or(ErrorKind::CharacterReference)?, at + 1))
}

/// What a piece of text means whose references have not been checked: the five entities and character references are
/// replaced, everything else stays. Borrowed if there is none. Refuses other and broken references.
pub fn unescape(raw: &str) -> Result<Cow<'_, str>, Error> {
    let Some(first) = raw.find('&') else { return Ok(Cow::Borrowed(raw)) };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut at = first;
    while at < raw.len() {
        let (character, length) = reference(&raw.as_bytes()[at..]).map_err(|kind| Error::new(at, kind))?;
        text.push(character);
        at += length;
        let plain = raw[at..].find('&').unwrap_or(raw.len() - at);
        text.push_str(&raw[at..at + plain]);
        at += plain;
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced() {
        assert_eq!(unescape("a&lt;b&#x26;&#38;&apos;&quot;&gt;c&amp;amp;").unwrap(), "a<b&&'\">c&amp;");
        assert!(matches!(unescape("plain"), Ok(Cow::Borrowed("plain"))));
        assert_eq!(unescape("&#0000000000000000000065;&#x10FFFF;").unwrap(), "A\u{10FFFF}");
    }

    #[test]
    fn other_references_are_refused_where_they_stand() {
        let cases = [
            ("&", 0, ErrorKind::UnknownEntity),
            ("a &amp b;", 2, ErrorKind::UnknownEntity),
            ("&nbsp;", 0, ErrorKind::UnknownEntity),
            ("&AMP;", 0, ErrorKind::UnknownEntity),
            ("&#;", 0, ErrorKind::Expected("a digit of a character reference")),
            ("&#X41;", 0, ErrorKind::Expected("a digit of a character reference")),
            ("&#12", 0, ErrorKind::Expected("`;` after a character reference")),
            ("&#0;", 0, ErrorKind::CharacterReference),
            ("&#xD800;", 0, ErrorKind::CharacterReference),
            ("&#xFFFE;", 0, ErrorKind::CharacterReference),
            ("&#99999999999999999999;", 0, ErrorKind::CharacterReference),
        ];
        for (raw, offset, kind) in cases {
            assert_eq!(unescape(raw), Err(Error::new(offset, kind)), "{raw}");
        }
    }

    #[test]
    fn whitespace_reads_as_the_place_says() {
        let meant = |place| Value::new("a\r\nb\rc\td&#13;&#10;", place, false).text().into_owned();
        assert_eq!(meant(Place::Attribute), "a b c d\r\n");
        assert_eq!(meant(Place::Text), "a\nb\nc\td\r\n");
        assert_eq!(meant(Place::CData), "a\nb\nc\td&#13;&#10;");
    }

    #[test]
    fn values_compare_by_meaning() {
        let plain = Value::new("a<b", Place::CData, true);
        let written = Value::new("a&lt;&#98;", Place::Text, false);
        assert_eq!(plain, written);
        assert_eq!(written, "a<b");
        assert!(written != "a<c");
    }
}
