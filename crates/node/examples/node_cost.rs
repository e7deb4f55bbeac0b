//! What a message costs a shard without any socket: nanoseconds per operation, printed as a table.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program, for a terminal")]

mod common;

use std::time::Duration;

use node::Lists;
use sip::Name;
use sip_stack::{Flow, Local, Protocol};

use common::{World, cpu, field, ok, resident};

fn with_lists() -> World {
    World::new(Some(Lists { server: Some("sip:rls@example.com".into()), ..Lists::default() }))
}

fn etag(response: &[u8]) -> String {
    field(response, Name::SipETag)
}

const BODY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
entity=\"sip:alice0000@example.com\">\n  <tuple id=\"t4711\"><status><basic>open</basic></status>\
<contact priority=\"0.8\">sip:alice0000@example.com</contact><note xml:lang=\"en\">COUNTER00</note>\
<timestamp>2026-11-23T10:00:00Z</timestamp></tuple>\n  <dm:person id=\"p1\"><rpid:activities><rpid:busy/>\
</rpid:activities><dm:note>In a meeting until noon</dm:note></dm:person>\n</presence>\n";

fn publish(user: usize, number: usize, tag: Option<&str>) -> Vec<u8> {
    let body =
        BODY.replace("alice0000", &format!("alice{user:04}")).replace("COUNTER00", &format!("{number:09}"));
    let tag = tag.map(|tag| format!("SIP-If-Match: {tag}\r\n")).unwrap_or_default();
    format!(
        "PUBLISH sip:alice{user:04}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKp{user}-{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice{user:04}@example.com>;tag=f{number}\r\nTo: <sip:alice{user:04}@example.com>\r\n\
         Call-ID: pub{user}@127.0.0.1\r\nCSeq: {number} PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n{tag}\
         Content-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn subscribe(user: usize, watcher: usize) -> Vec<u8> {
    format!(
        "SUBSCRIBE sip:alice{user:04}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKs{user}-{watcher};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:watcher{watcher}@example.com>;tag=w{watcher}\r\nTo: <sip:alice{user:04}@example.com>\r\n\
         Call-ID: sub-{watcher}-{user}@127.0.0.1\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:watcher{watcher}@127.0.0.1:7000>\r\n\
         Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(200);
    let mut world = with_lists();
    let users = 100;
    let watchers = 100;

    let mut tags: Vec<String> = Vec::new();
    for user in 0..users {
        world.take(&publish(user, 1, None));
        tags.push(etag(&world.flush()[0]));
    }
    let mut number = 2;
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        let requests: Vec<_> =
            (0..users).map(|user| publish(user, number + user, Some(&tags[user]))).collect();
        number += users;
        let start = cpu();
        for request in &requests {
            world.take(request);
        }
        spent += cpu() - start;
        for (user, answer) in world.flush().iter().enumerate() {
            tags[user] = etag(answer);
        }
    }
    println!(
        "{:40} {:8.0} ns",
        "PUBLISH modify, no watchers",
        spent.as_nanos() as f64 / (rounds * users) as f64
    );

    let requests: Vec<_> = (0..users)
        .flat_map(|user| (0..watchers).map(move |watcher| subscribe(user, user * 1000 + watcher)))
        .collect();
    let mut spent = [Duration::ZERO; 2];
    for batch in requests.chunks(32) {
        let start = cpu();
        batch.iter().for_each(|request| world.take(request));
        spent[0] += cpu() - start;
        let answers: Vec<_> = world.flush().iter().filter_map(|notify| ok(notify)).collect();
        let start = cpu();
        answers.iter().for_each(|answer| world.take(answer));
        spent[1] += cpu() - start;
        assert!(world.flush().is_empty());
    }
    let count = (users * watchers) as f64;
    println!("{:40} {:8.0} ns", "SUBSCRIBE: 200, first NOTIFY", spent[0].as_nanos() as f64 / count);
    println!("{:40} {:8.0} ns", "the 200 to the first NOTIFY", spent[1].as_nanos() as f64 / count);

    let mut spent = [Duration::ZERO; 2];
    let mut told = 0_u32;
    for _ in 0..rounds / 10 {
        for (user, tag) in tags.iter_mut().enumerate() {
            let request = publish(user, number, Some(tag));
            number += 1;
            let mut answers = Vec::new();
            let start = cpu();
            world.take(&request);
            spent[0] += cpu() - start;
            loop {
                let sent = world.flush();
                if sent.is_empty() {
                    break;
                }
                for message in &sent {
                    match ok(message) {
                        Some(answer) => answers.push(answer),
                        None => *tag = etag(message),
                    }
                }
                told += u32::try_from(answers.len()).unwrap();
                let start = cpu();
                answers.drain(..).for_each(|answer| world.take(&answer));
                spent[1] += cpu() - start;
            }
        }
    }
    let each = |spent: Duration| spent.as_nanos() as f64 / f64::from(told);
    println!("{:40} {:8.0} ns", "NOTIFY with its 200 (fan-out of 100)", each(spent[0]) + each(spent[1]));
    lists(rounds);
}

/// A SUBSCRIBE with a list of the first `members` users in it, or of those from `from` on.
fn subscribe_to_list(number: usize, from: usize, members: usize) -> Vec<u8> {
    let entries: String = (from..from + members)
        .map(|user| format!("<entry uri=\"sip:alice{user:04}@example.com\"/>"))
        .collect();
    let body = format!(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
    );
    format!(
        "SUBSCRIBE sip:rls@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:7000;branch=z9hG4bKl{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob{number}@example.com>;tag=w{number}\r\nTo: <sip:rls@example.com>\r\n\
         Call-ID: list{number}@127.0.0.1\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:bob{number}@127.0.0.1:7000;transport=tcp>\r\n\
         Event: presence\r\nExpires: 3600\r\nSupported: eventlist\r\nRequire: recipient-list-subscribe\r\n\
         Accept: application/pidf+xml, application/rlmi+xml, multipart/related\r\n\
         Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Answers all NOTIFYs until there is none, at one instant or `later`. Gives how many there were, and the CPU time.
fn settle(world: &mut World, later: Duration) -> (u32, Duration) {
    let (mut notifies, mut spent) = (0, Duration::ZERO);
    loop {
        let sent = world.flush();
        let answers: Vec<_> = sent.iter().filter_map(|notify| ok(notify)).collect();
        notifies += u32::try_from(answers.len()).unwrap();
        if answers.is_empty() && world.shard.deadline().is_none_or(|at| at > world.now + later) {
            return (notifies, spent);
        }
        let start = cpu();
        answers.iter().for_each(|answer| world.take(answer));
        world.now = world.now.max(world.shard.deadline().unwrap_or(world.now).min(world.now + later));
        world.shard.tick(world.now, &mut world.out);
        spent += cpu() - start;
    }
}

/// What lists cost: a member's change in a list of 100, the first full state of 500, and the memory of 10 000 lists.
fn lists(rounds: usize) {
    let mut world = with_lists();
    world.flow = Flow { protocol: Protocol::Tcp, local: Local(1), ..world.flow };
    let users = 500;
    let mut tags: Vec<String> = Vec::new();
    for user in 0..users {
        world.take(&publish(user, 1, None));
        tags.push(etag(&world.flush()[0]));
    }
    let (mut notifies, lists) = (0, 20);
    let start = cpu();
    for list in 0..lists {
        world.take(&subscribe_to_list(list, 0, users));
        notifies += settle(&mut world, Duration::from_secs(1)).0;
    }
    let each = (cpu() - start).as_micros() as f64 / lists as f64;
    println!(
        "{:40} {each:8.0} us, {} NOTIFYs, the peer's part included",
        "full state of a list of 500",
        notifies as usize / lists
    );

    let mut world = with_lists();
    world.flow = Flow { protocol: Protocol::Tcp, local: Local(1), ..world.flow };
    let (members, watchers) = (100, 100);
    for (user, tag) in tags.iter_mut().enumerate().take(members) {
        world.take(&publish(user, 1, None));
        *tag = etag(&world.flush()[0]);
    }
    for watcher in 0..watchers {
        world.take(&subscribe_to_list(watcher, 0, members));
        settle(&mut world, Duration::from_secs(1));
    }
    let (mut spent, mut told, mut notifies) = (Duration::ZERO, 0, 0);
    for round in 0..rounds / 10 {
        let requests: Vec<_> = (0..members).map(|user| publish(user, 2 + round, Some(&tags[user]))).collect();
        for (user, request) in requests.iter().enumerate() {
            let start = cpu();
            world.take(request);
            spent += cpu() - start;
            let sent = world.flush();
            tags[user] =
                sent.iter().find(|message| message.starts_with(b"SIP/2.0")).map(|m| etag(m)).unwrap();
            let answers: Vec<_> = sent.iter().filter_map(|notify| ok(notify)).collect();
            notifies += u32::try_from(answers.len()).unwrap();
            let start = cpu();
            answers.iter().for_each(|answer| world.take(answer));
            spent += cpu() - start;
        }
        let (more, ticks) = settle(&mut world, Duration::from_secs(3));
        (notifies, spent) = (notifies + more, spent + ticks);
        told += members * watchers;
    }
    let each = spent.as_nanos() as f64 / told as f64;
    let told_each = told as f64 / f64::from(notifies);
    println!("{:40} {each:8.0} ns, {told_each:.0} per NOTIFY", "a member's change in a list of 100");

    let mut world = with_lists();
    world.flow = Flow { protocol: Protocol::Tcp, local: Local(1), ..world.flow };
    let users = 2000;
    for user in 0..users {
        world.take(&publish(user, 1, None));
    }
    world.out.clear();
    let before = resident();
    for list in 0..10_000 {
        world.take(&subscribe_to_list(list, list * 7 % (users - 50), 50));
        if list % 16 == 0 {
            settle(&mut world, Duration::ZERO);
            drop(world.out.take_rows());
        }
    }
    settle(&mut world, Duration::from_secs(3));
    let metrics = world.shard.metrics();
    assert_eq!((metrics.lists, metrics.list_resources), (10_000, 500_000));
    let grown = (resident() - before) as f64;
    println!(
        "{:40} {:8.0} MiB, {:.0} bytes per back-end subscription",
        "10 000 lists of 50",
        grown / 1_048_576.0,
        grown / 500_000.0
    );
}
