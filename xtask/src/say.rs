//! The one place that writes to the terminal.

use std::io::Write as _;

/// Writes one line to standard output. A closed pipe is not our trouble.
pub(crate) fn line(text: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes one line to standard error.
pub(crate) fn trouble(text: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
}

/// Announces a step of a longer chore.
pub(crate) fn step(text: &str) {
    line(&format!("\n== {text}"));
}
