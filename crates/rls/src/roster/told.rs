//! How much of a roster one subscription has been told.

use std::collections::BTreeMap;

/// How much of a roster one subscription has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The full state is owed.
    pub(super) full: bool,
    /// All changes up to this number are known, but for resources from `from` on.
    pub(super) upto: u64,
    /// Of resources with this serial number and higher ones, nothing is known but that they are in the list: the full
    /// state was too large for one NOTIFY.
    pub(super) from: u32,
    /// The subscription is older than what is remembered of it: lists within may have had versions.
    pub(super) counted: bool,
    /// The versions of lists within that are there no more were below this one: what comes back under their names is
    /// above them.
    pub(super) floor: u32,
    /// The lists within by the serial numbers of their resources.
    pub(super) lists: BTreeMap<u32, Within>,
}

/// A list within, as far as one subscription has been told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Within {
    /// Which of the rosters that the resource has had.
    born: u64,
    /// The version of its next document.
    version: u32,
    told: Told,
}

/// All resources are below this one.
pub(super) const WHOLE: u32 = u32::MAX;

impl Told {
    /// Nothing, so the full state is owed.
    pub const NOTHING: Self =
        Self { full: true, upto: 0, from: 0, counted: false, floor: 0, lists: BTreeMap::new() };

    /// Nothing that is remembered, of a subscription that was there before a restart: lists within count their versions
    /// from that of the document around them, which is higher than all that theirs had.
    pub const FORGOTTEN: Self =
        Self { full: true, upto: 0, from: 0, counted: true, floor: 0, lists: BTreeMap::new() };

    /// Up to which change everything is known; none while something older is owed.
    pub fn upto(&self) -> Option<u64> {
        (!self.full && self.from == WHOLE).then_some(self.upto)
    }

    /// The full state is owed again, of lists within too. Their versions count on.
    #[must_use]
    pub fn anew(&self) -> Self {
        let anew = |within: &Within| Within { told: within.told.anew(), ..*within };
        let lists = self.lists.iter().map(|(serial, within)| (*serial, anew(within))).collect();
        Self { lists, counted: self.counted, floor: self.floor, ..Self::NOTHING }
    }

    /// What it was told of a list within, if that is the roster that was born then.
    pub(super) fn list(&self, serial: u32, born: u64) -> Option<&Self> {
        let within = self.lists.get(&serial)?;
        (within.born == born).then_some(&within.told)
    }

    /// The serial numbers of lists within that it was told of.
    pub(super) fn lists(&self) -> impl Iterator<Item = u32> {
        self.lists.keys().copied()
    }

    /// The version of the next document of a list within, which stands in one of version `around`; and what it was told.
    pub(super) fn next(&self, serial: u32, born: u64, around: u32) -> (u32, Self) {
        match self.lists.get(&serial) {
            Some(within) if within.born == born => (within.version, within.told.clone()),
            Some(within) => (within.version, within.told.anew()),
            None if self.counted => (around, Self::FORGOTTEN),
            None => (self.floor, Self::NOTHING),
        }
    }

    /// A list within is told of in that version.
    pub(super) fn tell(&mut self, serial: u32, born: u64, version: u32, told: Self) {
        let within = Within { born, version: version.saturating_add(1), told };
        self.lists.insert(serial, within);
    }

    /// Only these resources are there. The versions of their lists count on, whatever they are meanwhile.
    pub(super) fn keep_lists(&mut self, is_there: impl Fn(u32) -> bool) {
        let Self { lists, floor, .. } = self;
        lists.retain(|serial, within| {
            let stays = is_there(*serial);
            if !stays {
                *floor = within.version.max(*floor);
            }
            stays
        });
    }
}
