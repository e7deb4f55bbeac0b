//! The requests that the generator prints: sizes and header fields as softphones send them.

use std::io::Write as _;
use std::net::SocketAddrV4;

/// Marks the state in a document: presentity and counter, eight hexadecimal digits each.
pub(crate) const MARK: &[u8] = b"state ";
/// Marks our transaction in a Via: kind, slot and running number follow.
pub(crate) const BRANCH: &[u8] = b"branch=z9hG4bKg";

/// What names a transaction of ours and comes back in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// What all messages of one run share.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The domain of every presentity and watcher.
    pub(crate) domain: String,
    /// Distinguishes the Call-IDs of this run from an earlier one's.
    pub(crate) run: u32,
    /// Lifetime asked for, in seconds.
    pub(crate) expires: u32,
}

/// A PUBLISH to come.
pub(crate) struct Publish<'a> {
    pub(crate) presentity: u32,
    pub(crate) counter: u32,
    pub(crate) if_match: &'a [u8],
    pub(crate) cseq: u32,
}

/// A SUBSCRIBE to come; `to_tag` and `target` are empty for the first of a dialog.
pub(crate) struct Subscribe<'a> {
    pub(crate) presentity: u32,
    pub(crate) dialog: u32,
    pub(crate) cseq: u32,
    pub(crate) to_tag: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) expires: u32,
}

impl Scene {
    pub(crate) fn publish(
        &self,
        out: &mut Vec<u8>,
        from: SocketAddrV4,
        branch: Branch,
        publish: &Publish<'_>,
    ) {
        let (domain, who, run) = (&self.domain, publish.presentity, self.run);
        let mut body = Vec::with_capacity(640);
        self.document(&mut body, who, publish.counter);
        line(out, format_args!("PUBLISH sip:p{who:08x}@{domain} SIP/2.0"));
        via(out, from, branch);
        line(out, format_args!("Max-Forwards: 70"));
        line(out, format_args!("From: <sip:p{who:08x}@{domain}>;tag=p{run:08x}"));
        line(out, format_args!("To: <sip:p{who:08x}@{domain}>"));
        line(out, format_args!("Call-ID: p{who:08x}-{run:08x}@{}", from.ip()));
        line(out, format_args!("CSeq: {} PUBLISH", publish.cseq));
        line(out, format_args!("Event: presence"));
        line(out, format_args!("Expires: {}", self.expires));
        if !publish.if_match.is_empty() {
            out.extend_from_slice(b"SIP-If-Match: ");
            out.extend_from_slice(publish.if_match);
            out.extend_from_slice(b"\r\n");
        }
        line(out, format_args!("Content-Type: application/pidf+xml"));
        line(out, format_args!("Content-Length: {}\r\n", body.len()));
        out.extend_from_slice(&body);
    }

    pub(crate) fn subscribe(
        &self,
        out: &mut Vec<u8>,
        from: SocketAddrV4,
        branch: Branch,
        subscribe: &Subscribe<'_>,
    ) {
        let (domain, run) = (&self.domain, self.run);
        let (who, dialog) = (subscribe.presentity, subscribe.dialog);
        if subscribe.target.is_empty() {
            line(out, format_args!("SUBSCRIBE sip:p{who:08x}@{domain} SIP/2.0"));
        } else {
            out.extend_from_slice(b"SUBSCRIBE ");
            out.extend_from_slice(subscribe.target);
            out.extend_from_slice(b" SIP/2.0\r\n");
        }
        via(out, from, branch);
        line(out, format_args!("Max-Forwards: 70"));
        line(out, format_args!("From: <sip:w{dialog:08x}@{domain}>;tag=w{dialog:08x}"));
        out.extend_from_slice(b"To: <sip:p");
        hex(out, who);
        write!(out, "@{domain}>").expect("a vector takes all");
        if !subscribe.to_tag.is_empty() {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(subscribe.to_tag);
        }
        out.extend_from_slice(b"\r\n");
        line(out, format_args!("Call-ID: w{dialog:08x}-{run:08x}@{}", from.ip()));
        line(out, format_args!("CSeq: {} SUBSCRIBE", subscribe.cseq));
        line(out, format_args!("Contact: <sip:w{dialog:08x}@{from}>"));
        line(out, format_args!("Event: presence"));
        line(out, format_args!("Accept: application/pidf+xml"));
        line(out, format_args!("Allow: NOTIFY, MESSAGE, OPTIONS, INFO"));
        line(out, format_args!("Supported: path, outbound, gruu, 100rel"));
        line(out, format_args!("User-Agent: Rollcall bench 1.0 (linux-x86_64)"));
        line(out, format_args!("Expires: {}", subscribe.expires));
        line(out, format_args!("Content-Length: 0\r\n"));
    }

