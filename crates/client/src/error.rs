//! Why something did not work, in words for people.

use core::net::SocketAddr;
use std::io;

use sip_stack::endpoint::Failure;
use transport::dns::LocateError;

/// Why there is no way to the server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server's name leads nowhere.
    #[error("no server found for {host}: {cause}")]
    Locate {
        /// The name.
        host: String,
        /// Why.
        cause: LocateError,
    },
    /// There is nobody to ask for names.
    #[error("names cannot be looked up: {0}")]
    NameServers(io::Error),
    /// The server is no host with or without a port.
    #[error("{0:?} is no server: write host or host:port")]
    Server(String),
    /// No socket.
    #[error("no socket at {address}: {cause}")]
    Bind {
        /// Where it was to be.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The server takes no connection.
    #[error("no connection to {address}: {cause}")]
    Connect {
        /// Where it was looked for.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
}

/// Why nothing was published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The server did not take it.
    #[error("{}", describe(.0))]
    Failed(Failure),
    /// The client was closed meanwhile.
    #[error("the client was closed")]
    Closed,
}

/// Why there is no presence to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server did not take the request.
    #[error("{}", describe(.0))]
    Failed(Failure),
    /// The server ended the subscription for this reason.
    #[error("the server ended it: {0}")]
    Ended(String),
    /// The client was closed meanwhile.
    #[error("the client was closed")]
    Closed,
}

/// A failure in a few words, the status first if there is one.
pub(crate) fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Refused { status, reason } | Failure::Unavailable { status, reason } => {
            format!("{status}: {reason}")
        }
        Failure::WrongPassword => "401: the server refused the password".to_owned(),
        Failure::Unanswerable => "401: the server asks for a password".to_owned(),
        Failure::TimedOut => "the server did not answer in time".to_owned(),
        Failure::Untold => "the server accepted it, but no NOTIFY came".to_owned(),
        Failure::Unreachable => "the connection failed".to_owned(),
    }
}
