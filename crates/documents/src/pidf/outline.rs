//! What the components of a document are made of, child by child: for composing and for filtering.

use xml::{Limits, Scanner, Span, Start, Token, XML_NAMESPACE};

use super::index::trim;
use super::names::{DATA_MODEL, PIDF, RPID};
use super::presence::{Kind, Presence};
use super::reading::thousandths;
use crate::time;

/// RFC 4481 §5.
const TIMED_STATUS: &str = "urn:ietf:params:xml:ns:pidf:timed-status";
/// Elements of the OMA in presence documents.
const OMA_PRES: &str = "urn:oma:xml:prs:pidf:oma-pres";
/// The OMA's `until`, for its own elements.
const OMA_EXTENSIONS: &str = "urn:oma:xml:pde:pidf:ext";

/// The components of a document, and what else its root holds. Owns no bytes: spans are into the document's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The children of the root, one for each of [`Presence::elements`].
    pub components: Vec<Component>,
}

/// A child of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What it is.
    pub kind: Kind,
    /// Its start tag.
    pub start: Span,
    /// Its children, if it is a tuple, person or device.
    pub children: Vec<Child>,
    /// What it means, if it is none: [`Child::meaning`].
    pub meaning: String,
}

/// A child of a tuple, person or device; or of a `status` or `service-description` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name there.
    pub local: Box<str>,
    /// The whole element.
    pub span: Span,
    /// Its start tag.
    pub start: Span,
    /// Its own text, trimmed.
    pub text: Box<str>,
    /// Equal for elements that say the same, however prefixes, whitespace and the order of attributes are.
    pub meaning: String,
    /// When it holds.
    pub timing: Timing,
    /// The priority of a contact in thousandths; none, the lowest, for others and if out of range (RFC 3863 §4.1.5).
    pub priority: Option<u16>,
    /// The children of a `status` or `service-description`; empty for others.
    pub children: Vec<Self>,
}

/// When an element holds, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// Always.
    #[default]
    Always,
    /// From the one until the other, each if given: RFC 4480 §3.1, and `until` of the OMA.
    Within(Option<i64>, Option<i64>),
    /// Not from the one until the other: a status that is told ahead or afterwards, RFC 4481 §3.
    Outside(i64, Option<i64>),
}

impl Timing {
    /// Whether it holds at an instant.
    pub fn holds(self, now: i64) -> bool {
        let is_within = |from: Option<i64>, until: Option<i64>| {
            from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
        };
        match self {
            Self::Always => true,
            Self::Within(from, until) => is_within(from, until),
            Self::Outside(from, until) => !is_within(Some(from), until),
        }
    }

    /// The next instant after `now` at which it begins or ceases to hold.
    pub fn next_edge(self, now: i64) -> Option<i64> {
        let edges = match self {
            Self::Always => [None, None],
            Self::Within(from, until) => [from, until],
            Self::Outside(from, until) => [Some(from), until],
        };
        edges.into_iter().flatten().filter(|edge| *edge > now).min()
    }
}

impl Component {
    /// The first child of that name.
    pub fn child(&self, namespace: &str, local: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.is(namespace, local))
    }

    /// The text of its RPID class, RFC 4480 §3.3.
    pub fn class(&self) -> Option<&str> {
        self.child(RPID, "class").map(|class| &*class.text)
    }

    /// The URI of a service, RFC 3863 §4.1.5.
    pub fn contact(&self) -> Option<&str> {
        self.child(PIDF, "contact").map(|contact| &*contact.text)
    }

    /// The identifiers of a device, or of the devices of a service.
    pub fn device_ids(&self) -> impl Iterator<Item = &str> {
        self.children.iter().filter(|child| child.is(DATA_MODEL, "deviceID")).map(|child| &*child.text)
    }

    /// The OMA's description of a service: `service-id` and `version`.
    pub fn service(&self) -> Option<(&str, &str)> {
        let description = self.child(OMA_PRES, "service-description")?;
        let text = |local| {
            description
                .children
                .iter()
                .find(|child| child.is(OMA_PRES, local))
                .map_or("", |child| &*child.text)
        };
        Some((text("service-id"), text("version")))
    }
}

