//! Lists and rules that live at a document server elsewhere: two whole servers, one with the documents, one with the watchers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use client::web::Trust;
use client::xdm::{Condition, Resource, XdmClient, XdmOptions};
use client::{Client, Event, Identity, ListEvent, Listed, Listing, Member, Options, Watching};
use documents::rlmi::State;
use server::server::Server;
use sip_stack::Protocol;
use xdm::remote::{Counts, Gauges};

use crate::pump::{address, start};
use crate::web::{Http, entrance, list};

const SERVICES: &str = "Content-Type: application/rls-services+xml";

/// The server with the lists: it asks for passwords, and lets the list server read everything.
fn lists(set: &[&str]) -> Server {
    let base = [
        "domains=[\"example.com\"]",
        "shards=1",
        "authentication.open=false",
        "authentication.users={ alice = \"wonderland\", rls = \"secret\" }",
        "xdm.root=/xcap-root",
        "xdm.providers=rls@example.com",
        "xdm.changes-pace=0s",
        "aggregation-proxy.listen=http:127.0.0.1:0",
        "aggregation-proxy.threads=1",
    ];
    start(&[&base[..], set].concat())
}

/// The list server: services are here, lists are at `root`.
fn rls(root: &str, more: &str, set: &[&str]) -> Server {
    let servers = format!(
        "remote-xdms.servers={{ lists = {{ root = \"{root}\", usages = [\"resource-lists\"], domains = [\"example.com\"], \
         identity = \"rls@example.com\"{more} }} }}"
    );
    let base = [
        "domains=[\"example.com\"]",
        "shards=2",
        "presence-server.watch=everyone",
        "resource-list-server.aggregation=20ms",
        "xdm.root=/xcap-root",
        "aggregation-proxy.listen=http:127.0.0.1:0",
        "aggregation-proxy.threads=1",
        &servers,
    ];
    let server = start(&[&base[..], set].concat());
    let services = format!(
        "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"sip:alice@example.com;pres-list=all\">\
         <resource-list>{root}/resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5b@name=%22friends%22%5d\
         </resource-list></service></rls-services>"
    );
    let index = "/xcap-root/rls-services/users/sip:alice@example.com/index";
    let put = Http::connect(entrance(&server)).ask("PUT", index, &[SERVICES], &services);
    assert_eq!(put.status, 201, "{}", put.text());
    server
}

fn root(server: &Server) -> String {
    format!("http://{}/xcap-root", entrance(server))
}

/// Alice where her lists are.
fn writer(server: &Server) -> XdmClient {
    let alice: Identity = "alice@example.com".parse().unwrap();
    let mut options = XdmOptions::new(alice, root(server).parse().unwrap(), Trust::System);
    options.password = Some("wonderland".to_owned());
    XdmClient::new(options).unwrap()
}

async fn put(writer: &XdmClient, names: &[&str]) {
    let index = Resource::own("resource-lists", "index");
    writer.put(&index, list(names), &Condition::None).await.unwrap();
}

async fn watcher(server: &Server) -> Client {
    let mut options = Options::new("alice@example.com".parse().unwrap());
    options.server = Some(address(server, Protocol::Tcp).to_string());
    options.protocol = Protocol::Tcp;
    Client::connect(options).await.unwrap()
}

fn all(client: &Client) -> Listing {
    client.watch_list(Listed::Stored("sip:alice@example.com;pres-list=all".to_owned()))
}

/// The members, followed event by event, until they are these.
#[derive(Default)]
struct Seen(std::collections::BTreeSet<String>);

impl Seen {
    async fn until(&mut self, listing: &mut Listing, names: &[&str]) {
        let wanted = names.iter().map(|name| format!("sip:{name}@example.com")).collect();
        while self.0 != wanted {
            let event = listing.next().await;
            let Some(ListEvent::Changed { members, gone, .. }) = event else {
                panic!("{event:?}, not {names:?}")
            };
            for Member { uri, state, .. } in members {
                if state == Some(State::Terminated) {
                    self.0.remove(&*uri);
                } else {
                    self.0.insert(uri.to_string());
                }
            }
            gone.iter().for_each(|uri| _ = self.0.remove(&**uri));
        }
    }
}

fn numbers(server: &Server) -> (Gauges, Counts) {
    server.status().remotes.get().unwrap()[0].shown()
}

/// Waits until the numbers are as wanted.
async fn numbers_until(server: &Server, wanted: impl Fn(&Gauges, &Counts) -> bool) {
    loop {
        let (gauges, counts) = numbers(server);
        if wanted(&gauges, &counts) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(core::time::Duration::from_secs(60), test).await.expect("it takes too long");
    });
}

/// Starts or stops a server from within a test that runs: a server has a runtime of its own.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn subscribing(server: &Server) -> String {
    format!(", password = \"secret\", subscribe = \"tcp:{}\"", address(server, Protocol::Tcp))
}

