//! What changes a list: its members, what is shown of them, and time.

use std::borrow::Cow;
use std::sync::Arc;

use documents::resource_lists::Entry;
use sip::canonical_text;
use sip_stack::Timestamp;
use sip_stack::interest::Standing;
use sip_stack::notifier::Reason;
use sip_stack::subscriptions::{Content, Owed, SubscriptionId};

use super::{List, NO_RESOURCE, Source, Terms};
use crate::members::Members;
use crate::outbox::{Ask, Outbox};
use crate::roster::{Body, GIVEN_UP, Listed, Shown};

impl List {
    /// The list has these members now, each URI once, and these names; so many are beyond its limit. Who comes is watched, who goes is forgotten, and
    /// subscribers hear of both.
    pub(super) fn edit(&mut self, now: Timestamp, terms: &Terms<'_>, members: Members, out: &mut Outbox) {
        let Members { entries, names, omitted, .. } = members;
        let before: Vec<_> = self.roster.resources().map(|(item, uri)| (item, Arc::clone(uri))).collect();
        let edited = self.roster.edit(&entries);
        let is_cut = self.roster.omit(omitted);
        out.counts.omitted += u64::from(if is_cut { omitted } else { 0 });
        out.counts.resources += edited.came.len() as i64 - edited.went.len() as i64;
        if !edited.is_nothing() {
            out.sizes.push(self.roster.len());
        }
        for (item, uri) in before.into_iter().filter(|(item, _)| edited.went.contains(item)) {
            self.awaited.remove(&item);
            out.asks.push(Ask::Forget(item, uri));
        }
        let renamed = core::mem::replace(&mut self.names, names) != self.names;
        let watched: Vec<_> = self
            .roster
            .resources()
            .take(terms.watched_max)
            .map(|(item, uri)| (item, Arc::clone(uri)))
            .collect();
        for (item, uri) in &watched {
            // Who was beyond the limit may be within it now.
            if edited.came.contains(item) || self.is_given_up(*item) {
                self.awaited.insert(*item);
                out.asks.push(Ask::Watch(*item, Arc::clone(uri)));
            }
        }
        let beyond: Vec<_> = self.roster.resources().skip(terms.watched_max).map(|(item, _)| item).collect();
        for item in beyond {
            self.roster.show(item, Shown::Terminated(GIVEN_UP.into()));
        }
        out.counts.virtuals.add(&self.roster.take_moved());
        self.edition = edition_of(&entries, omitted);
        // What a subscriber knows of a list that comes back after a restart is seen when it is taken up.
        if (!edited.is_nothing() || renamed || is_cut) && self.stopped_at.is_none() {
            self.changed(now, out);
        }
    }

    /// A resource shows this now; none: nothing is known of it. `changed_at` is when that came to be.
    pub fn shown(
        &mut self,
        item: u32,
        shown: impl Into<Option<Shown>>,
        changed_at: Timestamp,
        out: &mut Outbox,
    ) {
        self.awaited.remove(&item);
        if self.roster.show(item, shown) && changed_at >= self.settled_before {
            self.changed(changed_at, out);
        }
        out.counts.virtuals.add(&self.roster.take_moved());
        self.release_if_complete(out);
    }

    /// A resource is a list that others keep, and this is in it now.
    pub fn listed(&mut self, item: u32, listed: &Listed, changed_at: Timestamp, out: &mut Outbox) {
        self.awaited.remove(&item);
        let mut around = vec![canonical_text(&self.name.uri).unwrap_or_default()];
        if self.roster.show_list(item, listed, &mut around) && changed_at >= self.settled_before {
            self.changed(changed_at, out);
        }
        out.counts.virtuals.add(&self.roster.take_moved());
        self.release_if_complete(out);
    }

    /// Asks once more for the resources that nobody served: somebody may now.
    pub fn ask_again(&mut self, terms: &Terms<'_>, out: &mut Outbox) {
        let is_missing = |shown: Option<&Shown>| matches!(shown, Some(Shown::Terminated(reason)) if *reason == *NO_RESOURCE);
        let watched = self.roster.resources().take(terms.watched_max);
        let missing = watched.filter(|(item, _)| is_missing(self.roster.shown(*item)));
        out.asks.extend(missing.map(|(item, uri)| Ask::Watch(item, Arc::clone(uri))));
    }

