//! Why bytes are not the SIP they should be.

use core::fmt;

/// What a transport does with bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// Not SIP at all: drop it silently.
    NotSip,
    /// Nothing but CRLFs, or nothing: a keep-alive, drop it.
    KeepAlive,
    /// Over a limit; a stream is closed, a datagram dropped.
    TooLarge,
    /// A SIP start line over a head that cannot be read as text, or a response that is not all there: drop it.
    Malformed,
}

/// Why [`Message::parse`](crate::Message::parse) made no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where, in bytes from the start of the input.
    pub offset: usize,
    /// What should have stood there.
    pub expected: &'static str,
    /// The rule, as `RFC 3261 §7.1`.
    pub section: &'static str,
    /// What a transport does.
    pub kind: ParseErrorKind,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {} ({})", self.expected, self.offset, self.section)
    }
}

impl core::error::Error for ParseError {}

/// What is wrong with a message that could be split, and the status that answers it.
///
/// For a response the status means nothing: the message is dropped (RFC 3261 §18.3, RFC 4475 §3.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// The status code of the answer.
    pub status: u16,
    /// The reason phrase of the answer: says what is wrong.
    pub reason: &'static str,
    /// Where, in bytes from the start of [`Message::bytes`](crate::Message::bytes).
    pub offset: usize,
    /// The rule, as `RFC 3261 §8.1.1`.
    pub section: &'static str,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at byte {} ({})", self.status, self.reason, self.offset, self.section)
    }
}

impl core::error::Error for Defect {}

/// Why one field value, URI or parameter list could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where, in bytes from the start of the value.
    pub offset: usize,
    /// What should have stood there.
    pub expected: &'static str,
    /// The rule, as `RFC 3261 §20.42`.
    pub section: &'static str,
}

impl FieldError {
    pub(crate) const fn new(offset: usize, expected: &'static str, section: &'static str) -> Self {
        Self { offset, expected, section }
    }

    /// The same error seen from a text in which the value begins at `by`.
    pub(crate) const fn shifted(self, by: usize) -> Self {
        Self { offset: self.offset + by, ..self }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {} ({})", self.expected, self.offset, self.section)
    }
}

impl core::error::Error for FieldError {}

/// Where `part` begins inside `whole`; both must be slices of one text.
pub(crate) fn offset_in(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize).min(whole.len())
}
