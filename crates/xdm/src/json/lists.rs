//! Lists and contacts as JSON, and changes of them as edits of `resource-lists`, RFC 4826 §3.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use xml::edit::{Edits, attribute, sibling, text};
use xml::{Element, Tree};

use super::field::{self, JsonError, wrong};
use super::{Change, Edited};
use crate::xui::same_owner;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:resource-lists";
/// Where a contact goes that names no list.
const USUAL: &str = "oma_buddylist";

/// A contact as it came.
struct Contact {
    uri: String,
    /// What tells whether two URIs are of one user.
    key: String,
    name: Option<String>,
    /// Whether those that are there are called so from now on.
    renames: bool,
    lists: Option<Vec<String>>,
}

/// A list as it came. What it does not say stays as it is.
struct Wanted {
    name: String,
    display_name: Option<String>,
    contacts: Option<Vec<Contact>>,
}

/// What is in a document: its lists by name, and on which of them each contact is.
struct Present<'t> {
    root: Element<'t>,
    lists: BTreeMap<String, Element<'t>>,
    contacts: BTreeMap<String, Vec<String>>,
    /// What each contact is called where it is called something first.
    names: BTreeMap<String, String>,
}

impl Contact {
    fn new_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.renames)
    }
}

impl<'t> Present<'t> {
    fn read(tree: &'t Tree<'t>) -> Result<Self, JsonError> {
        let root = root(tree)?;
        let (mut named, mut names) = (BTreeMap::new(), BTreeMap::new());
        let mut contacts = BTreeMap::<String, Vec<String>>::new();
        for list in lists(root) {
            let name = value(list, "name").unwrap_or_default();
            for entry in entries(list) {
                let key = key_of(entry);
                if let Some(called) = display_name(entry) {
                    names.entry(key.clone()).or_insert(called);
                }
                contacts.entry(key).or_default().push(name.clone());
            }
            named.insert(name, list);
        }
        Ok(Self { root, lists: named, contacts, names })
    }

    fn list(&self, name: &str) -> Result<Element<'t>, JsonError> {
        self.lists.get(name).copied().ok_or(JsonError::Absent)
    }

    /// The lists that a contact shall be on: as told, else where it is, else the usual one.
    fn on(&self, contact: &Contact) -> Vec<String> {
        let told = contact.lists.as_ref().or_else(|| self.contacts.get(&contact.key));
        told.cloned().unwrap_or_else(|| vec![USUAL.to_owned()])
    }
}

pub(super) fn show_lists(tree: &Tree<'_>, item: Option<&str>) -> Result<Value, JsonError> {
    match item {
        Some(name) => Present::read(tree)?.list(name).map(show_list),
        None => Ok(json!({ "lists": lists(root(tree)?).map(show_list).collect::<Vec<_>>() })),
    }
}

pub(super) fn show_contacts(tree: &Tree<'_>, item: Option<&str>) -> Result<Value, JsonError> {
    let (mut order, mut contacts) =
        (Vec::new(), BTreeMap::<String, (String, Option<String>, Vec<String>)>::new());
    for list in lists(root(tree)?) {
        for entry in entries(list) {
            let (uri, key) = (value(entry, "uri").unwrap_or_default(), key_of(entry));
            let known = contacts.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                (uri, None, Vec::new())
            });
            known.1 = known.1.take().or_else(|| display_name(entry));
            known.2.push(value(list, "name").unwrap_or_default());
        }
    }
    let one = |key: &String| {
        let (uri, name, on) = contacts.get(key)?;
        Some(json!({ "uri": uri, "name": name, "lists": on }))
    };
    match item {
        Some(uri) => one(&key(uri)).ok_or(JsonError::Absent),
        None => Ok(json!({ "contacts": order.iter().filter_map(one).collect::<Vec<_>>() })),
    }
}

