//! Diff documents of RFC 5874 in one line: `a/users/b/index v1>v2 {add *: <x/>}`. Written and read naively.

use core::fmt::Write as _;

use roxmltree::{Document, Node};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-diff";
const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";

/// The line for a diff document, items in document order, separated by ` | `.
///
/// Of a document: `<sel> v1` (exists), `<sel> v1>v2` (changed), `<sel> v1>v2 same`, `<sel> v1>v2 {<operations>}`, `<sel>
/// v1>` (removed). Of an element or attribute: `<sel> = <content>`, `<sel> exists`, `<sel> missing`.
pub fn read(body: &[u8]) -> Result<String, String> {
    let text = core::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let document = Document::parse(text).map_err(|error| format!("the body is no XML: {error}"))?;
    let root = document.root_element();
    if !root.has_tag_name((NAMESPACE, "xcap-diff")) || !root.has_attribute("xcap-root") {
        return Err(format!("the body is a {:?}", root.tag_name()));
    }
    let items: Vec<String> = root.children().filter(Node::is_element).map(|node| item(text, node)).collect();
    Ok(if items.is_empty() { "(empty)".to_owned() } else { items.join(" | ") })
}

fn item(text: &str, node: Node<'_, '_>) -> String {
    let value = |name| node.attribute(name).unwrap_or_default();
    let selector = value("sel");
    let children: Vec<Node<'_, '_>> = node.children().filter(Node::is_element).collect();
    if node.tag_name().name() != "document" {
        return match (value("exists"), children.first()) {
            ("false" | "0", _) => format!("{selector} missing"),
            (_, Some(shown)) => format!("{selector} = {}", in_line(&text[shown.range()])),
            (_, None) if node.tag_name().name() == "element" => format!("{selector} exists"),
            (_, None) => format!("{selector} = {}", node.text().unwrap_or_default()),
        };
    }
    let mut line = match (node.attribute("previous-etag"), node.attribute("new-etag")) {
        (None, current) => format!("{selector} {}", current.unwrap_or_default()),
        (Some(previous), current) => format!("{selector} {previous}>{}", current.unwrap_or_default()),
    };
    if children.first().is_some_and(|child| child.tag_name().name() == "body-not-changed") {
        line.push_str(" same");
    } else if !children.is_empty() {
        let operations: Vec<String> =
            children.iter().map(|operation| self::operation(text, *operation)).collect();
        write!(line, " {{{}}}", operations.join("; ")).expect("a string takes all");
    }
    line
}

fn operation(text: &str, node: Node<'_, '_>) -> String {
    let mut line = format!("{} {}", node.tag_name().name(), node.attribute("sel").unwrap_or_default());
    for name in ["pos", "type", "ws"] {
        if let Some(value) = node.attribute(name) {
            write!(line, " {name}={value}").expect("a string takes all");
        }
    }
    let whole = &text[node.range()];
    let content = whole.split_once('>').map_or("", |(_, rest)| rest);
    let content = content.rfind("</").map_or("", |end| &content[..end]);
    if !content.is_empty() {
        write!(line, ": {}", in_line(content)).expect("a string takes all");
    }
    line
}

/// On one line, with single spaces.
fn in_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The body of a SUBSCRIBE to these URIs, RFC 5875 §4.4.
pub fn list(uris: &str) -> String {
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<resource-lists xmlns=\"{LISTS}\">\r\n<list>\r\n"
    );
    for uri in uris.split_whitespace() {
        let uri = uri.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        write!(body, "<entry uri=\"{uri}\"/>\r\n").expect("a string takes all");
    }
    body.push_str("</list>\r\n</resource-lists>\r\n");
    body
}
