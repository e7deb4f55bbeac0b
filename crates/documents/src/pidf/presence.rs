//! One accepted presence document.

use core::fmt;
use std::sync::Arc;

use xml::{Limits, Span};

use super::index::{Entry, Index, Text};
use crate::error::DocumentError;
use crate::fingerprint::fingerprint;

/// One presence document, accepted as a whole: its bytes, and where its parts stand in them.
///
/// A clone shares the bytes.
#[derive(Clone)]
pub struct Presence {
    bytes: Arc<[u8]>,
    index: Index,
}

/// What a child of `presence` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A service, RFC 3863 §4.1.2, RFC 4479 §3.3.
    Tuple,
    /// What the person is and does, RFC 4479 §3.2.
    Person,
    /// A device, RFC 4479 §3.4.
    Device,
    /// A comment on the presentity, RFC 3863 §4.1.6.
    Note,
    /// An extension.
    Other,
}

/// A child of `presence`, as it stands in its document.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its occurrence identifier (RFC 4479 §3.5): there for a tuple, person and device, none for others.
    pub id: Option<&'a str>,
    /// From `<` to `>`. Prefixes may be declared on the root of [`Element::document`] only.
    pub bytes: &'a [u8],
    pub(super) document: &'a Presence,
    pub(super) bare: bool,
}

impl Presence {
    /// Accepts a document, copying its bytes; [`Rule`](crate::Rule) lists what is checked.
    ///
    /// About 2 ns per byte, and two allocations for most documents.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        let index = Index::read(bytes, limits)?;
        Ok(Self { bytes: bytes.into(), index })
    }

    /// Accepts a document without copying its bytes.
    pub fn from_shared(bytes: Arc<[u8]>, limits: &Limits) -> Result<Self, DocumentError> {
        let index = Index::read(&bytes, limits)?;
        Ok(Self { bytes, index })
    }

    pub(super) fn new(bytes: Arc<[u8]>, index: Index) -> Self {
        Self { bytes, index }
    }

    /// The URI of the presentity as the document gives it, references read. Comparing URIs is the caller's work.
    pub fn entity(&self) -> &str {
        self.text(self.index.entity)
    }

    /// The document as it came.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The children of `presence`, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        self.index.entries.iter().filter_map(|entry| match *entry {
            Entry::Child { kind, span, id, bare } => Some(Element {
                kind,
                id: id.map(|id| self.text(id)),
                bytes: &self.bytes[span.range()],
                document: self,
                bare,
            }),
            Entry::Inherited { .. } => None,
        })
    }

    /// A hash of the bytes, for telling whether a document has changed. The same in every process and on every
    /// machine; not proof against someone who wants two documents to look alike.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.bytes)
    }

    /// Whether any element of it may hold for a time only: surely not, or perhaps. See [`Outline`](super::Outline).
    pub fn is_timed(&self) -> bool {
        !self.index.timeless
    }

    /// Attributes of the root that hold for its children: name as written, and value with its quotes. They come first
    /// in the index.
    pub(super) fn inherited(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index.entries.iter().map_while(|entry| match *entry {
            Entry::Inherited { name, value } => {
                let quoted = Span { start: value.start - 1, end: value.end + 1 };
                Some((&self.bytes[name.range()], &self.bytes[quoted.range()]))
            }
            Entry::Child { .. } => None,
        })
    }

    fn text(&self, text: Text) -> &str {
        self.index.text(&self.bytes, text)
    }
}

impl<'a> Element<'a> {
    /// The document it stands in.
    pub fn document(&self) -> &'a Presence {
        self.document
    }
}

impl PartialEq for Presence {
    /// Byte by byte.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Presence {}

impl fmt::Debug for Presence {
    /// Sizes only: what a document says is nobody's business but its watchers'.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presence({} bytes, {} elements)", self.bytes.len(), self.elements().count())
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes)", self.kind, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pidf::Builder;

    fn presence(content: &str) -> Presence {
        let text = format!(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:x='urn:x' entity='pres:a@b'>{content}</presence>"
        );
        Presence::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn what_limits_an_element_in_time_is_an_attribute_at_any_depth() {
        let tuple = "<tuple id='t'><status><basic>open</basic></status>";
        for timeless in ["", "<note>until = 5, from='7'</note>", "<x:until x:form='from'/>"] {
            assert!(!presence(timeless).is_timed(), "{timeless}");
        }
        for timed in [
            "<x:y until='1'/>".to_owned(),
            "<x:y><x:z><x:q x:until = '1'/></x:z></x:y>".to_owned(),
            format!("{tuple}<x:y from='1'/></tuple>"),
        ] {
            let timed = presence(&timed);
            assert!(timed.is_timed(), "{}", str::from_utf8(timed.bytes()).unwrap());
            let mut builder = Builder::new("pres:a@b");
            timed.elements().for_each(|element| _ = builder.element(&element, None));
            assert!(builder.finish().is_timed());
        }
    }
}
