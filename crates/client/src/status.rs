//! What a user says about their presence.

use documents::pidf::{self, Basic};
use sip_stack::Timestamp;
use sip_stack::endpoint::Document;

use crate::Identity;

/// What is published: reachable or not, and what the user does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the user can be reached.
    pub basic: Basic,
    /// A comment for people.
    pub note: Option<String>,
    /// An activity of RFC 4480 §3.2 by its name: `away`, `busy`, `meeting` ...
    pub activity: Option<String>,
    /// Since when. Without it the document bears no time, and its age is not known.
    pub since: Option<Timestamp>,
}

impl Status {
    /// The least that can be said.
    pub fn new(basic: Basic) -> Self {
        Self { basic, note: None, activity: None, since: None }
    }

    /// The document; `tuple_id` stays the same for one source.
    pub(crate) fn document(&self, identity: &Identity, tuple_id: &str) -> Document {
        let status = pidf::Status {
            entity: identity.entity(),
            tuple_id: tuple_id.to_owned(),
            basic: self.basic,
            contact: (self.basic == Basic::Open).then(|| identity.aor().as_str().to_owned()),
            note: self.note.clone(),
            activity: self.activity.clone(),
            timestamp: self.since.map(crate::commands::time::date_time),
        };
        Document { content_type: pidf::MEDIA_TYPE.to_owned(), body: status.print().into() }
    }
}
