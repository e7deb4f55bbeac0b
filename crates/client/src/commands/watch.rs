//! `rollcall watch`.

use core::time::Duration;
use std::io;

use super::connection::{Connected, Connection, LONG};
use super::exit::{self, excuse, explain_end};
use super::terminal::Terminal;
use super::time::time_of_day;
use super::{Exit, Surroundings, roster, show};
use crate::{Event, Identity, Listed, State, Watching};

/// Follow somebody's presence, or that of all in a list, one line per change.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = exit::CODES)]
pub struct Arguments {
    /// Whose presence, as user@domain; several are watched by one subscription to all of them (RFC 5367)
    #[arg(required_unless_present = "list")]
    targets: Vec<Identity>,
    /// Watch all in the list with this URI, such as sip:bob@example.com;pres-list=friends
    #[arg(long, value_name = "URI", conflicts_with = "targets")]
    list: Option<String>,
    /// The list server that takes lists of several targets; without it rls at your domain
    #[arg(long, value_name = "URI", requires = "targets")]
    rls: Option<String>,
    /// Who you are, as user@domain
    #[arg(long = "as", value_name = "IDENTITY")]
    identity: Identity,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    /// No colors
    #[arg(long)]
    plain: bool,
    /// Lifetime asked for, in seconds; the subscription is refreshed in time
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    expires: Option<u32>,
    #[command(flatten)]
    connection: Connection,
}

/// How long the final notification is waited for.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    if arguments.plain {
        terminal.plain();
    }
    let who = arguments.identity.clone();
    let expires = arguments.expires.map(|seconds| Duration::from_secs(seconds.into()));
    let list = listed(&arguments);
    let connected = match arguments.connection.open(who, expires, terminal, &mut surroundings).await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    if let Some(list) = list {
        return roster::follow(connected, list, arguments.json, terminal, &mut surroundings).await;
    }
    let target = arguments.targets.into_iter().next().expect("a target or a list is required");
    let watching = connected.client.watch(target);
    let mut watcher = Watcher { watching, connected, is_json: arguments.json, shown: None };
    let exit = watcher.follow(terminal, &mut surroundings).await;
    watcher.connected.client.close().await;
    exit
}

/// The list to be watched, if it is not one user alone.
fn listed(arguments: &Arguments) -> Option<Listed> {
    if let Some(uri) = &arguments.list {
        return Some(Listed::Stored(uri.clone()));
    }
    if arguments.targets.len() < 2 {
        return None;
    }
    let mut list = Listed::of(&arguments.targets, &arguments.identity);
    if let (Some(rls), Listed::Contained { server, .. }) = (&arguments.rls, &mut list) {
        server.clone_from(rls);
    }
    Some(list)
}

struct Watcher {
    watching: Watching,
    connected: Connected,
    is_json: bool,
    /// The last line without its time: what has not changed is not shown again.
    shown: Option<String>,
}

impl Watcher {
    async fn follow(&mut self, terminal: &mut Terminal<'_>, surroundings: &mut Surroundings<'_>) -> Exit {
        let mut waiting_since = Some(tokio::time::Instant::now());
        loop {
            let hint_at = waiting_since.map(|since| since + LONG);
            let event = tokio::select! {
                event = self.watching.next() => event,
                () = surroundings.interrupt.as_mut() => return self.leave(terminal).await,
                () = tokio::time::sleep_until(hint_at.unwrap_or_else(tokio::time::Instant::now)), if hint_at.is_some() => {
                    waiting_since = None;
                    terminal.remark(&format!("no answer yet from {}; still trying", self.connected.server));
                    continue;
                }
            };
            waiting_since = None;
            let Some(event) = event else { return Exit::Failure };
            match self.show(&event, terminal) {
                Ok(None) => {}
                Ok(Some(exit)) => return exit,
                Err(_) => return Exit::Failure, // nobody reads any more; `close` unsubscribes
            }
        }
    }

    /// Unsubscribes, and shows what comes until that is confirmed.
    async fn leave(&mut self, terminal: &mut Terminal<'_>) -> Exit {
        self.watching.unsubscribe().await;
        let farewell = async {
            while let Some(event) = self.watching.next().await {
                if let Event::Over(_) = event {
                    return true;
                }
            }
            false
        };
        if tokio::time::timeout(FAREWELL, farewell).await == Ok(true) {
            terminal.remark("unsubscribed");
        } else {
            terminal.remark("the server did not confirm the end; the subscription ends with its lifetime");
        }
        Exit::Done
    }

    /// Shows an event; `Some` if it was the last.
    fn show(&mut self, event: &Event, terminal: &mut Terminal<'_>) -> io::Result<Option<Exit>> {
        let connected = &self.connected;
        let who = connected.client.identity();
        match event {
            Event::Update(update) if self.is_json => terminal.line(&show::json(update))?,
            Event::Update(update) => {
                let line = show::line(update, terminal);
                let is_new = self.shown.as_ref() != Some(&line) || update.state == State::Terminated;
                if is_new {
                    terminal.line(&show::stamped(update, &line, terminal))?;
                    self.shown = Some(line);
                }
            }
            Event::Retrying { failure, at, live } => {
                let why = match failure {
                    Some(failure) => excuse(failure, &connected.server),
                    None => "the server asks for a new subscription".to_owned(),
                };
                let stays = if *live { "still subscribed" } else { "not subscribed" };
                if self.is_json {
                    terminal.line(&show::json_retrying(self.watching.target(), &why, *at, *live))?;
                }
                terminal.remark(&format!("{why}; {stays}, trying again at {}", time_of_day(*at)));
            }
            Event::Missed(count) => terminal.remark(&format!("{count} changes came too fast to be shown")),
            Event::Over(why) => {
                let target = self.watching.target();
                let (text, exit) = explain_end(why, target, who, connected.has_password, &connected.server);
                if !text.is_empty() {
                    terminal.remark(&format!("error: {text}"));
                }
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }
}
