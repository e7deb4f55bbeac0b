//! A presence document in one line.

use core::cmp::Reverse;
use core::fmt;

use super::presence::Presence;
use super::reading::{Note, Reading};
use super::status::Basic;
use crate::time;

/// What a roster shows of a presentity. Prints as one line without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Open if a tuple is open, closed if tuples say closed only, none if no tuple says anything.
    pub basic: Option<Basic>,
    /// The activities of all persons, each once.
    pub activities: Vec<String>,
    /// Comments, each once: on the persons, or if there are none on the presentity (RFC 4479 §5); then on tuples.
    pub notes: Vec<String>,
    /// The contact of highest priority among the tuples that have the overall status.
    pub contact: Option<String>,
    /// The latest timestamp, as written.
    pub timestamp: Option<String>,
}

impl Presence {
    /// What a roster shows. Reads the document again.
    pub fn summary(&self) -> Summary {
        let reading = self.read();
        let basic = overall(&reading);
        Summary {
            basic,
            activities: distinct(
                reading.persons.iter().flat_map(|person| &person.activities).map(AsRef::as_ref),
            ),
            notes: notes(&reading),
            contact: contact(&reading, basic),
            timestamp: latest(&reading),
        }
    }
}

fn overall(reading: &Reading<'_>) -> Option<Basic> {
    let mut said = reading.tuples.iter().filter_map(|tuple| tuple.basic);
    let first = said.next()?;
    Some(if first == Basic::Open || said.any(|basic| basic == Basic::Open) {
        Basic::Open
    } else {
        Basic::Closed
    })
}

fn notes(reading: &Reading<'_>) -> Vec<String> {
    let of_persons: Vec<&Note<'_>> = reading.persons.iter().flat_map(|person| &person.notes).collect();
    let of_presentity = if of_persons.is_empty() { reading.notes.as_slice() } else { &[] };
    let of_tuples = reading.tuples.iter().flat_map(|tuple| &tuple.notes);
    distinct(of_persons.into_iter().chain(of_presentity).chain(of_tuples).map(|note| note.text.as_ref()))
}

fn contact(reading: &Reading<'_>, basic: Option<Basic>) -> Option<String> {
    let fitting = reading.tuples.iter().filter(|tuple| tuple.basic == basic && tuple.contact.is_some());
    // The first of those with equal priority, so the key is reversed and the least taken.
    let best = fitting.min_by_key(|tuple| Reverse(tuple.priority.unwrap_or(0)))?;
    best.contact.as_ref().map(|contact| contact.clone().into_owned())
}

fn latest(reading: &Reading<'_>) -> Option<String> {
    let of_tuples = reading.tuples.iter().filter_map(|tuple| tuple.timestamp.as_ref());
    let of_persons = reading.persons.iter().filter_map(|person| person.timestamp.as_ref());
    let read = of_tuples.chain(of_persons).filter_map(|text| Some((time::millis(text)?, text)));
    read.max_by_key(|(millis, _)| *millis).map(|(_, text)| text.clone().into_owned())
}

/// The texts that are not empty, each where it stands first.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !text.is_empty() && !distinct.iter().any(|other| other == text) {
            distinct.push(text.to_owned());
        }
    }
    distinct
}

impl fmt::Display for Summary {
    /// `open, meeting "back at three" <sip:a@example.com> 2005-05-30T16:09:44Z`, without what is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.basic.map_or("unknown", Basic::as_str))?;
        for activity in &self.activities {
            write!(f, ", {}", OneLine(activity))?;
        }
        for note in &self.notes {
            write!(f, " \"{}\"", OneLine(note))?;
        }
        if let Some(contact) = &self.contact {
            write!(f, " <{}>", OneLine(contact))?;
        }
        if let Some(timestamp) = &self.timestamp {
            write!(f, " {}", OneLine(timestamp))?;
        }
        Ok(())
    }
}

/// Text from a stranger for a terminal: control characters, which might command it, become spaces.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0
            .chars()
            .try_for_each(|character| f.write_char(if character.is_control() { ' ' } else { character }))
    }
}
