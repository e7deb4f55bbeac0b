//! What a presentity asks of its surroundings after an event.

use documents::rules::SubHandling;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::interest::{Asker, Shown};
use sip_stack::subscriptions::{self, Stored};
use xcap::Want;

use crate::presentity::Standing;

/// The effects of one or more events, in order. A caller's buffer: an event costs no allocation for it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Rows of publications, to keep before anything is said.
    pub publications: Vec<Stored>,
    /// Wake-ups wanted for publications, named by their rows: call [`crate::Presentity::due`] with these very values.
    pub deadlines: Vec<(Timestamp, u64)>,
    /// What the subscriptions to presence ask for.
    pub watchers: subscriptions::Outbox,
    /// Documents that the presentity must know; the answer goes to [`crate::Presentity::found`].
    pub wants: Vec<Want>,
    /// What those within the installation are shown who asked for it.
    pub shown: Vec<Shown>,
    /// Whether some of them are to be looked at: call [`crate::Presentity::show`] when there is time.
    pub showing: bool,
    /// What they are told that others may do who asked for that.
    pub standings: Vec<(Asker, Standing)>,
    /// What was decided about watchers, for an audit trail; `None` while nobody keeps one.
    pub rulings: Option<Vec<Ruling>>,
    /// Numbers for the operator.
    pub counts: Counts,
}

/// A decision about a watcher that is another than before. It names users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Whose presence.
    pub presentity: Aor,
    /// Who asked for it.
    pub watcher: Aor,
    /// Whether it asked to stay unknown to the presentity.
    pub anonymous: bool,
    /// What was decided before; `None` if it has only just asked.
    pub before: Option<SubHandling>,
    /// What is decided now.
    pub decision: SubHandling,
}

impl Outbox {
    /// Notes a decision, if an audit trail is kept.
    pub(crate) fn rule(
        &mut self,
        presentity: &Aor,
        watcher: Option<&Aor>,
        anonymous: bool,
        before: Option<SubHandling>,
        decision: SubHandling,
    ) {
        let (Some(rulings), Some(watcher)) = (&mut self.rulings, watcher) else { return };
        if before != Some(decision) {
            let (presentity, watcher) = (presentity.clone(), watcher.clone());
            rulings.push(Ruling { presentity, watcher, anonymous, before, decision });
        }
    }
}

/// What happened to publications, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Publications that ran out.
    pub expired: u64,
    /// Deadlines handled more than a second late.
    pub overdue: u64,
    /// Rules documents found to be unreadable, each time that they were read: their presentities are closed to everybody.
    pub rules_unreadable: u64,
}
