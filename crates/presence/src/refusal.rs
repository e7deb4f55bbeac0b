//! Every lawful answer of the Presence Server that is not a success, and the status that says it.

use core::time::Duration;

use sip::{Name, Writer};
use sip_stack::compositor;
use sip_stack::dialog::DialogDefect;

/// What the Presence Server takes as a body.
pub const PIDF: &str = "application/pidf+xml";
/// The codings that a body may have.
pub const CODINGS: &str = "gzip, deflate, identity";

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
    /// The watcher reads no format that we write.
    #[error("the watcher accepts no presence document")]
    NotAcceptable,
    /// The SUBSCRIBE makes no dialog.
    #[error(transparent)]
    Dialog(#[from] DialogDefect),
    /// There is no such subscription, or it is over.
    #[error("no subscription belongs to this dialog")]
    NoSubscription,
    /// Another subscription in a dialog that has one.
    #[error("one dialog has one subscription")]
    DialogSharing,
    /// A number not above the last one in the dialog.
    #[error("CSeq is not above the last one")]
    OutOfOrder,
    /// A lifetime below what we grant.
    #[error("a lifetime below {min:?} was asked for")]
    IntervalTooBrief {
        /// The least we grant.
        min: Duration,
    },
    /// The presentity has as many watchers as it may.
    #[error("the presentity has as many subscriptions as it may")]
    TooManySubscriptions,
}

/// When a peer may try again after a limit was in its way.
pub const RETRY_AFTER: Duration = Duration::from_secs(30);

impl Refusal {
    /// The status that says it: the one place that names these codes.
    pub fn status(&self) -> u16 {
        match self {
            Self::Publication(compositor::Refusal::UnknownEntityTag) => 412, // RFC 3903 §11.2.1
            Self::Publication(compositor::Refusal::IntervalTooBrief { .. }) => 423, // RFC 3903 §6
            Self::Publication(compositor::Refusal::NoBody) => 400,           // RFC 3903 §6
            Self::Publication(compositor::Refusal::TooMany) => 500,
            Self::Forbidden => 403,
            Self::UnsupportedBody | Self::UnsupportedCoding => 415, // RFC 3261 §21.4.13
            Self::BrokenBody(_) | Self::Dialog(_) => 400,
            Self::BodyTooLarge { .. } => 413,
            Self::NotAcceptable => 406,
            Self::NoSubscription => 481,          // RFC 6665 §4.2.1
            Self::DialogSharing => 403,           // RFC 6665 §4.5.2
            Self::OutOfOrder => 500,              // RFC 3261 §12.2.2
            Self::IntervalTooBrief { .. } => 423, // RFC 6665 §4.2.1.1
            Self::TooManySubscriptions => 480,    // 403 would tell the watcher that it is blocked
        }
    }

    /// The reason phrase, where another than the status's own is asked for; else empty.
    pub fn phrase(&self) -> &'static str {
        // RFC 6665 §4.5.2: the subscriber is told to take a dialog of its own.
        if *self == Self::DialogSharing { "Dialog Sharing Not Supported" } else { "" }
    }

    /// The fields that go with it.
    pub fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::Publication(compositor::Refusal::IntervalTooBrief { min })
            | Self::IntervalTooBrief { min } => {
                response.number(Name::MinExpires, min.as_secs());
            }
            Self::Publication(compositor::Refusal::TooMany) | Self::TooManySubscriptions => {
                response.number(Name::RetryAfter, RETRY_AFTER.as_secs());
            }
            Self::UnsupportedBody => {
                response.field(Name::Accept, PIDF);
            }
            Self::UnsupportedCoding => {
                response.field(Name::AcceptEncoding, CODINGS);
            }
            Self::BrokenBody(_)
            | Self::Publication(compositor::Refusal::UnknownEntityTag | compositor::Refusal::NoBody)
            | Self::Forbidden
            | Self::BodyTooLarge { .. }
            | Self::NotAcceptable
            | Self::Dialog(_)
            | Self::NoSubscription
            | Self::DialogSharing
            | Self::OutOfOrder => {}
        }
    }
}
