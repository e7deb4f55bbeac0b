//! Finding the list or entry that a reference names.

use super::lists::{Entry, List, Member, ResourceLists};

/// What a node selector names in a document of resource lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A list.
    List(&'a List),
    /// An entry.
    Entry(&'a Entry),
}

impl ResourceLists {
    /// The one list or entry that a node selector of RFC 4825 §6.3 names, given without percent-encoding; none if it
    /// names nothing, more than one thing, or another kind of node.
    ///
    /// The steps are those that can tell lists and entries apart: by name, with a position, a `name` or `uri`, or both.
    /// Prefixes do not count, as nothing else than elements of one namespace can be named here.
    pub fn select(&self, selector: &str) -> Option<Node<'_>> {
        let mut steps = Steps { rest: selector.strip_prefix('/').unwrap_or(selector) };
        let root = steps.next()??;
        if root.local != "resource-lists"
            || root.value.is_some()
            || root.position.is_some_and(|place| place != 1)
        {
            return None;
        }
        let step = steps.next()??;
        let mut list =
            only(step.picked(self.lists.iter(), |list| list.name.as_deref()), step.local == "list")?;
        while let Some(step) = steps.next() {
            let step = step?;
            let members = list.members.iter();
            if step.local == "entry" {
                let entries = members.filter_map(|member| match member {
                    Member::Entry(entry) => Some(entry),
                    Member::List(_) | Member::EntryRef(_) | Member::External(_) => None,
                });
                let entry = only(step.picked(entries, |entry| Some(&*entry.uri)), steps.next().is_none())?;
                return Some(Node::Entry(entry));
            }
            let lists = members.filter_map(|member| match member {
                Member::List(list) => Some(list),
                Member::Entry(_) | Member::EntryRef(_) | Member::External(_) => None,
            });
            list = only(step.picked(lists, |list| list.name.as_deref()), step.local == "list")?;
        }
        Some(Node::List(list))
    }

    /// The list that a node selector names.
    pub fn list(&self, selector: &str) -> Option<&List> {
        match self.select(selector)? {
            Node::List(list) => Some(list),
            Node::Entry(_) => None,
        }
    }

    /// The entry that a node selector names.
    pub fn entry(&self, selector: &str) -> Option<&Entry> {
        match self.select(selector)? {
            Node::Entry(entry) => Some(entry),
            Node::List(_) => None,
        }
    }
}

fn only<T>(mut picked: impl Iterator<Item = T>, is_meant: bool) -> Option<T> {
    let first = picked.next()?;
    (is_meant && picked.next().is_none()).then_some(first)
}

/// One step: `list`, `list[2]`, `list[@name="a"]` or `list[2][@name="a"]`, RFC 4825 §6.3.
struct Step<'a> {
    local: &'a str,
    /// From 1.
    position: Option<usize>,
    /// What the attribute must be that tells elements of this name apart.
    value: Option<String>,
}

impl Step<'_> {
    /// Of siblings of one name those that the step names; `key` is the attribute that tells them apart.
    fn picked<'a, T: Copy>(
        &self,
        siblings: impl Iterator<Item = T>,
        key: impl Fn(T) -> Option<&'a str>,
    ) -> impl Iterator<Item = T> {
        siblings.enumerate().filter_map(move |(index, sibling)| {
            let at_place = self.position.is_none_or(|position| position == index + 1);
            let has_value = self.value.as_deref().is_none_or(|value| key(sibling) == Some(value));
            (at_place && has_value).then_some(sibling)
        })
    }
}

/// The steps of a selector; `Some(None)` for one that is not understood.
struct Steps<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Steps<'a> {
    type Item = Option<Step<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_none() {
            self.rest = "";
        }
        Some(step)
    }
}

