//! Capabilities of services and devices, RFC 5196 §6.

use xml::schema::{ANY, BOOLEAN, INTEGER, LANG, STRING, Vocabulary, required};

xml::schema! {
    namespace "urn:ietf:params:xml:ns:pidf:caps" from "RFC 5196 §6";

    element SERVCAPS = "servcaps" [ANY]
        (ACTOR?, each BOOLEAN_A, CLASS?, each BOOLEAN_C, DESCRIPTION*, DUPLEX?, EVENT_PACKAGES?, EXTENSIONS?,
         each BOOLEAN_I, METHODS?, LANGUAGES?, PRIORITY?, SCHEMES?, each BOOLEAN_T, TYPE*, each BOOLEAN_V, other*);
    element BOOLEAN_A = "application" | "audio" | "automata" [] text(BOOLEAN);
    element BOOLEAN_C = "control" | "data" [] text(BOOLEAN);
    element BOOLEAN_I = "isfocus" | "message" [] text(BOOLEAN);
    element BOOLEAN_T = "text" [] text(BOOLEAN);
    element BOOLEAN_V = "video" [] text(BOOLEAN);
    element TYPE = "type" [] text(STRING);
    element DESCRIPTION = "description" [LANG] text(STRING);

    element DEVCAPS = "devcaps" [ANY] (DESCRIPTION*, MOBILITY?, other*);

    element ACTOR = "actor" [] (each ACTORS);
    element ACTORS = "supported" | "notsupported" [] (each AN_ACTOR, other*);
    element AN_ACTOR = "attendant" | "information" | "msg-taker" | "principal" [] text(STRING);

    element CLASS = "class" [] (each CLASSES);
    element CLASSES = "supported" | "notsupported" [] (each A_CLASS, other*);
    element A_CLASS = "business" | "personal" [] text(STRING);

    element DUPLEX = "duplex" [] (each DUPLEXES);
    element DUPLEXES = "supported" | "notsupported" [] (each A_DUPLEX, other*);
    element A_DUPLEX = "full" | "half" | "receive-only" | "send-only" [] text(STRING);

    element EVENT_PACKAGES = "event-packages" [] (each PACKAGES);
    element PACKAGES = "supported" | "notsupported" [] (each A_PACKAGE, other*);
    element A_PACKAGE = "conference" | "dialog" | "kpml" | "message-summary" | "poc-settings" | "presence" | "reg"
        | "refer" | "Siemens-RTP-Stats" | "spirits-INDPs" | "spirits-user-prof" | "winfo" [] text(STRING);

    element EXTENSIONS = "extensions" [] (each OPTION_TAGS);
    element OPTION_TAGS = "supported" | "notsupported" [] (each AN_OPTION_TAG, other*);
    element AN_OPTION_TAG = "rel100" | "early-session" | "eventlist" | "from-change" | "gruu" | "hist-info" | "join"
        | "norefersub" | "path" | "precondition" | "pref" | "privacy" | "recipient-list-invite"
        | "recipient-list-subscribe" | "replaces" | "resource-priority" | "sdp-anat" | "sec-agree" | "tdialog"
        | "timer" [] text(STRING);

    element METHODS = "methods" [] (each METHOD_NAMES);
    element METHOD_NAMES = "supported" | "notsupported" [] (each A_METHOD, other*);
    element A_METHOD = "ACK" | "BYE" | "CANCEL" | "INFO" | "INVITE" | "MESSAGE" | "NOTIFY" | "OPTIONS" | "PRACK"
        | "PUBLISH" | "REFER" | "REGISTER" | "SUBSCRIBE" | "UPDATE" [] text(STRING);

    element LANGUAGES = "languages" [] (each TAGS);
    element TAGS = "supported" | "notsupported" [] (A_TAG+);
    element A_TAG = "l" [] text(STRING);

    element PRIORITY = "priority" [] (each PRIORITIES);
    element PRIORITIES = "supported" | "notsupported" [] (EQUALS*, HIGHER_THAN*, LOWER_THAN*, RANGE*, other*);
    element EQUALS = "equals" [required("value", INTEGER)] empty;
    // §3.2.15.2 names it so; the schema lacks a letter.
    element HIGHER_THAN = "higherthan" | "higherhan" [required("minvalue", INTEGER)] empty;
    element LOWER_THAN = "lowerthan" [required("maxvalue", INTEGER)] empty;
    element RANGE = "range" [required("minvalue", INTEGER), required("maxvalue", INTEGER)] empty;

    element SCHEMES = "schemes" [] (each SCHEME_NAMES);
    element SCHEME_NAMES = "supported" | "notsupported" [] (A_SCHEME+);
    element A_SCHEME = "s" [] text(STRING);

    element MOBILITY = "mobility" [] (each MOBILITIES);
    element MOBILITIES = "supported" | "notsupported" [] (each A_MOBILITY, other*);
    element A_MOBILITY = "fixed" | "mobile" [] text(STRING);
}

pub(super) static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&SERVCAPS, &DEVCAPS], attributes: &[] };
