//! The owners of a shard, by kind: whatever is asked of a subscription is forwarded to the machine that has it.

use core::hash::Hash;
use core::net::SocketAddr;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use std::sync::Arc;

use foldhash::quality::FixedState;
use presence::Presentity;
use rls::backend::Stage;
use rls::{Backend, BackendName, List, ListName};
use sip::{Aor, Message};
use sip_stack::notifier::{Outcome, Subscription};
use sip_stack::subscriptions::{Notify, Refusal, StoredSubscription, SubscriptionId};
use sip_stack::{Numbers, Timestamp};
use xcap::{Change, Found, Tree, Unavailable, Want};
use xdm::changes::{self, Changes};

use crate::attention::Attention;
use crate::gates::Pass;
use crate::record::{Partition, RowKey};
use crate::services::Services;
use crate::settings::Settings;

/// Which machine a subscription belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A watcher of a presentity.
    Presence,
    /// A watcher of a list.
    List,
    /// A follower of documents.
    Changes,
}

impl Role {
    /// The role that a stored row names; one without a name is from before there was a second role.
    fn of_row(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some(presence::ROLE) => Some(Self::Presence),
            Some(rls::ROLE) => Some(Self::List),
            Some(changes::PACKAGE) => Some(Self::Changes),
            Some(_) => None,
        }
    }
}

/// An owner of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    /// Which machine it is.
    pub(crate) role: Role,
    /// Its place among those of its kind.
    pub(crate) place: u32,
}

impl Owner {
    /// The presentity at a place.
    pub(crate) const fn presentity(place: u32) -> Self {
        Self { role: Role::Presence, place }
    }

    /// The list at a place.
    pub(crate) const fn list(place: u32) -> Self {
        Self { role: Role::List, place }
    }

    /// The followers at a place.
    pub(crate) const fn followers(place: u32) -> Self {
        Self { role: Role::Changes, place }
    }
}

/// A subscription of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watching {
    /// Whose.
    pub(crate) owner: Owner,
    /// The subscription.
    pub(crate) id: SubscriptionId,
}

/// A back-end subscription, and what the shard has done for it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) backend: Backend,
    /// The watcher by all proven names.
    pub(crate) identities: Arc<[Aor]>,
    /// Tells it from others at the same place.
    pub(crate) serial: u32,
    /// The tag under which NOTIFYs find it.
    pub(crate) tag: Option<u64>,
    /// The stream that its last request went over.
    pub(crate) stream: Option<SocketAddr>,
    /// As it was counted.
    pub(crate) stage: Option<Stage>,
    /// A wake-up is asked for, not later than this.
    pub(crate) armed_at: Timestamp,
    /// The hop that is asked for.
    pub(crate) asked: Option<String>,
    /// The next hop through whose gate its request goes, or waits to go.
    pub(crate) gate: Option<Pass>,
}

/// Owners of one kind by place and by name.
#[derive(Debug)]
pub(crate) struct Slab<N, O> {
    slots: Vec<Option<O>>,
    free: Vec<u32>,
    by_name: HashMap<N, u32, FixedState>,
}

