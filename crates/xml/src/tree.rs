//! A document as a tree: an index over its bytes, in one arena.

use std::sync::Arc;

use crate::error::Error;
use crate::limits::Limits;
use crate::namespaces::{Binding, Declaration, DeclarationData, NOT_DECLARED, XML_DECLARED, XML_NAMESPACE};
use crate::node::{Element, Node};
use crate::scanner::Scanner;
use crate::sink::{Sink, TagContent};
use crate::span::{Span, offset};
use crate::tag::{AttributeData, Written};
use crate::token::{End, Instruction, Text};
use crate::value::{Place, Value};

/// A read-only index over the bytes of an accepted document: its nodes in document order, with where each stands.
///
/// Nothing is changed, so an edit is a cut at offsets that the tree gives, and what is not touched stays as it is, byte
/// for byte. Reading takes time in proportion to the bytes, without recursion; memory is in proportion to nodes and
/// attributes, which [`Limits`] bounds. A `Tree<'static>` owns its bytes: it can be kept, and what it becomes by an edit
/// of one element is had without reading it again ([`Graft`](crate::Graft)).
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    text: Source<'a>,
    /// In document order; the first is the document itself.
    pub(crate) nodes: Vec<NodeData>,
    /// In document order, with one more at the end, where the lists of the last one end.
    pub(crate) elements: Vec<ElementData>,
    /// Of all elements, in document order.
    pub(crate) attributes: Vec<AttributeData>,
    /// Those in scope of a fragment. They stand elsewhere.
    pub(crate) outer: Vec<Declaration<'a>>,
    /// Those of all elements, in document order.
    pub(crate) declarations: Vec<DeclarationData>,
    pub(crate) extent: Extent,
}

/// The bytes that a tree is an index over.
#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    Lent(&'a str),
    Kept(Arc<str>),
}

/// How far a document goes towards the [`Limits`] that are not seen by counting: at most so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Elements open at the same time.
    pub(crate) depth: usize,
    /// Attributes of one element.
    pub(crate) attributes: usize,
    /// Declarations in scope at the same time, those around a fragment included.
    pub(crate) declarations: usize,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let scanner = Scanner::new(bytes, limits)?;
        let text = Source::Lent(scanner.document());
        build(scanner, text, Vec::new())
    }

    /// Reads an element that is to stand within `parent`, or to be a root: prefixes may be declared there. Otherwise
    /// as a document, but without a byte order mark and an XML declaration.
    pub fn fragment(bytes: &'a [u8], parent: Option<Element<'a>>, limits: &Limits) -> Result<Self, Error> {
        let scope = parent.map(Element::scope).unwrap_or_default();
        let scanner = Scanner::fragment(bytes, scope.iter().copied(), limits)?;
        let text = Source::Lent(scanner.document());
        build(scanner, text, scope)
    }

    /// The document itself, parent of the root element.
    pub fn document(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The root element.
    pub fn root(&self) -> Element<'_> {
        self.document().elements().next().expect("an accepted document has a root element")
    }

    /// The element of that number in document order, if it is one.
    pub fn element(&self, index: usize) -> Option<Element<'_>> {
        (index < self.nodes.len()).then(|| Node::new(self, offset(index))).and_then(Node::element)
    }

    /// How many nodes there are, the document itself included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node; never, as the document itself is one.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The document as text, a byte order mark included.
    #[inline]
    pub fn text(&self) -> &str {
        match &self.text {
            Source::Lent(text) => text,
            Source::Kept(text) => text,
        }
    }

    /// The document as bytes, a byte order mark included.
    pub fn bytes(&self) -> &[u8] {
        self.text().as_bytes()
    }

    /// The namespace that stands under an ordinal of [`Binding`].
    #[inline]
    pub(crate) fn bound(&self, ordinal: u32) -> Value<'_> {
        match ordinal {
            NOT_DECLARED => Value::EMPTY,
            XML_DECLARED => Value::new(XML_NAMESPACE, Place::Attribute, true),
            declared => match self.outer.get(declared as usize) {
                Some(outer) => outer.namespace,
                None => self.declarations[declared as usize - self.outer.len()].namespace(self.text()),
            },
        }
    }
}

