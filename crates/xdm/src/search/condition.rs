//! What a profile must be like to be found.

use crate::index::Profile;

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
    /// Whether a profile is found.
    pub(super) fn holds(&self, profile: &Profile) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(profile)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(profile)),
            Self::Compare(path, comparison, wanted) => profile.values(path).any(|text| match comparison {
                Comparison::Equals => text == wanted,
                Comparison::Contains => text.contains(&**wanted),
                Comparison::StartsWith => text.starts_with(&**wanted),
            }),
        }
    }
}
