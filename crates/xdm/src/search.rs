//! Searching the profiles of users, and groups, OMA XDM: a document is posted, and what is found comes back in one.

mod condition;
mod query;

use documents::search::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Conflict;

use crate::answer::Answer;
use crate::index::{Collection, Searched};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::settings::Settings;
use crate::xui;

use query::{Item, Query};

/// Answers a search. Linear in what is searched, each of which is compared by what was taken out of it beforehand.
pub(crate) fn search(
    settings: &Settings,
    request: &Request<'_>,
    searched: &Searched,
) -> Result<Answer, Refusal> {
    let target = target(settings, request.query.unwrap_or_default())?;
    let limits = settings.limits.xml();
    let tree = xml::Tree::read(request.body, &limits).map_err(|error| Refusal::document(error, &limits))?;
    xml::schema::check_tree(&tree, &GRAMMAR).map_err(|violation| Refusal::schema(violation.to_string()))?;
    let search = tree.root().child(NAMESPACE, "search").ok_or(Refusal::schema("no search".to_owned()))?;
    let asked = search.child(NAMESPACE, "request").and_then(|request| request.child(NAMESPACE, "query"));
    let text = asked.map(|query| query.node().string_value()).unwrap_or_default();
    let query =
        Query::parse(&text).map_err(|error| Conflict::ConstraintFailure(Some(error.to_string().into())))?;
    if target.is_some_and(|target| target != query.collection) {
        return Err(Refusal::constraint("The query is about another collection than the target."));
    }
    let attribute = |name: &str| search.attribute("", name).map(|attribute| attribute.value.text());
    let id = attribute("id").unwrap_or_default();
    let most = attribute("max-results").and_then(|most| most.trim().parse().ok()).unwrap_or(usize::MAX);
    Ok(Answer::new(200)
        .with_body(MEDIA_TYPE, response(&id, &query, searched, most.min(settings.limits.found))))
}

/// `target=..&domain=..`: what is searched, if it is said, and where: only here.
fn target(settings: &Settings, query: &str) -> Result<Option<Collection>, Refusal> {
    let mut target = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = xui::decode(value).ok_or(Refusal::NoUsage)?;
        let is_ours = match name {
            "target" => {
                let path = value.trim_matches('/');
                target = Collection::ALL.into_iter().find(|collection| collection.path() == path);
                target.is_some()
            }
            "domain" => settings.serves_domain(&value.to_ascii_lowercase()),
            _ => true,
        };
        if !is_ours {
            return Err(Refusal::NoUsage);
        }
    }
    Ok(target)
}

fn response(id: &str, query: &Query, searched: &Searched, most: usize) -> Vec<u8> {
    let mut document = Vec::with_capacity(1024);
    document.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<search-set xmlns=\"");
    document.extend_from_slice(NAMESPACE.as_bytes());
    document.extend_from_slice(b"\">\n  <search id=\"");
    xml::push_attribute(&mut document, id);
    document.extend_from_slice(b"\">\n    <response>\n");
    let (name, namespace) = (query.collection.name(), query.collection.namespace());
    for thing in searched.of(query.collection).filter(|thing| query.condition.holds(thing)).take(most) {
        document.extend_from_slice(format!("      <{name} xmlns=\"{namespace}\"").as_bytes());
        if query.items.contains(&Item::Uri) {
            document.extend_from_slice(b" uri=\"");
            thing.values("@uri").take(1).for_each(|uri| xml::push_attribute(&mut document, uri));
            document.push(b'"');
        }
        document.push(b'>');
        for item in &query.items {
            match item {
                Item::Uri => {}
                Item::Element(path) => thing
                    .elements(path)
                    .iter()
                    .for_each(|element| document.extend_from_slice(element.as_bytes())),
            }
        }
        document.extend_from_slice(format!("</{name}>\n").as_bytes());
    }
    document.extend_from_slice(b"    </response>\n  </search>\n</search-set>\n");
    document
}

/// The limits of a query, which no operator needs to set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of its text.
    bytes: usize,
    /// Comparisons.
    comparisons: usize,
    /// Parentheses within parentheses.
    depth: usize,
    /// Items that are returned.
    items: usize,
}

pub(crate) const BOUNDS: Bounds = Bounds { bytes: 4096, comparisons: 16, depth: 8, items: 16 };
