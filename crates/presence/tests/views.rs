//! Views: what permissions leave of a document, beside a naive reference; and who sees what of whom nothing is known.

#[path = "model/filter.rs"]
mod filter;
mod model;

use std::collections::BTreeSet;

use documents::pidf::{self, Presence};
use documents::rules::{Attribute, Permissions, Ruleset, Selection, SubHandling};
use filter::{any_permissions, naive};
use model::{print, read};
use presence::rules::{Composed, Decision, LeftOut, Removal, published};
use proptest::prelude::*;
use sip::Aor;
use xml::Limits;

const ALICE: &str = "sip:alice@example.com";
const RPID_EXAMPLE: &str = include_str!("../../documents/tests/data/pidf/rfc4480-4.xml");

fn parse(text: &str) -> Presence {
    Presence::parse(text.as_bytes(), &Limits::default()).expect(text)
}

fn view_of(document: &Presence, decision: &Decision) -> Option<Vec<u8>> {
    let alice = Aor::parse(ALICE).expect("an address-of-record");
    Composed::new(document).view(&alice, decision).map(|view| view.content().body.to_vec())
}

fn allowed(permissions: Permissions) -> Decision {
    Decision { handling: SubHandling::Allow, permissions: permissions.canonical() }
}

fn filtered(document: &Presence, permissions: &Permissions) -> String {
    let view = view_of(document, &allowed(permissions.clone())).expect("an allowed watcher sees something");
    String::from_utf8(view).expect("presence documents are UTF-8")
}

/// The permissions of transformations; `pr` and `op` are the formats of presence rules and the OMA.
fn permissions(transformations: &str) -> Permissions {
    let text = format!(
        "<ruleset xmlns='urn:ietf:params:xml:ns:common-policy' xmlns:pr='urn:ietf:params:xml:ns:pres-rules' \
         xmlns:op='urn:oma:xml:prs:pres-rules'><rule id='r'><transformations>{transformations}\
         </transformations></rule></ruleset>"
    );
    Ruleset::read(text.as_bytes(), &Limits::default()).expect(&text).rules.remove(0).shown
}

#[test]
fn who_may_see_everything_shares_the_composed_document() {
    let document = parse(RPID_EXAMPLE);
    let composed = Composed::new(&document);
    let alice = Aor::parse(ALICE).expect("an address-of-record");
    let view = composed.view(&alice, &Decision::everything()).expect("there is something to see");
    assert!(std::sync::Arc::ptr_eq(&view.content().body, document.bytes()));
    assert_eq!(view.fingerprint(), document.fingerprint());
}

#[test]
fn no_document_for_who_is_refused_or_waits() {
    let document = parse(RPID_EXAMPLE);
    for handling in [SubHandling::Block, SubHandling::Confirm] {
        assert_eq!(view_of(&document, &Decision::new(handling)), None);
    }
}

#[test]
fn a_politely_blocked_watcher_sees_what_there_is_to_see_of_an_absent_presentity() {
    let polite = Decision::new(SubHandling::PoliteBlock);
    let absent = pidf::empty(ALICE);
    let seen = view_of(&parse(RPID_EXAMPLE), &polite);
    assert_eq!(seen, view_of(&absent, &Decision::everything()));
    assert_eq!(
        seen,
        view_of(&absent, &allowed(permissions("<pr:provide-persons><pr:all-persons/></pr:provide-persons>")))
    );
    assert_eq!(seen, view_of(&absent, &allowed(Permissions::default())));
}

/// RFC 5025 §6 says what its example shows.
#[test]
fn the_example_of_presence_rules_shows_what_it_says() {
    let rules = include_str!("../../documents/tests/data/rules/rfc5025-6.xml");
    let rule = Ruleset::read(rules.as_bytes(), &Limits::default()).expect("an example").rules.remove(0);
    let document = RPID_EXAMPLE
        .replace("im:someone@mobile.example.net", "sip:someone@example.net")
        .replace("</dm:person>", "<f:foo xmlns:f='urn:vendor-specific:foo-namespace'/><f:bar xmlns:f='urn:vendor-specific:foo-namespace'/><rpid:user-input idle-threshold='600' last-input='2004-10-21T13:20:00-05:00'>idle</rpid:user-input></dm:person>");
    let seen = filtered(&parse(&document), &rule.shown);
    let parts = read(seen.as_bytes());
    let kinds: Vec<&str> = parts.iter().map(|part| part.kind).collect();
    // No device; the services of sip and mailto.
    assert_eq!(kinds, ["tuple", "tuple", "tuple", "person"]);
    let names = |part: usize| parts[part].children.keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(names(0), ["p:contact", "p:timestamp", "r:service-class", "status/p:basic"]);
    assert_eq!(names(1), ["p:contact", "status/p:basic"]);
    assert_eq!(names(2), ["p:contact", "r:service-class", "status/p:basic"]);
    assert_eq!(names(3), ["dm:timestamp", "r:activities", "r:user-input", "x:foo"]);
    assert_eq!(parts[3].one("r:user-input"), Some("idle"));
    assert!(seen.contains("<rpid:note>Far away</rpid:note>"), "the note of an activity comes with it");
    assert!(!seen.contains("location-type"), "what is not there is not even declared: {seen}");
}

