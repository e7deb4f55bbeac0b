//! Putting one element into a document, so that the tree of what comes of it is had without reading it.

use std::sync::Arc;

use crate::error::Error;
use crate::limits::Limits;
use crate::namespaces::{DeclarationData, NOT_DECLARED, XML_DECLARED};
use crate::node::{Element, Node};
use crate::span::{Span, offset};
use crate::tag::{AttributeData, Written};
use crate::tree::{ElementData, Extent, Kind, NodeData, Tree};

/// Where an element is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat<'t> {
    /// In the place of another.
    Instead(Element<'t>),
    /// Right before another, which is not the root.
    Before(Element<'t>),
    /// Right after another, which is not the root.
    After(Element<'t>),
    /// At the end of what another holds, comments and whitespace included. `<a/>` becomes `<a>…</a>`.
    Last(Element<'t>),
}

impl<'t> Seat<'t> {
    /// The parent of what is put there: an element, or the document.
    fn parent(self) -> Node<'t> {
        match self {
            Self::Last(parent) => parent.node(),
            Self::Instead(sibling) | Self::Before(sibling) | Self::After(sibling) => {
                sibling.node().parent().expect("an element has a parent")
            }
        }
    }

    /// The nodes that go.
    fn nodes(self) -> (usize, usize) {
        let start = |element: Element<'_>| element.node().index();
        let end = |element: Element<'_>| element.node().indices().end;
        match self {
            Self::Instead(old) => (start(old), end(old)),
            Self::Before(sibling) => (start(sibling), start(sibling)),
            Self::After(sibling) => (end(sibling), end(sibling)),
            Self::Last(parent) => (end(parent), end(parent)),
        }
    }
}

/// A document with one element more, or another one in its place. Every other byte is as it was.
#[derive(Clone, Debug)]
pub struct Graft<'t> {
    seat: Seat<'t>,
    /// Read in the scope of where it is put.
    fragment: Tree<'t>,
}

impl<'t> Graft<'t> {
    /// Puts the root of a fragment, which was read in the scope of its parent there ([`Tree::fragment`]). What stands
    /// beside that root is left out.
    pub fn new(seat: Seat<'t>, fragment: Tree<'t>) -> Self {
        Self { seat, fragment }
    }

    /// Whether the document is as it was, byte for byte.
    pub fn is_idle(&self) -> bool {
        matches!(self.seat, Seat::Instead(old) if old.node().source() == self.source())
    }

    /// The document.
    pub fn text(&self) -> String {
        let (span, before, after) = self.cut();
        let old = self.tree().text();
        let parts = [&old[..span.range().start], before, self.source(), &after, &old[span.range().end..]];
        parts.concat()
    }

    /// Its tree, and the number of the node that was put: what [`Tree::read`] would make of [`Graft::text`], refusals
    /// included. Takes time in proportion to the nodes, and the bytes are copied, not looked at.
    pub fn read(&self, limits: &Limits) -> Result<(Tree<'static>, usize), Error> {
        let text: Arc<str> = self.text().into();
        let (from, _) = self.seat.nodes();
        let tree = match self.extent(text.len(), limits) {
            Some(extent) => Joint::new(self).join(text, extent),
            None => Tree::share(text, limits)?,
        };
        Ok((tree, from))
    }

    fn tree(&self) -> &'t Tree<'t> {
        self.seat.parent().tree()
    }

    fn source(&self) -> &str {
        self.fragment.root().node().source()
    }

    /// What goes, and what comes in its place around the element.
    fn cut(&self) -> (Span, &'static str, String) {
        let at = |at: u32| (Span { start: at, end: at }, "", String::new());
        match self.seat {
            Seat::Instead(old) => (old.node().span(), "", String::new()),
            Seat::Before(sibling) => at(sibling.node().span().start),
            Seat::After(sibling) => at(sibling.node().span().end),
            Seat::Last(parent) if parent.is_empty_tag() => {
                let end = parent.tag().end;
                (Span { start: end - 2, end }, ">", format!("</{}>", parent.name().written()))
            }
            Seat::Last(parent) => at(parent.content().end),
        }
    }

    /// How far the document goes; none if it may go too far, so that a refusal must be found by reading.
    fn extent(&self, bytes: usize, limits: &Limits) -> Option<Extent> {
        let (tree, fragment, parent) = (self.tree(), &self.fragment, self.seat.parent());
        let (from, to) = self.seat.nodes();
        let nodes = tree.len() - (to - from) + fragment.root().node().indices().len();
        let around = parent.element().into_iter().flat_map(Element::ancestors);
        let (depth, declared) = around
            .fold((0, 0), |(depth, declared), element| (depth + 1, declared + element.declarations().len()));
        let extent = Extent {
            depth: tree.extent.depth.max(depth + fragment.extent.depth),
            attributes: tree.extent.attributes.max(fragment.extent.attributes),
            declarations: tree
                .extent
                .declarations
                .max(declared + fragment.extent.declarations - fragment.outer.len()),
        };
        let is_second_root = parent.element().is_none() && from == to;
        let is_within = bytes <= limits.bytes.min(u32::MAX as usize - 1)
            && nodes - 1 <= limits.nodes
            && extent.depth <= limits.depth
            && extent.attributes <= limits.attributes
            && extent.declarations <= limits.declarations
            && tree.outer.is_empty()
            && !is_second_root;
        is_within.then_some(extent)
    }
}

/// How many of each list come before something.
#[derive(Clone, Copy)]
struct Counts {
    nodes: usize,
    elements: usize,
    attributes: usize,
    declarations: usize,
}

impl Counts {
    /// Before a node, or before the end.
    fn before(tree: &Tree<'_>, node: usize) -> Self {
        let elements = tree.nodes.get(node).map_or(tree.elements.len() - 1, |node| node.element as usize);
        let next = &tree.elements[elements];
        let (attributes, declarations) = (next.attributes as usize, next.declarations as usize);
        Self { nodes: node, elements, attributes, declarations }
    }

    /// From those before a place in one document to those before it in another.
    fn shift(self, to: Self, bytes: u32) -> Shift {
        let by = |from: usize, to: usize| offset(to).wrapping_sub(offset(from));
        Shift {
            bytes,
            nodes: by(self.nodes, to.nodes),
            elements: by(self.elements, to.elements),
            attributes: by(self.attributes, to.attributes),
            declarations: by(self.declarations, to.declarations),
        }
    }

    fn and(self, from: Self, to: Self) -> Self {
        Self {
            nodes: self.nodes + to.nodes - from.nodes,
            elements: self.elements + to.elements - from.elements,
            attributes: self.attributes + to.attributes - from.attributes,
            declarations: self.declarations + to.declarations - from.declarations,
        }
    }
}

/// By how much all numbers of a part change, forward or, as they wrap, back.
#[derive(Clone, Copy)]
struct Shift {
    bytes: u32,
    nodes: u32,
    elements: u32,
    attributes: u32,
    declarations: u32,
}

impl Shift {
    fn span(self, span: Span) -> Span {
        Span { start: span.start.wrapping_add(self.bytes), end: span.end.wrapping_add(self.bytes) }
    }

    fn name(self, name: Written) -> Written {
        Written { prefix: self.span(name.prefix), local: self.span(name.local) }
    }

    fn node(self, node: &NodeData, parent: u32) -> NodeData {
        NodeData {
            parent,
            after: node.after.wrapping_add(self.nodes),
            element: node.element.wrapping_add(self.elements),
            span: self.span(node.span),
            ..*node
        }
    }

    fn element(self, element: &ElementData, binding: u32) -> ElementData {
        ElementData {
            name: self.name(element.name),
            tag_end: element.tag_end.wrapping_add(self.bytes),
            content_end: element.content_end.wrapping_add(self.bytes),
            binding,
            attributes: element.attributes.wrapping_add(self.attributes),
            declarations: element.declarations.wrapping_add(self.declarations),
        }
    }

    fn attribute(self, attribute: &AttributeData, binding: u32) -> AttributeData {
        AttributeData {
            name: self.name(attribute.name),
            value: self.span(attribute.value),
            plain: attribute.plain,
            binding,
        }
    }

    fn declaration(self, declaration: &DeclarationData) -> DeclarationData {
        DeclarationData {
            start: declaration.start.wrapping_add(self.bytes),
            prefix: self.span(declaration.prefix),
            value: self.span(declaration.value),
            plain: declaration.plain,
        }
    }
}

/// Puts the lists of two trees together: what comes before, the element, what comes after.
struct Joint<'g> {
    graft: &'g Graft<'g>,
    old: &'g Tree<'g>,
    new: &'g Tree<'g>,
    parent: Node<'g>,
    /// Where the old lists are cut.
    from: Counts,
    to: Counts,
    /// What of the lists of the fragment is put there.
    first: Counts,
    last: Counts,
}

