//! A document server elsewhere.

use std::str::FromStr;

use client::Identity;
use client::web::Address;
use sip_stack::Protocol;
use toml::de::DeValue;

use super::{Setting, expected, kind, quoted, text};

/// A document server elsewhere: what it has, and how it is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteServer {
    /// Its XCAP root.
    pub root: Address,
    /// The XCAP roots by which documents refer to it.
    pub names: Vec<String>,
    /// The usages that it has; none: all.
    pub usages: Vec<String>,
    /// The domains whose users' documents it has.
    pub domains: Vec<String>,
    /// Where subscriptions to changes go. None: there are none.
    pub subscribe: Option<Hop>,
    /// Who we are there.
    pub identity: Option<Identity>,
    /// What proves it.
    pub password: Option<String>,
    /// Whether our word is taken for it.
    pub trusted: bool,
}

/// A SIP server by protocol, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What is spoken to it.
    pub protocol: Protocol,
    /// `host`, `host:port` or an address.
    pub server: String,
}

impl FromStr for Hop {
    type Err = String;

    fn from_str(hop: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected protocol, host and port such as \"tcp:xdms.example.com:5060\", found {}",
                quoted(hop)
            )
        };
        let (protocol, server) = hop.split_once(':').ok_or_else(wrong)?;
        let protocol = match protocol {
            "udp" => Protocol::Udp,
            "tcp" => Protocol::Tcp,
            _ => return Err(wrong()),
        };
        let uri = format!("sip:{server}");
        let is_host = matches!(sip::Uri::parse(&uri), Ok(sip::Uri::Sip(uri)) if uri.user.is_none() && uri.params.is_empty());
        if is_host { Ok(Self { protocol, server: server.to_owned() }) } else { Err(wrong()) }
    }
}

impl core::fmt::Display for Hop {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let protocol = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        write!(f, "{protocol}:{}", self.server)
    }
}

impl core::fmt::Debug for RemoteServer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RemoteServer").field("root", &self.root).finish_non_exhaustive() // no password
    }
}

impl RemoteServer {
    /// The roots by which documents refer to it: as they are told, else its own.
    pub fn names(&self) -> Vec<Box<str>> {
        if !self.names.is_empty() {
            return self.names.iter().map(|name| name.as_str().into()).collect();
        }
        let Address { secure, host, port, path } = &self.root;
        let (scheme, usual) = if *secure { ("https", 443) } else { ("http", 80) };
        let mut names = vec![format!("{scheme}://{host}:{port}{path}").into_boxed_str()];
        if *port == usual {
            names.push(format!("{scheme}://{host}{path}").into_boxed_str());
        }
        names
    }

    /// What it has.
    pub fn has(&self) -> xcap::Remote {
        xcap::Remote {
            names: self.names(),
            usages: self.usages.iter().map(|usage| usage.as_str().into()).collect(),
            domains: self.domains.iter().map(|domain| domain.to_ascii_lowercase().into()).collect(),
        }
    }
}

const KEYS: &str = "root, names, usages, domains, subscribe, identity, password and trusted";

