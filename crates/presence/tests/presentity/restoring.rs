//! What the rows of a presentity give back.

use sip_stack::compositor::Operation;

use crate::world::{World, at, document, is_open};

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
