//! Status in the past or the future, RFC 4481 §5.

use xml::schema::{DATE_TIME, Vocabulary, optional, required};

use super::{BASIC_TYPE, NOTE_TYPE};

xml::schema! {
    namespace "urn:ietf:params:xml:ns:pidf:timed-status" from "RFC 4481 §5";

    element TIMED_STATUS = "timed-status" [required("from", DATE_TIME), optional("until", DATE_TIME)]
        (BASIC?, NOTE?, other*);
    element BASIC = "basic" as BASIC_TYPE;
    element NOTE = "note" as NOTE_TYPE;
}

pub(super) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&TIMED_STATUS], attributes: &[] };
