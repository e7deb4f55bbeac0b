//! An honest watcher: subscribes, keeps what NOTIFYs say in the order of their CSeq, refreshes, and comes back.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use sip_stack::Timestamp;

use super::exchange::{Due, Exchange};
use super::reference::{told, version_of};
use super::roster::{self, Roster};
use crate::random::Random;
use crate::rlmi;
use crate::wire::{Message, parameter};

/// A watcher of one presentity, or of a list of them, with at most one subscription at a time.
#[derive(Debug)]
pub(super) struct Watcher {
    name: String,
    /// It does not want to be known.
    anonymous: bool,
    contact: String,
    presentity: String,
    /// Of a list: whom it brings in its requests.
    members: Vec<String>,
    subscriptions: u32,
    act_at: Timestamp,
    settled: bool,
    retired: bool,
    /// The subscription it has or asks for.
    dialog: Option<Dialog>,
    asked: Option<Exchange>,
    /// The latest version that it saw of each publication.
    seen: BTreeMap<String, u32>,
    doubled: BTreeSet<String>,
}

#[derive(Debug)]
struct Dialog {
    call_id: String,
    tag: String,
    cseq: u32,
    node_tag: Option<String>,
    notified: u32,
    /// The answer given to the last NOTIFY, by its branch.
    answered: Option<(String, Message)>,
    content: Option<Vec<String>>,
    roster: Roster,
    fetch: bool,
    ending: bool,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Heard {
    /// Not for this watcher.
    NotMine,
    /// Taken.
    Taken,
    /// A NOTIFY, and its answer.
    Answer(Message),
}

impl Watcher {
    pub(super) fn new(
        number: u64,
        contact: String,
        presentity: String,
        now: Timestamp,
        random: &mut Random,
    ) -> Self {
        Self {
            name: format!("w{number}"),
            anonymous: random.chance(15),
            contact,
            presentity,
            members: Vec::new(),
            subscriptions: 0,
            act_at: now + random.span(Duration::ZERO, Duration::from_secs(5)),
            settled: false,
            retired: false,
            dialog: None,
            asked: None,
            seen: BTreeMap::new(),
            doubled: BTreeSet::new(),
        }
    }

    /// The same for a list of presentities.
    pub(super) fn of_list(self, members: Vec<String>) -> Self {
        Self { presentity: roster::SERVER.to_owned(), members, ..self }
    }

    /// Whom it watches.
    pub(super) fn watched(&self) -> &[String] {
        if self.members.is_empty() { core::slice::from_ref(&self.presentity) } else { &self.members }
    }

    /// Its address-of-record.
    pub(super) fn user(&self) -> String {
        format!("sip:{}@example.com", self.name)
    }

    /// Whether it does not want to be known.
    pub(super) fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    pub(super) fn wake_at(&self) -> Timestamp {
        self.asked.as_ref().map_or(self.act_at, Exchange::wake_at)
    }

    /// Call-ID and the node's tag of the subscription it believes to have.
    pub(super) fn holds(&self) -> Option<(&str, &str)> {
        let dialog = self.dialog.as_ref().filter(|dialog| !dialog.ending && !dialog.fetch)?;
        Some((&dialog.call_id, dialog.node_tag.as_deref()?))
    }

    /// What it knows of somebody whom it watches: nothing if it was told that there is nothing, or not told yet.
    pub(super) fn knows(&self, presentity: &str) -> &[String] {
        let Some(dialog) = &self.dialog else { return &[] };
        let known =
            if self.members.is_empty() { dialog.content.as_deref() } else { dialog.roster.of(presentity) };
        known.unwrap_or_default()
    }

