//! `cargo xtask tidy`: the drawing of the house, module lines, citations, strays.

mod drawing;
mod rust;
mod strip;
mod words;

use std::fmt;
use std::process::Command;

use crate::{run, say};

/// One thing that is wrong, where a person can find it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// From 1; 0 means the file as a whole.
    pub(crate) line: usize,
    pub(crate) what: String,
    /// A warning is shown, and fails nothing.
    pub(crate) warning: bool,
}

impl Finding {
    pub(crate) fn error(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), warning: false }
    }

    pub(crate) fn warning(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), warning: true }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = if self.warning { "warning" } else { "error" };
        write!(f, "{}:{}: {grade}: {}", self.path, self.line, self.what)
    }
}

/// Checks every file that git knows or would add. Fails if there is an error.
pub(crate) fn run() -> Result<(), String> {
    let mut findings = Vec::new();
    let mut files = 0;
    for path in listed()? {
        // A file that is gone from the disk but not yet from git, or that is not text, is not ours to read.
        let Ok(text) = std::fs::read_to_string(run::root().join(&path)) else { continue };
        files += 1;
        check(&path, &text, &mut findings);
    }
    for finding in &findings {
        say::line(&finding.to_string());
    }
    let errors = findings.iter().filter(|finding| !finding.warning).count();
    let warnings = findings.len() - errors;
    say::line(&format!("tidy: {files} files, {errors} errors, {warnings} warnings"));
    if errors == 0 { Ok(()) } else { Err(format!("tidy found {errors} errors")) }
}

fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    words::check(path, text, findings);
    if path.ends_with("Cargo.toml") {
        drawing::check(path, text, findings);
    }
    if path.ends_with(".rs") {
        rust::check(path, text, findings);
    }
}

fn listed() -> Result<Vec<String>, String> {
    let list = run::output(Command::new("git").current_dir(run::root()).args([
        "ls-files",
        "-co",
        "--exclude-standard",
        "-z",
    ]))?;
    Ok(list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}
