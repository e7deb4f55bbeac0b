//! `org.openmobilealliance.group-usage-list`: the groups that a user uses, OMA XDM.

use documents::group_usage_list::{GRAMMAR, MEDIA_TYPE, NAMESPACE};

use super::lists;
use crate::refusal::Refusal;
use crate::settings::Tightenings;
use crate::usage::{Definition, Draft, Usage};

/// A resource list of a narrower kind.
#[derive(Debug)]
pub(super) struct GroupUsageList;

impl Usage for GroupUsageList {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.group-usage-list",
            media_type: MEDIA_TYPE,
            namespace: NAMESPACE,
            grammar: Some(&GRAMMAR),
        }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        let mut nodes = draft.tree.root().node().descendants().filter_map(xml::Node::element);
        if nodes.any(|element| element.is(NAMESPACE, "entry-ref") || element.is(NAMESPACE, "external")) {
            return Err(Refusal::constraint("Not allowed"));
        }
        let tightenings = Tightenings { list_names: true, ..Tightenings::default() };
        lists::check(draft.tree, lists::Rules { tightenings, namespace: NAMESPACE })
    }
}
