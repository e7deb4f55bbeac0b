//! What the HTTP entrance serves: XCAP to the document servers here and elsewhere, and the JSON face.

use core::net::SocketAddr;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use sip::Aor;
use sip_stack::auth::{Authenticator, Caller, Entitled, Network, WebRequest};
use store::StoreError;
use store::docs::DocStore;
use xdm::proxy::{self, Claim, Disbelief, Routes, Way};
use xdm::{Conditions, Principal, Request};

use super::archive::Archive;
use super::counts::XdmCounts;
use super::remote::{Forwarded, Remotes};
use super::{face, merged};
use crate::clock::Clock;
use crate::http::rate::Meter;
use crate::http::{Answer, Head, Site};
use crate::pump::Post;
use crate::standing::standing;

/// All that stands behind the entrance.
pub struct XdmSite<D> {
    /// The documents here, if this node has any.
    pub archive: Option<Arc<Archive<D>>>,
    /// The path of the XCAP root, such as `/xcap-root`.
    pub root: String,
    /// The XCAP root as clients know it.
    pub public_root: String,
    /// Who a caller is.
    pub authenticator: Mutex<Authenticator>,
    /// Who acts for the provider.
    pub providers: RwLock<BTreeSet<Aor>>,
    /// Who may have documents at all.
    pub entitled: RwLock<Entitled>,
    /// Requests of one user.
    pub users: Meter,
    /// Our own domains, in lower case.
    pub domains: Vec<String>,
    /// From where the Aggregation Proxies of other domains ask.
    pub domain_peers: RwLock<Vec<(String, Vec<Network>)>>,
    /// Where usages, and users of other domains, are that are not here.
    pub routes: Routes,
    /// The servers that the routes lead to.
    pub remotes: Remotes,
    /// Counters.
    pub counts: Arc<XdmCounts>,
    /// The one clock.
    pub clock: Clock,
    /// The way to the shards, which know who watches.
    pub post: Post,
}

/// Who asks, and by which face.
#[derive(Debug)]
pub struct Pass {
    principal: Principal,
    face: Face,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    /// XCAP; the path after the root begins here.
    Xcap(usize),
    /// JSON; the path after `/v1` begins here.
    Json(usize),
}

impl<D: DocStore> Site for XdmSite<D> {
    type Pass = Pass;

    fn trusts(&self, peer: SocketAddr) -> bool {
        self.authenticator().trusts(peer) || self.domain_of(peer).is_some()
    }

    fn admit(&self, head: &Head) -> Result<Pass, Answer> {
        let path = head.parts.uri.path();
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        let face = if below(&self.root) {
            Face::Xcap(self.root.len())
        } else if below("/v1") {
            Face::Json(3)
        } else {
            return Err(Answer::text(StatusCode::NOT_FOUND, &format!("the XCAP root is {}", self.root)));
        };
        let principal =
            self.principal(head, face).inspect_err(|refused| self.count(head, face, refused.status, None))?;
        if let Principal::User(identities) = &principal
            && !self.entitled.read().unwrap_or_else(PoisonError::into_inner).has(identities)
        {
            let refused = Answer::text(StatusCode::FORBIDDEN, "this user is not entitled to documents");
            self.count(head, face, refused.status, None);
            return Err(refused);
        }
        if let Principal::User(identities) = &principal
            && let Some(user) = identities.first()
            && let Err(wait) = self.users.take(head.at, user.as_str())
        {
            let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            let refused =
                Answer::later(StatusCode::TOO_MANY_REQUESTS, seconds, "too many requests of this user");
            self.count(head, face, refused.status, None);
            return Err(refused);
        }
        Ok(Pass { principal, face })
    }

    async fn answer(&self, head: Head, pass: Pass, body: Bytes) -> Answer {
        let size = (head.parts.method == Method::PUT).then_some(body.len());
        let answer = match pass.face {
            Face::Xcap(at) => self.xcap(&head, &pass.principal, at, &body).await,
            Face::Json(at) => face::answer(self, &head, &pass.principal, at, &body).await,
        };
        self.count(&head, pass.face, answer.status, size);
        answer
    }
}

