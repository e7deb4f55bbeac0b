//! How subscriptions to changes are stored, and come back.

use sip::Aor;
use sip_stack::bytes::{FieldReader, FieldWriter};
use sip_stack::notifier::Subscription;
use sip_stack::subscriptions::{Kept, StoredSubscription, SubscriptionId};
use sip_stack::{Numbers, Timestamp};

use super::subscriber::Subscriber;
use super::wish::{Mode, Wish};
use super::{Changes, Outbox, Terms};

impl Changes {
    /// Puts a stored subscription back. Gives its name, and itself.
    pub fn restore_subscription(
        &mut self,
        numbers: &mut Numbers,
        row: u64,
        stored: StoredSubscription<'_>,
        out: &mut Outbox,
    ) -> Option<(SubscriptionId, &Subscription)> {
        self.subscriptions.restore(numbers, row, stored, &mut out.subscriptions)
    }

    /// Takes up work after all rows are back. What a subscriber was told is not stored, so each is told everything once,
    /// as soon as the documents are known.
    pub fn resume(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Self { aor, subscriptions, .. } = self;
        let kept = terms.subscriptions(aor);
        // Before all changes of this life: nobody counts as told.
        subscriptions.resume(
            now,
            &kept,
            now,
            Timestamp::ZERO,
            &mut out.subscriptions,
            |of, subscriber, _| {
                let identities: Vec<Aor> = of.identities().filter_map(|text| Aor::parse(text).ok()).collect();
                subscriber.resolve(aor, terms.xdms, &identities);
            },
        );
        self.follow(out);
    }
}

impl Kept for Subscriber {
    fn store(&self, row: &mut FieldWriter) {
        row.number(self.wish.mode.number());
        let count = self.wish.uris.as_ref().map_or(0, |uris| uris.len() as u64 + 1);
        row.number(count);
        for uri in self.wish.uris.iter().flatten() {
            row.bytes(uri.as_bytes());
        }
    }

    fn restore(row: &mut FieldReader<'_>) -> Option<Self> {
        let mode = Mode::from_number(row.number()?)?;
        let uris = match row.number()?.checked_sub(1) {
            None => None,
            Some(count) => {
                let mut uris: Vec<Box<str>> = Vec::new();
                for _ in 0..count {
                    uris.push(row.text()?.into());
                }
                Some(uris)
            }
        };
        Some(Self::restored(Wish { mode, uris }))
    }
}
