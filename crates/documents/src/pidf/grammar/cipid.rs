//! Contact information, RFC 4482 §5.

use xml::schema::{ANY_URI, STRING, Vocabulary};

xml::schema! {
    namespace "urn:ietf:params:xml:ns:pidf:cipid" from "RFC 4482 §5";

    element URI = "card" | "homepage" | "icon" | "map" | "sound" [] text(ANY_URI);
    element DISPLAY_NAME = "display-name" [] text(STRING);
}

pub(super) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&URI, &DISPLAY_NAME], attributes: &[] };
