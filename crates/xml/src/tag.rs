//! Reading one start tag: XML 1.0 §3.1, Namespaces in XML 1.0 §5.

use crate::class::{self, SPACE, VALUE_STOP};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::namespaces::{Binding, NO_NAMESPACE, NOT_DECLARED, Namespaces, Number};
use crate::span::{Span, offset};
use crate::stack::Stack;
use crate::token::Name;
use crate::value::{Place, Value, reference};

/// An attribute of an accepted start tag. Namespace declarations are none.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// Its name; without a prefix it is in no namespace.
    pub name: Name<'a>,
    /// Its value.
    pub value: Value<'a>,
    /// The whole attribute, name to closing quote.
    pub span: Span,
    /// The value, without its quotes.
    pub value_span: Span,
}

/// A name as it stands in the document, its prefix empty if it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) prefix: Span,
    pub(crate) local: Span,
}

impl Written {
    pub(crate) fn span(self) -> Span {
        Span { start: self.prefix.start, end: self.local.end }
    }

    fn prefix(self, text: &str) -> &[u8] {
        &text.as_bytes()[self.prefix.range()]
    }

    /// The expanded name of an element whose prefix is bound so.
    #[inline]
    pub(crate) fn bound<'a>(self, text: &'a str, binding: &Binding<'a>) -> Name<'a> {
        Name {
            namespace: binding.namespace(),
            prefix: &text[self.prefix.range()],
            local: &text[self.local.range()],
        }
    }

    /// What the prefix of an element is bound to.
    #[inline]
    pub(crate) fn binding<'n, 'a>(
        self,
        text: &'a str,
        namespaces: &'n Namespaces<'a>,
    ) -> Result<&'n Binding<'a>, Error> {
        let binding = namespaces.resolve(self.prefix(text));
        binding.ok_or(Error::new(self.prefix.start as usize, ErrorKind::UndeclaredPrefix))
    }
}

/// An attribute as spans, put together when it is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WrittenAttribute {
    name: Written,
    value: Span,
    plain: bool,
    namespace: Number,
}

impl WrittenAttribute {
    /// Whether it is in no namespace.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.namespace == NO_NAMESPACE
    }

    /// Where its local name stands.
    #[inline]
    pub(crate) fn local(&self) -> Span {
        self.name.local
    }

    /// Whether the local name is this one.
    #[inline]
    pub(crate) fn is_local(&self, text: &str, local: &str) -> bool {
        text.as_bytes()[self.name.local.range()] == *local.as_bytes()
    }

    pub(crate) fn attribute<'a>(&self, text: &'a str, namespaces: &Namespaces<'a>) -> Attribute<'a> {
        let binding = self.binding(text, namespaces);
        self.kept(binding).attribute(text, binding.map_or(Value::EMPTY, Binding::namespace))
    }

    /// As a tree keeps it.
    #[inline]
    pub(crate) fn data(&self, text: &str, namespaces: &Namespaces<'_>) -> AttributeData {
        self.kept(self.binding(text, namespaces))
    }

    fn kept(&self, binding: Option<&Binding<'_>>) -> AttributeData {
        let Self { name, value, plain, .. } = *self;
        AttributeData { name, value, plain, binding: binding.map_or(NOT_DECLARED, Binding::ordinal) }
    }

    /// What its prefix is bound to, if it has one.
    #[inline]
    fn binding<'n, 'a>(&self, text: &str, namespaces: &'n Namespaces<'a>) -> Option<&'n Binding<'a>> {
        if self.namespace == NO_NAMESPACE { None } else { namespaces.resolve(self.name.prefix(text)) }
    }
}

/// An attribute as a tree keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttributeData {
    pub(crate) name: Written,
    /// Without its quotes.
    pub(crate) value: Span,
    /// What is written is what is meant.
    pub(crate) plain: bool,
    /// The declaration that binds its prefix, or what stands for none or for `xml`.
    pub(crate) binding: u32,
}

