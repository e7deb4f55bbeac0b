//! Composed documents: elements of several documents under one root.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use xml::{Span, StartTag, push_attribute};

use super::index::{Entry, Index, Text};
use super::names::PIDF;
use super::presence::{Element, Presence};

/// Prints a composed document.
///
/// The default namespace of its root is PIDF. Other declarations of the documents that the elements come from move to
/// the new root, first come, first served; where a prefix is taken for another namespace, or the root has sixteen
/// declarations already, they go to the start tag of the element. So an element stays byte exact unless it needs a
/// declaration or an `xml:lang` that its old root had and the new one has not, or is given another `id`. Whitespace and
/// comments between elements are not kept.
///
/// What comes out is a valid input to [`Presence::parse`], given limits that it keeps: a composed document may be
/// larger than each of its parts.
#[derive(Clone, Debug)]
pub struct Builder {
    /// The root's start tag, without its `>`.
    head: Vec<u8>,
    /// Declarations in `head`: the names, and the values with their quotes.
    declared: Vec<(Span, Span)>,
    body: Vec<u8>,
    /// Spans into `body`, but for the entity.
    index: Index,
    /// All ids, once they are many, each with the suffix to try when it is given again.
    ids: HashMap<Box<str>, u32>,
    /// Only declarations that an element uses come along with it.
    sparing: bool,
}

/// A child of a tuple, person or device that is put together of parts, see [`Builder::assemble`].
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The component that it comes from, which gives meaning to its prefixes.
    pub owner: Element<'a>,
    /// The element, from `<` to `>`.
    pub bytes: Cow<'a, [u8]>,
}

/// A document without any element: nothing is known of the presentity. RFC 3863 §4.1.1 allows it.
pub fn empty(entity: &str) -> Presence {
    Builder::new(entity).finish()
}

