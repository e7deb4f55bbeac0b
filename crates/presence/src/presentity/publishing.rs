//! What a PUBLISH does to a presentity.

use core::time::Duration;

use documents::pidf::Presence;
use sip::Aor;
use sip_stack::compositor::{self, EntityTag, Operation, Publication};
use sip_stack::subscriptions::{Owed, UNSETTLED};
use sip_stack::{Numbers, Timestamp};

use super::{Presentity, Terms, Watcher};
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::rules::{Composed, published};

/// A PUBLISH, read as far as this machine needs it.
#[derive(Debug)]
pub struct Publish<'a> {
    /// Who asks, by all proven names.
    pub identities: &'a [Aor],
    /// The tag in SIP-If-Match: `Some(None)` is a tag that cannot be one of ours.
    pub if_match: Option<Option<EntityTag>>,
    /// The Expires field.
    pub expires: Option<u32>,
    /// The body, if there is one, or why it is none.
    pub document: Result<Option<Presence>, Refusal>,
}

/// What an accepted PUBLISH is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it did.
    pub operation: Operation,
    /// The new version.
    pub entity_tag: EntityTag,
    /// The lifetime granted.
    pub lifetime: Duration,
}

impl Presentity {
    /// Takes a PUBLISH, RFC 3903 §6.
    pub fn publish(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        publish: Publish<'_>,
        out: &mut Outbox,
    ) -> Result<Published, Refusal> {
        let granted = self.may_publish(now, terms.policy, publish.identities).ok_or(Refusal::Forbidden)?;
        let decision = compositor::decide(
            &self.publications,
            publish.if_match,
            publish.expires,
            !matches!(publish.document, Ok(None)),
            &terms.publications,
            terms.publications_max,
        )?;
        let is_own = publish.identities.contains(&self.aor);
        let source = publish.identities.first().filter(|_| !is_own).map(|source| Box::from(source.as_str()));
        if decision.operation == Operation::Initial && source.is_some() {
            let of_source = self.publications.iter().filter(|publication| publication.source == source);
            if of_source.count() >= terms.source_publications_max {
                return Err(Refusal::SourceFull);
            }
        }
        let document = publish.document?; // judged after the entity-tag and the lifetime, RFC 3903 §6 step 5
        let document = match (&granted, document) {
            (Some(granted), Some(document)) => Some(published(&document, granted)),
            (_, document) => document,
        };
        let entity_tag = numbers.entity_tag();
        let expires_at = now + decision.lifetime;
        match (decision.operation, decision.index, document) {
            (Operation::Remove, Some(index), _) => {
                self.withdraw(now, index, out);
                self.recompose(now, terms, out);
            }
            (Operation::Refresh, Some(index), _) => {
                let publication = &mut self.publications[index];
                publication.entity_tag = entity_tag;
                publication.expires_at = expires_at;
                self.keep_publication(index, out);
            }
            (Operation::Modify, Some(index), Some(document)) => {
                let publication = &mut self.publications[index];
                publication.entity_tag = entity_tag;
                publication.expires_at = expires_at;
                publication.changed_at = now;
                publication.document = document;
                self.keep_publication(index, out);
                self.recompose(now, terms, out);
            }
            (Operation::Initial, _, Some(document)) => {
                let id = numbers.row().get();
                let armed_at = Timestamp::NEVER;
                self.publications.push(Publication {
                    id,
                    entity_tag,
                    changed_at: now,
                    expires_at,
                    armed_at,
                    source,
                    document,
                });
                self.keep_publication(self.publications.len() - 1, out);
                self.recompose(now, terms, out);
            }
            // An initial publication that ends at once: judged, answered, and nothing kept, RFC 3903 §6 step 5.
            (Operation::Remove, None, _) => {}
            (Operation::Refresh, None, _) | (Operation::Modify | Operation::Initial, _, _) => {
                unreachable!(
                    "`decide` names a publication for all but the first, and wants a body where one is taken"
                )
            }
        }
        Ok(Published { operation: decision.operation, entity_tag, lifetime: decision.lifetime })
    }

    pub(super) fn keep_publication(&mut self, index: usize, out: &mut Outbox) {
        let publication = &mut self.publications[index];
        if publication.expires_at < publication.armed_at {
            publication.armed_at = publication.expires_at.next_quarter();
            out.deadlines.push((publication.armed_at, publication.id));
        }
        self.keep_row(index, out);
    }

    /// Takes a publication away; its row says so for a while, see [`UNSETTLED`].
    pub(super) fn withdraw(&mut self, now: Timestamp, index: usize, out: &mut Outbox) {
        let publication = self.publications.remove(index);
        let until = (now + UNSETTLED).next_quarter();
        self.keep_mark(publication.id, now, until, out);
        self.removed.push((publication.id, until));
        out.deadlines.push((until, publication.id));
    }

    /// Publications are composed by other rules from now on.
    pub fn recomposed(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        if self.is_ready() {
            self.recompose(now, terms, out);
        }
    }

    /// The composed document is made anew, and whoever watches is owed a word if its view is another now.
    pub(super) fn recompose(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let Self { aor, publications, rulebook, composer, .. } = self;
        let permanent = rulebook.permanent.as_ref();
        let composition = composer.compose(aor, publications, permanent, terms.policy.composition, now);
        self.composed_until = composition.until;
        let composed = Composed::new(&composition.document);
        let is_other = !composed.is(&self.composed);
        if is_other {
            self.composed = composed;
            self.classes.renew();
            self.changed_at = now;
            // Not who is shown an absent presentity: also what a change sets off in passing would tell of it.
            self.watchers.owe_where(Owed::Change, &mut out.watchers, Watcher::sees_document);
            self.interests.owe_all(out);
        }
        let rules = [&self.rulebook.authorization, &self.rulebook.publication];
        let sphere = if rules.iter().any(|rules| rules.depends_on_sphere()) {
            self.composer.sphere(&self.publications, self.rulebook.permanent.as_ref(), now)
        } else {
            None
        };
        if sphere != self.sphere {
            self.sphere = sphere;
            self.reauthorize(now, terms, out);
        }
        self.arm_clock(now, out);
    }
}
