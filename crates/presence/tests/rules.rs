//! What rules decide: conditions one by one, then all combinations of matching rules beside a naive reference.

use std::collections::BTreeMap;

use documents::rules::{Attribute, Permissions, Selection, SubHandling, UserInput};
use documents::time;
use presence::rules::{
    Authorization, Circumstances, Decision, Defaults, Judge, Lists, Members, Outcome, Requester,
};
use proptest::prelude::*;
use sip::Aor;
use xml::Limits;

const HEAD: &str = "<ruleset xmlns='urn:ietf:params:xml:ns:common-policy' \
    xmlns:pr='urn:ietf:params:xml:ns:pres-rules' xmlns:oc='urn:oma:xml:xdm:common-policy' \
    xmlns:pub='urn:oma:xml:prs:pub-rules'>";

const ALLOW: &str = "<actions><pr:sub-handling>allow</pr:sub-handling></actions>";

fn aor(text: &str) -> Aor {
    Aor::parse(text).expect(text)
}

/// A document with these rules, numbered: each its conditions, and what follows them.
fn document(rules: &[(String, String)]) -> String {
    let rules = rules.iter().enumerate().map(|(index, (conditions, then))| {
        format!("<rule id='r{index}'><conditions>{conditions}</conditions>{then}</rule>")
    });
    format!("{HEAD}{}</ruleset>", rules.collect::<String>())
}

fn authorization(document: &str) -> Authorization {
    let authorization = Authorization::read([("index", document.as_bytes())], &Limits::default());
    assert_eq!(authorization.unreadable(), [], "{document}");
    authorization
}

/// Whether a rule with this condition matches.
fn matches(condition: &str, identities: &[&str], sphere: Option<&str>, now: &str) -> bool {
    let identities: Vec<Aor> = identities.iter().map(|identity| aor(identity)).collect();
    let rules = authorization(&document(&[(condition.to_owned(), ALLOW.to_owned())]));
    let when = Circumstances { now: time::millis(now).expect(now), sphere, lists: &() };
    rules.decide(&Requester::known(&identities), &when, &Defaults::default()).handling == SubHandling::Allow
}

fn identity(identity: &str, identities: &[&str]) -> bool {
    matches(&format!("<identity>{identity}</identity>"), identities, None, NOW)
}

const NOW: &str = "2003-12-24T17:15:00+01:00";

fn when(lists: &dyn Lists) -> Circumstances<'_> {
    Circumstances { now: 0, sphere: None, lists }
}

#[test]
fn one_user_is_meant_however_the_uri_is_written() {
    let bob = "sip:bob@example.com";
    for same in [
        "sip:bob@example.com",
        "sips:bob@Example.COM:5061",
        " sip:b%6Fb@example.com;transport=tcp\n",
        "sip:bob:secret@example.com.",
    ] {
        assert!(identity(&format!("<one id='{same}'/>"), &[bob]), "{same}");
    }
    for other in ["sip:Bob@example.com", "sip:bob@example.org", "bob@example.com", "sip:example.com", ""] {
        assert!(!identity(&format!("<one id='{other}'/>"), &[bob]), "{other}");
    }
}

#[test]
fn schemes_are_never_taken_for_each_other() {
    // RFC 5025 §3.1.1.2
    let (phone, number) = ("sip:+12125551234@example.com", "tel:+1-212-555-1234");
    assert!(identity(&format!("<one id='{number}'/>"), &["tel:+12125551234"]));
    assert!(!identity(&format!("<one id='{number}'/>"), &[phone]));
    assert!(!identity(&format!("<one id='{phone}'/>"), &["tel:+12125551234"]));
    assert!(!identity("<one id='pres:bob@example.com'/>", &["sip:bob@example.com"]));
    assert!(!identity("<one id='mailto:bob@example.com'/>", &["sip:bob@example.com"]));
    // Any of several identities may match.
    assert!(identity(&format!("<one id='{number}'/>"), &["sip:bob@example.com", "tel:+12125551234"]));
}

