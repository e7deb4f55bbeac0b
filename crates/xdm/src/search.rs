//! Searching the profiles of users, OMA XDM: a document is posted, and what is found comes back in one.

mod condition;
mod query;

use documents::search::{GRAMMAR, MEDIA_TYPE, NAMESPACE};
use xcap::Conflict;

use crate::answer::Answer;
use crate::index::Profiles;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::settings::Settings;
use crate::xui;

use query::{Item, Query};

/// What `target` of the URI may name, and what is searched without it.
const TARGET: &str = "org.openmobilealliance.user-profile/users/";

/// Answers a search. Linear in the profiles, each of which is compared by what was taken out of it beforehand.
pub(crate) fn search(
    settings: &Settings,
    request: &Request<'_>,
    profiles: &Profiles,
) -> Result<Answer, Refusal> {
    check_target(settings, request.query.unwrap_or_default())?;
    let limits = settings.limits.xml();
    let tree = xml::Tree::read(request.body, &limits).map_err(|error| Refusal::document(error, &limits))?;
    xml::schema::check_tree(&tree, &GRAMMAR).map_err(|violation| Refusal::schema(violation.to_string()))?;
    let search = tree.root().child(NAMESPACE, "search").ok_or(Refusal::schema("no search".to_owned()))?;
    let asked = search.child(NAMESPACE, "request").and_then(|request| request.child(NAMESPACE, "query"));
    let text = asked.map(|query| query.node().string_value()).unwrap_or_default();
    let query =
        Query::parse(&text).map_err(|error| Conflict::ConstraintFailure(Some(error.to_string().into())))?;
    let attribute = |name: &str| search.attribute("", name).map(|attribute| attribute.value.text());
    let id = attribute("id").unwrap_or_default();
    let most = attribute("max-results").and_then(|most| most.trim().parse().ok()).unwrap_or(usize::MAX);
    Ok(Answer::new(200)
        .with_body(MEDIA_TYPE, response(&id, &query, profiles, most.min(settings.limits.found))))
}

/// `target=..&domain=..`: only profiles can be searched, and only here.
fn check_target(settings: &Settings, query: &str) -> Result<(), Refusal> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = xui::decode(value).ok_or(Refusal::NoUsage)?;
        let is_ours = match name {
            "target" => value.trim_start_matches('/').trim_end_matches('/') == TARGET.trim_end_matches('/'),
            "domain" => settings.serves_domain(&value.to_ascii_lowercase()),
            _ => true,
        };
        if !is_ours {
            return Err(Refusal::NoUsage);
        }
    }
    Ok(())
}

fn response(id: &str, query: &Query, profiles: &Profiles, most: usize) -> Vec<u8> {
    let mut document = Vec::with_capacity(1024);
    document.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<search-set xmlns=\"");
    document.extend_from_slice(NAMESPACE.as_bytes());
    document.extend_from_slice(b"\">\n  <search id=\"");
    xml::push_attribute(&mut document, id);
    document.extend_from_slice(b"\">\n    <response>\n");
    for profile in profiles.iter().filter(|profile| query.condition.holds(profile)).take(most) {
        document.extend_from_slice(b"      <user-profile xmlns=\"urn:oma:xml:xdm:user-profile\"");
        if query.items.contains(&Item::Uri) {
            document.extend_from_slice(b" uri=\"");
            profile.values("@uri").take(1).for_each(|uri| xml::push_attribute(&mut document, uri));
            document.push(b'"');
        }
        document.push(b'>');
        for item in &query.items {
            match item {
                Item::Uri => {}
                Item::Element(path) => profile
                    .elements(path)
                    .iter()
                    .for_each(|element| document.extend_from_slice(element.as_bytes())),
            }
        }
        document.extend_from_slice(b"</user-profile>\n");
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
