//! `pidf-manipulation`: presence that stays, RFC 4827.

use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Place, Right, Rights, Usage};
use crate::xui;

/// One document for each user, RFC 4827 §9: `index` by the IETF and `perm-presence` by OMA are names of the same one.
#[derive(Debug)]
pub(super) struct PidfManipulation;

/// The name under which it is stored, and which the directory shows.
const DOCUMENT: &str = "perm-presence";

impl Usage for PidfManipulation {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "pidf-manipulation",
            media_type: documents::pidf::MEDIA_TYPE,
            namespace: documents::pidf::PIDF,
            grammar: Some(&documents::pidf::GRAMMAR),
        }
    }

    /// Whoever the publication rules of the user let handle the document, `perm-handling` of OMA, does so as the user does:
    /// what he may publish does not count here.
    fn rights(&self, _: &Tree) -> Rights {
        Rights { read: Right::Handler, write: Right::Handler }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::User(_), DOCUMENT) => Place::Stored,
            (Tree::User(_), "index") => Place::Alias(DOCUMENT),
            _ => Place::Barred("The document is index, or perm-presence, of a user."),
        }
    }

    /// Another user's presence is not this user's to set: 403, as OMA has it. And what a presence server could not read is
    /// not kept for it.
    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        documents::pidf::Presence::parse(draft.tree.bytes(), draft.limits)
            .map_err(|error| Refusal::schema(error.to_string()))?;
        let entity = draft.tree.root().attribute("", "entity").map(|entity| entity.value.text());
        let owner = entity.and_then(|entity| xui::same_owner(&entity));
        if owner.as_ref().map(sip::Aor::as_str) == draft.xui() { Ok(()) } else { Err(Refusal::Forbidden) }
    }
}
