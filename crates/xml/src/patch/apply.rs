//! Applying patch operations, RFC 5261 §4.3 to §4.5.

use super::error::{PatchError, Reason};
use super::locate::{Target, texts};
use super::mangle::mangle;
use super::operation::{Action, Operation, Position, Whitespace};
use super::selector::Selector;
use super::start_tag;
use crate::node::{Element, Node};
use crate::span::Span;
use crate::tree::{Kind, Tree};

/// The largest patch that is applied. Each limit is inclusive and has a refusal of its own.
///
/// The target is read again for each operation, so the time is in proportion to its bytes times the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the document after each operation.
    pub document: crate::Limits,
    /// Operations of one patch.
    pub operations: usize,
    /// Bytes of one selector.
    pub selector: usize,
}

impl Default for Limits {
    /// Documents as by default, 256 operations, selectors of 4 KiB.
    fn default() -> Self {
        Self { document: crate::Limits::default(), operations: 256, selector: 4096 }
    }
}

/// Applies operations one after the other, each to what the one before left. All or nothing: at the first that fails
/// there is no result. Every byte that no operation concerns stays; an element that loses its content stays `<a></a>`.
pub fn apply(target: &[u8], operations: &[Operation], limits: &Limits) -> Result<Vec<u8>, PatchError> {
    let failed = |operation| move |reason| PatchError { operation, reason };
    if operations.len() > limits.operations {
        return Err(failed(limits.operations)(Reason::TooManyOperations));
    }
    let mut bytes = target.to_vec();
    for (number, operation) in operations.iter().enumerate() {
        let tree = Tree::read(&bytes, &limits.document).map_err(Reason::Document).map_err(failed(number))?;
        bytes = apply_one(&tree, operation, limits).map_err(failed(number))?;
    }
    let last = operations.len().saturating_sub(1);
    Tree::read(&bytes, &limits.document).map_err(Reason::Document).map_err(failed(last))?;
    Ok(bytes)
}

fn apply_one(tree: &Tree<'_>, operation: &Operation, limits: &Limits) -> Result<Vec<u8>, Reason> {
    if operation.selector.len() > limits.selector {
        return Err(Reason::SelectorTooLong);
    }
    let target = Selector::read(operation)?.locate(tree)?;
    let wrapped = operation.wrapped();
    // The content may be as large as a document, and its wrapper is none of the sender's doing.
    let room = crate::Limits {
        bytes: limits.document.bytes.saturating_add(wrapped.len() - operation.content.len()),
        depth: limits.document.depth.saturating_add(1),
        nodes: limits.document.nodes.saturating_add(1),
        declarations: limits.document.declarations.saturating_add(operation.scope.len()),
        ..limits.document
    };
    let content = Tree::read(&wrapped, &room).map_err(Reason::Document)?;
    match &operation.action {
        Action::Add(position) => add(tree, target, *position, &content),
        Action::AddAttribute(name) => {
            start_tag::add_attribute(of_element(target)?, name, operation, &content)
        }
        Action::AddNamespace(prefix) => start_tag::add_namespace(of_element(target)?, prefix, &content),
        Action::Replace => replace(tree, target, &content),
        Action::Remove(whitespace) => remove(tree, target, *whitespace),
    }
}

