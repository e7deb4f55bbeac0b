//! Taking an accepted start tag apart again, to write it anew with other attributes.

use crate::class::{self, SPACE};
use crate::span::Span;
use crate::tag::skip_space;

/// The start tag that some bytes begin with. They must come from a document that a scanner has accepted; nothing is
/// checked again, and from other bytes comes nonsense, though no panic.
#[derive(Clone, Copy, Debug)]
pub struct StartTag<'a> {
    bytes: &'a [u8],
}

/// One attribute or namespace declaration as written, with spans into the bytes of the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name, prefix included.
    pub name: Span,
    /// The value, without its quotes.
    pub value: Span,
}

impl<'a> StartTag<'a> {
    /// The tag at the begin of `bytes`, which may go on after it.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The element's name as written, after the `<`.
    pub fn name(&self) -> Span {
        Span::new(1, self.word_end(1))
    }

    /// Attributes and namespace declarations, in the order in which they are written.
    pub fn pairs(&self) -> impl Iterator<Item = Pair> + use<'a> {
        let tag = *self;
        let mut at = tag.name().range().end;
        core::iter::from_fn(move || {
            let start = skip_space(tag.bytes, at);
            if matches!(tag.bytes.get(start)?, b'/' | b'>') {
                return None;
            }
            let name_end = tag.word_end(start);
            let equals = skip_space(tag.bytes, name_end);
            let open = skip_space(tag.bytes, equals + 1);
            let quote = tag.bytes.get(open)?;
            let length = tag.bytes.get(open + 1..)?.iter().position(|byte| byte == quote)?;
            at = open + 1 + length + 1;
            Some(Pair { name: Span::new(start, name_end), value: Span::new(open + 1, open + 1 + length) })
        })
    }

    fn word_end(&self, start: usize) -> usize {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let ends = |&byte: &u8| class::is(byte, SPACE) || matches!(byte, b'=' | b'/' | b'>');
        start + rest.iter().position(ends).unwrap_or(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_apart_as_it_was_written() {
        let bytes = b"<p:a  xmlns:p = 'x>/' \n b=\"'\"c='/'/><b/>";
        let tag = StartTag::new(bytes);
        assert_eq!(&bytes[tag.name().range()], b"p:a");
        let pairs: Vec<_> =
            tag.pairs().map(|pair| (&bytes[pair.name.range()], &bytes[pair.value.range()])).collect();
        assert_eq!(pairs, [(&b"xmlns:p"[..], &b"x>/"[..]), (b"b", b"'"), (b"c", b"/")]);
        assert_eq!(StartTag::new(b"<a>text b='c'</a>").pairs().count(), 0);
    }

    #[test]
    fn other_bytes_do_no_harm() {
        for bytes in [&b""[..], b"<", b"a", b"<a b", b"<a b=", b"<a b='", b"<a =", b"<a b'c'", b"\xFF\xFE"] {
            let tag = StartTag::new(bytes);
            assert!(tag.pairs().count() < 3);
            assert!(tag.name().len() <= bytes.len());
        }
    }
}
