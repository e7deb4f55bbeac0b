//! The program as a process: ended hard, started again, told to reload and to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::journal::named;
use crate::peer::{Peer, document};
use crate::web::{Http, INDEX, LISTS, list};

/// A running `rollcall serve`.
pub(crate) struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    lines: String,
}

impl Program {
    pub(crate) fn start(folder: &Path, listen: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        let own = [
            format!("listen=udp:{listen}"),
            "admin.listen=127.0.0.1:0".to_owned(),
            "shards=2".to_owned(),
            "presence-server.pace=0s".to_owned(),
            format!("store.path={}", folder.join("data").display()),
        ];
        command.arg("serve");
        for setting in &own {
            command.args(["--set", setting]);
        }
        let mut child = command.args(more).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, lines: String::new() }
    }

    /// Reads the log up to the line with this text.
    pub(crate) fn line(&mut self, with: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.log.read_line(&mut line).unwrap() > 0,
                "the log ended without {with:?}:\n{}",
                self.lines
            );
            assert_eq!(named(&line), None, "the log names somebody: {line}");
            self.lines.push_str(&line);
            if line.contains(with) {
                return line;
            }
        }
    }

    /// Waits until it serves. Where, and where its pages are.
    pub(crate) fn serving(&mut self) -> (SocketAddr, SocketAddr) {
        let line = self.line(" serving ");
        let value = |key: &str| line.split(key).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        (value("listen=udp:").parse().unwrap(), value("admin=").parse().unwrap())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Stops it in order; all it ever logged.
    pub(crate) fn stop(mut self) -> String {
        self.signal("-TERM");
        self.line("stopped");
        assert!(self.child.wait().unwrap().success());
        core::mem::take(&mut self.lines)
    }
}

impl Drop for Program {
    /// What nobody has read of its log is looked at too.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let mut rest = String::new();
        let _ = self.log.read_to_string(&mut rest);
        let _ = self.child.wait();
        let found = rest.lines().find(|line| named(line).is_some());
        assert!(found.is_none() || std::thread::panicking(), "the log names somebody: {found:?}");
    }
}

fn page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_killed_server_keeps_its_dialogs() {
    let folder = tempfile::tempdir().unwrap();
    // Durable, so that whatever was answered before the end is there after it.
    let open = ["--set", "authentication.open=true", "--set", "store.publish-ack=durable"];
    let mut first = Program::start(folder.path(), "127.0.0.1:0", &open);
    let (address, _) = first.serving();
    let (mut watcher, mut source) = (Peer::udp(address), Peer::udp(address));
    assert_eq!(watcher.subscribe("bob", "alice", "w1").status(), 200);
    watcher.notify();
    let published = source.publish("alice", "p1", "before", None);
    let before = watcher.notify();
    assert!(before.0.contains("before"));
    first.child.kill().unwrap(); // SIGKILL
    first.child.wait().unwrap();

    let mut second = Program::start(folder.path(), &address.to_string(), &open);
    assert_eq!(second.serving().0, address);
    let tag = published.field("SIP-ETag").to_owned();
    let modified = source.publish("alice", "p1", "after", Some(&tag));
    assert_eq!(modified.status(), 200, "the publication is still there: {}", modified.0);
    assert_ne!(modified.field("SIP-ETag"), tag);
    let after = loop {
        let told = watcher.notify();
        if told.0.contains("after") {
            break told;
        }
    };
    assert_eq!(after.field("Call-ID"), "w1");
    assert_eq!(after.field("From"), before.field("From"), "the dialog is the same");
    assert!(after.cseq() > before.cseq(), "{} after {}", after.cseq(), before.cseq());
    let log = second.stop();
    for name in ["alice", "bob", "before", "after"] {
        assert!(!log.contains(name), "the log names {name}:\n{log}");
    }
}

