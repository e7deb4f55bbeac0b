//! `xcap-caps`: what this server can do, RFC 4825 §12.

use documents::xcap_caps::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Generated, Place, Right, Rights, Usage};

/// The name of the usage.
pub(crate) const AUID: &str = "xcap-caps";

/// One global document, generated.
#[derive(Debug)]
pub(super) struct Capabilities;

impl Usage for Capabilities {
    fn definition(&self) -> Definition<'_> {
        Definition { auid: AUID, media_type: MEDIA_TYPE, namespace: NAMESPACE, grammar: Some(&GRAMMAR) }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::Global, "index") => Place::Generated(Generated::Capabilities),
            _ => Place::Barred("The capabilities are global/index and nothing else."),
        }
    }

    /// So that whoever tries to write is told that nobody can.
    fn rights(&self, _: &Tree) -> Rights {
        Rights { read: Right::Authenticated, write: Right::Authenticated }
    }

    fn check(&self, _: &Draft<'_>) -> Result<(), Refusal> {
        Err(Refusal::Fault("the capabilities are never written"))
    }

    fn has_user_documents(&self) -> bool {
        false
    }
}
