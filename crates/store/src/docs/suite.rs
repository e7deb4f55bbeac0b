//! The one suite that every engine for documents passes: what [`DocStore`] promises, as checks that panic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Tree};

use super::{
    Commit, Committed, DocStore, Feed, FeedEntry, Listed, Operation, Outcome, Position, Precondition, Room,
    Write, partition_of, wait,
};

/// An engine under test.
pub trait Subject {
    /// Its type.
    type Docs: DocStore;

    /// An engine that holds nothing.
    fn empty(&mut self) -> Self::Docs;

    /// Ends the engine without ceremony, and opens what it leaves behind. [`None`] if it keeps nothing by design.
    fn again(&mut self, docs: Self::Docs) -> Option<Self::Docs>;
}

/// Runs every check.
///
/// # Panics
///
/// At the first promise that is not kept.
pub async fn run<S: Subject>(subject: &mut S) {
    a_document_is_read_as_it_was_put(&subject.empty()).await;
    preconditions_hold_or_nothing_happens(&subject.empty()).await;
    a_commit_is_all_or_nothing(&subject.empty()).await;
    operations_see_those_before_them(&subject.empty()).await;
    documents_are_listed_in_order(&subject.empty()).await;
    a_deleted_tree_is_empty(&subject.empty()).await;
    the_feed_tells_every_change_in_order(&subject.empty()).await;
    a_trimmed_feed_says_so(&subject.empty()).await;
    the_listener_hears_first_and_in_order(&subject.empty()).await;
    a_tree_holds_no_more_than_it_may(&subject.empty()).await;
    concurrent_writers_lose_nothing(&subject.empty()).await;
    concurrent_writers_stay_within_bounds(&subject.empty()).await;
    documents_outlive_the_engine(subject).await;
}

/// The tree of a user.
pub fn tree(user: &str) -> Tree {
    Tree::User(format!("sip:{user}@example.com").into())
}

/// The name of a document in the tree of a user.
pub fn document(user: &str, auid: &str, name: &str) -> DocumentSelector {
    DocumentSelector { auid: auid.into(), tree: tree(user), name: name.into() }
}

/// An operation that puts `body` under the version `etag`.
pub fn put(document: &DocumentSelector, precondition: Precondition, etag: &str, body: &[u8]) -> Operation {
    let write = Write::Put { etag: tag(etag), mime: None, body: body.into() };
    operation(document, precondition, write)
}

/// An operation that deletes.
pub fn delete(document: &DocumentSelector, precondition: Precondition) -> Operation {
    operation(document, precondition, Write::Delete)
}

/// A commit of the tree of a user, at second 7.
pub fn commit(user: &str, operations: Vec<Operation>) -> Commit {
    Commit { tree: tree(user), at: Timestamp::from_secs(7), operations, room: None }
}

/// Every document of these users, as a listing and its bytes.
///
/// # Panics
///
/// If they cannot be read, or what is listed is not what is read.
pub async fn contents<S: DocStore>(
    docs: &S,
    users: &[&str],
) -> BTreeMap<DocumentSelector, (Listed, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for user in users {
        for listed in docs.list_tree(&tree(user)).await.expect("a sound engine lists") {
            let doc = docs.get(&listed.document).await.expect("a sound engine reads");
            let doc = doc.expect("what is listed is there");
            assert_eq!((&doc.etag, &doc.mime, doc.modified), (&listed.etag, &listed.mime, listed.modified));
            assert_eq!(doc.body.len() as u64, listed.bytes);
            found.insert(listed.document.clone(), (listed, doc.body.to_vec()));
        }
    }
    found
}

fn operation(document: &DocumentSelector, precondition: Precondition, write: Write) -> Operation {
    let DocumentSelector { auid, name, .. } = document.clone();
    Operation { auid, name, precondition, write }
}

fn tag(etag: &str) -> ETag {
    ETag(etag.into())
}

async fn done<S: DocStore>(docs: &S, commit: Commit) -> Position {
    match docs.commit(commit).await.expect("a sound engine commits") {
        Outcome::Done { position } => position,
        failed @ (Outcome::Failed { .. } | Outcome::NoRoom) => panic!("{failed:?}"),
    }
}

