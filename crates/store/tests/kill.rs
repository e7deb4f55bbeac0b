//! A process that is killed while it writes: what it acknowledged is there afterwards.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use node::{Epoch, RowChange, RowKey};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, Options, ready};

/// Rows that are written over and over.
const ROWS: u64 = 500;
/// Acknowledged batches after which each child is killed.
const KILL_AFTER: [usize; 6] = [1, 40, 400, 1500, 7, 3000];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[..] {
        [_, verb, directory] if verb == "write-until-killed" => write_until_killed(Path::new(directory)),
        _ => acknowledged_rows_outlive_a_kill(),
    }
}

/// Small segments, so that rolling and compaction are under way when the end comes.
fn options() -> Options {
    Options { segment_bytes: 128 << 10, ..Options::default() }
}

/// The child: writes batches of rows for ever and tells each batch that was acknowledged.
fn write_until_killed(directory: &Path) {
    let log = EmbeddedLog::open(directory, options()).unwrap();
    let fence = log.claim_now().unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "epoch {}", fence.0).unwrap();
    for batch in 0_u64.. {
        let version = u64::from(fence.0) << 32 | batch;
        let changes: Vec<RowChange> = (0..5).map(|row| change(batch * 5 + row, version)).collect();
        // A buffered write is with the operating system, which outlives the process.
        let patience = if batch % 16 == 0 { Durability::Durable } else { Durability::Buffered };
        log.write_now(fence, &changes, patience).unwrap();
        writeln!(out, "batch {batch}").unwrap();
        out.flush().unwrap();
    }
}

/// Every eleventh change is a delete.
fn change(number: u64, version: u64) -> RowChange {
    let key = key(9, number % ROWS);
    if number % 11 == 3 { RowChange::Delete { key, version } } else { RowChange::Put(row(key, version, 400)) }
}

fn acknowledged_rows_outlive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut newest = Epoch(0);
    for acknowledged in KILL_AFTER {
        let (epoch, batches) = run_child(directory.path(), acknowledged);
        assert!(epoch > newest, "an epoch is never given twice");
        newest = epoch;
        let log = EmbeddedLog::open(directory.path(), options()).unwrap();
        assert_eq!(log.opening().given_up, Vec::<String>::new());
        let found = ready(contents(&log));
        // The child may have written more than it lived to tell: the model goes on until it agrees.
        (0..batches).for_each(|batch| model.apply(epoch, batch));
        let mut batch = batches;
        while model.versions() != found.iter().map(|(key, row)| (*key, row.version)).collect() {
            assert!(batch < batches + 100_000, "the log holds a state that never was");
            model.apply(epoch, batch);
            batch += 1;
        }
        assert_eq!(found, model.rows);
    }
}

/// Runs a child until it has acknowledged so many batches, kills it, and says which epoch and batches it told.
fn run_child(directory: &Path, acknowledged: usize) -> (Epoch, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("write-until-killed")
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let epoch = Epoch(first.strip_prefix("epoch ").unwrap().parse().unwrap());
    for _ in 0..acknowledged {
        assert!(lines.next().unwrap().unwrap().starts_with("batch "));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    // The last line may be cut in the middle; those before it were acknowledged.
    let told =
        lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("batch ")?.parse::<u64>().ok());
    let more = told.count().saturating_sub(1);
    (epoch, (acknowledged + more) as u64)
}

/// The state after a number of whole batches.
#[derive(Default)]
struct Model {
    rows: BTreeMap<RowKey, node::Row>,
}

impl Model {
    fn apply(&mut self, epoch: Epoch, batch: u64) {
        let version = u64::from(epoch.0) << 32 | batch;
        for number in batch * 5..batch * 5 + 5 {
            match change(number, version) {
                RowChange::Put(row) => {
                    self.rows.insert(row.key, row);
                }
                RowChange::Delete { key, .. } => {
                    self.rows.remove(&key);
                }
            }
        }
    }

    fn versions(&self) -> BTreeMap<RowKey, u64> {
        self.rows.iter().map(|(key, row)| (*key, row.version)).collect()
    }
}
