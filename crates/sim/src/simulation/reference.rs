//! The naive reference: everything that was accepted, kept plainly, and everything recomputed when it is asked.
//!
//! It sees what goes in and out of the node, and nothing inside. It says what a request must be answered with, and what
//! a NOTIFY must tell, at the very moment in which the node says it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use documents::rules::SubHandling;
use sip_stack::{Connection, Flow, Timestamp};

use super::plan::{LIFETIME_MAX, LIFETIME_MIN};
use super::roster::{SERVER, members};
use super::ruling::{Decided, Ruling, When};
use crate::model::{Component, naive, read};
use crate::pidf;
use crate::rlmi;
use crate::wire::{Message, address, parameter};

/// Wake-ups come at whole quarters of a second: so long may something outlive its end.
const SLACK: Duration = Duration::from_millis(250);
/// Timer F: after that the node gives up on a NOTIFY.
const TIMER_F: Duration = Duration::from_secs(32);

/// All that the node has accepted and not lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    publications: BTreeMap<String, Vec<Publication>>,
    dialogs: BTreeMap<(String, String), Dialog>,
    /// How many subscriptions a watcher may have.
    watcher_max: usize,
    /// By presentity. Documents survive every crash.
    pub(super) rulings: BTreeMap<String, Arc<Ruling>>,
    /// Publications and rules as they were a moment ago, and in this instant before what happened in it. A list may tell of
    /// a resource as it was shown last: at the very instant in which that changes, before it hears of it; and while the
    /// lists are read that new rules refer to, which takes so long at most.
    before: Vec<(Timestamp, Self)>,
    reading: Duration,
    instant: Timestamp,
}

#[derive(Clone, Debug)]
struct Publication {
    entity_tag: String,
    components: Arc<[Component]>,
    changed_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Clone, Debug)]
struct Dialog {
    presentity: String,
    /// Of a list.
    members: Vec<String>,
    watcher: Watcher,
    /// Since it began, rules have forbidden it: the node may have ended it.
    forbidden: bool,
    cseq: u32,
    expires_at: Timestamp,
    /// Since when it must not be taken for active.
    ended: Option<Timestamp>,
    /// The node may or may not have given it up.
    doubtful: bool,
    /// It answered in a way after which it is told nothing until the next change.
    unheard: bool,
    /// The NOTIFY without an answer.
    open: Option<(String, Timestamp, Flow)>,
}

/// Who watches.
#[derive(Clone, Debug)]
pub(super) struct Watcher {
    pub(super) user: String,
    pub(super) anonymous: bool,
}

/// The bounds in which the node's gauges must lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) publications: (u64, u64),
    pub(super) subscriptions: (u64, u64),
}

impl Reference {
    /// Nothing was accepted yet. A watcher may have so many subscriptions, and documents are there after so long.
    pub(super) fn new(watcher_max: usize, reading: Duration) -> Self {
        Self { watcher_max, reading, ..Self::default() }
    }

    /// Time passes: NOTIFYs are given up.
    pub(super) fn age(&mut self, now: Timestamp) {
        if self.instant < now {
            self.instant = now;
            let reading = self.reading;
            self.before.retain(|(at, _)| *at + reading >= now && !reading.is_zero());
            self.remember();
        }
        for dialog in self.dialogs.values_mut() {
            if dialog.open.as_ref().is_some_and(|(_, since, _)| *since + TIMER_F <= now) {
                dialog.doubtful = true;
                dialog.open = None;
            }
        }
        for publications in self.publications.values_mut() {
            publications.retain(|publication| publication.expires_at + SLACK * 2 > now);
        }
        if self.rulings.values().any(|ruling| ruling.has_circumstances()) {
            self.ruled(now);
        }
    }

    /// Something is about to change.
    pub(super) fn remember(&mut self) {
        let (publications, rulings) = (self.publications.clone(), self.rulings.clone());
        self.before.push((self.instant, Self { publications, rulings, ..Self::default() }));
    }

    /// The node is gone, and with it all that no row holds.
    pub(super) fn crashed(&mut self) {
        for dialog in self.dialogs.values_mut() {
            dialog.open = None;
        }
    }

    /// The node learns that a stream is no more: what was open on it waits for the next SUBSCRIBE, or for a datagram.
    pub(super) fn closed(&mut self, flow: Flow) {
        for dialog in self.dialogs.values_mut() {
            if dialog.open.take_if(|(_, _, open)| *open == flow).is_some() {
                dialog.unheard = flow.connection != Connection::NONE;
            }
        }
    }

