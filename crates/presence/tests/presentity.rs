//! The presentity as a machine: what it decides, what it leaves untouched, and what its rows give back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use documents::pidf::Presence;
use presence::rules::Requester;
use presence::{Lifetimes, Outbox, Policy, Presentity, Publish, Published, ROLE, Refusal, Subscribe, Terms};
use sip::{Aor, Limits, Message};
use sip_stack::compositor::{self, EntityTag, Operation};
use sip_stack::dialog::{Dialog, LocalTag};
use sip_stack::notifier::{Outcome, Reason, State};
use sip_stack::subscriptions::{self, Refresh, Stored, StoredSubscription, SubscriptionId};
use sip_stack::{Connection, Flow, Local, Numbers, Protocol, Timestamp};

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

fn terms(pace: Duration) -> Terms<'static> {
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

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn aor(text: &str) -> Aor {
    Aor::parse(text).unwrap()
}

fn flow() -> Flow {
    let remote = "192.0.2.7:5060".parse().unwrap();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

fn document(basic: &str) -> Presence {
    let text = format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:alice@example.com\">\
         <tuple id=\"t1\"><status><basic>{basic}</basic></status></tuple></presence>"
    );
    Presence::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
}

fn request(cseq: u32) -> String {
    format!(
        "SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:bob@example.com>;tag=b\r\n\
         To: <sip:alice@example.com>\r\nCall-ID: c\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:bob@192.0.2.7>\r\n\
         Event: presence\r\n\r\n"
    )
}

/// What a wake-up is for.
#[derive(Clone, Copy, Debug)]
enum Item {
    Publication(u64),
    Watcher(SubscriptionId),
}

/// A NOTIFY: to whom, in which state, with which body.
type Said = (SubscriptionId, State, Option<Arc<[u8]>>);

/// A presentity with its surroundings: rows are kept, wake-ups come when time passes, NOTIFYs are answered by hand.
struct World {
    presentity: Presentity,
    numbers: Numbers,
    out: Outbox,
    rows: std::collections::BTreeMap<(u8, u64), Box<[u8]>>,
    wakes: Vec<(Timestamp, Item)>,
    owed: Vec<SubscriptionId>,
    pace: Duration,
    tag: u64,
}

impl World {
    /// A presentity without documents.
    fn new() -> Self {
        let mut world = Self::unprepared();
        world.presentity.prepare(&mut world.out);
        world.found(at(0));
        world
    }

