//! A resource of others that is a list: its table (RFC 4662 §5.6), and what lists of ours are shown of it.

use std::borrow::Cow;
use std::sync::Arc;

use documents::pidf::{self, Presence};
use documents::resource_lists::Entry;
use documents::rlmi::{Aggregate, Held, Part, Row, State, Table};
use sip::MediaType;
use sip_stack::Timestamp;
use sip_stack::endpoint::Document;
use sip_stack::interest::Standing;

use super::{Backend, Known, Outbox, REFRESH, Reading};
use crate::aggregate;
use crate::roster::{Body, GIVEN_UP, Listed, Member, Shown};

/// A table is let grow to so many times the resources that are shown of it, for those that are over and still named.
const ROWS: usize = 4;

/// A reason that a server of others gives is passed on if it is no longer than this.
const REASON_MAX: usize = 32;

impl Backend {
    /// Takes a NOTIFY of a list. What was missed is asked for.
    pub(super) fn read_list(
        &mut self,
        now: Timestamp,
        document: &Document,
        reading: &Reading,
        out: &mut Outbox,
    ) -> Known {
        let mut is_readable = |media_type: &str, bytes: &[u8]| {
            let media_type = MediaType::parse(media_type);
            let is_pidf = media_type.is_ok_and(|media_type| media_type.is("application", "pidf+xml"));
            is_pidf && Presence::parse(bytes, &reading.xml).is_ok()
        };
        let read = aggregate::read(&document.content_type, &document.body, &reading.lists, &mut is_readable);
        let Ok(read) = read else {
            out.counts.unreadable += 1;
            self.ask_for_all(now);
            return self.table.as_ref().map_or(Known::Standing(Standing::Unknown), |_| self.known.clone());
        };
        out.counts.unreadable += unreadable(&read);
        let table = self.table.get_or_insert_default();
        if table.apply(read).refresh {
            self.ask_for_all(now);
        }
        let Some(table) = &self.table else { return Known::Standing(Standing::Unknown) };
        let (rows, octets) = measure(table);
        if rows > ROWS.saturating_mul(reading.entries) || octets > reading.octets {
            // The full state is smaller, perhaps: it names none that are over.
            out.counts.unreadable += 1;
            self.table = None;
            self.ask_for_all(now);
            return Known::Standing(Standing::Unknown);
        }
        let mut left = reading.entries;
        Known::List(Arc::new(listed(table, &mut left)))
    }

    fn ask_for_all(&mut self, now: Timestamp) {
        self.refresh_at = Some(now.max(self.refreshed_at + REFRESH));
    }

    /// Another subscription follows, whose versions begin anew. What is known stays until its first full state.
    pub(super) fn count_anew(&mut self) {
        self.heard.clear();
        if let Some(table) = &mut self.table {
            table.forget_version();
        }
    }
}

/// How many parts cannot be read.
fn unreadable(read: &Aggregate) -> u64 {
    let count = |part: &Part| match part {
        Part::Document(_) => 0,
        Part::List(within) => unreadable(within),
        Part::Unreadable => 1,
    };
    read.parts.values().map(count).sum()
}

/// How many rows a table has, and octets of documents.
fn measure(table: &Table) -> (usize, usize) {
    let held = table.rows().flat_map(|(_, row)| row.instances.values());
    held.fold((table.rows().len(), 0), |(rows, octets), held| {
        let (more_rows, more) = held.list.as_ref().map_or((0, 0), |list| measure(list));
        (rows + more_rows, octets + more + held.body.as_ref().map_or(0, |body| body.bytes.len()))
    })
}

/// What a table comes to, in so many resources.
fn listed(table: &Table, left: &mut usize) -> Listed {
    let mut members = Vec::new();
    for (uri, row) in table.rows() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let entry = Entry { uri: Arc::clone(uri), display_name: row.names.first().cloned() };
        members.push(Member { entry, known: known(row, left) });
    }
    let beyond = u32::try_from(table.rows().len() - members.len()).unwrap_or(u32::MAX);
    Listed { names: table.names().to_vec(), members, omitted: table.omitted().saturating_add(beyond) }
}

/// What is known of a resource: of several notifiers (RFC 4662 §5.5) the first that is active counts.
fn known(row: &Row, left: &mut usize) -> Option<crate::roster::Known> {
    let is_active = |held: &&Held| held.state == State::Active;
    let held = row.instances.values().find(is_active).or_else(|| row.instances.values().next())?;
    let shown = match (held.state, &held.list, &held.body) {
        (State::Active, Some(list), _) => return Some(crate::roster::Known::List(listed(list, left))),
        (State::Active, None, Some(body)) => {
            let media_type = match &*body.media_type {
                pidf::MEDIA_TYPE => Cow::Borrowed(pidf::MEDIA_TYPE),
                other => Cow::Owned(other.to_owned()),
            };
            Shown::Active(Body { media_type, bytes: Arc::clone(&body.bytes) })
        }
        (State::Active, None, None) => return None, // it cannot be read
        (State::Pending, ..) => Shown::Pending,
        (State::Terminated, ..) => {
            let reason = held.reason.as_deref().filter(|reason| reason.len() <= REASON_MAX);
            Shown::Terminated(reason.map_or(Cow::Borrowed(GIVEN_UP), |reason| Cow::Owned(reason.to_owned())))
        }
    };
    Some(crate::roster::Known::Shown(shown))
}
