//! From a service to the resources that it means: its list, flat, with all that it refers to. RFC 4826 §4.5.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use documents::resource_lists::{
    Entry, Flat, Limits, List, Name, Problem, References, Resolved, ResourceLists, flatten,
};
use documents::rls_services::{Service, Services, Source};
use sip::{Aor, Uri, canonical, canonical_text};
use xcap::{Branch, DocumentSelector, Reference, Roots, Tree};

use crate::service::{Policy, Template, check};

/// The application usage of resource lists, RFC 4826 §3.4.1.
const LISTS: &str = "resource-lists";

/// Where documents are at hand.
pub trait Library<'a> {
    /// A document of list services: as with [`Library::resource_lists`].
    fn services(&self, document: &DocumentSelector) -> Resolved<&'a Services>;
    /// A document of resource lists: known, not there (or none that can be read), or not looked up yet.
    fn resource_lists(&self, document: &DocumentSelector) -> Resolved<&'a ResourceLists>;
}

/// What a service comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The resources, each URI once. Those that cannot be subscribed to are left out.
    pub entries: Vec<Entry>,
    /// What people call the list.
    pub names: Vec<Name>,
    /// The documents that were looked into, or are wanted: a change of one may change the members.
    pub documents: Vec<DocumentSelector>,
    /// Whether some of them have not been looked up yet: ask again once they are.
    pub incomplete: bool,
    /// Whether the list that the service refers to is not there: RFC 4826 §4.5 has its subscriptions refused.
    pub missing: bool,
    /// What could not be followed, or is too much; the members are right without it.
    pub problems: Vec<Problem>,
    /// How many entries are beyond the limit.
    pub omitted: u32,
    /// References by a root that is not known, or not one of the server that has the document. Nobody was asked.
    pub foreign: usize,
}

/// The members of a service of `owner`, who has all these services.
///
/// References lead to documents of the owner, to global ones, and to those of users who let the owner look into their
/// lists, all under roots that are known, here or elsewhere. Others are not followed: they would tell the owner what is in other
/// users' lists, or have us fetch whatever a document names. An entry that is itself a service of the owner stands for
/// the members of that service; so does one of another user, if its URI says whose it is and it is for the watcher.
pub fn members<'a>(
    services: &'a Services,
    service: &'a Service,
    owner: &Aor,
    following: &Following<'_>,
    library: &dyn Library<'a>,
    limits: &Limits,
) -> Members {
    let mut reader = Reader { owner: owner.clone(), following, library, documents: Vec::new(), foreign: 0 };
    let mut catalogs = vec![Catalog::new(owner, services)];
    let mut members = Members::default();
    let mut seen = HashSet::new();
    let mut left_out = 0;
    // Each service once, so it ends; what an entry stands for comes in its place.
    let mut read = vec![core::ptr::from_ref(service)];
    let entries = reader.entries(service, limits, &mut members);
    members.missing = entries.is_none();
    let mut open = vec![(0, entries.unwrap_or_default().into_iter())];
    while let Some((whose, innermost)) = open.last_mut() {
        let whose = *whose;
        let Some(entry) = innermost.next() else {
            open.pop();
            continue;
        };
        let nested = reader.nested(&entry.uri, whose, &mut catalogs, limits);
        if let Resolved::Unknown = nested {
            members.incomplete = true;
        } else if let Resolved::Found((whose, nested)) = nested {
            if open.len() < limits.depth && !read.contains(&core::ptr::from_ref(nested)) {
                read.push(nested);
                reader.owner = catalogs[whose].owner.clone();
                // A list within that is not there leaves the list without it.
                let entries = reader.entries(nested, limits, &mut members).unwrap_or_default();
                open.push((whose, entries.into_iter()));
            }
        } else if is_subscribable(&entry.uri) && seen.insert(Arc::clone(&entry.uri)) {
            if members.entries.len() < limits.entries {
                members.entries.push(entry);
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        members.problems.push(Problem::TooManyEntries(left_out));
    }
    members.omitted = omitted(&members.problems);
    members.documents = reader.documents;
    members.foreign = reader.foreign;
    members
}

/// How many entries are beyond the limit of a list.
fn omitted(problems: &[Problem]) -> u32 {
    let beyond = problems.iter().map(|problem| match problem {
        Problem::TooManyEntries(count) => *count,
        _ => 0,
    });
    u32::try_from(beyond.sum::<usize>()).unwrap_or(u32::MAX)
}

/// Whether one can subscribe to what such a URI names.
fn is_subscribable(uri: &str) -> bool {
    let uri = if uri.len() > sip::Limits::DEFAULT.uri { None } else { Uri::parse(uri).ok() };
    matches!(uri, Some(Uri::Sip(_) | Uri::Pres(_) | Uri::Tel(_)))
}

/// How far lists are followed, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Following<'a> {
    /// The XCAP roots that references may name.
    pub roots: &'a Roots,
    /// Whose lists a user's lists may refer to.
    pub references: Policy,
    /// Which URIs say whose list they are.
    pub template: &'a Template,
    /// Who may subscribe to a list.
    pub policy: Policy,
    /// The watcher by its proven names, and the event package.
    pub watcher: (&'a [Aor], &'a str),
}

/// The services of one user by canonical URI.
struct Catalog<'a> {
    owner: Aor,
    services: HashMap<String, &'a Service>,
}

