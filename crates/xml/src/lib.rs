//! A hardened, namespace-aware XML reader that keeps every byte it does not understand.
//!
//! [`Scanner`] walks a document token by token, without recursion and, for documents of a usual shape, without a
//! heap allocation. It refuses whatever is not well-formed (XML 1.0, fifth edition, and Namespaces in XML 1.0), and
//! also what a protocol has no use for: a document type declaration, and with it every entity but the five
//! predefined ones; an encoding other than UTF-8; and what exceeds [`Limits`]. Its tokens carry byte [`Span`]s, so a
//! caller can keep, cut and join documents without reprinting what it only carries.
//!
//! ```
//! let document = br#"<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" entity="pres:a@example.com"/>"#;
//! let mut scanner = xml::Scanner::new(document, &xml::Limits::default())?;
//! let Some(xml::Token::Start(start)) = scanner.pull()? else { unreachable!("a document has a root") };
//! assert!(start.name.is("urn:ietf:params:xml:ns:pidf", "presence"));
//! assert_eq!(scanner.attribute("", "entity").expect("it is there").value.raw(), "pres:a@example.com");
//! # Ok::<(), xml::Error>(())
//! ```
#![forbid(unsafe_code)]

mod class;
mod compare;
pub mod edit;
mod error;
mod escape;
mod graft;
mod limits;
mod namespaces;
mod node;
pub mod patch;
mod prolog;
mod scanner;
pub mod schema;
mod sink;
mod span;
mod splice;
mod stack;
mod start_tag;
mod tag;
mod token;
mod tree;
mod value;

pub use class::{is_name, is_xml_char};
pub use compare::equivalent;
pub use error::{Error, ErrorKind};
pub use escape::{push_attribute, push_text};
pub use graft::{Graft, Seat};
pub use limits::Limits;
pub use namespaces::{Declaration, XML_NAMESPACE, XMLNS_NAMESPACE};
pub use node::{Element, Node};
pub use scanner::Scanner;
pub use span::Span;
pub use start_tag::{Pair, StartTag};
pub use tag::Attribute;
pub use token::{End, Instruction, Name, Start, Text, Token};
pub use tree::{Kind, Tree};
pub use value::{Characters, Value, unescape};
