//! Which characters XML allows where, XML 1.0 §2.2 and §2.3.

use crate::error::{Error, ErrorKind};

/// May stand in a name after its first character. The colon is not among them: it parts prefix and local name.
pub(crate) const NAME: u8 = 1;
/// May begin a name.
pub(crate) const START: u8 = 2;
/// Whitespace, XML 1.0 §2.3.
pub(crate) const SPACE: u8 = 4;
/// Ends a plain run of text: markup, a reference, a line end to normalize, what may begin `]]>`, or what may be
/// forbidden.
pub(crate) const TEXT_STOP: u8 = 8;
/// Ends a plain run of an attribute value: a quote, a reference, whitespace to normalize, a `<`, or what may be
/// forbidden.
pub(crate) const VALUE_STOP: u8 = 16;

/// A control character, or the first byte of U+F000 to U+FFFF, among which are two that are no characters.
const MAYBE_FORBIDDEN: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => NAME | START,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            b' ' => SPACE,
            b'\t' | b'\n' => SPACE | VALUE_STOP,
            b'\r' => SPACE | VALUE_STOP | TEXT_STOP,
            b'<' | b'&' => TEXT_STOP | VALUE_STOP,
            b']' => TEXT_STOP,
            b'"' | b'\'' => VALUE_STOP,
            0x00..=0x1F | 0xEF => MAYBE_FORBIDDEN | TEXT_STOP | VALUE_STOP,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Whether an ASCII byte is of a class; bytes of longer characters are of none.
#[inline]
pub(crate) const fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Refuses what XML 1.0 §2.2 does not allow at `at`, where a byte is that may be forbidden: in UTF-8 the control
/// characters of one byte, and U+FFFE and U+FFFF, which are `EF BF BE` and `EF BF BF`. The length of what is allowed.
pub(crate) fn allowed(bytes: &[u8], at: usize) -> Result<usize, Error> {
    match bytes[at..] {
        [0xEF, 0xBF, 0xBE | 0xBF, ..] => Err(Error::new(at, ErrorKind::Character)),
        [0xEF, ..] => Ok(3),
        _ => Err(Error::new(at, ErrorKind::Character)),
    }
}

/// Refuses the first character between two offsets that XML 1.0 §2.2 does not allow.
pub(crate) fn all_allowed(bytes: &[u8], mut from: usize, end: usize) -> Result<(), Error> {
    while let Some(run) = bytes[from..end].iter().position(|&byte| is(byte, MAYBE_FORBIDDEN)) {
        from += run;
        from += allowed(bytes, from)?;
    }
    Ok(())
}

/// Whether a character may stand in a document at all, XML 1.0 §2.2.
pub const fn is_xml_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether a character outside ASCII may begin a name, XML 1.0 §2.3.
pub(crate) const fn is_wide_start(character: char) -> bool {
    matches!(character,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// Whether a character outside ASCII may stand in a name, XML 1.0 §2.3.
pub(crate) const fn is_wide_name(character: char) -> bool {
    is_wide_start(character)
        || matches!(character, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether a string is a name without a colon, as an `xs:ID` must be: Namespaces in XML 1.0 §3, NCName.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && name_end(text, 0) == Some(text.len())
}

/// The offset after the name that begins at `at`; none if no name begins there.
#[inline]
pub(crate) fn name_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = at;
    match bytes.get(at) {
        Some(&byte) if is(byte, START) => end += 1,
        Some(&byte) if byte >= 0x80 => {
            let first = text[at..].chars().next()?;
            if !is_wide_start(first) {
                return None;
            }
            end += first.len_utf8();
        }
        _ => return None,
    }
    loop {
        end += bytes[end..].iter().position(|&byte| !is(byte, NAME)).unwrap_or(bytes.len() - end);
        match bytes.get(end) {
            Some(&byte) if byte >= 0x80 => match text[end..].chars().next() {
                Some(next) if is_wide_name(next) => end += next.len_utf8(),
                _ => return Some(end),
            },
            _ => return Some(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_other_strings() {
        for name in ["a", "_", "bs35r9", "a-b.c", "Ä", "日本", "a\u{B7}"] {
            assert!(is_name(name), "{name}");
        }
        for other in ["", "1a", "-a", ".a", "a:b", "a b", "a\u{D7}", "\u{B7}a", "a<", "\u{300}"] {
            assert!(!is_name(other), "{other}");
        }
    }
}
