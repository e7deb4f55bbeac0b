//! The client against a small server on loopback, over UDP and TCP: as a library and as commands.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod server;

use std::time::Duration;

use clap::Parser;
use client::commands::{Command, Exit, Surroundings, Terminal, run};
use client::{
    Basic, Change, Client, Event, Failure, FetchError, Identity, Options, Protocol, PublishError, State,
    Status, Termination, Watching,
};
use server::{Order, Server, Tap, start};
use sip_stack::client_transaction::Timers;
use tokio::sync::{mpsc, oneshot};

const USERS: &[(&str, &str)] = &[("alice", "wonder"), ("bob", "zanzibar")];

fn options(user: &str, password: &str, server: &Server, protocol: Protocol) -> Options {
    let mut options = Options::new(format!("{user}@example.com").parse().unwrap());
    options.password = Some(password.to_owned());
    options.server = Some(server.address.to_string());
    options.protocol = protocol;
    options
}

async fn connect(user: &str, server: &Server, protocol: Protocol) -> Client {
    let password = USERS.iter().find(|(name, _)| *name == user).unwrap().1;
    Client::connect(options(user, password, server, protocol)).await.unwrap()
}

fn alice() -> Identity {
    "alice@example.com".parse().unwrap()
}

async fn next_update(watching: &mut Watching) -> client::Update {
    match watching.next().await {
        Some(Event::Update(update)) => update,
        other => panic!("{other:?}"),
    }
}

fn said(update: &client::Update) -> (Option<Basic>, Vec<String>) {
    let summary = update.presence.as_ref().map(|presence| presence.summary()).unwrap_or_default();
    (summary.basic, summary.activities)
}

#[tokio::test]
async fn a_watcher_sees_what_a_source_says() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut server = start(protocol, USERS).await;
        let (bob, source) =
            (connect("bob", &server, protocol).await, connect("alice", &server, protocol).await);
        let mut watching = bob.watch(alice());
        let first = next_update(&mut watching).await;
        assert_eq!((first.state, first.presence.is_none()), (State::Active, true));

        let mut publication = source.publish(Status::new(Basic::Open)).await.unwrap();
        assert_eq!(said(&next_update(&mut watching).await), (Some(Basic::Open), vec![]));
        let away =
            Status { activity: Some("away".into()), since: Some(source.now()), ..Status::new(Basic::Closed) };
        publication.update(away).await.unwrap();
        let update = next_update(&mut watching).await;
        assert_eq!(said(&update), (Some(Basic::Closed), vec!["away".to_owned()]));
        assert!(update.received_at >= first.received_at);
        assert_eq!(update.target, alice());

        publication.remove().await;
        assert!(next_update(&mut watching).await.presence.is_none());
        server.until("PUBLISH initial").await;
        server.until("PUBLISH modify").await;
        server.until("PUBLISH remove").await;
        watching.unsubscribe().await;
        assert_eq!(next_update(&mut watching).await.state, State::Terminated);
        assert!(matches!(watching.next().await, Some(Event::Over(Termination::Unsubscribed))));
        assert!(watching.next().await.is_none());
        server.until("SUBSCRIBE 0").await;
        bob.close().await;
        source.close().await;
    }
}

#[tokio::test]
async fn a_fetch_is_one_answer() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let server = start(protocol, USERS).await;
        let source = connect("alice", &server, protocol).await;
        let publication = source.publish(Status::new(Basic::Open)).await.unwrap();
        let update = connect("bob", &server, protocol).await.fetch(alice()).await.unwrap();
        assert_eq!((said(&update).0, update.state), (Some(Basic::Open), State::Terminated));
        publication.leave();
        // What was left is still there.
        let update = connect("bob", &server, protocol).await.fetch(alice()).await.unwrap();
        assert_eq!(said(&update).0, Some(Basic::Open));
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let server = start(Protocol::Udp, USERS).await;
    let bob = Client::connect(options("bob", "wrong", &server, Protocol::Udp)).await.unwrap();
    let failed = Failure::WrongPassword;
    assert_eq!(
        bob.publish(Status::new(Basic::Open)).await.unwrap_err(),
        PublishError::Failed(failed.clone())
    );
    assert_eq!(bob.fetch(alice()).await.unwrap_err(), FetchError::Failed(failed.clone()));
    let mut watching = bob.watch(alice());
    assert!(matches!(watching.next().await, Some(Event::Over(Termination::Failed(why))) if why == failed));
}

