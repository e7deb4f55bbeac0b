//! What a document costs: processor time of a durable commit by clients that wait together, and of a read.
//! `--directory D` measures on another disk than that of the temporary files.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use sip_stack::Timestamp;
use store::docs::{
    Commit, DocStore, EmbeddedDocs, Operation, Options, Outcome, Precondition, Write as Change, wait,
};
use xcap::{DocumentSelector, ETag, Tree};

/// As many users as have their document written in turn.
const USERS: usize = 4096;
/// The size of a document, in bytes.
const SIZE: usize = 10 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let parent = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "--directory", directory] => directory.into(),
        _ => std::env::temp_dir(),
    };
    let directory = tempfile::tempdir_in(parent)?;
    let mut out = io::stdout().lock();
    let bodies: Vec<Arc<[u8]>> = (0..64).map(list).collect();
    let documents: Vec<DocumentSelector> = (0..USERS)
        .map(|user| {
            DocumentSelector::of_user("resource-lists", &format!("sip:user{user}@example.com"), "index")
        })
        .collect();
    floor_costs(directory.path(), &bodies, &mut out)?;
    let docs = EmbeddedDocs::open(directory.path().join("documents"), Options::default())?;
    for clients in [1, 16, 64] {
        commit_costs(&docs, &documents, &bodies, clients, &mut out)?;
    }
    read_costs(&docs, &documents, "in the cache or not", &mut out)?;
    read_costs(&docs, &documents[..64], "in the cache", &mut out)?;
    let stats = docs.stats();
    drop(docs);
    let (started, before) = (Instant::now(), process_time()?);
    let docs = EmbeddedDocs::open(directory.path().join("documents"), Options::default())?;
    writeln!(
        out,
        "open: {:.1?}, {:.1?} of the processor, for {} MB on disk, {} MB of documents",
        started.elapsed(),
        process_time()?.saturating_sub(before),
        stats.disk_bytes >> 20,
        stats.document_bytes >> 20,
    )?;
    read_costs(&docs, &documents, "after opening", &mut out)?;
    drop(docs);
    memory_costs(directory.path(), &mut out)
}

/// Memory of the index: of users with one small document each, and of as many with five.
fn memory_costs(directory: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    const USERS: usize = 100_000;
    for each in [1, 5] {
        let options = Options { cache_bytes: 0, feed_entries: 0, ..Options::default() };
        let docs = EmbeddedDocs::open(directory.join(format!("memory-{each}")), options)?;
        let before = resident()?;
        let client = |client: usize| {
            let docs = &docs;
            async move {
                for user in (client..USERS).step_by(64) {
                    let tree = Tree::User(format!("sip:user{user}@example.com").into());
                    let operation = |number: usize| Operation {
                        auid: format!("org.example.usage-{number}").into(),
                        name: "index".into(),
                        precondition: Precondition::None,
                        write: Change::Put {
                            etag: ETag(format!("{user:012x}").into()),
                            mime: None,
                            body: (*b"<small/>").into(),
                        },
                    };
                    let at = Timestamp::from_secs(1_800_000_000);
                    let commit =
                        Commit { tree, at, operations: (0..each).map(operation).collect(), room: None };
                    docs.commit(commit).await.map_err(|error| error.to_string())?;
                }
                Ok(())
            }
        };
        together((0..64).map(client).collect())?;
        let bytes = resident()?.saturating_sub(before) / (USERS * each) as u64;
        writeln!(out, "memory: {bytes} bytes a document, {each} documents a user")?;
        drop(docs);
        let before = process_time()?;
        let docs = EmbeddedDocs::open(directory.join(format!("memory-{each}")), Options::default())?;
        let cpu = process_time()?.saturating_sub(before);
        let documents = docs.stats().documents;
        writeln!(
            out,
            "open: {:.2} us of the processor a small document",
            cpu.as_secs_f64() * 1e6 / documents as f64
        )?;
    }
    Ok(())
}

/// The least that it can cost to bring as many bytes to the disk, sixteen documents to a sync.
fn floor_costs(directory: &Path, bodies: &[Arc<[u8]>], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut file = fs::File::create(directory.join("floor"))?;
    let group: Vec<u8> = bodies[..16].iter().flat_map(|body| body.iter().copied()).collect();
    let (before, started) = (process_time()?, Instant::now());
    for _ in 0..200 {
        file.write_all(&group)?;
        file.sync_data()?;
    }
    let (cpu, wall) = (process_time()?.saturating_sub(before), started.elapsed());
    writeln!(out, "floor, bare appends with a sync each 16: {}", rates(cpu, wall, 3200))?;
    fs::remove_file(directory.join("floor"))?;
    Ok(())
}

