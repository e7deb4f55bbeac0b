//! How a subscription lives, ends, and comes again: RFC 6665 §4.1.2, §4.1.3, §4.4.3.

use super::*;

#[test]
fn without_a_notify_timer_n_ends_the_attempt() {
    let mut scene = Scene::watching(3600);
    let subscribe = scene.take();
    scene.respond(&subscribe, 200, &["Expires: 3600"]);
    scene.pass(32);
    assert!(matches!(
        scene.subscriptions[..],
        [Report::Retrying { failure: Failure::Untold, live: false, .. }]
    ));
    // RFC 6665 §4.1.2.4: what comes now is too late.
    scene.notify(&subscribe, 1, "active", &[]);
    assert_eq!(scene.status(), 481);
    let again = scene.pass_until_sent();
    assert_ne!(again.get(Name::CallId), subscribe.get(Name::CallId));
    assert_ne!(again.sender_tag(), subscribe.sender_tag());
    assert_eq!(again.get(Name::To).as_deref(), Some("<sip:alice@example.com>"));
}

#[test]
fn a_request_without_an_answer_is_one_failure() {
    let mut scene = Scene::watching(3600);
    scene.take();
    scene.pass(32);
    assert_eq!(scene.subscriptions.len(), 1, "{:?}", scene.subscriptions);
    assert_eq!(scene.sent.len(), 10);
}

#[test]
fn a_refresh_that_brings_no_notify_loses_the_subscription() {
    let mut scene = Scene::active(600);
    let refresh = scene.pass_until_sent();
    scene.respond(&refresh, 200, &["Expires: 600"]);
    let at = scene.now;
    let again = scene.pass_until_sent();
    assert_eq!(scene.now.since(at).as_secs(), 32);
    assert_ne!(again.get(Name::CallId), refresh.get(Name::CallId));
    assert!(matches!(scene.subscriptions[..], [Report::Retrying { live: false, .. }]));
}

#[test]
fn a_204_says_that_no_notify_will_come() {
    let mut scene = Scene::active(600);
    let refresh = scene.pass_until_sent();
    scene.respond(&refresh, 204, &["Expires: 600"]);
    let next = scene.pass_until_sent();
    assert_eq!(next.get(Name::CallId), refresh.get(Name::CallId));
    assert!(scene.subscriptions.is_empty());
}

#[test]
fn refreshes_go_on() {
    let mut scene = Scene::active(600);
    for cseq in 2..10 {
        let from = scene.now;
        let refresh = scene.pass_until_sent();
        assert!((300..568).contains(&scene.now.since(from).as_secs()));
        scene.respond(&refresh, 200, &["Expires: 600"]);
        scene.notify(&refresh, cseq, "active;expires=600", &[]);
        assert_eq!(scene.status(), 200);
    }
    assert_eq!(states(&scene).len(), 8);
}

#[test]
fn a_remaining_lifetime_told_again_moves_nothing() {
    let mut scene = Scene::watching(600);
    let subscribe = scene.take();
    scene.respond(&subscribe, 200, &["Expires: 600"]);
    scene.notify(&subscribe, 1, "active;expires=600", &[]);
    scene.pass(6); // the transaction is terminated: the deadline left is that of the refresh
    let due = scene.agent.deadline();
    for cseq in 2..100 {
        scene.pass(1);
        let left = 600 - scene.seconds();
        scene.notify(&subscribe, cseq, &format!("active;expires={left}"), &[]);
    }
    assert_eq!(scene.agent.deadline(), due);
    scene.notify(&subscribe, 100, "active;expires=60", &[]);
    assert!(scene.agent.deadline() < due, "a lifetime cut short counts");
}

#[test]
fn the_end_of_each_lifetime_that_nobody_refreshed_is_noticed() {
    let mut scene = Scene::active(60);
    let mut last = scene.pass_until_sent();
    let call_id = last.get(Name::CallId);
    while last.get(Name::CallId) == call_id {
        scene.respond(&last, 503, &[]);
        last = scene.pass_until_sent();
    }
    assert_eq!(scene.seconds(), 60);
    assert!(scene.subscriptions.iter().any(|report| matches!(report, Report::Retrying { live: true, .. })));
}

