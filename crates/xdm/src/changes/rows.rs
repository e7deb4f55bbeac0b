//! How subscriptions to changes are stored, and come back.

use sip::Aor;
use sip_stack::bytes::{FieldReader, FieldWriter};
use sip_stack::notifier::Subscription;
use sip_stack::subscriptions::{Kept, StoredSubscription, SubscriptionId};
use sip_stack::{Numbers, Timestamp};
use xcap::{DocumentSelector, ETag, Tree};

use super::subscriber::{Subscriber, Told};
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

    /// Takes up work after all rows are back. Who was told something else than there is, is told as soon as the documents
    /// are known; without patches, as versions are not stored.
    pub fn resume(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Self { aor, subscriptions, .. } = self;
        let kept = terms.subscriptions(aor);
        // All are asked whether there is anything to tell.
        subscriptions.resume(
            now,
            &kept,
            |_| now,
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
        let known = self.may_know();
        row.number(u64::from(self.full)).number(known.documents.len() as u64);
        for (document, told) in &known.documents {
            let xui = match &document.tree {
                Tree::User(xui) => xui,
                Tree::Global => "",
            };
            for text in [&*document.auid, xui, &*document.name, &*told.etag.0] {
                row.bytes(text.as_bytes());
            }
            row.number(u64::from(told.sure));
        }
        row.number(known.components.len() as u64);
        for (uri, fingerprint) in &known.components {
            row.bytes(uri.as_bytes()).number(*fingerprint);
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
        let mut subscriber = Self::restored(Wish { mode, uris });
        subscriber.full = row.number()? != 0;
        for _ in 0..row.number()? {
            let (auid, xui, name, etag) = (row.text()?, row.text()?, row.text()?, row.text()?);
            let document = match xui {
                "" => DocumentSelector::global(auid, name),
                xui => DocumentSelector::of_user(auid, xui, name),
            };
            let told = Told {
                etag: ETag(etag.into()),
                selector: Box::default(),
                body: None,
                sure: row.number()? != 0,
            };
            subscriber.knows.documents.insert(document, told);
        }
        for _ in 0..row.number()? {
            let uri = row.text()?.into();
            subscriber.knows.components.insert(uri, row.number()?);
        }
        Some(subscriber)
    }
}
