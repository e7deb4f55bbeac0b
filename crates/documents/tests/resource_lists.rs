//! Resource lists: the examples of the RFCs, what is printed is read back, and one flat list of many.

use std::collections::BTreeMap;

use documents::resource_lists::{
    Entry, EntryRef, External, Flat, Limits, List, Member, Name, NoReferences, Problem, Reference,
    References, Resolved, ResourceLists, flatten,
};
use documents::{DocumentError, Rule};
use proptest::prelude::*;

fn read(document: &str) -> Result<ResourceLists, DocumentError> {
    ResourceLists::parse(document.as_bytes(), &xml::Limits::default())
}

const FRIENDS: &str = include_str!("data/rfc4826-3.3.xml");

fn entry(uri: &str, name: &str) -> Member {
    Member::Entry(Entry { uri: uri.into(), display_name: Some(Name::new(name)) })
}

#[test]
fn the_example_of_rfc_4826_section_3_3_reads_as_it_says() {
    let friends = read(FRIENDS).expect("a document");
    let petri = "resource-lists/users/sip:bill@example.com/index/~~/resource-lists/\
        list%5b@name=%22list1%22%5d/entry%5b@uri=%22sip:petri@example.com%22%5d";
    let marketing = "http://xcap.example.org/resource-lists/users/sip:a@example.org/index/~~/resource-lists/\
        list%5b@name=%22mkting%22%5d";
    let close = List {
        name: Some("close-friends".into()),
        display_name: Some(Name::new("Close Friends")),
        members: vec![
            entry("sip:joe@example.com", "Joe Smith"),
            entry("sip:nancy@example.com", "Nancy Gross"),
            Member::External(External {
                anchor: marketing.into(),
                display_name: Some(Name::new("Marketing")),
            }),
        ],
    };
    let expected = List {
        name: Some("friends".into()),
        display_name: None,
        members: vec![
            entry("sip:bill@example.com", "Bill Doe"),
            Member::EntryRef(EntryRef { reference: petri.into(), display_name: None }),
            Member::List(close),
        ],
    };
    assert_eq!(friends.lists, [expected]);
}

#[test]
fn the_list_of_rfc_5367_is_flat() {
    let lists = read(include_str!("data/rfc5367-1.xml")).expect("a document");
    let flat = flatten(&lists.lists[0], &mut NoReferences, &Limits::DEFAULT);
    assert_eq!(uris(&flat), ["sip:bill@example.com", "sip:joe@example.org", "sip:ted@example.net"]);
    assert_eq!((flat.unknown.len(), flat.problems.len()), (0, 0));
}

#[test]
fn what_extends_a_list_is_passed_over() {
    let lists = read(
        r#"<?xml version="1.0"?><!-- of another --><rl:resource-lists xmlns:rl="urn:ietf:params:xml:ns:resource-lists" xmlns:o="urn:o">
        <o:list><rl:entry uri="sip:no@x"/></o:list>
        <rl:list o:a="1" name=" n "> <rl:display-name xml:lang="de"> Gr&#252;n<![CDATA[ & ]]>Blau<o:x>no</o:x> </rl:display-name>
          <rl:entry uri=" sip:a@x&#10;" o:b=""><o:display-name>no</o:display-name><rl:display-name/></rl:entry>
          <entry uri="sip:no@x"/><o:entry uri="sip:no@x"><rl:entry uri="sip:no@x"/></o:entry><rl:unknown/>
        </rl:list></rl:resource-lists>"#,
    )
    .expect("a document");
    let name = Name { text: "Grün & Blau".into(), language: Some("de".into()) };
    let members = vec![entry("sip:a@x", "")];
    assert_eq!(lists.lists, [List { name: Some(" n ".into()), display_name: Some(name), members }]);
}

