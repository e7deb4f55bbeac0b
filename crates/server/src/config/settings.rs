//! From the words of the file to what a node is told.

use std::sync::Arc;

use documents::rules::SubHandling;
use node::{Foreign, Listener, Lists, Oversize, Settings};
use presence::rules::Defaults;
use presence::{Lifetimes, Policy, composition};
use sip_stack::auth;
use sip_stack::digest_client::Account;

use super::Config;
use super::keys;
use super::values::{Listen, Network, Peer, RemoteServer, Secret, WebListen};
use crate::xdms::entrance;

/// Users and domains as the file names them.
fn entitled(entries: &[String]) -> auth::Entitled {
    let entries: Vec<String> = entries.iter().map(|entry| named(entry)).collect();
    auth::Entitled::of(entries.iter().map(String::as_str))
}

/// A domain as users have it, or a user.
fn named(entry: &str) -> String {
    let user = sip::Aor::parse(entry).or_else(|_| sip::Aor::parse(&format!("sip:{entry}")));
    user.map_or_else(|_| entry.to_ascii_lowercase(), |user| user.as_str().to_owned())
}

impl Config {
    /// Who may have documents.
    pub fn entitled_to_xcap(&self) -> auth::Entitled {
        entitled(&self.entitlement.xcap)
    }

    /// The names of the XCAP root: as clients know it, then as we listen, then the others.
    pub fn xcap_roots(&self, addresses: &[WebListen]) -> Vec<String> {
        let root = &self.xdm.root;
        let public = self.xdm.public.trim_end_matches('/');
        let named = (!public.is_empty()).then(|| format!("{public}{root}"));
        let scheme = |one: &WebListen| if one.secure { "https" } else { "http" };
        let ours = addresses.iter().map(|one| format!("{}://{}{root}", scheme(one), one.address));
        let aliases = self.xdm.aliases.iter().map(|alias| format!("{}{root}", alias.trim_end_matches('/')));
        named.into_iter().chain(ours).chain(aliases).collect()
    }

    /// What the shards are told. `listen` is where the sockets really are, in the order of the configuration: a port
    /// of zero has become one.
    pub fn settings(&self, listen: &[Listen]) -> Arc<Settings> {
        let role = &self.presence_server;
        Arc::new(Settings {
            domains: self.hosts(listen),
            listeners: listen
                .iter()
                .map(|one| Listener { protocol: one.protocol, sent_by: one.sent_by() })
                .collect(),
            authentication: self.authentication(),
            policy: Policy {
                watch: match role.watch {
                    keys::Watch::Everyone => presence::Watch::Everyone,
                    keys::Watch::OwnDomain => presence::Watch::OwnDomain,
                    keys::Watch::Oneself => presence::Watch::Oneself,
                },
                publish: match role.publish {
                    keys::Publish::Everyone => presence::PublishPolicy::Everyone,
                    keys::Publish::Oneself => presence::PublishPolicy::Oneself,
                },
                defaults: Defaults {
                    unmatched: match role.unmatched {
                        keys::Handling::Block => SubHandling::Block,
                        keys::Handling::Confirm => SubHandling::Confirm,
                        keys::Handling::PoliteBlock => SubHandling::PoliteBlock,
                        keys::Handling::Allow => SubHandling::Allow,
                    },
                    bare_allow_shows_all: role.bare_allow == keys::BareAllow::Everything,
                },
                composition: match role.composition {
                    keys::Composition::Merge => composition::Policy::Merge,
                    keys::Composition::Latest => composition::Policy::Latest,
                    keys::Composition::Priority => composition::Policy::Priority,
                    keys::Composition::Single => composition::Policy::Single,
                },
                roots: self.roots(xcap::Roots::own(self.xcap_roots(&self.aggregation_proxy.listen))),
                entitled: entitled(&self.entitlement.watch),
            },
            entitlement: node::Entitlement {
                publish: entitled(&self.entitlement.publish),
                lists: entitled(&self.entitlement.watch_lists),
                winfo: entitled(&self.entitlement.winfo),
                documents: self.entitled_to_xcap(),
            },
            publications: Lifetimes {
                min: role.publication_min,
                default: role.publication_default,
                max: role.publication_max,
            },
            subscriptions: Lifetimes {
                min: role.subscription_min,
                default: role.subscription_default,
                max: role.subscription_max,
            },
            pace: role.pace,
            lists: self.lists(),
            documents: entrance::servers(self, &self.aggregation_proxy.listen).map(Arc::new),
            changes_pace: self.xdm.changes_pace,
            oversize: match role.oversize {
                keys::Oversize::Stream => Oversize::Stream,
                keys::Oversize::Datagram => Oversize::Datagram,
            },
            limits: self.node_limits(),
        })
    }

