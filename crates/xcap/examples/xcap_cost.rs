//! What an edit of one element of a 10 KiB document costs, in nanoseconds, step by step.
//!
//! `cargo run --release -p rollcall-xcap --example xcap_cost`

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use xcap::{NodeSelector, Reference};
use xml::Tree;

/// Many short rounds, so that some are not disturbed by what else the machine does.
const ROUNDS: usize = 300;
const PER_ROUND: u32 = 50;
const NAMESPACE: &str = "urn:ietf:params:xml:ns:resource-lists";
const PATH: &str = "/resource-lists/users/sip:bill@example.com/index/~~/resource-lists/list%5b@name=%22friends%22%5d/entry%5b@uri=%22sip:buddy50@example.com%22%5d";
const BODY: &[u8] = b"<entry uri=\"sip:buddy50@example.com\"><display-name>Fifty</display-name></entry>";

fn main() -> Result<(), Box<dyn Error>> {
    let document = lists(10 * 1024);
    let bytes = document.as_bytes();
    let limits = xml::Limits::default();
    let tree = Tree::read(bytes, &limits)?;
    let selector = selector()?;
    let costs = [
        ("the URI", cost(|| drop(black_box(self::selector())))),
        ("Tree::read", cost(|| drop(black_box(Tree::read(black_box(bytes), &limits))))),
        ("get", cost(|| drop(black_box(xcap::get(&tree, &selector))))),
        ("put", cost(|| drop(black_box(xcap::put(&tree, &selector, BODY, &limits))))),
        ("delete", cost(|| drop(black_box(xcap::delete(&tree, &selector))))),
        ("URI, read, put, read again", cost(|| drop(black_box(whole(bytes, &limits))))),
    ];
    let mut out = io::stdout().lock();
    writeln!(out, "{} bytes, {} nodes; best of {ROUNDS} rounds", bytes.len(), tree.len())?;
    for (what, nanoseconds) in costs {
        writeln!(out, "{nanoseconds:>8.0} ns  {what}")?;
    }
    Ok(())
}

fn selector() -> Result<NodeSelector, xcap::UriError> {
    let limits = xcap::Limits::default();
    let reference = Reference::split(black_box(PATH), None, &limits)?;
    NodeSelector::parse(reference.node.unwrap_or_default(), reference.query, NAMESPACE, &limits)
}

fn whole(bytes: &[u8], limits: &xml::Limits) -> Result<usize, Box<dyn Error>> {
    let selector = selector()?;
    let tree = Tree::read(black_box(bytes), limits)?;
    let edit = xcap::put(&tree, &selector, BODY, limits)?;
    Ok(Tree::read(&edit.document(), limits)?.len())
}

/// A resource-lists document of about so many bytes.
fn lists(bytes: usize) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"{NAMESPACE}\">\n  <list name=\"friends\">\n"
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

/// Nanoseconds per call: the best round, as the others were disturbed.
fn cost(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS).fold(f64::INFINITY, |best, _| {
        let start = Instant::now();
        (0..PER_ROUND).for_each(|_| work());
        best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(PER_ROUND))
    })
}