impl<'g> Joint<'g> {
    fn new(graft: &'g Graft<'g>) -> Self {
        let (old, new) = (graft.tree(), &graft.fragment);
        let (from, to) = graft.seat.nodes();
        let root = new.root().node().indices();
        Self {
            graft,
            old,
            new,
            parent: graft.seat.parent(),
            from: Counts::before(old, from),
            to: Counts::before(old, to),
            first: Counts::before(new, root.start),
            last: Counts::before(new, root.end),
        }
    }

    fn join(&self, text: Arc<str>, extent: Extent) -> Tree<'static> {
        let Self { old, new, from, to, first, last, .. } = *self;
        let (cut, before, _) = self.graft.cut();
        let root = new.root().node().span();
        let stands_at = cut.start + offset(before.len());
        let inner = first.shift(from, stands_at.wrapping_sub(root.start));
        let longer = offset(text.len()).wrapping_sub(offset(old.text().len()));
        let outer = to.shift(from.and(first, last), longer);

        let parent = offset(self.parent.index());
        let root_index = offset(first.nodes);
        let inner_node = |node: &NodeData| {
            let is_root = node.parent < root_index;
            inner.node(node, if is_root { parent } else { node.parent.wrapping_add(inner.nodes) })
        };
        let outer_node = |node: &NodeData| {
            let moves = node.parent as usize >= to.nodes;
            outer.node(node, if moves { node.parent.wrapping_add(outer.nodes) } else { node.parent })
        };
        let mut nodes = joined(
            &old.nodes[..from.nodes],
            &new.nodes[first.nodes..last.nodes],
            inner_node,
            &old.nodes[to.nodes..],
            outer_node,
        );

