//! Requests of one user to one XCAP root, with credentials where they are asked for.

use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG as ETAG_FIELD, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
    IF_NONE_MATCH, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE,
};
use hyper::{Method, Request};
use sip_stack::digest_client::{Account, DigestClient, Outcome};
use sip_stack::mac::Random;
use xcap::{Conflict, ETag};

use super::{Resource, XdmError};
use crate::web::{Address, Bounds, Reply, Trust, TrustError, Web};
use crate::{ConnectError, Identity};

/// The field by which a client says as whom it acts.
const INTENDED: HeaderName = HeaderName::from_static("x-3gpp-intended-identity");

/// The fields by which one whose word is taken says who asks; both occur.
const ASSERTED: [HeaderName; 2] = [
    HeaderName::from_static("x-3gpp-asserted-identity"),
    HeaderName::from_static("x-xcap-asserted-identity"),
];

/// Who the user is, and where the documents are.
#[derive(Clone)]
pub struct XdmOptions {
    /// Whose documents are meant where nobody else is named.
    pub identity: Identity,
    /// The XCAP root.
    pub root: Address,
    /// Whom to believe that it is the server.
    pub trust: Trust,
    /// The name that goes with the password; the user part of the identity if there is none.
    pub username: Option<String>,
    /// What proves the user, where that is asked for.
    pub password: Option<String>,
    /// Patience and sizes.
    pub bounds: Bounds,
}

impl XdmOptions {
    /// Without a password.
    pub fn new(identity: Identity, root: Address, trust: Trust) -> Self {
        Self { identity, root, trust, username: None, password: None, bounds: Bounds::default() }
    }
}

impl fmt::Debug for XdmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XdmOptions")
            .field("identity", &self.identity)
            .field("root", &self.root)
            .finish_non_exhaustive() // the password above all
    }
}

/// What must hold of the document for a request to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// It is at this version, as a header field has it: with its quotes.
    At(String),
    /// It is not there.
    Absent,
}

/// What a GET found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The version of the whole document, as a header field has it.
    pub etag: Option<String>,
    /// Its type.
    pub media_type: String,
    /// The document, or the part of it.
    pub body: Bytes,
}

/// What a PUT did.
#[derive(Clone, Debug)]
pub struct Put {
    /// Whether something came to be that was not there.
    pub created: bool,
    /// The version of the whole document after it.
    pub etag: Option<String>,
}

/// One user at one XCAP root.
pub struct XdmClient {
    identity: Identity,
    web: Web,
    has_account: bool,
    /// Challenges met, and randomness for the answers.
    digest: Mutex<(DigestClient, Random)>,
}