async fn body<S: DocStore>(docs: &S, document: &DocumentSelector) -> Option<Vec<u8>> {
    docs.get(document).await.expect("a sound engine reads").map(|doc| doc.body.to_vec())
}

async fn feed<S: DocStore>(docs: &S, tree: &Tree, after: Position, max: usize) -> Vec<FeedEntry> {
    match docs.changes(partition_of(tree), after, max).await.expect("a sound engine has a feed") {
        Feed::Changes(entries) => entries,
        Feed::Trimmed => panic!("trimmed after {after:?}"),
    }
}

async fn a_document_is_read_as_it_was_put<S: DocStore>(docs: &S) {
    let long = "n".repeat(900);
    let names = ["index", "oma_status-icon/face", "naïve ☃ \"%20\"", "a b", long.as_str()];
    for (number, name) in names.iter().enumerate() {
        for body in [&b""[..], b"<a/>", &[0, 255, 10, 13], &vec![b'x'; 70_000]] {
            let document = document("alice", "resource-lists", name);
            assert_eq!(wait(docs.get(&document)).expect("a sound engine reads").is_some(), !body.is_empty());
            let etag = format!("{number}-{}", body.len());
            let mime = (number % 2 == 0).then(|| "application/pidf+xml".into());
            let write = Write::Put { etag: tag(&etag), mime: mime.clone(), body: body.into() };
            let at = Timestamp::from_millis(1_700_000_000_987);
            let operations = vec![operation(&document, Precondition::None, write)];
            done(docs, Commit { tree: tree("alice"), at, operations, room: None }).await;
            let doc = docs.get(&document).await.expect("a sound engine reads").expect("it was put");
            assert_eq!((&*doc.body, doc.etag, doc.mime), (body, tag(&etag), mime));
            assert_eq!(doc.modified, Timestamp::from_secs(1_700_000_000));
        }
    }
    let global = DocumentSelector::global("rls-services", "index");
    let operations = vec![put(&global, Precondition::Absent, "g", b"<global/>")];
    done(docs, Commit { tree: Tree::Global, at: Timestamp::ZERO, operations, room: None }).await;
    assert_eq!(body(docs, &global).await.as_deref(), Some(&b"<global/>"[..]));
    assert_eq!(body(docs, &document("bob", "resource-lists", "index")).await, None);
}

async fn preconditions_hold_or_nothing_happens<S: DocStore>(docs: &S) {
    let matching = |etags: &[&str]| Precondition::Match(etags.iter().map(|etag| tag(etag)).collect());
    let cases = [
        (Precondition::None, true, true),
        (Precondition::Absent, true, false),
        (Precondition::Exists, false, true),
        (matching(&["other", "now"]), false, true),
        (matching(&["other"]), false, false),
        (matching(&[]), false, false),
    ];
    for (number, (precondition, if_absent, if_there)) in cases.into_iter().enumerate() {
        for (there, holds) in [(false, if_absent), (true, if_there)] {
            for write in ["put", "delete", "check"] {
                let name = format!("{number}-{there}-{write}");
                let document = document("alice", "test", &name);
                if there {
                    let first = put(&document, Precondition::None, "now", b"first");
                    done(docs, commit("alice", vec![first])).await;
                }
                let tried = match write {
                    "put" => put(&document, precondition.clone(), "new", b"second"),
                    "delete" => delete(&document, precondition.clone()),
                    _ => operation(&document, precondition.clone(), Write::Check),
                };
                let head = docs.head(partition_of(&tree("alice"))).await.expect("a sound engine has a head");
                let outcome = docs.commit(commit("alice", vec![tried])).await;
                let outcome = outcome.expect("a sound engine commits");
                let now = there.then(|| tag("now"));
                if !holds {
                    assert_eq!(
                        outcome,
                        Outcome::Failed { document: document.clone(), current: now },
                        "{name}"
                    );
                }
                let expected: Option<&[u8]> = match (holds, write) {
                    (true, "put") => Some(b"second"),
                    (true, "delete") => None,
                    _ => there.then_some(b"first"),
                };
                assert_eq!(body(docs, &document).await.as_deref(), expected, "{name}");
                let changed = holds && (write == "put" || (write == "delete" && there));
                let entries = feed(docs, &tree("alice"), head, 10).await;
                assert_eq!(entries.len(), usize::from(changed), "{name}");
            }
        }
    }
}

