//! The toy floor: one thread that finds and copies the least the protocol needs, and keeps nothing.
//!
//! It checks nothing, has no timers, no retransmissions, no credentials, no rules, no store and no way to be asked
//! how it is. It answers what the bench sends in the same form as a presence server would: what a server spends
//! beyond it is the price of all that.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write as _};
use std::net::SocketAddrV4;
use std::rc::Rc;

use nix::sys::socket::SockaddrIn;

use super::scan::{self, Copied, Scan};
use super::wire::{Outbox, Wire};

/// NOTIFYs without an answer, over all dialogs: what keeps the receiver's socket from overflowing.
const IN_FLIGHT: usize = 256;
/// Marks our transaction in a Via; the dialog's number follows.
const BRANCH: &[u8] = b"branch=z9hG4bKt";

/// The toy with its socket.
pub(crate) struct Server {
    wire: Wire,
    toy: Toy,
}

impl Server {
    pub(crate) fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let wire = Wire::bind(address)?;
        let toy = Toy::new(wire.local()?);
        Ok(Self { wire, toy })
    }

    #[cfg(test)]
    pub(crate) fn local(&self) -> io::Result<SocketAddrV4> {
        self.wire.local()
    }

    /// Serves for ever.
    pub(crate) fn serve(mut self) -> io::Result<()> {
        let mut outbox = Outbox::new();
        loop {
            let count = self.wire.receive(true)?;
            for index in 0..count {
                let (from, message) = self.wire.message(index);
                self.toy.take(from, message, &mut outbox);
            }
            self.toy.notify(&mut outbox);
            self.wire.send(&mut outbox)?;
        }
    }
}

struct Toy {
    here: SocketAddrV4,
    presentities: HashMap<Box<[u8]>, u32>,
    state: Vec<Presentity>,
    dialogs: Vec<Dialog>,
    owed: VecDeque<u32>,
    in_flight: usize,
}

#[derive(Default)]
struct Presentity {
    body: Rc<Vec<u8>>,
    entity_tag: u32,
    watchers: Vec<u32>,
}

struct Dialog {
    presentity: u32,
    to: SockaddrIn,
    /// Everything of its NOTIFYs that does not change.
    prefix: Box<[u8]>,
    cseq: u32,
    in_flight: bool,
    owed: bool,
    ended: bool,
}

impl Toy {
    fn new(here: SocketAddrV4) -> Self {
        Self {
            here,
            presentities: HashMap::new(),
            state: Vec::new(),
            dialogs: Vec::new(),
            owed: VecDeque::new(),
            in_flight: 0,
        }
    }

    fn take(&mut self, from: SockaddrIn, message: &[u8], outbox: &mut Outbox) {
        if message.starts_with(b"SIP/2.0 ") {
            return self.answered(message);
        }
        let scan = scan::scan(message);
        if scan.start.starts_with(b"PUBLISH ") {
            self.publish(from, &scan, outbox);
        } else if scan.start.starts_with(b"SUBSCRIBE ") {
            self.subscribe(from, &scan, outbox);
        } else {
            outbox.push(from, |out| {
                respond(out, b"200 OK", &scan.copied, None);
                out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
            });
        }
    }

    fn publish(&mut self, from: SockaddrIn, scan: &Scan<'_>, outbox: &mut Outbox) {
        let presentity = self.presentity(target(scan.start));
        let state = &mut self.state[presentity];
        let known = scan.if_match.is_empty() || scan::hex(scan.if_match) == Some(state.entity_tag);
        if !known {
            outbox.push(from, |out| {
                respond(out, b"412 Conditional Request Failed", &scan.copied, Some(0));
                out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
            });
            return;
        }
        state.entity_tag += 1;
        if !scan.body.is_empty() {
            state.body = Rc::new(scan.body.to_vec());
        }
        for &watcher in &state.watchers {
            owe(&mut self.dialogs[watcher as usize], watcher, &mut self.owed);
        }
        outbox.push(from, |out| {
            respond(out, b"200 OK", &scan.copied, Some(0));
            write!(out, "SIP-ETag: {:08x}\r\nExpires: ", state.entity_tag).expect("a vector takes all");
            out.extend_from_slice(scan.expires);
            out.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
        });
    }

