//! Holds what the node said against what the flow expects, and writes the flow anew from what the node said.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::feed;
use crate::flow::labels::{Labels, alike};
use crate::flow::play::{Group, Heard, Played};
use crate::flow::script::{Expected, LineKind, Part, Script};
use crate::{pidf, rlmi, tree, winfo};

/// Fields that a rewritten answer shows when the flow named none.
const SHOWN: [&str; 12] = [
    "Expires",
    "SIP-ETag",
    "Min-Expires",
    "Retry-After",
    "Allow-Events",
    "Unsupported",
    "Subscription-State",
    "Accept-Encoding",
    "pidf",
    "list",
    "diff",
    "winfo",
];

/// An expectation with its time and peer made plain.
#[derive(Clone, Debug)]
struct Wanted {
    at: Duration,
    peer: String,
    expected: Expected,
}

/// The expectations after each action, by the index of the action's line.
fn wanted(script: &Script) -> BTreeMap<usize, Vec<Wanted>> {
    let mut by_action: BTreeMap<usize, Vec<Wanted>> = BTreeMap::new();
    let (mut last, mut now, mut named) = (0, Duration::ZERO, String::new());
    for (index, line) in script.lines.iter().enumerate() {
        match &line.kind {
            LineKind::Silent => {}
            LineKind::Action { at, action } => {
                last = index;
                now = at.unwrap_or(now);
                if let crate::flow::script::Action::Say { peer, .. } = action {
                    named.clone_from(peer);
                }
            }
            LineKind::Expect { at, peer, expected } => {
                now = at.unwrap_or(now);
                if let Some(peer) = peer {
                    named.clone_from(peer);
                }
                by_action.entry(last).or_default().push(Wanted {
                    at: now,
                    peer: named.clone(),
                    expected: expected.clone(),
                });
            }
        }
    }
    by_action
}

/// The differences as text for people; nothing if the node said all that was expected and nothing else.
pub(crate) fn differences(script: &Script, played: &Played) -> Option<String> {
    let wanted = wanted(script);
    let mut report = String::new();
    for group in &played.groups {
        let empty = Vec::new();
        let wanted = wanted.get(&group.line).unwrap_or(&empty);
        // The fault of playing explains why a last group is incomplete.
        let complete =
            played.fault.is_none() || played.groups.last().map(|last| last.line) != Some(group.line);
        if let Some(difference) = compare(wanted, &group.heard, &played.labels, complete) {
            let line = &script.lines[group.line];
            let _ = write!(report, "after line {}: {}\n{difference}", line.number, line.source.trim());
            break;
        }
    }
    if let Some((index, fault)) = &played.fault {
        if let Some(line) = script.lines.get(*index) {
            let _ = writeln!(report, "at line {}: {}", line.number, line.source.trim());
        }
        let _ = writeln!(report, "{fault}");
    }
    (!report.is_empty()).then_some(report)
}

/// Peer by peer, since the order between peers at one instant is the node's own business.
fn compare(wanted: &[Wanted], heard: &[Heard], labels: &Labels, complete: bool) -> Option<String> {
    let mut peers: Vec<&str> = wanted.iter().map(|wanted| wanted.peer.as_str()).collect();
    peers.extend(heard.iter().map(|heard| heard.peer.as_str()));
    peers.sort_unstable();
    peers.dedup();
    let mut lines = String::new();
    let mut same = true;
    for peer in peers {
        let wanted: Vec<&Wanted> = wanted.iter().filter(|wanted| wanted.peer == peer).collect();
        let heard: Vec<&Heard> = heard.iter().filter(|heard| heard.peer == peer).collect();
        let rows = wanted.len().max(heard.len());
        for row in 0..rows {
            match (wanted.get(row), heard.get(row)) {
                (Some(wanted), Some(heard)) if satisfied(wanted, heard, labels) => {
                    let _ = writeln!(lines, "    {}", wish(wanted));
                }
                (Some(wanted), Some(heard)) => {
                    same = false;
                    let _ = writeln!(lines, "  - {}", wish(wanted));
                    let _ = writeln!(lines, "  + {}", told(heard, Some(&wanted.expected), labels));
                }
                (Some(wanted), None) => {
                    same &= !complete;
                    let _ = writeln!(lines, "  - {}", wish(wanted));
                }
                (None, Some(heard)) => {
                    same = false;
                    let _ = writeln!(lines, "  + {}", told(heard, None, labels));
                }
                (None, None) => {}
            }
        }
    }
    (!same).then(|| format!("  (- expected, + said by the node)\n{lines}"))
}

