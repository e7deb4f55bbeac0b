//! `org.openmobilealliance.pub-rules`: who else may publish for a user, OMA Presence XDM 2.0.

use xcap::Tree;

use super::names::{COMMON_POLICY, OMA_COMMON_POLICY};
use super::pres_rules::{MEDIA_TYPE, check_conditions};
use crate::refusal::Refusal;
use crate::usage::{Draft, Place, Usage};

/// One document for each user. Its name and media type are our choice, as no source gives them.
#[derive(Debug)]
pub(super) struct PubRules;

const DOCUMENT: &str = "pub-rules";

impl Usage for PubRules {
    fn auid(&self) -> &'static str {
        "org.openmobilealliance.pub-rules"
    }

    fn media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn namespace(&self) -> &'static str {
        COMMON_POLICY
    }

    fn namespaces(&self) -> Vec<&str> {
        vec![COMMON_POLICY, OMA_COMMON_POLICY, "urn:oma:xml:prs:pub-rules"]
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
        draft.grammar(documents::pub_rules::check)?;
        let mut rules = draft.tree.root().elements().filter(|element| element.is(COMMON_POLICY, "rule"));
        rules.try_for_each(check_conditions)
    }
}