    fn subscribe(&mut self, from: SockaddrIn, scan: &Scan<'_>, outbox: &mut Outbox) {
        let known = scan::tag(scan.copied.to).and_then(|tag| scan::hex(tag.get(1..)?));
        let number = known.unwrap_or(self.dialogs.len() as u32);
        if known.is_none() {
            let presentity = self.presentity(target(scan.start));
            self.state[presentity].watchers.push(number);
            self.dialogs.push(Dialog {
                presentity: presentity as u32,
                to: from,
                prefix: self.prefix(scan, number),
                cseq: 0,
                in_flight: false,
                owed: false,
                ended: false,
            });
        }
        let Some(dialog) = self.dialogs.get_mut(number as usize) else { return };
        if scan.expires == b"0" {
            dialog.ended = true;
            self.state[dialog.presentity as usize].watchers.retain(|watcher| *watcher != number);
        }
        owe(dialog, number, &mut self.owed);
        outbox.push(from, |out| {
            respond(out, b"200 OK", &scan.copied, known.is_none().then_some(number));
            write!(out, "Contact: <sip:{}>\r\nExpires: ", self.here).expect("a vector takes all");
            out.extend_from_slice(scan.expires);
            out.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
        });
    }

    /// The answer to a NOTIFY: its dialog is free for the next.
    fn answered(&mut self, message: &[u8]) {
        let Some(number) = scan::hex_after(message, BRANCH, 8) else { return };
        let Some(dialog) = self.dialogs.get_mut(number as usize) else { return };
        if std::mem::take(&mut dialog.in_flight) {
            self.in_flight -= 1;
        }
        if std::mem::take(&mut dialog.owed) {
            owe(dialog, number, &mut self.owed);
        }
    }

