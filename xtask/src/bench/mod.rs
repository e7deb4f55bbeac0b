//! `cargo xtask bench`: what an operation costs, beside two floors, over real loopback datagrams.

mod book;
mod calm;
mod engine;
mod floor;
mod histogram;
mod lists;
mod load;
mod message;
mod report;
mod rules;
mod scan;
pub(crate) mod soak;
pub(crate) mod subject;
mod toy;
mod wire;
mod xcap;

use std::net::SocketAddrV4;
use std::time::Duration;

use floor::{Exchange, Sizes};
use load::{Bench, Cost, Setting};
use report::{Fact, Report, Row};
use subject::Subject;

use crate::args::Args;
use crate::{run, say};

/// What the server runs on, and what the generator runs on.
const SERVER: usize = 0;
const GENERATOR: usize = 1;

/// `cargo xtask bench`: builds for speed, then hands over to the build.
pub(crate) fn command(mut args: Args) -> Result<(), String> {
    hand_over("bench-run", args.rest())
}

/// Builds the release `rollcall` and `xtask`, and runs one of our hidden commands from that build.
pub(crate) fn hand_over(hidden: &str, words: Vec<String>) -> Result<(), String> {
    let mut build = run::cargo(&["build", "--release", "--package", "xtask"]);
    if !words.iter().any(|word| word == "--toy-only" || word.starts_with("--against")) {
        build.args(["--package", "rollcall-server", "--bin", "rollcall", "--bin", "xtask"]);
    }
    run::check(&mut build)?;
    let mut command = std::process::Command::new(run::target().join("release").join("xtask"));
    run::check(command.arg(hidden).args(words).current_dir(run::root()))
}

/// The toy and the floor, as processes of their own.
pub(crate) fn serve(hidden: &str, mut args: Args) -> Result<(), String> {
    let address: SocketAddrV4 =
        args.word().and_then(|word| word.parse().ok()).ok_or("an address is wanted")?;
    let served = if hidden == "bench-toy" {
        toy::Server::bind(address).and_then(toy::Server::serve)
    } else if hidden == "bench-bare" {
        xcap::bare(address)
    } else {
        let sizes = args.word().and_then(|word| Sizes::read(&word)).ok_or("sizes are wanted")?;
        floor::serve(address, sizes)
    };
    served.map_err(|error| error.to_string())
}

struct Plan {
    subject: Subject,
    span: Duration,
    rounds: usize,
    setting: Setting,
    large: bool,
    shards: bool,
    /// Lists so small that one only sees that it runs.
    tiny: bool,
    only: Vec<String>,
}

impl Plan {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| word == part)
    }

    fn start(&self, subject: &Subject) -> Result<Bench, String> {
        Bench::start(subject, &[SERVER], &self.setting, self.span)
    }
}

/// Measures, in the release build.
pub(crate) fn measure(mut args: Args) -> Result<(), String> {
    let toy_only = args.flag("--toy-only");
    let against = args.option::<SocketAddrV4>("--against")?;
    let pid = args.option::<i32>("--pid")?;
    let subject = match (against, pid) {
        (Some(address), Some(pid)) => Subject::Other { address, pid },
        (None, None) if toy_only => Subject::Toy,
        (None, None) => Subject::Rollcall { shards: 1 },
        _ => return Err("--against ADDRESS and --pid NUMBER go together".to_owned()),
    };
    let plan = Plan {
        subject,
        span: Duration::from_secs_f64(args.option("--seconds")?.unwrap_or(3.0)),
        rounds: args.option("--rounds")?.unwrap_or(1),
        setting: Setting::take(&mut args)?,
        large: args.flag("--large"),
        shards: args.flag("--shards"),
        tiny: args.flag("--tiny"),
        only: if args.flag("--xcap") {
            vec!["xcap".to_owned()]
        } else {
            let list = args.option::<String>("--only")?;
            list.map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default()
        },
    };
    let write = args.flag("--write");
    args.finish()?;
    subject::pin(&[GENERATOR])?;
    let mut report = Report::new(plan.subject.name());
    run_plan(&plan, &mut report)?;
    say::line(&report.table());
    report.save(&run::target().join("bench.json"))?;
    if write {
        report.write(&run::root().join("docs").join("performance.md"))?;
    }
    report.outcome()
}

