//! How a presentity is stored, and comes back.

use documents::pidf::Presence;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::bytes::{FieldReader, FieldWriter};
use sip_stack::compositor::{EntityTag, Publication};
use sip_stack::notifier::Subscription;

use super::{Numbers, Owed, Presentity, Terms, UNSETTLED, Watcher, id_of, item_of, rounded_up};
use crate::composition::compose;
use crate::outbox::{Item, Outbox, Stored, WatcherId};
use crate::rules::{Composed, Rules};

const PUBLICATION_FORMAT: u8 = 1;
const SUBSCRIPTION_FORMAT: u8 = 1;

impl Presentity {
    pub(super) fn keep_row(&self, index: usize, out: &mut Outbox) {
        let publication = &self.publications[index];
        let mut row = FieldWriter::new(
            PUBLICATION_FORMAT,
            self.aor.as_str().len() + publication.document.bytes().len() + 40,
        );
        row.bytes(self.aor.as_str().as_bytes());
        row.number(u64::from(publication.entity_tag.epoch)).number(publication.entity_tag.number);
        row.number(publication.changed_at.as_micros()).number(publication.expires_at.as_micros());
        row.bytes(publication.document.bytes());
        out.stored.push(Stored::Publication(publication.id, publication.expires_at, row.finish()));
    }

    /// The row of a publication that was removed: a mark without a document.
    pub(super) fn keep_mark(&self, id: u64, removed_at: Timestamp, until: Timestamp, out: &mut Outbox) {
        let mut row = FieldWriter::new(PUBLICATION_FORMAT, self.aor.as_str().len() + 40);
        row.bytes(self.aor.as_str().as_bytes());
        row.number(0).number(0).number(removed_at.as_micros()).number(until.as_micros()).bytes(&[]);
        out.stored.push(Stored::Publication(id, until, row.finish()));
    }

    pub(super) fn keep_watcher(&mut self, index: usize, out: &mut Outbox) {
        let Some(watcher) = self.watchers[index].as_deref() else { return };
        let Some(id) = watcher.row else { return };
        let mut row = FieldWriter::new(
            SUBSCRIPTION_FORMAT,
            self.aor.as_str().len() + watcher.subscription.stored_size(),
        );
        row.bytes(self.aor.as_str().as_bytes()).bytes(watcher.identity.as_str().as_bytes());
        watcher.subscription.store(&mut row);
        row.number(watcher.not_before.as_micros());
        out.stored.push(Stored::Subscription(id, watcher.subscription.expires_at(), row.finish()));
    }

    /// Puts a stored publication back. Gives when it, or its removal, was last changed.
    pub fn restore_publication(&mut self, id: u64, row: &[u8]) -> Option<Timestamp> {
        let mut fields = FieldReader::new(row, PUBLICATION_FORMAT)?;
        fields.text()?;
        let entity_tag = EntityTag { epoch: fields.small()?, number: fields.number()? };
        let changed_at = Timestamp::from_micros(fields.number()?);
        let expires_at = Timestamp::from_micros(fields.number()?);
        let body = fields.bytes()?;
        self.changed_at = self.changed_at.max(changed_at);
        if body.is_empty() {
            self.removed.push((id, expires_at));
            return Some(changed_at);
        }
        let document =
            Presence::parse(body, &xml::Limits { bytes: usize::MAX, ..xml::Limits::default() }).ok()?;
        let armed_at = Timestamp::NEVER;
        self.publications.push(Publication { id, entity_tag, changed_at, expires_at, armed_at, document });
        Some(changed_at)
    }

    /// Puts a stored subscription back. Gives its dialog's tag and its place.
    pub fn restore_subscription(
        &mut self,
        numbers: &mut Numbers,
        id: u64,
        row: &[u8],
    ) -> Option<(&Subscription, WatcherId)> {
        let mut fields = FieldReader::new(row, SUBSCRIPTION_FORMAT)?;
        fields.text()?;
        let identity = Aor::parse(fields.text()?).ok()?;
        let mut subscription = Subscription::restore(&mut fields)?;
        subscription.skip(numbers.lives_since(id));
        let not_before = Timestamp::from_micros(fields.number()?);
        let watcher = Box::new(Watcher {
            serial: numbers.serial(),
            row: Some(id),
            fetch: false,
            identity,
            subscription,
            told: 0,
            telling: None,
            owed: Owed::Nothing,
            queued: false,
            not_before,
            armed_at: Timestamp::NEVER,
        });
        let index = self.place(watcher);
        let watcher = self.watchers[index].as_deref().expect("placed above");
        Some((&watcher.subscription, id_of(index, watcher)))
    }

    /// The presentity that a row belongs to.
    pub fn owner_of(row: &[u8]) -> Option<Aor> {
        let format = *row.first()?;
        Aor::parse(FieldReader::new(row, format)?.text()?).ok()
    }

    /// Takes up work after all rows are back: what ran out meanwhile ends now, and watchers who may not have heard
    /// of the last change, or had no answer to their SUBSCRIBE, hear of it: all but those for whom both lie more than
    /// a short time before `stopped_at`, the newest change in any row.
    pub fn resume(&mut self, terms: &Terms<'_>, stopped_at: Timestamp, out: &mut Outbox) {
        self.composed = Composed::new(&compose(&self.aor, &self.publications));
        for index in 0..self.watchers.len() {
            let Some(watcher) = self.watchers[index].as_deref_mut() else { continue };
            let told_at = self.changed_at.max(watcher.not_before);
            let settled = told_at + UNSETTLED + terms.pace < stopped_at;
            let view = Rules::of(terms.policy, &self.aor).view(&self.composed, &watcher.identity);
            watcher.told = if settled { view.map_or(0, |view| view.fingerprint()) } else { 0 };
            watcher.armed_at = rounded_up(watcher.subscription.expires_at());
            out.deadlines.push((watcher.armed_at, Item::Watcher(id_of(index, watcher))));
            if !settled {
                self.owe(index, Owed::Change, out);
            }
        }
        for publication in &mut self.publications {
            publication.armed_at = rounded_up(publication.expires_at);
            out.deadlines.push((publication.armed_at, item_of(publication)));
        }
        for (row, until) in &self.removed {
            out.deadlines.push((rounded_up(*until), Item::Publication(*row)));
        }
        self.reauthorize(terms, out);
    }
}
