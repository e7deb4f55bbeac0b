//! From the body of a PUBLISH to a presence document: coding, type, and limits.

use std::io::Read;

use documents::pidf::Presence;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use sip::{MediaType, Message, Name};

use crate::refusal::Refusal;

/// The presence document that a request carries; `None` if its body is empty.
///
/// `max` bounds the octets after unpacking: no body costs more than that, however well it is packed.
pub fn document(request: &Message<'_>, max: usize) -> Result<Option<Presence>, Refusal> {
    let body = request.body();
    if body.is_empty() {
        return Ok(None);
    }
    let media = request.get(Name::ContentType).and_then(|value| MediaType::parse(value).ok());
    if !media.is_some_and(|media| media.is("application", "pidf+xml")) {
        return Err(Refusal::UnsupportedBody);
    }
    let unpacked;
    let plain = match request.get(Name::ContentEncoding) {
        None => body,
        Some(coding) if coding.eq_ignore_ascii_case("identity") => body,
        Some(coding) => {
            unpacked = unpack(coding, body, max)?;
            &unpacked
        }
    };
    if plain.len() > max {
        return Err(Refusal::BodyTooLarge { max });
    }
    let limits = xml::Limits { bytes: max, ..xml::Limits::default() };
    Presence::parse(plain, &limits).map(Some).map_err(|defect| Refusal::BrokenBody(defect.to_string()))
}

fn unpack(coding: &str, body: &[u8], max: usize) -> Result<Vec<u8>, Refusal> {
    match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read(GzDecoder::new(body), max),
        // RFC 9110 §8.4.1.2 means the zlib format by "deflate"; some senders leave its wrapper out.
        "deflate" => match read(ZlibDecoder::new(body), max) {
            Err(Refusal::BrokenBody(_)) => read(DeflateDecoder::new(body), max),
            unpacked => unpacked,
        },
        _ => Err(Refusal::UnsupportedCoding),
    }
}

fn read(packed: impl Read, max: usize) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    match packed.take(bound).read_to_end(&mut plain) {
        Ok(_) if plain.len() > max => Err(Refusal::BodyTooLarge { max }),
        Ok(_) => Ok(plain),
        Err(defect) => Err(Refusal::BrokenBody(defect.to_string())),
    }
}
