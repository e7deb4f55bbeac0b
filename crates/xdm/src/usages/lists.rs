//! The constraints on lists, RFC 4826 §3.4.5, wherever lists stand.

use std::borrow::Cow;

use documents::resource_lists::NAMESPACE as RESOURCE_LISTS;
use documents::rls_services::NAMESPACE as RLS_SERVICES;
use xcap::{Exists, ExpandedName, NodeSelector};
use xml::{Element, Tree};

use crate::refusal::Refusal;
use crate::settings::Tightenings;
use crate::xui;

/// What must be unique among siblings: the element, and the attribute that may stand only once.
const UNIQUE: [(&str, &str); 4] =
    [("list", "name"), ("entry", "uri"), ("entry-ref", "ref"), ("external", "anchor")];
/// More than these are not told one by one.
pub(super) const MOST_TOLD: usize = 16;

/// What is checked beyond the standard's own rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) tightenings: Tightenings,
    /// Of names without a prefix in the report.
    pub(super) namespace: &'static str,
}

/// Refuses names and URIs that occur twice within one parent, references that are not relative paths, and anchors that
/// are no absolute HTTP URIs. Time is in proportion to the document, apart from sorting.
pub(super) fn check(tree: &Tree<'_>, rules: Rules) -> Result<(), Refusal> {
    check_within(tree.root(), rules)
}

/// Whether an element that was put into a document without fault leaves it without: its value differs from those of its
/// siblings, and there is no fault in it. If not, only [`check`] can say what is told.
pub(super) fn is_free(element: Element<'_>, rules: Rules) -> bool {
    let Some(parent) = element.parent().filter(|parent| is_container(*parent)) else { return false };
    let Ok(own) = sibling(element, rules) else { return false };
    let is_alone = own.is_none_or(|own| {
        let (local, attribute) = UNIQUE[own.kind];
        let mut others =
            parent.node().elements_named(RESOURCE_LISTS, local).filter(|other| *other != element);
        let is_of_users = is_of_users(local, rules);
        others.all(|other| match other.value_of("", attribute) {
            Some(value) if is_of_users => meant(local, value.text(), rules) != own.value,
            Some(value) => value != *own.value,
            None => true,
        })
    });
    is_alone && check_within(element, rules).is_ok()
}

fn is_container(element: Element<'_>) -> bool {
    element.is(RESOURCE_LISTS, "list")
        || element.is(RLS_SERVICES, "list")
        || element.is(RESOURCE_LISTS, "resource-lists")
}

fn check_within(root: Element<'_>, rules: Rules) -> Result<(), Refusal> {
    let mut exists = Vec::new();
    let mut siblings = Vec::new();
    for element in root.node().descendants().filter_map(xml::Node::element) {
        if !is_container(element) {
            continue;
        }
        siblings.clear();
        for child in element.elements() {
            siblings.extend(sibling(child, rules)?);
        }
        repeated(&mut siblings, rules, &mut exists);
        if exists.len() >= MOST_TOLD {
            break;
        }
    }
    if exists.is_empty() { Ok(()) } else { Err(Refusal::uniqueness(exists)) }
}

/// An element whose attribute must be unique.
struct Sibling<'t> {
    kind: usize,
    value: Cow<'t, str>,
    element: Element<'t>,
}

/// The child as one that must be unique, if it is one and has the attribute.
fn sibling<'t>(child: Element<'t>, rules: Rules) -> Result<Option<Sibling<'t>>, Refusal> {
    let name = child.name();
    if name.namespace != *RESOURCE_LISTS {
        return Ok(None);
    }
    let Some(kind) = UNIQUE.iter().position(|(local, _)| *local == name.local) else { return Ok(None) };
    let Some(attribute) = child.attribute("", UNIQUE[kind].1) else {
        if name.local == "list" && rules.tightenings.list_names {
            return Err(Refusal::constraint("Name attribute is required."));
        }
        return Ok(None);
    };
    let value = attribute.value.text();
    match name.local {
        "entry-ref" if !is_relative_path(&value) => {
            return Err(Refusal::constraint("The ref attribute must be a relative path."));
        }
        "external" if !is_absolute_http(&value) => {
            return Err(Refusal::constraint("The anchor attribute must be an absolute HTTP URI."));
        }
        _ => {}
    }
    let value = meant(UNIQUE[kind].0, value, rules);
    Ok(Some(Sibling { kind, value, element: child }))
}

