//! The tree: handles, fragments, comparison and splices.

use proptest::prelude::*;
use proptest::sample::select;
use xml::{Error, ErrorKind, Kind, Limits, Span, Tree, equivalent};

fn read(text: &str) -> Tree<'_> {
    Tree::read(text.as_bytes(), &Limits::default()).expect(text)
}

#[test]
fn a_tree_is_walked_by_handles() {
    let text = "<?xml version='1.0'?><!--a--><r xmlns='u' b='1'>t<p:c xmlns:p='v' p:d='2' e='3'/><![CDATA[f]]>\
                <?g h?><i>j<k/>l</i></r><!--m-->";
    let tree = read(text);
    let kinds: Vec<_> = tree.document().children().map(|node| node.kind()).collect();
    assert_eq!(kinds, [Kind::Comment, Kind::Element, Kind::Comment]);
    let root = tree.root();
    assert_eq!((root.name().local, root.is("u", "r"), root.parent()), ("r", true, None));
    let sources: Vec<_> = root.node().children().map(|node| node.source()).collect();
    assert_eq!(
        sources,
        ["t", "<p:c xmlns:p='v' p:d='2' e='3'/>", "<![CDATA[f]]>", "<?g h?>", "<i>j<k/>l</i>"]
    );
    let child = root.child("v", "c").expect("it is there");
    assert_eq!(child.parent(), Some(root));
    assert_eq!(child.attribute("v", "d").expect("it is there").value, "2");
    assert_eq!(child.attribute("", "e").expect("it is there").value, "3");
    assert_eq!(child.attribute("", "d").map(|attribute| attribute.span), None);
    assert_eq!((child.attributes().len(), child.declarations().len(), child.is_empty_tag()), (2, 1, true));
    assert_eq!(child.namespace("").expect("it is declared"), "u");
    assert_eq!(child.namespace("p").expect("it is declared"), "v");
    assert_eq!((child.namespace("q"), root.namespace("p")), (None, None));
    let last = root.child("u", "i").expect("it is there");
    assert_eq!(&text[last.content().range()], "j<k/>l");
    assert_eq!(&text[last.tag().range()], "<i>");
    assert_eq!((last.node().string_value(), root.node().string_value()), ("jl".into(), "tfjl".into()));
    assert_eq!(last.node().descendants().count(), 4);
    assert_eq!(last.elements().next().expect("k").ancestors().count(), 3);
    assert_eq!(tree.document().parent(), None);
    assert_eq!(tree.len(), 12);
}

#[test]
fn a_scope_has_each_prefix_once_the_innermost_first() {
    let tree = read("<a xmlns='u' xmlns:p='v' xmlns:q='w'><b xmlns='' xmlns:p='x'><c/></b></a>");
    let inner = tree.root().elements().next().and_then(|b| b.elements().next()).expect("c");
    let scope: Vec<_> =
        inner.scope().iter().map(|found| (found.prefix, found.namespace.to_string())).collect();
    let expected =
        [("", ""), ("p", "x"), ("q", "w")].map(|(prefix, namespace)| (prefix, namespace.to_owned()));
    assert_eq!(scope, expected);
    assert_eq!(inner.namespace("").expect("undeclared"), "");
}

#[test]
fn a_fragment_is_read_in_the_scope_of_its_parent() {
    let tree = read("<a xmlns='u' xmlns:p='v' xmlns:x='w'/>");
    let within = |text: &'static str| Tree::fragment(text.as_bytes(), Some(tree.root()), &Limits::default());
    let fragment = within("<b p:c='1' x:c='2'><d xmlns=''/></b>").expect("a fragment");
    assert!(fragment.root().is("u", "b"));
    assert_eq!(fragment.root().attribute("v", "c").expect("it is there").value, "1");
    assert_eq!(fragment.root().declarations().len(), 0, "those around it are not its own");
    assert!(fragment.root().elements().next().expect("d").is("", "d"));
    let kind = |fragment: Result<Tree<'_>, Error>| fragment.map(|_| ()).unwrap_err().kind;
    assert_eq!(kind(within("<q:b/>")), ErrorKind::UndeclaredPrefix);
    assert_eq!(kind(within("<b p:c='' y:c='' xmlns:y='v'/>")), ErrorKind::DuplicateAttribute);
    for text in ["", "text", "<b>", "<b/><c/>", "\u{FEFF}<b/>", "<?xml version='1.0'?><b/>"] {
        assert!(within(text).is_err(), "{text}");
        assert!(Tree::fragment(text.as_bytes(), None, &Limits::default()).is_err(), "{text}");
    }
    assert_eq!(kind(Tree::fragment(b"<p:b/>", None, &Limits::default())), ErrorKind::UndeclaredPrefix);
    let limits = Limits { declarations: 3, ..Limits::default() };
    let one_more = Tree::fragment(b"<b xmlns:y='z'/>", Some(tree.root()), &limits);
    assert_eq!(kind(one_more), ErrorKind::TooManyDeclarations);
}

