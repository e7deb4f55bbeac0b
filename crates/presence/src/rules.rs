//! Who may see what: the only door to a `View`, and a NOTIFY body is made from nothing else.

mod authorization;
mod conditions;
mod decision;
mod domain;
mod explain;
mod requester;

use std::sync::Arc;

use documents::pidf::Presence;
use sip::Aor;
use sip_stack::subscriptions::Content;

pub use authorization::{Authorization, Judge, RuleClass, Unreadable};
pub use decision::{Decision, Defaults};
pub use explain::{Outcome, Verdict};
pub use requester::{Circumstances, Lists, Members, Requester};

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
        match self.handling(identity) {
            Handling::Allow => {
                Some(View { content: Arc::clone(&composed.content), fingerprint: composed.fingerprint })
            }
            Handling::Block => None,
        }
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

/// What a presence document needs besides itself.
const PIDF_FIELDS: &str = "Content-Type: application/pidf+xml\r\n";

/// The composed document of a presentity, printed once per change.
#[derive(Clone, Debug)]
pub struct Composed {
    content: Arc<Content>,
    fingerprint: u64,
}

impl Composed {
    /// Keeps a document for its views.
    pub fn new(document: &Presence) -> Self {
        let content = Content { fields: PIDF_FIELDS.into(), body: Arc::clone(document.bytes()) };
        Self { content: Arc::new(content), fingerprint: document.fingerprint() }
    }
}

/// What one watcher may see. Only [`Rules::view`] makes one.
#[derive(Clone, Debug)]
pub struct View {
    content: Arc<Content>,
    fingerprint: u64,
}

impl View {
    /// The document as it goes out: `application/pidf+xml`.
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// Equal for equal documents, in this process and the next.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
