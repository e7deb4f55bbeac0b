//! One document, by HTTP: what an answer means for those who follow it.

use core::time::Duration;
use std::sync::Arc;

use client::Identity;
use client::web::Reply;
use client::xdm::{XdmClient, XdmError};
use hyper::StatusCode;
use hyper::header::{ETAG, RETRY_AFTER};
use sip_stack::auth::Algorithm;
use xcap::{DocumentSelector, ETag, Version};
use xdm::remote::Got;

/// Fetches a document, unless it is at a version. Whatever the server says, only its own root is asked: redirections are not
/// followed.
pub(super) async fn fetch(
    client: &XdmClient,
    document: &DocumentSelector,
    unless: Option<&ETag>,
    asserted: Option<&Identity>,
) -> Got {
    match client.fetch(&document.to_path(), unless, asserted).await {
        Ok(reply) => got(client, &reply),
        Err(XdmError::Web(client::web::WebError::TooLarge(_))) => {
            tracing::warn!(server = %client.server(), "a document is larger than remote-xdms.document-max");
            Got::Refused
        }
        Err(XdmError::Web(error)) => {
            tracing::debug!(server = %client.server(), %error, "a document server does not answer");
            Got::Failed(None)
        }
        Err(error) => {
            tracing::warn!(server = %client.server(), %error, "a document server does not let us read");
            Got::Refused
        }
    }
}

fn got(client: &XdmClient, reply: &Reply) -> Got {
    match reply.status {
        StatusCode::OK => Got::Version(Version { etag: etag(reply), body: Arc::from(&reply.body[..]) }),
        StatusCode::NOT_MODIFIED => Got::Same,
        StatusCode::NOT_FOUND | StatusCode::GONE => Got::Absent,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Got::Failed(retry_after(reply)),
        status if status.is_server_error() => Got::Failed(retry_after(reply)),
        status => {
            tracing::warn!(server = %client.server(), %status, "a document server refuses a document");
            Got::Refused
        }
    }
}

/// The version that the server names; for one that names none, what the document is tells it from another.
fn etag(reply: &Reply) -> ETag {
    let named = reply.headers.get(ETAG).and_then(|value| value.to_str().ok());
    let named = named.map(|value| value.trim_start_matches("W/").trim_matches('"'));
    match named {
        Some(named) if !named.is_empty() => ETag(named.into()),
        Some(_) | None => ETag(Algorithm::Sha256.hash(&[&reply.body[..]]).as_str()[..32].into()),
    }
}

fn retry_after(reply: &Reply) -> Option<Duration> {
    let seconds = reply.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;
    use hyper::header::HeaderValue;

    use super::*;

    fn reply(etag: Option<&'static str>, body: &'static str) -> Reply {
        let mut headers = hyper::HeaderMap::new();
        etag.map(|etag| headers.insert(ETAG, HeaderValue::from_static(etag)));
        Reply { status: StatusCode::OK, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_version_has_a_name_whatever_the_server_calls_it() {
        assert_eq!(&*etag(&reply(Some("\"a1\""), "x")).0, "a1");
        assert_eq!(&*etag(&reply(Some("W/\"a1\""), "x")).0, "a1");
        let unnamed = etag(&reply(None, "x"));
        assert_eq!(unnamed, etag(&reply(Some("\"\""), "x")));
        assert_ne!(unnamed, etag(&reply(None, "y")));
    }
}
