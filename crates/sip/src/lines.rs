//! The header field lines of a head: one walk that `message`, `framing` and `multipart` share, so that they can never
//! disagree about where a field ends.

use crate::chars;

/// One step of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A header field, possibly folded: `bytes[name] ":" bytes[value]`, value without white space at its ends.
    Field { name_end: usize, value: usize, end: usize, next: usize },
    /// A line that is no header field, or one with an LF alone inside, which others would read as two.
    Junk { next: usize },
    /// The empty line; the body starts at `body`.
    Blank { body: usize },
    /// The bytes end inside the head.
    Cut,
}

/// Reads the line that starts at `start`. Only CRLF ends a line, and only if no white space follows (RFC 3261 §7.3.1).
#[inline]
pub(crate) fn line(bytes: &[u8], start: usize) -> Line {
    let rest = &bytes[start..];
    let name = chars::span(rest, chars::TOKEN);
    if name == 0 && rest.starts_with(b"\r\n") {
        return Line::Blank { body: start + 2 };
    }
    let Some((end, next, is_clean)) = line_end(bytes, start + name) else { return Line::Cut };
    let mut colon = start + name;
    while colon < end && matches!(bytes[colon], b' ' | b'\t') {
        colon += 1;
    }
    if name == 0 || !is_clean || colon == end || bytes[colon] != b':' {
        return Line::Junk { next };
    }
    let mut value = colon + 1;
    while value < end && chars::is_space(bytes[value]) {
        value += 1;
    }
    let mut last = end;
    while last > value && chars::is_space(bytes[last - 1]) {
        last -= 1;
    }
    Line::Field { name_end: start + name, value, end: last, next }
}

/// End of the line (at its CR), start of the next, and whether no LF without a CR stands inside.
#[inline]
fn line_end(bytes: &[u8], mut from: usize) -> Option<(usize, usize, bool)> {
    let mut is_clean = true;
    loop {
        let at = from + memchr::memchr(b'\n', &bytes[from..])?;
        from = at + 1;
        let is_line_end = at > 0 && bytes[at - 1] == b'\r';
        if is_line_end && !matches!(bytes.get(from), Some(b' ' | b'\t')) {
            return Some((at - 1, from, is_clean));
        }
        is_clean &= is_line_end;
    }
}
