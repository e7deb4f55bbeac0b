//! What a row costs: processor time of a write, memory of a row, speed of a load. `--rows N` changes the number.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use node::{Epoch, Kind, Partition, Row, RowChange, RowKey};
use sip_stack::Timestamp;
use store::{Durability, EmbeddedLog, Options};

const DATA: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut out = io::stdout().lock();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "--open", directory] => open_costs(Path::new(directory), &mut out),
        [_, "--rows", rows] => all_costs(&arguments[0], rows.parse()?, &mut out),
        _ => all_costs(&arguments[0], 1_000_000, &mut out),
    }
}

fn all_costs(program: &str, rows: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    floor_costs(directory.path(), rows, out)?;
    write_costs(directory.path(), rows, out)?;
    out.flush()?;
    // In a process of its own, so that its memory is that of the log alone.
    std::process::Command::new(program).arg("--open").arg(directory.path()).status()?;
    durable_costs(directory.path(), out)
}

/// How many rows are made at a time: few enough to be in the cache, as in life, and so many that reading the clocks weighs
/// nothing.
const CHUNK: u64 = 8192;

/// The least anything can cost that hands as many bytes to the operating system in as many calls.
fn floor_costs(directory: &Path, rows: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    for size in [32, 256] {
        let bytes = vec![7_u8; 36 + (36 + DATA) * size];
        let mut file = fs::File::create(directory.join("floor"))?;
        let calls = rows / size as u64;
        let before = thread_time()?;
        for _ in 0..calls {
            file.write_all(&bytes)?;
        }
        let time = (thread_time()? - before).as_nanos() / u128::from(rows);
        writeln!(out, "floor, bare appends of {size} rows' bytes: {time} ns a row")?;
        file.sync_all()?;
        fs::remove_file(directory.join("floor"))?;
    }
    Ok(())
}

/// First inserts, then overwrites in a scattered order, in batches of both sizes.
fn write_costs(directory: &Path, rows: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let log = EmbeddedLog::open(directory, Options::default())?;
    let fence = log.claim_now()?;
    let mut sequence = 0;
    for (what, size, scattered) in [
        ("insert, batches of 256", 256, false),
        ("overwrite in order, batches of 256", 256, false),
        ("overwrite, batches of 32", 32, true),
        ("overwrite, batches of 256", 256, true),
    ] {
        let (mut writer, mut all) = (Duration::ZERO, Duration::ZERO);
        let (mut wall, mut longest) = (Duration::ZERO, Duration::ZERO);
        for first in (0..rows).step_by(CHUNK as usize) {
            let numbers: Vec<u64> = (first..rows.min(first + CHUNK)).collect();
            let chunk = numbers.chunks(size).map(|batch| {
                let change = |number: &u64| {
                    sequence += 1;
                    let id = if scattered { number.wrapping_mul(7_368_787) % rows } else { *number };
                    change(fence, id, sequence)
                };
                batch.iter().map(change).collect()
            });
            let chunk: Vec<Vec<RowChange>> = chunk.collect();
            let (thread, process, started) = (thread_time()?, process_time()?, Instant::now());
            for changes in &chunk {
                let begun = Instant::now();
                log.write_now(fence, changes, Durability::Buffered)?;
                longest = longest.max(begun.elapsed());
            }
            writer += thread_time()? - thread;
            all += process_time()? - process;
            wall += started.elapsed();
        }
        let each = |time: Duration| time.as_nanos() / u128::from(rows);
        let stats = log.stats();
        writeln!(
            out,
            "{what}: writer {} ns a row, with flusher and compaction {} ns, {} ns by the wall, longest write \
             {longest:.1?}; {} MB on disk for {} MB live",
            each(writer),
            each(all),
            each(wall),
            stats.disk_bytes >> 20,
            stats.live_bytes >> 20,
        )?;
    }
    Ok(())
}

fn open_costs(directory: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let before = resident()?;
    let (started, thread) = (Instant::now(), thread_time()?);
    let log = EmbeddedLog::open(directory, Options::default())?;
    let (opened, worked) = (started.elapsed(), thread_time()? - thread);
    let stats = log.stats();
    let memory = resident()?.saturating_sub(before);
    let rows = stats.rows as f64;
    writeln!(
        out,
        "open: {opened:.2?}, {worked:.2?} of the processor, for {} MB; index {:.1} bytes a row, resident memory grew by {:.1} bytes a row",
        stats.disk_bytes >> 20,
        stats.index_bytes as f64 / rows,
        memory as f64 / rows,
    )?;
    let (started, thread) = (Instant::now(), thread_time()?);
    let mut bytes = 0;
    let count = log.load_all_now(&mut |row| bytes += row.data.len())?;
    let rate = count as f64 / started.elapsed().as_secs_f64() / 1e3;
    let each = (thread_time()? - thread).as_nanos() / u128::from(count);
    writeln!(out, "load_all: {count} rows, {rate:.0} k rows/s, {each} ns of the processor a row")?;
    let started = Instant::now();
    let count = log.load_now(Partition(77), &mut |row| bytes += row.data.len())?;
    writeln!(out, "load of one partition: {count} rows in {:.2?}", started.elapsed())?;
    Ok(())
}

fn durable_costs(directory: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let log = EmbeddedLog::open(directory, Options::default())?;
    let fence = log.claim_now()?;
    let mut times: Vec<Duration> = Vec::new();
    for sequence in 0..500 {
        let changes: Vec<_> = (0..32).map(|id| change(fence, id, sequence * 32 + id)).collect();
        let started = Instant::now();
        log.write_now(fence, &changes, Durability::Durable)?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    writeln!(out, "durable batches of 32: median {:.2?}, 99th {:.2?}", times[250], times[495])?;
    Ok(())
}

fn change(fence: Epoch, id: u64, sequence: u64) -> RowChange {
    RowChange::Put(Row {
        key: RowKey { partition: Partition((id % 4096) as u16), kind: Kind::Dialog, id },
        version: u64::from(fence.0) << 32 | sequence,
        expires_at: Timestamp::from_secs(1_800_000_000),
        data: vec![id as u8; DATA].into(),
    })
}

/// Processor time of this thread: the first number of its schedstat, nanoseconds.
fn thread_time() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(first_number(&text)))
}

/// Processor time of all threads that are alive.
fn process_time() -> io::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        nanos += first_number(&fs::read_to_string(task?.path().join("schedstat"))?);
    }
    Ok(Duration::from_nanos(nanos))
}

fn resident() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    Ok(text.split_whitespace().nth(1).map_or(0, first_number) * 4096)
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
