//! What the server says: answers to fetches, and notifications of changes.

use core::time::Duration;
use std::collections::BTreeSet;

use documents::xcap_diff::{Change as Told, Content, DocumentChange, XcapDiff};
use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Version, Want};

use super::holding::select;
use super::{Away, Effect, Follower, Got, Standing};

/// The first wait after a failure; each further one doubles it.
const RETRY: Duration = Duration::from_secs(1);

impl Follower {
    /// The answer to a fetch.
    pub fn got(&mut self, now: Timestamp, document: &DocumentSelector, got: Got, out: &mut Vec<Effect>) {
        self.under_way = self.under_way.saturating_sub(1);
        let failed = match &got {
            Got::Failed(wait) => Some(*wait),
            Got::Version(_) | Got::Same | Got::Absent | Got::Refused => None,
        };
        match failed {
            Some(wait) => self.is_away(now, wait, out),
            None if self.away.take().is_some() => self.renew(now, out),
            None => {}
        }
        if let Some(hold) = self.hold_mut(document) {
            hold.asked = false;
            let again = core::mem::take(&mut hold.again);
            let is_old = core::mem::take(&mut hold.overtaken);
            hold.failed = matches!(got, Got::Failed(_) | Got::Refused);
            let is_refused = got == Got::Refused;
            match got {
                // A notification has overtaken it: what it says is found out once more.
                Got::Version(_) | Got::Absent | Got::Same if is_old => {}
                Got::Version(version) => hold.confirm(now, Some(version)),
                Got::Absent => hold.confirm(now, None),
                Got::Same => {
                    let known = hold.known.clone().flatten();
                    hold.confirm(now, known);
                }
                Got::Refused | Got::Failed(_) => {}
            }
            self.counts.refusals += u64::from(is_refused);
            let wait = if self.is_told_of(document) { self.terms.check } else { self.terms.poll };
            self.fetch_at(if again || failed.is_some() { now } else { now + wait }, document);
            self.age(now, document);
            self.show(now, document, out);
        }
        self.fetch(now, out);
    }

    /// The server is back: what was lost of it is subscribed to at once, whatever wait was agreed upon meanwhile.
    fn renew(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        for (number, group) in self.groups.iter_mut().filter(|(_, group)| group.asked && !group.live) {
            (group.asked, group.ask_at) = (false, Some(now));
            out.push(Effect::Unsubscribe { group: *number });
        }
    }

    /// The server does not answer: it is asked for one thing at a time, with longer and longer waits. Who waits for
    /// something unknown does not wait any longer.
    fn is_away(&mut self, now: Timestamp, wait: Option<Duration>, out: &mut Vec<Effect>) {
        self.counts.failures += 1;
        let failures = match self.away {
            Some(away) if away.until > now => return, // it was on its way with others that failed
            Some(away) => away.failures + 1,
            None => 0,
        };
        let backoff = RETRY * 2_u32.saturating_pow(failures.min(16));
        let wait = wait.map_or(backoff, |wait| wait.max(backoff)).min(self.terms.retry_max.max(RETRY));
        self.away = Some(Away { until: now + wait, failures });
        let mut trees = Vec::new();
        for (tree, branch) in &mut self.trees {
            for hold in branch.holds.values_mut() {
                hold.failed |= hold.known.is_none();
            }
            if branch.wants.values().any(|wanted| !wanted.tickets.is_empty()) {
                trees.push(tree.clone());
            }
        }
        trees.iter().for_each(|tree| self.settle(now, tree, out));
    }

    /// A notification, or `None` for one that cannot be read: then all that it might be about is fetched.
    pub fn told(&mut self, now: Timestamp, group: u32, diff: Option<&XcapDiff>, out: &mut Vec<Effect>) {
        self.stands(now, group, Standing::Live, out);
        let Some(diff) = diff else {
            self.counts.unreadable += 1;
            self.verify(now, group, &BTreeSet::new());
            return self.fetch(now, out);
        };
        let mut mentioned = BTreeSet::new();
        for change in &diff.changes {
            let Told::Document(change) = change else { continue };
            let Some(document) = select(&change.selector) else { continue };
            let branch = self.trees.get(&document.tree);
            if !branch.is_some_and(|branch| branch.wants.keys().any(|want| want.covers(&document))) {
                continue;
            }
            if self.documents < self.terms.documents {
                self.hold(now, &document);
            }
            self.hear(now, &document, change);
            self.put_off(now, &document);
            self.show(now, &document, out);
            mentioned.insert(document);
        }
        if self.groups.get_mut(&group).is_some_and(|group| core::mem::take(&mut group.verify)) {
            self.verify(now, group, &mentioned);
        }
        self.fetch(now, out);
    }