fn commit_costs(
    docs: &EmbeddedDocs,
    documents: &[DocumentSelector],
    bodies: &[Arc<[u8]>],
    clients: usize,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let commits = if clients == 1 { 2_000 } else { 40_000 };
    let each = commits / clients;
    let (before, started) = (process_time()?, Instant::now());
    let client = |client: usize| async move {
        for step in 0..each {
            let number = client * each + step;
            let document = &documents[number.wrapping_mul(7919) % USERS];
            let body = Arc::clone(&bodies[number % bodies.len()]);
            let etag = ETag(format!("{clients}-{number}").into());
            let operation = Operation {
                auid: Arc::clone(&document.auid),
                name: Arc::clone(&document.name),
                precondition: Precondition::None,
                write: Change::Put { etag, mime: None, body },
            };
            let at = Timestamp::from_secs(1_800_000_000);
            let commit = Commit { tree: document.tree.clone(), at, operations: vec![operation], room: None };
            match docs.commit(commit).await {
                Ok(Outcome::Done { .. }) => {}
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(())
    };
    together((0..clients).map(client).collect())?;
    let (cpu, wall) = (process_time()?.saturating_sub(before), started.elapsed());
    writeln!(out, "commit, {clients} clients: {}", rates(cpu, wall, commits))?;
    Ok(())
}

fn read_costs(
    docs: &EmbeddedDocs,
    documents: &[DocumentSelector],
    what: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    const READS: usize = 100_000;
    let mut bytes = 0;
    let (before, started) = (process_time()?, Instant::now());
    for number in 0..READS {
        let doc = wait(docs.get(&documents[number.wrapping_mul(7919) % documents.len()]))?;
        bytes += doc.map_or(0, |doc| doc.body.len());
    }
    let (cpu, wall) = (process_time()?.saturating_sub(before), started.elapsed());
    writeln!(out, "get, {what}: {}, {} bytes each", rates(cpu, wall, READS), bytes / READS)?;
    Ok(())
}

fn rates(cpu: Duration, wall: Duration, count: usize) -> String {
    let each = cpu.as_secs_f64() * 1e6 / count as f64;
    format!("{each:.2} us of the processor each, {:.0}/s", count as f64 / wall.as_secs_f64())
}

/// A resource list of about [`SIZE`] bytes, of entries that are like each other and not the same.
fn list(seed: u64) -> Arc<[u8]> {
    let mut random = seed;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n <list name=\"friends\">\n",
    );
    while text.len() < SIZE - 50 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (user, name) = (random >> 36, random >> 40);
        text.push_str(&format!("  <entry uri=\"sip:user{user:x}@example.com\">\n"));
        text.push_str(&format!("   <display-name>User {name:x}</display-name>\n  </entry>\n"));
    }
    text.push_str(" </list>\n</resource-lists>\n");
    text.into_bytes().into()
}

/// Runs futures side by side in this thread, as the runtime of one core does.
fn together<F: Future<Output = Result<(), String>>>(futures: Vec<F>) -> Result<(), String> {
    struct Task {
        thread: Thread,
        woken: AtomicBool,
    }
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            if !self.woken.swap(true, Ordering::AcqRel) {
                self.thread.unpark();
            }
        }
    }
    let mut running: Vec<(Arc<Task>, Waker, Pin<Box<F>>)> = futures
        .into_iter()
        .map(|future| {
            let task = Arc::new(Task { thread: thread::current(), woken: AtomicBool::new(true) });
            (Arc::clone(&task), Waker::from(task), Box::pin(future))
        })
        .collect();
    while !running.is_empty() {
        let mut outcome = Ok(());
        running.retain_mut(|(task, waker, future)| {
            if !task.woken.swap(false, Ordering::AcqRel) {
                return true;
            }
            match future.as_mut().poll(&mut Context::from_waker(waker)) {
                Poll::Pending => true,
                Poll::Ready(Ok(())) => false,
                Poll::Ready(error) => {
                    outcome = error;
                    false
                }
            }
        });
        outcome?;
        if running.iter().all(|(task, ..)| !task.woken.load(Ordering::Acquire)) && !running.is_empty() {
            thread::park();
        }
    }
    Ok(())
}

fn resident() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    Ok(text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096)
}

/// Processor time of all threads that are alive.
fn process_time() -> io::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}
