//! Every lawful answer of the Presence Server that is not a success, and the status that says it.

use sip::{Name, Writer};
use sip_stack::compositor;
use sip_stack::subscriptions::{self, RETRY_AFTER};

/// What the Presence Server takes as a body.
pub const PIDF: &str = "application/pidf+xml";
/// What watcher information is told in.
pub const WATCHER_INFORMATION: &str = documents::watcherinfo::MEDIA_TYPE;
/// The codings that a body may have.
pub const CODINGS: &str = sip::CODINGS;

/// Why the Presence Server will not take a PUBLISH or SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The compositor's own reasons.
    #[error(transparent)]
    Publication(#[from] compositor::Refusal),
    /// The caller may not publish for this presentity, or not watch it.
    #[error("the caller is not authorized")]
    Forbidden,
    /// The body is of a type that is no presence document.
    #[error("the body is not a presence document we know")]
    UnsupportedBody,
    /// The body is in a coding that we cannot undo.
    #[error("the body's coding is unknown")]
    UnsupportedCoding,
    /// The body is a presence document by its type, but not in truth.
    #[error("the presence document is broken: {0}")]
    BrokenBody(String),
    /// The body is larger than we take.
    #[error("the body is larger than {max} octets")]
    BodyTooLarge {
        /// Octets, unpacked.
        max: usize,
    },
    /// The source has as many publications for this presentity as it may.
    #[error("the source has as many publications for this presentity as it may")]
    SourceFull,
    /// What holds for every SUBSCRIBE.
    #[error(transparent)]
    Subscription(#[from] subscriptions::Refusal),
}

impl Refusal {
    /// The status that says it: the one place that names these codes.
    pub fn status(&self) -> u16 {
        match self {
            Self::Publication(compositor::Refusal::UnknownEntityTag) => 412, // RFC 3903 §11.2.1
            Self::Publication(compositor::Refusal::IntervalTooBrief { .. }) => 423, // RFC 3903 §6
            Self::Publication(compositor::Refusal::NoBody) => 400,           // RFC 3903 §6
            Self::Publication(compositor::Refusal::TooMany) | Self::SourceFull => 500,
            Self::Forbidden => 403,
            Self::UnsupportedBody | Self::UnsupportedCoding => 415, // RFC 3261 §21.4.13
            Self::BrokenBody(_) => 400,
            Self::BodyTooLarge { .. } => 413,
            Self::Subscription(refusal) => refusal.status(),
        }
    }

    /// The reason phrase, where another than the status's own is asked for; else empty.
    pub fn phrase(&self) -> &'static str {
        match self {
            Self::Publication(compositor::Refusal::NoBody) => "Missing Body",
            Self::BrokenBody(_) => "Broken Presence Document", // RFC 3261 §21.4.1
            Self::Subscription(refusal) => refusal.phrase(),
            Self::Publication(_)
            | Self::Forbidden
            | Self::UnsupportedBody
            | Self::UnsupportedCoding
            | Self::BodyTooLarge { .. }
            | Self::SourceFull => "",
        }
    }

    /// The fields that go with it.
    pub fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::Publication(compositor::Refusal::IntervalTooBrief { min }) => {
                response.number(Name::MinExpires, min.as_secs());
            }
            Self::Subscription(refusal) => refusal.print(response),
            Self::Publication(compositor::Refusal::TooMany) | Self::SourceFull => {
                response.number(Name::RetryAfter, RETRY_AFTER.as_secs());
            }
            Self::UnsupportedBody => {
                response.field(Name::Accept, PIDF);
            }
            Self::UnsupportedCoding => {
                response.field(Name::AcceptEncoding, CODINGS);
            }
            Self::BrokenBody(defect) => {
                // For people, RFC 3261 §20.43.
                response.field(Name::Warning, &format!("399 presence-server {}", sip::quote(defect)));
            }
            Self::Publication(compositor::Refusal::UnknownEntityTag | compositor::Refusal::NoBody)
            | Self::Forbidden
            | Self::BodyTooLarge { .. } => {}
        }
    }
}
