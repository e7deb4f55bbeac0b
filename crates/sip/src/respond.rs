//! Starting the response to a request.

use core::net::{IpAddr, SocketAddr};

use crate::chars;
use crate::error::offset_in;
use crate::message::Message;
use crate::name::Name;
use crate::via::Via;
use crate::write::{Writer, push_clean, push_number};

/// Starts the response to `request`: every Via in order, From, To, Call-ID and CSeq (RFC 3261 §8.2.6.2). The caller adds
/// fields and finishes; the reason phrase is the status's own unless [`respond_with`] gives another.
///
/// `source` is where the request came from: the topmost Via gets `received` if its host is a name or another address
/// (RFC 3261 §18.2.1), and `received` and `rport` if it asks for them (RFC 3581 §4); a `received` that the sender wrote
/// is replaced. `to_tag` is added to a To that has none. What the request lacks, the response lacks.
pub fn respond<'b>(
    out: &'b mut Vec<u8>,
    request: &Message<'_>,
    status: u16,
    source: Option<SocketAddr>,
    to_tag: Option<&str>,
) -> Writer<'b> {
    respond_with(out, request, status, "", source, to_tag)
}

/// As [`respond`], with a reason phrase: that of a [`Defect`](crate::Defect), for instance.
pub fn respond_with<'b>(
    out: &'b mut Vec<u8>,
    request: &Message<'_>,
    status: u16,
    reason: &str,
    source: Option<SocketAddr>,
    to_tag: Option<&str>,
) -> Writer<'b> {
    let mut writer = Writer::response(out, status, reason);
    for (index, via) in request.all(Name::Via).enumerate() {
        let line = writer.start(Name::Via);
        match source {
            Some(source) if index == 0 => push_marked_via(line, via, request.via(), source),
            _ => push_clean(line, via),
        }
        line.extend_from_slice(b"\r\n");
    }
    if let Some(from) = request.get(Name::From) {
        writer.field(Name::From, from);
    }
    if let Some(to) = request.get(Name::To) {
        let line = writer.start(Name::To);
        push_clean(line, to);
        if let Some(tag) = to_tag.filter(|_| request.to().is_some_and(|to| to.tag().is_none())) {
            line.extend_from_slice(b";tag=");
            push_clean(line, tag);
        }
        line.extend_from_slice(b"\r\n");
    }
    for name in [Name::CallId, Name::CSeq] {
        if let Some(value) = request.get(name) {
            writer.field(name, value);
        }
    }
    writer
}

