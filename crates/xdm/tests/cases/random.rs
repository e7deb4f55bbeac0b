//! Requests in random order: what holds of every answer, and of what is stored after it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::world::World;

const USERS: [&str; 3] = ["alice", "bob", "carol"];
const SERVICES: [&str; 4] =
    ["sip:a@example.com", "sip:A@example.com", "sip:alice@example.com;pres-list=a", "sip:alice@example.com"];

/// A request: who, method, target and body.
type Asked = (&'static str, &'static str, String, String);

fn lists() -> impl Strategy<Value = Asked> {
    let node = prop::sample::select(vec![
        "",
        "/~~/resource-lists/list",
        "/~~/resource-lists/list%5b1%5d",
        "/~~/resource-lists/list%5b2%5d",
        "/~~/resource-lists/list%5b@name=%22a%22%5d",
        "/~~/resource-lists/*%5b1%5d%5b@name=%22b%22%5d",
        "/~~/resource-lists/list%5b1%5d/entry",
        "/~~/resource-lists/list%5b1%5d/entry%5b@uri=%22sip:a@example.com%22%5d",
        "/~~/resource-lists/list%5b1%5d/@name",
        "/~~/resource-lists/list%5b1%5d/namespace::*",
    ]);
    let body = prop::sample::select(vec![
        r#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="a"/></resource-lists>"#,
        r#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list/> <list/></resource-lists>"#,
        r#"<list name="a"><entry uri="sip:a@example.com"/></list>"#,
        r#"<list name="b"/>"#,
        r#"<list name="b"><entry uri="sip:a@example.com"/><entry uri="sip:b@example.com"/></list>"#,
        r#"<list name="b"><entry uri="sip:a@example.com"/><entry uri="sip:a@example.com"/></list>"#,
        r#"<list name="b"><list name="c"/><entry-ref ref="/a"/></list>"#,
        r#"<external anchor="ftp://a"/>"#,
        r#"<entry uri="sip:A@EXAMPLE.com"/>"#,
        r#"<entry uri="sip:a@EXAMPLE.com;x=1"/>"#,
        r#"<entry uri="sip:a@example.com"><display-name/><display-name/></entry>"#,
        r#"<entry uri="sip:a@example.com"/>"#,
        r#"<entry uri="sip:b@example.com"><display-name>B</display-name></entry>"#,
        r#""a""#,
        r#""b""#,
        "<list",
    ]);
    (who(), method(), user(), node, body).prop_map(|(who, method, user, node, body)| {
        (who, method, format!("/resource-lists/users/sip:{user}@example.com/index{node}"), body.to_owned())
    })
}

fn services() -> impl Strategy<Value = Asked> {
    let uris = prop::collection::vec(prop::sample::select(SERVICES.to_vec()), 0..3);
    let name = prop::sample::select(vec!["index", "other"]);
    (who(), method(), user(), name, uris).prop_map(|(who, method, user, name, uris)| {
        let services: String =
            uris.iter().map(|uri| format!("<service uri=\"{uri}\"><list/></service>")).collect();
        let body =
            format!("<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">{services}</rls-services>");
        (who, method, format!("/rls-services/users/sip:{user}@example.com/{name}"), body)
    })
}

fn who() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["alice", "alice", "bob", "bob", "carol", "provider", "element", "anonymous"])
}

fn user() -> impl Strategy<Value = &'static str> {
    prop::sample::select(USERS.to_vec())
}

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["PUT", "PUT", "PUT", "GET", "DELETE"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// `World::run` looks at each answer: a refusal leaves no trace, GET gives what was PUT, a DELETE leaves nothing.
    #[test]
    fn whatever_is_asked_the_store_stays_valid_and_the_index_can_be_restored(
        requests in prop::collection::vec(prop_oneof![lists(), services()], 1..60),
        profile in prop::sample::select(vec!["ietf", "oma"]),
    ) {
        let mut world = World::new();
        world.set("profile", profile);
        let mut versions = BTreeSet::new();
        let mut before = Vec::new();
        for (who, method, target, body) in requests {
            let body = (method == "PUT").then_some(body);
            world.run(who, method, &target, &[], body.as_deref());
            let after: Vec<_> = world.documents().map(|(document, stored)| (document.clone(), stored.clone())).collect();
            for (document, stored) in after.iter().filter(|known| !before.contains(*known)) {
                prop_assert!(versions.insert(stored.etag.clone()), "{document} has a version that was there before");
            }
            before = after;
            let limits = xml::Limits::default();
            for (document, stored) in world.documents() {
                let grammar = if &*document.auid == "rls-services" {
                    documents::rls_services::check(&stored.body, &limits)
                } else {
                    documents::resource_lists::check(&stored.body, &limits)
                };
                prop_assert_eq!(grammar, Ok(()), "{}", document);
            }
            let (live, restored) = world.indexes();
            for uri in SERVICES {
                let aor = sip::Aor::parse(uri).expect("an address-of-record");
                prop_assert!(live.services_of(&aor).eq(restored.services_of(&aor)));
            }
        }
    }
}