pub(super) fn change_lists(
    tree: &Tree<'_>,
    item: Option<&str>,
    change: Change,
    body: &Value,
) -> Result<Edited, JsonError> {
    let present = Present::read(tree)?;
    let mut edits = Edits::new(tree);
    let mut created = false;
    match (item, change) {
        (Some(name), Change::Put) => {
            let wanted = Wanted { name: name.to_owned(), ..wanted(body, Some(name))? };
            created = put_list(&mut edits, &present, &wanted);
        }
        (Some(name), Change::Delete) => edits.remove(present.list(name)?),
        (Some(name), Change::Patch) => {
            let list = present.list(name)?;
            let (add, remove) = patch(body)?;
            let add = add.iter().map(contact).collect::<Result<Vec<_>, _>>()?;
            let remove: BTreeSet<String> = remove.iter().map(|uri| key(uri)).collect();
            reconcile(&mut edits, list, &add.iter().collect::<Vec<_>>(), &|key| !remove.contains(key));
        }
        (None, Change::Put) => {
            let body = field::strict(body, "body", &["lists"])?;
            let all = field::list(body, "lists")?.ok_or_else(|| wrong("lists", "a list of lists"))?;
            let all = all.iter().map(|one| wanted(one, None)).collect::<Result<Vec<_>, _>>()?;
            let names = distinct(&all)?;
            for (_, gone) in present.lists.iter().filter(|(name, _)| !names.contains(name.as_str())) {
                edits.remove(*gone);
            }
            for wanted in &all {
                created |= put_list(&mut edits, &present, wanted);
            }
        }
        (None, Change::Patch) => {
            let (add, remove) = patch(body)?;
            let add = add.iter().map(|one| wanted(one, None)).collect::<Result<Vec<_>, _>>()?;
            let names = distinct(&add)?;
            for gone in remove.iter().filter(|name| !names.contains(name.as_str())) {
                present.lists.get(gone).into_iter().for_each(|list| edits.remove(*list));
            }
            for wanted in &add {
                created |= put_list(&mut edits, &present, wanted);
            }
        }
        (None, Change::Delete) => present.lists.values().for_each(|list| edits.remove(*list)),
    }
    Ok(Edited { document: edits.apply(), created })
}

pub(super) fn change_contacts(
    tree: &Tree<'_>,
    item: Option<&str>,
    change: Change,
    body: &Value,
) -> Result<Edited, JsonError> {
    let present = Present::read(tree)?;
    let (mut put, remove, keeps_others) = match (item, change) {
        (Some(uri), Change::Put) => (vec![contact_of(body, Some(uri))?], vec![], true),
        (Some(uri), Change::Delete) if present.contacts.contains_key(&key(uri)) => {
            (vec![], vec![uri.to_owned()], true)
        }
        (Some(_), Change::Delete) => return Err(JsonError::Absent),
        (Some(_), Change::Patch) => return Err(JsonError::NotOffered),
        (None, Change::Put) => {
            let body = field::strict(body, "body", &["contacts"])?;
            let all =
                field::list(body, "contacts")?.ok_or_else(|| wrong("contacts", "a list of contacts"))?;
            (all.iter().map(contact).collect::<Result<Vec<_>, _>>()?, vec![], false)
        }
        (None, Change::Patch) => {
            let (add, remove) = patch(body)?;
            (add.iter().map(contact).collect::<Result<Vec<_>, _>>()?, remove, true)
        }
        (None, Change::Delete) => (vec![], vec![], false),
    };
    for contact in &mut put {
        // Who puts back what was shown changes nothing, though not every entry may have the name.
        contact.renames = contact.name.is_some() && contact.name.as_ref() != present.names.get(&contact.key);
    }
    let created = put.iter().any(|contact| !present.contacts.contains_key(&contact.key));
    let remove: BTreeSet<String> = remove.iter().map(|uri| key(uri)).collect();
    // Of two that name one user the first counts.
    let mut by_key: BTreeMap<&str, &Contact> = BTreeMap::new();
    let mut by_list: BTreeMap<String, Vec<&Contact>> = BTreeMap::new();
    for contact in &put {
        if by_key.contains_key(contact.key.as_str()) {
            continue;
        }
        by_key.insert(&contact.key, contact);
        for list in present.on(contact) {
            by_list.entry(list).or_default().push(contact);
        }
    }
    let mut edits = Edits::new(tree);
    for (name, list) in &present.lists {
        let keep = |key: &str| match by_key.get(key) {
            // Who says on which lists a contact is takes it off the others.
            Some(contact) => contact.lists.as_ref().is_none_or(|lists| lists.contains(name)),
            None => keeps_others && !remove.contains(key),
        };
        reconcile(&mut edits, *list, by_list.get(name).map_or(&[][..], Vec::as_slice), &keep);
    }
    let root = present.root;
    for (name, contacts) in by_list.iter().filter(|(name, _)| !present.lists.contains_key(*name)) {
        let entries: String = contacts.iter().map(|contact| entry_text(root, contact, "    ")).collect();
        let list = sibling(root, "list");
        edits.append(root, &format!("\n  <{list} name=\"{}\">{entries}\n  </{list}>", attribute(name)));
    }
    Ok(Edited { document: edits.apply(), created })
}

