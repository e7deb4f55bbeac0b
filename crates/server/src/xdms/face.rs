//! The JSON face over HTTP: `/v1/users/{xui}/contacts`, `/lists`, `/rules`, `/watchers` and `/documents`.

mod watchers;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use sip::Aor;
use store::docs::DocStore;
use xcap::{Conflict, ETag, Tags, Verdict};
use xdm::Principal;
use xdm::json::{self, Change, Collection, Edited, JsonError};

use super::site::{Asked, XdmSite};
use crate::http::{Answer, Head};

/// Where the description is.
pub const DESCRIPTION: &str = "/v1/openapi.json";

/// The description, in the words of OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// All that is offered: path and methods. A test compares it with the description.
pub const ROUTES: [(&str, &[&str]); 11] = [
    (DESCRIPTION, &["get"]),
    ("/v1/users/{xui}/contacts", &["get", "put", "patch", "delete"]),
    ("/v1/users/{xui}/contacts/{uri}", &["get", "put", "delete"]),
    ("/v1/users/{xui}/lists", &["get", "put", "patch", "delete"]),
    ("/v1/users/{xui}/lists/{name}", &["get", "put", "patch", "delete"]),
    ("/v1/users/{xui}/rules", &["get", "put", "patch", "delete"]),
    ("/v1/users/{xui}/rules/{id}", &["get", "put", "delete"]),
    ("/v1/users/{xui}/watchers", &["get"]),
    ("/v1/users/{xui}/watchers/{watcher}", &["get", "put", "delete"]),
    ("/v1/users/{xui}/documents", &["get"]),
    ("/v1/users/{xui}/documents/{auid}/{name}", &["get", "put", "patch", "delete"]),
];

/// A change is made anew so often when somebody else has changed the document meanwhile.
const TRIES: usize = 8;

