//! What must hold: gauges at any time, knowledge in calm, and nothing at the end.

use core::time::Duration;

use super::super::reference::Watcher as Who;
use super::World;

impl World<'_> {
    pub(super) fn look(&mut self) -> Result<(), String> {
        self.reference.age(self.now);
        let Some(host) = &self.host else { return Ok(()) };
        let metrics = host.metrics();
        let bounds = self.reference.bounds(self.now);
        let within = |(low, high): (u64, u64), value| low <= value && value <= high;
        if !within(bounds.publications, metrics.publications) {
            return Err(format!("{} publications, expected {:?}", metrics.publications, bounds.publications));
        }
        let subscriptions = metrics.subscriptions_presence_active + metrics.subscriptions_presence_pending;
        if !within(bounds.subscriptions, subscriptions) {
            return Err(format!("{subscriptions} subscriptions, expected {:?}", bounds.subscriptions));
        }
        Ok(())
    }

    /// Every watcher knows the composed state; with `all`, every watcher has a subscription to know it by.
    pub(super) fn converged(&mut self, all: bool) -> Result<(), String> {
        let settled = self.plan.settings.pace + Duration::from_secs(2);
        for _ in 0..200 {
            let watchers = || self.peers.iter().flat_map(|peer| &peer.watchers);
            if !watchers().any(|watcher| self.reference.is_restless(&watcher.presentity, self.now, settled)) {
                break;
            }
            self.pass(Duration::from_secs(1))?;
        }
        let mut converged = 0;
        for watcher in self.peers.iter().flat_map(|peer| &peer.watchers) {
            if self.reference.is_restless(&watcher.presentity, self.now, settled) {
                continue;
            }
            let who = Who { user: watcher.user(), anonymous: watcher.is_anonymous() };
            let known = watcher.knows();
            let certain =
                known.and_then(|(call_id, tag, _)| self.reference.is_certain(call_id, tag, self.now));
            let Some((call_id, _, content)) = known.filter(|_| certain.is_some()) else {
                if all && !self.reference.forbids(&watcher.presentity, &who, self.now) {
                    return Err(format!("no subscription after long calm: {watcher:?}"));
                }
                continue;
            };
            if certain == Some(false) {
                continue;
            }
            let shown = self.reference.may_see(&watcher.presentity, &who, self.now);
            if content != Some(&shown) {
                return Err(format!(
                    "{call_id} knows {content:?} of {}, may see {shown:?}",
                    watcher.presentity
                ));
            }
            converged += 1;
        }
        self.tally.converged += converged;
        Ok(())
    }

    /// Everyone has gone: nothing is left.
    pub(super) fn empty(&mut self) -> Result<(), String> {
        let Some(host) = &self.host else { return Err("the node is down at the end".into()) };
        for (name, kind, _, value) in host.metrics().each() {
            if kind == node::MetricKind::Gauge && value != 0 {
                return Err(format!("at the end {name} is {value}"));
            }
        }
        match self.ledger.rows() {
            0 => Ok(()),
            rows => Err(format!("at the end {rows} rows are left")),
        }
    }
}
