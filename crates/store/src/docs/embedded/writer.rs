//! The writer: one thread that appends. Commits that wait together share one append and one sync.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use sip_stack::Timestamp;
use xcap::{Change, DocumentSelector, ETag, Tree, Version};

use super::Options;
use super::compact::Compaction;
use super::frame::{Encoding, FRAME_HEADER, Frames, Kind, RECORD_HEADER, Record, SEGMENT_HEADER, TEXT_MAX};
use super::index::{Entry, Index, Place};
use super::log::{Shared, create_segment, refused};
use super::queue::{Caller, Job, Work};
use crate::StoreError;
use crate::disk::{Disk, DiskFile};
use crate::docs::{
    Commit, Committed, FeedEntry, Outcome, Position, Room, Size, Write, partition_of, whole_seconds,
};

/// About how many bytes of the log one group takes.
const GROUP: usize = 4 << 20;
/// The most operations of a commit.
const OPERATIONS_MAX: usize = 4096;
/// What is written ahead of the log, in pieces.
const ZEROS: &[u8] = &[0; 64 << 10];
/// Bodies below this are not worth compressing.
const COMPRESS_MIN: usize = 256;

/// The writing end of a store.
pub(crate) struct Writer<D: Disk> {
    shared: Arc<Shared<D>>,
    frames: Frames,
    /// A body in the making; kept for its memory.
    packed: Vec<u8>,
    compaction: Compaction,
    /// The head may end in bytes that nobody knows of: nothing may follow them, so the next group begins a segment.
    spoiled: bool,
    /// There was no space to set aside in the head: what is left of the disk is for what is needed now.
    is_bare: bool,
}

/// Starts the thread.
pub(crate) fn start<D: Disk>(
    shared: &Arc<Shared<D>>,
    compaction: Compaction,
) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    let frames = Frames::default();
    let packed = Vec::new();
    let mut writer = Writer { shared, frames, packed, compaction, spoiled: false, is_bare: false };
    std::thread::Builder::new().name("docs-writer".into()).spawn(move || {
        let _closes = Closes(Arc::clone(&writer.shared));
        writer.run();
    })
}

/// Sees to it that nobody waits for a writer that is gone, however it went.
struct Closes<D: Disk>(Arc<Shared<D>>);

impl<D: Disk> Drop for Closes<D> {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

/// About how many bytes of log a commit needs; refused if it is above a limit.
pub(crate) fn measure(commit: &Commit, options: &Options) -> Result<usize, StoreError> {
    let mut bytes = FRAME_HEADER;
    let tree = match &commit.tree {
        Tree::User(xui) => xui.len(),
        Tree::Global => 0,
    };
    for operation in &commit.operations {
        let (etag, mime, body) = match &operation.write {
            Write::Put { etag, mime, body } => {
                (etag.0.len(), mime.as_ref().map_or(0, |mime| mime.len()), body.len())
            }
            Write::Delete | Write::Check => (0, 0, 0),
        };
        let texts = [tree, operation.auid.len(), operation.name.len(), mime, etag];
        if body > options.document_bytes_max as usize || texts.iter().any(|length| *length > TEXT_MAX) {
            return Err(StoreError::TooLarge);
        }
        // The version before is not known yet; it is as long as this one.
        bytes += RECORD_HEADER + texts.iter().sum::<usize>() + etag.max(64) + body;
    }
    if commit.operations.len() > OPERATIONS_MAX || bytes > half_segment(options) {
        return Err(StoreError::TooLarge);
    }
    Ok(bytes)
}

/// The same for the removal of as many documents.
pub(crate) fn measure_delete(tree: &Tree, documents: usize) -> usize {
    let xui = match tree {
        Tree::User(xui) => xui.len(),
        Tree::Global => 0,
    };
    FRAME_HEADER + documents * (RECORD_HEADER + xui + 128)
}

/// What a group of commits may have, and what the compaction may add to it: together they fit into an empty segment.
pub(crate) fn half_segment(options: &Options) -> usize {
    (options.segment_bytes - SEGMENT_HEADER) as usize / 2
}

/// A commit that has been looked at.
struct Planned {
    caller: Caller,
    outcome: Result<Outcome, StoreError>,
    at: Timestamp,
    changes: Vec<New>,
    /// The position of the first change.
    first: Position,
}

/// A change that is about to be made.
struct New {
    change: Change,
    mime: Option<Arc<str>>,
}

impl New {
    fn known(&self) -> Option<Known> {
        self.change.current.as_ref().map(|version| (version.etag.clone(), version.body.len() as u64))
    }
}

/// The version of a document, and its bytes.
type Known = (ETag, u64);
/// What commits of a group that is not on disk yet have made of documents.
type Ahead = BTreeMap<DocumentSelector, Option<Known>>;

impl<D: Disk> Writer<D> {
    fn run(&mut self) {
        let bytes = GROUP.min(half_segment(&self.shared.options));
        let mut siblings = 0;
        loop {
            let jobs = self.shared.queue.take(bytes, siblings);
            siblings = jobs.len();
            if jobs.is_empty() {
                self.end();
                return;
            }
            self.group(jobs);
        }
    }

