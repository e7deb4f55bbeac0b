//! `resource-lists`: lists of resources, RFC 4826 §3.4.

use super::lists;
use super::names::RESOURCE_LISTS;
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
        "application/resource-lists+xml"
    }

    fn namespace(&self) -> &'static str {
        RESOURCE_LISTS
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        draft.grammar(documents::resource_lists::check)?;
        lists::check(
            draft.tree,
            lists::Rules { tightenings: draft.settings.tightenings, namespace: RESOURCE_LISTS },
        )
    }
}
