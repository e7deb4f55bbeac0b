//! Watchers of lists over streams: what they ask for, and whether what they are told is right.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use memchr::memmem;
use nix::poll::PollFlags;

use crate::bench::message::MARK;
use crate::bench::{scan, wire};

/// Subscriptions to lists, on a few streams.
pub(super) struct Watchers {
    server: SocketAddrV4,
    domain: String,
    streams: Vec<Stream>,
    pub(super) subscriptions: Vec<Subscription>,
    /// States of members that were news to a watcher.
    pub(super) delivered: u64,
    /// NOTIFYs.
    pub(super) notifies: u64,
    /// What may not be, in words; the first of it.
    pub(super) wrong: Option<String>,
}

struct Stream {
    socket: TcpStream,
    local: SocketAddrV4,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

/// One subscription to a list of presentities.
pub(super) struct Subscription {
    members: Range<u32>,
    asked_at: Instant,
    answered: bool,
    /// The last state told of each member; zero before the first.
    told: Vec<u32>,
    /// How many have been told a first state.
    known: usize,
    /// When that was so of all.
    pub(super) complete_after: Option<Duration>,
    version: Option<u32>,
}

impl Watchers {
    pub(super) fn connect(server: SocketAddrV4, domain: &str, streams: usize) -> Result<Self, String> {
        let streams = (0..streams).map(|_| Stream::connect(server)).collect::<std::io::Result<_>>();
        Ok(Self {
            server,
            domain: domain.to_owned(),
            streams: streams.map_err(|error| error.to_string())?,
            subscriptions: Vec::new(),
            delivered: 0,
            notifies: 0,
            wrong: None,
        })
    }

    /// Sends a SUBSCRIBE with a list of these presentities, RFC 5367: another watcher each time.
    pub(super) fn subscribe(&mut self, members: Range<u32>) {
        let (number, domain, server) = (self.subscriptions.len(), &self.domain, self.server);
        let entries: String =
            members.clone().map(|one| format!("<entry uri=\"sip:p{one:08x}@{domain}\"/>")).collect();
        let body = format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
        );
        let count = self.streams.len();
        let stream = &mut self.streams[number % count];
        let local = stream.local;
        let head = format!(
            "SUBSCRIBE sip:rls@localhost SIP/2.0\r\n\
             Via: SIP/2.0/TCP {local};branch=z9hG4bKl{number:08x}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:l{number:08x}@{domain}>;tag=l{number:08x}\r\n\
             To: <sip:rls@localhost>\r\n\
             Call-ID: l{number:08x}-{server}@{local}\r\n\
             CSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:l{number:08x}@{local};transport=tcp>\r\n\
             Event: presence\r\n\
             Supported: eventlist\r\n\
             Require: recipient-list-subscribe\r\n\
             Accept: application/pidf+xml, application/rlmi+xml, multipart/related\r\n\
             Expires: 3600\r\n\
             Content-Type: application/resource-lists+xml\r\n\
             Content-Disposition: recipient-list\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.outbox.extend_from_slice(head.as_bytes());
        let told = vec![0; members.len()];
        self.subscriptions.push(Subscription {
            members,
            asked_at: Instant::now(),
            answered: false,
            told,
            known: 0,
            complete_after: None,
            version: None,
        });
    }

    /// Sends and receives what there is; waits so long if nothing comes.
    pub(super) fn turn(&mut self, patience: Duration) -> Result<usize, String> {
        let mut taken = 0;
        for index in 0..self.streams.len() {
            taken += self.exchange(index).map_err(|error| format!("a stream of the bench: {error}"))?;
        }
        if taken == 0 && !patience.is_zero() {
            let interest = |stream: &Stream| match stream.outbox.is_empty() {
                true => PollFlags::POLLIN,
                false => PollFlags::POLLIN | PollFlags::POLLOUT,
            };
            let sockets: Vec<_> =
                self.streams.iter().map(|stream| (stream.socket.as_fd(), interest(stream))).collect();
            wire::wait(&sockets, patience).map_err(|error| error.to_string())?;
        }
        Ok(taken)
    }

    /// Turns until `done` says so.
    pub(super) fn run_until(
        &mut self,
        longest: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        let limit = Instant::now() + longest;
        while !done(self) {
            if let Some(why) = &self.wrong {
                return Err(format!("list watchers: {why}"));
            }
            if Instant::now() > limit {
                return Err(format!("list watchers: still not done after {longest:?}"));
            }
            self.turn(Duration::from_millis(5))?;
        }
        self.turn(Duration::ZERO).map(drop)
    }

    /// Whether every watcher knows a state of every member.
    pub(super) fn are_complete(&self) -> bool {
        self.subscriptions.iter().all(|one| one.complete_after.is_some())
    }

    /// Whether every watcher knows the newest state of every member.
    pub(super) fn are_current(&self, newest: impl Fn(u32) -> u32) -> bool {
        let is_current = |one: &Subscription| {
            one.members.clone().zip(&one.told).all(|(member, told)| newest(member) == *told)
        };
        self.subscriptions.iter().all(is_current)
    }

    fn exchange(&mut self, index: usize) -> std::io::Result<usize> {
        let stream = &mut self.streams[index];
        stream.flush()?;
        stream.fill()?;
        let inbox = std::mem::take(&mut stream.inbox);
        let mut outbox = std::mem::take(&mut stream.outbox);
        let (mut at, mut taken) = (0, 0);
        while let Some(length) = whole(&inbox[at..]) {
            self.take(&inbox[at..at + length], &mut outbox);
            (at, taken) = (at + length, taken + 1);
        }
        let stream = &mut self.streams[index];
        stream.inbox.extend_from_slice(&inbox[at..]);
        stream.outbox = outbox;
        stream.flush()?;
        Ok(taken)
    }