    /// Does a group of jobs: plans them one after the other, appends what they change with one call, syncs once,
    /// applies, tells, answers.
    fn group(&mut self, jobs: Vec<Job>) {
        let expected = jobs.iter().map(|job| job.bytes).sum::<usize>();
        self.frames.clear();
        // First, so that what it moves comes before what may replace it in the same group.
        self.compaction.gather(&self.shared, &mut self.frames, expected, self.spoiled);
        let planned = self.plan(jobs);
        let result = if self.frames.is_empty() { Ok(()) } else { self.append() };
        match result {
            Ok(()) => self.apply(planned),
            Err(error) => {
                self.compaction.abandon();
                for planned in planned {
                    // A precondition that failed may have failed because of another commit of this group.
                    planned.caller.answer(Err(error.clone()));
                }
            }
        }
    }

    fn plan(&mut self, jobs: Vec<Job>) -> Vec<Planned> {
        let state = self.shared.read();
        let mut position = state.position;
        // What the commits of this group have made of documents so far.
        let mut ahead: Ahead = BTreeMap::new();
        let mut planned = Vec::with_capacity(jobs.len());
        for Job { work, caller, .. } in jobs {
            let commit = match work {
                Work::Commit(commit) => commit,
                Work::DeleteTree(tree, at) => {
                    let stored = state.index.list(&tree).map(|listed| listed.document);
                    let newer = ahead.keys().filter(|document| document.tree == tree).cloned();
                    let mut names: Vec<_> =
                        stored.chain(newer).map(|document| (document.auid, document.name)).collect();
                    names.sort_unstable();
                    names.dedup();
                    Commit::deleting(tree.clone(), at, names)
                }
            };
            let (at, first) = (whole_seconds(commit.at), Position(position.0 + 1));
            let known = |document: &DocumentSelector| match ahead.get(document) {
                Some(known) => known.clone(),
                None => state
                    .index
                    .get(&document.tree, &document.auid, &document.name)
                    .map(|entry| (entry.etag.clone(), entry.bytes())),
            };
            let (tree, room) = (commit.tree.clone(), commit.room);
            let decided = decide(commit, known).and_then(|decided| {
                let size = || size(&state.index, &ahead, &tree);
                let fits = room.is_none_or(|room| decided.fits(room, size));
                if fits { Ok(decided.changes) } else { Err(Outcome::NoRoom) }
            });
            let (outcome, changes) = match decided {
                Err(failed) => (Ok(failed), Vec::new()),
                Ok(changes)
                    if !encode(
                        (&mut self.frames, &mut self.packed),
                        &changes,
                        first,
                        at,
                        half_segment(&self.shared.options),
                    ) =>
                {
                    (Err(StoreError::TooLarge), Vec::new())
                }
                Ok(changes) => {
                    position.0 += changes.len() as u64;
                    ahead.extend(changes.iter().map(|new| (new.change.document.clone(), new.known())));
                    (Ok(Outcome::Done { position }), changes)
                }
            };
            planned.push(Planned { caller, outcome, at, changes, first });
        }
        planned
    }

    /// Brings the frames to the disk. After an error nothing has changed, unless it is [`StoreError::Unknown`].
    fn append(&mut self) -> Result<(), StoreError> {
        let (mut number, mut length, mut file) = self.head();
        let needs = length as usize + self.frames.length();
        if self.spoiled || (length > SEGMENT_HEADER && needs > self.shared.options.segment_bytes as usize) {
            self.roll(number, length)?;
            (number, length, file) = self.head();
        }
        let end = length + self.frames.length() as u32;
        if let Err(error) = file.write(u64::from(length), self.frames.finish(number, length)) {
            // On disk too: what was refused must not be found after a loss of power.
            self.spoiled = file.truncate(u64::from(length)).and_then(|()| file.sync()).is_err();
            let mut state = self.shared.write();
            state.failing = Some(format!("could not append: {error}"));
            state.head_mut().file_length = length;
            return Err(if self.spoiled { StoreError::Unknown } else { refused(&error) });
        }
        self.set_aside(&*file, end);
        if let Err(error) = file.sync() {
            // The kernel may have dropped what it could not write, and a second sync would succeed without it.
            self.spoil(&format!("a sync failed: {error}"));
            return Err(StoreError::Unknown);
        }
        Ok(())
    }

