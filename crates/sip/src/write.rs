//! Writing messages into a caller's buffer.

use core::fmt::{self, Write};

use crate::chars;
use crate::name::Name;
use crate::reason::reason as default_reason;

/// Appends one message to a buffer: the start line at once, then field by field, then the end.
///
/// No CR or LF of a value reaches the message: they are left out, so that a folded value is unfolded by copying it and
/// no value can begin a field of its own (RFC 3261 §7.3.1). A message is whole only after one of the `finish` calls.
#[must_use = "a message without its empty line is cut off"]
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Writer<'b> {
    /// Starts a request. White space and control characters in `method` and `uri` are left out.
    pub fn request(out: &'b mut Vec<u8>, method: &str, uri: &str) -> Self {
        push_visible(out, method);
        out.push(b' ');
        push_visible(out, uri);
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out }
    }

    /// Starts a response. An empty `reason` is replaced by the [default](crate::reason).
    pub fn response(out: &'b mut Vec<u8>, status: u16, reason: &str) -> Self {
        out.extend_from_slice(b"SIP/2.0 ");
        push_number(out, u64::from(status));
        out.push(b' ');
        push_clean(out, if reason.is_empty() { default_reason(status) } else { reason });
        out.extend_from_slice(b"\r\n");
        Self { out }
    }

    /// Adds a field of a listed name; [`Name::Other`] has no name and is left out.
    pub fn field(&mut self, name: Name, value: &str) -> &mut Self {
        if self.listed(name) {
            push_clean(self.out, value);
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Adds a field under a name that is not listed; a name that is no token is left out with its value.
    pub fn other(&mut self, raw_name: &str, value: &str) -> &mut Self {
        if !raw_name.is_empty() && chars::all(raw_name.as_bytes(), chars::TOKEN) {
            self.out.extend_from_slice(raw_name.as_bytes());
            self.out.extend_from_slice(b": ");
            push_clean(self.out, value);
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Adds a field whose value is a number.
    pub fn number(&mut self, name: Name, value: u64) -> &mut Self {
        if self.listed(name) {
            push_number(self.out, value);
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Adds a field whose value prints itself, for instance by `format_args!`.
    pub fn display(&mut self, name: Name, value: impl fmt::Display) -> &mut Self {
        if self.listed(name) {
            // Writing to a Vec cannot fail, and a value that fails to print ends where it failed.
            let _ = write!(Clean(self.out), "{value}");
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Adds a field whose value is put together from pieces, without a detour over formatting.
    pub fn pieces(&mut self, name: Name, pieces: &[&str]) -> &mut Self {
        if self.listed(name) {
            pieces.iter().for_each(|piece| push_clean(self.out, piece));
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Adds whole fields, each with its line end, that were printed or checked before.
    pub fn lines(&mut self, lines: &str) -> &mut Self {
        self.out.extend_from_slice(lines.as_bytes());
        self
    }

    /// Ends the message: Content-Length, the empty line and the body.
    pub fn finish(self, body: &[u8]) {
        let out = self.end(body.len());
        out.extend_from_slice(body);
    }

    /// Ends the head of a message whose body of `body_len` bytes is sent after it from elsewhere.
    pub fn finish_for(self, body_len: usize) {
        self.end(body_len);
    }

    fn end(mut self, body_len: usize) -> &'b mut Vec<u8> {
        self.number(Name::ContentLength, body_len as u64);
        self.out.extend_from_slice(b"\r\n");
        self.out
    }

    /// Writes `name: `, unless the name is `Other`.
    fn listed(&mut self, name: Name) -> bool {
        let text = name.canonical();
        if !text.is_empty() {
            self.out.extend_from_slice(text.as_bytes());
            self.out.extend_from_slice(b": ");
        }
        !text.is_empty()
    }

    /// The buffer, for a field that is put together from pieces.
    pub(crate) fn start(&mut self, name: Name) -> &mut Vec<u8> {
        self.listed(name);
        self.out
    }
}

struct Clean<'b>(&'b mut Vec<u8>);

impl Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_clean(self.0, text);
        Ok(())
    }
}

/// Appends without CR and LF.
#[inline]
pub(crate) fn push_clean(out: &mut Vec<u8>, text: &str) {
    if memchr::memchr2(b'\r', b'\n', text.as_bytes()).is_none() {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend(text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    }
}

fn push_visible(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte > b' ' && byte != 0x7f) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend(text.bytes().filter(|byte| *byte > b' ' && *byte != 0x7f));
    }
}

pub(crate) fn push_number(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        _ => {
            let Decimal { digits, start } = Decimal::of(value);
            out.extend_from_slice(&digits[start..]);
        }
    }
}

/// A number in digits of one base, up to 16, without leading zeros, a detour over formatting, or the heap.
#[derive(Clone, Copy, Debug)]
pub struct Digits<const BASE: u64> {
    /// As many as the largest number has in base 10.
    digits: [u8; 20],
    start: usize,
}

/// A number in decimal digits.
pub type Decimal = Digits<10>;

/// A number in lower-case hexadecimal digits.
pub type Hexadecimal = Digits<16>;

impl<const BASE: u64> Digits<BASE> {
    /// The digits of `value`.
    pub fn of(mut value: u64) -> Self {
        const { assert!(10 <= BASE && BASE <= 16) };
        let mut digits = [0_u8; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b"0123456789abcdef"[(value % BASE) as usize];
            value /= BASE;
            if value == 0 {
                return Self { digits, start };
            }
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.digits[self.start..]).expect("digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_request_is_written_field_by_field() {
        let text = written(|out| {
            let mut writer = Writer::request(out, "NOTIFY", "sip:bob@192.0.2.1");
            writer.field(Name::Event, "presence").number(Name::MaxForwards, 70).other("X-Odd", "1");
            writer.display(Name::CSeq, format_args!("{} NOTIFY", 7));
            writer.finish(b"body");
        });
        assert_eq!(
            text,
            "NOTIFY sip:bob@192.0.2.1 SIP/2.0\r\nEvent: presence\r\nMax-Forwards: 70\r\nX-Odd: 1\r\nCSeq: 7 NOTIFY\r\n\
             Content-Length: 4\r\n\r\nbody"
        );
    }

    #[test]
    fn no_value_begins_a_field_of_its_own() {
        let text = written(|out| {
            let mut writer = Writer::request(out, "A B", "sip:a\r\nX: y");
            writer.field(Name::Subject, "a\r\nVia: x").display(Name::Event, "b\r\n c").other("X\r\nY", "z");
            writer.field(Name::Other, "lost");
            writer.finish_for(10);
        });
        assert_eq!(
            text,
            "AB sip:aX:y SIP/2.0\r\nSubject: aVia: x\r\nEvent: b c\r\nContent-Length: 10\r\n\r\n"
        );
    }

    #[test]
    fn an_empty_reason_becomes_the_default() {
        let text = written(|out| Writer::response(out, 489, "").finish(b""));
        assert_eq!(text, "SIP/2.0 489 Bad Event\r\nContent-Length: 0\r\n\r\n");
        assert!(
            written(|out| Writer::response(out, 400, "Bad Via").finish(b""))
                .starts_with("SIP/2.0 400 Bad Via\r\n")
        );
    }

    #[test]
    fn numbers_are_printed_whole() {
        for number in [0, 9, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(written(|out| push_number(out, number)), number.to_string());
            assert_eq!(Hexadecimal::of(number).as_str(), format!("{number:x}"));
        }
    }
}
