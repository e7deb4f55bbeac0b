//! What a URI in a list is used for, OMA XDM rsrclst_uriusage 1.0.

use xml::schema::Vocabulary;

xml::schema! {
    namespace "urn:oma:xml:xdm:resource-list:oma-uriusage" from "OMA XDM rsrclst_uriusage 1.0";

    // `uriusage` is abstract: elements of other namespaces stand for it, which any enabler may define.
    element URIUSAGES = "uriusages" [] (other*);
}

pub(crate) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&URIUSAGES], attributes: &[] };
