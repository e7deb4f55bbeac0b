//! Who may see what: the only door to a `View`, and a NOTIFY body is made from nothing else.

mod authorization;
mod conditions;
mod decision;
mod domain;
mod explain;
mod filter;
mod lists;
mod requester;
mod view;

use documents::rules::SubHandling;
use sip::Aor;

pub use authorization::{Authorization, Judge, RuleClass, Unreadable};
pub use decision::{Decision, Defaults};
pub use explain::{Outcome, Verdict};
pub use filter::{Removal, published};
pub use lists::Memberships;
pub use requester::{Circumstances, Lists, Members, Requester};
pub use view::{Composed, View};

use crate::policy::{Policy, Publish, Watch};

/// Sub-handling, RFC 5025 §3.2.1: what becomes of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// The watcher may not watch, and is told so.
    Block,
    /// The watcher sees what its view shows.
    Allow,
}

/// The rules in force for one presentity. Until presentities write their own, the policy of their domain.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    policy: &'a Policy,
    presentity: &'a Aor,
}

impl<'a> Rules<'a> {
    /// The rules of `presentity`.
    pub fn of(policy: &'a Policy, presentity: &'a Aor) -> Self {
        Self { policy, presentity }
    }

    /// Whether a watcher known by `identity`, an address-of-record, may watch.
    pub fn handling(&self, identity: &str) -> Handling {
        let presentity = self.presentity.as_str();
        let allowed = match self.policy.watch {
            Watch::Everyone => true,
            Watch::OwnDomain => identity == presentity || same_domain(identity, self.presentity),
            Watch::Oneself => identity == presentity,
        };
        if allowed { Handling::Allow } else { Handling::Block }
    }

    /// What the watcher may see of the composed document; `None` if it may see nothing at all.
    pub fn view(&self, composed: &Composed, identity: &str) -> Option<View> {
        let decision = match self.handling(identity) {
            Handling::Allow => Decision::everything(),
            Handling::Block => Decision::new(SubHandling::Block),
        };
        composed.view(self.presentity, &decision)
    }

    /// Whether a source known by one of `identities` may publish for the presentity.
    pub fn may_publish(&self, identities: &[Aor]) -> bool {
        match self.policy.publish {
            Publish::Everyone => true,
            Publish::Oneself => identities.contains(self.presentity),
        }
    }
}

fn same_domain(identity: &str, presentity: &Aor) -> bool {
    let domain = identity.split_once('@').map(|(_, domain)| domain);
    domain.is_some() && domain == presentity.domain()
}
