//! The XDM extensions that a group, a rule or a list may hold, OMA XDM extensions 1.0.
//!
//! Declared is what has a type of its own that we know; the other elements of this namespace are taken as they are.

use xml::schema::{ANY, BOOLEAN, STRING, Simple, Vocabulary, global, required};

xml::schema! {
    namespace "urn:oma:xml:xdm:extensions" from "OMA XDM extensions 1.0";

    element PERMISSION = "allow-media-handling" | "allow-auto-answermode" | "allow-expelling"
        | "block-group-advertisement-sending" | "allow-manual-answer-override" | "allow-private-message"
        | "allow-reject-invite" | "allow-subconf" [] text(BOOLEAN);
    element REMOVE_MEDIA_HANDLING = "remove-media-handling" [] text(Simple::OneOf(&["own", "any", "none", "other"]));
    element COMMON_USAGE = "common-usage" [required("id", STRING), ANY] (other*);
}

pub(crate) static VOCABULARY: Vocabulary = Vocabulary {
    origin: &ORIGIN,
    elements: &[&PERMISSION, &REMOVE_MEDIA_HANDLING, &COMMON_USAGE],
    attributes: &[global(&ORIGIN, "allow", BOOLEAN), global(&ORIGIN, "must-understand", BOOLEAN)],
};
