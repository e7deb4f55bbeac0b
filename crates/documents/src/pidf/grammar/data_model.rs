//! Persons and devices, RFC 4479 §5.

use xml::schema::{ANY_URI, DATE_TIME, ID, Vocabulary, required};

use super::NOTE_TYPE;
use crate::pidf::DATA_MODEL;

xml::schema! {
    namespace DATA_MODEL from "RFC 4479 §5";

    element PERSON = "person" [required("id", ID)] (other*, NOTE*, TIMESTAMP?);
    element DEVICE = "device" [required("id", ID)] (other*, DEVICE_ID, NOTE*, TIMESTAMP?);
    element DEVICE_ID = "deviceID" [] text(ANY_URI);
    element NOTE = "note" as NOTE_TYPE;
    element TIMESTAMP = "timestamp" [] text(DATE_TIME);
}

pub(super) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&PERSON, &DEVICE, &DEVICE_ID], attributes: &[] };
