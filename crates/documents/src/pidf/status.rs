//! The document of a simple presence source.

use core::fmt;

use xml::{push_attribute, push_text};

use super::names::{ACTIVITIES, DATA_MODEL, PIDF, RPID};

/// Whether a service can be reached, RFC 3863 §4.1.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basic {
    /// Ready to communicate.
    Open,
    /// Not able to.
    Closed,
}

impl Basic {
    /// As a document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// From what a document says.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "open" => Some(Self::Open),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}

impl fmt::Display for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a source with one service tells of its presentity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The URI of the presentity.
    pub entity: String,
    /// Names the service, and stays the same from one document to the next. An `xs:ID`, so a name without a colon.
    pub tuple_id: String,
    /// Whether the service can be reached.
    pub basic: Basic,
    /// The URI of the service.
    pub contact: Option<String>,
    /// A comment: on the person if there is an activity, on the presentity otherwise; RFC 4479 §5 reads both alike.
    pub note: Option<String>,
    /// An activity of RFC 4480 §3.2 by its name, such as `away`, `busy` or `meeting`; any other text is told as `other`.
    pub activity: Option<String>,
    /// When this became so, RFC 3339.
    pub timestamp: Option<String>,
}

impl Status {
    /// The least that can be told.
    pub fn new(entity: &str, tuple_id: &str, basic: Basic) -> Self {
        Self {
            entity: entity.to_owned(),
            tuple_id: tuple_id.to_owned(),
            basic,
            contact: None,
            note: None,
            activity: None,
            timestamp: None,
        }
    }

    /// The document, with its XML declaration (RFC 3863 §4.1).
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(512);
        self.print_root(&mut to);
        self.print_tuple(&mut to);
        match (&self.activity, &self.note) {
            (Some(activity), note) => self.print_person(&mut to, activity, note.as_deref()),
            (None, Some(note)) => element(&mut to, "note", note),
            (None, None) => {}
        }
        to.extend_from_slice(b"</presence>\n");
        to
    }

    fn print_root(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence");
        attribute(to, "xmlns", PIDF);
        if self.activity.is_some() {
            attribute(to, "xmlns:dm", DATA_MODEL);
            attribute(to, "xmlns:rpid", RPID);
        }
        attribute(to, "entity", &self.entity);
        to.extend_from_slice(b">\n");
    }

    fn print_tuple(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"<tuple");
        attribute(to, "id", &self.tuple_id);
        to.extend_from_slice(b"><status>");
        element(to, "basic", self.basic.as_str());
        to.extend_from_slice(b"</status>");
        if let Some(contact) = &self.contact {
            element(to, "contact", contact);
        }
        if let Some(timestamp) = &self.timestamp {
            element(to, "timestamp", timestamp);
        }
        to.extend_from_slice(b"</tuple>\n");
    }

    fn print_person(&self, to: &mut Vec<u8>, activity: &str, note: Option<&str>) {
        to.extend_from_slice(b"<dm:person");
        // Longer than the tuple's, so never the same.
        attribute(to, "id", &format!("p-{}", self.tuple_id));
        to.extend_from_slice(b"><rpid:activities>");
        if activity != "other" && ACTIVITIES.contains(&activity) {
            to.extend_from_slice(b"<rpid:");
            to.extend_from_slice(activity.as_bytes());
            to.extend_from_slice(b"/>");
        } else {
            element(to, "rpid:other", activity);
        }
        to.extend_from_slice(b"</rpid:activities>");
        if let Some(note) = note {
            element(to, "dm:note", note);
        }
        if let Some(timestamp) = &self.timestamp {
            element(to, "dm:timestamp", timestamp);
        }
        to.extend_from_slice(b"</dm:person>\n");
    }
}

fn attribute(to: &mut Vec<u8>, name: &str, value: &str) {
    to.push(b' ');
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"=\"");
    push_attribute(to, value);
    to.push(b'"');
}

fn element(to: &mut Vec<u8>, name: &str, text: &str) {
    to.push(b'<');
    to.extend_from_slice(name.as_bytes());
    to.push(b'>');
    push_text(to, text);
    to.extend_from_slice(b"</");
    to.extend_from_slice(name.as_bytes());
    to.push(b'>');
}
