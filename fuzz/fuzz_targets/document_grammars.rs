//! Any bytes against every grammar: bytes and tree are judged alike, and what is valid is read by who reads it.
#![no_main]

use documents::resource_lists::{NoReferences, ResourceLists, flatten};
use documents::rlmi::Table;
use documents::rls_services::Services;
use documents::xcap_caps::Capabilities;
use documents::xcap_diff::XcapDiff;
use documents::xcap_directory::Directory;
use documents::{
    groups, pidf, pres_content, pub_rules, resource_lists, rlmi, rls_services, rules, search, user_profile,
    watcherinfo, xcap_caps, xcap_diff, xcap_directory,
};
use libfuzzer_sys::fuzz_target;
use xml::schema::{Grammar, Invalid, check, check_tree};
use xml::{Limits, Tree};

static GRAMMARS: [&Grammar; 14] = [
    &groups::GRAMMAR,
    &pidf::GRAMMAR,
    &pres_content::GRAMMAR,
    &pub_rules::GRAMMAR,
    &resource_lists::GRAMMAR,
    &rlmi::GRAMMAR,
    &rls_services::GRAMMAR,
    &rules::GRAMMAR,
    &search::GRAMMAR,
    &user_profile::GRAMMAR,
    &watcherinfo::GRAMMAR,
    &xcap_caps::GRAMMAR,
    &xcap_diff::GRAMMAR,
    &xcap_directory::GRAMMAR,
];

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let Ok(tree) = Tree::read(bytes, &limits) else { return };
    for grammar in GRAMMARS {
        assert_eq!(check(bytes, grammar, &limits), check_tree(&tree, grammar).map_err(Invalid::Schema));
    }
    if let Ok(capabilities) = Capabilities::parse(bytes, &limits) {
        Capabilities::parse(&capabilities.print(), &limits).expect("it was printed by us");
    }
    if let Ok(directory) = Directory::parse(bytes, &limits) {
        Directory::parse(&directory.print(), &limits).expect("it was printed by us");
    }
    if let Ok(diff) = XcapDiff::parse(bytes, &limits) {
        XcapDiff::parse(&diff.print(), &Limits::NONE).expect("it was printed by us");
    }
    if let Ok(lists) = ResourceLists::parse(bytes, &limits) {
        let again = ResourceLists::parse(&lists.print(), &Limits::NONE).expect("it was printed by us");
        assert_eq!(again, lists);
        let bounds = resource_lists::Limits::DEFAULT;
        for list in &lists.lists {
            assert!(flatten(list, &mut NoReferences, &bounds).entries.len() <= bounds.entries);
        }
    }
    if let Ok(services) = Services::parse(bytes, &limits) {
        let again = Services::parse(&services.print(), &Limits::NONE).expect("it was printed by us");
        assert_eq!(again, services);
    }
    if let Ok(list) = rlmi::List::parse(bytes, &limits) {
        let again = rlmi::List::parse(&list.print(), &Limits::NONE).expect("it was printed by us");
        assert_eq!(again, list);
        Table::default().apply(list, |_| None);
    }
});