fn satisfied(wanted: &Wanted, heard: &Heard, labels: &Labels) -> bool {
    let expected = &wanted.expected;
    tenths(wanted.at) == tenths(heard.at)
        && head_of(heard) == expected.head
        && heard.again == expected.again
        && expected.parts.iter().all(|part| match part {
            Part::Field(name, pattern) => {
                value_of(heard, name, labels).is_some_and(|value| alike(pattern, &value))
            }
            Part::Without(name) => heard.message.get(name).is_none(),
            Part::Flag(_) => false,
        })
}

/// Deadlines of the node may be grained; flows look at tenths of a second.
fn tenths(at: Duration) -> u128 {
    at.as_millis() / 100
}

fn head_of(heard: &Heard) -> String {
    match heard.message.status() {
        Some(status) => status.to_string(),
        None => heard.message.method().unwrap_or_default().to_owned(),
    }
}

fn is_winfo(heard: &Heard) -> bool {
    heard.message.get("Content-Type") == Some("application/watcherinfo+xml")
}

fn is_list(heard: &Heard) -> bool {
    heard.message.get("Content-Type").is_some_and(|kind| kind.starts_with("multipart/related"))
}

/// The value of a field as flows write it; `phrase` is that of the Status-Line; `pidf`, `list`, `winfo`, `diff` and `tree` are the body in one line.
fn value_of(heard: &Heard, name: &str, labels: &Labels) -> Option<String> {
    if name == "phrase" {
        return heard.message.start.splitn(3, ' ').nth(2).map(str::to_owned);
    }
    if name == "list" {
        return Some(rlmi::read(&heard.message).map_or_else(|error| error, |list| list.to_string()));
    }
    if name == "winfo" {
        return Some(winfo::read(&heard.message.body).map_or_else(|error| error, |(line, _)| line));
    }
    if name == "pidf" {
        if heard.message.body.is_empty() {
            return Some("(none)".into());
        }
        return Some(pidf::read(&heard.message.body).map_or_else(|error| error, |(line, _)| line));
    }
    if name == "tree" {
        return Some(tree::read(&heard.message.body).unwrap_or_else(|error| error));
    }
    if name == "diff" {
        return Some(feed::read(&heard.message.body).unwrap_or_else(|error| error));
    }
    let values: Vec<String> = heard.message.all(name).map(|value| labels.hide(name, value)).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn wish(wanted: &Wanted) -> String {
    let mut line = lead(Some(wanted.at), &wanted.peer, &wanted.expected.head, wanted.expected.again);
    for part in &wanted.expected.parts {
        let _ = match part {
            Part::Field(name, value) => write!(line, "  {name}: {value}"),
            Part::Without(name) => write!(line, "  -{name}"),
            Part::Flag(word) => write!(line, "  {word}"),
        };
    }
    line.trim_end().to_owned()
}

/// What the node said, in the fields that the flow names, or in the usual ones.
fn told(heard: &Heard, expected: Option<&Expected>, labels: &Labels) -> String {
    tell(heard, expected, labels, Some(heard.at), &heard.peer)
}

fn tell(
    heard: &Heard,
    expected: Option<&Expected>,
    labels: &Labels,
    at: Option<Duration>,
    peer: &str,
) -> String {
    let mut line = lead(at, peer, &head_of(heard), heard.again);
    let notify = heard.message.method() == Some("NOTIFY");
    let is_feed = heard.message.get("Content-Type") == Some("application/xcap-diff+xml");
    let usual: Vec<Part> = SHOWN
        .iter()
        .filter(|name| match **name {
            "pidf" => notify && !is_list(heard) && !is_feed && !is_winfo(heard),
            "winfo" => notify && is_winfo(heard),
            "list" => notify && is_list(heard),
            "diff" => is_feed,
            name => heard.message.get(name).is_some(),
        })
        .filter(|_| !heard.again)
        .map(|name| Part::Field((*name).to_owned(), String::new()))
        .collect();
    let fits = expected.filter(|expected| expected.head == head_of(heard) && expected.again == heard.again);
    for part in fits.map_or(&usual, |expected| &expected.parts) {
        match part {
            Part::Field(name, pattern) => {
                if let Some(value) = value_of(heard, name, labels) {
                    let value =
                        if fits.is_some() && alike(pattern, &value) { pattern.clone() } else { value };
                    let _ = write!(line, "  {name}: {value}");
                }
            }
            Part::Without(name) if heard.message.get(name).is_none() => {
                let _ = write!(line, "  -{name}");
            }
            Part::Without(_) | Part::Flag(_) => {}
        }
    }
    line.trim_end().to_owned()
}

fn lead(at: Option<Duration>, peer: &str, head: &str, again: bool) -> String {
    let at = at.map_or_else(String::new, |at| time(at) + " ");
    let again = if again { " again" } else { "" };
    if peer.is_empty() {
        format!("{at:<7}      < {head}{again}")
    } else {
        format!("{at:<7}{peer:<5} < {head}{again}")
    }
}

/// `+3610s`, `+1.5s`: in tenths.
fn time(at: Duration) -> String {
    let tenths = tenths(at);
    if tenths.is_multiple_of(10) {
        format!("+{}s", tenths / 10)
    } else {
        format!("+{}.{}s", tenths / 10, tenths % 10)
    }
}

/// The flow with its `<` lines written from what the node said; all other lines stay as they are.
pub(crate) fn rewrite(script: &Script, played: &Played) -> String {
    let wanted = wanted(script);
    let groups: BTreeMap<usize, &Group> = played.groups.iter().map(|group| (group.line, group)).collect();
    let mut text = String::new();
    let mut pending: Option<(usize, Vec<String>)> = None;
    let mut now = Duration::ZERO;
    let mut named = String::new();
    let mut kept = false;
    for (index, line) in script.lines.iter().enumerate() {
        match &line.kind {
            LineKind::Expect { at, peer, .. } if pending.is_none() && kept => {
                now = at.unwrap_or(now);
                if let Some(peer) = peer {
                    named.clone_from(peer);
                }
            }
            LineKind::Expect { .. } => {
                // The first expectation of a group gives way to all that was said after its action.
                if let Some((_, lines)) = pending.take() {
                    lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
                }
                continue;
            }
            LineKind::Silent => {}
            LineKind::Action { at, action } => {
                if let Some((_, lines)) = pending.take() {
                    lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
                }
                now = at.unwrap_or(now);
                if let crate::flow::script::Action::Say { peer, .. } = action {
                    named.clone_from(peer);
                }
                if let Some(group) = groups.get(&index) {
                    let empty = Vec::new();
                    let wanted = wanted.get(&index).unwrap_or(&empty);
                    // What holds stays as it was written.
                    kept = compare(wanted, &group.heard, &played.labels, true).is_none();
                    if kept {
                        text.push_str(&line.source);
                        text.push('\n');
                        continue;
                    }
                    pending = Some((index, said(group, wanted, &played.labels, &mut now, &mut named)));
                }
            }
        }
        text.push_str(&line.source);
        text.push('\n');
    }
    if let Some((_, lines)) = pending {
        lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
    }
    text
}

fn said(
    group: &Group,
    wanted: &[Wanted],
    labels: &Labels,
    now: &mut Duration,
    named: &mut String,
) -> Vec<String> {
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for heard in &group.heard {
        let row = rows.entry(&heard.peer).or_insert(0);
        let expected = wanted.iter().filter(|wanted| wanted.peer == heard.peer).nth(*row);
        *row += 1;
        let at = (tenths(heard.at) != tenths(*now)).then_some(heard.at);
        let peer = if heard.peer == *named && at.is_none() { "" } else { heard.peer.as_str() };
        lines.push(tell(heard, expected.map(|wanted| &wanted.expected), labels, at, peer));
        *now = heard.at;
        named.clone_from(&heard.peer);
    }
    lines
}
