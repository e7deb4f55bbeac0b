//! Search, OMA XDM search 1.0: a question to the document servers, and their answer.

use xml::Limits;
use xml::schema::{Grammar, Invalid, POSITIVE, STRING, Vocabulary, optional, required};

/// The namespace.
pub const NAMESPACE: &str = "urn:oma:xml:xdm:search";
/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.oma.search+xml";

xml::schema! {
    namespace NAMESPACE from "OMA XDM search 1.0";

    element SEARCH_SET = "search-set" [] (SEARCH);
    element SEARCH = "search" [required("id", STRING), optional("max-results", POSITIVE)] (REQUEST | RESPONSE);
    element REQUEST = "request" [] (QUERY);
    element QUERY = "query" [] text(STRING);
    element RESPONSE = "response" [] mixed(any*);
}

static VOCABULARY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&SEARCH_SET], attributes: &[] };

/// A request or a response.
pub static GRAMMAR: Grammar = Grammar { root: &SEARCH_SET, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
