//! The grammar of list meta-information, RFC 4662 §5.1.

use xml::Limits;
use xml::schema::{
    ANY, ANY_URI, BOOLEAN, Grammar, Invalid, LANG, STRING, Simple, UNSIGNED_INT, Vocabulary, optional,
    required,
};

use super::NAMESPACE;

xml::schema! {
    namespace NAMESPACE from "RFC 4662 §5.1";

    element LIST = "list"
        [required("uri", ANY_URI), required("version", UNSIGNED_INT), required("fullState", BOOLEAN),
         optional("cid", STRING), ANY]
        (NAME*, RESOURCE*);
    element RESOURCE = "resource" [required("uri", ANY_URI), ANY] (NAME*, INSTANCE*);
    element INSTANCE = "instance"
        [required("id", STRING), required("state", STATE), optional("reason", STRING), optional("cid", STRING), ANY]
        (any*);
    element NAME = "name" [LANG] text(STRING);
}

const STATE: Simple = Simple::Exactly(&["active", "pending", "terminated"]);

static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&LIST, &RESOURCE, &INSTANCE, &NAME], attributes: &[] };

/// The list of one NOTIFY.
pub static GRAMMAR: Grammar = Grammar { root: &LIST, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
