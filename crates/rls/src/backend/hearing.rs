//! What a back-end subscription tells its lists of what it hears.

use std::borrow::Cow;
use std::sync::Arc;

use documents::pidf::Presence;
use sip_stack::Timestamp;
use sip_stack::endpoint::{Document, Failure};
use sip_stack::interest::Standing;
use sip_stack::notifier::Reason;
use sip_stack::subscriber::{Notice, Report, State, Termination};
use sip_stack::subscriptions::Content;

use super::{BURST, Backend, Heard, Known, Outbox, PACE, Reading};
use crate::aggregate::is_list;

impl Backend {
    pub(super) fn hear(&mut self, now: Timestamp, report: Report, out: &mut Outbox) {
        match report {
            Report::Notice(notice) => self.notice(now, notice, out),
            // It lives on: what was shown of it holds.
            Report::Retrying { live: true, .. } => {}
            // One that is made anew at once need not be missed by anybody.
            Report::Retrying { at, .. } | Report::Resubscribing { at } if at <= now => self.count_anew(),
            Report::Retrying { .. } | Report::Resubscribing { .. } => {
                self.forget();
                self.show(now, Standing::Terminated(Reason::Probation), out); // RFC 4662 §4.5
            }
            Report::Over(why) => match reason(&why) {
                Some(reason) => self.over(now, reason, out),
                // What is known stays true for ever, RFC 6665 §4.1.3.
                None if why == invariant() => self.over_at = now,
                None if self.askers.is_empty() => {}
                // A list has asked while it was being ended, or it shall be another: what is shown holds until more is known.
                None => {
                    self.count_anew();
                    self.begin(now, out);
                }
            },
        }
    }

    fn notice(&mut self, now: Timestamp, notice: Notice, out: &mut Outbox) {
        let Notice { state, reason, document } = notice;
        match state {
            State::Pending => {
                self.forget();
                self.show(now, Standing::Pending, out);
            }
            State::Active => self.put(Heard(document), out),
            State::Terminated => {
                let is_invariant = reason.is_some_and(|reason| reason.eq_ignore_ascii_case(INVARIANT));
                if is_invariant && document.is_some() {
                    self.put(Heard(document), out);
                }
            }
        }
    }

    /// The latest document counts. Those of a list count in their order, as each tells of what the others do not.
    fn put(&mut self, heard: Heard, out: &mut Outbox) {
        let follows = |heard: &Heard| heard.0.as_ref().is_some_and(|one| is_list(&one.content_type));
        let follows = follows(&heard) && self.heard.back().is_some_and(follows) && self.heard.len() < BURST;
        if !follows {
            out.counts.coalesced += self.heard.len() as u64;
            self.heard.clear();
        }
        self.heard.push_back(heard);
    }

    /// Looks at what was heard, if it is time. What cannot be read is not shown: a resource whose state is not known
    /// has no instance (RFC 4662 §4.5), as one that is active must have a body (§5.5).
    pub(super) fn read(&mut self, now: Timestamp, reading: &Reading, out: &mut Outbox) {
        if now < self.read_at || self.heard.is_empty() {
            return;
        }
        self.read_at = now + PACE;
        let mut known = None;
        for Heard(document) in core::mem::take(&mut self.heard) {
            known = Some(match document {
                Some(document) if self.manner.lists && is_list(&document.content_type) => {
                    self.read_list(now, &document, reading, out)
                }
                document => Known::Standing(self.read_document(document, reading, out)),
            });
        }
        if let Some(known) = known {
            self.show_known(now, known, out);
        }
    }

    fn read_document(&mut self, document: Option<Document>, reading: &Reading, out: &mut Outbox) -> Standing {
        self.table = None;
        match document.filter(|document| Presence::parse(&document.body, &reading.xml).is_ok()) {
            Some(Document { body, .. }) => {
                Standing::Active(Arc::new(Content { fields: Cow::Borrowed(FIELDS), body, entity_tag: None }))
            }
            None => {
                out.counts.unreadable += 1;
                Standing::Unknown
            }
        }
    }
}

/// The lines that go with a document of presence.
const FIELDS: &str = "Content-Type: application/pidf+xml\r\n";

const INVARIANT: &str = "invariant";

fn invariant() -> Termination {
    Termination::Ended { reason: INVARIANT.to_owned() }
}

/// Why a list is told that it is over for good; none if it is not, or we wanted it so.
fn reason(why: &Termination) -> Option<Reason> {
    match why {
        Termination::Unsubscribed | Termination::Fetched => None,
        Termination::Ended { reason } if reason == INVARIANT => None,
        Termination::Ended { reason } if reason == Reason::NoResource.as_str() => Some(Reason::NoResource),
        Termination::Ended { .. } => Some(Reason::Rejected),
        Termination::Failed(failure) => Some(match failure {
            Failure::Refused { status: 404 | 410 | 416 | 484 | 485 | 604, .. } => Reason::NoResource,
            Failure::Refused { status: 403 | 603, .. } | Failure::WrongPassword | Failure::Unanswerable => {
                Reason::Rejected
            }
            Failure::Refused { .. }
            | Failure::Unavailable { .. }
            | Failure::TimedOut
            | Failure::Untold
            | Failure::Unreachable => Reason::Giveup,
        }),
    }
}
