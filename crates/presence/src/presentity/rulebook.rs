//! The rules documents of a presentity: asked for when somebody first asks for it, and followed from then on.

use std::sync::Arc;

use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::subscriptions::Owed;
use xcap::{Change, Followed, Found, Tree, Unavailable, Want};

use super::{Presentity, Terms};
use crate::outbox::Outbox;
use crate::rules::Authorization;

/// The application usages whose documents decide who may watch, RFC 5025 §9 and OMA Presence XDM §5.1.
const USAGES: [&str; 2] = ["org.openmobilealliance.pres-rules", "pres-rules"];

/// What the documents say, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Rulebook {
    /// Nothing until they are asked for.
    followed: Vec<Followed>,
    /// Asked, and neither answered nor given up.
    asked: bool,
    /// All of them are known.
    known: bool,
    pub(super) authorization: Authorization,
}

impl Rulebook {
    fn read(&mut self) {
        let documents = self.followed.iter().flat_map(Followed::documents);
        let documents: Vec<_> =
            documents.map(|(document, version)| (document.to_string(), Arc::clone(&version.body))).collect();
        let documents = documents.iter().map(|(name, body)| (name.as_str(), &**body));
        self.authorization = Authorization::read(documents, &xml::Limits::default());
    }
}

fn wants(presentity: &Aor) -> impl Iterator<Item = Want> {
    let tree = Tree::User(presentity.as_str().into());
    USAGES.into_iter().map(move |auid| Want::Collection { auid: auid.into(), tree: tree.clone() })
}

impl Presentity {
    /// Asks for the rules documents, unless they are known or asked for.
    pub fn prepare(&mut self, out: &mut Outbox) {
        let rulebook = &mut self.rulebook;
        if rulebook.asked || rulebook.known {
            return;
        }
        rulebook.asked = true;
        if rulebook.followed.is_empty() {
            rulebook.followed = wants(&self.aor).map(Followed::new).collect();
        }
        let unknown = rulebook.followed.iter().filter(|followed| !followed.is_known());
        out.wants.extend(unknown.map(|followed| followed.want().clone()));
    }

    /// Whether the rules documents are known: nobody can be judged before.
    pub fn is_ready(&self) -> bool {
        self.rulebook.known
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
        } else if rulebook.followed.iter().all(Followed::is_known) {
            (rulebook.asked, rulebook.known) = (false, true);
            rulebook.read();
            self.resumed(now, terms, out);
            self.interests.owe_all(out);
        }
    }

    /// A document of this user has changed.
    pub fn changed(&mut self, terms: &Terms<'_>, change: &Change, out: &mut Outbox) {
        let rulebook = &mut self.rulebook;
        let changed = rulebook.followed.iter_mut().any(|followed| followed.changed(change));
        if changed && rulebook.known {
            rulebook.read();
            self.reauthorize(terms, out);
            self.watchers.owe_all(Owed::Change, &mut out.watchers);
            self.interests.owe_all(out);
        }
    }

    /// What the rules documents say.
    pub fn authorization(&self) -> &Authorization {
        &self.rulebook.authorization
    }
}
