//! `cargo xtask soak`: a steady mixed load for minutes; memory must stay flat and no deadline overdue.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::engine::Engine;
use super::load::{Bench, Setting};
use super::subject::{Running, Subject, pin};
use super::{GENERATOR, SERVER};
use crate::args::Args;
use crate::say;

const PRESENTITIES: u32 = 1000;
const WATCHERS: u32 = 10;
/// Each second; a publication makes `WATCHERS` NOTIFYs.
const PUBLICATIONS: f64 = 200.0;
const REFRESHES: f64 = 200.0;
/// A dialog ended and another opened in its place.
const COMINGS_AND_GOINGS: f64 = 50.0;
const LOOK: Duration = Duration::from_secs(2);

/// `cargo xtask soak --minutes N`: builds for speed, then hands over to the build.
pub(crate) fn command(mut args: Args) -> Result<(), String> {
    super::hand_over("soak-run", args.rest())
}

/// Soaks, in the release build.
pub(crate) fn run(mut args: Args) -> Result<(), String> {
    let minutes: f64 = args.option("--minutes")?.unwrap_or(10.0);
    let setting = Setting::take(&mut args)?;
    args.finish()?;
    pin(&[GENERATOR])?;
    let subject = Subject::Rollcall { shards: 1 };
    let mut bench = Bench::start(&subject, &[SERVER], &setting, Duration::from_secs(1))?;
    bench.present(PRESENTITIES)?;
    bench.watch(0, WATCHERS)?;
    let samples = load(&mut bench, Duration::from_secs_f64(minutes * 60.0))?;
    bench.settle()?;
    let seen = &bench.engine.book.seen;
    say::line(&format!("{seen:?}"));
    if seen.wrong.total() > 0 {
        return Err(format!("the generator saw what may not be: {:?}", seen.wrong));
    }
    let overdue = overdue(&bench.running)?;
    say::line(&format!("overdue deadlines: {overdue}"));
    verdict(&samples, overdue)
}

/// Keeps the load steady; gives resident memory in bytes by seconds since the start.
fn load(bench: &mut Bench, span: Duration) -> Result<Vec<(f64, f64)>, String> {
    let began = Instant::now();
    let mut streams = [Stream::new(PUBLICATIONS), Stream::new(REFRESHES), Stream::new(COMINGS_AND_GOINGS)];
    streams.iter_mut().for_each(|stream| stream.due = bench.engine.now());
    let mut living: VecDeque<u32> = (0..bench.engine.dialogs()).collect();
    let (mut samples, mut next_look, mut next_word) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    let mut presentity = 0;
    while began.elapsed() < span {
        let engine = &mut bench.engine;
        while streams[0].is_due(engine) {
            presentity = (presentity + 1) % PRESENTITIES;
            if !engine.is_publishing(presentity) {
                engine.publish(presentity, engine.now());
            }
        }
        while streams[1].is_due(engine) {
            let dialog = living.pop_front().ok_or("no dialog is left")?;
            if !engine.is_subscribing(dialog) {
                engine.refresh(dialog);
            }
            living.push_back(dialog);
        }
        // Two requests at once, so two places are wanted.
        while engine.room() > 1 && streams[2].is_due(engine) {
            let dialog = living.pop_front().ok_or("no dialog is left")?;
            if engine.is_subscribing(dialog) {
                living.push_back(dialog);
                continue;
            }
            let watched = engine.watched(dialog);
            engine.unsubscribe(dialog);
            living.push_back(engine.dialogs());
            engine.subscribe(watched);
        }
        let due = streams.iter().map(|stream| stream.due).min();
        engine.turn(due).map_err(|error| error.to_string())?;
        let elapsed = began.elapsed();
        if elapsed >= next_look {
            next_look += LOOK;
            samples.push((elapsed.as_secs_f64(), bench.running.resident()? as f64));
        }
        if elapsed >= next_word {
            next_word += Duration::from_secs(30);
            let resident = samples.last().map_or(0.0, |(_, bytes)| *bytes) / f64::from(1 << 20);
            let notifies = bench.engine.book.seen.notifies;
            say::line(&format!("{:>5.0} s  {resident:.1} MiB  {notifies} NOTIFYs", elapsed.as_secs_f64()));
        }
    }
    Ok(samples)
}

/// Events at even distances.
struct Stream {
    distance: u64,
    due: u64,
}

impl Stream {
    fn new(rate: f64) -> Self {
        Self { distance: (1e9 / rate) as u64, due: 0 }
    }

    /// Whether the next event is due and there is room for it; if so, moves on to the one after.
    fn is_due(&mut self, engine: &Engine) -> bool {
        let due = self.due <= engine.now() && engine.room() > 0;
        if due {
            self.due += self.distance;
        }
        due
    }
}

fn overdue(running: &Running) -> Result<u64, String> {
    let page = running.page("/metrics")?;
    read_metric(&page, "rollcall_timers_overdue_total")
        .ok_or_else(|| "no count of overdue deadlines".to_owned())
}

fn read_metric(page: &str, name: &str) -> Option<u64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Flat means: after the first third, the fitted line grows by less than 2 % of what is resident, or than 1 MiB.
fn verdict(samples: &[(f64, f64)], overdue: u64) -> Result<(), String> {
    let settled = &samples[samples.len() / 3..];
    let (Some(first), Some(last)) = (settled.first(), settled.last()) else {
        return Err("too short to say anything".to_owned());
    };
    let growth = slope(settled) * (last.0 - first.0);
    let allowed = (last.1 * 0.02).max(f64::from(1 << 20));
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let text = format!(
        "resident {:.2} MiB, growth of the fitted line over the last {:.0} s: {:.2} MiB ({:.2} MiB allowed)",
        mib(last.1),
        last.0 - first.0,
        mib(growth),
        mib(allowed)
    );
    say::line(&text);
    if growth > allowed {
        return Err(format!("memory is not flat: {text}"));
    }
    if overdue > 0 {
        return Err(format!("{overdue} deadlines were handled late"));
    }
    Ok(())
}

/// Of the least-squares line; 0 for fewer than two samples.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| samples.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let above: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    let below: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_from_the_page() {
        let page = "# TYPE rollcall_timers_overdue_total counter\nrollcall_timers_overdue_total 3\n";
        assert_eq!(read_metric(page, "rollcall_timers_overdue_total"), Some(3));
        assert_eq!(read_metric(page, "rollcall_other"), None);
    }

    #[test]
    fn a_line_that_climbs_is_not_flat() {
        let mib = f64::from(1 << 20);
        let line = |start: f64, each: f64| -> Vec<(f64, f64)> {
            (0..300).map(|look| (f64::from(look) * 2.0, (start + each * f64::from(look)) * mib)).collect()
        };
        assert!(verdict(&line(100.0, 0.0), 0).is_ok());
        assert!(verdict(&line(100.0, 0.004), 0).is_ok());
        assert!(verdict(&line(100.0, 0.05), 0).is_err());
        assert!(verdict(&line(100.0, 0.0), 1).is_err());
    }

    #[test]
    fn growth_at_the_start_is_warming_up() {
        let mib = f64::from(1 << 20);
        let samples: Vec<(f64, f64)> =
            (0..300).map(|look| (f64::from(look), 50.0_f64.min(f64::from(look)) * mib)).collect();
        assert!(verdict(&samples, 0).is_ok());
    }
}
