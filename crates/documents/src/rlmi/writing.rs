//! Printing meta-information.

use super::list::{List, State};
use super::{EXTENSION, NAMESPACE, Name};
use crate::resource_lists::writing::attribute;

/// Prints a document into a buffer, piece by piece: names of the list, then its resources, each with its names and then
/// its instances. Whoever drops it before [`Writer::finish`] leaves a document without an end.
#[derive(Debug)]
pub struct Writer<'a> {
    to: &'a mut Vec<u8>,
    /// Whether the start tag of a resource has its `>`; none before the first.
    open: Option<bool>,
}

impl<'a> Writer<'a> {
    /// Starts a document. `cid` names the part that tells of the list as a whole; `omitted` is how many resources are left
    /// out.
    pub fn start(
        to: &'a mut Vec<u8>,
        uri: &str,
        version: u32,
        full_state: bool,
        cid: Option<&str>,
        omitted: u32,
    ) -> Self {
        to.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<list");
        attribute(to, "xmlns", NAMESPACE);
        attribute(to, "uri", uri);
        attribute(to, "version", itoa(version, &mut [0; 10]));
        attribute(to, "fullState", if full_state { "true" } else { "false" });
        if let Some(cid) = cid {
            attribute(to, "cid", cid);
        }
        if omitted > 0 {
            attribute(to, "xmlns:x", EXTENSION);
            attribute(to, "x:omitted", itoa(omitted, &mut [0; 10]));
        }
        to.extend_from_slice(b">\n");
        Self { to, open: None }
    }

    /// Adds a name, to the list or to the resource that was added last.
    pub fn name(&mut self, name: &Name) -> &mut Self {
        self.content();
        name.print(self.to, "name");
        self
    }

    /// Adds a resource.
    pub fn resource(&mut self, uri: &str) -> &mut Self {
        self.close();
        self.to.extend_from_slice(b"<resource");
        attribute(self.to, "uri", uri);
        self.open = Some(false);
        self
    }

    /// Adds an instance to the resource that was added last.
    pub fn instance(&mut self, id: &str, state: State, reason: Option<&str>, cid: Option<&str>) -> &mut Self {
        debug_assert!(self.open.is_some(), "an instance is of a resource");
        self.content();
        self.to.extend_from_slice(b"<instance");
        attribute(self.to, "id", id);
        attribute(self.to, "state", state.as_str());
        if let Some(reason) = reason {
            attribute(self.to, "reason", reason);
        }
        if let Some(cid) = cid {
            attribute(self.to, "cid", cid);
        }
        self.to.extend_from_slice(b"/>\n");
        self
    }

    /// Ends the document.
    pub fn finish(mut self) {
        self.close();
        self.to.extend_from_slice(b"</list>\n");
    }

    fn content(&mut self) {
        if self.open == Some(false) {
            self.to.extend_from_slice(b">\n");
            self.open = Some(true);
        }
    }

    fn close(&mut self) {
        match self.open {
            Some(true) => self.to.extend_from_slice(b"</resource>\n"),
            Some(false) => self.to.extend_from_slice(b"/>\n"),
            None => {}
        }
    }
}

impl List {
    /// The document, with its XML declaration. Reading it gives what was printed.
    pub fn print(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(256 + 160 * self.resources.len());
        let mut writer = Writer::start(
            &mut to,
            &self.uri,
            self.version,
            self.full_state,
            self.cid.as_deref(),
            self.omitted,
        );
        for name in &self.names {
            writer.name(name);
        }
        for resource in &self.resources {
            writer.resource(&resource.uri);
            for name in &resource.names {
                writer.name(name);
            }
            for instance in &resource.instances {
                let (reason, cid) = (instance.reason.as_deref(), instance.cid.as_deref());
                writer.instance(&instance.id, instance.state, reason, cid);
            }
        }
        writer.finish();
        to
    }
}

/// A number in decimal digits.
fn itoa(mut number: u32, digits: &mut [u8; 10]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(&digits[at..]).expect("digits are ASCII")
}
