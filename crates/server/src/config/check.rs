//! What no single key shows: keys that contradict each other, choices to be warned of, and what the server would do.

mod web;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::keys::{Engine, LogLevel, Publish, PublishAck, Watch};
use super::values::{Secret, format_duration, quoted};
use super::{Config, Problem, Problems, Sources};

/// Partitions bound the number of shards: each shard owns at least one.
const SHARDS_MAX: u16 = 1024;

impl Config {
    /// Refuses a configuration that cannot work. All reasons at once.
    pub fn check(&self) -> Result<(), Problems> {
        let mut found = Vec::new();
        self.check_general(&mut found);
        self.check_presence_server(&mut found);
        self.check_resource_list_server(&mut found);
        self.check_authentication(&mut found);
        self.check_remote_xdms(&mut found);
        self.check_entitlement(&mut found);
        self.check_limits(&mut found);
        self.check_web(&mut found);
        let problem = |message| Problem { source: "configuration".to_owned(), line: None, message };
        if found.is_empty() { Ok(()) } else { Err(Problems(found.into_iter().map(problem).collect())) }
    }

    fn check_general(&self, found: &mut Vec<String>) {
        let general = &self.general;
        if general.listen.is_empty() {
            found.push("listen: at least one address is needed".to_owned());
        }
        if general.listen.len() > usize::from(u8::MAX) {
            found.push(format!("listen: at most {} addresses", u8::MAX));
        }
        for (index, listen) in general.listen.iter().enumerate() {
            if listen.address.ip().is_unspecified() && listen.advertised.is_none() {
                found.push(format!(
                    "listen: peers cannot answer to {}; write {} with the name or address that they can reach",
                    listen.address,
                    quoted(&format!("{listen} as sip.example.com:{}", listen.address.port()))
                ));
            }
            let twice = |other: &super::values::Listen| {
                other.protocol == listen.protocol
                    && other.address == listen.address
                    && listen.address.port() != 0
            };
            if general.listen[..index].iter().any(twice) {
                found.push(format!("listen: {listen} stands there twice"));
            }
        }
        if general.domains.is_empty() {
            found.push("domains: at least one is needed".to_owned());
        }
        for domain in &general.domains {
            let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
            if domain.is_empty() || !domain.chars().all(lawful) {
                found.push(format!("domains: {} is no domain", quoted(domain)));
            }
        }
        if general.shards > SHARDS_MAX {
            found.push(format!("shards: at most {SHARDS_MAX}"));
        }
    }

    fn check_presence_server(&self, found: &mut Vec<String>) {
        let role = &self.presence_server;
        let lifetimes = [
            ("publication", role.publication_min, role.publication_default, role.publication_max),
            ("subscription", role.subscription_min, role.subscription_default, role.subscription_max),
        ];
        for (what, min, default, max) in lifetimes {
            if !(min <= default && default <= max && !max.is_zero()) {
                found.push(format!(
                    "presence-server: {what}-min <= {what}-default <= {what}-max must hold, and the last be above zero \
                     (they are {}, {}, {})",
                    format_duration(min),
                    format_duration(default),
                    format_duration(max)
                ));
            }
        }
        let bounds = [
            ("publications-max", role.publications_max),
            ("source-publications-max", role.source_publications_max),
            ("watchers-max", role.watchers_max),
            ("watcher-subscriptions-max", role.watcher_subscriptions_max),
        ];
        for (key, value) in bounds {
            if value == 0 {
                found.push(format!("presence-server: {key} must be above zero"));
            }
        }
        if role.document_max.0 < 256 {
            found.push("presence-server: document-max: no presence document is so small".to_owned());
        }
    }