impl Builder {
    /// A document about `entity`, without elements so far.
    pub fn new(entity: &str) -> Self {
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"");
        head.extend_from_slice(PIDF.as_bytes());
        head.extend_from_slice(b"\" entity=\"");
        let mut index = Index::default();
        index.entity = write_text(&mut head, entity, &mut index);
        head.push(b'"');
        Self {
            head,
            declared: Vec::new(),
            body: Vec::with_capacity(1024),
            index,
            ids: HashMap::new(),
            sparing: false,
        }
    }

    /// A document about `entity` that declares no namespace but those that its elements use: for who may not even know
    /// that there are others.
    pub fn sparing(entity: &str) -> Self {
        Self { sparing: true, ..Self::new(entity) }
    }

    /// Appends a component put together of parts, in this order: `start` is its start tag, made of the one of `frame`,
    /// with its `id` or without. A part of another component brings along what it inherits there. `id` as for
    /// [`Builder::element`].
    pub fn assemble(
        &mut self,
        frame: &Element<'_>,
        start: &[u8],
        parts: &[Part<'_>],
        id: Option<&str>,
    ) -> &mut Self {
        let bytes = wrapped(frame, start, parts);
        let bare = frame.bare || parts.iter().any(|part| part.owner.bare);
        self.element(&Element { bytes: &bytes, bare, ..*frame }, id)
    }

    /// Appends an element. `id` replaces the one it has, if it has one.
    ///
    /// Two elements never share an id: one that is taken already gets a suffix, `.2` or higher. Who wants ids that
    /// stay the same from one document to the next should therefore give distinct ones.
    pub fn element(&mut self, element: &Element<'_>, id: Option<&str>) -> &mut Self {
        let id = element.id.map(|own| self.free(id.unwrap_or(own)));
        let new_id = id.as_deref().filter(|id| element.id != Some(id));
        let additions = self.additions(element);
        let start = self.body.len();
        let tag = StartTag::new(element.bytes);
        let name_end = tag.name().range().end;
        self.body.extend_from_slice(&element.bytes[..name_end]);
        for (name, quoted) in additions {
            self.body.push(b' ');
            self.body.extend_from_slice(name);
            self.body.push(b'=');
            self.body.extend_from_slice(quoted);
        }
        let kept = match &id {
            Some(id) => {
                let old = tag.pairs().find(|pair| &element.bytes[pair.name.range()] == b"id");
                let old = old.expect("an element with an id has the attribute").value.range();
                self.body.extend_from_slice(&element.bytes[name_end..old.start]);
                let text = match new_id {
                    Some(new) => write_text(&mut self.body, new, &mut self.index),
                    None => self.copy_id(id, &element.bytes[old.clone()]),
                };
                self.body.extend_from_slice(&element.bytes[old.end..]);
                Some(text)
            }
            None => {
                self.body.extend_from_slice(&element.bytes[name_end..]);
                None
            }
        };
        let span = Span::new(start, self.body.len());
        self.index.entries.push(Entry::Child { kind: element.kind, span, id: kept, bare: element.bare });
        self.body.push(b'\n');
        self
    }

    /// The document. Never fails: what it is made of was accepted before.
    pub fn finish(self) -> Presence {
        let Self { mut head, declared, body, mut index, .. } = self;
        head.extend_from_slice(b">\n");
        let before = head.len();
        head.extend_from_slice(&body);
        head.extend_from_slice(b"</presence>\n");
        for entry in &mut index.entries {
            if let Entry::Child { span, id, .. } = entry {
                *span = span.shifted(before);
                if let Some(id) = id.as_mut().filter(|id| !id.is_decoded) {
                    id.span = id.span.shifted(before);
                }
            }
        }
        let inherited = declared.into_iter().map(|(name, quoted)| Entry::Inherited {
            name,
            value: Span { start: quoted.start + 1, end: quoted.end - 1 },
        });
        index.entries.splice(0..0, default_declaration(&head).into_iter().chain(inherited));
        Presence::new(Arc::from(head), index)
    }

    /// Attributes that the start tag of an element needs here, as its old root had them and the new one has not.
    fn additions<'a>(&mut self, element: &Element<'a>) -> Vec<(&'a [u8], &'a [u8])> {
        let mut additions: Vec<(&[u8], &[u8])> = Vec::new();
        let mut has_default = false;
        let used = self.sparing.then(|| prefixes(element.bytes));
        for (name, quoted) in element.document.inherited() {
            if let (Some(used), Some(prefix)) = (&used, name.strip_prefix(b"xmlns:"))
                && !used.contains(prefix)
            {
                continue;
            }
            let missing = if name == b"xmlns" {
                has_default = true;
                within_quotes(quoted) != PIDF.as_bytes()
            } else {
                !name.starts_with(b"xmlns:") || !self.declare(name, quoted)
            };
            if missing {
                additions.push((name, quoted));
            }
        }
        if !has_default && element.bare {
            additions.push((b"xmlns", b"\"\""));
        }
        if !additions.is_empty() {
            let tag = StartTag::new(element.bytes);
            additions.retain(|(name, _)| tag.pairs().all(|pair| &element.bytes[pair.name.range()] != *name));
        }
        additions
    }

    /// Whether a declaration holds at the root, where it is added if there is room.
    fn declare(&mut self, name: &[u8], quoted: &[u8]) -> bool {
        const MOST: usize = 16;
        if let Some((_, value)) =
            self.declared.iter().find(|(declared, _)| &self.head[declared.range()] == name)
        {
            return within_quotes(&self.head[value.range()]) == within_quotes(quoted);
        }
        if self.declared.len() >= MOST {
            return false;
        }
        self.head.extend_from_slice(b"\n  ");
        let start = self.head.len();
        self.head.extend_from_slice(name);
        let name = Span::new(start, self.head.len());
        self.head.push(b'=');
        let start = self.head.len();
        self.head.extend_from_slice(quoted);
        self.declared.push((name, Span::new(start, self.head.len())));
        true
    }

    /// `id`, or what it becomes if it is taken.
    fn free<'a>(&mut self, id: &'a str) -> Cow<'a, str> {
        let Self { body, index, ids, .. } = self;
        let given = || {
            index.entries.iter().filter_map(|entry| match entry {
                Entry::Child { id, .. } => id.map(|id| index.text(body, id)),
                Entry::Inherited { .. } => None,
            })
        };
        if index.entries.len() < FEW {
            return suffixed(id, 2, |free| given().any(|other| other == free)).0;
        }
        if ids.is_empty() {
            ids.extend(given().map(|id| (Box::from(id), 2)));
        }
        let first = ids.get(id).copied().unwrap_or(2);
        let (free, next) = suffixed(id, first, |free| ids.contains_key(free));
        ids.insert(free.as_ref().into(), 2);
        // What was tried once is taken for good, so the next search goes on from here.
        ids.insert(id.into(), next);
        free
    }

    /// Copies an id as it was written; `meant` is what it means.
    fn copy_id(&mut self, meant: &str, written: &[u8]) -> Text {
        let start = self.body.len();
        self.body.extend_from_slice(written);
        if written == meant.as_bytes() {
            Text { span: Span::new(start, self.body.len()), is_decoded: false }
        } else {
            self.index.keep_decoded(meant)
        }
    }
}

/// From how many elements on ids are kept in a map; fewer are compared one by one.
const FEW: usize = 32;

