//! Back-end subscriptions by SIP: how lists reach resources of other domains, and how what these say finds its way.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use rls::backend::{Known, Manner, Reading, Stage};
use rls::{Backend, BackendName, aggregate};
use sip::{Aor, Message, Name, NameAddr, Via};
use sip_stack::dialog::LocalTag;
use sip_stack::endpoint::{Hosted, Way};
use sip_stack::interest::{Asker, Interest, Shown, Standing};
use sip_stack::notifier::Reason;
use sip_stack::subscriber::Refusal;
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};

use super::{Asked, Shard};
use crate::deadlines::Wake;
use crate::dispatch::Refused;
use crate::door::{ShardId, to_tag};
use crate::effects::{Effects, Locate};
use crate::gates::{Pass, hop_of};
use crate::letters::Letter;
use crate::metrics::Metrics;
use crate::owners::{Held, Owners};
use crate::record::Partition;
use crate::settings::Listener;

/// All documents of a list of others are no larger than so many of one resource may be.
const DOCUMENTS: usize = 16;

/// After other settings lists ask again for what nobody served, so much later.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The partition of a back-end subscription: NOTIFYs find it by the tag.
pub(super) fn partition(name: &BackendName) -> Partition {
    Partition::of_hash(name.stable_hash())
}

impl Shard {
    // ---- letters

    /// A list asks for a resource of another domain.
    pub(super) fn foreign_interest(
        &mut self,
        now: Timestamp,
        name: &BackendName,
        interest: &Interest,
        out: &mut Effects,
    ) {
        let place = match self.owners.backends.find(name) {
            Some(place) => Ok(place),
            None => self.make_backend(name, &interest.identities),
        };
        let place = match place {
            Ok(place) => place,
            Err(reason) => {
                let standing = Standing::Terminated(reason);
                let shown = Shown { asker: interest.asker, standing, changed_at: now };
                return self.write_letter(Letter::Shown(shown), out);
            }
        };
        self.with_backend(place, out, |backend, _, outbox| {
            backend.interest(now, interest.asker, outbox);
        });
    }

    /// A list asks no more.
    pub(super) fn no_foreign_interest(
        &mut self,
        now: Timestamp,
        name: &BackendName,
        asker: Asker,
        out: &mut Effects,
    ) {
        let Some(place) = self.owners.backends.find(name) else { return };
        self.with_backend(place, out, |backend, _, outbox| backend.no_interest(now, asker, outbox));
    }

