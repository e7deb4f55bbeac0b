//! Who within the installation is told what the rules let somebody do, now and whenever they let him do something else.

use std::collections::BTreeMap;
use std::sync::Arc;

use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::interest::Asker;

use super::{Presentity, Standing, Terms};
use crate::outbox::Outbox;
use crate::rules::Requester;

/// All who have asked.
#[derive(Debug, Default)]
pub(super) struct Standings {
    asked: BTreeMap<Asker, Asked>,
}

#[derive(Debug)]
struct Asked {
    /// Whose standing it is, by all proven names.
    identities: Arc<[Aor]>,
    /// What was told last.
    told: Option<Standing>,
}

impl Standings {
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

impl Presentity {
    /// Tells what somebody may do as soon as the documents are known, and again whenever that is something else.
    pub fn follow_standing(
        &mut self,
        now: Timestamp,
        terms: &Terms<'_>,
        asker: Asker,
        identities: Arc<[Aor]>,
        out: &mut Outbox,
    ) {
        self.standings.asked.insert(asker, Asked { identities, told: None });
        if self.is_ready() {
            self.tell_standings(now, terms, out);
            self.arm_clock(now, out);
        } else {
            self.prepare(out);
        }
    }

    /// It need not be told any more.
    pub fn unfollow_standing(&mut self, asker: Asker) {
        self.standings.asked.remove(&asker);
    }

    /// Judges all of them anew, and tells those of whom something else is said than before.
    pub(super) fn tell_standings(&mut self, now: Timestamp, terms: &Terms<'_>, out: &mut Outbox) {
        let mut standings = core::mem::take(&mut self.standings);
        for (asker, asked) in &mut standings.asked {
            let standing = self.standing(now, terms, &Requester::known(&asked.identities));
            if standing.is_some() && standing != asked.told {
                out.standings.extend(standing.clone().map(|standing| (*asker, standing)));
                asked.told = standing;
            }
        }
        self.standings = standings;
    }
}
