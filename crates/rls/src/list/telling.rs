//! Who is told what of a list, and when; what becomes of it.

use std::sync::Arc;

use sip_stack::Timestamp;
use sip_stack::notifier::{Outcome, State};
use sip_stack::subscriptions::{Content, Ended, Notify, Owed, Say, SubscriptionId};

use super::{List, Terms};
use crate::outbox::Outbox;
use crate::roster::Heading;

impl List {
    /// What to send to a subscriber now, decided at this moment from the state of this moment; it counts as sent. Its
    /// fields and body take `room` octets at most, see [`crate::roster::Roster::build`].
    ///
    /// `None` if there is nothing to say (any more), or it is too early.
    pub fn notify(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        room: usize,
        out: &mut Outbox,
    ) -> Option<Notify<'_>> {
        let Self { name, stored_name, names, secret, roster, awaited, subscriptions, changed_at, .. } = self;
        let (counts, told_of) = (&mut out.counts, &mut out.told);
        let room = room.saturating_sub(FIELDS);
        subscriptions.turn(now, &terms.subscriptions(stored_name), id, &mut out.subscriptions, |turn| {
            let device = turn.data;
            device.is_held = !awaited.is_empty() && now < device.held_until;
            let is_over = matches!(turn.subscription.state(), State::Terminated(_));
            let told = if is_over { device.told.anew() } else { device.told.clone() };
            if device.is_held {
                return Say::Later;
            }
            if !turn.word && !roster.owes(&told) {
                return Say::Nothing;
            }
            // One NOTIFY, one version, RFC 4662 §5.2: so both count on after a restart, and skip the same numbers.
            let version = turn.subscription.next_cseq() - 1;
            let secret = *secret ^ turn.subscription.dialog().local_tag().number;
            let boundary = format!("{secret:016x}.{version:x}");
            let heading = Heading { uri: &name.uri, names, version, boundary: &boundary, host: terms.host };
            let built = roster.build(&told, &heading, room);
            (device.telling, device.more) = (built.told, built.more);
            counts.notifies += 1;
            counts.resources_told += built.resources as u64;
            told_of.push(built.resources);
            counts.split += u64::from(built.more);
            let fields = format!("Require: eventlist\r\nContent-Type: {}\r\n", built.media_type);
            Say::This(
                Some(Arc::new(Content { fields: fields.into(), body: built.body.into(), entity_tag: None })),
                *changed_at,
            )
        })
    }

    /// The NOTIFY without an answer, to be sent again as it was.
    pub fn repeat(&self, id: SubscriptionId) -> Option<Notify<'_>> {
        self.subscriptions.repeat(id)
    }

    /// A NOTIFY has ended, RFC 6665 §4.2.2. Who could not be told is owed the full state; who was told all that fit is
    /// owed the rest at once.
    pub fn ended(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        id: SubscriptionId,
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        let changes = self.roster.changes();
        let ended = self.subscriptions.ended(
            now,
            &terms.subscriptions(&self.stored_name),
            id,
            outcome,
            &mut out.subscriptions,
        );
        match ended {
            Some(Ended::Delivered(device)) => {
                device.told = device.telling.clone();
                let edited = device.told.upto() == Some(changes) && device.edition != self.edition;
                if edited {
                    device.edition = self.edition;
                }
                // What changed after it was built waits for the end of the window; what did not fit does not.
                let (upto, more) = (device.told.upto(), device.more);
                if upto.is_none() || more {
                    self.subscriptions.owe(id, Owed::Word, &mut out.subscriptions);
                } else if upto != Some(changes) {
                    self.subscriptions.owe(id, Owed::Change, &mut out.subscriptions);
                }
                if edited {
                    let kept = terms.subscriptions(&self.stored_name);
                    self.subscriptions.keep(&kept, id, &mut out.subscriptions);
                }
                self.forget_what_is_told();
            }
            Some(Ended::Undelivered(device)) => device.told = device.telling.anew(), // it may have arrived
            Some(Ended::Removed(_)) | None => self.forget_what_is_told(),
        }
    }

    fn forget_what_is_told(&mut self) {
        let Self { subscriptions, roster, .. } = self;
        let told: Vec<_> = subscriptions.iter().map(|(_, _, device)| &device.told).collect();
        roster.forget(told.into_iter());
    }
}

/// The names of the fields that go with a body, and their line ends.
const FIELDS: usize = "Require: eventlist\r\nContent-Type: \r\n".len();
