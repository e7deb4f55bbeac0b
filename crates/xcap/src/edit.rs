//! What becomes of a PUT or DELETE on a part of a document.

use xml::Graft;

use crate::conflict::Conflict;

/// An edit that can be made. The document is well-formed if its node was; whether it is within limits and valid is
/// another matter.
#[derive(Clone, Debug)]
pub struct Edit<'t> {
    what: What<'t>,
    /// Whether something comes to be that was not there: a 201, not a 200.
    pub created: bool,
}

#[derive(Clone, Debug)]
enum What<'t> {
    Element(Box<Graft<'t>>),
    Document(Vec<u8>),
}

impl<'t> Edit<'t> {
    pub(crate) fn of_element(graft: Graft<'t>, created: bool) -> Self {
        Self { what: What::Element(Box::new(graft)), created }
    }

    pub(crate) fn of_attribute(document: Vec<u8>, created: bool) -> Self {
        Self { what: What::Document(document), created }
    }

    /// The whole document after it. Every byte that the edit does not concern is as it was.
    pub fn document(&self) -> Vec<u8> {
        match &self.what {
            What::Element(graft) => graft.text().into_bytes(),
            What::Document(document) => document.clone(),
        }
    }

    /// What is put, if it is an element: the tree of the document after it is had without reading it again.
    pub fn graft(&self) -> Option<&Graft<'t>> {
        match &self.what {
            What::Element(graft) => Some(graft),
            What::Document(_) => None,
        }
    }
}

/// Why an edit is not made. The document stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A 409 with this report.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// DELETE of what is not there, or of more than one: a 404.
    #[error("the node selector selects nothing, or more than one")]
    NotFound,
    /// Namespace bindings can only be read: a 405, RFC 4825 §8.2 and §8.4.
    #[error("namespace bindings can only be read")]
    ReadOnly,
    /// The element that was sent exceeds a limit of XML documents.
    #[error("{0}")]
    TooLarge(xml::Error),
}