#[test]
fn groups_are_meant_but_for_their_exceptions() {
    assert!(identity("<many/>", &["sip:bob@example.com"]));
    assert!(!identity("<many/>", &[]), "nobody is known who is not authenticated");
    let example = "<many domain='EXAMPLE.com'><except id='sip:alice@example.com'/></many>";
    assert!(identity(example, &["sip:carol@example.com"]));
    assert!(!identity(example, &["sip:alice@example.com"]));
    assert!(!identity(example, &["sip:carol@sub.example.com"]));
    assert!(!identity(example, &["tel:+12125551234"]));
    assert!(!identity(example, &["tel:+12125551234", "sip:alice@example.com"]));
    assert!(!identity("<many domain='%'/>", &["sip:carol@example.com"]), "no domain is everybody's");
    // RFC 4745 §7.1.3.2
    let text = include_str!("../../documents/tests/data/rules/rfc4745-7.1.3.2.xml");
    let rules = authorization(text);
    let judge = |user: &str| {
        let when = Circumstances { now: time::millis(NOW).expect(NOW), sphere: Some("Work"), lists: &() };
        let user = [aor(user)];
        rules.explain(&Requester::known(&user), &when, &Defaults::default()).0[0].outcome
    };
    assert_eq!(judge("sip:carol@example.net"), Outcome::Counts);
    assert_eq!(judge("sip:bob@bad.example.net"), Outcome::Counts);
    for user in
        ["sip:carol@example.com", "sip:a@example.org", "sip:alice@bad.example.net", "tel:+12125551234"]
    {
        assert_eq!(judge(user), Outcome::Fails("identity"), "{user}");
    }
    let except = "<many><except domain='example.com'/></many>";
    assert!(!identity(except, &["sip:a@example.org", "sip:a@example.com"]), "one exception is enough");
    assert!(identity("<many><except/></many>", &["sip:a@example.org"]));
}

#[test]
fn a_sphere_is_one_of_the_tokens_in_any_case() {
    let is_in = |value: &str, sphere| matches(&format!("<sphere value='{value}'/>"), &[], sphere, NOW);
    assert!(is_in("home work", Some("Work")) && is_in("home", Some("HOME")));
    assert!(!is_in("home", Some("work")) && !is_in("home", None) && !is_in("", None) && !is_in("", Some("")));
}

#[test]
fn a_validity_begins_with_its_first_instant_and_ends_before_its_last() {
    let validity = "<validity><from>2003-08-15T10:20:00Z</from><until>2003-08-15T10:30:00Z</until>\
                    <from>2003-08-15T12:20:00+01:00</from><until>2003-08-15T12:30:00+01:00</until></validity>";
    for (now, valid) in [
        ("2003-08-15T10:19:59.999Z", false),
        ("2003-08-15T10:20:00Z", true),
        ("2003-08-15T10:29:59.999Z", true),
        ("2003-08-15T10:30:00Z", false),
        ("2003-08-15T11:20:00Z", true),
        ("2003-08-15T11:30:00Z", false),
    ] {
        assert_eq!(matches(validity, &[], None, now), valid, "{now}");
    }
    let rules = authorization(&document(&[(validity.to_owned(), ALLOW.to_owned())]));
    let mut edges = Vec::new();
    let mut now = i64::MIN;
    while let Some(edge) = rules.next_edge(now) {
        edges.push(edge);
        now = edge;
    }
    let expected = ["10:20", "10:30", "11:20", "11:30"].map(|time| format!("2003-08-15T{time}:00Z"));
    assert_eq!(edges, expected.map(|edge| time::millis(&edge).expect("an instant")));
}

#[test]
fn a_condition_that_is_not_known_is_false() {
    assert!(matches("", &[], None, NOW), "a rule without conditions is for everybody");
    for unknown in ["<x xmlns='urn:x'/>", "<many/>", "<identity/>", "<identity><x xmlns='urn:x'/></identity>"]
    {
        assert!(!matches(unknown, &["sip:a@b"], None, NOW), "{unknown}");
    }
    assert!(!matches("<identity><many/></identity><x xmlns='urn:x'/>", &["sip:a@b"], None, NOW));
}

