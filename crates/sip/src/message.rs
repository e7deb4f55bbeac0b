//! A message split into start line, header fields and body, without copying any of it.

use core::fmt;

use crate::address::NameAddr;
use crate::chars;
use crate::error::{Defect, ParseError, ParseErrorKind};
use crate::limits::Limits;
use crate::lines::{self, Line};
use crate::method::Method;
use crate::name::Name;
use crate::params::split_values;
use crate::start::{self, Start};
use crate::via::Via;

/// One SIP message, borrowed from the bytes it was parsed from.
///
/// Header fields are found through an index made in the one pass of [`Message::parse`]: the first field of each
/// [`Name`] in constant time, the others by a walk over the index.
#[derive(Clone)]
pub struct Message<'a> {
    /// Start line and header fields, without the empty line.
    head: &'a str,
    bytes: &'a [u8],
    body: usize,
    start: Start<'a>,
    /// For each name the index of its first field, or `ABSENT`.
    first: [u8; Name::COUNT],
    inline: [Entry; INLINE],
    spilled: Vec<Entry>,
    count: usize,
    /// The first thing wrong with the head as a whole; `check` reports it.
    fault: Option<Defect>,
    pub(crate) read: Read<'a>,
}

/// Fields that several look at on the way of a request: kept when [`Message::check`] has read them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Read<'a> {
    pub(crate) via: Option<(Via<'a>, &'a str)>,
    pub(crate) from: Option<NameAddr<'a>>,
    pub(crate) to: Option<NameAddr<'a>>,
}

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// What it is.
    pub name: Name,
    /// The name as it stands in the message.
    pub raw_name: &'a str,
    /// Without white space at its ends; folding inside is left in.
    pub value: &'a str,
}

const INLINE: usize = 40;
const ABSENT: u8 = u8::MAX;

/// Where a field lies in the head, which is never over 65,535 bytes.
#[derive(Clone, Copy)]
struct Entry {
    start: u16,
    name_end: u16,
    value: u16,
    end: u16,
    name: Name,
}

const NO_ENTRY: Entry = Entry { start: 0, name_end: 0, value: 0, end: 0, name: Name::Other };