impl<N: Clone + Eq + Hash, O> Slab<N, O> {
    /// An empty one. No table of `seed` is like that of another, since peers choose the names.
    fn new(seed: u64) -> Self {
        let by_name = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { slots: Vec::new(), free: Vec::new(), by_name }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// All places that there have been.
    pub(crate) fn places(&self) -> core::ops::Range<u32> {
        0..u32::try_from(self.slots.len()).expect("places are counted in 32 bits")
    }

    /// The place of the one with this name, if there is one.
    pub(crate) fn find(&self, name: &N) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, place: u32) -> Option<&O> {
        self.slots.get(place as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut O> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    /// The place of the one with this name, made if need be.
    pub(crate) fn place(&mut self, name: &N, make: impl FnOnce() -> O) -> u32 {
        if let Some(place) = self.by_name.get(name) {
            return *place;
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = Some(make());
                place
            }
            None => {
                // Owners are large, and there may be millions: room for a quarter more, not for twice as many.
                if self.slots.len() == self.slots.capacity() {
                    self.slots.reserve_exact((self.slots.len() / 4).max(16));
                }
                self.slots.push(Some(make()));
                u32::try_from(self.slots.len() - 1).expect("bounded by a limit of the shard")
            }
        };
        self.by_name.insert(name.clone(), place);
        place
    }

    /// Lets go of the one at a place.
    pub(crate) fn remove(&mut self, place: u32, name: &N) {
        self.slots[place as usize] = None;
        self.by_name.remove(name);
        self.free.push(place);
    }
}

/// All owners of a shard, and the buffers that they write into.
#[derive(Debug)]
pub(crate) struct Owners {
    pub(crate) presentities: Slab<Aor, Presentity>,
    pub(crate) presence: presence::Outbox,
    pub(crate) lists: Slab<ListName, List>,
    pub(crate) list: rls::Outbox,
    pub(crate) backends: Slab<BackendName, Held>,
    pub(crate) backend: rls::backend::Outbox,
    /// By the Request-URI that they subscribe to.
    pub(crate) followers: Slab<Aor, Changes>,
    pub(crate) changes: changes::Outbox,
    /// Who follows which trees of documents, but for presentities, who follow their own.
    interests: BTreeMap<Tree, BTreeSet<Owner>>,
    /// The same by partition.
    pub(crate) attention: Attention,
    /// Which addresses-of-record are lists.
    pub(crate) services: Services,
    pub(crate) numbers: Numbers,
}

impl Owners {
    /// No owners yet.
    pub(crate) fn new(numbers: Numbers, seed: u64) -> Self {
        Self {
            presentities: Slab::new(seed),
            presence: presence::Outbox::default(),
            lists: Slab::new(seed),
            list: rls::Outbox::default(),
            backends: Slab::new(seed),
            backend: rls::backend::Outbox::default(),
            followers: Slab::new(seed),
            changes: changes::Outbox::default(),
            interests: BTreeMap::new(),
            attention: Attention::default(),
            services: Services::default(),
            numbers,
        }
    }

    /// The place of a list, made if need be. `owner` is whose it is, if it is a stored one.
    pub(crate) fn make_list(
        &mut self,
        name: &ListName,
        identities: &[Aor],
        owner: Option<&Aor>,
        partition: Partition,
        secret: u64,
    ) -> u32 {
        let Self { lists, numbers, .. } = self;
        lists.place(name, || {
            let serial = numbers.serial();
            List::new(name.clone(), identities, owner.cloned(), serial, partition.0, secret)
        })
    }

    /// Lets go of a list.
    pub(crate) fn remove_list(&mut self, place: u32) {
        if let Some(name) = self.lists.get(place).map(|list| list.name().clone()) {
            self.lists.remove(place, &name);
        }
    }

    /// From now on an owner hears of changes in some trees, and not of those in others. Gives those that nobody follows any
    /// more.
    pub(crate) fn follow(
        &mut self,
        owner: Owner,
        follow: &mut Vec<Tree>,
        unfollow: &mut Vec<Tree>,
    ) -> Vec<Tree> {
        let mut left = Vec::new();
        for tree in follow.drain(..) {
            match self.interests.entry(tree) {
                Entry::Occupied(mut interested) => _ = interested.get_mut().insert(owner),
                Entry::Vacant(vacant) => {
                    self.attention.add(vacant.key());
                    vacant.insert(BTreeSet::from([owner]));
                }
            }
        }
        for tree in unfollow.drain(..) {
            if let Entry::Occupied(mut interested) = self.interests.entry(tree) {
                interested.get_mut().remove(&owner);
                if interested.get().is_empty() {
                    self.attention.remove(interested.key());
                    left.push(interested.remove_entry().0);
                }
            }
        }
        left
    }

    /// Whether an owner hears of changes in a tree.
    pub(crate) fn needs(&self, tree: &Tree) -> bool {
        let user = match tree {
            Tree::User(xui) => Aor::parse(xui).ok(),
            Tree::Global => None,
        };
        self.interests.contains_key(tree) || user.is_some_and(|user| self.presentities.find(&user).is_some())
    }

    /// A subscription, while it lives.
    pub(crate) fn subscription(&self, watching: Watching) -> Option<&Subscription> {
        match watching.owner.role {
            Role::Presence => self.presentities.get(watching.owner.place)?.subscription(watching.id),
            Role::List => self.lists.get(watching.owner.place)?.subscription(watching.id),
            Role::Changes => self.followers.get(watching.owner.place)?.subscription(watching.id),
        }
    }

