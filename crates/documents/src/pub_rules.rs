//! Publication rules, OMA PRS pubRules 1.0: who else may publish for a presentity, and what.

use xml::Limits;
use xml::schema::{BOOLEAN, Grammar, Invalid, STRING, Simple, Vocabulary, required};

use crate::oma;
use crate::rules::{self, OMA_PUB_RULES};

/// The media type: that of all rules, RFC 4745 §15.2.
pub const MEDIA_TYPE: &str = rules::MEDIA_TYPE;

xml::schema! {
    namespace OMA_PUB_RULES from "OMA PRS pubRules 1.0";

    element HANDLING = "pub-handling" | "perm-handling" [] text(Simple::OneOf(&["block", "allow"]));
    element ALLOW = "allow-services" | "allow-devices" | "allow-persons" | "allow-activities" | "allow-class"
        | "allow-mood" | "allow-place-type" | "allow-status-icon" | "allow-time-offset" | "allow-note"
        | "allow-willingness" | "allow-network-availability" | "allow-session-participation"
        | "allow-registration-state" | "allow-barring-state" | "allow-geopriv" [] text(BOOLEAN);
    element ALLOW_ALL_ATTRIBUTES = "allow-all-attributes" [] empty;
    element ALLOW_UNKNOWN_ATTRIBUTE = "allow-unknown-attribute"
        [required("name", STRING), required("ns", STRING)] text(BOOLEAN);
}

static VOCABULARY: Vocabulary = Vocabulary {
    origin: &ORIGIN,
    elements: &[&HANDLING, &ALLOW, &ALLOW_ALL_ATTRIBUTES, &ALLOW_UNKNOWN_ATTRIBUTE],
    attributes: &[],
};

/// A `ruleset` with the conditions of the IETF and OMA, and the actions and transformations of publication rules.
pub static GRAMMAR: Grammar =
    Grammar { root: &rules::RULESET, vocabularies: &[&rules::VOCABULARY, &VOCABULARY, &oma::COMMON_POLICY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
