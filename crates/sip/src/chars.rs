//! The character classes of RFC 3261 §25.1, as one table of bits.

/// token
pub(crate) const TOKEN: u8 = 1;
/// user: unreserved and user-unreserved, and `%`
pub(crate) const USER: u8 = 2;
/// paramchar of a URI parameter, and `%`
pub(crate) const PARAM: u8 = 4;
/// host name: letters, digits, `-`, `.`, and `_` that deployed hosts use
pub(crate) const HOST: u8 = 8;
/// word of a Call-ID
pub(crate) const WORD: u8 = 16;
/// uric: anything a URI of any scheme may hold, and the brackets of an IPv6 reference
pub(crate) const URI: u8 = 32;
/// an unquoted header parameter value: token and host, and what is seen unquoted without doubt about its end
pub(crate) const VALUE: u8 = 64;
/// hname and hvalue of URI headers, and `%`
pub(crate) const HEADER: u8 = 128;

const TABLE: [u8; 256] = {
    let mut table = [0_u8; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let b = byte as u8;
        let alphanum = b.is_ascii_alphanumeric();
        let mark = one_of(b, b"-_.!~*'()");
        let mut class = 0;
        if alphanum || one_of(b, b"-.!%*_+`'~") {
            class |= TOKEN;
        }
        if alphanum || mark || one_of(b, b"%&=+$,;?/") {
            class |= USER;
        }
        if alphanum || mark || one_of(b, b"%[]/:&+$") {
            class |= PARAM;
        }
        if alphanum || one_of(b, b"-._") {
            class |= HOST;
        }
        if alphanum || one_of(b, b"-.!%*_+`'~()<>:\\\"/[]?{}") {
            class |= WORD;
        }
        if alphanum || mark || one_of(b, b";/?:@&=+$,%[]#") {
            class |= URI;
        }
        if alphanum || one_of(b, b"-.!%*_+`'~[]:/@=?$&#|") {
            class |= VALUE;
        }
        if alphanum || mark || one_of(b, b"%[]/?:+$") {
            class |= HEADER;
        }
        table[byte] = class;
        byte += 1;
    }
    table
};

const fn one_of(byte: u8, set: &[u8]) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

/// Whether `byte` belongs to `class`.
#[inline]
pub(crate) fn is(byte: u8, class: u8) -> bool {
    TABLE[usize::from(byte)] & class != 0
}

/// How many bytes at the front belong to `class`.
#[inline]
pub(crate) fn span(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|byte| !is(*byte, class)).unwrap_or(bytes.len())
}

/// Whether every byte belongs to `class`.
#[inline]
pub(crate) fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|byte| is(*byte, class))
}

/// Whether this is linear white space; CR and LF count because a value keeps its folding.
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without linear white space at the two ends.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    trim_end(trim_start(text))
}

/// Without linear white space at the front.
#[inline]
pub(crate) fn trim_start(text: &str) -> &str {
    let bytes = text.as_bytes();
    let start = bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
    &text[start..]
}

/// Without linear white space at the end.
#[inline]
pub(crate) fn trim_end(text: &str) -> &str {
    let bytes = text.as_bytes();
    let end = bytes.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// The length of the quoted string that `bytes` begins with, both quotes included; `None` if it does not end.
#[inline]
pub(crate) fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(step) = memchr::memchr2(b'"', b'\\', bytes.get(at..)?) {
        at += step;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
    None
}

/// An unsigned number of digits only; `None` for anything else or more than 64 bits.
#[inline]
pub(crate) fn number(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for byte in text.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Whether every `%` is followed by two hexadecimal digits.
pub(crate) fn escapes_are_whole(bytes: &[u8]) -> bool {
    let mut from = 0;
    while let Some(step) = memchr::memchr(b'%', &bytes[from..]) {
        let at = from + step;
        let whole = bytes.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        if !whole {
            return false;
        }
        from = at + 3;
    }
    true
}