/// Writes the field with `received` and `rport` in its first value.
fn push_marked_via(out: &mut Vec<u8>, field: &str, first: Option<(Via<'_>, &str)>, source: SocketAddr) {
    let Some((via, rest)) = first else { return push_clean(out, field) };
    let address = source.ip().to_canonical();
    let asks_for_port = via.rport() == Some(None);
    let is_sender = via.host.address().is_some_and(|host| host.to_canonical() == address);
    let is_marked = via.is_marked();
    if !asks_for_port && !is_marked && is_sender {
        return push_clean(out, field);
    }
    let params = via.params.as_str();
    let front = if params.is_empty() { field.len() - rest.len() } else { offset_in(field, params) };
    push_clean(out, chars::trim_end(&field[..front]));
    for (name, value) in via.params {
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        out.push(b';');
        push_clean(out, name);
        if name.eq_ignore_ascii_case("rport") && asks_for_port {
            out.push(b'=');
            push_number(out, u64::from(source.port()));
        } else if let Some(value) = value {
            out.push(b'=');
            push_clean(out, value);
        }
    }
    if asks_for_port || !is_sender {
        out.extend_from_slice(b";received=");
        push_address(out, address);
    }
    push_clean(out, rest);
}

/// Without brackets: the grammar has none there, RFC 5118 §4.5.
fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                push_number(out, u64::from(octet));
            }
        }
        IpAddr::V6(v6) => out.extend_from_slice(v6.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn response(via: &str, to: &str, source: Option<&str>, tag: Option<&str>) -> String {
        let request = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nv: {via}\r\nVia: SIP/2.0/UDP second\r\nf: <sip:c@d>;tag=1\r\nt: {to}\r\n\
             i: 1@d\r\nCSeq: 1 OPTIONS\r\nSubject: left out\r\n\r\n"
        );
        let request = Message::parse(request.as_bytes(), &Limits::DEFAULT).expect("request");
        let mut out = Vec::new();
        respond(&mut out, &request, 200, source.map(|text| text.parse().expect("address")), tag).finish(b"");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_response_holds_what_was_asked_and_no_more() {
        assert_eq!(
            response("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "<sip:a@b>", Some("192.0.2.1:5060"), Some("9")),
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP second\r\n\
             From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>;tag=9\r\nCall-ID: 1@d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
    }

    fn top_via(via: &str, source: &str) -> String {
        let text = response(via, "sip:a@b", Some(source), None);
        text.lines().nth(1).and_then(|line| line.strip_prefix("Via: ")).expect("a Via").to_owned()
    }

    #[test]
    fn the_topmost_via_says_where_the_request_came_from() {
        let cases = [
            (
                "SIP/2.0/UDP bobspc.biloxi.com:5060",
                "192.0.2.4:1",
                "SIP/2.0/UDP bobspc.biloxi.com:5060;received=192.0.2.4",
            ),
            (
                "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff",
                "192.0.2.1:9988",
                "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1",
            ),
            (
                "SIP/2.0/UDP 192.0.2.1;rport",
                "192.0.2.1:5060",
                "SIP/2.0/UDP 192.0.2.1;rport=5060;received=192.0.2.1",
            ),
            ("SIP/2.0/UDP 192.0.2.1;received=9.9.9.9", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1"),
            (
                "SIP/2.0/UDP a;received=9.9.9.9;x=\"1\"",
                "192.0.2.1:1",
                "SIP/2.0/UDP a;x=\"1\";received=192.0.2.1",
            ),
            ("SIP/2.0/TCP [2001:db8::1]:5060", "[2001:db8:0::1]:7", "SIP/2.0/TCP [2001:db8::1]:5060"),
            (
                "SIP/2.0/TCP [2001:db8::1]",
                "[2001:db8::2]:7",
                "SIP/2.0/TCP [2001:db8::1];received=2001:db8::2",
            ),
            ("SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:7", "SIP/2.0/UDP 192.0.2.1"),
            (
                "SIP/2.0/UDP a;rport , SIP/2.0/UDP b;rport",
                "192.0.2.1:7",
                "SIP/2.0/UDP a;rport=7;received=192.0.2.1, SIP/2.0/UDP b;rport",
            ),
            ("SIP/2.0/UDP a ;\r\n branch=1", "192.0.2.1:7", "SIP/2.0/UDP a;branch=1;received=192.0.2.1"),
            ("not a via", "192.0.2.1:7", "not a via"),
        ];
        for (via, source, expected) in cases {
            assert_eq!(top_via(via, source), expected, "{via}");
        }
    }

    #[test]
    fn a_to_tag_is_added_once() {
        let to = |to: &str| {
            let text = response("SIP/2.0/UDP a", to, None, Some("9"));
            text.lines().find_map(|line| line.strip_prefix("To: ")).expect("a To").to_owned()
        };
        assert_eq!(to("sip:a@b"), "sip:a@b;tag=9");
        assert_eq!(to("\"A;tag=1\" <sip:a@b;tag=2>"), "\"A;tag=1\" <sip:a@b;tag=2>;tag=9");
        assert_eq!(to("<sip:a@b> ;\r\n TAG = 5"), "<sip:a@b> ; TAG = 5");
        assert_eq!(to("\"open <sip:a@b>"), "\"open <sip:a@b>");
    }
}
