//! Documents that decide about watchers change, while the node runs or is down.

use core::time::Duration;
use std::sync::Arc;

use super::super::ruling::Edit;
use super::super::source::Source;
use super::World;

impl World<'_> {
    /// Changes a document of somebody.
    pub(super) fn edit(&mut self) -> Result<(), String> {
        self.reference.age(self.now);
        self.reference.remember();
        let presentities = self.plan.presentities;
        let presentity = format!("sip:a{}@example.com", self.random.below(presentities));
        let users: Vec<String> =
            self.peers.iter().flat_map(|peer| &peer.watchers).map(|watcher| watcher.user()).collect();
        let ruling = self.reference.rulings.entry(presentity.clone()).or_default();
        let edit = Arc::make_mut(ruling).edit(self.now, &presentity, &users, &mut self.random);
        self.tally.edits += 1;
        self.edited(edit)
    }

    /// Once more before all is quiet: documents change, a crash takes what was to be told of that, and documents change while
    /// the node is down.
    pub(super) fn overtaken(&mut self) -> Result<(), String> {
        self.pass(Duration::from_secs(75))?;
        // By what somebody else has published since, a restart takes it that everybody knows the last state.
        if let Some(source) = self.peers.iter_mut().flat_map(|peer| &mut peer.sources).next() {
            source.act(self.now);
        }
        self.pass(Duration::from_secs(2))?;
        self.peers.iter_mut().flat_map(|peer| &mut peer.sources).for_each(Source::settle);
        self.weather.loss = 100;
        for _ in 0..self.random.below(4) {
            self.edit()?;
        }
        self.crash("killed")?;
        self.weather.loss = 0;
        for _ in 0..self.random.below(4) {
            self.edit()?;
        }
        Ok(())
    }

    /// Nothing decides any more about anybody.
    pub(super) fn clear_rules(&mut self) -> Result<(), String> {
        let presentities: Vec<String> = self.reference.rulings.keys().cloned().collect();
        for presentity in presentities {
            while let Some(edit) = self.delete(&presentity) {
                self.edited(edit)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, presentity: &str) -> Option<Edit> {
        self.reference.age(self.now);
        self.reference.remember();
        Arc::make_mut(self.reference.rulings.get_mut(presentity)?).delete(presentity)
    }

    fn edited(&mut self, edit: Edit) -> Result<(), String> {
        let Edit { document, body } = edit;
        self.say(|| format!("{document:?} is {body:?}"));
        self.reference.ruled(self.now);
        let now = self.now;
        if self.host.is_none() {
            self.library.write(now, &document, body.as_deref().map(str::as_bytes));
            return Ok(());
        }
        self.node("an edit", None, |host, now| {
            host.change(now, |library| library.write(now, &document, body.as_deref().map(str::as_bytes)))
        })
    }
}
