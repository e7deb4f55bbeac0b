//! Every flow file, said to a running server: what its log says of those who are in them. Nothing.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sim::flow::Deed;
use xcap::{DocumentSelector, Tree};

use crate::process::Program;
use crate::web::Http;

/// So long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The domains that flows have.
const DOMAINS: &str =
    "domains=[\"example.com\", \"example.net\", \"example.org\", \"home1.example\", \"localhost\"]";

#[test]
fn the_log_names_nobody_of_any_flow() {
    let flows = flows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim/flows"));
    assert!(flows.len() > 300, "the flows are found");
    let closed = ["authentication.open=false", "authentication.users={ alice = \"wonderland\" }"];
    let trusting = ["authentication.open=false", "authentication.trusted-peers=[\"127.0.0.0/8\"]"];
    for (number, settings) in [&["authentication.open=true"][..], &closed, &trusting].into_iter().enumerate()
    {
        let silent = log_after(settings, &[]);
        let log = log_after(settings, &flows);
        let names = names(&flows);
        assert!(names.contains("alice") && names.contains("userb") && names.len() > 100, "{names:?}");
        let known = words(&silent);
        for word in words(&log).difference(&known) {
            assert!(!names.contains(word), "the log names {word} ({number}):\n{log}");
        }
        assert!(!log.contains('@') && !log.contains("sip:"), "the log has an address ({number}):\n{log}");
    }
}

/// What a server logs until it has heard all this, and is stopped.
fn log_after(settings: &[&str], flows: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let own = [
        DOMAINS,
        "xdm.root=/xcap-root",
        "aggregation-proxy.listen=http:127.0.0.1:0",
        "shards=1",
        "resource-list-server.aggregation=1s",
    ];
    let settings: Vec<&str> = own.iter().chain(settings).flat_map(|setting| ["--set", setting]).collect();
    let mut program = Program::start(folder.path(), "127.0.0.1:0", &settings);
    let (address, _) = program.serving();
    let line = program.line(" serving documents ");
    let documents = line.split("listen=http:").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut http = Http::connect(documents.parse().unwrap());
    let mut peer = Reciter::new(address);
    for flow in flows {
        for deed in sim::flow::deeds(flow).unwrap() {
            match deed {
                Deed::Said(bytes) => peer.say(&bytes),
                Deed::Written(document, body) => {
                    let (method, body) = body.map_or(("DELETE", Vec::new()), |body| ("PUT", body));
                    let body = String::from_utf8(body).unwrap();
                    let kind = format!("Content-Type: {}", media_type(&document.auid));
                    let by = format!("X-3GPP-Asserted-Identity: \"{}\"", owner(&document));
                    http.ask(method, &path(&document), &[&kind, &by], &body);
                }
            }
        }
        peer.until_heard();
    }
    program.stop()
}

/// Says what peers say, from loopback, and takes no notice of what comes back.
struct Reciter {
    socket: UdpSocket,
    server: SocketAddr,
    asked: u32,
}

impl Reciter {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, server, asked: 0 }
    }

    /// Says it as it is, but for addresses: where flows have those of documentation, here is loopback.
    fn say(&self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        for (documentation, loopback) in [
            ("192.0.2.", "127.0.2."),
            ("203.0.113.", "127.0.3."),
            ("198.51.100.", "127.0.4."),
            ("2001:db8::", "::ffff:127.0.5."),
        ] {
            bytes = replaced(&bytes, documentation.as_bytes(), loopback.as_bytes());
        }
        if bytes.len() < 60_000 {
            self.socket.send_to(&bytes, self.server).unwrap();
        }
    }

    /// Waits until all that was said is heard: a question that is answered after it.
    fn until_heard(&mut self) {
        self.asked += 1;
        let (asked, here) = (self.asked, self.socket.local_addr().unwrap());
        self.say(
            format!(
                "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKheard{asked};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:{here}>;tag=h\r\nTo: <sip:{0}>\r\nCall-ID: heard{asked}\r\nCSeq: 1 OPTIONS\r\n\
                 Content-Length: 0\r\n\r\n",
                self.server
            )
            .as_bytes(),
        );
        let mut buffer = vec![0; 65_536];
        let wanted = format!("branch=z9hG4bKheard{asked};");
        loop {
            let length = self.socket.recv(&mut buffer).expect("the server hears to the end");
            if buffer[..length].windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
                return;
            }
        }
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// The users of all flows by user part and by address, what they are called, and their passwords; in lower case.
fn names(flows: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for flow in flows {
        for line in flow.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let mut parts = line.split_whitespace();
            match (parts.next(), parts.next()) {
                (Some("set"), Some("user")) => names.extend(parts.map(str::to_lowercase)),
                (Some("peer"), Some(peer)) => _ = names.insert(peer.trim_end_matches(':').to_lowercase()),
                (Some(peer), Some(">")) | (Some(_), Some(peer)) if line.contains('>') => {
                    names.insert(peer.to_lowercase());
                }
                _ => {}
            }
        }
        for deed in sim::flow::deeds(flow).unwrap() {
            let bytes = match deed {
                Deed::Said(bytes) => bytes,
                Deed::Written(document, body) => {
                    [owner(&document).into_bytes(), body.unwrap_or_default()].concat()
                }
            };
            addresses(&String::from_utf8_lossy(&bytes).to_lowercase(), &mut names);
        }
    }
    names.retain(|name| name.len() > 1 && name.chars().any(|c| !c.is_ascii_digit()));
    names
}

/// Users of the URIs in a text.
fn addresses(text: &str, names: &mut BTreeSet<String>) {
    for scheme in ["sip:", "sips:", "tel:", "pres:", "mailto:", "im:"] {
        for (at, _) in text.match_indices(scheme) {
            let rest = &text[at + scheme.len()..];
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || "._-+%".contains(c))).unwrap_or(rest.len());
            if rest[end..].starts_with('@') || scheme == "tel:" {
                names.insert(rest[..end].to_owned());
            }
        }
    }
}

/// What stands between spaces and signs, in lower case.
fn words(log: &str) -> BTreeSet<String> {
    let log = log.to_lowercase();
    let words = log.split(|c: char| !(c.is_alphanumeric() || "_-+%".contains(c)));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn owner(document: &DocumentSelector) -> String {
    match &document.tree {
        Tree::User(user) => user.to_string(),
        Tree::Global => String::new(),
    }
}

fn path(document: &DocumentSelector) -> String {
    let tree = match &document.tree {
        Tree::User(user) => format!("users/{user}"),
        Tree::Global => "global".to_owned(),
    };
    format!("/xcap-root/{}/{tree}/{}", document.auid, document.name)
}

fn media_type(auid: &str) -> &'static str {
    match auid {
        "resource-lists" => "application/resource-lists+xml",
        "rls-services" => "application/rls-services+xml",
        "pidf-manipulation" => "application/pidf+xml",
        _ => "application/auth-policy+xml",
    }
}

/// The text of every flow below a folder.
fn flows(folder: &Path) -> Vec<String> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let text = |path: &PathBuf| match path.extension() {
        _ if path.is_dir() => flows(path),
        Some(extension) if extension == "flow" => vec![std::fs::read_to_string(path).unwrap()],
        _ => Vec::new(),
    };
    paths.iter().flat_map(text).collect()
}
