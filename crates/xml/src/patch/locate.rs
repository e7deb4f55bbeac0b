//! Evaluating the selector of a patch operation, RFC 5261 §4.1.

use super::error::Reason;
use super::selector::{Last, Name, Predicate, Selector, Step};
use crate::namespaces::{Declaration, XML_NAMESPACE};
use crate::node::{Element, Node};
use crate::span::Span;
use crate::tag::Attribute;
use crate::tree::{Kind, Tree};

/// The one node that was located.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'t> {
    Element(Element<'t>),
    /// Text and CDATA sections that follow each other, from the first to the last.
    Text(Element<'t>, Span),
    /// A comment or processing instruction.
    Other(Node<'t>),
    Attribute(Element<'t>, Attribute<'t>),
    Namespace(Element<'t>, Declaration<'t>),
}

impl Selector {
    /// Locates the node; more than one is as bad as none.
    ///
    /// Steps select sets of elements, as in XPath: each element is in a set once, and no set is larger than the one
    /// level of the tree it is taken from. `id()` knows `xml:id` alone, as there is no document type to declare others.
    pub(crate) fn locate<'t>(&self, tree: &'t Tree<'t>) -> Result<Target<'t>, Reason> {
        let mut set = vec![tree.document()];
        if let Some(id) = &self.id {
            let has_id = |element: &Element<'_>| {
                element.attribute(XML_NAMESPACE, "id").is_some_and(|attribute| attribute.value == **id)
            };
            set = tree
                .document()
                .descendants()
                .filter_map(Node::element)
                .filter(has_id)
                .map(Element::node)
                .collect();
        }
        for step in &self.steps {
            set = set.iter().flat_map(|&node| step.select(node)).map(Element::node).collect();
        }
        let mut located: Vec<Target<'t>> = match &self.last {
            Some(last) => set.iter().flat_map(|&node| last.select(node)).collect(),
            None => set.into_iter().filter_map(Node::element).map(Target::Element).collect(),
        };
        match (located.pop(), located.is_empty()) {
            (Some(target), true) => Ok(target),
            _ => Err(Reason::UnlocatedNode),
        }
    }
}

impl Step {
    fn select<'t>(&self, parent: Node<'t>) -> Vec<Element<'t>> {
        let is_named = |child: &Element<'_>| self.name.as_ref().is_none_or(|name| name.is(child.name()));
        let mut kept: Vec<_> = parent.elements().filter(is_named).collect();
        for predicate in &self.predicates {
            match predicate {
                Predicate::Position(position) => {
                    let at = position.checked_sub(1).and_then(|before| kept.get(before)).copied();
                    kept = at.into_iter().collect();
                }
                Predicate::Attribute(name, value) => kept.retain(|child| {
                    child.attributes().any(|found| name.is(found.name) && found.value == **value)
                }),
                Predicate::Child(name, value) => kept.retain(|child| {
                    child
                        .elements()
                        .any(|inner| name.is(inner.name()) && inner.node().string_value() == **value)
                }),
                Predicate::Own(value) => kept.retain(|child| child.node().string_value() == **value),
            }
        }
        kept
    }
}

impl Name {
    pub(crate) fn is(&self, name: crate::Name<'_>) -> bool {
        name.is(&self.namespace, &self.local)
    }
}

impl Last {
    fn select<'t>(&self, parent: Node<'t>) -> Vec<Target<'t>> {
        match self {
            Self::Element(step) => step.select(parent).into_iter().map(Target::Element).collect(),
            Self::Text(position) => {
                let Some(element) = parent.element() else { return Vec::new() };
                at(texts(parent).into_iter().map(|span| Target::Text(element, span)), *position)
            }
            Self::Comment(position) => {
                let comments = parent.children().filter(|child| child.kind() == Kind::Comment);
                at(comments.map(Target::Other), *position)
            }
            Self::Instruction(target, position) => {
                let is_meant = |child: &Node<'_>| {
                    child.kind() == Kind::Instruction
                        && target.as_ref().is_none_or(|target| instruction_target(child.source()) == target)
                };
                at(parent.children().filter(is_meant).map(Target::Other), *position)
            }
            Self::Attribute(name) => {
                let found = parent
                    .element()
                    .into_iter()
                    .flat_map(|element| element.attributes().map(move |attribute| (element, attribute)));
                let found = found.filter(|(_, attribute)| name.is(attribute.name));
                found.map(|(element, attribute)| Target::Attribute(element, attribute)).collect()
            }
            Self::Namespace(prefix) => {
                let found = parent.element().into_iter().flat_map(|element| {
                    element.declarations().map(move |declaration| (element, declaration))
                });
                let found = found.filter(|(_, declaration)| declaration.prefix == prefix);
                found.map(|(element, declaration)| Target::Namespace(element, declaration)).collect()
            }
        }
    }
}

/// All, or the one at a position from 1.
fn at<'t>(mut found: impl Iterator<Item = Target<'t>>, position: Option<usize>) -> Vec<Target<'t>> {
    match position {
        Some(position) => position.checked_sub(1).and_then(|before| found.nth(before)).into_iter().collect(),
        None => found.collect(),
    }
}

/// The text nodes of a parent as XPath sees them: each run of text and CDATA sections is one, unless it is empty.
pub(crate) fn texts(parent: Node<'_>) -> Vec<Span> {
    let text = parent.tree().text();
    let mut texts: Vec<Span> = Vec::new();
    for child in parent.children().filter(|child| matches!(child.kind(), Kind::Text | Kind::CData)) {
        let span = child.span();
        match texts.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => texts.push(span),
        }
    }
    texts.retain(|span| !text[span.range()].replace("<![CDATA[]]>", "").is_empty());
    texts
}

/// `<?target data?>`
fn instruction_target(source: &str) -> &str {
    let inner = source.strip_prefix("<?").and_then(|rest| rest.strip_suffix("?>")).unwrap_or_default();
    inner.split([' ', '\t', '\r', '\n']).next().unwrap_or_default()
}