    /// A resource is asked for in another domain.
    pub fn is_foreign(&mut self, item: u32, out: &mut Outbox) {
        self.roster.is_foreign(item);
        out.counts.virtuals.add(&self.roster.take_moved());
    }

    fn changed(&mut self, at: Timestamp, out: &mut Outbox) {
        self.changed_at = self.changed_at.max(at);
        self.subscriptions.owe_all(Owed::Change, &mut out.subscriptions);
    }

    fn is_given_up(&self, item: u32) -> bool {
        matches!(self.roster.shown(item), Some(Shown::Terminated(reason)) if *reason == *GIVEN_UP)
    }

    /// Once nothing is awaited, first NOTIFYs that were held for it leave.
    fn release_if_complete(&mut self, out: &mut Outbox) {
        if self.awaited.is_empty() {
            self.release(Timestamp::NEVER, out);
        }
    }

    /// First NOTIFYs that were held until then leave.
    pub(super) fn release(&mut self, until: Timestamp, out: &mut Outbox) {
        let held = self
            .subscriptions
            .iter_mut()
            .filter(|(_, _, device)| device.is_held && device.held_until <= until);
        let held: Vec<SubscriptionId> = held
            .map(|(id, _, device)| {
                device.is_held = false;
                device.held_until = Timestamp::ZERO;
                id
            })
            .collect();
        for id in held {
            self.subscriptions.owe(id, Owed::Word, &mut out.subscriptions);
        }
    }

    /// A wake-up that was asked for has come.
    pub fn due(&mut self, now: Timestamp, at: Timestamp, id: SubscriptionId, out: &mut Outbox) {
        self.subscriptions.due(now, at, id, &mut out.subscriptions);
        self.release(now, out);
    }

    /// Every subscription is over, for that reason; each is told so.
    pub(super) fn end(&mut self, reason: Reason, out: &mut Outbox) {
        let ids: Vec<_> = self.subscriptions.iter().map(|(id, ..)| id).collect();
        ids.into_iter().for_each(|id| self.subscriptions.terminate(id, reason, &mut out.subscriptions));
    }

    /// Everything is over: no resource is watched any more.
    pub fn close(&mut self, out: &mut Outbox) {
        out.counts.resources -= self.roster.len() as i64;
        out.asks.extend(self.roster.resources().map(|(item, uri)| Ask::Forget(item, Arc::clone(uri))));
        self.roster.close();
        out.counts.virtuals.add(&self.roster.take_moved());
        if let Source::Stored(shelf) = &mut self.source {
            shelf.close(out);
        }
    }
}

/// A number for these members in this order, with their names: the same in every process and version. FNV-1a, 64 bits.
pub(super) fn edition_of(members: &[Entry], omitted: u32) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for Entry { uri, display_name } in members {
        add(uri);
        add(display_name.as_ref().map_or("", |name| &name.text));
    }
    if omitted > 0 {
        add(&omitted.to_string());
    }
    hash
}

impl Shown {
    /// What a list shows of a resource that stands like this.
    pub fn of(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Unknown => None,
            Standing::Active(content) => Some(Self::Active(Body {
                media_type: media_type(&content),
                bytes: Arc::clone(&content.body),
            })),
            Standing::Pending => Some(Self::Pending),
            Standing::Terminated(reason) => Some(Self::Terminated(Cow::Borrowed(Reason::as_str(reason)))),
        }
    }
}

/// The value of the Content-Type field among the lines that go with a body.
fn media_type(content: &Content) -> Cow<'static, str> {
    const FIELD: &str = "Content-Type: ";
    fn value(lines: &str) -> &str {
        let mut fields = lines.split_terminator("\r\n");
        fields.find_map(|line| line.strip_prefix(FIELD)).unwrap_or("application/octet-stream")
    }
    match &content.fields {
        Cow::Borrowed(lines) => Cow::Borrowed(value(lines)),
        Cow::Owned(lines) => Cow::Owned(value(lines).to_owned()),
    }
}
