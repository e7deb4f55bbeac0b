//! What was made of a document's bytes, to be kept beside them.

use std::sync::Arc;

use crate::refusal::Refusal;
use crate::snapshot::Stored;

/// A document as it was read, and whether its usage was found to take it: with one at hand a request for an element reads
/// nothing, and a PUT looks only at what it changes. Cheap to clone.
///
/// It is of one version of one document and of the settings that it was made with: whoever keeps readings keeps them by
/// document and entity-tag, and for no longer than the [`Xdms`](crate::Xdms) that gave them.
#[derive(Clone, Debug)]
pub struct Reading {
    pub(crate) tree: Arc<xml::Tree<'static>>,
    /// By its usage as it is now. One that was stored before this start, or by other hands, is looked at whole once.
    pub(crate) is_judged: bool,
}

impl Reading {
    /// What is kept of a stored document, or what it gives now.
    pub(crate) fn of(stored: &Stored, kept: Option<&Self>) -> Result<Self, Refusal> {
        if let Some(kept) = kept {
            return Ok(kept.clone());
        }
        let tree = xml::Tree::keep(&stored.body, &xml::Limits::NONE)
            .map_err(|_| Refusal::Fault("the stored document is not well-formed"))?;
        Ok(Self { tree: Arc::new(tree), is_judged: false })
    }

    /// About how many bytes of memory it takes. The document itself is among them, although a version that was written
    /// since the start shares its bytes.
    pub fn size(&self) -> usize {
        self.tree.size()
    }
}

/// Two are equal if they are of equal bytes and were found to be the same.
impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.is_judged == other.is_judged && self.tree.text() == other.tree.text()
    }
}

impl Eq for Reading {}
