//! What lists cost: a member's change told in a list beside one told alone, first states, and memory.

mod watchers;

use std::ops::Range;
use std::time::{Duration, Instant};

use super::load::{Bench, Setting};
use super::report::{Fact, Report};
use super::subject::Subject;
use super::{Plan, SERVER};
use crate::say;
use watchers::Watchers;

/// Longest wait for what must come.
const LONGEST: Duration = Duration::from_secs(120);

/// Milliseconds in which changes of a list are gathered.
const AGGREGATION: u16 = 10;
/// The same where single subscriptions stand beside lists.
const LONG_AGGREGATION: u16 = 100;
/// How far apart rounds of publications begin there: both leave the server the same rest.
const APART: Duration = Duration::from_millis(2 * LONG_AGGREGATION as u64);

/// How large everything is.
pub(super) struct Scale {
    /// Members of a list that all change, and how many there are of such lists, each with a watcher: enough that the
    /// server has something to do.
    all_change: u32,
    changing: u32,
    /// Members of the list whose first state is timed, and how often.
    first: u32,
    firsts: usize,
    /// List subscriptions that are idle, and members of each.
    idle: u32,
    members: u32,
    /// Lists, and watchers of each.
    lists: u32,
    watchers: u32,
}

impl Scale {
    pub(super) const FULL: Self = Self {
        all_change: 100,
        changing: 10,
        first: 500,
        firsts: 20,
        idle: 10_000,
        members: 50,
        lists: 10,
        watchers: 10,
    };
    /// To see that it runs.
    pub(super) const TINY: Self = Self {
        all_change: 10,
        changing: 2,
        first: 300,
        firsts: 2,
        idle: 100,
        members: 10,
        lists: 2,
        watchers: 3,
    };
}

/// Measures lists, and says whether the goals are met.
pub(super) fn measure(plan: &Plan, report: &mut Report, scale: &Scale) -> Result<(), String> {
    beside_single(plan, report, scale)?;
    first_state(plan, report, scale)?;
    shared(plan, report, scale)?;
    idle(plan, report, scale)
}

fn start(plan: &Plan, aggregation: u16) -> Result<(Bench, Setting), String> {
    let setting = Setting { domain: "example.com".to_owned(), ..plan.setting.clone() };
    Ok((Bench::start(&Subject::Lists { aggregation }, &[SERVER], &setting, plan.span)?, setting))
}

fn connect(bench: &Bench, setting: &Setting, streams: usize) -> Result<Watchers, String> {
    Watchers::connect(bench.running.address, &setting.domain, streams)
}

/// Watchers with a list each, of members who all change, beside watchers with a subscription to each of them. What the
/// PUBLISH itself costs is measured first, and taken off both.
fn beside_single(plan: &Plan, report: &mut Report, scale: &Scale) -> Result<(), String> {
    let (many, all) = (scale.all_change, scale.all_change * scale.changing);
    say::step(&format!("lists of {many} members, all of them change"));
    let (mut bench, setting) = start(plan, LONG_AGGREGATION)?;
    bench.present(all)?;
    let mut nobody = connect(&bench, &setting, 0)?;
    let alone = rounds(&mut bench, &mut nobody, APART)?;
    let mut watchers = connect(&bench, &setting, 1)?;
    (0..scale.changing).for_each(|list| watchers.subscribe(list * many..(list + 1) * many));
    watchers.run_until(LONGEST, Watchers::are_complete)?;
    let listed = rounds(&mut bench, &mut watchers, APART)?;
    check(report, &bench, &watchers);
    let (mut bench, setting) = start(plan, LONG_AGGREGATION)?;
    bench.present(all)?;
    bench.watch(0, 1)?;
    let mut nobody = connect(&bench, &setting, 0)?;
    let single = rounds(&mut bench, &mut nobody, APART)?;
    check(report, &bench, &nobody);
    let more = |cost: &Rounds| (cost.micros() - alone.micros()).max(0.0);
    report.fact(Fact::at_most("PUBLISH of a member, not watched", alone.micros(), "us", None));
    report.fact(Fact::at_most(
        "a change told in a NOTIFY of its own, beyond its PUBLISH",
        more(&single),
        "us",
        None,
    ));
    let title = format!("a change told in a list of {many}, beyond its PUBLISH");
    report.fact(Fact::at_most(&title, more(&listed), "us", None));
    let title = format!("changes in one NOTIFY of a list of {many}, all changing");
    report.fact(Fact::at_most(&title, listed.delivered as f64 / listed.notifies.max(1) as f64, "", None));
    let title = format!("a change told in a list of {many} over one told in a NOTIFY of its own");
    report.fact(Fact::at_most(&title, more(&listed) / more(&single), "x", Some(0.7)));
    Ok(())
}

