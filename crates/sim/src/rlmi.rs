//! List NOTIFYs in one line: `v0 full: alice "Al" active [t1 open]; bob; carol terminated rejected`. A list within has its
//! line in the place of a document. Written and read naively.

mod write;

pub use write::write;

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::Message;
use crate::{pidf, winfo};

const RLMI: &str = "urn:ietf:params:xml:ns:rlmi";
/// Says how many resources are left out.
const OURS: &str = "urn:rollcall:rlmi";

/// What a list NOTIFY says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The URI of the list.
    pub uri: String,
    /// Its version.
    pub version: u32,
    /// Whether it tells of all resources.
    pub full: bool,
    /// How many resources are said to be left out.
    pub omitted: u32,
    /// What people call the list.
    pub names: Vec<String>,
    /// The resources, in order.
    pub resources: Vec<Resource>,
}

/// How far a watcher has been told of a list.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The last version; none before the first.
    pub version: Option<u32>,
    /// Versions were missed: the watcher asks for all.
    pub gap: bool,
}

impl Told {
    /// RFC 4662 §5.6: whether a list is news. A full one makes up for what was missed.
    pub fn hear(&mut self, list: &List) -> bool {
        if self.version.is_some_and(|version| list.version <= version) {
            return false;
        }
        let skips = self.version.is_none_or(|version| list.version > version + 1);
        self.gap = !list.full && (self.gap || skips);
        self.version = Some(list.version);
        true
    }
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its URI.
    pub uri: String,
    /// What people call it.
    pub names: Vec<String>,
    /// State, reason, and the document in one line.
    pub instance: Option<(String, Option<String>, Option<String>)>,
    /// The document, if that is a list again.
    pub within: Option<Box<List>>,
    /// The document itself.
    pub body: Option<Vec<u8>>,
}

/// What somebody holds of a list, and of the lists in it: RFC 4662 §5.6.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// How far it was told.
    pub told: Told,
    /// The resources that are not gone, by URI: the document or, without one, state and reason; none if nothing is known.
    pub rows: BTreeMap<String, Option<String>>,
    /// Those that are lists.
    pub lists: BTreeMap<String, Table>,
}

impl Table {
    /// Applies a list, and says whether anything was missed: then the watcher asks for all.
    pub fn apply(&mut self, list: &List) {
        if !self.told.hear(list) {
            return;
        }
        if list.full {
            self.rows.clear();
            self.lists.retain(|uri, _| list.resources.iter().any(|resource| resource.uri == *uri));
        }
        for resource in &list.resources {
            let uri = &resource.uri;
            let shown = resource.instance.as_ref().map(|(state, reason, document)| {
                let over = || format!("{state} {}", reason.as_deref().unwrap_or_default());
                document.clone().unwrap_or_else(over)
            });
            match &resource.within {
                Some(within) => {
                    let table = self.lists.entry(uri.clone()).or_default();
                    table.apply(within);
                    self.rows.insert(uri.clone(), Some("a list".to_owned()));
                }
                None => {
                    self.lists.remove(uri);
                    if shown.as_deref() == Some("terminated noresource") {
                        self.rows.remove(uri);
                    } else {
                        self.rows.insert(uri.clone(), shown);
                    }
                }
            }
        }
    }

    /// Whether something was missed, here or in a list within.
    pub fn has_gap(&self) -> bool {
        self.told.gap || self.lists.values().any(Self::has_gap)
    }

    /// All rows, those of lists within behind the URI of theirs.
    pub fn flat(&self) -> BTreeMap<String, Option<String>> {
        let mut flat = self.rows.clone();
        for (uri, within) in &self.lists {
            flat.remove(uri);
            let rows = within.flat().into_iter();
            flat.extend(rows.map(|(member, shown)| (format!("{uri} > {member}"), shown)));
        }
        flat
    }
}

/// Reads a list NOTIFY, and objects to what RFC 4662 §5 and RFC 2387 do not allow.
pub fn read(notify: &Message) -> Result<List, String> {
    let list = read_part(notify.get("Content-Type").ok_or("no Content-Type")?, &notify.body)?;
    let text = String::from_utf8_lossy(&notify.body);
    let mut seen = BTreeSet::new();
    let mut ids = text.lines().filter(|line| line.starts_with("Content-ID: "));
    match ids.find(|id| !seen.insert(*id)) {
        Some(id) => Err(format!("RFC 2045 §7: {id} stands twice, in lists within lists")),
        None => Ok(list),
    }
}

