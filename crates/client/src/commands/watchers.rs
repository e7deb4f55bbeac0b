//! `rollcall watchers`.

use core::time::Duration;
use std::io;

use documents::watcherinfo::{Event, Status, Watcher};
use serde_json::json;
use sip_stack::Timestamp;

use super::connection::{Connected, Connection, LONG};
use super::exit::{self, excuse, explain_end};
use super::terminal::{Terminal, Tone, harmless};
use super::time::{date_time, time_of_day};
use super::{Exit, Surroundings};
use crate::{Identity, Informing, Watchers, WatchersEvent};

/// Who watches you, and who waits for you to decide.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = exit::CODES)]
pub struct Arguments {
    /// Who you are, as user@domain
    #[arg(long = "as", value_name = "IDENTITY", env = "ROLLCALL_IDENTITY")]
    identity: Identity,
    /// Show it once, and end
    #[arg(long)]
    once: bool,
    /// One JSON object per line and change
    #[arg(long)]
    json: bool,
    /// No colors, and a line per change rather than a table that is drawn anew
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    if arguments.plain {
        terminal.plain();
    }
    let who = arguments.identity.clone();
    let connected = match arguments.connection.open(who.clone(), None, terminal, &mut surroundings).await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    let informing =
        if arguments.once { connected.client.watchers_once(who) } else { connected.client.watchers(who) };
    let manner = match (arguments.json, arguments.once) {
        (true, _) => Manner::Json,
        (false, true) => Manner::Once,
        (false, false) if terminal.is_live() => Manner::Live { lines: 0 },
        (false, false) => Manner::Lines,
    };
    let mut view = View { connected, manner };
    let exit = view.follow(informing, terminal, &mut surroundings).await;
    view.connected.client.close().await;
    exit
}

/// How it is shown.
enum Manner {
    /// A JSON object per change.
    Json,
    /// The table, once.
    Once,
    /// A line per change.
    Lines,
    /// The table, drawn over the one before, which has so many lines.
    Live { lines: usize },
}

struct View {
    connected: Connected,
    manner: Manner,
}

impl View {
    async fn follow(
        &mut self,
        mut informing: Informing,
        terminal: &mut Terminal<'_>,
        surroundings: &mut Surroundings<'_>,
    ) -> Exit {
        let mut waiting_since = Some(tokio::time::Instant::now());
        loop {
            let hint_at = waiting_since.map(|since| since + LONG);
            let event = tokio::select! {
                event = informing.next() => event,
                () = surroundings.interrupt.as_mut() => return Exit::Done,
                () = tokio::time::sleep_until(hint_at.unwrap_or_else(tokio::time::Instant::now)), if hint_at.is_some() => {
                    waiting_since = None;
                    terminal.remark(&format!("no answer yet from {}; still trying", self.connected.server));
                    continue;
                }
            };
            waiting_since = None;
            match event {
                Some(WatchersEvent::Told(watchers)) => {
                    if self.show(&watchers, terminal).is_err() {
                        return Exit::Failure; // nobody reads any more; `close` unsubscribes
                    }
                }
                Some(WatchersEvent::Broken(defect)) => {
                    self.remark(&format!("broken watcher information: {}", harmless(&defect)), terminal);
                }
                Some(WatchersEvent::Retrying { failure, at, live }) => {
                    let why = failure.map_or_else(
                        || "the server asks for a new subscription".to_owned(),
                        |failure| excuse(&failure, &self.connected.server),
                    );
                    let stays = if live { "still subscribed" } else { "not subscribed" };
                    self.remark(&format!("{why}; {stays}, trying again at {}", time_of_day(at)), terminal);
                }
                Some(WatchersEvent::Over(why)) => {
                    let Connected { client, has_password, server } = &self.connected;
                    let who = client.identity();
                    let (text, exit) = explain_end(&why, who, who, *has_password, server);
                    if !text.is_empty() {
                        terminal.remark(&format!("error: {text}"));
                    }
                    return exit;
                }
                None => return Exit::Failure,
            }
        }
    }

    /// A word beside the table, which is drawn below it next.
    fn remark(&mut self, text: &str, terminal: &mut Terminal<'_>) {
        terminal.remark(text);
        if let Manner::Live { lines } = &mut self.manner {
            *lines = 0;
        }
    }

