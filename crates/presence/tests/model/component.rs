//! Presence documents as a small model: printed for the machine, read back by another reader than the machine's.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

use documents::pidf::Presence;
use xml::Limits;

pub(crate) const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
pub(crate) const DM: &str = "urn:ietf:params:xml:ns:pidf:data-model";
pub(crate) const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";
pub(crate) const OP: &str = "urn:oma:xml:prs:pidf:oma-pres";

/// What a child is called: prefix of the model (`p`, `dm`, `r`, `op`, `x`) and local name; within a status, `status/` first.
pub(crate) type Name = String;

/// A tuple, person, device or note. Children by name, each with the texts it stands with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Component {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) children: BTreeMap<Name, BTreeSet<String>>,
}

impl Component {
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.children.get(name).and_then(|texts| texts.first()).map(String::as_str)
    }
}

/// The document in one of two spellings that mean the same.
pub(crate) fn print(entity: &str, components: &[Component], prefixed: bool) -> Presence {
    let root = if prefixed { "q:" } else { "" };
    let mut text = if prefixed {
        format!(
            "<q:presence xmlns:q='{PIDF}' xmlns:d='{DM}' xmlns:z='{RPID}' xmlns:op='{OP}' xmlns:x='urn:x'"
        )
    } else {
        format!("<presence xmlns='{PIDF}' xmlns:dm='{DM}' xmlns:rp='{RPID}' xmlns:op='{OP}' xmlns:x='urn:x'")
    };
    let (dm, rpid) = if prefixed { ("d:", "z:") } else { ("dm:", "rp:") };
    let qualified = |name: &str| match name.split_once(':').expect("a name of the model has a prefix") {
        ("p", local) => format!("{root}{local}"),
        ("dm", local) => format!("{dm}{local}"),
        ("r", local) => format!("{rpid}{local}"),
        _ => name.to_owned(),
    };
    const FITS: &str = "a string takes what is written to it";
    write!(text, " entity='{entity}'>").expect(FITS);
    for component in components {
        let name = if component.kind == "tuple" || component.kind == "note" {
            format!("{root}{}", component.kind)
        } else {
            format!("{dm}{}", component.kind)
        };
        if component.kind == "note" {
            write!(text, "<{name}>{}</{name}>", component.one("").unwrap_or_default()).expect(FITS);
            continue;
        }
        write!(text, "<{name} x:hidden='1' id='{}'>", component.id).expect(FITS);
        if component.kind == "tuple" {
            write!(text, "<{root}status>").expect(FITS);
            children(&mut text, component, "status/", &qualified);
            write!(text, "</{root}status>").expect(FITS);
        }
        children(&mut text, component, "", &qualified);
        write!(text, "</{name}>").expect(FITS);
    }
    write!(text, "</{root}presence>").expect(FITS);
    Presence::parse(text.as_bytes(), &Limits::default()).expect(&text)
}

fn children(to: &mut String, component: &Component, parent: &str, qualified: &impl Fn(&str) -> String) {
    for (name, texts) in &component.children {
        let Some(name) = name.strip_prefix(parent).filter(|name| !name.contains('/')) else { continue };
        let tag = qualified(name);
        for text in texts {
            let parts: Vec<&str> = text.split('|').collect();
            let written = match name {
                "p:contact" if parts.len() > 1 => {
                    format!("<{tag} priority='{}'>{}</{tag}>", parts[1], parts[0])
                }
                "op:service-description" => format!(
                    "<{tag}><op:service-id>{}</op:service-id><op:version>{}</op:version>{}</{tag}>",
                    parts[0],
                    parts[1],
                    if parts[2].is_empty() {
                        String::new()
                    } else {
                        format!("<op:description>{}</op:description>", parts[2])
                    }
                ),
                "r:user-input" => {
                    format!("<{tag} idle-threshold='6' last-input='x' since='y'>{text}</{tag}>")
                }
                _ => format!("<{tag}>{text}</{tag}>"),
            };
            to.push_str(&written);
        }
    }
}

/// Reads a document back. Attributes are part of the text of `r:user-input`, and of a component as `@name`.
pub(crate) fn read(bytes: &[u8]) -> Vec<Component> {
    let text = str::from_utf8(bytes).expect("presence documents are UTF-8");
    let document = roxmltree::Document::parse(text).expect("it is well-formed");
    let elements = document.root_element().children().filter(roxmltree::Node::is_element);
    elements.map(component_of).collect()
}

fn component_of(node: roxmltree::Node<'_, '_>) -> Component {
    let kind = ["tuple", "person", "device", "note"].into_iter().find(|kind| *kind == node.tag_name().name());
    let mut component = Component {
        kind: kind.expect("the model has no other"),
        id: node.attribute("id").unwrap_or_default().to_owned(),
        children: BTreeMap::new(),
    };
    let mut add = |name: String, text: String| {
        component.children.entry(name).or_default().insert(text);
    };
    if component.kind == "note" {
        add(String::new(), node.text().unwrap_or_default().to_owned());
        return component;
    }
    for attribute in node.attributes().filter(|attribute| attribute.name() != "id") {
        add(format!("@{}", attribute.name()), attribute.value().to_owned());
    }
    for child in node.children().filter(roxmltree::Node::is_element) {
        if name(child) == "p:status" {
            for child in child.children().filter(roxmltree::Node::is_element) {
                add(format!("status/{}", name(child)), content(child));
            }
        } else {
            add(name(child), content(child));
        }
    }
    component
}

fn name(node: roxmltree::Node<'_, '_>) -> String {
    let prefix = match node.tag_name().namespace().unwrap_or_default() {
        PIDF => "p",
        DM => "dm",
        RPID => "r",
        OP => "op",
        _ => "x",
    };
    format!("{prefix}:{}", node.tag_name().name())
}

fn content(node: roxmltree::Node<'_, '_>) -> String {
    let own = node.text().unwrap_or_default().to_owned();
    let child = |local: &str| {
        let found = node.children().find(|child| child.tag_name().name() == local);
        found.and_then(|child| child.text()).unwrap_or_default().to_owned()
    };
    match name(node).as_str() {
        "p:contact" => match node.attribute("priority") {
            Some(priority) => format!("{own}|{priority}"),
            None => own,
        },
        "op:service-description" => {
            format!("{}|{}|{}", child("service-id"), child("version"), child("description"))
        }
        "r:user-input" => {
            let attributes = node.attributes().map(|attribute| format!(" {}", attribute.name()));
            format!("{own}{}", attributes.collect::<String>())
        }
        _ => own,
    }
}