    /// How a subscription stands.
    pub fn stands(&mut self, now: Timestamp, number: u32, standing: Standing, out: &mut Vec<Effect>) {
        let Some(group) = self.groups.get_mut(&number) else { return };
        let was_live = core::mem::replace(&mut group.live, standing == Standing::Live);
        group.verify |= !group.live;
        if standing == Standing::Refused {
            group.asked = false;
            group.ask_at = Some(now + self.terms.check);
        }
        if group.live == was_live {
            return;
        }
        let wants: Vec<Want> = group.wants.iter().cloned().collect();
        for document in self.covered(&wants) {
            if was_live && let Some(hold) = self.hold_mut(&document) {
                hold.confirmed_at = now;
            }
            self.age(now, &document);
        }
        if was_live {
            self.verify(now, number, &BTreeSet::new());
            self.fetch(now, out);
        }
    }

    /// Fetches what a subscription is to, but for some.
    fn verify(&mut self, now: Timestamp, group: u32, but: &BTreeSet<DocumentSelector>) {
        let Some(group) = self.groups.get(&group) else { return };
        let wants: Vec<Want> = group.wants.iter().cloned().collect();
        for document in self.covered(&wants) {
            if !but.contains(&document) {
                self.fetch_at(now, &document);
            }
        }
    }

    fn covered(&self, wants: &[Want]) -> Vec<DocumentSelector> {
        let held = wants.iter().filter_map(|want| Some((want, self.trees.get(want.tree())?)));
        held.flat_map(|(want, branch)| branch.holds.keys().filter(|document| want.covers(document)))
            .cloned()
            .collect()
    }

    /// What became of one document. A patch leads from the version that it names, and from no other; where it does not
    /// lead on, the document is fetched. RFC 5874 §3, RFC 5875 §4.7.
    fn hear(&mut self, now: Timestamp, document: &DocumentSelector, change: &DocumentChange) {
        let limits = self.terms.patch;
        let Some(hold) = self.hold_mut(document) else { return };
        let Some(current) = &change.current else {
            let is_known = hold.known.is_some();
            hold.confirm(now, None);
            hold.overtake();
            if !is_known {
                self.fetch_at(now, document);
            }
            return;
        };
        let etag = ETag(current.as_str().into());
        let known = hold.version().cloned();
        if known.as_ref().is_some_and(|known| known.etag == etag) {
            return hold.confirm(now, known);
        }
        let known = known.filter(|known| change.previous.as_deref() == Some(&*known.etag.0));
        let next = match (&change.content, known) {
            (Content::BodyNotChanged, Some(known)) => Some(Ok(known.body)),
            (Content::Patch(operations), Some(known)) => {
                Some(xml::patch::apply(&known.body, operations, &limits).map(Into::into))
            }
            (Content::Untold, _) | (Content::BodyNotChanged | Content::Patch(_), None) => None,
        };
        match next {
            Some(Ok(body)) => {
                hold.confirm(now, Some(Version { etag, body }));
                hold.overtake();
                self.counts.patched += 1;
            }
            Some(Err(_)) => {
                self.counts.unreadable += 1;
                self.fetch_at(now, document);
            }
            None => self.fetch_at(now, document),
        }
    }
}

impl super::Hold {
    /// What is under way may tell of what was there before.
    fn overtake(&mut self) {
        self.again |= self.asked;
        self.overtaken |= self.asked;
    }

    /// The server says that it is so.
    fn confirm(&mut self, now: Timestamp, version: Option<Version>) {
        self.known = Some(version);
        (self.confirmed_at, self.failed, self.void) = (now, false, None);
    }
}
