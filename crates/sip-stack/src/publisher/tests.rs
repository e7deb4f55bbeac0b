//! The rules of RFC 3903 §4 and §5, in virtual time.

use core::time::Duration;

use sip::Name;

use super::*;
use crate::scene::{START, Scene};

const PUBLISHED: &[&str] = &["SIP-ETag: e2", "Expires: 3600"];

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

#[test]
fn an_initial_publication_has_a_body_and_no_tag() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    assert_eq!(
        (publish.uri().as_str(), publish.hop.as_str()),
        ("sip:bob@example.com", "sip:bob@example.com")
    );
    assert_eq!(publish.get(Name::Event).as_deref(), Some("presence"));
    assert_eq!(publish.get(Name::Expires).as_deref(), Some("3600"));
    assert_eq!(publish.get(Name::ContentType).as_deref(), Some("application/pidf+xml"));
    assert_eq!((publish.get(Name::SipIfMatch), publish.get(Name::Contact)), (None, None));
    assert_eq!(publish.body(), "one");
    scene.respond(&publish, 200, &["SIP-ETag: e1", "Expires: 1800"]);
    let (operation, expires_at) = (Operation::Initial, after(1800));
    assert_eq!(scene.publications, [Report::Published { operation, document: 1, expires_at }]);
}

#[test]
fn a_refresh_comes_before_the_end_with_the_latest_tag_and_no_body() {
    let mut scene = Scene::published(600);
    for tag in ["e1", "e2", "e3"] {
        let begun = scene.now;
        let refresh = scene.pass_until_sent();
        let waited = scene.now.since(begun).as_secs();
        assert!((300..600 - 32).contains(&waited), "{waited}");
        assert_eq!(refresh.get(Name::SipIfMatch).as_deref(), Some(tag));
        assert_eq!((refresh.body().as_str(), refresh.get(Name::ContentType)), ("", None));
        let next = if tag == "e1" { "SIP-ETag: e2" } else { "SIP-ETag: e3" };
        scene.respond(&refresh, 200, &[next, "Expires: 600"]);
    }
    assert!(
        scene
            .publications
            .iter()
            .all(|report| { matches!(report, Report::Published { operation: Operation::Refresh, .. }) })
    );
}

#[test]
fn a_short_lifetime_is_refreshed_in_its_second_half() {
    let mut scene = Scene::published(10);
    scene.pass_until_sent();
    assert!((5..10).contains(&scene.seconds()), "{}", scene.seconds());
}

#[test]
fn publishers_do_not_all_refresh_at_one_moment() {
    let mut times: Vec<u64> = (0..20)
        .map(|seed| {
            let mut random = crate::mac::Random::new([seed; 32]);
            let timers = crate::client_transaction::Timers::default();
            let at = refresh_at(START, Duration::from_secs(3600), &timers, &mut random);
            at.since(START).as_millis().try_into().unwrap()
        })
        .collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 15);
    assert!(times.iter().all(|at| (3_100_000..3_300_000).contains(at)), "{times:?}");
}

#[test]
fn a_new_document_modifies_the_old_one() {
    let mut scene = Scene::published(3600);
    scene.modify("two");
    let modify = scene.take();
    assert_eq!(modify.get(Name::SipIfMatch).as_deref(), Some("e1"));
    assert_eq!(modify.body(), "two");
    scene.respond(&modify, 200, PUBLISHED);
    let (operation, expires_at) = (Operation::Modify, after(3600));
    assert_eq!(scene.publications, [Report::Published { operation, document: 2, expires_at }]);
}

#[test]
fn there_is_never_a_second_publish_before_the_answer() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    for body in ["two", "three", "four"] {
        scene.modify(body);
        assert!(scene.sent.is_empty());
    }
    scene.respond(&publish, 200, &["SIP-ETag: e1", "Expires: 3600"]);
    let modify = scene.take();
    assert_eq!((modify.body().as_str(), modify.get(Name::SipIfMatch).as_deref()), ("four", Some("e1")));
    assert!(modify.cseq() > publish.cseq());
    assert_eq!(modify.get(Name::CallId), publish.get(Name::CallId));
    scene.respond(&modify, 200, PUBLISHED);
    assert!(scene.sent.is_empty(), "what was coalesced is not sent later");
}

#[test]
fn a_document_published_during_a_refresh_goes_out_after_it() {
    let mut scene = Scene::published(600);
    let refresh = scene.pass_until_sent();
    scene.modify("two");
    assert!(scene.sent.is_empty());
    scene.respond(&refresh, 200, &["SIP-ETag: e2", "Expires: 600"]);
    let modify = scene.take();
    assert_eq!((modify.body().as_str(), modify.get(Name::SipIfMatch).as_deref()), ("two", Some("e2")));
}

