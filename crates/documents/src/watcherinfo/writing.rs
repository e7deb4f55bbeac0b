//! Printing watcher information.

use xml::{push_attribute, push_text};

use super::NAMESPACE;
use super::info::{Watcher, WatcherInfo};

impl WatcherInfo {
    /// The document, with its XML declaration. Valid by the schema of RFC 3858 §6.
    pub fn print(&self) -> Vec<u8> {
        let watchers: usize = self.lists.iter().map(|list| list.watchers.len()).sum();
        let mut to = Vec::with_capacity(256 + 200 * watchers);
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<watcherinfo");
        attribute(&mut to, "xmlns", NAMESPACE);
        attribute(&mut to, "version", &self.version.to_string());
        attribute(&mut to, "state", self.state.as_str());
        to.extend_from_slice(b">\n");
        for list in &self.lists {
            to.extend_from_slice(b"<watcher-list");
            attribute(&mut to, "resource", &list.resource);
            attribute(&mut to, "package", &list.package);
            to.extend_from_slice(b">\n");
            for it in &list.watchers {
                watcher(&mut to, it);
            }
            to.extend_from_slice(b"</watcher-list>\n");
        }
        to.extend_from_slice(b"</watcherinfo>\n");
        to
    }
}

fn watcher(to: &mut Vec<u8>, watcher: &Watcher) {
    to.extend_from_slice(b"<watcher");
    attribute(to, "id", &watcher.id);
    attribute(to, "status", watcher.status.as_str());
    attribute(to, "event", watcher.event.as_str());
    let numbers = [("expiration", watcher.expiration), ("duration-subscribed", watcher.duration_subscribed)];
    for (name, number) in numbers {
        if let Some(number) = number {
            attribute(to, name, &number.to_string());
        }
    }
    for (name, text) in [("display-name", &watcher.display_name), ("xml:lang", &watcher.language)] {
        if let Some(text) = text {
            attribute(to, name, text);
        }
    }
    to.push(b'>');
    push_text(to, &watcher.uri);
    to.extend_from_slice(b"</watcher>\n");
}

fn attribute(to: &mut Vec<u8>, name: &str, value: &str) {
    to.push(b' ');
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"=\"");
    push_attribute(to, value);
    to.push(b'"');
}