    /// Sends what is owed, as far as the bound allows.
    fn notify(&mut self, outbox: &mut Outbox) {
        while self.in_flight < IN_FLIGHT
            && let Some(number) = self.owed.pop_front()
        {
            let dialog = &mut self.dialogs[number as usize];
            dialog.owed = false;
            dialog.in_flight = true;
            dialog.cseq += 1;
            self.in_flight += 1;
            let body = &self.state[dialog.presentity as usize].body;
            let state = if dialog.ended { "terminated;reason=timeout" } else { "active;expires=3600" };
            let (here, cseq) = (self.here, dialog.cseq);
            outbox.push(dialog.to, |out| {
                out.extend_from_slice(&dialog.prefix);
                write!(
                    out,
                    "Via: SIP/2.0/UDP {here};branch=z9hG4bKt{number:08x}{cseq:08x}\r\nCSeq: {cseq} NOTIFY\r\n\
                     Subscription-State: {state}\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                )
                .expect("a vector takes all");
                out.extend_from_slice(body);
            });
        }
    }

    fn presentity(&mut self, uri: &[u8]) -> usize {
        if let Some(index) = self.presentities.get(uri) {
            return *index as usize;
        }
        let index = self.state.len();
        self.presentities.insert(uri.into(), index as u32);
        self.state.push(Presentity::default());
        index
    }

    fn prefix(&self, scan: &Scan<'_>, number: u32) -> Box<[u8]> {
        let here = self.here;
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(b"NOTIFY ");
        out.extend_from_slice(scan::uri(scan.contact));
        out.extend_from_slice(b" SIP/2.0\r\nFrom");
        out.extend_from_slice(without_name(scan.copied.to));
        write!(out, ";tag=t{number:08x}\r\nTo").expect("a vector takes all");
        out.extend_from_slice(without_name(scan.copied.from));
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(scan.copied.call_id);
        write!(
            out,
            "Max-Forwards: 70\r\nContact: <sip:{here}>\r\nEvent: presence\r\nContent-Type: application/pidf+xml\r\n"
        )
        .expect("a vector takes all");
        out.into_boxed_slice()
    }
}

/// Puts a dialog in line, once; one that waits for an answer is put there when it comes.
fn owe(dialog: &mut Dialog, number: u32, owed: &mut VecDeque<u32>) {
    let waits = std::mem::replace(&mut dialog.owed, true);
    if !waits && !dialog.in_flight {
        owed.push_back(number);
    }
}

/// Status line and the copied lines; a To tag is added if one is given.
fn respond(out: &mut Vec<u8>, status: &[u8], copied: &Copied<'_>, to_tag: Option<u32>) {
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(status);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(copied.via);
    out.extend_from_slice(copied.from);
    match to_tag {
        Some(number) => {
            out.extend_from_slice(b"To");
            out.extend_from_slice(without_name(copied.to));
            write!(out, ";tag=t{number:08x}\r\n").expect("a vector takes all");
        }
        None => out.extend_from_slice(copied.to),
    }
    out.extend_from_slice(copied.call_id);
    out.extend_from_slice(copied.cseq);
}

/// A header line from its colon on, without its end.
fn without_name(line: &[u8]) -> &[u8] {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    line[colon..].trim_ascii_end()
}

/// The Request-URI.
fn target(start: &[u8]) -> &[u8] {
    let Some(space) = memchr::memchr(b' ', start) else { return b"" };
    let rest = &start[space + 1..];
    &rest[..memchr::memchr(b' ', rest).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    fn exchange(toy: &mut Toy, message: &str) -> Vec<String> {
        let mut outbox = Outbox::new();
        let mut said = Vec::new();
        toy.take(address(4000).into(), message.as_bytes(), &mut outbox);
        if outbox.len() > 0 {
            said.push(String::from_utf8(outbox.last().to_vec()).unwrap());
        }
        let before = outbox.len();
        toy.notify(&mut outbox);
        if outbox.len() > before {
            said.push(String::from_utf8(outbox.last().to_vec()).unwrap());
        }
        said
    }

    fn subscribe(to: &str) -> String {
        format!(
            "SUBSCRIBE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:4000;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=b\r\n\
             To: <sip:a@h>{to}\r\nCall-ID: 1\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:b@127.0.0.1:4000>\r\nExpires: 60\r\n\r\n"
        )
    }

    fn publish(if_match: &str, body: &str) -> String {
        format!(
            "PUBLISH sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:4000;branch=z9hG4bK2\r\nFrom: <sip:a@h>;tag=a\r\n\
             To: <sip:a@h>\r\nCall-ID: 2\r\nCSeq: 1 PUBLISH\r\nExpires: 60\r\n{if_match}\r\n{body}"
        )
    }

    #[test]
    fn one_notify_is_in_flight_and_the_latest_state_wins() {
        let mut toy = Toy::new(address(5060));
        let said = exchange(&mut toy, &subscribe(""));
        assert!(
            said[0].starts_with("SIP/2.0 200 OK\r\n") && said[0].contains("To: <sip:a@h>;tag=t00000000\r\n")
        );
        assert!(said[1].starts_with("NOTIFY sip:b@127.0.0.1:4000 SIP/2.0\r\n"));
        assert!(said[1].contains("From: <sip:a@h>;tag=t00000000\r\nTo: <sip:b@h>;tag=b\r\n"));
        for (body, tag) in [("one", "00000001"), ("two", "00000002")] {
            let said = exchange(&mut toy, &publish("", body));
            assert_eq!(said.len(), 1, "a NOTIFY is in flight");
            assert!(said[0].contains(&format!("SIP-ETag: {tag}\r\n")));
        }
        let answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKt0000000000000001\r\n\r\n";
        let said = exchange(&mut toy, answer);
        assert!(said[0].contains("CSeq: 2 NOTIFY\r\n") && said[0].ends_with("\r\n\r\ntwo"));
    }

    #[test]
    fn a_refresh_stays_in_its_dialog_and_a_stale_tag_is_refused() {
        let mut toy = Toy::new(address(5060));
        exchange(&mut toy, &subscribe(""));
        exchange(&mut toy, &subscribe(";tag=t00000000"));
        assert_eq!(toy.dialogs.len(), 1);
        let said = exchange(&mut toy, &publish("SIP-If-Match: 0000002a\r\n", "x"));
        assert!(said[0].starts_with("SIP/2.0 412 "));
    }
}