/// RFC 4745 §10.3: its columns are `sub-handling` for Y, an attribute for X and `user-input` for Z.
#[test]
fn the_example_of_common_policy_combines_as_it_says() {
    let [a1, a2, a3, b1, b2] = ["24T17:00", "24T21:00", "24T23:30", "22T17:00", "23T17:00"]
        .map(|at| format!("2003-12-{at}:00+01:00"));
    let row = |who: &str, sphere: &str, from: &str, until: &str, x: &str, y: &str, z: &str| {
        let x = if x.is_empty() { String::new() } else { format!("<pr:provide-mood>{x}</pr:provide-mood>") };
        (
            format!(
                "<identity><one id='sip:{who}@example.com'/></identity><sphere value='{sphere}'/>\
                 <validity><from>{from}</from><until>{until}</until></validity>"
            ),
            format!(
                "<actions><pr:sub-handling>{y}</pr:sub-handling></actions><transformations>\
                 <pr:provide-persons><pr:all-persons/></pr:provide-persons>{x}\
                 <pr:provide-user-input>{z}</pr:provide-user-input></transformations>"
            ),
        )
    };
    let rules = authorization(&document(&[
        row("bob", "home", &a1, &a2, "true", "allow", "bare"),
        row("alice", "work", &a1, &a2, "false", "confirm", "full"),
        row("bob", "work", &a1, &a2, "true", "confirm", "false"),
        row("tom", "work", &a1, &a2, "true", "confirm", "full"),
        row("bob", "work", &a1, &a3, "", "allow", "bare"),
        row("bob", "work", &b1, &b2, "false", "allow", "false"),
    ]));
    let when = Circumstances { now: time::millis(NOW).expect(NOW), sphere: Some("work"), lists: &() };
    let bob = [aor("sip:bob@example.com")];
    let (verdicts, decision) = rules.explain(&Requester::known(&bob), &when, &Defaults::default());
    let outcomes: Vec<_> = verdicts.iter().map(|verdict| verdict.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Fails("sphere"),
            Outcome::Fails("identity"),
            Outcome::Counts,
            Outcome::Fails("identity"),
            Outcome::Counts,
            Outcome::Fails("validity"),
        ]
    );
    assert_eq!(decision.handling, SubHandling::Allow);
    assert!(decision.permissions.attributes.iter().eq([Attribute::Mood]));
    assert_eq!(decision.permissions.user_input, UserInput::Bare);
    assert_eq!(decision.permissions.persons, Selection::All);
}

#[test]
fn all_documents_of_a_presentity_count() {
    let rule = |who: &str, then: &str| {
        let identity = format!("<identity><one id='sip:{who}@b'/></identity>");
        document(&[(identity, then.to_owned())])
    };
    let polite = "<actions><pr:sub-handling>polite-block</pr:sub-handling></actions>";
    let (one, other) = (rule("joe", polite), rule("joe", ALLOW));
    let documents = [("index", one.as_bytes()), ("more", other.as_bytes())];
    let rules = Authorization::read(documents, &Limits::default());
    let joe = [aor("sip:joe@b")];
    let (verdicts, decision) = rules.explain(&Requester::known(&joe), &when(&()), &Defaults::default());
    assert_eq!(decision.handling, SubHandling::Allow);
    assert_eq!((verdicts[0].document, verdicts[1].document, verdicts[1].rule), ("index", "more", "r0"));
}

#[test]
fn an_unreadable_document_blocks_everybody_and_says_so() {
    let good = document(&[(String::new(), ALLOW.to_owned())]);
    let documents = [("good", good.as_bytes()), ("bad", &b"<ruleset"[..])];
    let rules = Authorization::read(documents, &Limits::default());
    assert_eq!(&*rules.unreadable()[0].document, "bad");
    assert!(!rules.is_absent());
    let joe = [aor("sip:joe@b")];
    let defaults = Defaults { unmatched: SubHandling::Allow, ..Defaults::default() };
    let blocked = Decision::new(SubHandling::Block);
    assert_eq!(rules.decide(&Requester::known(&joe), &when(&()), &defaults), blocked);
    assert_eq!(*Judge::new(&rules, when(&()), defaults).decide(&Requester::known(&joe)), blocked);
    assert_eq!(rules.publication(&Requester::known(&joe), &when(&())), None);
}

#[test]
fn whom_no_rule_matches_is_handled_by_default() {
    let rules = authorization(&document(&[("<identity/>".to_owned(), ALLOW.to_owned())]));
    let joe = [aor("sip:joe@b")];
    for unmatched in [SubHandling::Block, SubHandling::Confirm, SubHandling::PoliteBlock, SubHandling::Allow]
    {
        let defaults = Defaults { unmatched, ..Defaults::default() };
        let decision = rules.decide(&Requester::known(&joe), &when(&()), &defaults);
        assert_eq!(decision.handling, unmatched);
        assert_eq!(decision.permissions.is_everything(), unmatched == SubHandling::Allow);
    }
}

#[test]
fn a_bare_allow_shows_nothing_unless_it_is_told_to_show_all() {
    let rules = authorization(&document(&[(String::new(), ALLOW.to_owned())]));
    let decide = |bare_allow_shows_all| {
        let defaults = Defaults { bare_allow_shows_all, ..Defaults::default() };
        rules.decide(&Requester::known(&[]), &when(&()), &defaults)
    };
    assert_eq!(decide(false), Decision::new(SubHandling::Allow));
    assert_eq!(decide(true), Decision::everything());
    let some = format!("{ALLOW}<transformations><pr:provide-note>false</pr:provide-note></transformations>");
    let rules = authorization(&document(&[(String::new(), some)]));
    let defaults = Defaults { bare_allow_shows_all: true, ..Defaults::default() };
    assert_eq!(
        rules.decide(&Requester::known(&[]), &when(&()), &defaults),
        Decision::new(SubHandling::Allow)
    );
}