#[test]
fn a_document_that_names_no_resources_is_refused_where_it_is_at_fault() {
    let within = |content: &str| {
        format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{content}</list></resource-lists>"
        )
    };
    let cases = [
        ("<resource-lists/>".to_owned(), 0, Rule::RootOf("resource-lists")),
        (
            r#"<list xmlns="urn:ietf:params:xml:ns:resource-lists"/>"#.to_owned(),
            0,
            Rule::RootOf("resource-lists"),
        ),
        (within("<entry/>"), 68, Rule::Missing("uri")),
        (within("<entry uri=\" \"/>"), 68, Rule::Missing("uri")),
        (within("<entry-ref uri=\"a\"/>"), 68, Rule::Missing("ref")),
        (within("<list/><external/>"), 75, Rule::Missing("anchor")),
    ];
    for (document, offset, rule) in cases {
        assert_eq!(read(&document), Err(DocumentError::Rule { offset, rule }), "{document}");
    }
    assert!(matches!(read(&within("<entry uri='a'>")), Err(DocumentError::Xml(_))));
    assert!(matches!(read(&within(&"<list>".repeat(100))), Err(DocumentError::Xml(_))));
}

/// Lists and entries by what refers to them.
#[derive(Default)]
struct Known {
    lists: BTreeMap<&'static str, Option<List>>,
    entries: BTreeMap<&'static str, Option<Entry>>,
}

fn resolved<T>(found: Option<&Option<T>>) -> Resolved<&T> {
    match found {
        Some(Some(found)) => Resolved::Found(found),
        Some(None) => Resolved::Missing,
        None => Resolved::Unknown,
    }
}

struct Lookup<'a>(&'a Known);

impl<'a> References<'a> for Lookup<'a> {
    fn list(&mut self, anchor: &str) -> Resolved<&'a List> {
        resolved(self.0.lists.get(anchor))
    }

    fn entry(&mut self, reference: &str) -> Resolved<&'a Entry> {
        resolved(self.0.entries.get(reference))
    }
}

fn uris(flat: &Flat) -> Vec<&str> {
    flat.entries.iter().map(|entry| &*entry.uri).collect()
}

fn one(uri: &str) -> Member {
    Member::Entry(Entry::new(uri))
}

fn external(anchor: &str) -> Member {
    Member::External(External { anchor: anchor.into(), display_name: None })
}

fn list(members: impl IntoIterator<Item = Member>) -> List {
    List { members: members.into_iter().collect(), ..List::default() }
}

fn flat(list: &List, known: &Known) -> Flat {
    flatten(list, &mut Lookup(known), &Limits::DEFAULT)
}

#[test]
fn references_are_followed_in_document_order_and_an_entry_stands_once() {
    let mut known = Known::default();
    known.lists.insert("http://x/b", Some(list([one("sip:2@x"), one("sip:1@x"), one("sip:3@x")])));
    known.entries.insert("e", Some(Entry { uri: "sip:4@x".into(), display_name: Some(Name::new("Four")) }));
    let nickname =
        Member::EntryRef(EntryRef { reference: "e".into(), display_name: Some(Name::new("Nick")) });
    let all = list([
        one("sip:1@x"),
        external("http://x/b"),
        nickname,
        Member::List(list([one("sip:5@x")])),
        one("sip:3@x"),
    ]);
    let flat = flat(&all, &known);
    assert_eq!(uris(&flat), ["sip:1@x", "sip:2@x", "sip:3@x", "sip:4@x", "sip:5@x"]);
    assert_eq!(flat.entries[3].display_name, Some(Name::new("Nick")));
    assert_eq!(flat.problems, []);
}

#[test]
fn a_list_in_two_branches_is_no_loop_but_a_list_within_itself_is() {
    let mut known = Known::default();
    known.lists.insert("a", Some(list([one("sip:1@x"), external("b")])));
    known.lists.insert("b", Some(list([one("sip:2@x")])));
    let twice = list([external("a"), Member::List(list([external("a"), external("b")])), external("b")]);
    assert_eq!(
        flat(&twice, &known),
        Flat { entries: vec![Entry::new("sip:1@x"), Entry::new("sip:2@x")], ..Flat::default() }
    );

    known.lists.insert("b", Some(list([external("a"), one("sip:2@x"), external("b")])));
    let looped = flat(&twice, &known);
    assert_eq!(uris(&looped), ["sip:1@x", "sip:2@x"]);
    assert_eq!(looped.problems, [Problem::Loop("a".into()), Problem::Loop("b".into())]);
}

