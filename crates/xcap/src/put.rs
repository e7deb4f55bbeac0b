//! PUT of an element, RFC 4825 §8.2.

use xml::{Element, ErrorKind, Graft, Limits, Node, Seat, Tree};

use crate::conflict::Conflict;
use crate::edit::{Edit, Refusal};
use crate::locate::{Selection, parent};
use crate::put_attribute::put_attribute;
use crate::selector::{NodeSelector, Step, Terminal};

/// Puts an element or an attribute where the selector says, or says why not.
///
/// `body` is the element, which may have whitespace around it that is left out, or the attribute's value with its
/// quotes. An element replaces the one that is selected; where none is, it is inserted at the position that RFC 4825
/// §8.2.3 demands. Afterwards the selector selects just what was put: what would not is refused. `limits` are those
/// for the element alone. Linear in the document's nodes and the body.
pub fn put<'t>(
    tree: &'t Tree<'t>,
    selector: &NodeSelector,
    body: &'t [u8],
    limits: &Limits,
) -> Result<Edit<'t>, Refusal> {
    match &selector.terminal {
        Terminal::Element => put_element(tree, selector, body, limits),
        Terminal::Attribute(name) => put_attribute(tree, selector, name, body),
        Terminal::Namespaces => Err(Refusal::ReadOnly),
    }
}

fn put_element<'t>(
    tree: &'t Tree<'t>,
    selector: &NodeSelector,
    body: &'t [u8],
    limits: &Limits,
) -> Result<Edit<'t>, Refusal> {
    let parent = parent(tree, &selector.steps).map_err(|miss| Conflict::no_parent(selector, miss))?;
    let target = selector.steps.last().expect("a node selector has a step");
    let fragment = read(body, parent, limits)?;
    let new = fragment.root();
    if !target.is_named(new) || !target.is_passed(new) {
        return Err(Conflict::cannot_insert("the element is not the one that the URI describes").into());
    }
    let (seat, created) = match target.select_in(parent) {
        Selection::One(old) => (Seat::Instead(old), false),
        Selection::Several => {
            return Err(Conflict::cannot_insert("the URI describes more than one element").into());
        }
        Selection::Nothing => {
            let second = "a document has one root element, and this URI describes another";
            let parent = parent.element().ok_or(Conflict::cannot_insert(second))?;
            (place(parent, target, new)?, true)
        }
    };
    Ok(Edit::of_element(Graft::new(seat, fragment), created))
}

/// Reads the body as one element in the scope of its parent.
fn read<'t>(body: &'t [u8], parent: Node<'t>, limits: &Limits) -> Result<Tree<'t>, Refusal> {
    let fragment = Tree::fragment(body, parent.element(), limits).map_err(|error| match error.kind {
        _ if error.is_limit() => Refusal::TooLarge(error),
        ErrorKind::NotUtf8 => Conflict::NotUtf8(Some(error.to_string().into())).into(),
        _ => Conflict::NotXmlFragment(Some(error.to_string().into())).into(),
    })?;
    if fragment.document().children().count() != 1 {
        let phrase = "expected one element and nothing beside it";
        return Err(Conflict::NotXmlFragment(Some(phrase.into())).into());
    }
    Ok(fragment)
}

/// The three ways of RFC 4825 §8.2.3. Nothing matches the target now.
fn place<'t>(parent: Element<'t>, target: &Step, new: Element<'_>) -> Result<Seat<'t>, Conflict> {
    let cannot = || Conflict::cannot_insert("there are too few elements before that position");
    let Some(position) = target.position else {
        // Unconstrained: behind the last of its name, and with as much as possible behind it; the first one last of all.
        let last = parent.elements().filter(|sibling| sibling.name() == new.name()).last();
        return Ok(last.map_or(Seat::Last(parent), Seat::After));
    };
    let mut named = parent.elements().filter(|&sibling| target.is_named(sibling));
    match position.checked_sub(1).ok_or_else(cannot)? {
        0 => Ok(named.next().map_or(Seat::Last(parent), Seat::Before)),
        before => named.nth(before - 1).map(Seat::After).ok_or_else(cannot),
    }
}
