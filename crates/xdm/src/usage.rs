//! What an application usage is, RFC 4825 §5: names, grammar, constraints and rights, one file per AUID.

use core::fmt;

use documents::rules::Permissions;
use xcap::{DocumentSelector, Tree};
use xml::schema::Grammar;

use crate::index::Index;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// An application usage. What it does not say is as RFC 4825 has it by default.
pub(crate) trait Usage: fmt::Debug + Send + Sync {
    /// What it is called, and what its documents are.
    fn definition(&self) -> Definition<'_>;

    /// The namespaces whose grammar is known, for `xcap-caps` (RFC 4825 §12).
    fn namespaces(&self) -> Vec<&str> {
        let vocabularies = self.definition().grammar.into_iter().flat_map(|grammar| grammar.vocabularies);
        vocabularies.map(|vocabulary| vocabulary.origin.namespace).collect()
    }

    /// What lies under that name of a tree.
    fn place(&self, tree: &Tree, name: &str) -> Place {
        let _ = tree;
        if name.contains('/') { Place::NoFolder } else { Place::Stored }
    }

    /// Who may read and who may write there.
    fn rights(&self, tree: &Tree) -> Rights {
        match tree {
            Tree::User(_) => Rights { read: Right::Owner, write: Right::Owner },
            Tree::Global => Rights { read: Right::Authenticated, write: Right::Provider },
        }
    }

    /// Whether a watcher who is granted this may read a document of [`Right::Watcher`].
    fn is_shown(&self, name: &str, granted: &Permissions) -> bool {
        let _ = (name, granted);
        false
    }

    /// Refuses a document that breaks a constraint. It is of the grammar, and in full as it would be stored: an edit is
    /// judged by its outcome (RFC 4825 §8.2.5).
    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal>;

    /// The same of a document that was within the constraints before one element was put into it, anew or in the place of
    /// another. It may take what [`Usage::check`] takes for less, and refuses what that refuses, in the same words.
    fn check_put(&self, draft: &Draft<'_>, element: xml::Element<'_>) -> Result<(), Refusal> {
        let _ = element;
        self.check(draft)
    }

    /// The service URIs that a document claims for itself alone, canonical.
    fn services(&self, draft: &Draft<'_>) -> Vec<String> {
        let _ = draft;
        Vec::new()
    }

    /// Whether users can have documents of it, so that it has a folder in their directory.
    fn has_user_documents(&self) -> bool {
        true
    }
}

/// What a usage is called, and what its documents are, RFC 4825 §5.1 to §5.4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition<'u> {
    /// Its name, the first segment of every path under it.
    pub(crate) auid: &'u str,
    /// The media type of its documents.
    pub(crate) media_type: &'u str,
    /// The default document namespace: of names without a prefix in node selectors.
    pub(crate) namespace: &'u str,
    /// The grammar of its documents; none if it checks them itself, or if it has none.
    pub(crate) grammar: Option<&'static Grammar>,
}

/// A document as it would be after the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'d> {
    /// Which document; the owner in its tree is canonical.
    pub(crate) document: &'d DocumentSelector,
    /// What it would be.
    pub(crate) tree: &'d xml::Tree<'d>,
    /// What is known over all users.
    pub(crate) index: &'d Index,
    /// What the operator has decided.
    pub(crate) settings: &'d Settings,
    /// What the XML reader is told.
    pub(crate) limits: &'d xml::Limits,
}

impl Draft<'_> {
    /// The owner; none in the global tree.
    pub(crate) fn xui(&self) -> Option<&str> {
        match &self.document.tree {
            Tree::User(xui) => Some(xui),
            Tree::Global => None,
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A document that is stored under that name.
    Stored,
    /// Another name of the document that is stored under this one.
    Alias(&'static str),
    /// A document that is made when it is asked for.
    Generated(Generated),
    /// The form that searches are posted to.
    Form,
    /// No document may have that name here; a PUT is told why.
    Barred(&'static str),
    /// In a folder that is not there, RFC 4825 §8.2.1.
    NoFolder,
}

/// The documents that are made when they are asked for. None is written by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    /// What this server can do, RFC 4825 §12.
    Capabilities,
    /// The services of all users, RFC 4826 §4.4.8.
    Services,
    /// The documents of one user.
    Directory,
    /// What the publication rules of a user let the one who asks do.
    PublicationView,
}

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// The service provider alone.
    Provider,
    /// Trusted elements of the domain, and the provider.
    Trusted,
    /// The user whose tree it is, and the provider.
    Owner,
    /// The user whose tree it is, the provider, and whom the presence rules of the user show it, RFC 5025 §3.
    Watcher,
    /// The user whose tree it is, the provider, and whom the publication rules of the user let handle his permanent state.
    Handler,
    /// Every user of the server.
    Authenticated,
}

/// Who may read, and who may write. What is readable for anybody is so for trusted elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// GET, HEAD, and subscribing to changes.
    pub(crate) read: Right,
    /// PUT and DELETE.
    pub(crate) write: Right,
}
