//! Reads a request's body: whole, bounded, in time, and unpacked.

use core::time::Duration;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};

use super::Answer;

/// What is read of a body that nobody wants, so that the client hears the answer; RFC 9112 §9.6 tells why.
const DISCARDED_MAX: u64 = 64 << 10;

/// Reads and unpacks. The error is the answer: 400, 408, 413 or 415.
pub async fn read(
    headers: &HeaderMap,
    body: Incoming,
    max: usize,
    timeout: Duration,
) -> Result<Bytes, Answer> {
    let coding = coding(headers)?;
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > max as u64 {
        return Err(too_large(max).closing());
    }
    let whole = tokio::time::timeout(timeout, Limited::new(body, max).collect()).await;
    let bytes = match whole {
        Err(_) => {
            return Err(Answer::text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time").closing());
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large(max).closing()),
        Ok(Err(_)) => return Err(Answer::text(StatusCode::BAD_REQUEST, "the body is not whole").closing()),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    match coding {
        Coding::Plain => Ok(bytes),
        Coding::Gzip => unpack(&bytes, max),
    }
}

/// Reads what may still come of a body, for a moment; whether it is all.
pub async fn discard(body: Incoming, timeout: Duration) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > DISCARDED_MAX {
        return false;
    }
    let max = usize::try_from(DISCARDED_MAX).unwrap_or(usize::MAX);
    matches!(tokio::time::timeout(timeout, Limited::new(body, max).collect()).await, Ok(Ok(_)))
}

#[derive(Clone, Copy)]
enum Coding {
    Plain,
    Gzip,
}

fn coding(headers: &HeaderMap) -> Result<Coding, Answer> {
    let mut fields = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let Some(field) = fields.next() else { return Ok(Coding::Plain) };
    let name = field.as_bytes();
    if fields.next().is_none() {
        if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") {
            return Ok(Coding::Gzip);
        }
        if name.eq_ignore_ascii_case(b"identity") {
            return Ok(Coding::Plain);
        }
    }
    // RFC 9110 §15.5.16: the answer says what would be taken.
    Err(Answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has a content coding other than gzip")
        .with(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity"))
        .closing())
}

/// Unpacks at most `max` octets: what is more is never made.
fn unpack(bytes: &[u8], max: usize) -> Result<Bytes, Answer> {
    let mut unpacked = Vec::with_capacity(bytes.len().saturating_mul(4).min(max));
    let read = MultiGzDecoder::new(bytes).take(max as u64 + 1).read_to_end(&mut unpacked);
    if unpacked.len() > max {
        return Err(too_large(max));
    }
    match read {
        Ok(_) => Ok(unpacked.into()),
        Err(_) => Err(Answer::text(StatusCode::BAD_REQUEST, "the body is no gzip")),
    }
}

fn too_large(max: usize) -> Answer {
    Answer::text(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has at most {max} octets here"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_bound() {
        let bomb = packed(&vec![b' '; 10 << 20]);
        assert!(bomb.len() < 20_000);
        let refused = unpack(&bomb, 64 << 10).unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(unpack(&packed(b"<a/>"), 4).unwrap(), "<a/>");
    }

    #[test]
    fn what_is_no_gzip_is_a_bad_request() {
        let whole = packed(b"<a>some text</a>");
        for broken in [&b"<a/>"[..], &whole[..whole.len() - 9], &[]] {
            assert_eq!(unpack(broken, 100).unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }
}
