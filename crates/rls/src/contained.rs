//! Lists that a request contains, RFC 5367 and RFC 5363 §4.1.

use std::collections::HashSet;
use std::sync::Arc;

use documents::resource_lists::{self, Entry, Flat, NoReferences, Problem, ResourceLists, flatten};
use sip::{MediaType, Message, Name, accepts, canonical_text};

use crate::refusal::{EVENTLIST, Refusal};

/// Bounds of a list in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of its documents, unpacked (413).
    pub octets: usize,
    /// Its resources (413).
    pub resources: usize,
}

/// Whether a SUBSCRIBE says that it understands lists.
pub fn supports_lists(request: &Message<'_>) -> bool {
    let mut tags = request.values(Name::Supported).chain(request.values(Name::Require));
    tags.any(|tag| tag.eq_ignore_ascii_case(EVENTLIST))
}

/// Whether the watcher reads what list NOTIFYs hold, RFC 4662 §4.3. Without an Accept field `Supported: eventlist` says so.
pub fn accepts_lists(request: &Message<'_>) -> bool {
    request.get(Name::Accept).is_none()
        || ["multipart/related", documents::rlmi::MEDIA_TYPE]
            .iter()
            .all(|media_type| accepts(request.values(Name::Accept), media_type))
}

/// The resources of the lists that a request contains, as one list. Those that cannot be subscribed to are left out, and
/// so are references and, by the comparison of their scheme, URIs that stand there before (RFC 5363 §4.1).
pub fn entries(request: &Message<'_>, limits: &Limits) -> Result<Arc<[Entry]>, Refusal> {
    let mut lists = resource_lists::List::default();
    let parts = lists_among_parts(request);
    if parts.is_empty() {
        let media_type = request.get(Name::ContentType);
        read(media_type, request.get(Name::ContentEncoding), request.body(), limits, &mut lists)?;
    }
    for part in parts {
        let (media_type, coding) = (part.get(Name::ContentType), part.get(Name::ContentEncoding));
        read(media_type, coding, part.body, limits, &mut lists)?;
    }
    let bounds = resource_lists::Limits { entries: limits.resources, ..resource_lists::Limits::DEFAULT };
    let Flat { entries, problems, .. } = flatten(&lists, &mut NoReferences, &bounds);
    if problems.iter().any(|problem| matches!(problem, Problem::TooManyEntries(_))) {
        return Err(Refusal::TooLarge);
    }
    let mut seen = HashSet::new();
    let is_new = |entry: &Entry| canonical_text(&entry.uri).is_some_and(|uri| seen.insert(uri));
    Ok(entries.into_iter().filter(is_new).collect())
}

/// Reads one document into a list of lists.
fn read(
    media_type: Option<&str>,
    coding: Option<&str>,
    body: &[u8],
    limits: &Limits,
    into: &mut resource_lists::List,
) -> Result<(), Refusal> {
    let media_type = media_type.and_then(|value| MediaType::parse(value).ok());
    if !media_type.is_some_and(|media_type| media_type.is("application", "resource-lists+xml")) {
        return Err(Refusal::UnknownForm);
    }
    let plain = sip::unpack(coding, body, limits.octets).map_err(|error| match error {
        sip::CodingError::Unknown => Refusal::UnknownForm,
        sip::CodingError::TooLarge => Refusal::TooLarge,
        sip::CodingError::Broken(_) => Refusal::Broken(error.to_string()),
    })?;
    let bounds = xml::Limits { bytes: limits.octets, nodes: usize::MAX, ..xml::Limits::default() };
    let document =
        ResourceLists::parse(&plain, &bounds).map_err(|error| Refusal::Broken(error.to_string()))?;
    into.members.extend(document.lists.into_iter().map(resource_lists::Member::List));
    Ok(())
}

/// The parts of a multipart body that are said to be lists, RFC 5363 §4.1.
fn lists_among_parts<'a>(request: &Message<'a>) -> Vec<sip::Part<'a>> {
    let media_type = request.get(Name::ContentType).and_then(|value| MediaType::parse(value).ok());
    let parts = media_type.filter(|media_type| media_type.kind.eq_ignore_ascii_case("multipart")).and_then(
        |media_type| sip::multipart::parts(&media_type, request.body(), &sip::Limits::DEFAULT).ok(),
    );
    let is_list = |part: &sip::Part<'_>| is_recipient_list(part.get(Name::ContentDisposition));
    parts.unwrap_or_default().into_iter().filter(is_list).collect()
}

fn is_recipient_list(disposition: Option<&str>) -> bool {
    let kind = disposition.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("recipient-list")
}