#[test]
fn each_permission_shows_its_element_and_no_other() {
    let document = parse(RPID_EXAMPLE);
    let all = "<pr:provide-services><pr:all-services/></pr:provide-services>\
               <pr:provide-persons><pr:all-persons/></pr:provide-persons>\
               <pr:provide-devices><pr:all-devices/></pr:provide-devices>";
    let names = |granted: &str| {
        let seen = filtered(&document, &permissions(&format!("{all}{granted}")));
        let parts = read(seen.as_bytes());
        parts
            .iter()
            .flat_map(|part| part.children.keys().map(|name| format!("{} {name}", part.kind)))
            .collect::<BTreeSet<_>>()
    };
    let always = names("");
    let expected = [
        "device dm:deviceID",
        "person dm:timestamp",
        "tuple p:contact",
        "tuple p:timestamp",
        "tuple r:service-class",
        "tuple status/p:basic",
    ];
    assert!(always.iter().eq(expected), "{always:?}");
    let cases: [(&str, &[&str]); 13] = [
        ("activities", &["person r:activities"]),
        ("class", &["person r:class", "tuple r:class"]),
        ("deviceID", &["tuple dm:deviceID"]),
        ("mood", &["person r:mood"]),
        ("place-is", &["person r:place-is"]),
        ("place-type", &["person r:place-type"]),
        ("privacy", &["person r:privacy"]),
        ("relationship", &["tuple r:relationship"]),
        ("sphere", &["person r:sphere"]),
        ("status-icon", &["person r:status-icon", "tuple r:status-icon"]),
        ("time-offset", &["person r:time-offset"]),
        ("note", &["device dm:note", "note ", "person dm:note", "tuple p:note"]),
        ("user-input", &["device r:user-input"]),
    ];
    for (name, shown) in cases {
        let value = if name == "user-input" { "full" } else { "true" };
        let with = names(&format!("<pr:provide-{name}>{value}</pr:provide-{name}>"));
        assert!(with.difference(&always).eq(shown.iter()), "{name}: {with:?}");
    }
    // RFC 5025 §3.3.2.14: what has a permission of its own is not shown by its name.
    let by_name = "<pr:provide-unknown-attribute ns='urn:ietf:params:xml:ns:pidf:rpid' name='mood'>true\
                   </pr:provide-unknown-attribute>";
    assert_eq!(names(by_name), always);
    let whole = filtered(&document, &permissions(&format!("{all}<pr:provide-all-attributes/>")));
    assert_eq!(whole, RPID_EXAMPLE, "that is everything");
}

#[test]
fn user_input_loses_what_it_must() {
    let document = parse(RPID_EXAMPLE);
    let seen = |level: &str| {
        let granted = format!(
            "<pr:provide-devices><pr:deviceID>URN:device:0003ba4811e3</pr:deviceID></pr:provide-devices>\
             <pr:provide-user-input>{level}</pr:provide-user-input>"
        );
        read(filtered(&document, &permissions(&granted)).as_bytes())[0].one("r:user-input").map(str::to_owned)
    };
    assert_eq!(seen("false"), None);
    assert_eq!(seen("bare").as_deref(), Some("idle"));
    assert_eq!(seen("thresholds").as_deref(), Some("idle idle-threshold"));
    assert_eq!(seen("full").as_deref(), Some("idle idle-threshold last-input"));
}

#[test]
fn components_are_selected_by_each_of_their_properties() {
    let document = parse(include_str!("../../documents/tests/data/pidf/rfc4480-4.xml"));
    let ids = |transformations: &str| {
        let seen = filtered(&document, &permissions(transformations));
        read(seen.as_bytes()).into_iter().map(|part| part.id).collect::<Vec<_>>()
    };
    let services = |selector: &str| ids(&format!("<pr:provide-services>{selector}</pr:provide-services>"));
    assert_eq!(services("<pr:class>email</pr:class>"), ["eg92n8"]);
    assert!(services("<pr:class>Email</pr:class>").is_empty());
    assert_eq!(services("<pr:occurrence-id>ty4658</pr:occurrence-id>"), ["ty4658"]);
    assert_eq!(services("<pr:service-uri-scheme>im</pr:service-uri-scheme>"), ["bs35r9"]);
    assert!(services("<pr:service-uri-scheme>IM</pr:service-uri-scheme>").is_empty());
    assert_eq!(services("<pr:service-uri>im:someone@MOBILE.example.net</pr:service-uri>"), ["bs35r9"]);
    assert_eq!(
        services("<pr:class>email</pr:class><pr:service-uri>mailto:secretary@example.com</pr:service-uri>"),
        ["ty4658", "eg92n8"]
    );
    assert_eq!(ids("<pr:provide-persons><pr:class>calendar</pr:class></pr:provide-persons>"), ["p1"]);
    assert_eq!(
        ids("<pr:provide-devices><pr:occurrence-id>pc147</pr:occurrence-id></pr:provide-devices>"),
        ["pc147"]
    );
}

