//! What must hold: gauges at any time, knowledge in calm, and nothing at the end.

use core::time::Duration;

use super::super::reference::Watcher as Who;
use super::super::watcher::Watcher;
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
        let window = self.plan.settings.lists.as_ref().map_or(Duration::ZERO, |lists| lists.window);
        let settled = self.plan.settings.pace + window + Duration::from_secs(2);
        for _ in 0..200 {
            let mut watched = self.peers.iter().flat_map(|peer| &peer.watchers).flat_map(Watcher::watched);
            if !watched.any(|watched| self.reference.is_restless(watched, self.now, settled)) {
                break;
            }
            self.pass(Duration::from_secs(1))?;
        }
        let mut converged = 0;
        for watcher in self.peers.iter().flat_map(|peer| &peer.watchers) {
            for presentity in watcher.watched() {
                converged += u64::from(self.is_told(watcher, presentity, settled, all)?);
            }
        }
        self.tally.converged += converged;
        Ok(())
    }

    /// Whether a watcher knows of a presentity what it may; not if that need not be so now.
    fn is_told(
        &self,
        watcher: &Watcher,
        presentity: &str,
        settled: Duration,
        all: bool,
    ) -> Result<bool, String> {
        if self.reference.is_restless(presentity, self.now, settled) {
            return Ok(false);
        }
        let who = Who { user: watcher.user(), anonymous: watcher.is_anonymous() };
        let certain =
            watcher.holds().and_then(|(call_id, tag)| self.reference.is_certain(call_id, tag, self.now));
        let (Some(certain), Some((call_id, _))) = (certain, watcher.holds()) else {
            if all && !self.reference.forbids(presentity, &who, self.now) {
                return Err(format!("no subscription after long calm: {watcher:?}"));
            }
            return Ok(false);
        };
        if !certain || watcher.has_gap() && !all {
            return Ok(false);
        }
        let (known, shown) = (watcher.knows(presentity), self.reference.may_see(presentity, &who, self.now));
        if known != shown {
            return Err(format!("{call_id} knows {known:?} of {presentity}, may see {shown:?}"));
        }
        Ok(true)
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
