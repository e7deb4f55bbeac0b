//! Who is in the lists that rules refer to: resource lists of the presentity, with all that they refer to.

use std::collections::BTreeMap;

use documents::resource_lists::{
    Entry, External, Flat, Limits, List, Member, Problem, References, Resolved, ResourceLists, flatten,
};
use sip::Aor;
use xcap::{Branch, DocumentSelector, Reference, Roots};

use super::requester::{Lists, Members};

/// The application usage of resource lists, RFC 4826 §3.4.1.
pub(crate) const USAGE: &str = "resource-lists";

/// How far a list of a rule is followed.
const LIMITS: Limits = Limits { entries: 20_000, depth: 16, references: 100 };

/// The lists that the rules of one presentity refer to, each made into a set once per version of its documents.
#[derive(Clone, Debug, Default)]
pub struct Memberships {
    lists: BTreeMap<String, Membership>,
}

#[derive(Clone, Debug, Default)]
struct Membership {
    members: Members,
    /// Nobody else is in the list. Not so if it, or a part of it, is somewhere that we do not look, or too large.
    complete: bool,
}

impl Memberships {
    /// Reads the lists that `anchors` name. `documents` are all resource lists documents of `owner`, by name, `None` where
    /// one cannot be read; `roots` the XCAP roots that are known.
    ///
    /// A list of somebody else, or under a root that is not known, is not followed: it would tell the presentity who is in
    /// it. Nobody knows then who is in it. One that is not there is empty. References within lists are followed, each once,
    /// within bounds (20 000 entries, 16 lists deep, 100 references); what they lead to is judged alike.
    pub fn read<'a>(
        anchors: impl IntoIterator<Item = &'a str>,
        owner: &Aor,
        roots: &Roots,
        documents: &BTreeMap<String, Option<ResourceLists>>,
    ) -> Self {
        let read = |anchor: &str| {
            let mut reader = Reader { owner, roots, documents, lost: false };
            let outermost = List { members: vec![external(anchor)], ..List::default() };
            let Flat { entries, unknown, problems } = flatten(&outermost, &mut reader, &LIMITS);
            let too_much = problems.iter().any(|problem| match problem {
                Problem::TooDeep | Problem::TooManyReferences | Problem::TooManyEntries(_) => true,
                Problem::Missing(_) | Problem::Loop(_) => false,
            });
            let users = entries.iter().filter_map(|entry| Aor::parse(&entry.uri).ok());
            Membership { members: users.collect(), complete: !reader.lost && !too_much && unknown.is_empty() }
        };
        Self { lists: anchors.into_iter().map(|anchor| (anchor.to_owned(), read(anchor))).collect() }
    }
}

impl Lists for Memberships {
    fn holds(&self, anchor: &str, user: &Aor) -> Option<bool> {
        let Membership { members, complete } = self.lists.get(anchor)?;
        if members.holds(user) { Some(true) } else { complete.then_some(false) }
    }
}

fn external(anchor: &str) -> Member {
    Member::External(External { anchor: anchor.into(), display_name: None })
}

struct Reader<'a, 'b> {
    owner: &'b Aor,
    roots: &'b Roots,
    documents: &'a BTreeMap<String, Option<ResourceLists>>,
    /// A reference led to where we do not look, or to what cannot be read.
    lost: bool,
}

impl<'a> References<'a> for Reader<'a, '_> {
    fn list(&mut self, anchor: &str) -> Resolved<&'a List> {
        self.node(self.roots.below(anchor, USAGE), Some(anchor), ResourceLists::list)
    }

    fn entry(&mut self, reference: &str) -> Resolved<&'a Entry> {
        self.node(Some(reference), None, ResourceLists::entry)
    }
}

impl<'a> Reader<'a, '_> {
    fn node<T>(
        &mut self,
        path: Option<&str>,
        uri: Option<&str>,
        select: impl FnOnce(&'a ResourceLists, &str) -> Option<T>,
    ) -> Resolved<T> {
        let located = path.and_then(|path| locate(path, self.owner));
        let is_there = |name: &str, uri: &str| {
            self.roots.leads_to(uri, &DocumentSelector::of_user(USAGE, self.owner.as_str(), name))
        };
        let located = located.filter(|(name, _)| uri.is_none_or(|uri| is_there(name, uri)));
        let Some((name, selector)) = located else {
            self.lost = true;
            return Resolved::Missing;
        };
        match self.documents.get(&name) {
            Some(Some(lists)) => select(lists, &selector).map_or(Resolved::Missing, Resolved::Found),
            Some(None) => {
                self.lost = true;
                Resolved::Missing
            }
            None => Resolved::Missing,
        }
    }
}