    /// A back-end subscription, if there is room for one more and its domain is reached.
    fn make_backend(&mut self, name: &BackendName, identities: &Arc<[Aor]>) -> Result<u32, Reason> {
        let manner = self.manner(name, identities).ok_or(Reason::NoResource)?;
        let max = self.settings.lists.as_ref().map_or(0, |lists| lists.foreign.max);
        if self.owners.backends.len() >= max {
            self.metrics.backend_refused += 1;
            return Err(Reason::Giveup);
        }
        let mut seed = [0; 32];
        seed.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.random.draw().to_le_bytes()));
        let serial = self.owners.numbers.serial();
        Ok(self.owners.backends.place(name, || Held {
            backend: Backend::new(name.clone(), manner, seed),
            identities: Arc::clone(identities),
            serial,
            tag: None,
            stream: None,
            stage: None,
            armed_at: Timestamp::NEVER,
            asked: None,
            gate: None,
        }))
    }

    /// How a back-end subscription presents itself, if its domain is reached.
    fn manner(&self, name: &BackendName, identities: &Arc<[Aor]>) -> Option<Manner> {
        let lists = self.settings.lists.as_ref()?;
        let peer = lists.foreign.peer(Aor::parse(&name.resource).ok()?.domain()?)?;
        // For others we cannot vouch, RFC 4662 §7.1.2.
        let vouches = peer.trusted && self.settings.is_ours(&name.watcher);
        let (from, asserted) = if vouches {
            (name.watcher.clone(), Arc::clone(identities))
        } else {
            (lists.own_name(&self.settings.domains)?, Arc::default())
        };
        let branch = format!("z9hG4bK{:08x}{:04x}", self.life, self.place.shard.0);
        let hosted = Hosted { partition: partition(name).0, branch: branch.into() };
        let (next_hop, lifetime) = (peer.next_hop.clone(), lists.foreign.lifetime);
        // Of those that are no users of ours others may be asking, for lists of theirs that lead back to them (RFC 4662 §7.4).
        let of_lists = self.settings.is_ours(&name.watcher);
        let account = peer.account.clone();
        Some(Manner { from, asserted, account, next_hop, lifetime, lists: of_lists, hosted })
    }

    // ---- other settings

    /// Other domains are served by others now, or reached in another way.
    pub(super) fn renew_backends(&mut self, now: Timestamp, out: &mut Effects) {
        for place in self.owners.backends.places() {
            let Some(held) = self.owners.backends.get(place) else { continue };
            let manner = self.manner(held.backend.name(), &held.identities);
            self.with_backend(place, out, |backend, _, outbox| match manner {
                Some(manner) => backend.renew(now, manner, outbox),
                None => backend.abandon(now, outbox),
            });
        }
        // By then the other shards have the settings too.
        self.deadlines.ask((now + ASK_AGAIN).next_quarter(), Wake::Lists);
    }

    /// Lists ask once more for what nobody served.
    pub(super) fn ask_again(&mut self, out: &mut Effects) {
        for place in self.owners.lists.places() {
            self.with_list(place, out, |list, terms, _, outbox| list.ask_again(terms, outbox));
        }
    }

    // ---- what comes in

    /// Where a URI leads that this shard asked for, best first; nothing: nowhere now.
    pub fn located(
        &mut self,
        now: Timestamp,
        locate: &Locate,
        places: &[(Protocol, SocketAddr)],
        out: &mut Effects,
    ) {
        let Locate { hop, place, serial } = locate;
        let held = self.owners.backends.get_mut(*place).filter(|held| held.serial == *serial);
        if let Some(held) = held.filter(|held| held.asked.as_ref() == Some(hop)) {
            held.asked = None;
            let ways: Vec<Way> = places.iter().filter_map(|place| self.way_to(*place)).collect();
            self.with_backend(*place, out, |backend, _, outbox| backend.located(now, hop, ways, outbox));
        }
        self.turn(now, out);
    }

    fn way_to(&self, (protocol, remote): (Protocol, SocketAddr)) -> Option<Way> {
        let fits =
            |own: &Listener| own.protocol == protocol && own.sent_by.starts_with('[') == remote.is_ipv6();
        let index = self.settings.listeners.iter().position(fits)?;
        let local = Local(u8::try_from(index).ok()?);
        let flow = Flow { protocol, local, remote, connection: Connection::NONE };
        Some(Way { flow, sent_by: self.settings.listeners[index].sent_by.as_str().into() })
    }

    /// A NOTIFY. RFC 6665 §4.1.3.
    pub(crate) fn notified(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        let request = asked.request;
        let tag = to_tag(request).and_then(LocalTag::parse).ok_or(Refusal::UnknownSubscription)?;
        let place = self.backends_by_tag.get(&tag.number).copied();
        let place = place.ok_or(Refusal::UnknownSubscription)?;
        let reading = self.reading();
        let Owners { backends, backend: outbox, .. } = &mut self.owners;
        let held = backends.get_mut(place).ok_or(Refusal::UnknownSubscription)?;
        self.metrics.backend_notifies += 1;
        let taken = held.backend.notify(now, request, &reading, outbox);
        if taken.is_ok() {
            let contact = self.contact(asked.flow).to_owned();
            let tag = asked.key.stateless_tag();
            // Answered before anything that follows from it.
            self.answer(now, asked, out, |bytes| {
                let mut response =
                    sip::respond(bytes, request, 200, Some(asked.flow.remote), Some(tag.as_str()));
                for route in request.all(Name::RecordRoute) {
                    response.field(Name::RecordRoute, route); // RFC 3261 §12.1.1
                }
                response.field(Name::Contact, &contact);
                response.finish(&[]);
            });
        }
        self.settle_backend(place, out);
        taken.map_err(Refused::from)
    }

    /// A response to a SUBSCRIBE of ours: its branch, From tag and Call-ID must all fit.
    pub(super) fn responded(&mut self, now: Timestamp, response: &Message<'_>, out: &mut Effects) {
        let tag = |value: &str| LocalTag::parse(NameAddr::parse(value).ok()?.tag()?);
        let Some(tag) = response.get(Name::From).and_then(tag) else { return };
        let Some(place) = self.backends_by_tag.get(&tag.number).copied() else { return };
        let via = response.get(Name::Via).and_then(|value| Via::parse_first(value).ok());
        let Some(branch) = via.and_then(|(via, _)| via.branch()) else { return };
        let dialog = self.owners.backends.get(place).and_then(|held| held.backend.dialog());
        let is_ours = dialog.is_some_and(|(call_id, _)| response.get(Name::CallId) == Some(call_id));
        if is_ours && response.values(Name::Via).nth(1).is_none() {
            self.with_backend(place, out, |backend, _, outbox| {
                backend.response(now, branch, response, outbox);
            });
        }
    }

    /// A stream could not be opened: requests on it are not answered. Or it has ended: then NOTIFYs do not come back either.
    pub(super) fn unreachable(&mut self, now: Timestamp, flow: Flow, out: &mut Effects) {
        for place in self.streams.get(&flow.remote).cloned().unwrap_or_default() {
            let is_under_way =
                self.owners.backends.get(place).is_some_and(|held| held.backend.under_way().is_some());
            if is_under_way || flow.connection != Connection::NONE {
                self.with_backend(place, out, |backend, _, outbox| backend.unreachable(now, outbox));
            }
        }
    }

    /// A wake-up that was asked for has come.
    pub(super) fn wake_backend(&mut self, now: Timestamp, at: Timestamp, place: u32, out: &mut Effects) {
        let Some(held) = self.owners.backends.get_mut(place) else { return };
        if held.armed_at <= at {
            held.armed_at = Timestamp::NEVER;
        }
        self.with_backend(place, out, |backend, reading, outbox| backend.tick(now, reading, outbox));
    }

    // ---- what goes out

    fn with_backend(
        &mut self,
        place: u32,
        out: &mut Effects,
        handle: impl FnOnce(&mut Backend, &Reading, &mut rls::backend::Outbox),
    ) {
        let reading = self.reading();
        let Owners { backends, backend: outbox, .. } = &mut self.owners;
        let Some(held) = backends.get_mut(place) else { return };
        handle(&mut held.backend, &reading, outbox);
        self.settle_backend(place, out);
    }

    fn reading(&self) -> Reading {
        let document = self.settings.limits.document;
        let entries = self.settings.lists.as_ref().map_or(0, |lists| lists.flat.entries);
        Reading {
            xml: xml::Limits { bytes: document, ..xml::Limits::default() },
            lists: aggregate::Limits::default(),
            entries,
            octets: document.saturating_mul(DOCUMENTS),
        }
    }

    /// Does what a back-end subscription has asked for, and forgets it if nothing is left of it.
    fn settle_backend(&mut self, place: u32, out: &mut Effects) {
        let mut outbox = core::mem::take(&mut self.owners.backend);
        for (flow, message) in outbox.sends.drain(..) {
            self.metrics.messages_sent += 1;
            out.send(flow, None, |bytes| bytes.extend_from_slice(&message));
        }
        for (asker, known, changed_at) in outbox.shown.drain(..) {
            let letter = match known {
                Known::Standing(standing) => Letter::Shown(Shown { asker, standing, changed_at }),
                Known::List(listed) => Letter::Listed(asker, listed, changed_at),
            };
            self.write_letter(letter, out);
        }
        let counts = core::mem::take(&mut outbox.counts);
        self.metrics.backend_subscribes += counts.subscribes;
        self.metrics.backend_coalesced += counts.coalesced;
        self.metrics.backend_unreadable += counts.unreadable;
        self.metrics.backend_missed += counts.missed;
        self.owners.backend = outbox;

        let Some(held) = self.owners.backends.get_mut(place) else { return };
        let is_over = held.backend.is_empty();
        let tag = held.backend.dialog().and_then(|(_, tag)| LocalTag::parse(tag)).map(|tag| tag.number);
        if tag != held.tag {
            held.tag.map(|tag| self.backends_by_tag.remove(&tag));
            tag.map(|tag| self.backends_by_tag.insert(tag, place));
            held.tag = tag;
        }
        let stream =
            held.backend.flow().filter(|flow| flow.protocol == Protocol::Tcp).map(|flow| flow.remote);
        if stream != held.stream {
            if let Some(before) = held.stream
                && let Some(places) = self.streams.get_mut(&before)
            {
                places.remove(&place);
                if places.is_empty() {
                    self.streams.remove(&before);
                }
            }
            if let Some(stream) = stream {
                self.streams.entry(stream).or_default().insert(place);
            }
            held.stream = stream;
        }
        let stage = (!is_over).then(|| held.backend.stage());
        if stage != held.stage {
            let before = core::mem::replace(&mut held.stage, stage);
            if let Some(before) = before {
                *gauge(&mut self.metrics, before) -= 1;
            }
            if let Some(stage) = stage {
                *gauge(&mut self.metrics, stage) += 1;
            }
        }
        if let Some(at) = held.backend.deadline().map(Timestamp::next_quarter)
            && at < held.armed_at
        {
            held.armed_at = at;
            self.deadlines.ask(at, Wake::Backend(place));
        }
        let left = self.pass_gate(place, out);
        if is_over {
            let name = self.owners.backends.get(place).map(|held| held.backend.name().clone());
            if let Some(name) = name {
                self.owners.backends.remove(place, &name);
            }
        }
        if let Some(hop) = left {
            self.admit(&hop, out);
        }
    }

    /// Asks where the next request goes, once it may go through the gate of its hop. Gives a hop whose gate was left.
    fn pass_gate(&mut self, place: u32, out: &mut Effects) -> Option<String> {
        let window = self.settings.lists.as_ref().map_or(1, |lists| lists.foreign.window);
        let held = self.owners.backends.get_mut(place)?;
        let wanted = held.backend.wanted();
        let is_busy = held.backend.under_way().is_some();
        let left =
            held.gate.take_if(|pass| wanted.map(hop_of) != Some(&pass.hop) && !(pass.is_through && is_busy));
        if let Some(pass) = &left {
            self.gates.leave(pass);
        }
        if let Some(hop) = wanted {
            let who = (place, held.serial);
            let pass = held.gate.get_or_insert_with(|| self.gates.enter(hop_of(hop), window, who));
            if pass.is_through && held.asked.as_deref() != Some(hop) {
                held.asked = Some(hop.to_owned());
                out.locate(Locate { hop: hop.to_owned(), place, serial: held.serial });
            }
        }
        left.map(|pass| pass.hop)
    }

    /// Lets those through that wait at the gate of a hop.
    fn admit(&mut self, hop: &str, out: &mut Effects) {
        let window = self.settings.lists.as_ref().map_or(1, |lists| lists.foreign.window);
        while let Some((place, serial)) = self.gates.admit(hop, window) {
            let held = self.owners.backends.get_mut(place).filter(|held| held.serial == serial);
            let waits =
                held.and_then(|held| held.gate.as_mut()).filter(|pass| pass.hop == hop && !pass.is_through);
            match waits {
                Some(pass) => {
                    pass.is_through = true;
                    self.pass_gate(place, out);
                }
                None => self.gates.leave(&Pass { hop: hop.to_owned(), is_through: true }),
            }
        }
    }
}

/// The gauge of those that stand like this.
fn gauge(metrics: &mut Metrics, stage: Stage) -> &mut u64 {
    match stage {
        Stage::Unknown => &mut metrics.backend_unknown,
        Stage::Active => &mut metrics.backend_active,
        Stage::Pending => &mut metrics.backend_pending,
        Stage::Terminated => &mut metrics.backend_terminated,
    }
}

/// The shard that has a back-end subscription.
pub(super) fn owner_of(name: &BackendName, shards: u16) -> ShardId {
    ShardId::owner_of(partition(name), shards)
}
