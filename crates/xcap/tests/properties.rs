//! What holds of all edits: GET gives what was PUT, nothing is left after DELETE, and no other byte changes.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use xcap::{AttributeTest, Edit, ExpandedName, Limits, NodeSelector, Refusal, Step};
use xml::{Element, Tree};

const DEFAULT: &str = "urn:d";

fn read(document: &[u8]) -> Tree<'_> {
    Tree::read(document, &xml::Limits::NONE).expect("an edit leaves a document")
}

/// Parses what is printed of it, so that a selector is as a client could have sent it.
fn parse(uri: &str) -> Result<NodeSelector, xcap::UriError> {
    let (node, query) = match uri.split_once('?') {
        Some((node, query)) => (node, Some(query)),
        None => (uri, None),
    };
    NodeSelector::parse(node, query, DEFAULT, &Limits::default())
}

/// A small document with siblings of few names, so that selectors often meet several.
fn document() -> impl Strategy<Value = String> {
    let text = select(vec!["", " ", "\n  ", "x", "&amp;", "<!--c-->", "<?i?>", "<![CDATA[y]]>", "\r\n"]);
    let inner = element().prop_recursive(3, 24, 5, move |inner| {
        let children = prop::collection::vec((text.clone(), inner), 0..5);
        (name(), attributes(), children).prop_map(|(name, attributes, children)| {
            let children: String =
                children.into_iter().map(|(text, child)| format!("{text}{child}")).collect();
            format!("<{name}{attributes}>{children}</{name}>")
        })
    });
    prop::collection::vec(inner, 0..5).prop_map(|children| {
        format!(
            "<?xml version='1.0'?>\n<r xmlns='urn:d' xmlns:p='urn:p'>\n{}</r>\n<!-- end -->",
            children.concat()
        )
    })
}

fn element() -> BoxedStrategy<String> {
    let content = select(vec!["", "x", " ", "<a/>", "<p:b n='1'/>", "&lt;"]);
    (name(), attributes(), content)
        .prop_map(|(name, attributes, content)| match content {
            "" => format!("<{name}{attributes}/>"),
            content => format!("<{name}{attributes}>{content}</{name}>"),
        })
        .boxed()
}

fn name() -> impl Strategy<Value = &'static str> + Clone {
    select(vec!["a", "b", "p:a"])
}

fn attributes() -> impl Strategy<Value = &'static str> + Clone {
    select(vec![
        "",
        " n='1'",
        " n=\"2\"",
        " n='1' m='a/b'",
        " p:n='1'",
        " n=' \"&lt;' ",
        " xmlns='urn:x'",
        " xmlns:q='urn:p' q:n='2'",
    ])
}

/// How a step that selects an element is written, and how it may go wrong.
#[derive(Clone, Debug)]
struct Style {
    wildcard: bool,
    position: Option<usize>,
    attribute: Option<Index>,
    other: Option<&'static str>,
}

fn style() -> impl Strategy<Value = Style> {
    let position = prop_oneof![3 => Just(None), 4 => Just(Some(0)), 1 => (1..3_usize).prop_map(Some)];
    let other =
        prop_oneof![6 => Just(None), 1 => select(vec!["1", "2", "a/b", "none", "ü\"&"]).prop_map(Some)];
    (any::<bool>(), position, prop::option::of(any::<Index>()), other)
        .prop_map(|(wildcard, position, attribute, other)| Style { wildcard, position, attribute, other })
}

fn step(element: Element<'_>, style: &Style) -> Step {
    let name = ExpandedName::of(element.name());
    let siblings = element.node().parent().expect("an element has a parent").elements();
    let same = siblings.filter(|sibling| style.wildcard || name.is(sibling.name()));
    let place = same.take_while(|sibling| *sibling != element).count() + 1;
    let mut step = Step { name: (!style.wildcard).then_some(name), position: None, attribute: None };
    step.position = style.position.map(|more| place + more);
    if let Some(index) = style.attribute
        && element.attributes().len() > 0
        && let Some(attribute) = element.attributes().nth(index.index(element.attributes().len()))
    {
        let value = style.other.map_or_else(|| attribute.value.to_string(), str::to_owned);
        step.attribute = Some(AttributeTest { name: ExpandedName::of(attribute.name), value });
    }
    step
}