    fn unprepared() -> Self {
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

    fn settle(&mut self) {
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

    fn publish(
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

    fn subscribe(&mut self, now: Timestamp, identity: &str, expires: u32) -> Result<SubscriptionId, Refusal> {
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

    fn refresh(
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
    fn turn(&mut self, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        for id in std::mem::take(&mut self.owed) {
            if let Some(notify) = self.presentity.notify(now, &terms(self.pace), id, &mut self.out) {
                said.push((id, notify.sent.state, notify.content.map(|content| Arc::clone(&content.body))));
            }
            self.settle();
        }
        said
    }

    fn ended(&mut self, now: Timestamp, id: SubscriptionId, outcome: Outcome) {
        self.presentity.ended(now, &terms(self.pace), id, outcome, &mut self.out);
        self.settle();
    }

    fn ok(&mut self, now: Timestamp, id: SubscriptionId) {
        self.ended(now, id, Outcome::Answered { status: 200, retry_after: None });
    }

    fn pass(&mut self, now: Timestamp) {
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
    fn found(&mut self, now: Timestamp) {
        for want in std::mem::take(&mut self.out.wants) {
            self.presentity.found(now, &terms(self.pace), &want, Ok(Vec::new()), &mut self.out);
        }
        self.settle();
    }

    fn resume(&mut self, stopped_at: Timestamp) {
        self.presentity.resume(stopped_at, &terms(self.pace), stopped_at, &mut self.out);
        self.found(stopped_at);
    }

    fn restarted(&self) -> Self {
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

fn is_open(body: &Option<Arc<[u8]>>) -> Option<bool> {
    let text = String::from_utf8(body.as_ref()?.to_vec()).unwrap();
    Some(text.contains(">open<"))
}

#[test]
fn every_operation_gives_a_new_entity_tag_and_the_old_one_is_dead() {
    let mut world = World::new();
    let first = world.publish(at(0), None, None, Some(document("open"))).unwrap();
    assert_eq!((first.operation, first.lifetime), (Operation::Initial, Duration::from_secs(3600)));
    let second = world.publish(at(1), Some(first.entity_tag), Some(600), None).unwrap();
    assert_eq!((second.operation, second.lifetime), (Operation::Refresh, Duration::from_secs(600)));
    let third = world.publish(at(2), Some(second.entity_tag), Some(600), Some(document("closed"))).unwrap();
    assert_eq!(third.operation, Operation::Modify);
    for dead in [first, second] {
        let refused = world.publish(at(3), Some(dead.entity_tag), None, None);
        assert_eq!(refused, Err(Refusal::Publication(compositor::Refusal::UnknownEntityTag)));
    }
    let last = world.publish(at(4), Some(third.entity_tag), Some(0), None).unwrap();
    assert_eq!((last.operation, last.lifetime), (Operation::Remove, Duration::ZERO));
    world.pass(at(100));
    assert!(world.presentity.is_empty() && world.rows.is_empty());
}

#[test]
fn a_refused_publish_leaves_no_trace() {
    let mut world = World::new();
    let tag = world.publish(at(0), None, None, Some(document("open"))).unwrap().entity_tag;
    world.publish(at(0), None, None, Some(document("open"))).unwrap();
    let before = (format!("{:?}", world.presentity), world.rows.clone());
    let unknown = EntityTag { epoch: 9, number: 9 };
    let refused = [
        world.publish(at(1), Some(unknown), None, None),
        world.publish(at(1), Some(tag), Some(59), None),
        world.publish(at(1), None, None, None),
        world.publish(at(1), None, None, Some(document("open"))),
    ];
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    let mallory = [aor("sip:mallory@example.com")];
    let publish = Publish {
        identities: &mallory,
        if_match: None,
        expires: None,
        document: Ok(Some(document("closed"))),
    };
    let forbidden =
        world.presentity.publish(at(1), &terms(Duration::ZERO), &mut world.numbers, publish, &mut world.out);
    assert_eq!(forbidden, Err(Refusal::Forbidden));
    world.settle();
    assert_eq!(before, (format!("{:?}", world.presentity), world.rows.clone()));
}

#[test]
fn one_notify_is_in_flight_and_the_latest_state_wins() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    assert_eq!(world.turn(at(0)).len(), 1);
    let mut tag = world.publish(at(1), None, None, Some(document("open"))).unwrap().entity_tag;
    for _ in 0..5 {
        tag = world.publish(at(1), Some(tag), None, Some(document("closed"))).unwrap().entity_tag;
        assert!(world.turn(at(1)).is_empty());
    }
    world.ok(at(2), bob);
    let said = world.turn(at(2));
    assert_eq!(said.len(), 1);
    assert_eq!(is_open(&said[0].2), Some(false));
    world.ok(at(2), bob);
    assert!(world.turn(at(2)).is_empty());
}

#[test]
fn an_unchanged_view_is_not_told_again_but_a_subscribe_is_always_answered() {
    let mut world = World::new();
    let tag = world.publish(at(0), None, None, Some(document("open"))).unwrap().entity_tag;
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    world.publish(at(1), Some(tag), None, Some(document("open"))).unwrap();
    assert!(world.turn(at(1)).is_empty());
    world.refresh(at(2), bob, 2, 600).unwrap();
    assert_eq!(world.turn(at(2)).len(), 1);
}

#[test]
fn pace_delays_changes_and_only_them() {
    let mut world = World::new();
    world.pace = Duration::from_secs(5);
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    world.publish(at(1), None, None, Some(document("open"))).unwrap();
    assert!(world.turn(at(1)).is_empty());
    world.pass(at(4));
    assert!(world.turn(at(4)).is_empty());
    world.pass(at(5));
    assert_eq!(world.turn(at(5)).len(), 1);
    world.ok(at(5), bob);
    world.refresh(at(6), bob, 2, 0).unwrap();
    assert_eq!(world.turn(at(6))[0].1, State::Terminated(Reason::Timeout));
}

#[test]
fn an_explanation_says_when_the_last_notify_went_and_why_the_next_has_not() {
    let mut world = World { pace: Duration::from_secs(5), ..World::new() };
    let bob = [aor("sip:bob@example.com")];
    let why = |world: &World, now: Timestamp| {
        let explained = world.presentity.explain(now, &terms(world.pace), &Requester::known(&bob));
        let last = explained.steps.last().unwrap().clone();
        last.split_once(" s left; ").map(|(_, rest)| rest.to_owned()).unwrap_or(last)
    };
    assert_eq!(why(&world, at(0)), "It has no subscription of its own now.");
    let id = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    let due = "the next one is due: it waits for its turn, or for answers to others from the same address (limits.notify-window).";
    assert_eq!(why(&world, at(0)), format!("no NOTIFY went since the server was started; {due}"));
    world.turn(at(0));
    assert_eq!(
        why(&world, at(1)),
        "the last NOTIFY (CSeq 1) went 1.0 s ago and is not answered yet; another one waits for that answer, as one at a \
         time is under way."
    );
    world.ok(at(1), id);
    let answered =
        |ago: &str| format!("the last NOTIFY (CSeq 1) went {ago} ago and was answered, or given up");
    let nothing = "no other follows, as it knows everything that it may see.";
    assert_eq!(why(&world, at(2)), format!("{}; {nothing}", answered("2.0 s")));
    world.publish(at(3), None, Some(600), Some(document("open"))).unwrap();
    let paced = "the next one waits 1.5 s more, by presence-server.pace.";
    assert_eq!(why(&world, at(3) + Duration::from_millis(500)), format!("{}; {paced}", answered("3.5 s")));
    world.turn(at(5));
    world.ended(at(5), id, Outcome::Answered { status: 503, retry_after: Some(30) });
    let after = "the next one waits 28.0 s more, by a failure before, or a Retry-After.";
    assert!(why(&world, at(7)).ends_with(after), "{}", why(&world, at(7)));
}

#[test]
fn a_wake_up_for_a_lifetime_long_extended_does_not_forget_the_end_of_a_pause() {
    let mut world = World::new();
    world.pace = Duration::from_secs(5);
    let bob = world.subscribe(at(0), "sip:bob@example.com", 60).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    world.refresh(at(58), bob, 2, 600).unwrap();
    assert_eq!(world.turn(at(58)).len(), 1);
    world.ok(at(58), bob);
    world.publish(at(59), None, None, Some(document("open"))).unwrap();
    assert!(world.turn(at(59)).is_empty());
    world.pass(at(60)); // asked for by the first lifetime
    assert!(world.turn(at(60)).is_empty());
    world.pass(at(63));
    assert_eq!(world.turn(at(63)).len(), 1);
}

#[test]
fn expiry_is_told_and_leaves_nothing() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    world.publish(at(0), None, Some(60), Some(document("open"))).unwrap();
    assert_eq!(is_open(&world.turn(at(0))[0].2), Some(true));
    world.ok(at(0), bob);
    world.pass(at(60));
    assert_eq!(is_open(&world.turn(at(60))[0].2), Some(false));
    world.ok(at(60), bob);
    world.pass(at(600));
    let said = world.turn(at(600));
    assert_eq!(said[0].1, State::Terminated(Reason::Timeout));
    world.ok(at(600), bob);
    assert!(world.presentity.is_empty() && world.rows.is_empty(), "{:?}", world.presentity);
}

#[test]
fn a_refresh_moves_the_deadline_without_a_new_one_each_time() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    for round in 1..100_u32 {
        world.turn(at(u64::from(round)));
        world.ok(at(u64::from(round)), bob);
        world.refresh(at(u64::from(round)), bob, 1 + round, 600).unwrap();
    }
    assert!(world.wakes.len() <= 2, "{:?}", world.wakes);
    world.pass(at(650));
    assert!(world.presentity.subscription(bob).is_some());
    world.pass(at(700));
    assert_eq!(world.presentity.subscription(bob).unwrap().state(), State::Terminated(Reason::Timeout));
}

#[test]
fn out_of_order_and_foreign_refreshes_are_refused() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    assert_eq!(
        world.refresh(at(1), bob, 1, 600),
        Err(Refusal::Subscription(subscriptions::Refusal::OutOfOrder))
    );
    assert_eq!(
        world.refresh(at(1), bob, 2, 59),
        Err(Refusal::Subscription(subscriptions::Refusal::IntervalTooBrief { min: Duration::from_secs(60) }))
    );
    assert_eq!(
        world.refresh(at(1), bob, 2, 600),
        Err(Refusal::Subscription(subscriptions::Refusal::OutOfOrder)),
        "a refused number is used up"
    );
    assert_eq!(
        world.refresh(at(1), SubscriptionId { serial: 99, ..bob }, 3, 600),
        Err(Refusal::Subscription(subscriptions::Refusal::NoSubscription))
    );
    world.refresh(at(1), bob, 3, 0).unwrap();
    assert_eq!(
        world.refresh(at(1), bob, 4, 600),
        Err(Refusal::Subscription(subscriptions::Refusal::NoSubscription))
    );
}

#[test]
fn a_dialog_is_not_shared_and_the_answer_says_so() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    let text = request(2);
    let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
    let identity = aor("sip:bob@example.com");
    let (request, event, expires) = (&message, "presence;id=2", Some(600));
    let refresh =
        Refresh { identity: &identity, request, cseq: 2, flow: flow(), event, expires, unless: None };
    let answer = world.presentity.refresh(at(1), &terms(world.pace), bob, refresh, &mut world.out);
    let refusal = answer.unwrap_err();
    assert_eq!((refusal.status(), refusal.phrase()), (403, "Dialog Sharing Not Supported"));
}

#[test]
fn watchers_of_other_domains_are_blocked_and_too_many_put_off() {
    let mut world = World::new();
    assert_eq!(world.subscribe(at(0), "sip:bob@elsewhere.net", 600), Err(Refusal::Forbidden));
    for _ in 0..3 {
        world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    }
    assert_eq!(
        world.subscribe(at(0), "sip:bob@example.com", 600),
        Err(Refusal::Subscription(subscriptions::Refusal::TooMany))
    );
    assert!(world.subscribe(at(0), "sip:bob@example.com", 0).is_ok(), "a fetch takes no place");
}

#[test]
fn fetches_are_bounded_by_themselves() {
    let mut world = World::new();
    let fetches: Vec<_> = (0..3).map(|_| world.subscribe(at(0), "sip:bob@example.com", 0).unwrap()).collect();
    assert_eq!(
        world.subscribe(at(0), "sip:bob@example.com", 0),
        Err(Refusal::Subscription(subscriptions::Refusal::TooMany))
    );
    for _ in 0..3 {
        world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    }
    world.turn(at(0));
    world.ended(at(32), fetches[0], Outcome::TimedOut);
    assert!(world.subscribe(at(32), "sip:bob@example.com", 0).is_ok());
    assert_eq!(
        world.subscribe(at(32), "sip:bob@example.com", 600),
        Err(Refusal::Subscription(subscriptions::Refusal::TooMany))
    );
}

#[test]
fn a_fetch_is_one_notify_and_no_row() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 0).unwrap();
    let said = world.turn(at(0));
    assert_eq!(said[0].1, State::Terminated(Reason::Timeout));
    assert!(said[0].2.is_some() && world.rows.is_empty());
    world.ok(at(0), bob);
    assert!(world.presentity.is_empty());
}

#[test]
fn failures_of_notify_are_handled() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    world.turn(at(0));
    world.ended(at(0), bob, Outcome::Answered { status: 503, retry_after: Some(30) });
    assert!(world.turn(at(1)).is_empty());
    world.pass(at(29));
    assert!(world.turn(at(29)).is_empty());
    world.pass(at(30));
    assert_eq!(world.turn(at(30)).len(), 1);
    world.ended(at(31), bob, Outcome::Answered { status: 481, retry_after: None });
    assert!(world.presentity.is_empty() && world.rows.is_empty());
}

