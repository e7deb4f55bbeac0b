//! The JSON face of a whole server: the same documents, versions and rights as by XCAP.

use server::xdms::face::{OPENAPI, ROUTES};

use crate::peer::Peer;
use crate::web::{Http, INDEX, LISTS, Reply, entrance, list, start};

const USER: &str = "/v1/users/alice@example.com";
const JSON: &str = "Content-Type: application/json";

fn json(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

#[test]
fn the_description_says_what_is_offered_and_it_is_there() {
    let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), ROUTES.len());
    for (path, methods) in ROUTES {
        let described = paths[path].as_object().unwrap_or_else(|| panic!("{path} is not described"));
        let mut named: Vec<_> = described.keys().filter(|key| *key != "parameters").collect();
        let mut offered = methods.to_vec();
        named.sort();
        offered.sort_unstable();
        assert_eq!(named, offered, "{path}");
    }
    let server = start(&[]);
    let mut http = Http::connect(entrance(&server));
    for (path, methods) in ROUTES {
        let target = path.replace("{xui}", "alice@example.com").replace("{auid}", "resource-lists");
        let target = target.replace("{name}", "x").replace("{uri}", "bob@example.com").replace("{id}", "r");
        let target = target.replace("{watcher}", "bob@example.com");
        for method in ["get", "put", "patch", "delete", "post"] {
            let reply = http.ask(&method.to_uppercase(), &target, &[JSON], "{}");
            // What is offered may be refused for its content, but never as not offered, nor for want of a route.
            let is_offered = reply.status != 405 && !reply.text().contains("no such resource");
            assert_eq!(
                is_offered,
                methods.contains(&method),
                "{method} {target}: {} {}",
                reply.status,
                reply.text()
            );
        }
    }
    let served = http.ask("GET", "/v1/openapi.json", &[], "");
    assert_eq!((served.status, served.text().as_str()), (200, OPENAPI));
    server.stop().unwrap();
}

