//! Meta-information: the example of RFC 4662, what is refused, and the table of RFC 4662 §5.6.

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::rlmi::{Aggregate, Applied, Body, Instance, List, Name, Part, Resource, State, Table};
use documents::{DocumentError, Rule};
use proptest::prelude::*;

fn read(document: &str) -> Result<List, DocumentError> {
    List::parse(document.as_bytes(), &xml::Limits::default())
}

fn instance(id: &str, state: State, reason: Option<&str>, cid: Option<&str>) -> Instance {
    Instance { id: id.into(), state, reason: reason.map(Into::into), cid: cid.map(Into::into) }
}

fn resource(uri: &str, name: Option<&str>, instances: &[Instance]) -> Resource {
    Resource {
        uri: uri.into(),
        names: name.map(Name::new).into_iter().collect(),
        instances: instances.to_vec(),
    }
}

#[test]
fn the_example_of_rfc_4662_section_5_1_reads_as_it_says() {
    let list = read(include_str!("data/rlmi/rfc4662-5.1.xml")).expect("a document");
    let name = |text: &str, language: &str| Name { text: text.into(), language: Some(language.into()) };
    let active = |id, cid| instance(id, State::Active, None, Some(cid));
    let jim = instance("oflzxqzuvg", State::Terminated, Some("rejected"), None);
    let expected = List {
        uri: "sip:adam-friends@lists.vancouver.example.com".into(),
        version: 7,
        full_state: true,
        cid: None,
        omitted: 0,
        names: vec![name("Buddy List", "en"), name("Liste d'amis", "fr")],
        resources: vec![
            resource(
                "sip:bob@vancouver.example.com",
                Some("Bob Smith"),
                &[active("juwigmtboe", "12345.aaa@vancouver.example.com")],
            ),
            resource(
                "sip:dave@vancouver.example.com",
                Some("Dave Jones"),
                &[active("hqzsuxtfyq", "12345.aab@vancouver.example.com")],
            ),
            resource("sip:jim@vancouver.example.com", Some("Jim"), &[jim]),
            resource(
                "sip:ed@vancouver.example.com",
                Some("Ed"),
                &[instance("grqhzsppxb", State::Pending, None, None)],
            ),
        ],
    };
    assert_eq!(list, expected);
}

