//! Patching attributes and namespace declarations, RFC 5261 §4.3.2, §4.3.3, §4.4 and §4.5.

use super::error::Reason;
use super::mangle::choose;
use super::operation::Operation;
use super::selector::Name;
use crate::class::is_name;
use crate::escape::push_attribute;
use crate::namespaces::Declaration;
use crate::node::Element;
use crate::span::Span;
use crate::tree::{Kind, Tree};
use crate::value::{Place, Value};

/// Adds an attribute that is not there. Its prefix is the target's for the same namespace.
pub(crate) fn add_attribute(
    element: Element<'_>,
    written: &str,
    operation: &Operation,
    content: &Tree<'_>,
) -> Result<Vec<u8>, Reason> {
    let name = Name::read(written, operation, false)?;
    if element.attributes().any(|attribute| name.is(attribute.name)) {
        return Err(Reason::InvalidPatchDirective("an attribute that is not there"));
    }
    if written == "xmlns" {
        return Err(Reason::InvalidAttributeValue("an attribute, not a declaration"));
    }
    let value = text(content)?;
    let prefix = written.split_once(':').map_or("", |(prefix, _)| prefix);
    let prefix = if name.namespace.is_empty() {
        String::new()
    } else {
        let namespace = Value::new(&name.namespace, Place::CData, true);
        choose(prefix, namespace, Some(element), false)?
    };
    let colon = if prefix.is_empty() { "" } else { ":" };
    let parts = format!(" {prefix}{colon}{}=", name.local);
    Ok(add(element, parts.as_bytes(), &value))
}

/// Adds a declaration of a prefix that the element does not declare itself.
pub(crate) fn add_namespace(
    element: Element<'_>,
    prefix: &str,
    content: &Tree<'_>,
) -> Result<Vec<u8>, Reason> {
    if !is_name(prefix) {
        return Err(Reason::InvalidAttributeValue("`namespace::` and a prefix"));
    }
    if matches!(prefix, "xml" | "xmlns") || element.declarations().any(|found| found.prefix == prefix) {
        return Err(Reason::InvalidNamespacePrefix(prefix.to_owned()));
    }
    let value = namespace(content)?;
    Ok(add(element, format!(" xmlns:{prefix}=").as_bytes(), &value))
}

fn add(element: Element<'_>, name: &[u8], value: &Value<'_>) -> Vec<u8> {
    let end = element.attributes_end();
    let value = quotable(value, b'"');
    element.node().tree().splice(Span { start: end, end }, &[name, b"\"", &value, b"\""])
}

/// Puts another value between the quotes that are there.
pub(crate) fn replace_value(tree: &Tree<'_>, span: Span, value: &Value<'_>) -> Result<Vec<u8>, Reason> {
    let quote = tree.bytes()[span.range().end];
    Ok(tree.splice(span, &[&quotable(value, quote)]))
}

/// Removes a declaration that no name is written by.
pub(crate) fn remove_namespace(
    element: Element<'_>,
    declaration: &Declaration<'_>,
) -> Result<Vec<u8>, Reason> {
    let prefix = declaration.prefix;
    let mut at = element.node().index();
    let inner = element.node().descendants().skip(1).filter_map(|node| node.element());
    let in_use = |user: Element<'_>| {
        user.name().prefix == prefix || user.attributes().any(|attribute| attribute.name.prefix == prefix)
    };
    let mut used = in_use(element);
    for user in inner {
        // Within an element that declares the prefix anew, it is another.
        if user.node().index() < at {
            continue;
        }
        if user.declarations().any(|found| found.prefix == prefix) {
            at = user.node().indices().end;
            continue;
        }
        used |= in_use(user);
    }
    if used {
        return Err(Reason::InvalidNamespacePrefix(prefix.to_owned()));
    }
    Ok(element.node().tree().splice(element.with_space_before(declaration.span), &[]))
}

/// The content as text, which is to be nothing else: no element, comment or CDATA section.
pub(crate) fn text<'t>(content: &'t Tree<'t>) -> Result<Value<'t>, Reason> {
    let mut children = content.root().node().children();
    let Some(only) = children.next() else { return Ok(Value::EMPTY) };
    match (only.kind(), only.value(), children.next()) {
        (Kind::Text, Some(value), None) => Ok(value),
        _ => Err(Reason::InvalidAttributeValue("text alone, and no CDATA section")),
    }
}

/// The content as the name of a namespace.
pub(crate) fn namespace<'t>(content: &'t Tree<'t>) -> Result<Value<'t>, Reason> {
    let value = text(content)?;
    if value.raw().is_empty() { Err(Reason::InvalidNamespaceUri(String::new())) } else { Ok(value) }
}

/// The value as it may stand between quotes: as it is written if it may, else with references.
fn quotable(value: &Value<'_>, quote: u8) -> Vec<u8> {
    let raw = value.raw().as_bytes();
    if raw.iter().any(|&byte| byte == quote || matches!(byte, b'\t' | b'\n' | b'\r')) {
        let mut escaped = Vec::new();
        push_attribute(&mut escaped, &value.text());
        return escaped;
    }
    raw.to_vec()
}
