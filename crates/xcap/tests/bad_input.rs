//! Selectors and bodies that are meant to do harm, or are just wrong: each has its refusal.

use xcap::{Conflict, Limits, NodeSelector, Reference, Refusal, UriError, put};
use xml::{ErrorKind, Tree};

fn parse(node: &str) -> Result<NodeSelector, UriError> {
    NodeSelector::parse(node, Some("xmlns(p=urn:p)"), "urn:d", &Limits::default())
}

#[test]
fn a_million_steps_are_refused_before_they_are_taken() {
    let million = "a/".repeat(1_000_000);
    let path = format!("/x/global/index/~~/{million}");
    let refused = Reference::split(&path, None, &Limits::default());
    assert_eq!(refused, Err(UriError::PathTooLong { most: 8192 }));
    assert_eq!(parse(&million).err(), Some(UriError::PathTooLong { most: 8192 }));
    let long = Limits { path: usize::MAX, ..Limits::default() };
    let refused = NodeSelector::parse(&million, None, "", &long);
    assert_eq!(refused.err(), Some(UriError::TooManySteps { most: 64 }));
    let steps = |count: usize| ["a"].repeat(count).join("/");
    assert!(parse(&steps(64)).is_ok());
    assert_eq!(parse(&steps(65)).err(), Some(UriError::TooManySteps { most: 64 }));
}

#[test]
fn a_million_steps_that_are_allowed_take_linear_time() {
    let limits = Limits { path: usize::MAX, steps: usize::MAX, ..Limits::default() };
    let million = vec!["a"; 1_000_000].join("/");
    let selector = NodeSelector::parse(&million, None, "", &limits).expect("no limit");
    assert_eq!(selector.steps().len(), 1_000_000);
    let tree = Tree::read(b"<a><a/></a>", &xml::Limits::default()).expect("a document");
    assert_eq!(xcap::get(&tree, &selector), None);
    let refused = put(&tree, &selector, b"<a/>", &xml::Limits::default());
    let ancestor = Some("a/a".to_owned());
    let expected = Refusal::Conflict(Conflict::NoParent { ancestor, phrase: None });
    assert_eq!(refused.map(|_| ()), Err(expected));
}

#[test]
fn steps_that_the_grammar_does_not_have_are_extensions_that_are_not_known() {
    for node in [
        "a[",
        "a[]",
        "a[x]",
        "a[-1]",
        "a[1",
        "a]",
        "a[1]b",
        "a[1][2]",
        "a[@b]",
        "a[@b=]",
        "a[@b=c]",
        "a[@b=\"c]",
        "a[@b=\"c\"",
        "a[@b=\"c\"][1]",
        "a[@b=\"<\"]",
        "a[@b=\"&\"]",
        "a[@b=\"&x;\"]",
        "a[ 1]",
        "a[@b = \"c\"]",
        "a[@*=\"c\"]",
        "*a",
        "a*",
        "1a",
        "a:",
        ":a",
        "a:b:c",
        "p:*",
        "@a",
        "@a/b",
        "a/@a/b",
        "a/@*",
        "a/@",
        "a/@1",
        "namespace::*",
        "a/namespace::p",
        "a/namespace::*/b",
        "a/text()",
        "a/comment()",
        "..",
        ".",
        "a/.",
        "id(\"a\")",
        "a|b",
        "a b",
        "%00",
        "a%2Fb",
    ] {
        assert!(matches!(parse(node), Err(UriError::Extension(_))), "{node}: {:?}", parse(node));
    }
}

#[test]
fn what_is_no_uri_is_bad_syntax() {
    for node in ["", "/", "a/", "/a", "a//b", "a/b/"] {
        assert_eq!(parse(node).err(), Some(UriError::EmptyStep), "{node}");
    }
    assert_eq!(parse("a/b%").err(), Some(UriError::Escape { offset: 3 }));
    assert_eq!(parse("a/%C3%28").err(), Some(UriError::Escape { offset: 2 }));
    for node in ["q:a", "a/q:b", "a[@q:b=\"c\"]", "a/@q:b", "a/@xmlns:p", "*[1][@q:b='c']"] {
        assert!(matches!(parse(node), Err(UriError::UnboundPrefix(_))), "{node}: {:?}", parse(node));
    }
}

