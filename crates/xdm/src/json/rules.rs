//! Presence rules as JSON, and changes of them as edits of `pres-rules`, RFC 4745 and RFC 5025.

use std::collections::{BTreeMap, BTreeSet};

use documents::rules::{COMMON_POLICY as POLICY, PRES_RULES as PRESENCE, SubHandling, writing};
use serde_json::{Value, json};
use xml::edit::{Edits, sibling};
use xml::{Element, Tree};

use super::field::{self, JsonError, wrong};
use super::{Change, Edited};
use crate::xui::same_owner;

/// A rule as JSON has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule {
    id: String,
    /// Users.
    identities: Vec<String>,
    /// All users of these domains.
    domains: Vec<String>,
    /// Everybody who is authenticated.
    everyone: bool,
    /// RFC 5025 §3.2.1
    handling: Option<SubHandling>,
    /// Whether everything is shown; none if the rule shows a part.
    shows: Option<bool>,
}

impl Rule {
    /// RFC 4745 §7.1: an identity condition names somebody.
    fn is_for_somebody(&self) -> Result<(), JsonError> {
        if self.identities.is_empty() && self.domains.is_empty() && !self.everyone {
            return Err(wrong("identities", "at least one of identities, domains and everyone"));
        }
        Ok(())
    }
}

pub(super) fn show(tree: &Tree<'_>, item: Option<&str>) -> Result<Value, JsonError> {
    let root = root(tree)?;
    match item {
        Some(id) => rules(root).find(|rule| is_of(*rule, id)).map(show_rule).ok_or(JsonError::Absent),
        None => Ok(json!({ "rules": rules(root).map(show_rule).collect::<Vec<_>>() })),
    }
}

pub(super) fn change(
    tree: &Tree<'_>,
    item: Option<&str>,
    change: Change,
    body: &Value,
) -> Result<Edited, JsonError> {
    let root = root(tree)?;
    let by_id: BTreeMap<String, Element<'_>> = rules(root).map(|rule| (id(rule), rule)).collect();
    let mut edits = Edits::new(tree);
    let mut created = false;
    let mut put = |edits: &mut Edits<'_>, wanted: &Rule| match by_id.get(&wanted.id) {
        Some(rule) => edit(edits, *rule, wanted),
        None => {
            created = true;
            wanted.is_for_somebody()?;
            edits.append(root, &text(root, wanted));
            Ok(())
        }
    };
    match (item, change) {
        (Some(id), Change::Put) => put(&mut edits, &Rule { id: id.to_owned(), ..wanted(body, Some(id))? })?,
        (Some(id), Change::Delete) => edits.remove(*by_id.get(id).ok_or(JsonError::Absent)?),
        (Some(_), Change::Patch) => return Err(JsonError::NotOffered),
        (None, Change::Put) => {
            let body = field::strict(body, "body", &["rules"])?;
            let all = field::list(body, "rules")?.ok_or_else(|| wrong("rules", "a list of rules"))?;
            let all = distinct(all)?;
            let ids: BTreeSet<&str> = all.iter().map(|rule| rule.id.as_str()).collect();
            by_id
                .iter()
                .filter(|(id, _)| !ids.contains(id.as_str()))
                .for_each(|(_, rule)| edits.remove(*rule));
            all.iter().try_for_each(|rule| put(&mut edits, rule))?;
        }
        (None, Change::Patch) => {
            let body = field::strict(body, "body", &["add", "remove"])?;
            let add = distinct(field::list(body, "add")?.unwrap_or_default())?;
            let ids: BTreeSet<&str> = add.iter().map(|rule| rule.id.as_str()).collect();
            let remove: BTreeSet<String> =
                field::texts(body, "remove")?.unwrap_or_default().into_iter().collect();
            for id in remove.iter().filter(|id| !ids.contains(id.as_str())) {
                by_id.get(id).into_iter().for_each(|rule| edits.remove(*rule));
            }
            add.iter().try_for_each(|rule| put(&mut edits, rule))?;
        }
        (None, Change::Delete) => by_id.values().for_each(|rule| edits.remove(*rule)),
    }
    Ok(Edited { document: edits.apply(), created })
}

