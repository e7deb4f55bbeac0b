//! What a URI in a subscription stands for.

use std::sync::Arc;

use sip::Aor;
use xcap::{Branch, DocumentSelector, NodeSelector, Reference, Terminal, Tree, Want};

use crate::xdms::Xdms;
use crate::xui;

/// A resource that somebody follows. Whether it is there, and may be read, is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// A document.
    Document {
        /// As the subscriber writes it, and as it is told, RFC 5875 §4.6.
        uri: Box<str>,
        document: DocumentSelector,
    },
    /// All documents of a usage in some trees, if their names begin like that.
    Collection { auid: Arc<str>, trees: Vec<Tree>, folder: Box<str> },
    /// An element or attribute.
    Component { uri: Box<str>, document: DocumentSelector, selector: NodeSelector },
}

impl Resource {
    /// What `uri`, absolute under one of our roots or relative to it, stands for; none if it is nothing that can be
    /// followed, which is no error: RFC 5875 §4.7 has such a resource wait for ever.
    pub(super) fn of(uri: &str, xdms: &Xdms, subscriber: &[Aor]) -> Option<Self> {
        let roots = &xdms.settings().roots;
        let below = roots.iter().find_map(|root| uri.strip_prefix(&**root)?.strip_prefix('/'));
        let (path, query) = match below.unwrap_or(uri).split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (below.unwrap_or(uri), None),
        };
        if path.ends_with('/') && !path.contains("/~~/") {
            return Self::collection(path, xdms, subscriber);
        }
        let (document, selector) = xdms.select(path, query).ok()?;
        let uri = uri.into();
        match selector {
            None => Some(Self::Document { uri, document }),
            // Namespace bindings are nothing to subscribe to, RFC 5875 §4.1.
            Some(selector) if *selector.terminal() == Terminal::Namespaces => None,
            Some(selector) => Some(Self::Component { uri, document, selector }),
        }
    }

    /// A collection over the trees of several users has those of the subscriber, and the global one. Of other users it has
    /// none, even where it may read them: how many there are nobody can bound. They are followed tree by tree.
    fn collection(path: &str, xdms: &Xdms, subscriber: &[Aor]) -> Option<Self> {
        let reference = Reference::split(path, None, &xdms.settings().limits.uri).ok()?;
        xdms.usage(&reference.auid)?;
        let own = || subscriber.iter().map(|identity| Tree::User(identity.as_str().into()));
        let trees: Vec<Tree> = match &reference.branch {
            Some(Branch::Global) => vec![Tree::Global],
            Some(Branch::User(user)) => {
                let owner = xui::owner(user).filter(|owner| xdms.settings().serves(owner))?;
                vec![Tree::User(owner.as_str().into())]
            }
            Some(Branch::Users) => own().collect(),
            None => own().chain([Tree::Global]).collect(),
        };
        let folder = if reference.name.is_empty() { String::new() } else { reference.name + "/" };
        Some(Self::Collection { auid: (*reference.auid).into(), trees, folder: folder.into() })
    }

    /// All documents of a user.
    pub(super) fn all_of<'a>(user: &'a Aor, xdms: &'a Xdms) -> impl Iterator<Item = Self> + use<'a> {
        let tree = Tree::User(user.as_str().into());
        xdms.auids().map(move |auid| Self::Collection {
            auid: auid.into(),
            trees: vec![tree.clone()],
            folder: Box::default(),
        })
    }

    /// The trees that it is in, or around.
    pub(super) fn trees(&self) -> (&str, &[Tree]) {
        match self {
            Self::Document { document, .. } | Self::Component { document, .. } => {
                (&document.auid, core::slice::from_ref(&document.tree))
            }
            Self::Collection { auid, trees, .. } => (auid, trees),
        }
    }

    /// What must be known for it.
    pub(super) fn wants(&self) -> Vec<Want> {
        match self {
            Self::Document { document, .. } | Self::Component { document, .. } => {
                vec![Want::Document(document.clone())]
            }
            Self::Collection { auid, trees, .. } => {
                let want = |tree: &Tree| Want::Collection { auid: Arc::clone(auid), tree: tree.clone() };
                trees.iter().map(want).collect()
            }
        }
    }

    /// Whether a document is it, in it, or around it.
    pub(super) fn covers(&self, document: &DocumentSelector) -> bool {
        match self {
            Self::Document { document: own, .. } | Self::Component { document: own, .. } => own == document,
            Self::Collection { auid, trees, folder } => {
                *auid == document.auid
                    && trees.contains(&document.tree)
                    && document.name.starts_with(&**folder)
            }
        }
    }
}
