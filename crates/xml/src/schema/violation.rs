//! Why a document does not follow its grammar.

use core::fmt;

use super::model::{Leaf, Leaves, Model};
use super::simple::{Simple, list, quoted};
use super::table::{Attribute, Element, Origin};
use crate::error::Error;
use crate::token::Name;

/// Where a document breaks its grammar, and what it should be like there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Offset in bytes of the start tag, the text or the value at fault, or of the end tag that comes too early.
    pub offset: usize,
    /// What was expected, with the source in brackets; goes on after the word "expected".
    pub expected: String,
}

/// Why a document is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is not well-formed, or exceeds a limit.
    Xml(Error),
    /// It is well-formed up to where it breaks its grammar.
    Schema(Violation),
}

impl Invalid {
    /// Where the document is at fault, in bytes.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Xml(error) => error.offset,
            Self::Schema(violation) => violation.offset,
        }
    }
}

impl From<Error> for Invalid {
    fn from(error: Error) -> Self {
        Self::Xml(error)
    }
}

impl From<Violation> for Invalid {
    fn from(violation: Violation) -> Self {
        Self::Schema(violation)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}", self.offset, self.expected)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => error.fmt(f),
            Self::Schema(violation) => violation.fmt(f),
        }
    }
}

impl core::error::Error for Violation {}
impl core::error::Error for Invalid {}

impl Violation {
    fn new(offset: u32, mut expected: String, origin: &Origin) -> Self {
        if !origin.source.is_empty() {
            expected.push_str(&format!(" ({})", origin.source));
        }
        Self { offset: offset as usize, expected }
    }

    #[cold]
    pub(super) fn root(offset: u32, root: &Element) -> Self {
        let expected =
            format!("the root {} of the namespace {}", quoted(root.names[0].text), root.origin.namespace);
        Self::new(offset, expected, root.origin)
    }

    /// Another child than those that may come next in `parent`, or its end where something is still to come.
    #[cold]
    pub(super) fn child(offset: u32, parent: &str, place: &Place<'_>, found: Option<&Name<'_>>) -> Self {
        let mut expected = String::new();
        let end = (place.may_end && found.is_some()).then(|| format!("the end of {}", quoted(parent)));
        let next = place.model.into_iter().flat_map(|model| model.iter(place.next));
        list(next.flat_map(describe).chain(end), &mut expected);
        if let Some(found) = found {
            expected.push_str(&format!(" here, not {}", quoted(&found.written())));
        } else {
            expected.push_str(&format!(" before the end of {}", quoted(parent)));
        }
        Self::new(offset, expected, place.origin)
    }

    #[cold]
    pub(super) fn text_in(offset: u32, parent: &str, origin: &Origin, is_empty: bool) -> Self {
        let what = if is_empty { "nothing" } else { "no text, only elements," };
        Self::new(offset, format!("{what} in {}", quoted(parent)), origin)
    }

    #[cold]
    pub(super) fn value(offset: u32, of: &str, simple: &Simple, origin: &Origin) -> Self {
        let mut expected = String::new();
        simple.describe(&mut expected);
        expected.push_str(&format!(" as {}", quoted(of)));
        Self::new(offset, expected, origin)
    }

    #[cold]
    pub(super) fn missing(offset: u32, on: &str, attribute: &Attribute, origin: &Origin) -> Self {
        Self::new(offset, format!("the attribute {} on {}", quoted(attribute.name.text), quoted(on)), origin)
    }

    #[cold]
    pub(super) fn unknown_attribute(offset: u32, on: &str, found: &str, origin: &Origin) -> Self {
        Self::new(offset, format!("no attribute {} on {}", quoted(found), quoted(on)), origin)
    }

    #[cold]
    pub(super) fn nil(offset: u32, on: &str, origin: &Origin) -> Self {
        Self::new(offset, format!("no `xsi:nil`, as {} may not be nil,", quoted(on)), origin)
    }

    #[cold]
    pub(super) fn id_twice(offset: u32, id: &str) -> Self {
        let expected = format!("an id other than {}, which stands in the document before", quoted(id));
        Self { offset: offset as usize, expected }
    }
}

/// Where in a content model a refusal is.
pub(super) struct Place<'m> {
    pub(super) model: Option<&'m Model>,
    pub(super) next: Leaves,
    pub(super) may_end: bool,
    pub(super) origin: &'m Origin,
}

/// The names that a leaf stands for.
fn describe(leaf: &'static Leaf) -> impl Iterator<Item = String> {
    let (names, wildcard) = match leaf {
        Leaf::Element(element) => (element.names, None),
        Leaf::Named(_, name) => (core::slice::from_ref(name), None),
        Leaf::Other => (&[][..], Some("an element of another namespace")),
        Leaf::Any => (&[][..], Some("an element")),
    };
    names.iter().map(|name| quoted(name.text)).chain(wildcard.map(str::to_owned))
}
