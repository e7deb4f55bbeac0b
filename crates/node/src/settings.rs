//! What a node is told at its start: plain values, no file and no words of one.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use presence::{Lifetimes, Policy};
use rls::service::Template;
use sip::{Aor, Uri};
use sip_stack::Protocol;
use sip_stack::auth::Entitled;
use sip_stack::digest_client::Account;
use xdm::{Xdms, changes};

use crate::owners::Role;

/// One of our own addresses as peers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Host and port for Via and Contact, such as `192.0.2.1:5060` or `[2001:db8::1]:5060`.
    pub sent_by: String,
}

/// What to do with a NOTIFY that is too large for a datagram, RFC 3261 §18.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// Try a stream to the peer first; where the peer takes none, send the datagram and let IP fragment it.
    Stream,
    /// Send the datagram at once.
    Datagram,
}

/// Bounds of a shard. Each has its own refusal and counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bounds of one SIP message.
    pub sip: sip::Limits,
    /// Octets of one presence document (413), unpacked.
    pub document: usize,
    /// Publications of one presentity (403 would say too much: 500 with Retry-After).
    pub publications: usize,
    /// Publications of one source for somebody else (500 with Retry-After).
    pub source_publications: usize,
    /// Subscriptions to one presentity (480 with Retry-After).
    pub subscriptions: usize,
    /// Subscriptions of one watcher, whatever they are to and in all shards: at most a quarter more (480 with Retry-After).
    pub watcher: usize,
    /// Octets that a shard keeps to answer retransmitted requests alike (oldest forgotten first).
    pub transactions: usize,
    /// NOTIFYs without an answer towards one address.
    pub window: u16,
    /// NOTIFYs sent in one turn, so that no owner starves the others.
    pub turn: usize,
    /// Consecutive NOTIFYs that a watcher who has answered before may leave unanswered; then its subscription ends.
    /// RFC 6665 §4.2.2 wants it to end at the first.
    pub unanswered: u8,
    /// Presentities of a shard (503 with Retry-After).
    pub presentities: usize,
    /// Subscriptions of a shard (503 with Retry-After).
    pub dialogs: usize,
    /// Lists of a shard, each watcher's own (503 with Retry-After).
    pub lists: usize,
    /// Octets of requests of a shard that wait for documents (503 with Retry-After).
    pub parked: usize,
    /// Bounds of subscriptions to changes of documents.
    pub changes: changes::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sip: sip::Limits::default(),
            document: 64 * 1024,
            publications: 32,
            source_publications: 8,
            subscriptions: 200_000,
            watcher: 2000,
            transactions: 16 * 1024 * 1024,
            window: 64,
            turn: 256,
            unanswered: 1,
            presentities: 4_000_000,
            dialogs: 4_000_000,
            lists: 1_000_000,
            parked: 4 * 1024 * 1024,
            changes: changes::Limits::default(),
        }
    }
}

/// All that a shard needs to know. `reconfigure` hands in a new one; listeners and domains stay as they are then.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our own domains and addresses, lower case: Request-URIs with other hosts are not ours (404).
    pub domains: Vec<String>,
    /// Our own addresses; the index is [`sip_stack::Local`].
    pub listeners: Vec<Listener>,
    /// Who a caller is, and how it is proven.
    pub authentication: sip_stack::auth::Settings,
    /// Who may watch and publish.
    pub policy: Policy,
    /// Who may use which function.
    pub entitlement: Entitlement,
    /// How long publications live.
    pub publications: Lifetimes,
    /// How long subscriptions live.
    pub subscriptions: Lifetimes,
    /// Least time between two NOTIFYs of one dialog, RFC 3856 §6.10; zero turns it off.
    pub pace: Duration,
    /// The Resource List Server, if this node plays the role.
    pub lists: Option<Lists>,
    /// The document servers, if this node plays their role: who may read what, and be told of its changes.
    pub documents: Option<Arc<Xdms>>,
    /// Least time between two NOTIFYs of changes in one dialog, RFC 5875 §4.10.
    pub changes_pace: Duration,
    /// How a NOTIFY too large for a datagram goes out.
    pub oversize: Oversize,
    /// Bounds.
    pub limits: Limits,
}

impl Default for Settings {
    /// The Presence Server alone, with no domain, nobody who may do anything for others, and the paces of the standards.
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            listeners: Vec::new(),
            authentication: sip_stack::auth::Settings::default(),
            policy: Policy::default(),
            entitlement: Entitlement::default(),
            publications: Lifetimes::HOUR,
            subscriptions: Lifetimes::HOUR,
            pace: Duration::from_secs(5),
            lists: None,
            documents: None,
            changes_pace: Duration::from_secs(5),
            oversize: Oversize::Datagram,
            limits: Limits::default(),
        }
    }
}

/// Who may use which function at all, whoever else has a say in it; who may watch is in [`Policy`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entitlement {
    /// PUBLISH.
    pub publish: Entitled,
    /// Subscriptions to lists.
    pub lists: Entitled,
    /// Subscriptions to watcher information.
    pub winfo: Entitled,
    /// Subscriptions to changes of documents.
    pub documents: Entitled,
}

