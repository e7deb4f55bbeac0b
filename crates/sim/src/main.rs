//! The simulator: `--seeds N [--from X]` runs many seeds, `--seed X [--trace]` one.

use std::io::{self, Write};
use std::process::ExitCode;

use sim::simulation;

const USAGE: &str = "usage: sim [--seeds N] [--from X] | --seed X [--trace]";

struct Options {
    seeds: u64,
    from: u64,
    seed: Option<u64>,
    trace: bool,
}

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            writeln!(out, "{error}\n{USAGE}")?;
            return Ok(ExitCode::from(2));
        }
    };
    match options.seed {
        Some(seed) => one(&mut out, seed, options.trace),
        None => many(&mut out, options.from..options.from.saturating_add(options.seeds)),
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seeds: 100, from: 1, seed: None, trace: false };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} wants a number"))?;
            value.parse::<u64>().map_err(|_| format!("{value} is no number"))
        };
        match word.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--seed" => options.seed = Some(number()?),
            "--trace" => options.trace = true,
            _ => return Err(format!("{word} is not known")),
        }
    }
    Ok(options)
}

fn one(out: &mut impl Write, seed: u64, trace: bool) -> io::Result<ExitCode> {
    let mut lost = None;
    let outcome = if trace {
        simulation::trace(seed, &mut |line| {
            let written = writeln!(out, "{line}");
            lost = lost.take().or(written.err());
        })
    } else {
        simulation::simulate(seed)
    };
    if let Some(error) = lost {
        return Err(error);
    }
    match outcome {
        Ok(tally) => {
            writeln!(out, "seed {seed}: {tally:?}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            writeln!(out, "{failure}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn many(out: &mut impl Write, seeds: core::ops::Range<u64>) -> io::Result<ExitCode> {
    let report = simulation::run(seeds);
    for failure in &report.failures {
        writeln!(out, "{failure}\n")?;
    }
    writeln!(out, "{} runs, {} failed: {:?}", report.runs, report.failures.len(), report.tally)?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