    fn take(&mut self, message: &[u8], answer: &mut Vec<u8>) {
        let scan = scan::scan(message);
        if let Some(status) = scan::status(scan.start) {
            let number = scan::tag(scan.copied.from).and_then(|tag| scan::hex(tag.get(1..9)?));
            let subscription = number.and_then(|number| self.subscriptions.get_mut(number as usize));
            match subscription {
                Some(subscription) if status == 200 => subscription.answered = true,
                _ => self.complain(format!("{status} for a SUBSCRIBE to a list")),
            }
            return;
        }
        let Some(rest) = scan.start.strip_prefix(b"NOTIFY sip:l") else {
            return self.complain(String::from_utf8_lossy(scan.start).into_owned());
        };
        answer.extend_from_slice(b"SIP/2.0 200 OK\r\n");
        for line in [scan.copied.via, scan.copied.from, scan.copied.to, scan.copied.call_id, scan.copied.cseq]
        {
            answer.extend_from_slice(line);
        }
        answer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.notifies += 1;
        let number = rest.get(..8).and_then(scan::hex);
        let Some(subscription) = number.and_then(|number| self.subscriptions.get_mut(number as usize)) else {
            return self.complain("a NOTIFY for nobody".to_owned());
        };
        match subscription.told_of(scan.body) {
            Ok(news) => self.delivered += news,
            Err(why) => self.complain(why),
        }
    }

    fn complain(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }
}

impl Subscription {
    /// Takes the body of a NOTIFY. Gives how many members have news; an error is what a server may never say.
    fn told_of(&mut self, body: &[u8]) -> Result<u64, String> {
        const VERSION: &[u8] = b" version=\"";
        let list = memmem::find(body, b"<list ").map_or(&[][..], |at| &body[at..]);
        let version = memmem::find(list, VERSION).and_then(|at| scan::decimal(&list[at + VERSION.len()..]));
        let version = version.ok_or("a NOTIFY without meta-information")?;
        if version != self.version.map_or(0, |before| before + 1) {
            return Err(format!("version {version} after {:?}", self.version));
        }
        self.version = Some(version);
        let mut news = 0;
        for at in memmem::find_iter(body, MARK) {
            let at = at + MARK.len();
            let number = |from: usize| scan::hex(body.get(at + from..at + from + 8)?);
            let (Some(member), Some(counter)) = (number(0), number(8)) else { continue };
            if !self.members.contains(&member) {
                return Err(format!("the state of {member:x}, who is not in the list"));
            }
            let told = &mut self.told[(member - self.members.start) as usize];
            if counter < *told {
                return Err(format!("an older state of {member:x} after a newer one"));
            }
            news += u64::from(counter > *told);
            self.known += usize::from(*told == 0);
            *told = counter;
        }
        if self.known == self.told.len() && self.complete_after.is_none() {
            self.complete_after = Some(self.asked_at.elapsed());
        }
        Ok(news)
    }
}

impl Stream {
    fn connect(server: SocketAddrV4) -> std::io::Result<Self> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let std::net::SocketAddr::V4(local) = socket.local_addr()? else {
            return Err(std::io::Error::other("bound to an IPv4 address"));
        };
        Ok(Self { socket, local, inbox: Vec::new(), outbox: Vec::new() })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut sent = 0;
        while sent < self.outbox.len() {
            match self.socket.write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outbox.drain(..sent);
        Ok(())
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let mut piece = [0; 64 << 10];
        loop {
            match self.socket.read(&mut piece) {
                Ok(0) => return Err(std::io::Error::other("the server closed it")),
                Ok(count) => self.inbox.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.inbox.len() > 4 << 20 {
                return Ok(()); // what is there first
            }
        }
    }
}

/// The length of the message that the bytes begin with, once it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    const LENGTH: &[u8] = b"\r\nContent-Length: ";
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let at = memmem::find(&bytes[..head], LENGTH)? + LENGTH.len();
    let length = head + scan::decimal(&bytes[at..head])? as usize;
    (bytes.len() >= length).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_its_body() {
        let text = b"NOTIFY sip:l SIP/2.0\r\nContent-Length: 3\r\n\r\nabcSIP";
        assert_eq!(whole(text), Some(text.len() - 3));
        assert_eq!(whole(&text[..text.len() - 4]), None);
        assert_eq!(whole(b"NOTIFY sip:l SIP/2.0\r\nContent-Length: 3\r\n"), None);
    }

    #[test]
    fn what_a_list_may_never_say_is_found() {
        let subscription = || Subscription {
            members: 4..6,
            asked_at: Instant::now(),
            answered: true,
            told: vec![0; 2],
            known: 0,
            complete_after: None,
            version: None,
        };
        let body = |version: u32, states: &[(u32, u32)]| {
            let states = states.iter().map(|(who, what)| format!("<note>state {who:08x}{what:08x}</note>"));
            let head = format!("<?xml version=\"1.0\"?><list uri=\"sip:l\" version=\"{version}\">");
            (head + &states.collect::<String>()).into_bytes()
        };
        let mut good = subscription();
        assert_eq!(good.told_of(&body(0, &[(4, 1)])), Ok(1));
        assert!(good.complete_after.is_none());
        assert_eq!(good.told_of(&body(1, &[(4, 1), (5, 2)])), Ok(1));
        assert!(good.complete_after.is_some());
        for second in
            [body(1, &[(4, 3), (5, 1)]), body(3, &[]), body(1, &[]), body(2, &[(6, 1)]), b"x".to_vec()]
        {
            let mut bad = subscription();
            bad.told_of(&body(0, &[(5, 2)])).expect("the first is right");
            let second = bad.told_of(&second);
            assert!(second.is_err() || second == Ok(0), "{second:?}");
        }
    }
}
