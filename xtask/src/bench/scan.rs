//! The least reading of a SIP message: lines, a few header fields, numbers. No checks; the bench's peers are its own.

use memchr::{memchr, memmem};

/// The header lines that an answer copies, with their line ends; empty if absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copied<'a> {
    /// All Via lines, if they stand together.
    pub(crate) via: &'a [u8],
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) call_id: &'a [u8],
    pub(crate) cseq: &'a [u8],
}

/// What a message holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan<'a> {
    /// The start line without its end.
    pub(crate) start: &'a [u8],
    pub(crate) copied: Copied<'a>,
    /// Values, without blanks around them; empty if absent.
    pub(crate) contact: &'a [u8],
    pub(crate) expires: &'a [u8],
    pub(crate) entity_tag: &'a [u8],
    pub(crate) if_match: &'a [u8],
    pub(crate) state: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Reads one message, front to back, once.
pub(crate) fn scan(message: &[u8]) -> Scan<'_> {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(length) = memchr(b'\n', &message[at..]) {
        let whole = &message[at..=at + length];
        at += length + 1;
        let line = whole.strip_suffix(b"\r\n").unwrap_or(&whole[..whole.len() - 1]);
        if line.is_empty() {
            scan.body = &message[at..];
            break;
        }
        if scan.start.is_empty() {
            scan.start = line;
            continue;
        }
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        match (name.len(), name[0] | 0x20) {
            (3 | 1, b'v') => {
                let start = at - whole.len() - scan.copied.via.len();
                scan.copied.via = if scan.copied.via.is_empty() { whole } else { &message[start..at] };
            }
            (4 | 1, b'f') => scan.copied.from = whole,
            (2 | 1, b't') => scan.copied.to = whole,
            (7, b'c') if name.eq_ignore_ascii_case(b"call-id") => scan.copied.call_id = whole,
            (7, b'c') if name.eq_ignore_ascii_case(b"contact") => scan.contact = value,
            (1, b'm') => scan.contact = value,
            (1, b'i') => scan.copied.call_id = whole,
            (4, b'c') => scan.copied.cseq = whole,
            (7, b'e') if name.eq_ignore_ascii_case(b"expires") => scan.expires = value,
            (8, b's') if name.eq_ignore_ascii_case(b"sip-etag") => scan.entity_tag = value,
            (12, b's') if name.eq_ignore_ascii_case(b"sip-if-match") => scan.if_match = value,
            (18, b's') => scan.state = value,
            _ => {}
        }
    }
    scan
}

/// The status of a response; none for a request.
pub(crate) fn status(start: &[u8]) -> Option<u16> {
    let digits = start.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What follows `mark`, as hexadecimal digits of fixed length.
pub(crate) fn hex_after(text: &[u8], mark: &[u8], digits: usize) -> Option<u32> {
    let at = memmem::find(text, mark)? + mark.len();
    hex(text.get(at..at + digits)?)
}

/// Hexadecimal digits, lower case or upper.
pub(crate) fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// The decimal number that the text starts with.
pub(crate) fn decimal(text: &[u8]) -> Option<u32> {
    let length = text.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    text[..length]
        .iter()
        .try_fold(0_u32, |number, digit| number.checked_mul(10)?.checked_add(u32::from(digit - b'0')))
}

/// The number in a CSeq line.
pub(crate) fn cseq(line: &[u8]) -> Option<u32> {
    decimal(line[memchr(b':', line)? + 1..].trim_ascii_start())
}

/// The tag of a From or To line or value; none if it has none.
pub(crate) fn tag(line: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(line, b";tag=")? + 5;
    let rest = &line[at..];
    let length = rest.iter().position(|letter| b";\r\n \t,>".contains(letter)).unwrap_or(rest.len());
    Some(&rest[..length])
}

/// The URI of a Contact value: what stands between the angle brackets, or all of it.
pub(crate) fn uri(value: &[u8]) -> &[u8] {
    match (memchr(b'<', value), memchr(b'>', value)) {
        (Some(opens), Some(closes)) if opens < closes => &value[opens + 1..closes],
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: &[u8] = b"NOTIFY sip:w0000001f@127.0.0.1:4000 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\nvia: SIP/2.0/UDP h;branch=z9hG4bKb\r\n\
        f: <sip:p@h>;tag=abc\r\nTo: <sip:w@h>;tag=d-e\r\ni: 7@h\r\nCSeq:  12 NOTIFY\r\nm: <sip:h:5060>;x=y\r\n\
        Subscription-State: active;expires=60\r\nContent-Length: 4\r\n\r\nbody";

    #[test]
    fn the_fields_of_a_message_are_found() {
        let scan = scan(NOTIFY);
        assert_eq!(scan.start, b"NOTIFY sip:w0000001f@127.0.0.1:4000 SIP/2.0");
        assert!(scan.copied.via.starts_with(b"Via:") && scan.copied.via.ends_with(b"z9hG4bKb\r\n"));
        assert_eq!(tag(scan.copied.from), Some(&b"abc"[..]));
        assert_eq!(tag(scan.copied.to), Some(&b"d-e"[..]));
        assert_eq!(scan.copied.call_id, b"i: 7@h\r\n");
        assert_eq!(cseq(scan.copied.cseq), Some(12));
        assert_eq!(uri(scan.contact), b"sip:h:5060");
        assert_eq!(scan.state, b"active;expires=60");
        assert_eq!(scan.body, b"body");
    }

    #[test]
    fn numbers_and_status_are_read() {
        assert_eq!(status(b"SIP/2.0 412 Conditional Request Failed"), Some(412));
        assert_eq!(status(b"NOTIFY sip:h SIP/2.0"), None);
        assert_eq!(hex_after(NOTIFY, b"NOTIFY sip:w", 8), Some(0x1f));
        assert_eq!(decimal(b"3600;x"), Some(3600));
        assert_eq!(decimal(b"x"), None);
    }
}
