//! Shared groups, OMA PoC listService 1.0: the members and the rules of a conference.

use xml::Limits;
use xml::schema::{ANY_URI, BOOLEAN, Grammar, Invalid, NON_NEGATIVE, OTHER, Vocabulary, required};

use crate::rules::{self, RULESET};
use crate::{oma, resource_lists};

/// The namespace.
pub const NAMESPACE: &str = "urn:oma:xml:poc:list-service";
/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.oma.poc.groups+xml";

xml::schema! {
    namespace NAMESPACE from "OMA PoC listService 1.0";

    element GROUP = "group" [] (LIST_SERVICE+);
    element LIST_SERVICE = "list-service" [required("uri", ANY_URI), OTHER]
        (DISPLAY_NAME?, LIST?, INVITE_MEMBERS?, MAX_PARTICIPANT_COUNT?, RULESET?, other*);
    element DISPLAY_NAME = "display-name" as resource_lists::DISPLAY_NAME_TYPE;
    element LIST = "list" [] (ENTRY*, EXTERNAL*);
    // In this namespace, but of the types of resource lists, so what is in them is in the namespace of those.
    element ENTRY = "entry" as resource_lists::ENTRY_TYPE;
    element EXTERNAL = "external" as resource_lists::EXTERNAL_TYPE;
    element INVITE_MEMBERS = "invite-members" [] text(BOOLEAN);
    element MAX_PARTICIPANT_COUNT = "max-participant-count" [] text(NON_NEGATIVE);

    element IS_LIST_MEMBER = "is-list-member" [] empty;
    element ACTION = "allow-conference-state" | "allow-invite-users-dynamically" | "join-handling"
        | "allow-initiate-conference" | "allow-anonymity" | "is-key-participant" [] text(BOOLEAN);
}

static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&GROUP, &IS_LIST_MEMBER, &ACTION], attributes: &[] };

/// A group, with the conditions and actions of its rules and the extensions of XDM.
pub static GRAMMAR: Grammar = Grammar {
    root: &GROUP,
    vocabularies: &[
        &VOCABULARY,
        &rules::VOCABULARY,
        &resource_lists::VOCABULARY,
        &oma::COMMON_POLICY,
        &oma::EXTENSIONS,
    ],
};

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
