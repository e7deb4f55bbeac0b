//! The namespace declarations in scope, Namespaces in XML 1.0.

use crate::error::ErrorKind;
use crate::span::{Span, offset};
use crate::stack::Stack;
use crate::value::{Place, Value};

/// What the prefix `xml` is always bound to.
pub const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// What the prefix `xmlns` is always bound to; no document may name it.
pub const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace declaration: `xmlns="value"` or `xmlns:prefix="value"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration<'a> {
    /// The prefix; empty for the default namespace.
    pub prefix: &'a str,
    /// The namespace name; empty if the default namespace is undeclared.
    pub namespace: Value<'a>,
    /// The whole declaration, name to closing quote.
    pub span: Span,
    /// The value, without its quotes.
    pub value_span: Span,
}

/// A declaration as a tree keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeclarationData {
    /// Where it begins.
    pub(crate) start: u32,
    /// Empty for the default namespace.
    pub(crate) prefix: Span,
    /// Without its quotes.
    pub(crate) value: Span,
    /// What is written is what is meant.
    pub(crate) plain: bool,
}

impl DeclarationData {
    /// The namespace, of a declaration in this document.
    #[inline]
    pub(crate) fn namespace<'a>(&self, text: &'a str) -> Value<'a> {
        Value::new(&text[self.value.range()], Place::Attribute, self.plain)
    }

    /// It, put together.
    pub(crate) fn declaration<'a>(&self, text: &'a str) -> Declaration<'a> {
        Declaration {
            prefix: &text[self.prefix.range()],
            namespace: self.namespace(text),
            span: Span { start: self.start, end: self.value.end + 1 },
            value_span: self.value,
        }
    }
}

/// A namespace within one scan: equal numbers for equal names.
pub(crate) type Number = u32;
pub(crate) const NO_NAMESPACE: Number = 0;
pub(crate) const XML: Number = 1;
const FIRST_FREE: Number = 2;

/// The ordinal of no namespace.
pub(crate) const NOT_DECLARED: u32 = u32::MAX;
/// The ordinal of the namespace of `xml`.
pub(crate) const XML_DECLARED: u32 = u32::MAX - 1;

/// What the empty prefix is bound to where it is not declared.
static NOTHING: Binding<'static> = Binding {
    key: 0,
    number: NO_NAMESPACE,
    ordinal: NOT_DECLARED,
    start: 0,
    value_start: 0,
    prefix: "",
    namespace: Value::EMPTY,
};

/// What `xml` is bound to.
static OF_XML: Binding<'static> = Binding {
    key: 0,
    number: XML,
    ordinal: XML_DECLARED,
    start: 0,
    value_start: 0,
    prefix: "xml",
    namespace: Value::new(XML_NAMESPACE, Place::Attribute, true),
};

/// A declaration that is in scope.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Binding<'a> {
    key: u64,
    number: Number,
    /// How many declarations came before it in the scan, those in scope of a fragment included.
    ordinal: u32,
    start: u32,
    value_start: u32,
    prefix: &'a str,
    namespace: Value<'a>,
}

impl<'a> Binding<'a> {
    /// A declaration that begins at `start`, its value at `value_start`.
    pub(crate) fn new(prefix: &'a str, namespace: Value<'a>, start: u32, value_start: u32) -> Self {
        Self {
            key: key(prefix.as_bytes()),
            number: NO_NAMESPACE,
            ordinal: 0,
            start,
            value_start,
            prefix,
            namespace,
        }
    }

    /// Its namespace as a number.
    #[inline]
    pub(crate) fn number(&self) -> Number {
        self.number
    }

    /// Its namespace.
    #[inline]
    pub(crate) fn namespace(&self) -> Value<'a> {
        self.namespace
    }

    /// How many declarations came before it; [`NOT_DECLARED`] or [`XML_DECLARED`] for what no document declares.
    #[inline]
    pub(crate) fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// As a tree keeps it: one of the document that is scanned.
    pub(crate) fn data(&self) -> DeclarationData {
        let Declaration { prefix, namespace, span: Span { start, .. }, value_span: value } =
            self.declaration();
        let before = if prefix.is_empty() { 0 } else { offset("xmlns:".len()) };
        let prefix = Span { start: start + before, end: start + before + offset(prefix.len()) };
        DeclarationData { start, prefix, value, plain: namespace.is_plain() }
    }

    pub(crate) fn declaration(&self) -> Declaration<'a> {
        let value_end = self.value_start + offset(self.namespace.raw().len());
        Declaration {
            prefix: self.prefix,
            namespace: self.namespace,
            span: Span { start: self.start, end: value_end + 1 },
            value_span: Span { start: self.value_start, end: value_end },
        }
    }
}

/// The bindings of all open elements, the innermost last.
///
/// Each new name is compared with those in scope once, where it is declared, and numbered; after that, names compare
/// as numbers. So the cost of long names does not multiply with the attributes that use them.
#[derive(Clone, Debug)]
pub(crate) struct Namespaces<'a> {
    bindings: Stack<Binding<'a>, 8>,
    next: Number,
    /// How many have been declared, out of scope ones included.
    declared: u32,
}

impl<'a> Namespaces<'a> {
    pub(crate) fn new() -> Self {
        Self { bindings: Stack::new(), next: FIRST_FREE, declared: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.bindings.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.bindings.truncate(len);
    }

    /// All bindings, the outermost first; an inner one may override an outer.
    pub(crate) fn bindings(&self) -> &[Binding<'a>] {
        self.bindings.as_slice()
    }

    /// Adds a declaration of the start tag whose first one is number `tag_first`.
    pub(crate) fn declare(&mut self, tag_first: usize, mut binding: Binding<'a>) -> Result<(), ErrorKind> {
        let Binding { prefix, namespace, .. } = binding;
        let named_xml = namespace == *XML_NAMESPACE;
        if prefix == "xmlns" || namespace == *XMLNS_NAMESPACE || named_xml != (prefix == "xml") {
            return Err(ErrorKind::Declaration);
        }
        let is_none = namespace.raw().is_empty();
        if is_none && !prefix.is_empty() {
            return Err(ErrorKind::Declaration);
        }
        let bindings = self.bindings.as_slice();
        if bindings[tag_first..].iter().any(|other| other.prefix == prefix) {
            return Err(ErrorKind::DuplicateAttribute);
        }
        binding.number = if named_xml {
            XML
        } else if is_none {
            NO_NAMESPACE
        } else if let Some(same) = bindings.iter().find(|other| other.namespace == namespace) {
            same.number
        } else {
            self.next += 1;
            self.next - 1
        };
        binding.ordinal = self.declared;
        self.declared += 1;
        self.bindings.push(binding);
        Ok(())
    }

    /// Adds a declaration of another, accepted document.
    pub(crate) fn inherit(&mut self, declaration: &Declaration<'a>) {
        let Declaration { prefix, namespace, span, value_span } = *declaration;
        let binding = Binding::new(prefix, namespace, span.start, value_span.start);
        let first = self.bindings.len();
        self.declare(first, binding).expect("an accepted document declares what may be declared");
    }

    /// What a prefix is bound to; none if to nothing. The empty prefix always has an answer.
    #[inline]
    pub(crate) fn resolve(&self, prefix: &[u8]) -> Option<&Binding<'a>> {
        let key = key(prefix);
        let is_short = prefix.len() <= KEY_BYTES;
        for binding in self.bindings.as_slice().iter().rev() {
            if binding.key == key && (is_short || binding.prefix.as_bytes() == prefix) {
                return Some(binding);
            }
        }
        match prefix {
            b"" => Some(&NOTHING),
            b"xml" => Some(&OF_XML),
            _ => None,
        }
    }
}

/// How many bytes of a prefix fit a key.
const KEY_BYTES: usize = 7;

/// A number that is equal for equal prefixes, and differs for different ones if one of them fits.
#[inline]
fn key(prefix: &[u8]) -> u64 {
    let first = prefix.len().min(KEY_BYTES);
    let length = if prefix.len() > KEY_BYTES { 0xFF } else { prefix.len() as u64 };
    prefix[..first].iter().fold(length, |key, &byte| key << 8 | u64::from(byte))
}
