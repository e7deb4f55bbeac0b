//! User profiles, OMA XDM userProfile 1.0: what a user tells of themselves, and the same locked by the provider.

use xml::Limits;
use xml::schema::{ANY, ANY_URI, DATE, Grammar, Invalid, LANG, STRING, Simple, Vocabulary, required};

/// The namespace.
pub const NAMESPACE: &str = "urn:oma:xml:xdm:user-profile";
/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.oma.user-profile+xml";

xml::schema! {
    namespace NAMESPACE from "OMA XDM userProfile 1.0";

    element USER_PROFILES = "user-profiles" [] (USER_PROFILE);
    element USER_PROFILE = "user-profile" [required("uri", ANY_URI), ANY]
        (COMMUNICATION_ADDRESSES?, DISPLAY_NAME?, BIRTH_DATE?, NAME?, ADDRESS?, GENDER?, FREETEXT?,
         COMMUNICATION_TYPES?, HOBBIES?, FAVOURITE_LINKS?, other*);
    element COMMUNICATION_ADDRESSES = "communication-addresses" [ANY] (COMM_ADDR*, other*);
    element COMM_ADDR = "comm-addr" [] text(STRING);
    element DISPLAY_NAME = "display-name" [LANG, ANY] text(STRING);
    element BIRTH_DATE = "birth-date" [] text(DATE);
    element NAME = "name" [LANG, ANY] (each NAME_PART, other*);
    element NAME_PART = "given-name" | "family-name" | "middle-name" | "name-suffix" | "name-prefix"
        [] text(STRING);
    element ADDRESS = "address" [LANG, ANY] (each ADDRESS_PART, other*);
    element ADDRESS_PART = "country" | "region" | "locality" | "area" | "street-name" | "street-number"
        | "postal-code" [] text(STRING);
    element GENDER = "gender" [] text(Simple::OneOf(&["male", "female"]));
    element FREETEXT = "freetext" [LANG, ANY] text(STRING);
    element COMMUNICATION_TYPES = "communication-types" [ANY] (COMM_TYPE*, other*);
    element COMM_TYPE = "comm-type" [LANG, ANY] text(STRING);
    element HOBBIES = "hobbies" [ANY] (HOBBY*, other*);
    element HOBBY = "hobby" [LANG, ANY] text(STRING);
    element FAVOURITE_LINKS = "favourite-links" [ANY] (LINK*, other*);
    element LINK = "link" [] text(ANY_URI);
}

static VOCABULARY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&USER_PROFILES], attributes: &[] };

/// A profile, locked or not.
pub static GRAMMAR: Grammar = Grammar { root: &USER_PROFILES, vocabularies: &[&VOCABULARY] };

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
