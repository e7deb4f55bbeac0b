//! `cargo xtask test` and `cargo xtask ci`: every test, counted in one closing line.

use crate::args::Args;
use crate::{conformance, interop, run, say, tidy};

/// What a chore that tests has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// One test that a script is; what it said is shown if it failed.
    pub(crate) fn one(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                say::line(&format!("passed   {name}"));
                self.passed += 1;
            }
            Err(why) => {
                say::line(&format!("FAILED   {name}\n{why}"));
                self.failed += 1;
            }
        }
    }

    /// Tests that cannot run here, and what would let them.
    pub(crate) fn skip(&mut self, count: u64, what: &str, remedy: &str) {
        say::line(&format!("SKIPPED  {count} {what}: {remedy}"));
        self.skipped += count;
    }

    /// A step that has no tests of its own to count: nothing if it succeeded, one failure if not.
    fn step(&mut self, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            say::trouble(&format!("xtask: {why}"));
            self.failed += 1;
        }
    }

    /// Prints the closing line, and fails if anything failed or nothing ran.
    fn close(self) -> Result<(), String> {
        say::line(&format!("\n{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped));
        self.outcome()
    }

    fn outcome(self) -> Result<(), String> {
        match self {
            Self { failed: 0, passed: 1.., .. } => Ok(()),
            Self { failed: 0, .. } => Err("no test ran".to_owned()),
            Self { failed, .. } => Err(format!("{failed} failed")),
        }
    }
}

/// `cargo xtask test`: unit, flow and doc tests, then the interoperability scripts.
pub(crate) fn test(mut args: Args) -> Result<(), String> {
    let interop = !args.flag("--no-interop");
    args.finish()?;
    all(interop).close()
}

/// `cargo xtask interop`: the interoperability scripts alone.
pub(crate) fn interop() -> Result<(), String> {
    interop::all().close()
}

/// `cargo xtask ci`: every check, every test. Goes on after a failure, so that one run tells all.
pub(crate) fn ci(mut args: Args) -> Result<(), String> {
    let interop = !args.flag("--no-interop");
    args.finish()?;
    let mut tally = Tally::default();
    say::step("fmt");
    tally.step(run::check(&mut run::cargo(&["fmt", "--all", "--check"])));
    say::step("tidy");
    tally.step(tidy::run());
    say::step("conformance");
    tally.step(conformance::run());
    say::step("clippy");
    let clippy = ["clippy", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"];
    tally.step(run::check(&mut run::cargo(&clippy)));
    say::step("doc");
    let mut doc = run::cargo(&["doc", "--workspace", "--no-deps", "--keep-going"]);
    tally.step(run::check(doc.env("RUSTDOCFLAGS", "-D warnings")));
    say::step("deny");
    if !run::is_installed("cargo-deny") {
        tally.skip(1, "look at dependencies", "`cargo install cargo-deny`");
    } else if !run::root().join("deny.toml").is_file() {
        tally.skip(1, "look at dependencies", "there is no deny.toml");
    } else {
        tally.step(run::check(&mut run::cargo(&[
            "deny",
            "--offline",
            "check",
            "bans",
            "licenses",
            "sources",
        ])));
    }
    tally.add(all(interop));
    tally.close()
}

fn all(interop: bool) -> Tally {
    let mut tally = Tally::default();
    say::step("tests");
    if run::is_installed("cargo-nextest") {
        let words = ["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"];
        tally.add(counted(&words, nextest_tally));
        say::step("documentation tests");
        tally.add(counted(&["test", "--workspace", "--doc", "--no-fail-fast"], libtest_tally));
    } else {
        tally.add(counted(&["test", "--workspace", "--no-fail-fast"], libtest_tally));
    }
    if interop {
        tally.add(interop::all());
    }
    tally
}

/// Runs cargo and counts what its tests say. A run that failed without a failed test did not compile: one failure.
fn counted(words: &[&str], read: fn(&str) -> Option<Tally>) -> Tally {
    let mut tally = Tally::default();
    match run::watch(&mut run::cargo(words)) {
        Ok((succeeded, lines)) => {
            lines.iter().filter_map(|line| read(line)).for_each(|part| tally.add(part));
            if !succeeded && tally.failed == 0 {
                tally.failed = 1;
            }
        }
        Err(why) => tally.step(Err(why)),
    }
    tally
}

/// `Summary [   0.004s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped`
fn nextest_tally(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim_start().strip_prefix("Summary [")?.split_once(": ")?;
    let mut tally = Tally::default();
    for part in counts.split(", ") {
        let mut words = part.split_whitespace();
        let Some(count) = words.next().and_then(|count| count.parse::<u64>().ok()) else { continue };
        match words.next() {
            Some("passed") => tally.passed += count,
            Some("skipped") => tally.skipped += count,
            Some(_) => tally.failed += count, // failed, timed out, exec failed
            None => {}
        }
    }
    Some(tally)
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn libtest_tally(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        let part = counts.split("; ").find(|part| part.ends_with(word))?;
        part.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_nextest_is_counted() {
        let line =
            "     Summary [   0.012s] 8 tests run: 5 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(nextest_tally(line), Some(Tally { passed: 5, failed: 3, skipped: 4 }));
        assert_eq!(nextest_tally("        PASS [   0.004s] xtask args::tests::x"), None);
    }

    #[test]
    fn the_summary_of_the_test_harness_is_counted() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(libtest_tally(line), Some(Tally { passed: 3, failed: 1, skipped: 2 }));
        assert_eq!(libtest_tally("running 3 tests"), None);
    }

    #[test]
    fn a_run_without_a_test_is_no_success() {
        assert!(Tally::default().outcome().is_err());
        assert!(Tally { passed: 1, failed: 1, skipped: 0 }.outcome().is_err());
        assert!(Tally { passed: 1, failed: 0, skipped: 3 }.outcome().is_ok());
    }
}
