//! RLS services documents, RFC 4826 §4: which URIs are lists, what is in them, and for which packages.
//!
//! ```
//! use documents::rls_services::{Services, Source};
//!
//! let document = br#"<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"
//!     xmlns:rl="urn:ietf:params:xml:ns:resource-lists"><service uri="sip:marketing@example.com">
//!   <list><rl:entry uri="sip:joe@example.com"/></list><packages><package>presence</package></packages>
//! </service></rls-services>"#;
//! let services = Services::parse(document, &xml::Limits::default())?.services;
//! assert!(services[0].serves("presence") && !services[0].serves("dialog"));
//! assert!(matches!(&services[0].source, Source::List(list) if list.members.len() == 1));
//! # Ok::<(), documents::DocumentError>(())
//! ```

mod grammar;

use std::sync::Arc;

use xml::{Limits, Scanner, Start, Token, push_text};

use crate::error::{DocumentError, Rule};
use crate::resource_lists::reading::{is_space, list, text, uri};
use crate::resource_lists::writing::attribute;
use crate::resource_lists::{self, List};

pub use grammar::{GRAMMAR, check};

/// The media type of services documents, RFC 4826 §4.4.2.
pub const MEDIA_TYPE: &str = "application/rls-services+xml";

/// RFC 4826 §4.1.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:rls-services";

/// A document: its services, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// The services.
    pub services: Vec<Service>,
}

/// A list that can be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The URI to subscribe to, not empty, as written.
    pub uri: Arc<str>,
    /// What is in the list.
    pub source: Source,
    /// The event packages that it may be subscribed to with; `None`: any.
    pub packages: Option<Vec<Arc<str>>>,
}

/// Where the resources of a service are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here.
    List(List),
    /// In the list of a resource-lists document that this absolute HTTP URI names; not empty.
    Reference(Arc<str>),
}

impl Services {
    /// Reads a document. Refused is what is not well-formed or over the limits, another root, and a service without a
    /// URI or without a list. What XCAP asks of the values beyond that is asked by who stores documents.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        let mut scanner = Scanner::new(bytes, limits)?;
        let root = scanner.root()?;
        if !root.name.is(NAMESPACE, "rls-services") {
            return Err(DocumentError::Rule {
                offset: root.span.start as usize,
                rule: Rule::RootOf("rls-services"),
            });
        }
        let mut services = Vec::new();
        while let Some(token) = scanner.pull()? {
            if let Token::Start(start) = token {
                if start.name.is(NAMESPACE, "service") {
                    services.push(service(&mut scanner, &start)?);
                } else {
                    scanner.skip()?;
                }
            }
        }
        Ok(Self { services })
    }

    /// The document, with its XML declaration. Reading it gives what was printed.
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(512);
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rls-services");
        attribute(&mut to, "xmlns", NAMESPACE);
        attribute(&mut to, "xmlns:rl", resource_lists::NAMESPACE);
        to.extend_from_slice(b">\n");
        for service in &self.services {
            service.print(&mut to);
        }
        to.extend_from_slice(b"</rls-services>\n");
        to
    }
}

impl Service {
    /// Whether the list may be subscribed to with this event package, RFC 4826 §4.1.
    pub fn serves(&self, package: &str) -> bool {
        let named = |packages: &Vec<Arc<str>>| packages.iter().any(|named| **named == *package);
        self.packages.as_ref().is_none_or(named)
    }

    fn print(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"<service");
        attribute(to, "uri", &self.uri);
        to.extend_from_slice(b">\n");
        match &self.source {
            Source::List(list) => list.print(to, "list", "rl:"),
            Source::Reference(reference) => element(to, "resource-list", reference),
        }
        if let Some(packages) = &self.packages {
            to.extend_from_slice(b"<packages>\n");
            for package in packages {
                element(to, "package", package);
            }
            to.extend_from_slice(b"</packages>\n");
        }
        to.extend_from_slice(b"</service>\n");
    }
}

/// Appends an element with text in it, and a line end.
pub(crate) fn element(to: &mut Vec<u8>, name: &str, content: &str) {
    to.push(b'<');
    to.extend_from_slice(name.as_bytes());
    to.push(b'>');
    push_text(to, content);
    to.extend_from_slice(b"</");
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b">\n");
}

/// Reads a service whose start tag was pulled last, up to its end.
fn service(scanner: &mut Scanner<'_>, start: &Start<'_>) -> Result<Service, DocumentError> {
    let uri = uri(scanner, start, "uri")?;
    let mut source = None;
    let mut packages = None;
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(child) if child.name.namespace == *NAMESPACE => match child.name.local {
                "list" => source = Some(Source::List(list(scanner)?)),
                "resource-list" => {
                    let reference = trimmed(scanner)?;
                    if reference.is_empty() {
                        let offset = child.span.start as usize;
                        return Err(DocumentError::Rule { offset, rule: Rule::Empty("resource-list") });
                    }
                    source = Some(Source::Reference(reference));
                }
                "packages" => packages = Some(self::packages(scanner)?),
                _ => {
                    scanner.skip()?;
                }
            },
            Token::Start(_) => {
                scanner.skip()?;
            }
            Token::End(_) => break,
            Token::Text(_) | Token::CData(_) | Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    let offset = start.span.start as usize;
    let source = source.ok_or(DocumentError::Rule { offset, rule: Rule::Empty("service") })?;
    Ok(Service { uri, source, packages })
}

fn packages(scanner: &mut Scanner<'_>) -> Result<Vec<Arc<str>>, DocumentError> {
    let mut packages = Vec::new();
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(child) if child.name.is(NAMESPACE, "package") => packages.push(trimmed(scanner)?),
            Token::Start(_) => {
                scanner.skip()?;
            }
            Token::End(_) => break,
            Token::Text(_) | Token::CData(_) | Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    Ok(packages)
}

fn trimmed(scanner: &mut Scanner<'_>) -> Result<Arc<str>, DocumentError> {
    Ok(text(scanner)?.trim_matches(is_space).into())
}
