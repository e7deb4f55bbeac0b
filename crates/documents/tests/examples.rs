//! The examples of the RFCs: accepted, indexed, composed anew, and read.

mod support;

use documents::pidf::{Basic, Builder, Kind, Presence};
use documents::{DocumentError, Rule};
use xml::{ErrorKind, Limits};

macro_rules! examples {
    ($($name:literal),* $(,)?) => { [$(($name, include_bytes!(concat!("data/pidf/", $name, ".xml")))),*] };
}

const EXAMPLES: [(&str, &[u8]); 13] = examples![
    "phone",
    "rfc3863-4.2.2-default",
    "rfc3863-4.2.2-prefixed",
    "rfc3863-4.2.4",
    "rfc3863-4.3.1",
    "rfc3863-4.3.2",
    "rfc3863-4.3.3",
    "rfc4479-7-mended",
    "rfc4480-4",
    "rfc4481-4",
    "rfc4482-4-first-mended",
    "rfc4482-4-second",
    "rfc5196-5",
];

fn parse(bytes: &[u8]) -> Presence {
    Presence::parse(bytes, &Limits::default()).expect("it is an example")
}

fn example(name: &str) -> Presence {
    parse(EXAMPLES.iter().find(|(other, _)| *other == name).expect("it is there").1)
}

#[test]
fn examples_are_the_same_xml_when_composed_anew() {
    for (name, bytes) in EXAMPLES {
        let presence = parse(bytes);
        let mut builder = Builder::new(presence.entity());
        for element in presence.elements() {
            builder.element(&element, None);
        }
        let composed = builder.finish();
        assert_eq!(
            support::canonical_children(composed.bytes()),
            support::canonical_children(bytes),
            "{name}"
        );
        assert_eq!(composed.entity(), presence.entity());
        // What needs nothing from its old root stays as it is, byte by byte.
        for (new, old) in composed.elements().zip(presence.elements()) {
            assert_eq!((new.kind, new.id, new.bytes), (old.kind, old.id, old.bytes), "{name}");
        }
        assert_eq!(composed.summary(), presence.summary(), "{name}");
    }
}

#[test]
fn all_examples_compose_into_one_document() {
    let mut builder = Builder::new("pres:someone@example.com");
    let mut expected = Vec::new();
    for (_, bytes) in EXAMPLES {
        for element in parse(bytes).elements() {
            builder.element(&element, None);
        }
        expected.extend(support::canonical_children(bytes));
    }
    let composed = builder.finish();
    let reparsed = parse(composed.bytes());
    assert_eq!(reparsed.elements().count(), expected.len());
    let without_ids = |children: Vec<String>| -> Vec<String> {
        children.iter().map(|child| child.split_once('>').expect("a start tag").1.to_owned()).collect()
    };
    assert_eq!(without_ids(support::canonical_children(composed.bytes())), without_ids(expected));
}

#[test]
fn an_index_made_while_composing_is_the_one_that_parsing_makes() {
    let mut builder = Builder::new("sip:a&b@example.com");
    for (_, bytes) in EXAMPLES {
        for element in parse(bytes).elements() {
            builder.element(&element, element.id.map(|id| format!("{id}<&")).as_deref());
        }
    }
    let composed = builder.finish();
    let parsed = parse(composed.bytes());
    assert_eq!(composed.entity(), "sip:a&b@example.com");
    assert_eq!(parsed.entity(), composed.entity());
    let parts = |presence: &Presence| -> Vec<_> {
        presence.elements().map(|e| (e.kind, e.id.map(str::to_owned), e.bytes.to_vec())).collect()
    };
    assert_eq!(parts(&parsed), parts(&composed));
    // What is composed from the one is what is composed from the other.
    let again = |presence: &Presence| {
        let mut builder = Builder::new("pres:b@example.com");
        presence.elements().for_each(|element| _ = builder.element(&element, None));
        builder.finish()
    };
    assert_eq!(again(&parsed), again(&composed));
}

