//! What strangers send: octets at random, requests cut short or with octets changed. None of it may change anything.

use core::net::SocketAddr;

use sip_stack::{Connection, Flow, Local, Protocol};

use crate::random::Random;

/// The stranger's address.
pub(super) fn flow() -> Flow {
    let remote = SocketAddr::from(([198, 51, 100, 66], 5060));
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

/// Whether an address is the stranger's.
pub(super) fn is_strange(address: SocketAddr) -> bool {
    address.ip() == flow().remote.ip()
}

/// A message that a few changed octets never make a lawful one: its domain is none of the node's.
const MODEL: &str = "METHOD sip:nobody@elsewhere.invalid SIP/2.0\r\n\
    Via: SIP/2.0/UDP stranger.invalid:5060;rport;branch=z9hG4bKnoise\r\nMax-Forwards: 70\r\n\
    From: \"A \\\"stranger\\\"\" <sip:stranger@elsewhere.invalid>;tag=x\r\nTo: <sip:nobody@elsewhere.invalid>\r\n\
    Call-ID: noise\r\nCSeq: 1 METHOD\r\nContact: <sip:stranger@198.51.100.66>\r\nEvent: presence\r\n\
    Accept: application/pidf+xml, */*;q=0.5\r\nExpires: 300\r\nContent-Type: application/pidf+xml\r\n\
    Content-Length: 70\r\n\r\n\
    <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:nobody@x\"/>  ";

pub(super) fn datagram(random: &mut Random) -> Vec<u8> {
    let octet = |random: &mut Random| random.next().to_le_bytes()[0];
    if random.chance(15) {
        return (0..random.below(400)).map(|_| octet(random)).collect();
    }
    let method = *random.pick(&["PUBLISH", "SUBSCRIBE", "NOTIFY", "INVITE", "ACK", "CANCEL", "REGISTER"]);
    let mut bytes =
        MODEL.replace("METHOD", method).replace("noise", &format!("n{}", random.next())).into_bytes();
    let length = bytes.len() as u64;
    let at = |random: &mut Random, below: u64| usize::try_from(random.below(below)).expect("an index fits");
    for _ in 0..random.below(6) {
        let place = at(random, length);
        bytes[place] = match random.below(4) {
            0 => *random.pick(b"\r\n\0 :;,<>\"\\%@="),
            1 => bytes[at(random, length)],
            _ => octet(random),
        };
    }
    if random.chance(20) {
        bytes.truncate(at(random, length));
    }
    bytes
}
