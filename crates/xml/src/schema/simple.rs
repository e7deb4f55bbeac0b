//! What text and attribute values may be: the simple types of XML Schema.

use super::moment;
use crate::class::is_name;

/// A simple type. Whitespace around a value does not count, except in [`Simple::Exactly`].
#[derive(Clone, Copy, Debug)]
pub enum Simple {
    /// Any text: `xs:string`, `xs:token`, `xs:anyURI` without restrictions.
    Text,
    /// `true`, `false`, `1` or `0`.
    Boolean,
    /// `2002-10-10T12:00:00-05:00`; the zone may be missing.
    DateTime,
    /// `2002-10-10`, with or without a zone.
    Date,
    /// A whole number between two bounds, both included. What does not fit an `i128` counts as the outermost.
    Integer(i128, i128),
    /// A name without a colon that no other value of this type in the document equals.
    Id,
    /// One of some tokens.
    OneOf(&'static [&'static str]),
    /// One of some strings, in which whitespace counts.
    Exactly(&'static [&'static str]),
    /// A language tag, or nothing: the type of `xml:lang`.
    Language,
    /// What a function takes, and in words what that is.
    Matching(fn(&str) -> bool, &'static str),
}

/// `xs:string`.
pub const STRING: Simple = Simple::Text;
/// `xs:token`.
pub const TOKEN: Simple = Simple::Text;
/// `xs:anyURI`, which XML Schema 1.1 lets be any text.
pub const ANY_URI: Simple = Simple::Text;
/// `xs:boolean`.
pub const BOOLEAN: Simple = Simple::Boolean;
/// `xs:dateTime`.
pub const DATE_TIME: Simple = Simple::DateTime;
/// `xs:date`.
pub const DATE: Simple = Simple::Date;
/// `xs:ID`.
pub const ID: Simple = Simple::Id;
/// `xs:integer`.
pub const INTEGER: Simple = Simple::Integer(i128::MIN, i128::MAX);
/// `xs:nonNegativeInteger`.
pub const NON_NEGATIVE: Simple = Simple::Integer(0, i128::MAX);
/// `xs:positiveInteger`.
pub const POSITIVE: Simple = Simple::Integer(1, i128::MAX);
/// `xs:unsignedInt`.
pub const UNSIGNED_INT: Simple = Simple::Integer(0, u32::MAX as i128);
/// `xs:unsignedLong`.
pub const UNSIGNED_LONG: Simple = Simple::Integer(0, u64::MAX as i128);
/// The type of `xml:lang`.
pub const LANGUAGE: Simple = Simple::Language;

impl Simple {
    /// Whether any text is of this type, so that it need not be looked at.
    #[inline]
    pub(super) const fn is_free(&self) -> bool {
        matches!(self, Self::Text)
    }

    /// Whether a text is of this type; that an id is the only one of its name is checked elsewhere.
    pub(super) fn takes(&self, text: &str) -> bool {
        let trimmed = trimmed(text);
        match self {
            Self::Text => true,
            Self::Boolean => matches!(trimmed, "true" | "false" | "1" | "0"),
            Self::DateTime => moment::is_date_time(trimmed),
            Self::Date => moment::is_date(trimmed),
            Self::Integer(min, max) => integer(trimmed).is_some_and(|value| (*min..=*max).contains(&value)),
            Self::Id => is_name(trimmed),
            Self::OneOf(values) => values.contains(&trimmed),
            Self::Exactly(values) => values.contains(&text),
            Self::Language => text.is_empty() || is_language(trimmed),
            Self::Matching(test, _) => test(trimmed),
        }
    }

    /// What a text must be, for a refusal.
    pub(super) fn describe(&self, to: &mut String) {
        match self {
            Self::Text => to.push_str("any text"),
            Self::Boolean => to.push_str("`true`, `false`, `1` or `0`"),
            Self::DateTime => to.push_str("a date and time such as `2002-10-10T12:00:00Z`"),
            Self::Date => to.push_str("a date such as `2002-10-10`"),
            Self::Integer(min, max) => describe_integer(*min, *max, to),
            Self::Id => to.push_str("a name without a colon"),
            Self::OneOf(values) | Self::Exactly(values) => list(values.iter().map(|value| quoted(value)), to),
            Self::Language => to.push_str("a language tag"),
            Self::Matching(_, what) => to.push_str(what),
        }
    }
}

