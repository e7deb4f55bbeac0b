//! Any datagram: parsing, checking, every typed field, and the response to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{
    Aor, CSeq, Challenge, Credentials, EventHeader, Limits, MediaType, Message, Name, NameAddr, RetryAfter,
    SubscriptionState, Via, accepts, delta_seconds, respond,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut message) = Message::parse(bytes, &Limits::DEFAULT) else { return };
    if let Err(defect) = message.check(&Limits::DEFAULT) {
        assert!((400..700).contains(&defect.status) && defect.offset <= message.bytes().len());
    } else if message.method().is_some() {
        let from = NameAddr::parse(message.get(Name::From).expect("checked")).expect("checked");
        assert_eq!(NameAddr::parse(&from.to_string()).expect("printed").uri, from.uri);
        CSeq::parse(message.get(Name::CSeq).expect("checked")).expect("checked");
        assert!(message.values(Name::Via).all(|via| Via::parse(via).is_ok()));
    }
    for field in message.fields() {
        let value = field.value;
        let _ = Via::parse(value).map(|via| (via.branch(), via.rport(), via.received(), via.to_string()));
        let _ = NameAddr::parse(value)
            .map(|address| (address.tag(), Aor::parse(address.uri), address.to_string()));
        let _ = CSeq::parse(value);
        let _ = EventHeader::parse(value).map(|event| event.id());
        let _ = SubscriptionState::parse(value).map(|state| (state.expires(), state.retry_after()));
        let _ = (delta_seconds(value), RetryAfter::parse(value).map(|retry| retry.duration()));
        let _ = MediaType::parse(value);
        let _ = Credentials::parse(value).map(|credentials| credentials.to_string());
        let _ = Challenge::parse(value).map(|challenge| challenge.to_string());
    }
    let _ = accepts(message.values(Name::Accept), "application/pidf+xml");
    let mut out = Vec::new();
    respond(&mut out, &message, 400, "192.0.2.1:5060".parse().ok(), Some("1")).finish(b"");
    let most = Limits { message: usize::MAX, header: usize::MAX, ..Limits::DEFAULT };
    let response = Message::parse(&out, &most).expect("our own response");
    assert_eq!(response.all(Name::Via).count(), message.all(Name::Via).count());
});