/// The names of lists that came together; two of one name contradict each other.
fn distinct(all: &[Wanted]) -> Result<BTreeSet<&str>, JsonError> {
    let names: BTreeSet<&str> = all.iter().map(|wanted| wanted.name.as_str()).collect();
    if names.len() == all.len() { Ok(names) } else { Err(wrong("name", "another name for each list")) }
}

/// Makes or changes a list. Whether it was made.
fn put_list(edits: &mut Edits<'_>, present: &Present<'_>, wanted: &Wanted) -> bool {
    let root = present.root;
    let Ok(list) = present.list(&wanted.name) else {
        let mut known = BTreeSet::new();
        let fresh = wanted.contacts.iter().flatten().filter(|contact| known.insert(contact.key.as_str()));
        let entries: String = fresh.map(|contact| entry_text(root, contact, "    ")).collect();
        let display =
            wanted.display_name.as_ref().map(|name| display_text(root, name, "    ")).unwrap_or_default();
        let (list, name) = (sibling(root, "list"), attribute(&wanted.name));
        edits.append(root, &format!("\n  <{list} name=\"{name}\">{display}{entries}\n  </{list}>"));
        return true;
    };
    if let Some(contacts) = &wanted.contacts {
        let keys: BTreeSet<&str> = contacts.iter().map(|contact| contact.key.as_str()).collect();
        reconcile(edits, list, &contacts.iter().collect::<Vec<_>>(), &|key| keys.contains(key));
    }
    if let Some(name) = &wanted.display_name {
        match list.child(NAMESPACE, "display-name") {
            Some(display) if display.node().string_value() == name.as_str() => {}
            Some(display) => edits.set_content(display, &text(name)),
            None => edits.prepend(list, &display_text(root, name, "    ")),
        }
    }
    false
}

/// Removes the entries that are not to be kept, names those that are called otherwise now, and adds those that are not
/// there. Everything else in the list stays.
fn reconcile(edits: &mut Edits<'_>, list: Element<'_>, contacts: &[&Contact], keep: &dyn Fn(&str) -> bool) {
    let mut wanted: BTreeMap<&str, &Contact> = BTreeMap::new();
    for contact in contacts {
        wanted.entry(&contact.key).or_insert(contact);
    }
    let mut known = BTreeSet::new();
    for entry in entries(list) {
        let key = key_of(entry);
        if !keep(&key) {
            edits.remove(entry);
        } else if let Some(name) = wanted.get(key.as_str()).and_then(|contact| contact.new_name()) {
            match entry.child(NAMESPACE, "display-name") {
                Some(display) if display.node().string_value() == name => {}
                Some(display) => edits.set_content(display, &text(name)),
                None => edits.prepend(entry, display_text(list, name, "").trim_start()),
            }
        }
        known.insert(key);
    }
    let mut added = String::new();
    for contact in contacts {
        if known.insert(contact.key.clone()) {
            added.push_str(&entry_text(list, contact, "    "));
        }
    }
    edits.append(list, &added);
}

fn entry_text(near: Element<'_>, contact: &Contact, indent: &str) -> String {
    let entry = sibling(near, "entry");
    let uri = attribute(&contact.uri);
    match &contact.name {
        Some(name) => format!(
            "\n{indent}<{entry} uri=\"{uri}\">{}</{entry}>",
            display_text(near, name, "").trim_start()
        ),
        None => format!("\n{indent}<{entry} uri=\"{uri}\"/>"),
    }
}

