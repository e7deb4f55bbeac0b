//! Watcher information: the examples of RFC 3857 and RFC 3858, both ways, and how a subscriber keeps a table of it.

use documents::watcherinfo::{
    Applied, Event, State, Status, Table, Watcher, WatcherInfo, WatcherList, check,
};
use proptest::prelude::*;
use xml::Limits;

fn parse(text: &str) -> Result<WatcherInfo, documents::DocumentError> {
    WatcherInfo::parse(text.as_bytes(), &Limits::default())
}

fn info(version: u32, state: State, watchers: Vec<Watcher>) -> WatcherInfo {
    let list =
        WatcherList { resource: "sip:professor@example.net".into(), package: "presence".into(), watchers };
    WatcherInfo { version, state, lists: vec![list] }
}

#[test]
fn the_example_of_rfc_3858_is_read() {
    let text = include_str!("data/watcherinfo/rfc3858-5.xml");
    let active = Watcher {
        duration_subscribed: Some(509),
        ..Watcher::new("sip:userA@example.net", "8ajksjda7s", Status::Active, Event::Approved)
    };
    let pending = Watcher {
        display_name: Some("Mr. Subscriber".into()),
        ..Watcher::new("sip:userB@example.org", "hh8juja87s997-ass7", Status::Pending, Event::Subscribe)
    };
    assert_eq!(parse(text), Ok(info(0, State::Full, vec![active, pending])));
}

#[test]
fn the_examples_of_rfc_3857_make_a_table() {
    let mut table = Table::default();
    let seen = |table: &Table| {
        let rows = table.watchers();
        rows.map(|(resource, watcher)| (resource.to_owned(), watcher.status, watcher.event))
            .collect::<Vec<_>>()
    };
    let joe = "sip:joe@example.com".to_owned();
    let first = parse(include_str!("data/watcherinfo/rfc3857-5.xml")).expect("an example");
    assert_eq!(table.apply(first.clone()), Applied::Current);
    assert_eq!(seen(&table), [(joe.clone(), Status::Pending, Event::Subscribe)]);
    let second = parse(include_str!("data/watcherinfo/rfc3857-5-2.xml")).expect("an example");
    assert_eq!((second.version, second.state), (1, State::Partial));
    assert_eq!(table.apply(second), Applied::Current);
    assert_eq!(seen(&table), [(joe, Status::Active, Event::Approved)]);
    assert_eq!(table.apply(first), Applied::Stale);
}

#[test]
fn a_gap_asks_for_the_full_state() {
    let watcher = |id: &str| Watcher::new("sip:a@b", id, Status::Active, Event::Subscribe);
    let mut table = Table::default();
    assert_eq!(table.apply(info(7, State::Partial, vec![watcher("a")])), Applied::Refresh);
    assert_eq!(table.apply(info(9, State::Partial, vec![watcher("b")])), Applied::Refresh);
    assert_eq!(table.watchers().count(), 2);
    assert_eq!(table.apply(info(12, State::Full, vec![watcher("c")])), Applied::Current);
    assert!(table.watchers().map(|(_, watcher)| &*watcher.id).eq(["c"]));
}

#[test]
fn what_lacks_something_is_refused_and_what_is_more_is_passed_over() {
    let document = |attributes: &str, list: &str, watcher: &str| {
        format!(
            "<watcherinfo xmlns='urn:ietf:params:xml:ns:watcherinfo' xmlns:x='urn:x' {attributes}><x:y><x:z/></x:y>\
             <watcher-list {list}><x:watcher/><watcher {watcher}>sip:a@b</watcher></watcher-list></watcherinfo>"
        )
    };
    let (root, list, watcher) = (
        "version='1' state='full' x:y=''",
        "resource='sip:r@b' package='presence'",
        "id='a' status='active' event='approved' x:y='' expiration='4294967296'",
    );
    let read = parse(&document(root, list, watcher)).expect("it is right");
    assert_eq!(read.lists[0].watchers[0].expiration, Some(1 << 32));
    for (root, list, watcher) in [
        ("state='full'", list, watcher),
        ("version='-1' state='full'", list, watcher),
        ("version='4294967296' state='full'", list, watcher),
        ("version='1' state='half'", list, watcher),
        ("version='1'", list, watcher),
        (root, "resource='sip:r@b'", watcher),
        (root, "package='presence'", watcher),
        (root, list, "status='active' event='approved'"),
        (root, list, "id='a' status='gone' event='approved'"),
        (root, list, "id='a' status='active' event='forgotten'"),
        (root, list, "id='a' status='active' event='approved' duration-subscribed='1.5'"),
    ] {
        let text = document(root, list, watcher);
        assert!(parse(&text).is_err(), "{text}");
    }
    assert!(parse("<watcherinfo version='1' state='full'/>").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back(
        version in any::<u32>(),
        is_full in any::<bool>(),
        watchers in proptest::collection::vec(
            ("[!-~ &<>\"é]{0,12}", "[a-z0-9-]{1,8}", 0..4_usize, 0..8_usize, any::<Option<u64>>(), any::<bool>()),
            0..4,
        ),
    ) {
        let statuses = [Status::Pending, Status::Active, Status::Waiting, Status::Terminated];
        let events = [
            Event::Subscribe, Event::Approved, Event::Deactivated, Event::Probation, Event::Rejected,
            Event::Timeout, Event::Giveup, Event::NoResource,
        ];
        let watchers = watchers.into_iter().map(|(text, id, status, event, number, is_named)| Watcher {
            display_name: is_named.then(|| text.as_str().into()),
            language: is_named.then(|| "en".into()),
            expiration: number,
            duration_subscribed: number.map(|number| number / 2),
            ..Watcher::new(text.trim(), &id, statuses[status], events[event])
        });
        let info = info(version, if is_full { State::Full } else { State::Partial }, watchers.collect());
        prop_assert_eq!(check(&info.print(), &Limits::default()), Ok(()));
        prop_assert_eq!(WatcherInfo::parse(&info.print(), &Limits::default()), Ok(info));
    }
}
