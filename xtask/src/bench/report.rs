//! What was measured, as a table for people, as JSON, and as a section of `docs/performance.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::book::Seen;
use super::load::Cost;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    key: &'static str,
    title: &'static str,
    /// At most this many microseconds, and at most this many times the toy's.
    limits: Option<(f64, f64)>,
}

impl Row {
    pub(crate) const fn new(key: &'static str, title: &'static str) -> Self {
        Self { key, title, limits: None }
    }

    pub(crate) const fn limited(key: &'static str, title: &'static str, micros: f64, ratio: f64) -> Self {
        Self { key, title, limits: Some((micros, ratio)) }
    }
}

/// One number that has no floor beside it.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    title: String,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
    at_least: bool,
}

impl Fact {
    pub(crate) fn at_most(title: &str, value: f64, unit: &'static str, limit: Option<f64>) -> Self {
        Self { title: title.to_owned(), value, unit, limit, at_least: false }
    }

    pub(crate) fn at_least(title: &str, value: f64, unit: &'static str, limit: f64) -> Self {
        Self { title: title.to_owned(), value, unit, limit: Some(limit), at_least: true }
    }

    fn verdict(&self) -> &'static str {
        match self.limit {
            None => "",
            Some(limit) if (self.value <= limit) != self.at_least || self.value == limit => "met",
            Some(_) => "MISSED",
        }
    }
}

/// Everything of one run.
pub(crate) struct Report {
    /// The subject that the limits are for.
    main: &'static str,
    rows: Vec<(Row, BTreeMap<&'static str, Vec<Cost>>)>,
    facts: Vec<Fact>,
    trouble: Vec<String>,
}

impl Report {
    pub(crate) fn new(main: &'static str) -> Self {
        Self { main, rows: Vec::new(), facts: Vec::new(), trouble: Vec::new() }
    }

    /// Adds one measurement of one subject, and shows it.
    pub(crate) fn add(&mut self, row: Row, subject: &'static str, cost: Cost) {
        crate::say::line(&format!(
            "{:<9} {:<14} {:>8.2} us  {:>9.0} /s  server {:>3.0} %, generator {:.2} us{}{}",
            subject,
            row.key,
            cost.micros(),
            cost.rate(),
            cost.busy() * 100.0,
            cost.generator.as_secs_f64() * 1e6 / cost.operations.max(1) as f64,
            latency(&cost).map(|(p50, p99)| format!("  p50 {p50} p99 {p99}")).unwrap_or_default()
                + &disturbance(&cost),
            if cost.retransmissions > 0 {
                format!("  {} retransmissions", cost.retransmissions)
            } else {
                String::new()
            },
        ));
        let index = self.rows.iter().position(|(other, _)| other.key == row.key).unwrap_or_else(|| {
            self.rows.push((row, BTreeMap::new()));
            self.rows.len() - 1
        });
        self.rows[index].1.entry(subject).or_default().push(cost);
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        crate::say::line(&format!("{}: {:.2} {} {}", fact.title, fact.value, fact.unit, fact.verdict()));
        self.facts.push(fact);
    }

    /// Notes what a subject did wrong, in words.
    pub(crate) fn wrong(&mut self, subject: &str, why: &str) {
        self.trouble.push(format!("{subject}: {why}"));
    }

    /// Notes what a subject did wrong; wrong is an error, whatever the speed.
    pub(crate) fn check(&mut self, subject: &str, seen: &Seen) {
        if seen.wrong.total() > 0 {
            self.trouble.push(format!("{subject}: {:?}, refusals {:?}", seen.wrong, seen.refusals));
        }
        let again = seen.our_retransmissions + seen.their_retransmissions;
        let all = seen.publishes + seen.subscribes + seen.notifies;
        if again * 1000 > all {
            self.trouble
                .push(format!("{subject}: {again} retransmissions in {all} exchanges: more than 0.1 %"));
        }
    }

    /// An error if a subject did something wrong. A missed limit is shown, and is none.
    pub(crate) fn outcome(&self) -> Result<(), String> {
        if self.trouble.is_empty() { Ok(()) } else { Err(self.trouble.join("; ")) }
    }