impl<D: DocStore> XdmSite<D> {
    fn authenticator(&self) -> std::sync::MutexGuard<'_, Authenticator> {
        self.authenticator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asks. Nobody needs to be somebody to learn what is allowed.
    fn principal(&self, head: &Head, face: Face) -> Result<Principal, Answer> {
        let (parts, path) = (&head.parts, head.parts.uri.path());
        if parts.method == Method::OPTIONS || path == face::DESCRIPTION {
            return Ok(Principal::Anonymous);
        }
        if let Some(domain) = self.domain_of(head.peer)
            && proxy::ASSERTED.into_iter().any(|name| parts.headers.contains_key(name))
        {
            return user_of(&domain, &parts.headers);
        }
        let mut authenticator = self.authenticator();
        let trusted = authenticator.trusts(head.peer);
        let asserted = proxy::ASSERTED.into_iter().flat_map(|name| texts(&parts.headers, name));
        let claim = proxy::claim(trusted, asserted, texts(&parts.headers, proxy::INTENDED));
        let Claim { asserted, mut intended } = claim.map_err(|disbelief| disbelieved(&disbelief))?;
        let authorization: Vec<&str> = texts(&parts.headers, header::AUTHORIZATION.as_str()).collect();
        if trusted && asserted.is_empty() && authorization.is_empty() {
            // One of our own elements that asks for itself, such as a Presence Server (PRS-8).
            return Ok(Principal::Element);
        }
        if authenticator.is_open() && intended.is_none() {
            // Who names nobody is taken for the owner of what is asked for: so a trial needs no header fields.
            intended = owner(path, face);
        }
        let target = parts.uri.path_and_query().map_or(path, |target| target.as_str());
        let request = WebRequest {
            peer: head.peer,
            method: parts.method.as_str(),
            target,
            authorization: &authorization,
            asserted: &asserted,
            intended: intended.as_ref(),
        };
        let caller = authenticator.identify(self.clock.now(), &request).map_err(|challenge| {
            let status = StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let words =
                if status == StatusCode::FORBIDDEN { "that is somebody else" } else { "who are you?" };
            let mut answer = Answer::text(status, words);
            for field in challenge.fields() {
                if let Ok(value) = HeaderValue::try_from(field) {
                    answer.headers.push((header::WWW_AUTHENTICATE, value));
                }
            }
            answer
        })?;
        drop(authenticator);
        Ok(self.role(&caller))
    }

    /// The domain whose Aggregation Proxy asks from there.
    fn domain_of(&self, peer: SocketAddr) -> Option<String> {
        let peers = self.domain_peers.read().unwrap_or_else(PoisonError::into_inner);
        let asks = |networks: &[Network]| networks.iter().any(|network| network.contains(peer.ip()));
        peers.iter().find(|(_, networks)| asks(networks)).map(|(domain, _)| domain.clone())
    }

    /// Whether documents of another domain are fetched for somebody: for our own users, whom it can be told, and for nobody
    /// who asks from elsewhere, so that no request goes round.
    fn is_ours(&self, principal: &Principal) -> bool {
        let Principal::User(identities) = principal else { return false };
        let is_ours = |domain: &str| self.domains.iter().any(|own| own == domain);
        identities.first().is_some_and(|user| user.domain().is_none_or(is_ours))
    }

    fn role(&self, caller: &Caller) -> Principal {
        let providers = self.providers.read().unwrap_or_else(PoisonError::into_inner);
        if caller.identities().iter().any(|identity| providers.contains(identity)) {
            return Principal::Provider;
        }
        Principal::User(caller.identities().to_vec())
    }