    fn head(&self) -> (u32, u32, Arc<D::File>) {
        let state = self.shared.read();
        let head = state.head();
        (head.number, head.length, Arc::clone(&head.file))
    }

    /// Where the log reaches the end of the file, writes zeros behind it. They come to the disk with the same sync.
    fn set_aside(&mut self, file: &D::File, end: u32) {
        let options = &self.shared.options;
        if end <= self.shared.read().head().file_length {
            return;
        }
        let until = end.saturating_add(options.ahead_bytes).min(options.segment_bytes).max(end);
        let mut at = end;
        while !self.is_bare && at < until {
            let zeros = &ZEROS[..ZEROS.len().min((until - at) as usize)];
            match file.write(u64::from(at), zeros) {
                Ok(()) => at += zeros.len() as u32,
                Err(_) => {
                    // The log does without. Zeros that stay would end it as well, but somebody may need the space.
                    self.is_bare = true;
                    at = end;
                    let _ = file.truncate(u64::from(end));
                }
            }
        }
        self.shared.write().head_mut().file_length = at;
    }

    /// Closes the head where it is on disk and begins the next segment. From its first attempt on nothing may be added to
    /// the head: the new segment says how long the head was, and may outlive a failure of what follows.
    fn roll(&mut self, number: u32, length: u32) -> Result<(), StoreError> {
        match create_segment(&self.shared.disk, number + 1, length) {
            Ok(segment) => {
                let mut state = self.shared.write();
                state.segments.push_back(segment);
                self.spoiled = false;
                self.is_bare = false;
                Ok(())
            }
            Err(error) => {
                self.spoil(&format!("could not begin a segment: {error}"));
                Err(refused(&error))
            }
        }
    }

    fn spoil(&mut self, what: &str) {
        self.spoiled = true;
        self.shared.write().failing = Some(what.to_owned());
    }

    /// The group is on disk: readers see it, then the listener, then the callers.
    fn apply(&mut self, planned: Vec<Planned>) {
        self.show(&planned);
        let mut committed = Vec::with_capacity(planned.len());
        let mut answers = Vec::with_capacity(planned.len());
        for Planned { caller, outcome, changes, first, .. } in planned {
            for (New { change, .. }, position) in changes.into_iter().zip(first.0..) {
                let (position, partition) = (Position(position), partition_of(&change.document.tree));
                committed.push(Committed { position, partition, change });
            }
            answers.push((caller, outcome));
        }
        let mut listener = self.shared.listener.lock().expect("a listener does not panic");
        if let Some(listener) = listener.as_mut().filter(|_| !committed.is_empty()) {
            listener(&committed.into());
        }
        drop(listener);
        for (caller, outcome) in answers {
            caller.answer(outcome);
        }
        self.compaction.settle(&self.shared);
    }

    fn show(&mut self, planned: &[Planned]) {
        let mut bodies = planned.iter().flat_map(|planned| &planned.changes);
        let mut state = self.shared.write();
        state.failing = None;
        let mut cache = self.shared.cache();
        let (number, base) = (state.head().number, state.head().length);
        state.head_mut().length += self.frames.length() as u32;
        for (at, stored) in self.frames.records() {
            let place = Place { segment: number, offset: base + at, length: stored.length };
            let before = state.apply(&stored, place);
            let is_moved = stored.record.position <= state.position.0;
            if is_moved {
                if let Some(before) = before {
                    cache.moved(&before, place);
                }
                continue;
            }
            if let Some(before) = before {
                cache.remove(&before);
            }
            let new = bodies.next().expect("a record was made from each change");
            if let Some(version) = &new.change.current {
                cache.put(place, Arc::clone(&version.body), version.body.len());
            }
        }
        drop(cache);
        for planned in planned {
            for (New { change, .. }, position) in planned.changes.iter().zip(planned.first.0..) {
                let entry = FeedEntry::of(Position(position), planned.at, change);
                state.recent.add(partition_of(&change.document.tree), entry);
                state.position = Position(position);
            }
        }
    }