fn display_text(near: Element<'_>, name: &str, indent: &str) -> String {
    let display = sibling(near, "display-name");
    format!("\n{indent}<{display}>{}</{display}>", text(name))
}

fn wanted(body: &Value, name: Option<&str>) -> Result<Wanted, JsonError> {
    let body = field::strict(body, "list", &["name", "display_name", "contacts", "lists"])?;
    let name = field::text(body, "name")?.or(name).ok_or_else(|| wrong("name", "a text"))?.to_owned();
    let contacts = field::list(body, "contacts")?;
    let contacts =
        contacts.map(|contacts| contacts.iter().map(contact).collect::<Result<_, _>>()).transpose()?;
    Ok(Wanted { name, display_name: field::text(body, "display_name")?.map(str::to_owned), contacts })
}

fn contact(value: &Value) -> Result<Contact, JsonError> {
    match value {
        Value::String(uri) => {
            let uri = address(uri)?;
            Ok(Contact { key: key(&uri), uri, name: None, renames: false, lists: None })
        }
        value => contact_of(value, None),
    }
}

fn contact_of(value: &Value, uri: Option<&str>) -> Result<Contact, JsonError> {
    let value = field::strict(value, "contact", &["uri", "name", "lists"])?;
    // Of an item the path counts.
    let uri = uri.or(field::text(value, "uri")?).ok_or_else(|| wrong("uri", "the address of a user"))?;
    let (uri, name) = (address(uri)?, field::text(value, "name")?.map(str::to_owned));
    Ok(Contact { key: key(&uri), uri, renames: name.is_some(), name, lists: field::texts(value, "lists")? })
}

/// A URI as it is kept: `bob@example.com` gets its scheme, everything else stays. What is of our schemes names a user.
fn address(text: &str) -> Result<String, JsonError> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match (scheme.as_deref(), same_owner(text)) {
        (Some("sip" | "sips" | "tel" | "pres" | "im") | None, None) => {
            Err(wrong("uri", "the address of a user"))
        }
        (None, Some(user)) => Ok(user.as_str().to_owned()),
        (Some(_), _) => Ok(text.to_owned()),
    }
}

/// `{"add": [..], "remove": [".."]}`
fn patch(body: &Value) -> Result<(&[Value], Vec<String>), JsonError> {
    let body = field::strict(body, "body", &["add", "remove"])?;
    let add = field::list(body, "add")?.unwrap_or_default();
    Ok((add, field::texts(body, "remove")?.unwrap_or_default()))
}

fn root<'t>(tree: &'t Tree<'t>) -> Result<Element<'t>, JsonError> {
    let root = tree.root();
    if root.is(NAMESPACE, "resource-lists") { Ok(root) } else { Err(JsonError::Unreadable) }
}

fn lists<'t>(parent: Element<'t>) -> impl Iterator<Item = Element<'t>> {
    parent.elements().filter(|element| element.is(NAMESPACE, "list"))
}

fn entries<'t>(list: Element<'t>) -> impl Iterator<Item = Element<'t>> {
    list.elements().filter(|element| element.is(NAMESPACE, "entry"))
}

/// What tells whether two URIs are of one user: the user, or the text.
fn key(uri: &str) -> String {
    same_owner(uri).map_or_else(|| uri.to_owned(), |user| user.as_str().to_owned())
}

fn key_of(entry: Element<'_>) -> String {
    key(&value(entry, "uri").unwrap_or_default())
}

fn value(element: Element<'_>, name: &str) -> Option<String> {
    element.attribute("", name).map(|attribute| attribute.value.text().into_owned())
}

fn display_name(element: Element<'_>) -> Option<String> {
    element.child(NAMESPACE, "display-name").map(|name| name.node().string_value().into_owned())
}

fn show_list(list: Element<'_>) -> Value {
    let contacts: Vec<_> = entries(list)
        .map(|entry| json!({ "uri": value(entry, "uri"), "name": display_name(entry) }))
        .collect();
    let inner: Vec<_> = lists(list).map(show_list).collect();
    json!({ "name": value(list, "name"), "display_name": display_name(list), "contacts": contacts, "lists": inner })
}

#[cfg(test)]
mod tests;
