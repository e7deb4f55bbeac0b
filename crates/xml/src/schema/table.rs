//! What a grammar consists of.

use super::local::{Local, Met};
use super::model::{Model, Particle};
use super::simple::{LANGUAGE, Simple};
use crate::namespaces::XML_NAMESPACE;
use crate::value::Value;

/// A whole grammar: the root of its documents, and what may be met in them through wildcards.
#[derive(Debug)]
pub struct Grammar {
    /// The root element.
    pub root: &'static Element,
    /// What is known where a wildcard stands; an element or attribute that none of them declares may be anything.
    pub vocabularies: &'static [&'static Vocabulary],
}

/// What a namespace declares for use anywhere: the global elements and attributes of a schema.
#[derive(Debug)]
pub struct Vocabulary {
    /// Its namespace.
    pub origin: &'static Origin,
    /// The global elements.
    pub elements: &'static [&'static Element],
    /// The global attributes.
    pub attributes: &'static [Attribute],
}

/// Where a part of a grammar comes from.
#[derive(Debug)]
pub struct Origin {
    /// The namespace that it describes.
    pub namespace: &'static str,
    /// The text that describes it, as it is cited: `RFC 4826 §3.2`.
    pub source: &'static str,
}

/// An element.
#[derive(Debug)]
pub struct Element {
    /// Its namespace.
    pub origin: &'static Origin,
    /// Its local name; several if elements differ in nothing else.
    pub names: &'static [Local],
    /// What it holds.
    pub kind: &'static Type,
}

/// What an element holds.
#[derive(Debug)]
pub struct Type {
    /// The grammar it belongs to, to whose namespace [`Particle::Other`] and [`OTHER`] refer.
    pub origin: &'static Origin,
    /// Between its tags.
    pub content: Content,
    /// In its start tag, at most 64.
    pub attributes: &'static [Attribute],
    /// Which further attributes.
    pub openness: Openness,
}

/// What stands between the tags of an element.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// Nothing, not even whitespace.
    Empty,
    /// Text.
    Text(Simple),
    /// Elements, and whitespace around them.
    Elements(Model),
    /// Elements, and any text around them.
    Mixed(Model),
}

/// Which attributes an element may have beyond those that are listed. Those that are declared somewhere are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    /// None.
    Closed,
    /// Of namespaces other than the grammar's, and not of none.
    Other,
    /// Any.
    Any,
}

/// An attribute, or with [`OTHER`] and [`ANY`] many.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its namespace; empty for none, as usual.
    pub namespace: &'static str,
    /// Its local name.
    pub name: Local,
    /// What its value may be.
    pub value: Simple,
    /// Whether it must be there.
    pub required: bool,
    openness: Openness,
}

/// An attribute that must be there.
pub const fn required(name: &'static str, value: Simple) -> Attribute {
    Attribute { namespace: "", name: Local::new(name), value, required: true, openness: Openness::Closed }
}

/// An attribute that may be there.
pub const fn optional(name: &'static str, value: Simple) -> Attribute {
    Attribute { required: false, ..required(name, value) }
}

/// An attribute of a namespace, which may stand wherever a wildcard is.
pub const fn global(origin: &'static Origin, name: &'static str, value: Simple) -> Attribute {
    Attribute { namespace: origin.namespace, ..optional(name, value) }
}

/// `xml:lang`.
pub const LANG: Attribute = Attribute { namespace: XML_NAMESPACE, ..optional("lang", LANGUAGE) };
/// Any number of attributes of other namespaces, `<xs:anyAttribute namespace="##other" processContents="lax"/>`.
pub const OTHER: Attribute = Attribute { openness: Openness::Other, ..optional("", Simple::Text) };
/// Any number of attributes, `<xs:anyAttribute processContents="lax"/>`.
pub const ANY: Attribute = Attribute { openness: Openness::Any, ..optional("", Simple::Text) };

/// What can be under an element that nothing declares: anything, checked as far as it is declared.
pub(super) static ANYTHING: Type = {
    static ORIGIN: Origin = Origin { namespace: "", source: "" };
    static MODEL: super::Automaton<1> = super::Automaton::new(&ANY_NUMBER);
    const ANY_NUMBER: Particle = Particle::Repeat(&Particle::Any, 0, super::model::UNBOUNDED);
    Type { origin: &ORIGIN, content: Content::Mixed(MODEL.model()), attributes: &[], openness: Openness::Any }
};

impl Type {
    /// A type; [`OTHER`] or [`ANY`] among its attributes makes it open.
    pub const fn new(origin: &'static Origin, content: Content, attributes: &'static [Attribute]) -> Self {
        assert!(attributes.len() <= 64, "a type has too many attributes");
        let mut openness = Openness::Closed;
        let mut at = 0;
        while at < attributes.len() {
            if let Openness::Other | Openness::Any = attributes[at].openness {
                openness = attributes[at].openness;
            }
            at += 1;
        }
        Self { origin, content, attributes, openness }
    }
}

impl Element {
    /// Whether an element of this local name is meant, if it is in the namespace.
    #[inline]
    pub(super) fn is_local(&self, local: Met<'_>) -> bool {
        self.names.iter().any(|name| name.is(local))
    }
}

impl Attribute {
    /// Whether it is one attribute, in no namespace.
    #[inline]
    pub(super) const fn is_bare(&self) -> bool {
        self.namespace.is_empty()
    }
}

impl Origin {
    /// Whether a namespace is some other one, and one at all.
    #[inline]
    pub(super) fn is_other(&self, namespace: &Value<'_>) -> bool {
        !namespace.raw().is_empty() && *namespace != *self.namespace
    }
}

impl Grammar {
    /// What is declared for a name that a wildcard has matched.
    pub(super) fn element(&self, namespace: &Value<'_>, local: Met<'_>) -> Option<&'static Element> {
        let known = self.vocabularies.iter().find(|known| *namespace == *known.origin.namespace)?;
        known.elements.iter().copied().find(|element| element.is_local(local))
    }

    /// What is declared for an attribute that a wildcard has matched.
    pub(super) fn attribute(&self, namespace: &Value<'_>, local: &str) -> Option<&'static Attribute> {
        let declared = if *namespace == *XML_NAMESPACE {
            &XML_ATTRIBUTES
        } else {
            self.vocabularies.iter().find(|known| *namespace == *known.origin.namespace)?.attributes
        };
        declared.iter().find(|attribute| attribute.name.text == local)
    }
}

/// What the namespace of XML declares, XML 1.0 §2.10 and §2.12, XML Base §3, and `xml:id` §4.
static XML_ATTRIBUTES: [Attribute; 4] = {
    const fn xml(name: &'static str, value: Simple) -> Attribute {
        Attribute { namespace: XML_NAMESPACE, ..optional(name, value) }
    }
    [
        LANG,
        xml("space", Simple::OneOf(&["default", "preserve"])),
        xml("base", Simple::Text),
        xml("id", Simple::Id),
    ]
};
