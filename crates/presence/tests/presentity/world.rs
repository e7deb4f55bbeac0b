//! A presentity and its surroundings.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use documents::pidf::Presence;
use presence::{Lifetimes, Outbox, Policy, Presentity, Publish, Published, ROLE, Refusal, Subscribe, Terms};
use sip::{Aor, Limits, Message};
use sip_stack::compositor::EntityTag;
use sip_stack::dialog::{Dialog, LocalTag};
use sip_stack::notifier::{Outcome, State};
use sip_stack::subscriptions::{Refresh, Stored, StoredSubscription, SubscriptionId};
use sip_stack::{Connection, Flow, Local, Numbers, Protocol, Timestamp};

pub(crate) static POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

pub(crate) fn terms(pace: Duration) -> Terms<'static> {
    Terms {
        policy: &POLICY,
        publications: Lifetimes::HOUR,
        subscriptions: Lifetimes::HOUR,
        pace,
        publications_max: 2,
        source_publications_max: 1,
        subscriptions_max: 3,
        unanswered_max: 1,
    }
}

pub(crate) fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

pub(crate) fn aor(text: &str) -> Aor {
    Aor::parse(text).unwrap()
}

pub(crate) fn flow() -> Flow {
    let remote = "192.0.2.7:5060".parse().unwrap();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

pub(crate) fn document(basic: &str) -> Presence {
    let text = format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:alice@example.com\">\
         <tuple id=\"t1\"><status><basic>{basic}</basic></status></tuple></presence>"
    );
    Presence::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
}

pub(crate) fn request(cseq: u32) -> String {
    format!(
        "SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:bob@example.com>;tag=b\r\n\
         To: <sip:alice@example.com>\r\nCall-ID: c\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:bob@192.0.2.7>\r\n\
         Event: presence\r\n\r\n"
    )
}

/// What a wake-up is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    Publication(u64),
    Watcher(SubscriptionId),
}

/// A NOTIFY: to whom, in which state, with which body.
pub(crate) type Said = (SubscriptionId, State, Option<Arc<[u8]>>);

/// A presentity with its surroundings: rows are kept, wake-ups come when time passes, NOTIFYs are answered by hand.
pub(crate) struct World {
    pub(crate) presentity: Presentity,
    pub(crate) numbers: Numbers,
    pub(crate) out: Outbox,
    pub(crate) rows: std::collections::BTreeMap<(u8, u64), Box<[u8]>>,
    pub(crate) wakes: Vec<(Timestamp, Item)>,
    pub(crate) owed: Vec<SubscriptionId>,
    pub(crate) pace: Duration,
    pub(crate) tag: u64,
}

impl World {
    /// A presentity without documents.
    pub(crate) fn new() -> Self {
        let mut world = Self::unprepared();
        world.presentity.prepare(&mut world.out);
        world.found(at(0));
        world
    }

    pub(crate) fn unprepared() -> Self {
        Self {
            presentity: Presentity::new(aor("sip:alice@example.com")),
            numbers: Numbers::new(1, 0),
            out: Outbox::default(),
            rows: Default::default(),
            wakes: Vec::new(),
            owed: Vec::new(),
            pace: Duration::ZERO,
            tag: 0,
        }
    }

    pub(crate) fn settle(&mut self) {
        let publications = self.out.publications.drain(..).map(|stored| (1, stored));
        for (kind, stored) in publications.chain(self.out.watchers.stored.drain(..).map(|stored| (2, stored)))
        {
            match stored {
                Stored::Put(id, _, data) => drop(self.rows.insert((kind, id), data)),
                Stored::Delete(id) => {
                    assert!(self.rows.remove(&(kind, id)).is_some(), "a row that was there")
                }
            }
        }
        self.wakes.extend(self.out.deadlines.drain(..).map(|(at, row)| (at, Item::Publication(row))));
        self.wakes.extend(self.out.watchers.deadlines.drain(..).map(|(at, id)| (at, Item::Watcher(id))));
        self.owed.append(&mut self.out.watchers.owed);
    }

    pub(crate) fn publish(
        &mut self,
        now: Timestamp,
        if_match: Option<EntityTag>,
        expires: Option<u32>,
        document: Option<Presence>,
    ) -> Result<Published, Refusal> {
        let alice = [aor("sip:alice@example.com")];
        let publish =
            Publish { identities: &alice, if_match: if_match.map(Some), expires, document: Ok(document) };
        let answer =
            self.presentity.publish(now, &terms(self.pace), &mut self.numbers, publish, &mut self.out);
        self.settle();
        answer
    }

