//! An HTTP client by hand, and whole servers that serve documents.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use server::config::{Config, Sources};
use server::keeper;
use server::server::Server;

use crate::journal::Journal;

/// So long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of the first field of this name (in lower case).
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(move |(own, _)| *own == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn etag(&self) -> String {
        self.field("etag").unwrap_or_else(|| panic!("no ETag in\n{}", self.head)).to_owned()
    }
}

/// One connection that is kept.
pub(crate) struct Http(BufReader<TcpStream>);

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &[&str], body: &str) -> Reply {
        self.try_ask(method, target, fields, body).unwrap()
    }

    /// The same against a server that may end meanwhile.
    pub(crate) fn try_ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[&str],
        body: &str,
    ) -> std::io::Result<Reply> {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for field in fields {
            text.push_str(field);
            text.push_str("\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.0.get_mut().write_all(text.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(std::io::Error::other(format!("the connection ended after {head:?}")));
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let head = head.replace("\r\n", "\n");
        let mut reply = Reply { status, head, body: Vec::new() };
        let length: usize = reply.field("content-length").map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" && status != 304 {
            reply.body = vec![0; length];
            self.0.read_exact(&mut reply.body)?;
        }
        Ok(reply)
    }
}

/// A whole server in this process, with documents in memory, open to everybody.
pub(crate) fn start(set: &[&str]) -> Server {
    Journal::begin();
    let config = open(set);
    let keeper = keeper::open(&config).unwrap();
    Server::start(config, keeper).unwrap()
}

/// What such a server is told.
pub(crate) fn open(set: &[&str]) -> Config {
    let base = [
        "listen=udp:127.0.0.1:0",
        "domains=example.com",
        "admin.listen=127.0.0.1:0",
        "authentication.open=true",
        "store.engine=memory",
        "shards=1",
        "xdm.root=/xcap-root",
        "aggregation-proxy.listen=http:127.0.0.1:0",
        "aggregation-proxy.threads=1",
    ];
    config(base.iter().chain(set))
}

pub(crate) fn config<'a>(set: impl Iterator<Item = &'a &'a str>) -> Config {
    let config = Sources { file: None, set: set.map(|one| (*one).to_owned()).collect() }.load().unwrap();
    config.check().unwrap();
    config
}

/// The first address of a server's entrance.
pub(crate) fn entrance(server: &Server) -> SocketAddr {
    server.entrance().unwrap().addresses()[0].address
}

pub(crate) const INDEX: &str = "/xcap-root/resource-lists/users/sip:alice@example.com/index";
pub(crate) const LISTS: &str = "Content-Type: application/resource-lists+xml";
pub(crate) const ELEMENT: &str = "Content-Type: application/xcap-el+xml";

/// A document with one list of these names.
pub(crate) fn list(names: &[&str]) -> String {
    let entries: String =
        names.iter().map(|name| format!("<entry uri=\"sip:{name}@example.com\"/>")).collect();
    format!(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"friends\">{entries}</list></resource-lists>"
    )
}
