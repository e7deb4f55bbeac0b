//! Rules and publications that change at any moment: no watcher is ever told what the rules in force forbid, and all are
//! told what they may know.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "model/filter.rs"]
mod filter;
mod model;
#[path = "model/transformations.rs"]
mod transformations;

use std::collections::BTreeMap;
use std::time::Duration;

use documents::rules::{Permissions, SubHandling};
use filter::{any_permissions, naive};
use model::{Component, print, read};
use presence::{Lifetimes, Outbox, Policy, Presentity, Publish, Subscribe, Terms};
use proptest::prelude::*;
use sip::{Aor, Limits, Message};
use sip_stack::compositor::EntityTag;
use sip_stack::dialog::{Dialog, LocalTag};
use sip_stack::notifier::{Outcome, Reason, State};
use sip_stack::subscriptions::SubscriptionId;
use sip_stack::{Connection, Flow, Local, Numbers, Protocol, Timestamp};
use transformations::transformations;
use xcap::{Change, DocumentSelector, ETag, Version};

const ALICE: &str = "sip:alice@example.com";
const USAGE: &str = "org.openmobilealliance.pres-rules";
const WATCHERS: usize = 4;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// Alice says something else, or nothing any more.
    Says(Option<Vec<Component>>),
    /// She decides anew about everybody, by number; what is granted counts for those who are allowed.
    Decides(Vec<(SubHandling, Permissions)>),
    /// Somebody subscribes.
    Subscribes(usize),
    /// The oldest NOTIFYs are answered, or not.
    Answers(bool),
    /// Turns are given.
    Turns,
    /// Time passes.
    Passes(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let handling = proptest::sample::select(vec![
        SubHandling::Block,
        SubHandling::Confirm,
        SubHandling::PoliteBlock,
        SubHandling::Allow,
        SubHandling::Allow,
    ]);
    let decision = (handling, any_permissions());
    prop_oneof![
        3 => proptest::option::weighted(0.9, model::document()).prop_map(Step::Says),
        3 => proptest::collection::vec(decision, WATCHERS).prop_map(Step::Decides),
        3 => (0..WATCHERS).prop_map(Step::Subscribes),
        2 => any::<bool>().prop_map(Step::Answers),
        4 => Just(Step::Turns),
        1 => (1..20_u64).prop_map(Step::Passes),
    ]
}

/// What a watcher has heard.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Last(Option<Vec<Component>>),
    /// The last NOTIFY has no answer; it is not said again before something changes.
    Lost,
}

