//! The numbers of document servers elsewhere.

use xdm::remote::{Counts, Gauges};

use super::{head, line};
use crate::config::values::quoted;
use crate::remote_xdms::RemoteBoard;

type Number = fn(&Gauges, &Counts) -> u64;

const NUMBERS: [(&str, &str, &str, Number); 10] = [
    ("remote_xdms_documents", "gauge", "Documents that are followed there.", |gauges, _| {
        gauges.documents as u64
    }),
    ("remote_xdms_subscriptions", "gauge", "Subscriptions to changes that live.", |gauges, _| {
        gauges.live as u64
    }),
    ("remote_xdms_away", "gauge", "1 while the server does not answer.", |gauges, _| u64::from(gauges.away)),
    ("remote_xdms_fetches_total", "counter", "Requests for documents.", |_, counts| counts.fetches),
    (
        "remote_xdms_failures_total",
        "counter",
        "Requests that it did not answer, or could not.",
        |_, counts| counts.failures,
    ),
    (
        "remote_xdms_refusals_total",
        "counter",
        "Requests that it refused, and answers that we refused.",
        |_, counts| counts.refusals,
    ),
    ("remote_xdms_patched_total", "counter", "Changes that a notification told whole.", |_, counts| {
        counts.patched
    }),
    (
        "remote_xdms_unreadable_total",
        "counter",
        "Notifications that cannot be read, and patches that do not lead to the next version.",
        |_, counts| counts.unreadable,
    ),
    (
        "remote_xdms_beyond_total",
        "counter",
        "Documents that were not followed, as there are too many.",
        |_, counts| counts.beyond,
    ),
    (
        "remote_xdms_stale_total",
        "counter",
        "Documents that were given up, as nobody could confirm them for too long.",
        |_, counts| counts.stale,
    ),
];

pub(super) fn numbers(out: &mut String, remotes: &[RemoteBoard]) {
    if remotes.is_empty() {
        return;
    }
    for (name, kind, help, number) in NUMBERS {
        let name = format!("rollcall_{name}");
        head(out, &name, kind, help);
        for remote in remotes {
            let (gauges, counts) = remote.shown();
            let label = format!("server={}", quoted(remote.name()));
            line(out, &name, &label, &number(&gauges, &counts).to_string());
        }
    }
}
