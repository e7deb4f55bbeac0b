//! One answer out of those of several document servers.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use xml::{Element, Tree};

const DIRECTORY: &str = "urn:oma:xml:xdm:xcap-directory";
const CAPABILITIES: &str = "urn:ietf:params:xml:ns:xcap-caps";
const SEARCH: &str = "urn:oma:xml:xdm:search";

/// What one document server answered.
#[derive(Clone, Copy, Debug)]
pub struct Part<'p> {
    /// The usages that are routed to it; of it only these count. None for the servers here, of which all others count.
    pub auids: Option<&'p [String]>,
    /// Its XCAP root.
    pub root: &'p str,
    /// The document, or the status of a failure.
    pub answer: Result<&'p [u8], u16>,
}

/// One directory: the folders of each server, and for one that failed a folder with the status for each of its usages.
/// `root` is our own XCAP root, under which clients reach the documents.
pub fn directory(parts: &[Part<'_>], root: &str) -> String {
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-directory xmlns=\"{DIRECTORY}\">");
    for part in parts {
        let read = part.answer.and_then(|body| read(body, DIRECTORY, "xcap-directory"));
        match &read {
            Ok(tree) => {
                for folder in tree.root().elements().filter(|element| element.is(DIRECTORY, "folder")) {
                    push_folder(&mut out, folder, part, parts, root);
                }
            }
            // The server here is asked by a call: what it refuses, it refuses for the whole request.
            Err(status) => {
                for auid in part.auids.unwrap_or_default() {
                    let auid = attribute(auid);
                    _ = write!(out, "\n  <folder auid={auid}><error-code>{status}</error-code></folder>"); // a string takes all
                }
            }
        }
    }
    out.push_str("\n</xcap-directory>\n");
    out
}

fn push_folder(out: &mut String, folder: Element<'_>, part: &Part<'_>, parts: &[Part<'_>], root: &str) {
    let Some(auid) = value(folder, "auid") else { return };
    if !counts(part, &auid, parts) {
        return;
    }
    _ = write!(out, "\n  <folder auid={}>", attribute(&auid)); // a string takes all, here and below
    for entry in folder.elements() {
        if entry.is(DIRECTORY, "error-code") {
            let mut text = Vec::new();
            xml::push_text(&mut text, &entry.node().string_value());
            _ = write!(out, "<error-code>{}</error-code>", String::from_utf8_lossy(&text));
        }
        if !entry.is(DIRECTORY, "entry") {
            continue;
        }
        let Some(uri) = value(entry, "uri") else { continue };
        let here = uri.strip_prefix(part.root).filter(|rest| rest.starts_with('/'));
        let uri = here.map_or_else(|| uri.clone(), |rest| format!("{root}{rest}"));
        _ = write!(out, "\n    <entry uri={}", attribute(&uri));
        for name in ["etag", "last-modified", "size"] {
            if let Some(value) = value(entry, name) {
                _ = write!(out, " {name}={}", attribute(&value));
            }
        }
        out.push_str("/>");
    }
    out.push_str("</folder>");
}

/// Whether a usage is this server's to tell of.
fn counts(part: &Part<'_>, auid: &str, parts: &[Part<'_>]) -> bool {
    let has = |auids: &[String]| auids.iter().any(|one| one == auid);
    match part.auids {
        Some(own) => has(own),
        None => !parts.iter().filter_map(|other| other.auids).any(has),
    }
}

/// The capabilities of all servers together. One that failed adds nothing.
pub fn capabilities(parts: &[Part<'_>]) -> String {
    let (mut auids, mut extensions, mut namespaces) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for part in parts {
        let Ok(tree) = part.answer.and_then(|body| read(body, CAPABILITIES, "xcap-caps")) else { continue };
        let take = |list: &str, item: &str, into: &mut BTreeSet<String>, counts: &dyn Fn(&str) -> bool| {
            let Some(list) = tree.root().child(CAPABILITIES, list) else { return };
            let items = list.elements().filter(|element| element.is(CAPABILITIES, item));
            let texts = items.map(|element| element.node().string_value().trim().to_owned());
            into.extend(texts.filter(|text| counts(text)));
        };
        take("auids", "auid", &mut auids, &|auid| counts(part, auid, parts));
        take("extensions", "extension", &mut extensions, &|_| true);
        take("namespaces", "namespace", &mut namespaces, &|_| true);
    }
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-caps xmlns=\"{CAPABILITIES}\">");
    for (list, item, texts) in [
        ("auids", "auid", auids),
        ("extensions", "extension", extensions),
        ("namespaces", "namespace", namespaces),
    ] {
        _ = write!(out, "\n  <{list}>");
        for text in texts {
            let mut escaped = Vec::new();
            xml::push_text(&mut escaped, &text);
            _ = write!(out, "\n    <{item}>{}</{item}>", String::from_utf8_lossy(&escaped));
        }
        _ = write!(out, "\n  </{list}>");
    }
    out.push_str("\n</xcap-caps>\n");
    out
}

