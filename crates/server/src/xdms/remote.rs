//! Document servers on other hosts: XCAP over HTTP, with whom a request is from said in its head.

use core::time::Duration;

use client::web::{Bounds, Reply, Trust, TrustError, Web, WebError};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use xdm::proxy::{ASSERTED, Routes};

use crate::config::keys::AggregationProxy;
use crate::http::Answer;

/// What of a request a document server must know. Credentials and identities are not among it: they end here.
const FORWARDED: [HeaderName; 8] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
];

/// What of its answer the client must know.
const RETURNED: [HeaderName; 8] = [
    header::ACCEPT,
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    header::CONTENT_LANGUAGE,
];

/// The remote document servers, numbered as in [`xdm::proxy::Routes`].
#[derive(Debug, Default)]
pub struct Remotes {
    servers: Vec<Web>,
    timeout: Duration,
}

/// A request for a remote document server.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path after the XCAP root, and query.
    pub target: &'a str,
    /// The client's header fields.
    pub headers: &'a HeaderMap,
    /// The value of the asserting fields; empty for nobody.
    pub identity: &'a str,
    /// Body.
    pub body: &'a Bytes,
}

impl Remotes {
    /// Those that the configuration names, and which of them is for what. Those of our own network are checked against
    /// `near`, those of other domains against `far`.
    pub fn new(proxy: &AggregationProxy, near: &Trust, far: &Trust) -> Result<(Self, Routes), TrustError> {
        let bounds = Bounds { timeout: proxy.route_timeout, ..Bounds::default() };
        let (mut remotes, mut pairs) = (Vec::<Web>::new(), Vec::new());
        for (auid, address) in &proxy.routes.0 {
            let known = remotes.iter().position(|remote| remote.address() == address);
            let number = match known {
                Some(number) => number,
                None => {
                    remotes.push(Web::new(address.clone(), near, bounds)?);
                    remotes.len() - 1
                }
            };
            pairs.push((auid.clone(), number));
        }
        let mut domains = Vec::new();
        for (domain, address) in &proxy.domains.0 {
            domains.push((domain.clone(), remotes.len()));
            remotes.push(Web::new(address.clone(), far, bounds)?);
        }
        let routes = Routes::new(pairs).with_domains(domains);
        Ok((Self { servers: remotes, timeout: proxy.route_timeout }, routes))
    }

    /// How long a server may take to answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The XCAP root of a server.
    pub fn root(&self, number: usize) -> String {
        self.servers
            .get(number)
            .map(|remote| format!("{remote}{}", remote.address().path))
            .unwrap_or_default()
    }

    /// Asks a document server and gives its answer on. One that cannot be asked is a 502, a slow one a 504.
    pub async fn forward(&self, number: usize, forwarded: Forwarded<'_>) -> Answer {
        match self.ask(number, forwarded).await {
            Ok(reply) if reply.status == StatusCode::UNAUTHORIZED => {
                tracing::warn!(root = %self.root(number), "a document server does not trust this proxy");
                Answer::text(StatusCode::BAD_GATEWAY, "the document server does not trust this proxy")
            }
            Ok(reply) => answer(reply),
            Err(status) => Answer::text(
                status,
                match status {
                    StatusCode::GATEWAY_TIMEOUT => "the document server did not answer in time",
                    _ => "the document server cannot be reached",
                },
            ),
        }
    }

    /// Asks a document server. The error is the status for the client; why is told in the log.
    pub async fn ask(&self, number: usize, forwarded: Forwarded<'_>) -> Result<Reply, StatusCode> {
        let remote = self.servers.get(number).ok_or(StatusCode::BAD_GATEWAY)?;
        let request = request(remote, &forwarded).ok_or(StatusCode::BAD_GATEWAY)?;
        remote.ask(request).await.map_err(|error| {
            tracing::warn!(%error, "a document server fails");
            match error {
                WebError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
                WebError::Connect { .. }
                | WebError::Tls { .. }
                | WebError::Broken { .. }
                | WebError::TooLarge(_) => StatusCode::BAD_GATEWAY,
            }
        })
    }
}

fn request(remote: &Web, forwarded: &Forwarded<'_>) -> Option<Request<Full<Bytes>>> {
    let target = format!("{}{}", remote.address().path, forwarded.target);
    let mut request = Request::builder().method(forwarded.method).uri(target);
    let headers = request.headers_mut()?;
    for name in FORWARDED {
        for value in forwarded.headers.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    if !forwarded.identity.is_empty() {
        for name in ASSERTED {
            let value = HeaderValue::try_from(forwarded.identity).ok()?;
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(header::VIA, HeaderValue::from_static("1.1 rollcall"));
    request.body(Full::new(forwarded.body.clone())).ok()
}

fn answer(reply: Reply) -> Answer {
    let mut answer = Answer { body: reply.body, ..Answer::new(reply.status) };
    for name in RETURNED {
        for value in reply.headers.get_all(&name) {
            answer.headers.push((name.clone(), value.clone()));
        }
    }
    answer
}
