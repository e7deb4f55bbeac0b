//! A whole server and our own client, watching a list that comes with the request.

use client::{Basic, Client, Identity, ListEvent, Listed, Options, Status};

use crate::pump::{address, start};
use crate::web::{self, Http, entrance};
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

const SERVICES: &str = "/xcap-root/rls-services/users/sip:alice@example.com/index";

/// A services document with one list of these names.
fn services(names: &[&str]) -> String {
    let entries: String =
        names.iter().map(|name| format!("<rl:entry uri=\"sip:{name}@example.com\"/>")).collect();
    format!(
        "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\" xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\">\
         <service uri=\"sip:mybuddies@example.com\"><list>{entries}</list></service></rls-services>"
    )
}

#[test]
fn a_list_of_any_uri_is_written_by_xcap_watched_by_sip_and_edited_meanwhile() {
    let server = web::start(&[
        "listen=tcp:127.0.0.1:0",
        "shards=2",
        "resource-list-server.aggregation=0ms",
        "presence-server.watch=everyone",
    ]);
    let address = address(&server, Protocol::Tcp);
    let mut http = Http::connect(entrance(&server));
    let media = "Content-Type: application/rls-services+xml";
    assert_eq!(http.ask("PUT", SERVICES, &[media], &services(&["bob"])).status, 201);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = Options::new("alice@example.com".parse::<Identity>().unwrap());
        options.server = Some(address.to_string());
        options.protocol = Protocol::Tcp;
        let alice = Client::connect(options).await.unwrap();
        let mut listing = alice.watch_list(Listed::Stored("sip:mybuddies@example.com".to_owned()));
        let Some(ListEvent::Changed { members, .. }) = listing.next().await else { panic!("a first state") };
        assert_eq!((members.len(), &*members[0].uri), (1, "sip:bob@example.com"));
        assert_eq!(http.ask("PUT", SERVICES, &[media], &services(&["bob", "carol"])).status, 200);
        let Some(ListEvent::Changed { members, .. }) = listing.next().await else { panic!("a change") };
        assert_eq!((members.len(), &*members[0].uri), (1, "sip:carol@example.com"));
        alice.close().await;
    });
    assert_eq!(server.stop(), Ok(()));
}