#[test]
fn the_parts_of_the_rpid_example_are_told_apart() {
    let presence = example("rfc4480-4");
    let parts: Vec<_> = presence.elements().map(|element| (element.kind, element.id)).collect();
    assert_eq!(
        parts,
        [
            (Kind::Tuple, Some("bs35r9")),
            (Kind::Tuple, Some("ty4658")),
            (Kind::Tuple, Some("eg92n8")),
            (Kind::Note, None),
            (Kind::Device, Some("pc147")),
            (Kind::Person, Some("p1")),
        ]
    );
    let summary = presence.summary();
    assert_eq!(summary.basic, Some(Basic::Open));
    assert_eq!(summary.activities, ["away"]);
    assert_eq!(summary.contact.as_deref(), Some("mailto:secretary@example.com"));
    assert_eq!(summary.timestamp.as_deref(), Some("2005-10-27T16:49:29Z"));
    assert_eq!(
        summary.to_string(),
        "open, away \"Far away\" \"Scoring 120\" \"Don't Disturb Please!\" \"Ne derangez pas, s'il vous plait\" \
         <mailto:secretary@example.com> 2005-10-27T16:49:29Z"
    );
}

#[test]
fn tuples_are_read_field_by_field() {
    let presence = example("rfc3863-4.3.1");
    let tuples: Vec<_> = presence.tuples().collect();
    assert_eq!(tuples.len(), 2);
    let first = &tuples[0];
    assert_eq!((first.id.as_ref(), first.basic, first.priority), ("bs35r9", Some(Basic::Open), Some(800)));
    assert_eq!(first.contact.as_deref(), Some("im:someone@mobilecarrier.net"));
    assert_eq!(first.timestamp.as_deref(), Some("2001-10-27T16:49:29Z"));
    let notes: Vec<_> =
        first.notes.iter().map(|note| (note.text.as_ref(), note.language.as_deref())).collect();
    assert_eq!(
        notes,
        [("Don't Disturb Please!", Some("en")), ("Ne derangez pas, s'il vous plait", Some("fr"))]
    );
    assert_eq!((tuples[1].priority, tuples[1].timestamp.as_deref()), (Some(1000), None));
    let notes: Vec<_> = presence.notes().map(|note| note.text.into_owned()).collect();
    assert_eq!(notes, ["I'll be in Tokyo next week"]);
    // Whitespace around a URI is not part of it.
    let contacts: Vec<_> =
        example("rfc3863-4.3.2").tuples().filter_map(|t| t.contact.map(|c| c.into_owned())).collect();
    assert_eq!(contacts, ["tel:+09012345678", "im:someone@mobilecarrier.net"]);
}

#[test]
fn persons_are_read_field_by_field() {
    let presence = example("phone");
    let persons: Vec<_> = presence.persons().collect();
    assert_eq!(persons.len(), 1);
    assert_eq!(
        (persons[0].id.as_ref(), persons[0].activities.as_slice()),
        ("a1233", &["meeting".into()][..])
    );
    assert_eq!(persons[0].notes[0].text, "Back at three, R&D");
    assert_eq!(
        presence.summary().to_string(),
        "open, meeting \"Back at three, R&D\" <sip:alice@example.com> 2026-02-22T20:07:07Z"
    );
}

/// Two examples break rules as the RFCs print them; `-mended` files have what they lack.
#[test]
fn examples_that_break_a_rule_are_refused() {
    let unmatched = include_bytes!("data/pidf/rfc4482-4-first.xml");
    let Err(DocumentError::Xml(error)) = Presence::parse(unmatched, &Limits::default()) else {
        panic!("a refusal")
    };
    assert_eq!(error.kind, ErrorKind::EndTag);
    assert!(unmatched[..error.offset].ends_with(b"<c:display-name>Alice Lewis"));
    let without_entity = include_bytes!("data/pidf/rfc4479-7.xml");
    let refusal = Presence::parse(without_entity, &Limits::default());
    assert_eq!(refusal, Err(DocumentError::Rule { offset: 39, rule: Rule::Entity }));
}

#[test]
fn other_documents_of_presence_are_no_presence_documents() {
    let filter = b"<filter-set xmlns='urn:ietf:params:xml:ns:simple-filter'/>";
    assert_eq!(
        Presence::parse(filter, &Limits::default()),
        Err(DocumentError::Rule { offset: 0, rule: Rule::Root })
    );
}
