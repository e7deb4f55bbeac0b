//! The grammar of resource lists, RFC 4826 §3.2.

use xml::Limits;
use xml::schema::{ANY_URI, Grammar, Invalid, LANG, OTHER, STRING, Vocabulary, optional, required};

use super::NAMESPACE;
use crate::oma;

xml::schema! {
    namespace NAMESPACE from "RFC 4826 §3.2";

    element RESOURCE_LISTS = "resource-lists" [] (LIST*);
    element LIST = "list" as LIST_TYPE;
    pub(crate) type LIST_TYPE = [optional("name", STRING), OTHER]
        (DISPLAY_NAME?, (LIST | EXTERNAL | ENTRY | ENTRY_REF)*, other*);
    element ENTRY = "entry" as ENTRY_TYPE;
    pub(crate) type ENTRY_TYPE = [required("uri", ANY_URI), OTHER] (DISPLAY_NAME?, other*);
    element ENTRY_REF = "entry-ref" [required("ref", ANY_URI), OTHER] (DISPLAY_NAME?, other*);
    element EXTERNAL = "external" as EXTERNAL_TYPE;
    pub(crate) type EXTERNAL_TYPE = [optional("anchor", ANY_URI), OTHER] (DISPLAY_NAME?, other*);
    element DISPLAY_NAME = "display-name" as DISPLAY_NAME_TYPE;
    pub(crate) type DISPLAY_NAME_TYPE = [LANG] text(STRING);
}

pub(crate) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&RESOURCE_LISTS], attributes: &[] };

/// Resource lists, with what OMA has lists and entries say of their use.
pub static GRAMMAR: Grammar = Grammar {
    root: &RESOURCE_LISTS,
    vocabularies: &[&VOCABULARY, &oma::URI_USAGE, &oma::APP_USAGE, &oma::POC_USAGE, &oma::EXTENSIONS],
};

/// Checks a document against its grammar, the extensions of OMA included.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
