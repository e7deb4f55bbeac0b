//! Every table and key of the configuration file: the one place where they are named, documented and given a default.

use core::time::Duration;
use std::collections::BTreeMap;

use client::web::Address;
use sip_stack::Protocol;

use super::table::tables;
use super::values::{
    AdminListen, DeclaredUsage, Listen, Named, Network, Octets, Peer, RemoteServer, Secret, WebListen, words,
};

words! {
    /// Who may watch the presentities of this server.
    Watch {
        /// Everyone whose identity is known, from any domain.
        Everyone = "everyone",
        /// Users of the presentity's own domain.
        OwnDomain = "own-domain",
        /// Each presentity only itself.
        Oneself = "oneself",
    }

    /// Who may publish for a presentity.
    Publish {
        /// Everyone whose identity is known: for open mode.
        Everyone = "everyone",
        /// The presentity itself.
        Oneself = "oneself",
    }

    /// What becomes of a watcher, RFC 5025 §3.2.1.
    Handling {
        /// It is refused.
        Block = "block",
        /// It waits until the presentity has decided.
        Confirm = "confirm",
        /// It is shown a presentity who is not available.
        PoliteBlock = "polite-block",
        /// It sees everything.
        Allow = "allow",
    }

    /// What a rule shows that allows and says no more.
    BareAllow {
        /// Nothing, as RFC 5025 has it.
        Nothing = "nothing",
        /// Everything, as some clients mean it.
        Everything = "everything",
    }

    /// How several publications become one document.
    Composition {
        /// Components that agree are merged, those in conflict stand side by side.
        Merge = "merge",
        /// The publication that changed last.
        Latest = "latest",
        /// The publication whose contacts have the highest priority.
        Priority = "priority",
        /// The best tuple and the latest person.
        Single = "single",
    }

    /// What to do with a NOTIFY that is too large for a datagram.
    Oversize {
        /// Try TCP to the watcher first; where it takes none, send the datagram.
        Stream = "stream",
        /// Send the datagram at once; IP fragments it.
        Datagram = "datagram",
    }

    /// Who may subscribe to a stored list.
    Lists {
        /// Whose list it is.
        Owner = "owner",
        /// Users of the owner's domain.
        OwnDomain = "own-domain",
        /// Everyone whose identity is known.
        Everyone = "everyone",
    }

    /// A digest algorithm, RFC 8760 §2.1.
    DigestAlgorithm {
        /// SHA-256, RFC 7616.
        Sha256 = "SHA-256",
        /// MD5, for phones that know no other.
        Md5 = "MD5",
    }

    /// What keeps publications and subscriptions over a restart.
    Engine {
        /// A log in a directory.
        Embedded = "embedded",
        /// Nothing: a restart forgets.
        Memory = "memory",
    }

    /// How strictly the document servers check.
    Profile {
        /// What the RFCs demand.
        Ietf = "ietf",
        /// That, and what the OMA specifications demand above it.
        Oma = "oma",
    }

    /// When a request is answered and watchers are told.
    PublishAck {
        /// At once; what the last commit interval brought is lost if the machine fails.
        Memory = "memory",
        /// When it is on disk.
        Durable = "durable",
    }

    /// The shape of a log line.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }

    /// The least important log lines that are written.
    LogLevel {
        /// Faults.
        Error = "error",
        /// What soon becomes a fault.
        Warn = "warn",
        /// What an operator acts on. Names no user.
        Info = "info",
        /// What a developer asks for; may name users.
        Debug = "debug",
        /// Everything; names users.
        Trace = "trace",
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn loopback() -> Vec<Listen> {
    let address = (core::net::Ipv4Addr::LOCALHOST, 5060).into();
    [Protocol::Udp, Protocol::Tcp].map(|protocol| Listen { protocol, address, advertised: None }).to_vec()
}

tables! {
    /// What is true of the whole process.
    General [""] {
        /// Addresses to listen on: protocol, address and port, such as "udp:192.0.2.1:5060" or "tcp:192.0.2.1:5060".
        /// An IPv6 address stands in brackets.
        /// Behind NAT, or on 0.0.0.0, say what peers shall see: "udp:0.0.0.0:5060 as sip.example.com:5060".
        listen: Vec<Listen> = loopback(), restart;
        /// The domains of this server's users. Requests for other domains are not answered here (404).
        /// The hosts of the listen addresses count as domains too.
        domains: Vec<String> = vec!["localhost".to_owned()], restart;
        /// Threads that own presentities, each with its own sockets. 0: one per core.
        shards: u16 = 0, restart;
    }

    /// The Presence Server: who may publish and watch, for how long, and how often watchers are told.
    PresenceServer ["presence-server"] {
        /// Who may watch presentities without rules documents of their own: "own-domain" (users of the presentity's
        /// domain), "everyone" (whose identity is known) or "oneself". They see everything.
        watch: Watch = Watch::OwnDomain, reload;
        /// What becomes of watchers whom neither a presentity's rules nor `watch` mention: "block", "confirm" (they wait
        /// until the presentity has decided), "polite-block" or "allow".
        unmatched: Handling = Handling::Block, reload;
        /// What a rule shows that allows and has no transformations: "nothing" (RFC 5025) or "everything" (what some
        /// clients mean by it).
        bare_allow: BareAllow = BareAllow::Nothing, reload;
        /// How several publications of a presentity become one document: "merge" (what agrees is merged, what is in conflict
        /// stands side by side), "latest" (the publication that changed last), "priority" (the one whose contacts have the
        /// highest priority) or "single" (one tuple and one person, for simple phones).
        composition: Composition = Composition::Merge, reload;
        /// Who may publish for a presentity: "oneself" (and whom its publication rules allow), or "everyone" (for open
        /// mode only).
        publish: Publish = Publish::Oneself, reload;
        /// Shortest lifetime of a publication; a shorter one is refused with 423 and this value.
        publication_min: Duration = minutes(1), reload;
        /// Lifetime of a publication that asks for none.
        publication_default: Duration = minutes(60), reload;
        /// Longest lifetime of a publication; a longer one is cut to this.
        publication_max: Duration = minutes(120), reload;
        /// Shortest lifetime of a subscription; a shorter one is refused with 423 and this value.
        subscription_min: Duration = minutes(1), reload;
        /// Lifetime of a subscription that asks for none.
        subscription_default: Duration = minutes(60), reload;
        /// Longest lifetime of a subscription; a longer one is cut to this.
        subscription_max: Duration = minutes(120), reload;
        /// Least time between two NOTIFYs of one subscription (RFC 3856 §6.10). What changes meanwhile is merged.
        /// "0s": every change is told at once.
        pace: Duration = Duration::from_secs(5), reload;
        /// A NOTIFY over 1300 octets for a watcher on UDP: "stream" (try TCP to it first, RFC 3261 §18.1.1) or
        /// "datagram" (at once; IP fragments it).
        oversize: Oversize = Oversize::Stream, reload;
        /// Largest presence document, unpacked.
        document_max: Octets = Octets(64 << 10), reload;
        /// Publications of one presentity at a time. Above it: 500 with Retry-After.
        publications_max: usize = 32, reload;
        /// Publications of one presentity at a time by one source that is somebody else, as its publication rules allow.
        /// Above it: 500 with Retry-After.
        source_publications_max: usize = 8, reload;
        /// Consecutive NOTIFYs that a watcher who has answered before may leave unanswered before its subscription
        /// ends. RFC 6665 §4.2.2 wants 1.
        unanswered_max: u16 = 1, reload;
        /// Subscriptions to one presentity at a time. Above it: 480 with Retry-After.
        watchers_max: usize = 200_000, reload;
        /// Subscriptions of one watcher at a time, whatever they are to (the members of a list count as one). Over several
        /// shards they are counted in steps: up to a quarter more may be granted, never less. Above it: 480 with
        /// Retry-After.
        watcher_subscriptions_max: usize = 2000, reload;
    }

    /// The XML Document Management Servers (XCAP, RFC 4825): lists, rules and the like of this server's users.
    /// Present: this node plays the role, at the addresses of [aggregation-proxy].
    Xdm ["xdm"] {
        /// The path of the XCAP root: documents lie at https://host:port/xcap-root/auid/users/xui/name.
        root: String = "/xcap-root".to_owned(), restart;
        /// Scheme, host and port by which clients reach the entrance, such as `"https://xcap.example.com"`; directories and
        /// change notifications name documents by it. Empty: made of the first listen address.
        public: String = String::new(), restart;
        /// Further such names of the same root, one for each domain that is served, for instance: what is below any of them is
        /// below it.
        aliases: Vec<String> = Vec::new(), restart;
        /// Users who act for the provider, such as "admin@example.com": they read and write everything, also what is
        /// global.
        providers: Vec<String> = Vec::new(), reload;
        /// "ietf": what the RFCs demand; "oma": also what OMA demands above it, such as a name for every list.
        profile: Profile = Profile::Ietf, restart;
        /// Largest document. Above it: 409 with the limit.
        document_max: Octets = Octets(512 << 10), restart;
        /// Documents of one user. Above it: 409 with the limit.
        documents_max: usize = 100, restart;
        /// All documents of one user together. Above it: 409 with the limit.
        user_max: Octets = Octets(8 << 20), restart;
        /// Memory for documents that were read or written lately; the others are read from the disk.
        cache: Octets = Octets(256 << 20), restart;
        /// Memory for the trees of documents that were asked for or written lately, some three times as large as those: a
        /// request for an element in one of them need not read it. 0: none is kept.
        tree_cache: Octets = Octets(64 << 20), restart;
        /// Least time between two NOTIFYs of changes of documents to one subscriber (RFC 5875 §4.10). What changes meanwhile
        /// is told together. "0s": every change is told at once.
        changes_pace: Duration = Duration::from_secs(5), reload;
        /// Resources that one subscription to changes may name. Above it: 413.
        resources: usize = 100, reload;
        /// Further application usages: { "org.example.notes" = { namespace = "urn:example:notes", mime =
        /// "application/notes+xml", schema = "notes.xsd" } }. The schema may be left out: then everything that is
        /// well-formed is taken.
        usages: Named<DeclaredUsage> = Named(BTreeMap::new()), restart;
    }

    /// The Aggregation Proxy: the one HTTPS entrance for XDM clients, to the document servers here and elsewhere.
    /// Present: this node plays the role.
    AggregationProxy ["aggregation-proxy"] {
        /// Addresses to listen on: scheme, address and port, such as "https:192.0.2.1:443". "http:" is for loopback.
        listen: Vec<WebListen> = vec![WebListen::loopback(true, 8443)], restart;
        /// Lets "http:" listen beyond loopback, for a network that is protected by other means. The server warns.
        plain_http: bool = false, restart;
        /// Certificate chain in PEM, read again on SIGHUP. Empty: a certificate made at the first start and kept in the
        /// store's directory; clients must be told its fingerprint, which the log says.
        certificate: String = String::new(), reload;
        /// The private key of the certificate, in PEM.
        key: String = String::new(), reload;
        /// Peers (addresses or ranges) whose X-3GPP-Asserted-Identity and X-XCAP-Asserted-Identity are believed, such as an
        /// authentication proxy, or an Aggregation Proxy before this XDMS.
        trusted_peers: Vec<Network> = Vec::new(), reload;
        /// Document servers elsewhere, by application usage: `{ "resource-lists" = "https://lists.example.com/xcap-root" }`.
        /// Usages that are not named are served here.
        routes: Named<Address> = Named(BTreeMap::new()), restart;
        /// The Aggregation Proxies of other domains, for documents of their users: `{ "example.net" =
        /// "https://xcap.example.net/xcap-root" }`. They are told which of our users asks, and must believe it. Without
        /// `route-authorities` they are checked against the authorities that this machine trusts.
        domains: Named<Address> = Named(BTreeMap::new()), restart;
        /// Those of them that ask here: `{ "example.net" = ["192.0.2.7"] }`, addresses or ranges. Of their users, and of
        /// nobody else, they may assert who asks.
        domain_peers: Named<Vec<Network>> = Named(BTreeMap::new()), reload;
        /// Certificates (PEM) that remote document servers are checked against. Empty: the one of this server, so that
        /// nodes with one certificate know each other.
        route_authorities: String = String::new(), restart;
        /// A remote document server must answer after this time. Above it: 504.
        route_timeout: Duration = Duration::from_secs(10), restart;
        /// Octets of one request's head. Above it: 431.
        header_max: Octets = Octets(32 << 10), restart;
        /// Length of one request target. Above it: 414.
        target_max: Octets = Octets(8 << 10), restart;
        /// Octets of one request's body, as sent and as unpacked. Above it: 413.
        body_max: Octets = Octets(1 << 20), restart;
        /// A request's head must be whole after this time. Above it: 408.
        header_timeout: Duration = Duration::from_secs(10), restart;
        /// A request's body must be whole after this time. Above it: 408.
        body_timeout: Duration = Duration::from_secs(30), restart;
        /// A connection without a request is closed after this time.
        idle_timeout: Duration = minutes(2), restart;
        /// Connections in all. Above it: 503 with Retry-After.
        connections: usize = 10_000, restart;
        /// Connections of one peer address. Above it: 503 with Retry-After.
        connections_per_peer: usize = 100, restart;
        /// Requests of one peer address per second, with bursts of ten times that. Above it: 429 with Retry-After. 0: no
        /// limit. Trusted peers have none.
        client_rate: u32 = 200, restart;
        /// Requests of one user per second, with bursts of ten times that. Above it: 429 with Retry-After. 0: no limit.
        user_rate: u32 = 100, restart;
        /// Requests at work in all. Above it: 503 with Retry-After.
        at_work: usize = 1024, restart;
        /// Threads. 0: one per core.
        threads: u16 = 0, restart;
    }

    /// The Resource List Server: subscriptions to lists, stored (RFC 4662, RFC 4826) or in the request (RFC 5367).
    /// Present: this node plays the role.
    ResourceListServer ["resource-list-server"] {
        /// The URI that takes lists in requests. Empty: "rls" at the first domain.
        uri: String = String::new(), reload;
        /// The shape of the URIs of stored lists: whose list, and under which name.
        service_uri_template: String = "<xui>;pres-list=<id>".to_owned(), reload;
        /// Who may subscribe to a stored list: "owner", "own-domain" (users of the owner's domain) or "everyone".
        lists: Lists = Lists::Owner, reload;
        /// Whose lists a user's lists may refer to: "owner" (the user's own), "own-domain" (also those of users of the
        /// same domain) or "everyone". Who refers to a list sees who is in it.
        references: Lists = Lists::Owner, reload;
        /// Our own XCAP roots, as references in lists name them, without a slash at their end. None: what a reference
        /// gives for one does not count. References to other servers are not followed.
        xcap_roots: Vec<String> = Vec::new(), reload;
        /// Changes within this time after a NOTIFY become one.
        aggregation: Duration = Duration::from_secs(1), reload;
        /// Largest NOTIFY; what does not fit follows in others. On UDP none is larger than 1300 octets unless it can go
        /// over TCP.
        notify_max: Octets = Octets(64_000), reload;
        /// Resources of one list; a list in a request that has more is refused, of a stored one they are left out.
        resources_max: usize = 1000, reload;
        /// Back-end subscriptions of one list; the resources beyond are shown as given up.
        subscriptions_max: usize = 1000, reload;
        /// Who serves the users of other domains that stand in lists: { "example.net" = { hop =
        /// "sip:192.0.2.9:5060;transport=tcp", trusted = true } }. Without a hop the name servers say where the domain is
        /// (RFC 3263); "*" stands for all domains that are not named. A trusted one is told who the watcher is
        /// (P-Asserted-Identity, RFC 3325); others are asked in the name of `uri`, and show what everybody may see. To one that
        /// asks for a password, `username` and `password` are proven by digest. Users of a domain without a peer are shown as
        /// over, "noresource".
        peers: Named<Peer> = Named(BTreeMap::new()), reload;
        /// Lifetime that is asked for of subscriptions at peers.
        peer_expires: Duration = minutes(60), reload;
        /// Subscriptions at peers, of each shard. Beyond: the resource is shown as given up.
        peer_subscriptions_max: usize = 100_000, reload;
        /// SUBSCRIBEs of each shard without an answer towards one next hop; others wait.
        peer_window: usize = 64, reload;
        /// Lists within lists.
        depth_max: usize = 16, reload;
        /// References that one list may follow.
        references_max: usize = 100, reload;
        /// Largest list document.
        document_max: Octets = Octets(1 << 20), reload;
    }

    /// Document servers elsewhere, whose documents lists, rules and permanent state are taken from: fetched by XCAP, and
    /// followed by SIP (`xcap-diff`, RFC 5875). Nobody is asked who does not stand here, whatever a document refers to.
    RemoteXdms ["remote-xdms"] {
        /// By a name of your choice: `{ lists = { root = "https://lists.example.com/xcap-root", usages = ["resource-lists"],
        /// domains = ["example.com"], subscribe = "tcp:lists.example.com:5060", identity = "rls@example.com", password =
        /// "secret" } }`. The documents of these usages (none: all) of the users of these domains ("*": of everybody, and what
        /// is global) are there, and not here. `names`: the XCAP roots by which documents refer to it, if those are others
        /// than `root`. Without `subscribe` its documents are polled. `identity` must be let read them: proven by `password`,
        /// or, where the server takes our word for it (`trusted = true`), by P-Asserted-Identity, X-3GPP-Asserted-Identity and
        /// X-XCAP-Asserted-Identity; with neither, HTTP requests name nobody.
        servers: Named<RemoteServer> = Named(BTreeMap::new()), restart;
        /// Certificates (PEM) that the servers are checked against. Empty: the authorities that the machine trusts.
        authorities: String = String::new(), restart;
        /// A server must answer after this time. Above it, it counts as away.
        timeout: Duration = Duration::from_secs(10), restart;
        /// Largest document. A larger one is not taken; the one before counts on, as if it could not be confirmed.
        document_max: Octets = Octets(1 << 20), restart;
        /// Documents followed at one server. Above it: requests that need another one get 503 with Retry-After.
        documents_max: usize = 200_000, restart;
        /// Requests to one server at once; others wait.
        requests: usize = 8, restart;
        /// Documents and collections that one subscription names.
        resources: usize = 100, restart;
        /// Lifetime that is asked for of subscriptions to changes.
        expires: Duration = minutes(10), restart;
        /// Time between two looks at a document of whose changes nobody tells.
        poll: Duration = minutes(1), restart;
        /// Time between two looks at a document of whose changes a subscription tells, and before a server that refused one is
        /// asked again.
        check: Duration = minutes(15), restart;
        /// While a server is away, its documents count for so long as they were; then a list has no members, and a state is
        /// none.
        stale: Duration = minutes(24 * 60), restart;
        /// While a server is away, rules count for so long as they were; then they allow nothing.
        stale_rules: Duration = minutes(5), restart;
        /// The longest wait before another try, whatever the server asks for.
        retry_max: Duration = minutes(5), restart;
    }

    /// Who may use which function at all, before anybody's rules: domains and users, such as
    /// `["example.com", "sip:bob@example.net"]`. Others are refused with 403. Empty: everybody.
    Entitlement ["entitlement"] {
        /// PUBLISH.
        publish: Vec<String> = Vec::new(), reload;
        /// Subscriptions to presence, by lists too. Who may no more is told so at once.
        watch: Vec<String> = Vec::new(), reload;
        /// Subscriptions to lists. Each member must let the watcher watch, too.
        watch_lists: Vec<String> = Vec::new(), reload;
        /// Subscriptions to watcher information.
        winfo: Vec<String> = Vec::new(), reload;
        /// Documents, by XCAP, by the JSON face and by subscriptions to their changes.
        xcap: Vec<String> = Vec::new(), reload;
    }

    /// Who a caller is, and how it is proven.
    Authentication ["authentication"] {
        /// Take every request's word for who sent it. For laboratories on loopback; the server warns.
        open: bool = false, restart;
        /// The digest realm. Empty: the first domain.
        realm: String = String::new(), restart;
        /// Users and their passwords: { alice = "her password", "bob@example.org" = "his" }. A name without a domain is
        /// a user of the first domain. In place of a password, hashes as `rollcall hash` prints them:
        /// { md5 = "..", sha256 = ".." }.
        users: BTreeMap<String, Secret> = BTreeMap::new(), reload;
        /// A file with more users, a line each as in the table above: alice = "her password". Empty: none.
        users_file: String = String::new(), reload;
        /// Peers (addresses or ranges) whose P-Asserted-Identity is believed, such as our own proxies. They are not
        /// asked for a password. From the next start on, a TCP connection of theirs whose Via has `alias` also carries
        /// NOTIFYs to the port that it names (RFC 5923).
        trusted_peers: Vec<Network> = Vec::new(), reload;
        /// Digest algorithms offered, best first.
        algorithms: Vec<DigestAlgorithm> = vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5], reload;
        /// How long one nonce serves before a fresh one is asked for.
        nonce_lifetime: Duration = minutes(5), reload;
    }

    /// What keeps publications and subscriptions over a restart or a crash.
    Store ["store"] {
        /// "embedded": a log in a directory. "memory": nothing is kept.
        engine: Engine = Engine::Embedded, restart;
        /// The directory of the log. Made if missing; only one server may use it.
        path: String = "rollcall-data".to_owned(), restart;
        /// Changes reach the disk together, at most this much later.
        commit_interval: Duration = Duration::from_millis(50), restart;
        /// "memory": answer at once; a failing machine may lose the last commit interval, a failing process the last
        /// milliseconds.
        /// "durable": answer, and tell watchers, when the change is on disk.
        publish_ack: PublishAck = PublishAck::Memory, restart;
        /// Size of one file of the log.
        segment_size: Octets = Octets(64 << 20), restart;
    }

    /// HTTP for the operator: /metrics (Prometheus), /healthz, /readyz. It asks for no password: keep it on loopback or
    /// an inner network.
    Admin ["admin"] {
        /// Address and port, or "off".
        listen: AdminListen = AdminListen(Some((core::net::Ipv4Addr::LOCALHOST, 8080).into())), restart;
    }

    /// The log, on standard error.
    Log ["log"] {
        /// "text" for people, "json" for machines.
        format: LogFormat = LogFormat::Text, restart;
        /// "error", "warn", "info", "debug" or "trace". Users are named by "debug" and "trace" only.
        level: LogLevel = LogLevel::Info, reload;
        /// A file for the audit trail: who changed which rules, and what was decided about which watcher, a JSON object per
        /// line; empty for none. It names users. A reload opens it anew after it was moved away.
        audit: String = String::new(), restart;
    }

    /// Bounds. Each has its own refusal and its own counter in /metrics.
    Limits ["limits"] {
        /// Largest SIP message.
        message: Octets = Octets(65_535), restart;
        /// Header fields of one message.
        headers: usize = 128, restart;
        /// Length of one header field.
        header: Octets = Octets(8 << 10), restart;
        /// Length of one URI.
        uri: Octets = Octets(2 << 10), restart;
        /// Presentities with state, per shard. Above it: 503 with Retry-After.
        presentities: usize = 4_000_000, reload;
        /// Lists with subscriptions, each watcher's own, per shard. Above it: 503 with Retry-After.
        lists: usize = 1_000_000, reload;
        /// Subscriptions, per shard. Above it: 503 with Retry-After.
        subscriptions: usize = 4_000_000, reload;
        /// What a shard keeps of requests that wait for documents. Above it: 503 with Retry-After.
        parked: Octets = Octets(4 << 20), reload;
        /// What a shard keeps to answer repeated requests alike; the oldest goes first.
        transactions: Octets = Octets(64 << 20), reload;
        /// NOTIFYs on their way to one address that are not answered yet; the others wait.
        notify_window: u16 = 64, reload;
        /// NOTIFYs that a shard sends before it looks for new requests.
        turn: usize = 256, reload;
        /// Messages that wait for a shard. Above it: 503 with Retry-After.
        mailbox: usize = 4096, restart;
        /// TCP connections in all.
        connections: usize = 10_000, restart;
        /// TCP connections of one peer address.
        connections_per_peer: usize = 100, restart;
        /// A TCP connection without traffic is closed after this time.
        connection_idle: Duration = minutes(60), restart;
        /// A TCP connection must have brought its first whole message after this time.
        first_message: Duration = Duration::from_secs(10), restart;
        /// What may wait for a slow TCP peer before its connection is closed.
        write_queue: Octets = Octets(1 << 20), restart;
    }
}
