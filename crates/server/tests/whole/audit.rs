//! The audit trail of a whole server.

use serde_json::Value;

use crate::watchers::{House, user};

#[test]
fn the_trail_tells_who_changed_rules_and_what_was_decided_about_whom() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let house = House::new(&[&format!("log.audit={}", path.display())]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let bob = house.client("bob").await;
        let mut watching = bob.watch(user("alice"));
        watching.next().await.unwrap(); // pending
        assert_eq!(house.run("alice", &["approve", "bob@example.com"]).0, 0);
        watching.next().await.unwrap(); // active
        assert_eq!(house.run("alice", &["approve", "bob@example.com"]).0, 0);
        assert_eq!(house.run("alice", &["contacts", "add", "bob@example.com"]).0, 0);
        assert_eq!(house.run("alice", &["block", "bob@example.com"]).0, 0);
        watching.next().await.unwrap(); // rejected
        bob.close().await;
    });
    let status = std::sync::Arc::clone(house.server.status());
    assert_eq!(house.server.stop(), Ok(()));
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    let rules = of("rules");
    assert_eq!(rules.len(), 2, "what changes nothing is no change, and contacts are no rules:\n{text}");
    assert_eq!(rules[0]["previous"], Value::Null);
    assert_eq!(rules[1]["previous"], rules[0]["etag"]);
    let (first, second) = (&rules[0]["rules"], &rules[1]["rules"]);
    assert!(
        !first["added"].as_array().unwrap().is_empty() && first["removed"] == serde_json::json!([]),
        "{text}"
    );
    assert!(second["added"] != second["removed"] || second["changed"] != serde_json::json!([]), "{text}");
    assert!(!first.to_string().contains("example.com"), "who is meant is in the documents: {text}");
    for change in &rules {
        assert_eq!(
            (&change["by"], &change["user"]),
            (&"sip:alice@example.com".into(), &"sip:alice@example.com".into())
        );
        assert_eq!(change["usage"], "org.openmobilealliance.pres-rules");
    }
    let decisions: Vec<_> = of("decision")
        .into_iter()
        .map(|line| {
            assert_eq!(
                (&line["presentity"], &line["watcher"]),
                (&"sip:alice@example.com".into(), &"sip:bob@example.com".into())
            );
            (line["before"].as_str(), line["decision"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        decisions,
        [(None, "confirm"), (Some("confirm"), "allow"), (Some("allow"), "block")],
        "{text}"
    );
    assert_eq!(status.audit.written.load(std::sync::atomic::Ordering::Relaxed), lines.len() as u64);
}

#[test]
fn a_trail_that_cannot_be_written_stops_nothing_and_is_counted() {
    let house = House::new(&["log.audit=/dev/full"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let bob = house.client("bob").await;
        let mut watching = bob.watch(user("alice"));
        watching.next().await.unwrap();
        assert_eq!(house.run("alice", &["approve", "bob@example.com"]).0, 0);
        watching.next().await.unwrap(); // as if nothing were wrong
        bob.close().await;
    });
    let status = std::sync::Arc::clone(house.server.status());
    assert_eq!(house.server.stop(), Ok(()));
    let text = server::exposition::text(&status, std::time::Duration::ZERO, None, None);
    assert!(text.contains("rollcall_audit_lost_total 3\n"), "{text}");
    assert!(text.contains("rollcall_audit_records_total 0\n"), "{text}");
}