#[test]
fn a_large_list_is_asked_as_fast_as_a_small_one() {
    let rule =
        ("<oc:external-list><oc:entry anc='http://a/l'/></oc:external-list>".to_owned(), ALLOW.to_owned());
    let rules = authorization(&document(&[rule]));
    assert_eq!(rules.lists(), ["http://a/l"]);
    let members: Members = (0..10_000).map(|index| aor(&format!("sip:u{index}@b"))).collect();
    assert_eq!((members.len(), members.is_empty()), (10_000, false));
    let lists = BTreeMap::from([("http://a/l".to_owned(), members)]);
    for (user, handling) in [("sip:u9999@b", SubHandling::Allow), ("sip:u10000@b", SubHandling::Block)] {
        let user = [aor(user)];
        assert_eq!(
            rules.decide(&Requester::known(&user), &when(&lists), &Defaults::default()).handling,
            handling
        );
    }
}

#[test]
fn a_list_that_cannot_be_read_reveals_nothing() {
    let list = "<oc:external-list><oc:entry anc='http://a/blocked'/></oc:external-list>".to_owned();
    let block = "<actions><pr:sub-handling>polite-block</pr:sub-handling></actions>".to_owned();
    let other = ("<oc:other-identity/>".to_owned(), ALLOW.to_owned());
    let named = ("<identity><one id='sip:joe@b'/></identity>".to_owned(), ALLOW.to_owned());
    let rules = authorization(&document(&[(list, block), other, named]));
    let handling = |user: &str| {
        let user = [aor(user)];
        let (verdicts, decision) = rules.explain(&Requester::known(&user), &when(&()), &Defaults::default());
        (verdicts[0].outcome, decision.handling)
    };
    // Anybody might be in it, but who is named counts by that.
    assert_eq!(handling("sip:eve@b"), (Outcome::ListUnknown, SubHandling::PoliteBlock));
    assert_eq!(handling("sip:joe@b").1, SubHandling::Allow);
}

#[test]
fn who_may_publish_is_said_by_its_own_action() {
    let text = include_str!("../../documents/tests/data/rules/oma-pub-rules.xml");
    let rules = authorization(text);
    let [calendar, other] = ["sip:calendar@apps.home1.example", "sip:eve@home1.example"].map(|it| [aor(it)]);
    let published = rules.publication(&Requester::known(&calendar), &when(&())).expect("it is allowed");
    assert!(published.grants(Attribute::Activities) && !published.grants(Attribute::Mood));
    assert_eq!(rules.publication(&Requester::known(&other), &when(&())), None);
}

/// The rules of the truth table: condition, handling, and an attribute that only this rule grants.
const TABLE: [(&str, SubHandling, Option<Attribute>); 9] = [
    ("<oc:anonymous-request/>", SubHandling::Block, None),
    ("<oc:anonymous-request/>", SubHandling::Allow, Some(Attribute::Activities)),
    ("<identity><one id='sip:joe@b'/></identity>", SubHandling::Confirm, Some(Attribute::Class)),
    ("<identity><many domain='b'/></identity>", SubHandling::Allow, Some(Attribute::Mood)),
    ("<oc:external-list><oc:entry anc='l1'/></oc:external-list>", SubHandling::Allow, Some(Attribute::Note)),
    (
        "<oc:external-list><oc:entry anc='l2'/></oc:external-list>",
        SubHandling::Allow,
        Some(Attribute::Sphere),
    ),
    ("<oc:external-list><oc:entry anc='l2'/></oc:external-list>", SubHandling::PoliteBlock, None),
    ("<oc:other-identity/>", SubHandling::Allow, Some(Attribute::PlaceIs)),
    ("<oc:other-identity/>", SubHandling::Confirm, None),
];