impl<'a> Catalog<'a> {
    fn empty(owner: &Aor) -> Self {
        Self { owner: owner.clone(), services: HashMap::new() }
    }

    /// Of two services with one URI, which no document may have, the first counts.
    fn new(owner: &Aor, services: &'a Services) -> Self {
        let mut catalog = Self::empty(owner);
        for service in &services.services {
            if let Some(uri) = canonical_text(&service.uri) {
                catalog.services.entry(uri).or_insert(service);
            }
        }
        catalog
    }
}

/// Follows references of one owner's lists at a time.
struct Reader<'a, 'b> {
    owner: Aor,
    following: &'b Following<'b>,
    library: &'b dyn Library<'a>,
    documents: Vec<DocumentSelector>,
    foreign: usize,
}

impl<'a> References<'a> for Reader<'a, '_> {
    fn list(&mut self, anchor: &str) -> Resolved<&'a List> {
        let Some(path) = self.following.roots.below(anchor, LISTS) else {
            self.foreign += 1;
            return Resolved::Missing;
        };
        self.node(path, Some(anchor), ResourceLists::list)
    }

    fn entry(&mut self, reference: &str) -> Resolved<&'a Entry> {
        self.node(reference, None, ResourceLists::entry)
    }
}

impl<'a> Reader<'a, '_> {
    /// The service that a URI in a list of this user names, and whose it is. One of another user that is not for the
    /// watcher is as good as none: nobody is told that it is there.
    fn nested(
        &mut self,
        uri: &str,
        whose: usize,
        catalogs: &mut Vec<Catalog<'a>>,
        limits: &Limits,
    ) -> Resolved<(usize, &'a Service)> {
        let Following { template, policy, watcher: (identities, package), .. } = *self.following;
        let uri = if uri.len() > sip::Limits::DEFAULT.uri { None } else { Uri::parse(uri).ok() };
        let Some((uri, name)) = uri.and_then(|uri| canonical(&uri).map(|name| (uri, name))) else {
            return Resolved::Missing;
        };
        if let Some(service) = catalogs[whose].services.get(&name) {
            return Resolved::Found((whose, service));
        }
        let Some(other) = template.owner(&uri) else { return Resolved::Missing };
        let place = catalogs.iter().position(|catalog| catalog.owner == other);
        let place = match place {
            Some(place) => place,
            None => {
                let document = DocumentSelector::of_user("rls-services", other.as_str(), "index");
                if !self.documents.contains(&document) {
                    let services = self.documents.iter().filter(|other| other.auid == document.auid);
                    if services.count() >= limits.references {
                        return Resolved::Missing;
                    }
                    self.documents.push(document.clone());
                }
                match self.library.services(&document) {
                    Resolved::Found(services) => catalogs.push(Catalog::new(&other, services)),
                    Resolved::Missing => catalogs.push(Catalog::empty(&other)),
                    Resolved::Unknown => return Resolved::Unknown,
                }
                catalogs.len() - 1
            }
        };
        match catalogs[place].services.get(&name) {
            Some(service) if check(service, &other, identities, package, policy).is_ok() => {
                Resolved::Found((place, service))
            }
            Some(_) | None => Resolved::Missing,
        }
    }

    /// The entries of a service's list, flat; none if it is not there. Names are those of the first list.
    fn entries(
        &mut self,
        service: &'a Service,
        limits: &Limits,
        members: &mut Members,
    ) -> Option<Vec<Entry>> {
        let list = match &service.source {
            Source::List(list) => list,
            Source::Reference(anchor) => match self.list(anchor) {
                Resolved::Found(list) => list,
                Resolved::Missing => return None,
                Resolved::Unknown => {
                    members.incomplete = true;
                    return Some(Vec::new());
                }
            },
        };
        let Flat { entries, unknown, problems } = flatten(list, self, limits);
        members.incomplete |= !unknown.is_empty();
        members.problems.extend(problems);
        if members.names.is_empty() {
            members.names.extend(list.display_name.clone());
        }
        Some(entries)
    }

    /// What a path below an XCAP root names. A URI that names it must do so by the right root.
    fn node<T>(
        &mut self,
        path: &str,
        uri: Option<&str>,
        select: impl FnOnce(&'a ResourceLists, &str) -> Option<T>,
    ) -> Resolved<T> {
        let Some((document, selector)) = locate(path, &self.owner, self.following.references) else {
            return Resolved::Missing;
        };
        if uri.is_some_and(|uri| !self.following.roots.leads_to(uri, &document)) {
            self.foreign += 1;
            return Resolved::Missing;
        }
        let found = match self.library.resource_lists(&document) {
            Resolved::Found(lists) => select(lists, &selector).map_or(Resolved::Missing, Resolved::Found),
            Resolved::Missing => Resolved::Missing,
            Resolved::Unknown => Resolved::Unknown,
        };
        if !self.documents.contains(&document) {
            self.documents.push(document);
        }
        found
    }
}

