//! The grammar of capabilities, RFC 4825 §12.2.

use xml::Limits;
use xml::schema::{ANY_URI, Grammar, Invalid, STRING, Vocabulary};

use super::NAMESPACE;

xml::schema! {
    namespace NAMESPACE from "RFC 4825 §12.2.1.2";

    element XCAP_CAPS = "xcap-caps" [] (AUIDS, EXTENSIONS?, NAMESPACES, other*);
    element AUIDS = "auids" [] (AUID*);
    element AUID = "auid" [] text(STRING);
    element EXTENSIONS = "extensions" [] (EXTENSION*);
    element EXTENSION = "extension" [] text(STRING);
    element NAMESPACES = "namespaces" [] (NAMESPACE_NAME*);
    element NAMESPACE_NAME = "namespace" [] text(ANY_URI);
}

static VOCABULARY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&XCAP_CAPS], attributes: &[] };

/// The one document of its kind.
pub static GRAMMAR: Grammar = Grammar { root: &XCAP_CAPS, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
