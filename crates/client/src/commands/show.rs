//! Presence as lines for people, and as JSON for programs.

use serde_json::{Value, json};
use sip_stack::Timestamp;

use super::terminal::{Terminal, Tone, harmless};
use super::time::{date_time, time_of_day};
use crate::{Basic, Identity, State, Summary, Update};

/// What is said about somebody, without the time: `alice@example.com  open  away, "back at three"`.
pub(super) fn line(update: &Update, terminal: &Terminal<'_>) -> String {
    let name = terminal.paint(Tone::Strong, &harmless(&update.target.to_string()));
    let mut parts = vec![name, state(update, terminal)];
    if let Some(presence) = &update.presence {
        parts.extend(words(&presence.summary()));
    }
    if let Some(defect) = &update.defect {
        parts.push(
            terminal.paint(Tone::Bad, &format!("a broken document: {}", harmless(&defect.to_string()))),
        );
    }
    parts.join("  ")
}

/// A line with the time it came, and how old its news were.
pub(super) fn stamped(update: &Update, line: &str, terminal: &Terminal<'_>) -> String {
    let time = terminal.paint(Tone::Quiet, &time_of_day(update.received_at));
    match age(update) {
        Some(age) => format!("{time} {line}  {}", terminal.paint(Tone::Quiet, &format!("age {}", span(age)))),
        None => format!("{time} {line}"),
    }
}

fn state(update: &Update, terminal: &Terminal<'_>) -> String {
    let basic = update.presence.as_ref().and_then(|presence| presence.summary().basic);
    match (update.state, basic) {
        (State::Pending, _) => {
            terminal.paint(Tone::Waiting, &format!("pending: {} has not allowed it yet", update.target))
        }
        (State::Active | State::Terminated, Some(Basic::Open)) => terminal.paint(Tone::Good, "open"),
        (State::Active | State::Terminated, Some(Basic::Closed)) => terminal.paint(Tone::Bad, "closed"),
        (State::Active | State::Terminated, None) => terminal.paint(Tone::Quiet, "unknown"),
    }
}

/// Activities and notes.
pub(super) fn words(summary: &Summary) -> Vec<String> {
    let activities = summary.activities.join(", ");
    let notes = summary.notes.iter().map(|note| format!("\"{note}\""));
    let parts = [activities].into_iter().chain(notes).filter(|part| !part.is_empty());
    parts.map(|part| harmless(&part)).collect()
}

/// Several lines about one document.
pub(super) fn details(update: &Update, terminal: &Terminal<'_>) -> String {
    let mut lines = vec![stamped(update, &line(update, terminal), terminal)];
    if let Some(presence) = &update.presence {
        for tuple in presence.tuples() {
            let basic = tuple.basic.map_or("unknown", Basic::as_str);
            let contact = tuple.contact.as_deref().unwrap_or("no contact");
            lines.push(format!("  {basic:<8} {}", harmless(contact)));
        }
    }
    lines.join("\n")
}

/// All of it as one JSON object on one line.
pub(super) fn json(update: &Update) -> String {
    let summary = update.presence.as_ref().map(|presence| presence.summary());
    let of = |read: fn(&Summary) -> Value| summary.as_ref().map_or(Value::Null, read);
    json!({
        "event": "update",
        "at": date_time(update.received_at),
        "target": update.target.aor().as_str(),
        "state": match update.state {
            State::Active => "active",
            State::Pending => "pending",
            State::Terminated => "terminated",
        },
        "reason": update.reason,
        "basic": of(|summary| summary.basic.map(Basic::as_str).into()),
        "activities": of(|summary| summary.activities.clone().into()),
        "notes": of(|summary| summary.notes.clone().into()),
        "contact": of(|summary| summary.contact.clone().into()),
        "timestamp": of(|summary| summary.timestamp.clone().into()),
        "age_ms": age(update),
        "defect": update.defect.as_ref().map(ToString::to_string),
    })
    .to_string()
}

/// A failed attempt as a JSON object on one line.
pub(super) fn json_retrying(target: &Identity, why: &str, at: Timestamp, live: bool) -> String {
    json!({
        "event": "retrying",
        "target": target.aor().as_str(),
        "why": why,
        "retry_at": date_time(at),
        "subscribed": live,
    })
    .to_string()
}

/// How long ago it became so when it came, in milliseconds, by the source's clock and ours; `None` if it bears no time.
fn age(update: &Update) -> Option<i64> {
    let since = documents::time::millis(&update.presence.as_ref()?.summary().timestamp?)?;
    Some((i64::try_from(update.received_at.as_millis()).ok()? - since).max(0))
}

/// `35 ms`, `1.2 s`, `3 min`, `5 h`, `2 d`.
fn span(millis: i64) -> String {
    match millis {
        ..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis / 100 % 10),
        60_000..3_600_000 => format!("{} min", millis / 60_000),
        3_600_000..86_400_000 => format!("{} h", millis / 3_600_000),
        _ => format!("{} d", millis / 86_400_000),
    }
}
