//! Every lawful answer to a SUBSCRIBE that is not a success and has nothing to do with what is subscribed to.

use core::time::Duration;

use sip::{Name, Writer};

use crate::dialog::DialogDefect;

/// Why a SUBSCRIBE is not taken, whatever its package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The SUBSCRIBE makes no dialog.
    #[error(transparent)]
    Dialog(#[from] DialogDefect),
    /// There is no such subscription, or it is over.
    #[error("no subscription belongs to this dialog")]
    NoSubscription,
    /// The caller is not the one who subscribed.
    #[error("the subscription is somebody else's")]
    Stranger,
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
    /// There are as many subscriptions as there may be.
    #[error("there are as many subscriptions as there may be")]
    TooMany,
}

/// When a peer may try again after a limit was in its way.
pub const RETRY_AFTER: Duration = Duration::from_secs(30);

impl Refusal {
    /// The status that says it: the one place that names these codes.
    pub fn status(&self) -> u16 {
        match self {
            Self::Dialog(_) => 400,
            Self::NoSubscription => 481, // RFC 6665 §4.2.1
            Self::Stranger => 403,
            Self::DialogSharing => 403,           // RFC 6665 §4.5.2
            Self::OutOfOrder => 500,              // RFC 3261 §12.2.2
            Self::IntervalTooBrief { .. } => 423, // RFC 6665 §4.2.1.1
            Self::TooMany => 480,                 // 403 would tell the subscriber that it is blocked
        }
    }

    /// The reason phrase, where another than the status's own is asked for; else empty.
    pub fn phrase(&self) -> &'static str {
        match self {
            Self::Dialog(DialogDefect::Contact) => "Bad Contact", // RFC 3261 §21.4.1 wants to know what is wrong
            Self::Dialog(DialogDefect::RecordRoute) => "Bad Record-Route",
            Self::Dialog(DialogDefect::Identification) => "Bad Dialog",
            // RFC 6665 §4.5.2: the subscriber is told to take a dialog of its own.
            Self::DialogSharing => "Dialog Sharing Not Supported",
            // Without the field's name: there are clients that take the first one in a message for the field (SIPp).
            Self::OutOfOrder => "Request Out Of Order",
            Self::NoSubscription | Self::Stranger | Self::IntervalTooBrief { .. } | Self::TooMany => "",
        }
    }

    /// The fields that go with it.
    pub fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::IntervalTooBrief { min } => {
                response.number(Name::MinExpires, min.as_secs());
            }
            Self::TooMany => {
                response.number(Name::RetryAfter, RETRY_AFTER.as_secs());
            }
            Self::Dialog(_)
            | Self::NoSubscription
            | Self::Stranger
            | Self::DialogSharing
            | Self::OutOfOrder => {}
        }
    }
}
