//! Watcher information in one line: `0 full; sip:a@example.com "Ann" pending subscribe`. Read naively.

use core::fmt::Write as _;

const WATCHERINFO: &str = "urn:ietf:params:xml:ns:watcherinfo";

/// Version and extent of a document, then its watchers, each with status and event; and the resource that it is about.
pub fn read(body: &[u8]) -> Result<(String, Option<String>), String> {
    let text = core::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let document =
        roxmltree::Document::parse(text).map_err(|error| format!("the body is not XML: {error}"))?;
    let root = document.root_element();
    if !root.has_tag_name((WATCHERINFO, "watcherinfo")) {
        return Err(format!("the root is {:?}", root.tag_name()));
    }
    let attribute = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.attribute(name).map(str::to_owned).ok_or(format!("no {name} at {:?}", node.tag_name()))
    };
    let mut line = format!("{} {}", attribute(root, "version")?, attribute(root, "state")?);
    let mut resource = None;
    let mut ids = std::collections::BTreeSet::new();
    for list in root.children().filter(roxmltree::Node::is_element) {
        resource = Some(attribute(list, "resource")?);
        for watcher in list.children().filter(roxmltree::Node::is_element) {
            if !ids.insert(attribute(watcher, "id")?) {
                return Err("one id stands twice".to_owned());
            }
            let name = watcher.attribute("display-name").map(|name| format!(" {name:?}")).unwrap_or_default();
            let (status, event) = (attribute(watcher, "status")?, attribute(watcher, "event")?);
            write!(line, "; {}{name} {status} {event}", watcher.text().unwrap_or_default())
                .expect("a string takes all");
        }
    }
    Ok((line, resource))
}
