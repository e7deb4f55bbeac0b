//! What checking a document costs beside scanning it, in nanoseconds per KiB: the same for all sizes of a shape.
//!
//! `cargo run --release -p rollcall-xml --example schema_cost`

use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use xml::schema::{ANY_URI, Grammar, LANG, OTHER, STRING, Vocabulary, check, check_tree, optional, required};
use xml::{Limits, Scanner, Tree};

xml::schema! {
    namespace "urn:ietf:params:xml:ns:resource-lists" from "RFC 4826 §3.2";

    element RESOURCE_LISTS = "resource-lists" [] (LIST*);
    element LIST = "list" [optional("name", STRING), OTHER] (DISPLAY_NAME?, (LIST | ENTRY)*, other*);
    element ENTRY = "entry" [required("uri", ANY_URI), OTHER] (DISPLAY_NAME?, other*);
    element DISPLAY_NAME = "display-name" [LANG] text(STRING);
}

static LISTS: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&RESOURCE_LISTS], attributes: &[] };
static GRAMMAR: Grammar = Grammar { root: &RESOURCE_LISTS, vocabularies: &[&LISTS] };

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let shapes = [
        ("1 entry", entries(1)),
        ("10 entries", entries(10)),
        ("100 entries", entries(100)),
        ("10 000 entries", entries(10_000)),
        ("5 000 lists in each other", nested(5_000)),
        ("1 000 entries of 60 attributes", attributes(1_000, 60)),
        ("10 000 ids", ids(10_000)),
    ];
    for (what, document) in shapes {
        let bytes = document.as_bytes();
        check(bytes, &GRAMMAR, &Limits::NONE).map_err(io::Error::other)?;
        let tree = Tree::read(bytes, &Limits::NONE).map_err(io::Error::other)?;
        let scanned = cost(bytes.len(), || _ = black_box(scan(black_box(bytes))));
        let checked = cost(bytes.len(), || _ = black_box(check(black_box(bytes), &GRAMMAR, &Limits::NONE)));
        let walked = cost(bytes.len(), || _ = black_box(check_tree(black_box(&tree), &GRAMMAR)));
        writeln!(
            out,
            "{scanned:>6.0} scanned, {checked:>6.0} scanned and checked ({:.2} times), {walked:>6.0} checked as a tree: \
             {what}, {} KiB",
            checked / scanned,
            bytes.len() / 1024
        )?;
    }
    Ok(())
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n <list name=\"friends\">\n";
const TAIL: &str = " </list>\n</resource-lists>\n";

/// An entry as people have it, about 100 bytes.
fn entries(count: usize) -> String {
    let entry = |number| {
        format!(
            "  <entry uri=\"sip:contact-{number}@example.com\">\n   \
             <display-name>Contact number {number}</display-name>\n  </entry>\n"
        )
    };
    [HEAD, &(0..count).map(entry).collect::<String>(), TAIL].concat()
}

fn nested(depth: usize) -> String {
    [HEAD, &"<list>".repeat(depth), &"</list>".repeat(depth), TAIL].concat()
}

fn attributes(count: usize, each: usize) -> String {
    let attributes: String = (0..each).map(|number| format!(" z:a{number}=\"1\"")).collect();
    let entry = format!("<entry xmlns:z=\"urn:z\" uri=\"a\"{attributes}/>\n");
    [HEAD, &entry.repeat(count), TAIL].concat()
}

fn ids(count: usize) -> String {
    let entry = |number| format!("<entry uri=\"a\" xml:id=\"an-id-with-a-long-beginning-{number}\"/>\n");
    [HEAD, &(0..count).map(entry).collect::<String>(), TAIL].concat()
}

fn scan(bytes: &[u8]) -> Result<usize, xml::Error> {
    let mut scanner = Scanner::new(bytes, &Limits::NONE)?;
    let mut tokens = 0;
    while let Some(token) = scanner.pull()? {
        black_box(&token);
        tokens += 1;
    }
    Ok(tokens)
}

/// Nanoseconds per KiB: the best round, as the others were disturbed.
fn cost(bytes: usize, mut work: impl FnMut()) -> f64 {
    const ROUNDS: usize = 100;
    const PER_ROUND: usize = 256 * 1024;
    let times = PER_ROUND / bytes + 1;
    let best = (0..ROUNDS).fold(f64::INFINITY, |best, _| {
        let start = Instant::now();
        (0..times).for_each(|_| work());
        best.min(start.elapsed().as_secs_f64())
    });
    best * 1e9 / (times * bytes) as f64 * 1024.0
}
