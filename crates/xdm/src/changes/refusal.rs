//! Every lawful answer to a SUBSCRIBE for changes that is not a success.

use sip::{Name, Writer};
use sip_stack::subscriptions;

use super::wish::LIST;

/// Why a SUBSCRIBE for `xcap-diff` is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What holds for every SUBSCRIBE.
    #[error(transparent)]
    Subscription(#[from] subscriptions::Refusal),
    /// The body is no list of resources.
    #[error("the body is not a resource list")]
    UnsupportedBody,
    /// The body is in a coding that we cannot undo.
    #[error("the body's coding is unknown")]
    UnsupportedCoding,
    /// The body is a list by its type, but not in truth.
    #[error("the list is broken: {0}")]
    BrokenBody(String),
    /// The body is larger, unpacked, than may be.
    #[error("a body of more than {max} octets")]
    BodyTooLarge {
        /// Octets, unpacked.
        max: usize,
    },
    /// The body names more resources than may be.
    #[error("more than {max} resources")]
    TooManyResources {
        /// How many may be.
        max: usize,
    },
}

impl Refusal {
    /// The status that says it: the one place that names these codes.
    pub fn status(&self) -> u16 {
        match self {
            Self::Subscription(refusal) => refusal.status(),
            Self::UnsupportedBody | Self::UnsupportedCoding => 415, // RFC 3261 §21.4.13
            Self::BrokenBody(_) => 400,
            Self::BodyTooLarge { .. } | Self::TooManyResources { .. } => 413, // RFC 3261 §21.4.11
        }
    }

    /// The reason phrase, where another than the status's own is asked for; else empty.
    pub fn phrase(&self) -> &'static str {
        match self {
            Self::Subscription(refusal) => refusal.phrase(),
            Self::UnsupportedBody
            | Self::UnsupportedCoding
            | Self::BrokenBody(_)
            | Self::BodyTooLarge { .. }
            | Self::TooManyResources { .. } => "",
        }
    }

    /// The fields that go with it.
    pub fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::Subscription(refusal) => refusal.print(response),
            Self::UnsupportedBody => {
                response.field(Name::Accept, LIST);
            }
            Self::UnsupportedCoding => {
                response.field(Name::AcceptEncoding, sip::CODINGS);
            }
            Self::BrokenBody(_) | Self::BodyTooLarge { .. } | Self::TooManyResources { .. } => {}
        }
    }
}
