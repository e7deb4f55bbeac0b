//! What a presence document must be like, rule by rule, and what is let pass.

use documents::pidf::{Basic, Kind, Presence, Status, empty};
use documents::{DocumentError, Rule};
use xml::{ErrorKind, Limits};

/// A document with this content; in it, `d` is bound to the data model and `x` to an extension.
fn document(content: &str) -> String {
    format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf:data-model' \
         xmlns:x='urn:example:x' entity='pres:a@example.com'>{content}</presence>"
    )
}

fn parse(document: &str) -> Result<Presence, DocumentError> {
    Presence::parse(document.as_bytes(), &Limits::default())
}

/// The rule that is broken, and the text where it says so.
fn broken(document: &str) -> (Rule, &str) {
    match parse(document) {
        Err(DocumentError::Rule { offset, rule }) => (rule, &document[offset..]),
        other => panic!("{document}: {other:?}"),
    }
}

#[test]
fn the_root_is_presence_and_names_its_entity() {
    for root in [
        "<presence entity='a'/>",
        "<presence xmlns='urn:ietf:params:xml:ns:pidf:' entity='a'/>",
        "<tuple xmlns='urn:ietf:params:xml:ns:pidf' id='a'/>",
        "<p:presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:example:x' entity='a'/>",
    ] {
        assert_eq!(broken(root), (Rule::Root, root));
    }
    let without = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:example:x' p:entity='a'/>";
    assert_eq!(broken(without), (Rule::Entity, without));
    let hollow = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity=''/>";
    assert_eq!(broken(hollow), (Rule::Entity, "'/>"));
    let written =
        "<presence entity='sip:a%20b@example.com;x=&quot;&#x79;' xmlns='urn:ietf:params:xml:ns:pid&#102;'/>";
    assert_eq!(parse(written).unwrap().entity(), "sip:a%20b@example.com;x=\"y");
}

#[test]
fn tuples_persons_and_devices_have_ids_of_their_own() {
    for element in ["<tuple/>", "<d:person id=''/>", "<d:device x:id='a'/>", "<tuple d:id='a'/>"] {
        let document = document(element);
        assert_eq!(broken(&document), (Rule::Id, &document[document.find(element).unwrap()..]));
    }
    for second in ["<tuple id='a'/>", "<d:person id='a'/>", "<d:device id='&#97;'/>"] {
        let document = document(&format!("<tuple id='a'/><d:person id='b'/>{second}"));
        assert_eq!(broken(&document), (Rule::UniqueId, &document[document.rfind(second).unwrap()..]));
    }
    // Ids count where these elements stand, and nowhere else.
    assert!(
        parse(&document("<tuple id='a'><x:y id='a'/></tuple><note/><x:tuple id='a'/><d:x id='a'/>")).is_ok()
    );
}

#[test]
fn a_repeated_id_is_found_among_many() {
    let mut content: String = (0..500).map(|number| format!("<tuple id='t{number}'/>")).collect();
    assert_eq!(parse(&document(&content)).unwrap().elements().count(), 500);
    content.push_str("<d:device id='t250'/>");
    let document = document(&content);
    assert_eq!(broken(&document), (Rule::UniqueId, "<d:device id='t250'/></presence>"));
}

#[test]
fn basic_is_open_or_closed() {
    for basic in ["Open", "", "open closed", "<x:y/>", "op<x:y/>en", "busy"] {
        let document = document(&format!("<tuple id='a'><status><basic>{basic}</basic></status></tuple>"));
        assert_eq!(broken(&document).0, Rule::Basic, "{basic}");
    }
    for (basic, expected) in [
        ("open", Basic::Open),
        ("\n closed\t", Basic::Closed),
        ("op<!--x-->en", Basic::Open),
        ("<![CDATA[closed]]>", Basic::Closed),
        ("&#111;pen", Basic::Open),
    ] {
        let presence =
            parse(&document(&format!("<tuple id='a'><status><basic>{basic}</basic></status></tuple>")));
        assert_eq!(presence.unwrap().tuples().next().unwrap().basic, Some(expected), "{basic}");
    }
    // Another basic, or basic elsewhere, is none of ours.
    let elsewhere = "<basic>x</basic><tuple id='a'><basic>x</basic><status><x:basic>x</x:basic>\
                     <x:y><basic>x</basic></x:y></status><x:status><basic>x</basic></x:status></tuple>";
    assert_eq!(parse(&document(elsewhere)).unwrap().summary().basic, None);
}

#[test]
fn what_can_stand_once_does_not_stand_twice() {
    for content in [
        "<status/><status/>",
        "<status><basic>open</basic><basic>closed</basic></status>",
        "<contact>a</contact><contact>b</contact>",
    ] {
        assert_eq!(broken(&document(&format!("<tuple id='a'>{content}</tuple>"))).0, Rule::Once, "{content}");
    }
    // The next tuple starts anew; order and absence are not judged.
    assert!(
        parse(&document("<note/><tuple id='a'><contact/><status/></tuple><tuple id='b'><status/></tuple>"))
            .is_ok()
    );
}

#[test]
fn a_priority_is_a_number_and_counts_if_in_range() {
    for (priority, expected) in [
        ("0", Some(0)),
        ("1.000", Some(1000)),
        (" 0.35 ", Some(350)),
        ("7", None),
        ("-0.5", None),
        (".5", None),
    ] {
        let presence =
            parse(&document(&format!("<tuple id='a'><contact priority='{priority}'>b</contact></tuple>")));
        assert_eq!(presence.unwrap().tuples().next().unwrap().priority, expected, "{priority}");
    }
    for priority in ["", "high", "0,5", "1.0.0", ".", "+", "1e3"] {
        let document = document(&format!("<tuple id='a'><contact priority='{priority}'>b</contact></tuple>"));
        assert_eq!(broken(&document).0, Rule::Priority, "{priority}");
    }
}

