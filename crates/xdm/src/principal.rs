//! Who asks.

use sip::Aor;

/// The caller of a request, as the entrance has established it.
///
/// What a client claims is not here: identities are proven (digest, certificate) or asserted by a peer that is trusted to
/// assert them, and the entrance has taken every other assertion out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody has shown who he is.
    Anonymous,
    /// A user, with all the identities that are his; the first is the one he asks as. Never empty.
    User(Vec<Aor>),
    /// A trusted element of the domain, such as a Presence Server or a Resource List Server: reads everything, writes
    /// nothing.
    Element,
    /// The service provider: does everything.
    Provider,
}

impl Principal {
    /// A user with one identity.
    pub fn user(identity: Aor) -> Self {
        Self::User(vec![identity])
    }

    /// Whether this is the user whose tree it is.
    pub fn is(&self, xui: &str) -> bool {
        match self {
            Self::User(identities) => identities.iter().any(|identity| identity.as_str() == xui),
            Self::Anonymous | Self::Element | Self::Provider => false,
        }
    }
}
