//! Which document server a request is for, by whose document it is and by its application usage.

use std::collections::BTreeMap;

use crate::xui::{self, decode};

/// The application usages that several servers answer together.
const DIRECTORY: &str = "org.openmobilealliance.xcap-directory";
const CAPABILITIES: &str = "xcap-caps";
const SEARCH: &str = "org.openmobilealliance.search";

/// Where application usages are served when not here.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    by_auid: BTreeMap<String, usize>,
    /// By server.
    auids: Vec<Vec<String>>,
    /// The servers for users of other domains, in lower case.
    by_domain: BTreeMap<String, usize>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the document servers of this node.
    Here,
    /// To a remote one.
    Remote(usize),
    /// To the Aggregation Proxy of another domain.
    Domain(usize),
    /// To all, and their answers are put together.
    All(Merged),
}

/// What several servers answer together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// The documents of a user.
    Directory,
    /// What the servers can do.
    Capabilities,
    /// Profiles that match.
    Search,
}

impl Routes {
    /// Each pair: an application usage, and the number of the server for it. Servers count from 0.
    pub fn new(pairs: impl IntoIterator<Item = (String, usize)>) -> Self {
        let mut routes = Self::default();
        for (auid, server) in pairs {
            if routes.auids.len() <= server {
                routes.auids.resize(server + 1, Vec::new());
            }
            routes.auids[server].push(auid.clone());
            routes.by_auid.insert(auid, server);
        }
        routes
    }

    /// Each pair: another domain, and the number of the server for its users. No usage is routed to that one.
    pub fn with_domains(mut self, pairs: impl IntoIterator<Item = (String, usize)>) -> Self {
        let pairs = pairs.into_iter();
        self.by_domain.extend(pairs.map(|(domain, server)| (domain.to_ascii_lowercase(), server)));
        self
    }

    /// The usages of a server.
    pub fn auids(&self, server: usize) -> &[String] {
        self.auids.get(server).map_or(&[], Vec::as_slice)
    }

    /// How many remote servers there are.
    pub fn servers(&self) -> usize {
        self.auids.len()
    }

    /// Where a path (after the XCAP root) and its query lead. Without remote servers everything is here.
    pub fn way(&self, path: &str, query: Option<&str>) -> Way {
        if let Some(server) = self.domain(path, query) {
            return Way::Domain(server);
        }
        if self.auids.is_empty() {
            return Way::Here;
        }
        let segment = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        // What cannot be decoded is nobody's; the document servers here say so.
        let Some(auid) = decode(segment) else { return Way::Here };
        match &*auid {
            DIRECTORY => Way::All(Merged::Directory),
            CAPABILITIES => Way::All(Merged::Capabilities),
            SEARCH => Way::All(Merged::Search),
            auid => self.by_auid.get(auid).map_or(Way::Here, |server| Way::Remote(*server)),
        }
    }

    /// The server of another domain: by the user whose document it is, or where a search is to be made.
    fn domain(&self, path: &str, query: Option<&str>) -> Option<usize> {
        if self.by_domain.is_empty() {
            return None;
        }
        let mut segments = path.trim_start_matches('/').split('/').map(decode);
        let domain = match (segments.next()??.as_ref(), segments.next().flatten().as_deref()) {
            (SEARCH, _) => {
                let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
                let (_, domain) = pairs.find(|(name, _)| *name == "domain")?;
                decode(domain)?.to_ascii_lowercase()
            }
            (_, Some("users")) => xui::owner(&segments.next()??)?.domain()?.to_owned(),
            _ => return None,
        };
        self.by_domain.get(&domain).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_where_its_usage_is() {
        let routes = Routes::new([
            ("resource-lists".to_owned(), 0),
            ("rls-services".to_owned(), 0),
            ("pres-rules".to_owned(), 1),
        ]);
        for (path, way) in [
            ("/resource-lists/users/sip:a@example.com/index", Way::Remote(0)),
            ("resource%2Dlists/global/index", Way::Remote(0)),
            ("/pres-rules/users/x/index/~~/ruleset", Way::Remote(1)),
            ("/pidf-manipulation/users/x/perm-presence", Way::Here),
            ("/org.openmobilealliance.xcap-directory/users/x/directory.xml", Way::All(Merged::Directory)),
            ("/xcap-caps/global/index", Way::All(Merged::Capabilities)),
            ("/org.openmobilealliance.search/global/search", Way::All(Merged::Search)),
            ("/%zz/x", Way::Here),
            ("/", Way::Here),
        ] {
            assert_eq!(routes.way(path, None), way, "{path}");
        }
        assert_eq!(routes.auids(0), ["resource-lists", "rls-services"]);
        assert_eq!((routes.servers(), routes.auids(7).len()), (2, 0));
    }

    #[test]
    fn without_remote_servers_everything_is_here() {
        let routes = Routes::default();
        assert_eq!(routes.way("/xcap-caps/global/index", None), Way::Here);
    }

    #[test]
    fn a_request_for_a_user_of_another_domain_goes_there_whatever_the_usage() {
        let routes = Routes::new([("resource-lists".to_owned(), 0)])
            .with_domains([("Example.net".to_owned(), 1), ("example.org".to_owned(), 0)]);
        for (path, query, way) in [
            ("/resource-lists/users/sip:a@example.com/index", None, Way::Remote(0)),
            ("/resource-lists/users/sip:a@EXAMPLE.net/index/~~/resource-lists", None, Way::Domain(1)),
            ("/pres-rules/%75sers/sip%3Aa%40example.net:5070/index", None, Way::Domain(1)),
            ("/pres-rules/users/a@example.org/index", None, Way::Domain(0)),
            (
                "/org.openmobilealliance.xcap-directory/users/sip:a@example.net/directory.xml",
                None,
                Way::Domain(1),
            ),
            ("/pres-rules/users/tel:+15550100/index", None, Way::Here),
            ("/pres-rules/global/sip:a@example.net/index", None, Way::Here),
            ("/pres-rules/users/sip:a@sub.example.net/index", None, Way::Here),
            ("/xcap-caps/global/index", None, Way::All(Merged::Capabilities)),
            ("/org.openmobilealliance.search", Some("target=x&domain=example%2Enet"), Way::Domain(1)),
            ("/org.openmobilealliance.search", Some("domain=example.com"), Way::All(Merged::Search)),
            ("/resource-lists/users/sip:b@example.com/index", Some("domain=example.net"), Way::Remote(0)),
        ] {
            assert_eq!(routes.way(path, query), way, "{path}");
        }
        assert_eq!(routes.auids(1).len(), 0);
    }
}
