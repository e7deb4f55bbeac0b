//! `rollcall watch`.

use core::time::Duration;
use std::io;

use super::connection::{Connected, Connection, LONG};
use super::exit::{self, excuse, explain_end};
use super::terminal::Terminal;
use super::time::time_of_day;
use super::{Exit, Surroundings, show};
use crate::{Event, Identity, State, Watching};

/// Follow somebody's presence, one line per change.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = exit::CODES)]
pub struct Arguments {
    /// Whose presence, as user@domain
    target: Identity,
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
const FAREWELL: Duration = Duration::from_secs(3);

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
    let connected = match arguments.connection.open(who, expires, terminal, &mut surroundings).await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    let watching = connected.client.watch(arguments.target);
    let mut watcher = Watcher { watching, connected, is_json: arguments.json, shown: None };
    let exit = watcher.follow(terminal, &mut surroundings).await;
    watcher.connected.client.close().await;
    exit
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
