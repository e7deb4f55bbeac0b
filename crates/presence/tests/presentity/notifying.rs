//! NOTIFYs: one in flight, the latest state, pace, and failures.

use std::time::Duration;

use presence::rules::Requester;
use sip_stack::Timestamp;
use sip_stack::notifier::{Outcome, Reason, State};

use crate::world::{World, aor, at, document, is_open, terms};

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
