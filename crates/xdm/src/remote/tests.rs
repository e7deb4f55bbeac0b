//! Scenes of a follower with a document server that the test plays.

use std::sync::Arc;

use documents::xcap_diff::{Change as Told, Content, DocumentChange, XcapDiff};

use super::*;

const ALICE: &str = "sip:alice@example.com";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn index() -> DocumentSelector {
    DocumentSelector::of_user("resource-lists", ALICE, "index")
}

fn tree() -> Tree {
    Tree::User(ALICE.into())
}

fn rules() -> Want {
    Want::Collection { auid: "pres-rules".into(), tree: tree() }
}

fn version(etag: &str, body: &str) -> Version {
    Version { etag: ETag(etag.into()), body: body.as_bytes().into() }
}

fn got(etag: &str, body: &str) -> Got {
    Got::Version(version(etag, body))
}

fn told(
    document: &DocumentSelector,
    previous: Option<&str>,
    current: Option<&str>,
    content: Content,
) -> XcapDiff {
    let change = DocumentChange {
        selector: document.to_path(),
        previous: previous.map(str::to_owned),
        current: current.map(str::to_owned),
        content,
    };
    XcapDiff { xcap_root: "http://lists.example.com/".to_owned(), changes: vec![Told::Document(change)] }
}

fn patch(old: &str, new: &str) -> Content {
    let limits = xml::Limits::default();
    let read = |text| xml::Tree::read(text, &limits).unwrap();
    let operations = xml::patch::diff(&read(old.as_bytes()), &read(new.as_bytes()), &Default::default());
    Content::Patch(operations.unwrap())
}

/// A follower with a server that the test plays.
struct Scene {
    follower: Follower,
    out: Vec<Effect>,
}

impl Scene {
    fn new(terms: Terms) -> Self {
        Self { follower: Follower::new(terms), out: Vec::new() }
    }

    fn ask(&mut self, now: u64, ticket: u64, want: &Want) -> Vec<Effect> {
        self.follower.ask(at(now), 0, ticket, want, &mut self.out);
        core::mem::take(&mut self.out)
    }

    fn got(&mut self, now: u64, document: &DocumentSelector, got: Got) -> Vec<Effect> {
        self.follower.got(at(now), document, got, &mut self.out);
        core::mem::take(&mut self.out)
    }

    fn told(&mut self, now: u64, diff: &XcapDiff) -> Vec<Effect> {
        self.follower.told(at(now), 1, Some(diff), &mut self.out);
        core::mem::take(&mut self.out)
    }

    fn stands(&mut self, now: u64, standing: Standing) -> Vec<Effect> {
        self.follower.stands(at(now), 1, standing, &mut self.out);
        core::mem::take(&mut self.out)
    }

    /// All effects until then.
    fn pass(&mut self, until: u64) -> Vec<Effect> {
        while let Some(deadline) = self.follower.deadline().filter(|deadline| *deadline <= at(until)) {
            let before = self.out.len();
            self.follower.tick(deadline, &mut self.out);
            let stuck = before == self.out.len() && self.follower.deadline() == Some(deadline);
            assert!(!stuck, "a deadline that stays is a loop");
        }
        core::mem::take(&mut self.out)
    }

    /// Index is known, at version 1, and its changes are told.
    fn followed(terms: Terms) -> Self {
        let mut scene = Self::new(terms);
        assert_eq!(scene.ask(0, 1, &Want::Document(index())), [get(&index(), None)]);
        assert_eq!(scene.got(0, &index(), got("1", "<a><b/></a>")), [answer(1, Some(("1", "<a><b/></a>")))]);
        let resources = vec!["resource-lists/users/sip:alice@example.com/index".to_owned()];
        assert_eq!(scene.pass(1), [Effect::Subscribe { group: 1, resources }]);
        assert_eq!(scene.told(1, &told(&index(), None, Some("1"), Content::Untold)), []);
        scene
    }
}

fn get(document: &DocumentSelector, unless: Option<&str>) -> Effect {
    Effect::Get { document: document.clone(), unless: unless.map(|etag| ETag(etag.into())) }
}

