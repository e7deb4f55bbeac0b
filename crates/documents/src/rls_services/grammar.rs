//! The grammar of RLS services, RFC 4826 §4.2.

use xml::Limits;
use xml::schema::{ANY_URI, Grammar, Invalid, OTHER, STRING, required};

use super::NAMESPACE;
use crate::{oma, resource_lists};

xml::schema! {
    namespace NAMESPACE from "RFC 4826 §4.2";

    element RLS_SERVICES = "rls-services" [] (SERVICE*);
    element SERVICE = "service" [required("uri", ANY_URI), OTHER]
        ((RESOURCE_LIST | LIST), PACKAGES?, other*);
    element RESOURCE_LIST = "resource-list" [] text(ANY_URI);
    // In this namespace, but of the type that lists have, so its children are in the namespace of resource lists.
    element LIST = "list" as resource_lists::LIST_TYPE;
    element PACKAGES = "packages" [] ((PACKAGE, other*)*);
    element PACKAGE = "package" [] text(STRING);
}

/// RLS services, and in their lists what resource lists may hold.
pub static GRAMMAR: Grammar = Grammar {
    root: &RLS_SERVICES,
    vocabularies: &[
        &xml::schema::Vocabulary { origin: &ORIGIN, elements: &[&RLS_SERVICES], attributes: &[] },
        &resource_lists::VOCABULARY,
        &oma::URI_USAGE,
        &oma::APP_USAGE,
        &oma::POC_USAGE,
        &oma::EXTENSIONS,
    ],
};

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
