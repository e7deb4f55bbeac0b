//! The repository's chores: `cargo xtask help` lists them.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod chores;
mod conformance;
mod interop;
mod run;
mod say;
mod suite;
mod tidy;

use std::process::ExitCode;

use args::Args;

const HELP: &str = "\
cargo xtask <chore>

  ci                     all that CI runs: fmt, clippy, doc, tidy, deny, test
  test [--no-interop]    every test: unit, flow, doc, and the interoperability scripts
  interop                the interoperability scripts alone
  conformance            the tables of docs/conformance against what the code cites
  tidy                   the drawing of the house, module lines, citations, strays
  bench [--seconds N] [--rounds N] [--large] [--shards] [--write] [--only LIST] [--sockets N]
        [--tiny] [--xcap] [--toy-only | --against ADDRESS --pid NUMBER]
                         processor time per operation beside two floors; LIST of requests, fan-out, xcap, lists,
                         memory, flat, shards; --tiny: lists so small that one only sees that it runs; --xcap is --only xcap; --write puts the table into docs/performance.md
  soak [--minutes N]     a steady mixed load (10 min); memory must stay flat and no deadline overdue
  capture [--seconds N]  records the demo on loopback; tshark must find nothing malformed
  sim [--seeds N] ..     the simulator over many seeds; other options are passed to it
  fuzz <target> [--seconds N]
                         one fuzz target for a while (60 s); without a target: which there are
";

fn main() -> ExitCode {
    let mut args = Args::from_env();
    let outcome = match args.word().as_deref() {
        Some("ci") => suite::ci(args),
        Some("test") => suite::test(args),
        Some("tidy") => args.finish().and_then(|()| tidy::run()),
        Some("sim") => chores::sim(args),
        Some("bench") => bench::command(args),
        Some("soak") => bench::soak::command(args),
        Some("soak-run") => bench::soak::run(args),
        Some("bench-run") => bench::measure(args),
        Some(hidden @ ("bench-toy" | "bench-floor" | "bench-bare")) => bench::serve(hidden, args),
        Some("interop") => args.finish().and_then(|()| suite::interop()),
        Some("conformance") => args.finish().and_then(|()| conformance::run()),
        Some("capture") => args.option("--seconds").and_then(|seconds| {
            args.finish()?;
            interop::capture(seconds.unwrap_or(10))
        }),
        Some("fuzz") => chores::fuzz(args),
        None | Some("help" | "--help" | "-h") => {
            say::line(HELP.trim_end());
            Ok(())
        }
        Some(other) => Err(format!("there is no chore {other:?}; `cargo xtask help` lists them")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say::trouble(&format!("xtask: {why}"));
            ExitCode::FAILURE
        }
    }
}
