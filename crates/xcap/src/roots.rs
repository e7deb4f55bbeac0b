//! XCAP roots: which server has a document, and by which names other documents refer to it. RFC 4825 §6.1.

use crate::document::{DocumentSelector, Tree};

/// Who has a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// The document servers of this installation.
    Here,
    /// A document server elsewhere, by its number.
    Remote(usize),
}

/// A document server elsewhere, and what it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// The XCAP roots by which documents refer to it, without a slash at their end.
    pub names: Vec<Box<str>>,
    /// The application usages that it has; none: all.
    pub usages: Vec<Box<str>>,
    /// The domains whose users' documents it has, in lower case. `*`: those of everybody, and what is global.
    pub domains: Vec<Box<str>>,
}

impl Remote {
    fn has(&self, auid: &str, tree: &Tree) -> bool {
        let is = |domain: &str| self.domains.iter().any(|one| **one == *domain);
        let usage = self.usages.is_empty() || self.usages.iter().any(|one| **one == *auid);
        usage
            && match tree {
                Tree::Global => is("*"),
                Tree::User(xui) => is("*") || xui.rsplit_once('@').is_some_and(|(_, domain)| is(domain)),
            }
    }
}

/// The roots that are known. Each document has one home: a root that is not the one of its home does not lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    own: Vec<Box<str>>,
    any: bool,
    remotes: Vec<Remote>,
}

impl Roots {
    /// Our own roots, without a slash at their end, and nobody else's.
    pub fn own<S: Into<Box<str>>>(names: impl IntoIterator<Item = S>) -> Self {
        Self { own: names.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Whatever a document gives for a root, as all that is read is here.
    pub fn any() -> Self {
        Self { any: true, ..Self::default() }
    }

    /// And those of servers elsewhere. Of two that have a document, the first is its home.
    #[must_use]
    pub fn with_remotes(self, remotes: Vec<Remote>) -> Self {
        Self { remotes, ..self }
    }

    /// Whether there are servers elsewhere.
    pub fn has_remotes(&self) -> bool {
        !self.remotes.is_empty()
    }

    /// Who has the documents of a usage in a tree.
    pub fn home(&self, auid: &str, tree: &Tree) -> Home {
        self.remotes.iter().position(|remote| remote.has(auid, tree)).map_or(Home::Here, Home::Remote)
    }

    /// Whether a server elsewhere may have documents in a tree.
    pub fn may_be_remote(&self, tree: &Tree) -> bool {
        self.remotes.iter().any(|remote| {
            remote.usages.is_empty() && remote.has("", tree)
                || remote.usages.iter().any(|usage| remote.has(usage, tree))
        })
    }

    /// The path below the root that a URI gives, without a slash before it, for a document of this usage; `None` if we know
    /// no such root.
    pub fn below<'u>(&self, uri: &'u str, auid: &str) -> Option<&'u str> {
        let remote = self.remotes.iter().flat_map(|remote| &remote.names);
        let named = self.own.iter().chain(remote).filter_map(|root| below(uri, root));
        // Of a root and another below it, the longer one is meant.
        let named = named.min_by_key(|path| path.len());
        if named.is_some() || !self.any {
            return named;
        }
        let usage = format!("/{auid}/");
        let is_http = uri.starts_with("http://") || uri.starts_with("https://");
        let at = uri.find(&usage).filter(|at| is_http && uri.find("/~~/").is_some_and(|node| *at < node))?;
        uri.get(at + 1..)
    }

    /// Whether a URI that names this document does so by a root of its home.
    pub fn leads_to(&self, uri: &str, document: &DocumentSelector) -> bool {
        let is_below = |names: &[Box<str>]| names.iter().any(|root| below(uri, root).is_some());
        match self.home(&document.auid, &document.tree) {
            Home::Here if self.any => !self.remotes.iter().any(|remote| is_below(&remote.names)),
            Home::Here => is_below(&self.own),
            Home::Remote(number) => is_below(&self.remotes[number].names),
        }
    }
}

