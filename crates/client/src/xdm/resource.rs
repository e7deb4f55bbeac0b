//! What is asked for: a document of somebody, or a part of it.

use core::fmt::Write;

use crate::Identity;

/// A document, or a part of it. Everything is written as people write it; it is escaped when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    auid: String,
    /// None: the user who asks.
    tree: Tree,
    name: String,
    node: Option<String>,
    namespaces: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Own,
    User(String),
    Global,
}

/// Documents by application usage: the usual name, the type, and what an empty one looks like.
const USAGES: [(&str, &str, &str, &str); 11] = [
    (
        "resource-lists",
        "index",
        "application/resource-lists+xml",
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n</resource-lists>\n",
    ),
    (
        "rls-services",
        "index",
        "application/rls-services+xml",
        "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">\n</rls-services>\n",
    ),
    ("pres-rules", "index", "application/auth-policy+xml", RULES),
    ("org.openmobilealliance.pres-rules", "pres-rules", "application/auth-policy+xml", RULES),
    ("org.openmobilealliance.pub-rules", "pub-rules", "application/auth-policy+xml", RULES),
    ("pidf-manipulation", "index", "application/pidf+xml", ""),
    (
        "org.openmobilealliance.group-usage-list",
        "index",
        "application/vnd.oma.group-usage-list+xml",
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n</resource-lists>\n",
    ),
    ("org.openmobilealliance.user-profile", "user-profile", "application/vnd.oma.user-profile+xml", ""),
    (
        "org.openmobilealliance.locked-user-profile",
        "locked-user-profile",
        "application/vnd.oma.user-profile+xml",
        "",
    ),
    ("org.openmobilealliance.xcap-directory", "directory.xml", "application/vnd.oma.xcap-directory+xml", ""),
    (
        "org.openmobilealliance.pres-content",
        "oma_status-icon/face",
        "application/vnd.oma.pres-content+xml",
        "",
    ),
];
const RULES: &str = "<ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\"\n    \
    xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\">\n</ruleset>\n";

impl Resource {
    /// A document of the user who asks.
    pub fn own(auid: &str, name: &str) -> Self {
        let (auid, name) = (auid.to_owned(), name.to_owned());
        Self { auid, tree: Tree::Own, name, node: None, namespaces: Vec::new() }
    }

    /// Reads `auid`, `auid/name`, or a whole path: `auid/users/xui/name` or `auid/global/name`. A slash may stand in
    /// front. Without a name it is the usual one of the usage.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('/');
        let (auid, rest) = text.split_once('/').unwrap_or((text, ""));
        if auid.is_empty() {
            return None;
        }
        let usual = || usage(auid).map_or("index", |(_, name, ..)| name);
        let (tree, name) = match rest.split_once('/') {
            Some(("users", rest)) => {
                let (user, name) = rest.split_once('/')?;
                (Tree::User(user.to_owned()), name)
            }
            Some(("global", name)) => (Tree::Global, name),
            _ if rest.is_empty() && auid == "xcap-caps" => (Tree::Global, "index"),
            _ if rest.is_empty() => (Tree::Own, usual()),
            _ => (Tree::Own, rest),
        };
        let mut resource = Self { tree, ..Self::own(auid, name) };
        if let Some((name, node)) = resource.name.clone().split_once("/~~/") {
            (resource.name, resource.node) = (name.to_owned(), Some(node.to_owned()));
        }
        (!resource.name.is_empty()).then_some(resource)
    }

    /// A part of it, by a node selector: `resource-lists/list[@name="friends"]/entry[2]/@uri`.
    #[must_use]
    pub fn node(mut self, selector: &str) -> Self {
        self.node = Some(selector.trim_start_matches('/').to_owned());
        self
    }

    /// What a prefix in the node selector stands for.
    #[must_use]
    pub fn namespace(mut self, prefix: &str, namespace: &str) -> Self {
        self.namespaces.push((prefix.to_owned(), namespace.to_owned()));
        self
    }

    /// Whether it is a part of a document.
    pub fn is_part(&self) -> bool {
        self.node.is_some()
    }

    /// The media type of what is put there; none if the usage is not known here.
    pub fn media_type(&self) -> Option<&'static str> {
        let Some(node) = &self.node else { return usage(&self.auid).map(|(.., media_type, _)| media_type) };
        let last = node.rsplit('/').next().unwrap_or_default();
        Some(if last.starts_with('@') { "application/xcap-att+xml" } else { "application/xcap-el+xml" })
    }

    /// What an empty document looks like, where that is known.
    pub fn skeleton(&self) -> &'static str {
        usage(&self.auid).map_or("", |(.., skeleton)| skeleton)
    }

    /// As a subscription for changes names it, RFC 5875 §4.4: the path below the XCAP root, and the query.
    pub fn selector(&self, own: &Identity) -> String {
        self.target(own).split_off(1)
    }

    /// Path and query below the XCAP root.
    pub(super) fn target(&self, own: &Identity) -> String {
        let mut target = format!("/{}", segment(&self.auid));
        match &self.tree {
            Tree::Own => _ = write!(target, "/users/{}", segment(own.aor().as_str())), // a string takes all
            Tree::User(user) => _ = write!(target, "/users/{}", segment(user)),
            Tree::Global => target.push_str("/global"),
        }
        for part in self.name.split('/') {
            _ = write!(target, "/{}", segment(part));
        }
        if let Some(node) = &self.node {
            _ = write!(target, "/~~/{}", escaped(node, b"/-._~!$&'()*+,;=:@"));
        }
        for (index, (prefix, namespace)) in self.namespaces.iter().enumerate() {
            let mark = if index == 0 { "?" } else { "" };
            let namespace = escaped(namespace, b"/-._~!$&'*+,;=:@?");
            _ = write!(target, "{mark}xmlns({prefix}={namespace})");
        }
        target
    }
}

