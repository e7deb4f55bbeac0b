//! `org.openmobilealliance.user-profile` and its locked variant: who a user is, OMA XDM.

use documents::user_profile::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Place, Right, Rights, Usage};
use crate::xui;

/// One document for each user, of one grammar, with two sets of rights.
#[derive(Debug)]
pub(super) struct UserProfile {
    auid: &'static str,
    document: &'static str,
    rights: Rights,
}

impl UserProfile {
    /// The user writes it, and every user reads it.
    pub(super) fn open() -> Self {
        Self {
            auid: "org.openmobilealliance.user-profile",
            document: "user-profile",
            rights: Rights { read: Right::Authenticated, write: Right::Owner },
        }
    }

    /// The provider writes it, and the user reads it.
    pub(super) fn locked() -> Self {
        Self {
            auid: "org.openmobilealliance.locked-user-profile",
            document: "locked-user-profile",
            rights: Rights { read: Right::Owner, write: Right::Provider },
        }
    }
}

impl Usage for UserProfile {
    fn definition(&self) -> Definition<'_> {
        Definition { auid: self.auid, media_type: MEDIA_TYPE, namespace: NAMESPACE, grammar: Some(&GRAMMAR) }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match tree {
            Tree::User(_) if *name == *self.document => Place::Stored,
            _ => Place::Barred("The document has the name of its usage, and lies in a user's tree."),
        }
    }

    fn rights(&self, tree: &Tree) -> Rights {
        match tree {
            Tree::User(_) => self.rights,
            Tree::Global => Rights { read: Right::Authenticated, write: Right::Provider },
        }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        let profile = draft.tree.root().child(NAMESPACE, "user-profile");
        let uri = profile.and_then(|profile| profile.attribute("", "uri"));
        let user = uri.and_then(|uri| xui::same_owner(&uri.value.text()));
        if user.as_ref().map(sip::Aor::as_str) == draft.xui() {
            return Ok(());
        }
        Err(Refusal::constraint("Wrong User Profile URI"))
    }
}
