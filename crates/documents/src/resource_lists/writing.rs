//! Printing resource lists.

use xml::{push_attribute, push_text};

use super::NAMESPACE;
use super::lists::{Entry, EntryRef, External, List, Member, Name, ResourceLists};

impl ResourceLists {
    /// The document, with its XML declaration. Reading it gives what was printed.
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(512);
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"");
        to.extend_from_slice(NAMESPACE.as_bytes());
        to.extend_from_slice(b"\">\n");
        for list in &self.lists {
            list.print(&mut to, "list", "");
        }
        to.extend_from_slice(b"</resource-lists>\n");
        to
    }
}

impl List {
    /// Appends the list as an element of that name; what is in it has the prefix, with its colon, if there is one.
    pub(crate) fn print(&self, to: &mut Vec<u8>, element: &str, prefix: &str) {
        to.push(b'<');
        to.extend_from_slice(element.as_bytes());
        if let Some(name) = &self.name {
            attribute(to, "name", name);
        }
        to.extend_from_slice(b">\n");
        if let Some(name) = &self.display_name {
            name.print(to, &[prefix, "display-name"].concat());
        }
        for member in &self.members {
            match member {
                Member::List(list) => list.print(to, &[prefix, "list"].concat(), prefix),
                Member::Entry(Entry { uri, display_name }) => {
                    print_member(to, [prefix, "entry"], ("uri", uri), display_name.as_ref());
                }
                Member::EntryRef(EntryRef { reference, display_name }) => {
                    print_member(to, [prefix, "entry-ref"], ("ref", reference), display_name.as_ref());
                }
                Member::External(External { anchor, display_name }) => {
                    print_member(to, [prefix, "external"], ("anchor", anchor), display_name.as_ref());
                }
            }
        }
        to.extend_from_slice(b"</");
        to.extend_from_slice(element.as_bytes());
        to.extend_from_slice(b">\n");
    }
}

impl Name {
    /// Appends the name as an element of that name.
    pub(crate) fn print(&self, to: &mut Vec<u8>, element: &str) {
        to.push(b'<');
        to.extend_from_slice(element.as_bytes());
        if let Some(language) = &self.language {
            attribute(to, "xml:lang", language);
        }
        to.push(b'>');
        push_text(to, &self.text);
        to.extend_from_slice(b"</");
        to.extend_from_slice(element.as_bytes());
        to.extend_from_slice(b">\n");
    }
}

fn print_member(
    to: &mut Vec<u8>,
    [prefix, local]: [&str; 2],
    (key, value): (&str, &str),
    display_name: Option<&Name>,
) {
    to.push(b'<');
    to.extend_from_slice(prefix.as_bytes());
    to.extend_from_slice(local.as_bytes());
    attribute(to, key, value);
    let Some(display_name) = display_name else {
        to.extend_from_slice(b"/>\n");
        return;
    };
    to.push(b'>');
    display_name.print(to, &[prefix, "display-name"].concat());
    to.extend_from_slice(b"</");
    to.extend_from_slice(prefix.as_bytes());
    to.extend_from_slice(local.as_bytes());
    to.extend_from_slice(b">\n");
}

pub(crate) fn attribute(to: &mut Vec<u8>, name: &str, value: &str) {
    to.push(b' ');
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"=\"");
    push_attribute(to, value);
    to.push(b'"');
}