#[test]
fn a_removal_has_a_tag_no_body_and_no_lifetime() {
    let mut scene = Scene::published(3600);
    scene.end();
    let remove = scene.take();
    assert_eq!(remove.get(Name::Expires).as_deref(), Some("0"));
    assert_eq!(remove.get(Name::SipIfMatch).as_deref(), Some("e1"));
    assert_eq!(remove.body(), "");
    scene.respond(&remove, 200, &["SIP-ETag: e2", "Expires: 0"]);
    assert_eq!(scene.publications, [Report::Removed]);
    assert_eq!((scene.agent.usages(), scene.agent.deadline()), (0, None));
}

#[test]
fn a_removal_waits_for_the_answer() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    scene.end();
    assert!(scene.sent.is_empty());
    scene.respond(&publish, 200, &["SIP-ETag: e1", "Expires: 3600"]);
    assert_eq!(scene.take().get(Name::SipIfMatch).as_deref(), Some("e1"));
}

#[test]
fn what_was_never_published_is_removed_at_once() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    scene.respond(&publish, 403, &[]);
    scene.end();
    assert!(scene.sent.is_empty());
    assert_eq!(scene.publications.last(), Some(&Report::Removed));
}

#[test]
fn after_412_the_document_is_published_anew_without_the_tag() {
    for body in [None, Some("two")] {
        let mut scene = Scene::published(600);
        let request = match body {
            Some(body) => {
                scene.modify(body);
                scene.take()
            }
            None => scene.pass_until_sent(),
        };
        scene.respond(&request, 412, &[]);
        let initial = scene.take();
        assert_eq!(initial.get(Name::SipIfMatch), None);
        assert_eq!(initial.body(), body.unwrap_or("one"));
        scene.respond(&initial, 200, PUBLISHED);
        assert!(matches!(scene.publications[..], [Report::Published { operation: Operation::Initial, .. }]));
        assert!(scene.sent.is_empty());
    }
}

#[test]
fn a_412_to_an_initial_publication_or_a_removal_is_no_loop() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    scene.respond(&publish, 412, &[]);
    assert!(scene.sent.is_empty());
    assert!(matches!(scene.publications[..], [Report::Failed { retry_at: None, .. }]));
    let mut scene = Scene::published(3600);
    scene.end();
    let remove = scene.take();
    scene.respond(&remove, 412, &[]);
    assert_eq!((scene.sent.len(), scene.publications), (0, vec![Report::Removed]));
}

#[test]
fn after_423_the_lifetime_asked_for_is_what_the_server_wants() {
    let mut scene = Scene::publishing(10, "one");
    let publish = scene.take();
    scene.respond(&publish, 423, &["Min-Expires: 60"]);
    let again = scene.take();
    assert_eq!(again.get(Name::Expires).as_deref(), Some("60"));
    assert_eq!(again.body(), "one");
    scene.respond(&again, 423, &["Min-Expires: 60"]);
    assert!(scene.sent.is_empty(), "no loop with a server that contradicts itself");
    assert!(matches!(scene.publications[..], [Report::Failed { retry_at: None, .. }]));
}

#[test]
fn a_challenge_is_answered_once() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    assert_eq!(publish.get(Name::Authorization), None);
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    scene.respond(&publish, 401, &[challenge]);
    let again = scene.take();
    assert!(again.get(Name::Authorization).unwrap().contains("nc=00000001"));
    assert_eq!((again.body().as_str(), again.cseq()), ("one", publish.cseq() + 1));
    assert_ne!(again.get(Name::Via), publish.get(Name::Via));
    scene.respond(&again, 401, &[challenge]);
    assert!(scene.sent.is_empty());
    let failure = Failure::WrongPassword;
    assert_eq!(scene.publications, [Report::Failed { failure, retry_at: None }]);
}

#[test]
fn a_server_that_calls_all_nonces_stale_is_given_up() {
    let mut scene = Scene::publishing(3600, "one");
    let mut count = 0;
    while let Some(publish) = scene.sent.pop() {
        count += 1;
        let stale =
            format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{count}\", qop=\"auth\", stale=true");
        scene.respond(&publish, 401, &[&stale]);
    }
    assert_eq!(count, 5);
    assert!(matches!(scene.publications[..], [Report::Failed { retry_at: None, .. }]));
}

#[test]
fn later_requests_bring_credentials_along() {
    let mut scene = Scene::publishing(600, "one");
    let publish = scene.take();
    scene.respond(&publish, 401, &["WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\""]);
    let again = scene.take();
    scene.respond(&again, 200, &["SIP-ETag: e1", "Expires: 600"]);
    assert!(scene.pass_until_sent().get(Name::Authorization).unwrap().contains("nc=00000002"));
}