#[test]
fn a_broken_flow_waits_for_the_next_subscribe() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    world.turn(at(0));
    world.ended(at(0), bob, Outcome::FlowBroken);
    assert!(world.turn(at(1)).is_empty());
    world.refresh(at(2), bob, 2, 600).unwrap();
    assert_eq!(world.turn(at(2)).len(), 1);
}

#[test]
fn restore_equals_live() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 600).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    let tag = world.publish(at(1), None, Some(60), Some(document("open"))).unwrap().entity_tag;
    world.turn(at(1));
    let mut next = world.restarted();
    next.resume(at(1));
    let said = next.turn(at(2));
    assert_eq!((said.len(), is_open(&said[0].2)), (1, Some(true)), "nobody knows whether bob heard of it");
    let watcher = said[0].0;
    assert!(next.presentity.subscription(watcher).unwrap().in_flight().unwrap().cseq > 2);
    next.ok(at(2), watcher);
    let modified = next.publish(at(3), Some(tag), Some(60), Some(document("closed"))).unwrap();
    assert_eq!((modified.operation, modified.entity_tag.epoch), (Operation::Modify, 2));
    assert_eq!(is_open(&next.turn(at(3))[0].2), Some(false));
}

#[test]
fn a_settled_presentity_is_quiet_after_a_restart_until_something_has_run_out() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 3000).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    world.publish(at(1), None, Some(600), Some(document("open"))).unwrap();
    world.turn(at(1));
    world.ok(at(1), bob);
    let mut next = world.restarted();
    next.resume(at(500));
    assert!(next.turn(at(501)).is_empty());
    next.pass(at(601));
    assert_eq!(is_open(&next.turn(at(601))[0].2), Some(false));
}

#[test]
fn a_removal_just_before_the_end_is_told_after_the_restart() {
    let mut world = World::new();
    let bob = world.subscribe(at(0), "sip:bob@example.com", 3000).unwrap();
    world.turn(at(0));
    world.ok(at(0), bob);
    let tag = world.publish(at(1), None, Some(600), Some(document("open"))).unwrap().entity_tag;
    world.turn(at(1));
    world.ok(at(1), bob);
    world.publish(at(100), Some(tag), Some(0), None).unwrap();
    let mut next = world.restarted();
    next.resume(at(100));
    assert_eq!(is_open(&next.turn(at(101))[0].2), Some(false));
    next.pass(at(200));
    assert_eq!(next.rows.keys().filter(|(kind, _)| *kind == 1).count(), 0, "the mark is swept away");
}
