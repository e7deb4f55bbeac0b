//! Letters between owners: written, brought, and read.

use rls::List;
use sip_stack::Timestamp;
use sip_stack::interest::{Asker, Shown, Standing};
use sip_stack::notifier::Reason;

use super::{Shard, foreign};
use crate::door::ShardId;
use crate::effects::Effects;
use crate::letters::Letter;
use crate::owners::Owner;
use crate::record::Partition;
use crate::standing::standing;
use crate::watchers::{Watchers, home};

/// Presentities that show what is new in one turn.
const SHOWING_PER_TURN: usize = 16;

impl Shard {
    /// Takes a letter of another shard of this node.
    pub fn letter(&mut self, now: Timestamp, letter: Letter, out: &mut Effects) {
        self.read_letter(now, letter, out);
        self.turn(now, out);
    }

    /// Sends a letter on its way: to this shard itself without a detour.
    pub(super) fn write_letter(&mut self, letter: Letter, out: &mut Effects) {
        let to = match &letter {
            Letter::Interest(aor, _)
            | Letter::NoInterest(aor, _)
            | Letter::FollowStanding(aor, ..)
            | Letter::UnfollowStanding(aor, _) => {
                ShardId::owner_of(Partition::of_hash(aor.stable_hash()), self.place.shards)
            }
            Letter::ForeignInterest(name, _) | Letter::NoForeignInterest(name, _) => {
                foreign::owner_of(name, self.place.shards)
            }
            Letter::Standing(asker, _) => ShardId(asker.shard),
            Letter::Shown(Shown { asker, .. }) | Letter::Listed(asker, ..) => ShardId(asker.shard),
            Letter::Subscriptions(watcher, ..) => home(watcher, self.place.shards),
            Letter::Full(shard, ..) => *shard,
        };
        if to == self.place.shard {
            self.letters.push_back(letter);
        } else {
            out.bring(to, letter);
        }
    }

    /// Reads what owners of this shard have written to each other, then lets presentities show what has changed.
    pub(super) fn read_letters(&mut self, now: Timestamp, out: &mut Effects) {
        for _ in 0..self.settings.limits.turn {
            let Some(letter) = self.letters.pop_front() else { break };
            self.read_letter(now, letter, out);
        }
        for _ in 0..SHOWING_PER_TURN {
            let Some(place) = self.showing.pop_front() else { break };
            let max = self.settings.limits.turn;
            let more = self.with_presentity(place, out, |presentity, terms, _, outbox| {
                presentity.show(now, terms, max, outbox)
            });
            if more == Some(true) {
                self.showing.push_back(place);
            }
        }
    }

    /// What becomes of the count of a watcher's subscriptions, and is to be told of it.
    pub(crate) fn count_watchers(
        &mut self,
        out: &mut Effects,
        count: impl FnOnce(&mut Watchers, usize, &mut Vec<Letter>),
    ) {
        let mut letters = Vec::new();
        count(&mut self.watchers, self.settings.limits.watcher, &mut letters);
        letters.into_iter().for_each(|letter| self.write_letter(letter, out));
    }

    fn read_letter(&mut self, now: Timestamp, letter: Letter, out: &mut Effects) {
        match letter {
            Letter::Interest(aor, interest) if self.has_room(&aor) => {
                let place = self.presentity_for(&aor);
                self.with_presentity(place, out, |presentity, terms, numbers, outbox| {
                    presentity.interest(now, terms, numbers, interest, outbox);
                });
            }
            Letter::Interest(_, interest) => {
                let standing = Standing::Terminated(Reason::Probation);
                self.write_letter(
                    Letter::Shown(Shown { asker: interest.asker, standing, changed_at: now }),
                    out,
                );
            }
            Letter::NoInterest(aor, asker) => {
                if let Some(place) = self.owners.presentities.find(&aor) {
                    self.with_presentity(place, out, |presentity, _, _, outbox| {
                        presentity.no_interest(now, asker, outbox);
                    });
                }
            }
            Letter::ForeignInterest(name, interest) => self.foreign_interest(now, &name, &interest, out),
            Letter::NoForeignInterest(name, asker) => self.no_foreign_interest(now, &name, asker, out),
            Letter::FollowStanding(aor, asker, identities) if self.has_room(&aor) => {
                let place = self.presentity_for(&aor);
                self.with_presentity(place, out, |presentity, terms, _, outbox| {
                    presentity.follow_standing(now, terms, asker, identities, outbox);
                });
            }
            Letter::FollowStanding(_, asker, _) => self.write_letter(Letter::Standing(asker, None), out),
            Letter::UnfollowStanding(aor, asker) => {
                if let Some(place) = self.owners.presentities.find(&aor) {
                    self.with_presentity(place, out, |presentity, _, _, _| {
                        presentity.unfollow_standing(asker);
                    });
                }
            }
            Letter::Standing(asker, told) => {
                let followers = self.owners.followers.get_mut(asker.place);
                let Some(followers) = followers.filter(|it| it.serial() == asker.serial) else { return };
                let standing = told.map(|told| standing(*told));
                followers.standing(asker.item, standing, &mut self.owners.changes);
                self.drain(Owner::followers(asker.place), out);
            }
            Letter::Subscriptions(watcher, shard, count) => {
                self.count_watchers(out, |watchers, max, letters| {
                    watchers.reported(&watcher, shard, count, max, letters);
                });
            }
            Letter::Full(_, watcher, full) => self.watchers.told(&watcher, full),
            Letter::Shown(Shown { asker, standing, changed_at }) => {
                self.show(asker, out, |list, outbox| {
                    list.shown(asker.item, rls::Shown::of(standing), changed_at, outbox);
                });
            }
            Letter::Listed(asker, listed, changed_at) => {
                self.show(asker, out, |list, outbox| list.listed(asker.item, &listed, changed_at, outbox));
            }
        }
    }

    /// A list is shown something, unless it is another by now.
    fn show(&mut self, asker: Asker, out: &mut Effects, show: impl FnOnce(&mut List, &mut rls::Outbox)) {
        let list = self.owners.lists.get_mut(asker.place);
        let Some(list) = list.filter(|list| list.serial() == asker.serial) else { return };
        show(list, &mut self.owners.list);
        self.drain(Owner::list(asker.place), out);
    }
}
