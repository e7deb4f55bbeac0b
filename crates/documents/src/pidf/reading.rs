//! Reading what a document says, for people and their programs.

use std::borrow::Cow;

use xml::{Limits, Scanner, Start, Token, XML_NAMESPACE};

use super::index::{content, trim};
use super::names::{DATA_MODEL, PIDF, RPID};
use super::presence::Presence;
use super::status::Basic;

/// A service of the presentity, RFC 3863 §4.1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple<'a> {
    /// Distinguishes it from the other tuples of the presentity.
    pub id: Cow<'a, str>,
    /// Whether it can be reached; none if the tuple does not say.
    pub basic: Option<Basic>,
    /// The URI of the service.
    pub contact: Option<Cow<'a, str>>,
    /// In thousandths, 0 to 1000; none, the lowest, if absent or out of range (RFC 3863 §4.1.5).
    pub priority: Option<u16>,
    /// Comments on the tuple.
    pub notes: Vec<Note<'a>>,
    /// When its status changed, as written.
    pub timestamp: Option<Cow<'a, str>>,
}

/// What the person is and does, RFC 4479 §3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person<'a> {
    /// The occurrence identifier.
    pub id: Cow<'a, str>,
    /// RPID activities by name; the text itself for `other` (RFC 4480 §3.2).
    pub activities: Vec<Cow<'a, str>>,
    /// Comments on the person, those within activities included.
    pub notes: Vec<Note<'a>>,
    /// When it was so, as written.
    pub timestamp: Option<Cow<'a, str>>,
}

/// A comment for people, RFC 3863 §4.1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The comment.
    pub text: Cow<'a, str>,
    /// Its language (`xml:lang` on the note itself), RFC 5646.
    pub language: Option<Cow<'a, str>>,
}

/// All that is read here of one document.
#[derive(Debug, Default)]
pub(super) struct Reading<'a> {
    pub(super) tuples: Vec<Tuple<'a>>,
    pub(super) persons: Vec<Person<'a>>,
    pub(super) notes: Vec<Note<'a>>,
}

impl Presence {
    /// The tuples, in document order. Reads the document again: for watchers, not for the paths that are measured.
    pub fn tuples(&self) -> impl Iterator<Item = Tuple<'_>> {
        self.read().tuples.into_iter()
    }

    /// The persons, in document order. Reads the document again.
    pub fn persons(&self) -> impl Iterator<Item = Person<'_>> {
        self.read().persons.into_iter()
    }

    /// The comments on the presentity, in document order. Reads the document again.
    pub fn notes(&self) -> impl Iterator<Item = Note<'_>> {
        self.read().notes.into_iter()
    }

    pub(super) fn read(&self) -> Reading<'_> {
        const ACCEPTED: &str = "the document was accepted before";
        let mut reading = Reading::default();
        let mut scanner = Scanner::new(self.bytes(), &Limits::NONE).expect(ACCEPTED);
        while let Some(token) = scanner.pull().expect(ACCEPTED) {
            if let Token::Start(start) = token
                && scanner.depth() == 2
            {
                reading.child(&mut scanner, &start).expect(ACCEPTED);
            }
        }
        reading
    }
}

impl<'a> Reading<'a> {
    fn child(&mut self, scanner: &mut Scanner<'a>, start: &Start<'a>) -> Result<(), xml::Error> {
        if start.name.is(PIDF, "tuple") {
            self.tuples.push(tuple(scanner)?);
        } else if start.name.is(PIDF, "note") {
            self.notes.push(note(scanner)?);
        } else if start.name.is(DATA_MODEL, "person") {
            self.persons.push(person(scanner)?);
        } else {
            scanner.skip()?;
        }
        Ok(())
    }
}

