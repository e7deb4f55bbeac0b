//! The walk: each token of a document against what may stand there.

use super::attributes::Ids;
use super::model::{Leaf, Leaves};
use super::table::{ANYTHING, Content, Grammar, Type};
use super::violation::{Invalid, Place, Violation};
use crate::limits::Limits;
use crate::scanner::Scanner;
use crate::span::Span;
use crate::stack::Stack;
use crate::token::{End, Start, Text, Token};
use crate::value::{Place as Written, Value};

/// Checks a whole document against a grammar, in one pass.
///
/// Refuses what [`Scanner`] refuses, and the first place where the document breaks the grammar; of two equal ids the
/// second is refused after all else. Cost: in proportion to the bytes, times the names that may stand in one place.
pub fn check(bytes: &[u8], grammar: &'static Grammar, limits: &Limits) -> Result<(), Invalid> {
    let mut scanner = Scanner::new(bytes, limits)?;
    let mut checker = Checker::new(grammar);
    while let Some(token) = scanner.pull()? {
        checker.take(&scanner, &token)?;
    }
    Ok(checker.finish()?)
}

/// Checks a document token by token, beside whatever else is done with the tokens.
///
/// Every token of the document goes to [`Checker::take`] as it is pulled, and [`Checker::finish`] ends the check.
#[derive(Debug)]
pub struct Checker<'a> {
    grammar: &'static Grammar,
    open: Stack<Frame<'a>, 12>,
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
    pub fn new(grammar: &'static Grammar) -> Self {
        Self { grammar, open: Stack::new(), ids: Ids::default(), text: Gathered::None }
    }

    /// Checks the token that the scanner has just handed out.
    #[inline]
    pub fn take(&mut self, scanner: &Scanner<'a>, token: &Token<'a>) -> Result<(), Violation> {
        match token {
            Token::Start(start) => self.start(scanner, start),
            Token::End(end) => self.end(end),
            Token::Text(text) | Token::CData(text) => self.text(text),
            Token::Comment(_) | Token::Instruction(_) => Ok(()),
        }
    }

    /// After the last token: refuses an id that stands twice.
    pub fn finish(self) -> Result<(), Violation> {
        self.ids.finish()
    }

    fn start(&mut self, scanner: &Scanner<'a>, start: &Start<'a>) -> Result<(), Violation> {
        let kind = match self.open.last_mut() {
            Some(parent) => parent.child(start, self.grammar)?,
            None if self.grammar.root.is(&start.name.namespace, start.name.local) => self.grammar.root.kind,
            None => return Err(Violation::root(start.span.start, self.grammar.root)),
        };
        kind.check_attributes(scanner, start, self.grammar, &mut self.ids)?;
        self.open.push(Frame::new(start.name.local, kind));
        Ok(())
    }

    fn text(&mut self, text: &Text<'a>) -> Result<(), Violation> {
        let Some(frame) = self.open.last() else { return Ok(()) };
        let refused = |is_empty| Violation::text_in(text.span.start, frame.name, frame.kind.origin, is_empty);
        match &frame.kind.content {
            Content::Elements(_) if !is_space(&text.value) => Err(refused(false)),
            Content::Empty if !text.value.raw().is_empty() => Err(refused(true)),
            Content::Text(simple) if !simple.is_free() => {
                self.text.add(text);
                Ok(())
            }
            Content::Elements(_) | Content::Empty | Content::Text(_) | Content::Mixed(_) => Ok(()),
        }
    }

    fn end(&mut self, end: &End) -> Result<(), Violation> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        match &frame.kind.content {
            Content::Text(simple) if !simple.is_free() => {
                let gathered = core::mem::take(&mut self.text);
                let (value, at) = match &gathered {
                    Gathered::None => (Value::EMPTY, end.content.start),
                    Gathered::One(value, at) => (*value, *at),
                    Gathered::Many(text, at) => (Value::new(text, Written::CData, true), *at),
                };
                if !value.with_text(|text| simple.takes(text)) {
                    return Err(Violation::value(at, frame.name, simple, frame.kind.origin));
                }
                Ok(())
            }
            Content::Elements(_) | Content::Mixed(_) if !frame.may_end => {
                Err(Violation::child(end.content.end, frame.name, &frame.place(), None))
            }
            Content::Elements(_) | Content::Mixed(_) | Content::Text(_) | Content::Empty => Ok(()),
        }
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

    /// Goes on past a child: what the child holds. An element that is listed comes before a wildcard that would take it.
    #[inline]
    fn child(&mut self, start: &Start<'a>, grammar: &'static Grammar) -> Result<&'static Type, Violation> {
        let kind = self.kind;
        let (Content::Elements(model) | Content::Mixed(model)) = &kind.content else {
            return Err(self.no_child(start));
        };
        let name = &start.name;
        let (mut listed, mut wild) = (0, 0);
        let mut found = None;
        let mut rest = self.next;
        while rest != 0 {
            let at = rest.trailing_zeros();
            match &model.leaves[at as usize] {
                Leaf::Other | Leaf::Any => wild |= 1 << at,
                leaf => {
                    if let Some(element) = leaf.is(&name.namespace, name.local) {
                        listed |= 1 << at;
                        found = Some(element.kind);
                    }
                }
            }
            rest &= rest - 1;
        }
        let matched = match found {
            Some(_) => listed,
            None => model.wildcards(wild, kind.origin, &name.namespace),
        };
        if matched == 0 {
            return Err(self.no_child(start));
        }
        (self.next, self.may_end) = model.after(matched);
        Ok(found.unwrap_or_else(|| {
            grammar.element(&name.namespace, name.local).map_or(&ANYTHING, |element| element.kind)
        }))
    }

    #[cold]
    fn no_child(&self, start: &Start<'_>) -> Violation {
        Violation::child(start.span.start, self.name, &self.place(), Some(&start.name))
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
    fn add(&mut self, text: &Text<'a>) {
        let Span { start, .. } = text.span;
        *self = match core::mem::take(self) {
            Self::None => Self::One(text.value, start),
            Self::One(first, at) => Self::Many(first.text().into_owned() + &text.value.text(), at),
            Self::Many(so_far, at) => Self::Many(so_far + &text.value.text(), at),
        };
    }
}

/// Whether a text is whitespace only, or nothing. A character reference to a space is one too.
fn is_space(value: &Value<'_>) -> bool {
    value.characters().all(|character| matches!(character, ' ' | '\t' | '\r' | '\n'))
}
