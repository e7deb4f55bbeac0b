//! Changes of a document that a schema may or may not bear, made without knowing the schema.

use xml::{Element, Limits, Span, Tree};

/// Values that some simple types take.
const VALUES: &[&str] = &[
    "",
    " ",
    "true",
    " 0 ",
    "-1",
    "7",
    "0.5",
    "4294967296",
    "a",
    "a:b",
    "en",
    "open",
    "full",
    "before",
    "2002-10-10",
    "2002-10-10T12:00:00Z",
    "2002-02-30T24:00:00+14:00",
    "a<!-- -->b",
    "<![CDATA[open]]>",
];
const FOREIGN: &str = "<z:z xmlns:z=\"urn:z\" z=\"1\">z<z:y/></z:z>";
const BARE: &str = "<z xmlns=\"\"/>";

/// Elements that belong nowhere, and some with ids.
pub(crate) const FRAGMENTS: [&str; 4] = [
    FOREIGN,
    BARE,
    "<z:z xmlns:z=\"urn:z\" xml:id=\"a\"/>",
    "<rule xmlns=\"urn:ietf:params:xml:ns:common-policy\" id=\"a\"/>",
];

/// The document, and each of its changes; only those that are well-formed.
pub(crate) fn of(text: &str) -> Vec<String> {
    let limits = Limits::default();
    let Ok(tree) = Tree::read(text.as_bytes(), &limits) else { return Vec::new() };
    let mut changed = vec![text.to_owned()];
    let mut change = |span: Span, with: &str| {
        let new = [&text[..span.range().start], with, &text[span.range().end..]].concat();
        if new != text && Tree::read(new.as_bytes(), &limits).is_ok() {
            changed.push(new);
        }
    };
    let elements: Vec<_> = tree.document().descendants().filter_map(xml::Node::element).collect();
    for &element in &elements {
        of_element(element, &mut change);
        of_attributes(element, &mut change);
        // Each element once in the place of each other would be too many; every seventh is some.
        for other in elements.iter().skip(element.node().index() % 7).step_by(7) {
            change(element.node().span(), other.node().source());
        }
    }
    changed
}

fn of_element(element: Element<'_>, change: &mut impl FnMut(Span, &str)) {
    let node = element.node();
    let source = node.source();
    let at = |offset: u32| Span { start: offset, end: offset };
    if element.parent().is_some() {
        change(node.span(), "");
        change(node.span(), &source.repeat(2));
        change(at(node.span().start), FOREIGN);
        change(at(node.span().start), BARE);
        change(at(node.span().end), "text");
        change(at(node.span().end), "<!-- comment --> ");
        if let Some(next) = element
            .parent()
            .into_iter()
            .flat_map(Element::elements)
            .find(|next| next.node().index() > node.index())
        {
            let both = Span { start: node.span().start, end: next.node().span().end };
            change(both, &format!("{}{source}", next.node().source()));
        }
    }
    let name = element.name();
    let written = if name.prefix.is_empty() {
        name.local.to_owned()
    } else {
        format!("{}:{}", name.prefix, name.local)
    };
    let attributes = &source[written.len() + 1..element.tag().len() - 1].trim_end_matches('/');
    let renamed = |new: &str| {
        let content = &element.node().tree().text()[element.content().range()];
        format!("<{new}{attributes}>{content}</{new}>")
    };
    change(node.span(), &renamed(&format!("{written}x")));
    if element.elements().next().is_none() {
        for value in VALUES {
            let filled = format!("<{written}{attributes}>{value}</{written}>");
            change(node.span(), &filled);
        }
    } else {
        change(node.span(), &format!("<{written}{attributes}/>"));
        change(node.span(), &format!("<{written}{attributes}>{BARE}</{written}>"));
        change(node.span(), &format!("<{written}{attributes}>{FOREIGN}</{written}>"));
        change(node.span(), &format!("<{written}{attributes}>{FOREIGN}{FOREIGN}</{written}>"));
    }
    // Within a foreign element, what is declared is checked all the same.
    change(node.span(), &format!("<z:z xmlns:z=\"urn:z\">{source}</z:z>"));
}

fn of_attributes(element: Element<'_>, change: &mut impl FnMut(Span, &str)) {
    const MORE: &[&str] = &[
        " zzz=\"1\"",
        " xmlns:z=\"urn:z\" z:z=\"1\"",
        " xml:lang=\"en\"",
        " xml:lang=\"e n\"",
        " xml:space=\"default\"",
        " xml:space=\"none\"",
        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"",
        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"urn:z z.xsd\"",
    ];
    let name = element.name();
    let prefix = if name.prefix.is_empty() { 0 } else { name.prefix.len() + 1 };
    let after_name = element.tag().range().start + 1 + prefix + name.local.len();
    for more in MORE {
        change(Span::new(after_name, after_name), more);
    }
    // Hints to where a schema is are no matter of ours.
    let hints = |attribute: &xml::Attribute<'_>| attribute.name.prefix == "xsi";
    for attribute in element.attributes().filter(|attribute| !hints(attribute)) {
        change(attribute.span, "");
        let text = element.node().tree().text();
        change(attribute.span, &format!("z{}", &text[attribute.span.range()]));
        for value in VALUES.iter().filter(|value| !value.contains('<')) {
            change(attribute.value_span, value);
        }
    }
}
