//! A SIP peer by hand: writes requests as text, reads what comes back, answers NOTIFYs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use sip::{Frame, Framer};

/// So long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

enum End {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream, Framer),
}

/// A message as text.
#[derive(Clone, Debug)]
pub(crate) struct Text(pub(crate) String);

impl Text {
    /// The value of the first field with this name, in its long form.
    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.0.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        });
        value.unwrap_or_else(|| panic!("no {name} in\n{}", self.0))
    }

    pub(crate) fn status(&self) -> u16 {
        let status = self.0.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no response:\n{}", self.0))
    }

    pub(crate) fn is_notify(&self) -> bool {
        self.0.starts_with("NOTIFY ")
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.field("CSeq").split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// One peer with its own socket.
pub(crate) struct Peer {
    end: End,
    via: String,
    requests: u32,
    waiting: Vec<Text>,
}

impl Peer {
    pub(crate) fn udp(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let via = format!("UDP {}", socket.local_addr().unwrap());
        Self { end: End::Udp(socket, server), via, requests: 0, waiting: Vec::new() }
    }

    pub(crate) fn tcp(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        let sent_by = stream.local_addr().unwrap().to_string();
        Self::over(stream, &sent_by)
    }

    /// Over this stream. `sent_by` is what Via and Contact say, perhaps with a parameter.
    pub(crate) fn over(stream: TcpStream, sent_by: &str) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let via = format!("TCP {sent_by}");
        Self {
            end: End::Tcp(stream, Framer::new(sip::Limits::DEFAULT)),
            via,
            requests: 0,
            waiting: Vec::new(),
        }
    }

    fn send(&mut self, text: &str) {
        match &mut self.end {
            End::Udp(socket, server) => _ = socket.send_to(text.as_bytes(), *server).unwrap(),
            End::Tcp(stream, _) => stream.write_all(text.as_bytes()).unwrap(),
        }
    }

    /// Whether something is there to be read now.
    pub(crate) fn has_something(&mut self) -> bool {
        let End::Udp(socket, _) = &self.end else { panic!("asked of datagrams only") };
        socket.set_nonblocking(true).unwrap();
        let something = socket.peek_from(&mut [0; 16]).is_ok();
        socket.set_nonblocking(false).unwrap();
        something
    }

    fn read(&mut self) -> Text {
        let mut buffer = vec![0; 65_536];
        match &mut self.end {
            End::Udp(socket, _) => {
                let (length, _) =
                    socket.recv_from(&mut buffer).expect("an answer within the patience of the test");
                Text(String::from_utf8(buffer[..length].to_vec()).unwrap())
            }
            End::Tcp(stream, framer) => loop {
                if let Some(frame) = framer.next().unwrap() {
                    let Frame::Message(bytes) = frame else { continue };
                    return Text(String::from_utf8(bytes.to_vec()).unwrap());
                }
                let length = stream.read(&mut buffer).expect("an answer within the patience of the test");
                assert!(length > 0, "the server closed the stream");
                framer.push(&buffer[..length]);
            },
        }
    }

    /// Sends a request: `fields` are whole lines. `from` and `to` are users of `localhost`.
    pub(crate) fn request(
        &mut self,
        method: &str,
        from: &str,
        to: &str,
        dialog: &str,
        fields: &[&str],
        body: &str,
    ) {
        self.requests += 1;
        let Self { via, requests, .. } = self;
        let number = *requests;
        let contact = via.split(' ').nth(1).unwrap();
        let mut text = format!(
            "{method} sip:{to}@localhost SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK{dialog}{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@localhost>;tag={dialog}\r\nTo: <sip:{to}@localhost>\r\n\
             Call-ID: {dialog}\r\nCSeq: {number} {method}\r\nContact: <sip:{from}@{contact}>\r\n"
        );
        for field in fields {
            text.push_str(field);
            text.push_str("\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.send(&text);
    }

    /// The next response; NOTIFYs meanwhile are answered and kept for [`Peer::notify`].
    pub(crate) fn response(&mut self) -> Text {
        loop {
            let text = self.read();
            if text.is_notify() {
                self.answer(&text);
                self.waiting.push(text);
            } else if text.status() >= 200 {
                return text;
            }
        }
    }

    /// The next NOTIFY, answered.
    pub(crate) fn notify(&mut self) -> Text {
        if !self.waiting.is_empty() {
            return self.waiting.remove(0);
        }
        loop {
            let text = self.read();
            if text.is_notify() {
                self.answer(&text);
                return text;
            }
        }
    }

    fn answer(&mut self, request: &Text) {
        let mut text = String::from("SIP/2.0 200 OK\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            text.push_str(&format!("{name}: {}\r\n", request.field(name)));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.send(&text);
    }

    /// Subscribes to a user's presence; the response.
    pub(crate) fn subscribe(&mut self, from: &str, to: &str, dialog: &str) -> Text {
        let fields = ["Event: presence", "Accept: application/pidf+xml", "Expires: 600"];
        self.request("SUBSCRIBE", from, to, dialog, &fields, "");
        self.response()
    }

    /// Publishes a document with this note as this user; the response.
    pub(crate) fn publish(&mut self, user: &str, dialog: &str, note: &str, if_match: Option<&str>) -> Text {
        let tag = if_match.map(|tag| format!("SIP-If-Match: {tag}"));
        let mut fields = vec!["Event: presence", "Expires: 600", "Content-Type: application/pidf+xml"];
        fields.extend(tag.as_deref());
        self.request("PUBLISH", user, user, dialog, &fields, &document(user, note));
        self.response()
    }
}

pub(crate) fn document(user: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         entity=\"sip:{user}@localhost\"><tuple id=\"t1\"><status><basic>open</basic></status>\
         <note>{note}</note></tuple></presence>"
    )
}
