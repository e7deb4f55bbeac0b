//! How a presentity is stored, and comes back.

use std::sync::Arc;

use documents::pidf::Presence;
use documents::rules::SubHandling;
use sip::Aor;
use sip_stack::bytes::{FieldReader, FieldWriter};
use sip_stack::compositor::{EntityTag, Publication};
use sip_stack::notifier::{State, Subscription};
use sip_stack::subscriptions::{Kept, Owed, Stored, StoredSubscription, SubscriptionId};
use sip_stack::{Numbers, Timestamp};

use super::judging::identities;
use super::{Presentity, Resuming, Sort, Terms, Watcher};
use crate::composition::Composer;
use crate::outbox::Outbox;
use crate::rules::{Class, Composed, Decision, Requester};
use crate::winfo::Mark;

const PUBLICATION_FORMAT: u8 = 1;

impl Presentity {
    pub(super) fn keep_row(&self, index: usize, out: &mut Outbox) {
        let publication = &self.publications[index];
        let (aor, document) = (self.aor.as_str().as_bytes(), publication.document.bytes());
        let source = publication.source.as_deref().unwrap_or_default().as_bytes();
        // Four numbers, and a length before each of three octet strings.
        let mut row = FieldWriter::new(PUBLICATION_FORMAT, 44 + aor.len() + document.len() + source.len());
        row.bytes(aor);
        row.number(u64::from(publication.entity_tag.epoch)).number(publication.entity_tag.number);
        row.number(publication.changed_at.as_micros()).number(publication.expires_at.as_micros());
        row.bytes(document).bytes(source);
        out.publications.push(Stored::Put(publication.id, publication.expires_at, row.finish()));
    }

    /// The row of a publication that was removed: a mark without a document.
    pub(super) fn keep_mark(&self, id: u64, removed_at: Timestamp, until: Timestamp, out: &mut Outbox) {
        let mut row = FieldWriter::new(PUBLICATION_FORMAT, self.aor.as_str().len() + 40);
        row.bytes(self.aor.as_str().as_bytes());
        row.number(0).number(0).number(removed_at.as_micros()).number(until.as_micros()).bytes(&[]);
        out.publications.push(Stored::Put(id, until, row.finish()));
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
        // Rows from before sources were told apart end here.
        let source = fields.text().filter(|source| !source.is_empty()).map(Box::from);
        let armed_at = Timestamp::NEVER;
        self.publications.push(Publication {
            id,
            entity_tag,
            changed_at,
            expires_at,
            armed_at,
            source,
            document,
        });
        Some(changed_at)
    }

    /// Puts a stored subscription back. Gives its name, and itself.
    pub fn restore_subscription(
        &mut self,
        numbers: &mut Numbers,
        row: u64,
        stored: StoredSubscription<'_>,
        out: &mut Outbox,
    ) -> Option<(SubscriptionId, &Subscription)> {
        let (id, _) = self.watchers.restore(numbers, row, stored, &mut out.watchers)?;
        let (_, watcher) = self.watchers.get(id)?;
        if watcher.sort.depth() > 0 {
            self.informs(id);
        }
        self.watchers.get(id).map(|(subscription, _)| (id, subscription))
    }

    /// The presentity that the row of a publication belongs to.
    pub fn owner_of(row: &[u8]) -> Option<Aor> {
        Aor::parse(FieldReader::new(row, PUBLICATION_FORMAT)?.text()?).ok()
    }

    /// Takes up work after all rows are back: asks for the rules, and goes on with the subscriptions when they are known.
    pub fn resume(&mut self, now: Timestamp, terms: &Terms<'_>, stopped_at: Timestamp, out: &mut Outbox) {
        let changed_at = self.changed_at;
        let publications = self.publications.clone();
        self.resuming = Some(Box::new(Resuming { publications, changed_at, stopped_at }));
        self.recompose(now, terms, out);
        self.changed_at = changed_at; // it was only put together again
        self.prepare(out);
        for publication in &mut self.publications {
            publication.armed_at = publication.expires_at.next_quarter();
            out.deadlines.push((publication.armed_at, publication.id));
        }
        for (row, until) in &self.removed {
            out.deadlines.push((until.next_quarter(), *row));
        }
    }

