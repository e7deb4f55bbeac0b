//! Presence content, OMA PRS presContent 1.0: an icon or the like that a presence document refers to.

use xml::Limits;
use xml::schema::{ANY, Grammar, Invalid, LANG, STRING, Vocabulary};

/// The namespace.
pub const NAMESPACE: &str = "urn:oma:xml:prs:pres-content";
/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.oma.pres-content+xml";

xml::schema! {
    namespace NAMESPACE from "OMA PRS presContent 1.0";

    element CONTENT = "content" [ANY] (MIME_TYPE?, ENCODING?, DESCRIPTION*, DATA, other*);
    element MIME_TYPE = "mime-type" [ANY] text(STRING);
    element ENCODING = "encoding" [ANY] text(STRING);
    element DESCRIPTION = "description" [LANG, ANY] text(STRING);
    element DATA = "data" [ANY] text(STRING);
}

static VOCABULARY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&CONTENT], attributes: &[] };

/// One content with its type.
pub static GRAMMAR: Grammar = Grammar { root: &CONTENT, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
