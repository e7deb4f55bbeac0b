//! Two whole servers of two domains, each other's peer: lists of one hold users of the other.

use client::{Basic, Client, Identity, ListEvent, Listed, Listing, Member, Options, Status};
use documents::rlmi::State;
use server::server::Server;
use sip_stack::Protocol;

use crate::pump::{address, config, start};

/// A server of one domain.
struct Site {
    server: Server,
    domain: &'static str,
    set: Vec<String>,
}

impl Site {
    fn new(domain: &'static str, set: &[&str]) -> Self {
        let own = format!("domains=[\"{domain}\"]");
        let base = [
            &own,
            "shards=2",
            "authentication.open=false",
            "authentication.trusted-peers=[\"127.0.0.1\", \"::1\"]",
            "presence-server.watch=everyone",
            "resource-list-server.aggregation=20ms",
        ];
        let set: Vec<String> = base.iter().chain(set).map(|one| (*one).to_owned()).collect();
        Self { server: start(&texts(&set)), domain, set }
    }

    /// From now on users of that domain are at that address.
    fn know(&mut self, domain: &str, hop: &str) {
        self.set.push(format!(
            "resource-list-server.peers={{ \"{domain}\" = {{ hop = \"{hop}\", trusted = true }} }}"
        ));
        let (taken, waiting) = self.server.reconfigure(&config(&texts(&self.set)));
        assert_eq!((taken, waiting), (vec!["resource-list-server.peers".to_owned()], Vec::new()));
    }

    fn user(&self, name: &str) -> Identity {
        format!("{name}@{}", self.domain).parse().unwrap()
    }

    async fn client(&self, name: &str) -> Client {
        let mut options = Options::new(self.user(name));
        options.server = Some(address(&self.server, Protocol::Tcp).to_string());
        options.protocol = Protocol::Tcp;
        Client::connect(options).await.unwrap()
    }
}

fn texts(set: &[String]) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

/// Waits until a member of a list is as wanted.
async fn until(listing: &mut Listing, user: &Identity, wanted: impl Fn(&Member) -> bool) {
    loop {
        let Some(ListEvent::Changed { members, .. }) = listing.next().await else { panic!("a change") };
        if members.iter().any(|member| *member.uri == *user.aor().as_str() && wanted(member)) {
            return;
        }
    }
}

fn shows(basic: Basic) -> impl Fn(&Member) -> bool {
    move |member| {
        let summary = member.presence.as_ref().map(|presence| presence.summary());
        member.state == Some(State::Active) && summary.is_some_and(|summary| summary.basic == Some(basic))
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn two_servers_show_each_others_users_in_lists() {
    // Who asks is who may see: only bob and eve may watch at all.
    let mut a = Site::new("a.example", &["entitlement.watch=[\"eve@b.example\", \"a.example\"]"]);
    let mut b = Site::new("b.example", &["entitlement.watch=[\"bob@a.example\", \"b.example\"]"]);
    let (udp, tcp) = (address(&a.server, Protocol::Udp), address(&b.server, Protocol::Tcp));
    a.know("b.example", &format!("sip:{tcp};transport=tcp"));
    b.know("a.example", &format!("sip:{udp}"));
    run(async {
        let (bob, eve) = (a.client("bob").await, b.client("eve").await);
        let (dave, carol) = (a.client("dave").await, b.client("carol").await);
        let both = [a.user("dave"), b.user("carol")];
        let mut of_bob = bob.watch_list(Listed::of(&both, bob.identity()));
        let mut of_eve = eve.watch_list(Listed::of(&both, eve.identity()));
        until(&mut of_bob, &both[1], |carol| carol.state == Some(State::Active)).await;
        until(&mut of_eve, &both[0], |dave| dave.state == Some(State::Active)).await;
        let _carol = carol.publish(Status::new(Basic::Closed)).await.unwrap();
        until(&mut of_bob, &both[1], shows(Basic::Closed)).await;
        let _dave = dave.publish(Status::new(Basic::Open)).await.unwrap();
        until(&mut of_eve, &both[0], shows(Basic::Open)).await;
        // Another user of the same domain is refused there, and told so here.
        let mallory = a.client("mallory").await;
        let mut of_mallory = mallory.watch_list(Listed::of(&both, mallory.identity()));
        until(&mut of_mallory, &both[1], |carol| carol.reason.as_deref() == Some("rejected")).await;
        for client in [bob, eve, dave, carol, mallory] {
            client.close().await;
        }
    });
    assert_eq!((a.server.stop(), b.server.stop()), (Ok(()), Ok(())));
}

#[test]
fn where_the_first_server_is_dead_the_second_one_is_asked() {
    let both = "listen=[\"tcp:127.0.0.1:0\", \"tcp:[::1]:0\"]";
    let mut a = Site::new("a.example", &[both]);
    let b = Site::new("b.example", &["listen=[\"tcp:[::1]:0\"]"]);
    // localhost leads to 127.0.0.1 first, where nobody is at this port.
    let port = address(&b.server, Protocol::Tcp).port();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    a.know("b.example", &format!("sip:localhost:{port};transport=tcp"));
    run(async {
        let bob = a.client("bob").await;
        let carol = b.user("carol");
        let mut listing = bob.watch_list(Listed::of(core::slice::from_ref(&carol), bob.identity()));
        until(&mut listing, &carol, |carol| carol.state == Some(State::Active)).await;
        bob.close().await;
    });
    assert_eq!((a.server.stop(), b.server.stop()), (Ok(()), Ok(())));
}