#[test]
fn all_of_the_grammar_is_read() {
    for node in [
        "a",
        "*",
        "p:a",
        "a/b/c",
        "a[1]",
        "*[12]",
        "a[@b=\"c\"]",
        "a[@b='c']",
        "*[@p:b='&lt;&amp;&#x41;&quot;']",
        "a[2][@b=\"]['/\"]",
        "a[0]",
        "a[99999999999999999999999]",
        "a/@b",
        "a/@p:b",
        "*/@b",
        "a/namespace::*",
        "%C3%BC/%E6%97%A5",
        "a%5B1%5D%5b@b=%22c%22%5D",
        "a[@b=\"%2F%3F\"]",
        "xml:a",
        "a/@xml:lang",
        "a[@xmlns=\"urn:d\"]",
    ] {
        let node = node.replace("['/", "['%2F");
        let selector = parse(&node).expect(&node);
        let uri = selector.to_uri();
        let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
        assert_eq!(
            NodeSelector::parse(path, Some(query), "urn:d", &Limits::default()),
            Ok(selector),
            "{uri}"
        );
    }
}

#[test]
fn a_namespace_declaration_is_no_attribute() {
    let tree = Tree::read(b"<a xmlns='urn:d'/>", &xml::Limits::default()).expect("a document");
    assert_eq!(xcap::get(&tree, &parse("a[@xmlns=\"urn:d\"]").unwrap()), None);
    let selector = parse("a/@xmlns").unwrap();
    assert_eq!(xcap::get(&tree, &selector), None);
    assert_eq!(xcap::delete(&tree, &selector), Err(Refusal::NotFound));
    let refused = put(&tree, &selector, b"'urn:e'", &xml::Limits::default());
    assert!(matches!(refused, Err(Refusal::Conflict(Conflict::CannotInsert(_)))));
}

fn put_into(document: &str, node: &str, body: &[u8]) -> Result<String, Refusal> {
    let tree = Tree::read(document.as_bytes(), &xml::Limits::default()).expect("a document");
    let edit = put(&tree, &parse(node).expect(node), body, &xml::Limits::default())?;
    Ok(String::from_utf8(edit.document()).expect("text"))
}

#[test]
fn a_body_that_is_not_one_element_is_no_fragment() {
    let document = "<a xmlns='urn:d'/>";
    for body in [
        "",
        " ",
        "text",
        "<b",
        "<b>",
        "<b></c>",
        "<b/><b/>",
        "<b/>text",
        "text<b/>",
        "<!--c--><b/>",
        "<b/><?i?>",
        "\u{FEFF}<b/>",
        "<?xml version='1.0'?><b/>",
        "<!DOCTYPE b><b/>",
        "<b>&x;</b>",
        "<b c='1' c='2'/>",
        "<b c=1/>",
        "<q:b/>",
        "<b q:c=''/>",
        "<b xmlns:q='urn:x' xmlns:r='urn:x' q:c='' r:c=''/>",
        "<b>\u{1}</b>",
        "<b>]]></b>",
        "</a><a>",
    ] {
        let refused = put_into(document, "a/b", body.as_bytes());
        assert!(
            matches!(refused, Err(Refusal::Conflict(Conflict::NotXmlFragment(_)))),
            "{body}: {refused:?}"
        );
    }
    let refused = put_into(document, "a/b", b"<b>\xFF</b>");
    assert!(matches!(refused, Err(Refusal::Conflict(Conflict::NotUtf8(_)))));
    assert!(put_into(document, "a/b", b"<b xmlns:q='urn:x' q:c=''/>").is_ok());
}