impl Setting for RemoteServer {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "{ root = \"https://..\", domains = [\"..\"] }";
        let Some(table) = value.as_table() else { return expected(WHAT, value) };
        let (mut root, mut names, mut usages, mut domains) = (None, Vec::new(), Vec::new(), Vec::new());
        let (mut subscribe, mut identity, mut password, mut trusted) = (None, None, None, false);
        for (key, value) in table.iter() {
            let (key, value) = (key.get_ref().as_ref(), value.get_ref());
            let at = |why: String| format!("{key}: {why}");
            match key {
                "root" => root = Some(Address::read(value).map_err(at)?),
                "names" => names = Vec::read(value).map_err(at)?,
                "usages" => usages = Vec::read(value).map_err(at)?,
                "domains" => domains = Vec::read(value).map_err(at)?,
                "subscribe" => subscribe = Some(String::read(value).and_then(|hop| hop.parse()).map_err(at)?),
                "identity" => {
                    let user = text("a user", value).map_err(at)?.parse();
                    identity = Some(user.map_err(|error: client::IdentityError| at(error.to_string()))?);
                }
                // What is written there must not be repeated in an error.
                "password" => match value.as_str() {
                    Some(secret) if !secret.is_empty() => password = Some(secret.to_owned()),
                    Some(_) => return Err(at("must not be empty".to_owned())),
                    None => return Err(at(format!("expected a password, found {}", kind(value)))),
                },
                "trusted" => trusted = bool::read(value).map_err(at)?,
                other => return Err(format!("unknown key {}; known are {KEYS}", quoted(other))),
            }
        }
        let missing = |key: &str| format!("{key} is missing; expected {WHAT} at least");
        let root = root.ok_or_else(|| missing("root"))?;
        if domains.is_empty() {
            return Err(missing("domains"));
        }
        let is_root = |name: &String| {
            (name.starts_with("http://") || name.starts_with("https://")) && !name.ends_with('/')
        };
        if let Some(name) = names.iter().find(|name| !is_root(name)) {
            return Err(format!("names: {} is no HTTP URI without a slash at its end", quoted(name)));
        }
        Ok(Self { root, names, usages, domains, subscribe, identity, password, trusted })
    }

    fn print(&self) -> String {
        let mut parts = vec![format!("root = {}", self.root.print())];
        for (key, list) in [("names", &self.names), ("usages", &self.usages), ("domains", &self.domains)] {
            if !list.is_empty() {
                parts.push(format!("{key} = {}", list.print()));
            }
        }
        parts.extend(self.subscribe.as_ref().map(|hop| format!("subscribe = {}", quoted(&hop.to_string()))));
        parts.extend(self.identity.as_ref().map(|user| format!("identity = {}", quoted(&user.to_string()))));
        parts.extend(self.password.as_ref().map(|secret| format!("password = {}", quoted(secret))));
        parts.push(format!("trusted = {}", self.trusted));
        format!("{{ {} }}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    fn read(text: &str) -> Result<RemoteServer, String> {
        let text = format!("x = {text}");
        let table = DeTable::parse(&text).unwrap();
        RemoteServer::read(table.get_ref().get("x").unwrap().get_ref())
    }

    #[test]
    fn what_is_printed_is_read_and_nothing_is_taken_for_granted() {
        let text = "{ root = \"https://lists.example.com:443/root\", names = [\"http://xcap.example.com\"], \
                    usages = [\"resource-lists\"], domains = [\"Example.com\"], \
                    subscribe = \"tcp:lists.example.com:5060\", identity = \"rls@example.com\", password = \"x\", \
                    trusted = false }";
        let server = read(text).unwrap();
        assert_eq!(server.print(), text);
        assert_eq!(&*server.has().domains[0], "example.com");
        assert!(!format!("{server:?}").contains("\"x\""));
        let short = read("{ root = \"http://lists.example.com/root\", domains = [\"*\"] }").unwrap();
        let names: Vec<_> = short.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["http://lists.example.com:80/root", "http://lists.example.com/root"]);
        for (wrong, why) in [
            ("{ root = \"http://x\" }", "domains is missing"),
            ("{ domains = [\"x\"] }", "root is missing"),
            ("{ root = \"http://x\", domains = [\"x\"], names = [\"http://x/\"] }", "names: "),
            ("{ root = \"http://x\", domains = [\"x\"], subscribe = \"sip:x\" }", "subscribe: "),
            ("{ root = \"http://x\", domains = [\"x\"], subscribe = \"tcp:u@x\" }", "subscribe: "),
            ("{ root = \"http://x\", domains = [\"x\"], identity = \"x\" }", "identity: "),
            ("{ root = \"http://x\", domains = [\"x\"], pasword = \"x\" }", "unknown key"),
            ("{ root = \"gopher://x\", domains = [\"x\"] }", "root: "),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