impl Child {
    /// Whether it has that name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        *self.local == *local && *self.namespace == *namespace
    }

    /// Whether it is the time at which its component was so.
    pub fn is_timestamp(&self) -> bool {
        *self.local == *"timestamp" && matches!(&*self.namespace, PIDF | DATA_MODEL)
    }

    /// Whether it is the URI of a service.
    pub fn is_contact(&self) -> bool {
        self.is(PIDF, "contact")
    }

    /// Whether it is a `service-description` of the OMA.
    pub fn is_service_description(&self) -> bool {
        self.is(OMA_PRES, "service-description")
    }
}

impl Outline {
    /// The spheres that hold now, RFC 4480 §3.11: each the text of a `sphere` of a person, or the name of what it holds.
    pub fn spheres(&self, now: i64) -> impl Iterator<Item = &str> {
        let persons = self.components.iter().filter(|component| component.kind == Kind::Person);
        let spheres = persons.flat_map(|person| &person.children).filter(|child| child.is(RPID, "sphere"));
        spheres.filter(move |sphere| sphere.timing.holds(now)).map(|sphere| {
            let within = sphere.children.first().map(|child| &*child.local);
            within.unwrap_or(&sphere.text)
        })
    }

    /// The next instant after `now` at which an element begins or ceases to hold.
    pub fn next_edge(&self, now: i64) -> Option<i64> {
        self.children().filter_map(|child| child.timing.next_edge(now)).min()
    }

    /// Whether every element holds now.
    pub fn holds(&self, now: i64) -> bool {
        self.children().all(|child| child.timing.holds(now))
    }

    fn children(&self) -> impl Iterator<Item = &Child> {
        let children = self.components.iter().flat_map(|component| &component.children);
        children.flat_map(|child| core::iter::once(child).chain(&child.children))
    }
}

impl Presence {
    /// What its components are made of. Reads the document again: once per change of it, not per watcher.
    pub fn outline(&self) -> Outline {
        self.read_outline(true)
    }

    /// The same without what children mean, for who does not compare them: half the time.
    pub fn shape(&self) -> Outline {
        self.read_outline(false)
    }

    fn read_outline(&self, with_meaning: bool) -> Outline {
        const ACCEPTED: &str = "the document was accepted before";
        let mut scanner = Scanner::new(self.bytes(), &Limits::NONE).expect(ACCEPTED);
        let kinds: Vec<Kind> = self.elements().map(|element| element.kind).collect();
        outline(&mut scanner, &kinds, with_meaning).expect(ACCEPTED)
    }
}

fn outline(scanner: &mut Scanner<'_>, kinds: &[Kind], with_meaning: bool) -> Result<Outline, xml::Error> {
    scanner.root()?;
    let root_language = language(scanner);
    let mut components = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let Some(start) = next(scanner, 1)? else { break };
        let language = language(scanner).or_else(|| root_language.clone()).unwrap_or_default();
        let language = with_meaning.then_some(&*language);
        let mut component =
            Component { kind: *kind, start: start.span, children: Vec::new(), meaning: String::new() };
        if matches!(kind, Kind::Note | Kind::Other) {
            component.meaning = child(scanner, &start, language)?.meaning;
        } else {
            while let Some(start) = next(scanner, 2)? {
                component.children.push(child(scanner, &start, language)?);
            }
        }
        components.push(component);
    }
    Ok(Outline { components })
}

/// The start of the next child of the element at `depth`; none at its end.
fn next<'a>(scanner: &mut Scanner<'a>, depth: usize) -> Result<Option<Start<'a>>, xml::Error> {
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(start) => return Ok(Some(start)),
            Token::End(_) if scanner.depth() < depth => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}

fn language(scanner: &Scanner<'_>) -> Option<String> {
    scanner.attribute(XML_NAMESPACE, "lang").map(|attribute| attribute.value.text().into_owned())
}

