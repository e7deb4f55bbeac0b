//! The HTTP entrance and the document servers behind it: what cannot work, and what should be known.

use super::is_loopback;
use crate::config::Config;
use crate::config::keys::Profile;
use crate::config::values::quoted;
use crate::xdms::declared::declared;

impl Config {
    pub(super) fn check_web(&self, found: &mut Vec<String>) {
        if !self.roles.has_entrance() {
            return;
        }
        let proxy = &self.aggregation_proxy;
        if proxy.listen.is_empty() {
            found.push("aggregation-proxy: listen: at least one address is needed".to_owned());
        }
        for listen in &proxy.listen {
            if !listen.secure && !is_loopback(listen.address) && !proxy.plain_http {
                found.push(format!(
                    "aggregation-proxy: listen: {listen} would send documents unprotected through a network; use https, \
                     or set plain-http = true if another means protects them"
                ));
            }
        }
        if proxy.certificate.is_empty() != proxy.key.is_empty() {
            found.push("aggregation-proxy: certificate and key go together".to_owned());
        }
        if !self.roles.xdm && proxy.routes.0.is_empty() {
            found.push("aggregation-proxy: there is nothing behind it: add [xdm] or routes".to_owned());
        }
        if let Some(auid) = proxy.routes.0.keys().find(|auid| !is_auid(auid)) {
            found.push(format!("aggregation-proxy: routes: {} is no AUID", quoted(auid)));
        }
        let own = |domain: &&String| self.general.domains.iter().any(|own| own.eq_ignore_ascii_case(domain));
        if let Some(domain) = proxy.domains.0.keys().chain(proxy.domain_peers.0.keys()).find(own) {
            let domain = quoted(domain);
            found.push(format!("aggregation-proxy: domains: {domain} is one of our own: documents are here"));
        }
        let root = self.xdm.root.as_str();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._".contains(&byte);
        if !root.starts_with('/') || root.ends_with('/') || root.contains("//") || !root.bytes().all(plain) {
            found.push(format!("xdm: root: expected a path such as \"/xcap-root\", found {}", quoted(root)));
        }
        if root == "/v1" || root.starts_with("/v1/") {
            found.push("xdm: root: /v1 is where the JSON face is".to_owned());
        }
        let is_name = |name: &&String| {
            let rest = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://"));
            rest.is_some_and(|host| {
                !host.is_empty() && !host.trim_end_matches('/').contains(['/', '?', '#', ' '])
            })
        };
        if let Some(alias) = self.xdm.aliases.iter().find(|name| !is_name(name)) {
            let expected = "expected scheme, host and port such as \"https://xcap.example.com\"";
            found.push(format!("xdm: aliases: {expected}, found {}", quoted(alias)));
        }
        if let Some(auid) = self.xdm.usages.0.keys().find(|auid| !is_auid(auid)) {
            found.push(format!("xdm: usages: {} is no AUID", quoted(auid)));
        }
        if let Err(why) = declared(&self.xdm) {
            found.push(format!("xdm: {why}"));
        }
        if let Some(name) = self.xdm.providers.iter().find(|name| xdm::owner(name).is_none()) {
            found.push(format!("xdm: providers: {} names no user", quoted(name)));
        }
        self.check_web_limits(found);
    }

    fn check_web_limits(&self, found: &mut Vec<String>) {
        let (xdm, proxy) = (&self.xdm, &self.aggregation_proxy);
        let least = [
            ("xdm: document-max", xdm.document_max.0, 1024),
            ("xdm: documents-max", xdm.documents_max, 1),
            ("xdm: user-max", xdm.user_max.0, xdm.document_max.0),
            ("aggregation-proxy: header-max", proxy.header_max.0, 8192),
            ("aggregation-proxy: target-max", proxy.target_max.0, 256),
            ("aggregation-proxy: body-max", proxy.body_max.0, 1024),
            ("aggregation-proxy: connections", proxy.connections, 1),
            ("aggregation-proxy: connections-per-peer", proxy.connections_per_peer, 1),
            ("aggregation-proxy: at-work", proxy.at_work, 1),
        ];
        for (key, value, least) in least {
            if value < least {
                found.push(format!("{key} must be at least {least}"));
            }
        }
        for (key, span) in [
            ("header-timeout", proxy.header_timeout),
            ("body-timeout", proxy.body_timeout),
            ("idle-timeout", proxy.idle_timeout),
            ("route-timeout", proxy.route_timeout),
        ] {
            if span.is_zero() {
                found.push(format!("aggregation-proxy: {key} must be above zero"));
            }
        }
    }

    pub(super) fn warn_of_web(&self, warnings: &mut Vec<String>) {
        if !self.roles.has_entrance() {
            return;
        }
        let proxy = &self.aggregation_proxy;
        if proxy.listen.iter().any(|listen| !listen.secure && !is_loopback(listen.address)) {
            warnings.push(
                "aggregation-proxy.plain-http: documents cross a network that everybody on it can read"
                    .to_owned(),
            );
        }
        if self.authentication.open && proxy.listen.iter().any(|listen| !is_loopback(listen.address)) {
            warnings.push(
                "authentication.open with an HTTP address beyond loopback: anyone may edit anyone's lists and rules"
                    .to_owned(),
            );
        }
        if proxy.certificate.is_empty() && proxy.listen.iter().any(|listen| listen.secure) {
            warnings.push(
                "aggregation-proxy.certificate: none; clients must be told the fingerprint of a self-made one".to_owned(),
            );
        }
        if proxy.trusted_peers.iter().any(|network| network.prefix == 0) {
            warnings.push(
                "aggregation-proxy.trusted-peers: a range of length 0 believes the whole Internet".to_owned(),
            );
        }
        for (name, address) in proxy.routes.0.iter().chain(&proxy.domains.0) {
            let near =
                address.host == "localhost" || address.host.starts_with("127.") || address.host == "[::1]";
            if !address.secure && !near {
                warnings.push(format!(
                    "aggregation-proxy: {} goes to {address} without TLS, and with it whom requests are from",
                    quoted(name)
                ));
            }
        }
    }

    pub(super) fn summary_of_web(&self) -> Vec<String> {
        let (xdm, proxy) = (&self.xdm, &self.aggregation_proxy);
        let listen: Vec<_> = proxy.listen.iter().map(ToString::to_string).collect();
        let mut lines = Vec::new();
        if self.roles.xdm {
            let checks = match xdm.profile {
                Profile::Ietf => "the RFCs' checks",
                Profile::Oma => "the RFCs' and OMA's checks",
            };
            lines.push(format!(
                "documents       {} at {}; {checks}; {} declared usage(s)",
                xdm.root,
                listen.join(", "),
                xdm.usages.0.len()
            ));
        }
        if self.roles.aggregation_proxy {
            lines.push(format!(
                "proxy           {}; {} route(s), {} other domain(s), {} range(s) of trusted peers",
                listen.join(", "),
                proxy.routes.0.len(),
                proxy.domains.0.len(),
                proxy.trusted_peers.len()
            ));
        }
        lines
    }
}

/// Whether a name can stand in a path as an AUID, RFC 4825 §5.1.
fn is_auid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}
