//! What a SUBSCRIBE for changes asks for: which resources, and how changes are to be told.

use documents::resource_lists::{self, Member, ResourceLists};
use sip::{CodingError, EventHeader, MediaType, Message, Name};

use super::{Limits, OLD_PACKAGE, Refusal};

/// What the body of a SUBSCRIBE is, RFC 5875 §4.4.
pub(super) const LIST: &str = resource_lists::MEDIA_TYPE;

/// How changes of documents are told, RFC 5875 §4.3. From the simplest up: a notifier may choose a simpler one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// That there is another version.
    #[default]
    NoPatching,
    /// Every version, each by the patch that makes it from the one before.
    XcapPatching,
    /// The newest version, by one patch.
    Aggregate,
}

impl Mode {
    const ALL: [(Self, &str); 3] = [
        (Self::NoPatching, "no-patching"),
        (Self::XcapPatching, "xcap-patching"),
        (Self::Aggregate, "aggregate"),
    ];

    /// By the Event field; what we do not know is as simple as can be.
    fn of(event: &EventHeader<'_>) -> Self {
        let asked = event.params.get("diff-processing").unwrap_or_default();
        let known = Self::ALL.iter().find(|(_, name)| asked.eq_ignore_ascii_case(name));
        known.map_or(Self::NoPatching, |(mode, _)| *mode)
    }

    /// Its number in stored rows.
    pub(super) const fn number(self) -> u64 {
        self as u64
    }

    /// The mode with that number.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        Self::ALL.iter().map(|(mode, _)| *mode).find(|mode| mode.number() == number)
    }
}

/// What a subscription is to: the URIs as they were written, in order, or what the Request-URI itself names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How changes are told.
    pub mode: Mode,
    /// Each URI once; `None` if the request names none, and is about all documents of the user in its Request-URI.
    pub uris: Option<Vec<Box<str>>>,
}

impl Wish {
    /// Reads Event field and body. Of the list, only entries at its top count, RFC 5875 §4.4: what is nested or by
    /// reference is passed over.
    ///
    /// The old form (`ua-profile`) names one document in a parameter of the Event field and has no body. Of its other
    /// parameters none counts: `effective-by` asks for a time within which a device takes over its profile, and a change
    /// is told at once.
    ///
    /// `octets` bounds the body after unpacking.
    pub fn read(
        request: &Message<'_>,
        event: &EventHeader<'_>,
        limits: &Limits,
        octets: usize,
    ) -> Result<Self, Refusal> {
        if event.is(OLD_PACKAGE) {
            let document = event.params.get("document").map(unquoted);
            let uris = document.map(|document| vec![document.into_boxed_str()]);
            return Ok(Self { mode: Mode::NoPatching, uris });
        }
        let mode = Mode::of(event);
        if request.body().is_empty() {
            return Ok(Self { mode, uris: None });
        }
        let media = request.get(Name::ContentType).and_then(|value| MediaType::parse(value).ok());
        if !media.is_some_and(|media| media.is("application", "resource-lists+xml")) {
            return Err(Refusal::UnsupportedBody);
        }
        let coding = request.get(Name::ContentEncoding);
        let plain = sip::unpack(coding, request.body(), octets).map_err(|error| match error {
            CodingError::Unknown => Refusal::UnsupportedCoding,
            CodingError::TooLarge => Refusal::BodyTooLarge { max: octets },
            CodingError::Broken(_) => Refusal::BrokenBody(error.to_string()),
        })?;
        let document = ResourceLists::parse(&plain, &xml::Limits::default())
            .map_err(|error| Refusal::BrokenBody(error.to_string()))?;
        let members = document.lists.into_iter().flat_map(|list| list.members);
        let mut uris: Vec<Box<str>> = Vec::new();
        for entry in members.filter_map(|member| match member {
            Member::Entry(entry) => Some(entry),
            Member::List(_) | Member::EntryRef(_) | Member::External(_) => None,
        }) {
            if uris.iter().any(|known| **known == *entry.uri) {
                continue;
            }
            if uris.len() >= limits.resources {
                return Err(Refusal::TooManyResources { max: limits.resources });
            }
            uris.push((*entry.uri).into());
        }
        Ok(Self { mode, uris: Some(uris) })
    }
}

/// A parameter's value without its quotes, RFC 3261 §25.1.
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inside.len());
    let mut is_escaped = false;
    for character in inside.chars() {
        if character == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            text.push(character);
            is_escaped = false;
        }
    }
    text
}