    async fn xcap(&self, head: &Head, principal: &Principal, at: usize, body: &Bytes) -> Answer {
        let parts = &head.parts;
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let asked = Asked {
            method: &parts.method,
            target: target.get(at..).unwrap_or_default(),
            headers: &parts.headers,
            principal,
            body,
        };
        self.ask(&asked).await
    }

    /// Answers an XCAP request, wherever its documents are.
    pub(super) async fn ask(&self, asked: &Asked<'_>) -> Answer {
        let request = asked.request();
        match self.routes.way(request.path, request.query) {
            Way::Here => self.here(&request).await,
            Way::Domain(_) if !self.is_ours(asked.principal) => {
                Answer::text(StatusCode::NOT_FOUND, "users of that domain are served elsewhere")
            }
            Way::Remote(number) | Way::Domain(number) => {
                self.remotes.forward(number, asked.forwarded(&asked.identity())).await
            }
            Way::All(merged) => merged::answer(self, merged, asked, &request).await,
        }
    }

    /// The answer of the documents here.
    pub(super) async fn here(&self, request: &Request<'_>) -> Answer {
        let Some(archive) = &self.archive else { return Answer::new(StatusCode::NOT_FOUND) };
        let standing = match (archive.xdms().presentity(request), request.principal) {
            (Some(presentity), Principal::User(identities)) => {
                let Some(standing) = standing(&self.post, presentity, identities.clone()).await else {
                    return Answer::later(StatusCode::SERVICE_UNAVAILABLE, 5, "the rules cannot be read now");
                };
                Some(standing)
            }
            _ => None,
        };
        let standing = standing.map(node::standing);
        match archive.answer(&Request { standing: standing.as_ref(), ..*request }).await {
            Ok(answer) => fitted(answer),
            Err(error) => fault(&error),
        }
    }

    /// Counts under the application usage of the path, if there is one of that name.
    fn count(&self, head: &Head, face: Face, status: StatusCode, size: Option<usize>) {
        let method = match head.parts.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            Method::POST => "POST",
            Method::PATCH => "PATCH",
            _ => "other",
        };
        let auid = match face {
            Face::Xcap(at) => head.parts.uri.path()[at..].split('/').nth(1).unwrap_or_default(),
            Face::Json(_) => "",
        };
        let is_here = || self.archive.as_ref().is_some_and(|archive| archive.xdms().usage(auid).is_some());
        let is_known =
            is_here() || matches!(self.routes.way(&head.parts.uri.path()[face.at()..], None), Way::Remote(_));
        let auid = if is_known { auid } else { "" };
        let took = self.clock.elapsed().saturating_sub(head.at);
        self.counts.answered(method, status.as_u16(), auid, took, size);
    }
}

impl Face {
    const fn at(self) -> usize {
        match self {
            Self::Xcap(at) | Self::Json(at) => at,
        }
    }
}

/// Who asks by the proxy of another domain: one of its users.
fn user_of(domain: &str, headers: &HeaderMap) -> Result<Principal, Answer> {
    let asserted = proxy::ASSERTED.into_iter().flat_map(|name| texts(headers, name));
    let claim = proxy::claim(true, asserted, texts(headers, proxy::INTENDED));
    let users = claim.map_err(|disbelief| disbelieved(&disbelief))?.asserted;
    if users.is_empty() || users.iter().any(|user| user.domain() != Some(domain)) {
        return Err(Answer::text(StatusCode::FORBIDDEN, "a domain speaks for its own users"));
    }
    Ok(Principal::User(users))
}

fn disbelieved(disbelief: &Disbelief) -> Answer {
    let status = StatusCode::from_u16(disbelief.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Answer::text(status, &disbelief.to_string())
}

/// The values of a header field. One that is no text becomes one that says nothing we know, so that it is refused rather
/// than passed over.
fn texts<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> + use<'h> {
    headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"))
}

/// The user whose tree a path is in.
fn owner(path: &str, face: Face) -> Option<Aor> {
    let segments = path[face.at()..].split('/');
    let mut after_users = segments.skip_while(|segment| *segment != "users").skip(1);
    xdm::owner(&percent_decoded(after_users.next()?)?)
}

