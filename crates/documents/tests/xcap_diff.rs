//! Diff documents: the examples of RFC 5874 and RFC 5875, and printing what was read.

use documents::xcap_diff::{Change, Content, DocumentChange, Found, Fragment, XcapDiff};
use proptest::prelude::*;
use xml::Limits;
use xml::patch::{Action, Operation, Position, Whitespace};

fn parse(bytes: &[u8]) -> XcapDiff {
    XcapDiff::parse(bytes, &Limits::default()).expect("it is valid")
}

fn document(change: &Change) -> &DocumentChange {
    match change {
        Change::Document(document) => document,
        Change::Element { .. } | Change::Attribute { .. } => panic!("not a document: {change:?}"),
    }
}

#[test]
fn the_example_of_the_format_is_read() {
    let diff = parse(include_bytes!("data/xcap-diff/rfc5874-5.xml"));
    assert_eq!(diff.xcap_root, "http://xcap.example.com/root/");
    let [of_document, of_element, of_attribute] = &*diff.changes else { panic!("{diff:?}") };
    assert_eq!(
        *document(of_document),
        DocumentChange {
            selector: "resource-lists/users/sip:joe@example.com/coworkers".to_owned(),
            previous: Some("8a77f8d".to_owned()),
            current: Some("7ahggs".to_owned()),
            content: Content::Untold,
        }
    );
    let Change::Element { found: Found::Shown(Fragment { text, scope }), .. } = of_element else {
        panic!("{of_element:?}")
    };
    assert!(text.starts_with("<service uri=") && text.ends_with("</service>"), "{text}");
    assert!(scope.contains(&(String::new(), "urn:ietf:params:xml:ns:rls-services".to_owned())));
    assert!(scope.contains(&("rl".to_owned(), "urn:ietf:params:xml:ns:resource-lists".to_owned())));
    let Change::Attribute { selector, value } = of_attribute else { panic!("{of_attribute:?}") };
    assert!(selector.ends_with("/service/@uri"));
    assert_eq!(value.as_deref(), Some("sip:marketing@example.com"));
}

#[test]
fn patches_are_read_operation_by_operation() {
    let diff = parse(include_bytes!("data/xcap-diff/rfc5875-A.4-2.xml"));
    let tags: Vec<_> = diff.changes.iter().map(|change| document(change).current.as_deref()).collect();
    assert_eq!(tags, [Some("fgherhryt3"), Some("dgdgdfgrrr"), Some("63hjjsll")]);
    for change in &diff.changes {
        let Content::Patch(operations) = &document(change).content else { panic!("{change:?}") };
        let [operation] = &**operations else { panic!("{operations:?}") };
        assert_eq!((&operation.action, &*operation.selector), (&Action::Add(Position::Append), "*"));
    }
}

#[test]
fn what_does_not_exist_and_what_is_not_shown_are_told_apart() {
    let diff = parse(
        br#"<xcap-diff xmlns="urn:ietf:params:xml:ns:xcap-diff" xcap-root="/">
            <element sel="a" exists="0"/><element sel="b" exists="true"> </element><element sel="c"/>
            <attribute sel="d" exists="false"/><attribute sel="e"/>
            <document sel="f" previous-etag="1" new-etag="2"><body-not-changed/></document>
            <document sel="g" previous-etag="1"><x xmlns="urn:x"/></document><x xmlns="urn:x"/></xcap-diff>"#,
    );
    let told: Vec<_> = diff
        .changes
        .iter()
        .map(|change| match change {
            Change::Element { found: Found::Missing, .. } => "missing",
            Change::Element { found: Found::Untold, .. } => "untold",
            Change::Element { found: Found::Shown(_), .. } => "shown",
            Change::Attribute { value: None, .. } => "no value",
            Change::Attribute { value: Some(_), .. } => "value",
            Change::Document(DocumentChange { content: Content::BodyNotChanged, .. }) => "not changed",
            Change::Document(DocumentChange { content: Content::Untold, current: None, .. }) => "gone",
            Change::Document(_) => "document",
        })
        .collect();
    assert_eq!(told, ["missing", "untold", "untold", "no value", "value", "not changed", "gone"]);
}

#[test]
fn an_operation_that_is_none_is_refused_where_it_stands() {
    let diff = br#"<xcap-diff xmlns="urn:ietf:params:xml:ns:xcap-diff" xcap-root="/">
        <document sel="a"><add sel="*" type="@b" pos="before">c</add></document></xcap-diff>"#;
    let refused = XcapDiff::parse(diff, &Limits::default()).expect_err("an attribute has no position");
    assert!(diff[refused.offset()..].starts_with(b"<add "));
    assert!(refused.to_string().contains("an operation of RFC 5261"), "{refused}");
    let with = |selector: &str| {
        let diff = format!(
            "<xcap-diff xmlns=\"urn:ietf:params:xml:ns:xcap-diff\" xmlns:p=\"urn:p\" xcap-root=\"/\">\
             <document sel=\"a\"><remove sel=\"{selector}\"/></document></xcap-diff>"
        );
        XcapDiff::parse(diff.as_bytes(), &Limits::default())
    };
    for selector in ["a/b[2]/@c", "id('x')", "*/p:b[p:c='1']/text()[1]", "/a/namespace::p", "a/comment()"] {
        assert!(with(selector).is_ok(), "{selector}: {:?}", with(selector));
    }
    for selector in ["", "a//b", "a/q:b", "a[last()]", "a/b | a/c", "ancestor::a", "a[", "@a/b"] {
        assert!(with(selector).is_err(), "{selector}");
    }
}