    pub(crate) fn subscribe(
        &mut self,
        now: Timestamp,
        identity: &str,
        expires: u32,
    ) -> Result<SubscriptionId, Refusal> {
        self.tag += 1;
        let text = request(1);
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let dialog = Dialog::accept(&message, LocalTag { partition: 0, number: self.tag }).unwrap();
        let subscribe = Subscribe {
            anonymous: false,
            display_name: None,
            package: "presence",
            identities: &[aor(identity)],
            dialog,
            flow: flow(),
            event: "presence",
            expires: Some(expires),
            unless: None,
        };
        let answer =
            self.presentity.subscribe(now, &terms(self.pace), &mut self.numbers, subscribe, &mut self.out);
        self.settle();
        answer.map(|subscribed| subscribed.id)
    }

    pub(crate) fn refresh(
        &mut self,
        now: Timestamp,
        id: SubscriptionId,
        cseq: u32,
        expires: u32,
    ) -> Result<Duration, Refusal> {
        let text = request(cseq);
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let identity = aor("sip:bob@example.com");
        let refresh = Refresh {
            identity: &identity,
            request: &message,
            cseq,
            flow: flow(),
            event: "presence",
            expires: Some(expires),
            unless: None,
        };
        let answer = self.presentity.refresh(now, &terms(self.pace), id, refresh, &mut self.out);
        self.settle();
        answer.map(|subscribed| subscribed.lifetime)
    }

    /// Gives everybody who is owed a turn; what was said.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        for id in std::mem::take(&mut self.owed) {
            if let Some(notify) = self.presentity.notify(now, &terms(self.pace), id, &mut self.out) {
                said.push((id, notify.sent.state, notify.content.map(|content| Arc::clone(&content.body))));
            }
            self.settle();
        }
        said
    }

    pub(crate) fn ended(&mut self, now: Timestamp, id: SubscriptionId, outcome: Outcome) {
        self.presentity.ended(now, &terms(self.pace), id, outcome, &mut self.out);
        self.settle();
    }

    pub(crate) fn ok(&mut self, now: Timestamp, id: SubscriptionId) {
        self.ended(now, id, Outcome::Answered { status: 200, retry_after: None });
    }

    pub(crate) fn pass(&mut self, now: Timestamp) {
        while let Some(place) = self.wakes.iter().position(|(when, _)| *when <= now) {
            let (when, item) = self.wakes.swap_remove(place);
            match item {
                Item::Publication(row) => {
                    self.presentity.due(now, &terms(self.pace), when, row, &mut self.out)
                }
                Item::Watcher(id) => self.presentity.due_watcher(now, when, id, &mut self.out),
            }
            self.settle();
        }
    }

    /// Answers all wants: there are no documents.
    pub(crate) fn found(&mut self, now: Timestamp) {
        for want in std::mem::take(&mut self.out.wants) {
            self.presentity.found(now, &terms(self.pace), &want, Ok(Vec::new()), &mut self.out);
        }
        self.settle();
    }

    pub(crate) fn resume(&mut self, stopped_at: Timestamp) {
        self.presentity.resume(stopped_at, &terms(self.pace), stopped_at, &mut self.out);
        self.found(stopped_at);
    }

    pub(crate) fn restarted(&self) -> Self {
        let mut next = Self::unprepared();
        next.numbers = Numbers::new(2, 0);
        for ((kind, id), row) in &self.rows {
            match kind {
                1 => drop(next.presentity.restore_publication(*id, row).expect("a row of ours")),
                _ => {
                    let stored = StoredSubscription::read(row).expect("a row of ours");
                    assert_eq!((stored.role, stored.owner), (Some(ROLE), "sip:alice@example.com"));
                    let World { presentity, numbers, out, .. } = &mut next;
                    presentity.restore_subscription(numbers, *id, stored, out).expect("a row of ours");
                }
            }
        }
        next.rows.clone_from(&self.rows);
        next
    }
}

pub(crate) fn is_open(body: &Option<Arc<[u8]>>) -> Option<bool> {
    let text = String::from_utf8(body.as_ref()?.to_vec()).unwrap();
    Some(text.contains(">open<"))
}
