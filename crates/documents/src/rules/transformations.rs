//! Reading transformations: what a rule grants to see, RFC 5025 §3.3, and what it grants to publish.

use xml::Start;

use super::attributes::{Attribute, UserInput};
use super::names::{OMA_PRES_RULES, OMA_PUB_RULES, PRES_RULES};
use super::permissions::{Permissions, Selection, Selector};
use super::ruleset::Rule;
use crate::cursor::{Cursor, refused};
use crate::error::DocumentError;

type Read<T> = Result<T, DocumentError>;

/// Adds one transformation to what a rule grants; one that we do not know grants nothing, RFC 4745 §4.
pub(super) fn transformation(cursor: &mut Cursor<'_>, start: &Start<'_>, rule: &mut Rule) -> Read<()> {
    let is_known = if start.name.namespace == *PRES_RULES {
        of_presence(cursor, start, &mut rule.shown)?
    } else if start.name.namespace == *OMA_PRES_RULES {
        of_oma(cursor, start, &mut rule.shown)?
    } else if start.name.namespace == *OMA_PUB_RULES {
        of_publication(cursor, start, &mut rule.published)?
    } else {
        false
    };
    rule.transforms |= is_known;
    Ok(())
}

/// RFC 5025 §3.3
fn of_presence(cursor: &mut Cursor<'_>, start: &Start<'_>, shown: &mut Permissions) -> Read<bool> {
    match start.name.local {
        "provide-services" => shown.services.add(&selection(cursor, "all-services", &SERVICES)?),
        "provide-persons" => shown.persons.add(&selection(cursor, "all-persons", &PERSONS)?),
        "provide-devices" => shown.devices.add(&selection(cursor, "all-devices", &DEVICES)?),
        "provide-user-input" => {
            let read = UserInput::read(&cursor.text()?);
            let granted =
                read.ok_or(refused(start, "`false`, `bare`, `thresholds` or `full` (RFC 5025 §3.3.2.12)"))?;
            shown.user_input = shown.user_input.max(granted);
        }
        "provide-unknown-attribute" => unknown(cursor, start, shown)?,
        "provide-all-attributes" => shown.all_attributes = true,
        local => {
            let known = attribute(local, "provide-").filter(|known| !known.is_oma());
            return grant(cursor, start, shown, known);
        }
    }
    Ok(true)
}

fn of_oma(cursor: &mut Cursor<'_>, start: &Start<'_>, shown: &mut Permissions) -> Read<bool> {
    let known = attribute(start.name.local, "provide-").filter(|known| known.is_oma());
    if known != Some(Attribute::Geopriv) {
        return grant(cursor, start, shown, known);
    }
    match cursor.text()?.as_str() {
        "full" => shown.attributes.insert(Attribute::Geopriv),
        "false" => {}
        _ => return Err(refused(start, "`false` or `full`")),
    }
    Ok(true)
}

/// Here services, persons and devices are granted whole or not at all.
fn of_publication(cursor: &mut Cursor<'_>, start: &Start<'_>, published: &mut Permissions) -> Read<bool> {
    let component = match start.name.local {
        "allow-services" => &mut published.services,
        "allow-persons" => &mut published.persons,
        "allow-devices" => &mut published.devices,
        "allow-unknown-attribute" => {
            unknown(cursor, start, published)?;
            return Ok(true);
        }
        "allow-all-attributes" => {
            published.all_attributes = true;
            return Ok(true);
        }
        local => {
            let known = attribute(local, "allow-").filter(|known| known.is_in_pub_rules());
            return grant(cursor, start, published, known);
        }
    };
    if boolean(cursor, start)? {
        *component = Selection::All;
    }
    Ok(true)
}

fn attribute(local: &str, prefix: &str) -> Option<Attribute> {
    let name = local.strip_prefix(prefix)?;
    Attribute::NAMES.iter().find(|(_, known)| *known == name).map(|(attribute, _)| *attribute)
}

fn grant(
    cursor: &mut Cursor<'_>,
    start: &Start<'_>,
    permissions: &mut Permissions,
    attribute: Option<Attribute>,
) -> Read<bool> {
    let Some(attribute) = attribute else { return Ok(false) };
    if boolean(cursor, start)? {
        permissions.attributes.insert(attribute);
    }
    Ok(true)
}

/// RFC 5025 §3.3.2.14
fn unknown(cursor: &mut Cursor<'_>, start: &Start<'_>, permissions: &mut Permissions) -> Read<()> {
    const BOTH: &str = "`name` and `ns` of an unknown attribute (RFC 5025 §3.3.2.14)";
    let namespace = cursor.demand(start, "ns", BOTH)?;
    let name = cursor.demand(start, "name", BOTH)?;
    if boolean(cursor, start)? {
        permissions.unknown.insert((namespace.as_ref().into(), name.as_ref().into()));
    }
    Ok(())
}

/// `xs:boolean`.
fn boolean(cursor: &mut Cursor<'_>, start: &Start<'_>) -> Read<bool> {
    match cursor.text()?.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(refused(start, "`true` or `false`")),
    }
}

/// A selector's element: its namespace and name, and what it makes of its text.
type Known = (&'static str, &'static str, fn(Box<str>) -> Selector);

const SERVICES: [Known; 5] = [
    (PRES_RULES, "class", Selector::Class),
    (PRES_RULES, "occurrence-id", Selector::OccurrenceId),
    (PRES_RULES, "service-uri", Selector::ServiceUri),
    (PRES_RULES, "service-uri-scheme", Selector::ServiceUriScheme),
    (OMA_PRES_RULES, "service-id", Selector::ServiceId),
];
const PERSONS: [Known; 2] =
    [(PRES_RULES, "class", Selector::Class), (PRES_RULES, "occurrence-id", Selector::OccurrenceId)];
const DEVICES: [Known; 3] = [
    (PRES_RULES, "class", Selector::Class),
    (PRES_RULES, "occurrence-id", Selector::OccurrenceId),
    (PRES_RULES, "deviceID", Selector::DeviceId),
];

fn selection(cursor: &mut Cursor<'_>, all: &str, known: &[Known]) -> Read<Selection> {
    let mut selection = Selection::default();
    let depth = cursor.depth();
    while let Some(start) = cursor.child(depth)? {
        if start.name.is(PRES_RULES, all) {
            selection = Selection::All;
        } else if let Some((_, _, make)) =
            known.iter().find(|(namespace, local, _)| start.name.is(namespace, local))
        {
            let selector = make(cursor.text()?.into());
            if let Selection::Some(selectors) = &mut selection {
                selectors.insert(selector);
            }
        }
    }
    Ok(selection)
}
