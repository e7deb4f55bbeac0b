//! The document servers as one machine: a request and what was read for it give an answer and what to write.

mod generate;
mod read;
mod write;

use sip::Aor;
use sip_stack::Timestamp;
use xcap::{DocumentSelector, NodeSelector, Terminal, Tree, Version};

use crate::answer::{Allow, Answer, READABLE, SEARCHABLE, WRITABLE};
use crate::authorize::{Deed, authorize, by_rules};
use crate::entity_tags::EntityTags;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::request::{Method, Request, Standing};
use crate::search;
use crate::settings::Settings;
use crate::snapshot::{Decision, Snapshot};
use crate::target::{self, Target};
use crate::usage::{Generated, Place, Right};
use crate::usages::Usages;

/// Presence XDMS, RLS XDMS and Shared List XDMS, without a store.
///
/// A request takes two steps: [`Xdms::plan`] says what must be read, [`Xdms::decide`] what is answered and written. It is
/// never changed by a request, so it can be shared by threads; what changes is the store's, and the [`Index`](crate::Index).
#[derive(Debug)]
pub struct Xdms {
    settings: Settings,
    usages: Usages,
    /// `xcap-caps/global/index`, which does not change.
    capabilities: (DocumentSelector, Version),
}

/// What must be read before a request can be decided.
#[derive(Clone, Debug)]
pub struct Plan<'s, 'r> {
    target: Target<'s, 'r>,
    selector: Option<NodeSelector>,
    reads_document: bool,
    reads_listing: bool,
}

impl Plan<'_, '_> {
    /// The document to read, if there is one to read.
    pub fn document(&self) -> Option<&DocumentSelector> {
        self.reads_document.then_some(&self.target.document)
    }

    /// The tree whose documents, over all usages, are to be listed.
    pub fn listing(&self) -> Option<&Tree> {
        self.reads_listing.then_some(&self.target.document.tree)
    }

    /// The application usage, for metrics.
    pub fn auid(&self) -> &str {
        &self.target.document.auid
    }
}

impl Xdms {
    /// The document servers of these settings.
    pub fn new(settings: Settings) -> Self {
        let usages = Usages::new(&settings);
        let capabilities = generate::capabilities(&usages);
        Self { settings, usages, capabilities }
    }

    /// Says what must be read for a request, or answers it at once: what is refused whatever is stored, and OPTIONS.
    pub fn plan<'s, 'r>(&'s self, request: &Request<'r>) -> Result<Plan<'s, 'r>, Answer> {
        self.planned(request).map_err(|stop| match stop {
            Stop::Answer(answer) => answer,
            Stop::Refusal(refusal) => refusal.answer(),
        })
    }

    /// Decides a request by what was read for its plan. Reads only.
    pub fn decide(
        &self,
        now: Timestamp,
        request: &Request<'_>,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
        tags: &mut EntityTags,
    ) -> Decision {
        let decided = match request.method {
            Method::Put => self.put(now, request, plan, snapshot, tags),
            Method::Delete => self.delete(now, request, plan, snapshot, tags),
            Method::Post => {
                search::search(&self.settings, request, &snapshot.index.searched).map(Decision::answer)
            }
            Method::Get | Method::Head | Method::Options | Method::Other => self.get(request, plan, snapshot),
        };
        decided.unwrap_or_else(|refusal| Decision::answer(refusal.answer()))
    }

    /// Whether a principal may read a document and be told of its changes. It says nothing about whether it is there.
    /// `standing` is what the rules of its owner let him do, where [`Xdms::is_by_rules`].
    pub fn may_read(
        &self,
        principal: &Principal,
        document: &DocumentSelector,
        standing: Option<&Standing>,
    ) -> bool {
        let Some((_, usage)) = self.usages.find(&document.auid) else { return false };
        let right = usage.rights(&document.tree).read;
        match authorize(principal, Deed::Read, right, &document.tree) {
            Ok(()) => true,
            Err(Refusal::Forbidden) => by_rules(standing, right, usage, &document.name).is_ok(),
            Err(_) => false,
        }
    }

    /// Whether the rules of the user whose tree it is say what a principal may read there.
    pub fn is_by_rules(&self, principal: &Principal, auid: &str, tree: &Tree) -> bool {
        let (Some((_, usage)), Tree::User(xui)) = (self.usages.find(auid), tree) else { return false };
        let is_asked = matches!(usage.rights(tree).read, Right::Watcher | Right::Handler);
        is_asked && matches!(principal, Principal::User(_)) && !principal.is(xui)
    }

    /// Who asks, by his proven names: the provider has names of its own.
    pub fn principal(&self, identities: &[Aor]) -> Principal {
        if identities.iter().any(|identity| self.settings.providers.contains(identity)) {
            return Principal::Provider;
        }
        Principal::User(identities.to_vec())
    }

    /// The one document that is in no store and never another: the capabilities. What else is generated changes with
    /// documents that whoever reads it need not be told of.
    pub(crate) fn capabilities(&self) -> (&DocumentSelector, &Version) {
        (&self.capabilities.0, &self.capabilities.1)
    }

    /// What a request URI selects, with the owner in canonical form and other names of a document resolved.
    pub fn select(
        &self,
        path: &str,
        query: Option<&str>,
    ) -> Result<(DocumentSelector, Option<NodeSelector>), Refusal> {
        let target = self.target(path, query)?;
        let selector = self.selector(&target, query)?;
        Ok((target.document, selector))
    }

