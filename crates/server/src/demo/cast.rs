//! Who plays in the demo: what each publishes, who watches whom and may see what, and how long the news takes.

use core::time::Duration;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use client::web::Trust;
use client::xdm::{Condition, Resource, XdmClient, XdmOptions};
use client::{
    Basic, Client, ConnectError, Event, Identity, Options, Protocol, State, Status, SubHandling, Summary,
    Termination, Update, Watching,
};
use documents::rules::decisions;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::roster::{Availability, News};
use crate::clock::Clock;

/// The domain of the demo's users: every machine knows it.
pub const DOMAIN: &str = "localhost";

/// One line of a script: whether reachable, the activity of RFC 4480, the note.
type Scene = (Basic, Option<&'static str>, &'static str);

/// One user of the demo.
pub struct Role {
    /// The part before the @.
    pub name: &'static str,
    /// Who moves this user, as the screen says it.
    pub played_by: &'static str,
    every: Duration,
    script: &'static [Scene],
    protocol: Protocol,
    /// Places in [`ROLES`] of those this user watches.
    watches: &'static [usize],
}

const ROBOT_SCENES: &[Scene] = &[
    (Basic::Open, None, "humming"),
    (Basic::Open, Some("busy"), "sorting screws by mood"),
    (Basic::Open, Some("on-the-phone"), "ordering oil"),
    (Basic::Open, None, "done, and proud of it"),
    (Basic::Open, Some("away"), "recharging"),
    (Basic::Open, Some("meeting"), "standing up in a stand-up"),
    (Basic::Closed, None, "rebooting"),
];
const ALICE_SCENES: &[Scene] = &[
    (Basic::Open, None, "call me"),
    (Basic::Open, Some("meeting"), "planning, till noon"),
    (Basic::Open, Some("on-the-phone"), "with the plumber"),
    (Basic::Open, Some("meal"), "soup"),
];
const BOB_SCENES: &[Scene] = &[
    (Basic::Open, Some("away"), "walking the dog"),
    (Basic::Open, None, "back at the desk"),
    (Basic::Open, Some("busy"), "please do not disturb"),
    (Basic::Closed, None, ""),
];

/// What the robot lets others see: bob whether it can be reached, everybody else all that there is.
const ROBOT_RULES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules" xmlns:oc="urn:oma:xml:xdm:common-policy">
  <cr:rule id="bob-sees-less">
    <cr:conditions><cr:identity><cr:one id="sip:bob@localhost"/></cr:identity></cr:conditions>
    <cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>
    <cr:transformations><pr:provide-services><pr:all-services/></pr:provide-services></cr:transformations>
  </cr:rule>
  <cr:rule id="others-see-everything">
    <cr:conditions><oc:other-identity/></cr:conditions>
    <cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>
    <cr:transformations>
      <pr:provide-services><pr:all-services/></pr:provide-services>
      <pr:provide-persons><pr:all-persons/></pr:provide-persons>
      <pr:provide-devices><pr:all-devices/></pr:provide-devices>
      <pr:provide-all-attributes/>
    </cr:transformations>
  </cr:rule>
</cr:ruleset>
"#;

/// So long carol waits for alice to decide.
const HESITATION: Duration = Duration::from_secs(4);

/// Everyone, in the order of the roster. Carol is for whoever sits at the keyboard; the roster is hers.
pub const ROLES: [Role; 4] = [
    Role {
        name: "robot",
        played_by: "",
        every: Duration::from_secs(1),
        script: ROBOT_SCENES,
        protocol: Protocol::Udp,
        watches: &[],
    },
    Role {
        name: "alice",
        played_by: "",
        every: Duration::from_secs(7),
        script: ALICE_SCENES,
        protocol: Protocol::Udp,
        watches: &[0],
    },
    Role {
        name: "bob",
        played_by: "",
        every: Duration::from_secs(4),
        script: BOB_SCENES,
        protocol: Protocol::Tcp,
        watches: &[0],
    },
    Role {
        name: "carol",
        played_by: "yours: join in as carol",
        every: Duration::MAX,
        script: &[],
        protocol: Protocol::Udp,
        watches: &[0, 1, 2, 3],
    },
];

/// Places of the robot; of alice, who decides who sees her; of bob, who sees less of the robot; and of the one whose
/// roster is shown.
const ROBOT: usize = 0;
const ALICE: usize = 1;
const BOB: usize = 2;
const SHOWN: usize = 3;