impl<'a> Steps<'a> {
    fn step(&mut self) -> Option<Step<'a>> {
        let end = self.rest.find(['[', '/']).unwrap_or(self.rest.len());
        let name = &self.rest[..end];
        self.rest = &self.rest[end..];
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        let mut step = Step { local, position: None, value: None };
        while let Some(rest) = self.rest.strip_prefix('[') {
            self.rest = match rest.strip_prefix('@') {
                Some(rest) if step.value.is_none() => predicate(rest, &mut step)?,
                None if step.position.is_none() && step.value.is_none() => {
                    let (position, rest) = rest.split_once(']')?;
                    step.position = Some(position.parse().ok()?);
                    rest
                }
                Some(_) | None => return None,
            };
        }
        if self.rest.is_empty() {
            return Some(step);
        }
        self.rest = self.rest.strip_prefix('/').filter(|rest| !rest.is_empty())?;
        Some(step)
    }
}

/// Reads `name="value"]` into the step; gives what follows.
fn predicate<'a>(text: &'a str, step: &mut Step<'_>) -> Option<&'a str> {
    let (name, rest) = text.split_once('=')?;
    if name != if step.local == "entry" { "uri" } else { "name" } {
        return None;
    }
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, rest) = rest[1..].split_once(quote)?;
    step.value = Some(xml::unescape(value).ok()?.into_owned());
    rest.strip_prefix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> ResourceLists {
        let document = r#"<r:resource-lists xmlns:r="urn:ietf:params:xml:ns:resource-lists">
            <r:list name="a"><r:entry uri="sip:1@x"/><r:list name="b/&quot;]"><r:entry uri="sip:2@x"/></r:list></r:list>
            <r:list name="c"/><r:list/><r:list name="c"/></r:resource-lists>"#;
        ResourceLists::parse(document.as_bytes(), &xml::Limits::default()).expect("a document")
    }

    #[test]
    fn lists_and_entries_are_found_by_place_and_by_name() {
        let lists = lists();
        let name = |selector| lists.list(selector).map(|list| list.name.as_deref());
        for (selector, expected) in [
            ("resource-lists/list[@name=\"a\"]", Some("a")),
            ("/resource-lists[1]/x:list[1][@name='a']", Some("a")),
            ("resource-lists/list[1]/list", Some("b/\"]")),
            ("resource-lists/list[1]/list[@name=\"b/&quot;]\"]", Some("b/\"]")),
            ("resource-lists/list[3]", None),
            ("resource-lists/list[4]", Some("c")),
        ] {
            assert_eq!(name(selector), Some(expected), "{selector}");
        }
        let entry = lists.entry("resource-lists/list[@name=\"a\"]/list[1]/entry[@uri=\"sip:2@x\"]");
        assert_eq!(entry, Some(&Entry::new("sip:2@x")));
    }

    #[test]
    fn what_names_nothing_or_many_or_cannot_be_read_finds_nothing() {
        let lists = lists();
        for selector in [
            "",
            "/",
            "resource-lists",
            "resource-lists/",
            "other/list[1]",
            "resource-lists[2]/list[1]",
            "resource-lists/list",
            "resource-lists/list[@name=\"c\"]",
            "resource-lists/list[@name=\"d\"]",
            "resource-lists/list[2][@name=\"a\"]",
            "resource-lists/list[0]",
            "resource-lists/list[5]",
            "resource-lists/list[x]",
            "resource-lists/list[1",
            "resource-lists/list[@name=a]",
            "resource-lists/list[@name=\"a]",
            "resource-lists/list[@name=\"a\"][1]",
            "resource-lists/list[@uri=\"a\"]",
            "resource-lists/list[1]/",
            "resource-lists/list[1]//list",
            "resource-lists/list[1]/entry/list",
            "resource-lists/list[1]/display-name",
            "resource-lists/*[1]",
            "resource-lists/entry[1]",
            "resource-lists/list[1]@name",
        ] {
            assert_eq!(lists.select(selector), None, "{selector}");
        }
    }
}