    /// A table in Markdown, which reads well on a terminal too.
    pub(crate) fn table(&self) -> String {
        let main = self.main;
        let mut text = String::new();
        if !self.rows.is_empty() {
            text = format!(
                "\n| Operation | {main} us | toy us | floor us | / toy | / floor | op/s | p50 | p99 | again | limit us, / toy | |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n"
            );
        }
        for (row, costs) in &self.rows {
            let Some(cost) = costs.get(main).map(|costs| median(costs)) else { continue };
            let of = |subject| costs.get(subject).map(|costs| median(costs).micros());
            let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
            let ratio = |other: Option<f64>| other.map(|other| cost.micros() / other);
            let (toy, floor) = (of("toy"), of("floor"));
            let (p50, p99) = latency(&cost).unwrap_or(("-".to_owned(), "-".to_owned()));
            let limit = row.limits.map_or("-".to_owned(), |(micros, ratio)| format!("{micros}, {ratio}"));
            let met = row
                .limits
                .map(|(most, times)| cost.micros() <= most && ratio(toy).is_none_or(|ratio| ratio <= times));
            writeln!(
                text,
                "| {} | {:.2} | {} | {} | {} | {} | {:.0} | {p50} | {p99} | {} | {limit} | {} |",
                row.title,
                cost.micros(),
                number(toy),
                number(floor),
                number(ratio(toy)),
                number(ratio(floor)),
                cost.rate(),
                cost.retransmissions,
                met.map_or("", |met| if met { "met" } else { "MISSED" }),
            )
            .expect("a string takes all");
        }
        if !self.facts.is_empty() {
            text.push_str("\n| What | Measured | Limit | |\n|---|---:|---:|---|\n");
        }
        for fact in &self.facts {
            let limit = fact.limit.map_or("-".to_owned(), |limit| format!("{limit} {}", fact.unit));
            writeln!(
                text,
                "| {} | {:.2} {} | {limit} | {} |",
                fact.title,
                fact.value,
                fact.unit,
                fact.verdict()
            )
            .expect("a string takes all");
        }
        for trouble in &self.trouble {
            writeln!(text, "\n**Wrong**: {trouble}").expect("a string takes all");
        }
        text
    }

    /// Everything as JSON.
    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        std::fs::write(path, self.json()).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn json(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(|(row, costs)| row_json(row, costs)).collect();
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|fact| {
                let limit = fact.limit.map_or("null".to_owned(), |limit| limit.to_string());
                let (title, unit) = (text_json(&fact.title), text_json(fact.unit));
                format!(
                    "{{\"title\":{title},\"value\":{},\"unit\":{unit},\"limit\":{limit}}}",
                    number_json(fact.value)
                )
            })
            .collect();
        let trouble: Vec<String> = self.trouble.iter().map(|text| text_json(text)).collect();
        format!(
            "{{\"machine\":{},\"subject\":{},\n\"rows\":[{}],\n\"facts\":[{}],\n\"trouble\":[{}]}}\n",
            text_json(&machine()),
            text_json(self.main),
            rows.join(",\n"),
            facts.join(",\n"),
            trouble.join(",")
        )
    }

    /// Puts the table between the two marks of the document.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let section = format!("Measured on {}.\n{}", machine(), self.table());
        let new =
            replace_section(&text, &section).ok_or_else(|| format!("{} has no marks", path.display()))?;
        std::fs::write(path, new).map_err(|error| format!("{}: {error}", path.display()))
    }
}

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

fn replace_section(text: &str, section: &str) -> Option<String> {
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text[begin..].find(END)?;
    Some(format!("{}\n{}\n{}", &text[..begin], section.trim_end(), &text[end..]))
}

/// The round in the middle by cost, with what went wrong and what came again in all rounds.
fn median(costs: &[Cost]) -> Cost {
    let mut sorted: Vec<&Cost> = costs.iter().collect();
    sorted.sort_by(|one, other| one.micros().total_cmp(&other.micros()));
    let mut middle = sorted[(sorted.len() - 1) / 2].clone();
    middle.retransmissions = costs.iter().map(|cost| cost.retransmissions).sum();
    middle.wrong = costs.iter().map(|cost| cost.wrong).sum();
    middle
}

/// The two percentiles; where it was looked who was on the cores, the second once more without what others disturbed.
fn latency(cost: &Cost) -> Option<(String, String)> {
    let calm = cost.calm.map(|calm| {
        let p99 = calm.p99.map_or("-".to_owned(), short);
        format!("; {p99} of the {:.0} % undisturbed", calm.share * 100.0)
    });
    Some((short(cost.p50?), short(cost.p99?) + &calm.unwrap_or_default()))
}

/// How long others kept subject and generator from their cores.
fn disturbance(cost: &Cost) -> String {
    cost.calm.map_or_else(String::new, |calm| {
        let (subject, generator) = (short(calm.subject_waited), short(calm.generator_waited));
        format!("  kept waiting by others: server {subject}, generator {generator}")
    })
}

