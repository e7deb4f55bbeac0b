//! The configuration file: every key, every unit, every complaint.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use server::config::example::example;
use server::config::keys::{Engine, PublishAck, Watch};
use server::config::values::{Octets, Secret, format_duration, parse_duration};
use server::config::{Config, Roles, Sources};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn complaints(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    Config::default().apply("rollcall.toml", text, &mut problems);
    problems.iter().map(ToString::to_string).collect()
}

fn with(arguments: &[&str]) -> Result<Config, String> {
    let set = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Sources { file: None, set }.load().map_err(|problems| problems.to_string())
}

#[test]
fn the_example_file_is_current_and_says_the_defaults() {
    let path = Path::new(EXAMPLES).join("rollcall.toml");
    let made = example(&Config::default());
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(kept, made, "run: UPDATE_EXAMPLES=1 cargo test -p rollcall-server --test config");
    let read = Sources { file: Some(path), set: Vec::new() }.load().unwrap();
    assert_eq!(
        read,
        Config { roles: Roles::ALL, ..Config::default() },
        "a table that is there plays its role"
    );
}

#[test]
fn the_defaults_are_safe() {
    let config = Config::default();
    assert!(config.check().is_ok());
    assert!(config.general.listen.iter().all(|listen| listen.address.ip().is_loopback()));
    assert!(config.admin.listen.0.is_some_and(|address| address.ip().is_loopback()));
    assert!(!config.authentication.open);
    assert_eq!(config.store.engine, Engine::Embedded);
    assert_eq!(config.presence_server.watch, Watch::OwnDomain);
    assert_eq!(config.presence_server.pace, Duration::from_secs(5));
}

#[test]
fn the_example_of_a_document_server_elsewhere_is_sound() {
    let sources = Sources { file: Some(Path::new(EXAMPLES).join("remote-lists.toml")), set: Vec::new() };
    let config = sources.load().unwrap();
    assert!(config.check().is_ok());
    let there = &config.remote_xdms.servers.0["lists"];
    assert_eq!(there.has().usages, ["resource-lists".into()]);
    assert!(there.subscribe.is_some() && there.password.is_some());
    let mut wrong = config.clone();
    wrong.remote_xdms.requests = 0;
    wrong.remote_xdms.stale_rules = Duration::ZERO; // at once is a choice
    let server = wrong.remote_xdms.servers.0.get_mut("lists").unwrap();
    server.identity = None;
    let problems = wrong.check().unwrap_err().to_string();
    assert_eq!(problems.lines().count(), 2, "{problems}");
    assert!(
        problems.contains("requests must be above zero") && problems.contains("add identity"),
        "{problems}"
    );
}

#[test]
fn open_mode_is_for_loopback_and_warned_of() {
    let sources = Sources { file: Some(Path::new(EXAMPLES).join("open.toml")), set: Vec::new() };
    let config = sources.load().unwrap();
    assert!(config.check().is_ok());
    assert!(config.authentication.open);
    assert!(config.presence_server.pace.is_zero());
    assert_eq!(config.presence_server.watch, Watch::Everyone);
    assert!(config.general.listen.iter().all(|listen| listen.address.ip().is_loopback()));
    assert!(config.warnings(&sources).iter().any(|warning| warning.starts_with("authentication.open:")));
}

