//! The start line: what a message is.

use crate::chars;
use crate::error::{Defect, ParseError, ParseErrorKind};
use crate::method::Method;

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// RFC 3261 §7.1
    Request {
        /// The method.
        method: Method<'a>,
        /// The Request-URI as it stands.
        uri: &'a str,
    },
    /// RFC 3261 §7.2
    Response {
        /// 100 to 699.
        status: u16,
        /// The reason phrase as it stands, perhaps empty.
        reason: &'a str,
    },
}

/// Reads the start line; gives what is wrong with it and where the header fields start.
pub(crate) fn read(bytes: &[u8]) -> Result<(Start<'_>, Option<Defect>, usize), ParseError> {
    let end =
        memchr::memchr(b'\n', bytes).ok_or(not_sip(bytes.len(), "a whole start line", "RFC 3261 §7"))?;
    let line = bytes[..end].strip_suffix(b"\r").ok_or(not_sip(end, "CRLF", "RFC 3261 §7"))?;
    let line = core::str::from_utf8(line)
        .map_err(|error| not_sip(error.valid_up_to(), "UTF-8 in the start line", "RFC 3261 §7"))?;
    let is_response = line.get(..4).is_some_and(|front| front.eq_ignore_ascii_case("SIP/"));
    let (start, fault) = if is_response { status_line(line)? } else { request_line(line)? };
    Ok((start, fault, end + 1))
}

/// RFC 3261 §7.1: Method SP Request-URI SP SIP-Version. Other white space is a defect, not a reason to be silent.
fn request_line(line: &str) -> Result<(Start<'_>, Option<Defect>), ParseError> {
    const SECTION: &str = "RFC 3261 §7.1";
    let method_end = chars::span(line.as_bytes(), chars::TOKEN);
    if method_end == 0 || line.as_bytes().get(method_end) != Some(&b' ') {
        return Err(not_sip(method_end, "a method and a space", SECTION));
    }
    let rest = &line[method_end + 1..];
    let tidy = chars::trim(rest);
    let split =
        tidy.rfind([' ', '\t']).ok_or(not_sip(method_end + 1, "a Request-URI and a version", SECTION))?;
    let (uri, version) = (chars::trim(&tidy[..split]), &tidy[split + 1..]);
    let fault = version_fault(version, line.len() - version.len())?.or_else(|| {
        let is_clean = tidy.len() == rest.len()
            && uri.len() == split
            && uri.bytes().all(|byte| chars::is(byte, chars::URI));
        (!is_clean).then_some(Defect {
            status: 400,
            reason: "Malformed Request-Line",
            offset: method_end + 1,
            section: SECTION,
        })
    });
    Ok((Start::Request { method: Method::of(&line[..method_end]), uri }, fault))
}

/// RFC 3261 §7.2: SIP-Version SP Status-Code SP Reason-Phrase. A missing second space is forgiven.
fn status_line(line: &str) -> Result<(Start<'_>, Option<Defect>), ParseError> {
    const SECTION: &str = "RFC 3261 §7.2";
    let (version, rest) = line.split_once(' ').ok_or(not_sip(line.len(), "a status code", SECTION))?;
    let fault = version_fault(version, 0)?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = chars::number(code)
        .filter(|status| code.len() == 3 && (100..=699).contains(status))
        .ok_or(not_sip(version.len() + 1, "a status code from 100 to 699", SECTION))?;
    Ok((Start::Response { status: status as u16, reason }, fault))
}

/// Nothing for SIP/2.0 in any case, the defect for another SIP version, an error for anything else.
fn version_fault(version: &str, offset: usize) -> Result<Option<Defect>, ParseError> {
    if version.eq_ignore_ascii_case("SIP/2.0") {
        return Ok(None);
    }
    let numbers = version.get(..4).filter(|front| front.eq_ignore_ascii_case("SIP/")).map(|_| &version[4..]);
    let is_sip = numbers
        .and_then(|text| text.split_once('.'))
        .is_some_and(|(major, minor)| chars::number(major).is_some() && chars::number(minor).is_some());
    if !is_sip {
        return Err(not_sip(offset, "SIP/2.0", "RFC 3261 §7.1"));
    }
    let (reason, section) = ("Version Not Supported", "RFC 3261 §21.5.6");
    Ok(Some(Defect { status: 505, reason, offset, section }))
}

const fn not_sip(offset: usize, expected: &'static str, section: &'static str) -> ParseError {
    ParseError { offset, expected, section, kind: ParseErrorKind::NotSip }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(line: &str) -> Result<(Start<'_>, Option<u16>), ParseErrorKind> {
        let (start, fault, _) = read(line.as_bytes()).map_err(|error| error.kind)?;
        Ok((start, fault.map(|defect| defect.status)))
    }

    #[test]
    fn a_request_line_gives_method_and_uri() {
        let start = Start::Request { method: Method::Publish, uri: "sip:a@b" };
        assert_eq!(read_text("PUBLISH sip:a@b SIP/2.0\r\n"), Ok((start, None)));
        assert_eq!(read_text("PUBLISH sip:a@b sip/2.0\r\n"), Ok((start, None)));
        assert_eq!(read_text("PUBLISH sip:a@b SIP/3.0\r\n"), Ok((start, Some(505))));
        for line in
            ["PUBLISH  sip:a@b SIP/2.0\r\n", "PUBLISH sip:a@b  SIP/2.0\r\n", "PUBLISH sip:a@b SIP/2.0 \r\n"]
        {
            assert_eq!(read_text(line), Ok((start, Some(400))), "{line}");
        }
    }

    #[test]
    fn a_status_line_gives_status_and_reason() {
        assert_eq!(read_text("SIP/2.0 100 \r\n"), Ok((Start::Response { status: 100, reason: "" }, None)));
        assert_eq!(read_text("SIP/2.0 699\r\n"), Ok((Start::Response { status: 699, reason: "" }, None)));
        assert_eq!(
            read_text("SIP/2.1 200 a b\r\n"),
            Ok((Start::Response { status: 200, reason: "a b" }, Some(505)))
        );
    }

    #[test]
    fn anything_else_is_not_sip() {
        for line in [
            "SIP/2.0 700 x\r\n",
            "SIP/2.0 20 x\r\n",
            "SIP/2.0\r\n",
            "A B\r\n",
            "A B HTTP/1.1\r\n",
            " A B SIP/2.0\r\n",
            "A B SIP/2.0\n",
            "A B SIP/2.0",
            "A  SIP/2.0x\r\n",
            "SIP/2.0  200 OK\r\n",
        ] {
            assert_eq!(read_text(line), Err(ParseErrorKind::NotSip), "{line}");
        }
    }
}