impl AttributeData {
    /// It, put together: its document and its namespace are given.
    #[inline]
    pub(crate) fn attribute<'a>(&self, text: &'a str, namespace: Value<'a>) -> Attribute<'a> {
        let Written { prefix, local } = self.name;
        Attribute {
            name: Name { namespace, prefix: &text[prefix.range()], local: &text[local.range()] },
            value: self.value(text),
            span: Span { start: prefix.start, end: self.value.end + 1 },
            value_span: self.value,
        }
    }

    /// Its value.
    #[inline]
    pub(crate) fn value<'a>(&self, text: &'a str) -> Value<'a> {
        Value::new(&text[self.value.range()], Place::Attribute, self.plain)
    }
}

pub(crate) type Attributes = Stack<WrittenAttribute, 6>;

/// A start tag that was read: its name, the offset after `>`, and whether it is `<a/>`.
pub(crate) struct Read {
    pub(crate) name: Written,
    pub(crate) end: usize,
    pub(crate) empty: bool,
}

/// Reads the start tag whose `<` is at `start`; its attributes and declarations go to where the scanner keeps them.
pub(crate) fn read<'a>(
    text: &'a str,
    start: usize,
    limits: &Limits,
    attributes: &mut Attributes,
    namespaces: &mut Namespaces<'a>,
) -> Result<Read, Error> {
    let bytes = text.as_bytes();
    let first_declaration = namespaces.len();
    attributes.truncate(0);
    let name = qname(text, start + 1, "an element name")?;
    let mut at = name.local.end as usize;
    loop {
        let before = at;
        at = skip_space(bytes, at);
        match bytes.get(at) {
            Some(b'>') => {
                resolve(text, attributes, namespaces)?;
                return Ok(Read { name, end: at + 1, empty: false });
            }
            Some(b'/') => {
                if bytes.get(at + 1) != Some(&b'>') {
                    return Err(Error::new(at + 1, ErrorKind::Expected("`>` after `/`")));
                }
                resolve(text, attributes, namespaces)?;
                return Ok(Read { name, end: at + 2, empty: true });
            }
            Some(_) if at > before => {
                let attribute = attribute(text, at)?;
                at = attribute.value.end as usize + 1;
                keep(text, attribute, first_declaration, limits, attributes, namespaces)?;
            }
            Some(_) => {
                return Err(Error::new(at, ErrorKind::Expected("whitespace, `/>` or `>` in a start tag")));
            }
            None => return Err(Error::new(at, ErrorKind::Expected("the end of the start tag"))),
        }
    }
}

/// Puts an attribute where it belongs: with the declarations, or with the attributes.
#[inline]
fn keep<'a>(
    text: &'a str,
    attribute: WrittenAttribute,
    first_declaration: usize,
    limits: &Limits,
    attributes: &mut Attributes,
    namespaces: &mut Namespaces<'a>,
) -> Result<(), Error> {
    let WrittenAttribute { name, value, plain, .. } = attribute;
    let start = name.prefix.start;
    let refused = |kind| Error::new(start as usize, kind);
    let declared = match (name.prefix(text), &text.as_bytes()[name.local.range()]) {
        (b"xmlns", _) => name.local,
        (b"", b"xmlns") => Span { start, end: start },
        _ => {
            if attributes.len() >= limits.attributes {
                return Err(refused(ErrorKind::TooManyAttributes));
            }
            attributes.push(attribute);
            return Ok(());
        }
    };
    if namespaces.len() >= limits.declarations {
        return Err(refused(ErrorKind::TooManyDeclarations));
    }
    let namespace = Value::new(&text[value.range()], Place::Attribute, plain);
    let binding = Binding::new(&text[declared.range()], namespace, start, value.start);
    namespaces.declare(first_declaration, binding).map_err(refused)
}

