//! What rules cost: `cargo run --release -p rollcall-presence --example presence_cost`.
#![expect(clippy::print_stdout, reason = "it says what it found")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use documents::pidf::Presence;
use documents::rules::{Attribute, Permissions, Selection, SubHandling};
use presence::composition::{Composer, Policy};
use presence::rules::{
    Authorization, Circumstances, Composed, Decision, Defaults, Judge, Members, Requester,
};
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::compositor::{EntityTag, Publication};
use xml::Limits;

const DOCUMENT: &str = include_str!("../../documents/tests/data/pidf/rfc4480-4.xml");

fn aor(text: &str) -> Aor {
    Aor::parse(text).expect("an address-of-record")
}

/// Twenty rules for one user each, and one for everybody else.
fn rules() -> String {
    let one = |number: usize| {
        format!(
            "<rule id='r{number}'><conditions><identity><one id='sip:u{number}@example.com'/></identity></conditions>\
             <actions><pr:sub-handling>allow</pr:sub-handling></actions><transformations><pr:provide-services>\
             <pr:all-services/></pr:provide-services><pr:provide-note>true</pr:provide-note></transformations></rule>"
        )
    };
    format!(
        "<ruleset xmlns='urn:ietf:params:xml:ns:common-policy' xmlns:pr='urn:ietf:params:xml:ns:pres-rules' \
         xmlns:oc='urn:oma:xml:xdm:common-policy'>{}<rule id='list'><conditions><oc:external-list><oc:entry anc='l'/>\
         </oc:external-list></conditions><actions><pr:sub-handling>allow</pr:sub-handling></actions></rule></ruleset>",
        (0..20).map(one).collect::<String>()
    )
}

fn cost(name: &str, times: u32, mut act: impl FnMut()) {
    act();
    let begin = Instant::now();
    (0..times).for_each(|_| act());
    let each: Duration = begin.elapsed() / times;
    println!("{name:<58} {each:>12?}");
}

fn main() {
    let text = rules();
    let authorization = || Authorization::read([("index", text.as_bytes())], &Limits::default());
    cost("read 21 rules", 1000, || drop(black_box(authorization())));
    let authorization = authorization();
    let members: Members = (0..10_000).map(|user| aor(&format!("sip:u{user}@example.com"))).collect();
    let lists = BTreeMap::from([("l".to_owned(), members)]);
    let when = Circumstances { now: 0, sphere: None, lists: &lists };
    let user = [aor("sip:u9999@example.com")];
    let requester = Requester::known(&user);
    cost("decide for one watcher, by a list of 10 000", 10_000, || {
        black_box(authorization.decide(&requester, &when, &Defaults::default()));
    });
    let users: Vec<[Aor; 1]> = (0..10_000).map(|user| [aor(&format!("sip:u{user}@example.com"))]).collect();
    cost("judge 10 000 watchers anew", 20, || {
        let mut judge = Judge::new(&authorization, when, Defaults::default());
        for user in &users {
            black_box(judge.decide(&Requester::known(user)));
        }
    });
    let document = Presence::parse(DOCUMENT.as_bytes(), &Limits::default()).expect("an example");
    println!("a document of {} octets:", document.bytes().len());
    let mut some =
        Permissions { services: Selection::All, persons: Selection::All, ..Permissions::default() };
    some.attributes.insert(Attribute::Note);
    some.attributes.insert(Attribute::Activities);
    let decision = Decision { handling: SubHandling::Allow, permissions: some };
    let alice = aor("sip:alice@example.com");
    let view = |decision: &Decision| drop(black_box(Composed::new(&document).view(&alice, decision)));
    cost("  a view of everything", 10_000, || view(&Decision::everything()));
    cost("  a filtered view, the first of a change", 10_000, || view(&decision));
    let composed = Composed::new(&document);
    drop(composed.view(&alice, &decision));
    cost("  a filtered view, each further class", 10_000, || {
        drop(black_box(composed.view(&alice, &decision)))
    });
    let publication = |id| Publication {
        id,
        entity_tag: EntityTag { epoch: 1, number: id },
        changed_at: Timestamp::from_secs(id),
        expires_at: Timestamp::NEVER,
        armed_at: Timestamp::NEVER,
        source: None,
        document: document.clone(),
    };
    let (one, two) = ([publication(1)], [publication(1), publication(2)]);
    let mut composer = Composer::default();
    let someone = aor("sip:someone@example.com");
    cost("  composing one publication", 10_000, || {
        black_box(composer.compose(&someone, &one, None, Policy::Merge, Timestamp::ZERO));
    });
    cost("  composing two, neither changed", 10_000, || {
        black_box(composer.compose(&someone, &two, None, Policy::Merge, Timestamp::ZERO));
    });
    cost("  composing two, from nothing", 10_000, || {
        black_box(Composer::default().compose(&someone, &two, None, Policy::Merge, Timestamp::ZERO));
    });
}
