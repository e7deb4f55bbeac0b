//! How a command ends, and what to do about it.

use std::process::ExitCode;

use sip_stack::endpoint::Failure;
use sip_stack::subscriber::Termination;

use crate::error::describe;
use crate::{FetchError, Identity, PublishError};

/// The end of a command; the number is the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or ended by the user.
    Done = 0,
    /// Something of our own: a file that cannot be read, output that cannot be written.
    Failure = 1,
    /// The server refused it for good.
    Refused = 3,
    /// The password is missing or wrong.
    Password = 4,
    /// The server cannot be reached, or does not answer.
    Unreachable = 5,
    /// The server ended the subscription for good: the watcher was rejected, or there is nothing to watch.
    Ended = 6,
}

/// For the help text.
pub(super) const CODES: &str = "Exit codes: 0 done or interrupted, 1 a failure here, 2 wrong usage, 3 refused by the \
    server,\n4 password missing or wrong, 5 server unreachable or silent, 6 ended by the server";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed request: what happened and what to do, and how the command ends.
pub(super) fn explain(failure: &Failure, who: &Identity, has_password: bool, server: &str) -> (String, Exit) {
    match failure {
        Failure::WrongPassword => (
            format!(
                "401: the server refused the password of {who}; pass --password or set ROLLCALL_PASSWORD"
            ),
            Exit::Password,
        ),
        Failure::Unanswerable if has_password => (
            format!(
                "401: the server asks {who} for a proof that is not Digest with MD5, SHA-256 or SHA-512-256"
            ),
            Exit::Password,
        ),
        Failure::Unanswerable => (
            format!(
                "401: the server asks for the password of {who}; pass --password or set ROLLCALL_PASSWORD"
            ),
            Exit::Password,
        ),
        Failure::Refused { status, .. } => {
            (format!("{}; {}", describe(failure), advice(*status, who)), Exit::Refused)
        }
        Failure::Unavailable { .. } => (format!("{}; try again later", describe(failure)), Exit::Unreachable),
        Failure::TimedOut => (
            format!(
                "no answer from {server}; is a server running there? choose one with --server host:port, or try --tcp"
            ),
            Exit::Unreachable,
        ),
        Failure::Untold => (
            format!(
                "{server} accepted the subscription, but no NOTIFY came; something on the way may keep it back: try --tcp"
            ),
            Exit::Unreachable,
        ),
        Failure::Unreachable => {
            (format!("no way to {server}; choose a server with --server host:port"), Exit::Unreachable)
        }
    }
}

/// A failure after which the client goes on by itself: there is nothing to do about it.
pub(super) fn excuse(failure: &Failure, server: &str) -> String {
    match failure {
        Failure::Refused { status: 481, .. } | Failure::Unavailable { status: 481, .. } => {
            "the server has forgotten the subscription".to_owned()
        }
        Failure::TimedOut => format!("no answer from {server}"),
        Failure::Untold => format!("no NOTIFY from {server}"),
        Failure::Unreachable => format!("the way to {server} is lost"),
        Failure::Refused { .. }
        | Failure::Unavailable { .. }
        | Failure::WrongPassword
        | Failure::Unanswerable => describe(failure),
    }
}

fn advice(status: u16, who: &Identity) -> String {
    match status {
        403 => format!("{who} may not do this: check who you are, and what the server allows"),
        404 => "the server does not know this address: check its spelling".to_owned(),
        406 | 415 => "the server has no presence documents of type application/pidf+xml".to_owned(),
        413 => "what you say is too long for the server: shorten it".to_owned(),
        405 | 489 | 501 => "the server does not offer presence: choose another with --server".to_owned(),
        423 => "the server wants a longer lifetime: choose one with --expires".to_owned(),
        300..400 => "the server sends you elsewhere: choose that server with --server".to_owned(),
        _ => "the server's log says why".to_owned(),
    }
}

/// The end of a subscription.
pub(super) fn explain_end(
    why: &Termination,
    target: &Identity,
    who: &Identity,
    has_password: bool,
    server: &str,
) -> (String, Exit) {
    match why {
        Termination::Unsubscribed | Termination::Fetched => (String::new(), Exit::Done),
        Termination::Ended { reason } => (explain_reason(reason, target, who), Exit::Ended),
        Termination::Failed(failure) => explain(failure, who, has_password, server),
    }
}

fn explain_reason(reason: &str, target: &Identity, who: &Identity) -> String {
    match reason {
        "rejected" => format!("rejected: {target} does not let {who} watch"),
        "noresource" => format!("noresource: there is no presence of {target} here"),
        "giveup" => format!("giveup: {target} did not say in time whether {who} may watch; try again later"),
        "invariant" => format!("invariant: the presence of {target} never changes"),
        other => format!("{other}: the server ended it"),
    }
}

pub(super) fn explain_publish(
    error: &PublishError,
    who: &Identity,
    has_password: bool,
    server: &str,
) -> (String, Exit) {
    match error {
        PublishError::Failed(failure) => explain(failure, who, has_password, server),
        PublishError::Closed => (error.to_string(), Exit::Failure),
    }
}

pub(super) fn explain_fetch(
    error: &FetchError,
    target: &Identity,
    who: &Identity,
    has_password: bool,
    server: &str,
) -> (String, Exit) {
    match error {
        FetchError::Failed(failure) => explain(failure, who, has_password, server),
        FetchError::Ended(reason) => (explain_reason(reason, target, who), Exit::Ended),
        FetchError::Closed => (error.to_string(), Exit::Failure),
    }
}
