//! Chores that hand over to another program: the simulator and the fuzzer.

use crate::args::Args;
use crate::{run, say};

/// `cargo xtask sim`: builds the simulator for speed and passes every option on.
pub(crate) fn sim(mut args: Args) -> Result<(), String> {
    let mut words =
        vec!["run".to_owned(), "--release".to_owned(), "--package".to_owned(), "rollcall-sim".to_owned()];
    words.push("--".to_owned());
    words.extend(args.rest());
    run::check(run::cargo(&[]).args(words))
}

/// What makes a target feel its way: edge counters and traces of comparisons, as libFuzzer wants them.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1";

/// `cargo xtask fuzz <target>`: one libFuzzer target of `fuzz/`, on the stable compiler, with nothing to install.
pub(crate) fn fuzz(mut args: Args) -> Result<(), String> {
    let seconds = args.option::<u32>("--seconds")?.unwrap_or(60);
    let target = args.word();
    args.finish()?;
    let folder = run::root().join("fuzz");
    let targets = targets(&folder)?;
    let Some(target) = target else {
        targets.iter().for_each(|target| say::line(target));
        return Ok(());
    };
    if !targets.contains(&target) {
        return Err(format!("there is no fuzz target {target:?}; there are {}", targets.join(", ")));
    }
    let corpus = folder.join("corpus").join(&target);
    let artifacts = folder.join("artifacts").join(&target);
    for made in [&corpus, &artifacts] {
        std::fs::create_dir_all(made).map_err(|error| format!("{}: {error}", made.display()))?;
    }
    // Naming the target keeps the flags from build scripts and macros, which run without libFuzzer.
    let mut command = run::cargo(&["run", "--release", "--target", &host()?, "--bin", &target]);
    command.current_dir(&folder).env("RUSTFLAGS", COVERAGE).arg("--").arg(&corpus);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}")).args([
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]);
    run::check(&mut command)
}

/// The triple of the machine we run on.
fn host() -> Result<String, String> {
    let version = run::output(std::process::Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}

fn targets(folder: &std::path::Path) -> Result<Vec<String>, String> {
    let list = std::fs::read_dir(folder.join("fuzz_targets"))
        .map_err(|error| format!("{}: {error}", folder.join("fuzz_targets").display()))?;
    let mut names: Vec<String> = list
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".rs").map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}
