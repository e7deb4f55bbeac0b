//! Spans of time in whole seconds: Expires, Min-Expires, Retry-After.

use crate::chars;
use crate::error::FieldError;
use crate::params::Params;

/// Seconds of an Expires or Min-Expires value. A number above 2^32-1 is read as that, RFC 3261 §20.19; what is no
/// number is an error.
pub fn delta_seconds(value: &str) -> Result<u32, FieldError> {
    let text = chars::trim(value);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FieldError::new(0, "a number of seconds", "RFC 3261 §20.19"));
    }
    Ok(chars::number(text).and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(u32::MAX))
}

/// A Retry-After value, RFC 3261 §20.33. A comment is read over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Seconds to wait; saturates as [`delta_seconds`] does.
    pub seconds: u32,
    /// `duration` and any others.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Reads `delta-seconds [comment] *(;param)`, all of `value`.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let text = chars::trim(value);
        let digits = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let seconds = delta_seconds(&text[..digits])?;
        let after = chars::trim_start(&text[digits..]);
        let rest = if after.starts_with('(') { after_comment(after) } else { Some(after) };
        let rest = rest.ok_or(FieldError::new(digits, "the end of the comment", "RFC 3261 §25.1"))?;
        let params = Params::parse(rest).map_err(|error| error.shifted(text.len() - rest.len()))?;
        Ok(Self { seconds, params })
    }

    /// Seconds for which the callee will then be there.
    pub fn duration(&self) -> Option<u32> {
        self.params.get("duration").and_then(|text| delta_seconds(text).ok())
    }
}

/// What follows the comment that the text begins with; comments nest, a backslash protects a character.
fn after_comment(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
        if depth == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_saturate_and_garbage_is_an_error() {
        assert_eq!(delta_seconds(" 0 "), Ok(0));
        assert_eq!(delta_seconds("007200"), Ok(7200));
        assert_eq!(delta_seconds("4294967296"), Ok(u32::MAX));
        assert_eq!(delta_seconds(&format!("1{}", "0".repeat(100))), Ok(u32::MAX));
        for text in ["", "-1", "+1", "1.5", "1 2", "soon", "1;x"] {
            assert!(delta_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_comment_and_parameters_may_follow() {
        let retry = RetryAfter::parse("120 (I'm in a (very \\) long) meeting);duration=3600").expect("retry");
        assert_eq!((retry.seconds, retry.duration()), (120, Some(3600)));
        assert_eq!(RetryAfter::parse("18000;duration=60").map(|retry| retry.seconds), Ok(18000));
        assert_eq!(RetryAfter::parse("949302838503028349304023988").map(|retry| retry.seconds), Ok(u32::MAX));
        for text in ["", "(x)", "1 (x", "1 x", "1 ()x"] {
            assert!(RetryAfter::parse(text).is_err(), "{text}");
        }
    }
}