fn of_element(target: Target<'_>) -> Result<Element<'_>, Reason> {
    match target {
        Target::Element(element) => Ok(element),
        Target::Text(..) | Target::Other(_) | Target::Attribute(..) | Target::Namespace(..) => {
            Err(Reason::InvalidPatchDirective("an element to add to"))
        }
    }
}

fn add(
    tree: &Tree<'_>,
    target: Target<'_>,
    position: Position,
    content: &Tree<'_>,
) -> Result<Vec<u8>, Reason> {
    let (span, parent) = match (position, target) {
        (Position::Append, target) => {
            let element = of_element(target)?;
            return Ok(element.append(&mangle(content, Some(element))?));
        }
        (Position::Prepend, target) => {
            let element = of_element(target)?;
            let mangled = mangle(content, Some(element))?;
            let at = element.content().start;
            let is_empty = element.is_empty_tag();
            return Ok(if is_empty {
                element.append(&mangled)
            } else {
                tree.splice(Span { start: at, end: at }, &[&mangled])
            });
        }
        (_, Target::Element(element)) => (element.node().span(), element.parent()),
        (_, Target::Text(parent, span)) => (span, Some(parent)),
        (_, Target::Other(node)) => (node.span(), node.parent().and_then(Node::element)),
        (_, Target::Attribute(..) | Target::Namespace(..)) => {
            return Err(Reason::InvalidAttributeValue(
                "a selector of an element, a text, a comment or an instruction",
            ));
        }
    };
    if parent.is_none() {
        may_stand_beside_root(content)?;
    }
    let at = if position == Position::Before { span.start } else { span.end };
    Ok(tree.splice(Span { start: at, end: at }, &[&mangle(content, parent)?]))
}

fn may_stand_beside_root(content: &Tree<'_>) -> Result<(), Reason> {
    for node in content.root().node().children() {
        match node.kind() {
            Kind::Element => return Err(Reason::InvalidRootElementOperation),
            Kind::Text if is_space(node.source()) => {}
            Kind::Text | Kind::CData => return Err(Reason::InvalidXmlPrologOperation),
            Kind::Comment | Kind::Instruction | Kind::Document => {}
        }
    }
    Ok(())
}

fn replace(tree: &Tree<'_>, target: Target<'_>, content: &Tree<'_>) -> Result<Vec<u8>, Reason> {
    let mut children = content.root().node().children();
    let only = children.next().filter(|_| children.next().is_none());
    match target {
        Target::Element(element) => {
            only.and_then(Node::element).ok_or(Reason::InvalidNodeTypes)?;
            Ok(tree.splice(element.node().span(), &[&mangle(content, element.parent())?]))
        }
        Target::Other(node) => {
            let only = only.filter(|only| only.kind() == node.kind()).ok_or(Reason::InvalidNodeTypes)?;
            Ok(tree.splice(node.span(), &[only.source().as_bytes()]))
        }
        Target::Text(_, span) => {
            let mut nodes = content.root().node().children();
            if !nodes.all(|node| matches!(node.kind(), Kind::Text | Kind::CData)) {
                return Err(Reason::InvalidNodeTypes);
            }
            Ok(tree.splice(span, &[&content.bytes()[content.root().content().range()]]))
        }
        Target::Attribute(_, attribute) => {
            start_tag::replace_value(tree, attribute.value_span, &start_tag::text(content)?)
        }
        Target::Namespace(_, declaration) => {
            start_tag::replace_value(tree, declaration.value_span, &start_tag::namespace(content)?)
        }
    }
}

fn remove(tree: &Tree<'_>, target: Target<'_>, whitespace: Whitespace) -> Result<Vec<u8>, Reason> {
    let node = match target {
        Target::Element(element) if element.parent().is_none() => {
            return Err(Reason::InvalidRootElementOperation);
        }
        Target::Element(element) => element.node(),
        Target::Other(node) => node,
        _ if whitespace != Whitespace::Stays => {
            return Err(Reason::InvalidAttributeValue(
                "whitespace beside an element, a comment or an instruction",
            ));
        }
        Target::Text(_, span) => return Ok(tree.splice(span, &[])),
        Target::Attribute(element, attribute) => {
            return Ok(tree.splice(element.with_space_before(attribute.span), &[]));
        }
        Target::Namespace(element, declaration) => return start_tag::remove_namespace(element, &declaration),
    };
    let mut span = node.span();
    let beside = node.parent().map(texts).unwrap_or_default();
    let is_blank = |text: &&Span| is_space(&tree.text()[text.range()]);
    if matches!(whitespace, Whitespace::Before | Whitespace::Both) {
        let before = beside.iter().filter(is_blank).find(|text| text.end == node.span().start);
        span.start = before.ok_or(Reason::InvalidWhitespaceDirective)?.start;
    }
    if matches!(whitespace, Whitespace::After | Whitespace::Both) {
        let after = beside.iter().filter(is_blank).find(|text| text.start == node.span().end);
        span.end = after.ok_or(Reason::InvalidWhitespaceDirective)?.end;
    }
    Ok(tree.splice(span, &[]))
}

fn is_space(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}
