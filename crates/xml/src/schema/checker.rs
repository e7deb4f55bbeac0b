//! The walk: each element of a document against what may stand there.

use super::attributes::{Ids, Written};
use super::local::Met;
use super::model::{Leaf, Leaves};
use super::simple::SPACES;
use super::table::{ANYTHING, Content, Grammar, Origin, Type};
use super::violation::{Place, Violation};
use crate::class::{self, SPACE};
use crate::span::Span;
use crate::stack::Stack;
use crate::token::Name;
use crate::value::{self, Value};

/// Checks a document element by element.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    grammar: &'static Grammar,
    open: Stack<Frame<'a>, 12>,
    namespaces: Namespaces<'a>,
    ids: Ids<'a>,
    text: Gathered<'a>,
}

/// An element whose end has not come.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    name: &'a str,
    kind: &'static Type,
    next: Leaves,
    may_end: bool,
}

impl Default for Frame<'_> {
    fn default() -> Self {
        Frame::new("", &ANYTHING)
    }
}

/// The namespaces of a document that were found to be those of a grammar, so that names of declarations that were met
/// before are not compared again.
#[derive(Debug)]
struct Namespaces<'a> {
    known: [(&'a str, &'static Origin); KNOWN],
    oldest: usize,
}

/// More than most documents have.
const KNOWN: usize = 4;

impl<'a> Namespaces<'a> {
    fn new(any: &'static Origin) -> Self {
        Self { known: [("", any); KNOWN], oldest: 0 }
    }

    /// Whether a namespace is that of a grammar.
    #[inline]
    fn is(&mut self, namespace: Value<'a>, origin: &'static Origin) -> bool {
        let written = namespace.raw();
        // The same place in the document, so the same name.
        let is_it =
            |(known, of): &(&str, &Origin)| core::ptr::eq(*known, written) && core::ptr::eq(*of, origin);
        if self.known.iter().any(is_it) && !written.is_empty() {
            return true;
        }
        let is_same = namespace == *origin.namespace;
        if is_same {
            self.known[self.oldest] = (written, origin);
            self.oldest = (self.oldest + 1) % KNOWN;
        }
        is_same
    }
}

/// The text of an element with simple content, so far.
#[derive(Debug, Default)]
enum Gathered<'a> {
    #[default]
    None,
    One(Value<'a>, u32),
    Many(String, u32),
}

impl<'a> Checker<'a> {
    /// Before the first token.
    pub(super) fn new(grammar: &'static Grammar) -> Self {
        Self {
            grammar,
            open: Stack::new(),
            namespaces: Namespaces::new(grammar.root.origin),
            ids: Ids::default(),
            text: Gathered::None,
        }
    }

    /// Checks a start tag that begins at `at`.
    #[inline]
    pub(super) fn start(
        &mut self,
        name: &Name<'a>,
        local: Met<'a>,
        at: u32,
        attributes: impl Iterator<Item = impl Written<'a>>,
    ) -> Result<(), Violation> {
        let kind = match self.open.last_mut() {
            Some(parent) => parent.child(name, local, at, self.grammar, &mut self.namespaces)?,
            None => {
                let root = self.grammar.root;
                if !root.is_local(local) || name.namespace != *root.origin.namespace {
                    return Err(Violation::root(at, root));
                }
                root.kind
            }
        };
        kind.check_attributes(name.local, at, attributes, self.grammar, &mut self.ids)?;
        self.open.push(Frame::new(name.local, kind));
        Ok(())
    }

    /// Opens an element that was checked before, up to its first child.
    pub(super) fn enter(&mut self, name: &'a str, kind: &'static Type) {
        self.open.push(Frame::new(name, kind));
    }

