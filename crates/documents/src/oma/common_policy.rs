//! The conditions that OMA adds to rules, OMA XDM commonPolicy 1.0.

use xml::schema::{ANY, ANY_URI, Vocabulary, optional};

use crate::rules::OMA_COMMON_POLICY;

xml::schema! {
    namespace OMA_COMMON_POLICY from "OMA XDM commonPolicy 1.0";

    element ALONE = "anonymous-request" | "other-identity" [] empty;
    element EXTERNAL_LIST = "external-list" [] (ENTRY*);
    element ENTRY = "entry" [optional("anc", ANY_URI), ANY] empty;
}

pub(crate) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&ALONE, &EXTERNAL_LIST], attributes: &[] };