/// The document of `owner` that a path below the XCAP root names, and the node in it.
fn locate(path: &str, owner: &Aor) -> Option<(String, String)> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let reference = Reference::split(path, None, &xcap::Limits::default()).ok()?;
    let Some(Branch::User(xui)) = reference.branch else { return None };
    let user = Aor::parse(&xui).or_else(|_| Aor::parse(&format!("sip:{xui}"))).ok()?;
    if reference.auid != USAGE || user != *owner {
        return None;
    }
    Some((reference.name, super::domain::unescaped(reference.node?)?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "http://xcap.example.com";

    fn anchor(document: &str, list: &str) -> String {
        format!(
            "{ROOT}/resource-lists/users/sip:joe@example.com/{document}/~~/resource-lists/list%5B@name=%22{list}%22%5D"
        )
    }

    fn aor(text: &str) -> Aor {
        Aor::parse(text).expect(text)
    }

    /// Whether the list has each of the users, given documents by name with their content.
    fn holds(documents: &[(&str, &str)], list: &str, users: &[&str]) -> Vec<Option<bool>> {
        let read = |content: &str| {
            let text = format!(
                "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">{content}</resource-lists>"
            );
            let limits = xml::Limits { bytes: 1 << 24, nodes: 1 << 20, ..xml::Limits::default() };
            ResourceLists::parse(text.as_bytes(), &limits).ok()
        };
        let documents = documents.iter().map(|(name, content)| ((*name).to_owned(), read(content))).collect();
        let owner = aor("sip:joe@example.com");
        let lists = Memberships::read([list], &owner, &Roots::own([ROOT]), &documents);
        users.iter().map(|user| lists.holds(list, &aor(user))).collect()
    }

    const BOB: &str = "<entry uri='sip:bob@example.com'/>";

    #[test]
    fn members_are_found_through_all_references() {
        let external =
            |document: &str, list: &str| format!("<external anchor='{}'/>", anchor(document, list));
        let index = format!(
            "<list name='a'>{}<list><entry uri='sips:Amy@EXAMPLE.com:5061'/></list>\
             <entry-ref ref='resource-lists/users/sip:joe@example.com/more/~~/resource-lists/list%5B1%5D/entry%5B1%5D'/></list>\
             <list name='b'>{BOB}{}</list>",
            external("index", "b"),
            external("index", "a"),
        );
        let more = "<list name='c'><entry uri='tel:+1-555-0100'/><entry uri='sip:not@meant'/></list>";
        let users = [
            "sip:bob@example.com",
            "sip:Amy@example.com",
            "tel:+15550100",
            "sip:not@meant",
            "sip:eve@example.com",
        ];
        let held = holds(&[("index", &index), ("more", more)], &anchor("index", "a"), &users);
        assert_eq!(held, [Some(true), Some(true), Some(true), Some(false), Some(false)]);
    }

    #[test]
    fn what_is_not_there_is_empty_and_what_is_elsewhere_is_not_known() {
        let users = ["sip:bob@example.com", "sip:eve@example.com"];
        let index = format!("<list name='a'>{BOB}</list>");
        assert_eq!(holds(&[("index", &index)], &anchor("index", "b"), &users), [Some(false); 2]);
        assert_eq!(holds(&[], &anchor("index", "a"), &users), [Some(false); 2]);
        assert_eq!(holds(&[("index", "<broken")], &anchor("index", "a"), &users), [None; 2]);
        for elsewhere in [
            anchor("index", "a").replace("sip:joe", "sip:ann"),
            anchor("index", "a").replace("example.com/res", "example.org/res"),
            anchor("index", "a").replace("/resource-lists/users", "/groups/users"),
            "file:///etc/passwd".to_owned(),
        ] {
            assert_eq!(holds(&[("index", &index)], &elsewhere, &users), [None; 2], "{elsewhere}");
            // Who is surely in a list is known even if a part of it is not.
            let partly = format!("<list name='a'>{BOB}<external anchor='{elsewhere}'/></list>");
            assert_eq!(holds(&[("index", &partly)], &anchor("index", "a"), &users), [Some(true), None]);
        }
    }

    #[test]
    fn a_ring_of_lists_and_a_list_of_a_hundred_thousand_are_read_within_bounds() {
        let ring: String = (0..200)
            .map(|at| {
                format!(
                    "<list name='l{at}'><external anchor='{}'/>{BOB}</list>",
                    anchor("index", &format!("l{}", (at + 1) % 200))
                )
            })
            .collect();
        let users = ["sip:bob@example.com", "sip:eve@example.com"];
        assert_eq!(holds(&[("index", &ring)], &anchor("index", "l0"), &users), [Some(true), None]);
        let two = format!(
            "<list name='a'><external anchor='{}'/></list><list name='b'><external anchor='{}'/>{BOB}</list>",
            anchor("index", "b"),
            anchor("index", "a")
        );
        assert_eq!(holds(&[("index", &two)], &anchor("index", "a"), &users), [Some(true), Some(false)]);
        let entries: String =
            (0..100_000).map(|at| format!("<entry uri='sip:u{at}@example.com'/>")).collect();
        let large = format!("<list name='a'>{entries}</list>");
        let users = ["sip:u0@example.com", "sip:u99999@example.com"];
        assert_eq!(holds(&[("index", &large)], &anchor("index", "a"), &users), [Some(true), None]);
    }
}
