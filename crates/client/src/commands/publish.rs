//! `rollcall publish`.

use core::time::Duration;

use super::connection::{Connected, Connection, LONG};
use super::exit::{self, excuse, explain, explain_publish};
use super::terminal::{Terminal, Tone};
use super::time::time_of_day;
use super::{Exit, Surroundings};
use crate::{Basic, Change, Identity, Publication, Status};

/// Say that you are there, or not.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = exit::CODES)]
pub struct Arguments {
    /// Who you are, as user@domain
    identity: Identity,
    /// Whether you can be reached
    #[arg(long, value_enum)]
    status: Reach,
    /// A comment for people
    #[arg(long)]
    note: Option<String>,
    /// What you do: away, busy, meeting, on-the-phone, vacation ... (RFC 4480), or any other word
    #[arg(long)]
    activity: Option<String>,
    /// Lifetime asked for, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    expires: Option<u32>,
    /// Publish, and leave it until its lifetime ends
    #[arg(long, conflicts_with = "keep")]
    once: bool,
    /// Stay, refresh it, and remove it on Ctrl-C (the default)
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Reach {
    Open,
    Closed,
}

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let who = arguments.identity.clone();
    let expires = arguments.expires.map(|seconds| Duration::from_secs(seconds.into()));
    let connected = match arguments.connection.open(who.clone(), expires, terminal, &mut surroundings).await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    let status = Status {
        basic: match arguments.status {
            Reach::Open => Basic::Open,
            Reach::Closed => Basic::Closed,
        },
        note: arguments.note,
        activity: arguments.activity,
        since: Some(connected.client.now()),
    };
    let publication = tokio::select! {
        publication = patiently(connected.client.publish(status), &connected.server, terminal) => publication,
        () = surroundings.interrupt.as_mut() => {
            connected.client.close().await;
            return Exit::Done;
        }
    };
    let publication = match publication {
        Ok(publication) => publication,
        Err(error) => {
            let (text, exit) = explain_publish(&error, &who, connected.has_password, &connected.server);
            terminal.remark(&format!("error: {text}"));
            return exit;
        }
    };
    if tell(terminal, &connected, "published", publication.expires_at()).is_err() {
        return Exit::Failure;
    }
    if arguments.once {
        publication.leave();
        connected.client.close().await;
        return Exit::Done;
    }
    keep(publication, connected, terminal, surroundings).await
}

/// Tells what happens until the user has enough, then removes the publication.
async fn keep(
    mut publication: Publication,
    connected: Connected,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let who = connected.client.identity().clone();
    let mut is_first = true;
    let exit = loop {
        let change = tokio::select! {
            change = publication.next() => change,
            () = surroundings.interrupt.as_mut() => break Exit::Done,
        };
        match change {
            Some(Change::Published { .. }) if is_first => is_first = false, // told already
            Some(Change::Published { expires_at }) => {
                if tell(terminal, &connected, "refreshed", expires_at).is_err() {
                    break Exit::Failure;
                }
            }
            Some(Change::Failed { failure, retry_at }) => {
                let Some(at) = retry_at else {
                    let (text, exit) = explain(&failure, &who, connected.has_password, &connected.server);
                    terminal.remark(&format!("error: {text}"));
                    break exit;
                };
                let text = excuse(&failure, &connected.server);
                terminal.remark(&format!("{text}; trying again at {}", time_of_day(at)));
            }
            Some(Change::Missed(_)) => {}
            Some(Change::Removed) | None => break Exit::Done,
        }
    };
    publication.remove().await;
    if exit == Exit::Done {
        terminal.remark("removed");
    }
    connected.client.close().await;
    exit
}

fn tell(
    terminal: &mut Terminal<'_>,
    connected: &Connected,
    what: &str,
    until: crate::Timestamp,
) -> std::io::Result<()> {
    let now = connected.client.now();
    let line = format!(
        "{} {} {what} until {} ({} s)",
        terminal.paint(Tone::Quiet, &time_of_day(now)),
        terminal.paint(Tone::Strong, &connected.client.identity().to_string()),
        time_of_day(until),
        until.since(now).as_millis().div_ceil(1000),
    );
    terminal.line(&line)
}

/// Awaits something, with a word to the user if it takes long.
pub(super) async fn patiently<T>(
    wait: impl Future<Output = T>,
    server: &str,
    terminal: &mut Terminal<'_>,
) -> T {
    let mut wait = core::pin::pin!(wait);
    tokio::select! {
        done = wait.as_mut() => return done,
        () = tokio::time::sleep(LONG) => terminal.remark(&format!("no answer yet from {server}; still trying")),
    }
    wait.await
}
