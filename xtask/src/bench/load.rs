//! The operations: how each is set up, kept going and measured.

use std::time::{Duration, Instant};

use super::calm::{Calm, Slices};
use super::engine::Engine;
use super::floor::{self, Exchange, Sizes};
use super::histogram::Histogram;
use super::message::Scene;
use super::subject::{Running, Subject};

/// Longest wait for a state that must come, retransmissions included.
const LONGEST: Duration = Duration::from_secs(60);

/// Requests outstanding for each shard of the subject: enough that none of them waits for the generator.
const OUTSTANDING: usize = 128;

/// What one operation cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) operations: u64,
    /// Processor time of the server's whole process.
    pub(crate) cpu: Duration,
    /// Processor time of the generator.
    pub(crate) generator: Duration,
    pub(crate) wall: Duration,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    /// What the samples say that were taken while nobody else was on the cores, where that is looked at.
    pub(crate) calm: Option<Calm>,
    pub(crate) retransmissions: u64,
    pub(crate) wrong: u64,
}

impl Cost {
    /// Microseconds of processor time of the server for one operation.
    pub(crate) fn micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.operations.max(1) as f64
    }

    /// Operations in a second of the clock on the wall.
    pub(crate) fn rate(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Share of the time in which the server's core worked.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.wall.as_secs_f64().max(1e-9)
    }
}

/// Where presentities and watchers are.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) domain: String,
    /// Sockets of the generator: addresses that NOTIFYs go to.
    pub(crate) sockets: usize,
}

impl Setting {
    /// From the command line, or a few sockets and the domain that every example configuration has.
    pub(crate) fn take(args: &mut crate::args::Args) -> Result<Self, String> {
        Ok(Self {
            domain: args.option("--domain")?.unwrap_or_else(|| "example.com".to_owned()),
            sockets: args.option::<usize>("--sockets")?.unwrap_or(4).clamp(1, 1000),
        })
    }
}

/// A subject with the generator that drives it.
pub(crate) struct Bench {
    pub(crate) running: Running,
    pub(crate) engine: Engine,
    /// Processor time of the server to spend on one measurement.
    pub(crate) span: Duration,
    random: u64,
}

