//! Lists in requests: the example of RFC 5367, several parts, codings, and what is refused.

use rls::Refusal;
use rls::contained::{Limits, accepts_lists, entries, supports_lists};
use sip::Message;

const BOUNDS: Limits = Limits { octets: 10_000, resources: 10 };

fn subscribe(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "SUBSCRIBE sip:rls@example.com SIP/2.0\r\nVia: SIP/2.0/TCP t;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
         To: RLS <sip:rls@example.com>\r\nFrom: <sip:adam@example.com>;tag=ie4hbb8t\r\nCall-ID: c\r\n\
         CSeq: 1 SUBSCRIBE\r\nContact: <sip:t>\r\nEvent: presence\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn read(fields: &str, body: &[u8]) -> Result<Vec<String>, Refusal> {
    let bytes = subscribe(fields, body);
    let message = Message::parse(&bytes, &sip::Limits::DEFAULT).expect("a message");
    Ok(entries(&message, &BOUNDS)?.iter().map(|entry| entry.uri.to_string()).collect())
}

fn list(content: &str) -> String {
    format!(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{content}</list></resource-lists>"
    )
}

fn members(count: usize) -> String {
    (0..count).map(|number| format!("<entry uri=\"sip:{number}@x\"/>")).collect()
}

const TYPE: &str = "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n";

#[test]
fn the_request_of_rfc_5367_section_7_is_read() {
    let fields = "Expires: 7200\r\nRequire: recipient-list-subscribe\r\nSupported: eventlist\r\n\
        Accept: application/cpim-pidf+xml\r\nAccept: application/rlmi+xml\r\nAccept: multipart/related\r\n\
        Accept: multipart/signed\r\nAccept: multipart/encrypted\r\n\
        Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n";
    let body = include_bytes!("../../documents/tests/data/rfc5367-1.xml");
    let bytes = subscribe(fields, body);
    let message = Message::parse(&bytes, &sip::Limits::DEFAULT).expect("a message");
    assert!(supports_lists(&message) && accepts_lists(&message));
    let uris = read(fields, body).expect("a list");
    assert_eq!(uris, ["sip:bill@example.com", "sip:joe@example.org", "sip:ted@example.net"]);
}

#[test]
fn what_cannot_be_subscribed_to_or_stands_there_already_is_left_out() {
    let content = "<entry uri=\"sip:a@Example.com\"/><entry uri=\"sips:a@example.com\"/><entry uri=\"mailto:b@x\"/>\
        <list><entry uri=\"sip:a@example.com;pres-list=l\"/></list><entry-ref ref=\"a\"/><external anchor=\"http://x/\"/>\
        <entry uri=\"pres:A@example.com\"/>";
    let uris = read(TYPE, list(content).as_bytes()).expect("a list");
    assert_eq!(uris, ["sip:a@Example.com", "sip:a@example.com;pres-list=l", "pres:A@example.com"]);
}

#[test]
fn several_lists_are_one() {
    let part = |uri: &str, disposition: &str| {
        let list = list(&format!("<entry uri=\"{uri}\"/>"));
        format!(
            "--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: {disposition}\r\n\r\n{list}\r\n"
        )
    };
    let body = [
        part("sip:a@x", "Recipient-List;handling=required"),
        part("sip:no@x", "render"),
        part("sip:b@x", "recipient-list"),
        "--b--\r\n".to_owned(),
    ];
    let uris =
        read("Content-Type: multipart/mixed;boundary=b\r\n", body.concat().as_bytes()).expect("a list");
    assert_eq!(uris, ["sip:a@x", "sip:b@x"]);
}

#[test]
fn other_forms_broken_and_large_lists_are_refused() {
    let refused =
        |fields: &str, body: &str| read(fields, body.as_bytes()).map_err(|refusal| refusal.status());
    let required = "Require: recipient-list-subscribe\r\n";
    assert_eq!(refused(required, ""), Err(415));
    assert_eq!(
        refused("Content-Disposition: recipient-list\r\nContent-Type: text/plain\r\n", "sip:a@x"),
        Err(415)
    );
    assert_eq!(refused(TYPE, "<resource-lists/>"), Err(400));
    assert_eq!(refused(TYPE, &list(&members(10))).map(|uris| uris.len()), Ok(10));
    assert_eq!(refused(TYPE, &list(&members(11))), Err(413));
    assert_eq!(refused(TYPE, &list(&" ".repeat(10_000))), Err(413));
    assert_eq!(refused(&format!("{TYPE}Content-Encoding: br\r\n"), &list("")), Err(415));
    assert_eq!(refused(&format!("{TYPE}Content-Encoding: gzip\r\n"), &list("")), Err(400));
}

#[test]
fn a_request_says_what_it_understands() {
    let judged = |fields: &str| {
        let bytes = subscribe(fields, b"");
        let message = Message::parse(&bytes, &sip::Limits::DEFAULT).expect("a message");
        (supports_lists(&message), accepts_lists(&message))
    };
    assert_eq!(judged(""), (false, true));
    assert_eq!(judged("Supported: path, EventList\r\nAccept: application/pidf+xml\r\n"), (true, false));
    assert_eq!(judged("k: eventlist\r\nAccept: application/rlmi+xml, multipart/related\r\n"), (true, true));
    assert_eq!(judged("Require: eventlist\r\nAccept: */*\r\n"), (true, true));
}
