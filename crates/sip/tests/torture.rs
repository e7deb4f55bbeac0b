//! Every test message of RFC 4475 and RFC 5118 with the verdict that its text asks for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sip::{
    Aor, CSeq, Frame, FrameError, Framer, Host, Limits, Message, Method, Name, NameAddr, ParseErrorKind, Uri,
    Via,
};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// `parse` and `check` take it.
    Taken,
    /// `parse` splits it, `check` names this status.
    Answered(u16),
    /// `parse` makes nothing of it; nothing is answered.
    Dropped(ParseErrorKind),
}

use Verdict::{Answered, Dropped, Taken};

/// File, section, verdict, and what the section says in short.
const RFC4475: &[(&str, &str, Verdict, &str)] = &[
    ("wsinv", "3.1.1.1", Taken, "well-formed for all elements, through folding, odd case and empty fields"),
    ("intmeth", "3.1.1.2", Taken, "unusual characters where the grammar has them"),
    ("esc01", "3.1.1.3", Taken, "escapes in user parts and URI parameters"),
    ("escnull", "3.1.1.4", Taken, "escaped nulls in users"),
    ("esc02", "3.1.1.5", Taken, "a percent sign that is no escape"),
    ("lwsdisp", "3.1.1.6", Taken, "no white space before the angle bracket: to be accepted"),
    ("longreq", "3.1.1.7", Taken, "long values and many Vias"),
    ("dblreq", "3.1.1.8", Taken, "octets after the body are ignored"),
    ("semiuri", "3.1.1.9", Taken, "semicolon and escaped at sign in a user"),
    ("transports", "3.1.1.10", Taken, "unknown transports in Vias"),
    ("mpart01", "3.1.1.11", Taken, "a binary multipart body with nulls"),
    ("unreason", "3.1.1.12", Taken, "a reason phrase of other characters"),
    ("noreason", "3.1.1.13", Taken, "an empty reason phrase"),
    ("badinv01", "3.1.2.1", Answered(400), "separators without values: should be 400"),
    ("clerr", "3.1.2.2", Answered(400), "Content-Length beyond the datagram: should be 400"),
    ("ncl", "3.1.2.3", Answered(400), "a negative Content-Length: an error"),
    ("scalar02", "3.1.2.4", Answered(400), "CSeq over 32 bits: should be 400"),
    (
        "scalarlg",
        "3.1.2.5",
        Answered(400),
        "a response with CSeq over 32 bits: any defect of a response drops it",
    ),
    ("quotbal", "3.1.2.6", Answered(400), "an open quote: should be 400"),
    ("ltgtruri", "3.1.2.7", Answered(400), "a Request-URI in angle brackets: reasonably 400"),
    ("lwsruri", "3.1.2.8", Answered(400), "white space in the Request-URI: should be 400"),
    ("lwsstart", "3.1.2.9", Answered(400), "two spaces in the Request-Line: may be refused as malformed"),
    ("trws", "3.1.2.10", Answered(400), "spaces at the end of the Request-Line: may be refused as malformed"),
    ("escruri", "3.1.2.11", Answered(400), "headers in the Request-URI: 400 is acceptable"),
    ("baddate", "3.1.2.12", Taken, "a Date we have no use for should not refuse the message"),
    ("regbadct", "3.1.2.13", Answered(400), "a Contact with headers outside brackets: reasonably 400"),
    ("badaspec", "3.1.2.14", Answered(400), "spaces in an addr-spec: reasonably 400"),
    ("baddn", "3.1.2.15", Answered(400), "other characters than tokens in a display name: reasonably 400"),
    ("badvers", "3.1.2.16", Answered(505), "SIP/7.0: should be 505"),
    ("mismatch01", "3.1.2.17", Answered(400), "CSeq of another method: 400"),
    ("mismatch02", "3.1.2.18", Answered(501), "the same with an unknown method: should be 501"),
    ("bigcode", "3.1.2.19", Dropped(ParseErrorKind::NotSip), "a status over 699: should simply be dropped"),
    ("badbranch", "3.2.1", Answered(400), "the magic cookie and no identifier: could be 400"),
    ("insuf", "3.3.1", Answered(400), "no Call-ID, From or To: ideally 400"),
    ("unkscm", "3.3.2", Answered(416), "an unknown scheme is parsed and answered 416"),
    ("novelsc", "3.3.3", Answered(416), "a scheme we never serve is treated as unknown"),
    ("unksm2", "3.3.4", Taken, "unknown schemes in header fields are syntactically valid"),
    ("bext01", "3.3.5", Taken, "Require is for the element's role to refuse"),
    ("invut", "3.3.6", Taken, "an unknown body type is for the endpoint to refuse"),
    ("regaut01", "3.3.7", Taken, "an unknown authorization scheme is well-formed"),
    ("multi01", "3.3.8", Answered(400), "single-value fields given twice: 400"),
    ("mcl01", "3.3.9", Answered(400), "Content-Lengths that conflict: an error"),
    ("bcast", "3.3.10", Taken, "a broadcast address in the second Via is well-formed"),
    ("zeromf", "3.3.11", Taken, "Max-Forwards of zero is legal"),
    ("cparam01", "3.3.12", Taken, "a parameter of the Contact"),
    ("cparam02", "3.3.13", Taken, "a parameter of the Contact's URI"),
    ("regescrt", "3.3.14", Taken, "an escaped header in the Contact's URI"),
    ("sdp01", "3.3.15", Taken, "an Accept without SDP is for the endpoint to refuse"),
    ("inv2543", "3.4.1", Taken, "RFC 2543: no branch, From tag, Content-Length or Max-Forwards"),
    (
        "test",
        "none",
        Dropped(ParseErrorKind::NotSip),
        "a stray file of the archive: a start line without version",
    ),
];

