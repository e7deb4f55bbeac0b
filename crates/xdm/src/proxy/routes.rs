//! Which document server a request is for, by its application usage.

use std::collections::BTreeMap;

use crate::xui::decode;

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
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the document servers of this node.
    Here,
    /// To a remote one.
    Remote(usize),
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

    /// The usages of a server.
    pub fn auids(&self, server: usize) -> &[String] {
        self.auids.get(server).map_or(&[], Vec::as_slice)
    }

    /// How many remote servers there are.
    pub fn servers(&self) -> usize {
        self.auids.len()
    }

    /// Where a path (after the XCAP root) leads. Without remote servers everything is here.
    pub fn way(&self, path: &str) -> Way {
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
            assert_eq!(routes.way(path), way, "{path}");
        }
        assert_eq!(routes.auids(0), ["resource-lists", "rls-services"]);
        assert_eq!((routes.servers(), routes.auids(7).len()), (2, 0));
    }

    #[test]
    fn without_remote_servers_everything_is_here() {
        let routes = Routes::default();
        assert_eq!(routes.way("/xcap-caps/global/index"), Way::Here);
    }
}