#[test]
fn must_understand_is_carried_not_judged() {
    let content = "<tuple id='a'><status><x:y p:mustUnderstand='1' xmlns:p='urn:ietf:params:xml:ns:pidf'/></status></tuple>";
    let presence = parse(&document(content)).unwrap();
    assert_eq!(presence.elements().next().unwrap().bytes, content.as_bytes());
}

#[test]
fn limits_refuse_with_their_own_error() {
    let document = document("<tuple id='a'><status><basic>open</basic></status></tuple>");
    let fits = Limits { bytes: document.len(), depth: 4, attributes: 1, nodes: 5, declarations: 3 };
    assert!(Presence::parse(document.as_bytes(), &fits).is_ok());
    for (limits, kind) in [
        (Limits { bytes: document.len() - 1, ..fits }, ErrorKind::TooManyBytes),
        (Limits { depth: 3, ..fits }, ErrorKind::TooDeep),
        (Limits { attributes: 0, ..fits }, ErrorKind::TooManyAttributes),
        (Limits { nodes: 4, ..fits }, ErrorKind::TooManyNodes),
        (Limits { declarations: 2, ..fits }, ErrorKind::TooManyDeclarations),
    ] {
        let Err(DocumentError::Xml(error)) = Presence::parse(document.as_bytes(), &limits) else {
            panic!("{kind}")
        };
        assert_eq!(error.kind, kind);
    }
    let deep = "<a>".repeat(200_000);
    let roomy = Limits { bytes: usize::MAX, ..Limits::default() };
    let refusal = Presence::parse(self::document(&deep).as_bytes(), &roomy).unwrap_err();
    assert!(matches!(refusal, DocumentError::Xml(error) if error.kind == ErrorKind::TooDeep));
    // Refused where the limit is, so nothing after it was read.
    assert_eq!(refusal.offset(), self::document("").len() - "</presence>".len() + 63 * 3);
}

#[test]
fn an_empty_document_says_nothing_of_anybody() {
    let presence = empty("sip:a&b@example.com");
    assert_eq!(parse(str::from_utf8(presence.bytes()).unwrap()).unwrap(), presence);
    assert_eq!((presence.entity(), presence.elements().count()), ("sip:a&b@example.com", 0));
    assert_eq!(presence.summary().to_string(), "unknown");
}

#[test]
fn a_status_prints_as_it_reads() {
    let status = Status {
        contact: Some("sip:a@example.com;x=<>&".to_owned()),
        note: Some("\"R&D\" <3".to_owned()),
        activity: Some("on-the-phone".to_owned()),
        timestamp: Some("2026-11-23T10:00:00Z".to_owned()),
        ..Status::new("sip:a@example.com", "desk", Basic::Closed)
    };
    let presence = Presence::parse(&status.print(), &Limits::default()).unwrap();
    assert_eq!(presence.entity(), "sip:a@example.com");
    let tuple = presence.tuples().next().unwrap();
    assert_eq!((tuple.id.as_ref(), tuple.basic), ("desk", Some(Basic::Closed)));
    assert_eq!(tuple.contact.as_deref(), Some("sip:a@example.com;x=<>&"));
    let summary = presence.summary();
    assert_eq!(summary.activities, ["on-the-phone"]);
    assert_eq!(summary.notes, ["\"R&D\" <3"]);
    assert_eq!(summary.timestamp.as_deref(), Some("2026-11-23T10:00:00Z"));
    let kinds: Vec<_> = presence.elements().map(|element| element.kind).collect();
    assert_eq!(kinds, [Kind::Tuple, Kind::Person]);
}

#[test]
fn an_activity_of_ones_own_is_told_as_other() {
    let mut status = Status::new("sip:a@example.com", "desk", Basic::Open);
    for activity in ["gardening", "other", "a/><b"] {
        status.activity = Some(activity.to_owned());
        let presence = Presence::parse(&status.print(), &Limits::default()).unwrap();
        assert_eq!(presence.summary().activities, [activity]);
    }
    status.activity = None;
    status.note = Some("back soon".to_owned());
    let presence = Presence::parse(&status.print(), &Limits::default()).unwrap();
    assert_eq!(presence.notes().next().unwrap().text, "back soon");
}

#[test]
fn a_summary_is_one_line_whatever_a_stranger_writes() {
    let mut status = Status::new("sip:a@example.com", "desk", Basic::Open);
    status.note = Some("a\nb\u{9B}31mc\u{7F}".to_owned());
    let presence = Presence::parse(&status.print(), &Limits::default()).unwrap();
    assert_eq!(presence.summary().to_string(), "open \"a b 31mc \"");
}

#[test]
fn the_contact_of_highest_priority_is_shown() {
    let content = "<tuple id='a'><status><basic>closed</basic></status><contact priority='1'>a</contact></tuple>\
                   <tuple id='b'><status><basic>open</basic></status><contact>b</contact></tuple>\
                   <tuple id='c'><status><basic>open</basic></status><contact priority='0.2'>c</contact></tuple>\
                   <tuple id='d'><status><basic>open</basic></status><contact priority='0.2'>d</contact></tuple>";
    assert_eq!(parse(&document(content)).unwrap().summary().contact.as_deref(), Some("c"));
}

#[test]
fn fingerprints_tell_documents_apart() {
    let one = empty("sip:a@example.com");
    assert_eq!(one.fingerprint(), Presence::parse(one.bytes(), &Limits::default()).unwrap().fingerprint());
    assert_ne!(one.fingerprint(), empty("sip:b@example.com").fingerprint());
}
