//! The rules of RFC 6665 §4.1 and §4.4, in virtual time.

mod lifetime;
mod ways;

use core::time::Duration;

use sip::Name;

use super::*;
use crate::scene::{START, Scene};

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn states(scene: &Scene) -> Vec<State> {
    let state = |report: &Report| match report {
        Report::Notice(notice) => Some(notice.state),
        Report::Retrying { .. } | Report::Resubscribing { .. } | Report::Over(_) => None,
    };
    scene.subscriptions.iter().filter_map(state).collect()
}

fn over(scene: &Scene) -> Option<&Termination> {
    match scene.subscriptions.last() {
        Some(Report::Over(why)) => Some(why),
        Some(Report::Notice(_) | Report::Retrying { .. } | Report::Resubscribing { .. }) | None => None,
    }
}

#[test]
fn a_subscribe_says_all_that_the_notifier_must_know() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    assert_eq!(subscribe.uri(), "sip:alice@example.com");
    assert_eq!(subscribe.get(Name::To).as_deref(), Some("<sip:alice@example.com>"));
    assert_eq!(subscribe.get(Name::Contact).as_deref(), Some("<sip:bob@192.0.2.7:5070>"));
    assert_eq!(subscribe.get(Name::Event).as_deref(), Some("presence"));
    assert_eq!(subscribe.get(Name::Accept).as_deref(), Some("application/pidf+xml"));
    assert_eq!(subscribe.get(Name::Expires).as_deref(), Some("3600"));
}

#[test]
fn the_first_notify_makes_the_dialog_before_or_after_the_response() {
    for notify_first in [false, true] {
        let mut scene = Scene::watching(3600);
        let subscribe = scene.take();
        if notify_first {
            scene.notify(&subscribe, 7, "active;expires=600", &["<presence/>"]);
            scene.respond(&subscribe, 200, &["Expires: 3600"]);
        } else {
            scene.respond(&subscribe, 200, &["Expires: 3600"]);
            scene.notify(&subscribe, 7, "active;expires=600", &["<presence/>"]);
        }
        assert_eq!(scene.status(), 200);
        let [Report::Notice(notice)] = &scene.subscriptions[..] else { panic!("{:?}", scene.subscriptions) };
        assert_eq!(
            (notice.state, &*notice.document.as_ref().unwrap().body),
            (State::Active, &b"<presence/>"[..])
        );
        // The lifetime that NOTIFY tells is the one that counts.
        let refresh = scene.pass_until_sent();
        assert!((300..=600 - 32).contains(&scene.seconds()), "{}", scene.seconds());
        assert_eq!(refresh.uri(), "sip:notifier@198.51.100.1:5060");
        assert_eq!(refresh.get(Name::To).as_deref(), Some("<sip:alice@example.com>;tag=server1"));
        assert_eq!(refresh.sender_tag(), subscribe.sender_tag());
        assert_eq!(refresh.get(Name::CallId), subscribe.get(Name::CallId));
        assert_eq!(refresh.cseq(), subscribe.cseq() + 1);
    }
}

#[test]
fn without_expires_in_notify_the_response_tells_the_lifetime() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    scene.notify(&subscribe, 1, "active", &[]);
    scene.respond(&subscribe, 200, &["Expires: 300"]);
    scene.pass_until_sent();
    assert!((150..=300).contains(&scene.seconds()), "{}", scene.seconds());
}

#[test]
fn a_retransmitted_notify_is_answered_alike_and_told_once() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    let notify = scene.notify_text(&subscribe, 1, "pending", &[]);
    scene.deliver(&notify);
    scene.deliver(&notify);
    assert_eq!(scene.answers.len(), 2);
    assert_eq!(scene.answers[0], scene.answers[1]);
    assert_eq!(states(&scene), [State::Pending]);
}

#[test]
fn the_answer_to_the_last_notify_outlives_the_subscription() {
    let mut scene = Scene::watching(0);
    let subscribe = scene.take();
    let notify = scene.notify_text(&subscribe, 1, "terminated;reason=timeout", &[]);
    scene.deliver(&notify);
    assert_eq!(scene.agent.usages(), 0);
    scene.deliver(&notify);
    assert!(scene.answers.iter().all(|answer| answer.starts_with("SIP/2.0 200 ")), "{:?}", scene.answers);
}

#[test]
fn a_notify_that_was_overtaken_is_a_500() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    scene.notify(&subscribe, 7, "active;expires=3600", &[]);
    assert_eq!(scene.status(), 200);
    for cseq in [6, 1] {
        scene.notify(&subscribe, cseq, "terminated;reason=rejected", &[]);
        assert_eq!(scene.status(), 500);
    }
    let other_branch = "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKother";
    scene.notify(&subscribe, 7, "active", &[other_branch]);
    assert_eq!(scene.status(), 500);
    scene.notify(&subscribe, 100, "active;expires=3600", &[]);
    assert_eq!(scene.status(), 200);
    assert_eq!(states(&scene), [State::Active, State::Active]);
}

