//! What a machine wants to know of the documents, and how it follows them while they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::{Change, DocumentSelector, ETag, Tree, Version};

/// A question to the document store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// One document.
    Document(DocumentSelector),
    /// All documents of an application usage in a tree.
    Collection {
        /// The application usage.
        auid: Arc<str>,
        /// The tree.
        tree: Tree,
    },
}

/// The documents that answer a [`Want`], in order; those that are not there are not in it.
pub type Found = Vec<(DocumentSelector, Version)>;

/// The store could not say. Nothing is known, and the question may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document store does not answer")]
pub struct Unavailable;

impl Want {
    /// The tree that it is about.
    pub fn tree(&self) -> &Tree {
        match self {
            Self::Document(document) => &document.tree,
            Self::Collection { tree, .. } => tree,
        }
    }

    /// The application usage that it is about.
    pub fn auid(&self) -> &str {
        match self {
            Self::Document(document) => &document.auid,
            Self::Collection { auid, .. } => auid,
        }
    }

    /// Whether a document is one of those asked for.
    pub fn covers(&self, document: &DocumentSelector) -> bool {
        match self {
            Self::Document(wanted) => wanted == document,
            Self::Collection { auid, tree } => *auid == document.auid && *tree == document.tree,
        }
    }
}

/// The documents that a [`Want`] covers, as their changes come in beside the answer to it.
///
/// An answer is of some moment between the question and now, and tells not of which. So a change is taken over if it was
/// made to the version that is known; one that was not is older than the answer. Of each tree, changes come in the order
/// in which they were made and none is left out, so what is known is soon, and stays, what there is.
#[derive(Clone, Debug)]
pub struct Followed {
    want: Want,
    known: Known,
}

#[derive(Clone, Debug)]
enum Known {
    /// Asked and not answered; the changes since.
    Early(Vec<Change>),
    /// As far as is known.
    Documents(BTreeMap<DocumentSelector, Version>),
}

/// Changes that may come before the answer; with more of them the answer is too old to be of use.
const EARLY_MAX: usize = 256;

impl Followed {
    /// Nothing is known yet: the want is to be asked.
    pub fn new(want: Want) -> Self {
        Self { want, known: Known::Early(Vec::new()) }
    }

    /// What is asked.
    pub fn want(&self) -> &Want {
        &self.want
    }

    /// Whether there has been an answer.
    pub fn is_known(&self) -> bool {
        matches!(self.known, Known::Documents(_))
    }

    /// The documents that are known, in order.
    pub fn documents(&self) -> impl Iterator<Item = (&DocumentSelector, &Version)> {
        let known = match &self.known {
            Known::Documents(documents) => Some(documents),
            Known::Early(_) => None,
        };
        known.into_iter().flatten()
    }

    /// A document that is known.
    pub fn get(&self, document: &DocumentSelector) -> Option<&Version> {
        match &self.known {
            Known::Documents(documents) => documents.get(document),
            Known::Early(_) => None,
        }
    }

    /// Takes the answer; false if it is of no use, and the want is to be asked again.
    pub fn answered(&mut self, found: Found) -> bool {
        let Known::Early(early) = &mut self.known else { return true };
        if early.len() > EARLY_MAX {
            early.clear();
            return false;
        }
        let early = core::mem::take(early);
        self.known = Known::Documents(found.into_iter().collect());
        for change in &early {
            self.changed(change);
        }
        true
    }

    /// Takes a change; whether something that is known is another now.
    pub fn changed(&mut self, change: &Change) -> bool {
        if !self.want.covers(&change.document) {
            return false;
        }
        match &mut self.known {
            Known::Early(early) => {
                if early.len() <= EARLY_MAX {
                    early.push(change.clone());
                }
                false
            }
            Known::Documents(documents) => {
                let known: Option<&ETag> = documents.get(&change.document).map(|version| &version.etag);
                if known != change.previous.as_ref() {
                    return false;
                }
                match &change.current {
                    Some(version) => documents.insert(change.document.clone(), version.clone()),
                    None => documents.remove(&change.document),
                };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> DocumentSelector {
        DocumentSelector::of_user("resource-lists", "sip:joe@example.com", "index")
    }

    fn version(text: &str) -> Version {
        Version { etag: ETag(text.into()), body: text.as_bytes().into() }
    }

    /// The life of one document: made, changed, removed, made again.
    const STATES: [Option<&str>; 6] = [None, Some("1"), Some("2"), None, Some("3"), Some("4")];

    fn change(number: usize) -> Change {
        let previous = STATES[number].map(|text| ETag(text.into()));
        Change { document: index(), previous, current: STATES[number + 1].map(version) }
    }

    #[test]
    fn whatever_moment_an_answer_is_of_the_last_state_is_known_in_the_end() {
        let collection = Want::Collection {
            auid: "resource-lists".into(),
            tree: Tree::User("sip:joe@example.com".into()),
        };
        for want in [Want::Document(index()), collection] {
            for asked in 0..STATES.len() {
                for (read, state) in STATES.iter().enumerate().skip(asked) {
                    for answered in asked..STATES.len() {
                        let mut followed = Followed::new(want.clone());
                        for number in asked..answered {
                            assert!(!followed.changed(&change(number)));
                        }
                        let found = state.map(version).map(|version| (index(), version));
                        assert!(followed.answered(found.into_iter().collect()));
                        for number in answered..STATES.len() - 1 {
                            followed.changed(&change(number));
                        }
                        let known = followed.get(&index()).map(|version| version.body.to_vec());
                        assert_eq!(known.as_deref(), Some(&b"4"[..]), "{asked} {read} {answered}");
                    }
                }
            }
        }
    }

    #[test]
    fn changes_of_other_documents_are_none() {
        let mut followed = Followed::new(Want::Document(index()));
        followed.answered(Vec::new());
        let other = DocumentSelector::of_user("resource-lists", "sip:joe@example.com", "other");
        let change = Change { document: other, previous: None, current: Some(version("1")) };
        assert!(!followed.changed(&change));
        assert_eq!(followed.documents().count(), 0);
    }

    #[test]
    fn an_answer_that_comes_too_late_is_asked_for_again() {
        let mut followed = Followed::new(Want::Document(index()));
        for number in 0..=EARLY_MAX {
            let previous = Some(ETag(number.to_string().into()));
            let current = Some(version(&(number + 1).to_string()));
            followed.changed(&Change { document: index(), previous, current });
        }
        assert!(!followed.answered(vec![(index(), version("0"))]));
        assert!(!followed.is_known());
        assert!(followed.answered(vec![(index(), version("300"))]));
        assert!(followed.is_known());
    }
}
