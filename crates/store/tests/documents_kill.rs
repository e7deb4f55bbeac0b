//! A process that is killed while its threads commit: every commit that was answered is there afterwards.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use store::docs::suite::{commit, document, put};
use store::docs::{DocStore, EmbeddedDocs, Options, Precondition, wait};

/// Documents of each thread, one of its own user's each.
const DOCUMENTS: u64 = 20;
const THREADS: u64 = 6;
/// Answered commits after which each child is killed.
const KILL_AFTER: [usize; 6] = [1, 40, 400, 1500, 7, 3000];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[..] {
        [_, verb, directory, life] if verb == "commit-until-killed" => {
            commit_until_killed(Path::new(directory), life.parse().unwrap());
        }
        _ => answered_commits_outlive_a_kill(),
    }
}

/// Small segments, so that rolling and compaction are under way when the end comes.
fn open(directory: &Path) -> EmbeddedDocs {
    let options = Options { segment_bytes: 64 << 10, feed_entries: 16, ..Options::default() };
    EmbeddedDocs::open(directory, options).unwrap()
}

/// The child: threads commit for ever, two documents at a time, and tell what was answered.
fn commit_until_killed(directory: &Path, life: u64) {
    let docs = open(directory);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let docs = &docs;
            scope.spawn(move || {
                for step in 0_u64.. {
                    let version = life << 32 | step;
                    let pair = [0, 1].map(|half| {
                        let it = document(&thread.to_string(), "test", &name(step, half));
                        put(&it, Precondition::None, &version.to_string(), &body(version))
                    });
                    wait(docs.commit(commit(&thread.to_string(), pair.to_vec()))).unwrap();
                    // One call, so that lines of several threads do not mix.
                    std::io::stdout().write_all(format!("{thread} {version}\n").as_bytes()).unwrap();
                }
            });
        }
    });
}

fn name(step: u64, half: u64) -> String {
    format!("{}-{half}", step % DOCUMENTS)
}

fn body(version: u64) -> Vec<u8> {
    (0..100 + version % 800).map(|at| (at.wrapping_mul(version) >> 7) as u8).collect()
}

fn answered_commits_outlive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut answered: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for (life, enough) in (1..).zip(KILL_AFTER) {
        for (thread, version) in run_child(directory.path(), life, enough) {
            answered.insert((thread, version % (1 << 32) % DOCUMENTS), version);
        }
        let docs = open(directory.path());
        assert_eq!(docs.found().damaged, [""; 0]);
        for thread in 0..THREADS {
            for step in 0..DOCUMENTS {
                let both = [0, 1].map(|half| {
                    let it = document(&thread.to_string(), "test", &name(step, half));
                    wait(docs.get(&it)).unwrap().map(|doc| {
                        let version: u64 = doc.etag.0.parse().unwrap();
                        assert!(*doc.body == body(version), "the bytes are those of the version");
                        version
                    })
                });
                assert_eq!(both[0], both[1], "half a commit");
                assert!(both[0] >= answered.get(&(thread, step)).copied(), "{both:?} of {thread} at {step}");
            }
        }
    }
}

/// Runs a child until it has told so many commits, kills it, and gives all that it told.
fn run_child(directory: &Path, life: u64, enough: usize) -> Vec<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("commit-until-killed")
        .arg(directory)
        .arg(life.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = (0..enough).map(|_| lines.next().unwrap().unwrap()).collect();
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    told.extend(lines.map_while(Result::ok));
    // The last line may be cut in the middle.
    told.pop();
    let read = |line: &String| {
        let (thread, version) = line.split_once(' ').unwrap();
        (thread.parse().unwrap(), version.parse().unwrap())
    };
    told.iter().map(read).collect()
}
