//! Rosters: what is told by several NOTIFYs, within a limit and in any order of events, is what there is.

use std::collections::{BTreeMap, BTreeSet};

use documents::resource_lists::{Entry, Name};
use documents::rlmi::{Aggregate, List, Part, State, Table};
use proptest::prelude::*;
use rls::aggregate;
use rls::roster::{Body, Built, Heading, Known, Listed, Member, Roster, Shown, Told};
use sip::MediaType;

const PIDF: &str = "application/pidf+xml";

fn active(text: &str) -> Shown {
    Shown::Active(Body { media_type: PIDF.into(), bytes: text.as_bytes().into() })
}

fn entries(uris: &[&str]) -> Vec<Entry> {
    uris.iter().map(|uri| Entry::new(uri)).collect()
}

/// One watcher: what it was told as the server sees it, and what it holds as RFC 4662 §5.6 says.
struct Watcher {
    told: Told,
    version: u32,
    table: Table,
}

impl Watcher {
    fn new() -> Self {
        Self { told: Told::NOTHING, version: 0, table: Table::default() }
    }

    fn build(&mut self, roster: &Roster, room: usize) -> Built {
        let boundary = format!("b{:08x}", self.version);
        let names = [Name::new("Buddies & more")];
        let heading = Heading {
            uri: "sip:list@example.com",
            names: &names,
            version: self.version,
            boundary: &boundary,
            host: "h",
        };
        self.version += 1;
        roster.build(&self.told, &heading, room)
    }

    /// One NOTIFY, delivered. Gives its size and what its meta-information says.
    fn hear(&mut self, roster: &Roster, room: usize) -> (usize, List) {
        let built = self.build(roster, room);
        let (said, size) = (said(&built), built.media_type.len() + built.body.len());
        self.told = built.told;
        let list = said.list.clone();
        assert_eq!(list.resources.len(), built.resources);
        let applied = self.table.apply(said);
        assert!(!applied.stale && !applied.refresh, "versions follow each other");
        (size, list)
    }

    /// What it holds: resources that are not over, with their state.
    fn holds(&self) -> BTreeMap<String, Option<(State, Option<String>)>> {
        let rows = self.table.rows().filter(|(_, row)| !is_gone(row));
        let rows = rows.map(|(uri, row)| {
            let said = |body: &documents::rlmi::Body| String::from_utf8_lossy(&body.bytes).into_owned();
            let held = row.instances.get("1").map(|held| (held.state, held.body.as_ref().map(said)));
            (uri.to_string(), held)
        });
        rows.collect()
    }
}

fn is_gone(row: &documents::rlmi::Row) -> bool {
    row.instances
        .get("1")
        .is_some_and(|held| held.state == State::Terminated && held.reason.as_deref() == Some("noresource"))
}

/// What a NOTIFY says: its meta-information is its first part, and the one that `start` names; Content-IDs are unique, and
/// what an instance refers to is there.
fn said(built: &Built) -> Aggregate {
    let media_type = MediaType::parse(&built.media_type).expect("a media type");
    let limits = sip::Limits { multipart_parts: 1000, ..sip::Limits::DEFAULT };
    let parts = sip::multipart::parts(&media_type, &built.body, &limits).expect("parts");
    let start = media_type.params.get("start").expect("start is given");
    assert_eq!(start.trim_matches(['<', '>']), parts[0].content_id().expect("the root has an id"));
    let body = String::from_utf8_lossy(&built.body);
    let ids: Vec<_> = body.lines().filter_map(|line| line.strip_prefix("Content-ID: ")).collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "Content-IDs are unique, also those of lists within");
    let read =
        aggregate::read(&built.media_type, &built.body, &aggregate::Limits::default(), &mut |_, _| true);
    let read = read.expect("a list");
    assert_eq!(read.parts.len(), parts.len() - 1);
    complete(&read);
    read
}