/// The decision of the table's rules that are in `present`, said as plainly as can be.
fn naive(
    present: u32,
    anonymous: bool,
    identity: bool,
    many: bool,
    l1: bool,
    l2: bool,
) -> (SubHandling, Vec<Attribute>) {
    let matches = [anonymous, anonymous, identity, many, l1, l2, l2, true, true];
    for class in [0..2, 2..4, 4..7, 7..9] {
        let rules: Vec<_> = class.filter(|rule| present & 1 << rule != 0 && matches[*rule]).collect();
        if rules.is_empty() {
            continue;
        }
        let handling = rules.iter().map(|rule| TABLE[*rule].1).max().expect("there is one");
        if handling != SubHandling::Allow {
            return (handling, vec![]);
        }
        return (handling, rules.iter().filter_map(|rule| TABLE[*rule].2).collect());
    }
    (SubHandling::Block, vec![])
}

#[test]
fn every_combination_of_matching_rules_decides_as_the_table_says() {
    let rules = TABLE.map(|(condition, handling, grant)| {
        let grant = grant.map_or(String::new(), |attribute| {
            format!("<pr:provide-{attribute}>true</pr:provide-{attribute}>")
        });
        let then = format!(
            "<actions><pr:sub-handling>{handling}</pr:sub-handling></actions><transformations>\
             <pr:provide-persons><pr:all-persons/></pr:provide-persons>{grant}</transformations>"
        );
        (condition.to_owned(), then)
    });
    let users = [("sip:joe@b", true, true), ("sip:ann@b", false, true), ("sip:eve@c", false, false)];
    let mut count = 0;
    for present in 0..1_u32 << TABLE.len() {
        let subset: Vec<_> = rules
            .iter()
            .enumerate()
            .filter(|(rule, _)| present & 1 << rule != 0)
            .map(|(_, it)| it.clone())
            .collect();
        let rules = authorization(&document(&subset));
        for (user, identity, many) in users {
            for (l1, l2) in [(false, false), (false, true), (true, false), (true, true)] {
                let user = [aor(user)];
                let member = |is: bool| is.then(|| user[0].clone()).into_iter().collect::<Members>();
                let lists = BTreeMap::from([("l1".to_owned(), member(l1)), ("l2".to_owned(), member(l2))]);
                let mut judge = Judge::new(&rules, when(&lists), Defaults::default());
                for anonymous in [false, true] {
                    let requester = Requester { identities: &user, anonymous };
                    let decision = rules.decide(&requester, &when(&lists), &Defaults::default());
                    assert_eq!(*judge.decide(&requester), decision);
                    let granted: Vec<_> = decision.permissions.attributes.iter().collect();
                    let (handling, mut expected) = naive(present, anonymous, identity, many, l1, l2);
                    expected.sort_unstable();
                    assert_eq!(
                        (decision.handling, granted),
                        (handling, expected),
                        "{present:b} {requester:?}"
                    );
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 512 * 3 * 4 * 2);
}

fn any_permissions() -> impl Strategy<Value = Permissions> {
    let selectors = proptest::collection::btree_set(
        "[a-c]".prop_map(|class| documents::rules::Selector::Class(class.into())),
        0..3,
    );
    let selection = prop_oneof![selectors.prop_map(Selection::Some), Just(Selection::All)];
    (selection.clone(), selection, any::<u32>(), any::<bool>()).prop_map(|(services, persons, bits, all)| {
        let mut permissions =
            Permissions { services, persons, all_attributes: all, ..Permissions::default() };
        for attribute in [Attribute::Mood, Attribute::Note, Attribute::Geopriv] {
            if bits & 1 << attribute as u8 != 0 {
                permissions.attributes.insert(attribute);
            }
        }
        permissions
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grants_add_up_in_any_order(a in any_permissions(), b in any_permissions(), c in any_permissions()) {
        let sum = |parts: [&Permissions; 3]| {
            let mut sum = Permissions::default();
            parts.into_iter().for_each(|part| sum.add(part));
            sum.canonical()
        };
        prop_assert_eq!(sum([&a, &b, &c]), sum([&c, &b, &a]));
        prop_assert_eq!(sum([&a, &a, &b]), sum([&a, &b, &b]));
        // What is restricted to something is part of it, and of what it was.
        let mut least = a.clone();
        least.restrict(&b);
        let mut again = b.clone();
        again.add(&least);
        prop_assert_eq!(again.canonical(), b.canonical());
        let mut again = a.clone();
        again.add(&least);
        prop_assert_eq!(again.canonical(), a.canonical());
    }

    #[test]
    fn no_document_does_harm(text in ".{0,200}") {
        let documents = [("index", text.as_bytes())];
        let rules = Authorization::read(documents, &Limits::default());
        let decision = rules.decide(&Requester::known(&[]), &when(&()), &Defaults::default());
        prop_assert_eq!(decision, Decision::new(SubHandling::Block));
    }
}
