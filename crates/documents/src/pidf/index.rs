//! Where the parts of a presence document stand: found while it is checked, in one pass.

use std::borrow::Cow;

use xml::{Limits, Scanner, Span, Start, Token, Value, XML_NAMESPACE};

use super::names::{DATA_MODEL, PIDF};
use super::presence::Kind;
use crate::error::{DocumentError, Rule};

/// The parts of one document, in document order: what the root hands down to its children, then the children.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) entity: Text,
    pub(super) entries: Vec<Entry>,
    /// What ids and entities mean that are not written plainly; mostly empty.
    pub(super) decoded: String,
    /// No element has an attribute by which documents limit elements in time.
    pub(super) timeless: bool,
}

/// A text of the document: written plainly there, or kept decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text {
    pub(super) span: Span,
    pub(super) is_decoded: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// A namespace declaration, `xml:lang`, `xml:space` or `xml:base` of the root; `value` without its quotes.
    Inherited { name: Span, value: Span },
    /// A child of the root. `bare`: some element in it is in no namespace.
    Child { kind: Kind, span: Span, id: Option<Text>, bare: bool },
}

impl Index {
    /// Checks a document and finds its parts. One allocation for most documents: the entries.
    pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        const USUAL: usize = 8;
        let mut scanner = Scanner::new(bytes, limits)?;
        let mut index = Self { entries: Vec::with_capacity(USUAL), timeless: true, ..Self::default() };
        let root = scanner.root()?;
        index.root(&scanner, &root)?;
        while let Some(token) = scanner.pull()? {
            if let Token::Start(start) = token {
                index.child(&mut scanner, &start)?;
            }
        }
        index.check_ids(bytes)?;
        Ok(index)
    }

    /// The text that stands at `text`, in a document with these bytes.
    pub(super) fn text<'a>(&'a self, bytes: &'a [u8], text: Text) -> &'a str {
        str::from_utf8(self.text_bytes(bytes, text))
            .expect("the document is UTF-8 and spans end between characters")
    }

    fn text_bytes<'a>(&'a self, bytes: &'a [u8], text: Text) -> &'a [u8] {
        if text.is_decoded { &self.decoded.as_bytes()[text.span.range()] } else { &bytes[text.span.range()] }
    }

    /// Keeps what a value means.
    pub(super) fn keep(&mut self, value: &Value<'_>, span: Span) -> Text {
        if value.is_plain() { Text { span, is_decoded: false } } else { self.keep_decoded(&value.text()) }
    }

    pub(super) fn keep_decoded(&mut self, text: &str) -> Text {
        let start = self.decoded.len();
        self.decoded.push_str(text);
        Text { span: Span::new(start, self.decoded.len()), is_decoded: true }
    }

    fn root(&mut self, scanner: &Scanner<'_>, root: &Start<'_>) -> Result<(), DocumentError> {
        if !root.name.is(PIDF, "presence") {
            return Err(refused(root.span, Rule::Root));
        }
        for declaration in scanner.declarations() {
            let name =
                Span { start: declaration.span.start, end: name_end(declaration.prefix, declaration.span) };
            self.entries.push(Entry::Inherited { name, value: declaration.value_span });
        }
        let mut entity = None;
        for attribute in scanner.attributes() {
            if attribute.name.is("", "entity") {
                entity = Some(attribute);
            } else if matches!(attribute.name.local, "lang" | "space" | "base")
                && attribute.name.namespace == *XML_NAMESPACE
            {
                let length = attribute.name.prefix.len() + 1 + attribute.name.local.len();
                let start = attribute.span.start as usize;
                self.entries.push(Entry::Inherited {
                    name: Span::new(start, start + length),
                    value: attribute.value_span,
                });
            }
        }
        let entity = entity.ok_or(refused(root.span, Rule::Entity))?;
        if entity.value.raw().is_empty() {
            return Err(refused(entity.value_span, Rule::Entity));
        }
        self.entity = self.keep(&entity.value, entity.value_span);
        Ok(())
    }

    /// Checks one child of the root up to its end.
    fn child(&mut self, scanner: &mut Scanner<'_>, start: &Start<'_>) -> Result<(), DocumentError> {
        let kind = kind(start);
        let id = match kind {
            Kind::Tuple | Kind::Person | Kind::Device => {
                let id = scanner.attribute("", "id").filter(|id| !id.value.raw().is_empty());
                let id = id.ok_or(refused(start.span, Rule::Id))?;
                Some(self.keep(&id.value, id.value_span))
            }
            Kind::Note | Kind::Other => None,
        };
        let mut bare = is_bare(start);
        self.note_timing(scanner);
        let mut tuple = TupleCheck::default();
        let span = loop {
            match scanner.pull()? {
                Some(Token::Start(start)) => {
                    bare |= is_bare(&start);
                    self.note_timing(scanner);
                    if kind == Kind::Tuple {
                        tuple.start(scanner, &start)?;
                    }
                }
                Some(Token::End(end)) => match scanner.depth() {
                    1 => break end.element,
                    2 => tuple.in_status = false,
                    _ => {}
                },
                Some(Token::Text(_) | Token::CData(_) | Token::Comment(_) | Token::Instruction(_)) => {}
                None => break start.span,
            }
        };
        self.entries.push(Entry::Child { kind, span, id, bare });
        Ok(())
    }

    /// Notes whether the element that was pulled last may be limited in time, by attributes of whatever namespace: RFC 4480
    /// §3.1, RFC 4481 §3, and `until` of the OMA.
    fn note_timing(&mut self, scanner: &Scanner<'_>) {
        self.timeless &= scanner.attribute_names().all(|local| !matches!(local, "from" | "until"));
    }

    /// Refuses two equal ids. Pairwise for the few of most documents, sorted for the many of a hostile one.
    fn check_ids(&self, bytes: &[u8]) -> Result<(), DocumentError> {
        const FEW: usize = 16;
        let ids = || {
            self.entries.iter().filter_map(|entry| match entry {
                Entry::Child { span, id: Some(id), .. } => Some((self.text_bytes(bytes, *id), *span)),
                Entry::Child { id: None, .. } | Entry::Inherited { .. } => None,
            })
        };
        let twice = if self.entries.len() <= FEW {
            ids().enumerate().find_map(|(index, (id, span))| {
                ids().take(index).any(|(other, _)| other == id).then_some(span)
            })
        } else {
            let mut sorted: Vec<_> = ids().collect();
            sorted.sort_unstable();
            sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min()
        };
        twice.map_or(Ok(()), |span| Err(refused(span, Rule::UniqueId)))
    }
}