    /// Goes past a child that was checked before, and gives what it is.
    #[inline]
    pub(super) fn pass(
        &mut self,
        name: &Name<'a>,
        local: Met<'a>,
        at: u32,
    ) -> Result<&'static Type, Violation> {
        match self.open.last_mut() {
            Some(parent) => parent.child(name, local, at, self.grammar, &mut self.namespaces),
            None => Ok(self.grammar.root.kind),
        }
    }

    /// What may come next in the element that is open.
    #[inline]
    pub(super) fn expected(&self) -> Option<(Leaves, bool)> {
        self.open.last().map(|frame| (frame.next, frame.may_end))
    }

    /// Whether an id has come.
    pub(super) fn has_met_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Checks a run of text or a CDATA section that begins at `at`.
    #[inline]
    pub(super) fn text(&mut self, value: Value<'a>, at: u32) -> Result<(), Violation> {
        let Some(frame) = self.open.last() else { return Ok(()) };
        let is_empty = match &frame.kind.content {
            Content::Elements(_) if !is_space(&value) => false,
            Content::Empty if !value.raw().is_empty() => true,
            Content::Text(simple) if !simple.is_free() => {
                self.text.add(value, at);
                return Ok(());
            }
            Content::Elements(_) | Content::Empty | Content::Text(_) | Content::Mixed(_) => return Ok(()),
        };
        Err(Violation::text_in(at, frame.name, frame.kind.origin, is_empty))
    }

    /// Checks the end of an element, whose content stands there.
    #[inline]
    pub(super) fn end(&mut self, content: Span) -> Result<(), Violation> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        match &frame.kind.content {
            Content::Text(simple) if !simple.is_free() => {
                let gathered = core::mem::take(&mut self.text);
                let (value, at) = match &gathered {
                    Gathered::None => (Value::EMPTY, content.start),
                    Gathered::One(value, at) => (*value, *at),
                    Gathered::Many(text, at) => (Value::new(text, value::Place::CData, true), *at),
                };
                if value.with_text(|text| simple.takes(text)) {
                    return Ok(());
                }
                Err(Violation::value(at, frame.name, simple, frame.kind.origin))
            }
            Content::Elements(_) | Content::Mixed(_) if !frame.may_end => {
                Err(Violation::child(content.end, frame.name, &frame.place(), None))
            }
            Content::Elements(_) | Content::Mixed(_) | Content::Text(_) | Content::Empty => Ok(()),
        }
    }

    /// After the last element: refuses an id that stands twice.
    pub(super) fn finish(self) -> Result<(), Violation> {
        self.ids.finish()
    }
}

impl<'a> Frame<'a> {
    #[inline]
    fn new(name: &'a str, kind: &'static Type) -> Self {
        let (next, may_end) = match &kind.content {
            Content::Elements(model) | Content::Mixed(model) => (model.first, model.nullable),
            Content::Empty | Content::Text(_) => (0, true),
        };
        Self { name, kind, next, may_end }
    }

    /// Goes on past a child: what the child holds. Of a name that is listed, what it is listed as; of one that a
    /// wildcard takes, what is declared for it anywhere.
    #[inline]
    fn child(
        &mut self,
        name: &Name<'a>,
        local: Met<'a>,
        at: u32,
        grammar: &'static Grammar,
        namespaces: &mut Namespaces<'a>,
    ) -> Result<&'static Type, Violation> {
        let kind = self.kind;
        let (Content::Elements(model) | Content::Mixed(model)) = &kind.content else {
            return Err(self.no_child(name, at));
        };
        let (mut matched, mut others) = (0, 0);
        let mut found = None;
        let mut rest = self.next;
        while rest != 0 {
            let leaf = rest.trailing_zeros();
            match &model.leaves[leaf as usize] {
                Leaf::Other => others |= 1 << leaf,
                Leaf::Any => matched |= 1 << leaf,
                named => {
                    if let Some(element) = named.named(local)
                        && namespaces.is(name.namespace, element.origin)
                    {
                        matched |= 1 << leaf;
                        found = found.or(Some(element.kind));
                    }
                }
            }
            rest &= rest - 1;
        }
        if others != 0 && !name.namespace.raw().is_empty() && !namespaces.is(name.namespace, kind.origin) {
            matched |= others;
        }
        if matched == 0 {
            return Err(self.no_child(name, at));
        }
        (self.next, self.may_end) = model.after(matched);
        Ok(found.unwrap_or_else(|| {
            grammar.element(&name.namespace, local).map_or(&ANYTHING, |element| element.kind)
        }))
    }

    #[cold]
    fn no_child(&self, name: &Name<'_>, at: u32) -> Violation {
        Violation::child(at, self.name, &self.place(), Some(name))
    }

    fn place(&self) -> Place<'static> {
        let kind = self.kind;
        let model = match &kind.content {
            Content::Elements(model) | Content::Mixed(model) => Some(model),
            Content::Empty | Content::Text(_) => None,
        };
        Place { model, next: self.next, may_end: self.may_end, origin: kind.origin }
    }
}

impl<'a> Gathered<'a> {
    /// Another run of the text: comments and CDATA sections part it.
    fn add(&mut self, value: Value<'a>, at: u32) {
        *self = match core::mem::take(self) {
            Self::None => Self::One(value, at),
            Self::One(first, at) => Self::Many(first.text().into_owned() + &value.text(), at),
            Self::Many(so_far, at) => Self::Many(so_far + &value.text(), at),
        };
    }
}

/// Whether a text is whitespace only, or nothing. A character reference to a space is one too.
#[inline]
fn is_space(value: &Value<'_>) -> bool {
    value.raw().bytes().all(|byte| class::is(byte, SPACE))
        || !value.is_plain() && value.characters().all(|character| SPACES.contains(&character))
}
