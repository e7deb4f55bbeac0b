//! Decay of documents on disk: found, named, kept to the document it concerns, and given up only when asked for.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::collections::BTreeMap;

use store::disk::{Disk, DiskFile, SimDisk, Tail};
use store::docs::suite::{commit, document, put};
use store::docs::{DocStore, EmbeddedDocs, Options, Precondition, wait};
use store::{OpenError, StoreError};
use xcap::DocumentSelector;

type Docs = EmbeddedDocs<SimDisk>;

/// Bytes of a segment's header, of a frame's, and of the empty frame at the end.
const SEGMENT: usize = 20;
const FRAME: usize = 40;
/// Bytes of a frame of the sample.
const ONE: usize = FRAME + 46 + 21 + 4 + 2 + 2 + 200;
const PER_SEGMENT: usize = (4096 - SEGMENT) / ONE;

fn options() -> Options {
    Options { segment_bytes: 4096, cache_bytes: 0, feed_entries: 4, ..Options::default() }
}

fn name(number: u64) -> DocumentSelector {
    document("alice", "test", &format!("{number:02}"))
}

fn body(number: u64) -> Vec<u8> {
    // Not worth compressing, so that a damaged byte is one byte of the document.
    let mut mixed = number;
    let byte = |_| {
        mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (mixed >> 33) as u8
    };
    (0..200).map(byte).collect()
}

fn write(docs: &Docs, number: u64, as_if: u64) -> Result<(), StoreError> {
    let etag = format!("{:02}", as_if % 100);
    let operation = put(&name(number), Precondition::None, &etag, &body(as_if));
    wait(docs.commit(commit("alice", vec![operation]))).map(|_| ())
}

/// Thirty documents in three segments, and the end that an orderly stop leaves.
fn sample() -> SimDisk {
    let disk = SimDisk::new(7);
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    (0..30).for_each(|number| write(&docs, number, number).unwrap());
    assert_eq!(docs.stats().segments, 3);
    drop(docs);
    disk
}

fn copy(disk: &SimDisk) -> SimDisk {
    disk.restart(Tail::Kept)
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.starts_with("docs-")).collect()
}

fn length(disk: &SimDisk, name: &str) -> usize {
    usize::try_from(disk.open(name).unwrap().length().unwrap()).unwrap()
}

/// What can be read, and what cannot.
fn all(docs: &Docs) -> (BTreeMap<u64, Vec<u8>>, BTreeMap<u64, String>) {
    let (mut found, mut corrupt) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..30 {
        match wait(docs.get(&name(number))) {
            Ok(Some(doc)) => _ = found.insert(number, doc.body.to_vec()),
            Ok(None) => {}
            Err(StoreError::Corrupt(what)) => _ = corrupt.insert(number, what),
            Err(error) => panic!("{error:?}"),
        }
    }
    (found, corrupt)
}

fn bodies(numbers: impl Iterator<Item = u64>) -> BTreeMap<u64, Vec<u8>> {
    numbers.map(|number| (number, body(number))).collect()
}

fn refuse(disk: &SimDisk) -> Option<String> {
    match Docs::open_on(disk.clone(), options()) {
        Err(OpenError::Corrupt(what)) => Some(what),
        Err(other) => panic!("{other:?}"),
        Ok(_) => None,
    }
}

