//! The pull scanner: one token at a time, each checked before it is handed out.

use crate::class::{self, TEXT_STOP};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::namespaces::{Binding, Declaration, Namespaces};
use crate::prolog;
use crate::sink::{Sink, TagContent};
use crate::span::{Span, offset};
use crate::stack::Stack;
use crate::tag::{self, Attribute, Attributes, skip_space};
use crate::token::{End, Instruction, Start, Text, Token};
use crate::value::{Place, Value, reference};

/// Whether there was one more token.
type Stepped = Result<bool, Error>;

/// An element whose end has not come.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Where its start tag begins.
    start: u32,
    /// Where its start tag ends.
    content: u32,
    /// Its name as written, which the end tag must repeat.
    name: Span,
    /// How many bindings were in scope around it.
    bindings: u32,
}

/// Walks a document from start to end, refusing it at the first fault.
///
/// What it has handed out when it refuses was well-formed so far; a document is accepted when [`Scanner::pull`] has
/// returned `None`. Time is linear in the bytes (see [`Limits`]); it allocates only for documents with more than 16
/// open elements, 6 attributes on one element or 8 declarations in scope.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
    nodes: usize,
    open: Stack<Open, 16>,
    attributes: Attributes,
    namespaces: Namespaces<'a>,
    /// The first declaration of the last start tag.
    first_declaration: usize,
    /// The last start tag was `<a/>`, so the end is due.
    end_due: bool,
    root_seen: bool,
    refused: Option<Error>,
}

impl<'a> Scanner<'a> {
    /// Checks what can be seen without reading tokens: size, UTF-8, and the XML declaration.
    pub fn new(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let (text, at) = prolog::open(bytes, limits)?;
        Ok(Self::at(text, at, limits))
    }

    /// Reads an element that is to stand within others, whose namespace declarations are `scope`: each prefix once.
    /// Neither a byte order mark nor an XML declaration may stand before it.
    pub fn fragment(
        bytes: &'a [u8],
        scope: impl IntoIterator<Item = Declaration<'a>>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut scanner = Self::at(prolog::text(bytes, limits)?, 0, limits);
        scope.into_iter().for_each(|declaration| scanner.namespaces.inherit(&declaration));
        scanner.first_declaration = scanner.namespaces.len();
        Ok(scanner)
    }

    fn at(text: &'a str, at: usize, limits: &Limits) -> Self {
        Self {
            text,
            at,
            limits: *limits,
            nodes: 0,
            open: Stack::new(),
            attributes: Stack::new(),
            namespaces: Namespaces::new(),
            first_declaration: 0,
            end_due: false,
            root_seen: false,
            refused: None,
        }
    }