impl<'a> Message<'a> {
    /// Splits one whole message (a datagram, or what [`Framer`](crate::Framer) cut from a stream).
    ///
    /// Fails only for what is not SIP at all, is not UTF-8 in its head (RFC 3261 §7 prescribes it), breaks a limit, or
    /// is a response that ends before its body does; every other defect is found by [`Message::check`]. CRLFs before
    /// the start line are skipped. The body is cut by Content-Length, and is all the rest without one (RFC 3261 §18.3).
    /// Cost: one pass over the head.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        if bytes.len() > limits.message {
            return Err(too_large(limits.message, "a message within the size limit", "RFC 3261 §21.5.7"));
        }
        let skipped = leading_crlfs(bytes);
        let bytes = &bytes[skipped..];
        if bytes.is_empty() {
            let (expected, section) = ("a start line", "RFC 5626 §3.5.1");
            return Err(ParseError { offset: skipped, expected, section, kind: ParseErrorKind::KeepAlive });
        }
        Self::split(bytes, limits).map_err(|error| ParseError { offset: error.offset + skipped, ..error })
    }

    fn split(bytes: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        let (start, version_fault, fields) = start::read(bytes)?;
        let mut message = Self {
            head: "",
            bytes,
            body: bytes.len(),
            start,
            first: [ABSENT; Name::COUNT],
            inline: [NO_ENTRY; INLINE],
            spilled: Vec::new(),
            count: 0,
            fault: version_fault,
            read: Read::default(),
        };
        let head = message.index(fields, limits)?;
        message.head = core::str::from_utf8(&bytes[..head]).map_err(|error| ParseError {
            offset: error.valid_up_to(),
            expected: "UTF-8 in the header fields",
            section: "RFC 3261 §7",
            kind: ParseErrorKind::Malformed,
        })?;
        message.cut_body()?;
        Ok(message)
    }

    /// Notes every field from `at` on; gives the end of the head.
    fn index(&mut self, mut at: usize, limits: &Limits) -> Result<usize, ParseError> {
        let head_most = usize::from(u16::MAX);
        loop {
            match lines::line(self.bytes, at) {
                Line::Field { name_end, value, end, next } => {
                    if next - at > limits.header || next > head_most {
                        return Err(too_large(
                            at,
                            "a header field within the size limit",
                            "RFC 3261 §21.5.7",
                        ));
                    }
                    if self.count >= limits.headers.min(Limits::MOST_HEADERS) {
                        return Err(too_large(at, "fewer header fields", "RFC 3261 §21.5.7"));
                    }
                    let name = Name::of_bytes(&self.bytes[at..name_end]);
                    let short = |offset: usize| offset as u16; // `next` is within u16, see above
                    self.note(Entry {
                        start: short(at),
                        name_end: short(name_end),
                        value: short(value),
                        end: short(end),
                        name,
                    });
                    at = next;
                }
                Line::Junk { next } => {
                    if next > head_most {
                        return Err(too_large(at, "a head within 65,535 bytes", "RFC 3261 §21.5.7"));
                    }
                    self.blame(400, "Malformed Header Field", at, "RFC 3261 §7.3.1");
                    at = next;
                }
                Line::Blank { body } => {
                    self.body = body;
                    return Ok(at);
                }
                Line::Cut => {
                    self.blame(400, "Header Fields Not Ended", self.bytes.len(), "RFC 3261 §7");
                    return Ok(at);
                }
            }
        }
    }

    #[inline]
    fn note(&mut self, entry: Entry) {
        let first = &mut self.first[entry.name as usize];
        if *first == ABSENT {
            *first = self.count as u8; // below MOST_HEADERS
        } else if entry.name.is_singleton() {
            self.blame(400, "Header Field Given Twice", usize::from(entry.start), "RFC 3261 §7.3.1");
        }
        match self.inline.get_mut(self.count) {
            Some(slot) => *slot = entry,
            None => self.spilled.push(entry),
        }
        self.count += 1;
    }

    /// RFC 3261 §18.3, §20.14.
    fn cut_body(&mut self) -> Result<(), ParseError> {
        let Some(entry) = self.first_entry(Name::ContentLength) else { return Ok(()) };
        let offset = usize::from(entry.value);
        let here = self.bytes.len() - self.body;
        match chars::number(self.value(entry)) {
            Some(length) if length <= here as u64 => {
                self.bytes = &self.bytes[..self.body + length as usize];
            }
            Some(_) if self.status().is_some() => {
                let (expected, section) = ("the whole body", "RFC 3261 §18.3");
                let offset = self.bytes.len();
                return Err(ParseError { offset, expected, section, kind: ParseErrorKind::Malformed });
            }
            Some(_) => self.blame(400, "Content-Length Beyond the Message", offset, "RFC 3261 §18.3"),
            None => self.blame(400, "Bad Content-Length", offset, "RFC 3261 §20.14"),
        }
        Ok(())
    }

    fn blame(&mut self, status: u16, reason: &'static str, offset: usize, section: &'static str) {
        self.fault.get_or_insert(Defect { status, reason, offset, section });
    }

    pub(crate) const fn fault(&self) -> Option<Defect> {
        self.fault
    }

    /// The first line.
    pub const fn start(&self) -> Start<'a> {
        self.start
    }

    /// The method, if this is a request.
    pub const fn method(&self) -> Option<Method<'a>> {
        match self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The status code, if this is a response.
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// The Request-URI, if this is a request.
    pub const fn uri(&self) -> Option<&'a str> {
        match self.start {
            Start::Request { uri, .. } => Some(uri),
            Start::Response { .. } => None,
        }
    }

    /// The value of the first field of this name, without white space at its ends; folding inside is left in.
    /// `Name::Other` gives the first field of any unlisted name; see [`Message::other`].
    #[inline]
    pub fn get(&self, name: Name) -> Option<&'a str> {
        self.first_entry(name).map(|entry| self.value(entry))
    }

    /// The topmost Via, and what follows it in its field: empty or from its comma on. `None` if it is missing or cannot be
    /// read. Costs nothing after [`Message::check`].
    pub fn via(&self) -> Option<(Via<'a>, &'a str)> {
        self.read.via.or_else(|| Via::parse_first(self.get(Name::Via)?).ok())
    }

    /// The address in From; `None` if it is missing or cannot be read. Costs nothing after [`Message::check`].
    pub fn from(&self) -> Option<NameAddr<'a>> {
        self.read.from.or_else(|| NameAddr::parse(self.get(Name::From)?).ok())
    }

    /// The address in To; `None` if it is missing or cannot be read. Costs nothing after [`Message::check`].
    pub fn to(&self) -> Option<NameAddr<'a>> {
        self.read.to.or_else(|| NameAddr::parse(self.get(Name::To)?).ok())
    }

    /// The values of all fields of this name, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &'a str> {
        let first = self.first[name as usize];
        let from = if first == ABSENT { self.count } else { usize::from(first) };
        (from..self.count)
            .map(|at| self.entry(at))
            .filter(move |entry| entry.name == name)
            .map(|e| self.value(e))
    }

    /// The single values of all fields of this name, in order: a field defined as a comma-separated list gives each of
    /// its values (quotes and angle brackets protect commas, empty ones are left out), any other field gives itself.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(move |field| split_values(field, name.is_list()))
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        (0..self.count).map(|at| self.field(self.entry(at)))
    }

    /// The values of fields whose name is not listed in [`Name`], by that name in any case.
    pub fn other(&self, raw_name: &str) -> impl Iterator<Item = &'a str> {
        self.fields()
            .filter(move |field| field.name == Name::Other && field.raw_name.eq_ignore_ascii_case(raw_name))
            .map(|field| field.value)
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[self.body..]
    }

    /// The message from its start line to the end of its body, without what stood around it.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The head as text: start line and header fields, without the empty line.
    pub const fn head(&self) -> &'a str {
        self.head
    }

    #[inline]
    fn first_entry(&self, name: Name) -> Option<Entry> {
        let first = self.first[name as usize];
        (first != ABSENT).then(|| self.entry(usize::from(first)))
    }

    #[inline]
    fn entry(&self, at: usize) -> Entry {
        if at < INLINE { self.inline[at] } else { self.spilled[at - INLINE] }
    }

    #[inline]
    fn value(&self, entry: Entry) -> &'a str {
        &self.head[usize::from(entry.value)..usize::from(entry.end)]
    }

    fn field(&self, entry: Entry) -> Field<'a> {
        Field {
            name: entry.name,
            raw_name: &self.head[usize::from(entry.start)..usize::from(entry.name_end)],
            value: self.value(entry),
        }
    }
}

