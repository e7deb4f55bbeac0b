//! Whether subject and generator had their cores: latency tells of the server only while nobody else is on them.

use std::time::Duration;

use super::histogram::Histogram;
use super::subject::{Running, Times, own_waiting};

/// How often is looked: what was late because of somebody else is late by that much at most when it is known.
const SLICE: u64 = 50_000_000;
/// Waiting for a core in one slice that says that others were on it. Less than a turn of the scheduler.
const DISTURBED: Duration = Duration::from_micros(500);

/// What was measured in slices of time without others on the cores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Calm {
    /// Of all samples, 0 to 1.
    pub(crate) share: f64,
    /// Of these samples; none if there are none.
    pub(crate) p99: Option<Duration>,
    /// How long the subject waited for its core because of others, in all.
    pub(crate) subject_waited: Duration,
    /// The same of the generator.
    pub(crate) generator_waited: Duration,
}

/// Parts samples by slices of time. A slice is calm if neither subject nor generator waited for its core because of others,
/// and neither did in the slice before, whose late messages it gets.
pub(crate) struct Slices {
    all: Histogram,
    calm: Histogram,
    next: u64,
    subject: Vec<Times>,
    generator: Duration,
    was_calm: bool,
    found: Calm,
}

impl Slices {
    /// From `now` on, in nanoseconds of the generator's clock.
    pub(crate) fn new(now: u64, running: &Running) -> Result<Self, String> {
        Ok(Self {
            all: Histogram::new(),
            calm: Histogram::new(),
            next: now + SLICE,
            subject: running.threads()?,
            generator: own_waiting(),
            was_calm: true,
            found: Calm::default(),
        })
    }

    /// Takes the samples of the slice that has ended, if one has.
    pub(crate) fn look(
        &mut self,
        now: u64,
        running: &Running,
        samples: &mut Histogram,
    ) -> Result<(), String> {
        if now < self.next {
            return Ok(());
        }
        self.next = now + SLICE;
        let (subject, generator) = (running.threads()?, own_waiting());
        let waited = foreign(&self.subject, &subject);
        let kept_waiting = generator.saturating_sub(self.generator);
        (self.subject, self.generator) = (subject, generator);
        self.found.subject_waited += waited;
        self.found.generator_waited += kept_waiting;
        let is_calm = waited < DISTURBED && kept_waiting < DISTURBED;
        if is_calm && self.was_calm {
            self.calm.merge(samples);
        }
        self.was_calm = is_calm;
        self.all.merge(samples);
        samples.clear();
        Ok(())
    }

    /// All samples, with those after the last slice, and what those of calm slices say.
    pub(crate) fn end(mut self, rest: &Histogram) -> (Histogram, Calm) {
        self.all.merge(rest);
        let share = self.calm.total() as f64 / self.all.total().max(1) as f64;
        (self.all, Calm { share, p99: self.calm.percentile(0.99), ..self.found })
    }
}

/// How long the thread that works most waited for its core while no other thread of its process ran.
///
/// That a thread of the subject waits for another of it is the subject's own doing, and is not left out.
fn foreign(before: &[Times], after: &[Times]) -> Duration {
    let spent: Vec<(Duration, Duration)> = after
        .iter()
        .map(|now| {
            let was = before.iter().find(|was| was.thread == now.thread);
            let (ran, waited) = was.map_or((Duration::ZERO, Duration::ZERO), |was| (was.ran, was.waited));
            (now.ran.saturating_sub(ran), now.waited.saturating_sub(waited))
        })
        .collect();
    let all: Duration = spent.iter().map(|(ran, _)| *ran).sum();
    let busiest = spent.into_iter().max_by_key(|(ran, _)| *ran).unwrap_or_default();
    busiest.1.saturating_sub(all - busiest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(thread: &str, ran: u64, waited: u64) -> Times {
        let (ran, waited) = (Duration::from_millis(ran), Duration::from_millis(waited));
        Times { thread: thread.to_owned(), ran, waited }
    }

    #[test]
    fn only_waiting_for_others_counts() {
        let before = [times("shard", 100, 7), times("store", 50, 50)];
        let waited = |shard: u64, store: u64| {
            foreign(
                &before,
                &[times("shard", 130, 7 + shard), times("store", 50 + store, 90), times("new", 0, 9)],
            )
        };
        assert_eq!(waited(0, 0), Duration::ZERO);
        assert_eq!(waited(5, 2), Duration::from_millis(3));
        assert_eq!(waited(5, 6), Duration::ZERO, "the store ran meanwhile");
    }
}
