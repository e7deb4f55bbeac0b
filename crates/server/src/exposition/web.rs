//! The numbers of the HTTP entrance and of the document servers.

use core::sync::atomic::Ordering;

use super::{counter, gauge, head, histogram, histogram_of, line};
use crate::status::Status;
use crate::xdms::entrance::EntranceView;

pub(super) fn numbers(out: &mut String, status: &Status, entrance: &EntranceView) {
    http(out, entrance);
    documents(out, status, entrance);
}

fn http(out: &mut String, entrance: &EntranceView) {
    let http = &entrance.http;
    let connections = http.connections.load(Ordering::Relaxed) as u64;
    gauge(out, "rollcall_http_connections", "HTTP connections.", connections);
    gauge(
        out,
        "rollcall_http_at_work",
        "HTTP requests at work.",
        http.at_work.load(Ordering::Relaxed) as u64,
    );
    let name = "rollcall_http_connections_total";
    head(out, name, "counter", "HTTP connections by what became of them.");
    for (result, count) in [
        ("accepted", &http.accepted),
        ("refused", &http.refused_all),
        ("refused_peer", &http.refused_peer),
        ("handshake_failed", &http.handshakes_failed),
        ("late", &http.late),
    ] {
        line(out, name, &format!("result=\"{result}\""), &count.load(Ordering::Relaxed).to_string());
    }
    let name = "rollcall_http_answers_total";
    head(out, name, "counter", "HTTP requests by the status of their answer.");
    for (status, count) in http.answers() {
        line(out, name, &format!("status=\"{status}\""), &count.to_string());
    }
    let panics = http.panics.load(Ordering::Relaxed);
    counter(
        out,
        "rollcall_http_bugs_total",
        "HTTP requests that met a bug and were answered with 500.",
        panics,
    );
}

fn documents(out: &mut String, status: &Status, entrance: &EntranceView) {
    let shown = entrance.xdm.shown();
    let name = "rollcall_xcap_requests_total";
    head(out, name, "counter", "XCAP requests by application usage, method and status.");
    for ((method, status, auid), count) in &shown.requests {
        let labels = format!("auid=\"{auid}\",method=\"{method}\",status=\"{status}\"");
        line(out, name, &labels, &count.to_string());
    }
    histogram(
        out,
        "rollcall_xcap_request_seconds",
        "From the head of an XCAP request to its answer.",
        &shown.took,
    );
    let help = "Bodies of XCAP PUT requests.";
    histogram_of(out, "rollcall_xcap_put_bytes", help, &shown.sizes, octets);
    // Read before what was committed, so that the difference is never below zero.
    let heard = status.shards.iter().map(|shard| shard.heard.load(Ordering::Relaxed)).min().unwrap_or(0);
    let committed = entrance.xdm.changes();
    let behind = committed.saturating_sub(heard);
    counter(out, "rollcall_document_changes_total", "Changes of documents that were committed.", committed);
    let help = "Committed changes that a shard has not taken in yet: at once those that it follows, within a second others.";
    gauge(out, "rollcall_document_feed_lag", help, behind);
    if let Some(trees) = &entrance.trees {
        let help = "Octets of the trees of documents that are kept; their bound is xdm.tree-cache.";
        gauge(out, "rollcall_document_tree_bytes", help, trees() as u64);
    }
    let Some(stats) = entrance.stats.as_ref().map(|stats| stats()) else { return };
    gauge(out, "rollcall_documents", "Documents.", stats.documents);
    gauge(out, "rollcall_document_bytes", "Their octets.", stats.document_bytes);
    gauge(out, "rollcall_document_log_bytes", "Octets of the files that keep them.", stats.disk_bytes);
    let help = "1 while commits of documents fail: a full or failing disk.";
    gauge(out, "rollcall_document_store_failing", help, u64::from(stats.failing.is_some()));
    let help = "1 while the space of old documents is not won back: damage, or a failing disk.";
    gauge(out, "rollcall_document_store_stuck", help, u64::from(stats.stuck.is_some()));
}

#[expect(clippy::cast_precision_loss, reason = "a sum of 2^53 octets is eight petabytes")]
fn octets(count: u64) -> f64 {
    count as f64
}
