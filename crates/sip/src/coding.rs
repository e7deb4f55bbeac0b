//! Undoing the coding of a body, within a bound. RFC 3261 §20.12, RFC 9110 §8.4.1.

use core::fmt;
use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// The codings that [`unpack`] undoes, as an Accept-Encoding field lists them.
pub const CODINGS: &str = "gzip, deflate, identity";

/// Why a body stays packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodingError {
    /// The coding is none of [`CODINGS`].
    Unknown,
    /// The octets are not of that coding.
    Broken(String),
    /// Unpacked it is larger than the bound.
    TooLarge,
}

impl fmt::Display for CodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("an unknown coding"),
            Self::Broken(defect) => write!(f, "a broken coding: {defect}"),
            Self::TooLarge => f.write_str("too large once unpacked"),
        }
    }
}

impl core::error::Error for CodingError {}

/// A body without its coding, the value of the Content-Encoding field if there is one. `max` bounds the octets after
/// unpacking: no body costs more than that, however well it is packed.
pub fn unpack<'a>(coding: Option<&str>, body: &'a [u8], max: usize) -> Result<Cow<'a, [u8]>, CodingError> {
    let coding = coding.unwrap_or("identity");
    let plain = if coding.eq_ignore_ascii_case("identity") {
        Cow::Borrowed(body)
    } else if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
        Cow::Owned(read(GzDecoder::new(body), max)?)
    } else if coding.eq_ignore_ascii_case("deflate") {
        // RFC 9110 §8.4.1.2 means the zlib format by "deflate"; some senders leave its wrapper out.
        Cow::Owned(match read(ZlibDecoder::new(body), max) {
            Err(CodingError::Broken(_)) => read(DeflateDecoder::new(body), max)?,
            unpacked => unpacked?,
        })
    } else {
        return Err(CodingError::Unknown);
    };
    if plain.len() > max { Err(CodingError::TooLarge) } else { Ok(plain) }
}

fn read(packed: impl Read, max: usize) -> Result<Vec<u8>, CodingError> {
    let mut plain = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    match packed.take(bound).read_to_end(&mut plain) {
        Ok(_) if plain.len() > max => Err(CodingError::TooLarge),
        Ok(_) => Ok(plain),
        Err(defect) => Err(CodingError::Broken(defect.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn each_coding_is_undone() {
        let plain = b"presence ".repeat(100);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        for encoder in [&mut gzip as &mut dyn Write, &mut zlib, &mut raw] {
            encoder.write_all(&plain).expect("memory takes it");
        }
        let packed = [
            ("gzip", gzip.finish().expect("memory takes it")),
            ("X-GZIP", GzEncoder::new(Vec::new(), Compression::fast()).finish().expect("memory takes it")),
            ("Deflate", zlib.finish().expect("memory takes it")),
            ("deflate", raw.finish().expect("memory takes it")),
            ("identity", plain.clone()),
        ];
        for (coding, packed) in &packed {
            let expected: &[u8] = if *coding == "X-GZIP" { b"" } else { &plain };
            assert_eq!(unpack(Some(coding), packed, 1000).as_deref(), Ok(expected), "{coding}");
            if *coding != "X-GZIP" {
                assert_eq!(unpack(Some(coding), packed, 899), Err(CodingError::TooLarge), "{coding}");
            }
        }
        assert_eq!(unpack(None, &plain, 900).as_deref(), Ok(&*plain));
        assert_eq!(unpack(Some("br"), &plain, 900), Err(CodingError::Unknown));
        assert!(matches!(unpack(Some("gzip"), &plain, 900), Err(CodingError::Broken(_))));
    }
}