#[test]
fn a_refused_refresh_ends_the_subscription_or_the_attempt() {
    for status in [404, 405, 410, 416, 482, 483, 484, 485, 489, 501, 604] {
        let mut scene = Scene::active(600);
        let refresh = scene.pass_until_sent();
        scene.respond(&refresh, status, &[]);
        assert!(matches!(over(&scene), Some(Termination::Failed(Failure::Refused { .. }))), "{status}");
        assert_eq!(scene.agent.usages(), 0);
    }
    for status in [400, 403, 408, 500, 503, 600] {
        let mut scene = Scene::active(600);
        let refresh = scene.pass_until_sent();
        scene.respond(&refresh, status, &[]);
        assert!(matches!(scene.subscriptions[..], [Report::Retrying { live: true, .. }]), "{status}");
        let again = scene.pass_until_sent();
        assert_eq!(again.get(Name::CallId), refresh.get(Name::CallId), "{status}");
    }
}

#[test]
fn a_notifier_that_forgot_us_is_subscribed_to_at_once() {
    let mut scene = Scene::active(600);
    let refresh = scene.pass_until_sent();
    scene.respond(&refresh, 481, &[]);
    let anew = scene.take();
    assert_eq!(anew.at, refresh.at);
    assert_ne!(anew.get(Name::CallId), refresh.get(Name::CallId));
    assert_eq!((anew.uri().as_str(), anew.cseq()), ("sip:alice@example.com", refresh.cseq() + 1));
}

#[test]
fn an_initial_refusal_is_the_end_and_an_unavailable_server_is_not() {
    for status in [400, 403, 404, 406, 481, 489, 603] {
        let mut scene = Scene::watching(600);
        let subscribe = scene.take();
        scene.respond(&subscribe, status, &[]);
        assert!(matches!(over(&scene), Some(Termination::Failed(Failure::Refused { .. }))), "{status}");
        assert_eq!((scene.agent.usages(), scene.agent.deadline()), (0, None));
    }
    for status in [408, 480, 500, 503, 504] {
        let mut scene = Scene::watching(600);
        let subscribe = scene.take();
        scene.respond(&subscribe, status, &["Retry-After: 20"]);
        let again = scene.pass_until_sent();
        assert_eq!(scene.seconds(), 20, "{status}");
        assert_ne!(again.get(Name::CallId), subscribe.get(Name::CallId));
    }
}

#[test]
fn after_423_the_lifetime_asked_for_is_what_the_notifier_wants() {
    let mut scene = Scene::watching(10);
    let subscribe = scene.take();
    scene.respond(&subscribe, 423, &["Min-Expires: 300"]);
    let again = scene.take();
    assert_eq!(again.get(Name::Expires).as_deref(), Some("300"));
    assert_eq!(again.get(Name::CallId), subscribe.get(Name::CallId));
    scene.respond(&again, 423, &["Min-Expires: 300"]);
    assert!(scene.sent.is_empty() && over(&scene).is_some());
}

#[test]
fn a_challenge_is_answered_in_the_same_attempt() {
    let mut scene = Scene::watching(600);
    let subscribe = scene.take();
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    scene.respond(&subscribe, 401, &[challenge]);
    let again = scene.take();
    assert!(again.get(Name::Authorization).is_some());
    assert_eq!(
        (again.get(Name::CallId), again.sender_tag()),
        (subscribe.get(Name::CallId), subscribe.sender_tag())
    );
    scene.respond(&again, 401, &[challenge]);
    assert_eq!(over(&scene), Some(&Termination::Failed(Failure::WrongPassword)));
}

#[test]
fn unsubscribing_waits_for_the_final_notify() {
    let mut scene = Scene::active(600);
    scene.end();
    let unsubscribe = scene.take();
    assert_eq!(unsubscribe.get(Name::Expires).as_deref(), Some("0"));
    assert_eq!(unsubscribe.uri(), "sip:notifier@198.51.100.1:5060");
    scene.respond(&unsubscribe, 200, &["Expires: 0"]);
    assert!(scene.subscriptions.is_empty());
    scene.notify(&unsubscribe, 2, "terminated;reason=timeout", &["<presence/>"]);
    assert_eq!(scene.status(), 200);
    assert_eq!(states(&scene), [State::Terminated]);
    assert_eq!(over(&scene), Some(&Termination::Unsubscribed));
    assert_eq!((scene.agent.usages(), scene.agent.deadline()), (0, None));
}

