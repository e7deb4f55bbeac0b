//! What a seed decides before its run begins: the node's settings, the weather, and who takes part.

use core::time::Duration;
use std::sync::Arc;

use node::{Limits, Listener, Lists, Oversize, Settings};
use presence::{Lifetimes, Policy, PublishPolicy, Watch};
use sip_stack::Protocol;

use super::roster;
use super::ruling::ROOT;
use crate::random::Random;

/// The least lifetime that the node grants; less is refused with 423.
pub(super) const LIFETIME_MIN: Duration = Duration::from_secs(30);
/// The longest lifetime that the node grants.
pub(super) const LIFETIME_MAX: Duration = Duration::from_secs(300);

/// What may go wrong, and how often.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    /// Datagrams lost, in percent.
    pub(super) loss: u64,
    /// Datagrams that come twice, in percent.
    pub(super) twice: u64,
    /// The longest that a message travels.
    pub(super) delay: Duration,
    /// Datagrams that travel up to four seconds, in percent.
    pub(super) late: u64,
    /// Mean time between two crashes; none in calm seeds.
    pub(super) crashes: Option<Duration>,
    /// Mean time between two broken streams or partitions.
    pub(super) breaks: Option<Duration>,
    /// Mean time between two datagrams of strangers.
    pub(super) noise: Option<Duration>,
    /// Mean time between two changes of documents that decide about watchers; none where there are no such documents.
    pub(super) edits: Option<Duration>,
}

impl Weather {
    /// Nothing goes wrong any more.
    pub(super) fn calm() -> Self {
        let delay = Duration::from_millis(50);
        Self { loss: 0, twice: 0, delay, late: 0, crashes: None, breaks: None, noise: None, edits: None }
    }
}

/// The whole plan of a seed.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) settings: Arc<Settings>,
    pub(super) weather: Weather,
    /// How long things go wrong.
    pub(super) chaos: Duration,
    /// How long the node waits for documents.
    pub(super) reading: Duration,
    /// Whether the shell holds messages back until their rows are on disk.
    pub(super) durable: bool,
    pub(super) presentities: u64,
    pub(super) sources: u64,
    pub(super) watchers: u64,
    /// Mean time between two changes of a source.
    pub(super) pace_of_change: Duration,
}

impl Plan {
    pub(super) fn of(random: &mut Random) -> Self {
        let seconds = |secs: &u64| (*secs > 0).then(|| Duration::from_secs(*secs));
        let weather = Weather {
            loss: *random.pick(&[0, 2, 10, 25]),
            twice: *random.pick(&[0, 5, 20]),
            delay: Duration::from_millis(*random.pick(&[2, 50, 400])),
            late: *random.pick(&[0, 0, 3]),
            crashes: seconds(random.pick(&[0, 15, 60])),
            breaks: seconds(random.pick(&[0, 10, 60])),
            noise: seconds(random.pick(&[0, 1, 10])),
            edits: seconds(random.pick(&[0, 2, 8, 30])),
        };
        Self {
            settings: Arc::new(settings(random)),
            weather,
            chaos: random.span(Duration::from_secs(60), Duration::from_secs(300)),
            reading: Duration::from_millis(*random.pick(&[0, 0, 5, 80])),
            durable: random.chance(50),
            presentities: random.between(1, 4),
            sources: random.between(1, 6),
            watchers: random.between(1, 6),
            pace_of_change: Duration::from_secs(*random.pick(&[1, 8, 40])),
        }
    }
}

fn settings(random: &mut Random) -> Settings {
    let lifetimes = Lifetimes { min: LIFETIME_MIN, default: Duration::from_secs(120), max: LIFETIME_MAX };
    let oversize = if random.chance(50) { Oversize::Datagram } else { Oversize::Stream };
    Settings {
        domains: vec!["example.com".into()],
        listeners: vec![
            Listener { protocol: Protocol::Udp, sent_by: "192.0.2.250:5060".into() },
            Listener { protocol: Protocol::Tcp, sent_by: "192.0.2.250:5060".into() },
        ],
        authentication: sip_stack::auth::Settings {
            open: true,
            realm: "example.com".into(),
            ..Default::default()
        },
        policy: Policy {
            watch: Watch::Everyone,
            publish: PublishPolicy::Everyone,
            roots: xcap::Roots::own([ROOT]),
            ..Policy::default()
        },
        publications: lifetimes,
        subscriptions: lifetimes,
        pace: Duration::from_secs(*random.pick(&[0, 0, 1, 5])),
        lists: Some(Lists {
            server: Some(roster::SERVER.into()),
            window: Duration::from_secs(random.below(3)),
            ..Lists::default()
        }),
        oversize,
        limits: Limits {
            window: *random.pick(&[1, 2, 64]),
            turn: *random.pick(&[1, 3, 256]),
            unanswered: *random.pick(&[1, 2]),
            watcher: *random.pick(&[1, 2, 2000]),
            ..Limits::default()
        },
        ..Settings::default()
    }
}