    /// Whether it knows that it does not know all.
    pub(super) fn has_gap(&self) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| dialog.roster.has_gap())
    }

    /// Only keeps its subscription from now on.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Ends its subscription.
    pub(super) fn retire(&mut self, now: Timestamp) {
        self.retired = true;
        self.act_at = if self.dialog.is_some() { now } else { Timestamp::NEVER };
    }

    /// The node may have lost what it said last: versions may go back once.
    pub(super) fn forget_versions(&mut self) {
        self.seen.clear();
    }

    /// The stream is gone: a SUBSCRIBE over a new one says where NOTIFYs are to go.
    pub(super) fn disconnected(&mut self, now: Timestamp) {
        self.asked = None;
        if self.dialog.is_some() || !self.retired {
            self.act_at = self.act_at.min(now + Duration::from_millis(100));
        }
    }

    pub(super) fn wake(&mut self, now: Timestamp, reliable: bool, random: &mut Random) -> Option<Vec<u8>> {
        if let Some(exchange) = &mut self.asked {
            match exchange.due(now) {
                Due::Nothing => return None,
                Due::Again => return Some(exchange.bytes.clone()),
                Due::GiveUp => {
                    self.asked = None;
                    if self.dialog.as_ref().is_some_and(|dialog| dialog.node_tag.is_none() || dialog.ending) {
                        self.dialog = None;
                    }
                    self.again(now);
                }
            }
            return None;
        }
        if now < self.act_at {
            return None;
        }
        let fresh = self.dialog.is_none();
        if self.retired && fresh {
            self.act_at = Timestamp::NEVER;
            return None;
        }
        let calm = self.settled || self.retired;
        let name = self.name.clone();
        let dialog = self.dialog.get_or_insert_with(|| {
            self.subscriptions += 1;
            Dialog {
                call_id: format!("{name}-{}", self.subscriptions),
                tag: format!("{name}t{}", self.subscriptions),
                cseq: 0,
                node_tag: None,
                notified: 0,
                answered: None,
                content: None,
                roster: Roster::default(),
                fetch: !calm && random.chance(10),
                ending: false,
            }
        });
        dialog.ending |= self.retired || (!fresh && !calm && random.chance(10));
        dialog.cseq += 1;
        let brief = !calm && random.chance(3);
        let expires = match (dialog.fetch || dialog.ending, brief) {
            (true, _) => "0",
            (false, true) => "5",
            (false, false) => random.pick(&["35", "90", "250", "900"]),
        };
        let mut to = format!("<{}>", self.presentity);
        if let Some(tag) = &dialog.node_tag {
            to = format!("{to};tag={tag}");
        }
        let branch = format!("z9hG4bK{name}-{}-{}", dialog.cseq, random.next());
        let mut request = Message::new(format!("SUBSCRIBE {} SIP/2.0", self.presentity));
        request
            .add("Via", format!("SIP/2.0/UDP {name}.invalid;rport;branch={branch}"))
            .add("Max-Forwards", 70)
            .add("From", format!("<sip:{name}@example.com>;tag={}", dialog.tag))
            .add("To", to)
            .add("Call-ID", &dialog.call_id)
            .add("CSeq", format!("{} SUBSCRIBE", dialog.cseq))
            .add("Contact", format!("<{}>", self.contact))
            .add("Event", "presence")
            .add("Expires", expires);
        if self.anonymous {
            request.add("Privacy", "id");
        }
        let mut body = Vec::new();
        request.add("Accept", "application/pidf+xml");
        if !self.members.is_empty() {
            request.add("Accept", "application/rlmi+xml, multipart/related");
            request.add("Supported", "eventlist");
            if dialog.node_tag.is_none() {
                request.add("Require", "recipient-list-subscribe");
                request.add("Content-Type", "application/resource-lists+xml");
                request.add("Content-Disposition", "recipient-list");
                body = rlmi::request(&self.members.join(" ")).into_bytes();
            }
        }
        let bytes = request.close(body).print();
        self.asked = Some(Exchange::new(now, branch, bytes.clone(), reliable));
        self.act_at = Timestamp::NEVER;
        Some(bytes)
    }

    /// Takes a message; `Err` if it breaks what a watcher may rely on.
    pub(super) fn hear(
        &mut self,
        now: Timestamp,
        message: &Message,
        random: &mut Random,
    ) -> Result<Heard, String> {
        match message.status() {
            Some(status) => Ok(self.answered(now, status, message, random)),
            None => self.notified(now, message, random),
        }
    }

    fn answered(&mut self, now: Timestamp, status: u16, answer: &Message, random: &mut Random) -> Heard {
        let of_this = |exchange: &mut Exchange| Some(exchange.branch.as_str()) == answer.branch();
        if self.asked.take_if(of_this).is_none() {
            return Heard::NotMine;
        }
        let calm = self.settled || self.retired;
        let Some(dialog) = &mut self.dialog else {
            self.again(now); // its last NOTIFY was faster
            return Heard::Taken;
        };
        match status {
            200..=299 => {
                if dialog.node_tag.is_none() {
                    dialog.node_tag = answer.to_tag().map(str::to_owned);
                }
                let granted = answer.get("Expires").and_then(|value| value.parse().ok()).unwrap_or(0);
                let share = if calm { 60 } else { random.between(10, 90) };
                if granted == 0 {
                    // The last NOTIFY ends it; if it never comes, nothing is lost.
                    self.act_at = now + Duration::from_secs(70);
                    dialog.ending = true;
                } else {
                    let share = u32::try_from(share).expect("at most 90");
                    self.act_at = now + Duration::from_secs(granted) * share / 100;
                }
            }
            // RFC 6665 §4.1.2.2: a refresh that is refused otherwise leaves the subscription as it was.
            423 | 500 | 503 if dialog.node_tag.is_some() => self.again(now),
            403 => {
                self.dialog = None;
                self.again(now);
                self.act_at = self.act_at.max(now + Duration::from_secs(5)); // perhaps another day
            }
            _ => {
                self.dialog = None;
                self.again(now);
            }
        }
        Heard::Taken
    }

    fn notified(&mut self, now: Timestamp, notify: &Message, random: &mut Random) -> Result<Heard, String> {
        let mine = notify.get("Call-ID").is_some_and(|id| id.split('-').next() == Some(&self.name));
        if !mine {
            return Ok(Heard::NotMine);
        }
        let Some(dialog) = self.dialog.as_mut().filter(|dialog| {
            notify.get("Call-ID") == Some(&dialog.call_id)
                && dialog.node_tag.as_deref().is_none_or(|tag| notify.from_tag() == Some(tag))
        }) else {
            return Ok(Heard::Answer(notify.answer(481, "Subscription does not exist").close(Vec::new())));
        };
        dialog.node_tag = notify.from_tag().map(str::to_owned);
        let branch = notify.branch().ok_or("no branch")?.to_owned();
        if let Some((_, answer)) = dialog.answered.as_ref().filter(|(answered, _)| *answered == branch) {
            return Ok(Heard::Answer(answer.clone()));
        }
        let (cseq, _) = notify.cseq().ok_or("no CSeq")?;
        if cseq <= dialog.notified {
            // A late copy: RFC 3261 §12.2.2.
            return Ok(Heard::Answer(notify.answer(500, "CSeq out of order").close(Vec::new())));
        }
        dialog.notified = cseq;
        let state = notify.get("Subscription-State").ok_or("no Subscription-State")?;
        let over = state.starts_with("terminated");
        if !self.settled && !over && random.chance(4) {
            let mut answer = notify.answer(503, "Busy");
            answer.add("Retry-After", random.pick(&["1", "10", "100"]));
            let answer = answer.close(Vec::new());
            dialog.answered = Some((branch, answer.clone()));
            return Ok(Heard::Answer(answer));
        }
        let content =
            if self.members.is_empty() { told(&notify.body)? } else { dialog.roster.hear(notify)? };
        let has_gap = dialog.roster.has_gap();
        self.in_order(&content)?;
        let dialog = self.dialog.as_mut().expect("found above");
        dialog.content = Some(content);
        let answer = notify.answer(200, "OK").close(Vec::new());
        dialog.answered = Some((branch, answer.clone()));
        if over {
            self.dialog = None;
            if self.asked.is_none() {
                self.again(now);
            }
        } else if let Some(left) = parameter(state, "expires").and_then(|left| left.parse().ok())
            && self.asked.is_none()
        {
            // RFC 6665 §4.1.2.2: a NOTIFY may shorten the subscription.
            self.act_at = self.act_at.min(now + Duration::from_secs(left) * 9 / 10);
            if has_gap {
                self.act_at = self.act_at.min(now + Duration::from_millis(200)); // RFC 4662 §5.6
            }
        }
        Ok(Heard::Answer(answer))
    }

    /// No publication goes back to a version before the one that was told last.
    fn in_order(&mut self, content: &[String]) -> Result<(), String> {
        let mut told = BTreeMap::new();
        for (publication, version) in content.iter().filter_map(|note| version_of(note)) {
            // A retransmitted initial PUBLISH that met another life of the node is there twice until one runs out.
            if told.insert(publication.clone(), version).is_some() {
                self.doubled.insert(publication);
            }
        }
        for (publication, version) in told {
            let seen = self.seen.insert(publication.clone(), version).unwrap_or(0);
            if version < seen && !self.doubled.contains(&publication) {
                return Err(format!("version {version} of {publication} was heard after version {seen}"));
            }
        }
        Ok(())
    }

    fn again(&mut self, now: Timestamp) {
        let gone = self.retired && self.dialog.is_none();
        self.act_at = if gone { Timestamp::NEVER } else { now + Duration::from_secs(1) };
    }
}