impl fmt::Debug for Message<'_> {
    /// The start line and the number of fields: a message may hold what must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("start", &self.start)
            .field("fields", &self.count)
            .finish_non_exhaustive()
    }
}

fn leading_crlfs(bytes: &[u8]) -> usize {
    let mut skipped = 0;
    while bytes[skipped..].starts_with(b"\r\n") {
        skipped += 2;
    }
    skipped
}

const fn too_large(offset: usize, expected: &'static str, section: &'static str) -> ParseError {
    ParseError { offset, expected, section, kind: ParseErrorKind::TooLarge }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Message<'_> {
        Message::parse(text.as_bytes(), &Limits::DEFAULT).expect("a message")
    }

    fn refuse(bytes: &[u8]) -> ParseErrorKind {
        Message::parse(bytes, &Limits::DEFAULT).map(|_| ()).expect_err("no message").kind
    }

    const PUBLISH: &str = "PUBLISH sip:alice@example.com SIP/2.0\r\n\
        v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/TCP b.example.com\r\n\
        Via: SIP/2.0/UDP c.example.com\r\n\
        X-Odd :  kept \r\n  whole  \r\n\
        SUBJECT:\r\n\
        o: presence\r\n\
        Content-Length: 4\r\n\
        \r\nbodytrailing";

    #[test]
    fn fields_are_found_by_name_in_any_form() {
        let message = parse(PUBLISH);
        assert_eq!(message.method(), Some(Method::Publish));
        assert_eq!(message.uri(), Some("sip:alice@example.com"));
        assert_eq!(message.get(Name::Event), Some("presence"));
        assert_eq!(message.get(Name::Subject), Some(""));
        assert_eq!(message.get(Name::From), None);
        assert_eq!(message.all(Name::Via).count(), 2);
        let hosts = [
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            "SIP/2.0/TCP b.example.com",
            "SIP/2.0/UDP c.example.com",
        ];
        assert_eq!(message.values(Name::Via).collect::<Vec<_>>(), hosts);
        assert_eq!(message.other("x-odd").collect::<Vec<_>>(), ["kept \r\n  whole"]);
        let raw: Vec<_> = message.fields().map(|field| field.raw_name).collect();
        assert_eq!(raw, ["v", "Via", "X-Odd", "SUBJECT", "o", "Content-Length"]);
    }

    #[test]
    fn content_length_cuts_the_body_and_the_rest_is_not_ours() {
        let message = parse(PUBLISH);
        assert_eq!(message.body(), b"body");
        assert!(message.bytes().ends_with(b"\r\n\r\nbody"));
        assert_eq!(parse("PUBLISH sip:a@b SIP/2.0\r\nTo: x\r\n\r\nall of it").body(), b"all of it");
    }

    #[test]
    fn a_response_without_all_of_its_body_is_no_message_and_such_a_request_is_refused() {
        let response = "SIP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nbody";
        assert_eq!(refuse(response.as_bytes()), ParseErrorKind::Malformed);
        assert_eq!(parse(&format!("{response}!")).body(), b"body!");
        let request = parse("PUBLISH sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\nbody");
        assert_eq!(request.fault().map(|defect| defect.status), Some(400));
    }

    #[test]
    fn crlfs_before_the_start_line_are_skipped() {
        let message = parse("\r\n\r\nSIP/2.0 200 OK\r\n\r\n");
        assert_eq!(message.start(), Start::Response { status: 200, reason: "OK" });
        assert!(message.bytes().starts_with(b"SIP/2.0"));
    }

    #[test]
    fn what_is_not_sip_is_told_from_a_keep_alive() {
        assert_eq!(refuse(b""), ParseErrorKind::KeepAlive);
        assert_eq!(refuse(b"\r\n\r\n"), ParseErrorKind::KeepAlive);
        let others: [&[u8]; 8] = [
            b"\0\0\0\0",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"INVITE sip:a@b\r\n\r\n",
            b"SIP/2.0 4294967301 x\r\n\r\n",
            b"SIP/2.0 099 x\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0",
            b"\x16\x03\x01\x02\x00\x01",
            b"SIP/2 200 OK\r\n\r\n",
        ];
        for bytes in others {
            assert_eq!(refuse(bytes), ParseErrorKind::NotSip, "{}", bytes.escape_ascii());
        }
        assert_eq!(refuse(b"OPTIONS sip:a@b SIP/2.0\r\nSubject: \xff\r\n\r\n"), ParseErrorKind::Malformed);
    }

    #[test]
    fn each_limit_refuses() {
        let limits = Limits { message: 100, headers: 2, header: 20, ..Limits::DEFAULT };
        let kind =
            |text: &str| Message::parse(text.as_bytes(), &limits).map(|_| ()).map_err(|error| error.kind);
        assert_eq!(kind("OPTIONS sip:a@b SIP/2.0\r\nA: 1\r\nB: 2\r\n\r\n"), Ok(()));
        let too_large = Err(ParseErrorKind::TooLarge);
        assert_eq!(kind("OPTIONS sip:a@b SIP/2.0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), too_large);
        assert_eq!(kind("OPTIONS sip:a@b SIP/2.0\r\nA: 12345678901234567890\r\n\r\n"), too_large);
        assert_eq!(kind(&format!("OPTIONS sip:a@b SIP/2.0\r\n\r\n{}", "x".repeat(100))), too_large);
    }

    #[test]
    fn fields_beyond_the_inline_index_are_found_too() {
        let mut text = String::from("OPTIONS sip:a@b SIP/2.0\r\n");
        for number in 0..100 {
            text += &format!("X-{number}: {number}\r\n");
        }
        text += "Event: presence\r\nContent-Length: 0\r\n\r\n";
        let message = parse(&text);
        assert_eq!(message.fields().count(), 102);
        assert_eq!(message.get(Name::Event), Some("presence"));
        assert_eq!(message.other("X-99").collect::<Vec<_>>(), ["99"]);
    }

    #[test]
    fn a_bare_line_feed_ends_no_field() {
        let message = parse("OPTIONS sip:a@b SIP/2.0\r\nA: 1\nContent-Length: 5\r\n\r\nbody");
        assert_eq!(message.get(Name::ContentLength), None);
        assert_eq!(message.body(), b"body");
    }
}
