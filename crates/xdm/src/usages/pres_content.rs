//! `org.openmobilealliance.pres-content`: icons and other content for presence, OMA Content XDM.

use documents::pres_content::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use documents::rules::{Attribute, Permissions};
use xcap::Tree;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Place, Right, Rights, Usage};

/// What is taken as content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The media types, in lower case.
    pub types: Vec<Box<str>>,
    /// Bytes of the encoded data.
    pub size: usize,
}

impl Default for Content {
    /// JPEG, GIF and PNG of 300 KiB.
    fn default() -> Self {
        Self { types: ["image/jpeg", "image/gif", "image/png"].map(Box::from).into(), size: 300 * 1024 }
    }
}

/// Documents in folders that begin with `oma_`, or in none.
#[derive(Debug)]
pub(super) struct PresContent;

impl Usage for PresContent {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: "org.openmobilealliance.pres-content",
            media_type: MEDIA_TYPE,
            namespace: NAMESPACE,
            grammar: Some(&GRAMMAR),
        }
    }

    fn place(&self, tree: &Tree, name: &str) -> Place {
        let mut segments = name.split('/');
        let (first, second, third) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
        let (folder, document) = second.map_or((None, first), |document| (Some(first), document));
        if *tree == Tree::Global {
            Place::Barred("Content lies in the tree of a user.")
        } else if third.is_some() || folder.is_some_and(|folder| !folder.starts_with("oma_")) {
            Place::NoFolder
        } else if document.starts_with("oma_") {
            Place::Barred("The name of a document must not begin with oma_.")
        } else {
            Place::Stored
        }
    }

    fn rights(&self, _: &Tree) -> Rights {
        Rights { read: Right::Watcher, write: Right::Owner }
    }

    /// The status icon, with the attribute that refers to it; other content, of which no attribute is known, with all.
    fn is_shown(&self, name: &str, granted: &Permissions) -> bool {
        let is_icon =
            name.starts_with("oma_status-icon/") && granted.attributes.contains(Attribute::StatusIcon);
        // The icon is one of a person or of a service.
        let has_where = !granted.persons.is_nothing() || !granted.services.is_nothing();
        has_where && (is_icon || granted.all_attributes)
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        let content = &draft.settings.content;
        let root = draft.tree.root();
        let text = |local: &str| {
            root.child(NAMESPACE, local).map(|child| child.node().string_value().trim().to_owned())
        };
        if let Some(mime) = text("mime-type")
            && !content.types.iter().any(|known| known.eq_ignore_ascii_case(&mime))
        {
            return Err(Refusal::constraint("Unsupported MIME type"));
        }
        if text("encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("base64")) {
            return Err(Refusal::constraint("Unsupported encoding"));
        }
        let size = root.child(NAMESPACE, "data").map_or(0, |data| data.content().range().len());
        if size > content.size {
            return Err(Refusal::constraint(format!(
                "Size limit exceeded, maximum allowed size is {} bytes",
                content.size
            )));
        }
        Ok(())
    }
}