async fn a_commit_is_all_or_nothing<S: DocStore>(docs: &S) {
    let [one, two, three] = ["one", "two", "three"].map(|name| document("alice", "test", name));
    done(docs, commit("alice", vec![put(&one, Precondition::Absent, "1", b"1")])).await;
    let mut operations = vec![
        delete(&one, Precondition::Exists),
        put(&two, Precondition::Absent, "2", b"2"),
        put(&three, Precondition::Exists, "3", b"3"),
    ];
    let failed = docs.commit(commit("alice", operations.clone())).await.expect("a sound engine commits");
    assert_eq!(failed, Outcome::Failed { document: three.clone(), current: None });
    assert_eq!(body(docs, &one).await.as_deref(), Some(&b"1"[..]));
    assert_eq!(body(docs, &two).await, None);
    operations[2].precondition = Precondition::Absent;
    done(docs, commit("alice", operations)).await;
    assert_eq!(body(docs, &one).await, None);
    assert_eq!(body(docs, &two).await.as_deref(), Some(&b"2"[..]));
    assert_eq!(body(docs, &three).await.as_deref(), Some(&b"3"[..]));
    assert_eq!(feed(docs, &tree("alice"), Position::START, 10).await.len(), 4);
}

async fn operations_see_those_before_them<S: DocStore>(docs: &S) {
    let it = document("alice", "test", "it");
    let operations = vec![
        put(&it, Precondition::Absent, "1", b"1"),
        put(&it, Precondition::Match(vec![tag("1")]), "2", b"2"),
        delete(&it, Precondition::Match(vec![tag("2")])),
        put(&it, Precondition::Absent, "3", b"3"),
    ];
    done(docs, commit("alice", operations)).await;
    assert_eq!(body(docs, &it).await.as_deref(), Some(&b"3"[..]));
    done(docs, commit("alice", Vec::new())).await;
}

async fn documents_are_listed_in_order<S: DocStore>(docs: &S) {
    for user in ["bob", "alice"] {
        for (auid, name) in [("b", "index"), ("a", "z"), ("a", "index"), ("b", "a/b")] {
            let it = document(user, auid, name);
            done(docs, commit(user, vec![put(&it, Precondition::None, "1", name.as_bytes())])).await;
        }
    }
    let only = document("carol", "b", "index");
    done(docs, commit("carol", vec![put(&only, Precondition::None, "1", b"1")])).await;
    let named = |listed: Vec<Listed>| -> Vec<String> {
        listed
            .iter()
            .map(|listed| format!("{}/{}:{}", listed.document.auid, listed.document.name, listed.bytes))
            .collect()
    };
    let listed = docs.list("a", &tree("alice")).await.expect("a sound engine lists");
    assert_eq!(named(listed), ["a/index:5", "a/z:1"]);
    let listed = docs.list_tree(&tree("bob")).await.expect("a sound engine lists");
    assert_eq!(named(listed), ["a/index:5", "a/z:1", "b/a/b:3", "b/index:5"]);
    assert_eq!(docs.list("a", &tree("dora")).await, Ok(Vec::new()));
    assert_eq!(docs.list_tree(&Tree::Global).await, Ok(Vec::new()));
    let users = |names: &[&str]| -> Vec<Arc<str>> {
        names.iter().map(|name| format!("sip:{name}@example.com").into()).collect()
    };
    assert_eq!(docs.users("a").await, Ok(users(&["alice", "bob"])));
    assert_eq!(docs.users("b").await, Ok(users(&["alice", "bob", "carol"])));
    assert_eq!(docs.users("c").await, Ok(Vec::new()));
}

