//! The answer to a request whose sender is not proven.

use core::fmt;

use sip::{Name, Writer};

/// Why a request was not taken: for logs and counters. A peer learns the status only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// No credentials for our realm, or none that we can check.
    NoCredentials,
    /// Unknown user or wrong password: not told apart.
    WrongCredentials,
    /// The right password over a nonce that is foreign, expired or used; a retry with the new one will do.
    StaleNonce,
    /// Credentials with parameters missing, or not of their syntax.
    MalformedCredentials,
    /// Credentials made for another Request-URI.
    ForeignUri,
    /// A user who may not use the identity in From.
    ForeignIdentity,
    /// From (and P-Asserted-Identity, where trusted) names nobody.
    NoIdentity,
}

impl Cause {
    /// The status that answers it. The one place that names these.
    pub const fn status(self) -> u16 {
        match self {
            Self::NoCredentials | Self::WrongCredentials | Self::StaleNonce => 401, // RFC 3261 §22.2
            Self::MalformedCredentials | Self::ForeignUri | Self::NoIdentity => 400, // RFC 7616 §3.4, §3.4.6
            Self::ForeignIdentity => 403,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredentials => "no usable credentials for our realm",
            Self::WrongCredentials => "unknown user or wrong password",
            Self::StaleNonce => "a nonce that is foreign, expired or used",
            Self::MalformedCredentials => "malformed credentials",
            Self::ForeignUri => "credentials made for another Request-URI",
            Self::ForeignIdentity => "an identity that is not the user's",
            Self::NoIdentity => "no identity in From",
        })
    }
}

/// The refusal of a request whose sender is not proven: a 401 with one challenge per algorithm, or a 400 or 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    cause: Cause,
    fields: Vec<String>,
}

impl Challenge {
    pub(super) fn new(cause: Cause, fields: Vec<String>) -> Self {
        Self { cause, fields }
    }

    /// Why; not for the peer.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The status of the response: 401, 400 or 403.
    pub fn status(&self) -> u16 {
        self.cause.status()
    }

    /// The values of the WWW-Authenticate fields, most preferred algorithm first (RFC 8760 §2.3); none but in a 401.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Adds the WWW-Authenticate fields to a response that was begun with [`status`](Self::status).
    pub fn write(&self, response: &mut Writer<'_>) {
        for field in &self.fields {
            response.field(Name::WwwAuthenticate, field);
        }
    }
}
