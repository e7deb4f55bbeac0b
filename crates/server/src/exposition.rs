//! The numbers as Prometheus text, exposition format 0.0.4.

mod remote;
mod web;

use core::fmt::Write;
use core::sync::atomic::Ordering;
use core::time::Duration;

use node::{Histogram, MetricKind, Metrics, Sizes};

use crate::status::Status;
use crate::xdms::entrance::EntranceView;

/// Numbers that belong to one family, told apart by a label: prefix of the name, family, help, label.
const FAMILIES: [(&str, &str, &str, &str); 9] = [
    (
        "subscriptions_presence_",
        "subscriptions",
        "Subscriptions by event package and state.",
        "package=\"presence\",state",
    ),
    (
        "subscriptions_xcap_diff_",
        "subscriptions",
        "Subscriptions by event package and state.",
        "package=\"xcap-diff\",state",
    ),
    (
        "list_local_",
        "list_virtual_subscriptions",
        "Resources of lists by where they are and how they stand.",
        "at=\"local\",state",
    ),
    (
        "list_foreign_",
        "list_virtual_subscriptions",
        "Resources of lists by where they are and how they stand.",
        "at=\"foreign\",state",
    ),
    ("publish_", "publish", "PUBLISH requests by what became of them.", "result"),
    ("subscribe_", "subscribe", "SUBSCRIBE requests by what became of them.", "result"),
    ("notify_answered_", "notify_answered", "NOTIFYs by class of their answer.", "class"),
    ("limit_reached_", "limit_reached", "Requests refused because a limit was reached, by limit.", "limit"),
    ("malformed_", "malformed", "Malformed messages by what became of them.", "result"),
];

/// Everything there is to know, as text.
pub fn text(
    status: &Status,
    elapsed: Duration,
    streams: Option<transport::tcp::StreamCounts>,
    entrance: Option<&EntranceView>,
) -> String {
    let mut out = String::with_capacity(16 << 10);
    build(&mut out);
    node_numbers(&mut out, &status.metrics());
    shard_numbers(&mut out, status);
    store_numbers(&mut out, status);
    if let Some(counts) = streams {
        stream_numbers(&mut out, &counts);
    }
    if let Some(entrance) = entrance {
        web::numbers(&mut out, status, entrance);
    }
    remote::numbers(&mut out, status.remotes.get().map_or(&[], |remotes| remotes));
    gauge(
        &mut out,
        "rollcall_ready",
        "1 while new requests are welcome.",
        u64::from(status.readiness(elapsed).is_ok()),
    );
    let uptime = elapsed.as_secs_f64();
    head(&mut out, "rollcall_uptime_seconds", "gauge", "Time since the start.");
    line(&mut out, "rollcall_uptime_seconds", "", &uptime.to_string());
    process_numbers(&mut out);
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let help = help.trim().replace('\\', "\\\\").replace('\n', " ");
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes all");
}

fn line(out: &mut String, name: &str, labels: &str, value: &str) {
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(out, "{name}{labels} {value}").expect("a string takes all");
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    head(out, name, "gauge", help);
    line(out, name, "", &value.to_string());
}

fn counter(out: &mut String, name: &str, help: &str, value: u64) {
    head(out, name, "counter", help);
    line(out, name, "", &value.to_string());
}

