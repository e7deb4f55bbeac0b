//! What the rules of a presentity let somebody do, asked by who is no watcher: at once, later, or not at all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use documents::rules::SubHandling;
use node::{Epoch, Limits, Listener, Settings, StandingQuestion};
use presence::{Policy, PublishPolicy, Watch};
use sim::host::Host;
use sim::library::Library;
use sip::Aor;
use sip_stack::{Protocol, Timestamp};
use xcap::DocumentSelector;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const RULES: &str = "<ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\">\
    <rule id=\"a\"><conditions><identity><one id=\"sip:bob@example.com\"/></identity></conditions>\
    <actions><pr:sub-handling>polite-block</pr:sub-handling></actions></rule></ruleset>";

fn settings(parked: usize) -> Arc<Settings> {
    Arc::new(Settings {
        domains: vec!["example.com".into()],
        listeners: vec![Listener { protocol: Protocol::Udp, sent_by: "192.0.2.250:5060".into() }],
        authentication: sip_stack::auth::Settings { open: true, ..Default::default() },
        policy: Policy { watch: Watch::Oneself, publish: PublishPolicy::Oneself, ..Policy::default() },
        pace: Duration::ZERO,
        changes_pace: Duration::ZERO,
        limits: Limits { parked, ..Limits::default() },
        ..Settings::default()
    })
}

fn host(parked: usize, library: Library) -> Host {
    Host::start(START, settings(parked), 2, Epoch(1), 7, [], library).0
}

fn question(number: u64, presentity: &str, who: &str) -> StandingQuestion {
    let aor = |name: &str| Aor::parse(&format!("sip:{name}@example.com")).unwrap();
    StandingQuestion { number, presentity: aor(presentity), identities: vec![aor(who)] }
}

fn library(delay: Duration) -> Library {
    let library = Library::with_delay(delay);
    let document = DocumentSelector::of_user("pres-rules", "sip:alice@example.com", "index");
    library.write(START, &document, Some(RULES.as_bytes()));
    library
}

/// By the numbers of the questions.
fn handlings(host: &mut Host) -> Vec<(u64, Option<SubHandling>)> {
    let standings = host.take_standings().into_iter();
    standings
        .map(|(number, standing)| (number, standing.map(|standing| standing.decision.handling)))
        .collect()
}

#[test]
fn a_question_waits_until_the_rules_are_read_and_nobody_is_kept_for_it() {
    let mut host = host(usize::MAX, library(Duration::from_secs(2)));
    for (number, who) in [(1, "bob"), (2, "carol"), (3, "alice")] {
        host.ask_standing(START, question(number, "alice", who));
    }
    host.ask_standing(START, question(4, "dave", "dave"));
    assert_eq!(handlings(&mut host), []);
    assert_eq!(host.metrics().presentities, 2);
    assert!(host.tick(START + Duration::from_secs(2)).is_empty());
    let mut answers = handlings(&mut host);
    answers.sort_unstable();
    let expected = [
        (1, Some(SubHandling::PoliteBlock)),
        (2, Some(SubHandling::Block)),
        (3, Some(SubHandling::Block)), // the rules say nothing of alice herself
        (4, Some(SubHandling::Allow)),
    ];
    assert_eq!(answers, expected);
    assert_eq!(host.metrics().presentities, 0);
}

#[test]
fn what_cannot_be_read_or_has_no_place_to_wait_has_no_answer() {
    let mut sick = library(Duration::ZERO);
    sick.healthy = false;
    let mut host = host(usize::MAX, sick);
    host.ask_standing(START, question(1, "alice", "bob"));
    assert_eq!(handlings(&mut host), [(1, None)]);
    assert_eq!(host.metrics().presentities, 0);

    let mut full = self::host(300, library(Duration::from_secs(2)));
    full.ask_standing(START, question(1, "alice", "bob"));
    full.ask_standing(START, question(2, "alice", "bob"));
    assert_eq!(handlings(&mut full), [(2, None)]);
    full.tick(START + Duration::from_secs(2));
    assert_eq!(handlings(&mut full), [(1, Some(SubHandling::PoliteBlock))]);
}
