//! A whole server with documents: conditions, faces of an answer, bad input, and what is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::web::{ELEMENT, Http, INDEX, LISTS, entrance, list, open, start};

fn element(name: &str) -> String {
    format!(
        "{INDEX}/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:{name}@example.com%22%5D"
    )
}

#[test]
fn a_document_is_made_read_changed_and_removed_under_its_tag() {
    let server = start(&[]);
    let mut http = Http::connect(entrance(&server));
    assert_eq!(http.ask("GET", INDEX, &[], "").status, 404);
    let made = http.ask("PUT", INDEX, &[LISTS, "If-None-Match: *"], &list(&["bob"]));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(http.ask("PUT", INDEX, &[LISTS, "If-None-Match: *"], &list(&["eve"])).status, 412);
    let got = http.ask("GET", INDEX, &[], "");
    assert_eq!((got.status, got.text(), got.etag()), (200, list(&["bob"]), made.etag()));
    assert_eq!(got.field("content-type"), Some("application/resource-lists+xml"));
    assert_eq!(got.field("cache-control"), Some("no-cache"));
    assert!(got.field("date").is_some() && got.field("last-modified").is_some());
    let head = http.ask("HEAD", INDEX, &[], "");
    assert_eq!(
        (head.status, head.field("content-length"), head.etag()),
        (200, got.field("content-length"), got.etag())
    );
    let same = format!("If-None-Match: {}", got.etag());
    assert_eq!(http.ask("GET", INDEX, &[&same], "").status, 304);
    let added = http.ask("PUT", &element("carol"), &[ELEMENT], "<entry uri=\"sip:carol@example.com\"/>");
    assert_eq!(added.status, 201, "{}", added.text());
    let old = format!("If-Match: {}", got.etag());
    assert_eq!(http.ask("DELETE", &element("bob"), &[&old], "").status, 412);
    let new = format!("If-Match: {}", added.etag());
    assert_eq!(http.ask("DELETE", &element("bob"), &["If-Match: \"\u{e9}\""], "").status, 400);
    assert_eq!(http.ask("DELETE", &element("bob"), &[&old, &new], "").status, 200, "either will do");
    assert_eq!(http.ask("GET", INDEX, &[], "").text(), list(&["carol"]));
    let options = http.ask("OPTIONS", INDEX, &[], "");
    assert_eq!((options.status, options.field("allow")), (200, Some("GET, HEAD, PUT, DELETE, OPTIONS")));
    let refused = http.ask("POST", INDEX, &[], "");
    assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD, PUT, DELETE, OPTIONS")));
    assert_eq!(http.ask("DELETE", INDEX, &[], "").status, 200);
    assert_eq!(http.ask("GET", INDEX, &[], "").status, 404);
    server.stop().unwrap();
}

