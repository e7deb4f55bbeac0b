//! Which documents refer to a list, OMA XDM rsrclst_appusage 1.0.

use xml::schema::{ANY_URI, STRING, Vocabulary, required};

xml::schema! {
    namespace "urn:oma:xml:xdm:resource-list:oma-appusage" from "OMA XDM rsrclst_appusage 1.0";

    element APPUSAGES = "appusages" [] (NODEURI*);
    element NODEURI = "nodeuri" [required("uri", ANY_URI), required("auid", STRING)] empty;
}

pub(crate) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&APPUSAGES], attributes: &[] };