async fn a_deleted_tree_is_empty<S: DocStore>(docs: &S) {
    let kept = document("bob", "test", "index");
    done(docs, commit("bob", vec![put(&kept, Precondition::None, "1", b"1")])).await;
    let names = ["one", "two", "three"];
    for name in names {
        let it = document("alice", name, "index");
        done(docs, commit("alice", vec![put(&it, Precondition::None, "1", b"1")])).await;
    }
    let head = docs.head(partition_of(&tree("alice"))).await.expect("a sound engine has a head");
    let deleted = docs.delete_tree(&tree("alice"), Timestamp::from_secs(9)).await;
    assert!(matches!(deleted, Ok(Outcome::Done { .. })), "{deleted:?}");
    assert_eq!(docs.list_tree(&tree("alice")).await, Ok(Vec::new()));
    let entries = feed(docs, &tree("alice"), head, 10).await;
    assert_eq!(entries.len(), names.len());
    for entry in entries {
        assert_eq!(
            (entry.previous, entry.current, entry.at),
            (Some(tag("1")), None, Timestamp::from_secs(9))
        );
    }
    assert_eq!(body(docs, &kept).await.as_deref(), Some(&b"1"[..]));
}

async fn the_feed_tells_every_change_in_order<S: DocStore>(docs: &S) {
    let it = document("alice", "test", "index");
    let mut positions = Vec::new();
    for step in 1..=20 {
        let other = document("bob", "test", "index");
        done(docs, commit("bob", vec![put(&other, Precondition::None, &step.to_string(), b"b")])).await;
        let operation = match step % 5 {
            0 => delete(&it, Precondition::Exists),
            _ => put(&it, Precondition::None, &step.to_string(), b"a"),
        };
        positions.push(done(docs, commit("alice", vec![operation])).await);
    }
    assert_ne!(partition_of(&tree("alice")), partition_of(&tree("bob")), "for this test");
    let entries = feed(docs, &tree("alice"), Position::START, 100).await;
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), positions);
    assert!(positions.is_sorted());
    let mut before = None;
    for (entry, step) in entries.iter().zip(1..) {
        let after = (step % 5 != 0).then(|| tag(&step.to_string()));
        assert_eq!((&entry.document, &entry.previous, &entry.current), (&it, &before, &after));
        before = after;
    }
    assert_eq!(feed(docs, &tree("alice"), positions[3], 4).await, entries[4..8]);
    let head = docs.head(partition_of(&tree("alice"))).await.expect("a sound engine has a head");
    assert!(head >= positions[19]);
    assert_eq!(feed(docs, &tree("alice"), head, 100).await, []);
    assert_eq!(feed(docs, &tree("alice"), Position(u64::MAX), 100).await, []);
}

async fn a_trimmed_feed_says_so<S: DocStore>(docs: &S) {
    let partition = partition_of(&tree("alice"));
    let it = document("alice", "test", "index");
    let mut positions = Vec::new();
    for step in 0..10 {
        let operation = put(&it, Precondition::None, &step.to_string(), b"a");
        positions.push(done(docs, commit("alice", vec![operation])).await);
    }
    docs.trim(partition, positions[4]).await.expect("a sound engine trims");
    docs.trim(partition, positions[2]).await.expect("a sound engine trims");
    assert_eq!(docs.changes(partition, positions[3], 100).await, Ok(Feed::Trimmed));
    assert_eq!(docs.changes(partition, Position::START, 100).await, Ok(Feed::Trimmed));
    assert_eq!(feed(docs, &tree("alice"), positions[4], 100).await.len(), 5);
    assert_eq!(feed(docs, &tree("bob"), Position::START, 100).await, []);
}