#[test]
fn unsubscribing_ends_without_the_final_notify_too() {
    let mut scene = Scene::active(600);
    scene.end();
    let unsubscribe = scene.take();
    scene.respond(&unsubscribe, 200, &[]);
    scene.pass(32);
    assert_eq!(over(&scene), Some(&Termination::Unsubscribed));
    let mut scene = Scene::active(600);
    scene.end();
    let unsubscribe = scene.take();
    scene.respond(&unsubscribe, 481, &[]);
    assert_eq!(over(&scene), Some(&Termination::Unsubscribed));
    assert!(scene.sent.is_empty());
}

#[test]
fn unsubscribing_before_there_is_a_dialog_waits_for_one() {
    for response_first in [true, false] {
        let mut scene = Scene::watching(600);
        let subscribe = scene.take();
        if response_first {
            scene.respond(&subscribe, 200, &["Expires: 600"]);
        }
        scene.end();
        assert!(scene.sent.is_empty(), "it would make a second subscription");
        scene.notify(&subscribe, 1, "active;expires=600", &[]);
        if !response_first {
            scene.respond(&subscribe, 200, &["Expires: 600"]);
        }
        let unsubscribe = scene.take();
        assert_eq!(unsubscribe.get(Name::Expires).as_deref(), Some("0"));
        assert_eq!(unsubscribe.get(Name::To).as_deref(), Some("<sip:alice@example.com>;tag=server1"));
        scene.notify(&subscribe, 2, "terminated;reason=timeout", &[]);
        assert_eq!(over(&scene), Some(&Termination::Unsubscribed));
    }
}

#[test]
fn unsubscribing_what_is_challenged_or_refused_or_waits_is_the_end() {
    for (status, field) in [(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\""), (403, "X: y")] {
        let mut scene = Scene::watching(600);
        let subscribe = scene.take();
        scene.end();
        scene.respond(&subscribe, status, &[field]);
        assert_eq!((over(&scene), scene.sent.len()), (Some(&Termination::Unsubscribed), 0));
    }
    let mut scene = Scene::watching(600);
    let subscribe = scene.take();
    scene.respond(&subscribe, 503, &[]);
    scene.end();
    assert_eq!(over(&scene), Some(&Termination::Unsubscribed));
}

#[test]
fn unsubscribing_during_a_refresh_follows_it() {
    for status in [200, 500] {
        let mut scene = Scene::active(600);
        let refresh = scene.pass_until_sent();
        scene.end();
        assert!(scene.sent.is_empty());
        scene.respond(&refresh, status, &[]);
        assert_eq!(scene.take().get(Name::Expires).as_deref(), Some("0"), "{status}");
    }
}

#[test]
fn a_fetch_is_one_notify() {
    let mut scene = Scene::watching(0);
    let subscribe = scene.take();
    assert_eq!(subscribe.get(Name::Expires).as_deref(), Some("0"));
    scene.respond(&subscribe, 200, &["Expires: 0"]);
    scene.notify(&subscribe, 1, "terminated;reason=timeout", &["<presence/>"]);
    assert_eq!(states(&scene), [State::Terminated]);
    assert_eq!(over(&scene), Some(&Termination::Fetched));
    scene.pass(86_400);
    assert!(scene.sent.is_empty());
}

#[test]
fn a_fetch_does_not_try_again() {
    let mut scene = Scene::watching(0);
    let subscribe = scene.take();
    scene.respond(&subscribe, 503, &[]);
    assert!(matches!(over(&scene), Some(Termination::Failed(Failure::Unavailable { status: 503, .. }))));
    let mut scene = Scene::watching(0);
    let subscribe = scene.take();
    scene.respond(&subscribe, 200, &[]);
    scene.pass(32);
    assert_eq!(over(&scene), Some(&Termination::Failed(Failure::Untold)));
    let mut scene = Scene::watching(0);
    let subscribe = scene.take();
    scene.notify(&subscribe, 1, "terminated;reason=noresource", &[]);
    assert_eq!(over(&scene), Some(&Termination::Ended { reason: "noresource".into() }));
}