#[test]
fn documents_outlive_a_killed_server_and_go_back_into_another() {
    let folder = tempfile::tempdir().unwrap();
    let documents = [
        ["--set", "domains=example.com"],
        ["--set", "authentication.open=true"],
        ["--set", "xdm.root=/xcap-root"],
        ["--set", "aggregation-proxy.listen=http:127.0.0.1:0"],
    ];
    let documents = documents.as_flattened();
    let start = |folder: &Path| {
        let mut program = Program::start(folder, "127.0.0.1:0", documents);
        let line = program.line(" serving documents ");
        let address = line.split("listen=http:").nth(1).unwrap().split_whitespace().next().unwrap();
        let http = Http::connect(address.parse().unwrap());
        (program, http)
    };
    let command = |folder: &Path, arguments: &[&str]| {
        let store = format!("store.path={}", folder.join("data").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        assert!(command.args(arguments).args(["--set", &store]).status().unwrap().success(), "{arguments:?}");
    };
    let copy = folder.path().join("copy").display().to_string();

    let (mut first, mut http) = start(folder.path());
    let backed_up = http.ask("PUT", INDEX, &[LISTS], &list(&["bob"]));
    assert_eq!(backed_up.status, 201, "{}", backed_up.text());
    command(folder.path(), &["backup", &copy]);
    let last = http.ask("PUT", INDEX, &[LISTS], &list(&["bob", "carol"]));
    assert_eq!(last.status, 200, "{}", last.text());
    first.child.kill().unwrap(); // SIGKILL
    first.child.wait().unwrap();

    let (second, mut http) = start(folder.path());
    let found = http.ask("GET", INDEX, &[], "");
    assert_eq!((found.status, found.text(), found.etag()), (200, list(&["bob", "carol"]), last.etag()));
    second.stop();

    let other = tempfile::tempdir().unwrap();
    command(other.path(), &["restore", &copy]);
    let (third, mut http) = start(other.path());
    let found = http.ask("GET", INDEX, &[], "");
    assert_eq!((found.status, found.text(), found.etag()), (200, list(&["bob"]), backed_up.etag()));
    let changed = http.ask("PUT", INDEX, &[LISTS], &list(&["dora"]));
    assert!(![backed_up.etag(), last.etag()].contains(&changed.etag()), "a tag is never given twice");
    third.stop();
}

#[test]
fn what_is_imported_while_the_server_is_down_is_told_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ["--set", "authentication.open=true"],
        ["--set", "xdm.root=/xcap-root"],
        ["--set", "aggregation-proxy.listen=http:127.0.0.1:0"],
    ];
    let settings = settings.as_flattened();
    let command = |arguments: &[&str]| {
        let store = format!("store.path={}", folder.path().join("data").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        assert!(command.args(arguments).args(["--set", &store]).status().unwrap().success(), "{arguments:?}");
    };
    let rules = "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\">\
        <cr:rule id=\"a\"><cr:conditions><cr:identity><cr:one id=\"sip:bob@localhost\"/></cr:identity></cr:conditions>\
        <cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions><cr:transformations><pr:provide-services>\
        <pr:all-services/></pr:provide-services><pr:provide-all-attributes/></cr:transformations></cr:rule></cr:ruleset>";
    let documents = [
        ("pres-rules/users/sip:alice@localhost/index", "application/auth-policy+xml", rules.to_owned()),
        (
            "pidf-manipulation/users/sip:alice@localhost/index",
            "application/pidf+xml",
            document("alice", "by mail"),
        ),
    ];
    let mut first = Program::start(folder.path(), "127.0.0.1:0", settings);
    let (address, _) = first.serving();
    let line = first.line(" serving documents ");
    let entrance = line.split("listen=http:").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut http = Http::connect(entrance.parse().unwrap());
    for (path, kind, body) in &documents {
        let put = http.ask("PUT", &format!("/xcap-root/{path}"), &[&format!("Content-Type: {kind}")], body);
        assert_eq!(put.status, 201, "{}", put.text());
    }
    let copy = folder.path().join("copy").display().to_string();
    command(&["export", "alice@localhost", &copy]);
    for (path, ..) in &documents {
        assert_eq!(http.ask("DELETE", &format!("/xcap-root/{path}"), &[], "").status, 200);
    }
    let (mut bob, mut carol) = (Peer::udp(address), Peer::udp(address));
    for (peer, name) in [(&mut bob, "bob"), (&mut carol, "carol")] {
        assert_eq!(peer.subscribe(name, "alice", name).status(), 200, "without rules the domain decides");
        assert!(!peer.notify().0.contains("by mail"));
    }
    first.stop();
    command(&["import", "alice@localhost", &copy]);

    let mut second = Program::start(folder.path(), &address.to_string(), settings);
    second.serving();
    let told = bob.notify();
    assert!(
        told.0.contains("by mail") && told.field("Subscription-State").starts_with("active"),
        "{}",
        told.0
    );
    assert_eq!(carol.notify().field("Subscription-State"), "terminated;reason=rejected");
    second.stop();
}

