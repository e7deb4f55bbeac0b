//! Media types and what a peer accepts: Content-Type and Accept.

use core::fmt;

use crate::chars;
use crate::error::FieldError;
use crate::params::Params;

/// A media type, RFC 3261 §20.15; also a media range of an Accept, where type and subtype may be `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// The type, in the case it was written.
    pub kind: &'a str,
    /// The subtype, in the case it was written.
    pub subtype: &'a str,
    /// `charset`, `boundary`, `q`, ...
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads `type / subtype *(;param)`, all of `value`.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        const SECTION: &str = "RFC 3261 §20.15";
        let text = chars::trim(value);
        let (kind, rest) = text.split_at(chars::span(text.as_bytes(), chars::TOKEN));
        let after = chars::trim_start(rest).strip_prefix('/').map(chars::trim_start);
        let after = after.ok_or(FieldError::new(kind.len(), "a slash", SECTION))?;
        let (subtype, rest) = after.split_at(chars::span(after.as_bytes(), chars::TOKEN));
        if kind.is_empty() || subtype.is_empty() {
            return Err(FieldError::new(0, "a type and a subtype", SECTION));
        }
        let params = Params::parse(rest).map_err(|error| error.shifted(text.len() - rest.len()))?;
        Ok(Self { kind, subtype, params })
    }

    /// Whether type and subtype are these, in any case.
    pub const fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The weight of a media range, in thousandths. RFC 3261 §25.1 qvalue; what cannot be read counts as 1.
    fn weight(&self) -> u16 {
        let Some(text) = self.params.get("q") else { return 1000 };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = matches!(whole, "0" | "1" | "")
            && fraction.len() <= 3
            && fraction.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || whole == "1" {
            return 1000;
        }
        let digits = fraction.bytes().chain(*b"000").take(3);
        digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
    }

    /// How closely a media range names the type: not at all, any, any subtype, exactly.
    fn closeness(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (found, "*") if found.eq_ignore_ascii_case(kind) => Some(1),
            _ if self.is(kind, subtype) => Some(2),
            _ => None,
        }
    }
}

impl fmt::Display for MediaType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params.as_str())
    }
}

/// Whether one who sent these Accept values takes the media type, given as `type/subtype`.
///
/// The closest range decides, and the heaviest of equally close ones; a weight of 0 refuses (RFC 3261 §20.1).
/// Parameters other than `q` do not count; a range that cannot be read is read over. No values, no acceptance: what an
/// absent Accept means is the event package's word.
pub fn accepts<'a>(values: impl IntoIterator<Item = &'a str>, media_type: &str) -> bool {
    let Some((kind, subtype)) = media_type.split_once('/') else { return false };
    let ranges = values.into_iter().filter_map(|value| MediaType::parse(value).ok());
    let weighed = ranges.filter_map(|range| Some((range.closeness(kind, subtype)?, range.weight())));
    weighed.max().is_some_and(|(_, weight)| weight > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_in_any_case() {
        let media = MediaType::parse("Application / PIDF+xml ;charset=\"UTF-8\"").expect("media type");
        assert!(media.is("application", "pidf+xml") && !media.is("application", "xml"));
        assert_eq!(media.params.get("charset"), Some("UTF-8"));
        for text in ["", "text", "text/", "/plain", "text/plain x", "text plain", "text/plain;", "a/b,c/d"] {
            assert!(MediaType::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_closest_range_decides() {
        let accepts = |list: &str, media| accepts(list.split(','), media);
        assert!(accepts("application/pidf+xml, application/pidf-diff+xml", "application/pidf-diff+xml"));
        assert!(!accepts("application/pidf+xml", "application/pidf-diff+xml"));
        assert!(accepts("*/*;q=0.1", "multipart/related"));
        assert!(accepts("multipart/*", "multipart/related"));
        assert!(!accepts("*/*, application/pidf+xml;q=0", "application/pidf+xml"));
        assert!(!accepts("*/*, application/*;q=0.000", "application/pidf+xml"));
        assert!(accepts("application/pidf+xml;q=0, application/pidf+xml;q=0.5", "application/pidf+xml"));
        assert!(accepts("junk, text/plain;q=0.001", "TEXT/plain"));
        assert!(!accepts("", "text/plain"));
    }
}
