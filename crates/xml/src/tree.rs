//! A document as a tree: an index over its bytes, in one arena.

use crate::error::Error;
use crate::limits::Limits;
use crate::namespaces::Declaration;
use crate::node::{Element, Node};
use crate::scanner::Scanner;
use crate::span::{Span, offset};
use crate::tag::Attribute;
use crate::token::{Name, Token};

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
    pub(crate) elements: Vec<ElementData<'a>>,
    /// Of all elements, in document order.
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// Of all elements, in document order.
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
pub(crate) struct ElementData<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) tag: Span,
    pub(crate) content: Span,
    /// The first of its attributes.
    pub(crate) attributes: u32,
    /// The first of its declarations.
    pub(crate) declarations: u32,
}

impl<'a> Tree<'a> {
    /// Reads a document. Refuses what [`Scanner`] refuses.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        Self::build(Scanner::new(bytes, limits)?, bytes.len())
    }

    /// Reads an element that is to stand within `parent`, or to be a root: prefixes may be declared there. Otherwise
    /// as a document, but without a byte order mark and an XML declaration.
    pub fn fragment(bytes: &'a [u8], parent: Option<Element<'a>>, limits: &Limits) -> Result<Self, Error> {
        let scope = parent.map(Element::scope).unwrap_or_default();
        Self::build(Scanner::fragment(bytes, scope, limits)?, bytes.len())
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

    fn build(mut scanner: Scanner<'a>, length: usize) -> Result<Self, Error> {
        let whole = Span::new(0, length);
        let mut tree = Self {
            text: scanner.document(),
            nodes: Vec::with_capacity(length / 32 + 8),
            elements: Vec::with_capacity(length / 96 + 4),
            attributes: Vec::with_capacity(length / 96 + 4),
            declarations: Vec::new(),
        };
        tree.push(Kind::Document, true, 0, whole);
        let mut open = 0_u32;
        while let Some(token) = scanner.pull()? {
            match token {
                Token::Start(start) => {
                    open = tree.push(Kind::Element, true, open, start.span);
                    tree.push_element(start.name, start.span);
                    tree.attributes.extend(scanner.attributes());
                    tree.declarations.extend(scanner.declarations());
                }
                Token::End(end) => {
                    let after = offset(tree.nodes.len());
                    let node = &mut tree.nodes[open as usize];
                    node.span = end.element;
                    node.after = after;
                    tree.elements[node.element as usize].content = end.content;
                    open = node.parent;
                }
                Token::Text(text) => _ = tree.push(Kind::Text, text.value.is_plain(), open, text.span),
                Token::CData(text) => _ = tree.push(Kind::CData, text.value.is_plain(), open, text.span),
                Token::Comment(span) => _ = tree.push(Kind::Comment, true, open, span),
                Token::Instruction(instruction) => {
                    tree.push(Kind::Instruction, true, open, instruction.span);
                }
            }
        }
        tree.nodes[0].after = offset(tree.nodes.len());
        tree.push_element(Name::default(), whole);
        Ok(tree)
    }

    fn push(&mut self, kind: Kind, plain: bool, parent: u32, span: Span) -> u32 {
        let index = offset(self.nodes.len());
        let element = offset(self.elements.len());
        self.nodes.push(NodeData { kind, plain, parent, after: index + 1, element, span });
        index
    }

    fn push_element(&mut self, name: Name<'a>, tag: Span) {
        self.elements.push(ElementData {
            name,
            tag,
            content: tag,
            attributes: offset(self.attributes.len()),
            declarations: offset(self.declarations.len()),
        });
    }
}
