//! The documents that say what is in a stored list: asked for when somebody first asks for it, and followed from then on.

use std::collections::BTreeSet;
use std::sync::Arc;

use documents::resource_lists::{Resolved, ResourceLists};
use documents::rls_services::{Service, Services};
use sip::{Aor, Uri};
use sip_stack::Timestamp;
use sip_stack::notifier::Reason;
use xcap::{Change, DocumentSelector, Followed, Found, Tree, Unavailable, Want};

use super::{List, Terms};
use crate::members::{Following, Library, Members, members};
use crate::name::ListName;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::service::{check, find};

/// The application usage of list services.
const SERVICES: &str = "rls-services";

/// Where the members of a list come from.
#[derive(Debug)]
pub(super) enum Source {
    /// From the request that made it.
    Contained,
    /// From documents.
    Stored(Box<Shelf>),
}

/// The documents of one user, as far as a list depends on them.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Whose list it is.
    owner: Aor,
    /// The services document first, then documents of resource lists.
    followed: Vec<Followed>,
    /// The trees that they are in, as far as that was said.
    trees: BTreeSet<Tree>,
    /// Asked, and neither answered nor given up.
    asked: bool,
    /// All of them are known.
    known: bool,
    /// The service, once they are known, without its list; or why there is none.
    service: Result<Service, Refusal>,
}

impl Shelf {
    pub(super) fn new(owner: Aor) -> Self {
        let services = DocumentSelector::of_user(SERVICES, owner.as_str(), "index");
        let followed = vec![Followed::new(Want::Document(services))];
        Self {
            owner,
            followed,
            trees: BTreeSet::new(),
            asked: false,
            known: false,
            service: Err(Refusal::Unknown),
        }
    }

    /// Says which trees are followed now, and which no more.
    fn follow(&mut self, out: &mut Outbox) {
        let trees: BTreeSet<Tree> =
            self.followed.iter().map(|followed| followed.want().tree().clone()).collect();
        out.follow.extend(trees.difference(&self.trees).cloned());
        out.unfollow.extend(self.trees.difference(&trees).cloned());
        self.trees = trees;
    }

    /// Nothing is followed any more.
    pub(super) fn close(&mut self, out: &mut Outbox) {
        out.unfollow.extend(core::mem::take(&mut self.trees));
    }

    /// Puts the list together from what is known; asks for what is not, and gives nothing then.
    fn read(
        &mut self,
        name: &ListName,
        identities: &[Aor],
        terms: &Terms<'_>,
        out: &mut Outbox,
    ) -> Option<Members> {
        let known = self.followed.iter().all(Followed::is_known);
        let read = if known { self.members(name, identities, terms) } else { Ok((None, Members::default())) };
        let wanted = read.as_ref().map_or(&[][..], |(_, members)| &members.documents);
        let wanted: Vec<_> = wanted.iter().cloned().map(Want::Document).collect();
        if known {
            // What the list does not refer to any more is forgotten.
            let mut index = 0;
            self.followed.retain(|followed| {
                index += 1;
                index == 1 || wanted.contains(followed.want())
            });
        }
        for want in wanted {
            if !self.followed.iter().any(|followed| *followed.want() == want) {
                out.wants.push(want.clone());
                self.followed.push(Followed::new(want));
                self.asked = true;
            }
        }
        self.follow(out);
        self.known = self.followed.iter().all(Followed::is_known);
        if !self.known {
            return None;
        }
        self.asked = false;
        if let Ok((_, members)) = &read {
            out.counts.left_out += members.problems.len() as u64;
            out.counts.foreign += members.foreign as u64;
        }
        match read {
            Ok((service, members)) => {
                let service = service.filter(|_| !members.missing);
                self.service = service.ok_or(Refusal::Unresolvable);
                Some(members)
            }
            Err(refusal) => {
                self.service = Err(refusal);
                Some(Members::default())
            }
        }
    }

    fn members(
        &self,
        name: &ListName,
        identities: &[Aor],
        terms: &Terms<'_>,
    ) -> Result<(Option<Service>, Members), Refusal> {
        let documents: Vec<_> =
            self.followed.iter().map(|followed| (followed, Document::read(followed, terms))).collect();
        let services = match &documents[0].1 {
            Document::Services(services) => services,
            Document::Lists(_) | Document::Broken => return Err(Refusal::Unresolvable),
            Document::None => return Err(Refusal::Unknown),
        };
        let uri = Uri::parse(&name.uri).map_err(|_| Refusal::Unknown)?;
        let service = find(services, &uri).ok_or(Refusal::Unknown)?;
        let library = Read { documents: &documents };
        let following = Following {
            roots: terms.roots,
            references: terms.references,
            template: terms.template,
            policy: terms.policy,
            watcher: (identities, &name.package),
        };
        let members = members(services, service, &self.owner, &following, &library, &terms.flat);
        let kept = Service {
            uri: Arc::clone(&service.uri),
            source: documents::rls_services::Source::List(documents::resource_lists::List::default()),
            packages: service.packages.clone(),
        };
        Ok((Some(kept), members))
    }
}

