//! Nodes and elements of a [`Tree`], as handles.

use core::fmt;
use core::ops::Range;
use std::borrow::Cow;

use crate::namespaces::{Declaration, NOT_DECLARED, XML_NAMESPACE};
use crate::span::{Span, offset};
use crate::tag::{Attribute, AttributeData, Written};
use crate::token::Name;
use crate::tree::{ElementData, Kind, NodeData, Tree};
use crate::value::{Place, Value};

/// A node of a tree. Two are equal if they are the same node of the same tree.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree<'t>,
    index: u32,
}

/// An attribute of a tree, put together when it is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'t> {
    pub(crate) tree: &'t Tree<'t>,
    pub(crate) written: &'t AttributeData,
}

impl<'t> Kept<'t> {
    #[inline]
    pub(crate) fn attribute(self) -> Attribute<'t> {
        self.written.attribute(self.tree.text(), self.tree.bound(self.written.binding))
    }

    #[inline]
    fn is(self, namespace: &str, local: &str) -> bool {
        let AttributeData { name, binding, .. } = *self.written;
        self.tree.bytes()[name.local.range()] == *local.as_bytes()
            && if binding == NOT_DECLARED {
                namespace.is_empty()
            } else {
                self.tree.bound(binding) == *namespace
            }
    }
}

/// An element of a tree. Two are equal if they are the same element of the same tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'t> {
    node: Node<'t>,
}

impl<'t> Node<'t> {
    pub(crate) fn new(tree: &'t Tree<'t>, index: u32) -> Self {
        Self { tree, index }
    }

    fn data(self) -> &'t NodeData {
        &self.tree.nodes[self.index as usize]
    }

    /// Its number in document order; the document itself is 0.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// The numbers of the nodes within it, itself included.
    pub fn indices(self) -> Range<usize> {
        self.index as usize..self.data().after as usize
    }

    /// The tree that it is a node of.
    pub fn tree(self) -> &'t Tree<'t> {
        self.tree
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.data().kind
    }

    /// Where it stands: tags and delimiters included.
    pub fn span(self) -> Span {
        self.data().span
    }

    /// The bytes it stands in, as text.
    pub fn source(self) -> &'t str {
        &self.tree.text()[self.span().range()]
    }

    /// The node it is a child of; none for the document itself.
    pub fn parent(self) -> Option<Self> {
        (self.index != 0).then(|| Self { index: self.data().parent, ..self })
    }

    /// Its children, in document order.
    pub fn children(self) -> impl Iterator<Item = Self> + use<'t> {
        let mut next = self.index + 1;
        let after = self.data().after;
        core::iter::from_fn(move || {
            let child = (next < after).then_some(Self { index: next, ..self })?;
            next = child.data().after;
            Some(child)
        })
    }

    /// Its children that are elements, in document order.
    pub fn elements(self) -> impl Iterator<Item = Element<'t>> + use<'t> {
        self.children().filter_map(Self::element)
    }

    /// Its children that are elements of that name (`namespace` empty for none), in document order. Their namespace is
    /// compared once for each declaration, not for each of them.
    pub fn elements_named<'n>(
        self,
        namespace: &'n str,
        local: &'n str,
    ) -> impl Iterator<Item = Element<'t>> + use<'t, 'n> {
        let mut known: Option<(u32, bool)> = None;
        let tree = self.tree;
        self.elements().filter(move |element| {
            let ElementData { name, binding, .. } = *element.data();
            if tree.bytes()[name.local.range()] != *local.as_bytes() {
                return false;
            }
            match known {
                Some((same, is_it)) if same == binding => is_it,
                _ => {
                    let is_it = tree.bound(binding) == *namespace;
                    known = Some((binding, is_it));
                    is_it
                }
            }
        })
    }

    /// The nodes within it, itself first, in document order.
    pub fn descendants(self) -> impl DoubleEndedIterator<Item = Self> + use<'t> {
        (self.index..self.data().after).map(move |index| Self { index, ..self })
    }

    /// The element that it is, if it is one.
    pub fn element(self) -> Option<Element<'t>> {
        (self.kind() == Kind::Element).then_some(Element { node: self })
    }

    /// Of text and CDATA sections: what is meant.
    pub fn value(self) -> Option<Value<'t>> {
        let NodeData { kind, plain, .. } = *self.data();
        let source = self.source();
        match kind {
            Kind::Text => Some(Value::new(source, Place::Text, plain)),
            Kind::CData => {
                let raw = &source["<![CDATA[".len()..source.len() - "]]>".len()];
                Some(Value::new(raw, Place::CData, plain))
            }
            Kind::Document | Kind::Element | Kind::Comment | Kind::Instruction => None,
        }
    }

    /// All text within it, comments and processing instructions left out: its string-value by XPath 1.0 §5.
    pub fn string_value(self) -> Cow<'t, str> {
        let mut values = self.descendants().filter_map(Self::value);
        let Some(first) = values.next() else { return Cow::Borrowed("") };
        let mut text = first.text();
        for value in values {
            text.to_mut().extend(value.characters());
        }
        text
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.tree, other.tree) && self.index == other.index
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.kind(), self.source())
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.node, f)
    }
}

