//! Cutting a stream into messages and keep-alives.

use core::fmt;

use crate::chars;
use crate::limits::Limits;
use crate::lines::{self, Line};
use crate::name::Name;

/// Gathers the bytes of one stream and cuts them into frames (RFC 3261 §18.3, RFC 5626 §3.5.1).
///
/// However the stream is split into reads, the messages and pings are the same. Work is linear in bytes: a position
/// already searched is not searched again, and bytes move only when at least as many were consumed.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Where the bytes not yet given out start.
    start: usize,
    /// Up to where `CRLF CRLF` was looked for.
    scanned: usize,
    /// The length of the message being gathered, once its head is whole.
    length: Option<usize>,
    /// Whether a CRLF was given out as a pong and may yet be the first half of a ping.
    half_ping: bool,
    failed: Option<FrameError>,
    /// Bytes looked at or moved so far.
    #[cfg(test)]
    work: usize,
}

const KEPT_CAPACITY: usize = 16_384;

/// What a stream holds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// One whole message, for [`Message::parse`](crate::Message::parse).
    Message(&'a [u8]),
    /// CRLF CRLF: answer with one CRLF. RFC 5626 §4.4.1.
    Ping,
    /// One CRLF: the answer to our ping, or the first half of a ping whose second half has not come yet; the
    /// [`Frame::Ping`] then follows. Needs no answer.
    Pong,
}

/// Why a stream can be cut no further; the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// What stands where a message should start is none.
    NotSip,
    /// Start line and header fields are over the limit.
    HeadTooLarge,
    /// No Content-Length. RFC 3261 §18.3 demands it.
    NoContentLength,
    /// A Content-Length that is no number.
    BadContentLength,
    /// Two Content-Lengths that differ.
    ConflictingContentLength,
    /// Head and body together are over the limit.
    MessageTooLarge,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSip => "no SIP message where one should start",
            Self::HeadTooLarge => "header fields over the limit",
            Self::NoContentLength => "no Content-Length",
            Self::BadContentLength => "a Content-Length that is no number",
            Self::ConflictingContentLength => "Content-Lengths that differ",
            Self::MessageTooLarge => "a message over the limit",
        })
    }
}

impl core::error::Error for FrameError {}

impl Framer {
    /// Starts a stream.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            length: None,
            half_ping: false,
            failed: None,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Takes what was read. After an error nothing more is taken.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        // Moving costs no more than the consumed bytes it removes did.
        if self.start * 2 >= self.buffer.len() {
            self.count(self.buffer.len() - self.start);
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
            // A stream that once held a large message does not keep its memory while it holds nothing.
            if self.buffer.is_empty() && self.buffer.capacity() > KEPT_CAPACITY {
                self.buffer = Vec::new();
            }
        }
        self.count(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, or `None` until more is pushed. An error stays.
    #[expect(
        clippy::should_implement_trait,
        reason = "a frame borrows from the framer, which no iterator can say"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.step() {
            Ok(Some(Cut::Message(from, to))) => Ok(Some(Frame::Message(&self.buffer[from..to]))),
            Ok(Some(Cut::Ping)) => Ok(Some(Frame::Ping)),
            Ok(Some(Cut::Pong)) => Ok(Some(Frame::Pong)),
            Ok(None) => Ok(None),
            Err(error) => {
                self.failed = Some(error);
                self.buffer = Vec::new();
                Err(error)
            }
        }
    }

    /// How many bytes are held that were not given out.
    pub fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    fn step(&mut self) -> Result<Option<Cut>, FrameError> {
        if self.length.is_none() {
            if let Some(keep_alive) = self.keep_alive() {
                return Ok(Some(keep_alive));
            }
            self.length = self.message_length()?;
        }
        let Some(length) = self.length.filter(|length| *length <= self.pending()) else { return Ok(None) };
        let from = self.start;
        self.consume(length);
        self.length = None;
        Ok(Some(Cut::Message(from, from + length)))
    }

