//! Who is known to be a user: those with a password here. Others may be, too.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use sip::Aor;

use crate::config::Config;

/// The users of the configuration, as it is now.
#[derive(Debug)]
pub struct Roll(RwLock<BTreeSet<Aor>>);

impl Roll {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Self {
        Self(RwLock::new(users(config)))
    }

    /// Takes over those of another one.
    pub fn reconfigure(&self, config: &Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = users(config);
    }

    /// Whether it has a user of this name.
    pub fn has(&self, user: &Aor) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(user)
    }
}

fn users(config: &Config) -> BTreeSet<Aor> {
    config.web_authentication().users.keys().filter_map(|name| xdm::owner(name)).collect()
}
