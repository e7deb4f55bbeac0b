//! `org.openmobilealliance.group-usage-list`: the groups that a user uses, OMA XDM.

use super::lists;
use super::names::RESOURCE_LISTS;
use crate::refusal::Refusal;
use crate::settings::Tightenings;
use crate::usage::{Draft, Usage};

/// A resource list of a narrower kind.
#[derive(Debug)]
pub(super) struct GroupUsageList;

impl Usage for GroupUsageList {
    fn auid(&self) -> &'static str {
        "org.openmobilealliance.group-usage-list"
    }

    fn media_type(&self) -> &'static str {
        "application/vnd.oma.group-usage-list+xml"
    }

    fn namespace(&self) -> &'static str {
        RESOURCE_LISTS
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        draft.grammar(documents::group_usage_list::check)?;
        let mut nodes = draft.tree.root().node().descendants().filter_map(xml::Node::element);
        if nodes
            .any(|element| element.is(RESOURCE_LISTS, "entry-ref") || element.is(RESOURCE_LISTS, "external"))
        {
            return Err(Refusal::constraint("Not allowed"));
        }
        let tightenings = Tightenings { list_names: true, ..Tightenings::default() };
        lists::check(draft.tree, lists::Rules { tightenings, namespace: RESOURCE_LISTS })
    }
}
