//! Which addresses-of-record are lists: service URIs that do not say whose they are. RFC 4826 §4.5.

use std::collections::{BTreeMap, BTreeSet};

use documents::rls_services;
use sip::{Aor, canonical_text};
use xcap::{Change, Tree};

/// The only document whose services are served, RFC 4826 §4.4.7.
const AUID: &str = "rls-services";
const INDEX: &str = "index";

/// What this shard has asked of list services, and been told. Asked is by address-of-record, once while the presentity of
/// that name is there. A list that is known stays known: what becomes of it is told as changes of documents.
#[derive(Debug, Default)]
pub(crate) struct Services {
    /// By place of the presentity: asked and not answered, with the users whose services changed since, and which of
    /// their services have the address-of-record now.
    asked: BTreeMap<u32, BTreeMap<Aor, Vec<String>>>,
    /// Places of presentities whose address-of-record was asked for.
    known: BTreeSet<u32>,
    /// The lists by canonical URI, and whose they are.
    owners: BTreeMap<String, Aor>,
    /// Those that are not somebody's name, as far as anybody's documents say.
    free: BTreeSet<String>,
    uris: BTreeMap<Aor, BTreeSet<String>>,
}

impl Services {
    /// Whose list a canonical URI is, as far as is known.
    pub(crate) fn owner(&self, uri: &str) -> Option<&Aor> {
        self.owners.get(uri)
    }

    /// Whether a list was found to be nobody's name.
    pub(crate) fn is_free(&self, uri: &str) -> bool {
        self.free.contains(uri)
    }

    /// A list is nobody's name.
    pub(crate) fn set_free(&mut self, uri: &str) {
        if self.owners.contains_key(uri) {
            self.free.insert(uri.to_owned());
        }
    }

    /// Whether nothing is known at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Whether it is known which lists the address-of-record of a presentity has.
    pub(crate) fn is_known(&self, place: u32) -> bool {
        self.known.contains(&place)
    }

    /// Whether that must be asked now: it is not known, nor asked.
    pub(crate) fn ask(&mut self, place: u32) -> bool {
        let is_new = !self.is_known(place) && !self.asked.contains_key(&place);
        if is_new {
            self.asked.insert(place, BTreeMap::new());
        }
        is_new
    }

    /// The answer, or that there is none: then it may be asked again. Changes may have overtaken it: of whoever has
    /// changed its services since the question, the change says what holds.
    pub(crate) fn answered(&mut self, place: u32, lists: Option<Vec<(String, Aor)>>) {
        let Some(changed) = self.asked.remove(&place) else { return };
        let Some(lists) = lists else { return };
        self.known.insert(place);
        for (uri, owner) in lists {
            if !changed.contains_key(&owner) {
                self.learn(uri, &owner);
            }
        }
        for (owner, uris) in changed {
            uris.into_iter().for_each(|uri| self.learn(uri, &owner));
        }
    }

    /// A document has changed; `place` gives the places of presentities.
    pub(crate) fn changed(&mut self, change: &Change, place: impl Fn(&Aor) -> Option<u32>) {
        let document = &change.document;
        let Tree::User(owner) = &document.tree else { return };
        let Ok(owner) = Aor::parse(owner) else { return };
        // Who has documents may be a user by now.
        let (name, more) = (owner.to_string(), format!("{owner}:")..format!("{owner}<"));
        let free: Vec<String> =
            self.free.get(&name).into_iter().chain(self.free.range(more)).cloned().collect();
        for uri in free {
            self.free.remove(&uri);
        }
        if *document.auid != *AUID || *document.name != *INDEX {
            return;
        }
        let uris = change.current.as_ref().map(|version| uris(&version.body)).unwrap_or_default();
        let gone = self.uris.get(&owner).into_iter().flatten().filter(|uri| !uris.contains_key(*uri));
        let gone: Vec<_> = gone.cloned().collect();
        gone.iter().for_each(|uri| self.unlearn(uri, &owner));
        for asked in self.asked.values_mut() {
            asked.insert(owner.clone(), Vec::new());
        }
        for (uri, aor) in uris {
            let Some(place) = place(&aor) else { continue };
            if let Some(asked) = self.asked.get_mut(&place) {
                asked.entry(owner.clone()).or_default().push(uri);
            } else if self.known.contains(&place) {
                self.learn(uri, &owner);
            }
        }
    }

    /// A presentity is not there any more.
    pub(crate) fn forget(&mut self, place: u32) {
        self.known.remove(&place);
        self.asked.remove(&place);
    }

    fn learn(&mut self, uri: String, owner: &Aor) {
        if let Some(before) = self.owners.insert(uri.clone(), owner.clone()).filter(|before| before != owner)
            && let Some(uris) = self.uris.get_mut(&before)
        {
            uris.remove(&uri);
        }
        self.uris.entry(owner.clone()).or_default().insert(uri);
    }

