//! One document of another server, as it is known here.

use core::time::Duration;

use sip_stack::Timestamp;
use xcap::Version;

use super::Terms;

/// Lists: where they cannot be had, what refers to them goes on without them.
pub(super) const LISTS: &str = "resource-lists";
/// What decides who may see: the longer it cannot be confirmed, the less it is worth.
const RULES: [&str; 3] =
    ["pres-rules", "org.openmobilealliance.pres-rules", "org.openmobilealliance.pub-rules"];

/// A document, or that there is none.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// As the server has it; `None` until it has answered.
    pub(super) known: Option<Option<Version>>,
    /// As those were told who know of it; `None` until somebody does.
    pub(super) shown: Option<Option<Version>>,
    /// When the server said last that it is so.
    pub(super) confirmed_at: Timestamp,
    /// A fetch is under way, and another is to follow it.
    pub(super) asked: bool,
    pub(super) again: bool,
    /// What is under way may be older than what was told meanwhile.
    pub(super) overtaken: bool,
    pub(super) fetched_at: Timestamp,
    /// A fetch has failed since the server answered last.
    pub(super) failed: bool,
    /// It is given up: nobody could confirm it for too long.
    pub(super) void: Option<Version>,
    /// As entered among those that are due, and those that grow old.
    pub(super) due: Option<Timestamp>,
    pub(super) aging: Option<Timestamp>,
}

/// What may be said of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// It is being found out.
    Unknown,
    /// It cannot be found out now.
    Unavailable,
    /// This, or that there is none.
    Known(Option<Version>),
}

impl Hold {
    /// The version that the server has, as far as is known.
    pub(super) fn version(&self) -> Option<&Version> {
        self.known.as_ref()?.as_ref()
    }

    /// What may be said of it now.
    pub(super) fn face(&self) -> Face {
        match (&self.void, &self.known) {
            (Some(void), _) => Face::Known(Some(void.clone())),
            (None, Some(known)) => Face::Known(known.clone()),
            (None, None) if self.failed => Face::Unavailable,
            (None, None) => Face::Unknown,
        }
    }
}

/// For how long a document of a usage counts without being confirmed; `None`: for good. That there are no rules counts no
/// longer than rules; that there is nothing else is harmless.
pub(super) fn patience(terms: &Terms, auid: &str, is_there: bool) -> Option<Duration> {
    if RULES.contains(&auid) { Some(terms.stale_rules) } else { is_there.then_some(terms.stale) }
}
