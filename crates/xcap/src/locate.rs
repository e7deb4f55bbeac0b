//! Evaluating a node selector on a document, RFC 4825 §6.3.

use xml::{Element, Node, Tree};

use crate::selector::{NodeSelector, Step};

/// No single element was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    /// How many steps, from the first on, had selected one element each.
    pub(crate) matched: usize,
}

/// What a step selects among the children of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection<'t> {
    Nothing,
    One(Element<'t>),
    /// More than one, which makes a selector invalid.
    Several,
}

impl NodeSelector {
    /// The one element that its steps select; none if a step selects nothing or more than one.
    pub fn element<'t>(&self, tree: &'t Tree<'t>) -> Option<Element<'t>> {
        descend(tree, &self.steps).ok()
    }
}

/// Takes steps from the document down, each of which must select one element.
pub(crate) fn descend<'t>(tree: &'t Tree<'t>, steps: &[Step]) -> Result<Element<'t>, Miss> {
    let mut within = tree.document();
    let mut found = None;
    for (matched, step) in steps.iter().enumerate() {
        let Selection::One(element) = step.select_in(within) else { return Err(Miss { matched }) };
        within = element.node();
        found = Some(element);
    }
    found.ok_or(Miss { matched: 0 })
}

/// The node within which the last step selects.
pub(crate) fn parent<'t>(tree: &'t Tree<'t>, steps: &[Step]) -> Result<Node<'t>, Miss> {
    match steps {
        [] | [_] => Ok(tree.document()),
        [parents @ .., _] => descend(tree, parents).map(Element::node),
    }
}

impl Step {
    /// Whether an element has the name.
    pub(crate) fn is_named(&self, element: Element<'_>) -> bool {
        self.name.as_ref().is_none_or(|name| element.is(&name.namespace, &name.local))
    }

    /// Whether an element passes the attribute test.
    pub(crate) fn is_passed(&self, element: Element<'_>) -> bool {
        self.attribute.as_ref().is_none_or(|test| {
            let found = element.value_of(&test.name.namespace, &test.name.local);
            found.is_some_and(|found| found == *test.value)
        })
    }

    /// Evaluates the step: name, then position, then attribute.
    pub(crate) fn select<'t>(&self, children: impl Iterator<Item = Element<'t>>) -> Selection<'t> {
        self.choose(children.filter(|&child| self.is_named(child)))
    }

    /// The same among the children of a node.
    pub(crate) fn select_in<'t>(&self, node: Node<'t>) -> Selection<'t> {
        match &self.name {
            Some(name) => self.choose(node.elements_named(&name.namespace, &name.local)),
            None => self.choose(node.elements()),
        }
    }

    /// Position, then attribute, among those of the name.
    fn choose<'t>(&self, mut named: impl Iterator<Item = Element<'t>>) -> Selection<'t> {
        if let Some(position) = self.position {
            let at = position.checked_sub(1).and_then(|before| named.nth(before));
            return match at.filter(|&child| self.is_passed(child)) {
                Some(element) => Selection::One(element),
                None => Selection::Nothing,
            };
        }
        let mut passed = named.filter(|&child| self.is_passed(child));
        match (passed.next(), passed.next()) {
            (None, _) => Selection::Nothing,
            (Some(element), None) => Selection::One(element),
            (Some(_), Some(_)) => Selection::Several,
        }
    }
}