struct World {
    presentity: Presentity,
    numbers: Numbers,
    out: Outbox,
    policy: Policy,
    now: Timestamp,
    tag: Option<EntityTag>,
    version: u32,
    /// What Alice says, and what she has decided.
    says: Vec<Component>,
    decided: Vec<(SubHandling, Permissions)>,
    /// Who it is, by subscription, with the last body that arrived; nothing is known where the last one may not have.
    watchers: BTreeMap<SubscriptionId, (usize, Heard)>,
    /// NOTIFYs without an answer, the oldest first.
    open: Vec<(SubscriptionId, Option<Vec<Component>>)>,
    subscribed: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            presentity: Presentity::new(Aor::parse(ALICE).unwrap()),
            numbers: Numbers::new(1, 0),
            out: Outbox::default(),
            policy: Policy::default(),
            now: Timestamp::from_secs(1_000_000_000),
            tag: None,
            version: 0,
            says: Vec::new(),
            decided: vec![(SubHandling::Allow, Permissions::everything()); WATCHERS],
            watchers: BTreeMap::new(),
            open: Vec::new(),
            subscribed: 0,
        };
        world.presentity.prepare(&mut world.out);
        for want in core::mem::take(&mut world.out.wants) {
            world.with(|presentity, now, terms, _, out| {
                presentity.found(now, terms, &want, Ok(Vec::new()), out)
            });
        }
        world
    }

    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Presentity, Timestamp, &Terms<'_>, &mut Numbers, &mut Outbox) -> T,
    ) -> T {
        let terms = Terms {
            policy: &self.policy,
            publications: Lifetimes::HOUR,
            subscriptions: Lifetimes::HOUR,
            pace: Duration::from_secs(5),
            publications_max: 4,
            source_publications_max: 4,
            subscriptions_max: 100,
            unanswered_max: 9,
        };
        act(&mut self.presentity, self.now, &terms, &mut self.numbers, &mut self.out)
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Says(components) => self.says(components),
            Step::Decides(decided) => self.decides(decided),
            Step::Subscribes(who) => self.subscribes(who),
            Step::Answers(well) => self.answers(well),
            Step::Turns => self.turns(),
            Step::Passes(seconds) => self.now = self.now + Duration::from_secs(seconds),
        }
    }

    fn says(&mut self, components: Option<Vec<Component>>) {
        let (document, expires) = match &components {
            Some(components) => (Some(print(ALICE, components, false)), 3600),
            None if self.tag.is_none() => return,
            None => (None, 0),
        };
        let (identities, tag) = ([Aor::parse(ALICE).unwrap()], self.tag);
        let published = self.with(|presentity, now, terms, numbers, out| {
            let publish = Publish {
                identities: &identities,
                if_match: tag.map(Some),
                expires: Some(expires),
                document: Ok(document),
            };
            presentity.publish(now, terms, numbers, publish, out).unwrap()
        });
        self.tag = components.is_some().then_some(published.entity_tag);
        self.says = components.unwrap_or_default();
    }

    fn decides(&mut self, decided: Vec<(SubHandling, Permissions)>) {
        let etag = |version: u32| ETag(format!("v{version}").into());
        let current = Version { etag: etag(self.version + 1), body: rules(&decided).into_bytes().into() };
        let change = Change {
            document: DocumentSelector::of_user(USAGE, ALICE, "pres-rules"),
            previous: (self.version > 0).then(|| etag(self.version)),
            current: Some(current),
        };
        self.version += 1;
        self.decided = decided;
        self.with(|presentity, now, terms, _, out| presentity.changed(now, terms, &change, out));
    }

    fn subscribes(&mut self, who: usize) {
        self.subscribed += 1;
        let number = self.subscribed;
        let text = format!(
            "SUBSCRIBE {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{number}\r\nFrom: <{}>;tag=b\r\n\
             To: <{ALICE}>\r\nCall-ID: c{number}\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:w@192.0.2.7>\r\n\
             Event: presence\r\n\r\n",
            name(who)
        );
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let dialog = Dialog::accept(&message, LocalTag { partition: 0, number }).unwrap();
        let flow = Flow {
            protocol: Protocol::Udp,
            local: Local(0),
            remote: "192.0.2.7:5060".parse().unwrap(),
            connection: Connection::NONE,
        };
        let identities = [Aor::parse(&name(who)).unwrap()];
        let answer = self.with(|presentity, now, terms, numbers, out| {
            let subscribe = Subscribe {
                identities: &identities,
                anonymous: false,
                display_name: None,
                package: "presence",
                dialog,
                flow,
                event: "presence",
                expires: Some(3600),
                unless: None,
            };
            presentity.subscribe(now, terms, numbers, subscribe, out)
        });
        let handling = self.decided[who].0;
        assert_eq!(answer.is_err(), handling == SubHandling::Block);
        if let Ok(subscribed) = answer {
            assert_eq!(subscribed.undecided, handling == SubHandling::Confirm);
            self.watchers.insert(subscribed.id, (who, Heard::Lost));
        }
    }

    fn turns(&mut self) {
        for id in core::mem::take(&mut self.out.watchers.owed) {
            let told = self.with(|presentity, now, terms, _, out| {
                presentity.notify(now, terms, id, out).map(|notify| {
                    let body = notify.content.map(|content| read(&content.body));
                    (notify.sent.state, body)
                })
            });
            let Some((state, body)) = told else { continue };
            let (who, _) = self.watchers[&id];
            let expected = match self.decided[who].0 {
                SubHandling::Block => State::Terminated(Reason::Rejected),
                SubHandling::Confirm => State::Pending,
                SubHandling::PoliteBlock | SubHandling::Allow => State::Active,
            };
            if matches!(state, State::Terminated(_)) {
                // Once over it stays so, whatever is decided before the last word is said.
                assert_eq!((state, &body), (State::Terminated(Reason::Rejected), &None));
            } else {
                assert_eq!((state, &body), (expected, &self.may_see(who)), "what the rules in force show");
            }
            self.open.push((id, body));
        }
    }

    /// What somebody may see now.
    fn may_see(&self, who: usize) -> Option<Vec<Component>> {
        let (handling, permissions) = &self.decided[who];
        match handling {
            SubHandling::Block | SubHandling::Confirm => None,
            SubHandling::PoliteBlock => Some(Vec::new()),
            SubHandling::Allow => Some(naive(&self.says, permissions)),
        }
    }

    fn answers(&mut self, well: bool) {
        for (id, body) in core::mem::take(&mut self.open) {
            let outcome =
                if well { Outcome::Answered { status: 200, retry_after: None } } else { Outcome::TimedOut };
            self.with(|presentity, now, terms, _, out| presentity.ended(now, terms, id, outcome, out));
            match self.presentity.subscription(id) {
                Some(_) if well => self.watchers.get_mut(&id).unwrap().1 = Heard::Last(body),
                Some(_) => self.watchers.get_mut(&id).unwrap().1 = Heard::Lost,
                None => _ = self.watchers.remove(&id),
            }
        }
    }

    /// Everything is told and answered: does everybody know what it may?
    fn settle(&mut self) {
        for _ in 0..4 {
            self.now = self.now + Duration::from_secs(6);
            for (at, id) in core::mem::take(&mut self.out.watchers.deadlines) {
                if at <= self.now {
                    self.presentity.due_watcher(self.now, at, id, &mut self.out);
                } else {
                    self.out.watchers.deadlines.push((at, id));
                }
            }
            self.turns();
            self.answers(true);
        }
        for (id, (who, heard)) in &self.watchers {
            let state = self.presentity.subscription(*id).unwrap().state();
            if let (Heard::Last(told), State::Active | State::Pending) = (heard, state) {
                assert_eq!(*told, self.may_see(*who), "{state:?}");
            }
        }
    }
}

fn name(who: usize) -> String {
    format!("sip:w{who}@example.com")
}

fn rules(decided: &[(SubHandling, Permissions)]) -> String {
    let mut text = "<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' \
        xmlns:pr='urn:ietf:params:xml:ns:pres-rules' xmlns:op='urn:oma:xml:prs:pres-rules'>"
        .to_owned();
    for (who, (handling, permissions)) in decided.iter().enumerate() {
        text.push_str(&format!(
            "<cr:rule id='r{who}'><cr:conditions><cr:identity><cr:one id='{}'/></cr:identity></cr:conditions>\
             <cr:actions><pr:sub-handling>{handling}</pr:sub-handling></cr:actions><cr:transformations>{}\
             </cr:transformations></cr:rule>",
            name(who),
            transformations(permissions)
        ));
    }
    text + "</cr:ruleset>"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_told_what_the_rules_in_force_forbid_and_all_are_told_what_they_may_know(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new();
        for step in steps {
            world.act(step);
        }
        world.settle();
    }
}