fn complete(Aggregate { list, parts }: &Aggregate) {
    for instance in list.resources.iter().flat_map(|resource| &resource.instances) {
        match (&instance.cid, instance.state) {
            (Some(cid), State::Active) => match &parts[cid] {
                Part::Document(_) => {}
                Part::List(within) => complete(within),
                Part::Unreadable => panic!("{cid} cannot be read"),
            },
            (None, State::Pending) => assert_eq!(instance.reason, None),
            (None, State::Terminated) => assert!(instance.reason.is_some()),
            (cid, state) => panic!("{state} with {cid:?}"),
        }
    }
}

fn uris(list: &List) -> Vec<&str> {
    list.resources.iter().map(|resource| &*resource.uri).collect()
}

#[test]
fn the_first_is_full_and_then_only_what_changed_is_told() {
    let mut roster = Roster::default();
    let came = roster.edit(&entries(&["sip:a@x", "sip:b@x", "sip:c@x"])).came;
    let mut watcher = Watcher::new();
    roster.show(came[0], active("a1"));
    roster.show(came[2], Shown::Pending);
    let (_, first) = watcher.hear(&roster, 10_000);
    assert!(first.full_state && first.version == 0);
    assert_eq!(first.names, [Name::new("Buddies & more")]);
    assert_eq!(uris(&first), ["sip:a@x", "sip:b@x", "sip:c@x"]);
    let instances: Vec<_> = first.resources.iter().map(|resource| resource.instances.len()).collect();
    assert_eq!(instances, [1, 0, 1], "nothing is known of b");
    assert!(!roster.owes(&watcher.told));

    roster.show(came[1], active("b1"));
    roster.show(came[0], active("a2"));
    roster.show(came[1], active("b2"));
    assert!(!roster.show(came[1], active("b2")), "the same again is no change");
    let (_, second) = watcher.hear(&roster, 10_000);
    assert!(!second.full_state && second.version == 1);
    assert_eq!(uris(&second), ["sip:a@x", "sip:b@x"], "in the order of the last changes, each once");
    let b = watcher.holds()["sip:b@x"].clone();
    assert_eq!(b, Some((State::Active, Some("b2".to_owned()))), "the latest state wins");
    assert!(!roster.owes(&watcher.told));
}

#[test]
fn members_that_go_are_said_to_be_over_and_those_that_come_are_added() {
    let mut roster = Roster::default();
    let came = roster.edit(&entries(&["sip:a@x", "sip:b@x"])).came;
    came.iter().for_each(|serial| assert!(roster.show(*serial, active("1"))));
    let mut watcher = Watcher::new();
    watcher.hear(&roster, 10_000);

    let edited = roster.edit(&entries(&["sip:c@x", "sip:b@x"]));
    assert_eq!((edited.came.len(), &edited.went), (1, &vec![came[0]]));
    let (_, partial) = watcher.hear(&roster, 10_000);
    assert_eq!(uris(&partial), ["sip:a@x", "sip:c@x"]);
    let over = &partial.resources[0].instances[0];
    assert_eq!((over.state, over.reason.as_deref()), (State::Terminated, Some("noresource")));
    assert_eq!(partial.resources[1].instances, []);
    assert_eq!(watcher.holds().into_keys().collect::<Vec<_>>(), ["sip:b@x", "sip:c@x"]);

    // Once all have been told, it is forgotten; and a full state never names it.
    roster.told_to_all(watcher.told.upto().expect("nothing older is owed"));
    watcher.told = watcher.told.anew();
    assert_eq!(uris(&watcher.hear(&roster, 10_000).1), ["sip:b@x", "sip:c@x"]);
    // Who comes back before anybody was told was never away.
    roster.edit(&entries(&["sip:b@x"]));
    roster.edit(&entries(&["sip:b@x", "sip:c@x"]));
    assert_eq!(uris(&watcher.hear(&roster, 10_000).1), ["sip:c@x"]);
    assert!(roster.edit(&entries(&["sip:c@x", "sip:b@x"])).is_nothing(), "order alone is no change");
}