    fn check_resource_list_server(&self, found: &mut Vec<String>) {
        let role = &self.resource_list_server;
        let is_user = sip::canonical_text(&role.uri).is_some();
        if !role.uri.is_empty() && !is_user {
            found.push(format!("resource-list-server: uri: {} is no SIP URI of a user", quoted(&role.uri)));
        }
        if rls::service::Template::parse(&role.service_uri_template).is_none() {
            found.push(format!(
                "resource-list-server: service-uri-template: {} is not of the form {}",
                quoted(&role.service_uri_template),
                quoted("<xui>;pres-list=<id>")
            ));
        }
        for root in &role.xcap_roots {
            let is_http = root.starts_with("http://") || root.starts_with("https://");
            if !is_http || root.ends_with('/') {
                found.push(format!(
                    "resource-list-server: xcap-roots: {} is no HTTP URI without a slash at its end",
                    quoted(root)
                ));
            }
        }
        if role.notify_max.0 < 2048 {
            found.push("resource-list-server: notify-max: 2048 octets at least".to_owned());
        }
        for domain in role.peers.0.keys() {
            if self.general.domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain)) {
                found.push(format!("resource-list-server: peers: {} is a domain of ours", quoted(domain)));
            }
        }
        if role.peers.0.get("*").is_some_and(|peer| peer.password.is_some() && peer.hop.is_none()) {
            found.push(
                "resource-list-server: peers: \"*\" without a hop would prove a password to anybody"
                    .to_owned(),
            );
        }
        if role.peer_expires < Duration::from_secs(60) {
            found.push("resource-list-server: peer-expires: a minute at least".to_owned());
        }
        let above_zero = [
            ("resources-max", role.resources_max),
            ("depth-max", role.depth_max),
            ("peer-window", role.peer_window),
        ];
        for (key, value) in above_zero {
            if value == 0 {
                found.push(format!("resource-list-server: {key} must be above zero"));
            }
        }
    }

    fn check_remote_xdms(&self, found: &mut Vec<String>) {
        let role = &self.remote_xdms;
        for (key, value) in [
            ("requests", role.requests),
            ("resources", role.resources),
            ("documents-max", role.documents_max),
        ] {
            if value == 0 {
                found.push(format!("remote-xdms: {key} must be above zero"));
            }
        }
        let second = Duration::from_secs(1);
        for (key, value) in [("timeout", role.timeout), ("poll", role.poll), ("check", role.check)] {
            if value < second {
                found.push(format!("remote-xdms: {key}: a second at least"));
            }
        }
        if role.expires < Duration::from_secs(60) {
            found.push("remote-xdms: expires: a minute at least".to_owned());
        }
        if role.document_max.0 < 1024 {
            found.push("remote-xdms: document-max must be at least 1024".to_owned());
        }
        for (name, server) in &role.servers.0 {
            if server.identity.is_none() && (server.password.is_some() || server.trusted) {
                let who = "password and trusted say how an identity is proven: add identity";
                found.push(format!("remote-xdms: servers: {}: {who}", quoted(name)));
            }
        }
    }

    fn check_entitlement(&self, found: &mut Vec<String>) {
        let own = &self.entitlement;
        let functions = [
            ("publish", &own.publish),
            ("watch", &own.watch),
            ("watch-lists", &own.watch_lists),
            ("winfo", &own.winfo),
            ("xcap", &own.xcap),
        ];
        for (function, entries) in functions {
            for entry in
                entries.iter().filter(|entry| entry.is_empty() || entry.contains(char::is_whitespace))
            {
                found.push(format!("entitlement: {function}: {} is no domain and no user", quoted(entry)));
            }
        }
    }

    fn check_authentication(&self, found: &mut Vec<String>) {
        let authentication = &self.authentication;
        if authentication.algorithms.is_empty() {
            found.push("authentication: algorithms: at least one is needed".to_owned());
        }
        if authentication.nonce_lifetime.is_zero() {
            found.push("authentication: nonce-lifetime must be above zero".to_owned());
        }
        for user in authentication.users.keys() {
            let domain = user.split_once('@').map(|(_, domain)| domain);
            if domain.is_some_and(|domain| {
                !self.general.domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain))
            }) {
                found.push(format!("authentication: users: {} is in none of our domains", quoted(user)));
            }
        }
    }

    fn check_limits(&self, found: &mut Vec<String>) {
        let limits = &self.limits;
        let least = [
            ("message", limits.message.0, 1300),
            ("headers", limits.headers, 16),
            ("header", limits.header.0, 256),
            ("uri", limits.uri.0, 64),
            ("presentities", limits.presentities, 1),
            ("subscriptions", limits.subscriptions, 1),
            ("parked", limits.parked.0, 64 << 10),
            ("transactions", limits.transactions.0, 64 << 10),
            ("notify-window", limits.notify_window.into(), 1),
            ("turn", limits.turn, 1),
            ("mailbox", limits.mailbox, 16),
            ("connections", limits.connections, 1),
            ("connections-per-peer", limits.connections_per_peer, 1),
            ("write-queue", limits.write_queue.0, 64 << 10),
        ];
        for (key, value, least) in least {
            if value < least {
                found.push(format!("limits: {key} must be at least {least}"));
            }
        }
    }

    /// What works, but should be known before it is chosen.
    pub fn warnings(&self, sources: &Sources) -> Vec<String> {
        let mut warnings = Vec::new();
        let open = self.authentication.open;
        let beyond: Vec<_> = self.general.listen.iter().filter(|one| !is_loopback(one.address)).collect();
        if open {
            warnings.push(
                "authentication.open: nobody is asked for a password, anyone may publish as anyone"
                    .to_owned(),
            );
            if !beyond.is_empty() {
                warnings.push(
                    "authentication.open with a listen address beyond loopback: this is open to a network"
                        .into(),
                );
            }
        } else if self.authentication.users.is_empty() && self.authentication.trusted_peers.is_empty() {
            warnings.push("no users and no trusted peers: every request will be refused with 401".to_owned());
        }
        if self.presence_server.publish == Publish::Everyone && !open {
            warnings.push(
                "presence-server.publish = \"everyone\": any user may publish for any other".to_owned(),
            );
        }
        if self.authentication.trusted_peers.iter().any(|network| network.prefix == 0) {
            warnings.push(
                "authentication.trusted-peers: a range of length 0 believes the whole Internet".to_owned(),
            );
        }
        self.warn_of_web(&mut warnings);
        self.warn_of_secrets(sources, &mut warnings);
        if self.admin.listen.0.is_some_and(|address| !is_loopback(address)) {
            warnings.push("admin.listen beyond loopback: anyone who reaches it reads the metrics, and why users see each other".to_owned());
        }
        if self.store.engine == Engine::Memory {
            warnings.push(
                "store.engine = \"memory\": a restart forgets publications and subscriptions".to_owned(),
            );
        }
        if matches!(self.log.level, LogLevel::Debug | LogLevel::Trace) {
            warnings.push("log.level: lines of this level may name users".to_owned());
        }
        warnings
    }

    fn warn_of_secrets(&self, sources: &Sources, warnings: &mut Vec<String>) {
        let users = &self.authentication.users;
        let plain = users.values().filter(|secret| matches!(secret, Secret::Password(_))).count();
        if plain > 0 {
            warnings.push(format!(
                "{plain} password(s) in plain text; `rollcall hash` makes hashes to put in their place"
            ));
        }
        for algorithm in &self.authentication.algorithms {
            let lacking = |secret: &&Secret| match secret {
                Secret::Password(_) => false,
                Secret::Hashes { md5, sha256 } => match algorithm {
                    super::keys::DigestAlgorithm::Md5 => md5.is_none(),
                    super::keys::DigestAlgorithm::Sha256 => sha256.is_none(),
                },
            };
            let count = users.values().filter(lacking).count();
            if count > 0 {
                warnings.push(format!("{count} user(s) have no hash for {}", algorithm.word()));
            }
        }
        let files = sources.file.iter().map(|path| path.display().to_string());
        let files = files.chain(Some(self.authentication.users_file.clone()).filter(|name| !name.is_empty()));
        for file in files.filter(|_| !users.is_empty()).filter(|file| others_may_read(file)) {
            warnings.push(format!("{file} holds secrets, and others may read it (chmod 600)"));
        }
    }

    /// What the server would do with this configuration, a line each. Names no user.
    pub fn summary(&self) -> Vec<String> {
        let role = &self.presence_server;
        let authentication = &self.authentication;
        let watch = match role.watch {
            Watch::Everyone => "everyone may watch everyone",
            Watch::OwnDomain => "users may watch users of their own domain",
            Watch::Oneself => "users may watch only themselves",
        };
        let unmatched = role.unmatched.word();
        let publish = match role.publish {
            Publish::Everyone => "everyone may publish for everyone",
            Publish::Oneself => "users publish for themselves",
        };
        let who = if authentication.open {
            "open: nobody is asked for a password".to_owned()
        } else {
            let algorithms: Vec<_> = authentication.algorithms.iter().map(|one| one.word()).collect();
            format!(
                "{} user(s) by digest ({}; realm {}), {} range(s) of trusted peers",
                authentication.users.len(),
                algorithms.join(", "),
                quoted(self.realm()),
                authentication.trusted_peers.len()
            )
        };
        let store = match self.store.engine {
            Engine::Memory => "in memory only".to_owned(),
            Engine::Embedded => format!(
                "log in {}, on disk within {}; answers {}",
                quoted(&self.store.path),
                format_duration(self.store.commit_interval),
                match self.store.publish_ack {
                    PublishAck::Memory => "at once",
                    PublishAck::Durable => "when on disk",
                }
            ),
        };
        let admin = self
            .admin
            .listen
            .0
            .map_or_else(|| "off".to_owned(), |address| format!("http://{address}/metrics"));
        let listen: Vec<_> = self.general.listen.iter().map(ToString::to_string).collect();
        let mut lines = vec![
            format!("listen          {}", listen.join(", ")),
            format!("domains         {}", self.general.domains.join(", ")),
            format!("shards          {}", self.shards()),
            format!("authentication  {who}"),
            format!("policy          {watch}, where they have no rules; others: {unmatched}; {publish}"),
            format!(
                "publications    live {} to {}, {} if none is asked for",
                format_duration(role.publication_min),
                format_duration(role.publication_max),
                format_duration(role.publication_default)
            ),
            format!(
                "subscriptions   live {} to {}, {} if none is asked for; NOTIFYs at least {} apart",
                format_duration(role.subscription_min),
                format_duration(role.subscription_max),
                format_duration(role.subscription_default),
                format_duration(role.pace)
            ),
        ];
        lines.extend(self.summary_of_web());
        lines.extend([format!("store           {store}"), format!("admin           {admin}")]);
        lines
    }

    /// The digest realm: as configured, else the first domain.
    pub fn realm(&self) -> &str {
        let named = &self.authentication.realm;
        if named.is_empty() { self.general.domains.first().map_or("", String::as_str) } else { named }
    }

    /// How many shards: as configured, else one per core.
    pub fn shards(&self) -> u16 {
        if self.general.shards != 0 {
            return self.general.shards;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        u16::try_from(cores).unwrap_or(SHARDS_MAX).min(SHARDS_MAX)
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback(),
    }
}

/// Whether the file's mode lets its group or others read it. A file that is not there is nobody's.
fn others_may_read(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o044 != 0)
}