/// Whitespace, XML 1.0 §2.3.
pub(super) const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Without the whitespace around it.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(SPACES)
}

fn describe_integer(min: i128, max: i128, to: &mut String) {
    to.push_str("a whole number");
    match (min, max) {
        (i128::MIN, i128::MAX) => {}
        (min, i128::MAX) => to.push_str(&format!(" of at least {min}")),
        (i128::MIN, max) => to.push_str(&format!(" of at most {max}")),
        (min, max) => to.push_str(&format!(" from {min} to {max}")),
    }
}

/// A name or a value, in quotes and not longer than a sentence bears.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// `a`, `a or b`, `a, b or c`, each once; of many only the first.
pub(super) fn list(items: impl Iterator<Item = String>, to: &mut String) {
    const MOST: usize = 12;
    let mut all = Vec::new();
    for item in items {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    let (shown, more) = all.split_at(all.len().min(MOST));
    for (at, item) in shown.iter().enumerate() {
        let is_last = at + 1 == all.len();
        to.push_str(if at == 0 {
            ""
        } else if is_last {
            " or "
        } else {
            ", "
        });
        to.push_str(item);
    }
    if !more.is_empty() {
        to.push_str(&format!(" or one of {} others", more.len()));
    }
}

/// A whole number; one that does not fit is the greatest or the least there is.
fn integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_i128, |value, digit| {
        let digit = i128::from(digit - b'0');
        let value = value.saturating_mul(10);
        if is_negative { value.saturating_sub(digit) } else { value.saturating_add(digit) }
    }))
}

/// `[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*`.
fn is_language(text: &str) -> bool {
    text.split('-').enumerate().all(|(at, part)| {
        (1..=8).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphabetic() || at > 0 && byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(simple: Simple, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(simple.takes(text), "{text:?} is {simple:?}");
        }
        for text in bad {
            assert!(!simple.takes(text), "{text:?} is not {simple:?}");
        }
    }

    #[test]
    fn values_are_told_by_their_types() {
        check(BOOLEAN, &["true", " 0\n", "1"], &["", "TRUE", "yes", "tr ue"]);
        check(INTEGER, &["0", "-12", "+7", "00", &"9".repeat(99)], &["", "+", "1.0", "1e3", "- 1", "٣"]);
        check(NON_NEGATIVE, &["0", "-0", &"9".repeat(99)], &["-1", &format!("-{}", "9".repeat(99))]);
        check(UNSIGNED_INT, &["4294967295", "000004294967295"], &["4294967296"]);
        check(POSITIVE, &["1"], &["0"]);
        check(ID, &["a", " a ", "ä-1"], &["", "1", "a:b", "a b"]);
        check(LANGUAGE, &["", "en", " de-CH-1996 "], &[" ", "e1", "en_US", "-", "en-", "abcdefghi"]);
        check(Simple::OneOf(&["a", "b"]), &["a", "\tb "], &["", "ab", "A"]);
        check(Simple::Exactly(&["a", "b"]), &["a"], &[" a", "b\n", ""]);
        check(Simple::Matching(|text| text == "x", "an x"), &["x", " x"], &["y"]);
        check(STRING, &["", "anything"], &[]);
    }

    #[test]
    fn what_was_expected_is_a_sentence_of_some_length() {
        let said = |simple: Simple| {
            let mut text = String::new();
            simple.describe(&mut text);
            text
        };
        assert_eq!(said(Simple::OneOf(&["a", "b", "c"])), "`a`, `b` or `c`");
        assert_eq!(said(Simple::OneOf(&["a", "b", "a"])), "`a` or `b`");
        let many = Simple::OneOf(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d"]);
        assert!(said(many).ends_with(", `a`, `b` or one of 2 others"));
        assert_eq!(said(UNSIGNED_INT), "a whole number from 0 to 4294967295");
        assert_eq!(said(POSITIVE), "a whole number of at least 1");
        assert_eq!(said(Simple::Integer(i128::MIN, 5)), "a whole number of at most 5");
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
    }
}