fn read_part(kind: &str, body: &[u8]) -> Result<List, String> {
    let parameter = |name: &str| {
        let value = kind.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        value.ok_or_else(|| format!("no {name} in {kind}"))
    };
    if parameter("type")? != "\"application/rlmi+xml\"" {
        return Err(format!("RFC 2387 §3.1: the type in {kind}"));
    }
    let boundary = parameter("boundary")?;
    let parts = parts(boundary, body)?;
    let (root, others) = parts.split_first().ok_or("no part")?;
    if parameter("start")? != format!("\"<{}>\"", root.id) {
        return Err(format!("RFC 2387 §3.2: {kind} starts not with {}", root.id));
    }
    let mut by_id: BTreeMap<&str, &Part<'_>> = BTreeMap::new();
    for part in others {
        if part.id == root.id || by_id.insert(part.id, part).is_some() {
            return Err(format!("the Content-ID {} stands twice", part.id));
        }
    }
    let list = document(root, &mut by_id)?;
    match by_id.keys().next() {
        Some(id) => Err(format!("nothing refers to the part {id}")),
        None => Ok(list),
    }
}

struct Part<'a> {
    id: &'a str,
    kind: &'a str,
    body: &'a [u8],
}

fn parts<'a>(boundary: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, String> {
    let end = format!("\r\n--{boundary}--\r\n");
    let body = body.strip_suffix(end.as_bytes()).ok_or("the multipart has no end")?;
    let body = body.strip_prefix(format!("--{boundary}\r\n").as_bytes()).ok_or("a preamble")?;
    let between = format!("\r\n--{boundary}\r\n");
    let mut parts = Vec::new();
    let mut rest = Some(body);
    while let Some(from) = rest {
        let at = from.windows(between.len()).position(|window| window == between.as_bytes());
        let part = at.map_or(from, |at| &from[..at]);
        rest = at.map(|at| &from[at + between.len()..]);
        parts.push(part_of(part)?);
    }
    Ok(parts)
}

fn part_of(bytes: &[u8]) -> Result<Part<'_>, String> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("a part without a blank line")?;
    let head = core::str::from_utf8(&bytes[..end]).map_err(|_| "a part's head is not UTF-8")?;
    let field = |name: &str| {
        head.split("\r\n")
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .ok_or_else(|| format!("a part without {name}"))
    };
    let id = field("Content-ID")?;
    let id = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).ok_or("an id without brackets")?;
    Ok(Part { id, kind: field("Content-Type")?, body: &bytes[end + 4..] })
}

fn document(root: &Part<'_>, parts: &mut BTreeMap<&str, &Part<'_>>) -> Result<List, String> {
    if root.kind != "application/rlmi+xml" {
        return Err(format!("the root is {}", root.kind));
    }
    let text = core::str::from_utf8(root.body).map_err(|_| "the root is not UTF-8")?;
    let document =
        roxmltree::Document::parse(text).map_err(|error| format!("the root is not XML: {error}"))?;
    let list = document.root_element();
    if !list.has_tag_name((RLMI, "list")) {
        return Err(format!("the root is {:?}", list.tag_name()));
    }
    let attribute = |name: &str| list.attribute(name).ok_or_else(|| format!("RFC 4662 §5.2: no {name}"));
    let mut seen = BTreeSet::new();
    let mut resources = Vec::new();
    for element in list.children().filter(|node| node.has_tag_name((RLMI, "resource"))) {
        let resource = resource(element, parts)?;
        if !seen.insert(resource.uri.clone()) {
            return Err(format!("{} stands twice", resource.uri));
        }
        resources.push(resource);
    }
    Ok(List {
        uri: attribute("uri")?.to_owned(),
        version: attribute("version")?.parse().map_err(|_| "a version that is no number")?,
        full: attribute("fullState")? == "true",
        omitted: list
            .attribute((OURS, "omitted"))
            .map_or(Ok(0), str::parse)
            .map_err(|_| "omitted is no number")?,
        names: names(list),
        resources,
    })
}

