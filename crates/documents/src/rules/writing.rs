//! Parts of a rules document, to be put among others: each bears the prefix of what it is put near to.

use core::fmt::Write;

use xml::Element;
use xml::edit::{attribute, sibling};

use super::names::PRES_RULES;
use super::ruleset::SubHandling;

/// A whole rule, on lines of its own: `conditions` is what stands between the tags of that name. `everything` shows all that
/// there is, else nothing is shown.
pub fn rule(
    near: Element<'_>,
    id: &str,
    conditions: &str,
    handling: SubHandling,
    everything: bool,
) -> String {
    let [rule, named, actions] = ["rule", "conditions", "actions"].map(|name| sibling(near, name));
    let mut out = format!("\n  <{rule} id=\"{}\">", attribute(id));
    // A string takes all.
    _ = write!(out, "\n    <{named}>{conditions}</{named}>");
    _ = write!(out, "\n    <{actions}>{}</{actions}>", sub_handling(handling));
    _ = write!(out, "\n    {}", transformations(near, everything));
    _ = write!(out, "\n  </{rule}>");
    out
}

/// A condition that is true of these users, of all users of these domains, and perhaps of everybody, RFC 4745 §7.1.
pub fn identity(near: Element<'_>, users: &[impl AsRef<str>], domains: &[String], everyone: bool) -> String {
    let [identity, many] = ["identity", "many"].map(|name| sibling(near, name));
    let mut out = format!("<{identity}>");
    users.iter().for_each(|user| out.push_str(&one(near, user.as_ref())));
    for domain in domains {
        _ = write!(out, "<{many} domain=\"{}\"/>", attribute(domain)); // a string takes all
    }
    if everyone {
        _ = write!(out, "<{many}/>");
    }
    out + &format!("</{identity}>")
}

/// A single user within such a condition, RFC 4745 §7.1.2.
pub fn one(near: Element<'_>, user: &str) -> String {
    format!("<{} id=\"{}\"/>", sibling(near, "one"), attribute(user))
}

/// What becomes of a subscription, RFC 5025 §3.2.1.
pub fn sub_handling(handling: SubHandling) -> String {
    format!("<pr:sub-handling xmlns:pr=\"{PRES_RULES}\">{handling}</pr:sub-handling>")
}

/// What is shown: everything, or nothing, RFC 5025 §3.3.
pub fn transformations(near: Element<'_>, everything: bool) -> String {
    let name = sibling(near, "transformations");
    if !everything {
        return format!("<{name}/>");
    }
    format!(
        "<{name} xmlns:pr=\"{PRES_RULES}\">\
         <pr:provide-devices><pr:all-devices/></pr:provide-devices>\
         <pr:provide-persons><pr:all-persons/></pr:provide-persons>\
         <pr:provide-services><pr:all-services/></pr:provide-services>\
         <pr:provide-all-attributes/></{name}>"
    )
}