fn run_plan(plan: &Plan, report: &mut Report) -> Result<(), String> {
    let is_toy = matches!(plan.subject, Subject::Toy);
    let mut subjects = vec![plan.subject.clone()];
    if !is_toy {
        subjects.push(Subject::Toy);
    }
    let mut sizes = None;
    for round in 1..=plan.rounds {
        for subject in &subjects {
            say::step(&format!("{} ({round} of {})", subject.name(), plan.rounds));
            if plan.wants("requests") {
                sizes = requests(plan, subject, report)?.or(sizes);
            }
            if plan.wants("fan-out") {
                fan_out(plan, subject, report)?;
            }
        }
        if let Some(sizes) = sizes {
            say::step(&format!("floor ({round} of {})", plan.rounds));
            floors(plan, sizes, report)?;
        }
    }
    if plan.wants("xcap") && matches!(plan.subject, Subject::Rollcall { .. }) {
        for round in 1..=plan.rounds {
            say::step(&format!("XCAP ({round} of {})", plan.rounds));
            xcap::measure(report, plan.span)?;
        }
    }
    if plan.wants("lists") && matches!(plan.subject, Subject::Rollcall { .. }) {
        let scale = if plan.tiny { lists::Scale::TINY } else { lists::Scale::FULL };
        lists::measure(plan, report, &scale)?;
    }
    if plan.wants("rules") && matches!(plan.subject, Subject::Rollcall { .. }) {
        rules::measure(plan, report)?;
    }
    if plan.wants("memory") && !is_toy {
        memory(plan, report, 100_000)?;
        if plan.large {
            memory(plan, report, 1_000_000)?;
        }
    }
    if plan.large && plan.wants("flat") {
        flatness(plan, report)?;
    }
    if plan.shards && plan.wants("shards") {
        shards(plan, report)?;
    }
    Ok(())
}

const PUBLISH: Row = Row::limited("publish", "PUBLISH (modify, no watchers), 200", 12.0, 2.4);
const SUBSCRIBE: Row = Row::limited("subscribe", "SUBSCRIBE (new dialog), 200, NOTIFY, 200", 22.0, 2.4);
const REFRESH: Row = Row::limited("refresh", "SUBSCRIBE (refresh), 200, NOTIFY, 200", 20.0, 2.4);
const FAN_OUT: Row = Row::limited("fan-out", "NOTIFY, 200: 100 presentities x 100 watchers", 7.0, 1.5);
const CELEBRITY: Row = Row::limited("fan-out-one", "NOTIFY, 200: 1 presentity x 10 000 watchers", 7.0, 1.5);
const PACED: Row = Row::new("half-load", "NOTIFY, 200 at half load: 100 x 100, latency from publication");
const PACED_ONE: Row =
    Row::new("half-load-one", "NOTIFY, 200 at half load: 1 x 10 000, latency from publication");
const FLOOD: Row = Row::new("flood", "NOTIFY, 200 at full speed, every body checked: 100 x 100");

/// Publications and subscriptions without fan-out. Gives the lengths of the datagrams.
fn requests(plan: &Plan, subject: &Subject, report: &mut Report) -> Result<Option<Sizes>, String> {
    let mut bench = plan.start(subject)?;
    bench.present(1000)?;
    report.add(PUBLISH, subject.name(), bench.publish()?);
    report.add(SUBSCRIBE, subject.name(), bench.subscribe()?);
    report.add(REFRESH, subject.name(), bench.refresh()?);
    let lengths = &bench.engine.book.lengths;
    let sizes = Sizes {
        publish: lengths.publish.value(),
        published: lengths.published.value(),
        subscribe: lengths.subscribe.value(),
        subscribed: lengths.subscribed.value(),
        notify: lengths.notify.value(),
        notified: lengths.notified.value(),
    };
    say::line(&format!("datagrams of {}: {sizes:?}", subject.name()));
    report.check(subject.name(), &bench.engine.book.seen);
    let ours = subject.name() == plan.subject.name();
    Ok(ours.then_some(sizes))
}