#[test]
fn a_new_name_is_told() {
    let mut roster = Roster::default();
    let mut members = entries(&["sip:a@x"]);
    roster.edit(&members);
    let mut watcher = Watcher::new();
    watcher.hear(&roster, 10_000);
    members[0].display_name = Some(Name::new("Anna"));
    assert!(roster.edit(&members).renamed);
    let (_, partial) = watcher.hear(&roster, 10_000);
    assert_eq!(partial.resources[0].names, [Name::new("Anna")]);
}

#[test]
fn what_does_not_fit_follows_in_order_each_within_the_limit() {
    const ROOM: usize = 4_000;
    let mut roster = Roster::default();
    let members: Vec<_> =
        (0..40).map(|number| Entry::new(&format!("sip:user{number:02}@example.com"))).collect();
    let came = roster.edit(&members).came;
    for serial in &came {
        roster.show(*serial, active(&format!("{serial}{}", "x".repeat(300))));
    }
    let mut watcher = Watcher::new();
    let (size, first) = watcher.hear(&roster, ROOM);
    assert!(first.full_state && size <= ROOM);
    assert_eq!(first.resources.len(), 40, "all are named at once");
    let mut notifies = 1;
    while roster.owes(&watcher.told) {
        if notifies == 2 {
            // What changes meanwhile comes first if its first state was told, and in its place otherwise.
            roster.show(came[0], active("new"));
            roster.show(came[39], active("new"));
        }
        let (size, partial) = watcher.hear(&roster, ROOM);
        assert!(!partial.full_state && size <= ROOM, "{size}");
        if notifies == 2 {
            assert_eq!(&*partial.resources[0].uri, "sip:user00@example.com");
        }
        notifies += 1;
    }
    assert!(notifies > 4, "{notifies}");
    let holds = watcher.holds();
    assert!(holds.values().all(|held| matches!(held, Some((State::Active, Some(_))))));
    assert_eq!(holds["sip:user39@example.com"], Some((State::Active, Some("new".to_owned()))));
}

