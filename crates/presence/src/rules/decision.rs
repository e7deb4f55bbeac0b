//! What rules decide.

use documents::rules::{Permissions, SubHandling};

/// What becomes of a watcher. Watchers with equal decisions are one class: they have one view.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decision {
    /// What becomes of its subscription.
    pub handling: SubHandling,
    /// What it may see; nothing unless `handling` is [`SubHandling::Allow`]. In canonical form.
    pub permissions: Permissions,
}

impl Decision {
    /// A decision without permissions.
    pub fn new(handling: SubHandling) -> Self {
        Self { handling, permissions: Permissions::default() }
    }

    /// The watcher sees everything.
    pub fn everything() -> Self {
        Self { handling: SubHandling::Allow, permissions: Permissions::everything() }
    }

    pub(super) fn allow(permissions: Permissions) -> Self {
        Self { handling: SubHandling::Allow, permissions: permissions.canonical() }
    }

    /// What both would reveal, where it is not known which of them is right.
    pub(super) fn least(self, other: Self) -> Self {
        match self.handling.cmp(&other.handling) {
            core::cmp::Ordering::Less => self,
            core::cmp::Ordering::Greater => other,
            core::cmp::Ordering::Equal => {
                let mut permissions = self.permissions;
                permissions.restrict(&other.permissions);
                Self { handling: self.handling, permissions: permissions.canonical() }
            }
        }
    }
}

/// What holds where a presentity's rules say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// For watchers that no rule matches. The OMA has them blocked.
    pub unmatched: SubHandling,
    /// A watcher whose rules allow and have no transformation at all sees everything. RFC 5025 would have it see nothing;
    /// some clients write such rules and mean everything.
    pub bare_allow_shows_all: bool,
}

impl Defaults {
    /// The decision on watchers whom no rule matches.
    pub fn unmatched(&self) -> Decision {
        match self.unmatched {
            SubHandling::Allow => Decision::everything(),
            handling => Decision::new(handling),
        }
    }
}
