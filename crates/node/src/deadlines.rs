//! Wake-ups by time: deadlines live in the state that they end, this only says when to look.

use std::collections::BTreeMap;

use sip_stack::Timestamp;

use crate::owners::{Owner, Watching};

/// Wake-ups of a shard, in bundles of the same instant. Owners ask at whole quarters of a second, so there are few
/// bundles however many wake-ups: asking and waking cost the same for ten and for ten million.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    bundles: BTreeMap<Timestamp, Vec<Wake>>,
}

/// One wake-up. A stale one is harmless: the owner looks at its own deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A subscription runs out, or a NOTIFY may leave again.
    Subscription(Watching),
    /// A publication runs out, or what is left of it is swept away.
    Publication {
        /// Place of the presentity.
        presentity: u32,
        /// The publication's row.
        row: u64,
    },
    /// A back-end subscription sends again, refreshes, or reads what it has heard.
    Backend(u32),
    /// Lists ask once more for what nobody served.
    Lists,
    /// An owner that does not know its documents asks again.
    Documents(Owner),
}

impl Deadlines {
    /// Asks for a wake-up.
    pub(crate) fn ask(&mut self, at: Timestamp, wake: Wake) {
        self.bundles.entry(at).or_default().push(wake);
    }

    /// The next instant with a wake-up.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.bundles.first_key_value().map(|(at, _)| *at)
    }

    /// Takes one wake-up whose time has come, with the instant that was asked for.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Wake)> {
        let mut bundle = self.bundles.first_entry().filter(|bundle| *bundle.key() <= now)?;
        let at = *bundle.key();
        let wake = bundle.get_mut().pop();
        if bundle.get().is_empty() {
            bundle.remove();
        }
        wake.map(|wake| (at, wake))
    }
}