async fn the_listener_hears_first_and_in_order<S: DocStore>(docs: &S) {
    let heard: Arc<Mutex<Vec<Committed>>> = Arc::default();
    let ear = Arc::clone(&heard);
    docs.listen(Box::new(move |committed| {
        ear.lock().expect("nothing panics while it holds this").extend_from_slice(committed);
    }));
    let it = document("alice", "test", "index");
    for step in 1..=10_usize {
        let bodies = [step, step + 100].map(|number| number.to_string());
        let [first, second] =
            bodies.each_ref().map(|body| put(&it, Precondition::None, body, body.as_bytes()));
        let position = done(docs, commit("alice", vec![first, second])).await;
        let heard = heard.lock().expect("nothing panics while it holds this");
        assert_eq!(heard.len(), step * 2, "the listener hears before the answer");
        assert_eq!(heard[step * 2 - 1].position, position);
        assert_eq!(heard[step * 2 - 1].partition, partition_of(&tree("alice")));
        for (committed, body) in heard[step * 2 - 2..].iter().zip(&bodies) {
            let version = committed.change.current.as_ref().expect("it was put");
            assert_eq!((&*version.body, &version.etag), (body.as_bytes(), &tag(body)));
            assert_eq!(committed.change.document, it);
        }
        for pair in heard.windows(2) {
            assert!(pair[0].position < pair[1].position);
            assert_eq!(
                pair[0].change.current.as_ref().map(|version| &version.etag),
                pair[1].change.previous.as_ref()
            );
        }
    }
    docs.delete_tree(&tree("alice"), Timestamp::ZERO).await.expect("a sound engine deletes");
    let heard = heard.lock().expect("nothing panics while it holds this");
    assert_eq!(heard.last().map(|committed| &committed.change.current), Some(&None));
}

async fn a_tree_holds_no_more_than_it_may<S: DocStore>(docs: &S) {
    let name = |number: usize| document("alice", "test", &number.to_string());
    let within = |documents, bytes, operations| Commit {
        room: Some(Room { documents, bytes }),
        ..commit("alice", operations)
    };
    let new = |number, bytes: usize| {
        put(&name(number), Precondition::None, &format!("{number}-{bytes}"), &vec![b'a'; bytes])
    };
    for number in 0..3 {
        done(docs, within(3, 30, vec![new(number, 10)])).await;
    }
    for (documents, bytes, operations) in [
        (3, 100, vec![new(3, 1)]),
        (9, 30, vec![new(0, 11)]),
        (9, 30, vec![new(3, 1)]),
        (9, 30, vec![new(1, 1), new(0, 20)]),
        (3, 100, vec![new(3, 1), new(4, 1), delete(&name(0), Precondition::None)]),
    ] {
        let refused = docs.commit(within(documents, bytes, operations)).await;
        assert_eq!(refused, Ok(Outcome::NoRoom));
    }
    assert_eq!(
        docs.list_tree(&tree("alice")).await.expect("a sound engine lists").len(),
        3,
        "nothing happened"
    );
    done(docs, within(3, 30, vec![new(1, 5), new(0, 15)])).await;
    done(docs, within(3, 30, vec![delete(&name(0), Precondition::None), new(3, 15)])).await;
    done(docs, within(1, 1, vec![new(1, 4)])).await;
    done(docs, within(0, 0, vec![delete(&name(1), Precondition::None)])).await;
}

/// Threads put documents of one tree at once: as many come to be as may.
async fn concurrent_writers_stay_within_bounds<S: DocStore>(docs: &S) {
    const MOST: u64 = 5;
    std::thread::scope(|scope| {
        for thread in 0..6 {
            scope.spawn(move || {
                for step in 0..5 {
                    let it = document("alice", "test", &format!("{thread}-{step}"));
                    let operations = vec![put(&it, Precondition::None, "1", b"abc")];
                    let room = Some(Room { documents: MOST, bytes: 3 * MOST });
                    wait(docs.commit(Commit { room, ..commit("alice", operations) }))
                        .expect("a sound engine commits");
                }
            });
        }
    });
    assert_eq!(docs.list_tree(&tree("alice")).await.expect("a sound engine lists").len() as u64, MOST);
}

