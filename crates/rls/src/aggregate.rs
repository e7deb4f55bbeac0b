//! Reading what a list NOTIFY holds: meta-information, and the parts that it refers to. RFC 4662 §5, RFC 2387.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use documents::DocumentError;
use documents::rlmi::{Aggregate, Body, List, Part};
use sip::{MediaType, MultipartError, Name};

/// The media type of a list NOTIFY.
pub const MEDIA_TYPE: &str = "multipart/related";

/// Bounds of what is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Parts of one multipart.
    pub parts: usize,
    /// Lists within lists; the outermost is at depth 1. What is deeper cannot be read.
    pub depth: usize,
    /// Of each document of meta-information.
    pub xml: xml::Limits,
}

impl Default for Limits {
    /// 10 000 parts of one list, 4 lists within each other, 1 MiB of meta-information for each.
    fn default() -> Self {
        let xml = xml::Limits { bytes: 1 << 20, nodes: 100_000, ..xml::Limits::default() };
        Self { parts: 10_000, depth: 4, xml }
    }
}

/// Why a body is no list that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It is of another media type.
    OtherType,
    /// The multipart is broken, or over the limits.
    Multipart(MultipartError),
    /// The meta-information is.
    Root(DocumentError),
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherType => f.write_str("no list"),
            Self::Multipart(error) => error.fmt(f),
            Self::Root(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Defect {}

/// Whether a body of that Content-Type may be a list.
pub fn is_list(content_type: &str) -> bool {
    MediaType::parse(content_type).is_ok_and(|media_type| is_related(&media_type))
}

/// Reads the body of a list NOTIFY, lists within it too. `is_readable` says whether a part of that Content-Type, which is
/// no list, can be read; parts that cannot, and broken lists, are [`Part::Unreadable`].
pub fn read(
    content_type: &str,
    body: &[u8],
    limits: &Limits,
    is_readable: &mut dyn FnMut(&str, &[u8]) -> bool,
) -> Result<Aggregate, Defect> {
    let media_type = MediaType::parse(content_type).map_err(|_| Defect::OtherType)?;
    if !is_related(&media_type) {
        return Err(Defect::OtherType);
    }
    let bounds =
        sip::Limits { multipart_parts: limits.parts, multipart_depth: limits.depth, ..sip::Limits::DEFAULT };
    let parts = sip::multipart::parts(&media_type, body, &bounds).map_err(Defect::Multipart)?;
    aggregate(&media_type, &parts, limits, &bounds, is_readable)
}

fn aggregate(
    media_type: &MediaType<'_>,
    parts: &[sip::Part<'_>],
    limits: &Limits,
    bounds: &sip::Limits,
    is_readable: &mut dyn FnMut(&str, &[u8]) -> bool,
) -> Result<Aggregate, Defect> {
    let start = media_type.params.get("start").map(|start| start.trim_matches(['<', '>']));
    let root = start.and_then(|start| parts.iter().position(|part| part.content_id() == Some(start)));
    let root = root.unwrap_or(0);
    let first = parts.get(root).ok_or(Defect::Multipart(MultipartError::NotClosed))?;
    let list = List::parse(first.body, &limits.xml).map_err(Defect::Root)?;
    let mut by_id = BTreeMap::new();
    for part in parts.iter().enumerate().filter(|(place, _)| *place != root).map(|(_, part)| part) {
        let Some(id) = part.content_id() else { continue };
        by_id.insert(Arc::from(id), read_part(part, limits, bounds, is_readable));
    }
    Ok(Aggregate { list, parts: by_id })
}

fn read_part(
    part: &sip::Part<'_>,
    limits: &Limits,
    bounds: &sip::Limits,
    is_readable: &mut dyn FnMut(&str, &[u8]) -> bool,
) -> Part {
    let content_type = part.get(Name::ContentType).unwrap_or("text/plain");
    if let Some(media_type) = part.media_type().filter(is_related) {
        let within = part.parts(bounds).map_err(Defect::Multipart);
        let within = within.and_then(|parts| aggregate(&media_type, &parts, limits, bounds, is_readable));
        return within.map_or(Part::Unreadable, |within| Part::List(Box::new(within)));
    }
    if !is_readable(content_type, part.body) {
        return Part::Unreadable;
    }
    Part::Document(Body { media_type: content_type.into(), bytes: part.body.into() })
}

/// Whether a media type is that of lists. Some forget to say what the root is.
fn is_related(media_type: &MediaType<'_>) -> bool {
    let root = media_type.params.get("type");
    media_type.is("multipart", "related")
        && root.is_none_or(|root| root.trim_matches('"').eq_ignore_ascii_case(documents::rlmi::MEDIA_TYPE))
}