#[test]
fn what_is_shown_keeps_its_meaning_whatever_prefixes_it_uses() {
    let element = |scope: &[(&str, &str)], text: &str| Change::Element {
        selector: "s".to_owned(),
        found: Found::Shown(Fragment {
            text: text.to_owned(),
            scope: scope
                .iter()
                .map(|(prefix, namespace)| (prefix.to_string(), namespace.to_string()))
                .collect(),
        }),
    };
    let printed = XcapDiff {
        xcap_root: "/".to_owned(),
        changes: vec![
            element(&[("d", "urn:other"), ("d1", "urn:another"), ("", "urn:x")], "<d:a><d1:b/><c/></d:a>"),
            element(&[], "<bare/>"),
        ],
    }
    .print();
    let text = String::from_utf8(printed).expect("it is UTF-8");
    let tree = roxmltree::Document::parse(&text).expect("it is well-formed");
    let namespaces: Vec<_> = tree
        .descendants()
        .filter(|node| matches!(node.tag_name().name(), "a" | "b" | "c" | "bare"))
        .map(|node| node.tag_name().namespace())
        .collect();
    assert_eq!(namespaces, [Some("urn:other"), Some("urn:another"), Some("urn:x"), None]);
    assert_eq!(parse(text.as_bytes()).changes.len(), 2);
}

fn text() -> impl Strategy<Value = String> {
    "[a-z0-9/@~*' &<>\"\u{e9}]{0,12}"
}

fn scope() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("(|d|d1|p)", "urn:[a-c]", 0..3).prop_map(|scope| scope.into_iter().collect())
}

fn operation() -> impl Strategy<Value = Operation> {
    let action = prop_oneof![
        Just((Action::Add(Position::Append), "<x/>text")),
        Just((Action::Add(Position::Before), "<!-- c -->")),
        Just((Action::AddAttribute("name".to_owned()), "value")),
        Just((Action::AddNamespace("pre".to_owned()), "urn:pre")),
        Just((Action::Replace, "<y><z/></y>")),
        Just((Action::Remove(Whitespace::Both), "")),
    ];
    (action, "/?([a-z]{1,4}|[*])(/[a-z]{1,3}|/[*]|/a\\[[1-9]\\]){0,3}", scope()).prop_map(
        |((action, content), selector, scope)| Operation {
            action,
            selector,
            content: content.to_owned(),
            scope,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let content = prop_oneof![
        Just(Content::Untold),
        Just(Content::BodyNotChanged),
        prop::collection::vec(operation(), 1..4).prop_map(Content::Patch),
    ];
    let found = prop_oneof![
        Just(Found::Missing),
        Just(Found::Untold),
        scope().prop_map(|scope| Found::Shown(Fragment { text: "<e a='&lt;'>t<f/></e>".to_owned(), scope })),
    ];
    prop_oneof![
        (text(), prop::option::of(text()), prop::option::of(text()), content).prop_map(
            |(selector, previous, current, content)| {
                Change::Document(DocumentChange { selector, previous, current, content })
            }
        ),
        (text(), found).prop_map(|(selector, found)| Change::Element { selector, found }),
        (text(), prop::option::of(text()))
            .prop_map(|(selector, value)| Change::Attribute { selector, value }),
    ]
}

/// The same without what scopes gain by standing in a diff document.
fn bare(mut diff: XcapDiff) -> XcapDiff {
    let bare = |scope: &mut Vec<(String, String)>| {
        scope.retain(|(_, namespace)| namespace != documents::xcap_diff::NAMESPACE);
        scope.sort();
    };
    for change in &mut diff.changes {
        match change {
            Change::Document(DocumentChange { content: Content::Patch(operations), .. }) => {
                operations.iter_mut().for_each(|operation| bare(&mut operation.scope));
            }
            Change::Element { found: Found::Shown(fragment), .. } => bare(&mut fragment.scope),
            Change::Document(_) | Change::Element { .. } | Change::Attribute { .. } => {}
        }
    }
    diff
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(root in text(), changes in prop::collection::vec(change(), 0..6)) {
        let diff = XcapDiff { xcap_root: root, changes };
        prop_assert_eq!(bare(parse(&diff.print())), bare(diff));
    }
}