/// A document that was read from its octets.
enum Document {
    Lists(ResourceLists),
    Services(Services),
    /// It cannot be read.
    Broken,
    /// There is none.
    None,
}

impl Document {
    fn read(followed: &Followed, terms: &Terms<'_>) -> Self {
        let Some((selector, version)) = followed.documents().next() else { return Self::None };
        if *selector.auid == *SERVICES {
            Services::parse(&version.body, &terms.xml).map_or(Self::Broken, Self::Services)
        } else {
            ResourceLists::parse(&version.body, &terms.xml).map_or(Self::Broken, Self::Lists)
        }
    }
}

/// Documents that were read.
struct Read<'a> {
    documents: &'a [(&'a Followed, Document)],
}

impl<'a> Read<'a> {
    fn find(&self, document: &DocumentSelector) -> Resolved<&'a Document> {
        let found = self.documents.iter().find(|(followed, _)| followed.want().covers(document));
        match found {
            Some((followed, read)) if followed.is_known() => Resolved::Found(read),
            Some(_) | None => Resolved::Unknown,
        }
    }
}

impl<'a> Library<'a> for Read<'a> {
    fn resource_lists(&self, document: &DocumentSelector) -> Resolved<&'a ResourceLists> {
        match self.find(document) {
            Resolved::Found(Document::Lists(lists)) => Resolved::Found(lists),
            Resolved::Found(_) | Resolved::Missing => Resolved::Missing,
            Resolved::Unknown => Resolved::Unknown,
        }
    }

    fn services(&self, document: &DocumentSelector) -> Resolved<&'a Services> {
        match self.find(document) {
            Resolved::Found(Document::Services(services)) => Resolved::Found(services),
            Resolved::Found(_) | Resolved::Missing => Resolved::Missing,
            Resolved::Unknown => Resolved::Unknown,
        }
    }
}

impl List {
    /// Whose list it is, if it is a stored one.
    pub fn owner(&self) -> Option<&Aor> {
        match &self.source {
            Source::Contained => None,
            Source::Stored(shelf) => Some(&shelf.owner),
        }
    }

    /// Asks for the documents, unless they are known or asked for.
    pub fn prepare(&mut self, out: &mut Outbox) {
        let Source::Stored(shelf) = &mut self.source else { return };
        if shelf.asked || shelf.known {
            return;
        }
        shelf.asked = true;
        shelf.follow(out);
        let unknown = shelf.followed.iter().filter(|followed| !followed.is_known());
        out.wants.extend(unknown.map(|followed| followed.want().clone()));
    }

    /// Whether the documents are known: nobody can be judged, nor the list be told, before.
    pub fn is_ready(&self) -> bool {
        match &self.source {
            Source::Contained => true,
            Source::Stored(shelf) => shelf.known,
        }
    }

    /// The answer to a want.
    pub fn found(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        want: &Want,
        found: Result<Found, Unavailable>,
        out: &mut Outbox,
    ) {
        let Source::Stored(shelf) = &mut self.source else { return };
        let Some(followed) = shelf.followed.iter_mut().find(|followed| followed.want() == want) else {
            return; // of another list that had this place before, or not needed any more
        };
        let Ok(found) = found else {
            shelf.asked = false;
            return;
        };
        if !followed.answered(found) {
            out.wants.push(want.clone());
        } else if shelf.followed.iter().all(Followed::is_known) {
            self.read(now, terms, out);
        }
    }

    /// A document of a tree that is followed has changed: members come and go at once.
    pub fn document_changed(&mut self, now: Timestamp, terms: &Terms<'_>, change: &Change, out: &mut Outbox) {
        let Source::Stored(shelf) = &mut self.source else { return };
        let mut changed = false;
        for followed in &mut shelf.followed {
            changed |= followed.changed(change);
        }
        if changed && shelf.followed.iter().all(Followed::is_known) {
            self.read(now, terms, out);
        }
    }

    /// Whether the watcher may subscribe to the list with its package.
    pub(super) fn check(&self, terms: &Terms<'_>) -> Result<(), Refusal> {
        match &self.source {
            Source::Contained => Ok(()),
            Source::Stored(shelf) => {
                let service = shelf.service.as_ref().map_err(Clone::clone)?;
                check(service, &shelf.owner, &self.identities, &self.name.package, terms.policy)
            }
        }
    }

    fn read(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Source::Stored(shelf) = &mut self.source else { return };
        let Some(members) = shelf.read(&self.name, &self.identities, terms, out) else { return };
        match self.check(terms) {
            Ok(()) => self.edit(now, terms, members, out),
            // The list that the service refers to may be there again another day.
            Err(Refusal::Unresolvable) => {
                self.edit(now, terms, Members { names: members.names, ..Members::default() }, out)
            }
            Err(Refusal::Forbidden) => self.end(Reason::Rejected, out),
            Err(_) => self.end(Reason::NoResource, out),
        }
        self.resumed(now, terms, out);
    }

    /// The terms may be others now.
    pub fn reauthorize(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        if self.is_ready() {
            self.read(now, terms, out);
        }
    }
}
