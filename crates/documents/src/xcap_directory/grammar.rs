//! The grammar of directories, OMA XDM xcapDirectory 1.0.

use xml::Limits;
use xml::schema::{
    ANY, ANY_URI, DATE_TIME, Grammar, Invalid, NON_NEGATIVE, STRING, Vocabulary, optional, required,
};

use super::NAMESPACE;

xml::schema! {
    namespace NAMESPACE from "OMA XDM xcapDirectory 1.0";

    element XCAP_DIRECTORY = "xcap-directory" [] (FOLDER*);
    element FOLDER = "folder" [required("auid", STRING)] (ENTRY* | ERROR_CODE);
    element ENTRY = "entry"
        [required("uri", ANY_URI), required("etag", STRING), optional("last-modified", DATE_TIME),
         optional("size", NON_NEGATIVE), ANY] empty;
    element ERROR_CODE = "error-code" [] text(STRING);
}

static VOCABULARY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&XCAP_DIRECTORY], attributes: &[] };

/// The one document of its kind.
pub static GRAMMAR: Grammar = Grammar { root: &XCAP_DIRECTORY, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
