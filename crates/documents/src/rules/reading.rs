//! From the bytes of a rules document to what it says: rules, conditions and actions.

use std::collections::BTreeSet;

use xml::{Limits, Start};

use super::names::{COMMON_POLICY, OMA_COMMON_POLICY, OMA_PUB_RULES, PRES_RULES};
use super::ruleset::{Condition, Except, Identity, Many, Period, Rule, Ruleset, SubHandling};
use super::transformations::transformation;
use crate::cursor::{Cursor, refused};
use crate::error::DocumentError;
use crate::time;

type Read<T> = Result<T, DocumentError>;

pub(super) fn ruleset(bytes: &[u8], limits: &Limits) -> Read<Ruleset> {
    let (mut cursor, root) = Cursor::open(bytes, limits)?;
    if !root.name.is(COMMON_POLICY, "ruleset") {
        return Err(refused(&root, "the root `ruleset` of common policy (RFC 4745 §13)"));
    }
    let mut rules = Vec::new();
    let mut ids = BTreeSet::new();
    while let Some(start) = cursor.child(1)? {
        if !start.name.is(COMMON_POLICY, "rule") {
            continue; // the schema has no room for others; they grant nothing
        }
        let id = cursor.demand(&start, "id", "the `id` of a rule (RFC 4745 §6.1)")?.into_owned();
        if id.is_empty() || !ids.insert(id.clone()) {
            return Err(refused(&start, "an `id` that no other rule has (RFC 4745 §6.1)"));
        }
        rules.push(rule(&mut cursor, id)?);
    }
    cursor.finish()?;
    Ok(Ruleset { rules })
}

fn rule(cursor: &mut Cursor<'_>, id: String) -> Read<Rule> {
    let mut rule = Rule { id, ..Rule::default() };
    let depth = cursor.depth();
    while let Some(part) = cursor.child(depth)? {
        let part = if part.name.namespace == *COMMON_POLICY { part.name.local } else { "" };
        while let Some(start) = cursor.child(depth + 1)? {
            match part {
                "conditions" => rule.conditions.push(condition(cursor, &start)?),
                "actions" => action(cursor, &start, &mut rule)?,
                "transformations" => transformation(cursor, &start, &mut rule)?,
                _ => {}
            }
        }
    }
    Ok(rule)
}

fn condition(cursor: &mut Cursor<'_>, start: &Start<'_>) -> Read<Condition> {
    let name = start.name;
    Ok(if name.is(COMMON_POLICY, "identity") {
        Condition::Identity(identity(cursor)?)
    } else if name.is(COMMON_POLICY, "sphere") {
        let value = cursor.demand(start, "value", "the `value` of a sphere (RFC 4745 §7.3)")?;
        Condition::Sphere(
            value
                .split([' ', '\t', '\r', '\n'])
                .filter(|token| !token.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    } else if name.is(COMMON_POLICY, "validity") {
        Condition::Validity(periods(cursor, start)?)
    } else if name.is(OMA_COMMON_POLICY, "anonymous-request") {
        Condition::AnonymousRequest
    } else if name.is(OMA_COMMON_POLICY, "external-list") {
        Condition::ExternalList(anchors(cursor)?)
    } else if name.is(OMA_COMMON_POLICY, "other-identity") {
        Condition::OtherIdentity
    } else {
        Condition::Unknown
    })
}

/// An extension within `one` or `many` may narrow it in a way that we do not know: then it means nobody.
fn identity(cursor: &mut Cursor<'_>) -> Read<Identity> {
    let mut identity = Identity::default();
    let depth = cursor.depth();
    while let Some(start) = cursor.child(depth)? {
        if start.name.is(COMMON_POLICY, "one") {
            let id = cursor.demand(&start, "id", "the `id` of one user (RFC 4745 §7.2)")?.into_owned();
            if cursor.child(depth + 1)?.is_none() {
                identity.one.push(id);
            } else {
                while cursor.child(depth + 1)?.is_some() {}
            }
        } else if start.name.is(COMMON_POLICY, "many") {
            identity.many.extend(many(cursor)?);
        }
    }
    Ok(identity)
}

fn many(cursor: &mut Cursor<'_>) -> Read<Option<Many>> {
    let domain = cursor.attribute("domain").map(Into::into);
    let mut many = Many { domain, except: Vec::new() };
    let mut is_known = true;
    let depth = cursor.depth();
    while let Some(start) = cursor.child(depth)? {
        if start.name.is(COMMON_POLICY, "except") {
            let id = cursor.attribute("id").map(Into::into);
            many.except.push(Except { id, domain: cursor.attribute("domain").map(Into::into) });
        } else {
            is_known = false;
        }
    }
    Ok(is_known.then_some(many))
}

fn periods(cursor: &mut Cursor<'_>, validity: &Start<'_>) -> Read<Vec<Period>> {
    const PAIRS: &str = "pairs of `from` and `until` (RFC 4745 §7.4)";
    let mut periods = Vec::new();
    let mut open = None;
    let depth = cursor.depth();
    while let Some(start) = cursor.child(depth)? {
        let local = if start.name.namespace == *COMMON_POLICY { start.name.local } else { "" };
        let instant = time::millis(&cursor.text()?);
        let instant = instant.ok_or(refused(&start, "a date and time with its zone (RFC 4745 §7.4)"))?;
        match (local, open.take()) {
            ("from", None) => open = Some(instant),
            ("until", Some(from)) => periods.push(Period { from, until: instant }),
            _ => return Err(refused(&start, PAIRS)),
        }
    }
    if open.is_some() || periods.is_empty() {
        return Err(refused(validity, PAIRS));
    }
    Ok(periods)
}

fn anchors(cursor: &mut Cursor<'_>) -> Read<Vec<String>> {
    let mut anchors = Vec::new();
    let depth = cursor.depth();
    while let Some(start) = cursor.child(depth)? {
        if start.name.is(OMA_COMMON_POLICY, "entry") {
            anchors.extend(cursor.attribute("anc").map(|anchor| anchor.trim().to_owned()));
        }
    }
    Ok(anchors)
}

fn action(cursor: &mut Cursor<'_>, start: &Start<'_>, rule: &mut Rule) -> Read<()> {
    if start.name.is(PRES_RULES, "sub-handling") {
        let read = SubHandling::read(&cursor.text()?);
        let handling =
            read.ok_or(refused(start, "`block`, `confirm`, `polite-block` or `allow` (RFC 5025 §3.2.1)"))?;
        rule.handling = rule.handling.max(Some(handling));
    } else if start.name.is(OMA_PUB_RULES, "pub-handling") {
        rule.publish = rule.publish.max(Some(is_allow(cursor, start)?));
    } else if start.name.is(OMA_PUB_RULES, "perm-handling") {
        rule.permanent = rule.permanent.max(Some(is_allow(cursor, start)?));
    }
    Ok(())
}

fn is_allow(cursor: &mut Cursor<'_>, start: &Start<'_>) -> Read<bool> {
    match cursor.text()?.as_str() {
        "allow" => Ok(true),
        "block" => Ok(false),
        _ => Err(refused(start, "`block` or `allow`")),
    }
}
