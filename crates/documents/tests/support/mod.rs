//! Comparing documents as XML, by what `roxmltree` reads.

use core::fmt::Write as _;

/// The children of the root, each in a form in which equal XML is equal text: prefixes replaced by namespaces,
/// attributes in order of their names, and `xml:lang` and `xml:space` as they hold, wherever they were written.
pub(crate) fn canonical_children(bytes: &[u8]) -> Vec<String> {
    let text = str::from_utf8(bytes).expect("presence documents are UTF-8");
    let document = roxmltree::Document::parse(text).expect("it is well-formed");
    let children = document.root_element().children().filter(roxmltree::Node::is_element);
    children
        .map(|child| {
            let mut canonical = String::new();
            print(child, &mut canonical);
            canonical
        })
        .collect()
}

fn print(node: roxmltree::Node<'_, '_>, to: &mut String) {
    const FITS: &str = "a string takes what is written to it";
    if node.is_text() {
        write!(to, "{:?}", node.text().unwrap_or_default()).expect(FITS);
    }
    if !node.is_element() {
        return;
    }
    let name = node.tag_name();
    write!(to, "<{{{}}}{}", name.namespace().unwrap_or_default(), name.name()).expect(FITS);
    let is_inherited =
        |attribute: &roxmltree::Attribute<'_, '_>| attribute.namespace() == Some(xml::XML_NAMESPACE);
    let mut attributes: Vec<String> = node
        .attributes()
        .filter(|attribute| !is_inherited(attribute))
        .map(|attribute| {
            format!(
                " {{{}}}{}={:?}",
                attribute.namespace().unwrap_or_default(),
                attribute.name(),
                attribute.value()
            )
        })
        .collect();
    attributes.sort();
    to.push_str(&attributes.concat());
    let holds = |name| {
        node.ancestors().find_map(|node| node.attribute((xml::XML_NAMESPACE, name))).unwrap_or_default()
    };
    write!(to, " lang={} space={}>", holds("lang"), holds("space")).expect(FITS);
    for child in node.children() {
        print(child, to);
    }
    to.push_str("</>");
}
