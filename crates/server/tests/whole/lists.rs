//! A whole server and our own client, watching a list that comes with the request.

use client::{Basic, Client, Identity, ListEvent, Listed, Options, Status};

use crate::pump::{address, start};
use sip_stack::Protocol;

#[test]
fn a_list_is_watched_over_sockets_and_shards() {
    let server = start(&[
        "shards=2",
        "domains=[\"example.com\"]",
        "resource-list-server.aggregation=50ms",
        "presence-server.watch=everyone",
        "presence-server.publish=everyone",
    ]);
    let address = address(&server, Protocol::Tcp);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let user = |name: &str| format!("{name}@example.com").parse::<Identity>().unwrap();
        let options = |name: &str| {
            let mut options = Options::new(user(name));
            options.server = Some(address.to_string());
            options.protocol = Protocol::Tcp;
            options
        };
        let bob = Client::connect(options("bob")).await.unwrap();
        let members = ["alice", "carol", "dave", "erin"].map(user);
        let mut listing = bob.watch_list(Listed::of(&members, bob.identity()));
        let Some(ListEvent::Changed { members, gone, .. }) = listing.next().await else {
            panic!("a first state")
        };
        assert_eq!((members.len(), gone.len()), (4, 0));
        assert!(
            members.iter().all(|member| member.state.is_some()),
            "the first NOTIFY waits for all: {members:?}"
        );

        let carol = Client::connect(options("carol")).await.unwrap();
        let _published = carol.publish(Status::new(Basic::Closed)).await.unwrap();
        let Some(ListEvent::Changed { members, .. }) = listing.next().await else { panic!("a change") };
        assert_eq!((members.len(), &*members[0].uri), (1, "sip:carol@example.com"));
        let presence = members[0].presence.as_ref().unwrap();
        assert_eq!(presence.summary().basic, Some(Basic::Closed));
        carol.close().await;
        bob.close().await;
    });
    assert_eq!(server.stop(), Ok(()));
}
