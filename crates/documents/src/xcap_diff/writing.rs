//! Printing a diff document.

use xml::push_text;

use super::{Change, Content, DocumentChange, Found, Fragment, NAMESPACE, XcapDiff};
use crate::resource_lists::writing::attribute;

/// The prefix of our elements. Not the default namespace, as what is shown may be in none.
const PREFIX: &str = "d";

impl XcapDiff {
    /// The document, with its XML declaration. Reading it gives what was printed, with our prefix in each scope.
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(512);
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<d:xcap-diff");
        attribute(&mut to, "xmlns:d", NAMESPACE);
        attribute(&mut to, "xcap-root", &self.xcap_root);
        to.extend_from_slice(b">\n");
        for change in &self.changes {
            match change {
                Change::Document(document) => document.print(&mut to),
                Change::Element { selector, found } => print_element(&mut to, selector, found),
                Change::Attribute { selector, value } => print_attribute(&mut to, selector, value.as_deref()),
            }
        }
        to.extend_from_slice(b"</d:xcap-diff>\n");
        to
    }
}

impl DocumentChange {
    fn print(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"<d:document");
        attribute(to, "sel", &self.selector);
        if let Some(previous) = &self.previous {
            attribute(to, "previous-etag", previous);
        }
        if let Some(current) = &self.current {
            attribute(to, "new-etag", current);
        }
        match &self.content {
            Content::Untold => to.extend_from_slice(b"/>\n"),
            Content::BodyNotChanged => to.extend_from_slice(b"><d:body-not-changed/></d:document>\n"),
            Content::Patch(operations) => {
                to.extend_from_slice(b">");
                for operation in operations {
                    operation.push(to, PREFIX, NAMESPACE);
                }
                to.extend_from_slice(b"</d:document>\n");
            }
        }
    }
}

fn print_element(to: &mut Vec<u8>, selector: &str, found: &Found<Fragment>) {
    let Found::Shown(Fragment { text, scope }) = found else {
        to.extend_from_slice(b"<d:element");
        attribute(to, "sel", selector);
        if *found == Found::Missing {
            attribute(to, "exists", "false");
        }
        to.extend_from_slice(b"/>\n");
        return;
    };
    let own = own_prefix(scope);
    let name = format!("{own}:element");
    to.push(b'<');
    to.extend_from_slice(name.as_bytes());
    if own != PREFIX {
        attribute(to, &format!("xmlns:{own}"), NAMESPACE);
    }
    for (prefix, namespace) in scope.iter().filter(|(prefix, _)| *prefix != own) {
        let declared = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        attribute(to, &declared, namespace);
    }
    attribute(to, "sel", selector);
    to.push(b'>');
    to.extend_from_slice(text.as_bytes());
    to.extend_from_slice(b"</");
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b">\n");
}

fn print_attribute(to: &mut Vec<u8>, selector: &str, value: Option<&str>) {
    to.extend_from_slice(b"<d:attribute");
    attribute(to, "sel", selector);
    match value {
        None => {
            attribute(to, "exists", "false");
            to.extend_from_slice(b"/>\n");
        }
        Some(value) => {
            to.push(b'>');
            push_text(to, value);
            to.extend_from_slice(b"</d:attribute>\n");
        }
    }
}

/// Our prefix, or one like it if what is shown means another namespace by it.
fn own_prefix(scope: &[(String, String)]) -> String {
    let is_ours = |own: &str| scope.iter().all(|(prefix, namespace)| prefix != own || namespace == NAMESPACE);
    let mut own = PREFIX.to_owned();
    let mut number = 0_usize;
    while !is_ours(&own) {
        number += 1;
        own = format!("{PREFIX}{number}");
    }
    own
}
