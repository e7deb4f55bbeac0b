//! What rules cost: a fan-out to classes of watchers beside one that everybody may see, an edit that changes nothing, and
//! long lists in conditions.

use std::fmt::Write as _;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::load::Bench;
use super::report::{Fact, Report};
use super::subject::Subject;
use super::xcap::Client;
use super::{Plan, SERVER};
use crate::say;

/// Longest wait for what must come.
const LONGEST: Duration = Duration::from_secs(60);
const PRESENTITIES: u32 = 100;
const WATCHERS: u32 = 100;
/// Rules of each presentity.
const RULES: u32 = 20;
/// What the watchers of a rule see; rule `n` is of class `n` modulo their number. All of them see the state by which the
/// bench knows whose it is.
const CLASSES: [&str; 5] = [
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-activities>true</pr:provide-activities>",
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons>",
    "<pr:provide-mood>true</pr:provide-mood>",
    "<pr:provide-devices><pr:all-devices/></pr:provide-devices>",
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-all-attributes/>",
];
/// Watchers of the presentity whose rules are edited, and how often they are.
const MANY: u32 = 10_000;
const EDITS: u32 = 20;
/// Watchers whose conditions are lists, and the entries of the short and the long list.
const LISTED: u32 = 2_000;
const ENTRIES: [u32; 2] = [LISTED, 5 * LISTED];

/// Measures rules, and says whether the goals are met.
pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<(), String> {
    fan_out(plan, report)?;
    edit(plan, report)?;
    lists(plan, report)
}

fn start(plan: &Plan) -> Result<Bench, String> {
    Bench::start(&Subject::Rules, &[SERVER], &plan.setting, plan.span)
}

fn fan_out(plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut micros = [0.0; 2];
    for (micros, has_rules) in micros.iter_mut().zip([false, true]) {
        say::step(if has_rules { "a fan-out by rules" } else { "the same fan-out to everybody" });
        let mut bench = start(plan)?;
        if has_rules {
            (0..PRESENTITIES)
                .try_for_each(|who| put(&bench, plan, "pres-rules", who, &classes(plan, who)))?;
        }
        bench.present(PRESENTITIES)?;
        bench.watch(0, WATCHERS)?;
        *micros = bench.fan_out(8)?.micros();
        report.check("rollcall", &bench.engine.book.seen);
    }
    let [everybody, by_rules] = micros;
    report.fact(Fact::at_most("NOTIFY, 200 to everybody, beside rules", everybody, "us", None));
    report.fact(Fact::at_most("NOTIFY, 200 by 20 rules in 5 classes", by_rules, "us", None));
    report.fact(Fact::at_most(
        "NOTIFY, 200 by 20 rules in 5 classes over everybody",
        by_rules / everybody,
        "x",
        Some(1.3),
    ));
    Ok(())
}

/// The watchers of a presentity are dialogs at a distance of [`PRESENTITIES`]; each rule has a part of them.
fn classes(plan: &Plan, who: u32) -> String {
    let each = WATCHERS / RULES;
    let rules = (0..RULES).map(|number| {
        let watchers = (number * each..(number + 1) * each).map(|watcher| who + watcher * PRESENTITIES);
        rule(number, &identity(plan, watchers), CLASSES[number as usize % CLASSES.len()])
    });
    ruleset(&rules.collect::<String>())
}

fn edit(plan: &Plan, report: &mut Report) -> Result<(), String> {
    say::step(&format!("an edit of rules that changes nothing for {MANY} watchers"));
    let mut bench = start(plan)?;
    let domain = &plan.setting.domain;
    let all = rule(0, &format!("<cp:identity><cp:many domain=\"{domain}\"/></cp:identity>"), CLASSES[0]);
    put(&bench, plan, "pres-rules", 0, &ruleset(&all))?;
    bench.present(1)?;
    bench.watch(0, MANY)?;
    let (cpu, notifies) = (bench.running.settled_cpu()?, bench.engine.book.seen.notifies);
    for number in 1..=EDITS {
        let stranger = rule(number, &identity(plan, MANY + number..MANY + number + 1), CLASSES[1]);
        put(&bench, plan, "pres-rules", 0, &ruleset(&[all.as_str(), &stranger].concat()))?;
    }
    let cpu = (bench.running.settled_cpu()? - cpu).as_secs_f64() * 1e3 / f64::from(EDITS);
    let until = bench.engine.now() + 100_000_000;
    bench.engine.run_until(LONGEST, |engine| engine.now() >= until)?;
    let told = (bench.engine.book.seen.notifies - notifies) as f64;
    let title = format!("an edit of rules that changes nothing for {MANY} watchers: processor time");
    report.fact(Fact::at_most(&title, cpu, "ms", Some(50.0)));
    let title = format!("an edit of rules that changes nothing for {MANY} watchers: NOTIFYs");
    report.fact(Fact::at_most(&title, told, "", Some(0.0)));
    report.check("rollcall", &bench.engine.book.seen);
    Ok(())
}

