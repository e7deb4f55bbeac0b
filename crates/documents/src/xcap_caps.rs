//! What an XCAP server can do, RFC 4825 §12.

mod grammar;

use xml::schema::Invalid;
use xml::{Element, Limits, Tree};

pub use grammar::{GRAMMAR, check};

use crate::resource_lists::writing::attribute;
use crate::rls_services::element;

/// The namespace, RFC 4825 §12.2.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-caps";
/// The media type, RFC 4825 §12.4.
pub const MEDIA_TYPE: &str = "application/xcap-caps+xml";

/// A capabilities document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The application usages that are served.
    pub auids: Vec<String>,
    /// Extensions of XCAP itself.
    pub extensions: Vec<String>,
    /// The namespaces whose elements can be validated.
    pub namespaces: Vec<String>,
}

impl Capabilities {
    /// Reads a document that follows its grammar.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Invalid> {
        check(bytes, limits)?;
        let tree = Tree::read(bytes, limits)?;
        let texts = |name| {
            let group = tree.root().child(NAMESPACE, name);
            group.into_iter().flat_map(Element::elements).map(text).collect()
        };
        Ok(Self { auids: texts("auids"), extensions: texts("extensions"), namespaces: texts("namespaces") })
    }

    /// The document, with its XML declaration. Reading it gives what was printed.
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(1024);
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-caps");
        attribute(&mut to, "xmlns", NAMESPACE);
        to.extend_from_slice(b">\n<auids>\n");
        self.auids.iter().for_each(|auid| element(&mut to, "auid", auid));
        to.extend_from_slice(b"</auids>\n<extensions>\n");
        self.extensions.iter().for_each(|extension| element(&mut to, "extension", extension));
        to.extend_from_slice(b"</extensions>\n<namespaces>\n");
        self.namespaces.iter().for_each(|namespace| element(&mut to, "namespace", namespace));
        to.extend_from_slice(b"</namespaces>\n</xcap-caps>\n");
        to
    }
}

/// The text of an element, without whitespace around it.
fn text(element: Element<'_>) -> String {
    element.node().string_value().trim_matches([' ', '\t', '\r', '\n']).to_owned()
}
