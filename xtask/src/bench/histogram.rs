//! Latencies in buckets of about 1.5 %: cheap to add to, exact enough for a percentile.

use std::time::Duration;

const STEPS: usize = 64; // per power of two
const BUCKETS: usize = STEPS * 40;

/// Counts of durations from a nanosecond to some ten minutes.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }

    pub(crate) fn add(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Adds the samples of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// The duration that `share` (0 to 1) of the samples do not exceed; none without samples.
    pub(crate) fn percentile(&self, share: f64) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let wanted = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total);
        let mut seen = 0;
        let index = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        index.map(|index| Duration::from_nanos(upper(index)))
    }
}

fn bucket(nanos: u64) -> usize {
    let steps = STEPS as u64;
    if nanos < steps {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEPS.ilog2(); // the leading bit and six more are kept
    let index = (u64::from(shift) + 1) * steps + (nanos >> shift) - steps;
    (index as usize).min(BUCKETS - 1)
}

/// The longest duration of a bucket.
fn upper(index: usize) -> u64 {
    if index < STEPS {
        return index as u64;
    }
    let shift = index / STEPS - 1;
    (((index % STEPS + STEPS) as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_ends_where_the_next_begins() {
        for index in 0..BUCKETS - 1 {
            assert_eq!(bucket(upper(index)), index);
            assert_eq!(bucket(upper(index) + 1), index + 1);
        }
    }

    #[test]
    fn percentiles_are_within_a_bucket() {
        let mut histogram = Histogram::new();
        (1..=1000_u64).for_each(|number| histogram.add(number * 1000));
        let p50 = histogram.percentile(0.5).unwrap().as_nanos() as f64;
        let p99 = histogram.percentile(0.99).unwrap().as_nanos() as f64;
        assert!((500_000.0..=510_000.0).contains(&p50), "{p50}");
        assert!((990_000.0..=1_010_000.0).contains(&p99), "{p99}");
        assert_eq!(Histogram::new().percentile(0.5), None);
        let mut twice = Histogram::new();
        (0..2).for_each(|_| twice.merge(&histogram));
        assert_eq!((twice.total(), twice.percentile(0.99)), (2000, histogram.percentile(0.99)));
    }
}