/// What a path names.
enum Named<'p> {
    Description,
    Collection { user: &'p str, collection: Collection, item: Option<String> },
    Watchers { user: &'p str, owner: Aor, watcher: Option<Aor> },
    Documents { user: &'p str },
    Document { user: &'p str, auid: &'p str, name: &'p str },
}

/// Answers. `at` is where the path after `/v1` begins.
pub(super) async fn answer<D: DocStore>(
    site: &XdmSite<D>,
    head: &Head,
    principal: &Principal,
    at: usize,
    body: &Bytes,
) -> Answer {
    let path = &head.parts.uri.path()[at..];
    let Some(named) = named(path) else {
        return told(StatusCode::NOT_FOUND, "there is no such resource; /v1/openapi.json says what there is");
    };
    let parts = &head.parts;
    let ask = Asking { site, principal, headers: &parts.headers };
    let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
    match named {
        Named::Description if method == Method::GET => {
            Answer { body: OPENAPI.into(), ..Answer::new(StatusCode::OK) }
                .with(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        }
        Named::Documents { user } if method == Method::GET => ask.documents(user).await,
        Named::Watchers { user, owner, watcher: Some(watcher) } => {
            ask.watcher(method, user, &owner, &watcher, body).await
        }
        Named::Watchers { user, owner, watcher: None } if method == Method::GET => {
            ask.watchers(user, owner).await
        }
        Named::Description | Named::Documents { .. } | Named::Watchers { .. } => not_offered("GET, HEAD"),
        Named::Document { user, auid, name } => {
            let target = format!("/{auid}/users/{user}/{name}");
            match *method {
                Method::PATCH => ask.patch_document(&target, body).await,
                Method::GET | Method::PUT | Method::DELETE | Method::OPTIONS => {
                    ask.xcap(&parts.method, &target, &parts.headers, body).await
                }
                _ => not_offered("GET, HEAD, PUT, PATCH, DELETE"),
            }
        }
        Named::Collection { user, collection, item } => {
            let change = match *method {
                Method::GET => return ask.show(user, collection, item.as_deref()).await,
                Method::PUT => Change::Put,
                Method::PATCH => Change::Patch,
                Method::DELETE => Change::Delete,
                _ => return not_offered("GET, HEAD, PUT, PATCH, DELETE"),
            };
            ask.change(user, collection, item.as_deref(), change, body).await
        }
    }
}

fn named(path: &str) -> Option<Named<'_>> {
    if path == "/openapi.json" {
        return Some(Named::Description);
    }
    let (user, rest) = path.strip_prefix("/users/")?.split_once('/')?;
    let owner = xdm::owner(&json::decoded(user)?)?;
    let (what, item) = rest.split_once('/').map_or((rest, None), |(what, item)| (what, Some(item)));
    if what == "watchers" {
        let watcher = match item {
            None => None,
            Some(item) => Some(xdm::owner(&json::decoded(item)?)?),
        };
        return Some(Named::Watchers { user, owner, watcher });
    }
    if what == "documents" {
        return match item {
            None => Some(Named::Documents { user }),
            Some(item) => item.split_once('/').map(|(auid, name)| Named::Document { user, auid, name }),
        };
    }
    let collection = Collection::of(what)?;
    let item = match item {
        None => None,
        Some(item) if item.contains('/') || item.is_empty() => return None,
        Some(item) => Some(json::decoded(item)?),
    };
    Some(Named::Collection { user, collection, item })
}

/// Who asks, and under which conditions.
struct Asking<'a, D> {
    site: &'a XdmSite<D>,
    principal: &'a Principal,
    headers: &'a HeaderMap,
}

/// A document behind the face.
struct Behind {
    target: String,
    media_type: &'static str,
    etag: Option<ETag>,
    body: Option<Bytes>,
}

impl<D: DocStore> Asking<'_, D> {
    /// An XCAP request of the same caller.
    async fn xcap(&self, method: &Method, target: &str, headers: &HeaderMap, body: &Bytes) -> Answer {
        let asked = Asked { method, target, headers, principal: self.principal, body };
        self.site.ask(&asked).await
    }

    async fn documents(&self, user: &str) -> Answer {
        let target = format!("/org.openmobilealliance.xcap-directory/users/{user}/directory.xml");
        let got = self.xcap(&Method::GET, &target, &HeaderMap::new(), &Bytes::new()).await;
        if got.status != StatusCode::OK {
            return got;
        }
        match json::documents(&got.body) {
            Ok(value) => shown(StatusCode::OK, &value, None),
            Err(error) => refused(&error),
        }
    }

    /// The document, if there is one; what else the document servers answer is the answer.
    async fn behind(&self, target: String, media_type: &'static str) -> Result<Behind, Answer> {
        let got = self.xcap(&Method::GET, &target, &HeaderMap::new(), &Bytes::new()).await;
        let etag = || {
            let field = got.headers.iter().find(|(name, _)| *name == header::ETAG);
            field.and_then(|(_, value)| Some(ETag(value.to_str().ok()?.trim_matches('"').into())))
        };
        match got.status {
            StatusCode::OK => Ok(Behind { target, media_type, etag: etag(), body: Some(got.body) }),
            StatusCode::NOT_FOUND => Ok(Behind { target, media_type, etag: None, body: None }),
            _ => Err(got),
        }
    }

    async fn collection(&self, user: &str, collection: Collection) -> Result<Behind, Answer> {
        let (auid, name, media_type) = collection.document();
        self.behind(format!("/{auid}/users/{user}/{name}"), media_type).await
    }

    /// What the client's own conditions say.
    fn conditions(&self, etag: Option<&ETag>, is_read: bool) -> Result<(), Answer> {
        let tags =
            |name: HeaderName| self.headers.get(name).and_then(|value| Tags::parse(value.to_str().ok()?));
        let conditions =
            xcap::Conditions { if_match: tags(header::IF_MATCH), if_none_match: tags(header::IF_NONE_MATCH) };
        match conditions.check(etag, is_read) {
            Verdict::Proceed => Ok(()),
            Verdict::NotModified => Err(with_etag(Answer::new(StatusCode::NOT_MODIFIED), etag)),
            Verdict::Failed => Err(told(StatusCode::PRECONDITION_FAILED, "the document has changed")),
        }
    }

    async fn show(&self, user: &str, collection: Collection, item: Option<&str>) -> Answer {
        let behind = match self.collection(user, collection).await {
            Ok(behind) => behind,
            Err(answer) => return answer,
        };
        if let Err(answer) = self.conditions(behind.etag.as_ref(), true) {
            return answer;
        }
        match json::show(collection, item, behind.body.as_deref()) {
            Ok(value) => shown(StatusCode::OK, &value, behind.etag.as_ref()),
            Err(error) => refused(&error),
        }
    }

    async fn change(
        &self,
        user: &str,
        collection: Collection,
        item: Option<&str>,
        change: Change,
        body: &Bytes,
    ) -> Answer {
        for _ in 0..TRIES {
            let behind = match self.collection(user, collection).await {
                Ok(behind) => behind,
                Err(answer) => return answer,
            };
            if let Err(answer) = self.conditions(behind.etag.as_ref(), false) {
                return answer;
            }
            let edited = match json::change(collection, item, change, body, behind.body.as_deref()) {
                Ok(edited) => edited,
                Err(error) => return refused(&error),
            };
            let Edited { document, created } = edited;
            let document = Bytes::from(document);
            let etag = match self.write(&behind, &document).await {
                Ok(etag) => etag,
                Err(answer) if answer.status == StatusCode::PRECONDITION_FAILED => continue,
                Err(answer) => return answer,
            };
            let status = if created { StatusCode::CREATED } else { StatusCode::OK };
            if change == Change::Delete {
                return with_etag(Answer::new(StatusCode::NO_CONTENT), etag.as_ref());
            }
            return match json::show(collection, item, Some(&document)) {
                Ok(value) => shown(status, &value, etag.as_ref()),
                Err(error) => refused(&error),
            };
        }
        Answer::later(StatusCode::SERVICE_UNAVAILABLE, 1, "others change the document all the time")
    }

    /// Writes a document if it is still as it was read; a refusal is told in JSON.
    async fn write(&self, behind: &Behind, document: &Bytes) -> Result<Option<ETag>, Answer> {
        if behind.body.as_ref() == Some(document) {
            return Ok(behind.etag.clone());
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(behind.media_type));
        match behind.etag.as_ref().map(|etag| HeaderValue::try_from(etag.to_header())) {
            Some(Ok(etag)) => _ = headers.insert(header::IF_MATCH, etag),
            Some(Err(_)) | None => _ = headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*")),
        }
        let put = self.xcap(&Method::PUT, &behind.target, &headers, document).await;
        if !put.status.is_success() {
            return Err(explained(put));
        }
        let field = put.headers.iter().find(|(name, _)| *name == header::ETAG);
        Ok(field.and_then(|(_, value)| Some(ETag(value.to_str().ok()?.trim_matches('"').into()))))
    }

    /// RFC 7351: a patch of any document.
    async fn patch_document(&self, target: &str, body: &Bytes) -> Answer {
        let media_type =
            self.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if !media_type.starts_with(b"application/xml-patch+xml") {
            return told(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a patch is application/xml-patch+xml")
                .with(header::ACCEPT, HeaderValue::from_static("application/xml-patch+xml"));
        }
        for _ in 0..TRIES {
            let got = self.xcap(&Method::GET, target, &HeaderMap::new(), &Bytes::new()).await;
            if got.status != StatusCode::OK {
                return got;
            }
            let field = |name: HeaderName| {
                got.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone())
            };
            let Some(etag) = field(header::ETAG) else { return Answer::new(StatusCode::CONFLICT) };
            let tag = etag.to_str().ok().map(|etag| ETag(etag.trim_matches('"').into()));
            if let Err(answer) = self.conditions(tag.as_ref(), false) {
                return answer;
            }
            let patched = match json::patched(&got.body, body) {
                Ok(patched) => Bytes::from(patched),
                Err(error) => return refused(&error),
            };
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, etag);
            headers.extend(field(header::CONTENT_TYPE).map(|media_type| (header::CONTENT_TYPE, media_type)));
            let put = self.xcap(&Method::PUT, target, &headers, &patched).await;
            if put.status != StatusCode::PRECONDITION_FAILED {
                return put;
            }
        }
        Answer::later(StatusCode::SERVICE_UNAVAILABLE, 1, "others change the document all the time")
    }
}