impl Bench {
    /// Starts a fresh subject.
    pub(crate) fn start(
        subject: &Subject,
        cores: &[usize],
        setting: &Setting,
        span: Duration,
    ) -> Result<Self, String> {
        let Setting { domain, sockets } = setting;
        let running = Running::start(subject, cores)?;
        let run = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |age| age.subsec_nanos());
        let scene = Scene { domain: domain.clone(), run: run ^ std::process::id(), expires: 3600 };
        let engine = Engine::new(running.address, scene, *sockets, OUTSTANDING * subject.shards())
            .map_err(|error| error.to_string())?;
        Ok(Self { running, engine, span, random: 0x9e37_79b9_7f4a_7c15 })
    }

    /// Adds presentities, each with one publication.
    pub(crate) fn present(&mut self, count: u32) -> Result<(), String> {
        let first = self.engine.presentities();
        (0..count).for_each(|_| {
            self.engine.add_presentity();
        });
        let mut next = first;
        self.engine.run_until(LONGEST, |engine| {
            while next < first + count && engine.room() > 0 {
                engine.publish(next, engine.now());
                next += 1;
            }
            next == first + count && engine.is_idle()
        })
    }

    /// Opens dialogs until every presentity from `first` on has `watchers`.
    pub(crate) fn watch(&mut self, first: u32, watchers: u32) -> Result<(), String> {
        let count = self.engine.presentities() - first;
        let mut opened = 0;
        // Round and round over the presentities, as people come; a second for each thousand dialogs is plenty.
        let longest = LONGEST + Duration::from_millis(u64::from(count) * u64::from(watchers));
        self.engine.run_until(longest, |engine| {
            while opened < count * watchers && engine.room() > 0 {
                engine.subscribe(first + opened % count);
                opened += 1;
            }
            opened == count * watchers && engine.is_idle()
        })
    }

    /// PUBLISH that modifies, nobody watches.
    pub(crate) fn publish(&mut self) -> Result<Cost, String> {
        let count = self.engine.presentities();
        let mut next = 0;
        let refill = move |engine: &mut Engine| {
            let mut tried = 0;
            while engine.room() > 0 && tried < count {
                next = (next + 1) % count;
                tried += 1;
                if !engine.is_publishing(next) {
                    engine.publish(next, engine.now());
                }
            }
        };
        self.measure(refill, |engine| engine.book.seen.publishes)
    }

    /// SUBSCRIBE that opens a dialog, 200, NOTIFY, 200.
    pub(crate) fn subscribe(&mut self) -> Result<Cost, String> {
        let count = self.engine.presentities();
        let mut next = 0;
        let refill = move |engine: &mut Engine| {
            while engine.room() > 0 {
                next = (next + 1) % count;
                engine.subscribe(next);
            }
        };
        self.measure(refill, |engine| engine.book.seen.subscribes)
    }

    /// SUBSCRIBE inside a dialog, 200, NOTIFY, 200; dialogs at random.
    pub(crate) fn refresh(&mut self) -> Result<Cost, String> {
        let count = self.engine.dialogs();
        let mut random = self.random;
        let refill = move |engine: &mut Engine| {
            let mut tried = 0;
            while engine.room() > 0 && tried < 256 {
                tried += 1;
                let dialog = below(&mut random, count);
                if !engine.is_subscribing(dialog) {
                    engine.refresh(dialog);
                }
            }
        };
        self.measure(refill, |engine| engine.book.seen.subscribes)
    }

    /// Publications one after the other, `rounds` presentities at a time: each publishes when all have seen its last.
    pub(crate) fn fan_out(&mut self, rounds: usize) -> Result<Cost, String> {
        let count = self.engine.presentities();
        let mut random = self.random;
        let mut active: Vec<u32> = Vec::new();
        let refill = move |engine: &mut Engine| {
            active.retain(|presentity| {
                engine.is_publishing(*presentity) || engine.book.presentities[*presentity as usize].behind > 0
            });
            while active.len() < rounds.min(count as usize) && engine.room() > 0 {
                let presentity = below(&mut random, count);
                if !active.contains(&presentity) {
                    engine.publish(presentity, engine.now());
                    active.push(presentity);
                }
            }
        };
        let mut cost = self.measure(refill, |engine| engine.book.seen.notifies)?;
        (cost.p50, cost.p99) = ends(&self.engine.book.fan_out);
        self.settle()?;
        Ok(cost)
    }

    /// Publications at random moments, `rate` a second in all, for some seconds; latency counts from when each was due.
    pub(crate) fn paced(&mut self, rate: f64, seconds: f64) -> Result<Cost, String> {
        let count = self.engine.presentities();
        let mut random = self.random;
        let before = self.begin()?;
        let end = self.engine.now() + (seconds * 1e9) as u64;
        let mut due = self.engine.now();
        let mut slices = Slices::new(due, &self.running)?;
        while self.engine.now() < end {
            slices.look(self.engine.now(), &self.running, &mut self.engine.book.fan_out)?;
            while due <= self.engine.now() && self.engine.room() > 0 {
                let mut presentity = below(&mut random, count);
                let mut tried = 0;
                while self.engine.is_publishing(presentity) && tried < count {
                    presentity = (presentity + 1) % count;
                    tried += 1;
                }
                if self.engine.is_publishing(presentity) {
                    break; // every source waits: this one is late, and its latency says so
                }
                self.engine.publish(presentity, due);
                let unit = (next(&mut random) >> 11) as f64 / (1_u64 << 53) as f64;
                due += ((-(1.0 - unit).ln()) / rate * 1e9) as u64;
            }
            self.engine.turn(Some(due)).map_err(|error| error.to_string())?;
        }
        let mut cost = self.end(&before, |engine| engine.book.seen.notifies)?;
        self.settle()?;
        let (all, calm) = slices.end(&self.engine.book.fan_out);
        (cost.p50, cost.p99) = ends(&all);
        cost.calm = Some(calm);
        Ok(cost)
    }

    /// Every source publishes again as soon as its last PUBLISH was answered, whatever the watchers have seen.
    /// At the end, every watcher must have the last state. Gives the cost and how many publications there were.
    pub(crate) fn flood(&mut self) -> Result<(Cost, u64), String> {
        let count = self.engine.presentities();
        let before = self.engine.book.seen.publishes;
        let mut next = 0;
        let refill = move |engine: &mut Engine| {
            let mut tried = 0;
            while engine.room() > 0 && tried < count {
                next = (next + 1) % count;
                tried += 1;
                if !engine.is_publishing(next) {
                    engine.publish(next, engine.now());
                }
            }
        };
        let cost = self.measure(refill, |engine| engine.book.seen.notifies)?;
        self.settle()?;
        Ok((cost, self.engine.book.seen.publishes - before))
    }

    /// Waits until every watcher has seen the last state of its presentity.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.engine
            .run_until(LONGEST, |engine| {
                engine.is_idle() && engine.book.presentities.iter().all(|presentity| presentity.behind == 0)
            })
            .map_err(|why| format!("a watcher has not heard of the last state: {why}"))
    }

    /// Warms up, then measures until the server has spent its span of processor time.
    fn measure(
        &mut self,
        mut refill: impl FnMut(&mut Engine),
        count: impl Fn(&Engine) -> u64,
    ) -> Result<Cost, String> {
        self.keep_going(&mut refill, self.span / 5)?;
        let before = self.begin()?;
        self.keep_going(&mut refill, self.span)?;
        // `count` reads totals; what was before is subtracted by `end`.
        let cost = self.end(&before, count)?;
        // What is still outstanding belongs to nobody: the next operation begins with nothing under way.
        self.engine.run_until(LONGEST, |engine| engine.is_idle())?;
        Ok(cost)
    }

    fn keep_going(&mut self, refill: &mut impl FnMut(&mut Engine), span: Duration) -> Result<(), String> {
        let (cpu, began) = (self.running.cpu()?, Instant::now());
        let seen = |engine: &Engine| {
            let seen = &engine.book.seen;
            seen.publishes + seen.subscribes + seen.notifies
        };
        let (mut last, mut last_at) = (seen(&self.engine), Instant::now());
        loop {
            for _ in 0..64 {
                refill(&mut self.engine);
                self.engine.turn(None).map_err(|error| error.to_string())?;
            }
            if self.running.cpu()? - cpu >= span || began.elapsed() > span * 5 {
                return Ok(());
            }
            if seen(&self.engine) != last {
                (last, last_at) = (seen(&self.engine), Instant::now());
            } else if last_at.elapsed() > Duration::from_secs(35) {
                return Err(format!("nothing moves any more: {:?}", self.engine.book.seen));
            }
        }
    }

    fn begin(&mut self) -> Result<Before, String> {
        self.engine.book.exchange.clear();
        self.engine.book.fan_out.clear();
        let seen = &self.engine.book.seen;
        Ok(Before {
            cpu: self.running.cpu()?,
            generator: own_cpu(),
            wall: Instant::now(),
            seen: seen.clone(),
        })
    }

    fn end(&mut self, before: &Before, count: impl Fn(&Engine) -> u64) -> Result<Cost, String> {
        let cpu = self.running.cpu()? - before.cpu;
        let (generator, wall) = (own_cpu() - before.generator, before.wall.elapsed());
        let after = count(&self.engine);
        let now = std::mem::replace(&mut self.engine.book.seen, before.seen.clone());
        let operations = after - count(&self.engine);
        self.engine.book.seen = now;
        let (p50, p99) = ends(&self.engine.book.exchange);
        let (seen, was) = (&self.engine.book.seen, &before.seen);
        let retransmissions = seen.our_retransmissions + seen.their_retransmissions
            - was.our_retransmissions
            - was.their_retransmissions;
        Ok(Cost {
            operations,
            cpu,
            generator,
            wall,
            p50,
            p99,
            calm: None,
            retransmissions,
            wrong: seen.wrong.total() - was.wrong.total(),
        })
    }
}

