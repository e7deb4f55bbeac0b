//! What becomes of watchers, by the rules of the presentity or those of its domain.

use std::sync::Arc;

use documents::rules::{Permissions, SubHandling};
use documents::watcherinfo::Event;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::notifier::{Reason, State, Subscription};
use sip_stack::subscriptions::{Owed, SubscriptionId};

use super::{Presentity, Sort, Terms};
use crate::outbox::Outbox;
use crate::policy::{Policy, Publish};
use crate::rules::{Circumstances, Class, Decision, Judge, Requester};

/// The deadline of a presentity that is for no publication.
pub(super) const CLOCK: u64 = 0;

/// Milliseconds since 1970, as rules and documents count.
pub(super) fn millis(now: Timestamp) -> i64 {
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// The names of a subscriber.
pub(super) fn identities(subscription: &Subscription) -> Vec<Aor> {
    subscription.identities().filter_map(|identity| Aor::parse(identity).ok()).collect()
}

/// What the rules of a presentity let somebody do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What becomes of it as a watcher.
    pub decision: Decision,
    /// What it may publish: everything, or that; `None` if nothing.
    pub published: Option<Permissions>,
    /// Whether it may handle the permanent state.
    pub permanent: bool,
}

impl Presentity {
    /// What somebody may do now; `None` while the documents are not known.
    pub fn standing(&self, now: Timestamp, terms: &Terms<'_>, requester: &Requester<'_>) -> Option<Standing> {
        if !self.is_ready() {
            return None;
        }
        let decision = self.decide(now, terms.policy, requester);
        let published = self.may_publish(now, terms.policy, requester.identities);
        let published = published.map(|granted| granted.unwrap_or_else(Permissions::everything));
        let permanent = self.rulebook.publication.handles_permanent(requester, &self.circumstances(now));
        Some(Standing { decision, published, permanent })
    }

    /// What becomes of a watcher now.
    pub(super) fn decide(&self, now: Timestamp, policy: &Policy, requester: &Requester<'_>) -> Decision {
        if !policy.entitles(requester.identities) {
            return Decision::new(SubHandling::Block);
        }
        if self.rulebook.authorization.is_absent() {
            return policy.decide(&self.aor, requester.identities);
        }
        self.rulebook.authorization.decide(requester, &self.circumstances(now), &policy.defaults)
    }

    /// Whether a source may publish, and what: everything, or what somebody else is granted; `None` if it may not.
    pub(super) fn may_publish(
        &self,
        now: Timestamp,
        policy: &Policy,
        identities: &[Aor],
    ) -> Option<Option<Permissions>> {
        match policy.publish {
            Publish::Everyone => Some(None),
            Publish::Oneself if identities.contains(&self.aor) => Some(None),
            Publish::Oneself => {
                let requester = Requester::known(identities);
                self.rulebook.publication.publication(&requester, &self.circumstances(now)).map(Some)
            }
        }
    }