#[test]
fn a_list_edited_at_a_remote_server_adds_and_removes_members_at_once() {
    let a = lists(&[]);
    // Whoever does not tell is not looked at for an hour.
    let b = rls(&root(&a), &subscribing(&a), &["remote-xdms.check=1h", "remote-xdms.poll=1h"]);
    run(async {
        let alice = writer(&a);
        put(&alice, &["bob"]).await;
        let client = watcher(&b).await;
        let (mut listing, mut seen) = (all(&client), Seen::default());
        seen.until(&mut listing, &["bob"]).await;
        numbers_until(&b, |gauges, _| gauges.live == 1).await;
        put(&alice, &["bob", "carol"]).await;
        seen.until(&mut listing, &["bob", "carol"]).await;
        let entry = Resource::own("resource-lists", "index")
            .node("resource-lists/list[@name=\"friends\"]/entry[@uri=\"sip:bob@example.com\"]");
        assert!(alice.delete(&entry, &Condition::None).await.unwrap());
        seen.until(&mut listing, &["carol"]).await;
        let index = Resource::own("resource-lists", "index");
        assert!(alice.delete(&index, &Condition::None).await.unwrap());
        seen.until(&mut listing, &[]).await;
        put(&alice, &["dave"]).await;
        seen.until(&mut listing, &["dave"]).await;
        let (gauges, counts) = numbers(&b);
        assert_eq!((gauges.documents, gauges.away), (1, false));
        assert!(counts.patched >= 2, "changes are told whole: {counts:?}");
        assert_eq!((counts.failures, counts.refusals, counts.unreadable), (0, 0, 0), "{counts:?}");
        // Nobody watches: nothing is followed.
        drop(listing);
        client.close().await;
        numbers_until(&b, |gauges, _| gauges.documents == 0 && gauges.live == 0).await;
    });
    assert_eq!((a.stop(), b.stop()), (Ok(()), Ok(())));
}

#[test]
fn services_and_lists_that_refer_to_lists_of_others_live_at_a_remote_server() {
    let a = lists(&["xdm.providers=[\"rls@example.com\", \"alice@example.com\"]"]);
    let root = root(&a);
    let servers = format!(
        "remote-xdms.servers={{ all = {{ root = \"{root}\", domains = [\"example.com\"], identity = \"rls@example.com\"{} }} }}",
        subscribing(&a)
    );
    let b = start(&[
        "domains=[\"example.com\"]",
        "shards=2",
        "presence-server.watch=everyone",
        "resource-list-server.aggregation=20ms",
        "resource-list-server.references=own-domain",
        "remote-xdms.check=1h",
        &servers,
    ]);
    let external = |user: &str| {
        format!(
            "<external anchor=\"{root}/resource-lists/users/sip:{user}@example.com/index/~~/resource-lists/list%5b1%5d\"/>"
        )
    };
    let document = |user: &str, content: &str| {
        let path = format!("resource-lists/users/sip:{user}@example.com/index");
        let body = format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"x\">{content}</list></resource-lists>"
        );
        (Resource::read(&path).unwrap(), body)
    };
    let service = |list: &str| {
        let body = format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\" xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\">\
             <service uri=\"sip:alice@example.com;pres-list=all\"><list>{list}</list></service></rls-services>"
        );
        (Resource::own("rls-services", "index"), body)
    };
    let entry = |user: &str| format!("<entry uri=\"sip:{user}@example.com\"/>");
    run(async {
        let alice = writer(&a);
        let put = async |(resource, body): (Resource, String)| {
            alice.put(&resource, body, &Condition::None).await.unwrap();
        };
        // Alice's list refers to one of bob's, that to one of carol's, and that to bob's again.
        put(document("bob", &(entry("erin") + &external("carol")))).await;
        put(document("carol", &(entry("frank") + &external("bob")))).await;
        put(service(&external("bob").replace("<external", "<rl:external"))).await;
        let client = watcher(&b).await;
        let (mut listing, mut seen) = (all(&client), Seen::default());
        seen.until(&mut listing, &["erin", "frank"]).await;
        numbers_until(&b, |gauges, _| gauges.live == 1).await;
        put(document("carol", &(entry("grace") + &external("bob")))).await;
        seen.until(&mut listing, &["erin", "grace"]).await;
        put(service("<rl:entry uri=\"sip:heidi@example.com\"/>")).await;
        seen.until(&mut listing, &["heidi"]).await;
        assert!(alice.delete(&Resource::own("rls-services", "index"), &Condition::None).await.unwrap());
        while !matches!(listing.next().await, Some(ListEvent::Over(_))) {}
        client.close().await;
    });
    assert_eq!((a.stop(), b.stop()), (Ok(()), Ok(())));
}

