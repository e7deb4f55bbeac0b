//! What permissions leave of a document, said as plainly as can be.

use std::collections::BTreeSet;

use documents::rules::{Attribute, Permissions, Selection, Selector, UserInput};

use crate::model::Component;

/// What of a child may be seen, said as plainly as can be.
fn naive_child(permissions: &Permissions, kind: &str, name: &str, text: &str) -> Option<String> {
    let with_attributes = |attributes: &str| Some(format!("{text}{attributes}"));
    if permissions.all_attributes {
        return if name == "r:user-input" {
            with_attributes(" idle-threshold last-input since")
        } else {
            Some(text.to_owned())
        };
    }
    let granted = match name {
        "@hidden" | "status/x:y" => false,
        "p:contact" | "p:timestamp" | "dm:timestamp" | "status/p:basic" | "op:service-description" => true,
        "dm:deviceID" => kind == "device" || permissions.attributes.contains(Attribute::DeviceId),
        "p:note" | "dm:note" => permissions.attributes.contains(Attribute::Note),
        "r:class" => permissions.attributes.contains(Attribute::Class),
        "r:sphere" => permissions.attributes.contains(Attribute::Sphere),
        "r:mood" => permissions.attributes.contains(Attribute::Mood),
        "r:activities" => permissions.attributes.contains(Attribute::Activities),
        "op:willingness" => permissions.attributes.contains(Attribute::Willingness),
        "op:network-availability" => permissions.attributes.contains(Attribute::NetworkAvailability),
        "x:y" => permissions.unknown.contains(&("urn:x".into(), "y".into())),
        "r:user-input" => {
            return match permissions.user_input {
                UserInput::Nothing => None,
                UserInput::Bare => with_attributes(""),
                UserInput::Thresholds => with_attributes(" idle-threshold"),
                UserInput::Full => with_attributes(" idle-threshold last-input since"),
            };
        }
        other => panic!("the model has no {other}"),
    };
    granted.then(|| text.to_owned())
}

pub(crate) fn naive(components: &[Component], permissions: &Permissions) -> Vec<Component> {
    let is_selected = |component: &Component| {
        let selection = match component.kind {
            "tuple" => &permissions.services,
            "person" => &permissions.persons,
            "device" => &permissions.devices,
            _ => {
                let has_note = permissions.all_attributes || permissions.attributes.contains(Attribute::Note);
                return permissions.persons == Selection::All && has_note;
            }
        };
        let Selection::Some(selectors) = selection else { return true };
        selectors.iter().any(|selector| match selector {
            Selector::Class(class) => component.one("r:class") == Some(class),
            Selector::OccurrenceId(id) => *component.id == **id,
            Selector::ServiceUri(uri) => {
                component.one("p:contact").is_some_and(|it| it.split('|').next() == Some(uri))
            }
            Selector::ServiceUriScheme(scheme) => {
                component.one("p:contact").is_some_and(|it| it.split(':').next() == Some(scheme))
            }
            Selector::ServiceId(id) => {
                component.one("op:service-description").is_some_and(|it| it.split('|').next() == Some(id))
            }
            Selector::DeviceId(id) => component.one("dm:deviceID") == Some(id),
        })
    };
    let mut seen: Vec<Component> =
        components.iter().filter(|component| is_selected(component)).cloned().collect();
    for component in &mut seen {
        if component.kind == "note" {
            continue;
        }
        component.children.insert("@hidden".to_owned(), BTreeSet::from(["1".to_owned()]));
        let children = core::mem::take(&mut component.children);
        for (name, texts) in children {
            let texts: BTreeSet<String> = texts
                .iter()
                .filter_map(|text| naive_child(permissions, component.kind, &name, text))
                .collect();
            if !texts.is_empty() {
                component.children.insert(name, texts);
            }
        }
    }
    seen
}