fn percent_decoded(segment: &str) -> Option<String> {
    if !segment.is_empty() && !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let limits = xcap::Limits::default();
    // A reference decodes as the document servers do.
    let reference = format!("x/users/{segment}/x");
    match xcap::Reference::split(&reference, None, &limits).ok()?.branch? {
        xcap::Branch::User(user) => Some(user.into_owned()),
        xcap::Branch::Users | xcap::Branch::Global => None,
    }
}

/// A request of XCAP, as it came or as the JSON face makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    /// Path after the XCAP root, and query.
    pub(super) target: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) principal: &'a Principal,
    pub(super) body: &'a Bytes,
}

impl Asked<'_> {
    /// Whom a remote document server is told that the request is from.
    pub(super) fn identity(&self) -> String {
        match self.principal {
            Principal::User(identities) => proxy::print(identities),
            // What the provider may do it may do at its own node.
            Principal::Anonymous | Principal::Element | Principal::Provider => String::new(),
        }
    }
}

impl<'a> Asked<'a> {
    pub(super) fn forwarded(&self, identity: &'a str) -> Forwarded<'a> {
        let Self { method, target, headers, body, .. } = *self;
        Forwarded { method, target, headers, identity, body }
    }

    fn request(&self) -> Request<'a> {
        let headers: &'a HeaderMap = self.headers;
        let one = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let (path, query) =
            self.target.split_once('?').map_or((self.target, None), |(path, query)| (path, Some(query)));
        Request {
            method: xdm::Method::of(self.method.as_str()),
            path,
            query,
            conditions: Conditions {
                if_match: one(header::IF_MATCH),
                if_none_match: one(header::IF_NONE_MATCH),
                if_modified_since: one(header::IF_MODIFIED_SINCE),
                if_unmodified_since: one(header::IF_UNMODIFIED_SINCE),
            },
            content_type: one(header::CONTENT_TYPE),
            body: self.body,
            principal: self.principal,
            standing: None,
        }
    }
}

const NO_CACHE: &str = "no-cache";

/// The name of a field of an answer. Those that most have are not read.
fn field_name(name: &str) -> Option<HeaderName> {
    match name {
        "Content-Type" => Some(header::CONTENT_TYPE),
        "ETag" => Some(header::ETAG),
        "Last-Modified" => Some(header::LAST_MODIFIED),
        "Cache-Control" => Some(header::CACHE_CONTROL),
        other => HeaderName::try_from(other).ok(),
    }
}

/// An answer of the document servers as HTTP.
pub(super) fn fitted(answer: xdm::Answer) -> Answer {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = Vec::with_capacity(8);
    for (name, value) in answer.fields() {
        let value = match value {
            Cow::Borrowed(NO_CACHE) => Ok(HeaderValue::from_static(NO_CACHE)),
            Cow::Borrowed(value) => HeaderValue::from_str(value),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        if let (Some(name), Ok(value)) = (field_name(name), value) {
            headers.push((name, value));
        }
    }
    Answer { status, headers, body: Bytes::from_owner(answer.body) }
}

/// The store cannot do it: the client may come again, unless what is stored is damaged.
pub(super) fn fault(error: &StoreError) -> Answer {
    match error {
        StoreError::Unavailable { retry_after } => {
            tracing::warn!(%error, "a request is refused");
            Answer::later(StatusCode::SERVICE_UNAVAILABLE, retry_after.as_secs(), "the store is not ready")
        }
        StoreError::Full | StoreError::Unknown | StoreError::Fenced | StoreError::Locked => {
            tracing::error!(%error, "the store fails");
            Answer::later(StatusCode::SERVICE_UNAVAILABLE, 5, "the store fails")
        }
        StoreError::Corrupt(_) | StoreError::TooLarge => {
            tracing::error!(%error, "a document cannot be served");
            Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "a fault of the server")
        }
    }
}
