//! What a presentity decides about single watchers, written as rules.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use documents::rules::decisions::{decide, decided, first, overruling};
use documents::rules::{SubHandling, check};
use proptest::prelude::*;
use xml::Limits;

/// A document with rules of others: their bytes must never change.
const FOREIGN: &str = r#"<?xml version="1.0"?>
<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
  <!-- mine -->
  <cp:rule id="friends">
    <cp:conditions><cp:identity><cp:one id="sip:bob@example.com"/><cp:many domain="example.org"><cp:except id="sip:eve@example.org"/></cp:many></cp:identity></cp:conditions>
    <cp:actions><pr:sub-handling>polite-block</pr:sub-handling></cp:actions>
  </cp:rule>
  <cp:rule id="rollcall-block"><cp:conditions><cp:identity><cp:one id="sip:bob@example.com"/></cp:identity><cp:sphere value="work"/></cp:conditions>
    <cp:actions><pr:sub-handling>block</pr:sub-handling></cp:actions></cp:rule>
</cp:ruleset>
"#;

fn limits() -> Limits {
    Limits::default()
}

fn after(document: &str, user: &str, decision: Option<SubHandling>) -> String {
    let uri = format!("sip:{user}@example.com");
    let bytes = decide(document.as_bytes(), &uri, &|other| other == uri, decision, &limits()).unwrap();
    check(&bytes, &limits())
        .unwrap_or_else(|error| panic!("{error:?} in\n{}", String::from_utf8_lossy(&bytes)));
    String::from_utf8(bytes).unwrap()
}

fn of(document: &str, user: &str) -> Option<SubHandling> {
    let uri = format!("sip:{user}@example.com");
    decided(document.as_bytes(), &|other| other == uri, &limits()).unwrap()
}

#[test]
fn a_decision_moves_a_watcher_from_rule_to_rule() {
    let mut document = String::from_utf8(first("sip:alice@example.com")).unwrap();
    check(document.as_bytes(), &limits()).unwrap();
    for decision in [SubHandling::Allow, SubHandling::Block, SubHandling::PoliteBlock, SubHandling::Allow] {
        document = after(&document, "bob", Some(decision));
        assert_eq!(of(&document, "bob"), Some(decision));
        assert_eq!(document.matches("sip:bob@example.com").count(), 1, "{document}");
        assert_eq!(after(&document, "bob", Some(decision)), document, "twice is once");
    }
    let both = after(&document, "carol", Some(SubHandling::Allow));
    assert_eq!(both.matches("rollcall-").count(), 1, "one rule for both:\n{both}");
    assert_eq!(after(&both, "carol", None), document);
    assert_eq!(after(&document, "bob", None).as_bytes(), first("sip:alice@example.com"));
}

#[test]
fn rules_of_others_stay_as_they_are() {
    let document = after(FOREIGN, "bob", Some(SubHandling::Block));
    assert!(document.contains("<cp:rule id=\"rollcall-block-2\">"), "the name is taken:\n{document}");
    let [before, rest] = [FOREIGN, &document].map(|text| text.split_once("\n</cp:ruleset>").unwrap().0);
    assert!(rest.starts_with(before), "{document}");
    assert_eq!(after(&document, "bob", None), FOREIGN);
    assert_eq!(of(FOREIGN, "bob"), None, "that rule says something else");
}

#[test]
fn who_is_granted_more_elsewhere_is_told_of() {
    let vain = |user: &str, domain: &str, decision| {
        let uri = format!("sip:{user}@{domain}");
        overruling(FOREIGN.as_bytes(), Some(domain), &|other| other == uri, decision, &limits()).unwrap()
    };
    assert_eq!(vain("bob", "example.com", SubHandling::Block), ["friends"]);
    assert_eq!(vain("dora", "EXAMPLE.org", SubHandling::Block), ["friends"]);
    for (user, domain, decision) in [
        ("bob", "example.com", SubHandling::PoliteBlock),
        ("bob", "example.com", SubHandling::Allow),
        ("eve", "example.org", SubHandling::Block),
        ("dora", "example.net", SubHandling::Block),
    ] {
        assert!(vain(user, domain, decision).is_empty(), "{user}@{domain} {decision}");
    }
    let others = first("sip:alice@example.com");
    let bob = |other: &str| other == "sip:bob@example.com";
    let vain = overruling(&others, Some("example.com"), &bob, SubHandling::Block, &limits()).unwrap();
    assert!(vain.is_empty(), "what is for everybody else yields to a rule for one: {vain:?}");
}

#[test]
fn what_is_no_rules_document_is_refused() {
    for document in ["", "<a/>", "<ruleset/>"] {
        assert!(decide(document.as_bytes(), "sip:b@x", &|_| false, None, &limits()).is_err(), "{document}");
        assert!(decided(document.as_bytes(), &|_| false, &limits()).is_err(), "{document}");
    }
}

proptest! {
    /// Whatever is decided in whatever order, the document says the last word about each, and can be stored.
    #[test]
    fn the_last_word_counts(words in proptest::collection::vec((0..4_usize, 0..4_usize), 1..24), own in any::<bool>()) {
        let users = ["a", "b", "c", "d&<"];
        let choices = [None, Some(SubHandling::Allow), Some(SubHandling::Block), Some(SubHandling::PoliteBlock)];
        let start = if own { String::from_utf8(first("sip:me@example.com")).unwrap() } else { FOREIGN.to_owned() };
        let mut document = start.clone();
        let mut last = [None; 4];
        for (user, choice) in words {
            document = after(&document, users[user], choices[choice]);
            last[user] = choices[choice];
        }
        for (user, expected) in users.into_iter().zip(last) {
            prop_assert_eq!(of(&document, user), expected);
        }
        for user in users {
            document = after(&document, user, None);
        }
        prop_assert_eq!(document, start);
    }
}