#[test]
fn what_json_changes_xcap_shows_and_the_other_way_round() {
    let server = start(&[]);
    let mut http = Http::connect(entrance(&server));
    let bob = format!("{USER}/contacts/sip:bob@example.com");
    let made = http.ask("PUT", &bob, &[JSON], r#"{"name": "Bob", "lists": ["friends"]}"#);
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(json(&made)["lists"][0], "friends");
    let document = http.ask("GET", INDEX, &[], "");
    assert_eq!(document.etag(), made.etag(), "one document, one version");
    assert!(document.text().contains("<display-name>Bob</display-name>"), "{}", document.text());
    assert_eq!(http.ask("PUT", INDEX, &[LISTS], &list(&["carol", "dave"])).status, 200);
    let lists = http.ask("GET", &format!("{USER}/lists"), &[], "");
    assert_eq!(json(&lists)["lists"][0]["contacts"][1]["uri"], "sip:dave@example.com");
    let old = format!("If-Match: {}", made.etag());
    assert_eq!(http.ask("DELETE", &bob, &[&old], "").status, 412);
    let new = format!("If-Match: {}", lists.etag());
    let patched = http.ask(
        "PATCH",
        &format!("{USER}/lists/friends"),
        &[JSON, &new],
        r#"{"remove": ["dave@example.com"]}"#,
    );
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!(http.ask("GET", INDEX, &[], "").text(), list(&["carol"]));
    let same = format!("If-None-Match: {}", patched.etag());
    assert_eq!(http.ask("GET", &format!("{USER}/contacts"), &[&same], "").status, 304);
    assert_eq!(http.ask("DELETE", &format!("{USER}/contacts/carol@example.com"), &[], "").status, 204);
    assert_eq!(http.ask("GET", &format!("{USER}/contacts/carol@example.com"), &[], "").status, 404);
    let documents = json(&http.ask("GET", &format!("{USER}/documents"), &[], ""));
    assert_eq!(documents["documents"][0]["auid"], "resource-lists");
    server.stop().unwrap();
}

#[test]
fn rules_and_documents_are_changed_too_and_refusals_are_in_words() {
    let server = start(&["xdm.documents-max=1"]);
    let mut http = Http::connect(entrance(&server));
    let rule = format!("{USER}/rules/friends");
    let made = http.ask("PUT", &rule, &[JSON], r#"{"identities": ["bob@example.com"], "handling": "allow"}"#);
    assert_eq!((made.status, json(&made)["shows"].as_str()), (201, Some("everything")), "{}", made.text());
    let raw = format!("{USER}/documents/pres-rules/index");
    let document = http.ask("GET", &raw, &[], "");
    assert!(document.text().contains("<pr:sub-handling"), "{}", document.text());
    let patch = "<p:patch xmlns:p=\"urn:ietf:rfc:7351\" xmlns:cp=\"urn:ietf:params:xml:ns:common-policy\">\
        <p:replace sel=\"cp:ruleset/cp:rule/@id\">pals</p:replace></p:patch>";
    let patch_type = "Content-Type: application/xml-patch+xml";
    assert_eq!(http.ask("PATCH", &raw, &[JSON], patch).status, 415);
    assert_eq!(http.ask("PATCH", &raw, &[patch_type, "If-Match: \"old\""], patch).status, 412);
    let patched = http.ask("PATCH", &raw, &[patch_type], patch);
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!(http.ask("GET", &rule, &[], "").status, 404);
    let misfit = http.ask("PATCH", &raw, &[patch_type], &patch.replace("@id", "cp:nothing"));
    assert_eq!(misfit.status, 422, "{}", misfit.text());
    for (method, target, body, status) in [
        ("PUT", rule.as_str(), "{", 400),
        ("PUT", &rule, "{\"handling\": \"allow\"}", 422),
        ("PUT", &format!("{USER}/lists/a"), "{\"contacts\": [\"sip:a b@\"]}", 422),
        ("PUT", &format!("{USER}/lists/a"), "{\"contacts\": []}", 409), // one document too many
        ("GET", "/v1/users/nobody/lists", "", 404),
        ("GET", "/v1/users/alice@example.com/unknown", "", 404),
    ] {
        let refused = http.ask(method, target, &[JSON], body);
        assert_eq!(refused.status, status, "{method} {target} {body}: {}", refused.text());
    }
    let others = http.ask(
        "GET",
        "/v1/users/bob@example.com/lists",
        &["X-3GPP-Intended-Identity: \"sip:alice@example.com\""],
        "",
    );
    assert_eq!(others.status, 403);
    server.stop().unwrap();
}

#[test]
fn who_waits_is_seen_and_decided_about() {
    let server =
        start(&["domains=localhost", "presence-server.watch=oneself", "presence-server.unmatched=confirm"]);
    let mut http = Http::connect(entrance(&server));
    let watchers = "/v1/users/alice@localhost/watchers";
    let bob_there = format!("{watchers}/bob@localhost");
    assert_eq!(json(&http.ask("GET", watchers, &[], ""))["watchers"], serde_json::json!([]));
    let mut bob = Peer::udp(server.listen()[0].address);
    assert_eq!(bob.subscribe("bob", "alice", "w1").status(), 202);
    bob.notify();
    let waits = http.ask("GET", watchers, &[], "");
    let row = &json(&waits)["watchers"][0];
    assert_eq!((&row["uri"], &row["status"]), (&"sip:bob@localhost".into(), &"pending".into()), "{row}");
    assert_eq!((&row["event"], &row["decision"]), (&"subscribe".into(), &serde_json::Value::Null));
    let same = format!("If-None-Match: {}", waits.etag());
    assert_eq!(http.ask("GET", watchers, &[&same], "").status, 304);
    assert_eq!(http.ask("GET", &bob_there, &[], "").status, 404, "nothing is decided");

    let allowed = http.ask("PUT", &bob_there, &[JSON], r#"{"decision": "allow"}"#);
    assert_eq!((allowed.status, &json(&allowed)["decision"]), (201, &"allow".into()), "{}", allowed.text());
    assert!(bob.notify().field("Subscription-State").starts_with("active"));
    let seen = http.ask("GET", watchers, &[&same], "");
    let row = &json(&seen)["watchers"][0];
    assert_eq!((&row["status"], &row["event"]), (&"active".into(), &"approved".into()), "{row}");
    assert_eq!(row["decision"], "allow");
    let again = http.ask("PUT", &bob_there, &[JSON], r#"{"decision": "allow"}"#);
    assert_eq!((again.status, again.etag()), (200, allowed.etag()), "twice is once");

    let old = ["If-Match: \"old\"", JSON];
    assert_eq!(http.ask("PUT", &bob_there, &old, r#"{"decision": "block"}"#).status, 412);
    let current = format!("If-Match: {}", allowed.etag());
    let blocked = http.ask("PUT", &bob_there, &[&current, JSON], r#"{"decision": "block"}"#);
    assert_eq!(blocked.status, 200, "{}", blocked.text());
    assert_eq!(bob.notify().field("Subscription-State"), "terminated;reason=rejected");
    assert_eq!(json(&http.ask("GET", &bob_there, &[], ""))["decision"], "block");

    for (target, body, status) in [
        (bob_there.as_str(), "{", 400),
        (&bob_there, r#"{"decision": "confirm"}"#, 422),
        (&bob_there, r#"{"decision": "allow", "note": "x"}"#, 422),
        (&format!("{watchers}/anonymous@anonymous.invalid"), r#"{"decision": "block"}"#, 422),
        (&format!("{watchers}/nobody"), r#"{"decision": "block"}"#, 404),
    ] {
        let refused = http.ask("PUT", target, &[JSON], body);
        assert_eq!(refused.status, status, "{target} {body}: {}", refused.text());
    }
    let rule = r#"{"domains": ["localhost"], "handling": "allow"}"#;
    assert_eq!(http.ask("PUT", "/v1/users/alice@localhost/rules/all", &[JSON], rule).status, 201);
    assert_eq!(json(&http.ask("GET", &bob_there, &[], ""))["overruled_by"][0], "pres-rules/all");
    assert_eq!(http.ask("DELETE", &bob_there, &[], "").status, 204);
    assert_eq!(http.ask("DELETE", &bob_there, &[], "").status, 404);
    let stranger = ["X-3GPP-Intended-Identity: \"sip:bob@localhost\"", JSON];
    for (method, target, body) in [("GET", watchers, ""), ("PUT", &bob_there, r#"{"decision": "allow"}"#)] {
        assert_eq!(http.ask(method, target, &stranger, body).status, 403, "{method} {target}");
    }
    server.stop().unwrap();
}