    /// CRLFs between messages.
    fn keep_alive(&mut self) -> Option<Cut> {
        let bytes = &self.buffer[self.start..];
        if self.half_ping && bytes.starts_with(b"\r\n") {
            self.consume(2);
            self.half_ping = false;
            return Some(Cut::Ping);
        }
        if bytes.starts_with(b"\r\n\r\n") {
            self.consume(4);
            return Some(Cut::Ping);
        }
        if bytes.starts_with(b"\r\n") {
            // Not with CR alone behind it: the LF decides whether this is a ping.
            if bytes == b"\r\n\r" {
                return None;
            }
            self.half_ping = bytes.len() == 2;
            self.consume(2);
            return Some(Cut::Pong);
        }
        None
    }

    /// The length of the message that starts here, once its head is whole.
    fn message_length(&mut self) -> Result<Option<usize>, FrameError> {
        let bytes = &self.buffer[self.start..];
        let Some(first) = bytes.first() else { return Ok(None) };
        // A CR may become a keep-alive; nothing else but a token begins a message.
        if !chars::is(*first, chars::TOKEN) {
            let may_be_crlf = b"\r\n\r".starts_with(bytes);
            return if may_be_crlf { Ok(None) } else { Err(FrameError::NotSip) };
        }
        self.half_ping = false;
        let from = self.scanned.max(self.start);
        let most = self.limits.message.min(usize::from(u16::MAX));
        let found =
            memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n").map(|at| from + at + 4 - self.start);
        let searched = found.map_or(self.buffer.len(), |head| self.start + head);
        #[cfg(test)]
        {
            self.work += searched - from;
        }
        let Some(head) = found else {
            // Three bytes again next time: the mark may be cut in two.
            self.scanned = self.start.max(searched.saturating_sub(3));
            return if self.pending() > most { Err(FrameError::HeadTooLarge) } else { Ok(None) };
        };
        if head > most {
            return Err(FrameError::HeadTooLarge);
        }
        self.count(head);
        let body = content_length(&self.buffer[self.start..self.start + head])?;
        let length = body.checked_add(head).filter(|length| *length <= self.limits.message);
        length.map(Some).ok_or(FrameError::MessageTooLarge)
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.scanned = self.start;
    }

    #[cfg(test)]
    fn count(&mut self, bytes: usize) {
        self.work += bytes;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "counts only in tests")]
    const fn count(&self, _: usize) {}
}

enum Cut {
    Message(usize, usize),
    Ping,
    Pong,
}

