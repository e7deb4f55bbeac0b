//! Who within the installation is shown what a watcher may see: the same as a watcher's NOTIFYs say, without a message.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use documents::rules::SubHandling;
use documents::watcherinfo::{Event, Status};
use sip::Aor;
use sip_stack::interest::{Asker, Interest, Shown, Standing};
use sip_stack::notifier::Reason;
use sip_stack::{Numbers, Timestamp};

use super::informing::number;
use super::{Presentity, Terms};
use crate::outbox::Outbox;
use crate::rules::{Class, Classes, Composed, Requester};
use crate::winfo::{Mark, Told as Watched};

/// All who are interested, and who of them may have to be shown something new.
#[derive(Debug, Default)]
pub(super) struct Interests {
    interested: BTreeMap<Asker, Interested>,
    /// Where to go on, and how many are left, until all have been looked at since the last change.
    round: Option<(Asker, usize)>,
}

#[derive(Debug)]
pub(super) struct Interested {
    /// In whose name.
    pub(super) identities: Arc<[Aor]>,
    /// What is told of it to the presentity.
    pub(super) mark: Mark,
    /// What was decided of it; not known yet before the rules are.
    class: Option<Class>,
    told: Told,
}

/// What was shown last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// With the fingerprint of the view.
    Active(u64),
    Pending,
    Terminated(Reason),
}

impl Interests {
    pub(super) fn len(&self) -> usize {
        self.interested.len()
    }

    /// Everybody is to be looked at.
    pub(super) fn owe_all(&mut self, out: &mut Outbox) {
        let Some(first) = self.interested.keys().next() else { return };
        // A round that goes on is asked for already; who comes next in it has waited the longest.
        out.showing |= self.round.is_none();
        let next = self.round.map_or(*first, |(next, _)| next);
        self.round = Some((next, self.interested.len()));
    }

    /// What those with one of these identities were shown last, in words.
    pub(super) fn shown_to(&self, identities: &[Aor]) -> impl Iterator<Item = &'static str> {
        let theirs =
            self.interested.values().filter(|it| it.identities.iter().any(|own| identities.contains(own)));
        theirs.map(|it| match it.told {
            Told::Nothing => "nothing was shown yet",
            Told::Active(_) => "the last change that it may see was shown to the list",
            Told::Pending => "the list was shown that it waits",
            Told::Terminated(_) => "the list was shown that it is rejected",
        })
    }

    /// Everybody with what was decided of it.
    pub(super) fn classes_mut(&mut self) -> impl Iterator<Item = (Asker, &[Aor], bool, &mut Option<Class>)> {
        self.interested.iter_mut().map(|(asker, interested)| {
            let Interested { identities, mark, class, .. } = interested;
            (*asker, &**identities, mark.anonymous, class)
        })
    }

    pub(super) fn get_mut(&mut self, asker: Asker) -> Option<&mut Interested> {
        self.interested.get_mut(&asker)
    }

    /// Those whom the rules let, as watcher information tells of them. When they end is known to their lists alone.
    pub(super) fn told_of(&self) -> impl Iterator<Item = Watched<'_>> {
        self.interested.values().filter_map(|interested| {
            let status = match interested.handling()? {
                SubHandling::Block => return None,
                SubHandling::Confirm => Status::Pending,
                SubHandling::PoliteBlock | SubHandling::Allow => Status::Active,
            };
            let (identity, mark) = (interested.identity(), &interested.mark);
            Some(Watched { identity, status, expires_at: None, mark })
        })
    }
}

impl Interested {
    /// What was decided of it, once that is known.
    pub(super) fn handling(&self) -> Option<SubHandling> {
        self.class.as_ref().map(Class::handling)
    }

    /// The first of its names.
    pub(super) fn identity(&self) -> &str {
        self.identities.first().map_or("", Aor::as_str)
    }
}

