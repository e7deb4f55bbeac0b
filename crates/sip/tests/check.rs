//! Which defect of a message gets which answer.

use sip::{Defect, Limits, Message};

const GOOD: &str = "SUBSCRIBE sip:alice@example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:bob@example.com>;tag=1\r\n\
    To: <sip:alice@example.com>\r\n\
    Call-ID: a@b\r\n\
    CSeq: 1 SUBSCRIBE\r\n\
    Contact: <sip:bob@192.0.2.1>\r\n\
    Content-Length: 0\r\n\r\n";

fn check(text: &str) -> Result<(), Defect> {
    Message::parse(text.as_bytes(), &Limits::DEFAULT).expect("a message").check(&Limits::DEFAULT)
}

/// The status that answers the good message with one text replaced.
fn status(from: &str, to: &str) -> u16 {
    assert!(GOOD.contains(from), "{from}");
    check(&GOOD.replacen(from, to, 1)).map_or_else(|defect| defect.status, |()| 200)
}

#[test]
fn a_good_message_has_no_defect() {
    assert_eq!(check(GOOD), Ok(()));
}

#[test]
fn each_mandatory_field_is_missed() {
    for field in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let defect = check(&GOOD.replace(&format!("\r\n{field}:"), "\r\nX-Gone:")).expect_err(field);
        assert_eq!((defect.status, defect.reason), (400, &*format!("Missing {field}")));
    }
    assert_eq!(status("Max-Forwards: 70\r\n", ""), 200, "elements of RFC 2543 send none");
}

#[test]
fn a_second_row_of_a_single_field_is_a_defect() {
    for field in [
        "Call-ID: c@d",
        "CSeq: 1 SUBSCRIBE",
        "To: <sip:x@y>",
        "f: <sip:x@y>",
        "l: 0",
        "Expires: 1\r\nExpires: 1",
    ] {
        assert_eq!(status("Max-Forwards", &format!("{field}\r\nMax-Forwards")), 400, "{field}");
    }
    assert_eq!(status("Max-Forwards", "Contact: <sip:x@y>, <sip:z@y>\r\nMax-Forwards"), 200);
}

#[test]
fn the_status_tells_what_is_wrong() {
    let cases = [
        ("SIP/2.0\r\n", "SIP/2.1\r\n", 505),
        ("sip:alice@example.com SIP", "http://example.com SIP", 416),
        ("sip:alice@example.com SIP", "sip:alice@ SIP", 400),
        ("sip:alice@example.com SIP", "tel:+1201 SIP", 200),
        ("sip:alice@example.com SIP", "pres:alice@example.com SIP", 200),
        ("Max-Forwards: 70", "Max-Forwards: -1", 400),
        ("Max-Forwards: 70", "Max-Forwards: 256", 400),
        ("CSeq: 1 SUBSCRIBE", "CSeq: 1 NOTIFY", 400),
        ("CSeq: 1 SUBSCRIBE", "CSeq: SUBSCRIBE", 400),
        ("SUBSCRIBE sip", "SUBSCRIBER sip", 501),
        ("Call-ID: a@b", "Call-ID: a@b@c", 400),
        ("Call-ID: a@b", "Call-ID: a b", 400),
        ("Call-ID: a@b", "Call-ID:", 400),
        ("<sip:bob@192.0.2.1>", "*", 400),
        ("<sip:bob@192.0.2.1>", "<sip:bob@192.0.2.1", 400),
        ("Content-Length: 0", "Content-Length: 1", 400),
        ("Content-Length: 0", "Content-Length:", 400),
        ("Content-Length: 0", "Route: <sip:a;lr>,,<sip:b>", 400),
        ("Content-Length: 0", "Record-Route: sip:a b", 400),
        ("Content-Length: 0", "Subject: a\rb", 400),
        ("Content-Length: 0", "Subject: a\nb", 400),
        ("Content-Length: 0", "no field", 400),
        ("Content-Length: 0", ": no name", 400),
        ("Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n", 400),
        ("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK", 400),
        ("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "Via: SIP/2.0/UDP 192.0.2.1, nonsense", 400),
        (
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            "Via: SIP/2.0/UDP a, SIP/2.0/UDP b\r\nv: SIP/2.0/UDP c",
            200,
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(status(from, to), expected, "{to:?}");
    }
    let long = format!("sip:{}@example.com SIP", "a".repeat(2_048));
    assert_eq!(status("sip:alice@example.com SIP", &long), 414);
}

#[test]
fn an_offset_points_at_the_fault() {
    let text = GOOD.replace("CSeq: 1 SUBSCRIBE", "CSeq: x SUBSCRIBE");
    let defect = check(&text).expect_err("a defect");
    assert_eq!(&text[defect.offset..][..3], "x S");
    assert_eq!(defect.section, "RFC 3261 §20.16");
}

#[test]
fn a_star_contact_is_for_register_alone() {
    let register = GOOD.replace("SUBSCRIBE", "REGISTER").replace("<sip:bob@192.0.2.1>", "*");
    assert_eq!(check(&register), Ok(()));
}