#[test]
fn the_elements_of_the_oma_have_the_permissions_of_the_oma() {
    let document = parse(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
         xmlns:op='urn:oma:xml:prs:pidf:oma-pres' xmlns:opd='urn:oma:xml:pde:pidf:ext' \
         xmlns:gp='urn:ietf:params:xml:ns:pidf:geopriv10' entity='sip:nora@home1.example'>\
         <tuple id='im'><status><basic>open</basic><gp:geopriv/></status><op:service-description>\
         <op:service-id>org.openmobilealliance:IM-session</op:service-id><op:version>1.0</op:version>\
         </op:service-description><op:willingness><op:basic>open</op:basic></op:willingness>\
         <op:session-participation><op:basic>closed</op:basic></op:session-participation>\
         <op:registration-state>active</op:registration-state><op:barring-state>terminated</op:barring-state>\
         <opd:session-answermode><opd:manual/></opd:session-answermode><contact>sip:nora@home1.example</contact>\
         </tuple><tuple id='poc'><status/></tuple><dm:person id='p'><op:overriding-willingness/><gp:geopriv/></dm:person>\
         <dm:device id='d'><op:network-availability><op:network id='IMS'/></op:network-availability>\
         <dm:deviceID>urn:d</dm:deviceID></dm:device></presence>",
    );
    let seen = |granted: &str| {
        let components = "<pr:provide-services><op:service-id>org.openmobilealliance:IM-session</op:service-id>\
             </pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons>\
             <pr:provide-devices><pr:all-devices/></pr:provide-devices>";
        read(filtered(&document, &permissions(&format!("{components}{granted}"))).as_bytes())
            .iter()
            .flat_map(|part| part.children.keys().map(|name| format!("{} {name}", part.id)))
            .collect::<BTreeSet<_>>()
    };
    let always = seen("");
    let expected = ["d dm:deviceID", "im op:service-description", "im p:contact", "im status/p:basic"];
    assert!(always.iter().eq(expected), "{always:?}");
    let cases: [(&str, &[&str]); 7] = [
        ("op:provide-willingness", &["im op:willingness", "p op:overriding-willingness"]),
        ("op:provide-session-participation", &["im op:session-participation"]),
        ("op:provide-registration-state", &["im op:registration-state"]),
        ("op:provide-barring-state", &["im op:barring-state"]),
        ("op:provide-network-availability", &["d op:network-availability"]),
        ("op:provide-geopriv", &["im status/x:geopriv", "p x:geopriv"]),
        (
            "pr:provide-unknown-attribute ns='urn:oma:xml:pde:pidf:ext' name='session-answermode'",
            &["im x:session-answermode"],
        ),
    ];
    for (element, shown) in cases {
        let name = element.split(' ').next().expect("a name");
        let value = if name.ends_with("geopriv") { "full" } else { "true" };
        let with = seen(&format!("<{element}>{value}</{name}>"));
        assert!(with.difference(&always).eq(shown.iter()), "{name}: {with:?}");
    }
}