fn tuple<'a>(scanner: &mut Scanner<'a>) -> Result<Tuple<'a>, xml::Error> {
    let id = id(scanner);
    let mut tuple =
        Tuple { id, basic: None, contact: None, priority: None, notes: Vec::new(), timestamp: None };
    while let Some(start) = child(scanner, 2)? {
        match start.name.local {
            _ if start.name.namespace != *PIDF => skip(scanner)?,
            "status" => tuple.basic = basic(scanner)?,
            "contact" => {
                tuple.priority =
                    scanner.attribute("", "priority").and_then(|written| thousandths(&written.value.text()));
                tuple.contact = Some(trimmed(content(scanner)?.unwrap_or_default()));
            }
            "note" => tuple.notes.push(note(scanner)?),
            "timestamp" => tuple.timestamp = content(scanner)?.map(trimmed),
            _ => skip(scanner)?,
        }
    }
    Ok(tuple)
}

fn basic(scanner: &mut Scanner<'_>) -> Result<Option<Basic>, xml::Error> {
    let mut basic = None;
    while let Some(start) = child(scanner, 3)? {
        if start.name.is(PIDF, "basic") {
            basic = content(scanner)?.and_then(|text| Basic::read(trim(&text)));
        } else {
            skip(scanner)?;
        }
    }
    Ok(basic)
}

fn person<'a>(scanner: &mut Scanner<'a>) -> Result<Person<'a>, xml::Error> {
    let id = id(scanner);
    let mut person = Person { id, activities: Vec::new(), notes: Vec::new(), timestamp: None };
    while let Some(start) = child(scanner, 2)? {
        if start.name.is(RPID, "activities") {
            activities(scanner, &mut person)?;
        } else if start.name.is(DATA_MODEL, "note") {
            person.notes.push(note(scanner)?);
        } else if start.name.is(DATA_MODEL, "timestamp") {
            person.timestamp = content(scanner)?.map(trimmed);
        } else {
            skip(scanner)?;
        }
    }
    Ok(person)
}

fn activities<'a>(scanner: &mut Scanner<'a>, person: &mut Person<'a>) -> Result<(), xml::Error> {
    while let Some(start) = child(scanner, 3)? {
        match start.name.local {
            "note" if start.name.namespace == *RPID => person.notes.push(note(scanner)?),
            "other" if start.name.namespace == *RPID => {
                person.activities.push(content(scanner)?.map(trimmed).unwrap_or_default());
            }
            name => {
                person.activities.push(Cow::Borrowed(name));
                skip(scanner)?;
            }
        }
    }
    Ok(())
}

fn note<'a>(scanner: &mut Scanner<'a>) -> Result<Note<'a>, xml::Error> {
    let language = scanner.attribute(XML_NAMESPACE, "lang").map(|language| language.value.text());
    Ok(Note { text: content(scanner)?.map(trimmed).unwrap_or_default(), language })
}

/// The start of the next child of the element at `depth`; none at the end of that element.
fn child<'a>(scanner: &mut Scanner<'a>, depth: usize) -> Result<Option<Start<'a>>, xml::Error> {
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(start) => return Ok(Some(start)),
            Token::End(_) if scanner.depth() < depth => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}

fn skip(scanner: &mut Scanner<'_>) -> Result<(), xml::Error> {
    scanner.skip().map(|_| ())
}

fn id<'a>(scanner: &Scanner<'a>) -> Cow<'a, str> {
    scanner.attribute("", "id").map(|id| id.value.text()).unwrap_or_default()
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
        Cow::Owned(text) => Cow::Owned(trim(&text).to_owned()),
    }
}

/// A priority in thousandths; none if out of range or with more than three digits, RFC 3863 §4.1.5.
pub(super) fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = trim(text).split_once('.').unwrap_or((trim(text), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction =
        fraction.bytes().zip([100, 10, 1]).map(|(digit, place)| u16::from(digit - b'0') * place).sum();
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_read_in_thousandths() {
        let cases = [
            ("0", Some(0)),
            ("0.021", Some(21)),
            ("0.5", Some(500)),
            ("1.00", Some(1000)),
            ("1.", Some(1000)),
        ];
        for (text, expected) in cases {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        for text in ["2", "1.001", "0.0215", "-0.5", "", ".5", "01"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }
}
