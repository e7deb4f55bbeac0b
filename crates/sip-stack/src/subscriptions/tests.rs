//! Subscriptions as a collection: what is told when, and what rows give back.

use sip::{Aor, Limits, Message};

use super::*;
use crate::bytes::{FieldReader, FieldWriter};
use crate::dialog::{Dialog, LocalTag};
use crate::flow::{Connection, Flow, Local, Protocol};
use crate::notifier::{Outcome, Reason, State};
use crate::numbers::Numbers;

/// What a package might keep: one number.
#[derive(Debug, PartialEq, Eq)]
struct Number(u64);

impl Kept for Number {
    fn store(&self, row: &mut FieldWriter) {
        row.number(self.0);
    }

    fn restore(row: &mut FieldReader<'_>) -> Option<Self> {
        Some(Self(row.number().unwrap_or(0)))
    }
}

const TERMS: Terms<'static> = Terms {
    role: "test",
    owner: "sip:alice@example.com",
    lifetimes: Lifetimes::HOUR,
    pace: Duration::from_secs(5),
    max: 3,
    unanswered_max: 1,
};

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn flow(port: u16) -> Flow {
    let remote = ([192, 0, 2, 7], port).into();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

fn request(cseq: u32, contact: &str) -> String {
    format!(
        "SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:bob@example.com>;tag=b\r\n\
         To: <sip:alice@example.com>\r\nCall-ID: c\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <{contact}>\r\nEvent: test\r\n\r\n"
    )
}

struct World {
    subscriptions: Subscriptions<Number>,
    numbers: Numbers,
    out: Outbox,
    tag: u64,
    unless: Option<Condition>,
}

impl World {
    fn new() -> Self {
        let (subscriptions, out) = (Subscriptions::default(), Outbox::default());
        Self { subscriptions, numbers: Numbers::new(7, 0), out, tag: 0, unless: None }
    }

    fn subscribe(&mut self, expires: u32, state: State) -> Result<SubscriptionId, Refusal> {
        self.tag += 1;
        let text = request(1, "sip:bob@192.0.2.7");
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let dialog = Dialog::accept(&message, LocalTag { partition: 0, number: self.tag }).unwrap();
        let identities = ["sip:bob@example.com", "tel:+15550100"].map(|text| Aor::parse(text).unwrap());
        let subscribe = Subscribe {
            identities: &identities,
            dialog,
            flow: flow(5060),
            event: "test",
            expires: Some(expires),
            state,
            unless: self.unless,
        };
        let Self { subscriptions, numbers, out, tag, .. } = self;
        subscriptions.subscribe(at(0), &TERMS, numbers, subscribe, Number(*tag), out).map(|(_, id)| id)
    }

    fn refresh(
        &mut self,
        id: SubscriptionId,
        cseq: u32,
        contact: &str,
        event: &str,
    ) -> Result<Duration, Refusal> {
        let text = request(cseq, contact);
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let identity = &Aor::parse("sip:bob@example.com").unwrap();
        let heard = self.subscriptions.hear(id, identity, &message, cseq, Some(event))?;
        let (flow, unless) = (flow(5070), self.unless);
        let refresh = Refresh { identity, request: &message, cseq, flow, event, expires: Some(600), unless };
        self.subscriptions.refresh(at(1), &TERMS, heard, refresh, &mut self.out)
    }

    /// Gives it a turn with something to say; the NOTIFY as printed.
    fn turn(&mut self, secs: u64, id: SubscriptionId) -> Option<String> {
        let content = Content::of_state("X: y\r\n", Arc::from(&b"body"[..]));
        let say = |_: Turn<'_, Number>| Say::This(Some(Arc::new(content)), at(0));
        self.subscriptions.turn(at(secs), &TERMS, id, &mut self.out, say).map(|notify| print(&notify))
    }

    fn ok(&mut self, secs: u64, id: SubscriptionId) {
        let outcome = Outcome::Answered { status: 200, retry_after: None };
        self.subscriptions.ended(at(secs), &TERMS, id, outcome, &mut self.out);
    }

    fn last_row(&self) -> (u64, Box<[u8]>) {
        let rows = self.out.stored.iter().rev();
        let mut rows = rows.filter_map(|stored| match stored {
            Stored::Put(id, _, row) => Some((*id, row.clone())),
            Stored::Delete(_) => None,
        });
        rows.next().unwrap()
    }
}

fn print(notify: &Notify<'_>) -> String {
    let mut bytes = Vec::new();
    let mut request =
        notify.subscription.print(&mut bytes, notify.sent, "SIP/2.0/UDP s", "z9hG4bKx", "<sip:s>");
    let content = notify.content.unwrap();
    request.lines(&content.fields);
    request.finish(&content.body);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_notify_under_way_is_repeated_as_it_was_whatever_changes_meanwhile() {
    let mut world = World::new();
    let id = world.subscribe(600, State::Active).unwrap();
    let first = world.turn(0, id).unwrap();
    for (cseq, contact) in [(2, "sip:bob@192.0.2.8"), (3, "sip:bob@192.0.2.9"), (4, "sip:bob@192.0.2.7")] {
        world.refresh(id, cseq, contact, "test").unwrap();
        world.subscriptions.set_state(at(0), &TERMS, id, State::Pending, &mut world.out);
        assert_eq!(print(&world.subscriptions.repeat(id).unwrap()), first, "{contact}");
    }
    world.refresh(id, 5, "sip:bob@192.0.2.9", "test").unwrap();
    world.ok(1, id);
    assert!(world.subscriptions.repeat(id).is_none());
    let next = world.turn(1, id).unwrap();
    assert!(next.starts_with("NOTIFY sip:bob@192.0.2.9 SIP/2.0\r\n"), "{next}");
    assert!(
        next.contains("pending;expires=600") && next.contains("X: y\r\n") && next.ends_with("\r\n\r\nbody")
    );
}

#[test]
fn a_pending_subscription_becomes_active_and_is_told_in_spite_of_the_pace() {
    let mut world = World::new();
    let id = world.subscribe(600, State::Pending).unwrap();
    assert_eq!((world.out.counts.active, world.out.counts.pending), (0, 1));
    assert!(world.turn(0, id).unwrap().contains("Subscription-State: pending;expires=600"));
    world.ok(0, id);
    world.subscriptions.set_state(at(1), &TERMS, id, State::Active, &mut world.out);
    assert_eq!((world.out.counts.active, world.out.counts.pending), (1, 0));
    assert!(world.turn(1, id).unwrap().contains("Subscription-State: active;expires=599"));
    world.ok(1, id);
    world.subscriptions.terminate(id, Reason::NoResource, &mut world.out);
    assert!(world.turn(1, id).unwrap().contains("Subscription-State: terminated;reason=noresource"));
    world.ok(1, id);
    assert!(world.subscriptions.is_empty());
    assert_eq!(world.out.counts.active, 0);
}

#[test]
fn too_early_is_not_asked_what_to_say_and_wakes_at_the_end_of_the_pause() {
    let mut world = World::new();
    let id = world.subscribe(600, State::Active).unwrap();
    world.turn(0, id).unwrap();
    world.ok(0, id);
    world.subscriptions.owe(id, Owed::Change, &mut world.out);
    let never = |_: Turn<'_, Number>| unreachable!("too early");
    assert!(world.subscriptions.turn(at(4), &TERMS, id, &mut world.out, never).is_none());
    assert!(world.out.deadlines.contains(&(at(5), id)));
    assert!(!world.subscriptions.due(at(5), at(5), id, &mut world.out));
    let nothing = |turn: Turn<'_, Number>| {
        assert!(!turn.word);
        Say::Nothing
    };
    assert!(world.subscriptions.turn(at(5), &TERMS, id, &mut world.out, nothing).is_none());
    assert_eq!(world.out.counts.unchanged, 1);
}

#[test]
fn a_place_is_used_again_under_another_name() {
    let mut world = World::new();
    let ids: Vec<_> = (0..3).map(|_| world.subscribe(600, State::Active).unwrap()).collect();
    assert_eq!(world.subscribe(600, State::Active), Err(Refusal::TooMany));
    for id in [ids[0], ids[2]] {
        world.turn(0, id).unwrap();
        let gone = Outcome::Answered { status: 481, retry_after: None };
        let ended = world.subscriptions.ended(at(0), &TERMS, id, gone, &mut world.out);
        assert!(matches!(ended, Some(Ended::Removed(Number(number))) if number == u64::from(id.index) + 1));
    }
    assert_eq!((world.subscriptions.len(), world.out.counts.lost), (1, 2));
    let again: Vec<_> = (0..2).map(|_| world.subscribe(600, State::Active).unwrap()).collect();
    assert_eq!(again.iter().map(|id| id.index).collect::<Vec<_>>(), [2, 0]);
    assert!(ids.iter().all(|id| world.subscriptions.get(*id).is_some() == (*id == ids[1])));
}

#[test]
fn another_package_or_id_in_the_dialog_is_dialog_sharing() {
    let mut world = World::new();
    let id = world.subscribe(600, State::Active).unwrap();
    let contact = "sip:bob@192.0.2.7";
    assert!(world.refresh(id, 2, contact, "Test;x=y").is_ok());
    assert_eq!(world.refresh(id, 3, contact, "other"), Err(Refusal::DialogSharing));
    assert_eq!(world.refresh(id, 4, contact, "test;id=1"), Err(Refusal::DialogSharing));
    assert_eq!(world.refresh(id, 4, contact, "test"), Err(Refusal::OutOfOrder), "the number is used up");
}

#[test]
fn restored_equals_stored() {
    let mut world = World::new();
    let id = world.subscribe(600, State::Pending).unwrap();
    world.turn(0, id);
    let (row, data) = world.last_row();
    let stored = StoredSubscription::read(&data).unwrap();
    assert_eq!((stored.role, stored.owner), (Some("test"), "sip:alice@example.com"));
    let mut next = World::new();
    let (restored, _) = next.subscriptions.restore(&mut next.numbers, row, stored, &mut next.out).unwrap();
    let (subscription, number) = next.subscriptions.get(restored).unwrap();
    assert_eq!((subscription.state(), number), (State::Pending, &Number(1)));
    let identities: Vec<_> = subscription.identities().collect();
    assert_eq!(identities, ["sip:bob@example.com", "tel:+15550100"]);
    assert!(subscription.is_to("test"));
    let mut known = Vec::new();
    let resumed = |_: &Subscription, _: &mut Number, knows: bool| known.push(knows);
    next.subscriptions.resume(at(10), &TERMS, |_| at(0), at(10), &mut next.out, resumed);
    assert_eq!(known, [false]);
    assert_eq!(next.out.owed, [restored]);
    for end in 0..data.len() - 8 {
        let mut cut = World::new();
        let stored = StoredSubscription::read(&data[..end]);
        let read = stored.and_then(|stored| {
            cut.subscriptions.restore(&mut cut.numbers, row, stored, &mut cut.out).map(|(id, _)| id)
        });
        assert_eq!(read, None, "cut at {end}");
    }
}

#[test]
fn a_row_from_before_there_were_roles_is_read() {
    let mut world = World::new();
    world.subscribe(600, State::Active).unwrap();
    let (row, data) = world.last_row();
    let mut fields = FieldReader::new(&data, 3).unwrap();
    fields.text().unwrap();
    let mut old = FieldWriter::new(1, 0);
    old.bytes(fields.bytes().unwrap()); // the owner
    let mut old = old.finish().into_vec();
    let rest = &data[data.len() - (data.len() - 1 - 4 - "test".len() - 4 - "sip:alice@example.com".len())..];
    old.extend_from_slice(&rest[..rest.len() - 12]); // no condition, and nothing of the package's
    let stored = StoredSubscription::read(&old).unwrap();
    assert_eq!((stored.role, stored.owner), (None, "sip:alice@example.com"));
    let mut next = World::new();
    assert!(next.subscriptions.restore(&mut next.numbers, row, stored, &mut next.out).is_some());
}

#[test]
fn a_condition_outlives_the_process_and_rows_of_before_have_none() {
    for unless in [None, Some(Condition::Always), Some(Condition::Tag(EntityTag::of([&b"state"[..]])))] {
        let mut world = World { unless, ..World::new() };
        world.subscribe(600, State::Active).unwrap();
        let (row, data) = world.last_row();
        let restore = |data: &[u8]| {
            let mut next = World::new();
            let stored = StoredSubscription::read(data).unwrap();
            let restored = next.subscriptions.restore(&mut next.numbers, row, stored, &mut next.out);
            let (id, _) = restored.unwrap();
            let (_, number) = next.subscriptions.get(id).unwrap();
            (next.subscriptions.record(id).unwrap().unless, number.0)
        };
        assert_eq!(restore(&data), (unless, 1));
        let mut old = data.to_vec();
        old[0] = 2;
        let condition = data.len() - 8 - unless.map_or(0, |unless| unless.text().len()) - 4;
        old.drain(condition..data.len() - 8);
        assert_eq!(restore(&old), (None, 1));
    }
}

#[test]
fn a_suppress_if_match_field_is_one_tag_or_a_star() {
    let tag = EntityTag::of([&b"state"[..]]);
    let read = |value: &str| {
        let text = request(1, "sip:bob@192.0.2.7")
            .replace("Event:", &format!("Suppress-If-Match: {value}\r\nEvent:"));
        Condition::read(&Message::parse(text.as_bytes(), &Limits::default()).unwrap())
    };
    assert_eq!(read("*"), Ok(Some(Condition::Always)));
    assert_eq!(read(&tag.to_string()), Ok(Some(Condition::Tag(tag))));
    let (long, large) = (format!("{tag}00"), tag.to_string().to_uppercase());
    for foreign in ["xggfefe54", &long, &large, "zzzzzzzzzzzzzzzzzzzzzzzz"] {
        assert_eq!(read(foreign), Ok(None), "{foreign}");
    }
    for broken in ["", "a b", "a, b", "\"a\"", "a;b"] {
        assert_eq!(read(broken), Err(BrokenCondition), "{broken}");
    }
    assert_ne!(tag, EntityTag::of([&b"another"[..]]));
}