#[test]
fn a_body_that_is_not_one_quoted_value_is_no_attribute_value() {
    let document = "<a xmlns='urn:d'/>";
    for body in [
        "",
        "x",
        "\"",
        "\"x",
        "x\"",
        "\"x'",
        "\"x\" ",
        " \"x\"",
        "\"x\"y",
        "\"<\"",
        "\"&\"",
        "\"&x;\"",
        "\"\u{1}\"",
    ] {
        let refused = put_into(document, "a/@b", body.as_bytes());
        assert!(
            matches!(refused, Err(Refusal::Conflict(Conflict::NotXmlAttValue(_)))),
            "{body}: {refused:?}"
        );
    }
    let refused = put_into(document, "a/@b", b"\"\xC3\"");
    assert!(matches!(refused, Err(Refusal::Conflict(Conflict::NotUtf8(_)))));
}

#[test]
fn what_exceeds_a_limit_is_too_large() {
    let document = "<a xmlns='urn:d'/>";
    let kind = |body: String| match put_into(document, "a/b", body.as_bytes()) {
        Err(Refusal::TooLarge(error)) => error.kind,
        other => panic!("a limit was expected, not {other:?}"),
    };
    assert_eq!(kind(format!("<b {}=''/>", "c".repeat(64 * 1024))), ErrorKind::TooManyBytes);
    assert_eq!(kind("<b>".repeat(65)), ErrorKind::TooDeep);
    assert_eq!(kind(format!("<b>{}</b>", "<c/>".repeat(4096))), ErrorKind::TooManyNodes);
    let long = format!("<b {}=''/>", "c".repeat(60 * 1024));
    assert!(put_into(document, "a/b", long.as_bytes()).is_ok(), "a long name is just a name");
}

#[test]
fn line_ends_and_references_stay_as_they_are() {
    let document = "<a xmlns='urn:d'>\r\n <c x = '&#65;'  y=\"&quot;\"/>\r &#13;\n<![CDATA[\r\n]]></a>\r\n";
    let put = put_into(document, "a/b", b"<b>\r\n\r&#10;</b>").expect("an edit");
    assert_eq!(put, document.replace("]]>", "]]><b>\r\n\r&#10;</b>"));
    let put = put_into(document, "a/c[@x=\"A\"]/@y", b"'\r\n'").expect("an edit");
    assert_eq!(put, document.replace("\"&quot;\"", "'\r\n'"));
}

#[test]
fn new_prefixed_attributes_find_a_prefix() {
    let of = |document: &str| put_into(document, "a/@p:b", b"'1'").expect("an edit");
    assert_eq!(of("<a xmlns='urn:d' xmlns:p='urn:p'/>"), "<a xmlns='urn:d' xmlns:p='urn:p' p:b='1'/>");
    assert_eq!(of("<a xmlns='urn:d' xmlns:q='urn:p'/>"), "<a xmlns='urn:d' xmlns:q='urn:p' q:b='1'/>");
    assert_eq!(of("<a xmlns='urn:d'></a>"), "<a xmlns='urn:d' xmlns:p=\"urn:p\" p:b='1'></a>");
    let tree = Tree::read(b"<a/>", &xml::Limits::default()).expect("a document");
    let impossible =
        NodeSelector::parse("a/@q:b", Some("xmlns(q=%01)"), "", &Limits::default()).expect("a selector");
    let refused = put(&tree, &impossible, b"'1'", &xml::Limits::default());
    assert!(matches!(refused, Err(Refusal::Conflict(Conflict::CannotInsert(_)))), "{refused:?}");
    let taken = "<a xmlns='urn:d' xmlns:p='urn:x'/>";
    assert_eq!(of(taken), "<a xmlns='urn:d' xmlns:p='urn:x' xmlns:n0=\"urn:p\" n0:b='1'/>");
}