#[test]
fn a_remote_server_that_ends_and_comes_back_is_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("store.path={}", folder.path().display());
    let kept = ["store.engine=embedded", &store];
    let a = lists(&kept);
    let (sip, web) = (address(&a, Protocol::Tcp), entrance(&a));
    let (here, there) = (format!("listen=tcp:{sip}"), format!("aggregation-proxy.listen=http:{web}"));
    let again = [&kept[..], &[&here, &there]].concat();
    let short = ["remote-xdms.poll=1s", "remote-xdms.retry-max=1s", "remote-xdms.timeout=2s"];
    let b = rls(&root(&a), &subscribing(&a), &short);
    run(async {
        put(&writer(&a), &["bob"]).await;
        let client = watcher(&b).await;
        let (mut listing, mut seen) = (all(&client), Seen::default());
        seen.until(&mut listing, &["bob"]).await;
        numbers_until(&b, |gauges, _| gauges.live == 1).await;
        apart(|| a.stop()).unwrap();
        numbers_until(&b, |gauges, _| gauges.away).await;
        // The last copy counts: who asks now is shown it.
        let (mut other, mut other_seen) = (all(&client), Seen::default());
        other_seen.until(&mut other, &["bob"]).await;
        let a = apart(|| lists(&again));
        put(&writer(&a), &["carol"]).await;
        seen.until(&mut listing, &["carol"]).await;
        numbers_until(&b, |gauges, _| !gauges.away && gauges.live == 1).await;
        put(&writer(&a), &["carol", "dave"]).await;
        seen.until(&mut listing, &["carol", "dave"]).await;
        client.close().await;
        apart(|| a.stop()).unwrap();
    });
    assert_eq!(b.stop(), Ok(()));
}

#[test]
fn a_list_that_nobody_can_confirm_for_too_long_has_no_members() {
    let a = lists(&[]);
    let short = ["remote-xdms.poll=1s", "remote-xdms.stale=2s", "remote-xdms.timeout=1s"];
    // It is polled: the server is not subscribed at.
    let b = rls(&root(&a), ", password = \"secret\"", &short);
    run(async {
        put(&writer(&a), &["bob"]).await;
        let client = watcher(&b).await;
        let (mut listing, mut seen) = (all(&client), Seen::default());
        seen.until(&mut listing, &["bob"]).await;
        put(&writer(&a), &["bob", "carol"]).await;
        seen.until(&mut listing, &["bob", "carol"]).await;
        apart(|| a.stop()).unwrap();
        seen.until(&mut listing, &[]).await;
        assert!(numbers(&b).0.away);
        client.close().await;
    });
    assert_eq!(b.stop(), Ok(()));
}

/// The rules: who is in the list may watch.
fn rules(root: &str) -> String {
    format!(
        "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" \
         xmlns:ocp=\"urn:oma:xml:xdm:common-policy\"><cr:rule id=\"a\"><cr:conditions><ocp:external-list><ocp:entry \
         anc=\"{root}/resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5B@name=%22friends%22%5D\"/>\
         </ocp:external-list></cr:conditions><cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>\
         <cr:transformations><pr:provide-services><pr:all-services/></pr:provide-services></cr:transformations></cr:rule>\
         </cr:ruleset>"
    )
}

/// Waits until the watcher is let in, or is not any more.
async fn let_in(watching: &mut Watching, wanted: bool) {
    loop {
        match watching.next().await {
            Some(Event::Update(update)) if (update.state == client::State::Active) == wanted => return,
            Some(Event::Over(_) | Event::Retrying { .. }) if !wanted => return,
            Some(_) => {}
            None => panic!("the end"),
        }
    }
}

#[test]
fn rules_and_the_lists_in_them_live_at_a_remote_server_and_allow_nothing_once_they_are_stale() {
    let a = lists(&["presence-server.watch=oneself"]);
    let servers = format!(
        "remote-xdms.servers={{ all = {{ root = \"{}\", domains = [\"example.com\"], identity = \"rls@example.com\"{} }} }}",
        root(&a),
        subscribing(&a)
    );
    let short = ["remote-xdms.stale-rules=3s", "remote-xdms.timeout=1s", "remote-xdms.poll=1s"];
    // Without rules, everybody of the domain might watch.
    let own = ["domains=[\"example.com\"]", "shards=2", "presence-server.watch=own-domain", &servers];
    let b = start(&[&own[..], &short].concat());
    run(async {
        let alice = writer(&a);
        put(&alice, &["bob"]).await;
        let index = Resource::own("org.openmobilealliance.pres-rules", "pres-rules");
        alice.put(&index, rules(&root(&a)), &Condition::None).await.unwrap();
        let as_user = async |name: &str| {
            let mut options = Options::new(format!("{name}@example.com").parse().unwrap());
            options.server = Some(address(&b, Protocol::Tcp).to_string());
            options.protocol = Protocol::Tcp;
            Client::connect(options).await.unwrap()
        };
        let (bob, carol) = (as_user("bob").await, as_user("carol").await);
        let whom = || "alice@example.com".parse::<Identity>().unwrap();
        let mut of_bob = bob.watch(whom());
        let_in(&mut of_bob, true).await;
        let_in(&mut carol.watch(whom()), false).await;
        numbers_until(&b, |gauges, _| gauges.live == 1).await;
        put(&alice, &["carol"]).await;
        let_in(&mut of_bob, false).await;
        let mut of_carol = carol.watch(whom());
        let_in(&mut of_carol, true).await;
        apart(|| a.stop()).unwrap();
        let_in(&mut of_carol, false).await;
        numbers_until(&b, |_, counts| counts.stale > 0).await;
        // Who asks now is not judged by the policy for those who have no rules: whether there are any is not known.
        let_in(&mut bob.watch(whom()), false).await;
        bob.close().await;
        carol.close().await;
    });
    assert_eq!(b.stop(), Ok(()));
}