fn lists(plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut micros = [0.0; 2];
    for (micros, entries) in micros.iter_mut().zip(ENTRIES) {
        say::step(&format!("{LISTED} watchers by a list of {entries}"));
        let mut bench = start(plan)?;
        let domain = &plan.setting.domain;
        let members: String =
            (0..entries).map(|dialog| format!("<entry uri=\"sip:w{dialog:08x}@{domain}\"/>")).collect();
        let list = format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"l\">{members}</list>\
             </resource-lists>"
        );
        put(&bench, plan, "resource-lists", 0, &list)?;
        let anchor = format!(
            "<oc:external-list><oc:entry anc=\"http://{}/xcap-root/resource-lists/users/{}/index/~~/resource-lists/\
             list%5b@name=%22l%22%5d\"/></oc:external-list>",
            web(&bench)?,
            owner(plan, 0)
        );
        put(&bench, plan, "org.openmobilealliance.pres-rules", 0, &ruleset(&rule(0, &anchor, CLASSES[0])))?;
        bench.present(1)?;
        bench.watch(0, 1)?; // pays for reading the list
        let (cpu, before) = (bench.running.settled_cpu()?, bench.engine.book.seen.notifies);
        bench.watch(0, LISTED - 1)?;
        let told = bench.engine.book.seen.notifies - before;
        if told < u64::from(LISTED) - 1 {
            return Err(format!("of {} watchers by a list {told} were told", LISTED - 1));
        }
        *micros = (bench.running.settled_cpu()? - cpu).as_secs_f64() * 1e6 / f64::from(LISTED - 1);
        report.check("rollcall", &bench.engine.book.seen);
    }
    let [short, long] = micros;
    for (entries, micros) in ENTRIES.iter().zip(micros) {
        let title = format!("SUBSCRIBE, 200, NOTIFY, 200 by a list of {entries}");
        report.fact(Fact::at_most(&title, micros, "us", None));
    }
    report.fact(Fact::at_most(
        "by a list five times as long over the short one",
        long / short,
        "x",
        Some(1.25),
    ));
    Ok(())
}

fn identity(plan: &Plan, dialogs: impl Iterator<Item = u32>) -> String {
    let mut text = "<cp:identity>".to_owned();
    for dialog in dialogs {
        write!(text, "<cp:one id=\"sip:w{dialog:08x}@{}\"/>", plan.setting.domain).expect("a text takes all");
    }
    text + "</cp:identity>"
}

fn rule(number: u32, conditions: &str, sees: &str) -> String {
    format!(
        "<cp:rule id=\"r{number}\"><cp:conditions>{conditions}</cp:conditions>\
         <cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions>\
         <cp:transformations><pr:provide-services><pr:all-services/></pr:provide-services>\
         <pr:provide-note>true</pr:provide-note>{sees}</cp:transformations></cp:rule>"
    )
}

fn ruleset(rules: &str) -> String {
    format!(
        "<cp:ruleset xmlns:cp=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" \
         xmlns:oc=\"urn:oma:xml:xdm:common-policy\">{rules}</cp:ruleset>"
    )
}

fn owner(plan: &Plan, presentity: u32) -> String {
    format!("sip:p{presentity:08x}@{}", plan.setting.domain)
}

fn web(bench: &Bench) -> Result<SocketAddrV4, String> {
    bench.running.web.ok_or_else(|| "this subject has no document servers".to_owned())
}

/// Puts a document of a presentity.
fn put(bench: &Bench, plan: &Plan, usage: &str, presentity: u32, body: &str) -> Result<(), String> {
    let (name, kind) = match usage {
        "resource-lists" => ("index", "application/resource-lists+xml"),
        "pres-rules" => ("index", "application/auth-policy+xml"),
        _ => ("pres-rules", "application/auth-policy+xml"),
    };
    let head = format!(
        "PUT /xcap-root/{usage}/users/{}/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        owner(plan, presentity),
        body.len()
    );
    match Client::connect(web(bench)?)?.ask(&head, body)? {
        200 | 201 => Ok(()),
        status => Err(format!("PUT of {usage}: {status}")),
    }
}