fn fan_out(plan: &Plan, subject: &Subject, report: &mut Report) -> Result<(), String> {
    let name = subject.name();
    let mut bench = plan.start(subject)?;
    bench.present(100)?;
    bench.watch(0, 100)?;
    let cost = bench.fan_out(8)?;
    let rate = 0.5e6 / cost.micros() / 100.0;
    report.add(FAN_OUT, name, cost);
    report.add(PACED, name, bench.paced(rate, plan.span.as_secs_f64())?);
    let (cost, publications) = bench.flood()?;
    say::line(&format!(
        "flood: {publications} publications, {} NOTIFYs, every watcher has the last state",
        cost.operations
    ));
    report.add(FLOOD, name, cost);
    report.check(name, &bench.engine.book.seen);
    let mut bench = plan.start(subject)?;
    bench.present(1)?;
    bench.watch(0, 10_000)?;
    let cost = bench.fan_out(1)?;
    let rate = 0.5e6 / cost.micros() / 10_000.0;
    report.add(CELEBRITY, name, cost);
    report.add(PACED_ONE, name, bench.paced(rate, plan.span.as_secs_f64())?);
    report.check(name, &bench.engine.book.seen);
    Ok(())
}

fn floors(plan: &Plan, sizes: Sizes, report: &mut Report) -> Result<(), String> {
    let measure = |exchange| load::floor(sizes, exchange, &[SERVER], plan.span);
    report.add(PUBLISH, "floor", measure(Exchange::Publish)?);
    let subscribe = measure(Exchange::Subscribe)?;
    report.add(SUBSCRIBE, "floor", subscribe.clone());
    report.add(REFRESH, "floor", subscribe);
    let notify = measure(Exchange::Notify)?;
    report.add(FAN_OUT, "floor", notify.clone());
    report.add(CELEBRITY, "floor", notify);
    Ok(())
}

/// Resident memory for each idle subscription, ten watchers to a presentity.
fn memory(plan: &Plan, report: &mut Report, subscriptions: u32) -> Result<(), String> {
    say::step(&format!("memory of {subscriptions} idle subscriptions"));
    let mut bench = plan.start(&plan.subject)?;
    let fresh = bench.running.settled()?;
    bench.present(subscriptions / 10)?;
    let before = bench.running.settled()?;
    bench.watch(0, 10)?;
    let after = bench.running.settled()?;
    let each = |more: u64, count: u32| more as f64 / f64::from(count);
    let title = format!("resident memory per idle subscription, {subscriptions} of them");
    let limit = (subscriptions >= 1_000_000).then_some(1024.0);
    report.fact(Fact::at_most(&title, each(after.saturating_sub(before), subscriptions), "B", limit));
    let title = format!("resident memory per publication, {} of them", subscriptions / 10);
    report.fact(Fact::at_most(&title, each(before.saturating_sub(fresh), subscriptions / 10), "B", None));
    let title = format!("resident memory in all with {subscriptions} subscriptions");
    report.fact(Fact::at_most(&title, after as f64 / f64::from(1 << 20), "MiB", None));
    report.check(plan.subject.name(), &bench.engine.book.seen);
    Ok(())
}

