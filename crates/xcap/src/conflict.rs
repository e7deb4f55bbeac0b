//! Detailed conflict reports, RFC 4825 §11: what a 409 says in its body.

use std::borrow::Cow;

use crate::locate::Miss;
use crate::selector::NodeSelector;

/// The namespace of a conflict report.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-error";
/// The namespace of the OMA extension of it.
pub const OMA_NAMESPACE: &str = "urn:oma:xml:xdm:xcap-error";

/// Words for a person to read.
pub type Phrase = Option<Cow<'static, str>>;

/// Why a request was in conflict with the document, its schema or its usage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The body of a PUT of a document is not well-formed.
    #[error("the body is not a well-formed document{}", said(.0))]
    NotWellFormed(Phrase),
    /// The body of a PUT of an element is not one element.
    #[error("the body is not one element{}", said(.0))]
    NotXmlFragment(Phrase),
    /// The directory, document or element that the resource would be put into does not exist.
    #[error("what it would be put into does not exist{}", said(.phrase))]
    NoParent {
        /// The closest one that exists, as a URI: with its node selector percent-encoded.
        ancestor: Option<String>,
        /// Words for a person.
        phrase: Phrase,
    },
    /// The document would not comply with its schema.
    #[error("the document would not comply with its schema{}", said(.0))]
    SchemaValidationError(Phrase),
    /// The body of a PUT of an attribute is not a quoted value.
    #[error("the body is not the value of an attribute{}", said(.0))]
    NotXmlAttValue(Phrase),
    /// A GET after the PUT would not give what was put.
    #[error("the URI would not select what is put{}", said(.0))]
    CannotInsert(Phrase),
    /// A GET after the DELETE would give something.
    #[error("the URI would still select something{}", said(.0))]
    CannotDelete(Phrase),
    /// Values that must be unique are not.
    #[error("a value is not unique{}", said(.phrase))]
    UniquenessFailure {
        /// Which; at least one.
        exists: Vec<Exists>,
        /// Words for a person.
        phrase: Phrase,
    },
    /// The document would break a constraint of its usage.
    #[error("a constraint of the application usage is broken{}", said(.0))]
    ConstraintFailure(Phrase),
    /// The document would break a policy of the provider: the extension that OMA defines.
    #[error("a policy of the provider is broken{}", said(.phrase))]
    LocalConstraintFailure {
        /// Values that would do.
        alternatives: Vec<Alternative>,
        /// Explanations, each in a language.
        descriptions: Vec<Description>,
        /// Words for a person.
        phrase: Phrase,
    },
    /// The document would not be in UTF-8.
    #[error("the document would not be in UTF-8{}", said(.0))]
    NotUtf8(Phrase),
}

/// An element or attribute whose value must be unique, and was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exists {
    /// It, as a URI relative to the document: `rls-services/service/@uri`, percent-encoded.
    pub field: String,
    /// Values that are free at the moment.
    pub alternatives: Vec<String>,
}

/// A value that would be within the provider's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What it is a value of.
    pub field: String,
    /// The value.
    pub value: String,
}

/// An explanation in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The language tag; none if it was not given.
    pub language: Option<String>,
    /// The explanation.
    pub text: String,
}

impl Conflict {
    /// A part of a document has no place to be put, with the nearest ancestor that is there.
    pub(crate) fn no_parent(selector: &NodeSelector, miss: Miss) -> Self {
        let ancestor = selector.of_first(miss.matched).map(|ancestor| ancestor.to_uri());
        Self::NoParent { ancestor, phrase: None }
    }

    /// What is put would not be got, for that reason.
    pub(crate) fn cannot_insert(why: &'static str) -> Self {
        Self::CannotInsert(Some(why.into()))
    }

    /// The words for a person, if there are any.
    pub fn phrase(&self) -> Option<&str> {
        match self {
            Self::NotWellFormed(phrase)
            | Self::NotXmlFragment(phrase)
            | Self::SchemaValidationError(phrase)
            | Self::NotXmlAttValue(phrase)
            | Self::CannotInsert(phrase)
            | Self::CannotDelete(phrase)
            | Self::ConstraintFailure(phrase)
            | Self::NotUtf8(phrase)
            | Self::NoParent { phrase, .. }
            | Self::UniquenessFailure { phrase, .. }
            | Self::LocalConstraintFailure { phrase, .. } => phrase.as_deref(),
        }
    }

    /// The name of its error element.
    pub(crate) fn element(&self) -> &'static str {
        match self {
            Self::NotWellFormed(_) => "not-well-formed",
            Self::NotXmlFragment(_) => "not-xml-frag",
            Self::NoParent { .. } => "no-parent",
            Self::SchemaValidationError(_) => "schema-validation-error",
            Self::NotXmlAttValue(_) => "not-xml-att-value",
            Self::CannotInsert(_) => "cannot-insert",
            Self::CannotDelete(_) => "cannot-delete",
            Self::UniquenessFailure { .. } => "uniqueness-failure",
            Self::ConstraintFailure(_) => "constraint-failure",
            Self::LocalConstraintFailure { .. } => "extension",
            Self::NotUtf8(_) => "not-utf-8",
        }
    }
}

/// `: words`, for the text of an error.
fn said(phrase: &Phrase) -> String {
    phrase.as_ref().map(|phrase| format!(": {phrase}")).unwrap_or_default()
}
