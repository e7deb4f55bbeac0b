//! The application usages that are served, by their AUID.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::settings::Settings;
use crate::usage::Usage;

mod capabilities;
mod declared;
mod directory;
mod group_usage_list;
mod groups;
mod lists;
mod pidf_manipulation;
mod pres_content;
mod pres_rules;
mod pub_rules;
mod pub_rules_view;
mod resource_lists;
mod rls_services;
mod search;
mod user_profile;

pub(crate) use capabilities::AUID as CAPABILITIES;
pub(crate) use search::AUID as SEARCH_AUID;

pub use declared::{Check, Declared};
pub use pres_content::Content;

/// The table of usages.
#[derive(Debug)]
pub(crate) struct Usages {
    by_auid: BTreeMap<Arc<str>, Box<dyn Usage>>,
}

impl Usages {
    /// Every usage of the enabler, and those that the operator declares. One that bears the AUID of ours is passed over.
    pub(crate) fn new(settings: &Settings) -> Self {
        let ours: [Box<dyn Usage>; 15] = [
            Box::new(capabilities::Capabilities),
            Box::new(resource_lists::ResourceLists),
            Box::new(rls_services::RlsServices),
            Box::new(pres_rules::PresRules),
            Box::new(pres_rules::OmaPresRules),
            Box::new(pidf_manipulation::PidfManipulation),
            Box::new(pub_rules::PubRules),
            Box::new(pub_rules_view::PubRulesView),
            Box::new(pres_content::PresContent),
            Box::new(directory::Directory),
            Box::new(group_usage_list::GroupUsageList),
            Box::new(groups::Groups),
            Box::new(user_profile::UserProfile::open()),
            Box::new(user_profile::UserProfile::locked()),
            Box::new(search::Search),
        ];
        let mut by_auid: BTreeMap<Arc<str>, Box<dyn Usage>> = BTreeMap::new();
        for usage in ours {
            by_auid.insert(usage.definition().auid.into(), usage);
        }
        for usage in &settings.declared {
            by_auid.entry((*usage.auid).into()).or_insert_with(|| Box::new(usage.clone()));
        }
        Self { by_auid }
    }

    /// The usage of an AUID, and the AUID to share.
    pub(crate) fn find(&self, auid: &str) -> Option<(&Arc<str>, &dyn Usage)> {
        self.by_auid.get_key_value(auid).map(|(auid, usage)| (auid, &**usage))
    }

    /// All of them, by AUID.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &dyn Usage)> {
        self.by_auid.iter().map(|(auid, usage)| (auid, &**usage))
    }
}