    /// Everything is on disk. A last empty frame says so, so that decay of the end is told from a torn end.
    fn end(&mut self) {
        let (number, length, file) = self.head();
        let position = self.shared.read().position;
        let has_room = length as usize + FRAME_HEADER <= self.shared.options.segment_bytes as usize;
        if self.spoiled || !has_room || length == SEGMENT_HEADER {
            return;
        }
        self.frames.clear();
        self.frames.begin();
        self.frames.end(position);
        // Nobody is left to hear of a failure, and nothing that was promised depends on it.
        let _ = file
            .write(u64::from(length), self.frames.finish(number, length))
            .and_then(|()| file.truncate(u64::from(length) + FRAME_HEADER as u64))
            .and_then(|()| file.sync());
    }
}

/// How large a tree is when what is ahead is on disk.
fn size(index: &Index, ahead: &Ahead, tree: &Tree) -> Size {
    let mut size = Size::default();
    index.entries(tree).for_each(|entry| size.add(Some(entry.bytes())));
    for (document, known) in ahead.iter().filter(|(document, _)| document.tree == *tree) {
        size.remove(index.get(tree, &document.auid, &document.name).map(Entry::bytes));
        size.add(known.as_ref().map(|(_, bytes)| *bytes));
    }
    size
}

/// What a commit comes to.
#[derive(Default)]
struct Decided {
    changes: Vec<New>,
    /// What is gone of the tree, and what is new.
    gone: Size,
    made: Size,
}

impl Decided {
    /// Whether a tree of that size has room for it. What is no more than what it replaces needs none.
    fn fits(&self, room: Room, size: impl FnOnce() -> Size) -> bool {
        let Self { gone, made, .. } = *self;
        if made.documents <= gone.documents && made.bytes <= gone.bytes {
            return true;
        }
        let before = size();
        let after = Size {
            documents: before.documents + made.documents - gone.documents,
            bytes: before.bytes + made.bytes - gone.bytes,
        };
        room.allows(before, after)
    }
}

/// What a commit changes, given what is there; or the first precondition that does not hold.
fn decide(commit: Commit, known: impl Fn(&DocumentSelector) -> Option<Known>) -> Result<Decided, Outcome> {
    let is_one = commit.operations.len() == 1;
    let mut decided = Decided::default();
    // What the operations so far have made of documents.
    let mut own: Ahead = BTreeMap::new();
    for operation in commit.operations {
        let document =
            DocumentSelector { auid: operation.auid, tree: commit.tree.clone(), name: operation.name };
        let (previous, bytes) = own.get(&document).cloned().unwrap_or_else(|| known(&document)).unzip();
        if !operation.precondition.holds(previous.as_ref()) {
            return Err(Outcome::Failed { document, current: previous });
        }
        let (current, mime) = match operation.write {
            Write::Check => continue,
            Write::Delete if previous.is_none() => continue,
            Write::Delete => (None, None),
            Write::Put { etag, mime, body } => (Some(Version { etag, body }), mime),
        };
        let new = New { change: Change { document, previous, current }, mime };
        let known = new.known();
        decided.gone.add(bytes);
        decided.made.add(known.as_ref().map(|(_, bytes)| *bytes));
        if !is_one {
            own.insert(new.change.document.clone(), known);
        }
        decided.changes.push(new);
    }
    Ok(decided)
}

/// Adds the changes of one commit as a frame; false, and nothing, if it would be longer than `limit`.
fn encode(
    (frames, packed): (&mut Frames, &mut Vec<u8>),
    changes: &[New],
    first: Position,
    at: Timestamp,
    limit: usize,
) -> bool {
    if changes.is_empty() {
        return true;
    }
    let start = frames.length();
    frames.begin();
    for (New { change, mime }, position) in changes.iter().zip(first.0..) {
        let mut record = Record::change(&change.document, Position(position), at);
        record.mime = mime.as_deref();
        record.previous = change.previous.as_ref().map(|etag| &*etag.0);
        if let Some(version) = &change.current {
            record.kind = Kind::Put;
            record.current = Some(&version.etag.0);
            record.plain_length = version.body.len() as u32; // limited by the options
            (record.encoding, record.body) = pack(&version.body, packed);
        }
        frames.add(&record);
    }
    if frames.length() - start > limit {
        frames.abandon();
        return false;
    }
    frames.end(Position(first.0 + changes.len() as u64 - 1));
    true
}

/// A body as it is stored: compressed where that saves a quarter.
fn pack<'a>(body: &'a [u8], packed: &'a mut Vec<u8>) -> (Encoding, &'a [u8]) {
    if body.len() >= COMPRESS_MIN {
        let room = lz4_flex::block::get_maximum_output_size(body.len());
        if packed.len() < room {
            packed.resize(room, 0);
        }
        if let Ok(length) = lz4_flex::block::compress_into(body, packed)
            && length < body.len() / 4 * 3
        {
            return (Encoding::Lz4, &packed[..length]);
        }
    }
    (Encoding::Plain, body)
}