fn short(span: Duration) -> String {
    match span.as_micros() {
        micros @ 0..1000 => format!("{micros} us"),
        micros @ 1000..100_000 => format!("{:.1} ms", micros as f64 / 1e3),
        micros => format!("{} ms", micros / 1000),
    }
}

fn row_json(row: &Row, costs: &BTreeMap<&'static str, Vec<Cost>>) -> String {
    let mut text = format!("{{\"key\":{},\"title\":{}", text_json(row.key), text_json(row.title));
    if let Some((micros, ratio)) = row.limits {
        write!(text, ",\"limit_us\":{micros},\"limit_ratio_toy\":{ratio}").expect("a string takes all");
    }
    for (subject, costs) in costs {
        let cost = median(costs);
        let micros =
            |span: Option<Duration>| span.map_or("null".to_owned(), |span| span.as_micros().to_string());
        write!(
            text,
            ",\n {}:{{\"us\":{},\"per_second\":{},\"p50_us\":{},\"p99_us\":{},\"p99_undisturbed_us\":{},\"undisturbed\":{},\"operations\":{},\"busy\":{},\
             \"generator_us\":{},\"retransmissions\":{},\"wrong\":{},\"rounds\":{}}}",
            text_json(subject),
            number_json(cost.micros()),
            number_json(cost.rate()),
            micros(cost.p50),
            micros(cost.p99),
            micros(cost.calm.and_then(|calm| calm.p99)),
            cost.calm.map_or("null".to_owned(), |calm| number_json(calm.share)),
            cost.operations,
            number_json(cost.busy()),
            number_json(cost.generator.as_secs_f64() * 1e6 / cost.operations.max(1) as f64),
            cost.retransmissions,
            cost.wrong,
            costs.len()
        )
        .expect("a string takes all");
    }
    text.push('}');
    text
}

fn number_json(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "null".to_owned() }
}

fn text_json(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                write!(out, "\\u{:04x}", u32::from(letter)).expect("a string takes all")
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// The processor and the kernel, in one line.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let release = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} x {}, Linux {}",
        model.map_or("unknown processor", |(_, name)| name.trim()),
        release.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(micros: u64) -> Cost {
        Cost {
            operations: 1000,
            cpu: Duration::from_micros(micros * 1000),
            retransmissions: 1,
            ..Cost::default()
        }
    }

    #[test]
    fn the_middle_round_stands_for_all() {
        let middle = median(&[cost(9), cost(5), cost(7)]);
        assert!((middle.micros() - 7.0).abs() < 1e-9);
        assert_eq!(middle.retransmissions, 3);
    }

    #[test]
    fn a_limit_is_met_by_cost_and_ratio_together() {
        let mut report = Report::new("rollcall");
        let row = Row::limited("publish", "PUBLISH", 12.0, 2.4);
        report.add(row, "rollcall", cost(11));
        report.add(row, "toy", cost(5));
        assert!(report.table().contains("| met |"), "{}", report.table());
        report.add(row, "toy", cost(4));
        report.add(row, "toy", cost(4));
        assert!(report.table().contains("| MISSED |"), "{}", report.table());
    }

    #[test]
    fn facts_have_two_directions() {
        assert_eq!(Fact::at_most("a", 2.0, "B", Some(1.0)).verdict(), "MISSED");
        assert_eq!(Fact::at_most("a", 1.0, "B", Some(1.0)).verdict(), "met");
        assert_eq!(Fact::at_least("a", 1.8, "x", 1.7).verdict(), "met");
        assert_eq!(Fact::at_least("a", 1.6, "x", 1.7).verdict(), "MISSED");
    }

    #[test]
    fn what_is_wrong_fails_the_run() {
        let mut report = Report::new("rollcall");
        let mut seen = Seen { notifies: 10_000, ..Seen::default() };
        report.check("rollcall", &seen);
        assert!(report.outcome().is_ok());
        seen.wrong.backwards = 1;
        report.check("rollcall", &seen);
        assert!(report.outcome().is_err());
    }

    #[test]
    fn the_section_is_replaced_and_the_rest_kept() {
        let text = format!("# A\n{BEGIN}old\n{END}\nrest\n");
        let new = replace_section(&text, "new").unwrap();
        assert_eq!(new, format!("# A\n{BEGIN}\nnew\n{END}\nrest\n"));
        assert!(replace_section("# A\n", "new").is_none());
    }

    #[test]
    fn json_escapes_what_it_must() {
        assert_eq!(text_json("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
        let mut report = Report::new("toy");
        report.add(Row::new("x", "X"), "toy", cost(3));
        report.fact(Fact::at_most("f", f64::NAN, "B", None));
        assert!(report.json().contains("\"us\":3.000") && report.json().contains("\"value\":null"));
    }
}
