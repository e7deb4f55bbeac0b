//! Checking a document against a grammar: tables written with [`schema!`](crate::schema!), walked once.
//!
//! A grammar says what XML Schema 1.0 says of a vocabulary: which elements stand where and how often, which attributes
//! they have, what their text may be, where elements of other namespaces may stand, and that no `xs:ID` occurs twice.
//! It is checked while the document is scanned: without recursion, in linear time (sorting ids apart), and for
//! documents of a usual shape without a heap allocation.
//!
//! What is taken as XML Schema says, although it may surprise: an element without content holds no whitespace either;
//! a wildcard for other namespaces takes no element without a namespace; and in foreign elements whatever is declared
//! is checked (`processContents="lax"`). What differs: `xsi:type` is passed over, as the tables have no names of types,
//! and any text is an `xs:anyURI`, as in XML Schema 1.1.
//!
//! ```
//! mod note {
//!     use xml::schema::{Grammar, LANG, OTHER, STRING, Vocabulary, required};
//!
//!     xml::schema! {
//!         namespace "urn:example:notes" from "RFC 0000 §1";
//!
//!         element NOTES = "notes" [] (NOTE+, other*);
//!         element NOTE = "note" [required("by", STRING), LANG, OTHER] text(STRING);
//!     }
//!
//!     static NOTES_ONLY: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&NOTES], attributes: &[] };
//!     pub static GRAMMAR: Grammar = Grammar { root: &NOTES, vocabularies: &[&NOTES_ONLY] };
//! }
//!
//! let limits = xml::Limits::default();
//! let good = br#"<notes xmlns="urn:example:notes"><note by="a">text</note></notes>"#;
//! assert!(xml::schema::check(good, &note::GRAMMAR, &limits).is_ok());
//! let bad = br#"<notes xmlns="urn:example:notes"><note>text</note></notes>"#;
//! let refused = xml::schema::check(bad, &note::GRAMMAR, &limits).unwrap_err();
//! assert_eq!(refused.to_string(), "at byte 33: expected the attribute `by` on `note` (RFC 0000 §1)");
//! ```

mod attributes;
mod checker;
mod declare;
mod feed;
mod local;
mod model;
mod moment;
mod simple;
mod table;
mod violation;

pub use feed::{check, check_put, check_tree};
pub use local::Local;
pub use model::{Automaton, Model, Particle};
pub use simple::{
    ANY_URI, BOOLEAN, DATE, DATE_TIME, ID, INTEGER, LANGUAGE, NON_NEGATIVE, POSITIVE, STRING, Simple, TOKEN,
    UNSIGNED_INT, UNSIGNED_LONG,
};
pub use table::{
    ANY, Attribute, Content, Element, Grammar, LANG, OTHER, Openness, Origin, Type, Vocabulary, global,
    optional, required,
};
pub use violation::{Invalid, Violation};
