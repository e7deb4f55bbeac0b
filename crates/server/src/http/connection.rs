//! One connection: requests one after the other, each let in, read, answered and counted.

use core::convert::Infallible;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::counts::Counts;
use super::patience::{Patience, Patient, Wait};
use super::rate::Meter;
use super::{Answer, Head, Limits, Sent, Site, answer, body};
use crate::clock::Clock;

/// What all connections share.
pub struct House<S> {
    /// What answers.
    pub site: S,
    /// Bounds.
    pub limits: Limits,
    /// Counters.
    pub counts: Arc<Counts>,
    /// The one clock.
    pub clock: Clock,
    /// Requests of one address.
    pub clients: Meter,
    /// Whether the server is about to end: connections close after their answer.
    pub stopping: AtomicBool,
}

impl<S: Site> House<S> {
    /// Nobody is in it yet.
    pub fn new(site: S, limits: Limits, clock: Clock) -> Self {
        let (counts, clients) = (Arc::default(), Meter::new(limits.client_rate));
        Self { site, limits, counts, clock, clients, stopping: AtomicBool::new(false) }
    }
}

/// Serves a connection to its end.
pub async fn serve<T, S>(house: Arc<House<S>>, stream: T, peer: SocketAddr)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Site,
{
    let limits = house.limits;
    let patience = Arc::new(Patience::new(house.clock));
    let io = TokioIo::new(Patient::new(stream, Arc::clone(&patience)));
    let service = {
        let (house, patience) = (Arc::clone(&house), Arc::clone(&patience));
        service_fn(move |request: Request<Incoming>| {
            let (house, patience) = (Arc::clone(&house), Arc::clone(&patience));
            async move {
                patience.wait(Wait::Ours);
                let sent = respond(&house, request, peer).await;
                patience.wait(Wait::Idle);
                Ok::<_, Infallible>(sent)
            }
        })
    };
    let mut connection = http1::Builder::new()
        .half_close(true)
        .max_header_size(limits.header)
        .max_buf_size(limits.header.max(16 << 10) + (16 << 10))
        .serve_connection(io, service);
    let mut look_again = pin!(tokio::time::sleep(limits.header_timeout));
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
                return;
            }
            () = look_again.as_mut() => {}
        }
        let (wait, since) = patience.state();
        let (allowed, now) = (allowed(wait, &limits), house.clock.elapsed());
        let until = since + allowed;
        if now < until {
            look_again.as_mut().reset(tokio::time::Instant::now() + (until - now));
            continue;
        }
        match wait {
            Wait::Ours => look_again.as_mut().reset(tokio::time::Instant::now() + allowed),
            Wait::Idle => return,
            Wait::Head => {
                house.counts.late.fetch_add(1, Ordering::Relaxed);
                house.counts.answered(StatusCode::REQUEST_TIMEOUT.as_u16());
                let io = connection.into_parts().io.into_inner();
                return say_late(io, limits.header_timeout).await;
            }
        }
    }
}

/// How long may be waited. A request at work has time-outs of its own.
fn allowed(wait: Wait, limits: &Limits) -> Duration {
    match wait {
        Wait::Idle => limits.idle_timeout,
        Wait::Head => limits.header_timeout,
        Wait::Ours => limits.header_timeout.max(limits.body_timeout),
    }
}

/// The one answer that is written by hand: there is no request that it answers. RFC 9110 §15.5.9.
async fn say_late<T: AsyncWrite + Unpin>(mut stream: T, patience: Duration) {
    const LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    // Whether the client hears it or not, the connection ends.
    let _ = tokio::time::timeout(patience, async {
        stream.write_all(LATE).await?;
        stream.shutdown().await
    })
    .await;
}

async fn respond<S: Site>(house: &House<S>, request: Request<Incoming>, peer: SocketAddr) -> Sent {
    let (mut parts, body) = request.into_parts();
    let conditions = settle_conditions(&mut parts.headers);
    let head = Head { parts, peer, at: house.clock.elapsed() };
    let packs = answer::takes_gzip(&head);
    let place = AtWork::take(&house.counts);
    let mut answer = if place.before >= house.limits.at_work {
        let busy = Answer::later(StatusCode::SERVICE_UNAVAILABLE, 1, "too many requests are at work");
        if body::discard(body, house.limits.header_timeout).await { busy } else { busy.closing() }
    } else if let Err(refused) = conditions {
        unread(refused, &head, body, &house.limits).await
    } else {
        work(house, head, body).await
    };
    drop(place);
    house.counts.answered(answer.status.as_u16());
    if house.stopping.load(Ordering::Relaxed) {
        answer = answer.closing();
    }
    answer.send(packs)
}