fn usage(auid: &str) -> Option<(&'static str, &'static str, &'static str, &'static str)> {
    USAGES.into_iter().find(|(known, ..)| *known == auid)
}

fn segment(text: &str) -> String {
    escaped(text, b"-._~!$&'()*+,;=:@")
}

/// Percent-escapes what may not stand as it is. An escape that is there already stays one.
fn escaped(text: &str, plain: &[u8]) -> String {
    let bytes = text.as_bytes();
    let is_escape =
        |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let mut out = String::with_capacity(text.len() + 16);
    for (at, &byte) in bytes.iter().enumerate() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) || (byte == b'%' && is_escape(at)) {
            out.push(char::from(byte));
        } else {
            _ = write!(out, "%{byte:02X}"); // a string takes all
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(resource: &Resource) -> String {
        resource.target(&"alice@example.com".parse().unwrap())
    }

    #[test]
    fn a_resource_is_written_in_short_or_whole() {
        for (text, path) in [
            ("resource-lists", "/resource-lists/users/sip:alice@example.com/index"),
            ("/resource-lists/", "/resource-lists/users/sip:alice@example.com/index"),
            (
                "org.openmobilealliance.pres-rules",
                "/org.openmobilealliance.pres-rules/users/sip:alice@example.com/pres-rules",
            ),
            ("pres-rules/work", "/pres-rules/users/sip:alice@example.com/work"),
            (
                "resource-lists/users/sip:bob@example.com/index",
                "/resource-lists/users/sip:bob@example.com/index",
            ),
            ("rls-services/global/index", "/rls-services/global/index"),
            ("xcap-caps", "/xcap-caps/global/index"),
            ("pres-rules/a b", "/pres-rules/users/sip:alice@example.com/a%20b"),
            (
                "resource-lists/index/~~/resource-lists/list[1]",
                "/resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5B1%5D",
            ),
        ] {
            assert_eq!(target(&Resource::read(text).unwrap()), path, "{text}");
        }
        assert_eq!(Resource::read("/"), None);
        assert_eq!(Resource::read("resource-lists/users/x"), None);
    }

    #[test]
    fn a_node_selector_is_escaped_and_its_prefixes_are_told() {
        let part = Resource::own("pres-rules", "index")
            .node("/cp:ruleset/cp:rule[@id=\"é 1\"]/%5Bx%5D")
            .namespace("cp", "urn:ietf:params:xml:ns:common-policy")
            .namespace("x", "a)b");
        assert!(target(&part).ends_with(
            "/index/~~/cp:ruleset/cp:rule%5B@id=%22%C3%A9%201%22%5D/%5Bx%5D\
             ?xmlns(cp=urn:ietf:params:xml:ns:common-policy)xmlns(x=a%29b)"
        ));
        assert_eq!(part.media_type(), Some("application/xcap-el+xml"));
        assert_eq!(part.node("a/@b").media_type(), Some("application/xcap-att+xml"));
    }

    #[test]
    fn an_empty_document_is_well_formed() {
        for (auid, _, _, skeleton) in USAGES.into_iter().filter(|(.., skeleton)| !skeleton.is_empty()) {
            assert!(xml::Tree::read(skeleton.as_bytes(), &xml::Limits::default()).is_ok(), "{auid}");
        }
    }
}