/// The Content-Length of a whole head. The lines are those that `Message` sees.
fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut at = memchr::memchr(b'\n', head).ok_or(FrameError::NotSip)? + 1;
    let mut length: Option<usize> = None;
    loop {
        match lines::line(head, at) {
            Line::Field { name_end, value, end, next } => {
                if Name::of_bytes(&head[at..name_end]) == Name::ContentLength {
                    let text =
                        core::str::from_utf8(&head[value..end]).map_err(|_| FrameError::BadContentLength)?;
                    let number = chars::number(text).and_then(|number| usize::try_from(number).ok());
                    let number = number.ok_or(FrameError::BadContentLength)?;
                    if length.is_some_and(|other| other != number) {
                        return Err(FrameError::ConflictingContentLength);
                    }
                    length = Some(number);
                }
                at = next;
            }
            Line::Junk { next } => at = next,
            Line::Blank { .. } | Line::Cut => return length.ok_or(FrameError::NoContentLength),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbody";
    const TWO: &str = "SIP/2.0 200 OK\r\nX: y\r\n z\r\nContent-Length :\r\n 0\r\n\r\n";

    fn frames(framer: &mut Framer, out: &mut Vec<String>) -> Result<(), FrameError> {
        while let Some(frame) = framer.next()? {
            match frame {
                Frame::Message(bytes) => out.push(String::from_utf8_lossy(bytes).into_owned()),
                Frame::Ping => out.push("ping".into()),
                Frame::Pong => {}
            }
        }
        Ok(())
    }

    fn read(stream: &str, step: usize) -> Result<Vec<String>, FrameError> {
        let mut framer = Framer::new(Limits::DEFAULT);
        let mut out = Vec::new();
        for piece in stream.as_bytes().chunks(step) {
            framer.push(piece);
            frames(&mut framer, &mut out)?;
        }
        Ok(out)
    }

    #[test]
    fn any_split_gives_the_same_frames() {
        let stream = format!("{ONE}\r\n\r\n{TWO}\r\n{ONE}{ONE}\r\n\r\n\r\n{TWO}\r\n\r\n");
        let expected = [ONE, "ping", TWO, ONE, ONE, "ping", TWO, "ping"];
        for step in 1..=stream.len() {
            assert_eq!(read(&stream, step).expect("frames"), expected, "in steps of {step}");
        }
    }

    #[test]
    fn a_pong_is_given_as_soon_as_it_is_there() {
        let mut framer = Framer::new(Limits::DEFAULT);
        framer.push(b"\r");
        assert_eq!(framer.next(), Ok(None));
        framer.push(b"\n");
        assert_eq!(framer.next(), Ok(Some(Frame::Pong)));
        assert_eq!(framer.next(), Ok(None));
        framer.push(ONE.as_bytes());
        assert_eq!(framer.next(), Ok(Some(Frame::Message(ONE.as_bytes()))));
        framer.push(b"\r\n\r\n");
        assert_eq!(framer.next(), Ok(Some(Frame::Ping)));
        assert_eq!(framer.next(), Ok(None));
    }

    #[test]
    fn what_cannot_be_cut_closes_the_stream() {
        let head = "OPTIONS sip:a@b SIP/2.0\r\n";
        let cases = [
            (format!("{head}\r\n"), FrameError::NoContentLength),
            (format!("{head}Content-Length: -999\r\n\r\n"), FrameError::BadContentLength),
            (format!("{head}Content-Length: five\r\n\r\n"), FrameError::BadContentLength),
            (format!("{head}Content-Length: 1\r\nl: 2\r\n\r\n"), FrameError::ConflictingContentLength),
            (format!("{head}Content-Length: 1, 1\r\n\r\n"), FrameError::BadContentLength),
            (format!("{head}Content-Length: 65535\r\n\r\n"), FrameError::MessageTooLarge),
            (format!("{head}Content-Length: 18446744073709551615\r\n\r\n"), FrameError::MessageTooLarge),
            (format!("{head}Content-Length: 99999999999999999999\r\n\r\n"), FrameError::BadContentLength),
            (format!("{head}X: y\nContent-Length: 0\r\n\r\n"), FrameError::NoContentLength),
            (format!("{head}X: {}", "y".repeat(70_000)), FrameError::HeadTooLarge),
            ("\u{16}\u{3}\u{1}".into(), FrameError::NotSip),
            ("\r\r\n".into(), FrameError::NotSip),
            ("\n".into(), FrameError::NotSip),
            (" OPTIONS".into(), FrameError::NotSip),
        ];
        for (stream, error) in cases {
            assert_eq!(read(&stream, 7), Err(error), "{:.60}", stream.escape_debug());
            assert_eq!(read(&stream, 1_000_000), Err(error), "{:.60}", stream.escape_debug());
        }
        assert_eq!(
            read(&format!("{head}Content-Length: 1\r\nl: 1\r\n\r\nx"), 9).map(|frames| frames.len()),
            Ok(1)
        );
    }

    #[test]
    fn an_error_stays() {
        let mut framer = Framer::new(Limits::DEFAULT);
        framer.push(b"\0");
        assert_eq!(framer.next(), Err(FrameError::NotSip));
        framer.push(ONE.as_bytes());
        assert_eq!(framer.next(), Err(FrameError::NotSip));
        assert_eq!(framer.pending(), 0);
    }

    #[test]
    fn work_is_linear_however_small_the_reads() {
        let long = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nX: {}\r\nl: 20000\r\n\r\n{}",
            "x".repeat(30_000),
            "y".repeat(20_000)
        );
        let stream = format!("{long}{}", ONE.repeat(2_000));
        for step in [1, 2, 3, 100, stream.len()] {
            let mut framer = Framer::new(Limits::DEFAULT);
            let mut out = Vec::new();
            for piece in stream.as_bytes().chunks(step) {
                framer.push(piece);
                frames(&mut framer, &mut out).expect("frames");
            }
            assert_eq!(out.len(), 2_001);
            // Copied in, searched (four bytes per byte when they come singly), cut into lines, moved at most once.
            assert!(
                framer.work <= stream.len() * 7,
                "{} for {} in steps of {step}",
                framer.work,
                stream.len()
            );
        }
    }
}