/// Finds the namespace of each attribute, and refuses two of one expanded name. The declarations of the tag itself
/// count wherever they stand in it, so this comes last.
#[inline]
fn resolve(text: &str, attributes: &mut Attributes, namespaces: &Namespaces<'_>) -> Result<(), Error> {
    if attributes.is_empty() {
        return Ok(());
    }
    let bytes = text.as_bytes();
    let attributes = attributes.as_mut_slice();
    for index in 0..attributes.len() {
        let name = attributes[index].name;
        let start = name.prefix.start as usize;
        if !name.prefix.is_empty() {
            attributes[index].namespace = namespaces
                .resolve(name.prefix(text))
                .ok_or(Error::new(start, ErrorKind::UndeclaredPrefix))?
                .number();
        }
        let namespace = attributes[index].namespace;
        let local = &bytes[name.local.range()];
        let twice = attributes[..index]
            .iter()
            .any(|other| other.namespace == namespace && &bytes[other.name.local.range()] == local);
        if twice {
            return Err(Error::new(start, ErrorKind::DuplicateAttribute));
        }
    }
    Ok(())
}

/// `name = "value"`, with the name at `at`. The namespace is not known yet.
#[inline]
fn attribute(text: &str, at: usize) -> Result<WrittenAttribute, Error> {
    let bytes = text.as_bytes();
    let name = qname(text, at, "an attribute name, `/>` or `>`")?;
    let mut at = skip_space(bytes, name.local.end as usize);
    if bytes.get(at) != Some(&b'=') {
        return Err(Error::new(at, ErrorKind::Expected("`=` after an attribute name")));
    }
    at = skip_space(bytes, at + 1);
    let quote = match bytes.get(at) {
        Some(&quote @ (b'"' | b'\'')) => quote,
        _ => return Err(Error::new(at, ErrorKind::Expected("a quoted attribute value"))),
    };
    let start = at + 1;
    let (end, plain) = value_end(bytes, start, quote)?;
    Ok(WrittenAttribute { name, value: Span::new(start, end), plain, namespace: NO_NAMESPACE })
}

/// The offset of the closing quote, and whether the value is plain.
#[inline]
pub(crate) fn value_end(bytes: &[u8], start: usize, quote: u8) -> Result<(usize, bool), Error> {
    let mut at = start;
    let mut plain = true;
    loop {
        let Some(run) = bytes[at..].iter().position(|&byte| class::is(byte, VALUE_STOP)) else {
            return Err(Error::new(
                bytes.len(),
                ErrorKind::Expected("the closing quote of an attribute value"),
            ));
        };
        at += run;
        match bytes[at] {
            byte if byte == quote => return Ok((at, plain)),
            b'"' | b'\'' => at += 1,
            b'&' => {
                at += reference(&bytes[at..]).map_err(|kind| Error::new(at, kind))?.1;
                plain = false;
            }
            b'<' => {
                return Err(Error::new(
                    at,
                    ErrorKind::Expected("`&lt;`, as no `<` stands in an attribute value"),
                ));
            }
            b'\t' | b'\n' | b'\r' => {
                at += 1;
                plain = false;
            }
            _ => at += class::allowed(bytes, at)?,
        }
    }
}

/// A name with or without a prefix, Namespaces in XML 1.0 §4.
#[inline]
pub(crate) fn qname(text: &str, at: usize, expected: &'static str) -> Result<Written, Error> {
    let bytes = text.as_bytes();
    let end = class::name_end(text, at).ok_or(Error::new(at, ErrorKind::Expected(expected)))?;
    if bytes.get(end) != Some(&b':') {
        return Ok(Written { prefix: Span::new(at, at), local: Span::new(at, end) });
    }
    let local_end = class::name_end(text, end + 1)
        .ok_or(Error::new(end + 1, ErrorKind::Expected("a local name after a prefix")))?;
    if bytes.get(local_end) == Some(&b':') {
        return Err(Error::new(local_end, ErrorKind::Expected("no second colon in a name")));
    }
    Ok(Written { prefix: Span::new(at, end), local: Span { start: offset(end + 1), end: offset(local_end) } })
}

/// The offset of the first byte from `at` on that is not whitespace.
#[inline]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| class::is(byte, SPACE)) {
        at += 1;
    }
    at
}
