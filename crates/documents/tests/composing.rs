//! Elements of several documents under one root: they mean what they meant, and change no more than they must.

mod support;

use std::collections::BTreeSet;

use documents::pidf::{Builder, Presence};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use xml::Limits;

fn parse(document: &str) -> Presence {
    Presence::parse(document.as_bytes(), &Limits::default()).expect("it is a presence document")
}

fn compose<'a>(documents: impl IntoIterator<Item = &'a Presence>) -> Presence {
    let mut builder = Builder::new("pres:a@example.com");
    for document in documents {
        document.elements().for_each(|element| _ = builder.element(&element, None));
    }
    builder.finish()
}

/// The elements of the documents composed, as text.
fn composed(documents: &[&str]) -> Vec<String> {
    let parsed: Vec<_> = documents.iter().map(|document| parse(document)).collect();
    let presence = compose(&parsed);
    let expected: Vec<_> =
        documents.iter().flat_map(|document| support::canonical_children(document.as_bytes())).collect();
    assert_eq!(support::canonical_children(presence.bytes()), expected);
    let text = |bytes: &[u8]| str::from_utf8(bytes).expect("it is UTF-8").to_owned();
    presence.elements().map(|element| text(element.bytes)).collect()
}

#[test]
fn declarations_move_to_the_new_root() {
    let prefixed = "<i:presence xmlns:i='urn:ietf:params:xml:ns:pidf' xmlns:x='urn:x' entity='a'><i:tuple id='t' x:y=''/></i:presence>";
    assert_eq!(composed(&[prefixed]), ["<i:tuple id='t' x:y=''/>"]);
    let presence = compose([&parse(prefixed)]);
    assert_eq!(
        str::from_utf8(presence.bytes()).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:a@example.com\"\n  \
         xmlns:i='urn:ietf:params:xml:ns:pidf'\n  xmlns:x='urn:x'>\n\
         <i:tuple id='t' x:y=''/>\n</presence>\n"
    );
}

#[test]
fn a_prefix_that_is_taken_is_declared_on_the_element() {
    let one = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:x='urn:1' entity='a'><x:a/></presence>";
    let two = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:x='urn:2' entity='a'><x:a/><x:b  /><x:c xmlns:x = \"urn:3\"/></presence>";
    assert_eq!(
        composed(&[one, two, one]),
        [
            "<x:a/>",
            "<x:a xmlns:x='urn:2'/>",
            "<x:b xmlns:x='urn:2'  />",
            "<x:c xmlns:x = \"urn:3\"/>",
            "<x:a/>"
        ]
    );
}

#[test]
fn another_default_namespace_stays_with_its_elements() {
    let other = "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns=\"urn:o'o\" entity='a'><o><p:tuple/></o><q xmlns='r'/></p:presence>";
    assert_eq!(composed(&[other]), ["<o xmlns=\"urn:o'o\"><p:tuple/></o>", "<q xmlns='r'/>"]);
    let none = "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' entity='a'><o/><p:note>n</p:note><p:note><o/></p:note></p:presence>";
    assert_eq!(
        composed(&[none]),
        ["<o xmlns=\"\"/>", "<p:note>n</p:note>", "<p:note xmlns=\"\"><o/></p:note>"]
    );
}

#[test]
fn the_language_of_a_root_stays_with_its_elements() {
    let german = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xml:lang='de' entity='a'>\
                  <note>weg</note><note xml:lang='en'>away</note><tuple id='t'><note>da</note></tuple></presence>";
    assert_eq!(
        composed(&[german]),
        [
            "<note xml:lang='de'>weg</note>",
            "<note xml:lang='en'>away</note>",
            "<tuple xml:lang='de' id='t'><note>da</note></tuple>",
        ]
    );
}

#[test]
fn a_root_takes_sixteen_declarations_and_elements_the_rest() {
    let declarations: String = (0..20).map(|number| format!(" xmlns:p{number}='n{number}'")).collect();
    let document = format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf'{declarations} entity='a'><p3:a/><p19:b p16:c=''/></presence>"
    );
    let rest = " xmlns:p16='n16' xmlns:p17='n17' xmlns:p18='n18' xmlns:p19='n19'";
    assert_eq!(composed(&[&document]), [format!("<p3:a{rest}/>"), format!("<p19:b{rest} p16:c=''/>")]);
}

#[test]
fn ids_are_replaced_where_they_stand() {
    let document = parse(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a' xmlns:x='u'>\
         <tuple x:id='1' id = 'old' y='id'><x:y id='old'/></tuple><note id='n'/></presence>",
    );
    let mut builder = Builder::new("a");
    document.elements().for_each(|element| _ = builder.element(&element, Some("new'<")));
    let presence = builder.finish();
    let elements: Vec<_> = presence.elements().collect();
    assert_eq!(elements[0].id, Some("new'<"));
    assert_eq!(
        str::from_utf8(elements[0].bytes).unwrap(),
        "<tuple x:id='1' id = 'new&apos;&lt;' y='id'><x:y id='old'/></tuple>"
    );
    assert_eq!(elements[1].bytes, b"<note id='n'/>");
}

#[test]
fn ids_that_are_taken_get_a_suffix() {
    let document = parse(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'><tuple id='a'/><tuple id='a.2'/></presence>",
    );
    let presence = compose([&document, &document, &document]);
    let ids: Vec<_> = presence.elements().filter_map(|element| element.id).collect();
    assert_eq!(ids, ["a", "a.2", "a.3", "a.2.2", "a.4", "a.2.3"]);
    // Also among many, with elements between them that have none.
    let many: String = (0..40).map(|number| format!("<note/><tuple id='{number}'/>")).collect();
    let many = parse(&format!("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>{many}</presence>"));
    let presence = compose([&many, &document, &many, &document]);
    let ids: BTreeSet<_> = presence.elements().filter_map(|element| element.id).collect();
    assert_eq!(ids.len(), 84);
    assert!(Presence::parse(presence.bytes(), &Limits::NONE).is_ok());
}

