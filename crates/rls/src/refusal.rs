//! Every lawful answer of the Resource List Server that is not a success, and the status that says it.

use documents::resource_lists::MEDIA_TYPE;
use sip::{Name, Writer};
use sip_stack::subscriptions;

/// The option-tag of list subscriptions, RFC 4662 §4.1.
pub const EVENTLIST: &str = "eventlist";

/// The option-tag of lists in requests, RFC 5367 §9.2.
pub const RECIPIENT_LIST_SUBSCRIBE: &str = "recipient-list-subscribe";

/// Why the Resource List Server will not take a SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What holds for every subscription.
    #[error(transparent)]
    Subscription(#[from] subscriptions::Refusal),
    /// The URI is a list, and the watcher does not say that it understands lists.
    #[error("the watcher does not support lists")]
    Unsupporting,
    /// The watcher reads no meta-information.
    #[error("the watcher accepts no meta-information of lists")]
    NotAcceptable,
    /// There is no such list.
    #[error("there is no such list")]
    Unknown,
    /// The list is not for the watcher.
    #[error("the list is not for this watcher")]
    Forbidden,
    /// The list is not served with this event package.
    #[error("the list is not served with this event package")]
    Package,
    /// The list cannot be put together: a reference leads nowhere, or round in a circle.
    #[error("the list cannot be put together")]
    Unresolvable,
    /// A list in a SUBSCRIBE that is not the first of its dialog.
    #[error("a list in a refresh")]
    ListInRefresh,
    /// A list in a form or coding that we do not know, or a body that is no list.
    #[error("the body is no list that we know")]
    UnknownForm,
    /// A list by its type, but not in truth.
    #[error("the list is broken: {0}")]
    Broken(String),
    /// A list with more resources, or octets, than we take.
    #[error("the list is larger than we take")]
    TooLarge,
}

impl Refusal {
    /// The status that says it: the one place that names these codes.
    pub fn status(&self) -> u16 {
        match self {
            Self::Subscription(refusal) => refusal.status(),
            Self::Unsupporting => 421,  // RFC 4662 §4.1
            Self::NotAcceptable => 406, // RFC 4662 §4.3
            Self::Unknown => 404,
            Self::Forbidden => 403,                         // RFC 4662 §4.4
            Self::Package => 489,                           // RFC 4826 §4.5
            Self::Unresolvable => 502,                      // RFC 4826 §4.5
            Self::ListInRefresh | Self::UnknownForm => 415, // RFC 5367 §5.1, RFC 3261 §21.4.13
            Self::Broken(_) => 400,
            Self::TooLarge => 413, // RFC 5363 §5.3
        }
    }

    /// The reason phrase, where another than the status's own is asked for; else empty.
    pub fn phrase(&self) -> &'static str {
        if let Self::Subscription(refusal) = self { refusal.phrase() } else { "" }
    }

    /// The fields that go with it.
    pub fn print(&self, response: &mut Writer<'_>) {
        match self {
            Self::Subscription(refusal) => refusal.print(response),
            Self::Unsupporting => {
                response.field(Name::Require, EVENTLIST); // RFC 3261 §21.4.16
            }
            Self::ListInRefresh => {
                response.field(Name::Accept, ""); // none at all, RFC 3261 §20.1
            }
            Self::UnknownForm => {
                response.field(Name::Accept, MEDIA_TYPE);
                response.field(Name::AcceptEncoding, sip::CODINGS);
            }
            Self::NotAcceptable
            | Self::Unknown
            | Self::Forbidden
            | Self::Package
            | Self::Unresolvable
            | Self::Broken(_)
            | Self::TooLarge => {}
        }
    }
}
