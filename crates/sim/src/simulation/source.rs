//! An honest presence source: publishes, changes its mind, refreshes, removes, and sometimes asks for what it may not.

use core::time::Duration;

use sip_stack::Timestamp;

use super::exchange::{Due, Exchange};
use super::ruling::component;
use crate::model::{Component, print};
use crate::pidf;
use crate::random::Random;
use crate::wire::Message;

/// A source of one presentity.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    presentity: String,
    /// Two sources may well use the same id for their tuple.
    tuple: String,
    large: bool,
    pace: Duration,
    cseq: u32,
    /// Counts publications, and versions in one: what it publishes says both.
    publication: u32,
    version: u32,
    entity_tag: Option<String>,
    expires_at: Timestamp,
    act_at: Timestamp,
    refresh_at: Timestamp,
    asked: Option<(Exchange, Asked)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Initial,
    Refresh,
    Modify,
    Remove,
    /// A request that is to be refused and to leave no trace.
    Probe,
}

impl Source {
    pub(super) fn new(
        number: u64,
        presentity: String,
        now: Timestamp,
        pace: Duration,
        random: &mut Random,
    ) -> Self {
        Self {
            name: format!("s{number}"),
            presentity,
            tuple: if random.chance(50) { "t".into() } else { format!("t{number}") },
            large: random.chance(20),
            pace,
            cseq: 0,
            publication: 0,
            version: 0,
            entity_tag: None,
            expires_at: now,
            act_at: now + random.span(Duration::ZERO, Duration::from_secs(5)),
            refresh_at: Timestamp::NEVER,
            asked: None,
        }
    }

    pub(super) fn wake_at(&self) -> Timestamp {
        match &self.asked {
            Some((exchange, _)) => exchange.wake_at(),
            None => self.act_at.min(self.refresh_at),
        }
    }

    /// Says something else now.
    pub(super) fn act(&mut self, now: Timestamp) {
        self.act_at = now;
    }

    /// No more changes: what is published is only kept alive.
    pub(super) fn settle(&mut self) {
        self.act_at = Timestamp::NEVER;
        if self.entity_tag.is_none() {
            self.refresh_at = Timestamp::NEVER;
        }
    }

    /// Takes back what is published, and does nothing after that.
    pub(super) fn retire(&mut self, now: Timestamp) {
        self.act_at = Timestamp::NEVER;
        self.refresh_at = if self.entity_tag.is_some() { now } else { Timestamp::NEVER };
        self.pace = Duration::ZERO;
    }

    /// What to send now.
    pub(super) fn wake(&mut self, now: Timestamp, reliable: bool, random: &mut Random) -> Option<Vec<u8>> {
        if let Some((exchange, _)) = &mut self.asked {
            match exchange.due(now) {
                Due::Nothing => return None,
                Due::Again => return Some(exchange.bytes.clone()),
                Due::GiveUp => self.unheard(now),
            }
            return None;
        }
        if now < self.act_at.min(self.refresh_at) {
            return None;
        }
        let asked = self.choose(now, random);
        if self.act_at <= now {
            self.act_at = now + self.pace / 2 + random.span(Duration::ZERO, self.pace);
        }
        let request = self.request(asked, random);
        let branch = request.branch().expect("just printed").to_owned();
        let bytes = request.print();
        self.asked = Some((Exchange::new(now, branch, bytes.clone(), reliable), asked));
        Some(bytes)
    }

    fn choose(&mut self, now: Timestamp, random: &mut Random) -> Asked {
        if self.entity_tag.is_some() && self.expires_at <= now {
            self.entity_tag = None; // it has run out while nobody listened
        }
        match (&self.entity_tag, self.pace.is_zero()) {
            (Some(_), true) => Asked::Remove,
            (Some(_), false) if self.act_at > now => Asked::Refresh,
            (Some(_), false) => match random.below(20) {
                0..=12 => Asked::Modify,
                13..=14 => Asked::Refresh,
                15..=16 => Asked::Remove,
                _ => Asked::Probe,
            },
            (None, _) if random.chance(10) => Asked::Probe,
            (None, _) => Asked::Initial,
        }
    }

