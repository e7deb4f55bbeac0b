//! The roster as a value: who is how, since when, and how fast the news came. Knows no terminal.

use core::time::Duration;
use std::collections::VecDeque;

/// How a person is, as a dot can show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// Nothing is published.
    #[default]
    Offline,
    /// Whoever it is has not said yet who may see it.
    Hidden,
    /// Open, and nothing else is said.
    Open,
    /// Open, but away.
    Away,
    /// Open, but busy.
    Busy,
}

impl Availability {
    /// As the screen calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Hidden => "pending",
            Self::Open => "open",
            Self::Away => "away",
            Self::Busy => "busy",
        }
    }
}

/// What a NOTIFY told about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Row in the roster.
    pub person: usize,
    /// How the person is now.
    pub availability: Availability,
    /// The note, if there is one.
    pub note: String,
    /// From just before the PUBLISH was sent to the NOTIFY being read; known for what the demo publishes itself.
    pub latency: Option<Duration>,
    /// When it came, since the start of the demo.
    pub at: Duration,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Name as shown.
    pub name: String,
    /// Who moves this person: the demo, or whoever sits at the keyboard.
    pub played_by: String,
    /// How the person is.
    pub availability: Availability,
    /// The note.
    pub note: String,
    /// When the last news came, since the start; `None` before the first.
    pub changed_at: Option<Duration>,
    /// How long the last news was on its way, if known.
    pub latency: Option<Duration>,
    /// How much news came.
    pub changes: u64,
}

/// How many latencies are remembered.
const REMEMBERED: usize = 600;

/// Everyone, and what was measured.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// In the order shown.
    pub people: Vec<Person>,
    latencies: VecDeque<Duration>,
}

impl Roster {
    /// A roster of people nobody has heard of yet: (name, played by).
    pub fn new(people: &[(&str, &str)]) -> Self {
        let person = |(name, by): &(&str, &str)| Person {
            name: (*name).to_owned(),
            played_by: (*by).to_owned(),
            ..Person::default()
        };
        Self { people: people.iter().map(person).collect(), latencies: VecDeque::with_capacity(REMEMBERED) }
    }

    /// Takes the news. Whether it changed anything that is seen (the first word about a person does).
    pub fn take(&mut self, news: &News) -> bool {
        let Some(person) = self.people.get_mut(news.person) else {
            return false;
        };
        let same = person.availability == news.availability
            && person.note == news.note
            && person.changed_at.is_some();
        if same {
            return false; // a refresh repeats the state
        }
        person.availability = news.availability;
        person.note.clone_from(&news.note);
        person.changed_at = Some(news.at);
        person.latency = news.latency;
        person.changes += 1;
        if let Some(latency) = news.latency {
            if self.latencies.len() == REMEMBERED {
                self.latencies.pop_front();
            }
            self.latencies.push_back(latency);
        }
        true
    }

    /// The last latencies, oldest first, at most `count`, microseconds.
    pub fn recent(&self, count: usize) -> Vec<u64> {
        let skipped = self.latencies.len().saturating_sub(count);
        self.latencies
            .iter()
            .skip(skipped)
            .map(|one| u64::try_from(one.as_micros()).unwrap_or(u64::MAX))
            .collect()
    }

    /// The latency that `percent` of the remembered ones do not exceed.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<_> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).copied()
    }

    /// All news taken.
    pub fn changes(&self) -> u64 {
        self.people.iter().map(|person| person.changes).sum()
    }
}

/// A latency as people read it: `0.42 ms`, `12 ms`, `1.3 s`.
pub fn human(latency: Duration) -> String {
    let millis = latency.as_secs_f64() * 1000.0;
    if millis < 10.0 {
        format!("{millis:.2} ms")
    } else if millis < 1000.0 {
        format!("{millis:.0} ms")
    } else {
        format!("{:.1} s", millis / 1000.0)
    }
}

/// A line for pipes: when, who, how, note, latency.
pub fn line(roster: &Roster, news: &News) -> String {
    let name = roster.people.get(news.person).map_or("?", |person| person.name.as_str());
    let latency = news.latency.map(|latency| format!("  ({})", human(latency))).unwrap_or_default();
    let note: String = news.note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{:9.3}s  {name:<8}{:<9}{note}{latency}", news.at.as_secs_f64(), news.availability.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(at: u64, availability: Availability, note: &str, micros: u64) -> News {
        let latency = Some(Duration::from_micros(micros));
        News { person: 0, availability, note: note.to_owned(), latency, at: Duration::from_secs(at) }
    }

    #[test]
    fn what_repeats_the_state_is_no_change() {
        let mut roster = Roster::new(&[("robot", "demo")]);
        assert!(roster.take(&news(1, Availability::Offline, "", 100)), "the first word is news");
        assert!(!roster.take(&news(2, Availability::Offline, "", 100)));
        assert!(roster.take(&news(3, Availability::Busy, "tea", 200)));
        assert_eq!(roster.people[0].changed_at, Some(Duration::from_secs(3)));
        assert_eq!(roster.changes(), 2);
        assert_eq!(roster.recent(10), [100, 200]);
    }

    #[test]
    fn nobody_unknown_is_believed() {
        let mut roster = Roster::new(&[]);
        assert!(!roster.take(&news(1, Availability::Open, "", 1)));
    }

    #[test]
    fn percentiles_are_of_what_is_remembered() {
        let mut roster = Roster::new(&[("robot", "demo")]);
        assert_eq!(roster.percentile(50), None);
        for i in 1..=700 {
            roster.take(&news(i, Availability::Open, &i.to_string(), i));
        }
        assert_eq!(roster.recent(1000).len(), REMEMBERED);
        assert_eq!(roster.percentile(50), Some(Duration::from_micros(400)));
        assert_eq!(roster.percentile(99), Some(Duration::from_micros(694)));
        assert_eq!(roster.percentile(100), Some(Duration::from_micros(700)));
    }

    #[test]
    fn a_line_is_one_line() {
        let roster = Roster::new(&[("robot", "demo")]);
        let line = line(&roster, &news(3, Availability::Busy, "two\nlines\u{1b}[31m", 1234));
        assert_eq!(line, "    3.000s  robot   busy     two lines [31m  (1.23 ms)");
    }
}
