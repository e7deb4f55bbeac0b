//! What is checked: bytes as they are scanned, or a tree of them.

use super::attributes::Written;
use super::checker::Checker;
use super::local::Met;
use super::table::{Grammar, Type};
use super::violation::{Invalid, Violation};
use crate::limits::Limits;
use crate::namespaces::{Binding, NOT_DECLARED};
use crate::node::{Element, Kept, Node};
use crate::scanner::Scanner;
use crate::sink::{Sink, TagContent};
use crate::span::Span;
use crate::tag::{self, Attribute, WrittenAttribute};
use crate::token::{End, Instruction, Text};
use crate::tree::{Kind, Tree};

/// Checks a whole document against a grammar, in one pass.
///
/// Refuses what [`Scanner`] refuses, and the first place where the document breaks the grammar; of two equal ids the
/// second is refused after all else. Cost: in proportion to the bytes, times the names that may stand in one place.
pub fn check(bytes: &[u8], grammar: &'static Grammar, limits: &Limits) -> Result<(), Invalid> {
    let mut scanner = Scanner::new(bytes, limits)?;
    let mut checking = Checking { checker: Checker::new(grammar), so_far: Ok(()) };
    while scanner.pull_into(&mut checking)? {
        if checking.so_far.is_err() {
            break;
        }
    }
    checking.so_far?;
    Ok(checking.checker.finish()?)
}

/// Checks a document that has been read against a grammar, as [`check`] does.
pub fn check_tree(tree: &Tree<'_>, grammar: &'static Grammar) -> Result<(), Violation> {
    let mut checker = Checker::new(grammar);
    within(&mut checker, tree.root())?;
    checker.finish()
}

/// Checks a document that an element was put into, and that was as the grammar says before: anew, or in the place of
/// another. Refuses what [`check_tree`] refuses, but looks only at the element and at the names of what stands beside it
/// and before what is around it. Where an element brings ids, all of the document is looked at.
pub fn check_put(element: Element<'_>, grammar: &'static Grammar) -> Result<(), Violation> {
    match put(element, grammar) {
        // Which of several things is told does not depend on where the look began.
        Ok(false) | Err(_) => check_tree(element.node().tree(), grammar),
        Ok(true) => Ok(()),
    }
}

/// Whether it is certain that all is well.
fn put(element: Element<'_>, grammar: &'static Grammar) -> Result<bool, Violation> {
    let mut around: Vec<Element<'_>> = element.ancestors().skip(1).collect();
    let Some(root) = around.pop() else { return Ok(false) };
    let mut checker = Checker::new(grammar);
    checker.enter(root.name().local, grammar.root.kind);
    let mut parent = root;
    while let Some(next) = around.pop() {
        let mut walk = Walk::default();
        for child in parent.elements().take_while(|child| child.node().index() <= next.node().index()) {
            walk.pass(&mut checker, child)?;
        }
        let Some(kind) = walk.kind else { return Ok(false) };
        checker.enter(next.name().local, kind);
        parent = next;
    }
    let mut walk = Walk::default();
    for child in parent.elements() {
        if child == element {
            walk = Walk::default();
            within(&mut checker, child)?;
        } else {
            walk.pass(&mut checker, child)?;
        }
    }
    checker.end(parent.content())?;
    Ok(!checker.has_met_ids())
}

/// A walk past siblings that were checked before, by their names.
#[derive(Default)]
struct Walk<'t> {
    last: Option<Element<'t>>,
    /// What the last one is.
    kind: Option<&'static Type>,
    /// Another of the name of the last one changes nothing.
    settled: bool,
}

impl<'t> Walk<'t> {
    #[inline]
    fn pass(&mut self, checker: &mut Checker<'t>, element: Element<'t>) -> Result<(), Violation> {
        let is_same = self.last.is_some_and(|last| element.is_surely_named_as(last));
        if is_same && self.settled {
            return Ok(());
        }
        let before = checker.expected();
        self.kind = Some(checker.pass(&element.name(), met(element), element.tag().start)?);
        self.settled = checker.expected() == before;
        self.last = Some(element);
        Ok(())
    }
}

/// Checks an element with all that it holds.
fn within<'t>(checker: &mut Checker<'t>, root: Element<'t>) -> Result<(), Violation> {
    start(checker, root)?;
    let mut open = root.node();
    for node in root.node().descendants().skip(1) {
        while node.parent() != Some(open) {
            open = close(checker, open)?;
        }
        match node.kind() {
            Kind::Element => {
                if let Some(element) = node.element() {
                    open = node;
                    start(checker, element)?;
                }
            }
            Kind::Text | Kind::CData => {
                if let Some(value) = node.value() {
                    checker.text(value, node.span().start)?;
                }
            }
            Kind::Document | Kind::Comment | Kind::Instruction => {}
        }
    }
    while open != root.node() {
        open = close(checker, open)?;
    }
    checker.end(root.content())
}

fn start<'t>(checker: &mut Checker<'t>, element: Element<'t>) -> Result<(), Violation> {
    let (name, at) = (element.name(), element.tag().start);
    checker.start(&name, met(element), at, element.written())
}

/// The local name of an element.
fn met(element: Element<'_>) -> Met<'_> {
    Met::new(element.node().tree().text(), element.local_span())
}

/// Ends the check of an element: what it is a child of.
fn close<'t>(checker: &mut Checker<'t>, node: Node<'t>) -> Result<Node<'t>, Violation> {
    if let Some(element) = node.element() {
        checker.end(element.content())?;
    }
    Ok(node.parent().unwrap_or(node))
}

/// A check while a document is scanned.
struct Checking<'a> {
    checker: Checker<'a>,
    so_far: Result<(), Violation>,
}

impl<'a> Sink<'a> for Checking<'a> {
    #[inline]
    fn start(
        &mut self,
        name: tag::Written,
        binding: &Binding<'a>,
        span: Span,
        _: bool,
        tag: &TagContent<'_, 'a>,
    ) {
        let attributes = tag.attributes.as_slice().iter().map(|written| Unread { written, tag });
        let local = Met::new(tag.text, name.local);
        self.so_far = self.checker.start(&name.bound(tag.text, binding), local, span.start, attributes);
    }

    #[inline]
    fn end(&mut self, end: End) {
        self.so_far = self.checker.end(end.content);
    }

    #[inline]
    fn text(&mut self, text: Text<'a>) {
        self.so_far = self.checker.text(text.value, text.span.start);
    }

    fn cdata(&mut self, text: Text<'a>) {
        self.so_far = self.checker.text(text.value, text.span.start);
    }

    fn comment(&mut self, _: Span) {}

    fn instruction(&mut self, _: Instruction<'a>) {}
}

/// An attribute of the start tag that was scanned last.
struct Unread<'s, 'a> {
    written: &'s WrittenAttribute,
    tag: &'s TagContent<'s, 'a>,
}

impl<'a> Written<'a> for Unread<'_, 'a> {
    #[inline]
    fn is_bare(&self) -> bool {
        self.written.is_bare()
    }

    #[inline]
    fn local(&self) -> Met<'a> {
        Met::new(self.tag.text, self.written.local())
    }

    fn attribute(&self) -> Attribute<'a> {
        self.written.attribute(self.tag.text, self.tag.namespaces)
    }
}

impl<'t> Written<'t> for Kept<'t> {
    #[inline]
    fn is_bare(&self) -> bool {
        self.written.binding == NOT_DECLARED
    }

    #[inline]
    fn local(&self) -> Met<'t> {
        Met::new(self.tree.text(), self.written.name.local)
    }

    fn attribute(&self) -> Attribute<'t> {
        Kept::attribute(*self)
    }
}