    fn request(&mut self, asked: Asked, random: &mut Random) -> Message {
        self.cseq += 1;
        let lifetime = *random.pick(&["35", "60", "120", "900"]);
        let mut expires = Some(lifetime);
        let mut if_match = self.entity_tag.clone();
        let mut kind = "application/pidf+xml";
        let mut body = None;
        match asked {
            Asked::Initial => {
                self.publication += 1;
                self.version = 1;
                body = Some(self.document());
                if_match = None;
            }
            Asked::Modify => {
                self.version += 1;
                body = Some(self.document());
            }
            Asked::Refresh => {}
            Asked::Remove => expires = Some("0"),
            Asked::Probe => match random.below(4) {
                0 => expires = Some("5"),
                1 => if_match = Some("ffffffff.1".into()),
                2 => {
                    kind = "text/plain";
                    body =
                        Some(pidf::write(&self.presentity, "t open \"probe\"").expect("the line is sound"));
                }
                _ => if_match = Some("one, two".into()),
            },
        }
        if random.chance(10) && expires != Some("0") {
            expires = expires.filter(|asked| *asked == "5");
        }
        let name = &self.name;
        let mut request = Message::new(format!("PUBLISH {} SIP/2.0", self.presentity));
        request
            .add(
                "Via",
                format!(
                    "SIP/2.0/UDP {name}.invalid;rport;branch=z9hG4bK{name}-{}-{}",
                    self.cseq,
                    random.next()
                ),
            )
            .add("Max-Forwards", 70)
            .add("From", format!("<sip:{name}@example.com>;tag={name}"))
            .add("To", format!("<{}>", self.presentity))
            .add("Call-ID", format!("{name}-call"))
            .add("CSeq", format!("{} PUBLISH", self.cseq))
            .add("Event", "presence");
        if let Some(expires) = expires {
            request.add("Expires", expires);
        }
        if let Some(tag) = if_match {
            request.add("SIP-If-Match", tag);
        }
        let Some(body) = body else { return request.close(Vec::new()) };
        request.add("Content-Type", kind);
        request.close(body.into_bytes())
    }

    fn document(&self) -> String {
        let document = print(&self.presentity, &self.components(), self.version.is_multiple_of(2));
        String::from_utf8_lossy(document.bytes()).into_owned()
    }

    /// What it says: a service, and sometimes the person, each with a note that says which version it is of, so that nothing
    /// of different publications is merged.
    fn components(&self) -> Vec<Component> {
        let padding = if self.large { "x".repeat(1200) } else { String::new() };
        let note = format!("{}:{}:{}:{padding}", self.name, self.publication, self.version);
        let kind = self.publication * 7 + self.version * 3;
        let class = if kind.is_multiple_of(4) { "biz" } else { "home" };
        let contact = if kind.is_multiple_of(5) { "tel:+1" } else { "sip:a@b" };
        let mut said = vec![component(
            "tuple",
            &self.tuple,
            &[
                ("status/p:basic", "open"),
                ("op:willingness", "open"),
                ("p:note", &note),
                ("p:contact", contact),
                ("r:class", class),
                ("r:user-input", "idle"),
                ("x:y", if kind.is_multiple_of(2) { "1" } else { "2" }),
            ],
        )];
        if kind.is_multiple_of(3) {
            let note = format!("{}:{}p:{}:", self.name, self.publication, self.version);
            let mut person = vec![("dm:note", note.as_str()), ("r:class", class), ("r:mood", "happy")];
            person.extend(match (self.publication + self.version) % 3 {
                0 => None,
                1 => Some(("r:sphere", "work")),
                _ if self.version.is_multiple_of(2) => Some(("r:sphere", "Home")),
                _ => Some(("r:sphere", "home")),
            });
            said.push(component("person", "person", &person));
        }
        said
    }

    /// An answer for this source? Its status, then.
    pub(super) fn hear(&mut self, now: Timestamp, answer: &Message, random: &mut Random) -> bool {
        let of_this = |(exchange, _): &(Exchange, Asked)| Some(exchange.branch.as_str()) == answer.branch();
        let Some((_, asked)) = self.asked.take_if(|asked| of_this(asked)) else { return false };
        let soon = now + random.span(Duration::from_millis(10), Duration::from_secs(1));
        match (answer.status().unwrap_or(0), asked) {
            (200..=299, Asked::Remove) => {
                self.entity_tag = None;
                self.refresh_at = Timestamp::NEVER;
            }
            (200..=299, _) => {
                let granted = answer.get("Expires").and_then(|value| value.parse().ok()).unwrap_or(0);
                self.entity_tag = answer.get("SIP-ETag").map(str::to_owned);
                self.expires_at = now + Duration::from_secs(granted);
                self.refresh_at = now + Duration::from_secs(granted) * 7 / 10;
            }
            (_, Asked::Probe) => {}
            (412, _) => {
                self.entity_tag = None;
                // Gone: publish anew, unless there is nothing to tell any more.
                self.refresh_at = if self.pace.is_zero() { Timestamp::NEVER } else { soon };
            }
            _ => self.refresh_at = soon,
        }
        true
    }

    /// Nobody answered, or the stream is gone.
    pub(super) fn unheard(&mut self, now: Timestamp) {
        if let Some((_, asked)) = self.asked.take()
            && asked != Asked::Probe
        {
            self.refresh_at = now + Duration::from_secs(1);
        }
    }
}
