//! CSeq: the order of requests in a dialog.

use core::fmt;

use crate::chars;
use crate::error::FieldError;
use crate::method::Method;

/// A CSeq value, RFC 3261 §20.16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number. Senders stay below 2^31 (RFC 3261 §8.1.1.5); any 32 bits are read.
    pub number: u32,
    /// The method of the request.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads `1*DIGIT LWS Method`, all of `value`.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        const SECTION: &str = "RFC 3261 §20.16";
        let text = chars::trim(value);
        let digits = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let number = chars::number(&text[..digits]).and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or(FieldError::new(0, "a number below 2^32", SECTION))?;
        let rest = &text[digits..];
        let method = chars::trim_start(rest);
        let is_method = !method.is_empty() && chars::all(method.as_bytes(), chars::TOKEN);
        if method.len() == rest.len() || !is_method {
            return Err(FieldError::new(digits, "white space and a method", SECTION));
        }
        Ok(Self { number, method: Method::of(method) })
    }
}

impl fmt::Display for CSeq<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_are_read_through_folding_and_zeros() {
        assert_eq!(CSeq::parse("0009\r\n  INVITE"), Ok(CSeq { number: 9, method: Method::Invite }));
        assert_eq!(CSeq::parse("4294967295 X").map(|cseq| cseq.number), Ok(u32::MAX));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "1",
            "INVITE",
            "1INVITE",
            "-1 INVITE",
            "36893488147419103232 REGISTER",
            "4294967296 A",
            "1 A B",
            "1 <",
        ] {
            assert!(CSeq::parse(text).is_err(), "{text}");
        }
    }
}
