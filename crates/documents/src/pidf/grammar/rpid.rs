//! Rich presence, RFC 4480 §5.

use xml::schema::{
    ANY, ANY_URI, Attribute, DATE_TIME, ID, INTEGER, POSITIVE, STRING, Simple, TOKEN, Vocabulary, optional,
};

use super::NOTE_TYPE;
use crate::pidf::RPID;

const FROM: Attribute = optional("from", DATE_TIME);
const UNTIL: Attribute = optional("until", DATE_TIME);
const ID_ATTRIBUTE: Attribute = optional("id", ID);

xml::schema! {
    namespace RPID from "RFC 4480 §5";

    element ACTIVITIES = "activities" [FROM, UNTIL, ID_ATTRIBUTE, ANY]
        (NOTE*, (UNKNOWN? | (ACTIVITY | OTHER_TEXT | other)+));
    // The schema forgets `lunch`, which §3.2 has.
    element ACTIVITY = "appointment" | "away" | "breakfast" | "busy" | "dinner" | "holiday" | "in-transit"
        | "looking-for-work" | "lunch" | "meal" | "meeting" | "on-the-phone" | "performance"
        | "permanent-absence" | "playing" | "presentation" | "shopping" | "sleeping" | "spectator" | "steering"
        | "travel" | "tv" | "vacation" | "working" | "worship" [] empty;
    element CLASS = "class" [] text(TOKEN);
    element MOOD = "mood" [FROM, UNTIL, ID_ATTRIBUTE, ANY]
        (NOTE*, (UNKNOWN | (A_MOOD | OTHER_TEXT | other)+));
    element A_MOOD = "afraid" | "amazed" | "angry" | "annoyed" | "anxious" | "ashamed" | "bored" | "brave" | "calm"
        | "cold" | "confused" | "contented" | "cranky" | "curious" | "depressed" | "disappointed" | "disgusted"
        | "distracted" | "embarrassed" | "excited" | "flirtatious" | "frustrated" | "grumpy" | "guilty" | "happy"
        | "hot" | "humbled" | "humiliated" | "hungry" | "hurt" | "impressed" | "in_awe" | "in_love" | "indignant"
        | "interested" | "invincible" | "jealous" | "lonely" | "mean" | "moody" | "nervous" | "neutral" | "offended"
        | "playful" | "proud" | "relieved" | "remorseful" | "restless" | "sad" | "sarcastic" | "serious" | "shocked"
        | "shy" | "sick" | "sleepy" | "stressed" | "surprised" | "thirsty" | "worried" [] empty;
    element PLACE_IS = "place-is" [FROM, UNTIL, ID_ATTRIBUTE, ANY] (NOTE*, AUDIO?, VIDEO?, TEXT?);
    element AUDIO = "audio" [] (HEARD);
    element HEARD = "noisy" | "ok" | "quiet" | "unknown" [] empty;
    element VIDEO = "video" [] (SEEN);
    element SEEN = "toobright" | "ok" | "dark" | "unknown" [] empty;
    element TEXT = "text" [] (READ);
    element READ = "uncomfortable" | "inappropriate" | "ok" | "unknown" [] empty;
    element PLACE_TYPE = "place-type" [FROM, UNTIL, ID_ATTRIBUTE, ANY] (NOTE*, (OTHER_TEXT | other+));
    element PRIVACY = "privacy" [FROM, UNTIL, ID_ATTRIBUTE, ANY] (NOTE*, (UNKNOWN | (each PRIVATE, other*)));
    element PRIVATE = "audio" | "text" | "video" [] empty;
    element RELATIONSHIP = "relationship" [] (NOTE*, (RELATION | OTHER_TEXT? | UNKNOWN | other+));
    element RELATION = "assistant" | "associate" | "family" | "friend" | "self" | "supervisor" [] empty;
    element SERVICE_CLASS = "service-class" [] (NOTE*, (SERVICE | UNKNOWN | other+));
    element SERVICE = "courier" | "electronic" | "freight" | "in-person" | "postal" [] empty;
    // Text too, as the example of §4 has it and the schema has not.
    element SPHERE = "sphere" [FROM, UNTIL, ID_ATTRIBUTE, ANY] mixed((A_SPHERE | UNKNOWN | other+)?);
    element A_SPHERE = "home" | "work" [] empty;
    element STATUS_ICON = "status-icon" [FROM, UNTIL, ID_ATTRIBUTE, ANY] text(ANY_URI);
    element TIME_OFFSET = "time-offset" [FROM, UNTIL, optional("description", STRING), ID_ATTRIBUTE, ANY]
        text(INTEGER);
    element USER_INPUT = "user-input"
        [optional("idle-threshold", POSITIVE), optional("last-input", DATE_TIME), ID_ATTRIBUTE, ANY]
        text(Simple::Exactly(&["active", "idle"]));
    element UNKNOWN = "unknown" [] empty;
    element NOTE = "note" as NOTE_TYPE;
    element OTHER_TEXT = "other" as NOTE_TYPE;
}

pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    origin: &ORIGIN,
    elements: &[
        &ACTIVITIES,
        &CLASS,
        &MOOD,
        &PLACE_IS,
        &PLACE_TYPE,
        &PRIVACY,
        &RELATIONSHIP,
        &SERVICE_CLASS,
        &SPHERE,
        &STATUS_ICON,
        &TIME_OFFSET,
        &USER_INPUT,
    ],
    attributes: &[],
};
