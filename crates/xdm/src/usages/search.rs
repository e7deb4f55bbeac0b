//! `org.openmobilealliance.search`: the form that searches are posted to, OMA XDM. It has no documents.

use documents::search::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Place, Right, Rights, Usage};

/// The AUID, which is the whole path of the form.
pub(crate) const AUID: &str = "org.openmobilealliance.search";

/// The form.
#[derive(Debug)]
pub(super) struct Search;

impl Usage for Search {
    fn definition(&self) -> Definition<'_> {
        Definition { auid: AUID, media_type: MEDIA_TYPE, namespace: NAMESPACE, grammar: Some(&GRAMMAR) }
    }

    fn place(&self, _: &Tree, _: &str) -> Place {
        Place::Barred("A search is posted to the usage itself.")
    }

    /// So that whoever tries to write is told that nobody can.
    fn rights(&self, _: &Tree) -> Rights {
        Rights { read: Right::Authenticated, write: Right::Authenticated }
    }

    fn check(&self, _: &Draft<'_>) -> Result<(), Refusal> {
        Err(Refusal::Fault("a search is never stored"))
    }

    fn has_user_documents(&self) -> bool {
        false
    }
}