/// The first full state of a long list, until the last member's state is there.
fn first_state(plan: &Plan, report: &mut Report, scale: &Scale) -> Result<(), String> {
    let (many, times) = (scale.first, scale.firsts);
    say::step(&format!("the first state of a list of {many}, {times} times"));
    let (mut bench, setting) = start(plan, AGGREGATION)?;
    bench.present(many)?;
    let mut watchers = connect(&bench, &setting, 1)?;
    // One that is not counted: it pays for what is read once.
    watchers.subscribe(0..many);
    watchers.run_until(LONGEST, Watchers::are_complete)?;
    let (cpu, notifies) = (bench.running.cpu()?, watchers.notifies);
    let mut took = Vec::new();
    for _ in 0..times {
        watchers.subscribe(0..many);
        watchers.run_until(LONGEST, Watchers::are_complete)?;
        took.extend(watchers.subscriptions.last().and_then(|one| one.complete_after));
    }
    let cpu = (bench.running.cpu()? - cpu).as_secs_f64() * 1e3 / times as f64;
    took.sort();
    let millis = |span: Option<&Duration>| span.map_or(f64::NAN, |span| span.as_secs_f64() * 1e3);
    let fact = |what: &str, value, unit, limit| {
        Fact::at_most(&format!("first state of a list of {many}: {what}"), value, unit, limit)
    };
    report.fact(fact("processor time", cpu, "ms", None));
    report.fact(fact("NOTIFYs", (watchers.notifies - notifies) as f64 / times as f64, "", None));
    report.fact(fact("until all is there, median", millis(took.get(took.len() / 2)), "ms", None));
    report.fact(fact("until all is there, longest", millis(took.last()), "ms", Some(100.0)));
    check(report, &bench, &watchers);
    Ok(())
}

/// Lists with several watchers each: what it costs to tell one of them of a member's change, PUBLISH and all.
fn shared(plan: &Plan, report: &mut Report, scale: &Scale) -> Result<(), String> {
    let Scale { lists, members, watchers: each, .. } = *scale;
    say::step(&format!("{lists} lists of {members} members with {each} watchers"));
    let (mut bench, setting) = start(plan, AGGREGATION)?;
    bench.present(lists * members)?;
    let mut watchers = connect(&bench, &setting, 4)?;
    for number in 0..lists * each {
        let list = number % lists;
        watchers.subscribe(list * members..(list + 1) * members);
    }
    watchers.run_until(LONGEST, Watchers::are_complete)?;
    let cost = rounds(&mut bench, &mut watchers, Duration::ZERO)?;
    let title =
        format!("a member's change told to a watcher: {lists} lists of {members}, {each} watchers each");
    report.fact(Fact::at_most(&title, cost.per_delivery(), "us", Some(390.0 / 50.0)));
    check(report, &bench, &watchers);
    Ok(())
}