    /// The next token; none at the end of an accepted document. A refusal is final: it is returned again.
    #[inline]
    pub fn pull(&mut self) -> Result<Option<Token<'a>>, Error> {
        let mut token = None;
        self.pull_into(&mut token)?;
        Ok(token)
    }

    /// Hands the next token over; false at the end of an accepted document. A refusal is final.
    #[inline]
    pub(crate) fn pull_into(&mut self, sink: &mut impl Sink<'a>) -> Result<bool, Error> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let stepped = self.step(sink);
        if let Err(error) = &stepped {
            self.refused = Some(*error);
        }
        stepped
    }

    /// Pulls up to the start tag of the root element, past comments and processing instructions before it.
    pub fn root(&mut self) -> Result<Start<'a>, Error> {
        loop {
            match self.pull()? {
                Some(Token::Start(start)) => return Ok(start),
                Some(_) => {}
                None => return Err(self.expected("a root element")),
            }
        }
    }

    /// Pulls up to the end of the innermost open element; none if no element is open.
    ///
    /// After [`Token::Start`] this leaves out the element's content.
    pub fn skip(&mut self) -> Result<Option<End>, Error> {
        let depth = self.depth();
        if depth == 0 {
            return Ok(None);
        }
        while let Some(token) = self.pull()? {
            if let Token::End(end) = token
                && self.depth() < depth
            {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// How many elements are open: 1 after the root's start tag, 0 after its end.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Offset of the first byte that no token has covered yet.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The document as text, a byte order mark included.
    pub fn document(&self) -> &'a str {
        self.text
    }

    /// The attributes of the start tag that was pulled last, in order; nothing after another token.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'a>> + '_ {
        self.tag_content().attributes()
    }

    /// The local names of these attributes.
    pub fn attribute_names(&self) -> impl ExactSizeIterator<Item = &'a str> + '_ {
        let text = self.text;
        self.attributes.as_slice().iter().map(move |written| &text[written.local().range()])
    }

    /// The attribute of that expanded name (`namespace` empty for none) on the start tag that was pulled last.
    pub fn attribute(&self, namespace: &str, local: &str) -> Option<Attribute<'a>> {
        let written = self.attributes.as_slice().iter().filter(|written| written.is_local(self.text, local));
        written
            .map(|written| written.attribute(self.text, &self.namespaces))
            .find(|attribute| attribute.name.namespace == *namespace)
    }

    /// The namespace declarations of the start tag that was pulled last, in order; nothing after another token.
    pub fn declarations(&self) -> impl ExactSizeIterator<Item = Declaration<'a>> + '_ {
        self.tag_content().declarations()
    }

    /// All namespace declarations in scope, the outermost first; a later one overrides an earlier of the same prefix.
    pub fn scope(&self) -> impl DoubleEndedIterator<Item = Declaration<'a>> + '_ {
        self.namespaces.bindings().iter().map(|binding| binding.declaration())
    }

    /// The namespace that a prefix (empty for the default) is bound to where the scanner stands; none if to nothing.
    pub fn namespace(&self, prefix: &str) -> Option<Value<'a>> {
        self.namespaces.resolve(prefix.as_bytes()).map(Binding::namespace)
    }

    fn tag_content(&self) -> TagContent<'_, 'a> {
        TagContent {
            text: self.text,
            attributes: &self.attributes,
            namespaces: &self.namespaces,
            first_declaration: self.first_declaration,
        }
    }

    #[inline]
    fn step(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        self.attributes.truncate(0);
        self.first_declaration = self.namespaces.len();
        if self.end_due {
            self.end_due = false;
            return Ok(self.close(self.at, sink));
        }
        let bytes = self.text.as_bytes();
        if self.open.is_empty() {
            self.at = skip_space(bytes, self.at);
            if self.at == bytes.len() && self.root_seen {
                return Ok(false);
            }
        }
        match (bytes.get(self.at), bytes.get(self.at + 1)) {
            (Some(b'<'), Some(b'/')) => self.end_tag(sink),
            (Some(b'<'), Some(b'!')) => self.declaration_like(sink),
            (Some(b'<'), Some(b'?')) => self.instruction(sink),
            (Some(b'<'), _) => self.start_tag(sink),
            (Some(_), _) if !self.open.is_empty() => self.text(sink),
            (Some(_), _) if self.root_seen => {
                Err(self.expected("nothing but comments after the root element"))
            }
            (Some(_), _) => Err(self.expected("`<`, the begin of the root element")),
            (None, _) if self.open.is_empty() => Err(self.expected("a root element")),
            (None, _) => Err(self.expected("the end tag of the element that is open")),
        }
    }

    #[inline]
    fn start_tag(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        let start = self.at;
        if self.open.is_empty() && self.root_seen {
            return Err(Error::new(start, ErrorKind::SecondRoot));
        }
        if self.open.len() >= self.limits.depth {
            return Err(Error::new(start, ErrorKind::TooDeep));
        }
        self.count()?;
        let bindings = self.namespaces.len();
        let read = tag::read(self.text, start, &self.limits, &mut self.attributes, &mut self.namespaces)?;
        let binding = read.name.binding(self.text, &self.namespaces)?;
        self.open.push(Open {
            start: offset(start),
            content: offset(read.end),
            name: read.name.span(),
            bindings: offset(bindings),
        });
        self.root_seen = true;
        self.first_declaration = bindings;
        self.end_due = read.empty;
        self.at = read.end;
        let span = Span::new(start, read.end);
        sink.start(read.name, binding, span, read.empty, &self.tag_content());
        Ok(true)
    }

    #[inline]
    fn end_tag(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let Some(open) = self.open.last() else {
            return Err(self.expected("the root element, not an end tag"));
        };
        let name = &bytes[open.name.range()];
        let rest = &bytes[start + 2..];
        if !rest.starts_with(name) {
            return Err(Error::new(start, ErrorKind::EndTag));
        }
        let after = start + 2 + name.len();
        let end = skip_space(bytes, after);
        if bytes.get(end) != Some(&b'>') {
            // The name goes on, so it is another; or something stands after it, or nothing.
            let is_other = end == after && end < bytes.len();
            let kind = if is_other { ErrorKind::EndTag } else { ErrorKind::Expected("`>` of an end tag") };
            return Err(Error::new(end, kind));
        }
        self.at = end + 1;
        Ok(self.close(start, sink))
    }

    /// Ends the innermost element, whose content ends at `content_end`.
    #[inline]
    fn close(&mut self, content_end: usize, sink: &mut impl Sink<'a>) -> bool {
        let Some(open) = self.open.pop() else { return false };
        self.namespaces.truncate(open.bindings as usize);
        self.first_declaration = self.namespaces.len();
        sink.end(End {
            element: Span { start: open.start, end: offset(self.at) },
            content: Span { start: open.content, end: offset(content_end) },
        });
        true
    }

    #[inline]
    fn text(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        self.count()?;
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let mut plain = true;
        loop {
            let Some(run) = bytes[at..].iter().position(|&byte| class::is(byte, TEXT_STOP)) else {
                self.at = bytes.len();
                return Err(self.expected("the end tag of the element that is open"));
            };
            at += run;
            match bytes[at] {
                b'<' => break,
                b'&' => {
                    at += reference(&bytes[at..]).map_err(|kind| Error::new(at, kind))?.1;
                    plain = false;
                }
                b']' if bytes[at..].starts_with(b"]]>") => {
                    return Err(Error::new(at, ErrorKind::Expected("`]]&gt;`, as no `]]>` stands in text")));
                }
                b'\r' => {
                    at += 1;
                    plain = false;
                }
                b']' => at += 1,
                _ => at += class::allowed(bytes, at)?,
            }
        }
        self.at = at;
        let value = Value::new(&self.text[start..at], Place::Text, plain);
        sink.text(Text { value, span: Span::new(start, at) });
        Ok(true)
    }

    /// What begins with `<!`: a comment, a CDATA section, or what we refuse.
    fn declaration_like(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(b"<!--") {
            self.comment(sink)
        } else if rest.starts_with(b"<![CDATA[") && !self.open.is_empty() {
            self.cdata(sink)
        } else if rest.starts_with(b"<!DOCTYPE") {
            Err(Error::new(self.at, ErrorKind::DocumentType))
        } else {
            Err(self.expected("a comment or a CDATA section within an element"))
        }
    }

    fn comment(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        self.count()?;
        let start = self.at;
        let body = start + "<!--".len();
        let dashes = self.find(body, "--", "`-->`, the end of a comment")?;
        if self.text.as_bytes().get(dashes + 2) != Some(&b'>') {
            return Err(Error::new(dashes, ErrorKind::Expected("`-->`, as no `--` stands in a comment")));
        }
        self.at = dashes + "-->".len();
        sink.comment(Span::new(start, self.at));
        Ok(true)
    }

    fn cdata(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        self.count()?;
        let start = self.at;
        let body = start + "<![CDATA[".len();
        let end = self.find(body, "]]>", "`]]>`, the end of a CDATA section")?;
        self.at = end + "]]>".len();
        let raw = &self.text[body..end];
        let value = Value::new(raw, Place::CData, !raw.as_bytes().contains(&b'\r'));
        sink.cdata(Text { value, span: Span::new(start, self.at) });
        Ok(true)
    }

    /// XML 1.0 §2.6. The XML declaration was read before, so another `xml` here is refused.
    fn instruction(&mut self, sink: &mut impl Sink<'a>) -> Stepped {
        self.count()?;
        let start = self.at;
        let body = start + "<?".len();
        let after = class::name_end(self.text, body)
            .ok_or(Error::new(body, ErrorKind::Expected("the target of a processing instruction")))?;
        let target = &self.text[body..after];
        if target.eq_ignore_ascii_case("xml") {
            return Err(Error::new(
                start,
                ErrorKind::Expected(
                    "a target other than `xml`, as an XML declaration stands at the begin only",
                ),
            ));
        }
        let data = skip_space(self.text.as_bytes(), after);
        let end = self.find(after, "?>", "`?>`, the end of a processing instruction")?;
        if data == after && end != after {
            return Err(Error::new(after, ErrorKind::Expected("whitespace or `?>` after a target")));
        }
        self.at = end + "?>".len();
        let data = &self.text[data.min(end)..end];
        sink.instruction(Instruction { target, data, span: Span::new(start, self.at) });
        Ok(true)
    }

    /// The offset of the next `needle` from `from` on, with no forbidden character before it.
    fn find(&self, from: usize, needle: &str, expected: &'static str) -> Result<usize, Error> {
        let found = self.text[from..].find(needle);
        let end =
            found.map(|at| from + at).ok_or(Error::new(self.text.len(), ErrorKind::Expected(expected)))?;
        class::all_allowed(self.text.as_bytes(), from, end)?;
        Ok(end)
    }

    #[inline]
    fn count(&mut self) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Error::new(self.at, ErrorKind::TooManyNodes));
        }
        Ok(())
    }

    fn expected(&self, what: &'static str) -> Error {
        Error::new(self.at, ErrorKind::Expected(what))
    }
}