#[test]
fn what_lacks_an_attribute_or_has_a_wrong_one_is_refused() {
    let list = |attributes: &str, content: &str| {
        format!("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" {attributes}>{content}</list>")
    };
    let good = "uri='sip:l@x' version='0' fullState='1'";
    let cases = [
        ("<list/>".to_owned(), Rule::RootOf("list")),
        (list("version='0' fullState='true'", ""), Rule::Missing("uri")),
        (list("uri='a' fullState='true'", ""), Rule::Missing("version")),
        (list("uri='a' version='-1' fullState='true'", ""), Rule::Value("version")),
        (list("uri='a' version='4294967296' fullState='true'", ""), Rule::Value("version")),
        (list("uri='a' version='0'", ""), Rule::Missing("fullState")),
        (list("uri='a' version='0' fullState='yes'", ""), Rule::Value("fullState")),
        (list(good, "<resource/>"), Rule::Missing("uri")),
        (list(good, "<resource uri='a'><instance id='1'/></resource>"), Rule::Missing("state")),
        (list(good, "<resource uri='a'><instance state='active'/></resource>"), Rule::Missing("id")),
        (list(good, "<resource uri='a'><instance id='1' state='new'/></resource>"), Rule::Value("state")),
    ];
    for (document, expected) in cases {
        match read(&document) {
            Err(DocumentError::Rule { rule, .. }) => assert_eq!(rule, expected, "{document}"),
            other => panic!("{document}: {other:?}"),
        }
    }
    let extended = "<o xmlns='urn:o'><resource/></o><resource uri='a'><instance id='1' state='active'><b/></instance></resource>";
    let expected = [resource("a", None, &[instance("1", State::Active, None, None)])];
    assert_eq!(read(&list(good, extended)).expect("a document").resources, expected);
}

fn list(version: u32, full_state: bool, resources: &[Resource]) -> List {
    List {
        uri: "sip:l@x".into(),
        version,
        full_state,
        cid: None,
        omitted: 0,
        names: Vec::new(),
        resources: resources.to_vec(),
    }
}

/// Applies a document. The part `cid` says `cid`.
fn apply(table: &mut Table, list: List) -> Applied {
    table.apply(aggregate(list, []))
}

fn aggregate(list: List, lists: impl IntoIterator<Item = (&'static str, Aggregate)>) -> Aggregate {
    let instances = list.resources.iter().flat_map(|resource| &resource.instances);
    let document =
        |cid: &str| Part::Document(Body { media_type: "text/plain".into(), bytes: cid.as_bytes().into() });
    let parts = instances.filter_map(|one| Some((one.cid.clone()?, document(one.cid.as_deref()?))));
    let mut parts: BTreeMap<_, _> = parts.collect();
    parts.extend(lists.into_iter().map(|(cid, list)| (cid.into(), Part::List(Box::new(list)))));
    Aggregate { list, parts }
}

fn active(cid: &str) -> [Instance; 1] {
    [instance("1", State::Active, None, Some(cid))]
}

fn said(table: &Table, uri: &str) -> Option<String> {
    let held = table.row(uri)?.instances.get("1")?;
    held.body.as_ref().map(|body| String::from_utf8_lossy(&body.bytes).into_owned())
}

fn changed(uris: &[&str]) -> Applied {
    Applied { changed: uris.iter().map(|uri| Arc::from(*uri)).collect(), ..Applied::default() }
}

#[test]
fn full_state_replaces_and_partial_state_changes_what_it_names() {
    let mut table = Table::default();
    let [a, b] = ["sip:a@x", "sip:b@x"];
    let first = list(0, true, &[resource(a, None, &active("one")), resource(b, None, &[])]);
    assert_eq!(apply(&mut table, first), changed(&[a, b]));
    assert_eq!(apply(&mut table, list(1, false, &[resource(b, None, &active("two"))])), changed(&[b]));
    assert_eq!((said(&table, a).as_deref(), said(&table, b).as_deref()), (Some("one"), Some("two")));
    // The same again is no change, and the state of an instance stays if none comes.
    let same = [resource(b, None, &[instance("1", State::Active, None, None)])];
    assert_eq!(apply(&mut table, list(2, false, &same)), changed(&[]));
    let full = list(5, true, &[resource(b, None, &active("two"))]);
    assert_eq!(apply(&mut table, full), changed(&[a]));
    assert_eq!(table.rows().len(), 1);
    let over = [resource(b, None, &[instance("1", State::Terminated, Some("rejected"), None)])];
    assert_eq!(apply(&mut table, list(6, false, &over)), changed(&[b]));
    assert_eq!(said(&table, b), None);
}

#[test]
fn a_gap_asks_for_a_refresh_and_what_is_old_is_not_looked_at() {
    let mut table = Table::default();
    let stale = Applied { stale: true, ..Applied::default() };
    assert_eq!(apply(&mut table, list(4, true, &[])), Applied::default());
    for version in [0, 4] {
        assert_eq!(apply(&mut table, list(version, true, &[resource("a", None, &[])])), stale);
        assert_eq!(apply(&mut table, list(version, false, &[resource("a", None, &[])])), stale);
    }
    let gap = apply(&mut table, list(6, false, &[resource("a", None, &[])]));
    assert_eq!(gap, Applied { refresh: true, ..changed(&["a"]) });
    assert_eq!(table.version(), Some(6));
    let lost_first = apply(&mut Table::default(), list(1, false, &[]));
    assert!(lost_first.refresh);
    let mut last = Table::default();
    assert_eq!(apply(&mut last, list(u32::MAX, true, &[])), Applied::default());
    assert_eq!(apply(&mut last, list(u32::MAX, true, &[])), stale);
}

#[test]
fn a_list_within_has_a_table_of_its_own() {
    let mut table = Table::default();
    let within = |version, full, resources: &[Resource]| aggregate(list(version, full, resources), []);
    let [a, b] = ["sip:a@x", "sip:b@x"].map(|uri| resource(uri, None, &active(uri)));
    let mut hear = |version, within: Aggregate| {
        let team = resource("sip:team@y", None, &active("team"));
        let applied = table.apply(aggregate(list(version, version == 0, &[team]), [("team", within)]));
        let held = table.row("sip:team@y").and_then(|row| row.instances.get("1")).expect("it is there");
        let rows = held.list.as_ref().expect("a list").rows().map(|(uri, _)| uri.to_string());
        assert!(held.body.is_none());
        (applied.changed.len(), applied.refresh, rows.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(hear(0, within(0, true, core::slice::from_ref(&a))), (1, false, "sip:a@x".into()));
    assert_eq!(hear(1, within(1, false, core::slice::from_ref(&b))), (1, false, "sip:a@x sip:b@x".into()));
    assert_eq!(hear(2, within(1, false, &[])), (0, false, "sip:a@x sip:b@x".into()), "it is old");
    assert_eq!(hear(3, within(3, false, &[])), (1, true, "sip:a@x sip:b@x".into()), "one is missing");
    assert_eq!(
        hear(4, within(0, true, core::slice::from_ref(&b))),
        (1, false, "sip:b@x".into()),
        "counted anew"
    );
    // Over, and so is what was known of it.
    let over = resource("sip:team@y", None, &[instance("1", State::Terminated, Some("giveup"), None)]);
    assert_eq!(apply(&mut table, list(5, false, &[over])), changed(&["sip:team@y"]));
    assert_eq!(table.row("sip:team@y").and_then(|row| row.instances["1"].list.clone()), None);
}

fn any_text() -> impl Strategy<Value = Arc<str>> {
    "[a-z&<\"']\\PC{0,8}[a-z]".prop_map(Into::into)
}

fn any_names() -> impl Strategy<Value = Vec<Name>> {
    proptest::collection::vec((any_text(), proptest::option::of(any_text())), 0..3)
        .prop_map(|names| names.into_iter().map(|(text, language)| Name { text, language }).collect())
}

fn any_instance() -> impl Strategy<Value = Instance> {
    let state = prop_oneof![Just(State::Active), Just(State::Pending), Just(State::Terminated)];
    (any_text(), state, proptest::option::of(any_text()), proptest::option::of(any_text()))
        .prop_map(|(id, state, reason, cid)| Instance { id, state, reason, cid })
}

fn any_list() -> impl Strategy<Value = List> {
    let resource = (any_text(), any_names(), proptest::collection::vec(any_instance(), 0..3))
        .prop_map(|(uri, names, instances)| Resource { uri, names, instances });
    let resources = proptest::collection::vec(resource, 0..5);
    let cid = proptest::option::of(any_text());
    (any_text(), any::<u32>(), any::<bool>(), cid, any::<u32>(), any_names(), resources).prop_map(
        |(uri, version, full_state, cid, omitted, names, resources)| List {
            uri,
            version,
            full_state,
            cid,
            omitted,
            names,
            resources,
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(list in any_list()) {
        prop_assert_eq!(List::parse(&list.print(), &xml::Limits::default()), Ok(list));
    }
}
