//! `org.openmobilealliance.pub-rules`: who else may publish for a user, OMA Presence XDM 2.0.

use documents::rules::{COMMON_POLICY, MEDIA_TYPE};
use xcap::Tree;

use super::pres_rules::check_conditions;
use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Place, Usage};

/// One document for each user. Its name and media type are our choice, as no source gives them.
#[derive(Debug)]
pub(super) struct PubRules;

const DOCUMENT: &str = "pub-rules";

impl Usage for PubRules {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.pub-rules",
            media_type: MEDIA_TYPE,
            namespace: COMMON_POLICY,
            grammar: Some(&documents::pub_rules::GRAMMAR),
        }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::User(_), DOCUMENT) => Place::Stored,
            (Tree::User(_), "index") => Place::Alias(DOCUMENT),
            (Tree::User(_), _) => Place::Barred("The document is pub-rules."),
            (Tree::Global, _) if name.contains('/') => Place::NoFolder,
            (Tree::Global, _) => Place::Stored,
        }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        let mut rules = draft.tree.root().elements().filter(|element| element.is(COMMON_POLICY, "rule"));
        rules.try_for_each(check_conditions)
    }
}