/// Counts a request for as long as it is at work: also one that ends with its connection.
struct AtWork<'c> {
    counts: &'c Counts,
    /// How many others there were.
    before: usize,
}

impl<'c> AtWork<'c> {
    fn take(counts: &'c Counts) -> Self {
        Self { before: counts.at_work.fetch_add(1, Ordering::Relaxed), counts }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.counts.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The site's work. A panic in it is a fault of ours: it is told in the log, and the client learns the status only.
async fn work<S: Site>(house: &House<S>, head: Head, body: Incoming) -> Answer {
    let mut work = pin!(admitted(house, head, body));
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(progress) => progress,
        Err(_) => {
            house.counts.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!("a request met a bug; it is answered with 500");
            core::task::Poll::Ready(
                Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "a fault of the server").closing(),
            )
        }
    })
    .await
}

async fn admitted<S: Site>(house: &House<S>, head: Head, body: Incoming) -> Answer {
    let limits = &house.limits;
    let pass = match check(house, &head).and_then(|()| house.site.admit(&head)) {
        Ok(pass) => pass,
        Err(refused) => return unread(refused, &head, body, limits).await,
    };
    match body::read(&head.parts.headers, body, limits.body, limits.body_timeout).await {
        Ok(bytes) => house.site.answer(head, pass, bytes).await,
        Err(refused) => {
            if refused.status == StatusCode::REQUEST_TIMEOUT {
                house.counts.late.fetch_add(1, Ordering::Relaxed);
            }
            refused
        }
    }
}

/// A refusal before the body was read. A client that waits for leave to send it is not given leave (RFC 9110 §10.1.1);
/// of others a short body is read and forgotten, so that the connection can go on.
async fn unread(refused: Answer, head: &Head, body: Incoming, limits: &Limits) -> Answer {
    let waits_for_leave = head.parts.headers.contains_key(header::EXPECT);
    if !waits_for_leave && body::discard(body, limits.header_timeout).await {
        refused
    } else {
        refused.closing()
    }
}

/// Makes one line of each condition that came in several, RFC 9110 §5.3. One that cannot be read is refused: passed over,
/// it would let a client overwrite what it never saw.
fn settle_conditions(headers: &mut HeaderMap) -> Result<(), Answer> {
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        let lines = headers.get_all(&name).iter().map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
        let Ok(lines) = lines else {
            let what = format!("{name} holds what no entity-tag has");
            return Err(Answer::text(StatusCode::BAD_REQUEST, &what));
        };
        if lines.len() > 1 {
            let line = HeaderValue::from_str(&lines.join(", ")).expect("it was text, line by line");
            headers.insert(name, line);
        }
    }
    Ok(())
}

/// What the entrance itself refuses by the head.
fn check<S: Site>(house: &House<S>, head: &Head) -> Result<(), Answer> {
    let target = head.parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > house.limits.target {
        return Err(Answer::text(
            StatusCode::URI_TOO_LONG,
            &format!("a target has at most {} octets here", house.limits.target),
        ));
    }
    if head.parts.method == Method::CONNECT {
        return Err(Answer::text(StatusCode::NOT_IMPLEMENTED, "this is no proxy to elsewhere"));
    }
    // RFC 9112 §3.2.
    if head.parts.version == Version::HTTP_11 && head.parts.headers.get_all(header::HOST).iter().count() != 1
    {
        return Err(Answer::text(StatusCode::BAD_REQUEST, "one Host field is wanted").closing());
    }
    if let Err(wait) = house.clients.take(head.at, &head.peer.ip())
        && !house.site.trusts(head.peer)
    {
        return Err(Answer::later(
            StatusCode::TOO_MANY_REQUESTS,
            wait.as_millis().div_ceil(1000) as u64,
            "too many requests from this address",
        ));
    }
    Ok(())
}