    fn unlearn(&mut self, uri: &str, owner: &Aor) {
        if self.owners.get(uri) == Some(owner) {
            self.owners.remove(uri);
            self.free.remove(uri);
        }
        if let Some(uris) = self.uris.get_mut(owner) {
            uris.remove(uri);
            if uris.is_empty() {
                self.uris.remove(owner);
            }
        }
    }
}

/// The canonical URIs of a document's services, each with its address-of-record. One that cannot be read has none.
fn uris(body: &[u8]) -> BTreeMap<String, Aor> {
    let limits = xml::Limits { bytes: usize::MAX, nodes: usize::MAX, ..xml::Limits::default() };
    let services = rls_services::Services::parse(body, &limits).map(|services| services.services);
    let services = services.unwrap_or_default();
    services.iter().filter_map(|one| Some((canonical_text(&one.uri)?, Aor::parse(&one.uri).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use xcap::{DocumentSelector, ETag, Version};

    use super::*;

    const LIST: &str = "sip:friends@example.com";

    fn aor(text: &str) -> Aor {
        Aor::parse(text).expect("an address-of-record")
    }

    fn change(user: &str, uris: &[&str]) -> Change {
        let services = uris.iter().map(|uri| format!("<service uri=\"{uri}\"><list/></service>"));
        let body = format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">{}</rls-services>",
            services.collect::<String>()
        );
        let document = DocumentSelector::of_user("rls-services", user, "index");
        let current = Some(Version { etag: ETag("1".into()), body: body.into_bytes().into() });
        Change { document, previous: None, current }
    }

    /// The presentity `sip:friends@example.com` has place 7, nobody else is there.
    fn place(of: &Aor) -> Option<u32> {
        (*of == aor(LIST)).then_some(7)
    }

    fn owner(services: &Services) -> Option<&str> {
        services.owner(LIST).map(Aor::as_str)
    }

    #[test]
    fn whatever_overtakes_the_answer_the_last_change_holds() {
        let (ann, bob) = ("sip:ann@example.com", "sip:bob@example.com");
        let of = |user| Some(vec![(LIST.to_owned(), aor(user))]);
        for (answer, changes, expected) in [
            (Some(vec![]), vec![], None),
            (of(ann), vec![], Some(ann)),
            (of(ann), vec![change(ann, &[])], None),
            (Some(vec![]), vec![change(ann, &["sip:FRIENDS@example.com"])], None),
            (Some(vec![]), vec![change(ann, &["sip:friends@EXAMPLE.com"])], Some(ann)),
            (of(ann), vec![change(ann, &[]), change(bob, &[LIST])], Some(bob)),
            (of(ann), vec![change(ann, &[]), change(bob, &[LIST]), change(bob, &["sip:x@y"])], None),
            (of(ann), vec![change(bob, &[])], Some(ann)),
        ] {
            // Changes that come before the answer, and those that come after it, end alike.
            for before in 0..=changes.len() {
                let mut services = Services::default();
                assert!(services.ask(7) && !services.ask(7));
                changes[..before].iter().for_each(|change| services.changed(change, place));
                services.answered(7, answer.clone());
                changes[before..].iter().for_each(|change| services.changed(change, place));
                assert!(services.is_known(7));
                assert_eq!(owner(&services), expected, "{before} of {changes:?}");
            }
        }
    }

    #[test]
    fn a_list_is_nobodys_name_until_somebody_of_that_name_has_documents() {
        let mut services = Services::default();
        services.set_free(LIST);
        assert!(!services.is_free(LIST), "nothing is known of it");
        assert!(services.ask(7));
        let more = format!("{LIST};a=b");
        let lists = [LIST, &*more].map(|uri| (uri.to_owned(), aor("sip:ann@example.com")));
        services.answered(7, Some(lists.to_vec()));
        services.set_free(LIST);
        services.set_free(&more);
        services.changed(&change("sip:friends@example.com.example.org", &[]), place);
        assert!(services.is_free(LIST) && services.is_free(&more));
        let document = DocumentSelector::of_user("pres-rules", LIST, "index");
        services.changed(&Change { document, previous: None, current: None }, place);
        assert!(!services.is_free(LIST) && !services.is_free(&more));
        services.set_free(LIST);
        services.changed(&change("sip:ann@example.com", &[]), place);
        assert!(!services.is_free(LIST));
    }

    #[test]
    fn what_is_not_answered_is_asked_again_and_a_list_stays_known() {
        let mut services = Services::default();
        assert!(services.ask(7));
        services.answered(7, None);
        assert!(!services.is_known(7) && services.ask(7));
        services.answered(7, Some(vec![(LIST.to_owned(), aor("sip:ann@example.com"))]));
        services.forget(7);
        assert!(!services.is_known(7));
        assert_eq!(owner(&services), Some("sip:ann@example.com"));
        services.changed(&change("sip:ann@example.com", &[]), |_| None);
        assert!(services.is_empty() && services.uris.is_empty());
    }
}
