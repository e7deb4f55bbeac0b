//! How subscriptions are stored, and come back.

use core::num::NonZeroU64;

use super::{Condition, Outbox, Owed, Record, Slot, Stored, SubscriptionId, Subscriptions, Terms, UNSETTLED};
use crate::bytes::{FieldReader, FieldWriter};
use crate::notifier::Subscription;
use crate::numbers::Numbers;
use crate::time::Timestamp;

/// What a package keeps with each subscription, as far as it must outlive the process.
pub trait Kept: Sized {
    /// Writes it into the row.
    fn store(&self, row: &mut FieldWriter);
    /// Reads what [`Kept::store`] wrote.
    fn restore(row: &mut FieldReader<'_>) -> Option<Self>;
}

/// Rows without a role, all of one package; and without anything that the package keeps.
const FORMAT_WITHOUT_ROLE: u8 = 1;
/// Without a condition.
const FORMAT_WITHOUT_CONDITION: u8 = 2;
const FORMAT: u8 = 3;

/// A stored subscription, read as far as is needed to find its owner.
#[derive(Debug)]
pub struct StoredSubscription<'a> {
    /// Which machine it is for; `None` in rows from before there was a second one.
    pub role: Option<&'a str>,
    /// The name of its owner.
    pub owner: &'a str,
    format: u8,
    fields: FieldReader<'a>,
}

impl<'a> StoredSubscription<'a> {
    /// Reads the octets of a row.
    pub fn read(row: &'a [u8]) -> Option<Self> {
        let format = *row.first()?;
        let mut fields = FieldReader::new(row, format)?;
        let role = match format {
            FORMAT_WITHOUT_ROLE => None,
            FORMAT_WITHOUT_CONDITION | FORMAT => Some(fields.text()?),
            _ => return None,
        };
        Some(Self { role, owner: fields.text()?, format, fields })
    }

    /// The begin of a row that a package keeps beside its subscriptions, under a role of its own. `size` is a guess of the
    /// octets that follow.
    pub fn begin(role: &str, owner: &str, size: usize) -> FieldWriter {
        let mut row = FieldWriter::new(FORMAT, role.len() + owner.len() + size);
        row.bytes(role.as_bytes()).bytes(owner.as_bytes());
        row
    }

    /// What follows in such a row.
    pub fn into_fields(self) -> FieldReader<'a> {
        self.fields
    }
}

impl<T: Kept> Subscriptions<T> {
    /// Stores a subscription as it is: also to be called when what the package keeps with it is another.
    pub fn keep(&mut self, terms: &Terms<'_>, id: SubscriptionId, out: &mut Outbox) {
        if let Some(record) = self.record(id) {
            record.keep(terms, out);
        }
    }

    /// By what the package keeps with it, a subscriber is to be told something else from now on: stored, so that a restart
    /// soon after this tells it again.
    pub fn unsettle(&mut self, now: Timestamp, terms: &Terms<'_>, id: SubscriptionId, out: &mut Outbox) {
        if let Some(record) = self.record_mut(id) {
            record.not_before = record.not_before.max(now);
            record.keep(terms, out);
        }
    }

    /// Puts a stored subscription back. `row` is its row's number. Gives its name and itself.
    pub fn restore(
        &mut self,
        numbers: &mut Numbers,
        row: u64,
        mut stored: StoredSubscription<'_>,
        out: &mut Outbox,
    ) -> Option<(SubscriptionId, &Subscription)> {
        let mut subscription = Subscription::restore(&mut stored.fields)?;
        subscription.skip(numbers.lives_since(row));
        let not_before = Timestamp::from_micros(stored.fields.number()?);
        let unless = match stored.format {
            FORMAT => Condition::parse(stored.fields.text()?),
            _ => None,
        };
        let data = T::restore(&mut stored.fields)?;
        out.counts.came(subscription.state());
        let id = self.place(Record {
            subscription,
            row: NonZeroU64::new(row),
            unless,
            telling: None,
            not_before,
            told_at: Timestamp::ZERO,
            armed_at: Timestamp::NEVER,
            serial: numbers.serial(),
            owed: Owed::Nothing,
            word: false,
            queued: false,
            paced: false,
            fetch: false,
            data,
        });
        self.record(id).map(|record| (id, &record.subscription))
    }

    /// Takes up work after all rows are back, and the package knows what to say: subscribers who may not have heard of the
    /// last change, or had no answer to their SUBSCRIBE, hear of it: all but those for whom both lie more than a short time
    /// before `stopped_at`, the newest change in any row. `changed_at` is when last changed what a subscriber is told.
    ///
    /// What ran out meanwhile ends now. `know` is told of each whether it knows the state that there was.
    pub fn resume(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        changed_at: impl Fn(&T) -> Timestamp,
        stopped_at: Timestamp,
        out: &mut Outbox,
        mut know: impl FnMut(&Subscription, &mut T, bool),
    ) {
        let mut over = Vec::new();
        for (index, slot) in (0..).zip(&mut self.slots) {
            let Slot::Taken(record) = slot else { continue };
            let told_at = changed_at(&record.data).max(record.not_before);
            let settled = told_at + UNSETTLED + terms.pace < stopped_at;
            know(&record.subscription, &mut record.data, settled);
            record.armed_at = record.subscription.expires_at().next_quarter();
            let wake_up = (record.armed_at, record.id(index));
            if record.armed_at <= now { &mut over } else { &mut out.deadlines }.push(wake_up);
            if !settled {
                record.owed = record.owed.max(Owed::Change);
            }
            if record.owed != Owed::Nothing {
                record.queue(index, out);
            }
        }
        for (at, id) in over {
            self.due(now, at, id, out);
        }
    }
}

impl<T: Kept> Record<T> {
    pub(super) fn keep(&self, terms: &Terms<'_>, out: &mut Outbox) {
        let Some(id) = self.row else { return };
        let size = terms.role.len() + terms.owner.len() + self.subscription.stored_size();
        let mut row = FieldWriter::new(FORMAT, size);
        row.bytes(terms.role.as_bytes()).bytes(terms.owner.as_bytes());
        self.subscription.store(&mut row);
        row.number(self.not_before.as_micros());
        row.bytes(self.unless.map_or_else(String::new, Condition::text).as_bytes());
        self.data.store(&mut row);
        out.stored.push(Stored::Put(id.get(), self.subscription.expires_at(), row.finish()));
    }
}
