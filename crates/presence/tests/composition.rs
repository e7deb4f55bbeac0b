//! Composing: beside a naive reference, and what each policy makes of some documents.

mod model;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use documents::pidf::Presence;
use model::{Component, print, read};
use presence::composition::{Composer, Policy};
use proptest::prelude::*;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::compositor::{EntityTag, Publication};
use xml::Limits;

const ALICE: &str = "sip:alice@example.com";

fn alice() -> Aor {
    Aor::parse(ALICE).expect("an address-of-record")
}

fn publication(id: u64, changed_at: u64, document: Presence) -> Publication<Presence> {
    Publication {
        id,
        entity_tag: EntityTag { epoch: 1, number: id },
        changed_at: Timestamp::from_secs(changed_at),
        expires_at: Timestamp::NEVER,
        armed_at: Timestamp::NEVER,
        source: None,
        document,
    }
}

/// A document with this content; prefixes as in the specifications.
fn presence(content: &str) -> Presence {
    let text = format!(
        "<presence xmlns='{}' xmlns:dm='{}' xmlns:r='{}' xmlns:op='{}' \
         xmlns:opd='urn:oma:xml:pde:pidf:ext' xmlns:ts='urn:ietf:params:xml:ns:pidf:timed-status' \
         entity='{ALICE}'>{content}</presence>",
        model::component::PIDF,
        model::component::DM,
        model::component::RPID,
        model::component::OP
    );
    Presence::parse(text.as_bytes(), &Limits::default()).expect(&text)
}

fn composed(publications: &[Publication<Presence>]) -> Vec<Component> {
    compose(publications, None, Policy::Merge, 0).0
}

fn compose(
    publications: &[Publication<Presence>],
    permanent: Option<&Presence>,
    policy: Policy,
    now: u64,
) -> (Vec<Component>, Option<i64>) {
    let now = Timestamp::from_secs(now);
    let composition = Composer::default().compose(&alice(), publications, permanent, policy, now);
    let document = composition.document.bytes();
    Presence::parse(document, &Limits::default()).expect("what is composed is a presence document");
    (read(document), composition.until)
}

