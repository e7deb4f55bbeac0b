//! `org.openmobilealliance.xcap-directory`: which documents a user has, OMA XDM.

use documents::xcap_directory::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Generated, Place, Usage};

/// One document for each user, generated.
#[derive(Debug)]
pub(super) struct Directory;

impl Usage for Directory {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.xcap-directory",
            media_type: MEDIA_TYPE,
            namespace: NAMESPACE,
            grammar: Some(&GRAMMAR),
        }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        match (tree, name) {
            (Tree::User(_), "directory.xml") => Place::Generated(Generated::Directory),
            _ => Place::Barred("The directory is directory.xml of a user and nothing else."),
        }
    }

    fn check(&self, _: &Draft<'_>) -> Result<(), Refusal> {
        Err(Refusal::Fault("the directory is never written"))
    }

    /// It does not list itself.
    fn has_user_documents(&self) -> bool {
        false
    }
}
