//! What a tree costs, in nanoseconds: scanned, indexed, compared and patched here, and parsed by `roxmltree`.
//!
//! `cargo run --release -p rollcall-xml --example xml_cost`

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use xml::{Limits, Scanner, Tree, patch};

/// Many short rounds, so that some are not disturbed by what else the machine does.
const ROUNDS: usize = 300;
const PER_ROUND: u32 = 50;

fn main() -> io::Result<()> {
    let document = lists(10 * 1024);
    let bytes = document.as_bytes();
    let limits = Limits::default();
    let tree = Tree::read(bytes, &limits).map_err(io::Error::other)?;
    let other = Tree::read(bytes, &limits).map_err(io::Error::other)?;
    let changed = document.replacen("Buddy 50<", "Fifty<", 1);
    let changed = Tree::read(changed.as_bytes(), &limits).map_err(io::Error::other)?;
    let patching = patch::Limits::default();
    let patch = patch::diff(&tree, &changed, &patching).unwrap_or_default();
    let costs = [
        ("xml::Scanner to the end", cost(|| _ = black_box(scan(bytes, &limits)))),
        ("xml::Tree::read", cost(|| drop(black_box(Tree::read(black_box(bytes), &limits))))),
        ("xml::equivalent", cost(|| _ = black_box(xml::equivalent(tree.document(), other.document())))),
        ("patch::diff of one text", cost(|| _ = black_box(patch::diff(&tree, &changed, &patching)))),
        ("patch::apply of it", cost(|| _ = black_box(patch::apply(bytes, &patch, &patching)))),
        (
            "roxmltree::Document::parse",
            cost(|| drop(black_box(roxmltree::Document::parse(black_box(&document))))),
        ),
    ];
    let mut out = io::stdout().lock();
    writeln!(out, "{} bytes, {} nodes; best of {ROUNDS} rounds", bytes.len(), tree.len())?;
    for (what, nanoseconds) in costs {
        writeln!(out, "{nanoseconds:>8.0} ns  {what}")?;
    }
    Ok(())
}

/// A resource-lists document of about so many bytes.
fn lists(bytes: usize) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n  <list name=\"friends\">\n",
    );
    for number in 0.. {
        if text.len() > bytes {
            break;
        }
        let entry = "    <entry uri=\"sip:buddy";
        _ = write!(
            text,
            "{entry}{number}@example.com\">\n      <display-name>Buddy {number}</display-name>\n    </entry>\n"
        );
    }
    text.push_str("  </list>\n</resource-lists>\n");
    text
}

fn scan(bytes: &[u8], limits: &Limits) -> Result<usize, xml::Error> {
    let mut scanner = Scanner::new(black_box(bytes), limits)?;
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
