//! The grammar of presence rules: RFC 4745 §13, RFC 5025 §7, and OMA presRules 1.0.

use xml::Limits;
use xml::schema::{Grammar, Invalid};

use crate::oma;

pub(crate) use common_policy::{RULESET, VOCABULARY};

/// A `ruleset` with the conditions, actions and transformations that the IETF and OMA have for presence.
pub static GRAMMAR: Grammar = Grammar {
    root: &RULESET,
    vocabularies: &[&VOCABULARY, &pres_rules::VOCABULARY, &oma_pres_rules::VOCABULARY, &oma::COMMON_POLICY],
};

/// Checks presence rules against their grammar, the elements of OMA included.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}

mod common_policy {
    use super::super::names::COMMON_POLICY;
    use xml::schema::{ANY_URI, DATE_TIME, ID, STRING, Vocabulary, optional, required};

    xml::schema! {
        namespace COMMON_POLICY from "RFC 4745 §13";

        pub(crate) element RULESET = "ruleset" [] (RULE*);
        element RULE = "rule" [required("id", ID)] (CONDITIONS?, ACTIONS?, TRANSFORMATIONS?);
        element CONDITIONS = "conditions" [] ((IDENTITY | SPHERE | VALIDITY | other)*);
        element IDENTITY = "identity" [] ((ONE | MANY | other)+);
        element ONE = "one" [required("id", ANY_URI)] (other?);
        element MANY = "many" [optional("domain", STRING)] ((EXCEPT | other)*);
        element EXCEPT = "except" [optional("domain", STRING), optional("id", ANY_URI)] empty;
        element SPHERE = "sphere" [required("value", STRING)] empty;
        element VALIDITY = "validity" [] ((FROM, UNTIL)+);
        element FROM = "from" [] text(DATE_TIME);
        element UNTIL = "until" [] text(DATE_TIME);
        element ACTIONS = "actions" [] (other*);
        element TRANSFORMATIONS = "transformations" [] (other*);
    }

    pub(crate) static VOCABULARY: Vocabulary =
        Vocabulary { origin: &ORIGIN, elements: &[&RULESET], attributes: &[] };
}

mod pres_rules {
    use super::super::names::PRES_RULES;
    use xml::schema::{ANY_URI, BOOLEAN, STRING, Simple, TOKEN, Vocabulary, required};

    xml::schema! {
        namespace PRES_RULES from "RFC 5025 §7";

        element SUB_HANDLING = "sub-handling" []
            text(Simple::OneOf(&["block", "confirm", "polite-block", "allow"]));
        element PROVIDE_SERVICES = "provide-services" []
            (ALL_SERVICES | (SERVICE_URI | SERVICE_URI_SCHEME | OCCURRENCE_ID | CLASS | other)*);
        element PROVIDE_DEVICES = "provide-devices" []
            (ALL_DEVICES | (DEVICE_ID | OCCURRENCE_ID | CLASS | other)*);
        element PROVIDE_PERSONS = "provide-persons" [] (ALL_PERSONS | (OCCURRENCE_ID | CLASS | other)*);
        element ALL_SERVICES = "all-services" [] empty;
        element ALL_DEVICES = "all-devices" [] empty;
        element ALL_PERSONS = "all-persons" [] empty;
        element SERVICE_URI = "service-uri" [] text(ANY_URI);
        element SERVICE_URI_SCHEME = "service-uri-scheme" [] text(TOKEN);
        element DEVICE_ID = "deviceID" [] text(ANY_URI);
        element OCCURRENCE_ID = "occurrence-id" [] text(TOKEN);
        element CLASS = "class" [] text(TOKEN);
        element PROVIDE_ATTRIBUTE = "provide-activities" | "provide-class" | "provide-deviceID" | "provide-mood"
            | "provide-place-is" | "provide-place-type" | "provide-privacy" | "provide-relationship"
            | "provide-status-icon" | "provide-sphere" | "provide-time-offset" | "provide-note"
            [] text(BOOLEAN);
        element PROVIDE_USER_INPUT = "provide-user-input" []
            text(Simple::Exactly(&["false", "bare", "thresholds", "full"]));
        element PROVIDE_UNKNOWN_ATTRIBUTE = "provide-unknown-attribute"
            [required("name", STRING), required("ns", STRING)] text(BOOLEAN);
        element PROVIDE_ALL_ATTRIBUTES = "provide-all-attributes" [] empty;
    }

    pub(crate) static VOCABULARY: Vocabulary = Vocabulary {
        origin: &ORIGIN,
        elements: &[
            &SUB_HANDLING,
            &PROVIDE_SERVICES,
            &PROVIDE_DEVICES,
            &PROVIDE_PERSONS,
            &SERVICE_URI,
            &SERVICE_URI_SCHEME,
            &DEVICE_ID,
            &OCCURRENCE_ID,
            &CLASS,
            &PROVIDE_ATTRIBUTE,
            &PROVIDE_USER_INPUT,
            &PROVIDE_UNKNOWN_ATTRIBUTE,
            &PROVIDE_ALL_ATTRIBUTES,
        ],
        attributes: &[],
    };
}

mod oma_pres_rules {
    use super::super::names::OMA_PRES_RULES;
    use xml::schema::{BOOLEAN, STRING, Simple, Vocabulary};

    xml::schema! {
        namespace OMA_PRES_RULES from "OMA PRS presRules 1.0";

        element PROVIDE_ATTRIBUTE = "provide-willingness" | "provide-network-availability"
            | "provide-session-participation" | "provide-registration-state" | "provide-barring-state"
            [] text(BOOLEAN);
        element PROVIDE_GEOPRIV = "provide-geopriv" [] text(Simple::Exactly(&["false", "full"]));
        element SERVICE_ID = "service-id" [] text(STRING);
    }

    pub(crate) static VOCABULARY: Vocabulary = Vocabulary {
        origin: &ORIGIN,
        elements: &[&PROVIDE_ATTRIBUTE, &PROVIDE_GEOPRIV, &SERVICE_ID],
        attributes: &[],
    };
}