    /// A response reaches the node.
    pub(super) fn heard(&mut self, answer: &Message) {
        let Some(dialog) = self.dialogs.values_mut().find(|dialog| {
            dialog.open.as_ref().is_some_and(|(branch, ..)| Some(branch.as_str()) == answer.branch())
        }) else {
            return;
        };
        match answer.status().unwrap_or(0) {
            0..=199 => return,
            200..=299 => dialog.unheard = false,
            481 => dialog.doubtful = true,
            _ if answer.get("Retry-After").is_some() => {}
            _ => dialog.unheard = true,
        }
        dialog.open = None;
    }

    /// The node answers a request for the first time: is it the right answer? What it accepts is noted.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        request: &Message,
        answer: &Message,
    ) -> Result<(), String> {
        let status = answer.status().unwrap_or(0);
        let expected = match request.method() {
            Some("PUBLISH") => self.judge_publish(now, request),
            Some("SUBSCRIBE") => self.judge_subscribe(now, request),
            _ => return Ok(()),
        };
        if !expected.contains(&status) {
            return Err(format!("answered {status}, the reference expects {expected:?} to\n{request}"));
        }
        if status >= 300 {
            return Ok(());
        }
        let granted = answer.get("Expires").and_then(|value| value.parse().ok()).unwrap_or(0);
        if Duration::from_secs(granted) > LIFETIME_MAX {
            return Err(format!("{granted} s granted"));
        }
        let expires_at = now + Duration::from_secs(granted);
        if request.method() == Some("PUBLISH") {
            self.publish(now, expires_at, request, answer)
        } else {
            self.subscribe(now, expires_at, request, answer);
            Ok(())
        }
    }

    fn judge_publish(&self, now: Timestamp, request: &Message) -> Vec<u16> {
        let mut allowed = Vec::new();
        let initial = match request.get("SIP-If-Match") {
            None => true,
            Some(tag) if tag.contains(',') => return vec![400],
            Some(tag) => {
                match self
                    .of(request.uri().unwrap_or_default())
                    .find(|publication| publication.entity_tag == tag)
                {
                    Some(publication) if publication.expires_at + SLACK <= now => return vec![412],
                    Some(publication) if publication.expires_at <= now => allowed.push(412),
                    Some(_) => {}
                    None => return vec![412],
                }
                false
            }
        };
        if brief(request) {
            allowed.push(423);
        } else if initial && request.body.is_empty() {
            allowed.push(400);
        } else if !request.body.is_empty() && request.get("Content-Type") != Some("application/pidf+xml") {
            allowed.push(415);
        } else {
            allowed.push(200);
        }
        allowed
    }

    fn publish(
        &mut self,
        now: Timestamp,
        expires_at: Timestamp,
        request: &Message,
        answer: &Message,
    ) -> Result<(), String> {
        let entity_tag = answer.get("SIP-ETag").ok_or("no SIP-ETag")?.to_owned();
        self.remember();
        let publications = self.publications.entry(request.uri().unwrap_or_default().to_owned()).or_default();
        let current = request.get("SIP-If-Match");
        let place =
            publications.iter().position(|publication| Some(publication.entity_tag.as_str()) == current);
        let removes = request.get("Expires") == Some("0");
        match place {
            Some(place) if removes => {
                publications.remove(place);
            }
            Some(place) => {
                let publication = &mut publications[place];
                publication.entity_tag = entity_tag;
                publication.expires_at = expires_at;
                if !request.body.is_empty() {
                    publication.components = said(&request.body).into();
                    publication.changed_at = now;
                }
            }
            None if removes => {}
            None => {
                let components = said(&request.body).into();
                publications.push(Publication { entity_tag, components, changed_at: now, expires_at });
            }
        }
        self.ruled(now);
        Ok(())
    }

    fn judge_subscribe(&self, now: Timestamp, request: &Message) -> Vec<u16> {
        let decisions = self.decisions(request.uri().unwrap_or_default(), &Watcher::of(request), now);
        let expected = decisions.iter().map(|decided| match decided.handling {
            SubHandling::Block => 403,
            _ if brief(request) => 423,
            SubHandling::Confirm => 202,
            SubHandling::PoliteBlock | SubHandling::Allow => 200,
        });
        let Some(tag) = request.to_tag() else {
            let mut allowed: Vec<u16> = expected.collect();
            allowed.extend(self.may_be_full(now, request).then_some(480));
            return allowed;
        };
        let key = (request.get("Call-ID").unwrap_or_default().to_owned(), tag.to_owned());
        let Some(dialog) = self.dialogs.get(&key) else { return vec![481] };
        let is_forbidden = decisions.iter().all(|decided| decided.handling == SubHandling::Block);
        if dialog.ended.is_some() || dialog.expires_at + SLACK <= now || is_forbidden {
            return vec![481];
        }
        let cseq = request.cseq().map_or(0, |(number, _)| number);
        let mut allowed: Vec<u16> =
            if cseq <= dialog.cseq { vec![500] } else { expected.filter(|status| *status != 403).collect() };
        if dialog.doubtful || dialog.forbidden || dialog.expires_at <= now {
            allowed.push(481);
        }
        allowed
    }

    /// Whether a watcher may have as many subscriptions as it may, those included that ended a short while ago.
    fn may_be_full(&self, now: Timestamp, request: &Message) -> bool {
        let Watcher { user, .. } = Watcher::of(request);
        let lasts = |dialog: &&Dialog| dialog.ended.unwrap_or(dialog.expires_at) + TIMER_F * 8 > now;
        let dialogs = self.dialogs.values().filter(|dialog| dialog.watcher.user == user).filter(lasts);
        dialogs.count() >= self.watcher_max
    }

    fn subscribe(&mut self, now: Timestamp, expires_at: Timestamp, request: &Message, answer: &Message) {
        let call_id = request.get("Call-ID").unwrap_or_default().to_owned();
        let key = (call_id, answer.to_tag().unwrap_or_default().to_owned());
        let dialog = self.dialogs.entry(key).or_insert_with(|| Dialog {
            presentity: request.uri().unwrap_or_default().to_owned(),
            members: members(&request.body),
            watcher: Watcher::of(request),
            forbidden: false,
            cseq: 0,
            expires_at,
            ended: None,
            doubtful: false,
            unheard: false,
            open: None,
        });
        dialog.cseq = request.cseq().map_or(0, |(number, _)| number);
        dialog.expires_at = expires_at;
        dialog.doubtful = false;
        dialog.unheard = false;
        if expires_at <= now {
            dialog.ended = Some(now);
        }
    }

    /// The node sends a NOTIFY for the first time: does it tell the truth of this moment?
    pub(super) fn notified(&mut self, now: Timestamp, flow: Flow, notify: &Message) -> Result<(), String> {
        let key = (
            notify.get("Call-ID").unwrap_or_default().to_owned(),
            notify.from_tag().unwrap_or_default().to_owned(),
        );
        let dialog = self.dialogs.get(&key).ok_or("a NOTIFY in a dialog that was lost")?;
        let state = notify.get("Subscription-State").unwrap_or_default();
        let over = state.starts_with("terminated");
        if dialog.presentity == SERVER {
            self.listed(now, dialog, notify)?;
            return self.sent(now, flow, notify, &key);
        }
        let decisions = self.decisions(&dialog.presentity, &dialog.watcher, now);
        let rejected = over && parameter(state, "reason") == Some("rejected");
        let is_pending = state.starts_with("pending");
        let told = told(&notify.body)?;
        let is_by = |decided: &Decided| {
            let shows = !rejected && decided.handling >= SubHandling::PoliteBlock;
            shows != notify.body.is_empty()
                && (over || is_pending == (decided.handling == SubHandling::Confirm))
                && (!rejected || dialog.forbidden || decided.handling == SubHandling::Block)
        };
        if !decisions.iter().any(is_by) {
            return Err(format!("{state} with {} octets, but rules say {decisions:?}", notify.body.len()));
        }
        if !notify.body.is_empty() {
            let shows = |decided: &Decided| {
                let certain = self.shown(&dialog.presentity, decided, now);
                let possible = self.shown(&dialog.presentity, decided, now - SLACK);
                told == certain || told == possible || between(&told, &certain, &possible)
            };
            if !decisions.iter().filter(|decided| is_by(decided)).any(shows) {
                let certain = self.may_see(&dialog.presentity, &dialog.watcher, now);
                return Err(format!("a NOTIFY tells {told:?}, the reference shows {certain:?}"));
            }
        }
        self.sent(now, flow, notify, &key)
    }

    /// What a list says of its resources is what is so of each for this watcher.
    fn listed(&self, now: Timestamp, dialog: &Dialog, notify: &Message) -> Result<(), String> {
        for resource in rlmi::read(notify)?.resources {
            if !dialog.members.contains(&resource.uri) {
                return Err(format!("{} is not in the list", resource.uri));
            }
            let Some((state, reason, _)) = &resource.instance else { continue };
            let lines = told(resource.body.as_deref().unwrap_or_default())?;
            let is_so = |reference: &Self| {
                let decisions = reference.decisions(&resource.uri, &dialog.watcher, now);
                decisions.iter().any(|decided| match (state.as_str(), decided.handling) {
                    ("active", SubHandling::PoliteBlock | SubHandling::Allow) => {
                        let certain = reference.shown(&resource.uri, decided, now);
                        let possible = reference.shown(&resource.uri, decided, now - SLACK);
                        lines == certain || lines == possible || between(&lines, &certain, &possible)
                    }
                    ("pending", handling) => handling == SubHandling::Confirm,
                    ("terminated", handling) => {
                        handling == SubHandling::Block && reason.as_deref() == Some("rejected")
                    }
                    _ => false,
                })
            };
            if !is_so(self) && !self.before.iter().any(|(_, reference)| is_so(reference)) {
                let shown = self.may_see(&resource.uri, &dialog.watcher, now);
                let decided = self.decide(&resource.uri, &dialog.watcher, now);
                return Err(format!(
                    "a list says {state} {lines:?} of {}, the reference shows {shown:?} by {decided:?}",
                    resource.uri
                ));
            }
        }
        Ok(())
    }

    /// Of how many resources a NOTIFY tells that is a list's.
    pub(super) fn count_listed(&self, notify: &Message) -> u64 {
        let is_list = self.of_notify(notify).is_some_and(|dialog| dialog.presentity == SERVER);
        let list = is_list.then(|| rlmi::read(notify).ok()).flatten();
        list.map_or(0, |list| list.resources.iter().filter(|resource| resource.body.is_some()).count() as u64)
    }

    /// A NOTIFY is under way: is it in the life of its subscription?
    fn sent(
        &mut self,
        now: Timestamp,
        flow: Flow,
        notify: &Message,
        key: &(String, String),
    ) -> Result<(), String> {
        let state = notify.get("Subscription-State").unwrap_or_default();
        let over = state.starts_with("terminated");
        let rejected = over && parameter(state, "reason") == Some("rejected");
        let dialog = self.dialogs.get_mut(key).expect("it was found");
        if !over && (dialog.ended.is_some() || dialog.expires_at + SLACK <= now) {
            return Err(format!("{state}, but the subscription ended at {:?}", dialog.ended));
        }
        if over && !rejected && dialog.ended.is_none() && dialog.expires_at > now {
            return Err(format!("{state}, but the subscription lives until {:?}", dialog.expires_at));
        }
        if over && !rejected && parameter(state, "reason") != Some("timeout") {
            return Err(format!("{state}, but nobody gave a reason for that"));
        }
        if over {
            dialog.ended = dialog.ended.or(Some(now));
        }
        dialog.open = Some((notify.branch().unwrap_or_default().to_owned(), now, flow));
        Ok(())
    }

    /// The state of a presentity: of each kind newest first, as RFC 3856 leaves it to the compositor; the permanent state is
    /// the oldest.
    fn composed(&self, presentity: &str, now: Timestamp) -> Vec<Component> {
        let mut live: Vec<&Publication> =
            self.of(presentity).filter(|publication| publication.expires_at > now).collect();
        live.reverse(); // of the same instant the one published later is the newer
        live.sort_by_key(|publication| core::cmp::Reverse(publication.changed_at));
        let permanent = self.rulings.get(presentity).map_or(&[][..], |ruling| &ruling.permanent);
        let live = live.into_iter().flat_map(|publication| publication.components.iter());
        let mut composed: Vec<Component> = Vec::new();
        for component in live.chain(permanent) {
            // A retransmitted initial PUBLISH that met another life of the node: what says the same is one.
            if !composed.contains(component) {
                composed.push(component.clone());
            }
        }
        composed.sort_by_key(|component| component.kind != "tuple");
        composed
    }

    /// The sphere that all publications of a moment agree on which have one.
    fn sphere(&self, presentity: &str, at: Timestamp) -> Option<&str> {
        let live = self.of(presentity).filter(|publication| publication.expires_at > at);
        let mut spheres =
            live.flat_map(|publication| publication.components.iter()).filter_map(|it| it.one("r:sphere"));
        let first = spheres.next()?;
        spheres.all(|other| other.eq_ignore_ascii_case(first)).then_some(first)
    }

    /// What is decided about a watcher now.
    fn decide(&self, presentity: &str, watcher: &Watcher, now: Timestamp) -> Decided {
        let Some(ruling) = self.rulings.get(presentity) else { return Decided::everything() };
        let when = When { now, sphere: self.sphere(presentity, now) };
        ruling.decide(&watcher.user, watcher.anonymous, when)
    }

    /// What may be decided about a watcher now, as the node learns with some delay what ends by itself: of the sphere and of
    /// the time, each by itself.
    fn decisions(&self, presentity: &str, watcher: &Watcher, now: Timestamp) -> Vec<Decided> {
        let mut decisions = vec![self.decide(presentity, watcher, now)];
        let Some(ruling) = self.rulings.get(presentity).filter(|ruling| ruling.has_circumstances()) else {
            return decisions;
        };
        let ends = self.of(presentity).map(|publication| publication.expires_at);
        let edges = ends.chain(ruling.edges()).filter(|edge| *edge <= now && now - SLACK < *edge);
        let times: Vec<Timestamp> = edges.chain([now, now - SLACK]).collect();
        for of_sphere in &times {
            let sphere = self.sphere(presentity, *of_sphere);
            for of_time in &times {
                let when = When { now: *of_time, sphere };
                let decided = ruling.decide(&watcher.user, watcher.anonymous, when);
                if !decisions.contains(&decided) {
                    decisions.push(decided);
                }
            }
        }
        decisions
    }

    /// What a watcher may be told now.
    pub(super) fn may_see(&self, presentity: &str, watcher: &Watcher, now: Timestamp) -> Vec<String> {
        self.shown(presentity, &self.decide(presentity, watcher, now), now)
    }

    /// What of the state of a moment those are told about whom this is decided.
    fn shown(&self, presentity: &str, decided: &Decided, at: Timestamp) -> Vec<String> {
        match decided.handling {
            SubHandling::Block | SubHandling::Confirm | SubHandling::PoliteBlock => Vec::new(),
            SubHandling::Allow => lines(&naive(&self.composed(presentity, at), &decided.shown)),
        }
    }

    /// Whether rules forbid a watcher to watch at all.
    pub(super) fn forbids(&self, presentity: &str, watcher: &Watcher, now: Timestamp) -> bool {
        self.decide(presentity, watcher, now).handling == SubHandling::Block
    }

    /// Whether a watcher is told less than there is.
    pub(super) fn withholds(&self, notify: &Message, now: Timestamp) -> bool {
        self.of_notify(notify).is_some_and(|dialog| {
            let seen = self.may_see(&dialog.presentity, &dialog.watcher, now);
            seen != self.shown(&dialog.presentity, &Decided::everything(), now)
        })
    }

    /// Whether what a watcher is told is for the sphere or the time.
    pub(super) fn is_by_circumstances(&self, notify: &Message, now: Timestamp) -> bool {
        self.of_notify(notify)
            .is_some_and(|dialog| self.decide(&dialog.presentity, &dialog.watcher, now).by_circumstances)
    }

    fn of_notify(&self, notify: &Message) -> Option<&Dialog> {
        let key = (notify.get("Call-ID").unwrap_or_default(), notify.from_tag().unwrap_or_default());
        self.dialogs.get(&(key.0.to_owned(), key.1.to_owned()))
    }

    /// Rules, the sphere or the time are others: who is forbidden to watch now may be ended, whatever comes after.
    pub(super) fn ruled(&mut self, now: Timestamp) {
        let forbidden = |dialog: &Dialog| {
            let decisions = self.decisions(&dialog.presentity, &dialog.watcher, now);
            decisions.iter().any(|decided| decided.handling == SubHandling::Block)
        };
        let open = self.dialogs.iter().filter(|(_, dialog)| !dialog.forbidden);
        let keys: Vec<_> = open.filter(|(_, dialog)| forbidden(dialog)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.dialogs.get_mut(&key).expect("it was just found").forbidden = true;
        }
    }

    /// Goes back to what it was once, but for the rules.
    pub(super) fn lose(&mut self, now: Timestamp, kept: &Self) {
        let rulings = core::mem::take(&mut self.rulings);
        self.clone_from(kept);
        self.rulings = rulings;
        self.before.clear();
        self.ruled(now);
    }

    /// Whether the presentity has changed, or will, within a span around now.
    pub(super) fn is_restless(&self, presentity: &str, now: Timestamp, span: Duration) -> bool {
        let is_near = |edge: Timestamp| edge + span > now && edge <= now + SLACK;
        self.of(presentity)
            .any(|publication| publication.changed_at + span > now || is_near(publication.expires_at))
            || self.rulings.get(presentity).is_some_and(|ruling| ruling.edges().any(is_near))
    }

    /// Whether the node must have told this subscription everything by now.
    pub(super) fn is_certain(&self, call_id: &str, tag: &str, now: Timestamp) -> Option<bool> {
        let dialog = self.dialogs.get(&(call_id.to_owned(), tag.to_owned()))?;
        let certain = !dialog.doubtful && !dialog.forbidden && !dialog.unheard && dialog.open.is_none();
        (dialog.ended.is_none() && dialog.expires_at > now).then_some(certain)
    }

    pub(super) fn bounds(&self, now: Timestamp) -> Bounds {
        let publications = || self.publications.values().flatten();
        let alive = publications().filter(|publication| publication.expires_at > now).count();
        let dialogs = || self.dialogs.values().filter(|dialog| dialog.presentity != SERVER);
        let certain = dialogs().filter(|dialog| {
            dialog.ended.is_none() && !dialog.doubtful && !dialog.forbidden && dialog.expires_at > now
        });
        // What has ended stays until its last NOTIFY is answered or given up.
        let last = |dialog: &&Dialog| dialog.ended.unwrap_or(dialog.expires_at) + TIMER_F * 8 > now;
        Bounds {
            publications: (alive as u64, publications().count() as u64),
            subscriptions: (certain.count() as u64, dialogs().filter(last).count() as u64),
        }
    }

    fn of<'a>(&'a self, presentity: &str) -> impl Iterator<Item = &'a Publication> {
        self.publications.get(presentity).into_iter().flatten()
    }
}