fn below<'u>(uri: &'u str, root: &str) -> Option<&'u str> {
    uri.strip_prefix(root)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| (*name).into()).collect()
    }

    fn list_of(user: &str) -> DocumentSelector {
        DocumentSelector::of_user("resource-lists", user, "index")
    }

    fn roots() -> Roots {
        let lists = Remote {
            names: names(&["http://lists.example.com", "http://xcap.example.com"]),
            usages: names(&["resource-lists"]),
            domains: names(&["example.com"]),
        };
        let all = Remote {
            names: names(&["http://xcap.example.com/org"]),
            domains: names(&["example.org"]),
            ..Remote::default()
        };
        Roots::own(["http://xcap.example.com"]).with_remotes(vec![lists, all])
    }

    #[test]
    fn each_document_has_one_home() {
        let roots = roots();
        let home = |auid: &str, user: &str| roots.home(auid, &Tree::User(user.into()));
        assert_eq!(home("resource-lists", "sip:a@example.com"), Home::Remote(0));
        assert_eq!(home("rls-services", "sip:a@example.com"), Home::Here);
        assert_eq!(home("rls-services", "sip:a@example.org"), Home::Remote(1));
        assert_eq!(home("resource-lists", "sip:a@example.net"), Home::Here);
        assert_eq!(home("resource-lists", "tel:+15550100"), Home::Here);
        assert_eq!(roots.home("resource-lists", &Tree::Global), Home::Here);
        assert!(roots.may_be_remote(&Tree::User("sip:a@example.com".into())));
        assert!(!roots.may_be_remote(&Tree::User("sip:a@example.net".into())));
        let everything = Remote { domains: names(&["*"]), ..Remote::default() };
        let roots = Roots::any().with_remotes(vec![everything]);
        assert_eq!(roots.home("resource-lists", &Tree::Global), Home::Remote(0));
        assert_eq!(roots.home("resource-lists", &Tree::User("tel:+15550100".into())), Home::Remote(0));
    }

    #[test]
    fn a_root_leads_only_to_what_is_at_home_there() {
        let roots = roots();
        let uri =
            |root: &str, user: &str| format!("{root}/resource-lists/users/{user}/index/~~/resource-lists");
        for (root, user, leads) in [
            ("http://xcap.example.com", "sip:a@example.com", true),
            ("http://lists.example.com", "sip:a@example.com", true),
            ("http://lists.example.com", "sip:a@example.net", false),
            ("http://xcap.example.com", "sip:a@example.net", true),
            ("http://xcap.example.com", "sip:a@example.org", false),
            ("http://xcap.example.com/org", "sip:a@example.org", true),
        ] {
            let uri = uri(root, user);
            let path = roots.below(&uri, "resource-lists").unwrap();
            assert!(path.starts_with("resource-lists/users/"), "{path}");
            assert_eq!(roots.leads_to(&uri, &list_of(user)), leads, "{uri}");
        }
        let foreign = uri("http://xcap.example.com.example.net", "sip:a@example.com");
        assert_eq!(roots.below(&foreign, "resource-lists"), None);
    }

    #[test]
    fn where_any_root_will_do_those_of_others_still_lead_to_theirs_alone() {
        let remote = Remote {
            names: names(&["http://lists.example.org"]),
            domains: names(&["example.org"]),
            ..Remote::default()
        };
        let roots = Roots::any().with_remotes(vec![remote]);
        let uri = |host: &str| format!("http://{host}/x/resource-lists/users/u/index/~~/resource-lists");
        let below = |host: &str| roots.below(&uri(host), "resource-lists").map(str::to_owned);
        assert!(below("whatever.example.com").unwrap().starts_with("resource-lists/users/u/"));
        assert!(roots.leads_to(&uri("whatever.example.com"), &list_of("sip:a@example.com")));
        assert!(!roots.leads_to(&uri("whatever.example.com"), &list_of("sip:a@example.org")));
        assert!(!roots.leads_to(&uri("lists.example.org"), &list_of("sip:a@example.com")));
        assert_eq!(Roots::any().below("ftp://x/resource-lists/users/u/index/~~/x", "resource-lists"), None);
        assert_eq!(Roots::any().below("http://x/resource-lists/users/u/index", "resource-lists"), None);
    }
}