    pub(super) fn circumstances(&self, now: Timestamp) -> Circumstances<'_> {
        Circumstances { now: millis(now), sphere: self.sphere.as_deref(), lists: &self.rulebook.memberships }
    }

    /// Judges all watchers anew: rules, lists, sphere, time or the policy of the domain may be others now.
    ///
    /// Who may no longer watch is told so; who must wait, or need not wait any longer, is told that; and who sees something
    /// else than before is owed it. Nobody else hears of it.
    pub fn reauthorize(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        if !self.is_ready() {
            return; // by rules that are not known nobody is judged; all are when they are
        }
        let changed = self.judged(now, terms.policy, out);
        for (id, class) in changed {
            let handling = class.handling();
            let Some(watcher) = self.watchers.data_mut(id) else { continue };
            watcher.sort = Sort::Presence(class);
            let state = self.watchers.get(id).map(|(subscription, _)| subscription.state());
            match (handling, state) {
                (SubHandling::Block, _) => self.end(now, id, Reason::Rejected, out),
                (SubHandling::Confirm, Some(State::Active)) => {
                    // RFC 3857 has no event for that; as if it had only been made.
                    self.note_change(id, Event::Subscribe, out);
                    self.watchers.set_state(
                        now,
                        &terms.watchers(&self.aor),
                        id,
                        State::Pending,
                        &mut out.watchers,
                    );
                }
                (SubHandling::PoliteBlock | SubHandling::Allow, Some(State::Pending)) => {
                    self.note_change(id, Event::Approved, out);
                    self.watchers.set_state(
                        now,
                        &terms.watchers(&self.aor),
                        id,
                        State::Active,
                        &mut out.watchers,
                    );
                }
                (SubHandling::PoliteBlock | SubHandling::Allow, Some(State::Active)) => {
                    self.watchers.unsettle(now, &terms.watchers(&self.aor), id, &mut out.watchers);
                    self.watchers.owe(id, Owed::Change, &mut out.watchers);
                }
                (SubHandling::Confirm, _) | (_, Some(State::Terminated(_)) | None) => {}
            }
        }
        self.interests.owe_all(out);
        self.owe_interested(out);
        self.settle_waiting(now, terms, out);
        self.tell_standings(now, terms, out);
        self.arm_clock(now, out);
    }

    /// Those of whom something else is decided now than before, or than their state says.
    fn judged(&mut self, now: Timestamp, policy: &Policy, out: &mut Outbox) -> Vec<(SubscriptionId, Class)> {
        let Self { aor, rulebook, sphere, classes, watchers, interests, .. } = self;
        let when =
            Circumstances { now: millis(now), sphere: sphere.as_deref(), lists: &rulebook.memberships };
        let mut judge = Judge::new(&rulebook.authorization, when, policy.defaults);
        let mut judged = |identities: &[Aor], anonymous| {
            let decision = if !policy.entitles(identities) {
                Arc::default() // blocked
            } else if rulebook.authorization.is_absent() {
                Arc::new(policy.decide(aor, identities))
            } else {
                judge.decide(&Requester { identities, anonymous })
            };
            classes.of(&decision)
        };
        let mut listed = Vec::new();
        for (asker, identities, anonymous, class) in interests.classes_mut() {
            let before = class.as_ref().map(Class::handling);
            let decided = judged(identities, anonymous);
            out.rule(aor, identities.first(), anonymous, before, decided.handling());
            if before != Some(decided.handling()) {
                listed.push((asker, before));
            }
            *class = Some(decided);
        }
        let mut changed = Vec::new();
        for (id, subscription, watcher) in watchers.iter() {
            let Sort::Presence(before) = &watcher.sort else { continue };
            let identities = identities(subscription);
            let class = judged(&identities, watcher.mark.anonymous);
            let is_told_otherwise = match (class.handling(), subscription.state()) {
                (_, State::Terminated(_)) => false,
                (SubHandling::Confirm, state) => state == State::Active,
                (SubHandling::Block, _) => true,
                (SubHandling::PoliteBlock | SubHandling::Allow, state) => state == State::Pending,
            };
            if class != *before || is_told_otherwise {
                let before = match subscription.state() {
                    State::Pending => SubHandling::Confirm,
                    State::Active | State::Terminated(_) => before.handling(),
                };
                out.rule(aor, identities.first(), watcher.mark.anonymous, Some(before), class.handling());
                changed.push((id, class));
            }
        }
        for (asker, before) in listed {
            self.note_listed(asker, before, out);
        }
        changed
    }

    /// Asks to be woken when time changes the composed document or the rules that hold.
    pub(super) fn arm_clock(&mut self, now: Timestamp, out: &mut Outbox) {
        let edge = self.rulebook.authorization.next_edge(millis(now));
        // Who publishes is judged each time that he does; only who is told beforehand must be told again.
        let publication = self.rulebook.publication.next_edge(millis(now));
        let publication = publication.filter(|_| !self.standings.is_empty());
        let Some(next) =
            [edge, publication, self.composed_until, self.next_giveup()].into_iter().flatten().min()
        else {
            return;
        };
        let at = Timestamp::from_millis(u64::try_from(next).unwrap_or(0)).next_quarter();
        // One that is asked for earlier may be for an edge that has just passed, and that nobody has looked at yet.
        if at < self.clock_at {
            self.clock_at = at;
            out.deadlines.push((at, CLOCK));
        }
    }

    /// The clock has come to where it was to wake us.
    pub(super) fn due_clock(&mut self, now: Timestamp, terms: &Terms<'_>, at: Timestamp, out: &mut Outbox) {
        if at != self.clock_at {
            return;
        }
        self.clock_at = Timestamp::NEVER;
        if self.composed_until.is_some_and(|until| until <= millis(now)) {
            self.recompose(now, terms, out);
        }
        self.reauthorize(now, terms, out);
    }
}