const RFC5118: &[(&str, &str, Verdict, &str)] = &[
    ("ipv6-good", "4.1", Taken, "IPv6 references in Request-URI, Via and Contact"),
    ("ipv6-bad", "4.2", Answered(400), "an IPv6 address without brackets: should be 400"),
    ("port-ambiguous", "4.3", Taken, "well-formed, though the port is inside the brackets"),
    ("port-unambiguous", "4.4", Taken, "a port outside the brackets"),
    ("via-received-param-with-delim", "4.5", Taken, "received with brackets must be parsed"),
    ("via-received-param-no-delim", "4.5", Taken, "received without brackets"),
    (
        "ipv6-in-sdp",
        "4.6",
        Answered(400),
        "IPv6 in the body; but its Content-Length is 17 more than its body has",
    ),
    ("mult-ip-in-header", "4.7", Taken, "Vias of both families"),
    ("mult-ip-in-sdp", "4.8", Taken, "media of both families"),
    ("ipv4-mapped-ipv6", "4.9", Taken, "IPv4-mapped addresses"),
    ("ipv6-bug-abnf-3-colons", "4.10", Taken, "one colon too many must be tolerated"),
    ("ipv6-correct-abnf-2-colons", "4.10", Taken, "the right number of colons"),
];

fn folder(rfc: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(rfc)
}

fn names(rfc: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(rfc)).expect("the folder of test messages");
    entries
        .map(|entry| entry.expect("entry").path().file_stem().expect("name").to_string_lossy().into_owned())
        .collect()
}

fn rfc4475(name: &str) -> Vec<u8> {
    fs::read(folder("rfc4475").join(name).with_extension("dat")).expect(name)
}

/// The files of RFC 5118's archive end their lines with LF alone; on the wire it is CRLF. Those that end with their
/// last header field get the empty line that a message must have.
fn rfc5118(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(folder("rfc5118").join(name)).expect(name);
    assert!(!text.contains('\r'), "{name} is of LF lines");
    let mut text = text.replace('\n', "\r\n");
    if !text.contains("\r\n\r\n") {
        text += "\r\n";
    }
    text.into_bytes()
}