#[test]
fn each_reason_says_what_comes_next() {
    for (state, wait) in [
        ("terminated;reason=deactivated", Some(0..=0)),
        ("terminated;reason=deactivated;retry-after=900", Some(0..=0)),
        ("terminated;reason=timeout", Some(0..=0)),
        ("terminated;reason=probation;retry-after=120", Some(120..=120)),
        ("terminated;reason=probation", Some(1..=2)),
        ("terminated;reason=giveup;retry-after=60", Some(60..=60)),
        ("terminated;reason=giveup", Some(1..=2)),
        ("terminated;reason=tired;retry-after=40", Some(40..=40)),
        ("terminated", Some(1..=2)),
        ("terminated;reason=rejected", None),
        ("terminated;reason=REJECTED;retry-after=1", None),
        ("terminated;reason=noresource", None),
        ("terminated;reason=invariant;retry-after=31536000", None),
    ] {
        let mut scene = Scene::watching(600);
        let subscribe = scene.take();
        scene.respond(&subscribe, 200, &["Expires: 600"]);
        scene.notify(&subscribe, 1, "active;expires=600", &[]);
        scene.notify(&subscribe, 2, state, &[]);
        let Some(wait) = wait else {
            assert!(matches!(over(&scene), Some(Termination::Ended { .. })), "{state}");
            assert!(scene.sent.is_empty() && scene.agent.usages() == 0, "{state}");
            continue;
        };
        let anew = scene.pass_until_sent();
        assert!(wait.contains(&scene.seconds()), "{state}: {}", scene.seconds());
        assert_ne!(anew.get(Name::CallId), subscribe.get(Name::CallId), "{state}");
        assert!(matches!(scene.subscriptions.last(), Some(Report::Resubscribing { .. })), "{state}");
    }
}

#[test]
fn a_notifier_that_ends_each_subscription_does_not_make_us_hurry() {
    let mut scene = Scene::watching(600);
    for round in 0..8 {
        let subscribe = scene.pass_until_sent();
        scene.respond(&subscribe, 200, &[]);
        scene.notify(
            &subscribe,
            1,
            "terminated;reason=deactivated",
            &[&format!("Via: SIP/2.0/UDP h;branch=z9hG4bKround{round}")],
        );
    }
    assert!(scene.seconds() > 60, "{}", scene.seconds());
}

#[test]
fn a_new_subscription_after_a_long_one_comes_at_once_again() {
    let mut scene = Scene::watching(600);
    for round in 0..4 {
        let subscribe = scene.pass_until_sent();
        let begun = scene.now;
        let via = |kind: &str| format!("Via: SIP/2.0/UDP h;branch=z9hG4bK{kind}{round}");
        scene.respond(&subscribe, 200, &["Expires: 600"]);
        scene.notify(&subscribe, 1, "active;expires=600", &[&via("a")]);
        scene.pass(60);
        scene.notify(&subscribe, 2, "terminated;reason=deactivated", &[&via("b")]);
        assert_eq!(scene.now, begun + Duration::from_secs(60));
        assert_eq!(scene.sent.len(), 1);
    }
}

#[test]
fn another_body_is_said_as_soon_as_there_is_a_dialog_and_once() {
    let mut scene = Scene::watching(600);
    let first = scene.take();
    assert_eq!(first.body(), "");
    scene.say("one"); // while the answer is awaited
    assert!(scene.sent.is_empty());
    scene.respond(&first, 200, &["Expires: 600"]);
    assert!(scene.sent.is_empty(), "there is no dialog before the NOTIFY");
    scene.notify(&first, 1, "active;expires=600", &[]);
    let second = scene.take();
    assert_eq!((second.body(), second.get(Name::CallId)), ("one".to_owned(), first.get(Name::CallId)));
    scene.say("two");
    scene.say("three");
    assert!(scene.sent.is_empty(), "one request at a time");
    scene.respond(&second, 200, &["Expires: 600"]);
    let third = scene.take();
    assert_eq!((third.body(), third.cseq()), ("three".to_owned(), second.cseq() + 1));
    scene.respond(&third, 200, &["Expires: 600"]);
    assert!(scene.sent.is_empty());
    // What is refreshed, and what is made anew after an end, says the same.
    scene.notify(&first, 2, "active;expires=600", &[]);
    let refresh = scene.pass_until_sent();
    assert_eq!(refresh.body(), "three");
    scene.respond(&refresh, 481, &[]);
    let anew = scene.pass_until_sent();
    assert_eq!(anew.body(), "three");
    assert_ne!(anew.get(Name::CallId), first.get(Name::CallId));
}
