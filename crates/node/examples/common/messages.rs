//! What sources and watchers send.

/// A PUBLISH of a user's only source: its first without a tag, else one that modifies.
pub(crate) fn publish(user: usize, number: usize, tag: Option<&str>) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"sip:alice{user}@example.com\">\n  <tuple id=\"t4711\"><status><basic>open</basic></status>\
         <contact priority=\"0.8\">sip:alice{user}@example.com</contact><note xml:lang=\"en\">{number}</note>\
         <timestamp>2026-11-23T10:00:00Z</timestamp></tuple>\n  <dm:person id=\"p1\"><rpid:activities><rpid:busy/>\
         </rpid:activities><dm:note>In a meeting until noon</dm:note></dm:person>\n</presence>\n"
    );
    let tag = tag.map(|tag| format!("SIP-If-Match: {tag}\r\n")).unwrap_or_default();
    format!(
        "PUBLISH sip:alice{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKp{user}-{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice{user}@example.com>;tag=f{number}\r\nTo: <sip:alice{user}@example.com>\r\n\
         Call-ID: pub{user}@127.0.0.1\r\nCSeq: {number} PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n{tag}\
         Content-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A SUBSCRIBE of a watcher to a user: the first of its dialog without a tag.
pub(crate) fn subscribe(user: usize, watcher: usize, cseq: usize, tag: Option<&str>) -> Vec<u8> {
    let tag = tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    format!(
        "SUBSCRIBE sip:alice{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bKs{watcher}-{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:watcher{watcher}@example.com>;tag=w{watcher}\r\nTo: <sip:alice{user}@example.com>{tag}\r\n\
         Call-ID: sub-{watcher}@127.0.0.1\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:watcher{watcher}@127.0.0.1:7000>\r\n\
         Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
