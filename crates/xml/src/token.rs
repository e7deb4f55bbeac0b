//! What a scanner hands out.

use std::borrow::Cow;

use crate::span::Span;
use crate::value::Value;

/// One step through a document.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// A start tag, or an empty-element tag: then the [`Token::End`] comes next.
    Start(Start<'a>),
    /// The end of the element that is open.
    End(End),
    /// A run of text within an element, with references; never empty.
    Text(Text<'a>),
    /// A CDATA section; may be empty.
    CData(Text<'a>),
    /// A comment, delimiters included.
    Comment(Span),
    /// A processing instruction. The XML declaration is none and is not reported.
    Instruction(Instruction<'a>),
}

/// An expanded name (Namespaces in XML 1.0 §2.1), and the prefix that it was written with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name<'a> {
    /// The namespace name; empty if in none.
    pub namespace: Value<'a>,
    /// The prefix as written; empty if without.
    pub prefix: &'a str,
    /// The local name.
    pub local: &'a str,
}

impl<'a> Name<'a> {
    /// The name as it is written: the prefix, if there is one, and the local name.
    pub fn written(&self) -> Cow<'a, str> {
        if self.prefix.is_empty() {
            Cow::Borrowed(self.local)
        } else {
            format!("{}:{}", self.prefix, self.local).into()
        }
    }

    /// Whether this is the name `local` in `namespace` (empty for none), whatever the prefix.
    #[inline]
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == *namespace
    }
}

impl PartialEq for Name<'_> {
    /// By expanded name: the prefix does not count.
    fn eq(&self, other: &Self) -> bool {
        self.local == other.local && self.namespace == other.namespace
    }
}

impl Eq for Name<'_> {}

/// A start tag. Its attributes are with the scanner until the next pull.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The element's name.
    pub name: Name<'a>,
    /// The tag, from `<` to `>`.
    pub span: Span,
    /// Whether the tag ends the element too: `<a/>`.
    pub empty: bool,
}

/// The end of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The whole element, tags included.
    pub element: Span,
    /// What stands between its tags; empty and at the end of the tag for `<a/>`.
    pub content: Span,
}

/// A run of text or a CDATA section.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The text; delimiters of a CDATA section not included.
    pub value: Value<'a>,
    /// Where it stands; delimiters of a CDATA section included.
    pub span: Span,
}

/// A processing instruction, XML 1.0 §2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction<'a> {
    /// For whom it is.
    pub target: &'a str,
    /// The rest, without the whitespace after the target.
    pub data: &'a str,
    /// Where it stands, delimiters included.
    pub span: Span,
}
