//! PUT of an attribute, RFC 4825 §8.2.

use xml::{Element, Span, Tree, Value};

use crate::conflict::Conflict;
use crate::edit::{Edit, Refusal};
use crate::locate::descend;
use crate::name::ExpandedName;
use crate::selector::NodeSelector;

/// Sets an attribute of the element that the steps select. The value stays as it is written, quotes included.
pub(crate) fn put_attribute<'t>(
    tree: &Tree<'_>,
    selector: &NodeSelector,
    name: &ExpandedName,
    body: &[u8],
) -> Result<Edit<'t>, Refusal> {
    let element = descend(tree, &selector.steps).map_err(|miss| Conflict::no_parent(selector, miss))?;
    let text = str::from_utf8(body).map_err(|_| Conflict::NotUtf8(None))?;
    let value =
        Value::quoted(text).map_err(|error| Conflict::NotXmlAttValue(Some(error.to_string().into())))?;
    let tests = selector.steps.last().and_then(|step| step.attribute.as_ref());
    if tests.is_some_and(|test| test.name == *name && value != *test.value) {
        return Err(Conflict::cannot_insert("the URI describes an attribute of another value").into());
    }
    if let Some(old) = element.attributes().find(|attribute| name.is(attribute.name)) {
        let quoted = Span { start: old.value_span.start - 1, end: old.value_span.end + 1 };
        return Ok(Edit::of_attribute(tree.splice(quoted, &[body]), false));
    }
    if name.namespace.is_empty() && &*name.local == "xmlns" {
        return Err(Conflict::cannot_insert("a namespace declaration is no attribute").into());
    }
    if !name.namespace.chars().all(xml::is_xml_char) {
        return Err(Conflict::cannot_insert("no document can declare that namespace").into());
    }
    let at = element.attributes_end();
    let (declaration, written) = written(element, name);
    let parts = [declaration.as_bytes(), b" ", written.as_bytes(), b"=", body];
    Ok(Edit::of_attribute(tree.splice(Span { start: at, end: at }, &parts), true))
}

/// The name as it is to be written in the element's start tag, after a declaration if it needs one: the prefix that
/// the selector uses if that is free or bound to the namespace, else another that is.
fn written(element: Element<'_>, name: &ExpandedName) -> (String, String) {
    if name.namespace.is_empty() {
        return (String::new(), name.local.to_string());
    }
    if *name.namespace == *xml::XML_NAMESPACE {
        return (String::new(), format!("xml:{}", name.local));
    }
    let is_bound = |prefix: &str| element.namespace(prefix).is_some_and(|bound| bound == *name.namespace);
    if !name.prefix.is_empty() && is_bound(&name.prefix) {
        return (String::new(), format!("{}:{}", name.prefix, name.local));
    }
    let mut scope = element.scope().into_iter();
    let bound = scope.find(|found| !found.prefix.is_empty() && found.namespace == *name.namespace);
    if let Some(bound) = bound {
        return (String::new(), format!("{}:{}", bound.prefix, name.local));
    }
    let is_free = |prefix: &str| element.namespace(prefix).is_none();
    let prefix = if !name.prefix.is_empty() && is_free(&name.prefix) {
        name.prefix.to_string()
    } else {
        let mut numbered = (0..).map(|number: usize| format!("n{number}"));
        numbered.find(|prefix| is_free(prefix)).expect("not all numbers are taken")
    };
    let mut namespace = Vec::new();
    xml::push_attribute(&mut namespace, &name.namespace);
    let declaration = format!(" xmlns:{prefix}=\"{}\"", String::from_utf8_lossy(&namespace));
    (declaration, format!("{prefix}:{}", name.local))
}