#[test]
fn bad_input_has_its_answer_and_leaves_the_document_alone() {
    let server = start(&["xdm.document-max=4KiB", "aggregation-proxy.body-max=16KiB"]);
    let mut http = Http::connect(entrance(&server));
    assert_eq!(http.ask("PUT", INDEX, &[LISTS], &list(&["bob"])).status, 201);
    let namespace = "urn:ietf:params:xml:ns:resource-lists";
    let inside = |inside: &str| format!("<resource-lists xmlns=\"{namespace}\">{inside}</resource-lists>");
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><resource-lists>&b;</resource-lists>";
    let long_name = format!("<{} xmlns=\"{namespace}\"/>", "a".repeat(6000));
    let long_attribute = inside(&format!("<list {}=\"x\"/>", "a".repeat(6000)));
    let cases = [
        (bomb.to_owned(), "not-well-formed"),
        (inside("<list>"), "not-well-formed"),
        (inside("<p:list/>"), "not-well-formed"),
        (inside("<list name=\"a\" name=\"b\"/>"), "not-well-formed"),
        (String::new(), "not-well-formed"),
        (long_name, "local-constraint-failure"),
        (long_attribute, "local-constraint-failure"),
        (inside(&"<list/>".repeat(1000)), "local-constraint-failure"),
        (inside("<unknown/>"), "schema-validation-error"),
        (inside("<list name=\"a\"/><list name=\"a\"/>"), "uniqueness-failure"),
        ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><resource-lists/>".to_owned(), "not-utf-8"),
    ];
    for (body, element) in cases {
        let refused = http.ask("PUT", INDEX, &[LISTS], &body);
        let start = &body[..body.len().min(60)];
        assert_eq!(refused.status, 409, "{start}: {}", refused.text());
        assert_eq!(refused.field("content-type"), Some("application/xcap-error+xml"), "{start}");
        assert!(refused.text().contains(element), "{start}: {}", refused.text());
    }
    let wrong_type = http.ask("PUT", INDEX, &["Content-Type: text/plain"], &list(&[]));
    assert_eq!(
        (wrong_type.status, wrong_type.field("accept")),
        (415, Some("application/resource-lists+xml"))
    );
    assert_eq!(http.ask("PUT", INDEX, &[LISTS], &" ".repeat(17 << 10)).status, 413);
    let mut http = Http::connect(entrance(&server));
    let steps = format!("{INDEX}/~~/resource-lists{}", "/list".repeat(1_000));
    assert_eq!(http.ask("GET", &steps, &[], "").status, 414);
    for (target, status) in [
        (format!("{INDEX}/~~/resource-lists/%zz"), 400),
        (format!("{INDEX}/~~/x:resource-lists"), 400),
        (format!("{INDEX}/~~/resource-lists/list%5B99999999999999999999%5D"), 404),
        ("/xcap-root/unknown/users/sip:alice@example.com/index".to_owned(), 404),
        ("/xcap-root/resource-lists/users/sip:alice@elsewhere.example/index".to_owned(), 404),
        ("/xcap-root/resource-lists/users/sip:alice@example.com/../bob/index".to_owned(), 404),
        ("/elsewhere".to_owned(), 404),
        ("/xcap-rootless/x".to_owned(), 404),
    ] {
        let refused = http.ask("GET", &target, &[], "");
        assert_eq!(refused.status, status, "{target}: {}", refused.text());
    }
    assert_eq!(http.ask("GET", INDEX, &[], "").text(), list(&["bob"]));
    server.stop().unwrap();
}

