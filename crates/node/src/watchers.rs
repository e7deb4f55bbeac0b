//! How many subscriptions each watcher has, over all presentities and all shards: see `docs/adr/0013-a-bound-over-shards.md`.

use std::collections::{BTreeMap, HashMap};

use foldhash::quality::FixedState;
use sip::Aor;

use crate::door::ShardId;
use crate::letters::Letter;
use crate::record::Partition;

/// What one shard knows: its own subscriptions, and what the others have reported of watchers that are at home here.
#[derive(Debug)]
pub(crate) struct Watchers {
    shard: ShardId,
    shards: u16,
    /// Those with subscriptions in this shard, and those who may have no more in any.
    here: HashMap<Aor, Here, FixedState>,
    /// Those whose home this is, once a shard has reported them.
    home: HashMap<Aor, Home, FixedState>,
}

#[derive(Debug, Default)]
struct Here {
    count: usize,
    /// The count that its home knows of.
    reported: usize,
    /// Its home says that it has as many as it may.
    full: bool,
}

#[derive(Debug, Default)]
struct Home {
    by_shard: BTreeMap<u16, usize>,
    /// All shards were told that it has as many as it may.
    full: bool,
}

impl Watchers {
    /// None yet. No table of `seed` is like that of another, since peers choose the names.
    pub(crate) fn new(shard: ShardId, shards: u16, seed: u64) -> Self {
        let (here, home) = (
            HashMap::with_hasher(FixedState::with_seed(seed)),
            HashMap::with_hasher(FixedState::with_seed(seed)),
        );
        Self { shard, shards, here, home }
    }

    /// How many watchers are known here, and how many here for all shards.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.here.len(), self.home.len())
    }

    /// Whether a watcher may have one more, as far as is known here.
    pub(crate) fn has_room(&self, watcher: &Aor, max: usize) -> bool {
        self.here.get(watcher).is_none_or(|here| !here.full && here.count < max)
    }

    /// A subscription has come. Its report, if one is due, goes to `letters`.
    pub(crate) fn came(&mut self, watcher: &Aor, max: usize, letters: &mut Vec<Letter>) {
        self.here.entry(watcher.clone()).or_default().count += 1;
        self.report(watcher, max, letters);
    }

    /// One is gone.
    pub(crate) fn gone(&mut self, watcher: &Aor, max: usize, letters: &mut Vec<Letter>) {
        if let Some(here) = self.here.get_mut(watcher) {
            here.count = here.count.saturating_sub(1);
        }
        self.report(watcher, max, letters);
        self.forget(watcher);
    }

    /// One is back after a restart: reported when all are, see [`Watchers::settle`].
    pub(crate) fn restored(&mut self, watcher: &Aor) {
        self.here.entry(watcher.clone()).or_default().count += 1;
    }

    /// All are back, or the bound is another one.
    pub(crate) fn settle(&mut self, max: usize, letters: &mut Vec<Letter>) {
        let mut watchers: Vec<Aor> = self.here.keys().cloned().collect();
        watchers.sort_unstable();
        watchers.iter().for_each(|watcher| self.report(watcher, max, letters));
        let mut watchers: Vec<Aor> = self.home.keys().cloned().collect();
        watchers.sort_unstable();
        watchers.iter().for_each(|watcher| self.judge(watcher, max, letters));
    }

    /// A shard has reported how many one has there.
    pub(crate) fn reported(
        &mut self,
        watcher: &Aor,
        shard: ShardId,
        count: usize,
        max: usize,
        letters: &mut Vec<Letter>,
    ) {
        let home = self.home.entry(watcher.clone()).or_default();
        if count == 0 {
            home.by_shard.remove(&shard.0);
        } else {
            home.by_shard.insert(shard.0, count);
        }
        self.judge(watcher, max, letters);
    }

    /// Its home says whether one has as many as it may.
    pub(crate) fn told(&mut self, watcher: &Aor, full: bool) {
        self.here.entry(watcher.clone()).or_default().full = full;
        self.forget(watcher);
    }

    /// Reports in steps, so that who has few is never reported: a step is a quarter of the bound over all shards, and the
    /// end of all is told in any case.
    fn report(&mut self, watcher: &Aor, max: usize, letters: &mut Vec<Letter>) {
        let step = (max / (4 * usize::from(self.shards))).max(1);
        let Some(here) = self.here.get_mut(watcher).filter(|_| self.shards > 1) else { return };
        let is_due = here.count.abs_diff(here.reported) >= step || (here.count == 0 && here.reported > 0);
        if is_due {
            here.reported = here.count;
            letters.push(Letter::Subscriptions(watcher.clone(), self.shard, here.count));
        }
    }

    fn judge(&mut self, watcher: &Aor, max: usize, letters: &mut Vec<Letter>) {
        let Some(home) = self.home.get_mut(watcher) else { return };
        let full = home.by_shard.values().sum::<usize>() >= max;
        if full != home.full {
            home.full = full;
            let all = (0..self.shards).map(ShardId);
            letters.extend(all.map(|shard| Letter::Full(shard, watcher.clone(), full)));
        }
        if home.by_shard.is_empty() && !full {
            self.home.remove(watcher);
        }
    }

    fn forget(&mut self, watcher: &Aor) {
        if self.here.get(watcher).is_some_and(|here| here.count == 0 && !here.full) {
            self.here.remove(watcher);
        }
    }
}

