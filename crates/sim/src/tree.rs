//! Any XML body in one line, whole: elements by their local names with attributes and text, those within in brackets.

use core::fmt::Write as _;

/// The children of the root: `tuple id=t1 (status (basic open), contact priority=0.8 sip:alice@example.com); note Away`.
/// White space counts as one space, `xmlns` and `schemaLocation` are not shown.
pub(crate) fn read(body: &[u8]) -> Result<String, String> {
    let text = core::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let document =
        roxmltree::Document::parse(text).map_err(|error| format!("the body is not XML: {error}"))?;
    let children = document.root_element().children().filter(roxmltree::Node::is_element);
    let children: Vec<String> = children.map(element).collect();
    Ok(if children.is_empty() { crate::pidf::EMPTY.to_owned() } else { children.join("; ") })
}

fn element(node: roxmltree::Node<'_, '_>) -> String {
    let mut line = node.tag_name().name().to_owned();
    for attribute in node.attributes().filter(|attribute| attribute.name() != "schemaLocation") {
        write!(line, " {}={}", attribute.name(), spaced(attribute.value())).expect("a string takes all");
    }
    let children: Vec<String> = node.children().filter(roxmltree::Node::is_element).map(element).collect();
    let text: String = node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect();
    let text = spaced(&text);
    if !text.is_empty() {
        write!(line, " {text}").expect("a string takes all");
    }
    if !children.is_empty() {
        write!(line, " ({})", children.join(", ")).expect("a string takes all");
    }
    line
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_body_is_lost_in_its_line() {
        let body = "<a:r xmlns:a='urn:a' xmlns='urn:b'>\n <t id='1'><s><b>open</b></s><c  p='0.8'>x:\n y</c><e/></t><n>Away</n></a:r>";
        assert_eq!(read(body.as_bytes()).as_deref(), Ok("t id=1 (s (b open), c p=0.8 x: y, e); n Away"));
        assert_eq!(read(b"<r/>").as_deref(), Ok("(empty)"));
        assert!(read(b"<r>").is_err());
    }
}
