//! Grafts: the tree of a document that one element was put into is the tree that is read of it.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use xml::{Element, Error, ErrorKind, Graft, Limits, Node, Seat, Tree};

/// All that a tree says of one node.
#[derive(Debug, PartialEq)]
struct Said<'t> {
    kind: xml::Kind,
    span: xml::Span,
    indices: core::ops::Range<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
    value: Option<(&'t str, bool, String)>,
    element: Option<SaidOfElement<'t>>,
}

#[derive(Debug, PartialEq)]
struct SaidOfElement<'t> {
    name: xml::Name<'t>,
    tag: xml::Span,
    content: xml::Span,
    attributes: Vec<(xml::Name<'t>, String, bool, xml::Span, xml::Span)>,
    declarations: Vec<xml::Declaration<'t>>,
    scope: Vec<xml::Declaration<'t>>,
}

fn said<'t>(tree: &'t Tree<'t>) -> Vec<Said<'t>> {
    let of_element = |element: Element<'t>| SaidOfElement {
        name: element.name(),
        tag: element.tag(),
        content: element.content(),
        attributes: element
            .attributes()
            .map(|one| (one.name, one.value.to_string(), one.value.is_plain(), one.span, one.value_span))
            .collect(),
        declarations: element.declarations().collect(),
        scope: element.scope(),
    };
    let of_node = |node: Node<'t>| Said {
        kind: node.kind(),
        span: node.span(),
        indices: node.indices(),
        parent: node.parent().map(Node::index),
        children: node.children().map(Node::index).collect(),
        value: node.value().map(|value| (value.raw(), value.is_plain(), value.to_string())),
        element: node.element().map(of_element),
    };
    tree.document().descendants().map(of_node).collect()
}

/// A document with every kind of node, names of several namespaces, and declarations that override each other.
fn document() -> impl Strategy<Value = String> {
    let root = select(vec!["<r>", "<r xmlns='u'>", "<p:r xmlns:p='v' xmlns='u' a='1'>"]);
    (select(vec!["", "\u{feff}", "<?xml version='1.0'?>\n", "<!--é--><?g h?>"]), root, content(4)).prop_map(
        |(before, root, content)| {
            let name = &root[1..root.find([' ', '>']).expect("a tag ends")];
            format!("{before}{root}{content}</{name}>\n<!-- end -->")
        },
    )
}

fn content(deep: u32) -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "text",
        "\n  ",
        "&amp;\r\n",
        "<!--c-->",
        "<![CDATA[<\r]]>",
        "<?i j?>",
        "<b/>",
        "<c d='é'/>",
        "é",
        "<q:a xmlns:q='v' q:e='&lt;' f=''/>",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(deep, 24, 5, |inner| {
        (tag(), prop::collection::vec(inner, 0..5)).prop_map(|(tag, inner)| {
            let name = &tag[..tag.find(' ').unwrap_or(tag.len())];
            format!("<{tag}>{}</{name}>", inner.concat())
        })
    })
}

fn tag() -> impl Strategy<Value = &'static str> {
    select(vec![
        "a",
        "a ",
        "b c='1' d=\"2\"",
        "p:a xmlns:p='w'",
        "a xmlns=''",
        "a xmlns='u2' e='f'",
        "x:y xmlns:x='v' x:z='1'",
    ])
}

/// An element to be put; it may use prefixes that are declared in some places only.
fn fragment() -> impl Strategy<Value = String> {
    let element = (tag(), content(2)).prop_map(|(tag, inner)| {
        let name = &tag[..tag.find(' ').unwrap_or(tag.len())];
        format!("<{tag}>{inner}</{name}>")
    });
    prop_oneof![
        select(vec!["<n/>", " <p:n p:o='1'/>\n", "<x:n xmlns:p='u'><p:m/></x:n>", "<n xmlns=''/>"])
            .prop_map(str::to_owned),
        element,
    ]
}

fn seat<'t>(tree: &'t Tree<'t>, which: Index, how: u8) -> Seat<'t> {
    let elements: Vec<_> = tree.document().descendants().filter_map(Node::element).collect();
    let element = elements[which.index(elements.len())];
    match how {
        0 => Seat::Instead(element),
        1 if element != tree.root() => Seat::Before(element),
        2 if element != tree.root() => Seat::After(element),
        _ => Seat::Last(element),
    }
}

