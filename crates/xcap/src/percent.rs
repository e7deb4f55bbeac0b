//! Percent-encoding, RFC 3986 §2.1.

use std::borrow::Cow;

use crate::error::UriError;

/// What a path segment or a query means. Borrowed if nothing is encoded. `offset` is where it stands, for the refusal.
pub(crate) fn decode(text: &str, offset: usize) -> Result<Cow<'_, str>, UriError> {
    let Some(first) = text.find('%') else { return Ok(Cow::Borrowed(text)) };
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut at = first;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            decoded.push(bytes[at]);
            at += 1;
            continue;
        }
        let digit = |index: usize| bytes.get(index).and_then(|&byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
            return Err(UriError::Escape { offset: offset + at });
        };
        decoded.push((high << 4 | low) as u8);
        at += 3;
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| UriError::Escape { offset: offset + first })
}

/// Appends a path segment, so that it reads as `text` and as one segment: what is no `pchar` is encoded.
pub(crate) fn push_segment(into: &mut String, text: &str) {
    push(into, text, b"!$&'()*+,;=:@");
}

/// Appends a part of a query. The plus sign is encoded too, as some take it for a space.
pub(crate) fn push_query(into: &mut String, text: &str) {
    push(into, text, b"!$&'()*,;=:@/?");
}

fn push(into: &mut String, text: &str, also: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_as_it_was() {
        for text in ["", "list[@name=\"a/b\"]", "é%", "sip:a@example.com;x=1", "~~", "日本", "a b+c"] {
            let mut segment = String::new();
            push_segment(&mut segment, text);
            assert!(!segment.contains('/'), "{segment}");
            assert_eq!(decode(&segment, 0).unwrap(), text);
            let mut query = String::new();
            push_query(&mut query, text);
            assert_eq!(decode(&query, 0).unwrap(), text);
        }
    }

    #[test]
    fn broken_escapes_are_refused_where_they_stand() {
        for (text, offset) in [("a%", 13), ("a%4", 13), ("a%4g", 13), ("%25%zz", 15), ("ab%FF", 14)] {
            assert_eq!(decode(text, 12), Err(UriError::Escape { offset }), "{text}");
        }
    }
}
