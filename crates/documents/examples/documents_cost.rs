//! What a presence document costs, in nanoseconds: accepted, composed and hashed here, and parsed by `roxmltree`.
//!
//! `cargo run --release -p rollcall-documents --example documents_cost`

use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use documents::pidf::{Builder, Presence};
use xml::{Limits, Scanner};

const DOCUMENT: &str = include_str!("../tests/data/pidf/phone.xml");
/// Many short rounds, so that some are not disturbed by what else the machine does.
const ROUNDS: usize = 1000;
const PER_ROUND: u32 = 200;

fn main() -> io::Result<()> {
    let bytes = DOCUMENT.as_bytes();
    let limits = Limits::default();
    let presence = Presence::parse(bytes, &limits).map_err(io::Error::other)?;
    let costs = [
        ("xml::Scanner to the end", cost(|| _ = black_box(scan(bytes, &limits)))),
        ("Presence::parse", cost(|| drop(black_box(Presence::parse(black_box(bytes), &limits))))),
        ("Builder, all elements", cost(|| drop(black_box(compose(&presence))))),
        ("Presence::fingerprint", cost(|| _ = black_box(black_box(&presence).fingerprint()))),
        ("Presence::summary", cost(|| drop(black_box(presence.summary())))),
        (
            "roxmltree::Document::parse",
            cost(|| drop(black_box(roxmltree::Document::parse(black_box(DOCUMENT))))),
        ),
    ];
    let mut out = io::stdout().lock();
    writeln!(out, "{} bytes; best of {ROUNDS} rounds", bytes.len())?;
    for (what, nanoseconds) in costs {
        writeln!(out, "{nanoseconds:>8.0} ns  {what}")?;
    }
    Ok(())
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

fn compose(presence: &Presence) -> Presence {
    let mut builder = Builder::new(presence.entity());
    for element in presence.elements() {
        builder.element(&element, None);
    }
    builder.finish()
}

/// Nanoseconds per call: the best round, as the others were disturbed.
fn cost(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS).fold(f64::INFINITY, |best, _| {
        let start = Instant::now();
        (0..PER_ROUND).for_each(|_| work());
        best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(PER_ROUND))
    })
}
