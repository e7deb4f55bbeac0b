//! Rules documents: the examples of their specifications, and what is refused or means nothing.

use documents::rules::{
    Attribute, Condition, Except, Identity, Many, Period, Permissions, Rule, Ruleset, Selection, Selector,
    SubHandling, UserInput,
};
use documents::{DocumentError, time};
use xml::Limits;

fn read(text: &str) -> Result<Ruleset, DocumentError> {
    Ruleset::read(text.as_bytes(), &Limits::default())
}

/// The rules of a document in `data/rules`.
fn example(text: &str) -> Vec<Rule> {
    read(text).expect("it is an example of a specification").rules
}

/// A document with one rule of this content. `pr`, `op`, `oc` and `pub` are bound to the formats of presence rules and
/// the OMA, `x` to an extension.
fn rule(content: &str) -> String {
    format!(
        "<ruleset xmlns='urn:ietf:params:xml:ns:common-policy' xmlns:pr='urn:ietf:params:xml:ns:pres-rules' \
         xmlns:op='urn:oma:xml:prs:pres-rules' xmlns:oc='urn:oma:xml:xdm:common-policy' \
         xmlns:pub='urn:oma:xml:prs:pub-rules' xmlns:x='urn:example:x'><rule id='r'>{content}</rule></ruleset>"
    )
}

/// The only rule of [`rule`].
fn one(content: &str) -> Rule {
    let mut rules = example(&rule(content));
    assert_eq!(rules.len(), 1);
    rules.remove(0)
}

fn conditions(content: &str) -> Vec<Condition> {
    one(&format!("<conditions>{content}</conditions>")).conditions
}

