//! `org.openmobilealliance.pub-rules-view`: what the publication rules of a user let the one who asks do.

use documents::rules::{COMMON_POLICY, MEDIA_TYPE};
use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Generated, Place, Right, Rights, Usage};

/// One document for each user, generated, and another one for each who asks. Its name, its media type and what it says are
/// our choice, as no source gives them.
#[derive(Debug)]
pub(super) struct PubRulesView;

impl Usage for PubRulesView {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.pub-rules-view",
            media_type: MEDIA_TYPE,
            namespace: COMMON_POLICY,
            grammar: Some(&documents::pub_rules::GRAMMAR),
        }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::User(_), "pub-rules" | "index") => Place::Generated(Generated::PublicationView),
            _ => Place::Barred("The view is pub-rules of a user and nothing else."),
        }
    }

    /// So that whoever tries to write is told that nobody can.
    fn rights(&self, _: &Tree) -> Rights {
        Rights { read: Right::Authenticated, write: Right::Authenticated }
    }

    fn check(&self, _: &Draft<'_>) -> Result<(), Refusal> {
        Err(Refusal::Fault("the view is never written"))
    }

    fn has_user_documents(&self) -> bool {
        false
    }
}
