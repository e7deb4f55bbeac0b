//! GET of a part of a document, RFC 4825 §8.3.

use std::borrow::Cow;

use xml::{Element, Tree};

use crate::locate::descend;
use crate::selector::{NodeSelector, Terminal};

/// What a node selector selects, to be sent as [`NodeSelector::media_type`]. None if it selects nothing, or more than
/// one element on the way: a 404.
///
/// An element comes as it stands in the document, with no declaration added; an attribute as its value with the quotes
/// it is written in; namespace bindings as an empty element of the same name that declares them, RFC 4825 §10.
pub fn get<'t>(tree: &'t Tree<'t>, selector: &NodeSelector) -> Option<Cow<'t, str>> {
    let element = descend(tree, &selector.steps).ok()?;
    match &selector.terminal {
        Terminal::Element => Some(Cow::Borrowed(element.node().source())),
        Terminal::Attribute(name) => {
            let attribute = element.attributes().find(|attribute| name.is(attribute.name))?;
            let value = attribute.value_span.range();
            Some(Cow::Borrowed(&tree.text()[value.start - 1..value.end + 1]))
        }
        Terminal::Namespaces => Some(Cow::Owned(bindings(element))),
    }
}

/// `<p:name xmlns="…" xmlns:p="…"/>`: the default namespace first, then the prefixes in order.
fn bindings(element: Element<'_>) -> String {
    let mut scope = element.scope();
    scope.retain(|declaration| !declaration.namespace.raw().is_empty());
    scope.sort_unstable_by_key(|declaration| declaration.prefix);
    let mut text = format!("<{}", element.name().written());
    for declaration in scope {
        let mut value = Vec::new();
        xml::push_attribute(&mut value, &declaration.namespace.text());
        let colon = if declaration.prefix.is_empty() { "" } else { ":" };
        text.push_str(&format!(
            " xmlns{colon}{}=\"{}\"",
            declaration.prefix,
            String::from_utf8_lossy(&value)
        ));
    }
    text.push_str("/>");
    text
}
