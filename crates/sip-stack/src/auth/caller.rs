//! Who sent a request, proven.

use sip::Aor;

/// How an identity was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// The sender knows the password of the user.
    Digest,
    /// A peer that we trust says so, RFC 3325 §5.
    TrustedPeer,
    /// Not at all: open mode takes From at its word.
    Open,
}

/// Who sent a request. Only [`Authenticator`](super::Authenticator) makes one, so whoever is handed a `Caller` need
/// not ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    identities: Vec<Aor>,
    proof: Proof,
    anonymous: bool,
}

impl Caller {
    /// `identities` has at least one element.
    pub(super) fn new(identities: Vec<Aor>, proof: Proof, anonymous: bool) -> Self {
        assert!(!identities.is_empty(), "a caller has an identity");
        Self { identities, proof, anonymous }
    }

    /// The first identity: the SIP one where there is a `tel` one too.
    pub fn aor(&self) -> &Aor {
        &self.identities[0]
    }

    /// All identities of the caller, at least one: rules may name any of them.
    pub fn identities(&self) -> &[Aor] {
        &self.identities
    }

    /// Whether others than we ourselves must not learn the identity: `Privacy: id` (RFC 3325 §9.3), or an anonymous
    /// From (RFC 3323 §4.1.1.3).
    pub fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// How the identity was proven.
    pub fn proof(&self) -> Proof {
        self.proof
    }
}
