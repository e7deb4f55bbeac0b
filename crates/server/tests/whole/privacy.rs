//! What the log says at INFO while everything is done that users can do: nobody's name.

use crate::journal::Journal;
use crate::peer::Peer;
use crate::watchers::{House, user};
use crate::web::{Http, entrance};
use client::{Basic, Listed, Status};

/// Names that no other test has: tests of one process share its log.
const NAMES: [&str; 4] = ["xanthippe", "yolanda", "zebedee", "quasimodo"];

#[test]
fn the_log_names_nobody_at_info() {
    let journal = Journal::begin();
    let [alice, bob, carol, nobody] = NAMES;
    let house = House::of(&[alice, bob, carol], &["listen=[\"tcp:127.0.0.1:0\", \"udp:127.0.0.1:0\"]"]);
    house.server.announce();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let xui = |name: &str| format!("sip:{name}@example.com");
    runtime.block_on(async {
        let owner = house.client(alice).await;
        let mut publication = owner.publish(Status::new(Basic::Open)).await.unwrap();
        let watcher = house.client(bob).await;
        let mut watching = watcher.watch(user(alice));
        watching.next().await.unwrap();
        let _of_a_list = watcher.watch_list(Listed::of(&[user(alice), user(carol)], watcher.identity()));
        let _of_documents = owner.follow(user(alice), &[format!("resource-lists/users/{}/", xui(alice))]);
        let _of_watchers = owner.watchers(user(alice));
        let who = format!("{bob}@example.com");
        for words in [
            &["approve", who.as_str()][..],
            &["polite-block", &who],
            &["contacts", "add", &who],
            &["watchers", "--once", "--tcp", "--server", &house.sip()],
            &["xcap", "get", "org.openmobilealliance.xcap-directory"],
            &["block", &who],
        ] {
            assert_eq!(house.run(alice, words).0, 0, "{words:?}");
        }
        publication.update(Status::new(Basic::Closed)).await.unwrap();
        // What is refused: a wrong password, somebody else's documents, somebody else's watchers.
        let forbidden = format!("resource-lists/users/{}/index", xui(alice));
        assert_eq!(house.run(bob, &["xcap", "get", &forbidden]).0, 3);
        let unknown = house.command(nobody, &["xcap", "get", "resource-lists"]).output().unwrap();
        assert!(!unknown.status.success());
        let mut refused = watcher.watch(user(nobody));
        refused.next().await.unwrap();
        publication.remove().await;
        watcher.close().await;
        owner.close().await;
    });
    // What no client of ours would send.
    let udp = house.server.listen().iter().find(|one| one.to_string().starts_with("udp")).unwrap().address;
    let mut peer = Peer::udp(udp);
    assert_eq!(peer.subscribe(nobody, alice, "w1").status(), 401);
    peer.request("MESSAGE", nobody, alice, "m1", &["Event: presence"], "?");
    assert!(peer.response().status() >= 400);
    peer.request("PUBLISH", nobody, alice, "p1", &["Event: presence", "Content-Type: text/plain"], "?");
    assert!(peer.response().status() >= 400);
    let mut http = Http::connect(entrance(&house.server));
    let claims = format!("X-3GPP-Asserted-Identity: \"{}\"", xui(alice));
    let documents = format!("/xcap-root/resource-lists/users/{}/index", xui(alice));
    for (method, target) in [
        ("GET", documents.clone()),
        ("PUT", documents.clone()),
        ("POST", documents),
        ("GET", format!("/v1/users/{alice}@example.com/watchers")),
        ("GET", format!("/v1/users/{nobody}/rules")),
        ("GET", format!("/{nobody}")),
    ] {
        assert!(http.ask(method, &target, &[&claims], "<{nobody}").status >= 400, "{method} {target}");
    }
    let admin = house.server.admin().unwrap();
    let asked = format!("/v1/explain?watcher={bob}%40example.com&presentity={alice}%40example.com");
    Http::connect(admin).ask("GET", &asked, &[], "");
    assert_eq!(house.server.stop(), Ok(()));
    let log = journal.text();
    assert!(log.contains(" serving documents "), "the log is this server's:\n{log}");
    for name in NAMES {
        assert!(!log.contains(name), "the log names {name}:\n{log}");
    }
}