/// What happens to the demo, in one queue for whoever shows it.
#[derive(Debug)]
pub enum Happening {
    /// Somebody's state came by NOTIFY.
    News(News),
    /// What bob sees of the robot.
    Less(News),
    /// Alice has let carol watch.
    Approved,
    /// A request failed, or a player could not go on; in words.
    Trouble(String),
    /// It is to end: a signal.
    Stop,
}

/// When which note was published last, by place.
type Sent = Arc<Mutex<[Option<(String, Duration)>; ROLES.len()]>>;

/// The players, connected.
pub struct Cast {
    clients: Vec<Client>,
    tasks: JoinSet<()>,
}

impl Cast {
    /// Connects every player to `server` (`host:port`) and lets them play; their rules go to the XCAP root. `passwords` are
    /// in the order of [`ROLES`].
    pub async fn start(
        server: &str,
        root: &str,
        passwords: &[String],
        clock: Clock,
        happenings: &Sender<Happening>,
    ) -> Result<Self, ConnectError> {
        let sent = Sent::default();
        let mut cast = Self { clients: Vec::new(), tasks: JoinSet::new() };
        for (role, password) in ROLES.iter().zip(passwords) {
            let mut options = Options::new(identity(role));
            options.password = Some(password.clone());
            options.server = Some(server.to_owned());
            options.protocol = role.protocol;
            cast.clients.push(Client::connect(options).await?);
        }
        // Before anybody watches: who may see what.
        let first = decisions::first(identity(&ROLES[ALICE]).aor().as_str());
        let mut alice = None;
        for (place, rules) in [(ROBOT, ROBOT_RULES.as_bytes().to_vec()), (ALICE, first)] {
            match write_rules(root, &ROLES[place], &passwords[place], rules).await {
                Ok(client) if place == ALICE => alice = Some(client),
                Ok(_) => {}
                Err(why) => trouble(happenings, format!("{} has no rules: {why}", ROLES[place].name)),
            }
        }
        for (place, role) in ROLES.iter().enumerate() {
            for target in role.watches {
                let watching = cast.clients[place].watch(identity(&ROLES[*target]));
                let shown: Option<Show> = match (place, *target) {
                    (SHOWN, _) => Some((happenings.clone(), Happening::News)),
                    (BOB, ROBOT) => Some((happenings.clone(), Happening::Less)),
                    _ => None,
                };
                cast.tasks.spawn(follow(watching, *target, Arc::clone(&sent), clock, shown));
            }
        }
        for (place, role) in ROLES.iter().enumerate().filter(|(_, role)| !role.script.is_empty()) {
            let first = publish(role, 0, place, &sent, clock);
            match cast.clients[place].publish(first).await {
                Ok(publication) => {
                    let play = play(publication, place, Arc::clone(&sent), clock, happenings.clone());
                    cast.tasks.spawn(play);
                }
                Err(error) => trouble(happenings, format!("{} cannot publish: {error}", role.name)),
            }
        }
        if let Some(alice) = alice {
            cast.tasks.spawn(approve(alice, Arc::clone(&sent), clock, happenings.clone()));
        }
        Ok(cast)
    }

    /// Ends all publications and subscriptions politely.
    pub async fn end(mut self) {
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        for client in self.clients {
            client.close().await;
        }
    }
}

fn identity(role: &Role) -> Identity {
    format!("{}@{DOMAIN}", role.name).parse().expect("the names of the cast are user names")
}

/// Puts a player's rules.
async fn write_rules(root: &str, role: &Role, password: &str, rules: Vec<u8>) -> Result<XdmClient, String> {
    let root = root.parse().map_err(|_| format!("{root} is no XCAP root"))?;
    let options = XdmOptions {
        password: Some(password.to_owned()),
        ..XdmOptions::new(identity(role), root, Trust::System)
    };
    let client = XdmClient::new(options).map_err(|error| error.to_string())?;
    let document = Resource::own("org.openmobilealliance.pres-rules", "pres-rules");
    client.put(&document, rules, &Condition::None).await.map_err(|error| error.to_string())?;
    Ok(client)
}