/// Reads an element up to its end. `language` is what it inherits; `None` if nobody asks what it means.
fn child(scanner: &mut Scanner<'_>, start: &Start<'_>, language: Option<&str>) -> Result<Child, xml::Error> {
    let namespace: Box<str> = start.name.namespace.text().into();
    let local: Box<str> = start.name.local.into();
    let timing = timing(scanner, &namespace, &local);
    let priority = scanner.attribute("", "priority").filter(|_| &*local == "contact");
    let priority = priority.and_then(|written| thousandths(&written.value.text()));
    let mut meaning = String::new();
    let with_meaning = language.is_some();
    if let Some(language) = language {
        meaning.push_str(language);
        open(scanner, start, &mut meaning);
    }
    let is_split = matches!(
        (&*namespace, &*local),
        (PIDF, "status") | (OMA_PRES, "service-description") | (RPID, "sphere")
    );
    let depth = scanner.depth();
    let mut children: Vec<Child> = Vec::new();
    let mut text = String::new();
    let span = loop {
        match scanner.pull()? {
            Some(Token::Start(start)) if is_split => {
                let child = child(scanner, &start, with_meaning.then_some(""))?;
                // A description is for people: services that differ in it alone are the same.
                if !child.is(OMA_PRES, "description") {
                    meaning.push_str(&child.meaning);
                }
                children.push(child);
            }
            Some(Token::Start(start)) if with_meaning => open(scanner, &start, &mut meaning),
            Some(Token::Start(_)) => {}
            Some(Token::Text(part) | Token::CData(part)) => {
                let part = part.value.text();
                if with_meaning {
                    meaning.push_str(trim(&part));
                }
                if scanner.depth() == depth {
                    text.push_str(&part);
                }
            }
            Some(Token::End(end)) => {
                if with_meaning {
                    meaning.push(CLOSE);
                }
                if scanner.depth() < depth {
                    break end.element;
                }
            }
            Some(Token::Comment(_) | Token::Instruction(_)) => {}
            None => break start.span,
        }
    };
    let text = trim(&text).into();
    Ok(Child { namespace, local, span, start: start.span, text, meaning, timing, priority, children })
}

/// Characters that no document has, so that no two meanings are one text.
const OPEN: char = '\u{1}';
const CLOSE: char = '\u{2}';
const NAME: char = '\u{3}';
const VALUE: char = '\u{4}';

fn open(scanner: &Scanner<'_>, start: &Start<'_>, meaning: &mut String) {
    meaning.push(OPEN);
    meaning.extend(start.name.namespace.characters());
    meaning.push(NAME);
    meaning.push_str(start.name.local);
    if scanner.attributes().len() == 0 {
        return;
    }
    let mut attributes: Vec<_> = scanner
        .attributes()
        .map(|attribute| (attribute.name.namespace.text(), attribute.name.local, attribute.value.text()))
        .collect();
    attributes.sort_unstable();
    for (namespace, local, value) in attributes {
        meaning.push(VALUE);
        meaning.push_str(&namespace);
        meaning.push(NAME);
        meaning.push_str(local);
        meaning.push(NAME);
        meaning.push_str(&value);
    }
}

