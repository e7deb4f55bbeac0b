//! Walking a document whose format is known: children by depth, and their text.

use std::borrow::Cow;

use xml::{Limits, Scanner, Start, Token};

use crate::error::{DocumentError, Rule};

/// A scanner that hands out the children of one element after another.
pub(crate) struct Cursor<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Cursor<'a> {
    /// At the start tag of the root.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<(Self, Start<'a>), DocumentError> {
        let mut scanner = Scanner::new(bytes, limits)?;
        let root = scanner.root()?;
        Ok((Self { scanner }, root))
    }

    /// How deep the element is whose start tag was pulled last; the root is at 1.
    pub(crate) fn depth(&self) -> usize {
        self.scanner.depth()
    }

    /// The start of the next child of the element at `depth`, past what an earlier child still holds; none at its end.
    pub(crate) fn child(&mut self, depth: usize) -> Result<Option<Start<'a>>, DocumentError> {
        while let Some(token) = self.scanner.pull()? {
            match token {
                Token::Start(start) if self.scanner.depth() == depth + 1 => return Ok(Some(start)),
                Token::End(_) if self.scanner.depth() < depth => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The rest of the document is read, so that all of it is known to be well-formed.
    pub(crate) fn finish(mut self) -> Result<(), DocumentError> {
        while self.scanner.pull()?.is_some() {}
        Ok(())
    }

    /// The attribute without a namespace on the start tag that was pulled last.
    pub(crate) fn attribute(&self, local: &str) -> Option<Cow<'a, str>> {
        self.attribute_of("", local)
    }

    /// The attribute of that name on the start tag that was pulled last.
    pub(crate) fn attribute_of(&self, namespace: &str, local: &str) -> Option<Cow<'a, str>> {
        self.scanner.attribute(namespace, local).map(|attribute| attribute.value.text())
    }

    /// The attribute without a namespace, where the format demands one.
    pub(crate) fn demand(
        &self,
        start: &Start<'_>,
        local: &str,
        expected: &'static str,
    ) -> Result<Cow<'a, str>, DocumentError> {
        self.attribute(local).ok_or(refused(start, expected))
    }

    /// The text of the element whose start tag was pulled last, trimmed; elements within it are left out.
    pub(crate) fn text(&mut self) -> Result<String, DocumentError> {
        let depth = self.scanner.depth();
        let mut text = String::new();
        while let Some(token) = self.scanner.pull()? {
            match token {
                Token::Text(part) | Token::CData(part) if self.scanner.depth() == depth => {
                    text.push_str(&part.value.text());
                }
                Token::End(_) if self.scanner.depth() < depth => break,
                _ => {}
            }
        }
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
    }
}

/// The refusal of an element that is not what its format asks for.
pub(crate) fn refused(start: &Start<'_>, expected: &'static str) -> DocumentError {
    DocumentError::Rule { offset: start.span.start as usize, rule: Rule::Expected(expected) }
}