    fn show(&mut self, watchers: &Watchers, terminal: &mut Terminal<'_>) -> io::Result<()> {
        let at = watchers.received_at;
        match &mut self.manner {
            Manner::Json => {
                for watcher in &watchers.changed {
                    terminal.line(&as_json(watcher, watcher.status.as_str(), at))?;
                }
                for watcher in &watchers.gone {
                    terminal.line(&as_json(watcher, "terminated", at))?;
                }
                Ok(())
            }
            Manner::Once => terminal.line(&table(watchers, terminal).join("\n")),
            Manner::Lines => {
                for watcher in &watchers.changed {
                    let line = format!("{} {}", time_of_day(at), row(watcher, 0, terminal));
                    terminal.line(&line)?;
                }
                for watcher in &watchers.gone {
                    terminal.line(&format!("{} {:<10}  {}", time_of_day(at), "gone", name(watcher)))?;
                }
                Ok(())
            }
            Manner::Live { lines } => {
                let title = format!(
                    "{} {}",
                    terminal
                        .paint(Tone::Strong, &format!("who watches {}", self.connected.client.identity())),
                    terminal.paint(Tone::Quiet, &format!("at {}; Ctrl-C ends", time_of_day(at)))
                );
                let mut shown = vec![title];
                shown.extend(table(watchers, terminal));
                let back = if *lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") };
                *lines = shown.len();
                // A row that is too long is cut off, as one that goes on in the next would not be written over.
                terminal.line(&format!("{back}\x1b[?7l{}\x1b[?7h", shown.join("\n")))
            }
        }
    }
}

/// Who waits first, then who watches; a line at the end says what can be done.
fn table(watchers: &Watchers, terminal: &Terminal<'_>) -> Vec<String> {
    let mut rows: Vec<&Watcher> = watchers.all.iter().collect();
    rows.sort_by_key(|watcher| (order(watcher.status), &watcher.uri));
    let width = rows.iter().map(|watcher| name(watcher).chars().count()).max().unwrap_or(0);
    let mut lines: Vec<String> = rows.iter().map(|watcher| row(watcher, width, terminal)).collect();
    if lines.is_empty() {
        lines.push(terminal.paint(Tone::Quiet, "nobody"));
    }
    if let Some(waits) = rows.first().filter(|watcher| order(watcher.status) == 0) {
        let hint =
            format!("decide: rollcall approve {} (or block, or polite-block)", harmless(short(&waits.uri)));
        lines.push(terminal.paint(Tone::Quiet, &hint));
    }
    lines
}

const fn order(status: Status) -> u8 {
    match status {
        Status::Pending | Status::Waiting => 0,
        Status::Active => 1,
        Status::Terminated => 2,
    }
}

fn row(watcher: &Watcher, width: usize, terminal: &Terminal<'_>) -> String {
    let tone = match watcher.status {
        Status::Active => Tone::Good,
        Status::Pending | Status::Waiting => Tone::Waiting,
        Status::Terminated => Tone::Bad,
    };
    let name = name(watcher);
    let padding = " ".repeat(width.saturating_sub(name.chars().count()));
    let status = terminal.paint(tone, &format!("{:<10}", watcher.status.as_str()));
    let name = terminal.paint(Tone::Strong, &name);
    format!("{status}  {name}{padding}  {}", terminal.paint(Tone::Quiet, &story(watcher)))
}

/// What the status is about, in words.
fn story(watcher: &Watcher) -> String {
    let ago = watcher.duration_subscribed.map(span);
    let since =
        |words: &str| ago.as_ref().map_or_else(|| words.to_owned(), |ago| format!("{words} {ago} ago"));
    match (watcher.status, watcher.event) {
        (Status::Pending, _) => since("asked"),
        (Status::Waiting, _) => format!("{}, and is gone meanwhile", since("asked")),
        (Status::Active, Event::Approved) => since("approved; asked"),
        (Status::Active, _) => since("subscribed"),
        (Status::Terminated, Event::Rejected) => "blocked".to_owned(),
        (Status::Terminated, Event::Timeout) => "left, or ran out".to_owned(),
        (Status::Terminated, Event::Giveup) => "not decided in time".to_owned(),
        (Status::Terminated, event) => event.to_string(),
    }
}

/// `35 s`, `3 min`, `5 h`, `2 d`.
fn span(seconds: u64) -> String {
    match Duration::from_secs(seconds).as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn short(uri: &str) -> &str {
    uri.strip_prefix("sip:").unwrap_or(uri)
}

fn name(watcher: &Watcher) -> String {
    match watcher.display_name.as_deref() {
        Some(called) if !called.is_empty() => harmless(&format!("{called} <{}>", short(&watcher.uri))),
        Some(_) | None => harmless(short(&watcher.uri)),
    }
}

/// All of a row as one JSON object on one line.
fn as_json(watcher: &Watcher, status: &str, at: Timestamp) -> String {
    json!({
        "event": "update",
        "at": date_time(at),
        "watcher": *watcher.uri,
        "name": watcher.display_name.as_deref(),
        "id": *watcher.id,
        "status": status,
        "why": watcher.event.as_str(),
        "subscribed_s": watcher.duration_subscribed,
        "expires_s": watcher.expiration,
    })
    .to_string()
}
