//! Plays every flow file, each reported by its name. `UPDATE_FLOWS=1` writes what the node says into the files.

#![expect(clippy::print_stdout, reason = "a harness of its own reports on standard output")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Wanted { filters, exact, listing, ignored } = Wanted::read(std::env::args().skip(1));
    let update = std::env::var_os("UPDATE_FLOWS").is_some_and(|value| value != "0");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("flows");
    let mut failed = Vec::new();
    let mut count = 0;
    for path in flows(&folder) {
        let name = name(&folder, &path);
        let fits = |filter: &String| if exact { *filter == name } else { name.contains(filter.as_str()) };
        if ignored || !filters.is_empty() && !filters.iter().any(fits) {
            continue;
        }
        if listing {
            println!("{name}: test");
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&path).expect("a flow file is readable text");
        let played = || if update { rewritten(&path, &text) } else { sim::flow::run(&text) };
        let outcome = std::panic::catch_unwind(played).unwrap_or_else(|_| Err("the node panicked".into()));
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        if let Err(report) = outcome {
            failed.push((name, report));
        }
    }
    if listing {
        return ExitCode::SUCCESS;
    }
    for (name, report) in &failed {
        println!("\n---- {name} ----\n{report}");
    }
    let result = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out",
        count - failed.len(),
        failed.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the harness is asked for, in the words of the usual one: test runners list first, then ask for one by one.
#[derive(Default)]
struct Wanted {
    filters: Vec<String>,
    exact: bool,
    listing: bool,
    /// Those that are left out otherwise: there are none.
    ignored: bool,
}

impl Wanted {
    fn read(mut words: impl Iterator<Item = String>) -> Self {
        let mut wanted = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => wanted.listing = true,
                "--exact" => wanted.exact = true,
                "--ignored" => wanted.ignored = true,
                "--format" | "--test-threads" | "--color" | "-Z" => drop(words.next()),
                other if other.starts_with('-') => {}
                _ => wanted.filters.push(word),
            }
        }
        wanted
    }
}

fn rewritten(path: &Path, text: &str) -> Result<(), String> {
    let anew = sim::flow::rewrite(text)?;
    if anew != text {
        fs::write(path, anew).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// `publish/initial` for `flows/publish/initial.flow`.
fn name(folder: &Path, path: &Path) -> String {
    let name = path.strip_prefix(folder).expect("it was found there").with_extension("");
    name.to_string_lossy().into_owned()
}

/// Every `.flow` file below the folder, in the order of their names.
fn flows(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of the flows is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(flows(&path));
        } else if path.extension().is_some_and(|extension| extension == "flow") {
            found.push(path);
        }
    }
    found.sort();
    found
}