/// What of a tuple has been met.
#[derive(Default)]
struct TupleCheck {
    status: bool,
    in_status: bool,
    basic: bool,
    contact: bool,
}

impl TupleCheck {
    fn start(&mut self, scanner: &mut Scanner<'_>, start: &Start<'_>) -> Result<(), DocumentError> {
        match (scanner.depth(), start.name.local) {
            (3, "status") if start.name.namespace == *PIDF => {
                once(&mut self.status, start)?;
                self.in_status = true;
            }
            (3, "contact") if start.name.namespace == *PIDF => {
                once(&mut self.contact, start)?;
                if let Some(priority) = scanner.attribute("", "priority")
                    && !is_decimal(&priority.value.text())
                {
                    return Err(refused(priority.value_span, Rule::Priority));
                }
            }
            (4, "basic") if self.in_status && start.name.namespace == *PIDF => {
                once(&mut self.basic, start)?;
                let text = content(scanner)?;
                if !matches!(text.as_deref().map(trim), Some("open" | "closed")) {
                    return Err(refused(start.span, Rule::Basic));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The text of the element whose start tag was pulled last; none if it has child elements. Pulls its end.
pub(super) fn content<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Cow<'a, str>>, xml::Error> {
    let depth = scanner.depth();
    let mut text = Cow::Borrowed("");
    let mut has_children = false;
    loop {
        match scanner.pull()? {
            Some(Token::Text(part) | Token::CData(part)) if !has_children => {
                if text.is_empty() {
                    text = part.value.text();
                } else {
                    text.to_mut().push_str(&part.value.text());
                }
            }
            Some(Token::Start(_)) => has_children = true,
            Some(Token::End(_)) if scanner.depth() < depth => return Ok((!has_children).then_some(text)),
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

/// Without the whitespace around it, XML 1.0 §2.3.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

fn kind(start: &Start<'_>) -> Kind {
    match start.name.local {
        "tuple" if start.name.namespace == *PIDF => Kind::Tuple,
        "note" if start.name.namespace == *PIDF => Kind::Note,
        "person" if start.name.namespace == *DATA_MODEL => Kind::Person,
        "device" if start.name.namespace == *DATA_MODEL => Kind::Device,
        _ => Kind::Other,
    }
}

fn is_bare(start: &Start<'_>) -> bool {
    start.name.namespace.raw().is_empty()
}

/// Where the name of a declaration ends: `xmlns` or `xmlns:prefix`.
fn name_end(prefix: &str, declaration: Span) -> u32 {
    let length = if prefix.is_empty() { "xmlns".len() } else { "xmlns:".len() + prefix.len() };
    Span::new(0, declaration.start as usize + length).end
}

fn once(seen: &mut bool, start: &Start<'_>) -> Result<(), DocumentError> {
    if core::mem::replace(seen, true) {
        return Err(refused(start.span, Rule::Once));
    }
    Ok(())
}

/// Whether a text is an `xs:decimal`: the form only, as RFC 3863 §4.1.5 has one out of range ignored, not refused.
fn is_decimal(text: &str) -> bool {
    let text = trim(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    (!whole.is_empty() || !fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
}

fn refused(at: Span, rule: Rule) -> DocumentError {
    DocumentError::Rule { offset: at.start as usize, rule }
}
