//! Subscriptions: who may, how many, and which SUBSCRIBE belongs to which.

use std::time::Duration;

use presence::Refusal;
use sip::{Limits, Message};
use sip_stack::notifier::{Outcome, Reason, State};
use sip_stack::subscriptions;
use sip_stack::subscriptions::{Refresh, SubscriptionId};

use crate::world::{World, aor, at, flow, request, terms};

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