    /// Hears a SUBSCRIBE inside a dialog that is refused for something else than the dialog.
    pub(crate) fn hear(
        &mut self,
        watching: Watching,
        caller: &Aor,
        request: &Message<'_>,
        cseq: u32,
    ) -> Result<(), Refusal> {
        match watching.owner.role {
            Role::Presence => {
                let presentity =
                    self.presentities.get_mut(watching.owner.place).ok_or(Refusal::NoSubscription)?;
                presentity.hear(watching.id, caller, request, cseq)
            }
            Role::List => {
                let list = self.lists.get_mut(watching.owner.place).ok_or(Refusal::NoSubscription)?;
                list.hear(watching.id, caller, request, cseq)
            }
            Role::Changes => {
                let followers =
                    self.followers.get_mut(watching.owner.place).ok_or(Refusal::NoSubscription)?;
                followers.hear(watching.id, caller, request, cseq)
            }
        }
    }

    /// What to send now; it counts as sent. Where a role can say things in several NOTIFYs, its fields and body take
    /// `room` octets at most.
    pub(crate) fn notify(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        watching: Watching,
        room: usize,
    ) -> Option<Notify<'_>> {
        let Watching { owner: Owner { role, place }, id } = watching;
        match role {
            Role::Presence => {
                let presentity = self.presentities.get_mut(place)?;
                presentity.notify(now, &settings.presence(), id, &mut self.presence)
            }
            Role::List => {
                let terms = settings.lists.as_ref()?.terms(settings);
                self.lists.get_mut(place)?.notify(now, &terms, id, room, &mut self.list)
            }
            Role::Changes => {
                self.followers.get_mut(place)?.notify(now, &settings.changes()?, id, &mut self.changes)
            }
        }
    }

