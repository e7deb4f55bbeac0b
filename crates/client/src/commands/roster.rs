//! `rollcall watch` of a list: a line for each member that is another now.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use documents::rlmi;
use serde_json::json;
use sip_stack::Timestamp;
use sip_stack::subscriber::Termination;

use super::connection::{Connected, LONG};
use super::exit::{excuse, explain};
use super::show::words;
use super::terminal::{Terminal, Tone, harmless};
use super::time::{date_time, time_of_day};
use super::watch::FAREWELL;
use super::{Exit, Surroundings};
use crate::{Basic, ListEvent, Listed, Listing, Member};

/// The last line of each member, without its time, by its URI behind those of the lists that it is in: what has not changed
/// is not shown again.
type Shown = BTreeMap<Vec<Arc<str>>, String>;

/// Follows a list until it ends or the user wants no more.
pub(super) async fn follow(
    connected: Connected,
    list: Listed,
    is_json: bool,
    terminal: &mut Terminal<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Exit {
    let mut listing = connected.client.watch_list(list);
    let mut shown = Shown::default();
    let mut waiting_since = Some(tokio::time::Instant::now());
    let exit = loop {
        let hint_at = waiting_since.map(|since| since + LONG);
        let event = tokio::select! {
            event = listing.next() => event,
            () = surroundings.interrupt.as_mut() => break leave(&mut listing, terminal).await,
            () = tokio::time::sleep_until(hint_at.unwrap_or_else(tokio::time::Instant::now)), if hint_at.is_some() => {
                waiting_since = None;
                terminal.remark(&format!("no answer yet from {}; still trying", connected.server));
                continue;
            }
        };
        waiting_since = None;
        let Some(event) = event else { break Exit::Failure };
        match show(&event, &connected, is_json, &mut shown, terminal) {
            Ok(None) => {}
            Ok(Some(exit)) => break exit,
            Err(_) => break Exit::Failure, // nobody reads any more; `close` unsubscribes
        }
    };
    connected.client.close().await;
    exit
}

/// Unsubscribes, and waits until that is confirmed.
async fn leave(listing: &mut Listing, terminal: &mut Terminal<'_>) -> Exit {
    listing.unsubscribe().await;
    let farewell = async {
        while let Some(event) = listing.next().await {
            if let ListEvent::Over(_) = event {
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
fn show(
    event: &ListEvent,
    connected: &Connected,
    is_json: bool,
    shown: &mut Shown,
    terminal: &mut Terminal<'_>,
) -> io::Result<Option<Exit>> {
    match event {
        ListEvent::Changed { members, gone, omitted, received_at } => {
            let rows = unfolded(members);
            let width = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0);
            let mut over: Vec<_> = gone.iter().map(|uri| vec![Arc::clone(uri)]).collect();
            // A list within is told of as a whole.
            let is_told =
                |path: &Vec<Arc<str>>| members.iter().any(|member| path.first() == Some(&member.uri));
            let now: BTreeSet<_> = rows.iter().map(|row| path(row)).collect();
            over.extend(shown.keys().filter(|path| is_told(path) && !now.contains(*path)).cloned());
            for row in &rows {
                let said = line(row, 0, terminal);
                if is_json {
                    terminal.line(&json_of(row, *received_at))?;
                } else if shown.get(&path(row)) != Some(&said) {
                    let line = line(row, width, terminal);
                    terminal.line(&stamped(&line, *received_at, is_json, terminal))?;
                }
                shown.insert(path(row), said);
            }
            for path in over {
                shown.retain(|other, _| !other.starts_with(&path));
                let line = if is_json {
                    let (target, lists) =
                        path.split_last().map_or(("", &[][..]), |(uri, lists)| (&**uri, lists));
                    let lists: Vec<&str> = lists.iter().map(|uri| &**uri).collect();
                    let at = date_time(*received_at);
                    json!({"event": "gone", "at": at, "target": target, "lists": lists}).to_string()
                } else {
                    let path: Vec<_> = path.iter().map(|uri| short(uri)).collect();
                    let over = terminal.paint(Tone::Quiet, "not in the list any more");
                    format!("{}  {over}", harmless(&path.join(WITHIN)))
                };
                terminal.line(&stamped(&line, *received_at, is_json, terminal))?;
            }
            if *omitted > 0 {
                terminal.remark(&format!(
                    "the server leaves out {omitted} more: the list is longer than it takes"
                ));
            }
        }
        ListEvent::Broken(defect) => terminal.remark(&format!("a broken list: {}", harmless(defect))),
        ListEvent::Retrying { failure, at, live } => {
            let why = match failure {
                Some(failure) => excuse(failure, &connected.server),
                None => "the server asks for a new subscription".to_owned(),
            };
            let stays = if *live { "still subscribed" } else { "not subscribed" };
            terminal.remark(&format!("{why}; {stays}, trying again at {}", time_of_day(*at)));
        }
        ListEvent::Over(why) => return Ok(Some(end(why, connected, terminal))),
    }
    Ok(None)
}

fn end(why: &Termination, connected: &Connected, terminal: &mut Terminal<'_>) -> Exit {
    let (text, exit) = match why {
        Termination::Unsubscribed | Termination::Fetched => return Exit::Done,
        Termination::Ended { reason } => {
            (format!("{reason}: the server ended the subscription"), Exit::Ended)
        }
        Termination::Failed(failure) => {
            explain(failure, connected.client.identity(), connected.has_password, &connected.server)
        }
    };
    terminal.remark(&format!("error: {text}"));
    exit
}

fn stamped(line: &str, at: Timestamp, is_json: bool, terminal: &Terminal<'_>) -> String {
    if is_json {
        line.to_owned()
    } else {
        format!("{} {line}", terminal.paint(Tone::Quiet, &time_of_day(at)))
    }
}

/// A member, behind the lists within the list that it is in.
type Within<'a> = Vec<&'a Member>;

/// Between the name of a list within, and that of somebody in it.
const WITHIN: &str = " > ";

/// All members in order, those of lists within behind theirs.
fn unfolded(members: &[Member]) -> Vec<Within<'_>> {
    let mut rows = Vec::new();
    for member in members {
        rows.push(vec![member]);
        let within = unfolded(member.members.as_deref().unwrap_or_default());
        rows.extend(within.into_iter().map(|mut row| {
            row.insert(0, member);
            row
        }));
    }
    rows
}

fn path(row: &Within<'_>) -> Vec<Arc<str>> {
    row.iter().map(|member| Arc::clone(&member.uri)).collect()
}

/// Whom a row is about.
fn last<'a>(row: &Within<'a>) -> &'a Member {
    row.last().expect("a row is about somebody")
}

/// What is said about a member, in columns.
fn line(row: &Within<'_>, width: usize, terminal: &Terminal<'_>) -> String {
    let (name, member) = (name(row), last(row));
    let padding = " ".repeat(width.saturating_sub(name.chars().count()));
    let mut parts =
        vec![format!("{}{padding}", terminal.paint(Tone::Strong, &name)), state(member, terminal)];
    if let Some(presence) = &member.presence {
        parts.extend(words(&presence.summary()));
    }
    parts.join("  ")
}

fn name(row: &Within<'_>) -> String {
    let name = |member: &&Member| match &member.name {
        Some(name) if !name.is_empty() => harmless(&format!("{name} <{}>", short(&member.uri))),
        Some(_) | None => harmless(short(&member.uri)),
    };
    row.iter().map(name).collect::<Vec<_>>().join(WITHIN)
}

fn short(uri: &str) -> &str {
    uri.strip_prefix("sip:").unwrap_or(uri)
}

fn state(member: &Member, terminal: &Terminal<'_>) -> String {
    let basic = member.presence.as_ref().and_then(|presence| presence.summary().basic);
    if let Some(members) = &member.members {
        return terminal.paint(Tone::Quiet, &format!("a list of {}", members.len()));
    }
    match (member.state, basic) {
        (Some(rlmi::State::Active), Some(Basic::Open)) => terminal.paint(Tone::Good, "open"),
        (Some(rlmi::State::Active), Some(Basic::Closed)) => terminal.paint(Tone::Bad, "closed"),
        (Some(rlmi::State::Active), None) | (None, _) => terminal.paint(Tone::Quiet, "unknown"),
        (Some(rlmi::State::Pending), _) => terminal.paint(Tone::Waiting, "pending"),
        (Some(rlmi::State::Terminated), _) => {
            let reason = member.reason.as_deref().unwrap_or("terminated");
            terminal.paint(Tone::Bad, &harmless(reason))
        }
    }
}

/// All of it as one JSON object on one line.
fn json_of(row: &Within<'_>, at: Timestamp) -> String {
    let member = last(row);
    let lists: Vec<&str> = row[..row.len() - 1].iter().map(|list| &*list.uri).collect();
    let summary = member.presence.as_ref().map(|presence| presence.summary());
    json!({
        "event": "update",
        "at": date_time(at),
        "target": *member.uri,
        "lists": lists,
        "name": member.name.as_deref(),
        "state": member.state.map(rlmi::State::as_str),
        "reason": member.reason.as_deref(),
        "basic": summary.as_ref().and_then(|summary| summary.basic).map(Basic::as_str),
        "activities": summary.as_ref().map(|summary| summary.activities.clone()),
        "notes": summary.as_ref().map(|summary| summary.notes.clone()),
        "contact": summary.as_ref().and_then(|summary| summary.contact.clone()),
    })
    .to_string()
}