impl Presentity {
    /// Somebody within the installation asks to be shown what a watcher sees, now and whenever that changes. It is shown
    /// again if it was asked for before.
    pub fn interest(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        numbers: &mut Numbers,
        interest: Interest,
        out: &mut Outbox,
    ) {
        if interest.depth > 0 {
            return self.interest_in_winfo(now, terms, &interest, out);
        }
        let Interest { asker, identities, anonymous, .. } = interest;
        let known = self.interests.interested.remove(&asker);
        let before = known.as_ref().and_then(Interested::handling);
        let mark = known.map_or_else(|| Mark::new(number(numbers), now, anonymous, None), |known| known.mark);
        let class = self.is_ready().then(|| {
            let decision = self.decide(now, terms.policy, &Requester { identities: &identities, anonymous });
            self.classes.of(&Arc::new(decision))
        });
        if let Some(class) = &class {
            out.rule(&self.aor, identities.first(), anonymous, before, class.handling());
        }
        let told = Told::Nothing;
        let identity = identities.first().cloned();
        self.interests.interested.insert(asker, Interested { identities, mark, class, told });
        if let Some(identity) = identity.filter(|_| before.is_none()) {
            self.give_up(identity.as_str(), Event::Giveup, out);
        }
        self.note_listed(asker, before, out);
        if self.is_ready() {
            self.show_one(asker, out);
        } else {
            self.prepare(out);
        }
    }

    /// Nothing is to be shown any more.
    pub fn no_interest(&mut self, now: Timestamp, asker: Asker, out: &mut Outbox) {
        if let Some(listed) = self.interests.interested.remove(&asker) {
            self.note_unlisted(now, listed, out);
        }
        self.no_interest_in_winfo(asker);
    }

    /// Shows what is new to those for whom it is, looking at so many at most. Whether there are more to look at.
    pub fn show(&mut self, now: Timestamp, terms: &Terms<'_>, max: usize, out: &mut Outbox) -> bool {
        self.show_winfo(now, terms, out);
        if !self.is_ready() {
            self.interests.round = None; // another begins when it is
            return false;
        }
        let Some((from, left)) = self.interests.round.take() else { return false };
        let Self { aor, interests, composed, classes, changed_at, .. } = self;
        let mut shows = Shows { aor, composed, classes, changed_at: *changed_at };
        let count = left.min(max);
        let (mut looked, mut last) = (0, None);
        for (asker, interested) in interests.interested.range_mut(from..).take(count) {
            shows.show(*asker, interested, out);
            looked += 1;
            last = Some(*asker);
        }
        for (asker, interested) in interests.interested.range_mut(..from).take(count - looked) {
            shows.show(*asker, interested, out);
            last = Some(*asker);
        }
        let following = last.and_then(|last| {
            interests
                .interested
                .range((Bound::Excluded(last), Bound::Unbounded))
                .next()
                .map(|(next, _)| *next)
        });
        let next = following.or_else(|| interests.interested.keys().next().copied());
        interests.round = next.filter(|_| left > count).map(|next| (next, left - count));
        interests.round.is_some()
    }

    fn show_one(&mut self, asker: Asker, out: &mut Outbox) {
        let Self { aor, interests, composed, classes, changed_at, .. } = self;
        let Some(interested) = interests.interested.get_mut(&asker) else { return };
        Shows { aor, composed, classes, changed_at: *changed_at }.show(asker, interested, out);
    }
}

/// What there is to show.
struct Shows<'a> {
    aor: &'a Aor,
    composed: &'a Composed,
    classes: &'a mut Classes,
    changed_at: Timestamp,
}

impl Shows<'_> {
    /// Shows it to one, unless that one has seen it.
    fn show(&mut self, asker: Asker, interested: &mut Interested, out: &mut Outbox) {
        let Some(class) = &interested.class else { return };
        let view = self.classes.view(self.aor, self.composed, class);
        let (told, standing) = match (view, class.handling()) {
            (Some(view), _) => {
                (Told::Active(view.fingerprint()), Standing::Active(Arc::clone(view.content())))
            }
            (None, SubHandling::Confirm) => (Told::Pending, Standing::Pending),
            (None, SubHandling::Block | SubHandling::PoliteBlock | SubHandling::Allow) => {
                (Told::Terminated(Reason::Rejected), Standing::Terminated(Reason::Rejected))
            }
        };
        if interested.told != told {
            interested.told = told;
            out.shown.push(Shown { asker, standing, changed_at: self.changed_at });
        }
    }
}