#[test]
fn every_key_can_be_written_and_read_back() {
    let text = example(&Config::default());
    let mut config = Config::default();
    let mut problems = Vec::new();
    config.apply("example", &text, &mut problems);
    assert_eq!(problems, []);
    for table in config.tables() {
        for key in table.keys() {
            assert!(!key.about.is_empty(), "{} lacks documentation", key.name);
            assert!(text.contains(&format!("\n{} = ", key.name)), "{} is not in the example", key.name);
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        complaints("shards = 1\n\n[presence-server]\npublication-maximum = \"2h\"\n"),
        [
            "rollcall.toml:4: unknown key \"publication-maximum\" in [presence-server]; did you mean \"publication-max\"?"
        ]
    );
    assert_eq!(
        complaints("[presense-server]\n"),
        [
            "rollcall.toml:1: unknown key \"presense-server\" above all tables; did you mean \"presence-server\"?"
        ]
    );
    assert_eq!(
        complaints("[store]\nrealm = \"x\"\n"),
        ["rollcall.toml:2: unknown key \"realm\" in [store]; that key stands in [authentication]"]
    );
    assert_eq!(
        complaints("[authentication]\nshards = 1\n"),
        ["rollcall.toml:2: unknown key \"shards\" in [authentication]; that key stands above all tables"]
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let found =
        complaints("listen = 5060\nshards = \"two\"\n[log]\nlevel = \"inof\"\n[admin]\nlisten = \"here\"\n");
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found.contains(
        &"rollcall.toml:4: level: expected one of \"error\", \"warn\", \"info\", \"debug\", \"trace\", found \"inof\"; \
          did you mean \"info\"?"
            .to_owned()
    ));
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    let found = complaints("shards = 1\nlisten = [\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("rollcall.toml:"), "{found:?}");
}

#[test]
fn durations_have_units() {
    for (text, millis) in [
        ("50ms", 50),
        ("30s", 30_000),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("1h30m", 5_400_000),
        ("0s", 0),
    ] {
        assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        assert_eq!(format_duration(Duration::from_millis(millis)), text);
    }
    for text in ["", "5", "h", "5 parsecs", "-1s", "1.5s", "99999999999999999999s"] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
    assert_eq!(
        complaints("[presence-server]\npace = 5\n"),
        [
            "rollcall.toml:2: pace: expected a length of time with its unit, such as \"50ms\", \"30s\", \"5m\", \"2h\" or \
          \"7d\", found a whole number"
        ]
    );
}

#[test]
fn octets_may_have_units() {
    let config = with(&["limits.message=32KiB", "limits.header=4096", "store.segment-size=1MiB"]).unwrap();
    assert_eq!(config.limits.message, Octets(32 << 10));
    assert_eq!(config.limits.header, Octets(4096));
    assert_eq!(config.store.segment_size, Octets(1 << 20));
    assert!(with(&["limits.message=32 parsecs"]).is_err());
}

#[test]
fn arguments_go_over_the_file_and_need_no_quotes() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "domains = [\"example.org\"]\n[presence-server]\npace = \"1s\"").unwrap();
    let set =
        ["presence-server.pace=0s", "listen=udp:127.0.0.1:5070", "store.publish-ack=durable", "shards=3"];
    let sources = Sources {
        file: Some(file.path().to_owned()),
        set: set.iter().map(|one| (*one).to_owned()).collect(),
    };
    let config = sources.load().unwrap();
    assert!(config.presence_server.pace.is_zero());
    assert_eq!(config.general.domains, ["example.org"]);
    assert_eq!(config.general.shards, 3);
    assert_eq!(config.general.listen.len(), 1);
    assert_eq!(config.store.publish_ack, PublishAck::Durable);
    let found = with(&["presence-server.paec=0s"]).unwrap_err();
    assert_eq!(
        found,
        "--set presence-server.paec=0s: unknown key \"paec\" in [presence-server]; did you mean \"pace\"?"
    );
    assert!(with(&["pace"]).unwrap_err().contains("expected key=value"));
}

#[test]
fn a_listen_address_may_say_what_peers_see() {
    let config =
        with(&["listen=[\"udp:0.0.0.0:5060 as sip.example.com:5060\", \"tcp:[::1]:5061\"]"]).unwrap();
    assert_eq!(config.general.listen[0].sent_by(), "sip.example.com:5060");
    assert_eq!(config.general.listen[1].sent_by(), "[::1]:5061");
    assert!(config.check().is_ok());
    let nowhere = with(&["listen=udp:0.0.0.0:5060"]).unwrap().check().unwrap_err().to_string();
    assert!(nowhere.contains("peers cannot answer to 0.0.0.0:5060"), "{nowhere}");
    for wrong in ["5060", "sctp:127.0.0.1:5060", "udp:localhost:5060", "udp:127.0.0.1:5060 as "] {
        assert!(with(&[&format!("listen=\"{wrong}\"")]).is_err(), "{wrong}");
    }
}