/// A conflict report of XCAP in the words of this face.
fn explained(answer: Answer) -> Answer {
    if answer.status != StatusCode::CONFLICT {
        return answer;
    }
    match Conflict::read(&answer.body, &xml::Limits::default()) {
        Some(conflict) => told(StatusCode::CONFLICT, &conflict.to_string()),
        None => told(StatusCode::CONFLICT, "the change does not fit the document"),
    }
}

fn refused(error: &JsonError) -> Answer {
    told(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST), &error.to_string())
}

fn not_offered(allow: &'static str) -> Answer {
    told(StatusCode::METHOD_NOT_ALLOWED, "that cannot be done with it")
        .with(header::ALLOW, HeaderValue::from_static(allow))
}

fn told(status: StatusCode, why: &str) -> Answer {
    shown(status, &json!({ "error": why }), None)
}

fn shown(status: StatusCode, value: &Value, etag: Option<&ETag>) -> Answer {
    let answer = Answer { body: value.to_string().into(), ..Answer::new(status) }
        .with(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    with_etag(answer, etag)
}

fn with_etag(answer: Answer, etag: Option<&ETag>) -> Answer {
    match etag.and_then(|etag| HeaderValue::try_from(etag.to_header()).ok()) {
        Some(value) => answer.with(header::ETAG, value),
        None => answer,
    }
}
