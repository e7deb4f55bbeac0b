//! What holds for a whole domain: who may watch and publish until a presentity has rules of its own, and how its rules and
//! publications are taken.

use sip::Aor;
use sip_stack::auth::Entitled;
use xcap::Roots;

use crate::composition;
use crate::rules::{Decision, Defaults};

/// Who may watch the presentities of this server that have no rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Everyone whose identity is known, from any domain.
    Everyone,
    /// Users of the presentity's own domain.
    OwnDomain,
    /// Each presentity only itself.
    Oneself,
}

/// Who may publish for a presentity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    /// Everyone whose identity is known: open mode only.
    Everyone,
    /// The presentity itself, and whom its publication rules allow.
    Oneself,
}

/// The policy table of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may watch.
    pub watch: Watch,
    /// Who may publish.
    pub publish: Publish,
    /// What becomes of watchers whom neither rules nor `watch` mention, and how rules are read.
    pub defaults: Defaults,
    /// How several publications become one document.
    pub composition: composition::Policy,
    /// The XCAP roots that are known: rules name lists by URIs under them.
    pub roots: Roots,
    /// Domains and addresses-of-record that may watch at all, before anybody's rules; empty for all.
    pub entitled: Entitled,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            watch: Watch::OwnDomain,
            publish: Publish::Oneself,
            defaults: Defaults::default(),
            composition: composition::Policy::default(),
            roots: Roots::default(),
            entitled: Entitled::default(),
        }
    }
}

impl Policy {
    /// What becomes of a watcher of a presentity that has no rules of its own.
    pub(crate) fn decide(&self, presentity: &Aor, identities: &[Aor]) -> Decision {
        let is_own = |user: &Aor| user == presentity;
        let is_near = |user: &Aor| user.domain().is_some() && user.domain() == presentity.domain();
        let allowed = match self.watch {
            Watch::Everyone => true,
            Watch::OwnDomain => identities.iter().any(|user| is_own(user) || is_near(user)),
            Watch::Oneself => identities.iter().any(is_own),
        };
        if allowed { Decision::everything() } else { self.defaults.unmatched() }
    }

    /// Whether a watcher is entitled to the service at all.
    pub(crate) fn entitles(&self, identities: &[Aor]) -> bool {
        self.entitled.has(identities)
    }
}
