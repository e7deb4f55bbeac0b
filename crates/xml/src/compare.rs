//! Whether two nodes say the same, however they are written.

use crate::node::{Element, Node};
use crate::tag::Attribute;
use crate::tree::Kind;

/// Whether two nodes are equivalent: of the same kind and, for elements, with the same expanded name, the same
/// attributes in any order, and equivalent content in the same order.
///
/// All whitespace in content counts, and so do comments and processing instructions (RFC 5261 §3, Canonical XML with
/// comments). What does not count: prefixes and namespace declarations as such, quotes, references, CDATA sections,
/// whitespace within tags, `<a/>` or `<a></a>`, and an XML declaration. Linear in the nodes and text of both; the
/// attributes of an element are looked up in each other.
pub fn equivalent(left: Node<'_>, right: Node<'_>) -> bool {
    let mut lefts = Walk::new(left);
    let mut rights = Walk::new(right);
    loop {
        match (lefts.next(), rights.next()) {
            (None, None) => return true,
            (Some(left), Some(right)) if left.says(&right) => {}
            _ => return false,
        }
    }
}

/// One step through a subtree.
enum Step<'t> {
    Document,
    Start(Element<'t>),
    End,
    /// Text and CDATA sections that follow each other: one text node by XPath 1.0 §5.7. From and up to these nodes.
    Text(Node<'t>, usize),
    Other(Node<'t>),
}

impl Step<'_> {
    fn says(&self, other: &Step<'_>) -> bool {
        match (self, other) {
            (Self::Document, Step::Document) | (Self::End, Step::End) => true,
            (Self::Start(left), Step::Start(right)) => {
                let others = right.attributes();
                left.name() == right.name()
                    && left.attributes().len() == others.len()
                    && left.attributes().all(|attribute| {
                        let same = |other: Attribute<'_>| {
                            other.name == attribute.name && other.value == attribute.value
                        };
                        others.clone().any(same)
                    })
            }
            (Self::Text(left, left_end), Step::Text(right, right_end)) => {
                let is_one = *left_end == left.index() + 1 && *right_end == right.index() + 1;
                match (left.value(), right.value()) {
                    (Some(left), Some(right)) if is_one => left == right,
                    _ => characters(*left, *left_end).eq(characters(*right, *right_end)),
                }
            }
            (Self::Other(left), Step::Other(right)) => {
                left.kind() == right.kind() && meant(*left).eq(meant(*right))
            }
            _ => false,
        }
    }
}

/// The characters of the text from a node up to the node number `end`.
fn characters(first: Node<'_>, end: usize) -> impl Iterator<Item = char> {
    let nodes = (first.index()..end).map(move |index| Node::new(first.tree(), index as u32));
    nodes.filter_map(Node::value).flat_map(|value| value.characters())
}

/// A comment or processing instruction with its line ends as XML 1.0 §2.11 reads them, and a processing instruction
/// without regard to the whitespace after its target.
fn meant(node: Node<'_>) -> impl Iterator<Item = char> {
    let source = node.source();
    let (target, data) = match node.kind() {
        Kind::Instruction => {
            let target = source.find([' ', '\t', '\r', '\n']).unwrap_or(source.len());
            (&source[..target], source[target..].trim_start_matches([' ', '\t', '\r', '\n']))
        }
        _ => (source, ""),
    };
    let mut rest = target.chars().chain(core::iter::once('\n')).chain(data.chars()).peekable();
    core::iter::from_fn(move || match rest.next()? {
        '\r' => {
            rest.next_if_eq(&'\n');
            Some('\n')
        }
        other => Some(other),
    })
}

/// Walks a subtree in document order. Empty text does not show.
struct Walk<'t> {
    root: Node<'t>,
    /// The next node to enter.
    at: usize,
    end: usize,
    /// Where the open elements end.
    open: Vec<usize>,
}

impl<'t> Walk<'t> {
    fn new(root: Node<'t>) -> Self {
        let indices = root.indices();
        Self { root, at: indices.start, end: indices.end, open: Vec::new() }
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Step<'t>;

    fn next(&mut self) -> Option<Step<'t>> {
        loop {
            if self.open.last() == Some(&self.at) {
                self.open.pop();
                return Some(Step::End);
            }
            if self.at >= self.end {
                return None;
            }
            let node = Node::new(self.root.tree(), self.at as u32);
            self.at += 1;
            match node.kind() {
                Kind::Document => return Some(Step::Document),
                Kind::Element => {
                    self.open.push(node.indices().end);
                    return node.element().map(Step::Start);
                }
                Kind::Text | Kind::CData => {
                    let limit = self.open.last().copied().unwrap_or(self.end);
                    let is_text = |index| {
                        matches!(Node::new(self.root.tree(), index as u32).kind(), Kind::Text | Kind::CData)
                    };
                    while self.at < limit && is_text(self.at) {
                        self.at += 1;
                    }
                    if characters(node, self.at).next().is_some() {
                        return Some(Step::Text(node, self.at));
                    }
                }
                Kind::Comment | Kind::Instruction => return Some(Step::Other(node)),
            }
        }
    }
}