/// The components' ids and, of each, the texts of one child.
fn texts(components: &[Component], name: &str) -> Vec<(String, Vec<String>)> {
    let texts = |component: &Component| {
        component.children.get(name).into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    components.iter().map(|component| (component.id.clone(), texts(component))).collect()
}

fn pairs(pairs: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    pairs.iter().map(|(id, texts)| ((*id).to_owned(), owned(texts))).collect()
}

#[test]
fn services_that_agree_are_one_and_others_stand_apart() {
    let tuple = |id: &str, content: &str| presence(&format!("<tuple id='{id}'><status>{content}</tuple>"));
    let one = tuple(
        "a",
        "<basic>open</basic></status><contact priority='0.2'>sip:a@b</contact><note>x</note>\
         <timestamp>2001-01-03T00:00:00Z</timestamp>",
    );
    let agreeing = tuple(
        "b",
        "<basic> open</basic></status><op:willingness><op:basic>open</op:basic></op:willingness>\
         <contact priority='0.7'>sip:a@b</contact><timestamp>2001-01-02T00:00:00Z</timestamp>",
    );
    let parts = composed(&[publication(1, 1, one.clone()), publication(2, 2, agreeing)]);
    assert_eq!(parts.len(), 1);
    assert_eq!(texts(&parts, "p:contact"), pairs(&[("a", &["sip:a@b|0.7"])]));
    assert_eq!(texts(&parts, "p:timestamp"), pairs(&[("a", &["2001-01-03T00:00:00Z"])]));
    assert_eq!(texts(&parts, "status/p:basic"), pairs(&[("a", &["open"])]));
    assert!(parts[0].children.contains_key("op:willingness") && parts[0].children.contains_key("p:note"));

    for other in [
        "<basic>closed</basic></status><contact>sip:a@b</contact>",
        "<basic>open</basic></status>",
        "<basic>open</basic></status><contact>sip:other@b</contact>",
        "<basic>open</basic></status><r:class>biz</r:class><contact>sip:a@b</contact>",
        "<basic>open</basic></status><contact>sip:a@b</contact><note>y</note>",
        "<basic>open</basic></status><op:service-description><op:service-id>im</op:service-id>\
         <op:version>1</op:version></op:service-description><contact>sip:a@b</contact>",
    ] {
        let parts = composed(&[publication(1, 1, one.clone()), publication(2, 2, tuple("a", other))]);
        let ids: Vec<&str> = parts.iter().map(|part| &*part.id).collect();
        assert_eq!(ids, ["p2-a", "a"], "{other}");
    }
}

#[test]
fn a_description_of_a_service_is_no_conflict_and_stands_once() {
    let tuple = |id: &str, description: &str| {
        presence(&format!(
            "<tuple id='{id}'><status/><op:service-description><op:service-id>im</op:service-id>\
             <op:version>1</op:version>{description}</op:service-description></tuple>"
        ))
    };
    let described = tuple("a", "<op:description>chat</op:description>");
    for other in [tuple("b", ""), tuple("b", "<op:description>chatting</op:description>")] {
        let parts = composed(&[publication(1, 2, described.clone()), publication(2, 1, other)]);
        assert_eq!(texts(&parts, "op:service-description"), pairs(&[("a", &["im|1|chat"])]));
    }
}

#[test]
fn of_devices_the_newest_publication_prevails() {
    let device = |id: &str, content: &str| {
        presence(&format!("<dm:device id='{id}'>{content}<dm:deviceID>urn:d</dm:deviceID></dm:device>"))
    };
    let older = device("a", "<r:class>biz</r:class><dm:note>x</dm:note><r:user-input>idle</r:user-input>");
    let newer = device("b", "<r:class>home</r:class><dm:note>x</dm:note>");
    for (one, two) in [((1, 1), (2, 2)), ((2, 1), (1, 2))] {
        let parts =
            composed(&[publication(one.0, one.1, older.clone()), publication(two.0, two.1, newer.clone())]);
        assert_eq!(parts.len(), 1);
        let first = if one.0 == 1 { "a" } else { "b" };
        assert_eq!(texts(&parts, "r:class"), pairs(&[(first, &["home"])]));
        assert_eq!(texts(&parts, "dm:note"), pairs(&[(first, &["x"])]));
        assert!(parts[0].children.contains_key("r:user-input"));
    }
    let other = presence("<dm:device id='c'><dm:deviceID>urn:e</dm:deviceID></dm:device>");
    assert_eq!(composed(&[publication(1, 1, older), publication(2, 2, other)]).len(), 2);
}

#[test]
fn persons_are_never_overruled() {
    let person = |id: &str, content: &str| presence(&format!("<dm:person id='{id}'>{content}</dm:person>"));
    let busy = person(
        "a",
        "<r:activities><r:busy/></r:activities><dm:timestamp>2001-01-01T00:00:00Z</dm:timestamp>",
    );
    let happy = person("b", "<r:mood><r:happy/></r:mood><dm:timestamp>2001-01-02T00:00:00Z</dm:timestamp>");
    let away = person("c", "<r:activities><r:away/></r:activities>");
    let parts =
        composed(&[publication(1, 1, busy.clone()), publication(2, 2, happy), publication(3, 3, away)]);
    let ids: Vec<&str> = parts.iter().map(|part| &*part.id).collect();
    assert_eq!(ids, ["c", "a"]);
    assert_eq!(texts(&parts[1..], "dm:timestamp"), pairs(&[("a", &["2001-01-02T00:00:00Z"])]));
    assert!(parts[1].children.contains_key("r:mood") && parts[1].children.contains_key("r:activities"));
    let classified = person("b", "<r:class>x</r:class>");
    assert_eq!(composed(&[publication(1, 1, busy), publication(2, 2, classified)]).len(), 2);
}

#[test]
fn equal_notes_stand_once() {
    let note = |text: &str| presence(&format!("<note>{text}</note>"));
    let publications =
        [publication(1, 1, note("x")), publication(2, 2, note(" x ")), publication(3, 3, note("y"))];
    let notes: Vec<_> = composed(&publications).iter().map(|note| note.one("").map(str::to_owned)).collect();
    assert_eq!(notes, [Some("y".to_owned()), Some(" x ".to_owned())]);
}

#[test]
fn the_permanent_state_is_the_oldest_publication() {
    let permanent = presence("<tuple id='a'><status><basic>closed</basic></status></tuple>");
    let open = presence("<tuple id='a'><status><basic>open</basic></status></tuple>");
    let (parts, _) = compose(&[publication(7, 1, open)], Some(&permanent), Policy::Merge, 0);
    assert_eq!(texts(&parts, "status/p:basic"), pairs(&[("p7-a", &["open"]), ("a", &["closed"])]));
    let mut composer = Composer::default();
    let alone = composer.compose(&alice(), &[], Some(&permanent), Policy::Merge, Timestamp::ZERO);
    assert!(matches!(alone.document, Cow::Borrowed(document) if *document == permanent));
}

#[test]
fn elements_are_there_while_they_hold() {
    let timed = presence(
        "<tuple id='t'><status><basic>open</basic></status>\
         <op:willingness opd:until='1970-01-01T00:00:15Z'><op:basic>open</op:basic></op:willingness>\
         <ts:timed-status from='1970-01-01T00:00:12Z' until='1970-01-01T00:00:14Z'><ts:basic>closed</ts:basic>\
         </ts:timed-status></tuple>\
         <dm:person id='p'><r:mood from='1970-01-01T00:00:10Z' until='1970-01-01T00:00:20Z'><r:happy/></r:mood>\
         </dm:person>",
    );
    let publications = [publication(1, 0, timed.clone())];
    let mut seen = Vec::new();
    let mut now = 0;
    loop {
        let (parts, until) = compose(&publications, None, Policy::Merge, now);
        let has = |part: usize, name: &str| parts[part].children.contains_key(name);
        seen.push((now, has(1, "r:mood"), has(0, "op:willingness"), has(0, "x:timed-status")));
        assert_eq!(texts(&parts[..1], "status/p:basic"), pairs(&[("t", &["open"])]));
        let Some(until) = until else { break };
        now = u64::try_from(until).expect("after 1970") / 1000;
    }
    assert_eq!(
        seen,
        [
            (0, false, true, true),
            (10, true, true, true),
            (12, true, true, false),
            (14, true, true, true),
            (15, true, false, true),
            (20, false, false, true),
        ]
    );
    // What holds whole goes out as it came.
    let mut composer = Composer::default();
    let at = Timestamp::from_secs(11);
    let whole = composer.compose(&alice(), &publications, None, Policy::Merge, at);
    assert!(matches!(whole.document, Cow::Borrowed(document) if *document == timed));
    assert_eq!(whole.until, Some(12_000));
}

#[test]
fn the_sphere_is_what_all_documents_agree_on() {
    let person = |sphere: &str| presence(&format!("<dm:person id='p'>{sphere}</dm:person>"));
    let (work, home, none) = (
        person("<r:sphere>work</r:sphere>"),
        person("<r:sphere until='1970-01-01T00:00:10Z'><r:home/></r:sphere>"),
        person(""),
    );
    let sphere = |documents: &[&Presence], now| {
        let publications: Vec<_> =
            (1..).zip(documents).map(|(id, document)| publication(id, id, (*document).clone())).collect();
        Composer::default().sphere(&publications, None, Timestamp::from_secs(now))
    };
    assert_eq!(sphere(&[&work, &none, &work], 0).as_deref(), Some("work"));
    assert_eq!(sphere(&[&work, &person("<r:sphere>WORK</r:sphere>")], 0).as_deref(), Some("work"));
    assert_eq!(sphere(&[&home], 0).as_deref(), Some("home"));
    assert_eq!(sphere(&[&work, &home], 0), None);
    assert_eq!(sphere(&[&work, &home], 10).as_deref(), Some("work"));
    assert_eq!(sphere(&[&none], 0), None);
    assert_eq!(Composer::default().sphere(&[], Some(&work), Timestamp::ZERO).as_deref(), Some("work"));
}

#[test]
fn other_policies_choose_a_source() {
    let tuple = |id: &str, basic: &str, priority: &str| {
        presence(&format!(
            "<tuple id='{id}'><status><basic>{basic}</basic></status><contact priority='{priority}'>sip:{id}@b\
             </contact></tuple><dm:person id='p{id}'/>"
        ))
    };
    let publications = [
        publication(1, 3, tuple("a", "closed", "0.2")),
        publication(2, 2, tuple("b", "closed", "0.9")),
        publication(3, 1, tuple("c", "open", "0.1")),
    ];
    let ids = |policy| {
        let (parts, _) = compose(&publications, None, policy, 0);
        parts.into_iter().map(|part| part.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Policy::Latest), ["a", "pa"]);
    assert_eq!(ids(Policy::Priority), ["b", "pb"]);
    assert_eq!(ids(Policy::Single), ["c", "pa"]);
    assert_eq!(ids(Policy::Merge).len(), 4, "three tuples, and three persons in one");
}

#[test]
fn what_is_composed_of_documents_as_their_schemas_have_them_is_so_too() {
    let examples = [
        include_str!("../../documents/tests/data/pidf/rfc3863-4.3.2.xml"),
        include_str!("../../documents/tests/data/pidf/rfc4479-7-mended.xml"),
        include_str!("../../documents/tests/data/pidf/rfc4480-4.xml"),
        include_str!("../../documents/tests/data/pidf/rfc4481-4.xml"),
        include_str!("../../documents/tests/data/pidf/rfc5196-5.xml"),
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:q='urn:ietf:params:xml:ns:pidf:data-model' \
         entity='sip:a@b'><note>other</note><q:person id='p1'><q:note>so</q:note></q:person>\
         <q:device id='d'><q:deviceID>urn:device:0003ba4811e3</q:deviceID></q:device></presence>",
    ];
    let limits = Limits::default();
    let examples: Vec<Presence> =
        examples.iter().map(|text| Presence::parse(text.as_bytes(), &limits).expect(text)).collect();
    let is_valid = |document: &Presence| documents::pidf::check(document.bytes(), &limits).is_ok();
    let valid: Vec<&Presence> = examples.iter().filter(|document| is_valid(document)).collect();
    assert!(valid.len() >= 4, "{} of the examples are valid", valid.len());
    for (one, other) in valid.iter().flat_map(|one| valid.iter().map(move |other| (one, other))) {
        let publications = [publication(1, 1, (*one).clone()), publication(2, 2, (*other).clone())];
        let mut composer = Composer::default();
        // Past every time in the examples, so that elements that no longer hold are left out.
        let now = Timestamp::from_secs(2_000_000_000);
        let composed = composer.compose(&alice(), &publications, None, Policy::Merge, now);
        let checked = documents::pidf::check(composed.document.bytes(), &limits);
        assert_eq!(checked, Ok(()), "{}", String::from_utf8_lossy(composed.document.bytes()));
    }
}

#[test]
fn many_components_in_conflict_take_no_longer_than_others() {
    let tuples = |from: u32| {
        let tuples =
            (from..from + 500).map(|id| format!("<tuple id='t{id}'><status/><note>{id}</note></tuple>"));
        let text = tuples.collect::<String>();
        Presence::parse(
            format!("<presence xmlns='{}' entity='{ALICE}'>{text}</presence>", model::component::PIDF)
                .as_bytes(),
            &Limits { nodes: 10_000, ..Limits::default() },
        )
        .expect("a presence document")
    };
    let publications = [publication(1, 1, tuples(0)), publication(2, 2, tuples(1000))];
    let mut composer = Composer::default();
    let composition = composer.compose(&alice(), &publications, None, Policy::Merge, Timestamp::ZERO);
    assert_eq!(composition.document.elements().count(), 1000);
}

/// The OMA's policy said as plainly as can be, over the model.
fn naive(sources: &[(u64, u64, Vec<Component>)]) -> Vec<Component> {
    let mut by_id: Vec<_> = sources.iter().collect();
    by_id.sort_by_key(|(id, _, _)| *id);
    let mut groups: Vec<Vec<(u64, u64, usize, &Component)>> = Vec::new();
    let mut notes: Vec<(u64, u64, usize, &Component)> = Vec::new();
    for (id, changed_at, components) in by_id {
        for (place, component) in components.iter().enumerate() {
            let member = (*id, *changed_at, place, component);
            if component.kind == "note" {
                notes.push(member);
                continue;
            }
            let fitting = groups.iter_mut().find(|group| {
                group.iter().all(|(other, _, _, known)| id != other && is_one(known, component))
            });
            match fitting {
                Some(group) => group.push(member),
                None => groups.push(vec![member]),
            }
        }
    }
    let mut out: Vec<((u64, u64), usize, Component)> = Vec::new();
    for group in &groups {
        let (id, changed_at, place, _) =
            group.iter().max_by_key(|(id, changed_at, _, _)| (*changed_at, *id)).expect("a member");
        let mut merged = merge(group);
        let (first, _, _, named) = group[0];
        let owner = sources
            .iter()
            .filter(|(_, _, components)| components.iter().any(|component| component.id == named.id))
            .map(|(id, _, _)| *id)
            .min();
        merged.id = if owner == Some(first) { named.id.clone() } else { format!("p{first:x}-{}", named.id) };
        out.push(((*changed_at, *id), *place, merged));
    }
    notes.sort_by_key(|(id, changed_at, _, _)| core::cmp::Reverse((*changed_at, *id)));
    let mut seen = BTreeSet::new();
    for (id, changed_at, place, note) in notes {
        if seen.insert(note.one("")) {
            out.push(((changed_at, id), place, note.clone()));
        }
    }
    let rank = |component: &Component| {
        ["tuple", "note"].iter().position(|kind| *kind == component.kind).unwrap_or(2)
    };
    out.sort_by_key(|(age, place, component)| (rank(component), core::cmp::Reverse(*age), *place));
    out.into_iter().map(|(_, _, component)| component).collect()
}

/// The part of a contact or service description that must be equal.
fn part(text: Option<&str>, parts: usize) -> Option<Vec<&str>> {
    text.map(|text| text.split('|').take(parts).collect())
}

fn is_one(a: &Component, b: &Component) -> bool {
    let same = |name: &str, parts| part(a.one(name), parts) == part(b.one(name), parts);
    let agree = || {
        a.children.iter().all(|(name, texts)| {
            let is_let_pass =
                name.ends_with(":timestamp") || ["p:contact", "op:service-description"].contains(&&**name);
            is_let_pass || b.children.get(name).is_none_or(|other| other == texts)
        })
    };
    a.kind == b.kind
        && match a.kind {
            "device" => a.one("dm:deviceID") == b.one("dm:deviceID"),
            "person" => same("r:class", 1) && agree(),
            _ => same("r:class", 1) && same("p:contact", 1) && same("op:service-description", 2) && agree(),
        }
}

fn merge(group: &[(u64, u64, usize, &Component)]) -> Component {
    let mut merged = group[0].3.clone();
    if group.len() == 1 {
        merged.children.insert("@hidden".to_owned(), BTreeSet::from(["1".to_owned()]));
        return merged;
    }
    let mut newest_first = group.to_vec();
    newest_first.sort_by_key(|(id, changed_at, _, _)| core::cmp::Reverse((*changed_at, *id)));
    let mut children: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, _, _, member) in &newest_first {
        for (name, texts) in &member.children {
            let known = children.entry(name.clone()).or_insert_with(|| texts.clone());
            let (is, with) = (known.first().expect("not empty").clone(), texts.first().expect("not empty"));
            let better = match &**name {
                "p:timestamp" | "dm:timestamp" => *with > is,
                "p:contact" => with.split('|').nth(1) > is.split('|').nth(1),
                "op:service-description" => is.ends_with('|') && !with.ends_with('|'),
                _ => false,
            };
            if better {
                known.clone_from(texts);
            }
        }
    }
    merged.children = children;
    merged.children.insert("@hidden".to_owned(), BTreeSet::from(["1".to_owned()]));
    merged
}