/// What cannot be read as a time limits nothing.
fn timing(scanner: &Scanner<'_>, namespace: &str, local: &str) -> Timing {
    let instant = |namespace, local| {
        scanner.attribute(namespace, local).and_then(|attribute| time::millis(&attribute.value.text()))
    };
    let (from, until) = match namespace {
        RPID => (instant("", "from"), instant("", "until")),
        OMA_PRES => (None, instant(OMA_EXTENSIONS, "until")),
        TIMED_STATUS if local == "timed-status" => {
            let from = instant("", "from");
            return from.map_or(Timing::Always, |from| Timing::Outside(from, instant("", "until")));
        }
        _ => return Timing::Always,
    };
    if from.is_none() && until.is_none() { Timing::Always } else { Timing::Within(from, until) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(content: &str) -> Presence {
        let text = format!(
            "<presence xmlns='{PIDF}' xmlns:dm='{DATA_MODEL}' xmlns:r='{RPID}' xmlns:op='{OMA_PRES}' \
             xmlns:opd='{OMA_EXTENSIONS}' xmlns:ts='{TIMED_STATUS}' entity='sip:a@b'>{content}</presence>"
        );
        Presence::parse(text.as_bytes(), &Limits::default()).expect("a presence document")
    }

    #[test]
    fn the_parts_of_a_tuple_are_found() {
        let document = presence(
            "<tuple id='t'><status> <basic>open</basic></status><op:service-description>\
             <op:service-id>org:IM</op:service-id><op:version> 1.0</op:version><op:description>chat\
             </op:description></op:service-description><r:class>biz</r:class><dm:deviceID>urn:d</dm:deviceID>\
             <contact priority='0.8'> sip:a@b </contact></tuple><note>x</note>",
        );
        let outline = document.outline();
        let tuple = &outline.components[0];
        assert_eq!(tuple.contact(), Some("sip:a@b"));
        assert_eq!(tuple.class(), Some("biz"));
        assert_eq!(tuple.service(), Some(("org:IM", "1.0")));
        assert!(tuple.device_ids().eq(["urn:d"]));
        let status = &tuple.children[0];
        assert_eq!(&document.bytes()[status.children[0].span.range()], b"<basic>open</basic>");
        assert_eq!(&document.bytes()[tuple.children[4].start.range()], b"<contact priority='0.8'>");
        assert_eq!((outline.components.len(), outline.components[1].kind), (2, Kind::Note));
    }

    #[test]
    fn what_means_the_same_is_equal_however_it_is_written() {
        let meaning = |child: &str| {
            let text = format!("<dm:person id='p'>{child}</dm:person>");
            presence(&text).outline().components[0].children[0].meaning.clone()
        };
        let one = meaning("<r:mood a='1' b='2'><r:happy/><r:note>so&#32;so</r:note></r:mood>");
        let same = "<q:mood xmlns:q='urn:ietf:params:xml:ns:pidf:rpid' b='2' a='&#49;'>\n <q:happy></q:happy>\
                    <!-- no --><q:note> so so</q:note> </q:mood>";
        assert_eq!(one, meaning(same));
        for other in [
            "<r:mood a='1' b='2'><r:happy/><r:note>so so.</r:note></r:mood>",
            "<r:mood a='1' b='3'><r:happy/><r:note>so so</r:note></r:mood>",
            "<r:mood a='1'><r:happy/><r:note>so so</r:note></r:mood>",
            "<r:mood a='1' b='2'><r:happy><r:note>so so</r:note></r:happy></r:mood>",
            "<r:mood a='1' b='2' xml:lang='en'><r:happy/><r:note>so so</r:note></r:mood>",
        ] {
            assert_ne!(one, meaning(other), "{other}");
        }
        let service = |description: &str| {
            meaning(&format!(
                "<op:service-description><op:service-id>a</op:service-id>{description}</op:service-description>"
            ))
        };
        assert_eq!(service(""), service("<op:description>x</op:description>"));
        assert_ne!(service(""), service("<op:version>1</op:version>"));
    }

    #[test]
    fn spheres_and_times_are_read() {
        let document = presence(
            "<dm:person id='p'><r:sphere>work</r:sphere><r:sphere><r:home/></r:sphere>\
             <r:sphere until='1970-01-01T00:00:01Z'>past</r:sphere></dm:person>\
             <tuple id='t'><status/><op:willingness opd:until='1970-01-01T00:00:03Z'/>\
             <ts:timed-status from='1970-01-01T00:00:02Z'/></tuple>",
        );
        let outline = document.outline();
        assert!(outline.spheres(0).eq(["work", "home", "past"]));
        assert!(outline.spheres(1000).eq(["work", "home"]));
        assert!(outline.holds(0) && !outline.holds(1000));
        let mut edges = vec![0];
        while let Some(edge) = outline.next_edge(edges[edges.len() - 1]) {
            edges.push(edge);
        }
        assert_eq!(edges, [0, 1000, 2000, 3000]);
        let [_, willingness, timed] = &outline.components[1].children[..] else { panic!("three children") };
        assert_eq!(willingness.timing, Timing::Within(None, Some(3000)));
        assert_eq!([0, 1999, 2000].map(|now| timed.timing.holds(now)), [true, true, false]);
        assert_eq!(Timing::Within(Some(5), None).next_edge(5), None);
    }
}