#[test]
fn users_come_from_the_table_and_from_their_file() {
    let mut users = tempfile::NamedTempFile::new().unwrap();
    writeln!(users, "\"bob@localhost\" = {{ md5 = \"{}\" }}", "a".repeat(32)).unwrap();
    let file = format!("authentication.users-file={}", users.path().display());
    let config = with(&["authentication.users.alice=secret", &file]).unwrap();
    assert_eq!(config.authentication.users.len(), 2);
    assert_eq!(config.authentication.users["alice"], Secret::Password("secret".to_owned()));
    assert!(config.check().is_ok());
    assert!(!format!("{config:?}").contains("secret"), "Debug shows a password");
    assert!(!config.summary().join("\n").contains("secret"));
    let twice = with(&["authentication.users={\"bob@localhost\" = \"x\"}", &file]).unwrap_err();
    assert!(twice.contains("is in [authentication.users] too"), "{twice}");
    let refused = Sources {
        file: None,
        set: vec!["authentication.users={\"bob@localhost\" = \"x\"}".into(), file.clone()],
    };
    let problem = &refused.load().unwrap_err().0[0];
    let logged = problem.for_log();
    assert!(logged.ends_with(": user (not logged) is in [authentication.users] too"), "{logged}");
    let stranger = with(&["authentication.users={\"bob@elsewhere.example\" = \"x\"}"]).unwrap();
    assert!(stranger.check().unwrap_err().to_string().contains("none of our domains"));
}

#[test]
fn contradictions_are_refused() {
    for (argument, says) in [
        ("presence-server.publication-min=3h", "publication-min <= publication-default"),
        ("presence-server.subscription-max=1s", "subscription-min <= subscription-default"),
        ("listen=[]", "at least one address"),
        ("domains=[]", "at least one is needed"),
        ("authentication.algorithms=[]", "at least one is needed"),
        ("authentication.nonce-lifetime=0s", "above zero"),
        ("limits.notify-window=0", "at least 1"),
        ("shards=5000", "at most 1024"),
        ("aggregation-proxy.listen=http:192.0.2.1:80", "plain-http"),
        ("aggregation-proxy.certificate=x.pem", "go together"),
        ("aggregation-proxy.threads=1", "nothing behind it"),
        ("aggregation-proxy.routes={ \"a/b\" = \"http://127.0.0.1/\" }", "no AUID"),
        ("aggregation-proxy.domains={ \"LocalHost\" = \"http://127.0.0.1/\" }", "one of our own"),
        ("aggregation-proxy.domain-peers={ \"localhost\" = [\"192.0.2.7\"] }", "one of our own"),
        ("resource-list-server.peers={ \"localhost\" = {} }", "a domain of ours"),
        ("resource-list-server.peer-window=0", "above zero"),
        ("resource-list-server.peer-expires=1s", "a minute at least"),
        ("xdm.root=xcap", "expected a path"),
        ("xdm.root=/v1", "JSON face"),
        ("xdm.documents-max=0", "at least 1"),
        ("xdm.providers=nobody", "names no user"),
        ("xdm.aliases=https://xcap.example.org/root", "expected scheme, host and port"),
        ("xdm.aliases=xcap.example.org", "expected scheme, host and port"),
        ("entitlement.winfo=[\"a b\"]", "winfo: \"a b\" is no domain"),
        (
            "xdm.usages={ \"a.b\" = { namespace = \"urn:a\", mime = \"a/b+xml\", schema = \"/nonexistent.xsd\" } }",
            "a.b: /nonexistent.xsd",
        ),
    ] {
        let refused = with(&[argument]).unwrap().check().unwrap_err().to_string();
        assert!(refused.contains(says), "{argument}: {refused}");
    }
}

