//! What is checked before the first token: size, encoding, and the XML declaration.

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::tag::{qname, skip_space};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The document as text, and the offset where its tokens begin.
pub(crate) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(&'a str, usize), Error> {
    let text = text(bytes, limits)?;
    let at = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    Ok((text, declaration(text, at)?))
}

/// Bytes of a size that is allowed, as text.
pub(crate) fn text<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Error> {
    let most = limits.bytes.min(u32::MAX as usize - 1);
    if bytes.len() > most {
        return Err(Error::new(most, ErrorKind::TooManyBytes));
    }
    str::from_utf8(bytes).map_err(|error| Error::new(error.valid_up_to(), ErrorKind::NotUtf8))
}

/// Reads `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` if it is there, XML 1.0 §2.8: the offset after it.
fn declaration(text: &str, start: usize) -> Result<usize, Error> {
    let bytes = text.as_bytes();
    let rest = &bytes[start..];
    if !rest.starts_with(b"<?xml") || !rest.get(5).is_some_and(u8::is_ascii_whitespace) {
        return Ok(start);
    }
    let mut at = start + "<?xml".len();
    let mut due: &[&str] = &["version", "encoding", "standalone"];
    loop {
        let before = at;
        at = skip_space(bytes, at);
        if bytes[at..].starts_with(b"?>") && due.len() < 3 {
            return Ok(at + "?>".len());
        }
        if at == before {
            return Err(Error::new(at, ErrorKind::Expected("whitespace or `?>` in the XML declaration")));
        }
        let name = qname(text, at, "`?>` or the next part of the XML declaration")?;
        let written = &text[name.span().range()];
        // Only the version must be there, and what is there must be in this order.
        let index = due.iter().position(|due| *due == written).filter(|&index| due.len() < 3 || index == 0);
        let Some(index) = index else {
            return Err(Error::new(
                at,
                ErrorKind::Expected("version, encoding or standalone, in this order"),
            ));
        };
        due = &due[index + 1..];
        let (value, value_start, end) = pseudo_attribute(text, name.span().range().end)?;
        let refused = |kind| Error::new(value_start, kind);
        match written {
            "version" if !is_version(value) => return Err(refused(ErrorKind::Expected("version 1.0"))),
            "encoding" if !value.eq_ignore_ascii_case("UTF-8") => {
                return Err(refused(ErrorKind::OtherEncoding));
            }
            "standalone" if !matches!(value, "yes" | "no") => {
                return Err(refused(ErrorKind::Expected("`yes` or `no`")));
            }
            _ => at = end,
        }
    }
}

/// `="value"` from `at` on: the value, where it begins, and the offset after its quote.
fn pseudo_attribute(text: &str, at: usize) -> Result<(&str, usize, usize), Error> {
    let bytes = text.as_bytes();
    let at = skip_space(bytes, at);
    if bytes.get(at) != Some(&b'=') {
        return Err(Error::new(at, ErrorKind::Expected("`=` in the XML declaration")));
    }
    let at = skip_space(bytes, at + 1);
    let start = at + 1;
    let length = match bytes.get(at) {
        Some(quote @ (b'"' | b'\'')) => bytes[start..].iter().position(|byte| byte == quote),
        _ => None,
    };
    let end =
        start + length.ok_or(Error::new(at, ErrorKind::Expected("a quoted value in the XML declaration")))?;
    Ok((&text[start..end], start, end + 1))
}

/// `1.` and digits: a later 1.x is read as 1.0, XML 1.0 §2.8.
fn is_version(value: &str) -> bool {
    value
        .strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}
