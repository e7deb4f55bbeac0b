//! `org.openmobilealliance.groups`: shared groups, OMA XDM.

use std::collections::BTreeSet;

use documents::groups::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Exists;

use super::lists;
use crate::index::canonical_service;
use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Usage};

/// Groups under any name. They are kept and told of; nobody here makes conferences of them.
#[derive(Debug)]
pub(super) struct Groups;

impl Usage for Groups {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.groups",
            media_type: MEDIA_TYPE,
            namespace: NAMESPACE,
            grammar: Some(&GRAMMAR),
        }
    }

    /// A URI stands for one group. Whether another document has it is not looked at: no source asks for that.
    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        let groups = draft.tree.root().elements().filter(|element| element.is(NAMESPACE, "list-service"));
        let is_repeated = |group: &xml::Element<'_>| {
            let uri = group.attribute("", "uri").map(|uri| canonical_service(&uri.value.text()));
            uri.is_some_and(|uri| !seen.insert(uri))
        };
        let repeated = groups.filter(is_repeated).take(lists::MOST_TOLD);
        let exists: Vec<Exists> = repeated
            .map(|group| Exists { field: lists::field(group, "uri", NAMESPACE), alternatives: Vec::new() })
            .collect();
        if exists.is_empty() { Ok(()) } else { Err(Refusal::uniqueness(exists)) }
    }
}