    /// A presence document of some 550 bytes that says whose state it is, and which.
    fn document(&self, out: &mut Vec<u8>, presentity: u32, counter: u32) {
        let domain = &self.domain;
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:p{presentity:08x}@{domain}\">\n\
             <tuple id=\"t{presentity:08x}\"><status><basic>open</basic></status>\
             <contact priority=\"0.8\">sip:p{presentity:08x}@{domain}</contact>\
             <note>state {presentity:08x}{counter:08x}</note>\
             <timestamp>2026-01-01T12:00:00Z</timestamp></tuple>\n\
             <dm:person id=\"d1\"><rpid:activities><rpid:busy/></rpid:activities></dm:person>\n</presence>\n"
        )
        .expect("a vector takes all");
    }
}

/// A question that every SIP element answers; shows that it listens.
pub(crate) fn options(out: &mut Vec<u8>, from: SocketAddrV4, to: SocketAddrV4) {
    line(out, format_args!("OPTIONS sip:{to} SIP/2.0"));
    via(out, from, Branch { slot: 0, serial: 0 });
    line(out, format_args!("Max-Forwards: 70"));
    line(out, format_args!("From: <sip:bench@{from}>;tag=o"));
    line(out, format_args!("To: <sip:{to}>"));
    line(out, format_args!("Call-ID: options@{from}"));
    line(out, format_args!("CSeq: 1 OPTIONS"));
    line(out, format_args!("Content-Length: 0\r\n"));
}

fn via(out: &mut Vec<u8>, from: SocketAddrV4, branch: Branch) {
    write!(out, "Via: SIP/2.0/UDP {from};rport;").expect("a vector takes all");
    out.extend_from_slice(BRANCH);
    hex(out, branch.slot);
    hex(out, branch.serial);
    out.extend_from_slice(b"\r\n");
}

fn hex(out: &mut Vec<u8>, number: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..8).rev().map(|place| DIGITS[(number >> (4 * place) & 15) as usize]));
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes all");
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;

    fn scene() -> Scene {
        Scene { domain: "example.com".to_owned(), run: 7, expires: 3600 }
    }

    fn here() -> SocketAddrV4 {
        SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 40_000)
    }

    #[test]
    fn a_publish_has_a_real_ones_size_and_says_its_state() {
        let mut out = Vec::new();
        let publish = Publish { presentity: 3, counter: 0x2a, if_match: b"e1.00000001.0000002a", cseq: 9 };
        scene().publish(&mut out, here(), Branch { slot: 5, serial: 6 }, &publish);
        assert!((850..1050).contains(&out.len()), "{} bytes", out.len());
        let scan = scan::scan(&out);
        assert!((500..620).contains(&scan.body.len()), "{} bytes", scan.body.len());
        assert_eq!(scan::hex_after(scan.copied.via, BRANCH, 8), Some(5));
        assert_eq!(scan::hex_after(scan.body, MARK, 8), Some(3));
        assert_eq!(scan::hex_after(scan.body, b"state 00000003", 8), Some(0x2a));
        assert_eq!(scan.if_match, b"e1.00000001.0000002a");
        assert_eq!(scan::cseq(scan.copied.cseq), Some(9));
    }

    #[test]
    fn a_subscribe_has_a_real_ones_size() {
        let mut out = Vec::new();
        let subscribe =
            Subscribe { presentity: 1, dialog: 0x1f, cseq: 1, to_tag: b"", target: b"", expires: 3600 };
        scene().subscribe(&mut out, here(), Branch { slot: 5, serial: 6 }, &subscribe);
        assert!((480..600).contains(&out.len()), "{} bytes", out.len());
        let scan = scan::scan(&out);
        assert_eq!(scan::tag(scan.copied.to), None);
        assert_eq!(scan::uri(scan.contact), b"sip:w0000001f@127.0.0.1:40000");
        assert!(scan.start.starts_with(b"SUBSCRIBE sip:p00000001@example.com "));
    }

    #[test]
    fn a_refresh_goes_to_the_remote_target_inside_the_dialog() {
        let mut out = Vec::new();
        let subscribe = Subscribe {
            presentity: 1,
            dialog: 2,
            cseq: 2,
            to_tag: b"xyz",
            target: b"sip:h:5060",
            expires: 60,
        };
        scene().subscribe(&mut out, here(), Branch { slot: 0, serial: 0 }, &subscribe);
        let scan = scan::scan(&out);
        assert_eq!(scan.start, b"SUBSCRIBE sip:h:5060 SIP/2.0");
        assert_eq!(scan::tag(scan.copied.to), Some(&b"xyz"[..]));
        assert_eq!(scan.expires, b"60");
    }
}