/// Threads count up the same documents; every step must be told once, in order, and none be lost.
async fn concurrent_writers_lose_nothing<S: DocStore>(docs: &S) {
    const THREADS: usize = 6;
    const STEPS: usize = 25;
    let heard: Arc<Mutex<Vec<Committed>>> = Arc::default();
    let ear = Arc::clone(&heard);
    docs.listen(Box::new(move |committed| {
        ear.lock().expect("nothing panics while it holds this").extend_from_slice(committed);
    }));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for step in 0..STEPS {
                    count_up(
                        docs,
                        &document("alice", "test", &(step % 3).to_string()),
                        thread * STEPS + step,
                    );
                    let own = document(&thread.to_string(), "test", "own");
                    count_up(docs, &own, step);
                }
            });
        }
    });
    let mut sum = 0;
    for name in 0..3 {
        let it = document("alice", "test", &name.to_string());
        let found = body(docs, &it).await.expect("it was counted");
        sum += number(&found);
    }
    assert_eq!(sum, THREADS * STEPS);
    let heard = core::mem::take(&mut *heard.lock().expect("nothing panics while it holds this"));
    assert_eq!(heard.len(), THREADS * STEPS * 2);
    let mut known = BTreeMap::new();
    for committed in &heard {
        let change = &committed.change;
        let version = change.current.clone().expect("nothing was deleted");
        let before = known.insert(change.document.clone(), version.etag);
        assert_eq!(before, change.previous, "the changes of a document make a chain");
    }
    for thread in 0..THREADS {
        let entries = feed(docs, &tree(&thread.to_string()), Position::START, 1000).await;
        let own = entries.iter().filter(|entry| entry.document.tree == tree(&thread.to_string()));
        assert_eq!(own.count(), STEPS);
    }
}

fn number(body: &[u8]) -> usize {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

/// Reads, adds one, writes if nobody wrote meanwhile, and again.
fn count_up<S: DocStore>(docs: &S, it: &DocumentSelector, unique: usize) {
    for attempt in 0.. {
        let now = wait(docs.get(it)).expect("a sound engine reads");
        let precondition = match &now {
            Some(doc) => Precondition::Match(vec![doc.etag.clone()]),
            None => Precondition::Absent,
        };
        let next = now.map_or(0, |doc| number(&doc.body)) + 1;
        let etag = format!("{next}-{unique}-{attempt}");
        let mut bytes = next.to_string().into_bytes();
        bytes.resize(bytes.len() + 300, b' ');
        let operations = vec![put(it, precondition, &etag, &bytes)];
        let commit = Commit { tree: it.tree.clone(), at: Timestamp::ZERO, operations, room: None };
        match wait(docs.commit(commit)).expect("a sound engine commits") {
            Outcome::Done { .. } => return,
            Outcome::Failed { .. } => {}
            Outcome::NoRoom => panic!("no bound was given"),
        }
    }
}

async fn documents_outlive_the_engine<S: Subject>(subject: &mut S) {
    let users = ["alice", "bob", "carol"];
    let mut docs = subject.empty();
    let mut told = Vec::new();
    for round in 0..4_usize {
        for step in 0..30 {
            let user = users[step % 3];
            let it = document(user, "test", &(step % 7).to_string());
            let bytes = vec![b'a' + round as u8; 40 + step * 53];
            let operation = match step % 11 {
                10 => delete(&it, Precondition::None),
                _ => put(&it, Precondition::None, &format!("{round}-{step}"), &bytes),
            };
            done(&docs, commit(user, vec![operation])).await;
        }
        let before = contents(&docs, &users).await;
        let mut entries = Vec::new();
        for user in users {
            entries.extend(feed(&docs, &tree(user), Position::START, 1000).await);
        }
        assert!(entries.len() > told.len());
        let head = docs.head(partition_of(&tree("alice"))).await.expect("a sound engine has a head");
        let Some(next) = subject.again(docs) else { return };
        docs = next;
        assert_eq!(contents(&docs, &users).await, before);
        told.clear();
        for user in users {
            told.extend(feed(&docs, &tree(user), Position::START, 1000).await);
        }
        assert_eq!(told, entries, "the feed outlives the engine");
        let again = docs.head(partition_of(&tree("alice"))).await.expect("a sound engine has a head");
        assert!(again >= head, "no position is given twice");
    }
}