fn resource(
    element: roxmltree::Node<'_, '_>,
    parts: &mut BTreeMap<&str, &Part<'_>>,
) -> Result<Resource, String> {
    let uri = element.attribute("uri").ok_or("RFC 4662 §5.3: a resource without a uri")?.to_owned();
    let mut instances = element.children().filter(|node| node.has_tag_name((RLMI, "instance")));
    let instance = instances.next();
    if instances.next().is_some() {
        return Err(format!("{uri} has two instances, and nothing forks here"));
    }
    let names = names(element);
    let Some(instance) = instance else {
        return Ok(Resource { uri, names, instance: None, within: None, body: None });
    };
    instance.attribute("id").ok_or("RFC 4662 §5.5: an instance without an id")?;
    let state = instance.attribute("state").ok_or("RFC 4662 §5.5: an instance without a state")?;
    let reason = instance.attribute("reason").map(str::to_owned);
    let (mut within, mut body) = (None, None);
    let document = match instance.attribute("cid") {
        Some(cid) => {
            let part = parts.remove(cid).ok_or_else(|| format!("no part has the id {cid}"))?;
            body = Some(part.body.to_vec());
            if part.kind.starts_with("multipart/related") {
                let list = read_part(part.kind, part.body)?;
                if list.uri != uri {
                    return Err(format!("the list of {uri} is {}", list.uri));
                }
                let line = list.to_string();
                within = Some(Box::new(list));
                Some(line)
            } else {
                Some(shown(&uri, part)?)
            }
        }
        None => None,
    };
    match (state, &reason, &document) {
        ("active", None, Some(_)) | ("pending", None, None) | ("terminated", Some(_), None) => {}
        _ => return Err(format!("RFC 4662 §5.5: {uri} is {state} with {reason:?} and {document:?}")),
    }
    Ok(Resource { uri, names, instance: Some((state.to_owned(), reason, document)), within, body })
}

fn shown(uri: &str, part: &Part<'_>) -> Result<String, String> {
    let (line, entity) = match part.kind {
        "application/pidf+xml" => pidf::read(part.body)?,
        "application/watcherinfo+xml" => {
            let (line, resource) = winfo::read(part.body)?;
            (line, resource.ok_or("watcher information of nobody")?)
        }
        other => return Ok(other.to_owned()),
    };
    let of = |uri: &str| uri.split_once(':').map_or(String::new(), |(_, rest)| rest.to_ascii_lowercase());
    if of(&entity) != of(uri).split(';').next().unwrap_or_default() {
        return Err(format!("the document of {uri} is that of {entity}"));
    }
    Ok(line)
}

fn names(element: roxmltree::Node<'_, '_>) -> Vec<String> {
    let names = element.children().filter(|node| node.has_tag_name((RLMI, "name")));
    names.map(|name| name.text().unwrap_or_default().to_owned()).collect()
}

impl core::fmt::Display for List {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "v{} {}", self.version, if self.full { "full" } else { "partial" })?;
        self.names.iter().try_for_each(|name| write!(f, " \"{name}\""))?;
        if self.omitted > 0 {
            write!(f, " without {}", self.omitted)?;
        }
        f.write_str(":")?;
        for (place, resource) in self.resources.iter().enumerate() {
            write!(f, "{} {}", if place > 0 { ";" } else { "" }, short(&resource.uri))?;
            resource.names.iter().try_for_each(|name| write!(f, " \"{name}\""))?;
            let Some((state, reason, document)) = &resource.instance else { continue };
            write!(f, " {state}")?;
            reason.iter().try_for_each(|reason| write!(f, " {reason}"))?;
            document.iter().try_for_each(|document| write!(f, " [{document}]"))?;
        }
        Ok(())
    }
}

/// A URI as flows write it: users of example.com by their names.
fn short(uri: &str) -> &str {
    let user = uri.strip_prefix("sip:").and_then(|rest| rest.strip_suffix("@example.com"));
    user.unwrap_or(uri)
}

/// The URI that flows write like this.
fn uri_of(word: &str) -> String {
    if word.contains(':') { word.to_owned() } else { format!("sip:{word}@example.com") }
}

/// The document that a line of users and URIs describes: a flat list, RFC 5367 §4.
pub fn request(line: &str) -> String {
    let mut document = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>\r\n",
    );
    for word in line.split_whitespace() {
        let uri = uri_of(word);
        document.push_str(&format!("<entry uri=\"{uri}\"/>\r\n"));
    }
    document.push_str("</list></resource-lists>\r\n");
    document
}
