//! What is checked: bytes as they are scanned, or a tree of them.

use super::attributes::Written;
use super::checker::Checker;
use super::local::Met;
use super::table::Grammar;
use super::violation::{Invalid, Violation};
use crate::limits::Limits;
use crate::namespaces::Binding;
use crate::node::{Element, Node};
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
    let mut open = tree.document();
    for node in tree.document().descendants().skip(1) {
        while node.parent() != Some(open) {
            open = close(&mut checker, open)?;
        }
        match node.kind() {
            Kind::Element => {
                if let Some(element) = node.element() {
                    open = node;
                    start(&mut checker, element)?;
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
    while open.kind() == Kind::Element {
        open = close(&mut checker, open)?;
    }
    checker.finish()
}

fn start<'t>(checker: &mut Checker<'t>, element: Element<'t>) -> Result<(), Violation> {
    let name = element.name();
    let at = element.tag().start;
    let local = Met::new(element.node().tree().text(), local(at + 1, name.prefix, name.local));
    checker.start(&name, local, at, element.attributes().iter())
}

/// Ends the check of an element: what it is a child of.
fn close<'t>(checker: &mut Checker<'t>, node: Node<'t>) -> Result<Node<'t>, Violation> {
    if let Some(element) = node.element() {
        checker.end(element.content())?;
    }
    Ok(node.parent().unwrap_or(node))
}

/// Where the local name of a name stands that begins at `at`.
fn local(at: u32, prefix: &str, local: &str) -> Span {
    let prefix = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
    let start = at as usize + prefix;
    Span::new(start, start + local.len())
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

impl<'a> Written<'a> for &Attribute<'a> {
    #[inline]
    fn is_bare(&self) -> bool {
        self.name.namespace.raw().is_empty()
    }

    #[inline]
    fn local(&self) -> Met<'a> {
        Met::of(self.name.local)
    }

    fn attribute(&self) -> Attribute<'a> {
        **self
    }
}
