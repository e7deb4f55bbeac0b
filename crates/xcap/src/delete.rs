//! DELETE of a part of a document, RFC 4825 §8.4.

use xml::{Element, Tree};

use crate::conflict::Conflict;
use crate::edit::Refusal;
use crate::locate::{Selection, descend, parent};
use crate::name::ExpandedName;
use crate::selector::{NodeSelector, Terminal};

/// The whole document without what the selector selects, or why it cannot be. Whitespace around an element stays;
/// that before an attribute goes with it. Afterwards the selector must select nothing: what would is refused.
pub fn delete(tree: &Tree<'_>, selector: &NodeSelector) -> Result<Vec<u8>, Refusal> {
    if selector.terminal == Terminal::Namespaces {
        return Err(Refusal::ReadOnly);
    }
    let element = descend(tree, &selector.steps).map_err(|_| Refusal::NotFound)?;
    match &selector.terminal {
        Terminal::Attribute(name) => delete_attribute(tree, element, name),
        Terminal::Element | Terminal::Namespaces => delete_element(tree, selector, element),
    }
}

fn delete_element(
    tree: &Tree<'_>,
    selector: &NodeSelector,
    element: Element<'_>,
) -> Result<Vec<u8>, Refusal> {
    if element == tree.root() {
        let phrase = "a document has a root element; DELETE the document to remove it whole";
        return Err(Conflict::SchemaValidationError(Some(phrase.into())).into());
    }
    let parent = parent(tree, &selector.steps).map_err(|_| Refusal::NotFound)?;
    let target = selector.steps.last().expect("a node selector has a step");
    let left = parent.elements().filter(|&sibling| sibling != element);
    if target.select(left) != Selection::Nothing {
        let phrase = "the URI would then describe another element";
        return Err(Conflict::CannotDelete(Some(phrase.into())).into());
    }
    Ok(tree.splice(element.node().span(), &[]))
}

fn delete_attribute(tree: &Tree<'_>, element: Element<'_>, name: &ExpandedName) -> Result<Vec<u8>, Refusal> {
    let found = element.attributes().find(|attribute| name.is(attribute.name));
    let span = found.ok_or(Refusal::NotFound)?.span;
    Ok(tree.splice(element.with_space_before(span), &[]))
}
