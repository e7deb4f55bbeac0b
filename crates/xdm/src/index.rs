//! What is known over all users: their list services, and what can be searched.

mod searched;
mod services;

use sip::Aor;
use xcap::{Change, DocumentSelector, ETag};

use crate::snapshot::Commit;

pub(crate) use searched::{Collection, Searched, Thing};
pub(crate) use services::Services;
pub use services::canonical as canonical_service;

/// State that is derived from documents: it is filled at a start with all documents that [`Index::concerns`] names, and
/// told of each change of them before the change's answer is given.
#[derive(Clone, Debug, Default)]
pub struct Index {
    life: u64,
    changes: u64,
    pub(crate) services: Services,
    pub(crate) searched: Searched,
}

impl Index {
    /// Empty, in a life of the server: see [`EntityTags`](crate::EntityTags).
    pub fn new(life: u64) -> Self {
        Self { life, ..Self::default() }
    }

    /// The usages whose documents must be told to the index.
    pub const USAGES: [&'static str; 3] =
        [services::AUID, "org.openmobilealliance.user-profile", "org.openmobilealliance.groups"];

    /// Whether a document must be told to the index.
    pub fn concerns(document: &DocumentSelector) -> bool {
        Self::USAGES.contains(&&*document.auid)
    }

    /// A document has become another, come to be, or gone. Others than [`Index::concerns`] names are passed over.
    pub fn apply(&mut self, change: &Change) {
        let body = change.current.as_ref().map(|version| &version.body);
        match &*change.document.auid {
            services::AUID => {
                self.changes += 1;
                self.services.apply(&change.document, body);
            }
            _ => self.searched.apply(&change.document, body),
        }
    }

    /// Sets the service URIs of a commit aside until it is applied or released. False if one of them belongs to another
    /// document by now: then the commit must not be made, and the request be decided again.
    #[must_use]
    pub fn reserve(&mut self, commit: &Commit) -> bool {
        self.services.reserve(&commit.document, &commit.services)
    }

    /// A commit whose service URIs were reserved is over: it was applied, or it was not made.
    pub fn release(&mut self, commit: &Commit) {
        self.services.release(&commit.document, &commit.services);
    }

    /// The services of `index` documents whose URIs have an address-of-record, by canonical URI, each with the user whose
    /// it is: RFC 4826 §4.5.
    pub fn services_of(&self, aor: &Aor) -> impl Iterator<Item = (&str, Aor)> {
        self.services.of(aor)
    }

    /// The version of the union of services: another one after each change.
    pub(crate) fn services_etag(&self) -> ETag {
        ETag(format!("{:x}.s{:x}", self.life, self.changes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Write;
    use xcap::Version;

    fn commit(user: &str, uri: &str) -> Commit {
        let body = format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"{uri}\"><list/></service></rls-services>"
        );
        Commit {
            document: DocumentSelector::of_user("rls-services", user, "index"),
            expected: None,
            write: Write::Put { etag: ETag(user.into()), body: body.into_bytes().into() },
            services: vec![canonical_service(uri)],
        }
    }

    fn change(commit: &Commit) -> Change {
        let current = match &commit.write {
            Write::Put { etag, body } => Some(Version { etag: etag.clone(), body: body.clone() }),
            Write::Delete => None,
        };
        Change { document: commit.document.clone(), previous: None, current }
    }

    fn services_of(index: &Index) -> Vec<(&str, String)> {
        let aor = Aor::parse("sip:l@example.com").expect("an address-of-record");
        index.services_of(&aor).map(|(uri, owner)| (uri, owner.to_string())).collect()
    }

    #[test]
    fn services_are_found_by_their_address_of_record() {
        let mut index = Index::new(1);
        for (user, uri) in [
            ("sip:alice@example.com", "sip:l@example.com"),
            ("sip:bob@example.com", "sip:L@example.com"),
            ("sip:carol@example.com", "sip:l@EXAMPLE.com;b=1;a"),
            ("sip:dave@example.com", "sip:l@example.com:5070"),
            ("sip:erin@example.com", "sip:l@example.com.example.org"),
        ] {
            index.apply(&change(&commit(user, uri)));
        }
        let elsewhere = DocumentSelector::of_user("rls-services", "sip:frank@example.com", "other");
        index.apply(&Change {
            document: elsewhere,
            ..change(&commit("sip:frank@example.com", "sip:l@example.com;f"))
        });
        assert_eq!(
            services_of(&index),
            [
                ("sip:l@example.com", "sip:alice@example.com".to_owned()),
                ("sip:l@example.com:5070", "sip:dave@example.com".to_owned()),
                ("sip:l@example.com;a;b=1", "sip:carol@example.com".to_owned()),
            ]
        );
    }

    #[test]
    fn of_two_commits_under_way_one_has_the_uri() {
        let mut index = Index::new(1);
        let (alice, bob) = (
            commit("sip:alice@example.com", "sip:l@example.com"),
            commit("sip:bob@example.com", "sip:l@EXAMPLE.com"),
        );
        assert!(index.reserve(&alice));
        assert!(!index.reserve(&bob), "it is set aside");
        assert_eq!(services_of(&index), [], "it is not written yet");
        index.apply(&change(&alice));
        index.release(&alice);
        assert!(!index.reserve(&bob), "it is written");
        assert_eq!(services_of(&index), [("sip:l@example.com", "sip:alice@example.com".to_owned())]);
        index.apply(&Change { current: None, ..change(&alice) });
        assert!(index.reserve(&bob), "it is free again");
    }

    #[test]
    fn a_commit_that_failed_gives_back_what_was_set_aside() {
        let mut index = Index::new(1);
        let (alice, bob) = (
            commit("sip:alice@example.com", "sip:l@example.com"),
            commit("sip:bob@example.com", "sip:l@example.com"),
        );
        assert!(index.reserve(&alice) && index.reserve(&alice), "two commits of one document");
        index.release(&alice);
        assert!(!index.reserve(&bob), "the other is still under way");
        index.release(&alice);
        assert!(index.reserve(&bob));
    }

    #[test]
    fn a_commit_that_failed_takes_nothing_that_is_written() {
        let mut index = Index::new(1);
        let alice = commit("sip:alice@example.com", "sip:l@example.com");
        index.apply(&change(&alice));
        assert!(index.reserve(&alice));
        index.release(&alice);
        assert!(!index.reserve(&commit("sip:bob@example.com", "sip:l@example.com")));
    }

    #[test]
    fn service_uris_are_compared_in_one_form() {
        for (uri, form) in [
            ("sip:Friends@Example.COM", "sip:Friends@example.com"),
            ("SIP:f%72iends@example.com", "sip:friends@example.com"),
            (
                "sip:a@example.com;user=PHONE;Transport=tcp?subject=x",
                "sip:a@example.com;transport=tcp;user=phone",
            ),
            ("sip:a@example.com:5061", "sip:a@example.com:5061"),
            ("sips:a@example.com", "sip:a@example.com"),
            ("sip%3Aa%40example.com", "sip:a@example.com"),
            ("sip:Example.com", "sip:Example.com"),
            ("urn:x", "urn:x"),
        ] {
            assert_eq!(canonical_service(uri), form, "{uri}");
        }
    }
}
