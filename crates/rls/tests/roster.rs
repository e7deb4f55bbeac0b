//! Rosters: what is told by several NOTIFYs, within a limit and in any order of events, is what there is.

use std::collections::BTreeMap;

use documents::resource_lists::{Entry, Name};
use documents::rlmi::{Body as Told_, List, State, Table};
use proptest::prelude::*;
use rls::roster::{Body, Built, Heading, Roster, Shown, Told};
use sip::{Limits, MediaType};

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
        roster.build(self.told, &heading, room)
    }

    /// One NOTIFY, delivered. Gives its size and what its meta-information says.
    fn hear(&mut self, roster: &Roster, room: usize) -> (usize, List) {
        let built = self.build(roster, room);
        self.told = built.told;
        let list = root(&built);
        assert_eq!(list.resources.len(), built.resources);
        let parts = parts(&built);
        let applied = self.table.apply(list.clone(), |cid| parts.get(cid).cloned());
        assert!(!applied.stale && !applied.refresh, "versions follow each other");
        (built.media_type.len() + built.body.len(), list)
    }

    /// What it holds: resources that are not over, with their state.
    fn holds(&self) -> BTreeMap<String, Option<(State, Option<String>)>> {
        let mut holds = BTreeMap::new();
        for (uri, row) in self.table.rows() {
            let held = row.instances.get("1");
            let is_gone = held.is_some_and(|held| {
                held.state == State::Terminated && held.reason.as_deref() == Some("noresource")
            });
            if !is_gone {
                let said = |body: &Told_| String::from_utf8_lossy(&body.bytes).into_owned();
                holds.insert(uri.to_string(), held.map(|held| (held.state, held.body.as_ref().map(said))));
            }
        }
        holds
    }
}

/// The parts by Content-ID, without the root.
fn parts(built: &Built) -> BTreeMap<String, Told_> {
    let media_type = MediaType::parse(&built.media_type).expect("a media type");
    let limits = Limits { multipart_parts: 1000, ..Limits::DEFAULT };
    let parts = sip::multipart::parts(&media_type, &built.body, &limits).expect("parts");
    let count = parts.len();
    let by_cid: BTreeMap<_, _> = parts
        .iter()
        .skip(1)
        .map(|part| {
            let media_type = part.get(sip::Name::ContentType).expect("each part says what it is");
            let body = Told_ { media_type: media_type.into(), bytes: part.body.into() };
            (part.content_id().expect("each part has an id").to_owned(), body)
        })
        .collect();
    assert_eq!(by_cid.len(), count - 1, "Content-IDs are unique");
    by_cid
}

/// The meta-information: the first part, and the one that `start` names.
fn root(built: &Built) -> List {
    let media_type = MediaType::parse(&built.media_type).expect("a media type");
    let limits = Limits { multipart_parts: 1000, ..Limits::DEFAULT };
    let parts = sip::multipart::parts(&media_type, &built.body, &limits).expect("parts");
    let start = media_type.params.get("start").expect("start is given");
    assert_eq!(start.trim_matches(['<', '>']), parts[0].content_id().expect("the root has an id"));
    let list = List::parse(parts[0].body, &xml::Limits::NONE).expect("meta-information");
    let ids = self::parts(built);
    for instance in list.resources.iter().flat_map(|resource| &resource.instances) {
        match (&instance.cid, instance.state) {
            (Some(cid), State::Active) => assert!(ids.contains_key(&**cid), "{cid} is there"),
            (None, State::Pending) => assert_eq!(instance.reason, None),
            (None, State::Terminated) => assert!(instance.reason.is_some()),
            (cid, state) => panic!("{state} with {cid:?}"),
        }
    }
    list
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
    assert!(!roster.owes(watcher.told));

    roster.show(came[1], active("b1"));
    roster.show(came[0], active("a2"));
    roster.show(came[1], active("b2"));
    assert!(!roster.show(came[1], active("b2")), "the same again is no change");
    let (_, second) = watcher.hear(&roster, 10_000);
    assert!(!second.full_state && second.version == 1);
    assert_eq!(uris(&second), ["sip:a@x", "sip:b@x"], "in the order of the last changes, each once");
    let b = watcher.holds()["sip:b@x"].clone();
    assert_eq!(b, Some((State::Active, Some("b2".to_owned()))), "the latest state wins");
    assert!(!roster.owes(watcher.told));
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
    watcher.told = Told::NOTHING;
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
    while roster.owes(watcher.told) {
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
    while roster.owes(watcher.told) {
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
                Event::Deliver(watcher, room) if roster.owes(watchers[watcher].told) => {
                    let (size, list) = watchers[watcher].hear(&roster, room);
                    let bodies: usize = list.resources.iter().flat_map(|resource| &resource.instances).count();
                    prop_assert!(size <= room || bodies <= 1 && list.resources.len() <= 1, "{size} > {room}");
                }
                Event::Deliver(..) => {}
                Event::Lose(watcher, room) => {
                    watchers[watcher].build(&roster, room);
                    watchers[watcher].told = Told::NOTHING;
                }
                Event::Refresh(watcher) => watchers[watcher].told = Told::NOTHING,
            }
            if let [Some(one), Some(other)] = watchers.each_ref().map(|watcher| watcher.told.upto()) {
                roster.told_to_all(one.min(other));
            }
        }
        for watcher in &mut watchers {
            while roster.owes(watcher.told) {
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