/// The cost of a NOTIFY and of a refresh while more and more subscriptions are there.
fn flatness(plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut bench = plan.start(&plan.subject)?;
    let mut ends: Vec<(f64, f64)> = Vec::new();
    for subscriptions in [1_000, 10_000, 100_000, 1_000_000_u32] {
        say::step(&format!("cost with {subscriptions} subscriptions"));
        let first = bench.engine.presentities();
        bench.present(subscriptions / 100 - first)?;
        bench.watch(first, 100)?;
        let (notify, refresh) = (bench.fan_out(8)?.micros(), bench.refresh()?.micros());
        let fact = |what: &str, micros| {
            Fact::at_most(&format!("{what} with {subscriptions} subscriptions"), micros, "us", None)
        };
        report.fact(fact("NOTIFY, 200", notify));
        report.fact(fact("refresh", refresh));
        ends.push((notify, refresh));
    }
    if let (Some(first), Some(last)) = (ends.first(), ends.last()) {
        let growth = |title: &str, from: f64, to: f64| Fact::at_most(title, to / from, "x", Some(1.25));
        report.fact(growth("NOTIFY: cost at 1 000 000 over cost at 1 000", first.0, last.0));
        report.fact(growth("refresh: cost at 1 000 000 over cost at 1 000", first.1, last.1));
    }
    report.check(plan.subject.name(), &bench.engine.book.seen);
    Ok(())
}

/// Sockets of the generator where shards are compared: so many that chance gives each shard about the same share.
const PEERS: usize = 256;
/// How long the generator leaves both cores to the server there: more than it takes for all that is outstanding.
const PAUSE: Duration = Duration::from_millis(3);

/// Two shards beside one.
///
/// With as many cores as shards and generator need, the rates would tell. On two cores the cost tells: what two cores
/// could serve is bounded by the busier thread. The generator sends all it may and then leaves both cores to the server
/// for a while; if it went on, a shard would find one message at a time and spend itself on waking up. Peers are many, as
/// the kernel spreads them, not messages, over the shards' sockets.
fn shards(plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut one = (0.0, 0.0);
    for shards in [1, 2] {
        say::step(&format!("{shards} shards"));
        let cores: Vec<usize> = (0..shards).collect();
        let subject = Subject::Rollcall { shards };
        let setting = Setting { sockets: plan.setting.sockets.max(PEERS), ..plan.setting.clone() };
        let mut bench = Bench::start(&subject, &cores, &setting, plan.span)?;
        bench.present(4000)?;
        bench.engine.pause = PAUSE;
        let publish = busiest(&mut bench, |bench| bench.publish())?;
        bench.engine.pause = Duration::ZERO;
        bench.watch(0, 10)?;
        bench.engine.pause = PAUSE;
        let notify = busiest(&mut bench, |bench| bench.fan_out(16 * shards))?;
        report.check(subject.name(), &bench.engine.book.seen);
        if shards == 1 {
            one = (publish, notify);
            continue;
        }
        let gain = |title: &str, one: f64, two: f64| Fact::at_least(title, one / two, "x", 1.7);
        report.fact(gain(
            "publications that two shards serve over one (by the busier thread)",
            one.0,
            publish,
        ));
        report.fact(gain("NOTIFYs that two shards serve over one (by the busier thread)", one.1, notify));
    }
    Ok(())
}

/// Processor microseconds that the busiest thread of the server spends for each operation.
fn busiest(bench: &mut Bench, run: impl FnOnce(&mut Bench) -> Result<Cost, String>) -> Result<f64, String> {
    let seen = |bench: &Bench| {
        let seen = &bench.engine.book.seen;
        seen.publishes + seen.notifies
    };
    let (before, count) = (bench.running.threads()?, seen(bench));
    run(bench)?;
    let (after, count) = (bench.running.threads()?, seen(bench) - count);
    let spent = after.iter().map(|now| {
        let was = before.iter().find(|was| was.thread == now.thread).map_or(Duration::ZERO, |was| was.ran);
        now.ran.saturating_sub(was)
    });
    let most = spent.max().ok_or("a server without threads")?;
    Ok(most.as_secs_f64() * 1e6 / count.max(1) as f64)
}