fn build(out: &mut String) {
    head(out, "rollcall_build_info", "gauge", "Always 1; the labels tell what runs.");
    line(out, "rollcall_build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), "1");
}

fn node_numbers(out: &mut String, metrics: &Metrics) {
    let family_of = |name: &str| FAMILIES.iter().find(|(prefix, ..)| name.starts_with(prefix));
    let mut told: Vec<&str> = Vec::new();
    for (name, kind, help, value) in metrics.each() {
        let (word, suffix) = match kind {
            MetricKind::Counter => ("counter", "_total"),
            MetricKind::Gauge => ("gauge", ""),
        };
        let Some((_, family, about, _)) = family_of(name) else {
            let full = format!("rollcall_{name}{suffix}");
            head(out, &full, word, help);
            line(out, &full, "", &value.to_string());
            continue;
        };
        if told.contains(family) {
            continue; // with the first of its family
        }
        told.push(family);
        let full = format!("rollcall_{family}{suffix}");
        head(out, &full, word, about);
        for (name, _, _, value) in metrics.each() {
            if let Some((prefix, _, _, label)) = family_of(name).filter(|(_, other, ..)| other == family) {
                line(out, &full, &format!("{label}=\"{}\"", &name[prefix.len()..]), &value.to_string());
            }
        }
    }
    let help = "From the PUBLISH that changed a view to the NOTIFY that carries it leaving the server.";
    histogram(out, "rollcall_publish_to_notify_seconds", help, &metrics.publish_to_notify);
    let help = "Resources of a list, each time that one was put together or edited.";
    sizes(out, "rollcall_list_sizes", help, &metrics.list_sizes);
    let help = "Resources that one NOTIFY of a list told of.";
    sizes(out, "rollcall_list_changes_told", help, &metrics.list_changes_told);
}

fn histogram(out: &mut String, name: &str, help: &str, histogram: &Histogram) {
    histogram_of(out, name, help, histogram, seconds);
}

fn sizes(out: &mut String, name: &str, help: &str, sizes: &Sizes) {
    head(out, name, "histogram", help);
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (index, count) in sizes.buckets.iter().enumerate() {
        below += count;
        let bound = Sizes::bound(index).map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
        line(out, &bucket, &format!("le=\"{bound}\""), &below.to_string());
    }
    line(out, &format!("{name}_sum"), "", &sizes.sum.to_string());
    line(out, &format!("{name}_count"), "", &sizes.count.to_string());
}

/// `unit` turns what the histogram counts into what the name says.
fn histogram_of(out: &mut String, name: &str, help: &str, histogram: &Histogram, unit: fn(u64) -> f64) {
    head(out, name, "histogram", help);
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (index, count) in histogram.buckets.iter().enumerate() {
        below += count;
        let bound =
            Histogram::bound(index).map_or_else(|| "+Inf".to_owned(), |bound| unit(bound).to_string());
        line(out, &bucket, &format!("le=\"{bound}\""), &below.to_string());
    }
    line(out, &format!("{name}_sum"), "", &unit(histogram.sum).to_string());
    line(out, &format!("{name}_count"), "", &histogram.count.to_string());
}

#[expect(clippy::cast_precision_loss, reason = "a sum of 2^53 microseconds is 285 years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn shard_numbers(out: &mut String, status: &Status) {
    let name = "rollcall_shard_queue_depth";
    head(out, name, "gauge", "Messages that wait in a shard's mailbox.");
    for (index, shard) in status.shards.iter().enumerate() {
        line(out, name, &format!("shard=\"{index}\""), &shard.waiting.load(Ordering::Relaxed).to_string());
    }
    let sum = |of: fn(&crate::status::Board) -> u64| status.shards.iter().map(of).sum();
    let unsent = sum(|shard| shard.unsent.load(Ordering::Relaxed));
    counter(out, "rollcall_datagrams_unsent_total", "Datagrams that the kernel would not take.", unsent);
    let errors = sum(|shard| shard.receive_errors.load(Ordering::Relaxed));
    counter(out, "rollcall_socket_errors_total", "Times that a socket could not be read.", errors);
    let dropped = sum(|shard| shard.dropped.load(Ordering::Relaxed));
    let help = "Datagrams that the kernel dropped because a receive buffer was full.";
    counter(out, "rollcall_datagrams_dropped_total", help, dropped);
}

