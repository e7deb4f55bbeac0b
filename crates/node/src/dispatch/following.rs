//! SUBSCRIBE for changes of documents, read as far as the document servers need it.

use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::subscriptions::{self, Refresh, Refreshed};
use xdm::changes::{Changes, Subscribe, Wish};

use super::Refused;
use super::subscribing::{Granted, Initial};
use crate::effects::Effects;
use crate::owners::{Owner, Owners, Watching};
use crate::shard::Shard;

impl Shard {
    /// The followers that subscribe to a Request-URI, made if need be and if there is room.
    pub(super) fn followed(&mut self, aor: &Aor) -> Result<Owner, Refused> {
        let Owners { followers, numbers, .. } = &mut self.owners;
        if followers.len() >= self.settings.limits.presentities && followers.find(aor).is_none() {
            return Err(Refused::Full);
        }
        Ok(Owner::followers(followers.place(aor, || Changes::new(aor.clone(), numbers.serial()))))
    }

    /// Takes an initial SUBSCRIBE.
    pub(super) fn follow(
        &mut self,
        now: Timestamp,
        place: u32,
        initial: Initial<'_>,
        out: &mut Effects,
    ) -> Result<(Granted, Watching), Refused> {
        let Initial { caller, dialog, flow, event, expires, unless, changes: wish, .. } = initial;
        let gone = || subscriptions::Refusal::NoSubscription;
        let (Some(terms), Some(wish)) = (self.settings.changes(), wish) else { return Err(gone().into()) };
        let Owners { followers, changes, numbers, .. } = &mut self.owners;
        let followers = followers.get_mut(place).ok_or_else(gone)?;
        let identities = caller.identities();
        let subscribe = Subscribe { identities, dialog, flow, event, expires, unless, wish };
        let granted = followers.subscribe(now, &terms, numbers, subscribe, changes);
        self.drain(Owner::followers(place), out);
        let (lifetime, id) = granted?;
        let granted = Granted { lifetime, undecided: false, suppressed: false };
        Ok((granted, Watching { owner: Owner::followers(place), id }))
    }

    /// Takes a SUBSCRIBE inside a dialog.
    pub(super) fn follow_anew(
        &mut self,
        now: Timestamp,
        watching: Watching,
        refresh: Refresh<'_>,
        wish: Wish,
        out: &mut Effects,
    ) -> Result<Refreshed, Refused> {
        let gone = || subscriptions::Refusal::NoSubscription;
        let terms = self.settings.changes().ok_or_else(gone)?;
        let Owners { followers, changes, .. } = &mut self.owners;
        let followers = followers.get_mut(watching.owner.place).ok_or_else(gone)?;
        let granted = followers.refresh(now, &terms, watching.id, refresh, wish, changes);
        self.drain(watching.owner, out);
        Ok(granted?)
    }
}
