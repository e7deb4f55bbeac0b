//! `resource-lists`: lists of resources, RFC 4826 §3.4.

use documents::resource_lists::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xml::Element;
use xml::schema::Grammar;

use super::lists;
use crate::refusal::Refusal;
use crate::usage::{Draft, Usage};

/// Lists under any name; `index` by custom.
#[derive(Debug)]
pub(super) struct ResourceLists;

impl Usage for ResourceLists {
    fn auid(&self) -> &'static str {
        "resource-lists"
    }

    fn media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    fn grammar(&self) -> Option<&'static Grammar> {
        Some(&GRAMMAR)
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
