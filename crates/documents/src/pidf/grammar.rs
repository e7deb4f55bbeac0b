//! The grammar of presence documents, strictly: RFC 3863 §4.4, and all that extends it.
//!
//! A publication is read leniently, as RFC 4479 §5 wants it; a document that is kept under XCAP (RFC 4827) is held to
//! its schema.

mod caps;
mod cipid;
mod data_model;
mod oma;
mod rpid;
mod timed_status;

use xml::Limits;
use xml::schema::{
    ANY_URI, BOOLEAN, DATE_TIME, Grammar, ID, Invalid, LANG, STRING, Simple, Vocabulary, global, optional,
    required,
};

use super::PIDF;

xml::schema! {
    namespace PIDF from "RFC 3863 §4.4";

    element PRESENCE = "presence" [required("entity", ANY_URI)] (TUPLE*, NOTE*, other*);
    element TUPLE = "tuple" [required("id", ID)] (STATUS, other*, CONTACT?, NOTE*, TIMESTAMP?);
    element STATUS = "status" [] (BASIC?, other*);
    element BASIC = "basic" as BASIC_TYPE;
    type BASIC_TYPE = [] text(Simple::Exactly(&["open", "closed"]));
    element CONTACT = "contact" [optional("priority", QVALUE)] text(ANY_URI);
    element NOTE = "note" as NOTE_TYPE;
    type NOTE_TYPE = [LANG] text(STRING);
    element TIMESTAMP = "timestamp" [] text(DATE_TIME);
}

/// 0 to 1 in thousandths. The schema's pattern has any character for the point; here it is one.
const QVALUE: Simple =
    Simple::Matching(is_qvalue, "a number from 0 to 1 with at most three digits after the point");

static VOCABULARY: Vocabulary = Vocabulary {
    origin: &ORIGIN,
    elements: &[&PRESENCE],
    attributes: &[global(&ORIGIN, "mustUnderstand", BOOLEAN)],
};

/// Presence with the data model, RPID, CIPID, timed status, capabilities, and the elements of OMA.
pub static GRAMMAR: Grammar = Grammar {
    root: &PRESENCE,
    vocabularies: &[
        &VOCABULARY,
        &data_model::VOCABULARY,
        &rpid::VOCABULARY,
        &oma::PRES,
        &oma::EXT,
        &oma::EXT_1_1,
        &cipid::VOCABULARY,
        &timed_status::VOCABULARY,
        &caps::VOCABULARY,
    ],
};

/// Checks a document against its grammar, as it must be to be kept under XCAP.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}

fn is_qvalue(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.as_bytes();
    digits.len() <= 3
        && match whole {
            "0" => digits.iter().all(u8::is_ascii_digit),
            "1" => digits.iter().all(|&digit| digit == b'0'),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_thousandths() {
        for text in ["0", "0.", "0.5", "0.125", "1", "1.000"] {
            assert!(is_qvalue(text), "{text}");
        }
        for text in ["", ".5", "0.1234", "1.001", "2", "0,5", "00", "0.5 ", "-0", "0x12"] {
            assert!(!is_qvalue(text), "{text}");
        }
    }
}
