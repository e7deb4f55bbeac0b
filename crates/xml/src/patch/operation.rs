//! One patch operation: read from a diff document, and printed into one. RFC 5261 §4.

use super::error::Reason;
use super::selector::Selector;
use crate::escape::push_attribute;
use crate::node::Element;

/// One change of a target document. Independent of the diff document that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is done.
    pub action: Action,
    /// Where: a selector of one node, RFC 5261 §4.1.
    pub selector: String,
    /// The content of the operation's element, as it is written.
    pub content: String,
    /// What the prefixes in selector, type and content mean: prefix (empty for the default) and namespace, each prefix
    /// once.
    pub scope: Vec<(String, String)>,
}

/// What is done with the located node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The content is added beside or within it.
    Add(Position),
    /// The content becomes the value of a new attribute of it, by this name.
    AddAttribute(String),
    /// The content becomes the namespace that a new declaration of it binds this prefix to.
    AddNamespace(String),
    /// The content takes its place.
    Replace,
    /// It goes, with whitespace beside it.
    Remove(Whitespace),
}

/// Where something is added, RFC 5261 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// As the last children.
    Append,
    /// As the first children.
    Prepend,
    /// Just before it.
    Before,
    /// Just after it.
    After,
}

/// Which whitespace goes with what is removed, RFC 5261 §4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whitespace {
    /// None.
    Stays,
    /// That before it.
    Before,
    /// That after it.
    After,
    /// That before and that after it.
    Both,
}

impl Operation {
    /// Whether its selector is one that RFC 5261 §8 allows, with prefixes that are bound. Applying it finds out, too.
    pub fn check_selector(&self) -> Result<(), Reason> {
        Selector::read(self).map(drop)
    }

    /// Reads an `add`, `replace` or `remove` element, whatever its namespace: that is the diff format's.
    pub fn read(element: Element<'_>) -> Result<Self, Reason> {
        let value = |local| element.attribute("", local).map(|attribute| attribute.value.text());
        let action = match (element.name().local, value("type").as_deref(), value("pos").as_deref()) {
            ("add", None, pos) => Action::Add(match pos {
                None => Position::Append,
                Some("prepend") => Position::Prepend,
                Some("before") => Position::Before,
                Some("after") => Position::After,
                Some(_) => return Err(Reason::InvalidAttributeValue("`prepend`, `before` or `after`")),
            }),
            ("add", Some(kind), None) => match (kind.strip_prefix('@'), kind.strip_prefix("namespace::")) {
                (Some(name), _) => Action::AddAttribute(name.to_owned()),
                (None, Some(prefix)) => Action::AddNamespace(prefix.to_owned()),
                (None, None) => return Err(Reason::InvalidAttributeValue("`@name` or `namespace::prefix`")),
            },
            ("add", Some(_), Some(_)) => {
                return Err(Reason::InvalidAttributeValue("no position of an attribute or a declaration"));
            }
            ("replace", _, _) => Action::Replace,
            ("remove", _, _) => Action::Remove(match value("ws").as_deref() {
                None => Whitespace::Stays,
                Some("before") => Whitespace::Before,
                Some("after") => Whitespace::After,
                Some("both") => Whitespace::Both,
                Some(_) => return Err(Reason::InvalidAttributeValue("`before`, `after` or `both`")),
            }),
            _ => return Err(Reason::InvalidPatchDirective("`add`, `replace` or `remove`")),
        };
        let selector = value("sel").ok_or(Reason::InvalidAttributeValue("a selector"))?.into_owned();
        let content = element.node().tree().text()[element.content().range()].to_owned();
        let scope = element.scope().into_iter();
        let scope = scope.map(|found| (found.prefix.to_owned(), found.namespace.to_string())).collect();
        Ok(Self { action, selector, content, scope })
    }

    /// Appends the operation as an element of a diff document. `prefix` (not empty) is bound to `namespace` around it;
    /// if the operation means another namespace by that prefix, its element gets another.
    pub fn push(&self, into: &mut Vec<u8>, prefix: &str, namespace: &str) {
        let means =
            |prefix: &str| self.scope.iter().find(|(bound, _)| bound == prefix).map(|(_, bound)| bound);
        let is_ours = |prefix: &str| means(prefix).is_none_or(|bound| bound == namespace);
        let mut numbered = (0..)
            .map(|number: usize| if number == 0 { prefix.to_owned() } else { format!("{prefix}{number}") });
        let own = numbered.find(|own| is_ours(own)).expect("not all numbers are taken");
        let local = match self.action {
            Action::Add(_) | Action::AddAttribute(_) | Action::AddNamespace(_) => "add",
            Action::Replace => "replace",
            Action::Remove(_) => "remove",
        };
        let name = format!("{own}:{local}");
        into.push(b'<');
        into.extend_from_slice(name.as_bytes());
        if own != prefix {
            push_pair(into, &format!("xmlns:{own}"), namespace);
        }
        for (bound, namespace) in self.scope.iter().filter(|(bound, _)| *bound != own) {
            let declared = if bound.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{bound}") };
            push_pair(into, &declared, namespace);
        }
        push_pair(into, "sel", &self.selector);
        match &self.action {
            Action::Add(Position::Append) | Action::Replace | Action::Remove(Whitespace::Stays) => {}
            Action::Add(Position::Prepend) => push_pair(into, "pos", "prepend"),
            Action::Add(Position::Before) => push_pair(into, "pos", "before"),
            Action::Add(Position::After) => push_pair(into, "pos", "after"),
            Action::AddAttribute(name) => push_pair(into, "type", &format!("@{name}")),
            Action::AddNamespace(prefix) => push_pair(into, "type", &format!("namespace::{prefix}")),
            Action::Remove(Whitespace::Before) => push_pair(into, "ws", "before"),
            Action::Remove(Whitespace::After) => push_pair(into, "ws", "after"),
            Action::Remove(Whitespace::Both) => push_pair(into, "ws", "both"),
        }
        if self.content.is_empty() {
            into.extend_from_slice(b"/>");
            return;
        }
        into.push(b'>');
        into.extend_from_slice(self.content.as_bytes());
        into.extend_from_slice(b"</");
        into.extend_from_slice(name.as_bytes());
        into.push(b'>');
    }

    /// What a prefix means in selector, type and content; none if nothing. The empty one always means something.
    pub(crate) fn namespace(&self, prefix: &str) -> Option<&str> {
        match self.scope.iter().find(|(bound, _)| bound == prefix) {
            Some((_, namespace)) => Some(namespace),
            None if prefix.is_empty() => Some(""),
            None if prefix == "xml" => Some(crate::XML_NAMESPACE),
            None => None,
        }
    }

    /// The content within an element of no name of its own that declares the scope, to be read as a document.
    pub(crate) fn wrapped(&self) -> Vec<u8> {
        let mut text = b"<x".to_vec();
        for (prefix, namespace) in &self.scope {
            let declared = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            push_pair(&mut text, &declared, namespace);
        }
        text.push(b'>');
        text.extend_from_slice(self.content.as_bytes());
        text.extend_from_slice(b"</x>");
        text
    }
}

fn push_pair(into: &mut Vec<u8>, name: &str, value: &str) {
    into.push(b' ');
    into.extend_from_slice(name.as_bytes());
    into.extend_from_slice(b"=\"");
    push_attribute(into, value);
    into.push(b'"');
}