#[test]
fn the_nearest_ancestor_is_told() {
    let document = "<a xmlns='urn:d' xmlns:p='urn:p'><p:b/><c/><c/></a>";
    let ancestor = |node: &str| match put_into(document, node, b"<x/>") {
        Err(Refusal::Conflict(Conflict::NoParent { ancestor, .. })) => ancestor,
        other => panic!("{node}: {other:?}"),
    };
    assert_eq!(ancestor("x/y").as_deref(), None);
    assert_eq!(ancestor("a/x/y").as_deref(), Some("a"));
    assert_eq!(ancestor("a/p:b/x[1]/@y").as_deref(), Some("a/p:b?xmlns(p=urn:p)"));
    assert_eq!(ancestor("a/c[2]/x/y/z").as_deref(), Some("a/c%5B2%5D"));
    assert_eq!(ancestor("a/c/x").as_deref(), Some("a"), "more than one is no parent");
}

#[test]
fn a_document_has_one_root() {
    let document = "<a xmlns='urn:d'><b/></a>";
    for (node, body) in [("b", "<b/>"), ("a[2]", "<a/>"), ("*[2]", "<a/>"), ("a[@x='1']", "<a x='1'/>")] {
        let refused = put_into(document, node, body.as_bytes());
        assert!(matches!(refused, Err(Refusal::Conflict(Conflict::CannotInsert(_)))), "{node}");
    }
    assert_eq!(put_into(document, "a", b"<a xmlns='urn:d'/>").unwrap(), "<a xmlns='urn:d'/>");
    assert_eq!(put_into(document, "*", b"<z/>").unwrap(), "<z/>");
    let tree = Tree::read(document.as_bytes(), &xml::Limits::default()).expect("a document");
    let refused = xcap::delete(&tree, &parse("a").unwrap());
    assert!(matches!(refused, Err(Refusal::Conflict(Conflict::SchemaValidationError(_)))));
}

#[test]
fn positions_that_leave_a_gap_cannot_be_put() {
    let document = "<a xmlns='urn:d'><b/><c/><b/></a>";
    for (node, body) in [
        ("a/b[0]", "<b/>"),
        ("a/b[4]", "<b/>"),
        ("a/*[5]", "<b/>"),
        ("a/d[2]", "<d/>"),
        ("a/b", "<b/>"),
        ("a/*", "<b/>"),
        ("a/b[@x='1']", "<b/>"),
        ("a/c", "<b/>"),
        ("a/d[@x='1']", "<d x='2'/>"),
    ] {
        let refused = put_into(document, node, body.as_bytes());
        assert!(matches!(refused, Err(Refusal::Conflict(Conflict::CannotInsert(_)))), "{node}: {refused:?}");
    }
    assert_eq!(put_into(document, "a/b[3]", b"<b/>").unwrap(), "<a xmlns='urn:d'><b/><c/><b/><b/></a>");
    assert_eq!(put_into(document, "a/*[4]", b"<d/>").unwrap(), "<a xmlns='urn:d'><b/><c/><b/><d/></a>");
    assert_eq!(put_into(document, "a/d[1]", b"<d/>").unwrap(), "<a xmlns='urn:d'><b/><c/><b/><d/></a>");
    let first = put_into(document, "a/*[1][@x='1']", b"<d x='1'/>").unwrap();
    assert_eq!(first, "<a xmlns='urn:d'><d x='1'/><b/><c/><b/></a>");
    let behind_its_kind = put_into(document, "a/*[@x='1']", b"<c x='1'/>").unwrap();
    assert_eq!(behind_its_kind, "<a xmlns='urn:d'><b/><c/><c x='1'/><b/></a>");
    let behind_all = put_into(document, "a/*[@x='1']", b"<d x='1'/>").unwrap();
    assert_eq!(behind_all, "<a xmlns='urn:d'><b/><c/><b/><d x='1'/></a>");
}