struct Before {
    cpu: Duration,
    generator: Duration,
    wall: Instant,
    seen: super::book::Seen,
}

/// What the same number of datagrams of the same sizes costs a bare program.
pub(crate) fn floor(
    sizes: Sizes,
    exchange: Exchange,
    cores: &[usize],
    span: Duration,
) -> Result<Cost, String> {
    let running = Running::start(&Subject::Floor(sizes), cores)?;
    let mut began: Option<(u64, Duration, Duration, Instant)> = None;
    let mut trouble = None;
    let start = running.cpu()?;
    let total = floor::drive(running.address, sizes, exchange, |finished| match running.cpu() {
        Ok(cpu) if cpu - start < span / 5 => false,
        Ok(cpu) => {
            let (_, since, _, _) = began.get_or_insert_with(|| (finished, cpu, own_cpu(), Instant::now()));
            cpu - *since >= span
        }
        Err(why) => {
            trouble = Some(why);
            true
        }
    })
    .map_err(|error| error.to_string())?;
    let cpu = running.cpu()?;
    if let Some(why) = trouble {
        return Err(why);
    }
    let Some((finished, since, generator, wall)) = began else {
        return Err("the floor did nothing".to_owned());
    };
    Ok(Cost {
        operations: total - finished,
        cpu: cpu - since,
        generator: own_cpu() - generator,
        wall: wall.elapsed(),
        ..Cost::default()
    })
}

fn own_cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID;
    nix::time::clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

fn ends(histogram: &Histogram) -> (Option<Duration>, Option<Duration>) {
    (histogram.percentile(0.5), histogram.percentile(0.99))
}

/// xorshift64*: even enough to choose who is next.
fn next(random: &mut u64) -> u64 {
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    random.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn below(random: &mut u64, count: u32) -> u32 {
    (((next(random) >> 32) * u64::from(count)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_per_operation() {
        let cost = Cost {
            operations: 1000,
            cpu: Duration::from_millis(5),
            wall: Duration::from_millis(10),
            ..Cost::default()
        };
        assert!((cost.micros() - 5.0).abs() < 1e-9);
        assert!((cost.rate() - 100_000.0).abs() < 1e-6);
        assert!((cost.busy() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn choices_stay_below_their_bound_and_reach_it() {
        let mut random = 1;
        let chosen: std::collections::BTreeSet<u32> = (0..1000).map(|_| below(&mut random, 10)).collect();
        assert_eq!(chosen, (0..10).collect());
    }
}
