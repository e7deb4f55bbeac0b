//! What checking a document costs beside scanning it, in nanoseconds per KiB.
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

/// Many short rounds, so that some are not disturbed by what else the machine does.
const ROUNDS: usize = 1000;
const PER_ROUND: u32 = 20;

fn main() -> io::Result<()> {
    let limits = Limits::default();
    let mut out = io::stdout().lock();
    for entries in [1, 10, 100] {
        let document = document(entries);
        let bytes = document.as_bytes();
        check(bytes, &GRAMMAR, &limits).map_err(io::Error::other)?;
        let scanned = cost(|| _ = black_box(scan(black_box(bytes), &limits)));
        let checked = cost(|| _ = black_box(check(black_box(bytes), &GRAMMAR, &limits)));
        let tree = Tree::read(bytes, &limits).map_err(io::Error::other)?;
        let walked = cost(|| _ = black_box(check_tree(black_box(&tree), &GRAMMAR)));
        let per_kib = 1024.0 / bytes.len() as f64;
        writeln!(
            out,
            "{:>6} bytes: scan {:>5.0} ns/KiB, scan and check {:>5.0} ns/KiB ({:.2} times, {:.1} us in all), \
             check of a tree {:>4.0} ns/KiB ({:.1} us in all)",
            bytes.len(),
            scanned * per_kib,
            checked * per_kib,
            checked / scanned,
            checked / 1000.0,
            walked * per_kib,
            walked / 1000.0
        )?;
    }
    Ok(())
}

/// A resource-lists document; about 100 bytes an entry.
fn document(entries: usize) -> String {
    let mut document = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n <list name=\"friends\">\n",
    );
    for entry in 0..entries {
        document.push_str(&format!(
            "  <entry uri=\"sip:contact-{entry}@example.com\">\n   \
             <display-name>Contact number {entry}</display-name>\n  </entry>\n"
        ));
    }
    document + " </list>\n</resource-lists>\n"
}

fn scan(bytes: &[u8], limits: &Limits) -> Result<usize, xml::Error> {
    let mut scanner = Scanner::new(bytes, limits)?;
    let mut tokens = 0;
    while let Some(token) = scanner.pull()? {
        black_box(&token);
        tokens += 1;
    }
    Ok(tokens)
}

/// Nanoseconds per call: the best round, as the others were disturbed.
fn cost(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS).fold(f64::INFINITY, |best, _| {
        let start = Instant::now();
        (0..PER_ROUND).for_each(|_| work());
        best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(PER_ROUND))
    })
}
