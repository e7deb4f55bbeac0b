//! One operation, over and over, in one shard without sockets: for a counter of instructions.
//!
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*World::take' single publish 2000` counts what the
//! shard spends on it, and nothing of what makes the requests. Operations are `publish` (modifies, nobody watches),
//! `subscribe`, `refresh` and `notify` (a NOTIFY to each of ten watchers, with its publication).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program, for a terminal")]

mod common;
#[path = "common/messages.rs"]
mod messages;

use sip::Name;

use common::{World, cpu, field, ok, resident};
use messages::{publish, subscribe};

/// Presentities; where somebody watches, watchers of each.
const USERS: usize = 1_000;
const WATCHERS: usize = 10;

struct Scene {
    world: World,
    entity_tags: Vec<String>,
    /// Our tag by dialog.
    tags: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(None);
        let tag = |user| {
            world.take(&publish(user, 1, None));
            field(&world.flush()[0], Name::SipETag)
        };
        let entity_tags = (0..USERS).map(tag).collect();
        Self { world, entity_tags, tags: Vec::new() }
    }

    fn publish(&mut self, number: usize) {
        let user = number % USERS;
        self.world.take(&publish(user, number + 2, Some(&self.entity_tags[user])));
        let said = self.world.flush();
        self.entity_tags[user] = field(&said[0], Name::SipETag);
        self.answer(said);
    }

    fn subscribe(&mut self) {
        let watcher = self.tags.len();
        self.world.take(&subscribe(watcher % USERS, watcher, 1, None));
        let said = self.world.flush();
        self.tags.push(field(&said[0], Name::To).rsplit("tag=").next().unwrap().to_owned());
        self.answer(said);
    }

    fn refresh(&mut self, number: usize) {
        let watcher = number % self.tags.len();
        self.world.take(&subscribe(watcher % USERS, watcher, number + 2, Some(&self.tags[watcher])));
        let said = self.world.flush();
        self.answer(said);
    }

    /// Answers NOTIFYs until there is none.
    fn answer(&mut self, mut said: Vec<Vec<u8>>) {
        while !said.is_empty() {
            said.iter().filter_map(|notify| ok(notify)).for_each(|answer| self.world.take(&answer));
            said = self.world.flush();
        }
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let operation = words.next().unwrap_or_else(|| "publish".to_owned());
    let count: usize = words.next().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut scene = Scene::new();
    if operation == "refresh" || operation == "notify" {
        (0..USERS * WATCHERS).for_each(|_| scene.subscribe());
    }
    match operation.as_str() {
        "publish" => (0..count).for_each(|number| scene.publish(number)),
        "subscribe" => (0..count).for_each(|_| scene.subscribe()),
        "refresh" => (0..count).for_each(|number| scene.refresh(number)),
        "notify" => (0..count / WATCHERS).for_each(|number| scene.publish(number)),
        other => return println!("no operation is called {other}"),
    }
    println!(
        "{count} x {operation}: {} ms with what prepares it, {} MiB",
        cpu().as_millis(),
        resident() >> 20
    );
}