/// The document that a path below the XCAP root names, and the node in it; none if the path is not of that kind, or leads
/// where the owner has nothing to look for.
fn locate(path: &str, owner: &Aor, references: Policy) -> Option<(DocumentSelector, String)> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let reference = Reference::split(path, None, &xcap::Limits::default()).ok()?;
    if reference.auid != LISTS {
        return None;
    }
    let tree = match reference.branch? {
        Branch::Global => Tree::Global,
        Branch::User(xui) => {
            let user = Aor::parse(&xui).or_else(|_| Aor::parse(&format!("sip:{xui}"))).ok()?;
            references
                .allows(&user, core::slice::from_ref(owner))
                .then(|| Tree::User(user.as_str().into()))?
        }
        Branch::Users => return None,
    };
    let selector = decoded(reference.node?)?;
    let document = DocumentSelector { auid: LISTS.into(), tree, name: reference.name.into() };
    Some((document, selector))
}

/// A node selector without its percent-encoding, RFC 4825 §6.3.
fn decoded(node: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(node.len());
    let mut rest = node.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digit = |digit: u8| char::from(digit).to_digit(16);
                u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Shelf(BTreeMap<String, Option<ResourceLists>>);

    /// Everybody has a list `team` of one user, named like its owner.
    struct Everybody(Vec<(Aor, Services)>);

    impl<'a> Library<'a> for &'a Everybody {
        fn services(&self, document: &DocumentSelector) -> Resolved<&'a Services> {
            let found = self.0.iter().find(|(owner, _)| document.tree == Tree::User(owner.as_str().into()));
            found.map_or(Resolved::Unknown, |(_, services)| Resolved::Found(services))
        }

        fn resource_lists(&self, _: &DocumentSelector) -> Resolved<&'a ResourceLists> {
            Resolved::Missing
        }
    }

    #[test]
    fn lists_of_others_are_looked_into_as_far_as_references_are_followed() {
        let team = |number: u32, entries: Vec<String>| {
            let uri = format!("sip:user{number}@example.com;pres-list=team").into();
            let list = entries.iter().map(|uri| Entry::new(uri)).collect();
            Services { services: vec![Service { uri, source: Source::List(list), packages: None }] }
        };
        let owner = |number: u32| Aor::parse(&format!("sip:user{number}@example.com")).expect("a user");
        let teams = (1..=5).map(|number| format!("sip:user{number}@example.com;pres-list=team"));
        let first = team(0, teams.collect());
        let others =
            (1..=5).map(|number| (owner(number), team(number, vec![format!("sip:m{number}@example.com")])));
        let everybody = Everybody(others.collect());
        let template = template();
        let read = |library: &Everybody, policy| {
            let any = Roots::any();
            let following = Following { policy, ..following(&any, &template) };
            let limits = Limits { references: 3, ..Limits::DEFAULT };
            let library: &Everybody = library;
            let members = members(&first, &first.services[0], &owner(0), &following, &library, &limits);
            let uris: Vec<_> = members.entries.iter().map(|entry| entry.uri.to_string()).collect();
            (uris, members.documents.len(), members.incomplete)
        };
        let left =
            |from: u32| (from..=5).map(|number| format!("sip:user{number}@example.com;pres-list=team"));
        let found = (1..=3).map(|number| format!("sip:m{number}@example.com"));
        assert_eq!(read(&everybody, Policy::Everyone), (found.chain(left(4)).collect(), 3, false));
        assert_eq!(read(&everybody, Policy::Owner), (left(1).collect(), 3, false));
        assert_eq!(read(&Everybody(Vec::new()), Policy::Everyone), (left(4).collect(), 3, true));
    }

    impl<'a> Library<'a> for &'a Shelf {
        fn services(&self, _: &DocumentSelector) -> Resolved<&'a Services> {
            Resolved::Missing
        }

        fn resource_lists(&self, document: &DocumentSelector) -> Resolved<&'a ResourceLists> {
            match self.0.get(&document.to_string()) {
                Some(Some(lists)) => Resolved::Found(lists),
                Some(None) => Resolved::Missing,
                None => Resolved::Unknown,
            }
        }
    }

    fn shelf(documents: &[(&str, &str)]) -> Shelf {
        let read = |content: &str| {
            let text = format!(
                "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">{content}</resource-lists>"
            );
            ResourceLists::parse(text.as_bytes(), &xml::Limits::default()).ok()
        };
        Shelf(documents.iter().map(|(name, content)| ((*name).to_owned(), read(content))).collect())
    }

    const INDEX: &str = "resource-lists/users/sip:joe@example.com/index";

    fn to(anchor: &str) -> Service {
        Service { uri: "sip:l@example.com".into(), source: Source::Reference(anchor.into()), packages: None }
    }

    fn read(service: &Service, shelf: &Shelf) -> Members {
        let owner = Aor::parse("sip:joe@example.com").expect("an address-of-record");
        let roots = Roots::own(["http://xcap.example.com", "https://xcap.example.com/root"]);
        let services = Services { services: vec![service.clone()] };
        let (service, template) = (&services.services[0], template());
        members(&services, service, &owner, &following(&roots, &template), &shelf, &Limits::DEFAULT)
    }

    fn template() -> Template {
        Template::parse("<xui>;pres-list=<id>").expect("a template")
    }

    fn following<'a>(roots: &'a Roots, template: &'a Template) -> Following<'a> {
        let (references, policy) = (Policy::Owner, Policy::Owner);
        Following { roots, references, template, policy, watcher: (&[], "presence") }
    }

    fn uris(members: &Members) -> Vec<&str> {
        members.entries.iter().map(|entry| &*entry.uri).collect()
    }

    #[test]
    fn a_service_refers_to_a_list_of_its_owner_under_one_of_our_roots() {
        let shelf = shelf(&[(
            INDEX,
            "<list name=\"l1\"><display-name>Mine</display-name><entry uri=\"sip:bob@example.com\"/>\
             <entry uri=\"mailto:bob@example.com\"/><entry uri=\"pres:amy@example.com\"/>\
             <entry-ref ref=\"resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5b@name=%22l2%22%5d/entry%5b1%5d\"/>\
             </list><list name=\"l2\"><entry uri=\"tel:+15550100\"/></list>",
        )]);
        for anchor in [
            "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5b@name=%22l1%22%5d",
            "https://xcap.example.com/root/resource-lists/users/sip%3Ajoe%40EXAMPLE.com/index/~~/resource-lists/list%5B1%5D",
            "http://xcap.example.com/resource-lists/users/joe@example.com/index/~~/resource-lists/list%5b1%5d?xmlns(a=b)",
        ] {
            let members = read(&to(anchor), &shelf);
            assert_eq!(
                uris(&members),
                ["sip:bob@example.com", "pres:amy@example.com", "tel:+15550100"],
                "{anchor}"
            );
            assert_eq!(members.names, [Name::new("Mine")]);
            assert_eq!(members.documents.iter().map(ToString::to_string).collect::<Vec<_>>(), [INDEX]);
            assert!(!members.missing && !members.incomplete && members.problems.is_empty());
        }
    }

    #[test]
    fn references_to_others_and_to_nothing_are_not_followed() {
        let shelf = shelf(&[
            (INDEX, "<list name=\"l1\"/>"),
            ("resource-lists/users/sip:eve@example.com/index", "<list name=\"l1\"/>"),
        ]);
        for anchor in [
            "http://xcap.example.com/resource-lists/users/sip:eve@example.com/index/~~/resource-lists/list%5b1%5d",
            "http://xcap.example.org/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5b1%5d",
            "http://xcap.example.com.example.org/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list",
            "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5b2%5d",
            "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index",
            "http://xcap.example.com/rls-services/users/sip:joe@example.com/index/~~/rls-services",
            "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5",
            "http://xcap.example.com",
            "file:///etc/passwd",
        ] {
            let members = read(&to(anchor), &shelf);
            assert!(members.missing && members.entries.is_empty(), "{anchor}");
        }
    }

    #[test]
    fn a_service_in_a_service_stands_for_its_members_and_a_circle_ends() {
        let service = |uri: &str, entries: &[&str]| Service {
            uri: uri.into(),
            source: Source::List(entries.iter().map(|uri| Entry::new(uri)).collect()),
            packages: None,
        };
        let missing = to(
            "http://xcap.example.com/resource-lists/users/sip:joe@example.com/no/~~/resource-lists/list%5b1%5d",
        );
        let services = Services {
            services: vec![
                service("sip:all@x", &["sip:1@x", "sip:Work@X", "sip:2@x", "sip:l@example.com", "sip:all@x"]),
                service("sip:Work@x", &["sip:3@x", "sip:2@x", "sip:all@x", "sip:work@x"]),
                missing,
            ],
        };
        let owner = Aor::parse("sip:joe@example.com").expect("an address-of-record");
        let name = "resource-lists/users/sip:joe@example.com/no".to_owned();
        let shelf = Shelf(BTreeMap::from([(name, None)]));
        let read = |limits: &Limits| {
            members(
                &services,
                &services.services[0],
                &owner,
                &following(&Roots::own(["http://xcap.example.com"]), &template()),
                &&shelf,
                limits,
            )
        };
        let all = read(&Limits::DEFAULT);
        assert_eq!(uris(&all), ["sip:1@x", "sip:3@x", "sip:2@x", "sip:work@x"]);
        assert_eq!(all.problems, []);
        let few = read(&Limits { entries: 2, ..Limits::DEFAULT });
        assert_eq!(uris(&few), ["sip:1@x", "sip:3@x"]);
        assert!(few.problems.iter().any(|problem| matches!(problem, Problem::TooManyEntries(_))));
    }

    #[test]
    fn documents_not_looked_up_yet_are_named() {
        let anchor = |list| {
            format!(
                "http://xcap.example.com/resource-lists/users/sip:joe@example.com/{list}/~~/resource-lists/list%5b1%5d"
            )
        };
        let members = read(&to(&anchor("index")), &shelf(&[]));
        assert!(members.incomplete);
        assert_eq!(members.documents.len(), 1);
        let content = format!(
            "<list><external anchor=\"{}\"/><entry uri=\"sip:bob@example.com\"/></list>",
            anchor("more")
        );
        let members = read(&to(&anchor("index")), &shelf(&[(INDEX, &content)]));
        assert!(members.incomplete);
        assert_eq!(uris(&members), ["sip:bob@example.com"]);
        assert_eq!(members.documents.len(), 2);
    }
}