    /// The NOTIFY without an answer, to be sent again.
    pub(crate) fn repeat(&self, watching: Watching) -> Option<Notify<'_>> {
        match watching.owner.role {
            Role::Presence => self.presentities.get(watching.owner.place)?.repeat(watching.id),
            Role::List => self.lists.get(watching.owner.place)?.repeat(watching.id),
            Role::Changes => self.followers.get(watching.owner.place)?.repeat(watching.id),
        }
    }

    /// A NOTIFY has ended.
    pub(crate) fn ended(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        watching: Watching,
        outcome: Outcome,
    ) {
        let Watching { owner: Owner { role, place }, id } = watching;
        match role {
            Role::Presence => {
                if let Some(presentity) = self.presentities.get_mut(place) {
                    presentity.ended(now, &settings.presence(), id, outcome, &mut self.presence);
                }
            }
            Role::List => {
                let Some(lists) = &settings.lists else { return };
                if let Some(list) = self.lists.get_mut(place) {
                    list.ended(now, &lists.terms(settings), id, outcome, &mut self.list);
                }
            }
            Role::Changes => {
                if let (Some(followers), Some(terms)) = (self.followers.get_mut(place), settings.changes()) {
                    followers.ended(now, &terms, id, outcome, &mut self.changes);
                }
            }
        }
    }

    /// A wake-up that was asked for a subscription has come.
    pub(crate) fn due(&mut self, now: Timestamp, at: Timestamp, watching: Watching) {
        let Watching { owner: Owner { role, place }, id } = watching;
        match role {
            Role::Presence => {
                if let Some(presentity) = self.presentities.get_mut(place) {
                    presentity.due_watcher(now, at, id, &mut self.presence);
                }
            }
            Role::List => {
                if let Some(list) = self.lists.get_mut(place) {
                    list.due(now, at, id, &mut self.list);
                }
            }
            Role::Changes => {
                if let Some(followers) = self.followers.get_mut(place) {
                    followers.due(now, at, id, &mut self.changes);
                }
            }
        }
    }

    /// Puts a stored subscription back. Gives it with its dialog's tag.
    pub(crate) fn restore(
        &mut self,
        settings: &Settings,
        row: RowKey,
        data: &[u8],
        secret: u64,
    ) -> Option<(u64, Watching)> {
        let stored = StoredSubscription::read(data)?;
        if stored.role == Some(presence::WAITING_ROLE) {
            let aor = Aor::parse(stored.owner).ok()?;
            let place = self.presentities.place(&aor, || Presentity::new(aor.clone()));
            self.presentities.get_mut(place)?.restore_waiting(row.id, stored);
            return None; // it has no dialog
        }
        let role = Role::of_row(stored.role).filter(|role| settings.plays(*role))?;
        let numbers = &mut self.numbers;
        let (place, (id, subscription)) = match role {
            Role::Presence => {
                let aor = Aor::parse(stored.owner).ok()?;
                let place = self.presentities.place(&aor, || Presentity::new(aor.clone()));
                let presentity = self.presentities.get_mut(place)?;
                (place, presentity.restore_subscription(numbers, row.id, stored, &mut self.presence)?)
            }
            Role::List => {
                let lists = settings.lists.as_ref()?;
                let name = ListName::parse(stored.owner)?;
                let owner = match (&name.owner, name.contained) {
                    (Some(owner), _) => Some(owner.clone()),
                    (None, Some(_)) => None,
                    (None, None) => Some(lists.owner(&name.uri)?),
                };
                let watcher = [name.watcher.clone()];
                let place = self.make_list(&name, &watcher, owner.as_ref(), row.partition, secret);
                let list = self.lists.get_mut(place)?;
                (place, list.restore_subscription(&mut self.numbers, row.id, stored, &mut self.list)?)
            }
            Role::Changes => {
                let aor = Aor::parse(stored.owner).ok()?;
                let place = self.followers.place(&aor, || Changes::new(aor.clone(), numbers.serial()));
                let followers = self.followers.get_mut(place)?;
                (place, followers.restore_subscription(numbers, row.id, stored, &mut self.changes)?)
            }
        };
        Some((subscription.dialog().local_tag().number, Watching { owner: Owner { role, place }, id }))
    }

    /// Lets an owner ask for the documents that it decides by, unless it knows them or has asked.
    pub(crate) fn prepare(&mut self, owner: Owner) {
        match owner.role {
            Role::Presence => {
                if let Some(presentity) = self.presentities.get_mut(owner.place) {
                    presentity.prepare(&mut self.presence);
                }
            }
            Role::List => {
                if let Some(list) = self.lists.get_mut(owner.place) {
                    list.prepare(&mut self.list);
                }
            }
            Role::Changes => {
                if let Some(followers) = self.followers.get(owner.place) {
                    followers.prepare(&mut self.changes);
                }
            }
        }
    }

    /// Whether an owner knows the documents that it decides by.
    pub(crate) fn is_ready(&self, owner: Owner) -> bool {
        match owner.role {
            Role::Presence => self.presentities.get(owner.place).is_some_and(Presentity::is_ready),
            Role::List => self.lists.get(owner.place).is_some_and(List::is_ready),
            Role::Changes => true, // nobody is refused, and what is not known yet is told later
        }
    }

    /// The documents that an owner asked for, or that they are not to be had now.
    pub(crate) fn found(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        owner: Owner,
        want: &Want,
        found: Result<Found, Unavailable>,
    ) {
        match owner.role {
            Role::Presence => {
                if let Some(presentity) = self.presentities.get_mut(owner.place) {
                    presentity.found(now, &settings.presence(), want, found, &mut self.presence);
                }
            }
            Role::List => {
                let Some(lists) = &settings.lists else { return };
                if let Some(list) = self.lists.get_mut(owner.place) {
                    list.found(now, &lists.terms(settings), want, found, &mut self.list);
                }
            }
            Role::Changes => {
                if let Some(followers) = self.followers.get_mut(owner.place) {
                    followers.found(want, found, &mut self.changes);
                }
            }
        }
    }

    /// Those whom a change of a document may concern.
    pub(crate) fn concerned(&self, change: &Change) -> Vec<Owner> {
        let tree = &change.document.tree;
        let mut concerned: Vec<_> = self.interests.get(tree).into_iter().flatten().copied().collect();
        if let Tree::User(xui) = tree
            && let Ok(user) = Aor::parse(xui)
        {
            concerned.extend(self.presentities.find(&user).map(Owner::presentity));
        }
        concerned
    }

    /// A document has changed: it may be one of list services.
    pub(crate) fn services_changed(&mut self, change: &Change) {
        let Self { services, presentities, .. } = self;
        services.changed(change, |aor| presentities.find(aor));
    }

    /// A document has changed.
    pub(crate) fn changed(&mut self, now: Timestamp, settings: &Settings, owner: Owner, change: &Change) {
        match owner.role {
            Role::Presence => {
                if let Some(presentity) = self.presentities.get_mut(owner.place) {
                    presentity.changed(now, &settings.presence(), change, &mut self.presence);
                }
            }
            Role::List => {
                let Some(lists) = &settings.lists else { return };
                if let Some(list) = self.lists.get_mut(owner.place) {
                    list.document_changed(now, &lists.terms(settings), change, &mut self.list);
                }
            }
            Role::Changes => {
                let followers = self.followers.get_mut(owner.place);
                if let (Some(followers), Some(terms)) = (followers, settings.changes()) {
                    followers.changed(now, &terms, change, &mut self.changes);
                }
            }
        }
    }
}