fn verdict(bytes: &[u8]) -> Verdict {
    match Message::parse(bytes, &Limits::DEFAULT) {
        Err(error) => Dropped(error.kind),
        Ok(mut message) => {
            message.check(&Limits::DEFAULT).map_or_else(|defect| Answered(defect.status), |()| Taken)
        }
    }
}

#[test]
fn every_message_of_rfc_4475_gets_its_verdict() {
    assert_eq!(
        names("rfc4475"),
        RFC4475.iter().map(|row| row.0.to_owned()).collect(),
        "a file without verdict"
    );
    let sections: BTreeSet<_> = RFC4475.iter().map(|row| row.1).collect();
    assert_eq!(sections.len(), 50, "49 sections and the stray file");
    for (name, section, expected, words) in RFC4475 {
        assert_eq!(verdict(&rfc4475(name)), *expected, "{name} (RFC 4475 §{section}): {words}");
    }
}

#[test]
fn every_message_of_rfc_5118_gets_its_verdict() {
    assert_eq!(
        names("rfc5118"),
        RFC5118.iter().map(|row| row.0.to_owned()).collect(),
        "a file without verdict"
    );
    for (name, section, expected, words) in RFC5118 {
        assert_eq!(verdict(&rfc5118(name)), *expected, "{name} (RFC 5118 §{section}): {words}");
    }
}

#[test]
fn ipv6_in_a_body_is_taken_when_the_content_length_is_right() {
    let bytes = rfc5118("ipv6-in-sdp");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body.len(), 251);
    let right = format!("{}\r\n\r\n{body}", head.replace("Content-Length: 268", "Content-Length: 251"));
    assert_eq!(verdict(right.as_bytes()), Taken);
}

/// Cutting a torture message short anywhere, or changing any one byte of it, may change the verdict but never panics,
/// and what is read of it lies inside it.
#[test]
fn no_cut_or_changed_byte_of_any_message_panics() {
    let all = RFC4475.iter().map(|row| rfc4475(row.0)).chain(RFC5118.iter().map(|row| rfc5118(row.0)));
    for bytes in all {
        for at in 0..bytes.len() {
            read_everything(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] = b"\0\r\n \"<,;\xff"[at % 9];
            read_everything(&changed);
        }
    }
}

fn read_everything(bytes: &[u8]) {
    let Ok(mut message) = Message::parse(bytes, &Limits::DEFAULT) else { return };
    let _ = message.check(&Limits::DEFAULT);
    assert!(message.body().len() <= bytes.len());
    for via in message.values(Name::Via) {
        let _ = Via::parse(via).map(|via| (via.branch(), via.rport(), via.received()));
    }
    for name in [Name::From, Name::To, Name::Contact, Name::Route] {
        for value in message.values(name) {
            let _ = NameAddr::parse(value).map(|address| (address.tag(), Aor::parse(address.uri)));
        }
    }
    let mut out = Vec::new();
    sip::respond(&mut out, &message, 400, "192.0.2.1:5060".parse().ok(), Some("1")).finish(b"");
}

fn message(bytes: &[u8]) -> Message<'_> {
    Message::parse(bytes, &Limits::DEFAULT).expect("a message")
}