    /// The documents are known for the first time. After a restart, subscriptions that ran out meanwhile end now, and
    /// watchers who may not have heard of the last change hear of it, see
    /// [`Subscriptions::resume`](sip_stack::subscriptions::Subscriptions::resume).
    pub(super) fn resumed(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Some(before) = self.resuming.take() else { return };
        let Resuming { publications, changed_at, stopped_at } = *before;
        let permanent = self.rulebook.permanent.as_ref();
        let policy = terms.policy.composition;
        let composition =
            Composer::default().compose(&self.aor, &publications, permanent, policy, stopped_at);
        let composed = Composed::new(&composition.document);
        let decisions: Vec<Arc<Decision>> = self
            .watchers
            .iter()
            .map(|(_, subscription, watcher)| {
                let identities = identities(subscription);
                let requester = Requester { identities: &identities, anonymous: watcher.mark.anonymous };
                Arc::new(self.decide(now, terms.policy, &requester))
            })
            .collect();
        let undecided: Vec<_> = self
            .watchers
            .iter()
            .filter(|(_, subscription, _)| {
                subscription.state() == State::Pending && subscription.expires_at() <= now
            })
            .map(|(id, subscription, watcher)| (id, identities(subscription), watcher.mark.clone()))
            .collect();
        let permanent_now = self.rulebook.permanent_fingerprint();
        let Self { aor, watchers, classes, .. } = self;
        let mut decisions = decisions.iter();
        let mut otherwise = Vec::new();
        let know = |_: &Subscription, watcher: &mut Watcher, knows: bool| {
            let decision = decisions.next().map(Arc::clone).unwrap_or_default();
            if watcher.sort.depth() > 0 {
                watcher.told = 0; // it is told everything
                otherwise.push(true);
                return;
            }
            let class = classes.of(&decision);
            // By other rules than those of now it was told something else.
            let knows = knows && core::mem::take(&mut watcher.told) == class.fingerprint();
            // By another permanent state too, where that is in what it sees.
            let knows =
                knows && (watcher.permanent == permanent_now || class.handling() != SubHandling::Allow);
            let view = if knows { composed.view(aor, &decision) } else { None };
            watcher.told = view.map_or(0, |view| view.fingerprint());
            otherwise.push(watcher.told == 0 && class.handling() >= SubHandling::PoliteBlock);
            watcher.sort = Sort::Presence(class);
        };
        let subscriptions = terms.watchers(aor);
        // To who is shown an absent presentity, or no presence, nothing changes, and not that the server was restarted soon
        // after a change.
        let polite = Class::polite().fingerprint();
        let changed_at = |watcher: &Watcher| match watcher.sort {
            Sort::Presence(_) if watcher.told != polite => changed_at,
            Sort::Presence(_) | Sort::Winfo { .. } => Timestamp::ZERO,
        };
        watchers.resume(now, &subscriptions, changed_at, stopped_at, &mut out.watchers, know);
        let ids: Vec<SubscriptionId> = watchers.iter().map(|(id, ..)| id).collect();
        for (id, identities, mark) in undecided {
            self.wait(now, identities, mark, Some(id), out);
        }
        for (id, _) in ids.into_iter().zip(otherwise).filter(|(_, otherwise)| *otherwise) {
            self.watchers.owe(id, Owed::Change, &mut out.watchers);
        }
    }
}

impl Kept for Watcher {
    /// What a watcher knows is found out by the time of its last NOTIFY, and by what was decided of it then.
    fn store(&self, row: &mut FieldWriter) {
        match &self.sort {
            Sort::Presence(class) => row.number(0).number(class.fingerprint()),
            Sort::Winfo { depth, only } => row.number(u64::from(*depth)).number(u64::from(*only)),
        };
        self.mark.store(row);
        row.number(self.permanent);
    }

    fn restore(row: &mut FieldReader<'_>) -> Option<Self> {
        // Rows from before there were rules end here: their watchers were shown everything.
        let Some(depth) = row.small::<u8>() else {
            let mark = Mark::new(0, Timestamp::ZERO, false, None);
            return Some(Self::new(Sort::Presence(Class::EVERYTHING), mark));
        };
        let number = row.number()?;
        let mark = Mark::restore(row)?;
        let permanent = row.number().unwrap_or(0); // rows of before have none
        Some(match depth {
            0 => Self { told: number, permanent, ..Self::new(Sort::Presence(Class::EVERYTHING), mark) },
            depth => Self::new(Sort::Winfo { depth, only: number != 0 }, mark),
        })
    }
}