#[test]
fn a_notify_of_another_subscription_is_a_481() {
    let mut scene = Scene::active(3600);
    scene.watch(3600);
    let subscribe = scene.take();
    for field in [
        "Call-ID: another".to_owned(),
        "To: <sip:bob@example.com>;tag=another".to_owned(),
        "To: <sip:bob@example.com>".to_owned(),
        "From: <sip:alice@example.com>".to_owned(),
        "Event: presence;id=7".to_owned(),
    ] {
        scene.notify(
            &subscribe,
            1,
            "active",
            &[&field, "Via: SIP/2.0/UDP h;branch=z9hG4bKx".to_owned().as_str()],
        );
        assert_eq!(scene.status(), 481, "{field}");
        scene.pass(33); // forget the answer
        scene.sent.clear();
        scene.subscriptions.clear();
    }
}

#[test]
fn a_second_notifier_is_turned_away() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    scene.notify(&subscribe, 1, "active;expires=3600", &[]);
    assert_eq!(scene.status(), 200);
    scene.tag = "fork";
    scene.notify(&subscribe, 2, "active;expires=3600", &[]);
    assert_eq!(scene.status(), 481);
}

#[test]
fn a_notify_of_another_package_or_type_or_without_state_leaves_no_trace() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    for (status, state, fields) in [
        (489, "active", vec!["Event: dialog"]),
        (489, "active", vec!["Event:"]),
        (400, "active", vec!["Subscription-State:"]),
        (400, "asleep", vec![]),
        (400, "active", vec!["Contact:"]),
        (415, "active", vec!["Content-Type: text/plain", "<presence/>"]),
        (400, "active", vec!["From:"]),
    ] {
        let cseq = 10 + status;
        let via = format!("Via: SIP/2.0/UDP h;branch=z9hG4bK{status}{}", fields.concat().len());
        let fields = [vec![via.as_str()], fields].concat();
        scene.notify(&subscribe, cseq.into(), state, &fields);
        assert_eq!(scene.status(), status, "{fields:?}");
    }
    assert!(scene.subscriptions.is_empty());
    scene.notify(&subscribe, 1, "active;expires=3600", &[]);
    assert_eq!(scene.status(), 200);
}

#[test]
fn an_unsupported_body_is_told_what_is_supported() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    scene.notify(&subscribe, 1, "active", &["Content-Type: text/plain", "<presence/>"]);
    assert!(scene.answers[0].contains("\r\nAccept: application/pidf+xml\r\n"));
}

#[test]
fn parameters_of_the_type_do_not_matter() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    scene.notify(
        &subscribe,
        1,
        "active",
        &["Content-Type: Application/PIDF+xml ; charset=UTF-8", "<presence/>"],
    );
    assert_eq!(scene.status(), 200);
}

#[test]
fn the_route_set_and_the_target_are_those_of_notify() {
    let mut scene = Scene::watching(600);
    let subscribe = scene.take();
    scene.respond(&subscribe, 200, &["Expires: 600", "Record-Route: <sip:wrong.example.com;lr>"]);
    let routes = [
        "Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        "Record-Route: <sip:p3.example.com;lr>",
    ];
    scene.notify(&subscribe, 1, "active;expires=600", &routes);
    assert_eq!(scene.answers[0].matches("Record-Route").count(), 2);
    scene.answers.clear();
    scene.notify(
        &subscribe,
        2,
        "active;expires=590",
        &["Contact: <sip:moved@203.0.113.9:5066;transport=tcp>"],
    );
    let refresh = scene.pass_until_sent();
    assert_eq!(refresh.uri(), "sip:moved@203.0.113.9:5066;transport=tcp");
    assert_eq!(refresh.hop, "sip:p1.example.com;lr");
    assert_eq!(
        refresh.all(Name::Route),
        ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>"]
    );
}

#[test]
fn a_strict_router_gets_the_request_as_it_wants_it() {
    let mut scene = Scene::watching(600);
    let subscribe = scene.take();
    let routes = ["Record-Route: <sip:old.example.com>, <sip:p2.example.com;lr>"];
    scene.notify(&subscribe, 1, "active;expires=600", &routes);
    scene.respond(&subscribe, 200, &["Expires: 600"]);
    let refresh = scene.pass_until_sent();
    assert_eq!(
        (refresh.uri().as_str(), refresh.hop.as_str()),
        ("sip:old.example.com", "sip:old.example.com")
    );
    assert_eq!(refresh.all(Name::Route), ["<sip:p2.example.com;lr>", "<sip:notifier@198.51.100.1:5060>"]);
}

#[test]
fn a_lost_connection_is_followed_by_a_refresh() {
    let mut scene = Scene::active(600);
    scene.unreachable();
    let refresh = scene.take();
    assert_eq!((refresh.at, refresh.get(Name::Expires).as_deref()), (START, Some("600")));
    scene.unreachable();
    assert!(matches!(
        scene.subscriptions[..],
        [Report::Retrying { live: true, failure: Failure::Unreachable, .. }]
    ));
    let again = scene.pass_until_sent();
    assert_eq!(again.get(Name::CallId), refresh.get(Name::CallId));
}

#[test]
fn an_unreachable_server_is_tried_again() {
    let mut scene = Scene::watching(600);
    scene.take();
    scene.unreachable();
    let [Report::Retrying { at, live: false, .. }] = scene.subscriptions[..] else { panic!() };
    assert!(at > after(0) && at <= after(2));
    scene.pass_until_sent();
    assert_eq!(scene.now, at);
}
