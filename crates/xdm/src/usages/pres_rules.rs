//! `pres-rules` and `org.openmobilealliance.pres-rules`: who may see what, RFC 5025 §9 and OMA Presence XDM.

use documents::rules::{COMMON_POLICY, MEDIA_TYPE, OMA_COMMON_POLICY, PRES_RULES};
use xcap::Tree;
use xml::Element;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Place, Usage};
use crate::xui;

/// As the IETF has it: any name, `index` by custom.
#[derive(Debug)]
pub(super) struct PresRules;

impl Usage for PresRules {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "pres-rules",
            media_type: MEDIA_TYPE,
            namespace: PRES_RULES,
            grammar: Some(&documents::rules::GRAMMAR),
        }
    }

    fn check(&self, _: &Draft<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// As OMA has it: one document, and rules of a simpler kind.
#[derive(Debug)]
pub(super) struct OmaPresRules;

/// The name under which it is stored; some clients call it `index`.
const DOCUMENT: &str = "pres-rules";

impl Usage for OmaPresRules {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.pres-rules",
            media_type: MEDIA_TYPE,
            namespace: COMMON_POLICY,
            grammar: Some(&documents::rules::GRAMMAR),
        }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::User(_), DOCUMENT) => Place::Stored,
            (Tree::User(_), "index") => Place::Alias(DOCUMENT),
            (Tree::User(_), _) => Place::Barred("The document is pres-rules."),
            (Tree::Global, _) if name.contains('/') => Place::NoFolder,
            (Tree::Global, _) => Place::Stored,
        }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        for rule in draft.tree.root().elements().filter(|element| element.is(COMMON_POLICY, "rule")) {
            check_conditions(rule)?;
            check_transformations(rule)?;
            if draft.settings.tightenings.own_external_lists {
                check_external_lists(draft, rule)?;
            }
        }
        Ok(())
    }
}

/// A rule has one of the conditions that say who it is for; what else narrows it does not count.
pub(super) fn check_conditions(rule: Element<'_>) -> Result<(), Refusal> {
    let conditions = rule.child(COMMON_POLICY, "conditions");
    let is_who = |condition: &Element<'_>| {
        condition.is(COMMON_POLICY, "identity") || condition.name().namespace == *OMA_COMMON_POLICY
    };
    if conditions.into_iter().flat_map(Element::elements).filter(is_who).count() > 1 {
        return Err(Refusal::constraint("Complex rules are not allowed"));
    }
    Ok(())
}

/// A rule that does not let the watcher in shows him nothing.
fn check_transformations(rule: Element<'_>) -> Result<(), Refusal> {
    let actions = rule.child(COMMON_POLICY, "actions");
    let handling = actions.and_then(|actions| actions.child(PRES_RULES, "sub-handling"));
    let is_closed = handling.is_some_and(|handling| handling.node().string_value().trim() != "allow");
    let transformations = rule.child(COMMON_POLICY, "transformations");
    if is_closed && transformations.is_some_and(|element| element.elements().next().is_some()) {
        return Err(Refusal::constraint("transformations element not allowed"));
    }
    Ok(())
}

/// Lists that decide who may see a user are that user's own, and here.
fn check_external_lists(draft: &Draft<'_>, rule: Element<'_>) -> Result<(), Refusal> {
    let elements = rule.node().descendants().filter_map(xml::Node::element);
    let lists = elements.filter(|element| element.is(OMA_COMMON_POLICY, "external-list"));
    for entry in lists.flat_map(Element::elements).filter(|entry| entry.is(OMA_COMMON_POLICY, "entry")) {
        let Some(anchor) = entry.attribute("", "anc") else { continue };
        let anchor = anchor.value.text();
        let settings = draft.settings;
        let is_here = settings.roots.is_empty() || settings.below_root(&anchor).is_some();
        let owner = anchor.split_once("/users/").and_then(|(_, rest)| rest.split('/').next());
        let owner = owner.and_then(xui::decode).and_then(|xui| xui::owner(&xui));
        if !is_here || owner.as_ref().map(sip::Aor::as_str) != draft.xui() {
            return Err(Refusal::constraint("An external-list must point to a list of the same user."));
        }
    }
    Ok(())
}
