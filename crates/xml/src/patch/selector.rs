//! Selectors of patch operations: the part of XPath 1.0 that RFC 5261 §8 allows.

use super::error::Reason;
use super::operation::Operation;
use crate::class::is_name;

/// A path to a node, from the document down.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    /// It begins at the element with this `xml:id`, not at the document.
    pub(crate) id: Option<String>,
    /// Elements on the way.
    pub(crate) steps: Vec<Step>,
    /// What is located; none if it is the element with the identifier.
    pub(crate) last: Option<Last>,
}

/// Selects elements among the children of those selected before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// None for `*`.
    pub(crate) name: Option<Name>,
    pub(crate) predicates: Vec<Predicate>,
}

/// An expanded name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) namespace: String,
    pub(crate) local: String,
}

/// What keeps an element; each sees what those before it have left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Predicate {
    /// It is the n-th, from 1.
    Position(usize),
    /// An attribute has this value.
    Attribute(Name, String),
    /// A child element has this string-value.
    Child(Name, String),
    /// Its own string-value is this.
    Own(String),
}

/// What is located among the children, attributes or declarations of the selected elements.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Element(Step),
    Text(Option<usize>),
    Comment(Option<usize>),
    /// With this target, or any.
    Instruction(Option<String>, Option<usize>),
    Attribute(Name),
    /// The declaration of this prefix.
    Namespace(String),
}

const FORM: Reason = Reason::InvalidAttributeValue("a selector as RFC 5261 §8 allows");

impl Selector {
    /// Reads the selector of an operation. A slash within quotes parts nothing.
    pub(crate) fn read(operation: &Operation) -> Result<Self, Reason> {
        let text = operation.selector.strip_prefix('/').unwrap_or(&operation.selector);
        let mut parts = parts(text);
        let mut selector = Self { id: None, steps: Vec::new(), last: None };
        let mut part = parts.next().ok_or(FORM)?;
        if let Some(quoted) = part.strip_prefix("id(").and_then(|rest| rest.strip_suffix(')')) {
            let id = literal(quoted).filter(|id| is_name(id)).ok_or(FORM)?;
            selector.id = Some(id.to_owned());
            match parts.next() {
                Some(next) => part = next,
                None => return Ok(selector),
            }
        }
        for next in parts {
            selector.steps.push(Step::read(part, operation)?);
            part = next;
        }
        selector.last = Some(Last::read(part, operation)?);
        Ok(selector)
    }
}

/// Parts a path at its slashes outside quotes. Never empty.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let mut quote = None;
        let slash = text.bytes().position(|byte| match (quote, byte) {
            (None, b'/') => true,
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                false
            }
            (Some(open), _) if open == byte => {
                quote = None;
                false
            }
            _ => false,
        });
        rest = slash.map(|slash| &text[slash + 1..]);
        Some(&text[..slash.unwrap_or(text.len())])
    })
}

/// What stands in a pair of quotes.
fn literal(quoted: &str) -> Option<&str> {
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inner = quoted[1..].strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

impl Last {
    fn read(part: &str, operation: &Operation) -> Result<Self, Reason> {
        if let Some(name) = part.strip_prefix('@') {
            return Ok(Self::Attribute(Name::read(name, operation, false)?));
        }
        if let Some(prefix) = part.strip_prefix("namespace::") {
            return if is_name(prefix) { Ok(Self::Namespace(prefix.to_owned())) } else { Err(FORM) };
        }
        if let Some(rest) = part.strip_prefix("text()") {
            return Ok(Self::Text(position(rest)?));
        }
        if let Some(rest) = part.strip_prefix("comment()") {
            return Ok(Self::Comment(position(rest)?));
        }
        if let Some(rest) = part.strip_prefix("processing-instruction(") {
            let (quoted, rest) = rest.split_once(')').ok_or(FORM)?;
            let target = match quoted {
                "" => None,
                _ => Some(literal(quoted).filter(|target| is_name(target)).ok_or(FORM)?.to_owned()),
            };
            return Ok(Self::Instruction(target, position(rest)?));
        }
        Step::read(part, operation).map(Self::Element)
    }
}

/// `[n]`, or nothing.
fn position(text: &str) -> Result<Option<usize>, Reason> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or(FORM)?;
    number(digits).map(Some).ok_or(FORM)
}

/// A number beyond all counts is beyond all nodes too.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

impl Step {
    fn read(part: &str, operation: &Operation) -> Result<Self, Reason> {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        let name = if name == "*" { None } else { Some(Name::read(name, operation, true)?) };
        let mut predicates = Vec::new();
        while let Some(inner) = rest.strip_prefix('[') {
            let (predicate, after) = Predicate::read(inner, operation)?;
            predicates.push(predicate);
            rest = after;
        }
        if rest.is_empty() { Ok(Self { name, predicates }) } else { Err(FORM) }
    }
}

impl Predicate {
    /// Reads up to the bracket that closes it; gives what comes after.
    fn read<'a>(text: &'a str, operation: &Operation) -> Result<(Self, &'a str), Reason> {
        let Some((left, right)) = text.split_once('=').filter(|(left, _)| !left.contains(']')) else {
            let (digits, rest) = text.split_once(']').ok_or(FORM)?;
            return Ok((Self::Position(number(digits).ok_or(FORM)?), rest));
        };
        let quote = right.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(FORM)?;
        let (value, rest) = right[1..].split_once(quote).ok_or(FORM)?;
        let rest = rest.strip_prefix(']').ok_or(FORM)?;
        let value = value.to_owned();
        let predicate = match (left, left.strip_prefix('@')) {
            (".", _) => Self::Own(value),
            (_, Some(name)) => Self::Attribute(Name::read(name, operation, false)?, value),
            (name, None) => Self::Child(Name::read(name, operation, true)?, value),
        };
        Ok((predicate, rest))
    }
}

impl Name {
    /// Reads a `QName` by the declarations of the diff document, RFC 5261 §4.2.1. The default namespace is for elements.
    pub(crate) fn read(text: &str, operation: &Operation, is_element: bool) -> Result<Self, Reason> {
        let (prefix, local) = match text.split_once(':') {
            Some((prefix, local)) if is_name(prefix) => (prefix, local),
            Some(_) => return Err(FORM),
            None => ("", text),
        };
        if !is_name(local) {
            return Err(FORM);
        }
        let namespace = if prefix.is_empty() && !is_element { Some("") } else { operation.namespace(prefix) };
        let namespace = namespace.ok_or_else(|| Reason::InvalidNamespacePrefix(prefix.to_owned()))?;
        Ok(Self { namespace: namespace.to_owned(), local: local.to_owned() })
    }
}