/// An element put together of parts: `start` is its start tag, that of `frame` or of a child of it. A part of another
/// component brings along what it inherits there.
pub fn wrapped(frame: &Element<'_>, start: &[u8], parts: &[Part<'_>]) -> Vec<u8> {
    let mut bytes = start.strip_suffix(b"/>").or(start.strip_suffix(b">")).unwrap_or(start).to_vec();
    bytes.push(b'>');
    for part in parts {
        adopted(frame, part, &mut bytes);
    }
    bytes.extend_from_slice(b"</");
    bytes.extend_from_slice(&start[StartTag::new(start).name().range()]);
    bytes.push(b'>');
    bytes
}

/// Writes a part, with what it inherits where it comes from and would not inherit, or inherit otherwise, in `frame`.
fn adopted(frame: &Element<'_>, part: &Part<'_>, into: &mut Vec<u8>) {
    let tag = StartTag::new(&part.bytes);
    let name_end = tag.name().range().end;
    into.extend_from_slice(&part.bytes[..name_end]);
    let is_at_home = core::ptr::eq(frame.bytes, part.owner.bytes);
    if !is_at_home {
        let used = prefixes(&part.bytes);
        let is_own = |name: &[u8]| tag.pairs().any(|pair| &part.bytes[pair.name.range()] == name);
        let mut add = |name: &[u8], value: &[u8]| {
            if !is_own(name) {
                into.push(b' ');
                into.extend_from_slice(name);
                into.push(b'=');
                into.extend_from_slice(value);
            }
        };
        let (here, there) = (inherited(frame), inherited(&part.owner));
        for (name, value) in &there {
            let is_needed = name.strip_prefix(b"xmlns:").is_none_or(|prefix| used.contains(prefix));
            let holds_here = here.get(name).is_some_and(|here| within_quotes(here) == within_quotes(value));
            if is_needed && !holds_here {
                add(name, value);
            }
        }
        for name in here.keys().filter(|name| !there.contains_key(*name)) {
            match *name {
                b"xmlns" | b"xml:lang" | b"xml:base" => add(name, b"\"\""),
                b"xml:space" => add(name, b"\"default\""),
                _ => {} // a prefix that the part does not know does it no harm
            }
        }
    }
    into.extend_from_slice(&part.bytes[name_end..]);
}

/// What a component hands down to its children, by name: from the root of its document, and from its own start tag.
fn inherited<'a>(component: &Element<'a>) -> BTreeMap<&'a [u8], &'a [u8]> {
    let mut inherited: BTreeMap<&[u8], &[u8]> = component.document.inherited().collect();
    for pair in StartTag::new(component.bytes).pairs() {
        let name = &component.bytes[pair.name.range()];
        if name == b"xmlns" || name.starts_with(b"xmlns:") || name.starts_with(b"xml:") {
            let quoted = pair.value.range().start - 1..pair.value.range().end + 1;
            inherited.insert(name, &component.bytes[quoted]);
        }
    }
    inherited
}

/// Whatever stands before a colon: all prefixes that are used, in names or in values, and some that are none.
fn prefixes(bytes: &[u8]) -> BTreeSet<&[u8]> {
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') || !byte.is_ascii();
    let mut prefixes = BTreeSet::new();
    let mut before = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b':' && before < at {
            prefixes.insert(&bytes[before..at]);
        }
        if !is_name(byte) {
            before = at + 1;
        }
    }
    prefixes
}

fn within_quotes(quoted: &[u8]) -> &[u8] {
    &quoted[1..quoted.len() - 1]
}

/// `id` if it is not taken, or else with the first free suffix from `number` on; and the suffix to try next.
fn suffixed(id: &str, mut number: u32, is_taken: impl Fn(&str) -> bool) -> (Cow<'_, str>, u32) {
    let mut free = Cow::Borrowed(id);
    while is_taken(&free) {
        free = Cow::Owned(format!("{id}.{number}"));
        number += 1;
    }
    (free, number)
}

/// Writes an attribute value, and remembers where, or what it means if it must be written otherwise.
fn write_text(into: &mut Vec<u8>, text: &str, index: &mut Index) -> Text {
    let start = into.len();
    push_attribute(into, text);
    if &into[start..] == text.as_bytes() {
        Text { span: Span::new(start, into.len()), is_decoded: false }
    } else {
        index.keep_decoded(text)
    }
}

/// Where [`Builder::new`] has put the declaration of the default namespace.
fn default_declaration(head: &[u8]) -> Option<Entry> {
    let name = head.windows(5).position(|window| window == b"xmlns")?;
    let value = name + "xmlns=\"".len();
    Some(Entry::Inherited {
        name: Span::new(name, name + "xmlns".len()),
        value: Span::new(value, value + PIDF.len()),
    })
}