/// Whether elements of this name differ only if the users do whom they name.
fn is_of_users(local: &str, rules: Rules) -> bool {
    local == "entry" && rules.tightenings.one_entry_per_user
}

/// What is to differ: the value, or the user that it names.
fn meant<'t>(local: &str, value: Cow<'t, str>, rules: Rules) -> Cow<'t, str> {
    let user = if is_of_users(local, rules) { xui::same_owner(&value) } else { None };
    user.map_or(value, |user| Cow::Owned(user.as_str().to_owned()))
}

/// Adds what occurs more than once: each but the first in the document.
fn repeated(siblings: &mut [Sibling<'_>], rules: Rules, exists: &mut Vec<Exists>) {
    if are_distinct(siblings) {
        return;
    }
    siblings.sort_by(|a, b| {
        let order = (a.kind, &a.value).cmp(&(b.kind, &b.value));
        order.then_with(|| a.element.node().index().cmp(&b.element.node().index()))
    });
    for pair in siblings.windows(2) {
        let [first, second] = pair else { continue };
        if first.kind != second.kind || first.value != second.value || exists.len() >= MOST_TOLD {
            continue;
        }
        let (local, attribute) = UNIQUE[second.kind];
        let is_sibling = |name: &String| {
            siblings.binary_search_by(|other| (other.kind, &*other.value).cmp(&(second.kind, name))).is_ok()
        };
        let is_offered = |name: &String| exists.iter().any(|exists| exists.alternatives.contains(name));
        let free = |name: &String| !is_sibling(name) && !is_offered(name);
        let alternatives = if local == "list" {
            (2_u32..).map(|number| format!("{}-{number}", second.value)).find(free).into_iter().collect()
        } else {
            Vec::new()
        };
        exists.push(Exists { field: field(second.element, attribute, rules.namespace), alternatives });
    }
}

/// Whether no two are equal, as nearly always; found by numbers, which are compared in a moment. Two that share a number
/// are compared in full elsewhere, so whoever makes many that do gains nothing but the slower way.
fn are_distinct(siblings: &[Sibling<'_>]) -> bool {
    let number = |sibling: &Sibling<'_>| {
        let seed = 0xcbf2_9ce4_8422_2325 ^ sibling.kind as u64;
        sibling
            .value
            .bytes()
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    let mut numbers: Vec<u64> = siblings.iter().map(number).collect();
    numbers.sort_unstable();
    numbers.windows(2).all(|pair| pair[0] != pair[1])
}

/// An attribute as a node selector relative to the document, RFC 4825 §11.1.
pub(super) fn field(element: Element<'_>, attribute: &'static str, namespace: &str) -> String {
    NodeSelector::of_element(element, namespace).attribute(ExpandedName::new("", attribute)).to_uri()
}

/// RFC 3986 §4.2: neither a scheme nor a slash in front.
fn is_relative_path(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or_default();
    !text.is_empty() && !first.is_empty() && (!first.contains(':'))
}

/// RFC 3986 §4.3, with a scheme of HTTP and a host.
pub(super) fn is_absolute_http(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_http
        && rest.split(['/', '?', '#']).next().is_some_and(|authority| !authority.is_empty())
        && !rest.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_relative_and_anchors_absolute() {
        for text in ["resource-lists/users/sip:bill@example.com/index/~~/resource-lists", "a", "a/b:c"] {
            assert!(is_relative_path(text), "{text}");
        }
        for text in ["", "/a", "//a", "http://a/b", "a:b/c"] {
            assert!(!is_relative_path(text), "{text}");
        }
        for text in ["http://xcap.example.com/a", "HTTPS://x", "https://x/?a"] {
            assert!(is_absolute_http(text), "{text}");
        }
        for text in ["", "http:/a", "http://", "ftp://a/b", "a/b", "//a/b", "http://a/#b"] {
            assert!(!is_absolute_http(text), "{text}");
        }
    }
}