fn distinct(all: &[Value]) -> Result<Vec<Rule>, JsonError> {
    let all = all.iter().map(|one| wanted(one, None)).collect::<Result<Vec<_>, _>>()?;
    let ids: BTreeSet<&str> = all.iter().map(|rule| rule.id.as_str()).collect();
    if ids.len() == all.len() { Ok(all) } else { Err(wrong("id", "another id for each rule")) }
}

fn wanted(body: &Value, id: Option<&str>) -> Result<Rule, JsonError> {
    const KNOWN: [&str; 8] =
        ["id", "identities", "domains", "everyone", "handling", "shows", "other_conditions", "exceptions"];
    let body = field::strict(body, "rule", &KNOWN)?;
    let id = id.or(field::text(body, "id")?).ok_or_else(|| wrong("id", "a text"))?.to_owned();
    let identities = field::texts(body, "identities")?.unwrap_or_default();
    let address = |text: &String| {
        same_owner(text)
            .map(|user| user.as_str().to_owned())
            .ok_or_else(|| wrong("identities", "addresses of users"))
    };
    let everyone = match body.get("everyone") {
        None => false,
        Some(Value::Bool(everyone)) => *everyone,
        Some(_) => return Err(wrong("everyone", "true or false")),
    };
    let handling = field::text(body, "handling")?.and_then(SubHandling::read);
    let handling = handling.ok_or_else(|| wrong("handling", "allow, block, polite-block or confirm"))?;
    let shows = match field::text(body, "shows")? {
        None if handling == SubHandling::Allow => Some(true),
        None | Some("something") => None,
        Some("everything") => Some(true),
        Some("nothing") => Some(false),
        Some(_) => return Err(wrong("shows", "everything, something or nothing")),
    };
    Ok(Rule {
        id,
        identities: identities.iter().map(address).collect::<Result<_, _>>()?,
        domains: field::texts(body, "domains")?.unwrap_or_default(),
        everyone,
        handling: Some(handling),
        shows,
    })
}

/// What of a rule JSON speaks of.
fn read(rule: Element<'_>) -> Rule {
    let mut read = Rule { id: id(rule), ..Rule::default() };
    let identity =
        rule.child(POLICY, "conditions").and_then(|conditions| conditions.child(POLICY, "identity"));
    for member in identity.into_iter().flat_map(Element::elements) {
        let attribute = |name| member.attribute("", name).map(|found| found.value.text().into_owned());
        if member.is(POLICY, "one") {
            read.identities.extend(
                attribute("id")
                    .map(|id| same_owner(&id).map_or_else(|| id.clone(), |user| user.as_str().to_owned())),
            );
        } else if member.is(POLICY, "many") {
            match attribute("domain") {
                Some(domain) => read.domains.push(domain),
                None => read.everyone = true,
            }
        }
    }
    let actions = rule.child(POLICY, "actions");
    let handling = actions.and_then(|actions| actions.child(PRESENCE, "sub-handling"));
    read.handling = handling.and_then(|handling| SubHandling::read(handling.node().string_value().trim()));
    read.shows = match rule.child(POLICY, "transformations") {
        None => Some(false),
        Some(shown) if shown.elements().next().is_none() => Some(false),
        Some(shown) => {
            let has = |part: &str, all: &str| {
                shown.child(PRESENCE, part).is_some_and(|part| part.child(PRESENCE, all).is_some())
            };
            let all = has("provide-devices", "all-devices")
                && has("provide-persons", "all-persons")
                && has("provide-services", "all-services")
                && shown.child(PRESENCE, "provide-all-attributes").is_some();
            all.then_some(true)
        }
    };
    read
}