fn sources() -> impl Strategy<Value = Vec<(u64, u64, Vec<Component>)>> {
    let source = (model::document(), 0..5_u64);
    proptest::collection::vec(source, 0..5).prop_map(|sources| {
        (1..).zip(sources).map(|(id, (document, changed_at))| (id, changed_at, document)).collect()
    })
}

/// User input reads with its attributes.
fn with_attributes(mut components: Vec<Component>) -> Vec<Component> {
    for component in &mut components {
        if let Some(texts) = component.children.get_mut("r:user-input") {
            *texts = BTreeSet::from(["idle idle-threshold last-input since".to_owned()]);
        }
    }
    components
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn composing_is_what_the_naive_reference_does(sources in sources(), prefixed in any::<u8>()) {
        let publications: Vec<_> = sources.iter().map(|(id, changed_at, components)| {
            publication(*id, *changed_at, print("pres:x@y", components, prefixed & 1 << (id % 8) != 0))
        }).collect();
        prop_assert_eq!(composed(&publications), with_attributes(naive(&sources)));
    }

    #[test]
    fn a_composer_that_remembers_composes_as_one_that_does_not(
        steps in proptest::collection::vec((0..4_u64, proptest::option::of(model::document()), 0..3_u8), 1..8),
    ) {
        let mut composer = Composer::default();
        let mut publications: Vec<Publication<Presence>> = Vec::new();
        for (now, (id, document, _)) in (0..).zip(steps) {
            publications.retain(|publication| publication.id != id + 1);
            publications.extend(document.map(|components| publication(id + 1, now, print(ALICE, &components, false))));
            let now = Timestamp::from_secs(now);
            for policy in [Policy::Merge, Policy::Latest, Policy::Priority, Policy::Single] {
                let kept = composer.compose(&alice(), &publications, None, policy, now);
                let mut fresh = Composer::default();
                let fresh = fresh.compose(&alice(), &publications, None, policy, now);
                prop_assert_eq!(kept.document.bytes(), fresh.document.bytes());
            }
        }
    }
}