/// How many results a search asks for, `max-results`; none if it does not say, or is no search.
pub fn results_asked_for(body: &[u8]) -> Option<usize> {
    let tree = read(body, SEARCH, "search-set").ok()?;
    value(tree.root().child(SEARCH, "search")?, "max-results")?.trim().parse().ok()
}

/// The results of all servers together, in their order, `max` at most. The answers have the id of the first.
///
/// A server that fails, or does not answer in time, adds nothing, and the answer does not tell: somebody who searches is
/// better served by what was found than by a refusal. None if no server answered.
pub fn search(parts: &[Part<'_>], max: usize) -> Option<String> {
    let (mut id, mut results) = (None, Vec::new());
    for part in parts {
        let Ok(tree) = part.answer.and_then(|body| read(body, SEARCH, "search-set")) else { continue };
        let Some(search) = tree.root().child(SEARCH, "search") else { continue };
        id = id.or_else(|| value(search, "id"));
        let found = search.child(SEARCH, "response").into_iter().flat_map(Element::elements);
        results.extend(found.take(max.saturating_sub(results.len())).map(standalone));
    }
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<search-set xmlns=\"{SEARCH}\">");
    _ = write!(out, "\n  <search id={}>\n    <response>", attribute(&id?));
    for result in results {
        _ = write!(out, "\n      {result}");
    }
    out.push_str("\n    </response>\n  </search>\n</search-set>\n");
    Some(out)
}

/// A server that answers what is not asked for is as one that fails: 502.
fn read<'b>(body: &'b [u8], namespace: &str, root: &str) -> Result<Tree<'b>, u16> {
    let tree = Tree::read(body, &xml::Limits::default()).map_err(|_| 502_u16)?;
    if tree.root().is(namespace, root) { Ok(tree) } else { Err(502) }
}

fn value(element: Element<'_>, name: &str) -> Option<String> {
    element.attribute("", name).map(|attribute| attribute.value.text().into_owned())
}

/// A value between its quotes.
fn attribute(value: &str) -> String {
    let mut out = vec![b'"'];
    xml::push_attribute(&mut out, value);
    out.push(b'"');
    String::from_utf8_lossy(&out).into_owned()
}

