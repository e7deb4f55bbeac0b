//! How list subscriptions are stored, and come back.

use std::sync::Arc;

use documents::resource_lists::{Entry, Name};
use sip::Aor;
use sip_stack::bytes::{FieldReader, FieldWriter};
use sip_stack::notifier::Subscription;
use sip_stack::subscriptions::{Kept, Owed, StoredSubscription, SubscriptionId, UNSETTLED};
use sip_stack::{Numbers, Timestamp};

use super::{Device, List, Terms};
use crate::members::Members;
use crate::outbox::Outbox;
use crate::roster::Told;

impl List {
    /// Puts a stored subscription back. Gives its name, and itself.
    pub fn restore_subscription(
        &mut self,
        numbers: &mut Numbers,
        row: u64,
        stored: StoredSubscription<'_>,
        out: &mut Outbox,
    ) -> Option<(SubscriptionId, &Subscription)> {
        let restored = self.subscriptions.restore(numbers, row, stored, &mut out.subscriptions)?;
        let identities = restored.1.identities().filter_map(|identity| Aor::parse(identity).ok());
        self.identities = identities.collect();
        Some(restored)
    }

    /// The list that the request contained, if one did.
    fn contained(&self) -> Option<Arc<[Entry]>> {
        self.subscriptions.iter().find_map(|(_, _, device)| device.contained.clone())
    }

    /// Takes up work after all rows are back: asks for the documents, and goes on when the members are known.
    pub fn resume(&mut self, now: Timestamp, terms: &Terms<'_>, stopped_at: Timestamp, out: &mut Outbox) {
        self.stopped_at = Some(stopped_at);
        if let Some(entries) = self.contained() {
            self.edit(now, terms, Members { entries: entries.to_vec(), ..Members::default() }, out);
        }
        self.prepare(out);
        if self.is_ready() {
            self.resumed(now, terms, out);
        }
    }

    /// The members are known. After a restart, who may not have heard of the last changes is told the full state once
    /// the states are there again, see
    /// [`Subscriptions::resume`](sip_stack::subscriptions::Subscriptions::resume); everybody else at the next change.
    pub(super) fn resumed(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Some(stopped_at) = self.stopped_at.take() else { return };
        let Self { stored_name, subscriptions, settled_before, edition, .. } = self;
        *settled_before = Timestamp::ZERO + stopped_at.since(Timestamp::ZERO + UNSETTLED + terms.window);
        let held_until = now + terms.patience;
        let (kept, outbox) = (terms.subscriptions(stored_name), &mut out.subscriptions);
        let hold = |_: &Subscription, device: &mut Device, _: bool| device.held_until = held_until;
        subscriptions.resume(now, &kept, |_| Timestamp::ZERO, stopped_at, outbox, hold);
        outbox.deadlines.extend(subscriptions.iter().map(|(id, ..)| (held_until, id)));
        let edited = subscriptions.iter().filter(|(_, _, device)| device.edition != *edition);
        let edited: Vec<_> = edited.map(|(id, ..)| id).collect();
        edited.into_iter().for_each(|id| subscriptions.owe(id, Owed::Change, outbox));
    }
}

impl Kept for Device {
    /// Which members the subscriber knows of, and the list that its request contained. What it knows of them is not
    /// kept: it is told the full state.
    fn store(&self, row: &mut FieldWriter) {
        let entries = self.contained.as_deref().unwrap_or_default();
        row.number(self.edition).number(u64::from(self.contained.is_some())).number(entries.len() as u64);
        for entry in entries {
            row.bytes(entry.uri.as_bytes());
            let name = entry.display_name.as_ref();
            row.bytes(name.map_or("", |name| &name.text).as_bytes());
            row.bytes(name.and_then(|name| name.language.as_deref()).unwrap_or_default().as_bytes());
        }
    }

    fn restore(row: &mut FieldReader<'_>) -> Option<Self> {
        let edition = row.number()?;
        let is_contained = row.number()? != 0;
        let count = row.number()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let (uri, text, language) = (row.text()?, row.text()?, row.text()?);
            let language = (!language.is_empty()).then(|| language.into());
            let display_name = (!text.is_empty()).then(|| Name { text: text.into(), language });
            entries.push(Entry { uri: uri.into(), display_name });
        }
        let contained = is_contained.then(|| entries.into());
        Some(Self { edition, ..Self::new(Timestamp::ZERO, contained, Told::FORGOTTEN) })
    }
}
