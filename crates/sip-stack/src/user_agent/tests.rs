//! What comes in finds its owner, and what is nobody's is answered.

use sip::Name;

use super::*;
use crate::flow::Protocol;
use crate::scene::{Scene, document};

fn request(method: &str, fields: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.7:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKq;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n\
         Call-ID: q\r\nCSeq: 1 {method}\r\n{fields}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn what_is_nobodys_is_answered() {
    for (method, status) in
        [("NOTIFY", 481), ("OPTIONS", 200), ("INVITE", 405), ("MESSAGE", 405), ("FOO", 405)]
    {
        let mut scene = Scene::new();
        let fields = "Event: presence\r\nSubscription-State: active\r\nContact: <sip:a@b>\r\n";
        scene.deliver(&request(method, fields));
        let answer = scene.answers[0].clone();
        assert_eq!(scene.status(), status, "{method}");
        assert_eq!(answer.contains("\r\nAllow: NOTIFY, OPTIONS\r\n"), status != 481);
        assert!(answer.contains(";rport=5060") && answer.contains(";received=198.51.100.1"), "{answer}");
        assert!(answer.contains("To: <sip:bob@example.com>;tag="), "{answer}");
    }
}

#[test]
fn an_ack_and_a_stray_response_are_not_answered() {
    let mut scene = Scene::active(600);
    scene.deliver(&request("ACK", ""));
    scene.deliver(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKz\r\nCall-ID: q\r\nCSeq: 1 SUBSCRIBE\r\n\r\n",
    );
    scene.deliver("SIP/2.0 200 OK\r\nCSeq: 1 SUBSCRIBE\r\n\r\n");
    assert!(scene.answers.is_empty() && scene.sent.is_empty() && scene.subscriptions.is_empty());
}

#[test]
fn a_defect_is_answered_with_its_status() {
    let mut scene = Scene::new();
    scene.deliver(&request("NOTIFY", "").replace("CSeq: 1 NOTIFY", "CSeq: 1 SUBSCRIBE"));
    assert_eq!(scene.status(), 400);
}

#[test]
fn a_response_with_a_foreign_branch_is_none_of_ours() {
    let mut scene = Scene::publishing(600, "one");
    let mut publish = scene.take();
    publish.text = publish.text.replace("branch=z9hG4bK", "branch=z9hG4bKx");
    scene.respond(&publish, 200, &["SIP-ETag: e1", "Expires: 600"]);
    assert!(scene.publications.is_empty());
}

#[test]
fn publications_and_subscriptions_do_not_mix() {
    let mut scene = Scene::publishing(600, "one");
    let publication = scene.usage;
    scene.watch(600);
    let subscription = scene.usage;
    let [publish, subscribe] = &scene.sent[..] else { panic!("{:?}", scene.sent) };
    let (publish, subscribe) = (publish.clone(), subscribe.clone());
    scene.sent.clear();
    assert_ne!(publish.get(Name::CallId), subscribe.get(Name::CallId));
    scene.notify(&subscribe, 1, "active;expires=600", &[]);
    scene.respond(&publish, 200, &["SIP-ETag: e1", "Expires: 600"]);
    scene.respond(&subscribe, 200, &["Expires: 600"]);
    assert_eq!((scene.publications.len(), scene.subscriptions.len()), (1, 1));
    assert_eq!(scene.agent.modify(scene.now, subscription, document("x")), []);
    assert_eq!(scene.agent.end(scene.now, Usage(99)), []);
    // A NOTIFY with the Call-ID of a publication is nobody's.
    scene.answers.clear();
    scene.notify(&publish, 2, "active", &[]);
    assert_eq!(scene.status(), 481);
    scene.usage = publication;
    scene.end();
    assert_eq!(scene.take().get(Name::SipIfMatch).as_deref(), Some("e1"));
}

#[test]
fn an_outbound_proxy_gets_what_is_in_no_dialog() {
    let mut scene = Scene::with(Protocol::Tcp, Some("sip:127.0.0.1:5060;transport=tcp"));
    scene.watch(600);
    let subscribe = scene.take();
    assert_eq!(subscribe.hop, "sip:127.0.0.1:5060;transport=tcp");
    assert_eq!(subscribe.uri(), "sip:alice@example.com");
    assert!(subscribe.get(Name::Via).unwrap().starts_with("SIP/2.0/TCP 192.0.2.7:5070;"));
    assert_eq!(subscribe.get(Name::Contact).as_deref(), Some("<sip:bob@192.0.2.7:5070;transport=tcp>"));
    scene.notify(&subscribe, 1, "active;expires=600", &[]);
    scene.respond(&subscribe, 200, &["Expires: 600"]);
    assert_eq!(scene.pass_until_sent().hop, "sip:notifier@198.51.100.1:5060");
}

#[test]
fn a_new_address_is_used_from_the_next_request_on() {
    let mut scene = Scene::active(600);
    scene.agent.reached_at("192.0.2.7:6000".into());
    let actions = scene.agent.disconnected(scene.now);
    let [Action::Send { message, .. }] = &actions[..] else { panic!("{actions:?}") };
    let text = String::from_utf8(message.to_vec()).unwrap();
    assert!(
        text.contains("Contact: <sip:bob@192.0.2.7:6000>") && text.contains("SIP/2.0/UDP 192.0.2.7:6000;")
    );
}

#[test]
fn answers_are_kept_for_as_long_as_they_may_be_asked_for() {
    let mut scene = Scene::new();
    scene.deliver(&request("OPTIONS", ""));
    scene.pass(31);
    scene.deliver(&request("OPTIONS", ""));
    assert_eq!(scene.answers[0], scene.answers[1]);
    scene.pass(2);
    scene.deliver(&request("OPTIONS", ""));
    assert_ne!(scene.answers[1], scene.answers[2], "another tag: another transaction");
}

#[test]
fn many_usages_share_one_clock() {
    let mut scene = Scene::new();
    for _ in 0..100 {
        scene.watch(600);
    }
    assert_eq!(scene.sent.len(), 100);
    for subscribe in std::mem::take(&mut scene.sent) {
        scene.notify(
            &subscribe,
            1,
            "active;expires=600",
            &[&format!("Via: SIP/2.0/UDP h;branch=z9hG4bK{}", subscribe.sender_tag())],
        );
        scene.respond(&subscribe, 200, &["Expires: 600"]);
    }
    scene.pass(550); // all refreshes are out, none has timed out
    let calls: BTreeSet<_> = scene.sent.iter().map(|request| request.get(Name::CallId)).collect();
    assert_eq!(calls.len(), 100);
}

#[test]
fn what_is_abandoned_is_forgotten_in_silence() {
    let mut scene = Scene::published(600);
    scene.agent.abandon(scene.usage);
    assert_eq!((scene.agent.usages(), scene.agent.deadline()), (0, None));
    scene.pass(86_400);
    assert!(scene.sent.is_empty() && scene.publications.is_empty());
}

#[test]
fn a_response_to_another_method_or_for_somebody_behind_us_is_none_of_ours() {
    let mut scene = Scene::publishing(600, "one");
    let publish = scene.take();
    let mut other = publish.clone();
    other.text = other.text.replace("CSeq: 1 PUBLISH", "CSeq: 1 SUBSCRIBE");
    scene.respond(&other, 403, &[]);
    scene.respond(&publish, 403, &["Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx"]);
    assert_eq!(scene.publications, []);
    scene.respond(&publish, 200, &["SIP-ETag: e1", "Expires: 600"]);
    assert_eq!(scene.publications.len(), 1);
}
