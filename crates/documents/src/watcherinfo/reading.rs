//! Reading watcher information.

use std::sync::Arc;

use xml::{Limits, Start, XML_NAMESPACE};

use super::NAMESPACE;
use super::info::{Event, State, Status, Watcher, WatcherInfo, WatcherList};
use crate::cursor::{Cursor, refused};
use crate::error::DocumentError;

impl WatcherInfo {
    /// Reads a document. Refused is what is not well-formed or over the limits, another root, and what lacks one of the
    /// attributes that RFC 3858 §3 demands. Other elements and attributes are passed over.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        let (mut cursor, root) = Cursor::open(bytes, limits)?;
        if !root.name.is(NAMESPACE, "watcherinfo") {
            return Err(refused(&root, "the root `watcherinfo` (RFC 3858 §3)"));
        }
        let version = number(&cursor, &root, "version")?;
        let version = version.ok_or(refused(&root, "a `version` of 32 bits (RFC 3858 §3)"))?;
        let state = one_of(&cursor, &root, "state", &State::ALL, State::as_str)?;
        let mut lists = Vec::new();
        while let Some(start) = cursor.child(1)? {
            if start.name.is(NAMESPACE, "watcher-list") {
                lists.push(list(&mut cursor, &start)?);
            }
        }
        cursor.finish()?;
        let version =
            u32::try_from(version).map_err(|_| refused(&root, "a `version` of 32 bits (RFC 3858 §3)"))?;
        Ok(Self { version, state, lists })
    }
}

fn list(cursor: &mut Cursor<'_>, start: &Start<'_>) -> Result<WatcherList, DocumentError> {
    const BOTH: &str = "`resource` and `package` of a list (RFC 3858 §3)";
    let resource = cursor.demand(start, "resource", BOTH)?.into();
    let package = cursor.demand(start, "package", BOTH)?.into();
    let mut watchers = Vec::new();
    while let Some(start) = cursor.child(2)? {
        if start.name.is(NAMESPACE, "watcher") {
            watchers.push(watcher(cursor, &start)?);
        }
    }
    Ok(WatcherList { resource, package, watchers })
}

fn watcher(cursor: &mut Cursor<'_>, start: &Start<'_>) -> Result<Watcher, DocumentError> {
    let text = |name| cursor.attribute(name).map(Arc::from);
    let mut watcher = Watcher {
        uri: Arc::default(),
        id: cursor.demand(start, "id", "the `id` of a watcher (RFC 3858 §3)")?.into(),
        status: one_of(cursor, start, "status", &Status::ALL, Status::as_str)?,
        event: one_of(cursor, start, "event", &Event::ALL, Event::as_str)?,
        display_name: text("display-name"),
        language: cursor.attribute_of(XML_NAMESPACE, "lang").map(Arc::from),
        expiration: number(cursor, start, "expiration")?,
        duration_subscribed: number(cursor, start, "duration-subscribed")?,
    };
    watcher.uri = cursor.text()?.into();
    Ok(watcher)
}

/// An `xs:unsignedLong`.
fn number(cursor: &Cursor<'_>, start: &Start<'_>, name: &str) -> Result<Option<u64>, DocumentError> {
    let Some(text) = cursor.attribute(name) else { return Ok(None) };
    let digits = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    digits.parse().map(Some).map_err(|_| refused(start, "a number that is not negative (RFC 3858 §6)"))
}

fn one_of<T: Copy>(
    cursor: &Cursor<'_>,
    start: &Start<'_>,
    name: &str,
    known: &[T],
    word: fn(T) -> &'static str,
) -> Result<T, DocumentError> {
    const KNOWN: &str = "one of the values that RFC 3858 §6 has for `state`, `status` and `event`";
    let written = cursor.demand(start, name, KNOWN)?;
    known.iter().copied().find(|value| word(*value) == written).ok_or(refused(start, KNOWN))
}
