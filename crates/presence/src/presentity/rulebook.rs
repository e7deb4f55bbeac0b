//! The documents of a presentity that decide on its watchers and publications: asked for when somebody first asks for it,
//! and followed from then on.

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::pidf::Presence;
use documents::resource_lists::ResourceLists;
use sip::Aor;
use sip_stack::Timestamp;
use xcap::{Change, DocumentSelector, Followed, Found, Roots, Tree, Unavailable, Want};

use super::{Presentity, Terms};
use crate::outbox::Outbox;
use crate::rules::{Authorization, LISTS, Memberships};

/// Who may watch: OMA Presence XDM, RFC 5025 §9. All documents of each count.
const RULES: [&str; 2] = ["org.openmobilealliance.pres-rules", "pres-rules"];
/// Who else may publish: OMA Presence XDM.
const PUBLICATION_RULES: &str = "org.openmobilealliance.pub-rules";
/// The permanent presence state, RFC 4827 §4.
const PERMANENT: &str = "pidf-manipulation";
/// Its names, the preferred one first: of OMA Presence XDM, and of RFC 4827 §9.
const PERMANENT_NAMES: [&str; 2] = ["perm-presence", "index"];

/// What a document may be to be read; the document servers hold it to less.
const LIMITS: xml::Limits =
    xml::Limits { bytes: 4 << 20, depth: 64, attributes: 64, nodes: 1 << 18, declarations: 64 };

/// What the documents say, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Rulebook {
    /// Nothing until they are asked for.
    followed: Vec<Followed>,
    /// Asked, and neither answered nor given up.
    asked: bool,
    /// All of them are known.
    known: bool,
    /// Who may watch.
    pub(super) authorization: Authorization,
    /// Who else may publish.
    pub(super) publication: Authorization,
    /// Who is in the lists that rules refer to.
    pub(super) memberships: Memberships,
    /// The permanent presence state.
    pub(super) permanent: Option<Presence>,
}

impl Rulebook {
    /// Tells one permanent presence state from another, in this process and the next; zero if there is none.
    pub(super) fn permanent_fingerprint(&self) -> u64 {
        self.permanent.as_ref().map_or(0, Presence::fingerprint)
    }

    fn documents(&self) -> impl Iterator<Item = (&DocumentSelector, &Arc<[u8]>)> {
        let documents = self.followed.iter().flat_map(Followed::documents);
        documents.map(|(document, version)| (document, &version.body))
    }

    fn of_usage(&self, usages: &[&str]) -> Vec<(String, &Arc<[u8]>)> {
        let of_usage = self.documents().filter(|(document, _)| usages.contains(&&*document.auid));
        of_usage.map(|(document, body)| (format!("{}/{}", document.auid, document.name), body)).collect()
    }

    fn authorization(&self, usages: &[&str]) -> Authorization {
        let documents = self.of_usage(usages);
        let documents = documents.iter().map(|(name, body)| (name.as_str(), &***body));
        Authorization::read(documents, &LIMITS)
    }

    /// Reads all documents anew. Rules may refer to lists: gives the want for them if they are not followed yet.
    fn read(&mut self, presentity: &Aor, roots: &Roots) -> Option<Want> {
        self.authorization = self.authorization(&RULES);
        self.publication = self.authorization(&[PUBLICATION_RULES]);
        self.permanent = PERMANENT_NAMES.iter().find_map(|name| {
            let mut documents = self.documents();
            let named =
                documents.find(|(document, _)| *document.auid == *PERMANENT && *document.name == **name);
            named.and_then(|(_, body)| Presence::from_shared(Arc::clone(body), &LIMITS).ok())
        });
        let anchors: Vec<&str> =
            self.authorization.lists().into_iter().chain(self.publication.lists()).collect();
        let want = want(presentity, LISTS);
        if anchors.is_empty() {
            self.memberships = Memberships::default();
            return None;
        }
        if !self.followed.iter().any(|followed| *followed.want() == want) {
            self.followed.push(Followed::new(want.clone()));
            return Some(want);
        }
        let lists: BTreeMap<String, Option<ResourceLists>> = self
            .documents()
            .filter(|(document, _)| *document.auid == *LISTS)
            .map(|(document, body)| (document.name.to_string(), ResourceLists::parse(body, &LIMITS).ok()))
            .collect();
        self.memberships = Memberships::read(anchors, presentity, roots, &lists);
        None
    }
}

