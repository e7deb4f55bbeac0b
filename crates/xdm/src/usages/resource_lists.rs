//! `resource-lists`: lists of resources, RFC 4826 §3.4.

use documents::resource_lists::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xml::Element;

use super::lists;
use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Usage};

/// Lists under any name; `index` by custom.
#[derive(Debug)]
pub(super) struct ResourceLists;

impl Usage for ResourceLists {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "resource-lists",
            media_type: MEDIA_TYPE,
            namespace: NAMESPACE,
            grammar: Some(&GRAMMAR),
        }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        lists::check(draft.tree, rules(draft))
    }

    fn check_put(&self, draft: &Draft<'_>, element: Element<'_>) -> Result<(), Refusal> {
        if lists::is_free(element, rules(draft)) { Ok(()) } else { self.check(draft) }
    }
}

fn rules(draft: &Draft<'_>) -> lists::Rules {
    lists::Rules { tightenings: draft.settings.tightenings, namespace: NAMESPACE }
}