    /// Our own roots, and those of document servers elsewhere.
    fn roots(&self, own: xcap::Roots) -> xcap::Roots {
        own.with_remotes(self.remote_xdms.servers.0.values().map(RemoteServer::has).collect())
    }

    fn lists(&self) -> Option<Lists> {
        let role = &self.resource_list_server;
        let first = self.general.domains.first().map_or("localhost", String::as_str);
        let uri = if role.uri.is_empty() { format!("sip:rls@{first}") } else { role.uri.clone() };
        let lists = Lists {
            server: sip::canonical_text(&uri),
            template: rls::service::Template::parse(&role.service_uri_template)?,
            policy: policy(role.lists),
            references: policy(role.references),
            roots: self.roots(match &*role.xcap_roots {
                [] => xcap::Roots::any(),
                roots => xcap::Roots::own(roots.iter().cloned()),
            }),
            window: role.aggregation,
            notify_max: role.notify_max.0,
            watched_max: role.subscriptions_max,
            foreign: Foreign {
                peers: role
                    .peers
                    .0
                    .iter()
                    .map(|(domain, peer)| (domain.to_ascii_lowercase(), node_peer(peer)))
                    .collect(),
                lifetime: role.peer_expires,
                max: role.peer_subscriptions_max,
                window: role.peer_window,
            },
            flat: documents::resource_lists::Limits {
                entries: role.resources_max,
                depth: role.depth_max,
                references: role.references_max,
            },
            xml: xml::Limits { bytes: role.document_max.0, ..Lists::default().xml },
            ..Lists::default()
        };
        self.roles.resource_list_server.then_some(lists)
    }

    fn node_limits(&self) -> node::Limits {
        let role = &self.presence_server;
        let limits = &self.limits;
        node::Limits {
            sip: self.sip_limits(),
            document: role.document_max.0,
            publications: role.publications_max,
            source_publications: role.source_publications_max,
            subscriptions: role.watchers_max,
            watcher: role.watcher_subscriptions_max,
            transactions: limits.transactions.0,
            window: limits.notify_window,
            turn: limits.turn,
            unanswered: u8::try_from(role.unanswered_max).unwrap_or(u8::MAX),
            presentities: limits.presentities,
            dialogs: limits.subscriptions,
            lists: limits.lists,
            parked: limits.parked.0,
            changes: xdm::changes::Limits { resources: self.xdm.resources, ..Default::default() },
        }
    }

    /// Bounds of one SIP message.
    pub fn sip_limits(&self) -> sip::Limits {
        sip::Limits {
            message: self.limits.message.0,
            headers: self.limits.headers,
            header: self.limits.header.0,
            uri: self.limits.uri.0,
            ..sip::Limits::DEFAULT
        }
    }