#[test]
fn what_was_left_out_can_be_said_with_what_would_show_it() {
    let example = RPID_EXAMPLE.replace("<rpid:time-offset>", "<x:foo xmlns:x='urn:x'/><rpid:time-offset>");
    let composed = Composed::new(&parse(&example));
    let granted = "<pr:provide-persons><pr:all-persons/></pr:provide-persons>\
                   <pr:provide-devices><pr:all-devices/></pr:provide-devices>\
                   <pr:provide-mood>true</pr:provide-mood><pr:provide-user-input>bare</pr:provide-user-input>";
    let said = |granted: &str| {
        let removals = composed.removals(&permissions(granted));
        removals.into_iter().map(|Removal { id, left_out, permission, .. }| {
            let id = id.unwrap_or_default();
            match left_out {
                LeftOut::Whole => (id, permission),
                LeftOut::Element(name) => (format!("{id}/{name}"), permission),
                LeftOut::Attributes(name) => (format!("{id}/{name}@"), permission),
            }
        })
    };
    let expected = [
        ("bs35r9", "provide-services"),
        ("ty4658", "provide-services"),
        ("eg92n8", "provide-services"),
        ("", "provide-note"),
        ("pc147/user-input@", "provide-user-input"),
        ("pc147/note", "provide-note"),
        ("p1/activities", "provide-activities"),
        ("p1/class", "provide-class"),
        ("p1/place-is", "provide-place-is"),
        ("p1/place-type", "provide-place-type"),
        ("p1/privacy", "provide-privacy"),
        ("p1/sphere", "provide-sphere"),
        ("p1/status-icon", "provide-status-icon"),
        ("p1/foo", "provide-unknown-attribute with name foo and ns urn:x"),
        ("p1/time-offset", "provide-time-offset"),
        ("p1/note", "provide-note"),
    ];
    let expected = expected.map(|(what, permission)| (what.to_owned(), permission.to_owned()));
    assert_eq!(said(granted).collect::<Vec<_>>(), expected);
    // It is as it says: who is granted that sees it.
    for (what, permission) in expected {
        let grant = match permission.split_once(" with name foo and ns urn:x") {
            Some((name, _)) => format!("<pr:{name} name='foo' ns='urn:x'>true</pr:{name}>"),
            None if permission == "provide-services" => {
                "<pr:provide-services><pr:all-services/></pr:provide-services>".to_owned()
            }
            None if permission == "provide-user-input" => {
                format!("<pr:{permission}>full</pr:{permission}>")
            }
            None => format!("<pr:{permission}>true</pr:{permission}>"),
        };
        assert!(said(&format!("{granted}{grant}")).all(|(left_out, _)| left_out != what), "{what}");
    }
    assert_eq!(composed.removals(&Permissions::everything()), []);
}

#[test]
fn what_no_word_of_the_rules_shows_is_said_to_be_for_those_who_see_all() {
    let document = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:alice@example.com'>\
                    <tuple id='t' x:mark='1' xmlns:x='urn:x'><status><basic>open</basic><x:more/></status></tuple>\
                    <note>Away</note><x:root xmlns:x='urn:x'/></presence>";
    let composed = Composed::new(&parse(document));
    let removals =
        composed.removals(&permissions("<pr:provide-services><pr:all-services/></pr:provide-services>"));
    let said: Vec<_> = removals.iter().map(|it| (&it.left_out, &*it.permission)).collect();
    let everything = "everything: all services, persons and devices with provide-all-attributes";
    let (more, tuple) = (LeftOut::Element("more".into()), LeftOut::Attributes("tuple".into()));
    let expected = [
        (&more, "provide-all-attributes"),
        (&tuple, "provide-all-attributes"),
        (&LeftOut::Whole, "provide-persons with all-persons, and provide-note,"),
        (&LeftOut::Whole, everything),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_third_party_publishes_what_it_is_granted() {
    let document = parse(RPID_EXAMPLE);
    let mut granted = Permissions { persons: Selection::All, ..Permissions::default() };
    granted.attributes.insert(Attribute::Activities);
    granted.attributes.insert(Attribute::Note);
    granted.unknown.insert(("urn:ietf:params:xml:ns:pidf:rpid".into(), "sphere".into()));
    let parts = read(published(&document, &granted).bytes());
    let kinds: Vec<&str> = parts.iter().map(|part| part.kind).collect();
    assert_eq!(kinds, ["note", "person"]);
    let names: Vec<&str> = parts[1].children.keys().map(String::as_str).collect();
    // There is no `allow-sphere`, so its name is what allows it.
    assert_eq!(names, ["dm:note", "dm:timestamp", "r:activities", "r:sphere"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_what_the_naive_reference_says(
        document in model::document(), permissions in any_permissions(), prefixed in any::<bool>(),
    ) {
        let presence = print(ALICE, &document, prefixed);
        let seen = filtered(&presence, &permissions);
        prop_assert_eq!(read(seen.as_bytes()), naive(&document, &permissions));
        // RFC 5025 §4: filtered again it stays as it is, if what selected a component is still there to be seen.
        let again = parse(&seen);
        let mut with_class = permissions.clone();
        with_class.attributes.insert(Attribute::Class);
        let seen_with_class = filtered(&presence, &with_class);
        prop_assert_eq!(filtered(&parse(&seen_with_class), &with_class), seen_with_class);
        prop_assert_eq!(again.entity(), presence.entity());
        // No namespace is declared for what is not there.
        for declared in ["urn:x", model::component::OP] {
            let parsed = roxmltree::Document::parse(&seen).expect("it is well-formed");
            let is_used = parsed.descendants().any(|node| {
                node.tag_name().namespace() == Some(declared)
                    || node.attributes().any(|attribute| attribute.namespace() == Some(declared))
            });
            prop_assert!(is_used || !seen.contains(declared) || permissions.is_everything(), "{}", seen);
        }
    }
}
