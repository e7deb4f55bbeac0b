//! Namespace mangling: names of a diff document, written by the declarations of the target. RFC 5261 §4.2.3.

use super::error::Reason;
use crate::node::Element;
use crate::span::Span;
use crate::tree::Tree;
use crate::value::Value;

/// The content of a wrapped operation, to be put into `context` (none for the document itself).
///
/// Names whose prefix the content itself declares stay as they are. A name that is declared around it gets the prefix
/// that the target declares for the same namespace, if it declares it; where a declaration within the content hides
/// that prefix, the operation is refused. Names in attribute values or text are not looked for.
pub(crate) fn mangle(content: &Tree<'_>, context: Option<Element<'_>>) -> Result<Vec<u8>, Reason> {
    let wrapper = content.root();
    let mut edits: Vec<(Span, String)> = Vec::new();
    for element in wrapper.node().descendants().skip(1).filter_map(|node| node.element()) {
        let name = element.name();
        let is_own = |prefix: &str| {
            let inner = element.ancestors().take_while(|ancestor| *ancestor != wrapper);
            inner.flat_map(Element::declarations).any(|declaration| declaration.prefix == prefix)
        };
        if !is_own(name.prefix) {
            let prefix = choose(name.prefix, name.namespace, context, true)?;
            if prefix != name.prefix {
                if is_own(&prefix) {
                    return Err(Reason::InvalidNamespacePrefix(prefix));
                }
                let written = join(&prefix, name.local);
                let length = name.written().len() as u32;
                edits.push((length_from(element.tag().start + 1, length), written.clone()));
                if !element.is_empty_tag() {
                    edits.push((length_from(element.content().end + 2, length), written));
                }
            }
        }
        for attribute in element.attributes() {
            let name = attribute.name;
            if name.prefix.is_empty() || is_own(name.prefix) {
                continue;
            }
            let prefix = choose(name.prefix, name.namespace, context, false)?;
            if prefix != name.prefix {
                if is_own(&prefix) {
                    return Err(Reason::InvalidNamespacePrefix(prefix));
                }
                let length = name.written().len() as u32;
                edits.push((length_from(attribute.span.start, length), join(&prefix, name.local)));
            }
        }
    }
    edits.sort_by_key(|(span, _)| span.start);
    let mut mangled = Vec::with_capacity(wrapper.content().len());
    let mut at = wrapper.content().range().start;
    for (span, written) in edits {
        mangled.extend_from_slice(&content.bytes()[at..span.range().start]);
        mangled.extend_from_slice(written.as_bytes());
        at = span.range().end;
    }
    mangled.extend_from_slice(&content.bytes()[at..wrapper.content().range().end]);
    Ok(mangled)
}

/// The prefix by which the target knows the namespace, chosen by the three rules where it knows several.
pub(crate) fn choose(
    prefix: &str,
    namespace: Value<'_>,
    context: Option<Element<'_>>,
    is_element: bool,
) -> Result<String, Reason> {
    if prefix == "xml" {
        return Ok(prefix.to_owned());
    }
    let scope = context.map(Element::scope).unwrap_or_default();
    if namespace.raw().is_empty() {
        let has_default =
            scope.iter().any(|found| found.prefix.is_empty() && !found.namespace.raw().is_empty());
        return if has_default { Err(Reason::InvalidNamespaceUri(String::new())) } else { Ok(String::new()) };
    }
    let mut known: Vec<&str> = scope
        .iter()
        .filter(|found| found.namespace == namespace && (is_element || !found.prefix.is_empty()))
        .map(|found| found.prefix)
        .collect();
    known.sort_unstable();
    let of_context = context.map(|context| context.name().prefix);
    let chosen = known
        .iter()
        .find(|known| **known == prefix)
        .or_else(|| known.iter().find(|known| Some(**known) == of_context))
        .or_else(|| known.iter().rfind(|known| **known < prefix))
        .or_else(|| known.first());
    chosen
        .map(|chosen| (*chosen).to_owned())
        .ok_or_else(|| Reason::InvalidNamespaceUri(namespace.to_string()))
}

fn join(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

fn length_from(start: u32, length: u32) -> Span {
    Span { start, end: start + length }
}