/// A document server of a few lines: what it answers is decided by the test, and it notes what it is asked.
struct Fake {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(Mutex::new(Vec::new())));
        let (says, hears) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut head = Vec::new();
                let mut octet = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut octet).is_ok_and(|read| read == 1) {
                    head.push(octet[0]);
                }
                hears.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = says.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, answer, asked }
    }

    fn says(&self, status: &str, fields: &str, body: &str) {
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{fields}\r\n{body}",
            body.len()
        );
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[test]
fn what_a_remote_server_answers_is_bounded_and_nobody_else_is_asked() {
    let (fake, elsewhere) = (Fake::start(), Fake::start());
    let limits = ["remote-xdms.poll=1s", "remote-xdms.document-max=4096", "remote-xdms.timeout=1s"];
    let b = rls(&format!("http://{}/xcap", fake.address), ", trusted = true", &limits);
    run(async {
        fake.says("200 OK", "ETag: \"1\"\r\n", &list(&["bob"]));
        let client = watcher(&b).await;
        let (mut listing, mut seen) = (all(&client), Seen::default());
        seen.until(&mut listing, &["bob"]).await;
        let head = fake.asked()[0].to_lowercase();
        assert!(
            head.starts_with("get /xcap/resource-lists/users/sip:alice@example.com/index http/1.1\r\n"),
            "{head}"
        );
        for field in ["x-3gpp-asserted-identity", "x-xcap-asserted-identity"] {
            assert!(head.contains(&format!("\r\n{field}: \"sip:rls@example.com\"\r\n")), "{head}");
        }
        // What is asked again names what is known.
        fake.says("304 Not Modified", "", "");
        let asked = fake.asked().len();
        while fake.asked().len() <= asked {
            tokio::task::yield_now().await;
        }
        assert!(fake.asked().last().unwrap().to_lowercase().contains("\r\nif-none-match: \"1\"\r\n"));
        // Elsewhere, too large, refused: the last copy counts on.
        let large = list(&vec!["a-rather-long-name"; 200].iter().map(|name| &**name).collect::<Vec<_>>());
        let refusals = numbers(&b).1.refusals;
        fake.says("302 Found", &format!("Location: http://{}/xcap\r\n", elsewhere.address), "");
        numbers_until(&b, |_, counts| counts.refusals > refusals).await;
        let refusals = numbers(&b).1.refusals;
        fake.says("200 OK", "ETag: \"2\"\r\n", &large);
        numbers_until(&b, |_, counts| counts.refusals > refusals + 1).await;
        fake.says("503 Service Unavailable", "Retry-After: 1\r\n", "");
        numbers_until(&b, |gauges, _| gauges.away).await;
        // What cannot be read as a list is a list without members.
        fake.says("200 OK", "ETag: \"3\"\r\n", "<rubbish");
        seen.until(&mut listing, &[]).await;
        fake.says("200 OK", "ETag: \"4\"\r\n", &list(&["carol"]));
        seen.until(&mut listing, &["carol"]).await;
        // A list may refer to whatever it likes: nobody is asked who is not configured.
        let foreign = format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"friends\">\
             <entry uri=\"sip:dave@example.com\"/><external anchor=\"http://{}/xcap/resource-lists/users/\
             sip:alice@example.com/index/~~/resource-lists/list\"/></list></resource-lists>",
            elsewhere.address
        );
        fake.says("200 OK", "ETag: \"5\"\r\n", &foreign);
        seen.until(&mut listing, &["dave"]).await;
        while b.status().metrics().list_unknown_roots == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(elsewhere.asked(), [] as [String; 0]);
        client.close().await;
    });
    assert_eq!(b.stop(), Ok(()));
}