#[tokio::test]
async fn after_a_restart_of_the_server_all_is_as_before() {
    let mut server = start(Protocol::Udp, USERS).await;
    let bob = connect("bob", &server, Protocol::Udp).await;
    let source = connect("alice", &server, Protocol::Udp).await;
    let mut publication = source.publish(Status::new(Basic::Open)).await.unwrap();
    let mut watching = bob.watch(alice());
    assert_eq!(said(&next_update(&mut watching).await).0, Some(Basic::Open));
    server.orders.send(Order::Terminate("terminated;reason=deactivated")).unwrap();
    assert_eq!(next_update(&mut watching).await.state, State::Terminated);
    assert!(matches!(watching.next().await, Some(Event::Retrying { failure: None, live: false, .. })));
    assert_eq!(next_update(&mut watching).await.state, State::Active);
    server.orders.send(Order::Forget).unwrap();
    publication.update(Status::new(Basic::Closed)).await.unwrap();
    server.until("PUBLISH 412").await;
    server.until("PUBLISH initial").await;
}

#[tokio::test]
async fn a_lost_connection_is_opened_again_and_the_subscription_refreshed() {
    let mut server = start(Protocol::Tcp, USERS).await;
    let bob = connect("bob", &server, Protocol::Tcp).await;
    let mut watching = bob.watch(alice());
    next_update(&mut watching).await;
    server.until("SUBSCRIBE 3600").await;
    server.orders.send(Order::Disconnect).unwrap();
    server.until("SUBSCRIBE 3600").await;
    assert_eq!(next_update(&mut watching).await.state, State::Active);
    let source = connect("alice", &server, Protocol::Tcp).await;
    let _publication = source.publish(Status::new(Basic::Open)).await.unwrap();
    assert_eq!(said(&next_update(&mut watching).await).0, Some(Basic::Open), "over the new connection");
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up_in_time() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut server = start(protocol, &[]).await;
        server.orders.send(Order::Silence).unwrap();
        let mut options = options("bob", "zanzibar", &server, protocol);
        let millis = Duration::from_millis;
        options.timers = Timers { t1: millis(5), t2: millis(40), t4: millis(50) };
        let bob = Client::connect(options).await.unwrap();
        assert_eq!(bob.fetch(alice()).await.unwrap_err(), FetchError::Failed(Failure::TimedOut));
        server.until("SUBSCRIBE unanswered").await;
    }
}

#[tokio::test]
async fn changes_of_a_publication_are_told() {
    let server = start(Protocol::Udp, &[]).await;
    let bob = connect("bob", &server, Protocol::Udp).await;
    let mut publication = bob.publish(Status::new(Basic::Open)).await.unwrap();
    assert!(matches!(publication.next().await, Some(Change::Published { .. })));
    server.orders.send(Order::Refuse("PUBLISH", 403, "")).unwrap();
    let error = publication.update(Status::new(Basic::Closed)).await.unwrap_err();
    let failure = Failure::Refused { status: 403, reason: "Forbidden".into() };
    assert_eq!(error, PublishError::Failed(failure.clone()));
    assert_eq!(publication.next().await, Some(Change::Failed { failure, retry_at: None }));
}

#[tokio::test]
async fn dropped_handles_end_what_they_held() {
    let mut server = start(Protocol::Udp, &[]).await;
    let bob = connect("bob", &server, Protocol::Udp).await;
    let mut watching = bob.watch(alice());
    next_update(&mut watching).await;
    drop(watching);
    server.until("SUBSCRIBE 0").await;
    let publication = bob.publish(Status::new(Basic::Open)).await.unwrap();
    drop(publication);
    server.until("PUBLISH remove").await;
    drop(bob.watch(alice()));
    server.until("SUBSCRIBE 0").await;
}

