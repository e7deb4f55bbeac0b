//! A whole server on a disk that fills up or fails, and works again.

use std::net::SocketAddr;

use crate::peer::{self, Peer};
use server::config::{Config, Sources};
use server::keeper::{Embedded, Keeper};
use server::server::Server;
use server::status::Phase;
use store::disk::{SimDisk, SimFault};
use store::{EmbeddedLog, Options, StoreError};

/// So many requests may be answered before the server has noticed a change of its disk.
const TRIES: usize = 500_000;

fn config() -> Config {
    let set = [
        "listen=udp:127.0.0.1:0",
        "admin.listen=off",
        "authentication.open=true",
        "presence-server.pace=0s",
        "shards=2",
    ];
    crate::journal::Journal::begin();
    Sources { file: None, set: set.map(str::to_owned).to_vec() }.load().unwrap()
}

fn keeper(disk: &SimDisk) -> Box<dyn Keeper> {
    let disk = disk.clone();
    let reopen = move || EmbeddedLog::open_on(disk.clone(), Options::default()).map_err(StoreError::from);
    Box::new(Embedded::new(Box::new(reopen)).unwrap())
}

fn start(disk: &SimDisk) -> (Server, SocketAddr) {
    let server = Server::start(config(), keeper(disk)).unwrap();
    let address = server.listen()[0].address;
    (server, address)
}

/// Publishes, each time anew, until the answer is `wanted`.
fn publish_until(source: &mut Peer, name: &str, wanted: u16) -> peer::Text {
    for number in 0..TRIES {
        let user = format!("{name}{}", number % 16);
        let answer = source.publish(&user, &format!("{name}{number}"), "x", None);
        if answer.status() == wanted {
            return answer;
        }
    }
    panic!("no {wanted} in {TRIES} answers");
}

fn fails_and_heals(disk: &SimDisk, fail: impl Fn(&SimDisk), heal: impl Fn(&SimDisk)) {
    let (server, address) = start(disk);
    let (mut watcher, mut source) = (Peer::udp(address), Peer::udp(address));
    assert_eq!(watcher.subscribe("bob", "alice", "w1").status(), 200);
    watcher.notify();
    assert_eq!(source.publish("alice", "p1", "before", None).status(), 200);
    assert!(watcher.notify().0.contains("before"));

    fail(disk);
    let refused = publish_until(&mut source, "f", 500);
    assert!(refused.field("Retry-After").parse::<u32>().is_ok());
    assert!(server.status().readiness(server.clock().elapsed()).unwrap_err().contains("store"));
    assert_eq!(server.status().phase(), Phase::Serving);
    let fields = ["Event: presence", "Expires: 0"];
    watcher.request("SUBSCRIBE", "bob", "alice", "fetch", &fields, "");
    assert_eq!(watcher.response().status(), 200, "watchers are served");
    assert!(watcher.notify().0.contains("before"));

    heal(disk);
    publish_until(&mut source, "h", 200);
    assert!(server.status().readiness(server.clock().elapsed()).is_ok());
    assert_eq!(source.publish("alice", "p2", "after", None).status(), 200);
    assert!(watcher.notify().0.contains("after"));
    server.stop().unwrap();

    let (server, address) = start(disk);
    let mut source = Peer::udp(address);
    assert!(server.restored() > 0);
    assert_eq!(source.publish("alice", "p3", "restarted", None).status(), 200);
    server.stop().unwrap();
}

#[test]
fn a_full_disk_refuses_new_state_and_serves_watchers_until_there_is_room() {
    let disk = SimDisk::new(1);
    fails_and_heals(&disk, |disk| disk.set_capacity(Some(disk.used())), |disk| disk.set_capacity(None));
}

#[test]
fn a_failing_disk_is_opened_anew_when_it_works_again() {
    let disk = SimDisk::new(2);
    fails_and_heals(&disk, |disk| disk.fail_from(disk.operations(), SimFault::Io), SimDisk::heal);
}