fn answer(ticket: u64, found: Option<(&str, &str)>) -> Effect {
    let found = found.map(|(etag, body)| (index(), version(etag, body)));
    Effect::Answer { ticket, found: Ok(found.into_iter().collect()) }
}

fn changed(document: &DocumentSelector, previous: Option<&str>, current: Option<(&str, &str)>) -> Effect {
    Effect::Changed(Change {
        document: document.clone(),
        previous: previous.map(|etag| ETag(etag.into())),
        current: current.map(|(etag, body)| version(etag, body)),
    })
}

#[test]
fn a_patch_from_the_known_version_makes_the_next_and_any_other_has_it_fetched() {
    let mut scene = Scene::followed(Terms::default());
    let diff = told(&index(), Some("1"), Some("2"), patch("<a><b/></a>", "<a><b/><c/></a>"));
    assert_eq!(scene.told(2, &diff), [changed(&index(), Some("1"), Some(("2", "<a><b/><c/></a>")))]);
    assert_eq!(scene.told(3, &diff), [], "told twice");
    let same = told(&index(), Some("2"), Some("3"), Content::BodyNotChanged);
    assert_eq!(scene.told(4, &same), [changed(&index(), Some("2"), Some(("3", "<a><b/><c/></a>")))]);
    // From a version that was never heard of.
    let late = told(&index(), Some("4"), Some("5"), patch("<a><c/></a>", "<a/>"));
    assert_eq!(scene.told(5, &late), [get(&index(), Some("3"))]);
    assert_eq!(scene.got(5, &index(), got("5", "<a/>")), [changed(&index(), Some("3"), Some(("5", "<a/>")))]);
    // One that does not lead anywhere.
    let wrong = told(&index(), Some("5"), Some("6"), patch("<a><b/></a>", "<a></a>"));
    assert_eq!(scene.told(6, &wrong), [get(&index(), Some("5"))]);
    assert_eq!(scene.got(6, &index(), Got::Same), [], "the server has thought better of it");
    let gone = told(&index(), Some("5"), None, Content::Untold);
    assert_eq!(scene.told(7, &gone), [changed(&index(), Some("5"), None)]);
    let counts = scene.follower.take_counts();
    assert_eq!((counts.patched, counts.unreadable, counts.fetches), (2, 1, 3));
}

#[test]
fn what_is_under_way_does_not_bring_back_what_was_before() {
    let mut scene = Scene::followed(Terms::default());
    scene.told(2, &told(&index(), None, Some("x"), Content::Untold));
    let diff = told(&index(), Some("1"), Some("2"), patch("<a><b/></a>", "<a/>"));
    assert_eq!(scene.told(2, &diff), [changed(&index(), Some("1"), Some(("2", "<a/>")))]);
    assert_eq!(scene.got(2, &index(), got("1", "<a><b/></a>")), []);
    assert_eq!(scene.pass(3), [get(&index(), Some("2"))]);
    assert_eq!(scene.got(3, &index(), Got::Same), []);
}

#[test]
fn garbage_has_everything_fetched_and_not_more_often_than_the_pace() {
    let mut scene = Scene::followed(Terms::default());
    for _ in 0..100 {
        scene.follower.told(at(2), 1, None, &mut scene.out);
    }
    assert_eq!(core::mem::take(&mut scene.out), [get(&index(), Some("1"))]);
    scene.got(2, &index(), Got::Same);
    assert_eq!(scene.pass(3), [get(&index(), Some("1"))], "once more, as it was told of meanwhile");
    assert_eq!(scene.follower.take_counts().unreadable, 100);
}

#[test]
fn a_lost_subscription_has_documents_polled_until_it_lives_again() {
    let mut scene = Scene::followed(Terms::default());
    assert_eq!(scene.pass(899), [], "its changes are told");
    assert_eq!(scene.stands(899, Standing::Lost), [get(&index(), Some("1"))]);
    assert_eq!(scene.got(899, &index(), Got::Same), []);
    assert_eq!(scene.pass(959), [get(&index(), Some("1"))]);
    assert_eq!(
        scene.got(959, &index(), got("2", "<a/>")),
        [changed(&index(), Some("1"), Some(("2", "<a/>")))]
    );
    // Back: what its first notification does not mention may have gone.
    let nothing = XcapDiff { xcap_root: String::new(), changes: Vec::new() };
    assert_eq!(scene.told(960, &nothing), [get(&index(), Some("2"))]);
    assert_eq!(scene.got(960, &index(), Got::Absent), [changed(&index(), Some("2"), None)]);
    assert_eq!(scene.pass(1859), []);
    assert_eq!(scene.pass(1860), [get(&index(), None)], "a look now and then");
}

