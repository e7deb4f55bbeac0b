//! A document as a tree: an index over its bytes, in one arena.

use crate::error::Error;
use crate::limits::Limits;
use crate::namespaces::{Binding, Declaration, NOT_DECLARED};
use crate::node::{Element, Node};
use crate::scanner::Scanner;
use crate::sink::{Sink, TagContent};
use crate::span::{Span, offset};
use crate::tag::{Attribute, Written};
use crate::token::{End, Instruction, Text};

/// A read-only index over the bytes of an accepted document: its nodes in document order, with where each stands.
///
/// Nothing is copied or changed, so an edit is a cut at offsets that the tree gives, and what is not touched stays as
/// it is, byte for byte. Reading takes time in proportion to the bytes, without recursion; memory is in proportion to
/// nodes and attributes, which [`Limits`] bounds.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    pub(crate) text: &'a str,
    /// In document order; the first is the document itself.
    pub(crate) nodes: Vec<NodeData>,
    /// In document order, with one more at the end, where the lists of the last one end.
    pub(crate) elements: Vec<ElementData>,
    /// Of all elements, in document order.
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// Those in scope of a fragment, then those of all elements, in document order.
    pub(crate) declarations: Vec<Declaration<'a>>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The document: parent of the root element and of what stands beside it.
    Document,
    /// An element, tags included.
    Element,
    /// A run of text with references, never empty.
    Text,
    /// A CDATA section, delimiters included.
    CData,
    /// A comment, delimiters included.
    Comment,
    /// A processing instruction, delimiters included.
    Instruction,
}

/// A node as the arena keeps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeData {
    pub(crate) kind: Kind,
    /// Of text: what is written is what is meant.
    pub(crate) plain: bool,
    pub(crate) parent: u32,
    /// The first node in document order that is not within this one.
    pub(crate) after: u32,
    /// Of an element: its place in `elements`.
    pub(crate) element: u32,
    pub(crate) span: Span,
}

/// What an element has beyond a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementData {
    /// Its name as written.
    pub(crate) name: Written,
    /// Where it ends, its start tag ends. It begins where the element does.
    pub(crate) tag_end: u32,
    /// Where its end tag begins, or where it ends if it has none.
    pub(crate) content_end: u32,
    /// The declaration that binds its prefix, or what stands for none or for `xml`.
    pub(crate) binding: u32,
    /// The first of its attributes.
    pub(crate) attributes: u32,
    /// The first of its declarations.
    pub(crate) declarations: u32,
}

impl<'a> Tree<'a> {
    /// Reads a document. Refuses what [`Scanner`] refuses.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        Self::build(Scanner::new(bytes, limits)?, Vec::new(), bytes.len())
    }

    /// Reads an element that is to stand within `parent`, or to be a root: prefixes may be declared there. Otherwise
    /// as a document, but without a byte order mark and an XML declaration.
    pub fn fragment(bytes: &'a [u8], parent: Option<Element<'a>>, limits: &Limits) -> Result<Self, Error> {
        let scope = parent.map(Element::scope).unwrap_or_default();
        Self::build(Scanner::fragment(bytes, scope.iter().copied(), limits)?, scope, bytes.len())
    }

    /// The document as text, a byte order mark included.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The document as bytes, a byte order mark included.
    pub fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The document itself, parent of the root element.
    pub fn document(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The root element.
    pub fn root(&self) -> Element<'_> {
        self.document().elements().next().expect("an accepted document has a root element")
    }

    /// How many nodes there are, the document itself included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node; never, as the document itself is one.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn build(mut scanner: Scanner<'a>, scope: Vec<Declaration<'a>>, length: usize) -> Result<Self, Error> {
        let tree = Self {
            text: scanner.document(),
            nodes: Vec::with_capacity(length / 16 + 8),
            elements: Vec::with_capacity(length / 48 + 8),
            attributes: Vec::with_capacity(length / 96 + 8),
            declarations: scope,
        };
        let mut builder = Builder { tree, open: 0 };
        builder.push(Kind::Document, true, Span::new(0, length));
        while scanner.pull_into(&mut builder)? {}
        builder.tree.nodes[0].after = offset(builder.tree.nodes.len());
        builder.push_element(Written::default(), NOT_DECLARED, 0);
        Ok(builder.tree)
    }
}

/// Puts a tree together.
struct Builder<'a> {
    tree: Tree<'a>,
    /// The element that is open, or the document.
    open: u32,
}

impl Builder<'_> {
    #[inline]
    fn push(&mut self, kind: Kind, plain: bool, span: Span) {
        let tree = &mut self.tree;
        let after = offset(tree.nodes.len()) + 1;
        let element = offset(tree.elements.len());
        tree.nodes.push(NodeData { kind, plain, parent: self.open, after, element, span });
    }

    #[inline]
    fn push_element(&mut self, name: Written, binding: u32, tag_end: u32) {
        let tree = &mut self.tree;
        let attributes = offset(tree.attributes.len());
        let declarations = offset(tree.declarations.len());
        let content_end = tag_end;
        tree.elements.push(ElementData { name, tag_end, content_end, binding, attributes, declarations });
    }
}

impl<'a> Sink<'a> for Builder<'a> {
    #[inline]
    fn start(&mut self, name: Written, binding: &Binding<'a>, span: Span, _: bool, tag: &TagContent<'_, 'a>) {
        self.push(Kind::Element, true, span);
        self.open = offset(self.tree.nodes.len()) - 1;
        self.push_element(name, binding.ordinal(), span.end);
        self.tree.attributes.extend(tag.attributes());
        self.tree.declarations.extend(tag.declarations());
    }

    #[inline]
    fn end(&mut self, end: End) {
        let after = offset(self.tree.nodes.len());
        let node = &mut self.tree.nodes[self.open as usize];
        node.span.end = end.element.end;
        node.after = after;
        self.tree.elements[node.element as usize].content_end = end.content.end;
        self.open = node.parent;
    }

    #[inline]
    fn text(&mut self, text: Text<'a>) {
        self.push(Kind::Text, text.value.is_plain(), text.span);
    }

    fn cdata(&mut self, text: Text<'a>) {
        self.push(Kind::CData, text.value.is_plain(), text.span);
    }

    fn comment(&mut self, span: Span) {
        self.push(Kind::Comment, true, span);
    }

    fn instruction(&mut self, instruction: Instruction<'a>) {
        self.push(Kind::Instruction, true, instruction.span);
    }
}