#[test]
fn of_writers_at_once_none_overwrites_another() {
    let server = start(&[
        "aggregation-proxy.threads=2",
        "aggregation-proxy.client-rate=0",
        "aggregation-proxy.user-rate=0",
    ]);
    let address = entrance(&server);
    assert_eq!(Http::connect(address).ask("PUT", INDEX, &[LISTS], &list(&[])).status, 201);
    let lost = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let lost = Arc::clone(&lost);
            std::thread::spawn(move || {
                let mut http = Http::connect(address);
                for number in 0..25 {
                    let name = format!("u{writer}x{number}");
                    let entry = format!("<entry uri=\"sip:{name}@example.com\"/>");
                    // Unconditional: each adds its own. Conditional: one of those with the same tag wins.
                    assert_eq!(http.ask("PUT", &element(&name), &[ELEMENT], &entry).status, 201);
                    let tag = format!("If-Match: {}", http.ask("HEAD", INDEX, &[], "").etag());
                    let renamed = entry.replace("/>", "><display-name>x</display-name></entry>");
                    match http.ask("PUT", &element(&name), &[ELEMENT, &tag], &renamed).status {
                        200 => {}
                        412 => _ = lost.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let text = Http::connect(address).ask("GET", INDEX, &[], "").text();
    assert_eq!(text.matches("<entry ").count(), 200);
    assert_eq!(text.matches("<display-name>").count(), 200 - lost.load(Ordering::Relaxed));
    server.stop().unwrap();
}

#[test]
fn a_service_uri_is_given_to_one_of_those_who_want_it_at_once() {
    let server = start(&["aggregation-proxy.threads=2"]);
    let address = entrance(&server);
    let writers: Vec<_> = (0..8)
        .map(|user| {
            std::thread::spawn(move || {
                let target = format!("/xcap-root/rls-services/users/sip:u{user}@example.com/index");
                let body = "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">\
                    <service uri=\"sip:everybody@example.com\"><list xmlns=\"urn:ietf:params:xml:ns:rls-services\"/>\
                    <packages><package>presence</package></packages></service></rls-services>";
                let reply = Http::connect(address).ask("PUT", &target, &["Content-Type: application/rls-services+xml"], body);
                (reply.status, reply.text())
            })
        })
        .collect();
    let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 201).count(), 1, "{outcomes:?}");
    assert!(
        outcomes.iter().all(|(status, text)| *status == 201 || text.contains("uniqueness-failure")),
        "{outcomes:?}"
    );
    server.stop().unwrap();
}

#[test]
fn requests_are_counted_by_usage_method_and_status() {
    let server = start(&[]);
    let mut http = Http::connect(entrance(&server));
    http.ask("PUT", INDEX, &[LISTS], &list(&["bob"]));
    http.ask("GET", INDEX, &[], "");
    http.ask("GET", "/xcap-root/invented/users/sip:alice@example.com/index", &[], "");
    let metrics = || Http::connect(server.admin().unwrap()).ask("GET", "/metrics", &[], "").text();
    let page = (0..10_000).map(|_| metrics()).find(|page| page.contains("\nrollcall_document_feed_lag 0\n"));
    let page = page.expect("the shard takes the change in");
    for line in [
        "rollcall_xcap_requests_total{auid=\"resource-lists\",method=\"PUT\",status=\"201\"} 1",
        "rollcall_xcap_requests_total{auid=\"resource-lists\",method=\"GET\",status=\"200\"} 1",
        "rollcall_xcap_requests_total{auid=\"\",method=\"GET\",status=\"404\"} 1",
        "rollcall_http_answers_total{status=\"200\"} 1",
        "rollcall_http_connections 1",
        "rollcall_document_changes_total 1",
    ] {
        assert!(page.lines().any(|one| one == line), "{line} is missing in\n{page}");
    }
    assert!(!page.contains("alice"));
    server.stop().unwrap();
}

#[test]
fn no_list_service_has_the_address_of_a_user_nor_of_a_list_that_is_his_by_its_shape() {
    let mut server = start(&["authentication.users={ bob = \"x\" }"]);
    let mut http = Http::connect(entrance(&server));
    let service = |uri: &str| {
        format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"{uri}\"><list/></service></rls-services>"
        )
    };
    let target = "/xcap-root/rls-services/users/sip:alice@example.com/index";
    let mut put = |uri: &str| {
        let reply = http.ask("PUT", target, &["Content-Type: application/rls-services+xml"], &service(uri));
        (reply.status, reply.text().contains("uniqueness-failure"))
    };
    assert_eq!(put("sip:BOB@example.com"), (201, false), "another user than bob");
    assert_eq!(put("sip:bob@Example.com"), (409, true));
    assert_eq!(put("sip:bob@example.com;pres-list=friends"), (409, true));
    assert_eq!(put("sip:alice@example.com;pres-list=friends"), (200, false));
    assert_eq!(put("sip:carol@example.com"), (200, false), "nobody knows her yet");
    server.reconfigure(&open(&["authentication.users={ bob = \"x\", carol = \"x\" }"]));
    assert_eq!(put("sip:carol@example.com"), (200, false), "what is stored already is as it was");
    assert_eq!(put("sip:friends@example.com"), (200, false));
    assert_eq!(put("sip:carol@example.com"), (409, true));
    server.stop().unwrap();
}
