//! What a profile or a group must be like to be found.

use crate::index::Thing;

/// The `where` of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// All of them; none is no condition.
    All(Vec<Condition>),
    /// One of them at least.
    Any(Vec<Condition>),
    /// One of the texts at a path is as the comparison wants it.
    Compare(String, Comparison, String),
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    Contains,
    StartsWith,
}

impl Condition {
    /// Whether one is found.
    pub(super) fn holds(&self, thing: &Thing) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(thing)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(thing)),
            Self::Compare(path, comparison, wanted) => thing.values(path).any(|text| match comparison {
                Comparison::Equals => text == wanted,
                Comparison::Contains => text.contains(&**wanted),
                Comparison::StartsWith => text.starts_with(&**wanted),
            }),
        }
    }
}