#[test]
fn what_is_written_otherwise_is_equivalent() {
    let same = [
        ("<a b='1' c='2'/>", "<a c=\"2\"\n b='&#49;'></a >"),
        ("<p:a xmlns:p='u' p:b=''/>", "<a xmlns='u' q:b='' xmlns:q='u'/>"),
        ("<a>&lt;<![CDATA[&]]>x</a>", "<a>&#60;&amp;x</a>"),
        ("<a><![CDATA[]]></a>", "<a/>"),
        ("<a>b\r\nc\rd</a>", "<a>b\nc\nd</a>"),
        ("<a><!--b\r\nc--></a>", "<a><!--b\nc--></a>"),
        ("<a><?b  c?></a>", "<a><?b c?></a>"),
        ("<?xml version='1.0'?>\n<a/>", "<a/>"),
    ];
    for (left, right) in same {
        assert!(equivalent(read(left).document(), read(right).document()), "{left} {right}");
    }
    let other = [
        ("<a/>", "<b/>"),
        ("<a/>", "<a xmlns='u'/>"),
        ("<a b='1'/>", "<a b='2'/>"),
        ("<a b='1'/>", "<a/>"),
        ("<a b='1'/>", "<a p:b='1' xmlns:p='u'/>"),
        ("<a> </a>", "<a/>"),
        ("<a><b/>c</a>", "<a>c<b/></a>"),
        ("<a><b/></a>", "<a><b/><b/></a>"),
        ("<a><b><c/></b></a>", "<a><b/><c/></a>"),
        ("<a>b<!---->c</a>", "<a>bc</a>"),
        ("<a><!--b--></a>", "<a><!--c--></a>"),
        ("<a><?b c?></a>", "<a><?b d?></a>"),
        ("<a><!--b--></a>", "<a>b</a>"),
        ("<!--b--><a/>", "<a/>"),
    ];
    for (left, right) in other {
        assert!(!equivalent(read(left).document(), read(right).document()), "{left} {right}");
    }
}

#[test]
fn splices_leave_all_else() {
    let tree = read("<a b = '1'  xmlns:p='u' ><c\n d='2'/></a >");
    let c = tree.root().elements().next().expect("c");
    assert_eq!(c.append(b"x"), b"<a b = '1'  xmlns:p='u' ><c\n d='2'>x</c></a >");
    assert_eq!(tree.root().append(b"x"), b"<a b = '1'  xmlns:p='u' ><c\n d='2'/>x</a >");
    let end = tree.root().attributes_end();
    let more = tree.splice(Span { start: end, end }, &[b" e='3'"]);
    assert_eq!(more, b"<a b = '1'  xmlns:p='u' e='3' ><c\n d='2'/></a >");
    let attribute = c.attributes().next().expect("it has one").span;
    assert_eq!(tree.splice(c.with_space_before(attribute), &[]), b"<a b = '1'  xmlns:p='u' ><c/></a >");
    let bare = read("<p:a xmlns:p='u'><p:b/></p:a>");
    let b = bare.root().elements().next().expect("b");
    let end = b.attributes_end();
    assert_eq!(bare.splice(Span { start: end, end }, &[b" c=''"]), b"<p:a xmlns:p='u'><p:b c=''/></p:a>");
    assert_eq!(b.append(b"x"), b"<p:a xmlns:p='u'><p:b>x</p:b></p:a>");
}

#[test]
fn two_hundred_thousand_nested_elements_are_indexed() {
    let depth = 200_000;
    let text = "<a>".repeat(depth) + &"</a>".repeat(depth);
    let tree = Tree::read(text.as_bytes(), &Limits::NONE).expect("no limit");
    assert_eq!(tree.len(), depth + 1);
    assert!(equivalent(tree.document(), tree.document()));
    let refused = Tree::read(text.as_bytes(), &Limits { bytes: usize::MAX, ..Limits::default() });
    assert_eq!(refused.map(|_| ()).unwrap_err().kind, ErrorKind::TooDeep);
}

proptest! {
    #[test]
    fn a_value_in_quotes_is_read_as_an_attribute_is(
        text in prop::collection::vec(select(vec!["a", "\"", "'", "&lt;", "&", "<", "\t", "&#x41;", " ", "é", "\u{1}"]), 0..6)
    ) {
        let text = text.concat();
        let document = format!("<a b={text}/>");
        let in_tag = Tree::read(document.as_bytes(), &Limits::default()).ok();
        let in_tag = in_tag.filter(|tree| tree.root().attributes().len() == 1 && !text.ends_with(char::is_whitespace));
        let expected = in_tag.map(|tree| tree.root().attributes().next().expect("it has one").value.to_string());
        prop_assert_eq!(xml::Value::quoted(&text).ok().map(|value| value.to_string()), expected.filter(|_| {
            !text.starts_with(char::is_whitespace)
        }));
    }
}