#[test]
fn an_unavailable_server_is_tried_again_when_it_says_so() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    scene.respond(&publish, 503, &["Retry-After: 30"]);
    assert!(matches!(scene.publications[..], [Report::Failed { retry_at: Some(at), .. }] if at == after(30)));
    scene.modify("two");
    assert!(scene.sent.is_empty(), "the wait holds for new documents too");
    let again = scene.pass_until_sent();
    assert_eq!((scene.seconds(), again.body().as_str()), (30, "two"));
}

#[test]
fn without_a_word_waits_grow() {
    let mut scene = Scene::publishing(3600, "one");
    let mut waits = Vec::new();
    for _ in 0..10 {
        let publish = scene.take();
        let from = scene.now;
        scene.respond(&publish, 503, &[]);
        let again = scene.pass_until_sent();
        waits.push(scene.now.since(from));
        scene.sent.push(again);
    }
    for (wait, whole) in waits.iter().zip([2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
        assert!(
            (whole * 500..=whole * 1000).contains(&u64::try_from(wait.as_millis()).unwrap()),
            "{waits:?}"
        );
    }
}

#[test]
fn without_an_answer_the_request_is_sent_again_and_then_anew() {
    let mut scene = Scene::publishing(3600, "one");
    let first = scene.take();
    scene.pass(31);
    let texts: Vec<&str> = scene.sent.iter().map(|request| request.text.as_str()).collect();
    assert_eq!(texts.len(), 9);
    assert!(texts.iter().all(|text| *text == first.text));
    scene.sent.clear();
    scene.pass(1);
    scene.sent.clear();
    assert!(matches!(
        scene.publications[..],
        [Report::Failed { failure: Failure::TimedOut, retry_at: Some(_) }]
    ));
    let anew = scene.pass_until_sent();
    assert_eq!(anew.cseq(), first.cseq() + 1);
    assert_ne!(anew.get(Name::Via), first.get(Name::Via));
}

#[test]
fn a_late_answer_changes_nothing() {
    let mut scene = Scene::publishing(3600, "one");
    let first = scene.take();
    scene.pass(32);
    scene.publications.clear();
    scene.respond(&first, 200, &["SIP-ETag: e1", "Expires: 3600"]);
    assert!(scene.publications.is_empty());
}

#[test]
fn a_publication_that_ran_out_is_published_anew() {
    let mut scene = Scene::published(60);
    while scene.seconds() < 200 {
        let request = scene.pass_until_sent();
        let is_initial = request.get(Name::SipIfMatch).is_none();
        assert_eq!(is_initial, scene.seconds() >= 60, "at {}", scene.seconds());
        assert_eq!(request.body(), if is_initial { "one" } else { "" });
        scene.respond(&request, 500, &[]);
    }
}

#[test]
fn a_refusal_waits_for_the_source() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    scene.respond(&publish, 403, &[]);
    let failure = Failure::Refused { status: 403, reason: "Forbidden".into() };
    assert_eq!(scene.publications, [Report::Failed { failure, retry_at: None }]);
    scene.pass(86_400);
    assert!(scene.sent.is_empty());
    scene.modify("two");
    assert_eq!(scene.take().body(), "two");
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_the_server() {
    let mut scene = Scene::publishing(3600, "one");
    let publish = scene.take();
    scene.respond(&publish, 400, &["Warning: 399 presence-server \"at byte 9: expected \\\">\\\"\""]);
    let [Report::Failed { failure: Failure::Refused { reason, .. }, .. }] = &scene.publications[..] else {
        panic!("{:?}", scene.publications);
    };
    assert_eq!(reason, "Bad Request (at byte 9: expected \">\")");
}

#[test]
fn a_publication_without_a_tag_is_published_anew_in_time() {
    let mut scene = Scene::publishing(600, "one");
    let publish = scene.take();
    scene.respond(&publish, 200, &["Expires: 600"]);
    let again = scene.pass_until_sent();
    assert_eq!((again.get(Name::SipIfMatch), again.body().as_str()), (None, "one"));
}

#[test]
fn what_cannot_be_sent_is_tried_again() {
    let mut scene = Scene::publishing(3600, "one");
    scene.take();
    scene.unreachable();
    assert!(matches!(
        scene.publications[..],
        [Report::Failed { failure: Failure::Unreachable, retry_at: Some(_) }]
    ));
    assert_eq!(scene.pass_until_sent().body(), "one");
}

#[test]
fn a_lost_connection_without_a_request_on_it_is_no_failure() {
    let mut scene = Scene::published(3600);
    scene.unreachable();
    assert!(scene.publications.is_empty() && scene.sent.is_empty());
}