/// An element with the declarations that it inherits, so that it means the same in another document.
fn standalone(element: Element<'_>) -> String {
    let source = element.node().source();
    let (name, rest) = source.split_at(1 + element.name().written().len());
    let mut out = name.to_owned();
    let is_own = |prefix: &str| element.declarations().any(|own| own.prefix == prefix);
    let scope = element.scope();
    for declaration in scope.iter().filter(|declaration| !is_own(declaration.prefix)) {
        let colon = if declaration.prefix.is_empty() { "" } else { ":" };
        _ = write!(out, " xmlns{colon}{}={}", declaration.prefix, attribute(&declaration.namespace.text()));
    }
    if element.namespace("").is_none() {
        out.push_str(" xmlns=\"\""); // where it goes there is a default
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'p>(auids: Option<&'p [String]>, answer: Result<&'p str, u16>) -> Part<'p> {
        Part { auids, root: "http://lists.example.com/xcap", answer: answer.map(str::as_bytes) }
    }

    const HERE: &str = r#"<xcap-directory xmlns="urn:oma:xml:xdm:xcap-directory">
        <folder auid="pres-rules"><entry uri="https://x/pres-rules/users/a/index" etag="&quot;1" size="7"/></folder>
        <folder auid="resource-lists"><entry uri="https://x/resource-lists/users/a/index" etag="old"/></folder>
        </xcap-directory>"#;
    const THERE: &str = r#"<d:xcap-directory xmlns:d="urn:oma:xml:xdm:xcap-directory">
        <d:folder auid="resource-lists"><d:entry uri="http://lists.example.com/xcap/resource-lists/users/a/index"
         etag="7" last-modified="2030-05-01T08:00:00Z" more="x"/></d:folder>
        <d:folder auid="pres-rules"><d:entry uri="http://lists.example.com/xcap/stolen" etag="8"/></d:folder>
        </d:xcap-directory>"#;

    #[test]
    fn each_server_tells_of_its_own_usages_under_our_root() {
        let auids = ["resource-lists".to_owned()];
        let merged = directory(
            &[part(None, Ok(HERE)), part(Some(&auids), Ok(THERE))],
            "https://xcap.example.com/xcap-root",
        );
        assert_eq!(
            merged,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-directory xmlns=\"urn:oma:xml:xdm:xcap-directory\">\n  \
             <folder auid=\"pres-rules\">\n    <entry uri=\"https://x/pres-rules/users/a/index\" etag=\"&quot;1\" size=\"7\"/></folder>\n  \
             <folder auid=\"resource-lists\">\n    <entry uri=\"https://xcap.example.com/xcap-root/resource-lists/users/a/index\" \
             etag=\"7\" last-modified=\"2030-05-01T08:00:00Z\"/></folder>\n</xcap-directory>\n"
        );
    }

    #[test]
    fn a_server_that_fails_shows_in_the_folders_of_its_usages() {
        let auids = ["resource-lists".to_owned(), "rls-services".to_owned()];
        for (answer, status) in [(Err(504), "504"), (Ok("<html/>"), "502"), (Ok("no XML"), "502")] {
            let merged = directory(&[part(None, Ok(HERE)), part(Some(&auids), answer)], "https://x");
            let folder =
                |auid: &str| format!("<folder auid=\"{auid}\"><error-code>{status}</error-code></folder>");
            assert!(
                merged.contains(&folder("resource-lists")) && merged.contains(&folder("rls-services")),
                "{merged}"
            );
            assert!(
                merged.contains("<folder auid=\"pres-rules\">") && !merged.contains("\"old\""),
                "{merged}"
            );
        }
    }

    #[test]
    fn capabilities_are_those_of_all() {
        let caps = |auids: &[&str], namespace: &str| {
            let auids: String = auids.iter().map(|auid| format!("<auid>{auid}</auid>")).collect();
            format!(
                "<xcap-caps xmlns=\"{CAPABILITIES}\"><auids>{auids}</auids><extensions/>\
                 <namespaces><namespace>{namespace}</namespace></namespaces></xcap-caps>"
            )
        };
        let (here, there) =
            (caps(&["xcap-caps", "pres-rules"], "urn:a"), caps(&["resource-lists", "evil"], "urn:b"));
        let auids = ["resource-lists".to_owned()];
        let merged =
            capabilities(&[part(None, Ok(&here)), part(Some(&auids), Ok(&there)), part(Some(&[]), Err(503))]);
        for item in ["pres-rules", "resource-lists", "xcap-caps"] {
            assert_eq!(merged.matches(&format!("<auid>{item}</auid>")).count(), 1, "{merged}");
        }
        assert!(!merged.contains("evil") && merged.contains("urn:a") && merged.contains("urn:b"));
        assert!(Tree::read(merged.as_bytes(), &xml::Limits::default()).is_ok());
    }

    #[test]
    fn results_are_put_together_up_to_what_was_asked_for() {
        let one = r#"<search-set xmlns="urn:oma:xml:xdm:search"><search id="q1"><response>
            <p:profile xmlns:p="urn:p" uri="sip:a@x"/><b xmlns=""/></response></search></search-set>"#;
        let two = r#"<s:search-set xmlns:s="urn:oma:xml:xdm:search" xmlns:p="urn:p"><s:search id="q1"><s:response>
            <p:profile uri="sip:c@x"/><p:profile uri="sip:d@x"/></s:response></s:search></s:search-set>"#;
        let parts = [part(None, Ok(one)), part(Some(&[]), Err(504)), part(Some(&[]), Ok(two))];
        let merged = search(&parts, 3).unwrap();
        let tree = Tree::read(merged.as_bytes(), &xml::Limits::default()).unwrap();
        let response = tree.root().child(SEARCH, "search").unwrap().child(SEARCH, "response").unwrap();
        let names: Vec<_> =
            response.elements().map(|found| (found.is("urn:p", "profile"), value(found, "uri"))).collect();
        assert_eq!(names, [(true, Some("sip:a@x".into())), (false, None), (true, Some("sip:c@x".into()))]);
        assert_eq!(search(&[part(None, Err(404))], 3), None);
        let asked = |most: &str| {
            format!("<search-set xmlns=\"{SEARCH}\"><search id=\"q1\"{most}><request/></search></search-set>")
        };
        assert_eq!(results_asked_for(asked(" max-results=\" 3 \"").as_bytes()), Some(3));
        for unsaid in [asked(""), asked(" max-results=\"many\""), "<search-set".to_owned()] {
            assert_eq!(results_asked_for(unsaid.as_bytes()), None, "{unsaid}");
        }
    }
}
