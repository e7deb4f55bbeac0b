//! Every lawful answer of the document servers that is not a success, and the status that says it.

use std::borrow::Cow;
use std::sync::Arc;

use xcap::{Alternative, Conflict, Exists, UriError};
use xml::ErrorKind;

use crate::answer::{Allow, Answer, READABLE};

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// RFC 4825 §8: a usage that is not served here.
    #[error("no such application usage")]
    NoUsage,
    /// RFC 4825 §8: a user that is not served here.
    #[error("no such user")]
    NoUser,
    /// RFC 4825 §8.3 and §8.4
    #[error("no such document")]
    NoDocument,
    /// RFC 4825 §8.3 and §8.4: the node selector matches nothing, or more than one.
    #[error("no such node")]
    NoNode,
    /// RFC 4825 §6 and §8: the request URI is not one we can read.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// A condition is not of the grammar, RFC 9110 §13.1.
    #[error("a condition of the request cannot be read")]
    BadCondition,
    /// Nobody has shown who he is, and it matters here.
    #[error("the caller is not authenticated")]
    Unauthenticated,
    /// RFC 4825 §5.7
    #[error("the caller is not authorized")]
    Forbidden,
    /// RFC 4825 §8.1 and §8.2
    #[error("the resource does not allow the method")]
    MethodNotAllowed {
        /// What it allows.
        allow: Allow,
    },
    /// RFC 4825 §8.2.6
    #[error("a condition of the request does not hold")]
    PreconditionFailed,
    /// RFC 4825 §8.2.2
    #[error("the body is of another type than {expected}")]
    MediaType {
        /// The type that is taken here.
        expected: Arc<str>,
    },
    /// RFC 4825 §11
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Ours: what is stored cannot be read, or what is asked for is more than we make.
    #[error("{0}")]
    Fault(&'static str),
}

impl Refusal {
    /// The answer that says it: the one place that names these status codes.
    pub fn answer(&self) -> Answer {
        match self {
            Self::NoUsage | Self::NoUser | Self::NoDocument | Self::NoNode => Answer::new(404),
            Self::Uri(UriError::NoDocument | UriError::Extension(_)) => Answer::new(404),
            Self::Uri(
                UriError::Escape { .. }
                | UriError::EmptyStep
                | UriError::UnboundPrefix(_)
                | UriError::Query { .. },
            )
            | Self::BadCondition => Answer::new(400),
            Self::Uri(
                UriError::PathTooLong { .. }
                | UriError::QueryTooLong { .. }
                | UriError::TooManySteps { .. }
                | UriError::TooManyBindings { .. },
            ) => Answer::new(414),
            Self::Unauthenticated => Answer::new(401),
            Self::Forbidden => Answer::new(403),
            Self::MethodNotAllowed { allow } => Answer { allow: Some(allow), ..Answer::new(405) },
            Self::PreconditionFailed => Answer::new(412),
            Self::MediaType { expected } => Answer { accept: Some(expected.clone()), ..Answer::new(415) },
            Self::Conflict(conflict) => {
                Answer::new(409).with_body(xcap::media::ERROR, conflict.to_document().into_bytes())
            }
            Self::Fault(_) => Answer::new(500),
        }
    }
}

impl Refusal {
    /// A constraint of the usage is broken; the phrase is what clients see, and some compare.
    pub(crate) fn constraint(phrase: impl Into<Cow<'static, str>>) -> Self {
        Conflict::ConstraintFailure(Some(phrase.into())).into()
    }

    /// There is no folder or document to put it into, RFC 4825 §8.2.1.
    pub(crate) fn no_parent() -> Self {
        Conflict::NoParent { ancestor: None, phrase: None }.into()
    }

    /// What XCAP says about an edit of a part of a document.
    pub(crate) fn edit(refusal: xcap::Refusal, limits: &xml::Limits) -> Self {
        match refusal {
            xcap::Refusal::Conflict(conflict) => conflict.into(),
            xcap::Refusal::NotFound => Self::NoNode,
            xcap::Refusal::ReadOnly => Self::MethodNotAllowed { allow: READABLE },
            xcap::Refusal::TooLarge(error) => Self::limit(error, limits),
        }
    }

    /// The document does not comply with its grammar.
    pub(crate) fn schema(why: String) -> Self {
        Conflict::SchemaValidationError(Some(why.into())).into()
    }

    /// Values that must be unique are not.
    pub(crate) fn uniqueness(exists: Vec<Exists>) -> Self {
        Conflict::UniquenessFailure { exists, phrase: None }.into()
    }

    /// A limit of the provider is exceeded, with the most that it allows: OMA's extension, as no constraint of a usage is
    /// broken.
    pub(crate) fn local(phrase: &'static str, field: &'static str, most: usize) -> Self {
        Conflict::LocalConstraintFailure {
            alternatives: vec![Alternative { field: field.to_owned(), value: most.to_string() }],
            descriptions: Vec::new(),
            phrase: Some(phrase.into()),
        }
        .into()
    }

    /// What the XML reader says about a whole document, RFC 4825 §8.2.2.
    pub(crate) fn document(error: xml::Error, limits: &xml::Limits) -> Self {
        match error.kind {
            ErrorKind::NotUtf8 | ErrorKind::OtherEncoding => {
                Conflict::NotUtf8(Some(error.to_string().into())).into()
            }
            _ if error.is_limit() => Self::limit(error, limits),
            _ => Conflict::NotWellFormed(Some(error.to_string().into())).into(),
        }
    }

    /// Which limit of documents was exceeded.
    pub(crate) fn limit(error: xml::Error, limits: &xml::Limits) -> Self {
        match error.kind {
            ErrorKind::TooManyBytes => Self::local("The document is too long.", "max-bytes", limits.bytes),
            ErrorKind::TooDeep => Self::local("Elements are nested too deep.", "max-depth", limits.depth),
            ErrorKind::TooManyAttributes => {
                Self::local("An element has too many attributes.", "max-attributes", limits.attributes)
            }
            ErrorKind::TooManyDeclarations => {
                Self::local("Too many namespaces are declared.", "max-declarations", limits.declarations)
            }
            _ => Self::local("The document has too many nodes.", "max-nodes", limits.nodes),
        }
    }
}
