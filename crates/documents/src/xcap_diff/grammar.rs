//! The grammar of diff documents, RFC 5874 §4, with the types of RFC 5261 §8.
//!
//! What selectors of operations look like is asked by the reader: the patterns of the schema are not all of it.

use xml::Limits;
use xml::schema::{ANY, ANY_URI, BOOLEAN, Grammar, Invalid, STRING, Simple, Vocabulary, optional, required};

use super::NAMESPACE;

xml::schema! {
    namespace NAMESPACE from "RFC 5874 §4";

    element XCAP_DIFF = "xcap-diff" [required("xcap-root", ANY_URI), ANY]
        ((DOCUMENT | ELEMENT | ATTRIBUTE)*, other*);
    element DOCUMENT = "document"
        [required("sel", ANY_URI), optional("new-etag", STRING), optional("previous-etag", STRING), ANY]
        ((BODY_NOT_CHANGED | (ADD | REMOVE | REPLACE | other)*)?);
    element BODY_NOT_CHANGED = "body-not-changed" [] empty;
    element ADD = "add" [required("sel", STRING), optional("pos", POSITION), optional("type", STRING), ANY]
        mixed(any*);
    element REMOVE = "remove" [required("sel", STRING), optional("ws", WHITESPACE), ANY] empty;
    element REPLACE = "replace" [required("sel", STRING), ANY] mixed(any?);
    element ELEMENT = "element" [required("sel", STRING), optional("exists", BOOLEAN), ANY] mixed(any?);
    element ATTRIBUTE = "attribute" [required("sel", STRING), optional("exists", BOOLEAN), ANY] text(STRING);
}

const POSITION: Simple = Simple::Exactly(&["before", "after", "prepend"]);
const WHITESPACE: Simple = Simple::Exactly(&["before", "after", "both"]);

static VOCABULARY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&XCAP_DIFF], attributes: &[] };

/// A diff document.
pub static GRAMMAR: Grammar = Grammar { root: &XCAP_DIFF, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
