//! From the body of a PUBLISH to a presence document: coding, type, and limits.

use documents::pidf::Presence;
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
    let coding = request.get(Name::ContentEncoding);
    let plain = sip::unpack(coding, body, max).map_err(|error| match error {
        sip::CodingError::Unknown => Refusal::UnsupportedCoding,
        sip::CodingError::TooLarge => Refusal::BodyTooLarge { max },
        sip::CodingError::Broken(defect) => Refusal::BrokenBody(defect),
    })?;
    let limits = xml::Limits { bytes: max, ..xml::Limits::default() };
    Presence::parse(&plain, &limits).map(Some).map_err(|defect| Refusal::BrokenBody(defect.to_string()))
}