fn shown(content: &str) -> Permissions {
    one(&format!("<transformations>{content}</transformations>")).shown
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn period(from: &str, until: &str) -> Condition {
    let millis = |text| time::millis(text).expect("an instant");
    Condition::Validity(vec![Period { from: millis(from), until: millis(until) }])
}

#[test]
fn examples_of_common_policy_are_read() {
    let rules = example(include_str!("data/rules/rfc4745-7.1.2.xml"));
    let one = texts(&["sip:alice@example.com", "tel:+1-212-555-1234", "mailto:bob@example.net"]);
    assert_eq!(rules[0].conditions, [Condition::Identity(Identity { one, many: vec![] })]);
    assert_eq!((rules[0].id.as_str(), rules[0].handling, rules[0].transforms), ("f3g44r1", None, false));

    let rules = example(include_str!("data/rules/rfc4745-7.1.3.1.xml"));
    let anybody = Identity { one: vec![], many: vec![Many::default()] };
    assert_eq!(rules[0].conditions, [Condition::Identity(anybody)]);

    let rules = example(include_str!("data/rules/rfc4745-7.1.3.2.xml"));
    let id = |id: &str| Except { id: Some(id.to_owned()), domain: None };
    let domain = |domain: &str| Except { id: None, domain: Some(domain.to_owned()) };
    let except = vec![
        domain("example.com"),
        domain("example.org"),
        id("sip:alice@bad.example.net"),
        id("sip:bob@good.example.net"),
        id("tel:+1-212-555-1234"),
        id("sip:alice@example.com"),
    ];
    let christmas_eve = period("2003-12-24T17:00:00+01:00", "2003-12-24T19:00:00+01:00");
    assert_eq!(
        rules[0].conditions,
        [
            Condition::Sphere(texts(&["work"])),
            Condition::Identity(Identity { one: vec![], many: vec![Many { domain: None, except }] }),
            christmas_eve.clone(),
        ]
    );

    let rules = example(include_str!("data/rules/rfc4745-7.1.3.3.xml"));
    let except = vec![id("sip:alice@example.com"), id("sip:bob@example.com")];
    let many = vec![Many { domain: Some("example.com".to_owned()), except }];
    assert_eq!(rules[0].conditions, [Condition::Identity(Identity { one: vec![], many })]);

    let rules = example(include_str!("data/rules/rfc4745-7.3.xml"));
    assert_eq!(rules.len(), 3);
    assert_eq!(rules[2].conditions[1], Condition::Sphere(texts(&["home", "work"])));

    let rules = example(include_str!("data/rules/rfc4745-7.4.xml"));
    let summer = period("2003-08-15T10:20:00.000-05:00", "2003-09-15T10:20:00.000-05:00");
    assert_eq!(rules[0].conditions, [summer]);

    let rules = example(include_str!("data/rules/rfc4745-12.xml"));
    assert_eq!(rules[0].conditions[1..], [Condition::Sphere(texts(&["work"])), christmas_eve]);
}

#[test]
fn the_example_of_presence_rules_is_read() {
    let rules = example(include_str!("data/rules/rfc5025-6.xml"));
    let mut expected = Permissions {
        services: Selection::Some(
            [Selector::ServiceUriScheme("sip".into()), Selector::ServiceUriScheme("mailto".into())].into(),
        ),
        persons: Selection::All,
        user_input: UserInput::Bare,
        unknown: [("urn:vendor-specific:foo-namespace".into(), "foo".into())].into(),
        ..Permissions::default()
    };
    expected.attributes.insert(Attribute::Activities);
    assert_eq!(rules[0].shown, expected);
    assert_eq!((rules[0].handling, rules[0].transforms), (Some(SubHandling::Allow), true));
}

#[test]
fn the_examples_of_the_oma_are_read() {
    let rules = example(include_str!("data/rules/oma-pres-rules.xml"));
    assert_eq!(rules[0].conditions, [Condition::AnonymousRequest]);
    assert_eq!(rules[0].handling, Some(SubHandling::Block));
    let granted = "https://xcap.home1.example/resource-lists/users/sip:nora@home1.example/index/~~/resource-lists/\
                   list%5B@name=%22oma_grantedcontacts%22%5D";
    assert_eq!(rules[1].conditions, [Condition::ExternalList(texts(&[granted]))]);
    let mut expected = Permissions {
        services: Selection::Some([Selector::ServiceId("org.openmobilealliance:IM-session".into())].into()),
        persons: Selection::All,
        ..Permissions::default()
    };
    expected.attributes.insert(Attribute::Willingness);
    assert_eq!(rules[1].shown, expected);
    assert_eq!(rules[2].conditions, [Condition::OtherIdentity]);
    assert_eq!(rules[2].handling, Some(SubHandling::Confirm));

    let rules = example(include_str!("data/rules/oma-pub-rules.xml"));
    assert_eq!((rules[0].publish, rules[0].permanent), (Some(true), Some(false)));
    let mut expected = Permissions {
        persons: Selection::All,
        unknown: [("urn:oma:xml:pde:pidf:ext:1.1".into(), "link".into())].into(),
        ..Permissions::default()
    };
    expected.attributes.insert(Attribute::Activities);
    expected.attributes.insert(Attribute::Note);
    assert_eq!(rules[0].published, expected);
    assert_eq!(rules[0].shown, Permissions::default());
}

#[test]
fn every_transformation_grants_what_it_says() {
    let booleans = [
        ("pr:provide-activities", Attribute::Activities),
        ("pr:provide-class", Attribute::Class),
        ("pr:provide-deviceID", Attribute::DeviceId),
        ("pr:provide-mood", Attribute::Mood),
        ("pr:provide-place-is", Attribute::PlaceIs),
        ("pr:provide-place-type", Attribute::PlaceType),
        ("pr:provide-privacy", Attribute::Privacy),
        ("pr:provide-relationship", Attribute::Relationship),
        ("pr:provide-sphere", Attribute::Sphere),
        ("pr:provide-status-icon", Attribute::StatusIcon),
        ("pr:provide-time-offset", Attribute::TimeOffset),
        ("pr:provide-note", Attribute::Note),
        ("op:provide-willingness", Attribute::Willingness),
        ("op:provide-network-availability", Attribute::NetworkAvailability),
        ("op:provide-session-participation", Attribute::SessionParticipation),
        ("op:provide-registration-state", Attribute::RegistrationState),
        ("op:provide-barring-state", Attribute::BarringState),
    ];
    for (name, attribute) in booleans {
        for (value, granted) in [(" true\n", true), ("1", true), ("false", false), ("0", false)] {
            let shown = shown(&format!("<{name}>{value}</{name}>"));
            assert_eq!(shown.attributes.iter().eq([attribute]), granted, "{name} {value}");
        }
        assert!(read(&rule(&format!("<transformations><{name}>yes</{name}></transformations>"))).is_err());
    }
    assert!(shown("<op:provide-geopriv>full</op:provide-geopriv>").grants(Attribute::Geopriv));
    assert!(!shown("<op:provide-geopriv>false</op:provide-geopriv>").grants(Attribute::Geopriv));
    // A permission stands in the namespace that defines it.
    assert_eq!(shown("<op:provide-mood>true</op:provide-mood>"), Permissions::default());
    assert_eq!(shown("<pr:provide-willingness>true</pr:provide-willingness>"), Permissions::default());
    let levels = [UserInput::Nothing, UserInput::Bare, UserInput::Thresholds, UserInput::Full];
    for (value, level) in ["false", "bare", "thresholds", "full"].into_iter().zip(levels) {
        let element = format!("<pr:provide-user-input>{value}</pr:provide-user-input>");
        assert_eq!(shown(&element).user_input, level);
    }
    assert!(shown("<pr:provide-all-attributes/>").all_attributes);
    let selectors = shown(
        "<pr:provide-devices><pr:deviceID> urn:a </pr:deviceID><pr:class>biz</pr:class><x:y/>\
         <pr:service-uri>sip:a</pr:service-uri></pr:provide-devices>\
         <pr:provide-services><pr:all-services/></pr:provide-services>",
    );
    let devices = [Selector::DeviceId("urn:a".into()), Selector::Class("biz".into())];
    assert_eq!(selectors.devices, Selection::Some(devices.into()));
    assert_eq!(selectors.services, Selection::All);
}

#[test]
fn publications_are_granted_by_their_own_names() {
    let published = |content: &str| one(&format!("<transformations>{content}</transformations>")).published;
    let granted = published(
        "<pub:allow-services>true</pub:allow-services><pub:allow-devices>false</pub:allow-devices>\
         <pub:allow-geopriv>true</pub:allow-geopriv><pub:allow-willingness>true</pub:allow-willingness>\
         <pub:allow-sphere>true</pub:allow-sphere>",
    );
    assert_eq!((granted.services, granted.devices.is_nothing()), (Selection::All, true));
    // There is no `allow-sphere`.
    assert!(granted.attributes.iter().eq([Attribute::Willingness, Attribute::Geopriv]));
    assert!(published("<pub:allow-all-attributes/>").all_attributes);
}

#[test]
fn what_is_not_known_grants_nothing_and_is_never_true() {
    for unknown in ["<x:moon/>", "<conditions/>", "<x:identity><one id='sip:a@b'/></x:identity>"] {
        assert_eq!(conditions(unknown), [Condition::Unknown], "{unknown}");
    }
    assert_eq!(
        conditions("<identity><x:one id='sip:a@b'/></identity>"),
        [Condition::Identity(Identity::default())]
    );
    // An extension might narrow it.
    let narrowed = "<identity><one id='sip:a@b'><x:from-work/></one><many><x:except/></many>\
                    <one id='sip:c@d'/></identity>";
    let identity = Identity { one: texts(&["sip:c@d"]), many: vec![] };
    assert_eq!(conditions(narrowed), [Condition::Identity(identity)]);
    let rule = one("<x:conditions/><actions><x:allow>true</x:allow></actions>\
                    <transformations><x:all/><pr:provide-x>true</pr:provide-x></transformations>");
    assert_eq!(rule, Rule { id: "r".to_owned(), ..Rule::default() });
}

#[test]
fn what_breaks_a_known_format_is_refused_where_it_stands() {
    let cases = [
        ("<conditions><identity><one/></identity></conditions>", "<one/>"),
        ("<conditions><sphere/></conditions>", "<sphere/>"),
        ("<conditions><validity/></conditions>", "<validity/>"),
        ("<conditions><validity><from>2003-08-15T10:20:00Z</from></validity></conditions>", "<validity>"),
        ("<conditions><validity><until>2003-08-15T10:20:00Z</until></validity></conditions>", "<until>"),
        ("<conditions><validity><from>2003-08-15T10:20:00</from></validity></conditions>", "<from>"),
        ("<actions><pr:sub-handling>deny</pr:sub-handling></actions>", "<pr:sub-handling>"),
        ("<actions><pub:pub-handling>true</pub:pub-handling></actions>", "<pub:pub-handling>"),
        (
            "<transformations><op:provide-geopriv>true</op:provide-geopriv></transformations>",
            "<op:provide-geopriv>",
        ),
        (
            "<transformations><pr:provide-unknown-attribute name='a'>true</pr:provide-unknown-attribute>\
             </transformations>",
            "<pr:provide-unknown-attribute",
        ),
    ];
    for (content, at) in cases {
        let document = rule(content);
        let error = read(&document).expect_err(content);
        assert!(document[error.offset()..].starts_with(at), "{content}: {error}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
    for root in ["<rules/>", "<ruleset xmlns='urn:x'/>", "<ruleset", ""] {
        assert!(read(root).is_err(), "{root}");
    }
    let policy = "xmlns='urn:ietf:params:xml:ns:common-policy'";
    for rules in ["<rule/>", "<rule id=''/>", "<rule id='a'/><rule id='a'/>", "<rule id='a'/><a>"] {
        assert!(read(&format!("<ruleset {policy}>{rules}</ruleset>")).is_err(), "{rules}");
    }
    assert_eq!(read(&format!("<ruleset {policy}/>")).map(|ruleset| ruleset.rules.len()), Ok(0));
}

#[test]
fn a_document_is_bounded() {
    let many = format!("<conditions>{}</conditions>", "<x:y/>".repeat(5000));
    let error = read(&rule(&many)).expect_err("more nodes than a document may have");
    assert!(matches!(error, DocumentError::Xml(error) if error.is_limit()), "{error}");
}

#[test]
fn grants_add_up_and_can_be_compared() {
    // RFC 5025 §3.3.1.1
    let mut one = shown(
        "<pr:provide-devices><pr:deviceID>urn:d</pr:deviceID><pr:class>biz</pr:class></pr:provide-devices>",
    );
    one.add(&shown(
        "<pr:provide-devices><pr:class>home</pr:class><pr:class>biz</pr:class></pr:provide-devices>",
    ));
    let all = ["home", "biz"].map(|class| Selector::Class(class.into()));
    let expected: std::collections::BTreeSet<_> =
        all.into_iter().chain([Selector::DeviceId("urn:d".into())]).collect();
    assert_eq!(one.devices, Selection::Some(expected));

    let mut everything = Permissions::everything();
    assert!(everything.is_everything());
    everything.add(&one);
    assert_eq!(everything.clone().canonical(), Permissions::everything());
    everything.restrict(&one);
    assert_eq!(everything, one);
    one.restrict(&shown("<pr:provide-persons><pr:all-persons/></pr:provide-persons>"));
    assert_eq!(one.canonical(), Permissions::default());
}