/// Resident memory with many list subscriptions that nothing happens to.
fn idle(plan: &Plan, report: &mut Report, scale: &Scale) -> Result<(), String> {
    let Scale { idle, members, .. } = *scale;
    say::step(&format!("memory of {idle} subscriptions to lists of {members}"));
    let (mut bench, setting) = start(plan, AGGREGATION)?;
    let presentities = (idle / 10).max(members);
    bench.present(presentities)?;
    let before = bench.running.settled()?;
    let mut watchers = connect(&bench, &setting, 16)?;
    for number in 0..idle {
        watchers.subscribe(window(number, members, presentities));
        if number % 64 == 63 {
            watchers.run_until(LONGEST, Watchers::are_complete)?;
        }
    }
    watchers.run_until(LONGEST, Watchers::are_complete)?;
    let after = bench.running.settled()?;
    let title = format!("resident memory in all with {idle} subscriptions to lists of {members}");
    report.fact(Fact::at_most(&title, after as f64 / f64::from(1 << 20), "MiB", Some(1024.0)));
    let title = format!("resident memory per member of a list that is watched, {idle} lists of {members}");
    let each = after.saturating_sub(before) as f64 / f64::from(idle) / f64::from(members);
    report.fact(Fact::at_most(&title, each, "B", None));
    check(report, &bench, &watchers);
    Ok(())
}

/// The members of one of many lists: neighbors, another beginning for each.
fn window(number: u32, members: u32, presentities: u32) -> Range<u32> {
    let first = number.wrapping_mul(7919) % (presentities - members + 1);
    first..first + members
}

fn check(report: &mut Report, bench: &Bench, watchers: &Watchers) {
    report.check("rollcall", &bench.engine.book.seen);
    if let Some(why) = &watchers.wrong {
        report.wrong("rollcall", why);
    }
}

/// What rounds of changes cost.
struct Rounds {
    publishes: u64,
    delivered: u64,
    notifies: u64,
    cpu: Duration,
}

impl Rounds {
    fn micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.publishes.max(1) as f64
    }

    fn per_delivery(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.delivered.max(1) as f64
    }
}

/// Every presentity publishes once, and again when everybody has been told and so much time has passed since it did,
/// until the server has spent its span of processor time (or five of them have passed on the wall). The first fifth is
/// not counted.
fn rounds(bench: &mut Bench, watchers: &mut Watchers, apart: Duration) -> Result<Rounds, String> {
    turn_rounds(bench, watchers, apart, bench.span / 5)?;
    let (cpu, publishes) = (bench.running.cpu()?, bench.engine.book.seen.publishes);
    let (delivered, notifies) = (watchers.delivered, watchers.notifies);
    turn_rounds(bench, watchers, apart, bench.span)?;
    Ok(Rounds {
        publishes: bench.engine.book.seen.publishes - publishes,
        delivered: watchers.delivered - delivered,
        notifies: watchers.notifies - notifies,
        cpu: bench.running.cpu()? - cpu,
    })
}

fn turn_rounds(
    bench: &mut Bench,
    watchers: &mut Watchers,
    apart: Duration,
    span: Duration,
) -> Result<(), String> {
    let (cpu, began) = (bench.running.cpu()?, Instant::now());
    while bench.running.cpu()? - cpu < span && began.elapsed() < span * 5 {
        let (count, mut next) = (bench.engine.presentities(), 0);
        let start = Instant::now();
        loop {
            let engine = &mut bench.engine;
            while next < count && engine.room() > 0 {
                engine.publish(next, engine.now());
                next += 1;
            }
            let now = engine.now();
            engine.turn(Some(now)).map_err(|error| error.to_string())?; // without a sleep
            watchers.turn(Duration::ZERO)?;
            let presentities = &bench.engine.book.presentities;
            if next == count
                && start.elapsed() >= apart
                && bench.engine.is_idle()
                && presentities.iter().all(|one| one.behind == 0)
                && watchers.are_current(|member| presentities[member as usize].counter)
            {
                break;
            }
            if start.elapsed() > LONGEST || watchers.wrong.is_some() {
                return Err(format!(
                    "list watchers have not heard of the last states: {:?}, {:?}",
                    watchers.wrong, bench.engine.book.seen
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_of_presentities_that_are_there() {
        for number in [0, 1, 77, 9_999, u32::MAX] {
            let members = window(number, 50, 1000);
            assert_eq!(members.len(), 50);
            assert!(members.end <= 1000);
        }
        assert_eq!(window(5, 50, 50), 0..50);
    }
}