impl Tree<'static> {
    /// Reads a document and keeps a copy of it. Refuses what [`Tree::read`] refuses.
    pub fn keep(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let scanner = Scanner::new(bytes, limits)?;
        let text = Source::Kept(scanner.document().into());
        build(scanner, text, Vec::new())
    }

    /// Reads a document that is shared with others. Refuses what [`Tree::read`] refuses.
    pub fn share(text: Arc<str>, limits: &Limits) -> Result<Self, Error> {
        build(Scanner::new(text.as_bytes(), limits)?, Source::Kept(Arc::clone(&text)), Vec::new())
    }

    /// The document, shared with the tree.
    pub fn shared(&self) -> Arc<str> {
        match &self.text {
            Source::Lent(text) => (*text).into(),
            Source::Kept(text) => Arc::clone(text),
        }
    }

    /// A tree of its parts, which fit together.
    pub(crate) fn of(
        text: Arc<str>,
        nodes: Vec<NodeData>,
        elements: Vec<ElementData>,
        attributes: Vec<AttributeData>,
        declarations: Vec<DeclarationData>,
        extent: Extent,
    ) -> Self {
        let text = Source::Kept(text);
        Self { text, nodes, elements, attributes, outer: Vec::new(), declarations, extent }
    }

    /// About how many bytes of memory it takes, its document included.
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + self.text().len()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.elements)
            + size_of_val(&*self.attributes)
            + size_of_val(&*self.declarations)
    }
}

/// Scans to the end. The text is that of the scanner.
fn build<'s, 'a>(
    mut scanner: Scanner<'s>,
    text: Source<'a>,
    outer: Vec<Declaration<'a>>,
) -> Result<Tree<'a>, Error> {
    let length = scanner.document().len();
    let tree = Tree {
        text,
        nodes: Vec::with_capacity(length / 16 + 8),
        elements: Vec::with_capacity(length / 48 + 8),
        attributes: Vec::with_capacity(length / 96 + 8),
        outer,
        declarations: Vec::new(),
        extent: Extent::default(),
    };
    let mut builder = Builder { tree, open: 0, depth: 0 };
    builder.push(Kind::Document, true, Span::new(0, length));
    while scanner.pull_into(&mut builder)? {}
    builder.tree.nodes[0].after = offset(builder.tree.nodes.len());
    builder.push_element(Written::default(), NOT_DECLARED, 0);
    Ok(builder.tree)
}

/// Puts a tree together.
struct Builder<'a> {
    tree: Tree<'a>,
    /// The element that is open, or the document.
    open: u32,
    /// How many elements are open.
    depth: usize,
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

impl<'s> Sink<'s> for Builder<'_> {
    #[inline]
    fn start(&mut self, name: Written, binding: &Binding<'s>, span: Span, _: bool, tag: &TagContent<'_, 's>) {
        self.push(Kind::Element, true, span);
        self.open = offset(self.tree.nodes.len()) - 1;
        self.push_element(name, binding.ordinal(), span.end);
        self.depth += 1;
        let (extent, attributes) = (&mut self.tree.extent, tag.written());
        extent.depth = extent.depth.max(self.depth);
        extent.attributes = extent.attributes.max(attributes.len());
        extent.declarations = extent.declarations.max(tag.namespaces.len());
        self.tree.attributes.extend(attributes);
        self.tree.declarations.extend(tag.declared());
    }

    #[inline]
    fn end(&mut self, end: End) {
        self.depth -= 1;
        let after = offset(self.tree.nodes.len());
        let node = &mut self.tree.nodes[self.open as usize];
        node.span.end = end.element.end;
        node.after = after;
        self.tree.elements[node.element as usize].content_end = end.content.end;
        self.open = node.parent;
    }

    #[inline]
    fn text(&mut self, text: Text<'s>) {
        self.push(Kind::Text, text.value.is_plain(), text.span);
    }

    fn cdata(&mut self, text: Text<'s>) {
        self.push(Kind::CData, text.value.is_plain(), text.span);
    }

    fn comment(&mut self, span: Span) {
        self.push(Kind::Comment, true, span);
    }

    fn instruction(&mut self, instruction: Instruction<'s>) {
        self.push(Kind::Instruction, true, instruction.span);
    }
}