#[test]
fn a_peer_has_a_hop_or_is_found_by_its_name() {
    let peers = |text: &str| with(&[&format!("resource-list-server.peers={text}")]);
    let text = "{ \"Example.NET\" = { hop = \"sip:192.0.2.9;transport=tcp\", trusted = true }, \"*\" = {} }";
    let config = peers(text).unwrap();
    let foreign = config.settings(&[]).lists.clone().unwrap().foreign;
    let known: Vec<_> = foreign.peers.iter().map(|(domain, peer)| (domain.as_str(), peer.trusted)).collect();
    assert_eq!(known, [("*", false), ("example.net", true)]);
    assert_eq!(foreign.peers["example.net"].next_hop.as_deref(), Some("sip:192.0.2.9;transport=tcp"));
    for (text, says) in [
        ("{ \"a\" = { hop = \"sips:b\" } }", "no SIP URI"),
        ("{ \"a\" = { hop = \"b\" } }", "no SIP URI"),
        ("{ \"a\" = { via = \"sip:b\" } }", "known are hop, trusted, username and password"),
        ("{ \"a\" = { username = \"us\" } }", "a username and its password go together"),
        (
            "{ \"a\" = { username = \"us\", password = { md5 = \"00112233445566778899aabbccddeeff\" } } }",
            "hashes prove nothing to others",
        ),
        ("{ \"a\" = \"sip:b\" }", "hop ="),
        ("{ \"a\" = { trusted = 1 } }", "true or false"),
    ] {
        let refused = peers(text).unwrap_err();
        assert!(refused.contains(says), "{text}: {refused}");
    }
    let anybody = peers("{ \"*\" = { username = \"us\", password = \"p\" } }").unwrap();
    let refused = anybody.check().unwrap_err().to_string();
    assert!(refused.contains("would prove a password to anybody"), "{refused}");
    let one = peers("{ \"a\" = { username = \"us\", password = \"p\" } }").unwrap();
    let account = one.settings(&[]).lists.clone().unwrap().foreign.peers["a"].account.clone();
    assert_eq!(account.map(|account| (account.username, account.password)), Some(("us".into(), "p".into())));
    assert!(!format!("{one:?}").contains("\"p\""), "no password where it is not meant to be");
}

#[test]
fn choices_are_warned_of() {
    for (argument, says) in [
        ("authentication.open=true", "nobody is asked for a password"),
        ("store.engine=memory", "forgets"),
        ("admin.listen=192.0.2.1:8080", "beyond loopback"),
        ("authentication.users.alice=secret", "plain text"),
        ("authentication.trusted-peers=0.0.0.0/0", "whole Internet"),
        ("log.level=debug", "may name users"),
        ("shards=1", "every request will be refused"),
        ("aggregation-proxy.trusted-peers=::/0", "whole Internet"),
        ("xdm.profile=oma", "fingerprint"),
    ] {
        let warnings = with(&[argument]).unwrap().warnings(&Sources::default());
        assert!(warnings.iter().any(|warning| warning.contains(says)), "{argument}: {warnings:?}");
    }
}

#[test]
fn a_reload_takes_what_it_can_and_names_the_rest() {
    let mut running = with(&["authentication.users.alice=old"]).unwrap();
    let new =
        with(&["authentication.users.alice=new", "presence-server.pace=0s", "shards=7", "log.level=debug"])
            .unwrap();
    let (taken, waiting) = running.adopt(&new);
    assert_eq!(taken, ["presence-server.pace", "authentication.users", "log.level"]);
    assert_eq!(waiting, ["shards"]);
    assert_eq!(running.general.shards, 0);
    assert!(running.presence_server.pace.is_zero());
    assert_eq!(running.authentication.users["alice"], Secret::Password("new".to_owned()));
}
