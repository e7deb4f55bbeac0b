//! What a group is in PoC, OMA PoC pocusage 1.0: stands for the `uriusage` of a list.

use xml::schema::{Simple, Vocabulary};

xml::schema! {
    namespace "urn:oma:xml:poc:oma-pocusage" from "OMA PoC pocusage 1.0";

    element POCUSAGE = "pocusage" [] text(Simple::Exactly(&["chat", "prearranged"]));
}

pub(crate) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&POCUSAGE], attributes: &[] };
