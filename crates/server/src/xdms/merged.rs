//! What the document servers here and elsewhere answer together: directory, capabilities, search.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use sip_stack::auth::Algorithm;
use store::docs::DocStore;
use tokio::time::Instant;
use xcap::{ETag, NodeSelector};
use xdm::Request;
use xdm::proxy::{self, Merged, Part};

use super::site::{Asked, XdmSite};
use crate::http::Answer;

/// The most results of one search over several servers.
const RESULTS_MAX: usize = 500;
/// So many servers are asked at once for one request.
const AT_ONCE: usize = 8;

/// Asks everybody, several at once, and puts the answers together. All of them have the time that one has; whoever has not
/// answered by then is as one that fails (504). What is refused here is refused.
pub(super) async fn answer<D: DocStore>(
    site: &XdmSite<D>,
    merged: Merged,
    asked: &Asked<'_>,
    request: &Request<'_>,
) -> Answer {
    let is_search = merged == Merged::Search;
    let is_read = matches!(request.method, xdm::Method::Get | xdm::Method::Head);
    if !(is_read || (is_search && request.method == xdm::Method::Post)) {
        return site.here(request).await;
    }
    let (path, node) = split_node(request.path);
    let whole = Request {
        path,
        query: request.query.filter(|_| node.is_none()),
        conditions: Default::default(),
        ..*request
    };
    let own = if site.archive.is_some() { Some(site.here(&whole).await) } else { None };
    if let Some(refused) = own.as_ref().filter(|own| own.status != StatusCode::OK && !is_search) {
        return Answer {
            body: refused.body.clone(),
            headers: refused.headers.clone(),
            status: refused.status,
        };
    }
    let identity = asked.identity();
    let deadline = Instant::now() + site.remotes.timeout();
    let told = (0..site.routes.servers()).map(|number| {
        let mut forwarded = asked.forwarded(&identity);
        forwarded.target = if node.is_some() { path } else { forwarded.target };
        async move {
            let reply = tokio::time::timeout_at(deadline, site.remotes.ask(number, forwarded)).await;
            let outcome = match reply.unwrap_or(Err(StatusCode::GATEWAY_TIMEOUT)) {
                Ok(reply) if reply.status == StatusCode::OK => Ok(reply.body),
                Ok(reply) => Err(reply.status.as_u16()),
                Err(status) => Err(status.as_u16()),
            };
            (site.remotes.root(number), outcome)
        }
    });
    let told = together(told, AT_ONCE).await;
    let here = own.as_ref().map(|own| Part {
        auids: None,
        root: &site.public_root,
        answer: if own.status == StatusCode::OK { Ok(&own.body[..]) } else { Err(own.status.as_u16()) },
    });
    let there = told.iter().enumerate().map(|(number, (root, outcome))| Part {
        auids: Some(site.routes.auids(number)),
        root,
        answer: outcome.as_ref().map(|body| &body[..]).map_err(|status| *status),
    });
    let parts: Vec<Part<'_>> = here.into_iter().chain(there).collect();
    match merged {
        Merged::Directory => {
            let whole = proxy::directory(&parts, &site.public_root);
            selected(
                whole,
                "application/vnd.oma.xcap-directory+xml",
                "urn:oma:xml:xdm:xcap-directory",
                node,
                request,
            )
        }
        Merged::Capabilities => {
            let whole = proxy::capabilities(&parts);
            selected(whole, "application/xcap-caps+xml", "urn:ietf:params:xml:ns:xcap-caps", node, request)
        }
        Merged::Search => match proxy::search(&parts, results_max(asked.body)) {
            Some(whole) => Answer { body: whole.into(), ..Answer::new(StatusCode::OK) }
                .with(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.oma.search+xml")),
            None => match (own, told.into_iter().find_map(|(_, outcome)| outcome.err())) {
                (Some(own), _) => own,
                (None, status) => Answer::new(
                    status
                        .and_then(|status| StatusCode::from_u16(status).ok())
                        .unwrap_or(StatusCode::BAD_GATEWAY),
                ),
            },
        },
    }
}

/// As many results as are asked for, within our bound: each server counts for itself.
fn results_max(body: &[u8]) -> usize {
    proxy::results_asked_for(body).map_or(RESULTS_MAX, |most| most.min(RESULTS_MAX))
}

/// Runs futures together, `at_once` at a time. Their outputs, in their order.
async fn together<F: Future>(futures: impl Iterator<Item = F>, at_once: usize) -> Vec<F::Output> {
    enum Work<F: Future> {
        Todo(Pin<Box<F>>),
        Done(F::Output),
    }
    let mut works: Vec<_> = futures.map(|future| Work::Todo(Box::pin(future))).collect();
    poll_fn(|context| {
        let mut waiting = 0;
        for work in &mut works {
            let Work::Todo(future) = work else { continue };
            match future.as_mut().poll(context) {
                Poll::Ready(output) => *work = Work::Done(output),
                Poll::Pending => waiting += 1,
            }
            if waiting == at_once {
                return Poll::Pending;
            }
        }
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let done = works.into_iter().filter_map(|work| match work {
        Work::Done(output) => Some(output),
        Work::Todo(_) => None,
    });
    done.collect()
}

/// The path of the document, and the node selector.
fn split_node(path: &str) -> (&str, Option<&str>) {
    path.split_once("/~~/").map_or((path, None), |(document, node)| (document, Some(node)))
}

/// The generated document, or a part of it, with a tag that tells its content.
fn selected(
    whole: String,
    mime: &'static str,
    namespace: &str,
    node: Option<&str>,
    request: &Request<'_>,
) -> Answer {
    let hash = Algorithm::Sha256.hash(&[whole.as_bytes()]);
    let etag = ETag(hash.as_str()[..32].into());
    let limits = xcap::Limits::default();
    let (body, mime) = match node {
        None => (whole, mime),
        Some(node) => {
            let Ok(selector) = NodeSelector::parse(node, request.query, namespace, &limits) else {
                return Answer::new(StatusCode::BAD_REQUEST);
            };
            let Ok(tree) = xml::Tree::read(whole.as_bytes(), &xml::Limits::default()) else {
                return Answer::new(StatusCode::INTERNAL_SERVER_ERROR);
            };
            let Some(found) = xcap::get(&tree, &selector) else { return Answer::new(StatusCode::NOT_FOUND) };
            (found.into_owned(), selector.media_type())
        }
    };
    let unchanged = request.conditions.if_none_match.and_then(xcap::Tags::parse);
    let conditions = xcap::Conditions {
        if_match: request.conditions.if_match.and_then(xcap::Tags::parse),
        if_none_match: unchanged,
    };
    let status = match conditions.check(Some(&etag), true) {
        xcap::Verdict::Proceed => StatusCode::OK,
        xcap::Verdict::NotModified => StatusCode::NOT_MODIFIED,
        xcap::Verdict::Failed => StatusCode::PRECONDITION_FAILED,
    };
    let mut answer = Answer::new(status);
    if status == StatusCode::OK {
        answer.body = body.into();
        answer = answer.with(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    }
    match HeaderValue::try_from(etag.to_header()) {
        Ok(value) if status != StatusCode::PRECONDITION_FAILED => {
            answer.with(header::ETAG, value).with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
        }
        Ok(_) | Err(_) => answer,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn so_many_run_at_once_and_all_have_their_turn_in_the_end() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let (running, most) = (&running, &most);
        for (count, expected) in [(0, 0), (2, 2), (20, 3)] {
            most.set(0);
            let works = (0..count).map(|number| async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                for _ in 0..=number % 4 {
                    tokio::task::yield_now().await;
                }
                running.set(running.get() - 1);
                number
            });
            assert_eq!(together(works, 3).await, (0..count).collect::<Vec<_>>());
            assert_eq!(most.get(), expected, "{count}");
        }
    }
}
