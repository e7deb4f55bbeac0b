//! Rules over HTTP, a watcher over SIP, and the operator who asks why.

use std::ffi::OsString;

use server::commands;

use crate::peer::Peer;
use crate::web::{Http, entrance, start};

const RULES: &str = "/xcap-root/org.openmobilealliance.pres-rules/users/sip:alice@localhost/pres-rules";
const TYPE: &str = "Content-Type: application/auth-policy+xml";

fn rules(handling: &str) -> String {
    format!(
        "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" \
         xmlns:oc=\"urn:oma:xml:xdm:common-policy\"><cr:rule id=\"others\"><cr:conditions><oc:other-identity/></cr:conditions>\
         <cr:actions><pr:sub-handling>{handling}</pr:sub-handling></cr:actions></cr:rule></cr:ruleset>"
    )
}

#[test]
fn a_rule_put_by_xcap_moves_a_watcher_and_the_operator_can_ask_why() {
    let server = start(&["domains=localhost", "presence-server.pace=0s"]);
    let admin = server.admin().unwrap();
    let ask = |path: &str| Http::connect(admin).ask("GET", path, &[], "");
    let asked = "/v1/explain?watcher=bob%40localhost&presentity=sip:alice@localhost";
    assert_eq!(ask("/v1/explain?watcher=bob").status, 400);
    assert_eq!(ask(asked).status, 404);

    let put = Http::connect(entrance(&server)).ask("PUT", RULES, &[TYPE], &rules("confirm"));
    assert_eq!(put.status, 201, "{}", put.text());
    let mut bob = Peer::udp(server.listen()[0].address);
    let answer = bob.subscribe("bob", "alice", "w1");
    assert_eq!(answer.status(), 202, "{}", answer.0);
    assert!(bob.notify().field("Subscription-State").starts_with("pending"));
    let explained = ask(asked).text();
    assert!(explained.contains("\"handling\": \"confirm\""), "{explained}");
    assert!(explained.contains("(class other) counts."), "{explained}");

    let put = Http::connect(entrance(&server)).ask("PUT", RULES, &[TYPE], &rules("polite-block"));
    assert_eq!(put.status, 200, "{}", put.text());
    assert!(bob.notify().field("Subscription-State").starts_with("active"));

    // Of those who may see something, what they do not see is said with what would show it.
    let mut alice = Peer::udp(server.listen()[0].address);
    assert_eq!(alice.publish("alice", "p1", "in the garden", None).status(), 200);
    let shown = "<pr:provide-services><pr:all-services/></pr:provide-services>";
    let some = rules("allow")
        .replace("</cr:rule>", &format!("<cr:transformations>{shown}</cr:transformations></cr:rule>"));
    let put = Http::connect(entrance(&server)).ask("PUT", RULES, &[TYPE], &some);
    assert_eq!(put.status, 200, "{}", put.text());
    assert!(!bob.notify().0.contains("in the garden"));
    let explained: serde_json::Value = serde_json::from_str(&ask(asked).text()).unwrap();
    let removed = &explained["removed"][0];
    assert_eq!(
        (&removed["component"], &removed["element"], &removed["permission"]),
        (&"service".into(), &"note".into(), &"provide-note".into()),
        "{explained}"
    );
    let put = Http::connect(entrance(&server)).ask("PUT", RULES, &[TYPE], &rules("polite-block"));
    assert_eq!(put.status, 200, "{}", put.text());
    bob.notify();
    // Heard after the answer to the NOTIFY.
    bob.request("OPTIONS", "bob", "alice", "o1", &[], "");
    assert_eq!(bob.response().status(), 200);

    let arguments = ["rollcall", "explain", "bob@localhost", "alice@localhost", "--set"];
    let arguments = arguments.map(OsString::from).into_iter().chain([format!("admin.listen={admin}").into()]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    commands::run(arguments, &mut out, &mut err);
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("Decision: polite-block."), "{out}{}", String::from_utf8_lossy(&err));
    let last = "s left; the last NOTIFY (CSeq 4) went ";
    assert!(out.contains("Subscription, active: ") && out.contains(last), "{out}");
    assert!(out.contains("no other follows, as it knows everything that it may see."), "{out}");
    server.stop().unwrap();
}
