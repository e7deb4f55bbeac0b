//! Publications: entity-tags, refusals, lifetimes.

use std::time::Duration;

use presence::{Publish, Refusal};
use sip_stack::compositor;
use sip_stack::compositor::{EntityTag, Operation};
use sip_stack::notifier::{Reason, State};

use crate::world::{World, aor, at, document, is_open, terms};

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