#[test]
fn a_server_that_does_not_know_the_package_is_polled_and_asked_again_later() {
    let mut scene = Scene::new(Terms::default());
    scene.ask(0, 1, &Want::Document(index()));
    scene.got(0, &index(), got("1", "<a/>"));
    scene.pass(1);
    assert_eq!(scene.stands(1, Standing::Refused), []);
    for minute in 1..15 {
        assert_eq!(scene.pass(minute * 60), [get(&index(), Some("1"))]);
        scene.got(minute * 60, &index(), Got::Same);
    }
    let effects = scene.pass(901);
    assert!(matches!(effects[..], [Effect::Get { .. }, Effect::Subscribe { group: 1, .. }]), "{effects:?}");
}

#[test]
fn while_the_server_is_away_the_last_copy_counts_for_a_time_and_rules_for_less() {
    let terms = Terms { subscribes: false, ..Terms::default() };
    let mut scene = Scene::new(terms);
    let rule = DocumentSelector::of_user("pres-rules", ALICE, "index");
    let directory =
        DocumentSelector::of_user("org.openmobilealliance.xcap-directory", ALICE, "directory.xml");
    scene.ask(0, 1, &Want::Document(index()));
    scene.got(0, &index(), got("1", "<a/>"));
    assert_eq!(scene.ask(0, 2, &rules()), [get(&directory, None), get(&rule, None)]);
    assert_eq!(scene.got(0, &directory, Got::Absent), []);
    let effects = scene.got(0, &rule, got("r", "<r/>"));
    assert_eq!(
        effects,
        [Effect::Answer { ticket: 2, found: Ok(vec![(rule.clone(), version("r", "<r/>"))]) }]
    );
    let mut gone = Vec::new();
    let (mut now, mut fetches) = (1, 0);
    while now < 100_000 {
        for effect in scene.pass(now) {
            match effect {
                Effect::Get { document, .. } => {
                    fetches += 1;
                    let more = scene.got(now, &document, Got::Failed(None));
                    assert_eq!(more, []);
                }
                Effect::Changed(change) => gone.push((now, change)),
                other => panic!("{other:?}"),
            }
        }
        now += 1;
    }
    let times: Vec<_> = gone
        .iter()
        .map(|(now, change)| (*now, &*change.document.auid, change.current.as_ref().map(|v| v.body.len())))
        .collect();
    assert_eq!(times, [(300, "pres-rules", Some(0)), (86_400, "resource-lists", Some(0))]);
    assert!(fetches < 400, "one at a time, with waits of five minutes in the end: {fetches}");
    assert!(scene.follower.gauges().away);
    // It is back: everything is as it was.
    let Some(deadline) = scene.follower.deadline() else { panic!("it must try again") };
    let back = deadline.since(at(0)).as_secs() + 1;
    let mut told = Vec::new();
    for now in back..back + 10 {
        let mut effects = scene.pass(now);
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Get { document, .. } => {
                    let reply = if document == directory { Got::Absent } else { Got::Same };
                    effects.extend(scene.got(now, &document, reply));
                }
                other => told.push(other),
            }
        }
    }
    let bodies: Vec<_> = told
        .iter()
        .map(|effect| match effect {
            Effect::Changed(Change { document, current: Some(version), .. }) => {
                (&*document.auid, &*version.etag.0)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies.len(), 2);
    assert!(bodies.contains(&("pres-rules", "r")) && bodies.contains(&("resource-lists", "1")), "{bodies:?}");
    assert!(!scene.follower.gauges().away);
}

#[test]
fn that_there_are_no_rules_counts_no_longer_than_rules() {
    let mut scene = Scene::new(Terms { subscribes: false, ..Terms::default() });
    let rule = DocumentSelector::of_user("pres-rules", ALICE, "index");
    let first = scene.ask(0, 1, &rules());
    for effect in &first {
        let Effect::Get { document, .. } = effect else { panic!("{effect:?}") };
        scene.got(0, document, Got::Absent);
    }
    let mut told = Vec::new();
    for now in 1..400 {
        for effect in scene.pass(now) {
            match effect {
                Effect::Get { document, .. } => drop(scene.got(now, &document, Got::Failed(None))),
                other => told.push(other),
            }
        }
    }
    assert_eq!(told, [changed(&rule, None, Some(("away-1", "")))]);
}

#[test]
fn who_asks_for_a_list_while_the_server_is_away_goes_on_without_it_and_who_asks_for_rules_does_not() {
    let mut scene = Scene::new(Terms::default());
    let both = Want::Document(index());
    scene.ask(0, 1, &both);
    let effects = scene.got(0, &index(), Got::Failed(Some(Duration::from_secs(20))));
    assert_eq!(effects, [answer(1, Some(("away-1", "")))]);
    assert_eq!(scene.ask(1, 2, &rules()), [Effect::Answer { ticket: 2, found: Err(Unavailable) }]);
    assert_eq!(scene.ask(1, 3, &both), [answer(3, Some(("away-1", "")))]);
    let effects = scene.pass(20);
    assert_eq!(effects.len(), 2, "one SUBSCRIBE, and one fetch to see whether it is back: {effects:?}");
    let Effect::Get { document, .. } = &effects[1] else { panic!("{effects:?}") };
    let effects = scene.got(20, &document.clone(), got("1", "<a/>"));
    assert_eq!(effects[0], Effect::Unsubscribe { group: 1 }, "it was not live, and is asked for anew");
    let effects = &effects[1..];
    assert_eq!(effects[0], changed(&index(), Some("away-1"), Some(("1", "<a/>"))));
    assert!(
        effects[1..].iter().all(|effect| matches!(effect, Effect::Get { .. })),
        "the others now: {effects:?}"
    );
    // A refusal is an answer: rules that we may not read are not known.
    for effect in &effects[1..] {
        let Effect::Get { document, .. } = effect else { panic!("{effect:?}") };
        scene.got(21, document, Got::Refused);
    }
    assert_eq!(scene.ask(22, 4, &rules()), [Effect::Answer { ticket: 4, found: Err(Unavailable) }]);
}

#[test]
fn a_collection_is_what_the_directory_names_and_what_notifications_add() {
    let mut scene = Scene::new(Terms::default());
    let of = |name: &str| DocumentSelector::of_user("pres-rules", ALICE, name);
    let effects = scene.ask(0, 1, &rules());
    let Some(Effect::Get { document: directory, .. }) = effects
        .iter()
        .find(|effect| matches!(effect, Effect::Get { document, .. } if *document.name == *"directory.xml"))
    else {
        panic!("{effects:?}")
    };
    scene.got(0, &of("index"), Got::Absent);
    let text = "<xcap-directory xmlns='urn:oma:xml:xdm:xcap-directory'><folder auid='pres-rules'>\
                <entry uri='http://x/root/pres-rules/users/sip:alice@example.com/work' etag='w'/>\
                <entry uri='http://x/root/pres-rules/users/sip:bob@example.com/bobs' etag='w'/></folder>\
                <folder auid='resource-lists'><entry uri='http://x/resource-lists/users/sip:alice@example.com/index' etag='w'/>\
                </folder></xcap-directory>";
    assert_eq!(scene.got(0, directory, got("d", text)), [get(&of("work"), None)]);
    let found = vec![(of("work"), version("w", "<w/>"))];
    assert_eq!(scene.got(0, &of("work"), got("w", "<w/>")), [Effect::Answer { ticket: 1, found: Ok(found) }]);
    let resources = vec!["pres-rules/users/sip:alice@example.com/".to_owned()];
    assert_eq!(scene.pass(1), [Effect::Subscribe { group: 1, resources }]);
    scene.told(1, &told(&of("work"), None, Some("w"), Content::Untold));
    scene.got(1, directory, Got::Same);
    scene.got(1, &of("index"), Got::Absent);
    let more = told(&of("home"), None, Some("h"), Content::Untold);
    assert_eq!(scene.told(3, &more), [get(&of("home"), None)]);
    assert_eq!(
        scene.got(3, &of("home"), got("h", "<h/>")),
        [changed(&of("home"), None, Some(("h", "<h/>")))]
    );
    // What nobody wants is nothing to us, whoever it belongs to.
    let other = DocumentSelector::of_user("pres-rules", "sip:bob@example.com", "index");
    assert_eq!(scene.told(4, &told(&other, None, Some("x"), Content::Untold)), []);
    assert_eq!(scene.told(4, &told(&index(), None, Some("x"), Content::Untold)), []);
}

#[test]
fn what_no_shard_needs_is_let_go() {
    let mut scene = Scene::followed(Terms::default());
    scene.follower.ask(at(2), 1, 2, &Want::Document(index()), &mut scene.out);
    assert_eq!(core::mem::take(&mut scene.out), [answer(2, Some(("1", "<a><b/></a>")))]);
    scene.follower.release(0, &tree(), &mut scene.out);
    assert_eq!(scene.follower.gauges().documents, 1);
    scene.follower.release(1, &tree(), &mut scene.out);
    assert_eq!(core::mem::take(&mut scene.out), [Effect::Unsubscribe { group: 1 }]);
    assert_eq!(scene.follower.gauges(), Gauges::default());
    assert_eq!(scene.follower.deadline(), None);
    assert_eq!(scene.told(3, &told(&index(), None, Some("9"), Content::Untold)), []);
}

#[test]
fn documents_fetches_and_subscriptions_are_bounded() {
    let terms = Terms { documents: 5, requests: 2, resources: 3, ..Terms::default() };
    let mut scene = Scene::new(terms);
    let mut fetches = Vec::new();
    for number in 0..7 {
        let user: Arc<str> = format!("sip:u{number}@example.com").into();
        let want = Want::Document(DocumentSelector::of_user("resource-lists", &user, "index"));
        fetches.extend(scene.ask(0, number, &want));
    }
    let refused = |ticket| Effect::Answer { ticket, found: Err(Unavailable) };
    assert_eq!(fetches.len(), 4);
    assert_eq!(fetches[2..], [refused(5), refused(6)]);
    assert_eq!(scene.follower.take_counts().beyond, 2);
    let Effect::Get { document, .. } = &fetches[0] else { panic!() };
    let effects = scene.got(0, &document.clone(), Got::Absent);
    assert!(matches!(effects[..], [Effect::Answer { .. }, Effect::Get { .. }]), "the next: {effects:?}");
    let sizes: Vec<usize> = scene
        .pass(1)
        .iter()
        .filter_map(|effect| match effect {
            Effect::Subscribe { resources, .. } => Some(resources.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [3, 2]);
}

#[test]
fn a_server_that_is_back_is_subscribed_at_without_waiting() {
    let mut scene = Scene::followed(Terms::default());
    scene.stands(2, Standing::Lost);
    assert_eq!(scene.got(2, &index(), Got::Failed(None)), []);
    assert_eq!(scene.pass(3), [get(&index(), Some("1"))]);
    assert_eq!(scene.got(3, &index(), Got::Same), [Effect::Unsubscribe { group: 1 }]);
    let effects = scene.pass(3);
    assert!(matches!(effects[..], [Effect::Subscribe { group: 1, .. }]), "{effects:?}");
    // One that lives is left alone.
    scene.told(4, &told(&index(), None, Some("1"), Content::Untold));
    let later = told(&index(), None, Some("2"), Content::Untold);
    assert_eq!(scene.told(5, &later), [get(&index(), Some("1"))]);
    assert_eq!(scene.got(5, &index(), Got::Failed(None)), []);
    assert_eq!(scene.pass(6), [get(&index(), Some("1"))]);
    assert_eq!(scene.got(6, &index(), Got::Same), []);
}