fn store_numbers(out: &mut String, status: &Status) {
    let store = &status.store;
    counter(out, "rollcall_store_batches_total", "Batches written.", store.batches.load(Ordering::Relaxed));
    counter(out, "rollcall_store_rows_total", "Rows written.", store.rows.load(Ordering::Relaxed));
    let octets = store.octets.load(Ordering::Relaxed);
    counter(out, "rollcall_store_written_bytes_total", "Octets of rows written.", octets);
    counter(out, "rollcall_store_failures_total", "Batches refused.", store.failures.load(Ordering::Relaxed));
    let waiting = store.waiting.load(Ordering::Relaxed) as u64;
    gauge(out, "rollcall_store_queue_depth", "Rows handed over and not written yet.", waiting);
    let healthy = u64::from(!store.failing.load(Ordering::Relaxed));
    gauge(out, "rollcall_store_healthy", "0 while writing fails and new state is refused.", healthy);
    let audit = &status.audit;
    let written = audit.written.load(Ordering::Relaxed);
    counter(out, "rollcall_audit_records_total", "Lines written to the audit trail.", written);
    let lost = audit.lost.load(Ordering::Relaxed);
    counter(out, "rollcall_audit_lost_total", "Lines of the audit trail that could not be written.", lost);
    histogram(out, "rollcall_store_commit_seconds", "How long one batch took to write.", &store.commit());
}

fn stream_numbers(out: &mut String, counts: &transport::tcp::StreamCounts) {
    gauge(out, "rollcall_connections", "TCP connections.", counts.open as u64);
    let name = "rollcall_connections_total";
    head(out, name, "counter", "TCP connections by what became of them.");
    let results = [
        ("accepted", counts.accepted),
        ("opened", counts.opened),
        ("refused", counts.refused),
        ("displaced", counts.displaced),
    ];
    for (result, value) in results {
        line(out, name, &format!("result=\"{result}\""), &value.to_string());
    }
}

/// The process as Linux shows it, under the names that all Prometheus clients use.
fn process_numbers(out: &mut String) {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let Some(kib) = status.lines().find_map(|line| line.strip_prefix("VmRSS:")) else { return };
    let kib: u64 = kib.trim().trim_end_matches("kB").trim().parse().unwrap_or(0);
    gauge(out, "process_resident_memory_bytes", "Resident memory.", kib * 1024);
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge(out, "process_open_fds", "Open file descriptors.", files.count() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line is a comment or `name{labels} value`; each family is named once, before its lines, and ends before
    /// the next begins.
    #[test]
    fn the_text_is_what_prometheus_reads() {
        let status = Status::new(2);
        let mut metrics = Metrics { publish_initial: 3, ..Metrics::default() };
        metrics.publish_to_notify.record(Duration::from_micros(100));
        metrics.list_sizes.record(50);
        status.shards[1].show(metrics);
        let text = text(&status, Duration::from_millis(1500), None, None);
        let mut families = std::collections::BTreeSet::new();
        let mut current = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(families.insert(name.to_owned()), "{name} twice");
                assert!(name.ends_with("_total") == (kind == "counter"), "{line}");
                current = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(name.starts_with(&current), "{line} stands under {current}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
        for wanted in [
            "rollcall_publish_total{result=\"initial\"} 3",
            "rollcall_publish_to_notify_seconds_bucket{le=\"0.000128\"} 1",
            "rollcall_publish_to_notify_seconds_bucket{le=\"+Inf\"} 1",
            "rollcall_publish_to_notify_seconds_sum 0.0001",
            "rollcall_subscriptions{package=\"presence\",state=\"active\"} 0",
            "rollcall_list_virtual_subscriptions{at=\"foreign\",state=\"active\"} 0",
            "rollcall_list_sizes_bucket{le=\"32\"} 0",
            "rollcall_list_sizes_bucket{le=\"64\"} 1",
            "rollcall_list_sizes_sum 50",
            "rollcall_shard_queue_depth{shard=\"1\"} 0",
            "rollcall_store_healthy 1",
            "rollcall_uptime_seconds 1.5",
        ] {
            assert!(text.lines().any(|line| line == wanted), "{wanted} is missing in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes "));
    }
}
