//! Permissions as the transformations of a rule.

use documents::rules::{Attribute, Permissions, Selection, Selector, UserInput};

/// The elements within `cr:transformations`; `pr` and `op` are the formats of presence rules and the OMA.
pub(crate) fn transformations(permissions: &Permissions) -> String {
    let selections = [
        ("services", &permissions.services),
        ("persons", &permissions.persons),
        ("devices", &permissions.devices),
    ];
    let mut text: String = selections
        .iter()
        .map(|(name, selection)| {
            let selectors = match selection {
                Selection::All => format!("<pr:all-{name}/>"),
                Selection::Some(selectors) => selectors.iter().map(selector).collect(),
            };
            format!("<pr:provide-{name}>{selectors}</pr:provide-{name}>")
        })
        .collect();
    for attribute in permissions.attributes.iter() {
        let prefix = if attribute >= Attribute::Willingness { "op" } else { "pr" };
        text.push_str(&format!("<{prefix}:provide-{attribute}>true</{prefix}:provide-{attribute}>"));
    }
    let level = match permissions.user_input {
        UserInput::Nothing => "false",
        UserInput::Bare => "bare",
        UserInput::Thresholds => "thresholds",
        UserInput::Full => "full",
    };
    text.push_str(&format!("<pr:provide-user-input>{level}</pr:provide-user-input>"));
    for (namespace, name) in &permissions.unknown {
        text.push_str(&format!(
            "<pr:provide-unknown-attribute ns='{namespace}' name='{name}'>true</pr:provide-unknown-attribute>"
        ));
    }
    if permissions.all_attributes { text + "<pr:provide-all-attributes/>" } else { text }
}

fn selector(selector: &Selector) -> String {
    let (name, value) = match selector {
        Selector::Class(value) => ("pr:class", value),
        Selector::OccurrenceId(value) => ("pr:occurrence-id", value),
        Selector::ServiceUri(value) => ("pr:service-uri", value),
        Selector::ServiceUriScheme(value) => ("pr:service-uri-scheme", value),
        Selector::ServiceId(value) => ("op:service-id", value),
        Selector::DeviceId(value) => ("pr:deviceID", value),
    };
    format!("<{name}>{value}</{name}>")
}
