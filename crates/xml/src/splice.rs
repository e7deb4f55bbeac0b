//! Edits of a document as bytes: every byte that an edit does not concern stays as it is.

use crate::node::Element;
use crate::span::Span;
use crate::tree::Tree;

impl Tree<'_> {
    /// The document with the bytes of a span replaced by those of `parts`, one after the other.
    pub fn splice(&self, span: Span, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = self.bytes();
        let range = span.range();
        let added: usize = parts.iter().map(|part| part.len()).sum();
        let mut document = Vec::with_capacity(bytes.len() - range.len() + added);
        document.extend_from_slice(&bytes[..range.start]);
        parts.iter().for_each(|part| document.extend_from_slice(part));
        document.extend_from_slice(&bytes[range.end..]);
        document
    }
}

impl Element<'_> {
    /// The document with something added at the end of this element's content. `<a/>` becomes `<a>…</a>`.
    pub fn append(self, content: &[u8]) -> Vec<u8> {
        let tree = self.node().tree();
        if self.is_empty_tag() {
            let end = self.tag().end;
            let name = self.name().written();
            return tree.splice(Span { start: end - 2, end }, &[b">", content, b"</", name.as_bytes(), b">"]);
        }
        let end = self.content().end;
        tree.splice(Span { start: end, end }, &[content])
    }

    /// Where another attribute may be written: after the last attribute or declaration of the start tag, or its name.
    pub fn attributes_end(self) -> u32 {
        let name_end = self.tag().start + 1 + self.name().written().len() as u32;
        let attributes = self.attributes().map(|attribute| attribute.span.end);
        let declarations = self.declarations().map(|declaration| declaration.span.end);
        attributes.chain(declarations).max().unwrap_or(name_end)
    }

    /// The span of one of its attributes or declarations with the whitespace before it, as it is to be removed.
    pub fn with_space_before(self, span: Span) -> Span {
        let before = &self.node().tree().text()[..span.range().start];
        Span { start: before.trim_end_matches([' ', '\t', '\r', '\n']).len() as u32, end: span.end }
    }
}
