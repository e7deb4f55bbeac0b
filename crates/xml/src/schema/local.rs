//! Local names, quick to compare: most differ in length or in their first eight bytes.

use crate::span::Span;

/// A local name of a grammar.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// The name.
    pub text: &'static str,
    first: u64,
}

/// A local name of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met<'a> {
    pub(super) text: &'a str,
    first: u64,
}

/// How many bytes are compared at once.
const AT_ONCE: usize = 8;

impl Local {
    /// The name with that text.
    pub const fn new(text: &'static str) -> Self {
        Self { text, first: first(text.as_bytes()) }
    }

    /// Whether it is this one.
    #[inline]
    pub(super) fn is(&self, met: Met<'_>) -> bool {
        self.first == met.first
            && self.text.len() == met.text.len()
            && (self.text.len() <= AT_ONCE || is_rest(self.text.as_bytes(), met.text.as_bytes()))
    }
}

impl<'a> Met<'a> {
    /// The name that stands there in a document.
    #[inline]
    pub(super) fn new(document: &'a str, at: Span) -> Self {
        let text = &document[at.range()];
        // What follows the name is read with it and masked, which is quicker than reading byte by byte.
        let following = document.as_bytes()[at.start as usize..].first_chunk();
        let first = match following {
            Some(bytes) if text.len() < AT_ONCE => u64::from_le_bytes(*bytes) & ((1 << (8 * text.len())) - 1),
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => first(text.as_bytes()),
        };
        Self { text, first }
    }
}

/// Whether two names of one length are equal after their first bytes.
#[inline]
fn is_rest(a: &[u8], b: &[u8]) -> bool {
    a.last_chunk::<AT_ONCE>() == b.last_chunk::<AT_ONCE>()
        && (a.len() <= 2 * AT_ONCE || a[AT_ONCE..] == b[AT_ONCE..])
}

/// The first bytes as a number, the first one lowest; zeros if there are fewer.
const fn first(bytes: &[u8]) -> u64 {
    let mut number = 0;
    let mut at = 0;
    while at < bytes.len() && at < AT_ONCE {
        number |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_if_their_texts_are() {
        const NAMES: [&str; 10] = [
            "a",
            "ab",
            "abcdefg",
            "abcdefgh",
            "abcdefghi",
            "abcdefghj",
            "zbcdefghi",
            "\u{e9}t\u{e9}",
            "abcdefghijklmnopqrst",
            "abcdefghiJklmnopqrst",
        ];
        for tail in ["", "/>", " uri='x'>"] {
            for met in NAMES {
                let document = format!("<p:{met}{tail}");
                let met_there = Met::new(&document, Span::new(3, 3 + met.len()));
                for name in NAMES {
                    assert_eq!(Local::new(name).is(met_there), name == met, "{name} {met}");
                }
            }
        }
    }
}
