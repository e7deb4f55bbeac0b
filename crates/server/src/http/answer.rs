//! What is sent back: made by a site, or by the entrance itself where a bound is met.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::{Head, Sent};

/// Shorter bodies do not fit into fewer packets when packed.
const PACK_FROM: usize = 1024;

/// An answer before it is fitted to what the client can take.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Header fields but those of the connection, the length and the date.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The whole body. For HEAD that of GET.
    pub body: Bytes,
}

impl Answer {
    /// A status alone.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A status with a line for people.
    pub fn text(status: StatusCode, line: &str) -> Self {
        let body = Bytes::from(format!("{line}\n"));
        Self { body, ..Self::new(status) }
            .with(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
    }

    /// Come again after some seconds, at least one.
    pub fn later(status: StatusCode, seconds: u64, line: &str) -> Self {
        Self::text(status, line).with(header::RETRY_AFTER, seconds.max(1).into())
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The connection does not serve any more: what is still to come in is not read.
    #[must_use]
    pub fn closing(self) -> Self {
        self.with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// Fits the answer to the request: packed if the client takes gzip, and never stored by a cache unless the site says
    /// so.
    pub fn send(mut self, packs: bool) -> Sent {
        let is_packed = self.headers.iter().any(|(name, _)| *name == header::CONTENT_ENCODING);
        if self.body.len() >= PACK_FROM {
            self.headers.push((header::VARY, HeaderValue::from_static("Accept-Encoding")));
            if packs && !is_packed {
                // Strictly a packed representation wants an entity-tag of its own (RFC 9110 §8.8.3). It keeps the
                // document's: a client sends it back in If-Match, where RFC 4825 §7.11 means the document.
                self.body = pack(&self.body);
                self.headers.push((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
            }
        }
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.reserve(self.headers.len() + 2);
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

/// Whether the client takes gzip, RFC 9110 §12.5.3.
pub fn takes_gzip(head: &Head) -> bool {
    if head.parts.method != Method::GET && head.parts.method != Method::HEAD {
        return false;
    }
    let fields = head.parts.headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let codings = fields.filter_map(|field| field.to_str().ok()).flat_map(|field| field.split(','));
    let mut any = false;
    for coding in codings {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let wanted = quality.is_ok_and(|quality| quality > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                return wanted;
            }
            "*" => any = wanted,
            _ => {}
        }
    }
    any
}

fn pack(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body);
    written.and_then(|()| encoder.finish()).expect("memory takes what is written to it").into()
}