/// A presence document made of a root and some children, which may use any prefix of the root.
fn document() -> impl Strategy<Value = String> {
    const ROOTS: [&str; 6] = [
        "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns:q='urn:q' entity='a'>|</p:presence>",
        "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns='urn:d' xmlns:q='urn:other' entity='a'>|</p:presence>",
        "<p:presence xmlns:q='&#117;rn:q' entity='a' xml:lang='en' xmlns:p = \"urn:ietf:params:xml:ns:pidf\">|</p:presence>",
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:q='urn:p' xmlns:p='urn:q' entity='a'>|</presence>",
        "<presence entity='a'\nxmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns:q='urn:q'>|</presence>",
        "<q:presence xmlns:q='urn:ietf:params:xml:ns:pidf' xmlns='' xmlns:p='urn:ietf:params:xml:ns:pidf:data-model' xml:space='preserve' entity='a'>|</q:presence>",
    ];
    const CHILDREN: [&str; 10] = [
        "<p:tuple id='#'><p:status><p:basic>open</p:basic></p:status><q:x q:y='1' y='2'/></p:tuple>",
        "<q:tuple id=\"#&amp;\" q:x=''><!-- x --><bare/>&lt;<![CDATA[<]]></q:tuple>",
        "<tuple xmlns='urn:ietf:params:xml:ns:pidf' id='#'/>",
        "<p:person id='#' xml:lang='fr'><q:note xmlns:q='urn:r'>n</q:note></p:person>",
        "<p:person\n\tid = '#' />",
        "<p:device xmlns:p='urn:ietf:params:xml:ns:pidf:data-model' id='#'>t</p:device>",
        "<p:note>a note</p:note>",
        "<bare id='#'><p:x xmlns=''><y/></p:x></bare>",
        "<q:other xmlns='urn:e' p:id='#'><e/></q:other>",
        "<!-- c --><?i?>",
    ];
    (select(&ROOTS[..]), prop::collection::vec((select(&CHILDREN[..]), 0..30_u8), 0..8)).prop_map(
        |(root, children)| {
            let children = children.iter().map(|(child, id)| child.replace('#', &format!("i{id}")));
            root.replace('|', &children.collect::<String>())
        },
    )
}

/// With the ids of the children taken out, as composing may change them.
fn without_ids(children: Vec<String>) -> Vec<String> {
    let without = |child: &String| {
        let (tag, rest) = child.split_once('>').expect("a start tag");
        let kept: Vec<_> = tag.split(' ').filter(|part| !part.starts_with("{}id=")).collect();
        format!("{}>{rest}", kept.join(" "))
    };
    children.iter().map(without).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_composed_means_what_its_parts_meant(documents in prop::collection::vec(document(), 1..6)) {
        let parsed: Vec<_> = documents
            .iter()
            .filter_map(|document| Presence::parse(document.as_bytes(), &Limits::default()).ok())
            .collect();
        let presence = compose(&parsed);
        let reparsed = Presence::parse(presence.bytes(), &Limits::default());
        prop_assert!(reparsed.is_ok(), "{:?}: {}", reparsed, String::from_utf8_lossy(presence.bytes()));
        let reparsed = reparsed.expect("it was just asserted");
        let parts = |presence: &Presence| -> Vec<_> {
            presence.elements().map(|e| (e.kind, e.id.map(str::to_owned), e.bytes.to_vec())).collect()
        };
        prop_assert_eq!(parts(&presence), parts(&reparsed));
        let expected: Vec<_> = parsed.iter().flat_map(|one| support::canonical_children(one.bytes())).collect();
        prop_assert_eq!(without_ids(support::canonical_children(presence.bytes())), without_ids(expected));
        // Composing what is composed changes nothing any more.
        prop_assert_eq!(compose([&presence]).elements().map(|e| e.bytes.to_vec()).collect::<Vec<_>>(),
            presence.elements().map(|e| e.bytes.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn ids_are_unique_whatever_they_are_replaced_with(
        documents in prop::collection::vec(document(), 1..8),
        new in prop::collection::vec("[ab<&'\"]{0,2}(\\.[23])?", 1..40),
    ) {
        let mut builder = Builder::new("a");
        let mut new = new.iter().cycle();
        for document in &documents {
            let Ok(presence) = Presence::parse(document.as_bytes(), &Limits::default()) else { continue };
            for element in presence.elements() {
                builder.element(&element, new.next().map(String::as_str).filter(|id| !id.is_empty()));
            }
        }
        let presence = builder.finish();
        let ids: Vec<_> = presence.elements().filter_map(|element| element.id).collect();
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        prop_assert!(Presence::parse(presence.bytes(), &Limits::default()).is_ok());
    }

    #[test]
    fn damaged_documents_never_panic(
        document in document(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_usize), 0..4),
    ) {
        let mut bytes = document.into_bytes();
        for (at, byte, cut) in damage {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..(at + cut).min(bytes.len()), [byte]);
        }
        if let Ok(presence) = Presence::parse(&bytes, &Limits::default()) {
            // What is accepted can be read and composed.
            let composed = compose([&presence]);
            prop_assert!(Presence::parse(composed.bytes(), &Limits::default()).is_ok());
            prop_assert_eq!(presence.summary(), composed.summary());
        }
    }
}
