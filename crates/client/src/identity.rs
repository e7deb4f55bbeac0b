//! A user as people write one.

use core::fmt;
use core::str::FromStr;

use sip::{Aor, FieldError};

/// A user: `bob@example.com`, `sip:bob@example.com` or `pres:bob@example.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Aor);

/// Why a text names no user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no user: write user@domain")]
pub struct IdentityError {
    text: String,
    #[source]
    cause: Option<FieldError>,
}

impl Identity {
    /// The canonical SIP URI.
    pub fn aor(&self) -> &Aor {
        &self.0
    }

    /// The part before the `@`.
    pub fn user(&self) -> String {
        self.0.user().into_owned()
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.0.domain().expect("an identity is made of a user and a domain")
    }

    /// The `entity` of documents about the user, RFC 3863 §4.1.1.
    pub(crate) fn entity(&self) -> String {
        format!("pres:{self}")
    }
}

impl fmt::Display for Identity {
    /// `user@domain`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().strip_prefix("sip:").unwrap_or(self.0.as_str()))
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let text = text.trim();
        let has_scheme = ["sip:", "sips:", "pres:"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let uri = if has_scheme { text.to_owned() } else { format!("sip:{text}") };
        match Aor::parse(&uri) {
            Ok(aor) if aor.domain().is_some() => Ok(Self(aor)),
            Ok(_) => Err(IdentityError { text: text.to_owned(), cause: None }),
            Err(cause) => Err(IdentityError { text: text.to_owned(), cause: Some(cause) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_written_in_many_ways() {
        for text in
            ["bob@example.com", " sip:bob@EXAMPLE.com ", "SIPS:bob@example.com:5061", "pres:bob@example.com"]
        {
            let identity: Identity = text.parse().unwrap();
            assert_eq!(identity.aor().as_str(), "sip:bob@example.com", "{text}");
            assert_eq!(identity.to_string(), "bob@example.com");
            assert_eq!((identity.user().as_str(), identity.domain()), ("bob", "example.com"));
        }
    }

    #[test]
    fn what_names_no_user_is_refused() {
        for text in
            ["", "bob", "example.com", "bob@", "@example.com", "tel:+15550100", "bob smith@example.com"]
        {
            let error = text.parse::<Identity>().unwrap_err();
            assert!(error.to_string().contains("user@domain"), "{error}");
        }
    }
}