fn offset_in(what: &str) -> usize {
    what.split(" at ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap()
}

#[test]
fn decay_of_any_byte_is_named_and_never_read_as_a_document() {
    let disk = sample();
    let mut kept_apart = 0;
    for segment in segments(&disk) {
        let end = length(&disk, &segment);
        for offset in (0..end).step_by(3) {
            let decayed = copy(&disk);
            decayed.damage(&segment, offset);
            let what = match Docs::open_on(decayed.clone(), options()) {
                Err(OpenError::Corrupt(what)) => what,
                Err(other) => panic!("{other:?}"),
                Ok(docs) => {
                    let (mut found, corrupt) = all(&docs);
                    let Some(what) = docs.found().damaged.first() else {
                        // Of the very last frame nobody can tell whether it was on disk. It says nothing. Nor do zeros
                        // behind the end of a closed segment.
                        let is_last = segment.ends_with("3.log") && offset + FRAME >= end;
                        assert!(is_last || offset >= SEGMENT + PER_SEGMENT * ONE, "{segment} at {offset}");
                        assert!(found == bodies(0..30));
                        continue;
                    };
                    let (number, named) = corrupt.into_iter().next().expect("it cannot be read");
                    assert_eq!(*what, named);
                    found.insert(number, body(number));
                    assert!(found == bodies(0..30), "{segment} at {offset}: another document suffers");
                    kept_apart += 1;
                    named
                }
            };
            let named = offset_in(&what);
            assert!(what.starts_with(&segment), "{what} for {segment} at {offset}");
            assert!(named <= offset && offset - named < ONE, "{what} for {segment} at {offset}");
        }
    }
    assert!(kept_apart >= 30 * 200 / 3 - 30, "every byte of a document concerns that document alone");
}

/// The head of a store that was not stopped in order ends in zeros.
fn unstopped() -> (SimDisk, String) {
    let disk = SimDisk::new(7);
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    (0..30).for_each(|number| write(&docs, number, number).unwrap());
    let found = disk.restart(Tail::Lost);
    let head = segments(&found).pop().unwrap();
    (found, head)
}

#[test]
fn zeros_end_the_log_and_are_damage_before_its_end() {
    let (disk, head) = unstopped();
    assert_eq!(length(&disk, &head), 4096, "all of it is set aside");
    let docs = Docs::open_on(copy(&disk), options()).unwrap();
    assert_eq!((docs.found().torn_bytes, all(&docs).0), (0, bodies(0..30)));
    let in_head = 30 - 2 * PER_SEGMENT;
    for frame in 0..in_head - 1 {
        for from in [0, 10, FRAME] {
            let decayed = copy(&disk);
            let at = SEGMENT + frame * ONE;
            decayed.open(&head).unwrap().write((at + from) as u64, &vec![0; ONE - from]).unwrap();
            let what = refuse(&decayed).unwrap();
            assert!(what.starts_with(&head) && offset_in(&what) == at, "{what} for {frame}");
        }
    }
    // What has decayed behind the end was nobody's.
    let behind = copy(&disk);
    behind.damage(&head, SEGMENT + in_head * ONE + 200);
    let docs = Docs::open_on(behind, options()).unwrap();
    assert_eq!((docs.found().torn_bytes, all(&docs).0), (201, bodies(0..30)));
}

#[test]
fn what_is_given_up_of_a_head_leaves_what_comes_behind() {
    let (disk, head) = unstopped();
    disk.damage(&head, SEGMENT + ONE + 7);
    let lost = (2 * PER_SEGMENT + 1) as u64;
    assert!(given_up(&disk).0 == bodies((0..30).filter(|number| *number != lost)));
    // Without the header of the head nothing says how long the segment before was, but its zeros.
    let (disk, head) = unstopped();
    disk.damage(&head, 3);
    assert!(refuse(&disk).unwrap().starts_with(&head));
    assert!(given_up(&disk).0 == bodies(0..30));
}

#[test]
fn a_decayed_document_is_healed_by_writing_it() {
    let disk = sample();
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    let segment = &segments(&disk)[0];
    disk.damage(segment, SEGMENT + ONE + ONE - 1);
    let (found, corrupt) = all(&docs);
    assert!(found == bodies((0..30).filter(|number| *number != 1)));
    assert!(
        corrupt[&1].starts_with(segment) && offset_in(&corrupt[&1]) == SEGMENT + ONE + FRAME,
        "{corrupt:?}"
    );
    write(&docs, 1, 1).unwrap();
    assert!(all(&docs).0 == bodies(0..30));
}

#[test]
fn a_decayed_document_moves_as_one_that_is_lost() {
    let disk = sample();
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    let first = segments(&disk)[0].clone();
    disk.damage(&first, SEGMENT + ONE + ONE - 1);
    for round in 0..200 {
        write(&docs, 20 + round % 10, 100 + round).unwrap();
    }
    assert!(!segments(&disk).contains(&first), "it was compacted");
    assert_eq!(docs.stats().stuck, None);
    let (found, corrupt) = all(&docs);
    assert_eq!((found.len(), corrupt.keys().copied().collect::<Vec<_>>()), (29, vec![1]));
    let disk = copy(&disk);
    drop(docs);
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    assert!(all(&docs).0 == found);
    assert_eq!(all(&docs).1.into_values().collect::<Vec<_>>(), docs.found().damaged);
    write(&docs, 1, 1).unwrap();
    assert_eq!(all(&docs).1.len(), 0);
    drop(docs);
    assert_eq!(Docs::open_on(disk, options()).unwrap().found().damaged, [""; 0], "it was written anew");
}

#[test]
fn damage_that_stops_the_compaction_stops_nothing_else() {
    let disk = sample();
    let docs = Docs::open_on(disk.clone(), options()).unwrap();
    let first = segments(&disk)[0].clone();
    disk.damage(&first, SEGMENT + ONE + FRAME + 50); // among the names of a record
    for round in 0..200 {
        write(&docs, 20 + round % 10, 100 + round).unwrap();
    }
    assert!(segments(&disk).contains(&first), "nothing is removed that cannot be read");
    assert!(docs.stats().stuck.is_some_and(|stuck| stuck.starts_with(&first)));
    assert_eq!(all(&docs).0.len(), 29);
    assert!(refuse(&copy(&disk)).unwrap().starts_with(&first));
}

/// Opens with what cannot be read given up, and checks that the next opening finds nothing wrong.
fn given_up(disk: &SimDisk) -> (BTreeMap<u64, Vec<u8>>, Vec<String>) {
    let refused = refuse(disk).expect("it is damaged");
    let docs = Docs::open_on(disk.clone(), Options { give_up_damage: true, ..options() }).unwrap();
    let given_up = docs.found().given_up.clone();
    assert_eq!(given_up.first(), Some(&refused));
    let (found, corrupt) = all(&docs);
    assert_eq!(corrupt, BTreeMap::new());
    let after = disk.restart(Tail::Lost);
    drop(docs);
    assert_eq!(refuse(&after), None, "what was given up is on disk");
    let docs = Docs::open_on(after, options()).unwrap();
    assert!(all(&docs).0 == found);
    for round in 0..200 {
        write(&docs, 20 + round % 10, 100 + round).unwrap();
    }
    assert_eq!(docs.stats().stuck, None, "the compaction passes what was given up");
    (found, given_up)
}

#[test]
fn what_cannot_be_read_is_given_up_when_asked_for() {
    let disk = sample();
    let names = segments(&disk);
    let per_segment = PER_SEGMENT as u64;
    let damage = |offset: usize| {
        let decayed = copy(&disk);
        decayed.damage(&names[1], offset);
        given_up(&decayed)
    };
    let lost = |lost: core::ops::Range<u64>| bodies((0..30).filter(|number| !lost.contains(number)));
    let (header_of_segment, _) = damage(3);
    assert!(header_of_segment == lost(0..0));
    let (header_of_frame, given) = damage(SEGMENT + 7);
    assert!(header_of_frame == lost(per_segment..per_segment + 1));
    assert_eq!(given.len(), 1);
    let (header_of_record, _) = damage(SEGMENT + ONE + FRAME + 2);
    assert!(header_of_record == lost(per_segment + 1..per_segment + 2));

    let missing = copy(&disk);
    missing.remove(&names[1]).unwrap();
    assert!(given_up(&missing).0 == lost(per_segment..2 * per_segment));

    let cut = copy(&disk);
    cut.open(&names[1]).unwrap().truncate((SEGMENT + 3 * ONE + 100) as u64).unwrap();
    assert!(given_up(&cut).0 == lost(per_segment + 3..2 * per_segment));
}

#[test]
fn bytes_behind_the_end_of_a_closed_segment_are_passed_over() {
    let disk = sample();
    let longer = copy(&disk);
    longer.open(&segments(&disk)[0]).unwrap().append(b"left by a sync that failed").unwrap();
    assert_eq!(refuse(&longer), None);
    let docs = Docs::open_on(longer, options()).unwrap();
    assert!(all(&docs).0 == bodies(0..30));
}