fn parent<'t>(seat: Seat<'t>) -> Option<Element<'t>> {
    match seat {
        Seat::Instead(sibling) | Seat::Before(sibling) | Seat::After(sibling) => sibling.parent(),
        Seat::Last(parent) => Some(parent),
    }
}

/// Puts elements one after the other, each into what came of the one before.
fn graft_all(document: &str, edits: &[(Index, u8, String)], limits: &Limits) -> Result<(), TestCaseError> {
    let mut tree = Tree::keep(document.as_bytes(), &Limits::NONE).expect("a document");
    for (which, how, source) in edits {
        let next = {
            let seat = seat(&tree, *which, *how);
            let Ok(fragment) = Tree::fragment(source.as_bytes(), parent(seat), &Limits::NONE) else {
                continue;
            };
            let graft = Graft::new(seat, fragment);
            let text = graft.text();
            let read = Tree::read(text.as_bytes(), limits);
            let grafted = graft.read(limits);
            prop_assert_eq!(graft.is_idle(), text == tree.text());
            match (read, grafted) {
                (Ok(read), Ok((grafted, at))) => {
                    prop_assert_eq!(grafted.text(), &text);
                    prop_assert_eq!(said(&grafted), said(&read));
                    let put = grafted.document().descendants().nth(at).expect("it is there");
                    prop_assert_eq!(put.source(), source.trim());
                    grafted
                }
                (read, grafted) => {
                    prop_assert_eq!(grafted.map(|_| ()), read.map(|_| ()), "{}", text);
                    continue;
                }
            }
        };
        tree = next;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_grafted_is_what_is_read(
        document in document(),
        edits in prop::collection::vec((any::<Index>(), 0..4_u8, fragment()), 1..5),
    ) {
        graft_all(&document, &edits, &Limits::NONE)?;
    }

    #[test]
    fn a_limit_is_met_as_if_it_was_read(
        document in document(),
        edits in prop::collection::vec((any::<Index>(), 0..4_u8, fragment()), 1..4),
        bytes in 20..300_usize, depth in 1..7_usize, attributes in 0..3_usize, nodes in 2..25_usize,
        declarations in 0..5_usize, only in 0..5_usize,
    ) {
        let none = Limits::NONE;
        let limits = match only {
            0 => Limits { bytes, ..none },
            1 => Limits { depth, ..none },
            2 => Limits { attributes, ..none },
            3 => Limits { nodes, ..none },
            _ => Limits { declarations, ..none },
        };
        graft_all(&document, &edits, &limits)?;
    }
}

#[test]
fn each_seat_is_where_it_says() {
    let tree = Tree::read(b"<a> <b/> <!--c--> </a>", &Limits::default()).expect("a document");
    let b = tree.root().elements().next().expect("b");
    let at = |seat, source: &'static str| {
        let fragment =
            Tree::fragment(source.as_bytes(), parent(seat), &Limits::default()).expect("a fragment");
        Graft::new(seat, fragment).text()
    };
    assert_eq!(at(Seat::Instead(b), " <n/> "), "<a> <n/> <!--c--> </a>");
    assert_eq!(at(Seat::Before(b), "<n/>"), "<a> <n/><b/> <!--c--> </a>");
    assert_eq!(at(Seat::After(b), "<n/>"), "<a> <b/><n/> <!--c--> </a>");
    assert_eq!(at(Seat::Last(tree.root()), "<n/>"), "<a> <b/> <!--c--> <n/></a>");
    assert_eq!(at(Seat::Last(b), "<n/>"), "<a> <b><n/></b> <!--c--> </a>");
    assert_eq!(at(Seat::Instead(tree.root()), "<n/>"), "<n/>");
}

#[test]
fn a_second_root_is_refused() {
    let tree = Tree::read(b"<a/>", &Limits::default()).expect("a document");
    let fragment = Tree::fragment(b"<n/>", None, &Limits::default()).expect("a fragment");
    let refused: Error =
        Graft::new(Seat::After(tree.root()), fragment).read(&Limits::default()).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::SecondRoot);
}