    /// The user whose rules must be asked, before a request is planned, what they let the caller do: its
    /// [`Request::standing`]. None if they do not count.
    pub fn presentity(&self, request: &Request<'_>) -> Option<Aor> {
        if !matches!(request.principal, Principal::User(_)) || is_plainly_own(request) {
            return None;
        }
        let target = self.target(request.path, request.query).ok()?;
        let Tree::User(xui) = &target.document.tree else { return None };
        let rights = target.usage.rights(&target.document.tree);
        let right = match request.method {
            Method::Get | Method::Head => rights.read,
            Method::Put | Method::Delete => rights.write,
            Method::Options | Method::Post | Method::Other => return None,
        };
        let is_asked = matches!(right, Right::Watcher | Right::Handler)
            || target.place == Place::Generated(Generated::PublicationView);
        if is_asked && !request.principal.is(xui) { Aor::parse(xui).ok() } else { None }
    }

    /// The namespace of names without a prefix in node selectors, and the media type, of an application usage.
    pub fn usage(&self, auid: &str) -> Option<(&str, &str)> {
        let (_, usage) = self.usages.find(auid)?;
        let definition = usage.definition();
        Some((definition.namespace, definition.media_type))
    }

    /// The application usages that are served.
    pub fn auids(&self) -> impl Iterator<Item = &str> {
        self.usages.iter().map(|(auid, _)| &**auid)
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn target<'s, 'r>(&'s self, path: &'r str, query: Option<&'r str>) -> Result<Target<'s, 'r>, Refusal> {
        target::read(&self.usages, &|user| self.settings.serves(user), &self.settings.limits, path, query)
    }

    fn selector(
        &self,
        target: &Target<'_, '_>,
        query: Option<&str>,
    ) -> Result<Option<NodeSelector>, Refusal> {
        let Some(node) = target.node else { return Ok(None) };
        let namespace = target.usage.definition().namespace;
        Ok(Some(NodeSelector::parse(node, query, namespace, &self.settings.limits.uri)?))
    }

    /// In the order of RFC 4825 §8: usage and user, authorization, selector and prefixes, method.
    fn planned<'s, 'r>(&'s self, request: &Request<'r>) -> Result<Plan<'s, 'r>, Stop> {
        let target = self.target(request.path, request.query).map_err(|refusal| match refusal {
            // Who is nobody does not learn which users there are.
            Refusal::NoUser if *request.principal == Principal::Anonymous => Refusal::Unauthenticated,
            other => other,
        })?;
        let selector = self.selector(&target, request.query);
        let allow = allowed(target.place, selector.as_ref().ok().and_then(Option::as_ref));
        let deed = match request.method {
            Method::Get | Method::Head => Deed::Read,
            Method::Post if target.place == Place::Form => Deed::Read,
            Method::Put | Method::Delete => Deed::Write,
            Method::Options => return Err(Stop::Answer(Answer { allow: Some(allow), ..Answer::new(200) })),
            Method::Post | Method::Other => return Err(Refusal::MethodNotAllowed { allow }.into()),
        };
        let rights = target.usage.rights(&target.document.tree);
        let right = if deed == Deed::Read { rights.read } else { rights.write };
        let allowed = authorize(request.principal, deed, right, &target.document.tree);
        if allowed == Err(Refusal::Forbidden) && matches!(right, Right::Watcher | Right::Handler) {
            by_rules(request.standing, right, target.usage, &target.document.name)?;
        } else {
            allowed?;
        }
        let selector = selector?;
        if (deed == Deed::Write && allow != WRITABLE)
            || (request.method != Method::Post && allow == SEARCHABLE)
        {
            return Err(Refusal::MethodNotAllowed { allow }.into());
        }
        match (request.method, target.place) {
            (Method::Put, Place::Barred(phrase)) => return Err(Refusal::constraint(phrase).into()),
            (Method::Put, Place::NoFolder) => return Err(Refusal::no_parent().into()),
            (_, Place::Barred(_) | Place::NoFolder) => return Err(Refusal::NoDocument.into()),
            (Method::Put | Method::Post, _) => write::check_type(request, target.usage, selector.as_ref())?,
            _ => {}
        }
        let is_user = matches!(target.document.tree, Tree::User(_));
        Ok(Plan {
            reads_document: matches!(target.place, Place::Stored | Place::Alias(_)),
            reads_listing: target.place == Place::Generated(Generated::Directory)
                || (request.method == Method::Put && is_user),
            target,
            selector,
        })
    }
}

/// Whether a path says in so many words that it is in the tree of the one who asks, as most do: then it need not be
/// resolved to see that.
fn is_plainly_own(request: &Request<'_>) -> bool {
    let mut segments = request.path.splitn(5, '/');
    let branch = (segments.next(), segments.nth(1));
    branch == (Some(""), Some("users")) && segments.next().is_some_and(|xui| request.principal.is(xui))
}

/// What may be done there. Namespace bindings can only be read, RFC 4825 §7.10.
fn allowed(place: Place, selector: Option<&NodeSelector>) -> Allow {
    match place {
        Place::Form => SEARCHABLE,
        Place::Generated(_) => READABLE,
        Place::Stored | Place::Alias(_) | Place::Barred(_) | Place::NoFolder => {
            let is_binding = selector.is_some_and(|selector| *selector.terminal() == Terminal::Namespaces);
            if is_binding { READABLE } else { WRITABLE }
        }
    }
}

/// Why there is nothing to read.
enum Stop {
    Answer(Answer),
    Refusal(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}