#[test]
fn a_reload_takes_what_is_reloadable_and_names_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rollcall.toml");
    let text = |watch: &str, more: &str| {
        format!("{more}\n[presence-server]\nwatch = \"{watch}\"\n[authentication]\nopen = true\n")
    };
    std::fs::write(&file, text("oneself", "")).unwrap();
    let mut program = Program::start(folder.path(), "127.0.0.1:0", &["--config", file.to_str().unwrap()]);
    let (address, _) = program.serving();
    let mut watcher = Peer::udp(address);
    assert_eq!(watcher.subscribe("bob", "alice", "w1").status(), 403);

    std::fs::write(&file, text("evrybody", "")).unwrap();
    program.signal("-HUP");
    let line = program.line("the old one stays");
    assert!(line.contains("rollcall.toml:3: watch: expected one of"), "{line}");

    std::fs::write(&file, text("everyone", "domains = [\"example.org\"]")).unwrap();
    program.signal("-HUP");
    let line = program.line("reloaded");
    assert!(line.contains("keys=presence-server.watch"), "{line}");
    let line = program.line("need a restart");
    assert!(line.contains("keys=domains"), "{line}");
    assert_eq!(watcher.subscribe("bob", "alice", "w2").status(), 200);
    program.stop();
}

#[test]
fn the_pages_tell_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), "127.0.0.1:0", &["--set", "authentication.open=true"]);
    let (address, admin) = program.serving();
    assert!(page(admin, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(page(admin, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(page(admin, "/nothing").starts_with("HTTP/1.1 404"));
    assert_eq!(Peer::udp(address).publish("alice", "p1", "here", None).status(), 200);
    let mut metrics = page(admin, "/metrics");
    // A shard shows its numbers ten times a second.
    while !metrics.contains("rollcall_publish_total{result=\"initial\"} 1\n") {
        metrics = page(admin, "/metrics");
    }
    assert!(metrics.contains("text/plain; version=0.0.4"));
    program.stop();
}

#[test]
fn a_second_server_on_the_same_port_or_store_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Program::start(folder.path(), "127.0.0.1:0", &[]);
    let (address, _) = first.serving();
    assert!(first.lines.contains("every request will be refused"), "no users: {}", first.lines);
    let mut same_store = Program::start(folder.path(), "127.0.0.1:0", &[]);
    let line = same_store.line("cannot start");
    assert!(line.contains("another process has the store open"), "{line}");
    assert_eq!(same_store.child.wait().unwrap().code(), Some(1));
    let other = tempfile::tempdir().unwrap();
    let mut same_port = Program::start(other.path(), &address.to_string(), &[]);
    let line = same_port.line("cannot start");
    assert!(line.contains("another program has it"), "{line}");
    assert_eq!(same_port.child.wait().unwrap().code(), Some(1));
    first.stop();
}

#[test]
fn the_demo_shows_changes_and_its_log_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(["demo", "--plain", "--seconds", "6", "--data", folder.path().to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{text}{}", String::from_utf8_lossy(&shown.stderr));
    let changes: Vec<_> =
        text.lines().filter(|line| line.contains("  robot   ") && line.ends_with(" ms)")).collect();
    assert!(changes.len() >= 2, "a change every second, with its latency:\n{text}");
    let mut told = text.lines();
    for step in [
        "  alice   pending  has not decided whether carol may watch",
        "  alice approves carol: rollcall approve carol@localhost",
        "  alice   open     call me  (",
    ] {
        assert!(told.any(|line| line.contains(step)), "{step} is not in\n{text}");
    }
    assert!(text.contains("  robot   open     to bob: the robot shows him no notes"), "{text}");
    assert!(text.contains("watch robot@localhost --as carol@localhost"), "{text}");
    assert!(text.contains("proxy 127.0.0.1:"), "{text}");
    for command in ["contacts add robot@localhost --as carol@localhost", "curl --digest -u carol:"] {
        assert!(text.contains(command), "{command} is not in\n{text}");
    }
    let log = std::fs::read_to_string(folder.path().join("rollcall.log")).unwrap();
    assert!(log.contains("INFO serving"), "{log}");
    for name in ["robot", "alice", "bob", "carol"] {
        assert!(!log.contains(name), "the log names {name}:\n{log}");
    }
}

#[test]
fn a_killed_server_keeps_every_document_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        ["--set", "authentication.open=true", "--set", "domains=example.com", "--set", "xdm.root=/xcap-root"];
    let listen =
        ["--set", "aggregation-proxy.listen=http:127.0.0.1:0", "--set", "aggregation-proxy.client-rate=0"];
    let settings = [&open[..], &listen[..], &["--set", "aggregation-proxy.user-rate=0"]].concat();
    let entrance = |program: &mut Program| -> SocketAddr {
        let line = program.line("serving documents");
        line.split("listen=http:").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    // By user: what was acknowledged last (nothing, at first), and what was on its way when the server was killed.
    let mut expected = std::collections::BTreeMap::<usize, Vec<String>>::new();
    for life in 0..3 {
        let mut program = Program::start(folder.path(), "127.0.0.1:0", &settings);
        program.serving();
        let address = entrance(&mut program);
        let mut http = Http::connect(address);
        for (user, bodies) in &mut expected {
            let found = http.ask("GET", &user_index(*user), &[], "");
            assert!(bodies.contains(&found.text()), "user {user} in life {life}: {}", found.text());
            *bodies = vec![found.text()];
        }
        // Writers go on until the server is killed under them.
        let write = move |writer: usize| {
            let (mut http, mut written) = (Http::connect(address), Vec::new());
            for number in 0.. {
                let (user, body) = (writer * 10 + number % 10, list(&[&format!("c{life}x{number}")]));
                let put = http.try_ask("PUT", &user_index(user), &[LISTS], &body);
                let is_acknowledged = put.as_ref().is_ok_and(|reply| matches!(reply.status, 200 | 201));
                written.push((user, body, is_acknowledged));
                if !is_acknowledged {
                    break;
                }
            }
            written
        };
        let writers: Vec<_> = (0..4).map(|writer| std::thread::spawn(move || write(writer))).collect();
        for user in [7, 17, 27, 37] {
            while http.ask("GET", &user_index(user), &[], "").status != 200 {}
        }
        program.signal("-KILL");
        program.child.wait().unwrap();
        for (user, body, is_acknowledged) in writers.into_iter().flat_map(|writer| writer.join().unwrap()) {
            let bodies = expected.entry(user).or_insert_with(|| vec![String::new()]);
            if is_acknowledged {
                bodies.clear();
            }
            bodies.push(body);
        }
    }
    assert!(expected.len() >= 30);
}

fn user_index(user: usize) -> String {
    format!("/xcap-root/resource-lists/users/sip:u{user}@example.com/index")
}
