//! Any permissions over what the model has.

#[path = "naive.rs"]
mod naive;

use documents::rules::{Attribute, Permissions, Selection, Selector, UserInput};
use proptest::prelude::*;

pub(crate) use naive::naive;

fn selection(kind: u8) -> impl Strategy<Value = Selection> {
    let selectors: Vec<Selector> = match kind {
        0 => vec![
            Selector::Class("biz".into()),
            Selector::OccurrenceId("b".into()),
            Selector::ServiceUri("tel:+1".into()),
            Selector::ServiceUriScheme("sip".into()),
            Selector::ServiceId("im".into()),
        ],
        1 => vec![Selector::Class("biz".into()), Selector::OccurrenceId("b".into())],
        _ => vec![
            Selector::Class("biz".into()),
            Selector::OccurrenceId("b".into()),
            Selector::DeviceId("urn:d1".into()),
        ],
    };
    let count = selectors.len();
    prop_oneof![
        proptest::sample::subsequence(selectors, 0..=count)
            .prop_map(|selectors| Selection::Some(selectors.into_iter().collect())),
        Just(Selection::All),
    ]
}

/// Any permissions over what the model has.
pub(crate) fn any_permissions() -> impl Strategy<Value = Permissions> {
    let attributes = [
        Attribute::Activities,
        Attribute::Class,
        Attribute::DeviceId,
        Attribute::Mood,
        Attribute::Note,
        Attribute::Willingness,
        Attribute::NetworkAvailability,
    ];
    let levels = [UserInput::Nothing, UserInput::Bare, UserInput::Thresholds, UserInput::Full];
    (
        (selection(0), selection(1), selection(2)),
        proptest::sample::subsequence(attributes.to_vec(), 0..=7),
        proptest::sample::select(levels.to_vec()),
        any::<bool>(),
        proptest::bool::weighted(0.2),
    )
        .prop_map(|((services, persons, devices), attributes, user_input, unknown, all_attributes)| {
            let mut permissions = Permissions {
                services,
                persons,
                devices,
                user_input,
                all_attributes,
                ..Permissions::default()
            };
            attributes.into_iter().for_each(|attribute| permissions.attributes.insert(attribute));
            if unknown {
                permissions.unknown.insert(("urn:x".into(), "y".into()));
            }
            permissions
        })
}