#[test]
fn the_short_tortuous_invite_is_read_as_its_section_says() {
    let bytes = rfc4475("wsinv");
    let message = message(&bytes);
    let to = NameAddr::parse(message.get(Name::To).expect("To")).expect("To");
    assert_eq!((to.uri, to.tag()), ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n")));
    let from = NameAddr::parse(message.get(Name::From).expect("From")).expect("From");
    assert_eq!(from.display_name().as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(message.get(Name::MaxForwards), Some("0068"));
    assert_eq!(message.get(Name::Subject), Some(""));
    let cseq = CSeq::parse(message.get(Name::CSeq).expect("CSeq")).expect("CSeq");
    assert_eq!(cseq, CSeq { number: 9, method: Method::Invite });
    let vias: Vec<_> = message.values(Name::Via).map(|via| Via::parse(via).expect("Via")).collect();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().expect("branch")).collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(message.other("unknownheaderwithunusualvalue").collect::<Vec<_>>(), [";;,,;;,;"]);
    let contact = NameAddr::parse(message.get(Name::Contact).expect("Contact")).expect("Contact");
    assert_eq!(
        (contact.display_name().as_deref(), contact.params.get("q")),
        (Some("Quoted string \"\""), Some("0.33"))
    );
    assert_eq!(message.body().len(), 150);
}

#[test]
fn escapes_are_undone_once_and_only_in_uris() {
    let bytes = rfc4475("esc02");
    let message = message(&bytes);
    assert_eq!(message.method(), Some(Method::Other("RE%47IST%45R")));
    assert_eq!(message.values(Name::Contact).count(), 2);
    let bytes = rfc4475("escnull");
    let contacts: Vec<_> = Message::parse(&bytes, &Limits::DEFAULT)
        .expect("message")
        .values(Name::Contact)
        .map(|value| Aor::parse(NameAddr::parse(value).expect("Contact").uri).expect("user"))
        .collect();
    assert_ne!(contacts[0], contacts[1], "two contacts are registered");
    assert_eq!(contacts[1].user(), "\0\0");
}

#[test]
fn octets_after_the_body_are_no_part_of_the_message() {
    let bytes = rfc4475("dblreq");
    let message = message(&bytes);
    assert_eq!((message.method(), message.body()), (Some(Method::Register), &b""[..]));
    assert!(!message.bytes().windows(6).any(|part| part == b"INVITE"));
}

#[test]
fn a_contact_parameter_is_told_from_a_uri_parameter() {
    for (name, in_field) in [("cparam01", true), ("cparam02", false)] {
        let bytes = rfc4475(name);
        let contact = NameAddr::parse(message(&bytes).get(Name::Contact).expect("Contact")).expect("Contact");
        let uri = *Uri::parse(contact.uri).expect("URI").sip().expect("SIP URI");
        assert_eq!(
            (contact.params.has("unknownparam"), uri.params.has("unknownparam")),
            (in_field, !in_field)
        );
    }
}

#[test]
fn the_extra_colon_is_read_as_if_it_were_not_there() {
    let (bug, right) = (rfc5118("ipv6-bug-abnf-3-colons"), rfc5118("ipv6-correct-abnf-2-colons"));
    let uri = |bytes| {
        Uri::parse(message(bytes).uri().expect("Request-URI")).expect("URI").sip().map(|uri| uri.host)
    };
    assert_eq!(uri(&bug), uri(&right));
    assert!(matches!(uri(&bug), Some(Host::V6(_))));
}

/// On a stream the framing errors close the connection; the other messages with a Content-Length come out whole.
#[test]
fn a_stream_of_torture_messages_is_cut_at_their_ends() {
    for (name, _, _, _) in RFC4475 {
        let bytes = rfc4475(name);
        let mut framer = Framer::new(Limits::DEFAULT);
        framer.push(&bytes);
        match (*name, framer.next()) {
            ("mcl01", cut) => assert_eq!(cut, Err(FrameError::ConflictingContentLength)),
            ("ncl", cut) => assert_eq!(cut, Err(FrameError::BadContentLength)),
            ("inv2543", cut) => assert_eq!(cut, Err(FrameError::NoContentLength)),
            // Waits for the rest of the body, or of the head.
            ("clerr" | "baddn", cut) => assert_eq!(cut, Ok(None)),
            (_, Ok(Some(Frame::Message(frame)))) => assert!(bytes.starts_with(frame), "{name}"),
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}
