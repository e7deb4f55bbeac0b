//! What OMA adds to presence: OMA PRS pidf_omapres 1.0 and OMA PDE pidf_ext 1.0 and 1.1.

pub(super) use ext::VOCABULARY as EXT;
pub(super) use ext_1_1::VOCABULARY as EXT_1_1;
pub(super) use pres::VOCABULARY as PRES;

mod pres {
    use xml::schema::{ANY, Simple, TOKEN, Vocabulary, required};

    xml::schema! {
        namespace "urn:oma:xml:prs:pidf:oma-pres" from "OMA PRS pidf_omapres 1.0";

        element SERVICE_DESCRIPTION = "service-description" [ANY] (SERVICE_ID, VERSION, DESCRIPTION?, other*);
        element SERVICE_ID = "service-id" [] text(TOKEN);
        element VERSION = "version" [] text(TOKEN);
        element DESCRIPTION = "description" [] text(TOKEN);
        element WITH_BASIC = "willingness" | "session-participation" | "overriding-willingness" [ANY]
            (BASIC?, other*);
        element BASIC = "basic" [] text(Simple::Exactly(&["open", "closed"]));
        element STATE = "registration-state" | "barring-state" [ANY]
            text(Simple::Exactly(&["active", "terminated"]));
        element NETWORK_AVAILABILITY = "network-availability" [ANY] (NETWORK+, other*);
        element NETWORK = "network" [required("id", TOKEN), ANY] (each NETWORK_STATE, other*);
        element NETWORK_STATE = "active" | "terminated" [] empty;
    }

    pub(in super::super) static VOCABULARY: Vocabulary = Vocabulary {
        origin: &ORIGIN,
        elements: &[&SERVICE_DESCRIPTION, &WITH_BASIC, &STATE, &NETWORK_AVAILABILITY],
        attributes: &[],
    };
}

mod ext {
    use xml::schema::{ANY, DATE_TIME, INTEGER, STRING, Vocabulary, global};

    xml::schema! {
        namespace "urn:oma:xml:pde:pidf:ext" from "OMA PDE pidf_ext 1.0";

        element SESSION_ANSWERMODE = "session-answermode" [ANY] (MODE, other*);
        element MODE = "automatic" | "manual" [] empty;
        element NETWORK_TYPE = "home" | "visited" [] empty;
    }

    pub(in super::super) static VOCABULARY: Vocabulary = Vocabulary {
        origin: &ORIGIN,
        elements: &[&SESSION_ANSWERMODE, &NETWORK_TYPE],
        attributes: &[
            global(&ORIGIN, "until", DATE_TIME),
            global(&ORIGIN, "contenttype", STRING),
            global(&ORIGIN, "etag", STRING),
            global(&ORIGIN, "fsize", INTEGER),
            global(&ORIGIN, "resolution", STRING),
        ],
    };
}

mod ext_1_1 {
    use xml::schema::{ANY, ANY_URI, STRING, Vocabulary, global};

    use super::super::QVALUE;

    xml::schema! {
        namespace "urn:oma:xml:pde:pidf:ext:1.1" from "OMA PDE pidf_ext 1.1";

        element LINK = "link" [ANY] text(ANY_URI);
    }

    pub(in super::super) static VOCABULARY: Vocabulary = Vocabulary {
        origin: &ORIGIN,
        elements: &[&LINK],
        attributes: &[global(&ORIGIN, "label", STRING), global(&ORIGIN, "priority", QVALUE)],
    };
}
