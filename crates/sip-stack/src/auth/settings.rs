//! What the authentication of callers is told at its start.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::{Algorithm, Network};

/// Who is believed to be whom. The default believes nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Takes From at its word. For trials only.
    pub open: bool,
    /// The realm of challenges; also the domain of users without one.
    pub realm: String,
    /// The users by `user@domain`, or by `user` where the domain is the realm. Names are compared as they stand.
    pub users: BTreeMap<String, Secret>,
    /// Peers whose P-Asserted-Identity is believed. A datagram's source address can be forged by whoever can inject
    /// packets into the network it names: a range belongs here only if that is kept out.
    pub trusted: Vec<Network>,
    /// What is offered, most preferred first (RFC 8760 §2.3).
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce serves.
    pub nonce_lifetime: Duration,
    /// How many nonces' counts are remembered. A client whose nonce was forgotten is sent a new one.
    pub nonces: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open: false,
            realm: String::new(),
            users: BTreeMap::new(),
            trusted: Vec::new(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_lifetime: Duration::from_secs(300),
            nonces: 100_000,
        }
    }
}

impl Settings {
    /// The users who cannot log in with an algorithm that is offered, because their secret lacks it: a client answers
    /// the first challenge it knows and does not come back with another. For a warning at the start.
    pub fn lacking(&self) -> impl Iterator<Item = (&str, Algorithm)> {
        self.users.iter().flat_map(|(name, secret)| {
            let missing = self.algorithms.iter().filter(|algorithm| !secret.serves(**algorithm));
            missing.map(|algorithm| (name.as_str(), *algorithm))
        })
    }
}

/// What proves a user. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// Hashes of `username:realm:password` in hexadecimal, with the username as the user's device sends it.
    Ha1 {
        /// For MD5.
        md5: Option<String>,
        /// For SHA-256.
        sha256: Option<String>,
    },
}

impl Secret {
    fn serves(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Password(_) => true,
            Self::Ha1 { .. } => self.stored(algorithm).is_some(),
        }
    }

    /// The stored hash for an algorithm.
    pub(super) fn stored(&self, algorithm: Algorithm) -> Option<&str> {
        let Self::Ha1 { md5, sha256 } = self else { return None };
        match algorithm {
            Algorithm::Md5 => md5.as_deref(),
            Algorithm::Sha256 => sha256.as_deref(),
            Algorithm::Sha512_256 => None,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(..)",
            Self::Ha1 { .. } => "Ha1(..)",
        })
    }
}