        let scope: Vec<u32> = self.parent.element().map(Element::scope_ordinals).unwrap_or_default();
        let lent = offset(new.outer.len());
        let inner_binding = |binding: u32| match binding {
            NOT_DECLARED | XML_DECLARED => binding,
            around if around < lent => scope[around as usize],
            own => (own - lent).wrapping_add(inner.declarations),
        };
        let outer_binding = |binding: u32| match binding {
            NOT_DECLARED | XML_DECLARED => binding,
            around if (around as usize) < to.declarations => around,
            own => own.wrapping_add(outer.declarations),
        };
        let end = old.elements.len() - 1;
        let mut elements = joined(
            &old.elements[..from.elements],
            &new.elements[first.elements..last.elements],
            |element| inner.element(element, inner_binding(element.binding)),
            &old.elements[to.elements..end],
            |element| outer.element(element, outer_binding(element.binding)),
        );
        let sentinel = old.elements[end];
        elements.push(ElementData {
            attributes: sentinel.attributes.wrapping_add(outer.attributes),
            declarations: sentinel.declarations.wrapping_add(outer.declarations),
            ..sentinel
        });
        let attributes = joined(
            &old.attributes[..from.attributes],
            &new.attributes[first.attributes..last.attributes],
            |attribute| inner.attribute(attribute, inner_binding(attribute.binding)),
            &old.attributes[to.attributes..],
            |attribute| outer.attribute(attribute, outer_binding(attribute.binding)),
        );
        let declarations = joined(
            &old.declarations[..from.declarations],
            &new.declarations[first.declarations..last.declarations],
            |declaration| inner.declaration(declaration),
            &old.declarations[to.declarations..],
            |declaration| outer.declaration(declaration),
        );

        // What is around it ends later, or earlier.
        for node in core::iter::successors(Some(self.parent), |node| node.parent()) {
            let data = &mut nodes[node.index()];
            data.after = data.after.wrapping_add(outer.nodes);
            data.span.end = data.span.end.wrapping_add(longer);
            if data.kind == Kind::Element {
                let element = &mut elements[data.element as usize];
                element.content_end = element.content_end.wrapping_add(longer);
            }
        }
        if !before.is_empty() {
            let parent = &mut elements[nodes[self.parent.index()].element as usize];
            parent.tag_end = stands_at;
            parent.content_end = stands_at + offset(root.len());
        }
        Tree::of(text, nodes, elements, attributes, declarations, extent)
    }
}

/// The beginning of one list, the middle of another, and the end of the first.
fn joined<T: Copy>(
    start: &[T],
    middle: &[T],
    of_middle: impl Fn(&T) -> T,
    end: &[T],
    of_end: impl Fn(&T) -> T,
) -> Vec<T> {
    let mut list = Vec::with_capacity(start.len() + middle.len() + end.len());
    list.extend_from_slice(start);
    list.extend(middle.iter().map(of_middle));
    list.extend(end.iter().map(of_end));
    list
}