impl XdmClient {
    /// Nothing is connected yet.
    pub fn new(options: XdmOptions) -> Result<Self, OpenError> {
        let username = options.username.unwrap_or_else(|| options.identity.user());
        let account = options.password.map(|password| Account { username, password });
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| OpenError::Randomness(ConnectError::Randomness))?;
        Ok(Self {
            identity: options.identity,
            has_account: account.is_some(),
            web: Web::new(options.root, &options.trust, options.bounds)?,
            digest: Mutex::new((DigestClient::new(account), Random::new(seed))),
        })
    }

    /// Whose documents are meant where nobody else is named.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The server in words.
    pub fn server(&self) -> String {
        self.web.to_string()
    }

    /// Fetches. `None` if nothing is there.
    pub async fn get(&self, resource: &Resource) -> Result<Option<Found>, XdmError> {
        let reply = self.ask(Method::GET, resource, HeaderMap::new(), Bytes::new()).await?;
        match reply.status.as_u16() {
            200 => Ok(Some(Found {
                etag: text(&reply.headers, &ETAG_FIELD),
                media_type: text(&reply.headers, &CONTENT_TYPE).unwrap_or_default(),
                body: reply.body,
            })),
            404 => Ok(None),
            _ => Err(refusal(&reply)),
        }
    }

    /// Asks for a document by its path below the XCAP root, as it stands in a URI. `unless` is a version that need not be sent
    /// again; `asserted` says who asks, to a server that takes our word for it. The answer is given as it is: only challenges
    /// are dealt with here, and no redirection is followed.
    pub async fn fetch(
        &self,
        path: &str,
        unless: Option<&ETag>,
        asserted: Option<&Identity>,
    ) -> Result<Reply, XdmError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = unless.and_then(|etag| HeaderValue::try_from(etag.to_header()).ok()) {
            headers.insert(IF_NONE_MATCH, value);
        }
        let asserted = asserted.map(|identity| format!("\"{}\"", identity.aor()));
        if let Some(value) = asserted.and_then(|asserted| HeaderValue::try_from(asserted).ok()) {
            ASSERTED.into_iter().for_each(|name| _ = headers.insert(name, value.clone()));
        }
        let target = format!("{}/{path}", self.web.address().path);
        self.ask_at(Method::GET, &target, headers, Bytes::new(), self.has_account).await
    }

    /// Makes or replaces.
    pub async fn put(
        &self,
        resource: &Resource,
        body: impl Into<Bytes>,
        condition: &Condition,
    ) -> Result<Put, XdmError> {
        let media_type = resource.media_type().unwrap_or("application/xml");
        self.put_as(resource, media_type, body, condition).await
    }

    /// Makes or replaces a document of another type than is usual.
    pub async fn put_as(
        &self,
        resource: &Resource,
        media_type: &str,
        body: impl Into<Bytes>,
        condition: &Condition,
    ) -> Result<Put, XdmError> {
        let mut headers = conditional(condition);
        if let Ok(value) = HeaderValue::try_from(media_type) {
            headers.insert(CONTENT_TYPE, value);
        }
        let reply = self.ask(Method::PUT, resource, headers, body.into()).await?;
        match reply.status.as_u16() {
            status @ (200 | 201) => {
                Ok(Put { created: status == 201, etag: text(&reply.headers, &ETAG_FIELD) })
            }
            _ => Err(refusal(&reply)),
        }
    }

    /// Removes. Whether something was there.
    pub async fn delete(&self, resource: &Resource, condition: &Condition) -> Result<bool, XdmError> {
        let reply = self.ask(Method::DELETE, resource, conditional(condition), Bytes::new()).await?;
        match reply.status.as_u16() {
            200 | 204 => Ok(true),
            404 => Ok(false),
            _ => Err(refusal(&reply)),
        }
    }

    /// Asks, and answers a challenge once.
    async fn ask(
        &self,
        method: Method,
        resource: &Resource,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, XdmError> {
        let target = format!("{}{}", self.web.address().path, resource.target(&self.identity));
        self.ask_at(method, &target, headers, body, true).await
    }

    async fn ask_at(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
        intends: bool,
    ) -> Result<Reply, XdmError> {
        // A challenge for what is still the old nonce is answered once more.
        for _ in 0..3 {
            let (request, answered) = self.request(&method, target, &headers, &body, intends);
            let reply = self.web.ask(request).await?;
            if !matches!(reply.status.as_u16(), 401 | 407) {
                return Ok(reply);
            }
            let fields = |name: HeaderName, proxy: bool| {
                let values = reply.headers.get_all(name).into_iter();
                values.filter_map(move |value| Some((proxy, value.to_str().ok()?)))
            };
            let challenges = fields(WWW_AUTHENTICATE, false).chain(fields(PROXY_AUTHENTICATE, true));
            match self.digest().0.challenged_by(challenges, answered) {
                Outcome::Retry => {}
                Outcome::Refused => return Err(XdmError::WrongPassword),
                Outcome::Unanswerable => return Err(XdmError::Unanswerable),
            }
        }
        Err(XdmError::WrongPassword)
    }

    fn request(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: &Bytes,
        intends: bool,
    ) -> (Request<Full<Bytes>>, bool) {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        if let Ok(uri) = target.parse() {
            *request.uri_mut() = uri;
        }
        let fields = request.headers_mut();
        fields.clone_from(headers);
        let intended = intends.then(|| format!("\"{}\"", self.identity.aor()));
        if let Some(value) = intended.and_then(|intended| HeaderValue::try_from(intended).ok()) {
            fields.insert(INTENDED, value);
        }
        let mut digest = self.digest();
        let (digests, random) = &mut *digest;
        let answers = digests.answers(method.as_str(), target, random);
        for (proxy, answer) in &answers {
            if let Ok(value) = HeaderValue::try_from(answer) {
                fields.append(if *proxy { PROXY_AUTHORIZATION } else { AUTHORIZATION }, value);
            }
        }
        (request, !answers.is_empty())
    }

    fn digest(&self) -> MutexGuard<'_, (DigestClient, Random)> {
        self.digest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for XdmClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XdmClient")
            .field("identity", &self.identity)
            .field("web", &self.web)
            .finish_non_exhaustive()
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody can be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system gives no random numbers.
    #[error(transparent)]
    Randomness(ConnectError),
}

fn conditional(condition: &Condition) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match condition {
        Condition::None => {}
        Condition::At(etag) => {
            if let Ok(value) = HeaderValue::try_from(etag) {
                headers.insert(IF_MATCH, value);
            }
        }
        Condition::Absent => _ = headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*")),
    }
    headers
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn refusal(reply: &Reply) -> XdmError {
    match reply.status.as_u16() {
        409 => XdmError::Conflict(Conflict::read(&reply.body, &xml::Limits::default())),
        412 => XdmError::Changed,
        status => XdmError::Refused { status, accepts: text(&reply.headers, &hyper::header::ACCEPT) },
    }
}
