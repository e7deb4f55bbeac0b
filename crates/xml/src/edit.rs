//! Cuts and insertions in a document, made together: what they do not touch stays as it is, byte for byte.
//!
//! ```
//! use xml::edit::{Edits, sibling};
//!
//! let tree = xml::Tree::read(b"<p:a xmlns:p='urn:x'>\n <p:b/>\n <p:c/>\n</p:a>", &xml::Limits::default())?;
//! let mut edits = Edits::new(&tree);
//! edits.remove(tree.root().elements().next().expect("it is there"));
//! edits.append(tree.root(), &format!("\n <{}/>", sibling(tree.root(), "d")));
//! assert_eq!(edits.apply(), b"<p:a xmlns:p='urn:x'>\n <p:c/>\n <p:d/>\n</p:a>");
//! # Ok::<(), xml::Error>(())
//! ```

use core::ops::Range;

use crate::escape::{push_attribute, push_text};
use crate::node::Element;
use crate::tree::{Kind, Tree};

/// What is to be changed in a document. Edits do not overlap.
#[derive(Debug)]
pub struct Edits<'t> {
    tree: &'t Tree<'t>,
    edits: Vec<(Range<usize>, String)>,
}

impl<'t> Edits<'t> {
    /// Nothing yet.
    pub fn new(tree: &'t Tree<'t>) -> Self {
        Self { tree, edits: Vec::new() }
    }

    /// Removes an element with the white space before it.
    pub fn remove(&mut self, element: Element<'_>) {
        let span = element.node().span().range();
        let before = &self.tree.text()[..span.start];
        let blank = before.len() - before.trim_end_matches([' ', '\t', '\r', '\n']).len();
        self.edits.push((span.start - blank..span.end, String::new()));
    }

    /// Puts another element in the place of one.
    pub fn replace(&mut self, element: Element<'_>, with: String) {
        self.edits.push((element.node().span().range(), with));
    }

    /// Puts text in the place of what stands between the tags.
    pub fn set_content(&mut self, element: Element<'_>, content: &str) {
        if element.is_empty_tag() {
            self.edits.push((element.node().span().range(), opened(element, content)));
        } else {
            self.edits.push((element.content().range(), content.to_owned()));
        }
    }

    /// Puts elements behind the last child of one.
    pub fn append(&mut self, element: Element<'_>, content: &str) {
        if content.is_empty() {
            return;
        }
        if element.is_empty_tag() {
            return self.edits.push((element.node().span().range(), opened(element, content)));
        }
        // Behind the last child that is not white space, so that the end tag keeps its own line.
        let last = element.node().children().filter(|child| child.kind() != Kind::Text).last();
        let at = last.map_or(element.content().range().start, |last| last.span().range().end);
        self.edits.push((at..at, content.to_owned()));
    }

    /// Puts elements behind one.
    pub fn after(&mut self, element: Element<'_>, content: String) {
        let at = element.node().span().range().end;
        self.edits.push((at..at, content));
    }

    /// Puts elements before the first child of one.
    pub fn prepend(&mut self, element: Element<'_>, content: &str) {
        if element.is_empty_tag() {
            return self.edits.push((element.node().span().range(), opened(element, content)));
        }
        let at = element.content().range().start;
        self.edits.push((at..at, content.to_owned()));
    }

    /// The document after all of them.
    pub fn apply(mut self) -> Vec<u8> {
        // Of two at one place the one that was asked for first comes first.
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let text = self.tree.text();
        let (mut out, mut at) = (String::with_capacity(text.len() + 256), 0);
        for (range, with) in &self.edits {
            out.push_str(text.get(at..range.start).unwrap_or_default());
            out.push_str(with);
            at = range.end.max(at);
        }
        out.push_str(&text[at..]);
        out.into_bytes()
    }
}

/// `<a x="y"/>` as `<a x="y">content</a>`.
fn opened(element: Element<'_>, content: &str) -> String {
    let tag = element.node().source().trim_end_matches('>').trim_end_matches('/').trim_end();
    let name = element.name();
    format!("{tag}>{content}</{}>", name.written())
}

/// A name in the namespace of this element, with its prefix.
pub fn sibling(element: Element<'_>, local: &str) -> String {
    let prefix = element.name().prefix;
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

/// Character data, escaped.
pub fn text(value: &str) -> String {
    let mut out = Vec::new();
    push_text(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

/// The value of an attribute, escaped.
pub fn attribute(value: &str) -> String {
    let mut out = Vec::new();
    push_attribute(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}