#[test]
fn a_state_too_large_by_itself_goes_alone() {
    let mut roster = Roster::default();
    let came = roster.edit(&entries(&["sip:a@x", "sip:b@x", "sip:c@x"])).came;
    let texts = ["1".repeat(10), "2".repeat(5_000), "3".repeat(10)];
    for (serial, text) in came.iter().zip(&texts) {
        roster.show(*serial, active(text));
    }
    let mut watcher = Watcher::new();
    let mut told = Vec::new();
    while roster.owes(&watcher.told) {
        let (_, list) = watcher.hear(&roster, 1_200);
        let states = list.resources.iter().filter(|resource| !resource.instances.is_empty());
        told.push(states.map(|resource| resource.uri.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(told, [["sip:a@x"], ["sip:b@x"], ["sip:c@x"]]);
}

#[derive(Clone, Debug)]
enum Event {
    /// The list has these members.
    Edit(Vec<usize>),
    /// A member shows something.
    Show(usize, u8),
    /// A NOTIFY of at most so many octets is delivered to a watcher.
    Deliver(usize, usize),
    /// One is lost: the watcher asks for all of it.
    Lose(usize, usize),
    /// A watcher refreshes.
    Refresh(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let watcher = 0..2usize;
    prop_oneof![
        1 => proptest::collection::vec(0..12usize, 0..10).prop_map(Event::Edit),
        6 => (0..12usize, any::<u8>()).prop_map(|(member, what)| Event::Show(member, what)),
        4 => (watcher.clone(), 500..4_000usize).prop_map(|(watcher, room)| Event::Deliver(watcher, room)),
        1 => (watcher.clone(), 500..4_000usize).prop_map(|(watcher, room)| Event::Lose(watcher, room)),
        1 => watcher.prop_map(Event::Refresh),
    ]
}

fn shown(what: u8) -> Shown {
    match what % 8 {
        0 => Shown::Pending,
        1 => Shown::Terminated("rejected".into()),
        _ => active(&format!("<{}>\r\n--b", "&".repeat(usize::from(what)))),
    }
}

proptest! {
    /// However it is split, lost, edited and refreshed: in the end every watcher holds what there is.
    #[test]
    fn all_watchers_hold_in_the_end_what_there_is(events in proptest::collection::vec(event(), 0..60)) {
        let mut roster = Roster::default();
        let mut naive: BTreeMap<String, Option<Shown>> = BTreeMap::new();
        let mut watchers = [Watcher::new(), Watcher::new()];
        for event in events {
            match event {
                Event::Edit(mut members) => {
                    members.sort_unstable();
                    members.dedup();
                    let uris: Vec<_> = members.iter().map(|member| format!("sip:{member}@x")).collect();
                    roster.edit(&uris.iter().map(|uri| Entry::new(uri)).collect::<Vec<_>>());
                    naive = uris.into_iter().map(|uri| { let shown = naive.remove(&uri).flatten(); (uri, shown) }).collect();
                }
                Event::Show(member, what) => {
                    let uri = format!("sip:{member}@x");
                    let serial = roster.resources().find(|(_, other)| ***other == *uri).map(|(serial, _)| serial);
                    if let Some(serial) = serial {
                        roster.show(serial, shown(what));
                        naive.insert(uri, Some(shown(what)));
                    }
                }
                Event::Deliver(watcher, room) if roster.owes(&watchers[watcher].told) => {
                    let (size, list) = watchers[watcher].hear(&roster, room);
                    let bodies: usize = list.resources.iter().flat_map(|resource| &resource.instances).count();
                    prop_assert!(size <= room || bodies <= 1 && list.resources.len() <= 1, "{size} > {room}");
                }
                Event::Deliver(..) => {}
                Event::Lose(watcher, room) => {
                    watchers[watcher].told = watchers[watcher].build(&roster, room).told.anew();
                }
                Event::Refresh(watcher) => watchers[watcher].told = watchers[watcher].told.anew(),
            }
            roster.forget(watchers.iter().map(|watcher| &watcher.told).collect::<Vec<_>>().into_iter());
        }
        for watcher in &mut watchers {
            while roster.owes(&watcher.told) {
                watcher.hear(&roster, 1_500);
            }
            let expected = naive.iter().map(|(uri, shown)| {
                let held = shown.as_ref().map(|shown| match shown {
                    Shown::Active(body) => (State::Active, Some(String::from_utf8_lossy(&body.bytes).into_owned())),
                    Shown::Pending => (State::Pending, None),
                    Shown::Terminated(_) => (State::Terminated, None),
                });
                (uri.clone(), held)
            });
            prop_assert_eq!(watcher.holds(), expected.collect::<BTreeMap<_, _>>());
        }
    }
}

// ---- lists within

fn listed(members: &[(&str, Option<Known>)]) -> Listed {
    let member =
        |(uri, known): &(&str, Option<Known>)| Member { entry: Entry::new(uri), known: known.clone() };
    Listed { members: members.iter().map(member).collect(), ..Listed::default() }
}

fn text(text: &str) -> Option<Known> {
    Some(Known::Shown(active(text)))
}

/// What a table holds, lists within in brackets; who went is left out.
fn line(table: &Table) -> String {
    let rows = table.rows().filter(|(_, row)| !is_gone(row));
    let rows = rows.map(|(uri, row)| match row.instances.get("1") {
        None => uri.to_string(),
        Some(held) => match (&held.list, &held.body) {
            (Some(list), _) => format!("{uri} [{}]", line(list)),
            (None, Some(body)) => format!("{uri}={}", String::from_utf8_lossy(&body.bytes)),
            (None, None) => format!("{uri} {} {}", held.state, held.reason.as_deref().unwrap_or_default()),
        },
    });
    rows.collect::<Vec<_>>().join(", ")
}

/// The version of the list within, if one NOTIFY tells of it, and whether that is full.
fn within(said: &Aggregate) -> Option<(u32, bool)> {
    said.parts.values().find_map(|part| match part {
        Part::List(within) => Some((within.list.version, within.list.full_state)),
        Part::Document(_) | Part::Unreadable => None,
    })
}

#[test]
fn a_list_within_has_versions_of_its_own() {
    let mut roster = Roster::default();
    let came = roster.edit(&entries(&["sip:a@x", "sip:team@y"])).came;
    roster.show(came[0], active("a1"));
    let mut watcher = Watcher::new();
    let hear = |roster: &Roster, watcher: &mut Watcher| {
        let built = watcher.build(roster, 10_000);
        watcher.told = built.told.clone();
        let said = said(&built);
        assert_eq!(said.list.resources.len(), built.resources);
        let within = within(&said);
        let applied = watcher.table.apply(said);
        assert!(!applied.stale && !applied.refresh, "versions follow each other");
        assert!(!roster.owes(&watcher.told));
        (within, line(&watcher.table))
    };
    assert_eq!(hear(&roster, &mut watcher), (None, "sip:a@x=a1, sip:team@y".into()));
    let around = &mut vec!["sip:list@example.com".to_owned()];
    let team = listed(&[("sip:c@y", text("c1")), ("sip:d@y", None)]);
    assert!(roster.show_list(came[1], &team, around) && !roster.show_list(came[1], &team, around));
    let expected = "sip:a@x=a1, sip:team@y [sip:c@y=c1, sip:d@y]";
    assert_eq!(hear(&roster, &mut watcher), (Some((0, true)), expected.into()));
    roster.show(came[0], active("a2"));
    assert_eq!(hear(&roster, &mut watcher).0, None, "nothing is new in it");
    roster.show_list(came[1], &listed(&[("sip:d@y", text("d1"))]), around);
    let expected = "sip:a@x=a2, sip:team@y [sip:d@y=d1]";
    assert_eq!(hear(&roster, &mut watcher), (Some((1, false)), expected.into()));
    // A refresh tells all of it, in the next version.
    watcher.told = watcher.told.anew();
    assert_eq!(hear(&roster, &mut watcher), (Some((2, true)), expected.into()));
    // After a restart the versions are not known: they are above all that were.
    watcher.told = Told::FORGOTTEN;
    assert_eq!(hear(&roster, &mut watcher), (Some((5, true)), expected.into()));
    roster.show(came[1], Shown::Terminated("giveup".into()));
    assert_eq!(hear(&roster, &mut watcher), (None, "sip:a@x=a2, sip:team@y terminated giveup".into()));
    roster.show_list(came[1], &team, around);
    assert_eq!(hear(&roster, &mut watcher).0, Some((6, true)), "again, and counted on");
}

#[test]
fn a_list_that_leads_back_is_given_up() {
    let mut roster = Roster::default();
    let came = roster.edit(&entries(&["sip:team@y"])).came;
    let back = || Some(Known::List(listed(&[("sip:x@y", text("x"))])));
    let team = listed(&[
        ("sip:LIST@example.com", back()),
        ("sips:list@EXAMPLE.com", back()),
        ("sip:team@Y", back()),
        (
            "sip:other@y",
            Some(Known::List(listed(&[("sip:team@y", back()), ("sip:list@example.com", text("p"))]))),
        ),
    ]);
    roster.show_list(came[0], &team, &mut vec!["sip:list@example.com".to_owned()]);
    let mut watcher = Watcher::new();
    watcher.hear(&roster, 10_000);
    assert_eq!(
        line(&watcher.table),
        "sip:team@y [sip:LIST@example.com [sip:x@y=x], sip:other@y [sip:list@example.com=p, sip:team@y terminated giveup], \
         sip:team@Y terminated giveup, sips:list@EXAMPLE.com terminated giveup]"
    );
}

#[derive(Clone, Debug)]
enum Nested {
    /// A resource is a list with these members, each with a text of so many octets.
    List(usize, BTreeMap<u8, usize>),
    /// It is a list with such a list in it.
    Deep(usize, BTreeMap<u8, usize>),
    /// It is none.
    Plain(usize, u8),
    /// The list has these resources.
    Edit(BTreeSet<usize>),
    Deliver(usize, usize),
    Lose(usize, usize),
    Refresh(usize),
    /// The server forgets what it knows of a watcher.
    Restart(usize),
}

fn nested() -> impl Strategy<Value = Nested> {
    let watcher = 0..2usize;
    let members = proptest::collection::btree_map(0..8u8, 0..600usize, 0..8);
    prop_oneof![
        4 => (0..4usize, members.clone()).prop_map(|(place, members)| Nested::List(place, members)),
        2 => (0..4usize, members).prop_map(|(place, members)| Nested::Deep(place, members)),
        2 => (0..4usize, any::<u8>()).prop_map(|(place, what)| Nested::Plain(place, what)),
        1 => proptest::collection::btree_set(0..4usize, 0..5).prop_map(Nested::Edit),
        5 => (watcher.clone(), 900..6_000usize).prop_map(|(watcher, room)| Nested::Deliver(watcher, room)),
        1 => (watcher.clone(), 900..6_000usize).prop_map(|(watcher, room)| Nested::Lose(watcher, room)),
        1 => watcher.clone().prop_map(Nested::Refresh),
        1 => watcher.prop_map(Nested::Restart),
    ]
}

proptest! {
    /// The same with lists within lists, which are split too, each of their documents within the limit or with one state.
    #[test]
    fn all_watchers_hold_in_the_end_what_is_in_the_lists_within(events in proptest::collection::vec(nested(), 0..60)) {
        let mut roster = Roster::default();
        let mut watchers = [Watcher::new(), Watcher::new()];
        let uri = |place: usize| format!("sip:{place}@x");
        let serial = |roster: &Roster, place: usize| {
            roster.resources().find(|(_, other)| ***other == *uri(place)).map(|(serial, _)| serial)
        };
        let members = |members: &BTreeMap<u8, usize>| {
            let members: Vec<_> = members.iter().map(|(who, size)| (format!("sip:m{who}@y"), "x".repeat(*size))).collect();
            let members: Vec<_> = members.iter().map(|(who, said)| (who.as_str(), text(said))).collect();
            listed(&members)
        };
        for event in events {
            match event {
                Nested::Edit(places) => {
                    roster.edit(&places.into_iter().map(|place| Entry::new(&uri(place))).collect::<Vec<_>>());
                }
                Nested::List(place, within) => if let Some(serial) = serial(&roster, place) {
                    roster.show_list(serial, &members(&within), &mut Vec::new());
                }
                Nested::Deep(place, within) => if let Some(serial) = serial(&roster, place) {
                    let deep = listed(&[("sip:deep@y", Some(Known::List(members(&within)))), ("sip:n@y", None)]);
                    roster.show_list(serial, &deep, &mut Vec::new());
                }
                Nested::Plain(place, what) => if let Some(serial) = serial(&roster, place) {
                    roster.show(serial, shown(what));
                }
                Nested::Deliver(watcher, room) => if roster.owes(&watchers[watcher].told) {
                    let (size, list) = watchers[watcher].hear(&roster, room);
                    prop_assert!(size <= room || list.resources.len() <= 1, "{size} > {room}");
                }
                Nested::Lose(watcher, room) => {
                    watchers[watcher].told = watchers[watcher].build(&roster, room).told.anew();
                }
                Nested::Refresh(watcher) => watchers[watcher].told = watchers[watcher].told.anew(),
                Nested::Restart(watcher) => watchers[watcher].told = Told::FORGOTTEN,
            }
            roster.forget(watchers.iter().map(|watcher| &watcher.told).collect::<Vec<_>>().into_iter());
        }
        let mut all = Watcher::new();
        all.hear(&roster, usize::MAX);
        for watcher in &mut watchers {
            let mut turns = 0;
            while roster.owes(&watcher.told) {
                watcher.hear(&roster, 1_500);
                turns += 1;
                prop_assert!(turns < 200, "it comes to an end");
            }
            prop_assert_eq!(line(&watcher.table), line(&all.table));
        }
    }
}
