//! `org.openmobilealliance.group-usage-list`: the groups that a user uses, OMA XDM.

use documents::group_usage_list::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xml::schema::Grammar;

use super::lists;
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
        MEDIA_TYPE
    }

    fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    fn grammar(&self) -> Option<&'static Grammar> {
        Some(&GRAMMAR)
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
