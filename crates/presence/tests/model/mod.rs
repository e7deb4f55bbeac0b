//! Any presence documents of the model.

pub(crate) mod component;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

pub(crate) use component::{Component, print, read};

/// Names of children, each with some texts.
type Known = &'static [(&'static str, &'static [&'static str])];

/// Some children of each kind of component, and the texts they may have: few, so that they often agree.
const CHILDREN: [(&str, Known); 3] = [
    (
        "tuple",
        &[
            ("status/p:basic", &["open", "closed"]),
            ("status/x:y", &["1", "2"]),
            ("op:service-description", &["im|1|", "im|1|chat", "im|2|"]),
            ("op:willingness", &["open", "closed"]),
            ("r:class", &["biz", "home"]),
            ("r:user-input", &["idle"]),
            ("dm:deviceID", &["urn:d1", "urn:d2"]),
            ("x:y", &["1", "2"]),
            ("p:contact", &["sip:a@b", "sip:a@b|0.5", "tel:+1|0.9"]),
            ("p:note", &["so", "so so"]),
            ("p:timestamp", &["2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z"]),
        ],
    ),
    (
        "person",
        &[
            ("r:class", &["biz", "home"]),
            ("r:mood", &["happy", "sad"]),
            ("r:activities", &["busy"]),
            ("x:y", &["1", "2"]),
            ("dm:note", &["so", "so so"]),
            ("dm:timestamp", &["2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z"]),
        ],
    ),
    (
        "device",
        &[
            ("r:class", &["biz", "home"]),
            ("op:network-availability", &["ims", "wlan"]),
            ("dm:deviceID", &["urn:d1", "urn:d2"]),
            ("dm:note", &["so", "so so"]),
            ("dm:timestamp", &["2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z"]),
        ],
    ),
];

/// Any component; the device identifier of a device is always there.
fn component() -> impl Strategy<Value = Component> {
    (0..CHILDREN.len(), proptest::collection::vec((any::<bool>(), 0..3_usize), 11)).prop_map(
        |(kind, choices)| {
            let (kind, known) = CHILDREN[kind];
            let mut component = Component { kind, ..Component::default() };
            for ((name, texts), (is_there, text)) in known.iter().zip(choices) {
                let is_demanded = kind == "device" && *name == "dm:deviceID";
                if is_there || is_demanded {
                    let text = texts[text % texts.len()].to_owned();
                    component.children.entry((*name).to_owned()).or_default().insert(text);
                }
            }
            component
        },
    )
}

/// Any document: ids are `a`, `b` and so on, from a place that differs.
pub(crate) fn document() -> impl Strategy<Value = Vec<Component>> {
    (proptest::collection::vec(component(), 0..5), 0..3_u8, proptest::option::of("[ab]")).prop_map(
        |(mut components, first, note)| {
            for (component, letter) in components.iter_mut().zip(first..) {
                component.id = char::from(b'a' + letter).to_string();
            }
            components.extend(note.map(|text| Component {
                kind: "note",
                id: String::new(),
                children: BTreeMap::from([(String::new(), BTreeSet::from([text]))]),
            }));
            components
        },
    )
}