fn brief(request: &Message) -> bool {
    let asked = request.get("Expires").and_then(|value| value.parse().ok());
    asked.is_some_and(|asked: u64| asked != 0 && Duration::from_secs(asked) < LIFETIME_MIN)
}

/// Whether `told` lacks only what is about to go, in the right order.
fn between(told: &[String], certain: &[String], possible: &[String]) -> bool {
    let mut rest = possible.iter();
    told.iter().all(|note| rest.any(|other| other == note)) && certain.iter().all(|note| told.contains(note))
}

impl Watcher {
    /// Who sends a SUBSCRIBE.
    fn of(request: &Message) -> Self {
        let user = address(request.get("From").unwrap_or_default()).to_owned();
        Self { user, anonymous: request.get("Privacy") == Some("id") }
    }
}

/// What is published, as the naive reference has it: what it says of `user-input` besides its text depends on who asks.
fn said(body: &[u8]) -> Vec<Component> {
    let mut components = read(body);
    for input in components.iter_mut().filter_map(|component| component.children.get_mut("r:user-input")) {
        *input = input.iter().filter_map(|text| text.split(' ').next()).map(str::to_owned).collect();
    }
    components
}

/// What a document tells: a line for each component, its note first. Ids are left out, as they may change.
pub(super) fn told(body: &[u8]) -> Result<Vec<String>, String> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    pidf::read(body)?;
    Ok(lines(&read(body)))
}

fn lines(components: &[Component]) -> Vec<String> {
    components.iter().map(line).collect()
}

fn line(component: &Component) -> String {
    let mut children = component.children.clone();
    children.remove("@hidden");
    let note = ["p:note", "dm:note"].iter().find_map(|name| children.remove(*name));
    let note = note.into_iter().flatten().collect::<String>();
    format!("{note}|{}{children:?}", component.kind)
}

/// Which publication a note stands for, and which version of it.
pub(super) fn version_of(note: &str) -> Option<(String, u32)> {
    let mut parts = note.split(':');
    let (source, publication, version) = (parts.next()?, parts.next()?, parts.next()?);
    Some((format!("{source}:{publication}"), version.parse().ok()?))
}