fn show_rule(rule: Element<'_>) -> Value {
    let read = read(rule);
    let conditions = rule.child(POLICY, "conditions");
    let others = conditions.into_iter().flat_map(Element::elements).filter(|one| !one.is(POLICY, "identity"));
    let others: Vec<_> = others.map(|one| one.name().local.to_owned()).collect();
    let identity = conditions.and_then(|conditions| conditions.child(POLICY, "identity"));
    let members = identity.into_iter().flat_map(Element::elements);
    let has_exceptions = members.flat_map(Element::elements).any(|one| one.is(POLICY, "except"));
    json!({
        "id": read.id,
        "identities": read.identities,
        "domains": read.domains,
        "everyone": read.everyone,
        "handling": read.handling.map(SubHandling::as_str),
        "shows": match read.shows { Some(true) => "everything", Some(false) => "nothing", None => "something" },
        "other_conditions": others,
        "exceptions": has_exceptions,
    })
}

/// Changes what is otherwise than wanted; a part that says the same already stays as it is, with its exceptions.
fn edit(edits: &mut Edits<'_>, rule: Element<'_>, wanted: &Rule) -> Result<(), JsonError> {
    if rule.elements().next().is_none() {
        wanted.is_for_somebody()?;
        edits.replace(rule, text(rule, wanted).trim_start().to_owned());
        return Ok(());
    }
    let now = read(rule);
    let is_same = now.identities == wanted.identities
        && now.domains == wanted.domains
        && now.everyone == wanted.everyone;
    if !is_same {
        wanted.is_for_somebody()?;
        let text = identity_text(rule, wanted);
        let conditions = rule.child(POLICY, "conditions");
        match (conditions, conditions.and_then(|conditions| conditions.child(POLICY, "identity"))) {
            (_, Some(identity)) => edits.replace(identity, text),
            (Some(conditions), None) => edits.prepend(conditions, &text),
            (None, None) => {
                let conditions = sibling(rule, "conditions");
                edits.prepend(rule, &format!("<{conditions}>{text}</{conditions}>"));
            }
        }
    }
    if now.handling != wanted.handling {
        let handling = wanted.handling.unwrap_or_default();
        let actions = rule.child(POLICY, "actions");
        match (actions, actions.and_then(|actions| actions.child(PRESENCE, "sub-handling"))) {
            (_, Some(element)) => edits.set_content(element, handling.as_str()),
            (Some(actions), None) => edits.append(actions, &writing::sub_handling(handling)),
            (None, None) => {
                let actions = sibling(rule, "actions");
                let text = format!("<{actions}>{}</{actions}>", writing::sub_handling(handling));
                match rule.child(POLICY, "conditions") {
                    // RFC 4745 §13: conditions, actions, transformations.
                    Some(conditions) => edits.after(conditions, text),
                    None => edits.prepend(rule, &text),
                }
            }
        }
    }
    if wanted.shows.is_some() && now.shows != wanted.shows {
        let text = writing::transformations(rule, wanted.shows == Some(true));
        match rule.child(POLICY, "transformations") {
            Some(shown) => edits.replace(shown, text),
            None => edits.append(rule, &text),
        }
    }
    Ok(())
}

/// A new rule.
fn text(root: Element<'_>, wanted: &Rule) -> String {
    let condition = identity_text(root, wanted);
    writing::rule(
        root,
        &wanted.id,
        &condition,
        wanted.handling.unwrap_or_default(),
        wanted.shows == Some(true),
    )
}

fn identity_text(near: Element<'_>, wanted: &Rule) -> String {
    writing::identity(near, &wanted.identities, &wanted.domains, wanted.everyone)
}

fn root<'t>(tree: &'t Tree<'t>) -> Result<Element<'t>, JsonError> {
    let root = tree.root();
    if root.is(POLICY, "ruleset") { Ok(root) } else { Err(JsonError::Unreadable) }
}

fn rules<'t>(root: Element<'t>) -> impl Iterator<Item = Element<'t>> {
    root.elements().filter(|element| element.is(POLICY, "rule"))
}

fn id(rule: Element<'_>) -> String {
    rule.attribute("", "id").map(|id| id.value.text().into_owned()).unwrap_or_default()
}

fn is_of(rule: Element<'_>, wanted: &str) -> bool {
    id(rule) == wanted
}

#[cfg(test)]
mod tests;