impl<'t> Element<'t> {
    fn data(self) -> &'t ElementData {
        &self.node.tree.elements[self.node.data().element as usize]
    }

    fn following(self) -> &'t ElementData {
        &self.node.tree.elements[self.node.data().element as usize + 1]
    }

    /// It as a node.
    pub fn node(self) -> Node<'t> {
        self.node
    }

    /// Its name.
    pub fn name(self) -> Name<'t> {
        let text = self.node.tree.text();
        let Written { prefix, local } = self.data().name;
        Name { namespace: self.bound(), prefix: &text[prefix.range()], local: &text[local.range()] }
    }

    /// Where its local name stands.
    pub(crate) fn local_span(self) -> Span {
        self.data().name.local
    }

    /// The namespace that it is in.
    fn bound(self) -> Value<'t> {
        self.node.tree.bound(self.data().binding)
    }

    /// Whether its name is `local` in `namespace` (empty for none), whatever the prefix.
    pub fn is(self, namespace: &str, local: &str) -> bool {
        let Written { local: written, .. } = self.data().name;
        self.node.tree.bytes()[written.range()] == *local.as_bytes() && self.bound() == *namespace
    }

    /// The element it is a child of; none for the root element.
    pub fn parent(self) -> Option<Self> {
        self.node.parent().and_then(Node::element)
    }

    /// Its children that are elements, in document order.
    pub fn elements(self) -> impl Iterator<Item = Self> + use<'t> {
        self.node.elements()
    }

    /// Whether its name is the other's, surely; no where only the namespace would have to be looked at.
    #[inline]
    pub(crate) fn is_surely_named_as(self, other: Self) -> bool {
        let bytes = self.node.tree.bytes();
        let (own, of) = (self.data(), other.data());
        own.binding == of.binding && bytes[own.name.local.range()] == bytes[of.name.local.range()]
    }

    /// The first child element of that name (`namespace` empty for none).
    pub fn child(self, namespace: &str, local: &str) -> Option<Self> {
        self.elements().find(|child| child.is(namespace, local))
    }

    /// Its attributes in the order in which they are written; namespace declarations are none.
    pub fn attributes(self) -> impl ExactSizeIterator<Item = Attribute<'t>> + Clone + use<'t> {
        self.written().map(Kept::attribute)
    }

    /// The same, as the tree keeps them.
    pub(crate) fn written(self) -> impl ExactSizeIterator<Item = Kept<'t>> + Clone + use<'t> {
        let tree = self.node.tree;
        let written = &tree.attributes[self.data().attributes as usize..self.following().attributes as usize];
        written.iter().map(|written| Kept { tree, written })
    }

    /// The attribute of that expanded name (`namespace` empty for none).
    pub fn attribute(self, namespace: &str, local: &str) -> Option<Attribute<'t>> {
        self.written().find(|kept| kept.is(namespace, local)).map(Kept::attribute)
    }

    /// The value of the attribute of that expanded name (`namespace` empty for none).
    pub fn value_of(self, namespace: &str, local: &str) -> Option<Value<'t>> {
        let found = self.written().find(|kept| kept.is(namespace, local))?;
        Some(found.written.value(found.tree.text()))
    }

    /// The namespace declarations in its start tag, in the order in which they are written.
    pub fn declarations(self) -> impl ExactSizeIterator<Item = Declaration<'t>> + Clone + use<'t> {
        let tree = self.node.tree;
        tree.declarations[self.declared()].iter().map(|written| written.declaration(tree.text()))
    }

    /// Which of the tree's declarations are its own.
    pub(crate) fn declared(self) -> Range<usize> {
        self.data().declarations as usize..self.following().declarations as usize
    }

    /// The start tag, from `<` to `>`.
    pub fn tag(self) -> Span {
        Span { start: self.node.span().start, end: self.data().tag_end }
    }

    /// What stands between its tags; empty and at the end of the tag for `<a/>`.
    pub fn content(self) -> Span {
        let ElementData { tag_end, content_end, .. } = *self.data();
        Span { start: tag_end, end: content_end }
    }

    /// Whether it is written as `<a/>`.
    pub fn is_empty_tag(self) -> bool {
        self.data().tag_end == self.node.span().end
    }

    /// It and the elements around it, the innermost first.
    pub fn ancestors(self) -> impl Iterator<Item = Self> + use<'t> {
        core::iter::successors(Some(self), |element| element.parent())
    }

    /// The namespace that a prefix (empty for the default) is bound to within this element; none if to nothing, and
    /// the empty value if the default namespace is none.
    pub fn namespace(self, prefix: &str) -> Option<Value<'t>> {
        let declared = |element: Self| element.declarations().find(|found| found.prefix == prefix);
        match self.ancestors().find_map(declared) {
            Some(declaration) => Some(declaration.namespace),
            None if prefix.is_empty() => Some(Value::EMPTY),
            None if prefix == "xml" => Some(Value::new(XML_NAMESPACE, Place::Attribute, true)),
            None => None,
        }
    }

    /// The namespace declarations in scope, the innermost first and each prefix once. A default namespace that was
    /// undeclared is given with its empty value.
    pub fn scope(self) -> Vec<Declaration<'t>> {
        let tree = self.node.tree;
        let declaration =
            |ordinal: u32| tree.declarations[ordinal as usize - tree.outer.len()].declaration(tree.text());
        self.scope_ordinals().into_iter().map(declaration).collect()
    }

    /// The same by their ordinals.
    pub(crate) fn scope_ordinals(self) -> Vec<u32> {
        let tree = self.node.tree;
        let text = tree.text();
        let mut scope: Vec<(&str, u32)> = Vec::new();
        for at in self.ancestors().flat_map(Self::declared) {
            let prefix = &text[tree.declarations[at].prefix.range()];
            if scope.iter().all(|(inner, _)| *inner != prefix) {
                scope.push((prefix, offset(tree.outer.len() + at)));
            }
        }
        scope.into_iter().map(|(_, ordinal)| ordinal).collect()
    }
}
