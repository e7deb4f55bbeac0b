//! The difference between the children of two elements.

use super::align::align;
use super::diff::{Difference, is_solid, needed, replaced};
use super::operation::{Action, Operation, Position, Whitespace};
use crate::node::Node;
use crate::span::Span;
use crate::tree::Kind;

/// The children of an element: those that are not text, and the text around them.
pub(crate) struct Children<'t> {
    path: &'t str,
    text: &'t str,
    solid: Vec<Node<'t>>,
    /// Before each of them, and after the last: one text node each, or empty.
    gaps: Vec<Span>,
}

/// The children that two pairs of aligned ones have between them, by number.
#[derive(Clone, Copy)]
struct Stretch {
    from: usize,
    to: usize,
}

impl<'t> Children<'t> {
    pub(crate) fn new(parent: Node<'t>, path: &'t str) -> Self {
        let content = parent.element().map_or(parent.span(), |element| element.content());
        let solid: Vec<Node<'t>> = parent.children().filter(is_solid).collect();
        let starts = solid.iter().map(|node| node.span().start).chain([content.end]);
        let ends = [content.start].into_iter().chain(solid.iter().map(|node| node.span().end));
        let gaps = ends.zip(starts).map(|(start, end)| Span { start, end }).collect();
        Self { path, text: parent.tree().text(), solid, gaps }
    }

    /// Finds what makes these children the new ones. From the last to the first, so that what stands before a change
    /// is as it was and keeps its position.
    pub(crate) fn compare(&self, new: &Children<'_>, found: &mut Difference, depth: usize) {
        let pairs = align(&self.solid, &new.solid);
        let mut to = (self.solid.len(), new.solid.len());
        for &(old_at, new_at) in pairs.iter().rev() {
            self.stretch(
                Stretch { from: old_at + 1, to: to.0 },
                new,
                Stretch { from: new_at + 1, to: to.1 },
                found,
            );
            let (old_node, new_node) = (self.solid[old_at], new.solid[new_at]);
            if old_node.source() != new_node.source() {
                let selector = self.selector(old_at);
                match (old_node.element(), new_node.element()) {
                    (Some(old), Some(new)) => found.element(old, new, &selector, depth + 1),
                    _ => found.operations.push(replaced(new_node, selector)),
                }
            }
            to = (old_at, new_at);
        }
        self.stretch(Stretch { from: 0, to: to.0 }, new, Stretch { from: 0, to: to.1 }, found);
    }

    /// What stands between two aligned children, where no child is aligned: old ones go, new ones come, and the text
    /// around them becomes what it is to be.
    fn stretch(&self, old: Stretch, new_side: &Children<'_>, new: Stretch, found: &mut Difference) {
        let wanted = new_side.between(new);
        if self.between(old) == wanted {
            return;
        }
        if let Some(whitespace) = self.whitespace(old, wanted, new) {
            found.operations.push(self.operation(Action::Remove(whitespace), self.selector(old.from)));
            return;
        }
        for at in (old.from..old.to).rev() {
            found.operations.push(self.operation(Action::Remove(Whitespace::Stays), self.selector(at)));
        }
        // The text that is there now, in one: RFC 5261 §4.5.6 joins what was parted.
        let text: String = self.gaps[old.from..=old.to].iter().map(|gap| &self.text[gap.range()]).collect();
        let (content, place) = if let Some(added) = wanted.strip_prefix(&*text) {
            (added, self.behind_text(old, !text.is_empty()))
        } else if let Some(added) = wanted.strip_suffix(&*text) {
            (added, self.behind_previous(old.from))
        } else {
            let first = &new_side.text[new_side.gaps[new.from].range()];
            self.set_text(old, &text, first, found);
            (&wanted[first.len()..], self.behind_text(old, !first.is_empty()))
        };
        if content.is_empty() {
            return;
        }
        let (position, selector) = place;
        let mut operation = self.operation(Action::Add(position), selector);
        content.clone_into(&mut operation.content);
        operation.scope = needed(new_side.solid[new.from..new.to].iter().copied());
        found.operations.push(operation);
    }

    /// With which whitespace the one old child is to be removed, so that just the new text is left; none if that is
    /// not all there is to do.
    fn whitespace(&self, old: Stretch, wanted: &str, new: Stretch) -> Option<Whitespace> {
        if old.to != old.from + 1 || new.from != new.to {
            return None;
        }
        let of = |at: usize| &self.text[self.gaps[at].range()];
        let (before, after) = (of(old.from), of(old.to));
        let is_blank = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        };
        if wanted.strip_prefix(before) == Some(after) {
            Some(Whitespace::Stays)
        } else if wanted == after && is_blank(before) {
            Some(Whitespace::Before)
        } else if wanted == before && is_blank(after) {
            Some(Whitespace::After)
        } else if wanted.is_empty() && is_blank(before) && is_blank(after) {
            Some(Whitespace::Both)
        } else {
            None
        }
    }

    fn set_text(&self, old: Stretch, from: &str, to: &str, found: &mut Difference) {
        if from == to {
            return;
        }
        let mut operation = if from.is_empty() {
            let (position, selector) = self.behind_previous(old.from);
            self.operation(Action::Add(position), selector)
        } else if to.is_empty() {
            self.operation(Action::Remove(Whitespace::Stays), self.text_selector(old.from))
        } else {
            self.operation(Action::Replace, self.text_selector(old.from))
        };
        to.clone_into(&mut operation.content);
        found.operations.push(operation);
    }

    /// How to add something behind the text of a stretch whose children are gone, if there is text.
    fn behind_text(&self, stretch: Stretch, is_text: bool) -> (Position, String) {
        if stretch.to == self.solid.len() {
            (Position::Append, self.path.to_owned())
        } else if is_text {
            (Position::After, self.text_selector(stretch.from))
        } else {
            self.behind_previous(stretch.from)
        }
    }

    /// How to add something before the text that stands before child number `at`.
    fn behind_previous(&self, at: usize) -> (Position, String) {
        match at.checked_sub(1) {
            Some(previous) => (Position::After, self.selector(previous)),
            None => (Position::Prepend, self.path.to_owned()),
        }
    }

    /// The bytes of a stretch, with the text at both of its ends.
    fn between(&self, stretch: Stretch) -> &str {
        &self.text[self.gaps[stretch.from].range().start..self.gaps[stretch.to].range().end]
    }

    fn operation(&self, action: Action, selector: String) -> Operation {
        Operation { action, selector, content: String::new(), scope: Vec::new() }
    }

    /// Child number `at`, by its place among those of its kind.
    fn selector(&self, at: usize) -> String {
        let kind = self.solid[at].kind();
        let place = self.solid[..=at].iter().filter(|node| node.kind() == kind).count();
        let test = match kind {
            Kind::Comment => "comment()",
            Kind::Instruction => "processing-instruction()",
            Kind::Document | Kind::Element | Kind::Text | Kind::CData => "*",
        };
        format!("{}/{test}[{place}]", self.path)
    }

    /// The text before child number `at`, or the first of the texts that became one there.
    fn text_selector(&self, at: usize) -> String {
        let place = self.gaps[..at].iter().filter(|gap| !gap.is_empty()).count() + 1;
        format!("{}/text()[{place}]", self.path)
    }
}