fn want(presentity: &Aor, auid: &str) -> Want {
    Want::Collection { auid: auid.into(), tree: Tree::User(presentity.as_str().into()) }
}

impl Presentity {
    /// Asks for the documents, unless they are known or asked for.
    pub fn prepare(&mut self, out: &mut Outbox) {
        let rulebook = &mut self.rulebook;
        if rulebook.asked || rulebook.known {
            return;
        }
        rulebook.asked = true;
        if rulebook.followed.is_empty() {
            let usages = RULES.into_iter().chain([PUBLICATION_RULES, PERMANENT]);
            rulebook.followed = usages.map(|auid| Followed::new(want(&self.aor, auid))).collect();
        }
        let unknown = rulebook.followed.iter().filter(|followed| !followed.is_known());
        out.wants.extend(unknown.map(|followed| followed.want().clone()));
    }

    /// Whether the documents are known: nobody can be judged before.
    pub fn is_ready(&self) -> bool {
        self.rulebook.known
    }

    /// Whether there is a document of rules or of permanent state: then this is a user, and nothing else.
    pub fn is_documented(&self) -> bool {
        self.rulebook.followed.iter().any(|followed| followed.documents().next().is_some())
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
        let rulebook = &mut self.rulebook;
        let Some(followed) = rulebook.followed.iter_mut().find(|followed| followed.want() == want) else {
            return; // of another presentity that had this place before
        };
        let Ok(found) = found else {
            rulebook.asked = false;
            return;
        };
        if !followed.answered(found) {
            out.wants.push(want.clone());
        } else if rulebook.followed.iter().all(Followed::is_known) && !rulebook.known {
            self.learn(now, terms, out);
            if self.is_ready() {
                // Whoever had its turn meanwhile was told to wait.
                self.watchers.remind(&mut out.watchers);
                self.interests.owe_all(out);
                self.owe_interested(out);
            }
        }
    }

    /// A document of this user has changed.
    pub fn changed(&mut self, now: Timestamp, terms: &Terms<'_>, change: &Change, out: &mut Outbox) {
        let rulebook = &mut self.rulebook;
        let mut changed = false;
        for followed in &mut rulebook.followed {
            changed |= followed.changed(change);
        }
        if changed && rulebook.known {
            self.learn(now, terms, out);
        }
    }

    /// Takes over what the documents say now, unless there are more to be asked for.
    fn learn(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let rulebook = &mut self.rulebook;
        let lists = rulebook.read(&self.aor, &terms.policy.roots);
        (rulebook.asked, rulebook.known) = (lists.is_some(), lists.is_none());
        if let Some(lists) = lists {
            out.wants.push(lists);
            return;
        }
        out.counts.rules_unreadable +=
            (rulebook.authorization.unreadable().len() + rulebook.publication.unreadable().len()) as u64;
        let was_before = self.resuming.is_some().then_some(self.changed_at);
        self.resumed(now, terms, out);
        self.note_permanent(now, terms, out);
        self.recompose(now, terms, out);
        self.changed_at = was_before.unwrap_or(self.changed_at);
        self.reauthorize(now, terms, out);
    }

    /// Keeps with each watcher which permanent state it is told: one that changes while the server does not run is told
    /// after the restart.
    fn note_permanent(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let permanent = self.rulebook.permanent_fingerprint();
        let others = self.watchers.iter().filter(|(_, _, watcher)| watcher.permanent != permanent);
        let others: Vec<_> = others.map(|(id, _, watcher)| (id, watcher.sees_document())).collect();
        for (id, sees) in others {
            if let Some(watcher) = self.watchers.data_mut(id) {
                watcher.permanent = permanent;
            }
            if sees {
                self.watchers.unsettle(now, &terms.watchers(&self.aor), id, &mut out.watchers);
            }
        }
    }
}