#[tokio::test]
async fn many_sources_and_watchers_share_one_client() {
    let server = start(Protocol::Udp, USERS).await;
    let bob = connect("bob", &server, Protocol::Udp).await;
    let mut watched: Vec<Watching> =
        (0..50).map(|number| bob.watch(format!("user{number}@example.com").parse().unwrap())).collect();
    for watching in &mut watched {
        assert_eq!(next_update(watching).await.state, State::Active);
    }
    bob.close().await;
    for watching in &mut watched {
        while watching.next().await.is_some() {}
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_with_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut options = Options::new(alice());
    options.protocol = Protocol::Tcp;
    options.server = Some(address.to_string());
    let error = Client::connect(options.clone()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no connection to {address}: ")), "{error}");
    options.server = Some("sip:nonsense@@".into());
    assert!(Client::connect(options).await.unwrap_err().to_string().contains("write host or host:port"));
}

// ---- commands

#[derive(clap::Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// A running command.
struct Session {
    out: mpsc::UnboundedReceiver<String>,
    err: mpsc::UnboundedReceiver<String>,
    interrupt: Option<oneshot::Sender<()>>,
    exit: tokio::task::JoinHandle<Exit>,
}

fn command(server: &Server, password: Option<&str>, arguments: &str) -> Session {
    let server = server.address.to_string();
    let words = ["rollcall"].into_iter().chain(arguments.split(' ')).chain(["--server", &server]);
    let program = Program::try_parse_from(words).unwrap();
    let ((mut out, read_out), (mut err, read_err)) = (Tap::new(), Tap::new());
    let (interrupt, interrupted) = oneshot::channel();
    let password = password.map(str::to_owned);
    let exit = tokio::spawn(async move {
        let mut terminal = Terminal::new(&mut out, &mut err, false);
        let mut interrupt = Box::pin(async {
            let _ = interrupted.await;
        });
        run(program.command, &mut terminal, Surroundings { password, interrupt: interrupt.as_mut() }).await
    });
    Session { out: read_out, err: read_err, interrupt: Some(interrupt), exit }
}

impl Session {
    async fn line(&mut self) -> String {
        self.out.recv().await.expect("a line of output")
    }

    fn interrupt(&mut self) {
        self.interrupt.take().unwrap().send(()).unwrap();
    }

    /// The exit, and what was said beside the output.
    async fn end(mut self) -> (Exit, String) {
        let exit = self.exit.await.unwrap();
        let mut remarks = Vec::new();
        while let Some(remark) = self.err.recv().await {
            remarks.push(remark);
        }
        (exit, remarks.join("\n"))
    }
}

#[tokio::test]
async fn the_commands_publish_watch_and_fetch() {
    for tcp in ["", " --tcp"] {
        let protocol = if tcp.is_empty() { Protocol::Udp } else { Protocol::Tcp };
        let mut server = start(protocol, USERS).await;
        let mut watch =
            command(&server, Some("zanzibar"), &format!("watch alice@example.com --as bob@example.com{tcp}"));
        assert!(watch.line().await.ends_with("alice@example.com  unknown"));
        let status = format!(
            "publish alice@example.com --status open --activity meeting --note later --expires 600{tcp}"
        );
        let mut publish = command(&server, Some("wonder"), &status);
        let line = publish.line().await;
        assert!(line.contains("alice@example.com published until ") && line.ends_with(" (600 s)"), "{line}");
        let line = watch.line().await;
        assert!(line.contains("alice@example.com  open  meeting  \"later\"  age "), "{line}");

        let fetch = format!("fetch alice@example.com --as bob@example.com{tcp}");
        let mut shown = command(&server, Some("zanzibar"), &fetch);
        assert!(shown.line().await.contains("alice@example.com  open  meeting"));
        assert_eq!(shown.line().await, "  open     sip:alice@example.com");
        assert_eq!(shown.end().await, (Exit::Done, String::new()));
        let mut json = command(&server, Some("zanzibar"), &format!("{fetch} --json"));
        let object: serde_json::Value = serde_json::from_str(&json.line().await).unwrap();
        assert_eq!((&object["basic"], &object["activities"][0]), (&"open".into(), &"meeting".into()));
        assert!(object["age_ms"].is_i64());
        let mut xml = command(&server, Some("zanzibar"), &format!("{fetch} --xml"));
        assert!(xml.line().await.starts_with("<?xml"));

        publish.interrupt();
        assert_eq!(publish.end().await, (Exit::Done, "removed".to_owned()));
        assert!(watch.line().await.ends_with("alice@example.com  unknown"));
        watch.interrupt();
        assert_eq!(watch.end().await, (Exit::Done, "unsubscribed".to_owned()));
        server.until("PUBLISH remove").await;
        server.until("SUBSCRIBE 0").await;
    }
}

#[tokio::test]
async fn publish_once_leaves_what_it_published() {
    let mut server = start(Protocol::Udp, USERS).await;
    let mut once = command(&server, Some("wonder"), "publish alice@example.com --status closed --once");
    assert!(once.line().await.contains("published until"));
    assert_eq!(once.end().await, (Exit::Done, String::new()));
    let mut fetch = command(&server, Some("zanzibar"), "fetch alice@example.com --as bob@example.com");
    assert!(fetch.line().await.contains("alice@example.com  closed"));
    fetch.end().await;
    server.orders.send(Order::Silence).unwrap();
    server.seen.close();
    while let Some(seen) = server.seen.recv().await {
        assert_ne!(seen, "PUBLISH remove");
    }
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let server = start(Protocol::Udp, USERS).await;
    let fetch = "fetch alice@example.com --as bob@example.com";
    assert_eq!(
        command(&server, Some("wrong"), fetch).end().await,
        (
            Exit::Password,
            "error: 401: the server refused the password of bob@example.com; pass --password or set ROLLCALL_PASSWORD"
                .to_owned()
        )
    );
    let publish = "publish bob@example.com --status open --once";
    let (exit, text) = command(&server, None, publish).end().await;
    assert_eq!(exit, Exit::Password);
    assert!(text.contains("asks for the password of bob@example.com; pass --password"), "{text}");
    for (status, exit, advice) in [
        (403, Exit::Refused, "403: Forbidden; bob@example.com may not do this"),
        (404, Exit::Refused, "404: Not Found; the server does not know this address"),
        (489, Exit::Refused, "does not offer presence"),
        (503, Exit::Unreachable, "503: Service Unavailable; try again later"),
    ] {
        for (method, text) in [("SUBSCRIBE", fetch), ("PUBLISH", publish)] {
            server.orders.send(Order::Refuse(method, status, "")).unwrap();
            let (ended, said) = command(&server, Some("zanzibar"), text).end().await;
            assert_eq!(ended, exit, "{said}");
            assert!(said.contains(advice), "{said}");
        }
    }
}

#[tokio::test]
async fn a_watcher_that_is_rejected_is_told_why_and_the_code_says_so() {
    let server = start(Protocol::Udp, USERS).await;
    let mut watch = command(&server, Some("zanzibar"), "watch alice@example.com --as bob@example.com --json");
    let object: serde_json::Value = serde_json::from_str(&watch.line().await).unwrap();
    assert_eq!((&object["event"], &object["state"]), (&"update".into(), &"active".into()));
    server.orders.send(Order::Terminate("terminated;reason=rejected")).unwrap();
    let object: serde_json::Value = serde_json::from_str(&watch.line().await).unwrap();
    assert_eq!((&object["state"], &object["reason"]), (&"terminated".into(), &"rejected".into()));
    assert_eq!(
        watch.end().await,
        (Exit::Ended, "error: rejected: alice@example.com does not let bob@example.com watch".to_owned())
    );
}

#[tokio::test]
async fn a_password_may_stand_in_a_file() {
    let server = start(Protocol::Udp, USERS).await;
    let directory = std::env::temp_dir().join(format!("rollcall-client-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("password");
    std::fs::write(&file, "zanzibar\nnot this\n").unwrap();
    let fetch = format!("fetch alice@example.com --as bob@example.com --password-file {}", file.display());
    assert_eq!(command(&server, Some("wrong"), &fetch).end().await.0, Exit::Done);
    std::fs::write(&file, "\n").unwrap();
    let (exit, text) = command(&server, None, &fetch).end().await;
    assert_eq!(exit, Exit::Failure);
    assert!(text.contains("the first line of") && text.contains("should be the password"), "{text}");
    std::fs::remove_dir_all(&directory).unwrap();
    let (exit, text) = command(&server, None, &fetch).end().await;
    assert!(exit == Exit::Failure && text.contains("cannot be read"), "{text}");
}

#[tokio::test]
async fn a_watch_whose_reader_is_gone_ends() {
    let mut server = start(Protocol::Udp, USERS).await;
    let mut watch = command(&server, Some("zanzibar"), "watch alice@example.com --as bob@example.com");
    watch.line().await;
    watch.out.close();
    let source = connect("alice", &server, Protocol::Udp).await;
    let _publication = source.publish(Status::new(Basic::Open)).await.unwrap();
    assert_eq!(watch.end().await.0, Exit::Failure);
    server.until("SUBSCRIBE 0").await;
}