    /// Our domains, then the hosts that our addresses are known by; lower case, each once.
    fn hosts(&self, listen: &[Listen]) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        let addresses = listen.iter().map(|one| host_of(&one.sent_by()).to_owned());
        for host in self.general.domains.iter().cloned().chain(addresses) {
            let host = host.to_ascii_lowercase();
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    /// As [`Config::settings`] says it for SIP, with the peers that HTTP trusts.
    pub fn web_authentication(&self) -> auth::Settings {
        let trusted = self.aggregation_proxy.trusted_peers.iter().map(network).collect();
        auth::Settings { trusted, ..self.authentication() }
    }

    /// From where the Aggregation Proxies of other domains ask, by domain in lower case.
    pub fn domain_peers(&self) -> Vec<(String, Vec<auth::Network>)> {
        let peers = self.aggregation_proxy.domain_peers.0.iter();
        peers
            .map(|(domain, networks)| (domain.to_ascii_lowercase(), networks.iter().map(network).collect()))
            .collect()
    }

    pub(crate) fn authentication(&self) -> auth::Settings {
        let own = &self.authentication;
        let domain = self.general.domains.first().map_or("", String::as_str);
        let qualified =
            |name: &str| if name.contains('@') { name.to_owned() } else { format!("{name}@{domain}") };
        auth::Settings {
            open: own.open,
            realm: self.realm().to_owned(),
            users: own.users.iter().map(|(name, secret)| (qualified(name), proof(secret))).collect(),
            trusted: own.trusted_peers.iter().map(network).collect(),
            algorithms: own
                .algorithms
                .iter()
                .map(|one| match one {
                    keys::DigestAlgorithm::Sha256 => auth::Algorithm::Sha256,
                    keys::DigestAlgorithm::Md5 => auth::Algorithm::Md5,
                })
                .collect(),
            nonce_lifetime: own.nonce_lifetime,
            ..auth::Settings::default()
        }
    }
}

fn proof(secret: &Secret) -> auth::Secret {
    match secret {
        Secret::Password(password) => auth::Secret::Password(password.clone()),
        Secret::Hashes { md5, sha256 } => auth::Secret::Ha1 { md5: md5.clone(), sha256: sha256.clone() },
    }
}

fn node_peer(peer: &Peer) -> node::Peer {
    let account = match (&peer.username, &peer.password) {
        (Some(username), Some(Secret::Password(password))) => {
            Some(Account { username: username.clone(), password: password.clone() })
        }
        _ => None,
    };
    node::Peer { next_hop: peer.hop.clone(), trusted: peer.trusted, account }
}

fn network(network: &Network) -> auth::Network {
    network.to_string().parse().expect("both read and write address/prefix")
}

/// The host of `host:port`, `[v6]:port` or `host`.
fn host_of(sent_by: &str) -> &str {
    if sent_by.starts_with('[') {
        return sent_by.split_inclusive(']').next().unwrap_or(sent_by);
    }
    sent_by.split(':').next().unwrap_or(sent_by)
}

fn policy(lists: keys::Lists) -> rls::service::Policy {
    match lists {
        keys::Lists::Owner => rls::service::Policy::Owner,
        keys::Lists::OwnDomain => rls::service::Policy::OwnDomain,
        keys::Lists::Everyone => rls::service::Policy::Everyone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_of_our_addresses_are_ours() {
        let mut config = Config::default();
        config.general.domains = vec!["Example.ORG".to_owned()];
        let listen = [
            "udp:127.0.0.1:5060",
            "tcp:127.0.0.1:5060",
            "udp:[::1]:5060",
            "udp:0.0.0.0:5061 as sip.example.org:5061",
        ]
        .map(|text| text.parse().unwrap());
        let settings = config.settings(&listen);
        assert_eq!(settings.domains, ["example.org", "127.0.0.1", "[::1]", "sip.example.org"]);
        assert_eq!(settings.listeners[3].sent_by, "sip.example.org:5061");
    }

    #[test]
    fn users_belong_to_the_first_domain_whatever_the_realm() {
        let mut config = Config::default();
        config.general.domains = vec!["example.org".to_owned()];
        config.authentication.realm = "Rollcall".to_owned();
        config.authentication.users.insert("alice".to_owned(), Secret::Password("x".to_owned()));
        let settings = config.settings(&config.general.listen.clone());
        assert_eq!(settings.authentication.realm, "Rollcall");
        assert!(settings.authentication.users.contains_key("alice@example.org"));
    }
}
