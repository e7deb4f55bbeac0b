//! Whether a message costs the same however many subscriptions there are: nanoseconds of processor time per NOTIFY with
//! its 200 and per refresh, and resident octets per subscription, without any socket. Sizes are the arguments.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program, for a terminal")]

mod common;
#[path = "common/messages.rs"]
mod messages;

use std::time::Duration;

use sip::Name;

use common::{World, cpu, field, ok, resident};
use messages::{publish, subscribe};

/// Watchers of each presentity.
const WATCHERS: usize = 10;
/// Operations in one measurement, and how many are prepared at a time.
const OPERATIONS: usize = 40_000;
const BATCH: usize = 200;

struct Crowd {
    world: World,
    /// Our tag by dialog.
    tags: Vec<String>,
    entity_tags: Vec<String>,
    random: u64,
}

impl Crowd {
    fn new() -> Self {
        let (tags, entity_tags) = (Vec::new(), Vec::new());
        Self { world: World::new(None), tags, entity_tags, random: 88_172_645_463_325_252 }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below as u64) as usize
    }

    /// Lets the node handle these; gives what it says, and adds to `spent` what that cost.
    fn measured(&mut self, requests: &[Vec<u8>], spent: &mut Duration) -> Vec<Vec<u8>> {
        let start = cpu();
        requests.iter().for_each(|request| self.world.take(request));
        *spent += cpu() - start;
        self.world.flush()
    }

    fn grow(&mut self, subscriptions: usize) {
        for index in self.tags.len()..subscriptions {
            let user = index / WATCHERS;
            if index % WATCHERS == 0 {
                self.world.take(&publish(user, 1, None));
                let answer = self.world.flush();
                self.entity_tags.push(field(&answer[0], Name::SipETag));
            }
            self.world.take(&subscribe(user, index, 1, None));
            let said = self.world.flush();
            let to = field(&said[0], Name::To);
            self.tags.push(to.rsplit("tag=").next().unwrap().to_owned());
            said.iter().filter_map(|notify| ok(notify)).for_each(|answer| self.world.take(&answer));
            self.world.flush();
        }
    }

    /// Nanoseconds per NOTIFY with its answer; presentities at random.
    fn notify(&mut self, number: usize) -> f64 {
        let (mut spent, mut told) = (Duration::ZERO, 0_u32);
        for batch in 0..OPERATIONS / BATCH {
            let mut publishes = Vec::new();
            let mut users = Vec::new();
            for _ in 0..BATCH / WATCHERS {
                let user = self.draw(self.entity_tags.len());
                if users.contains(&user) {
                    continue;
                }
                let count = number * OPERATIONS + batch * BATCH + users.len() + 2;
                publishes.push(publish(user, count, Some(&self.entity_tags[user])));
                users.push(user);
            }
            let mut answered = users.into_iter();
            let mut said = self.measured(&publishes, &mut spent);
            while !said.is_empty() {
                let mut answers = Vec::new();
                for message in &said {
                    match ok(message) {
                        Some(answer) => answers.push(answer),
                        None => self.entity_tags[answered.next().unwrap()] = field(message, Name::SipETag),
                    }
                }
                told += u32::try_from(answers.len()).unwrap();
                said = self.measured(&answers, &mut spent);
            }
        }
        spent.as_nanos() as f64 / f64::from(told)
    }

    /// Nanoseconds per refresh with its NOTIFY and the answer to it; dialogs at random.
    fn refresh(&mut self, number: usize) -> f64 {
        let (mut spent, mut count) = (Duration::ZERO, 0_u32);
        for batch in 0..OPERATIONS / BATCH {
            let mut dialogs: Vec<usize> = (0..BATCH).map(|_| self.draw(self.tags.len())).collect();
            dialogs.sort_unstable();
            dialogs.dedup();
            let cseq = 2 + number * (OPERATIONS / BATCH) + batch;
            let requests: Vec<_> = dialogs
                .iter()
                .map(|index| subscribe(index / WATCHERS, *index, cseq, Some(&self.tags[*index])))
                .collect();
            let mut said = self.measured(&requests, &mut spent);
            while !said.is_empty() {
                let answers: Vec<_> = said.iter().filter_map(|message| ok(message)).collect();
                count += u32::try_from(answers.len()).unwrap();
                said = self.measured(&answers, &mut spent);
            }
        }
        spent.as_nanos() as f64 / f64::from(count)
    }
}

fn main() {
    let mut sizes: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000, 1_000_000];
    }
    let mut crowd = Crowd::new();
    println!("{:>12} {:>12} {:>12} {:>18}", "", "NOTIFY ns", "refresh ns", "B per subscription");
    for (number, size) in sizes.into_iter().enumerate() {
        crowd.grow(size);
        let rounds =
            (0..3).map(|round| (crowd.notify(3 * number + round), crowd.refresh(3 * number + round)));
        let mut rounds: Vec<_> = rounds.collect();
        rounds.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let notify = rounds[0].0;
        let refresh = rounds.iter().map(|(_, refresh)| *refresh).fold(f64::MAX, f64::min);
        // What the measuring itself keeps: two texts for each dialog.
        let own = size * (24 + 32) + size / WATCHERS * (24 + 32);
        let each = resident().saturating_sub(own) / size;
        println!("{size:>12} {notify:>12.0} {refresh:>12.0} {each:>18}");
    }
}
