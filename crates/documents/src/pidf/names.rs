//! Namespaces and names of the presence formats.

/// RFC 3863 §4.1.1.
pub const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
/// RFC 4479 §5.1.2.
pub const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";
/// RFC 4480 §3.1.
pub const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";

/// The activities that RFC 4480 §3.2 and §5 name; another one is written as text within `other`. (The schema
/// forgets `lunch`, which the prose has.)
pub(super) const ACTIVITIES: [&str; 27] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "unknown",
    "vacation",
    "working",
    "worship",
    "other",
];