#[test]
fn what_is_not_at_hand_is_told_from_what_is_not_there() {
    let mut known = Known::default();
    known.lists.insert("gone", None);
    known.entries.insert("gone", None);
    let reference = |to: &str| Member::EntryRef(EntryRef { reference: to.into(), display_name: None });
    let all =
        list([external("gone"), external("later"), reference("gone"), reference("later"), one("sip:1@x")]);
    let flat = flat(&all, &known);
    assert_eq!(uris(&flat), ["sip:1@x"]);
    assert_eq!(flat.unknown, [Reference::List("later".into()), Reference::Entry("later".into())]);
    let missing = [Reference::List("gone".into()), Reference::Entry("gone".into())];
    assert_eq!(flat.problems, missing.map(Problem::Missing));
}

#[test]
fn entries_depth_and_references_are_bounded_and_what_is_left_out_is_said() {
    let many: List = (0..20).map(|number| Entry::new(&format!("sip:{number}@x"))).collect();
    let limits = Limits { entries: 7, depth: 3, references: 2 };
    let bounded = flatten(&many, &mut NoReferences, &limits);
    assert_eq!((bounded.entries.len(), bounded.problems), (7, vec![Problem::TooManyEntries(13)]));

    let mut deep = list([one("sip:deepest@x")]);
    for level in 0..5 {
        deep = list([one(&format!("sip:{level}@x")), Member::List(deep)]);
    }
    let bounded = flatten(&deep, &mut NoReferences, &limits);
    assert_eq!(uris(&bounded), ["sip:4@x", "sip:3@x", "sip:2@x"]);
    assert_eq!(bounded.problems, [Problem::TooDeep]);

    let wide = list(["a", "b", "c", "d"].map(external));
    let bounded = flatten(&wide, &mut NoReferences, &limits);
    assert_eq!(bounded.problems.last(), Some(&Problem::TooManyReferences));
    assert_eq!(bounded.problems.len(), 3);
}

fn any_name() -> impl Strategy<Value = Name> {
    let language = proptest::option::of("[a-z]{2}");
    ("(\\PC{0,6}[a-z&<>\"'])?", language)
        .prop_map(|(text, language)| Name { text: text.trim().into(), language: language.map(Into::into) })
}

fn any_uri() -> impl Strategy<Value = std::sync::Arc<str>> {
    "[a-z&<\"']\\PC{0,12}[a-z]".prop_map(Into::into)
}

fn any_list() -> impl Strategy<Value = List> {
    let display_name = || proptest::option::of(any_name());
    let leaf = prop_oneof![
        (any_uri(), display_name())
            .prop_map(|(uri, display_name)| Member::Entry(Entry { uri, display_name })),
        (any_uri(), display_name())
            .prop_map(|(reference, display_name)| Member::EntryRef(EntryRef { reference, display_name })),
        (any_uri(), display_name())
            .prop_map(|(anchor, display_name)| Member::External(External { anchor, display_name })),
    ];
    let of = |member: BoxedStrategy<Member>| {
        let name = proptest::option::of(any_uri());
        (name, proptest::option::of(any_name()), proptest::collection::vec(member, 0..5))
            .prop_map(|(name, display_name, members)| List { name, display_name, members })
    };
    let member = leaf.prop_recursive(3, 20, 5, move |member| of(member).prop_map(Member::List));
    of(member.boxed())
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(lists in proptest::collection::vec(any_list(), 0..4)) {
        let lists = ResourceLists { lists };
        let printed = lists.print();
        prop_assert_eq!(ResourceLists::parse(&printed, &xml::Limits::default()), Ok(lists));
    }

    #[test]
    fn no_selector_does_harm(list in any_list(), selector in "(resource-lists/list)?[/\\[\\]@=\"'a-z1&;:*]{0,20}") {
        let _ = ResourceLists { lists: vec![list] }.select(&selector);
    }

    #[test]
    fn a_flat_list_has_every_entry_once(list in any_list()) {
        let flat = flatten(&list, &mut NoReferences, &Limits::DEFAULT);
        let mut uris = uris(&flat);
        let count = uris.len();
        uris.sort_unstable();
        uris.dedup();
        prop_assert_eq!(uris.len(), count);
        prop_assert_eq!(uris, all(&list).into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    }
}

fn all(list: &List) -> Vec<&str> {
    let mut uris = Vec::new();
    for member in &list.members {
        match member {
            Member::Entry(entry) => uris.push(&*entry.uri),
            Member::List(list) => uris.extend(all(list)),
            Member::EntryRef(_) | Member::External(_) => {}
        }
    }
    uris
}
