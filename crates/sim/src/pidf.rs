//! Presence documents in one line: `t1 open "in a meeting"; person busy; note "back soon"`. Written and read naively.

use core::fmt::Write as _;

const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";
const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";
/// A namespace that nobody knows: what is in it is to be carried, not understood.
const FOREIGN: &str = "urn:example:foreign";

/// What stands for a document without elements.
pub const EMPTY: &str = "(empty)";

/// Prints the document that a line describes.
///
/// Items, separated by `;`: `<id> open|closed ["note"]`, `person <activity>`, `note "text"`, `foreign <text>`. Each tuple
/// has a contact of its own, so that those of different sources are not taken for one service unless they have one id.
pub fn write(entity: &str, line: &str) -> Result<String, String> {
    let mut document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"{PIDF}\" xmlns:dm=\"{DATA_MODEL}\" \
         xmlns:rpid=\"{RPID}\" xmlns:x=\"{FOREIGN}\" entity=\"{}\">\r\n",
        escape(entity)
    );
    for item in line.split(';').map(str::trim).filter(|item| !item.is_empty() && *item != EMPTY) {
        let (first, rest) = item.split_once(' ').unwrap_or((item, ""));
        let rest = rest.trim();
        match first {
            "person" => write!(
                document,
                "<dm:person id=\"p1\"><rpid:activities><rpid:{rest}/></rpid:activities></dm:person>\r\n"
            ),
            "note" => write!(document, "<note>{}</note>\r\n", escape(rest.trim_matches('"'))),
            "foreign" => write!(document, "<x:mood>{}</x:mood>\r\n", escape(rest)),
            id => {
                let (basic, note) = rest.split_once(' ').unwrap_or((rest, ""));
                if !matches!(basic, "open" | "closed") {
                    return Err(format!("{item:?}: open or closed was expected"));
                }
                write!(
                    document,
                    "<tuple id=\"{id}\"><status><basic>{basic}</basic></status><contact>sip:{id}@example.net</contact>"
                )
                .expect("a string takes all");
                if !note.is_empty() {
                    write!(document, "<note>{}</note>", escape(note.trim().trim_matches('"')))
                        .expect("a string takes all");
                }
                write!(document, "</tuple>\r\n")
            }
        }
        .expect("a string takes all");
    }
    document.push_str("</presence>\r\n");
    Ok(document)
}

/// The line for a document: tuples, persons, notes and others in document order; and its entity.
pub fn read(body: &[u8]) -> Result<(String, String), String> {
    let text = core::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let document =
        roxmltree::Document::parse(text).map_err(|error| format!("the body is not XML: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "presence" || root.tag_name().namespace() != Some(PIDF) {
        return Err(format!("the root is {:?}", root.tag_name()));
    }
    let entity = root.attribute("entity").ok_or("no entity")?.to_owned();
    let mut items = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for element in root.children().filter(roxmltree::Node::is_element) {
        if let Some(id) = element.attribute("id")
            && !ids.insert(id.to_owned())
        {
            return Err(format!("the id {id:?} stands twice"));
        }
        items.push(match (element.tag_name().namespace(), element.tag_name().name()) {
            (Some(PIDF), "tuple") => tuple(element)?,
            (Some(PIDF), "note") => format!("note \"{}\"", text_of(element)),
            (Some(DATA_MODEL), name @ ("person" | "device")) => {
                let activity = element
                    .descendants()
                    .find(|node| node.tag_name().name() == "activities")
                    .and_then(|node| node.first_element_child())
                    .map_or("", |node| node.tag_name().name());
                format!("{name} {activity}").trim_end().to_owned()
            }
            (Some(FOREIGN), _) => format!("foreign {}", text_of(element)),
            (_, name) => name.to_owned(),
        });
    }
    Ok((if items.is_empty() { EMPTY.to_owned() } else { items.join("; ") }, entity))
}

fn tuple(element: roxmltree::Node<'_, '_>) -> Result<String, String> {
    let id = element.attribute("id").ok_or("a tuple without an id")?;
    let basic = element
        .descendants()
        .find(|node| node.has_tag_name((PIDF, "basic")))
        .map_or(String::new(), |node| text_of(node));
    let mut line = format!("{id} {basic}").trim_end().to_owned();
    if let Some(note) = element.children().find(|node| node.has_tag_name((PIDF, "note"))) {
        write!(line, " \"{}\"", text_of(note)).expect("a string takes all");
    }
    Ok(line)
}

fn text_of(element: roxmltree::Node<'_, '_>) -> String {
    element.text().unwrap_or_default().trim().to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_writing_and_reading() {
        for line in
            ["t1 open", "t1 open \"a < b\"; t2 closed; person busy; note \"gone\"; foreign happy", EMPTY]
        {
            let document = write("sip:alice@example.com", line).expect("the line is sound");
            let (again, entity) = read(document.as_bytes()).expect("the document is sound");
            assert_eq!(again, line);
            assert_eq!(entity, "sip:alice@example.com");
        }
    }

    #[test]
    fn two_elements_with_one_id_are_noticed() {
        let document = write("sip:alice@example.com", "t1 open; t1 closed").expect("the line is sound");
        assert!(read(document.as_bytes()).is_err());
    }
}