/// Alice sees that carol waits, thinks about it, and lets her watch: as `rollcall approve` does.
async fn approve(alice: XdmClient, sent: Sent, clock: Clock, happenings: Sender<Happening>) {
    tokio::time::sleep(HESITATION).await;
    // What carol is shown then was published before: its way begins here.
    if let Some((_, when)) = &mut sent.lock().unwrap_or_else(PoisonError::into_inner)[ALICE] {
        *when = clock.elapsed();
    }
    let _ = happenings.send(Happening::Approved);
    let carol = identity(&ROLES[SHOWN]);
    if let Err(error) = alice.decide(carol.aor(), Some(SubHandling::Allow)).await {
        trouble(&happenings, format!("alice cannot approve carol: {error}"));
    }
}

fn trouble(happenings: &Sender<Happening>, words: String) {
    // Whoever shows it is gone when the demo ends.
    let _ = happenings.send(Happening::Trouble(words));
}

/// The status of a scene, noted as sent now.
fn publish(role: &Role, number: usize, place: usize, sent: &Sent, clock: Clock) -> Status {
    let (basic, activity, words) = role.script[number % role.script.len()];
    let note = match (role.name, words) {
        ("robot", words) => format!("{words} ({number})"),
        (_, words) => words.to_owned(),
    };
    sent.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some((note.clone(), clock.elapsed()));
    let note = (!note.is_empty()).then_some(note);
    Status { basic, activity: activity.map(str::to_owned), note, since: None }
}

/// Publishes one scene after the other.
async fn play(
    mut publication: client::Publication,
    place: usize,
    sent: Sent,
    clock: Clock,
    happenings: Sender<Happening>,
) {
    let role = &ROLES[place];
    let mut beat = interval(role.every);
    beat.tick().await; // the first is at once, and has been played
    let mut number = 0;
    loop {
        beat.tick().await;
        number += 1;
        if let Err(error) = publication.update(publish(role, number, place, &sent, clock)).await {
            trouble(&happenings, format!("{} cannot publish: {error}", role.name));
        }
    }
}

/// Where news goes, and as what.
type Show = (Sender<Happening>, fn(News) -> Happening);

/// Turns NOTIFYs into news.
async fn follow(mut watching: Watching, person: usize, sent: Sent, clock: Clock, shown: Option<Show>) {
    while let Some(event) = watching.next().await {
        let at = clock.elapsed();
        let Some((shown, happening)) = &shown else { continue };
        match event {
            Event::Update(update) => {
                let _ = shown.send(happening(news(person, &update, at, &sent)));
            }
            Event::Over(Termination::Ended { reason }) if reason == "rejected" => {
                trouble(
                    shown,
                    format!("{} does not let {} watch any more", ROLES[person].name, ROLES[SHOWN].name),
                );
            }
            Event::Over(end) => {
                trouble(shown, format!("{} is no longer watched: {end:?}", ROLES[person].name))
            }
            Event::Retrying { .. } | Event::Missed(_) => {}
        }
    }
}

fn news(person: usize, update: &Update, at: Duration, sent: &Sent) -> News {
    let summary = update.presence.as_ref().map(|presence| presence.summary());
    if update.state == State::Pending {
        let note = format!("has not decided whether {} may watch", ROLES[SHOWN].name);
        return News { person, availability: Availability::Hidden, note, latency: None, at };
    }
    let note = summary.as_ref().and_then(|summary| summary.notes.first()).cloned().unwrap_or_default();
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let latency =
        sent[person].as_ref().filter(|(words, _)| *words == note).map(|(_, when)| at.saturating_sub(*when));
    News { person, availability: availability(summary.as_ref()), note, latency, at }
}

/// What a dot can show of a document.
fn availability(summary: Option<&Summary>) -> Availability {
    const BUSY: [&str; 6] = ["busy", "meeting", "appointment", "on-the-phone", "presentation", "performance"];
    const AWAY: [&str; 7] =
        ["away", "meal", "breakfast", "sleeping", "vacation", "holiday", "permanent-absence"];
    let Some(summary) = summary else { return Availability::Offline };
    let does = |of: &[&str]| summary.activities.iter().any(|activity| of.contains(&activity.as_str()));
    match summary.basic {
        None | Some(Basic::Closed) => Availability::Offline,
        Some(Basic::Open) if does(&BUSY) => Availability::Busy,
        Some(Basic::Open) if does(&AWAY) => Availability::Away,
        Some(Basic::Open) => Availability::Open,
    }
}