/// The selector of some element, exact but for its last step.
fn selector(tree: &Tree<'_>, which: Index, style: &Style) -> NodeSelector {
    let elements: Vec<_> = tree.document().descendants().filter_map(xml::Node::element).collect();
    let element = elements[which.index(elements.len())];
    match element.parent() {
        Some(parent) => NodeSelector::of_element(parent, DEFAULT).child(step(element, style)),
        None => NodeSelector::of_element(element, DEFAULT),
    }
}

/// The document after an edit, and whether something came to be.
fn outcome(edit: &Result<Edit<'_>, Refusal>) -> Result<(Vec<u8>, bool), Refusal> {
    edit.as_ref().map(|edit| (edit.document(), edit.created)).map_err(Refusal::clone)
}

/// Whether the documents are alike up to one place and from it on again, with these bytes in between.
fn is_splice(old: &[u8], new: &[u8], removed: &[u8], added: &[u8]) -> bool {
    let same = old.len() - removed.len();
    new.len() == same + added.len()
        && (0..=same).any(|at| {
            old[..at] == new[..at]
                && old[at..].starts_with(removed)
                && new[at..].starts_with(added)
                && old[at + removed.len()..] == new[at + added.len()..]
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn an_element_that_was_put_is_got(
        document in document(),
        which in any::<Index>(),
        style in style(),
        body in element(),
        space in select(vec!["", "\n", " \r\n"]),
    ) {
        let tree = read(document.as_bytes());
        let selector = parse(&selector(&tree, which, &style).to_uri()).expect("it was printed");
        let before = xcap::get(&tree, &selector);
        let sent = format!("{space}{body}{space}");
        match xcap::put(&tree, &selector, sent.as_bytes(), &xml::Limits::default()) {
            Ok(edit) => {
                let (after, created) = (edit.document(), edit.created);
                let new = read(&after);
                let got = xcap::get(&new, &selector);
                prop_assert_eq!(got.as_deref(), Some(&*body));
                prop_assert_eq!(created, before.is_none());
                let removed = before.as_deref().unwrap_or_default();
                let opened = new.root().node().descendants().filter_map(xml::Node::element).any(|parent| {
                    let (before, after) = ("/>", format!(">{body}</{}>", parent.name().written()));
                    is_splice(document.as_bytes(), new.bytes(), before.as_bytes(), after.as_bytes())
                });
                let is_in_place = is_splice(document.as_bytes(), &after, removed.as_bytes(), body.as_bytes());
                prop_assert!(is_in_place || created && opened, "an empty element is opened, and nothing else changes");
                let again = xcap::put(&new, &selector, sent.as_bytes(), &xml::Limits::default());
                prop_assert_eq!(outcome(&again), Ok((after.clone(), false)), "PUT is idempotent");
                let is_idle = again.is_ok_and(|again| again.graft().is_some_and(xml::Graft::is_idle));
                prop_assert!(is_idle, "and is known to be");
            }
            Err(Refusal::Conflict(_)) => {}
            Err(refusal) => prop_assert!(false, "{refusal}"),
        }
    }

    #[test]
    fn an_element_that_was_deleted_is_gone(document in document(), which in any::<Index>(), style in style()) {
        let tree = read(document.as_bytes());
        let selector = parse(&selector(&tree, which, &style).to_uri()).expect("it was printed");
        let before = xcap::get(&tree, &selector);
        match xcap::delete(&tree, &selector) {
            Ok(after) => {
                let new = read(&after);
                prop_assert_eq!(xcap::get(&new, &selector), None);
                prop_assert!(is_splice(document.as_bytes(), &after, before.expect("it was there").as_bytes(), b""));
                prop_assert_eq!(xcap::delete(&new, &selector), Err(Refusal::NotFound), "once it is gone it is not found");
            }
            Err(Refusal::NotFound) => prop_assert_eq!(before, None),
            Err(refusal) => prop_assert!(matches!(refusal, Refusal::Conflict(_)) && before.is_some()),
        }
    }

    #[test]
    fn an_attribute_that_was_put_is_got_and_then_deleted(
        document in document(),
        which in any::<Index>(),
        style in style(),
        name in select(vec![("", "n"), ("", "new"), ("urn:p", "n"), ("urn:new", "n"), (xml::XML_NAMESPACE, "lang")]),
        value in select(vec!["\"\"", "'1'", "\"it's &lt;\"", "'\"'"]),
    ) {
        let tree = read(document.as_bytes());
        let selector = selector(&tree, which, &style).attribute(ExpandedName::new(name.0, name.1));
        let selector = parse(&selector.to_uri()).expect("it was printed");
        let before = xcap::get(&tree, &selector);
        match xcap::put(&tree, &selector, value.as_bytes(), &xml::Limits::default()) {
            Ok(edit) => {
                let (after, created) = (edit.document(), edit.created);
                let new = read(&after);
                let got = xcap::get(&new, &selector);
                prop_assert_eq!(got.as_deref(), Some(value));
                prop_assert_eq!(created, before.is_none());
                if let Some(before) = before {
                    prop_assert!(is_splice(document.as_bytes(), &after, before.as_bytes(), value.as_bytes()));
                }
                let again = xcap::put(&new, &selector, value.as_bytes(), &xml::Limits::default());
                prop_assert_eq!(outcome(&again), Ok((after.clone(), false)), "PUT is idempotent");
                let without = xcap::delete(&new, &selector).expect("it is there");
                let gone = read(&without);
                prop_assert_eq!(xcap::get(&gone, &selector), None);
                prop_assert_eq!(xcap::delete(&gone, &selector), Err(Refusal::NotFound));
            }
            Err(Refusal::Conflict(_)) => {}
            Err(refusal) => prop_assert!(false, "{refusal}"),
        }
    }

    #[test]
    fn the_selector_of_an_element_selects_it(document in document()) {
        let tree = read(document.as_bytes());
        for element in tree.document().descendants().filter_map(xml::Node::element) {
            let selector = NodeSelector::of_element(element, DEFAULT);
            let again = parse(&selector.to_uri()).expect("it was printed");
            prop_assert_eq!(&again, &selector);
            prop_assert_eq!(again.element(&tree), Some(element));
        }
    }

    #[test]
    fn namespace_bindings_are_those_that_count(document in document()) {
        let tree = read(document.as_bytes());
        for element in tree.document().descendants().filter_map(xml::Node::element) {
            let uri = NodeSelector::of_element(element, DEFAULT).to_uri();
            let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
            let selector = parse(&format!("{path}/namespace::*?{query}")).expect("a selector");
            let body = xcap::get(&tree, &selector).expect("it is there");
            let bindings = read(body.as_bytes());
            let root = bindings.root();
            prop_assert_eq!(root.name(), element.name());
            prop_assert_eq!(root.name().prefix, element.name().prefix);
            let of = |element: Element<'_>| {
                let mut scope: Vec<_> = element
                    .scope()
                    .iter()
                    .filter(|found| !found.namespace.raw().is_empty())
                    .map(|found| (found.prefix.to_owned(), found.namespace.to_string()))
                    .collect();
                scope.sort();
                scope
            };
            prop_assert_eq!(of(root), of(element));
            prop_assert_eq!(xcap::delete(&tree, &selector), Err(Refusal::ReadOnly));
            let put = xcap::put(&tree, &selector, b"<a/>", &xml::Limits::default());
            prop_assert_eq!(outcome(&put), Err(Refusal::ReadOnly));
        }
    }

    #[test]
    fn any_text_is_a_selector_or_is_refused(node in "[a-b/*@:=\"'\\[\\]0-2%&;~.é]{0,40}", query in "[a-bxmlns()^= %:]{0,30}") {
        if let Ok(selector) = NodeSelector::parse(&node, Some(&query), DEFAULT, &Limits::default()) {
            prop_assert_eq!(parse(&selector.to_uri()), Ok(selector));
        }
    }
}