/// The Resource List Server.
#[derive(Clone, Debug)]
pub struct Lists {
    /// The URI that takes lists in requests, as [`sip::canonical_text`] gives it; none: no such lists.
    pub server: Option<String>,
    /// Which URIs are stored lists, and whose.
    pub template: Template,
    /// Who may subscribe to a stored list.
    pub policy: rls::service::Policy,
    /// Whose lists a user's lists may refer to.
    pub references: rls::service::Policy,
    /// The XCAP roots that references in lists may name.
    pub roots: xcap::Roots,
    /// Changes within this time after a NOTIFY become one.
    pub window: Duration,
    /// Octets of one NOTIFY.
    pub notify_max: usize,
    /// Subscriptions of one watcher to one list.
    pub subscriptions_max: usize,
    /// Resources of one list that are watched; the others are shown as given up.
    pub watched_max: usize,
    /// How resources of other domains are reached.
    pub foreign: Foreign,
    /// How far a list is followed.
    pub flat: documents::resource_lists::Limits,
    /// How large a document may be.
    pub xml: xml::Limits,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            server: None,
            template: Template::parse("<xui>;pres-list=<id>").expect("the form that is read"),
            policy: rls::service::Policy::Owner,
            references: rls::service::Policy::Owner,
            roots: xcap::Roots::any(),
            window: Duration::from_secs(1),
            notify_max: 64_000,
            subscriptions_max: 16,
            watched_max: 1000,
            foreign: Foreign::default(),
            flat: documents::resource_lists::Limits::DEFAULT,
            xml: xml::Limits { bytes: 1024 * 1024, nodes: 100_000, ..xml::Limits::default() },
        }
    }
}

/// How resources of other domains are reached: by SIP, one subscription for each watcher and resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Who serves which domain; `*` stands for all domains that are not named. Resources of others are not reached.
    pub peers: BTreeMap<String, Peer>,
    /// The lifetime asked for.
    pub lifetime: Duration,
    /// Back-end subscriptions of a shard; the resources beyond are shown as given up.
    pub max: usize,
    /// SUBSCRIBEs of a shard without an answer towards one next hop; others wait.
    pub window: usize,
}

/// Who serves a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The URI of the next hop. None: where the resource's own URI leads, RFC 3263.
    pub next_hop: Option<String>,
    /// Whether it takes our word for who our watchers are, RFC 3325 §3.
    pub trusted: bool,
    /// Who we are when it asks for a password, RFC 3261 §22.
    pub account: Option<Account>,
}

impl Default for Foreign {
    fn default() -> Self {
        Self { peers: BTreeMap::new(), lifetime: Duration::from_secs(3600), max: 100_000, window: 64 }
    }
}

impl Foreign {
    /// Who serves a domain, if it is reached.
    pub(crate) fn peer(&self, domain: &str) -> Option<&Peer> {
        self.peers.get(domain).or_else(|| self.peers.get("*"))
    }
}

impl Lists {
    /// Our own name, for those who do not take our word for who our watchers are.
    pub(crate) fn own_name(&self, domains: &[String]) -> Option<Aor> {
        let domain = domains.first().map_or("localhost", String::as_str);
        let server = self.server.clone().unwrap_or_else(|| format!("sip:rls@{domain}"));
        Aor::parse(&server).ok()
    }

    /// Whether this is the URI that takes lists in requests.
    pub(crate) fn is_server(&self, uri: &str) -> bool {
        self.server.is_some() && sip::canonical_text(uri) == self.server
    }

    /// Whose stored list this is, if it is one.
    pub(crate) fn owner(&self, uri: &str) -> Option<Aor> {
        self.template.owner(&Uri::parse(uri).ok()?)
    }
}

impl Settings {
    /// Whether a user is one of our domains.
    pub(crate) fn is_ours(&self, aor: &Aor) -> bool {
        aor.domain().is_none_or(|domain| self.domains.iter().any(|own| own == domain))
    }

    /// Whether documents of a tree may be at another document server.
    pub(crate) fn may_be_remote(&self, tree: &xcap::Tree) -> bool {
        let lists = self.lists.as_ref().is_some_and(|lists| lists.roots.may_be_remote(tree));
        lists || self.policy.roots.may_be_remote(tree)
    }

    /// Whether users of another domain are reached.
    pub(crate) fn reaches(&self, aor: &Aor) -> bool {
        let foreign = self.lists.as_ref().map(|lists| &lists.foreign);
        foreign.zip(aor.domain()).is_some_and(|(foreign, domain)| foreign.peer(domain).is_some())
    }

    /// What holds for all presentities.
    pub(crate) fn presence(&self) -> presence::Terms<'_> {
        presence::Terms {
            policy: &self.policy,
            publications: self.publications,
            subscriptions: self.subscriptions,
            pace: self.pace,
            publications_max: self.limits.publications,
            source_publications_max: self.limits.source_publications,
            subscriptions_max: self.limits.subscriptions,
            unanswered_max: self.limits.unanswered,
        }
    }

    /// Whether this node plays a role.
    pub(crate) fn plays(&self, role: Role) -> bool {
        match role {
            Role::Presence => true,
            Role::List => self.lists.is_some(),
            Role::Changes => self.documents.is_some(),
        }
    }

    /// What holds for subscriptions to changes of documents, if there are documents here.
    pub(crate) fn changes(&self) -> Option<changes::Terms<'_>> {
        Some(changes::Terms {
            xdms: self.documents.as_deref()?,
            lifetimes: self.subscriptions,
            pace: self.changes_pace,
            subscriptions_max: self.limits.subscriptions,
            limits: &self.limits.changes,
        })
    }
}