/// The shard that counts for all.
pub(crate) fn home(watcher: &Aor, shards: u16) -> ShardId {
    ShardId::owner_of(Partition::of_hash(watcher.stable_hash()), shards)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shards whose letters arrive in order, each pair's by itself.
    struct World {
        shards: Vec<Watchers>,
        max: usize,
        letters: usize,
    }

    impl World {
        fn new(shards: u16, max: usize) -> Self {
            let shards = (0..shards).map(|shard| Watchers::new(ShardId(shard), shards, 1)).collect();
            Self { shards, max, letters: 0 }
        }

        fn act(&mut self, shard: usize, act: impl FnOnce(&mut Watchers, usize, &mut Vec<Letter>)) {
            let mut letters = Vec::new();
            act(&mut self.shards[shard], self.max, &mut letters);
            let count = u16::try_from(self.shards.len()).expect("few shards");
            while !letters.is_empty() {
                let mut more = Vec::new();
                for letter in letters.drain(..) {
                    self.letters += 1;
                    match letter {
                        Letter::Subscriptions(watcher, from, has) => {
                            let home = usize::from(home(&watcher, count).0);
                            self.shards[home].reported(&watcher, from, has, self.max, &mut more);
                        }
                        Letter::Full(shard, watcher, full) => {
                            self.shards[usize::from(shard.0)].told(&watcher, full);
                        }
                        other => panic!("no such letter is written: {other:?}"),
                    }
                }
                letters = more;
            }
        }

        /// Takes one more if there is room.
        fn subscribe(&mut self, shard: usize, watcher: &Aor) -> bool {
            let has_room = self.shards[shard].has_room(watcher, self.max);
            if has_room {
                self.act(shard, |watchers, max, letters| watchers.came(watcher, max, letters));
            }
            has_room
        }

        fn end(&mut self, shard: usize, watcher: &Aor) {
            self.act(shard, |watchers, max, letters| watchers.gone(watcher, max, letters));
        }

        fn is_empty(&self) -> bool {
            self.shards.iter().all(|watchers| watchers.len() == (0, 0))
        }
    }

    fn bob() -> Aor {
        Aor::parse("sip:bob@example.com").expect("an address-of-record")
    }

    #[test]
    fn the_bound_holds_over_shards_within_a_quarter_and_never_too_early() {
        for (shards, max) in [(1, 7), (2, 1), (3, 10), (4, 100), (16, 1000), (16, 5)] {
            for skew in [1, 3] {
                let (mut world, bob) = (World::new(shards, max), bob());
                let mut held = Vec::new();
                for attempt in 0..max * 3 {
                    let shard = (attempt / skew) % usize::from(shards);
                    if world.subscribe(shard, &bob) {
                        held.push(shard);
                    }
                }
                assert!(held.len() >= max && held.len() <= max + max / 4, "{shards} {max}: {}", held.len());
                let full = held.len();
                for shard in held.drain(..) {
                    world.end(shard, &bob);
                }
                assert!(world.is_empty(), "{shards} {max}: all is given back");
                assert!(
                    (0..max).filter(|at| world.subscribe(at % usize::from(shards), &bob)).count()
                        == max.min(full)
                );
            }
        }
    }

    #[test]
    fn who_has_few_costs_no_letter() {
        let mut world = World::new(16, 2000);
        for shard in 0..16 {
            for _ in 0..30 {
                assert!(world.subscribe(shard, &bob()));
            }
        }
        assert_eq!(world.letters, 0);
    }

    #[test]
    fn counts_are_right_after_a_restart_with_another_number_of_shards_and_another_bound() {
        let (mut world, bob) = (World::new(4, 10), bob());
        for number in 0..10 {
            world.shards[number % 4].restored(&bob);
        }
        for shard in 0..4 {
            world.act(shard, Watchers::settle);
        }
        assert!((0..4).all(|shard| !world.subscribe(shard, &bob)));
        world.max = 11;
        for shard in 0..4 {
            world.act(shard, Watchers::settle);
        }
        assert!(world.subscribe(2, &bob) && !world.subscribe(3, &bob));
    }
}
